#![no_main]
//! The policy reader, the checks, the formatter and the converter, on any text.

#[path = "../properties.rs"]
#[allow(dead_code, reason = "each target uses its half")]
mod properties;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    properties::document_holds(text);
    properties::document_holds(&format!("<policies><inbound>{text}</inbound></policies>"));
});
