//! Backends, pools, breakers and forwarding: a whole gateway on paused time, with scripted backends in memory.

mod breakers;
mod credentials;
mod forwarding;
mod harness;
mod pools;
mod websockets;
