//! XML character and entity references.

/// The length of a reference at the start of `text` (which starts with `&`) and the character that it stands for.
/// Only the five predefined entities and character references are known; `None` for anything else.
pub(super) fn reference(text: &str) -> Option<(usize, char)> {
    // The longest is `&#x0010FFFF;` with a few leading zeroes.
    let end = text.as_bytes().iter().take(16).position(|byte| *byte == b';')?;
    let name = text.get(1..end)?;
    let character = match name {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(digits) if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) => u32::from_str_radix(digits, 16).ok()?,
                None if number.bytes().all(|byte| byte.is_ascii_digit()) => number.parse().ok()?,
                _ => return None,
            };
            char::from_u32(code).filter(|character| *character >= ' ' || matches!(character, '\t' | '\n' | '\r'))?
        }
    };
    Some((end + 1, character))
}

/// `text` with its references replaced, and where runs of equal bytes begin: (offset in the result, offset in `text`).
/// What is no reference stays as it is.
pub(super) fn decode(text: &str) -> (String, Vec<(u32, u32)>) {
    let mut decoded = String::with_capacity(text.len());
    let mut runs = vec![(0, 0)];
    let mut rest = 0;
    while let Some(found) = text[rest..].find('&') {
        let at = rest + found;
        let Some((length, character)) = reference(&text[at..]) else {
            decoded.push_str(&text[rest..=at]);
            rest = at + 1;
            continue;
        };
        decoded.push_str(&text[rest..at]);
        runs.push((offset(decoded.len()), offset(at)));
        decoded.push(character);
        runs.push((offset(decoded.len()), offset(at + length)));
        rest = at + length;
    }
    decoded.push_str(&text[rest..]);
    (decoded, runs)
}

/// `text` with the five entities of XML and its character references replaced; what is none stays as it is.
#[must_use]
pub fn decode_references(text: &str) -> String {
    decode(text).0
}

/// Texts are capped far below 4 GiB before they come here.
pub(super) fn offset(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
