//! Where the judge is known not to be the gateway: each with its evidence.

use serde_json::Value;

/// The name of the difference between these answers, if it is a known one.
pub fn named(program: &str, want: &Value, got: &Value) -> Option<&'static str> {
    // A fault of mcs, not a refusal: `CS0584: Internal compiler error`.
    if want["errors"][0]["code"] == "CS0584" {
        return Some("the judge's compiler breaks");
    }
    if want["stage"] == super::judge::NOT_SHOWN {
        return Some("the judge cannot show its value");
    }
    // `throw new NotImplementedException ()` in Mono's class library, where .NET has an implementation.
    if matches!(want["exception"].as_str(), Some("System.NotImplementedException" | "System.PlatformNotSupportedException")) {
        return Some("Mono has not implemented it");
    }
    // Both libraries have extension methods of these names that differ in their constraints alone. Since C# 7.3 candidates whose constraints fail are no
    // candidates (docs.microsoft.com, "What's new in C# 7.3", improved overload candidates); mcs still calls them ambiguous.
    let reason = want["errors"][0]["message"].as_str().unwrap_or_default();
    if want["errors"][0]["code"] == "CS0121"
        && reason.contains("System.Xml.Linq.Extensions")
        && reason.contains("Newtonsoft.Json.Linq.Extensions")
    {
        return Some("ambiguous but for constraints");
    }
    // Mono rounds 2.5 away from zero; .NET documents and does half to even (Math.Round(Double)).
    if program.contains("Round(") && want["ok"] == true && got["ok"] == true {
        return Some("Mono rounds midpoints away from zero");
    }
    // What is not emulated says so, when it is compiled or when it runs.
    let message = got["errors"][0]["message"].as_str().or_else(|| got["message"].as_str()).unwrap_or_default();
    if message.contains("not emulated") {
        return Some("refused by name: not emulated");
    }
    None
}
