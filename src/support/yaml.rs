//! Text → tree. Bounded in size, depth and expansion, so that no text can hang or exhaust the process.

mod scalar;

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use super::finding::{Code, Finding, Kind};
use super::source::{SourceId, Span};
use super::tree::{Entry, Node, Scalar, Value};

/// Largest file that is read, in bytes. A specification with 1,000 subscriptions has about 100 KB; more belongs into `include`.
pub(crate) const MAXIMUM_BYTES: usize = 2 * 1024 * 1024;
/// Deepest nesting of values, after aliases are expanded.
const MAXIMUM_DEPTH: usize = 64;
/// What a document may weigh after aliases are expanded: bytes of text plus [`NODE_WEIGHT`] for each value.
const MAXIMUM_WEIGHT: usize = 32 * 1024 * 1024;
/// What a value weighs beside its text.
const NODE_WEIGHT: usize = 64;

/// What a kind of document calls the things that go wrong, so that its findings have codes of its own.
#[derive(Debug)]
pub(crate) struct Words {
    /// The file is not YAML.
    pub(crate) not_yaml: Code,
    /// There is no document in it.
    pub(crate) empty: Code,
    /// What is missing then, in one sentence.
    pub(crate) empty_message: &'static str,
    /// What to do then.
    pub(crate) empty_help: &'static str,
    /// There is a second document.
    pub(crate) several_documents: Code,
    /// What to do then.
    pub(crate) several_documents_help: &'static str,
    /// A key stands twice.
    pub(crate) duplicate_key: Code,
    /// Values are nested too deeply.
    pub(crate) too_deep: Code,
    /// Aliases expand to too much.
    pub(crate) expands_too_far: Code,
    /// What to do then.
    pub(crate) expands_too_far_help: &'static str,
    /// An alias or merge key that cannot be used.
    pub(crate) bad_alias: Code,
    /// A key or a tag that has no meaning.
    pub(crate) bad_key_or_tag: Code,
}

/// Reads one document. `None` when there is no tree to go on with; duplicate keys and the like are findings beside a tree.
pub(crate) fn parse(source: SourceId, text: &str, words: &Words, findings: &mut Vec<Finding>) -> Option<Node> {
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let places = Places::new(source, text, text.len() - body.len());
    let mut builder = Builder { places: &places, words, findings, stack: Vec::new(), anchors: HashMap::new(), weight: 0, root: None };
    let mut documents = 0;
    for event in Parser::new_from_str(body) {
        let (event, span) = match event {
            Ok(event) => event,
            Err(error) => {
                let at = places.point(*error.marker());
                let finding = Finding::error(words.not_yaml, Kind::Syntax, format!("this is not YAML: {}", error.info())).at(at);
                builder.findings.push(match syntax_help(text, at) {
                    Some(help) => finding.help(help),
                    None => finding,
                });
                return None;
            }
        };
        if matches!(event, Event::DocumentStart(_)) {
            documents += 1;
            if documents > 1 {
                let finding = Finding::error(words.several_documents, Kind::Syntax, "a second document starts here");
                builder.findings.push(finding.at(places.span(span.start, span.end)).help(words.several_documents_help));
                return None;
            }
        }
        if let Err(finding) = builder.take(event, span) {
            builder.findings.push(*finding);
            return None;
        }
    }
    match builder.root {
        Some(root) if !root.is_null() => Some(root),
        _ => {
            let finding = Finding::error(words.empty, Kind::Syntax, words.empty_message);
            findings.push(finding.at(Span { source, start: 0, end: 0 }).help(words.empty_help));
            None
        }
    }
}

/// What most often is wrong where the parser gives up.
fn syntax_help(text: &str, at: Span) -> Option<&'static str> {
    let start = text.get(..at.start as usize)?.rfind('\n').map_or(0, |newline| newline + 1);
    let line = text.get(start..)?.lines().next()?;
    if line.trim_start_matches(' ').starts_with('\t') {
        return Some("indent with spaces; YAML does not allow tabs");
    }
    if line.contains("${") && line.contains(['{', '[']) {
        return Some("inside `{ }` and `[ ]`, write `\"${NAME}\"` in quotes");
    }
    if line.contains(": @") || line.contains(": `") || line.contains(": %") || line.matches(": ").count() > 1 {
        return Some("put the value in quotes");
    }
    None
}

/// From the parser's character positions to byte spans.
struct Places<'a> {
    source: SourceId,
    text: &'a str,
    /// Bytes before the first character that the parser sees.
    base: usize,
    /// Byte offset of each character; empty for ASCII, where both are the same.
    offsets: Vec<u32>,
}

