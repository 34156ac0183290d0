//! The integration tests: behaviour through public interfaces, one binary.

mod architecture;
mod expression;
