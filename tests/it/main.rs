//! The integration tests: behaviour through public interfaces, one binary.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    unreachable_pub,
    reason = "a test that meets the unexpected stops"
)]

mod architecture;
mod azure;
mod cli;
mod contract;
mod deploy;
mod deploy_process;
mod emulator;
mod examples;
mod expressions;
mod first_contact;
mod gateway;
mod gateway_backends;
mod gateway_transport;
mod https;
mod leak;
mod policy;
mod policy_command;
mod policy_format;
mod simulator;
mod spec;
mod support;
mod verify;