impl<'a> Places<'a> {
    fn new(source: SourceId, text: &'a str, base: usize) -> Self {
        let offsets = if text.is_ascii() {
            Vec::new()
        } else {
            text.char_indices()
                .skip_while(|(offset, _)| *offset < base)
                .map(|(offset, _)| u32::try_from(offset).unwrap_or(u32::MAX))
                .collect()
        };
        Self { source, text, base, offsets }
    }

    fn offset(&self, marker: Marker) -> usize {
        let offset = if self.offsets.is_empty() {
            self.base + marker.index()
        } else {
            self.offsets.get(marker.index()).map_or(self.text.len(), |offset| *offset as usize)
        };
        offset.min(self.text.len())
    }

    fn point(&self, marker: Marker) -> Span {
        self.span(marker, marker)
    }

    /// The part of start..end that lies on the first line.
    fn span(&self, start: Marker, end: Marker) -> Span {
        let (start, end) = (self.offset(start), self.offset(end));
        let slice = self.text.get(start..end.max(start)).unwrap_or("");
        let line = slice.lines().next().unwrap_or("").trim_end();
        self.bytes(start, start + line.len())
    }

    fn bytes(&self, start: usize, end: usize) -> Span {
        let offset = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        Span { source: self.source, start: offset(start), end: offset(end) }
    }
}

/// A value that other places may repeat.
struct Anchored {
    node: Node,
    weight: usize,
    depth: usize,
}

/// A collection that is not closed yet.
struct Open {
    anchor: usize,
    start: Marker,
    weight: usize,
    depth: usize,
    content: Content,
}

enum Content {
    Sequence(Vec<Node>),
    Mapping { entries: Vec<Entry>, seen: HashMap<String, Span>, merged: Vec<Entry>, key: Option<Key> },
}

struct Key {
    text: String,
    span: Span,
    merge: bool,
}

struct Builder<'a> {
    places: &'a Places<'a>,
    words: &'a Words,
    findings: &'a mut Vec<Finding>,
    stack: Vec<Open>,
    anchors: HashMap<usize, Anchored>,
    weight: usize,
    root: Option<Node>,
}

