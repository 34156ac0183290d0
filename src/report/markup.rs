//! Text inside XML and HTML.

use std::fmt::Write as _;

/// `text` for element content and for attribute values in double quotes. What XML 1.0 cannot hold (control characters, `U+FFFE`) is shown
/// as `\u{1b}`.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 16);
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}' if !is_control(character) => {
                out.push(character);
            }
            // A reader would make a line feed of it.
            '\r' => out.push_str("&#13;"),
            other => {
                let _ = write!(out, "{}", other.escape_unicode());
            }
        }
    }
    out
}

/// As [`escape`], for an attribute of XML: readers make blanks of line ends and tabs there, unless these are references.
pub(super) fn attribute(text: &str) -> String {
    escape(text).replace('\n', "&#10;").replace('\t', "&#9;")
}

/// DEL and the C1 controls are allowed in XML, and no reader shows them.
const fn is_control(character: char) -> bool {
    matches!(character, '\u{7f}'..='\u{9f}')
}

/// `text` without terminal colours: `ESC [ … letter`.
pub(super) fn without_colours(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' && characters.peek() == Some(&'[') {
            characters.next();
            for inner in characters.by_ref() {
                if ('\u{40}'..='\u{7e}').contains(&inner) {
                    break;
                }
            }
        } else {
            out.push(character);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_cannot_hold_is_shown() {
        assert_eq!(escape("a<b & \"c\"\u{1b}[1m\r\n\u{85}é\u{fffe}"), "a&lt;b &amp; &quot;c&quot;\\u{1b}[1m&#13;\n\\u{85}é\\u{fffe}");
        assert_eq!(attribute("a\n\tb"), "a&#10;&#9;b");
    }

    #[test]
    fn colours_go() {
        assert_eq!(without_colours("\u{1b}[1;91merror\u{1b}[0m: x\u{1b}"), "error: x\u{1b}");
        assert_eq!(without_colours("\u{1b}[1;91"), "");
    }
}
