//! A text in which the values of some variables are not known.

use crate::support::source::Span;

/// A text with holes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text {
    /// The text; a hole adds nothing to it.
    pub(super) value: String,
    /// Where in `value` something unknown stands, and its name as the user writes it (`$NAME`, `{{name}}`). In order.
    pub(super) holes: Vec<(usize, String)>,
    /// Where the text stands.
    pub(super) span: Span,
}

impl Text {
    /// A text without holes.
    pub(super) fn whole(value: impl Into<String>, span: Span) -> Self {
        Self { value: value.into(), holes: Vec::new(), span }
    }

    /// The part from byte `start` up to `end`; both must be character boundaries. A hole on the border belongs to the part on its right.
    pub(super) fn part(&self, start: usize, end: usize) -> Self {
        let inside = |at: usize| (start..end).contains(&at) || (at == end && end == self.value.len());
        Self {
            value: self.value.get(start..end).unwrap_or_default().to_owned(),
            holes: self.holes.iter().filter(|(at, _)| inside(*at)).map(|(at, name)| (at - start, name.clone())).collect(),
            span: self.span,
        }
    }

    /// Without blanks around it.
    pub(super) fn trimmed(&self) -> Self {
        let start = self.value.len() - self.value.trim_start().len();
        let start = self.holes.first().map_or(start, |(at, _)| start.min(*at));
        let end = self.value.trim_end().len();
        let end = self.holes.last().map_or(end, |(at, _)| end.max(*at));
        self.part(start, end.max(start))
    }

    /// Parted at the first `separator`, which is one byte long.
    pub(super) fn split_once(&self, separator: char) -> Option<(Self, Self)> {
        let at = self.value.find(separator)?;
        let mut left = self.part(0, at);
        // What is unknown before the separator stands before it.
        left.holes = self.holes.iter().filter(|(hole, _)| *hole <= at).cloned().collect();
        Some((left, self.part(at + separator.len_utf8(), self.value.len())))
    }

    /// The name of the first hole.
    pub(super) fn hole(&self) -> Option<&str> {
        self.holes.first().map(|(_, name)| name.as_str())
    }

    /// Whether there is neither text nor a hole.
    pub(super) fn is_empty(&self) -> bool {
        self.value.is_empty() && self.holes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::source::Sources;

    #[test]
    fn holes_stay_where_they_are() {
        let source = Sources::default().add("f", "");
        let text = Text { holes: vec![(0, "$A".into()), (9, "$B".into())], ..Text::whole("api-key: ", Span { source, start: 0, end: 9 }) };
        let (name, value) = text.split_once(':').unwrap();
        assert_eq!((name.value.as_str(), name.hole(), value.value.as_str(), value.hole()), ("api-key", Some("$A"), " ", Some("$B")));
        assert_eq!((value.trimmed().value.as_str(), value.trimmed().holes.len()), ("", 1));
    }
}
