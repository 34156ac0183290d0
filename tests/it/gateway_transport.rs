//! The gateway's transport through its public interface: in-memory connections on paused time, and sockets where sockets
//! are the point.

mod allocations;
mod backends;
mod bodies;
mod clients;
pub mod harness;
mod hostile;
mod network;
