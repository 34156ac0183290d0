//! What kind of character it is: the Unicode general categories that the encodings' patterns name.

use std::sync::LazyLock;

use regex_syntax::hir::{Class as HirClass, HirKind};

/// Sorts of characters; every character is of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Class {
    /// Nothing of the below.
    Other = 0,
    /// `Lu`, `Lt`.
    Upper,
    /// `Ll`.
    Lower,
    /// `Lm`, `Lo`: letters without case, which patterns take for both.
    Caseless,
    /// `M`.
    Mark,
    /// `N`.
    Number,
    /// White space without line feed and carriage return.
    Space,
    /// Line feed and carriage return.
    Newline,
}

impl Class {
    /// `\p{L}`.
    pub(super) const fn is_letter(self) -> bool {
        matches!(self, Self::Upper | Self::Lower | Self::Caseless)
    }

    /// `\s`.
    pub(super) const fn is_space(self) -> bool {
        matches!(self, Self::Space | Self::Newline)
    }

    /// `[^\s\p{L}\p{N}]`.
    pub(super) const fn is_symbol(self) -> bool {
        matches!(self, Self::Other | Self::Mark)
    }

    /// `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`.
    pub(super) const fn may_be_upper(self) -> bool {
        matches!(self, Self::Upper | Self::Caseless | Self::Mark)
    }

    /// `[\p{Ll}\p{Lm}\p{Lo}\p{M}]`.
    pub(super) const fn may_be_lower(self) -> bool {
        matches!(self, Self::Lower | Self::Caseless | Self::Mark)
    }

    /// `[^\r\n\p{L}\p{N}]`.
    pub(super) const fn may_lead(self) -> bool {
        matches!(self, Self::Other | Self::Mark | Self::Space)
    }
}

const PAGE: usize = 256;

/// Pages of 256 characters; equal pages are kept once.
struct Table {
    index: Box<[u16]>,
    pages: Vec<[Class; PAGE]>,
}

static TABLE: LazyLock<Table> = LazyLock::new(Table::new);

/// The class of `character`.
pub(super) fn class(character: char) -> Class {
    TABLE.class(character)
}

impl Table {
    fn new() -> Self {
        let mut flat = vec![Class::Other; char::MAX as usize + 1];
        // Later rows win: line feed and carriage return are white space too.
        let rows = [
            (r"[\p{Lu}\p{Lt}]", Class::Upper),
            (r"\p{Ll}", Class::Lower),
            (r"[\p{Lm}\p{Lo}]", Class::Caseless),
            (r"\p{M}", Class::Mark),
            (r"\p{N}", Class::Number),
            (r"\s", Class::Space),
            (r"[\r\n]", Class::Newline),
        ];
        for (pattern, class) in rows {
            // The patterns are constants, and a test asks for a member of each.
            let Ok(hir) = regex_syntax::parse(pattern) else { continue };
            let HirKind::Class(HirClass::Unicode(ranges)) = hir.kind() else { continue };
            for range in ranges.iter() {
                if let Some(part) = flat.get_mut(range.start() as usize..=range.end() as usize) {
                    part.fill(class);
                }
            }
        }
        let mut pages: Vec<[Class; PAGE]> = Vec::new();
        let mut index = Vec::with_capacity(flat.len() / PAGE);
        for chunk in flat.chunks_exact(PAGE) {
            let mut page = [Class::Other; PAGE];
            page.copy_from_slice(chunk);
            let known = pages.iter().position(|known| *known == page).unwrap_or_else(|| {
                pages.push(page);
                pages.len() - 1
            });
            index.push(u16::try_from(known).unwrap_or(0));
        }
        Self { index: index.into(), pages }
    }

    fn class(&self, character: char) -> Class {
        let code = character as usize;
        let page = self.index.get(code / PAGE).copied().unwrap_or(0);
        self.pages.get(usize::from(page)).map_or(Class::Other, |page| page[code % PAGE])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_its_characters() {
        for (characters, expected) in [
            ("AZÄǅΣЯ", Class::Upper),
            ("azßſя", Class::Lower),
            ("ªʰ中あאກ", Class::Caseless),
            ("\u{301}\u{93f}\u{20dd}", Class::Mark),
            ("09²٣Ⅷ½", Class::Number),
            (" \t\u{a0}\u{3000}\u{2028}\u{85}", Class::Space),
            ("\r\n", Class::Newline),
            ("'!_€😀\u{200d}\0\u{10ffff}", Class::Other),
        ] {
            for character in characters.chars() {
                assert_eq!(class(character), expected, "{character:?}");
            }
        }
    }

    #[test]
    fn white_space_is_what_the_standard_library_says() {
        for character in '\0'..=char::MAX {
            assert_eq!(class(character).is_space(), character.is_whitespace(), "{character:?}");
        }
    }
}
