//! The integration tests: behaviour through public interfaces, one binary.

mod architecture;
mod azure;
mod cli;
mod contract;
mod deploy;
mod emulator;
mod examples;
mod first_contact;
mod https;
mod leak;
mod policy;
mod spec;
mod support;
