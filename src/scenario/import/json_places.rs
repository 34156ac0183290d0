//! Where a value stands in a JSON text that is known to be well-formed.

use std::ops::Range;

/// The bytes of element `index` of the array that `keys` lead to from the root; `None` if there is none.
pub(super) fn element(text: &str, keys: &[&str], index: usize) -> Option<Range<usize>> {
    let mut scanner = Scanner { bytes: text.as_bytes(), at: 0 };
    for key in keys {
        scanner.enter_member(key)?;
    }
    scanner.enter_element(index)?;
    scanner.blanks();
    let start = scanner.at;
    scanner.skip()?;
    Some(start..scanner.at)
}

struct Scanner<'t> {
    bytes: &'t [u8],
    at: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn take(&mut self, wanted: u8) -> Option<()> {
        self.blanks();
        (self.peek()? == wanted).then(|| self.at += 1)
    }

    /// Goes to the value of `key`. A key that stands twice: the last one counts for readers, and the first one is as good to point at.
    fn enter_member(&mut self, key: &str) -> Option<()> {
        self.take(b'{')?;
        loop {
            self.blanks();
            let start = self.at;
            self.skip()?;
            let name = self.bytes.get(start..self.at)?;
            self.take(b':')?;
            if name.strip_prefix(b"\"").and_then(|name| name.strip_suffix(b"\"")) == Some(key.as_bytes()) {
                return Some(());
            }
            self.skip()?;
            self.take(b',')?;
        }
    }

    fn enter_element(&mut self, index: usize) -> Option<()> {
        self.take(b'[')?;
        for _ in 0..index {
            self.skip()?;
            self.take(b',')?;
        }
        Some(())
    }

    /// Goes behind a value. Brackets are counted, so depth costs nothing.
    fn skip(&mut self) -> Option<()> {
        self.blanks();
        let mut depth = 0_usize;
        loop {
            match self.peek()? {
                b'"' => self.skip_text()?,
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1)?;
                    self.at += 1;
                }
                b',' | b':' if depth == 0 => return Some(()),
                _ => self.at += 1,
            }
            if depth == 0 && !self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'+')) {
                return Some(());
            }
        }
    }

    fn skip_text(&mut self) -> Option<()> {
        self.at += 1;
        loop {
            match self.peek()? {
                b'\\' => self.at += 2,
                b'"' => {
                    self.at += 1;
                    return Some(());
                }
                _ => self.at += 1,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_behind_anything() {
        let text = r#" {"a": [1, {"log": 2}], "x\"": "}", "log" : { "n": -1.5e3, "entries":[ {"u":"]"}, true ,"é, ]" ] } }"#;
        let found = |index| element(text, &["log", "entries"], index).and_then(|range| text.get(range));
        assert_eq!([found(0), found(1), found(2), found(3)], [Some(r#"{"u":"]"}"#), Some("true"), Some(r#""é, ]""#), None]);
        assert_eq!(element("[]", &["log"], 0), None);
        assert_eq!(element("{\"log\":", &["log"], 0), None);
    }
}
