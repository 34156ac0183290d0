//! The gateway in process: on paused time, over in-memory connections, against scripted backends.

mod allocations;
mod backends;
mod cases;
mod conformance;
mod examples;
mod gateway_under_test;
mod reload;
mod serve;
