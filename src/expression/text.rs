//! .NET strings: sequences of UTF-16 units, kept as ASCII bytes while they are nothing else.

use std::borrow::Cow;
use std::fmt;

/// An immutable .NET string. The form is canonical (`Ascii` exactly when all units are ASCII), so that equality and hashing are ordinal.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Text {
    Ascii(Box<str>),
    Wide(Box<[u16]>),
}

impl fmt::Debug for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.to_str(), formatter)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        if text.is_ascii() { Self::Ascii(text.into()) } else { Self::Wide(text.encode_utf16().collect()) }
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        if text.is_ascii() { Self::Ascii(text.into()) } else { Self::Wide(text.encode_utf16().collect()) }
    }
}

impl From<&[u16]> for Text {
    fn from(units: &[u16]) -> Self {
        if units.iter().all(|unit| *unit < 128) {
            Self::Ascii(units.iter().map(|unit| char::from(u8::try_from(*unit).unwrap_or(b'?'))).collect::<String>().into())
        } else {
            Self::Wide(units.into())
        }
    }
}

impl Text {
    /// Length in UTF-16 units.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Ascii(text) => text.len(),
            Self::Wide(units) => units.len(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The unit at `index`; 0 beyond the end.
    pub(crate) fn at(&self, index: usize) -> u16 {
        match self {
            Self::Ascii(text) => text.as_bytes().get(index).map_or(0, |byte| u16::from(*byte)),
            Self::Wide(units) => units.get(index).copied().unwrap_or(0),
        }
    }

    /// As UTF-8; lone surrogates become U+FFFD.
    pub(crate) fn to_str(&self) -> Cow<'_, str> {
        match self {
            Self::Ascii(text) => Cow::Borrowed(text),
            Self::Wide(units) => Cow::Owned(String::from_utf16_lossy(units)),
        }
    }

    /// All units.
    pub(crate) fn units(&self) -> Vec<u16> {
        match self {
            Self::Ascii(text) => text.bytes().map(u16::from).collect(),
            Self::Wide(units) => units.to_vec(),
        }
    }

    /// Appends the units to `out`.
    pub(crate) fn append_to(&self, out: &mut Vec<u16>) {
        match self {
            Self::Ascii(text) => out.extend(text.bytes().map(u16::from)),
            Self::Wide(units) => out.extend_from_slice(units),
        }
    }

    /// `length` units from `start`, cut at the end.
    pub(crate) fn slice(&self, start: usize, length: usize) -> Self {
        let end = start.saturating_add(length).min(self.len());
        let start = start.min(end);
        match self {
            Self::Ascii(text) => Self::Ascii(text.get(start..end).unwrap_or_default().into()),
            Self::Wide(units) => Self::from(units.get(start..end).unwrap_or_default()),
        }
    }

    /// Where `needle` begins, ordinal, not before `from`.
    pub(crate) fn find(&self, needle: &Self, from: usize, ignore_case: bool) -> Option<usize> {
        if from > self.len() {
            return None;
        }
        if let (Self::Ascii(text), Self::Ascii(needle), false) = (self, needle, ignore_case) {
            return text.get(from..)?.find(&**needle).map(|index| index + from);
        }
        let last = self.len().checked_sub(needle.len())?;
        (from..=last).find(|index| self.matches_at(needle, *index, ignore_case))
    }

    /// Where `needle` begins, ordinal, its last unit not after `last` units from the start.
    pub(crate) fn rfind(&self, needle: &Self, end: usize, ignore_case: bool) -> Option<usize> {
        let last = end.min(self.len()).checked_sub(needle.len())?;
        (0..=last).rev().find(|index| self.matches_at(needle, *index, ignore_case))
    }

    /// Whether `needle` stands at `index`.
    pub(crate) fn matches_at(&self, needle: &Self, index: usize, ignore_case: bool) -> bool {
        index + needle.len() <= self.len()
            && (0..needle.len()).all(|offset| {
                let (left, right) = (self.at(index + offset), needle.at(offset));
                left == right || ignore_case && upper_unit(left) == upper_unit(right)
            })
    }

    /// Ordinal equality without regard to case, as `OrdinalIgnoreCase`.
    pub(crate) fn eq_ignore_case(&self, other: &Self) -> bool {
        self.len() == other.len() && self.matches_at(other, 0, true)
    }

    /// Ordinal comparison: the difference of the first differing units, else of the lengths.
    pub(crate) fn compare(&self, other: &Self, ignore_case: bool) -> i32 {
        for index in 0..self.len().min(other.len()) {
            let (mut left, mut right) = (self.at(index), other.at(index));
            if ignore_case {
                (left, right) = (upper_unit(left), upper_unit(right));
            }
            if left != right {
                return i32::from(left) - i32::from(right);
            }
        }
        i32::try_from(self.len()).unwrap_or(i32::MAX) - i32::try_from(other.len()).unwrap_or(i32::MAX)
    }

    pub(crate) fn map_units(&self, map: fn(u16) -> u16) -> Self {
        let units: Vec<u16> = self.units().into_iter().map(map).collect();
        Self::from(units.as_slice())
    }
}

/// Upper case of one unit by the simple mapping; units whose upper case is longer stay.
pub(crate) fn upper_unit(unit: u16) -> u16 {
    map_case(unit, |character| single(character.to_uppercase()))
}

/// Lower case of one unit by the simple mapping.
pub(crate) fn lower_unit(unit: u16) -> u16 {
    map_case(unit, |character| single(character.to_lowercase()))
}

fn single(mut characters: impl Iterator<Item = char>) -> Option<char> {
    let first = characters.next()?;
    characters.next().is_none().then_some(first)
}

fn map_case(unit: u16, map: impl Fn(char) -> Option<char>) -> u16 {
    let Some(character) = char::from_u32(u32::from(unit)) else { return unit };
    // The dotted and dotless i keep apart from ASCII in the invariant culture.
    if matches!(unit, 0x130 | 0x131 | 0x17f) {
        return unit;
    }
    map(character).and_then(|mapped| u16::try_from(u32::from(mapped)).ok()).unwrap_or(unit)
}

/// Whether `char.IsWhiteSpace` holds.
pub(crate) fn is_white(unit: u16) -> bool {
    char::from_u32(u32::from(unit)).is_some_and(char::is_whitespace)
}
