//! Files as the user wrote them, and positions in them.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Names one file of a [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(u32);

/// A byte range of one file, as it lies on disk (byte order mark and carriage returns included).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// The file.
    pub source: SourceId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// A place as people name it: both count from 1, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// One file.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// As it is to be shown; not necessarily absolute.
    pub path: PathBuf,
    /// Whole text.
    pub text: Arc<str>,
}

/// All files that a run has read.
#[derive(Debug, Clone, Default)]
pub struct Sources(Vec<SourceFile>);

impl Sources {
    /// Takes a file in. Texts are capped far below 4 GiB by the readers, so that offsets fit.
    pub fn add(&mut self, path: impl Into<PathBuf>, text: impl Into<Arc<str>>) -> SourceId {
        self.0.push(SourceFile { path: path.into(), text: text.into() });
        SourceId(u32::try_from(self.0.len() - 1).unwrap_or(u32::MAX))
    }

    /// The file named by `source`, if it is of this set.
    #[must_use]
    pub fn get(&self, source: SourceId) -> Option<&SourceFile> {
        self.0.get(source.0 as usize)
    }

    /// The path of `source`, empty if it is not of this set.
    #[must_use]
    pub fn path(&self, source: SourceId) -> &Path {
        self.get(source).map_or(Path::new(""), |file| &file.path)
    }

    /// Every file, in the order in which they were read.
    pub fn files(&self) -> impl Iterator<Item = &SourceFile> {
        self.0.iter()
    }

    /// Overwrites parts with asterisks, byte for byte (line ends stay), so that no shown line holds them.
    pub fn hide(&mut self, spans: &[Span]) {
        for (index, file) in self.0.iter_mut().enumerate() {
            let mut bytes = file.text.as_bytes().to_vec();
            let own = spans.iter().filter(|span| span.source.0 as usize == index);
            for byte in own.filter_map(|span| bytes_of(&file.text, *span)).flatten() {
                if !matches!(bytes[byte], b'\n' | b'\r') {
                    bytes[byte] = b'*';
                }
            }
            // Whole characters were overwritten, so this is text still.
            if let Ok(text) = String::from_utf8(bytes) {
                file.text = text.into();
            }
        }
    }

    /// Where `span` starts.
    #[must_use]
    pub fn position(&self, span: Span) -> Position {
        self.get(span.source).map_or(Position { line: 1, column: 1 }, |file| position(&file.text, span.start as usize))
    }
}

/// The bytes of `span` in `text`; `None` where it does not fit, or would cut a character.
fn bytes_of(text: &str, span: Span) -> Option<Range<usize>> {
    let range = span.start as usize..span.end as usize;
    text.get(range.clone()).map(|_| range)
}

/// Line and column of byte `offset` in `text`. A line ends with LF, CRLF or the end of the text; a byte order mark has no column.
#[must_use]
pub fn position(text: &str, offset: usize) -> Position {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX - 1) + 1;
    Position {
        line: count(before.matches('\n').count()),
        column: count(before[line_start..].trim_start_matches('\u{feff}').chars().count()),
    }
}

/// A text that came out of a file, with the way back: a policy in its own file, or one inside a YAML block scalar
/// whose indentation has been taken away.
#[derive(Debug, Clone)]
pub struct SourceText {
    text: Arc<str>,
    source: SourceId,
    /// (offset in `text`, offset in the file) where a run of equal bytes begins; sorted, never empty.
    runs: Arc<[(u32, u32)]>,
}

impl SourceText {
    /// A whole file.
    #[must_use]
    pub fn whole(source: SourceId, text: Arc<str>) -> Self {
        Self { text, source, runs: Arc::from([(0, 0)]) }
    }

    /// A part of a file; `runs` are (offset in `text`, offset in the file) pairs in order. An empty list means that it starts at 0.
    #[must_use]
    pub fn part(source: SourceId, text: Arc<str>, runs: Vec<(u32, u32)>) -> Self {
        Self { text, source, runs: if runs.is_empty() { Arc::from([(0, 0)]) } else { runs.into() } }
    }

    /// The text itself.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The file it came from.
    #[must_use]
    pub const fn source(&self) -> SourceId {
        self.source
    }

    /// Where `range` of the text lies in the file.
    #[must_use]
    pub fn span(&self, range: Range<usize>) -> Span {
        let start = self.offset(range.start);
        let end = if range.end > range.start { self.offset(range.end - 1) + 1 } else { start };
        Span { source: self.source, start, end: end.max(start) }
    }

    /// A text taken out of this one and rewritten (entities decoded, say); `runs` are (offset in `text`, offset in this text)
    /// where runs of equal bytes begin, in order.
    #[must_use]
    pub fn derive(&self, text: Arc<str>, runs: &[(u32, u32)]) -> Self {
        let mut composed: Vec<(u32, u32)> = Vec::with_capacity(runs.len());
        for (index, &(start, own)) in runs.iter().enumerate() {
            let end = runs.get(index + 1).map_or(u32::try_from(text.len()).unwrap_or(u32::MAX), |next| next.0);
            composed.push((start, self.offset(own as usize)));
            // This text's own runs that begin inside the taken run break it further.
            let first = self.runs.partition_point(|(at, _)| *at <= own);
            for &(at, file) in self.runs.iter().skip(first).take_while(|(at, _)| at - own < end - start) {
                composed.push((start + (at - own), file));
            }
        }
        Self::part(self.source, text, composed)
    }

    fn offset(&self, offset: usize) -> u32 {
        let offset = u32::try_from(offset).unwrap_or(u32::MAX);
        let index = self.runs.partition_point(|(start, _)| *start <= offset).saturating_sub(1);
        let (start, file) = self.runs[index];
        file + offset.saturating_sub(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_no_byte_order_mark() {
        assert_eq!(position("\u{feff}äb\r\ncd", 5), Position { line: 1, column: 2 });
        assert_eq!(position("a\r\ncd", 4), Position { line: 2, column: 2 });
        assert_eq!(position("", 9), Position { line: 1, column: 1 });
    }

    #[test]
    fn a_part_maps_back_through_removed_indentation() {
        let source = Sources::default().add("f", "");
        // `ab\n  cd` lost its two blanks.
        let text = SourceText::part(source, "ab\ncd".into(), vec![(0, 10), (3, 15)]);
        assert_eq!(text.span(1..2), Span { source, start: 11, end: 12 });
        assert_eq!(text.span(3..5), Span { source, start: 15, end: 17 });
        assert_eq!(text.span(1..4), Span { source, start: 11, end: 16 });
    }

    #[test]
    fn hidden_parts_keep_their_place_and_line_ends() {
        let mut sources = Sources::default();
        let source = sources.add("f", "key: gehäim\nnext");
        sources.hide(&[Span { source, start: 5, end: 12 }, Span { source, start: 8, end: 9 }]);
        assert_eq!(&*sources.get(source).unwrap().text, "key: *******\nnext");
    }
}
