//! The integration tests: behaviour through public interfaces, one binary.

mod architecture;
mod cli;
mod contract;
mod examples;
mod leak;
mod spec;
mod support;
