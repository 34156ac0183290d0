//! UTF-7 (RFC 2152): what is not plain stands in Base64 of UTF-16 between `+` and `-`.

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn is_direct(unit: u16) -> bool {
    u8::try_from(unit).is_ok_and(|byte| byte.is_ascii_alphanumeric() || b"'(),-./:? \t\r\n".contains(&byte))
}

pub(super) fn encode(units: &[u16]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(unit) = units.get(at) {
        if is_direct(*unit) {
            out.push(*unit as u8);
            at += 1;
            continue;
        }
        if *unit == u16::from(b'+') {
            out.extend(b"+-");
            at += 1;
            continue;
        }
        let count = units[at..].iter().take_while(|unit| !is_direct(**unit)).count();
        out.push(b'+');
        let (mut bits, mut width) = (0u32, 0);
        for unit in &units[at..at + count] {
            bits = bits << 16 | u32::from(*unit);
            width += 16;
            while width >= 6 {
                width -= 6;
                out.push(DIGITS[(bits >> width & 63) as usize]);
            }
            bits &= (1 << width) - 1;
        }
        if width > 0 {
            out.push(DIGITS[(bits << (6 - width) & 63) as usize]);
        }
        out.push(b'-');
        at += count;
    }
    out
}

pub(super) fn decode(bytes: &[u8]) -> Vec<u16> {
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        at += 1;
        if *byte != b'+' {
            out.push(u16::from(*byte));
            continue;
        }
        if bytes.get(at) == Some(&b'-') {
            out.push(u16::from(b'+'));
            at += 1;
            continue;
        }
        let (mut bits, mut width) = (0u32, 0);
        while let Some(digit) = bytes.get(at).and_then(|byte| DIGITS.iter().position(|digit| digit == byte)) {
            at += 1;
            bits = bits << 6 | digit as u32;
            width += 6;
            if width >= 16 {
                width -= 16;
                out.push((bits >> width) as u16);
                bits &= (1 << width) - 1;
            }
        }
        if bytes.get(at) == Some(&b'-') {
            at += 1;
        }
    }
    out
}
