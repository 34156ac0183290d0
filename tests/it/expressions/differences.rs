//! Where the judge is known not to be the gateway: each with its evidence.

use serde_json::Value;

/// We refuse by name what is not emulated.
pub const NOT_EMULATED: &str = "refused by name: not emulated";

/// What an answer says went wrong.
pub fn message(answer: &Value) -> &str {
    answer["errors"][0]["message"].as_str().or_else(|| answer["message"].as_str()).unwrap_or_default()
}

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
    // mcs takes the `<` of `((new T()) < (x))` for the beginning of generic arguments. They follow a name (C# specification, "Grammar ambiguities"), and a
    // bracket closes here; the same operands compile where `>` stands between them.
    if matches!(want["errors"][0]["code"].as_str(), Some("CS1525" | "CS1031")) && got["stage"] != "compile" && program.contains(" < ") {
        return Some("the judge reads a comparison as generic arguments");
    }
    // mcs makes a lifted operator that has nothing on one side the constant nothing, and forgets what stands on the other side. Operands are evaluated from
    // left to right, whatever they are (C# specification, "Expressions"); only what the operator does with them is left out.
    if got["stage"] == "runtime" && got.get("exception").is_some() && beside_nothing(program) {
        return Some("the judge forgets an operand beside null");
    }
    // RSACryptoServiceProvider, which Mono makes, has names of its own; the class RSA of .NET says RSA.
    if want["ok"] == true && got["ok"] == true && [".KeyExchangeAlgorithm", ".SignatureAlgorithm"].iter().any(|name| program.contains(name))
    {
        return Some("the judge's keys have other names");
    }
    // An evaluation has a limit here, which the judge has not: it runs two thousand million steps.
    if got["stage"] == "runtime"
        && got.get("exception").is_none()
        && got["message"].as_str().is_some_and(|text| text.contains("did more work"))
    {
        return Some("stopped by the limit of an evaluation");
    }
    // What is not emulated says so, when it is compiled or when it runs.
    if message(got).contains("not emulated") {
        return Some(NOT_EMULATED);
    }
    None
}

/// Whether the constant nothing of a nullable type stands beside an operator.
fn beside_nothing(program: &str) -> bool {
    let nothing = program.match_indices("?()").map(|(at, _)| (program[..at].rfind("(new "), at + 4));
    let default = program.match_indices("?)").map(|(at, _)| (program[..at].rfind("default("), at + 2));
    let is_sign = |character: Option<char>| character.is_some_and(|character| "+-*<>=!".contains(character));
    nothing.chain(default).any(|(start, end)| {
        let before = start.and_then(|start| program[..start].trim_end_matches([' ', '(']).chars().next_back());
        let after = program.get(end..).and_then(|rest| rest.trim_start_matches([' ', ')']).chars().next());
        is_sign(before) || is_sign(after)
    })
}
