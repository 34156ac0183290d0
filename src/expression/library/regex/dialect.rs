//! The dialect of .NET's patterns: put into that of the engine, or refused.

/// .NET's dialect in that of the engine.
pub(super) fn translate(source: &str, options: i64) -> Result<String, &'static str> {
    if options & 64 != 0 {
        return Err("RightToLeft");
    }
    // ECMAScript: the classes are those of ASCII.
    let narrow = options & 256 != 0;
    // Only named groups capture.
    let explicit = options & 4 != 0;
    let multiline = options & 2 != 0;
    let mut flags = String::new();
    for (bit, flag) in [(1, 'i'), (2, 'm'), (16, 's'), (32, 'x')] {
        if options & bit != 0 {
            flags.push(flag);
        }
    }
    let mut out = if flags.is_empty() { String::new() } else { format!("(?{flags})") };
    let characters: Vec<char> = source.chars().collect();
    let mut at = 0;
    let mut class = 0;
    while at < characters.len() {
        let character = characters[at];
        match character {
            '\\' => {
                out.push('\\');
                at += 1;
                match characters.get(at) {
                    Some('p' | 'P')
                        if characters[at..].iter().take(4).collect::<String>().get(1..).is_some_and(|rest| rest.starts_with("{Is")) =>
                    {
                        return Err("a named Unicode block");
                    }
                    Some(escaped @ ('/' | '"' | '\'' | '@' | '%' | ',' | ';' | ':' | '!' | '=' | '<' | '>' | '`' | '_' | '~')) => {
                        out.pop();
                        out.push(*escaped);
                    }
                    Some(letter @ ('d' | 'w' | 's' | 'D' | 'W' | 'S')) if narrow => {
                        out.pop();
                        let set = match letter.to_ascii_lowercase() {
                            'd' => "0-9",
                            'w' => "a-zA-Z0-9_",
                            _ => " \\t\\n\\r\\f\\v",
                        };
                        match (letter.is_ascii_uppercase(), class > 0) {
                            (false, true) => out.push_str(set),
                            (false, false) => out.push_str(&format!("[{set}]")),
                            (true, false) => out.push_str(&format!("[^{set}]")),
                            (true, true) => return Err("a negated class inside of a class with ECMAScript"),
                        }
                    }
                    Some(escaped) => out.push(*escaped),
                    None => {}
                }
            }
            '[' if class > 0 => out.push_str("\\["),
            '-' if class > 0 && characters.get(at + 1) == Some(&'[') => {
                out.push_str("--[");
                class += 1;
                at += 1;
            }
            '[' => {
                class += 1;
                out.push('[');
                if characters.get(at + 1) == Some(&'^') {
                    out.push('^');
                    at += 1;
                }
                if characters.get(at + 1) == Some(&']') {
                    out.push_str("\\]");
                    at += 1;
                }
            }
            ']' if class > 0 => {
                class -= 1;
                out.push(']');
            }
            '&' | '~' if class > 0 => {
                out.push('\\');
                out.push(character);
            }
            '(' if class == 0 && explicit && characters.get(at + 1) != Some(&'?') => out.push_str("(?:"),
            '(' if class == 0 && characters.get(at + 1) == Some(&'?') => {
                let rest: String = characters[at + 2..].iter().take(40).collect();
                let name = rest.strip_prefix('<').or_else(|| rest.strip_prefix('\'')).filter(|name| !name.starts_with(['=', '!']));
                if name.and_then(|name| name.split(['>', '\'']).next()).is_some_and(|name| name.contains('-')) {
                    return Err("a balancing group");
                }
                if rest
                    .split([')', ':'])
                    .next()
                    .is_some_and(|flags| flags.contains('n') && flags.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'))
                {
                    return Err("inline ExplicitCapture");
                }
                if rest.starts_with('(') {
                    return Err("a conditional group");
                }
                out.push('(');
            }
            '$' if class == 0 && !multiline => out.push_str("(?=\\n?\\z)"),
            other => out.push(other),
        }
        at += 1;
    }
    Ok(out)
}

/// Whether a pattern refers back to a group by its number.
pub(super) fn has_reference(source: &str) -> bool {
    let mut escaped = false;
    for character in source.chars() {
        if escaped && matches!(character, '1'..='9') {
            return true;
        }
        escaped = !escaped && character == '\\';
    }
    false
}

/// Whether a quantifier stands behind some group.
pub(super) fn is_repeated(source: &str) -> bool {
    let mut escaped = false;
    let mut closed = false;
    for character in source.chars() {
        if closed && matches!(character, '*' | '+' | '{') {
            return true;
        }
        closed = character == ')' && !escaped;
        escaped = !escaped && character == '\\';
    }
    false
}

/// Escapes of a pattern as the characters that they mean.
pub(super) fn unescaped(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            out.push(character);
            continue;
        }
        out.push(match characters.next()? {
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'f' => '\u{c}',
            'v' => '\u{b}',
            'a' => '\u{7}',
            'b' => '\u{8}',
            'e' => '\u{1b}',
            'x' => code(&mut characters, 2)?,
            'u' => code(&mut characters, 4)?,
            other if other.is_ascii_alphanumeric() => return None,
            other => other,
        });
    }
    Some(out)
}

fn code(characters: &mut std::str::Chars<'_>, count: usize) -> Option<char> {
    let digits: String = characters.take(count).collect();
    char::from_u32(u32::from_str_radix(&digits, 16).ok()?)
}