type Step = Result<(), Box<Finding>>;

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, span: saphyr_parser::Span) -> Step {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let place = self.places.span(span.start, span.end);
                let quoted = self.tag(tag.as_deref(), place);
                let raw = self.places.offset(span.start)..self.places.offset(span.end);
                let runs = scalar::runs(&text, self.places.text, raw, style);
                let weight = NODE_WEIGHT + text.len();
                let plain = style == ScalarStyle::Plain && !quoted;
                let value = Value::Scalar(Scalar { text: text.into_owned(), plain, runs, substituted: false, variable: false });
                self.add(Node { value, span: place }, weight, 1, anchor)
            }
            Event::SequenceStart(anchor, tag) => self.open(anchor, tag.as_deref(), span, Content::Sequence(Vec::new())),
            Event::MappingStart(anchor, tag) => self.open(
                anchor,
                tag.as_deref(),
                span,
                Content::Mapping { entries: Vec::new(), seen: HashMap::new(), merged: Vec::new(), key: None },
            ),
            Event::SequenceEnd | Event::MappingEnd => self.close(span.end),
            Event::Alias(anchor) => {
                let place = self.places.span(span.start, span.end);
                let Some(target) = self.anchors.get(&anchor) else {
                    let finding = Finding::error(self.words.bad_alias, Kind::Syntax, "this alias names a value that contains it");
                    return Err(Box::new(finding.at(place)));
                };
                let (weight, depth) = (target.weight, target.depth);
                self.spend(weight, place)?;
                let node = self.anchors.get(&anchor).map(|target| target.node.clone());
                node.map_or(Ok(()), |node| self.attach(node, weight, depth, place))
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => Ok(()),
        }
    }

    /// Whether the tag makes a text of a plain scalar. A tag of the document's own is a finding: nothing here gives it a meaning.
    fn tag(&mut self, tag: Option<&Tag>, place: Span) -> bool {
        let Some(tag) = tag else { return false };
        if tag.is_yaml_core_schema() {
            return tag.suffix == "str";
        }
        if tag.handle.is_empty() && tag.suffix == "!" || tag.handle == "!" && tag.suffix.is_empty() {
            return true;
        }
        let finding = Finding::error(self.words.bad_key_or_tag, Kind::Syntax, format!("the tag `{tag}` has no meaning here"));
        self.findings.push(finding.at(place).help("remove the tag"));
        false
    }

    fn open(&mut self, anchor: usize, tag: Option<&Tag>, span: saphyr_parser::Span, content: Content) -> Step {
        let place = self.places.span(span.start, span.end);
        self.tag(tag, place);
        if self.stack.len() >= MAXIMUM_DEPTH {
            return Err(too_deep(place, self.words));
        }
        self.stack.push(Open { anchor, start: span.start, weight: NODE_WEIGHT, depth: 1, content });
        Ok(())
    }

    fn close(&mut self, end: Marker) -> Step {
        let Some(open) = self.stack.pop() else { return Ok(()) };
        let span = self.places.span(open.start, end);
        let value = match open.content {
            Content::Sequence(items) => Value::Sequence(items),
            Content::Mapping { mut entries, mut seen, merged, .. } => {
                for entry in merged {
                    // What is written out wins over what is merged in, wherever `<<` stands.
                    if seen.insert(entry.key.clone(), entry.key_span).is_none() {
                        entries.push(entry);
                    }
                }
                Value::Mapping(entries)
            }
        };
        self.add(Node { value, span }, open.weight, open.depth + 1, open.anchor)
    }

    /// Takes a finished value in: notes its anchor, and puts it where it belongs.
    fn add(&mut self, node: Node, weight: usize, depth: usize, anchor: usize) -> Step {
        let place = node.span;
        self.spend(NODE_WEIGHT, place)?;
        if anchor != 0 {
            self.spend(weight, place)?;
            self.anchors.insert(anchor, Anchored { node: node.clone(), weight, depth });
        }
        self.attach(node, weight, depth, place)
    }

    fn attach(&mut self, node: Node, weight: usize, depth: usize, place: Span) -> Step {
        if self.stack.len() + depth > MAXIMUM_DEPTH + 1 {
            return Err(too_deep(place, self.words));
        }
        let Some(open) = self.stack.last_mut() else {
            self.root.get_or_insert(node);
            return Ok(());
        };
        open.weight += weight;
        open.depth = open.depth.max(depth);
        match &mut open.content {
            Content::Sequence(items) => items.push(node),
            Content::Mapping { entries, seen, merged, key: pending } => match pending.take() {
                None => *pending = Some(as_key(node, place, self.words, self.findings)),
                Some(key) if key.merge => merge(merged, node, place, self.words, self.findings),
                Some(key) => match seen.get(&key.text) {
                    Some(first) => self.findings.push(
                        Finding::error(self.words.duplicate_key, Kind::Place, format!("the key `{}` stands twice", key.text))
                            .at(key.span)
                            .label(*first, "first here")
                            .help("keep one of them; YAML would silently drop the other"),
                    ),
                    None => {
                        seen.insert(key.text.clone(), key.span);
                        entries.push(Entry { key: key.text, key_span: key.span, node });
                    }
                },
            },
        }
        Ok(())
    }

    fn spend(&mut self, weight: usize, place: Span) -> Step {
        self.weight = self.weight.saturating_add(weight);
        if self.weight <= MAXIMUM_WEIGHT {
            return Ok(());
        }
        let finding = Finding::error(self.words.expands_too_far, Kind::Syntax, "the aliases of this file expand to too many values");
        Err(Box::new(finding.at(place).help(self.words.expands_too_far_help)))
    }
}

fn too_deep(place: Span, words: &Words) -> Box<Finding> {
    let finding = Finding::error(words.too_deep, Kind::Syntax, format!("values are nested more than {MAXIMUM_DEPTH} levels deep"));
    Box::new(finding.at(place))
}

fn as_key(node: Node, place: Span, words: &Words, findings: &mut Vec<Finding>) -> Key {
    match node.value {
        Value::Scalar(scalar) => {
            if scalar.plain && scalar.text.is_empty() {
                findings.push(Finding::error(words.bad_key_or_tag, Kind::Syntax, "a key is missing before `:`").at(place));
            }
            Key { merge: scalar.plain && scalar.text == "<<", text: scalar.text, span: place }
        }
        Value::Sequence(_) | Value::Mapping(_) => {
            let finding = Finding::error(words.bad_key_or_tag, Kind::Syntax, "a key must be a text");
            let finding = finding.at(place).help("put the key in quotes if it is to begin with `{`, `[` or `?`");
            findings.push(finding);
            Key { text: String::new(), span: place, merge: false }
        }
    }
}

/// `<<: *anchor` or `<<: [*one, *two]`: of equal keys, the first one wins.
fn merge(merged: &mut Vec<Entry>, node: Node, place: Span, words: &Words, findings: &mut Vec<Finding>) {
    let parts = match node.value {
        Value::Sequence(items) => items,
        value => vec![Node { value, span: node.span }],
    };
    for part in parts {
        match part.value {
            Value::Mapping(entries) => merged.extend(entries),
            Value::Scalar(_) | Value::Sequence(_) => {
                findings.push(Finding::error(words.bad_alias, Kind::Type, "`<<` takes a mapping or a list of mappings").at(place));
            }
        }
    }
}
