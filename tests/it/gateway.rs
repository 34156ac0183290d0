//! The gateway in process: on paused time, over in-memory connections, against scripted backends.

mod allocations;
mod backends;
mod cases;
mod certificates;
mod conformance;
mod developer;
mod examples;
mod gateway_under_test;
mod reload;
mod rules;
mod serve;
mod tutorial;
