//! As much of DER as keys and certificates need.

/// One value: its tag and its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Item<'d> {
    pub(super) tag: u8,
    pub(super) content: &'d [u8],
    /// Tag and length included.
    pub(super) whole: &'d [u8],
}

pub(super) const INTEGER: u8 = 2;
pub(super) const BITS: u8 = 3;
pub(super) const OCTETS: u8 = 4;
pub(super) const NULL: u8 = 5;
pub(super) const OID: u8 = 6;
pub(super) const SEQUENCE: u8 = 0x30;

/// The first value, and what follows it.
pub(super) fn read(data: &[u8]) -> Option<(Item<'_>, &[u8])> {
    let (tag, length) = (*data.first()?, *data.get(1)?);
    let (head, length) = if length < 0x80 {
        (2, usize::from(length))
    } else {
        let count = usize::from(length & 0x7f);
        if count == 0 || count > 4 {
            return None;
        }
        let bytes = data.get(2..2 + count)?;
        (2 + count, bytes.iter().fold(0usize, |length, byte| length << 8 | usize::from(*byte)))
    };
    let end = head.checked_add(length)?;
    let item = Item { tag, content: data.get(head..end)?, whole: data.get(..end)? };
    Some((item, data.get(end..)?))
}

/// All values that stand in a row.
pub(super) fn list(data: &[u8]) -> Option<Vec<Item<'_>>> {
    let mut items = Vec::new();
    let mut rest = data;
    while !rest.is_empty() {
        let (item, next) = read(rest)?;
        items.push(item);
        rest = next;
    }
    Some(items)
}

/// The values inside of one sequence that fills `data`.
pub(super) fn sequence(data: &[u8]) -> Option<Vec<Item<'_>>> {
    let (item, _) = read(data)?;
    if item.tag == SEQUENCE { list(item.content) } else { None }
}

/// One value as it is written.
pub(super) fn write(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    if content.len() < 0x80 {
        out.push(content.len() as u8);
    } else {
        let bytes: Vec<u8> = content.len().to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
        out.push(0x80 | bytes.len() as u8);
        out.extend(bytes);
    }
    out.extend_from_slice(content);
    out
}

/// An unsigned number.
pub(super) fn unsigned(bytes: &[u8]) -> Vec<u8> {
    let mut content: Vec<u8> = bytes.iter().copied().skip_while(|byte| *byte == 0).collect();
    if content.first().is_none_or(|byte| *byte >= 0x80) {
        content.insert(0, 0);
    }
    write(INTEGER, &content)
}

/// The bytes of an unsigned number, without leading zeros.
pub(super) fn magnitude(item: &Item<'_>) -> Option<Vec<u8>> {
    (item.tag == INTEGER).then(|| item.content.iter().copied().skip_while(|byte| *byte == 0).collect())
}

/// An object identifier in dotted form.
pub(super) fn oid(content: &[u8]) -> String {
    let mut parts: Vec<u64> = Vec::new();
    let mut value: u64 = 0;
    for byte in content {
        value = value.wrapping_shl(7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            if parts.is_empty() {
                let first = (value / 40).min(2);
                parts.push(first);
                parts.push(value - first * 40);
            } else {
                parts.push(value);
            }
            value = 0;
        }
    }
    parts.iter().map(u64::to_string).collect::<Vec<_>>().join(".")
}
