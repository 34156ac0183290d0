//! The integration tests: behaviour through public interfaces, one binary.

mod architecture;
mod deploy;
mod spec;
