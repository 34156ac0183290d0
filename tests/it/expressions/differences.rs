//! Where the judge is known not to be the gateway: each with its evidence.

use serde_json::Value;

/// The name of the difference between these answers, if it is a known one.
pub fn named(_program: &str, _want: &Value, _got: &Value) -> Option<&'static str> {
    None
}
