//! Where the judge is known not to be the gateway: each with its evidence.

use serde_json::Value;

/// The name of the difference between these answers, if it is a known one.
pub fn named(_program: &str, want: &Value, got: &Value) -> Option<&'static str> {
    // A fault of mcs, not a refusal: `CS0584: Internal compiler error`.
    if want["errors"][0]["code"] == "CS0584" {
        return Some("the judge's compiler breaks");
    }
    if want["stage"] == super::judge::NOT_SHOWN {
        return Some("the judge cannot show its value");
    }
    // What is not emulated says so, when it is compiled or when it runs.
    let message = got["errors"][0]["message"].as_str().or_else(|| got["message"].as_str()).unwrap_or_default();
    if message.contains("not emulated") {
        return Some("refused by name: not emulated");
    }
    None
}
