#![no_main]
//! Lexer, parser, binder and machine, on any text.

#[path = "../properties.rs"]
#[allow(dead_code, reason = "each target uses its half")]
mod properties;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    properties::expression_holds(text);
    properties::expression_holds(&format!("@({text})"));
    properties::expression_holds(&format!("@{{{text}}}"));
});
