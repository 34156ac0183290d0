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
mod chaos;
mod cli;
mod completions;
mod contract;
mod coverage;
mod deploy;
mod deploy_process;
mod docs;
mod doctor;
mod emulator;
mod examples;
mod explain;
mod export;
mod expressions;
mod first_contact;
mod gateway;
mod gateway_backends;
mod gateway_transport;
mod graph;
mod https;
mod import;
mod init;
mod leak;
mod policy;
mod policy_command;
mod policy_format;
mod report;
mod scenario;
mod simulator;
mod spec;
mod support;
mod verify;
