//! How much of the user's policies scenarios reach: what the gateway counted, laid over the policy files.
//!
//! The gateway runs what ARM keeps, and ARM may lay a text out anew; so statements are found by their path in the document
//! (`choose[1]/when[2]/set-header[1]`), which no layout changes, and not by their place in the text.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use super::subject::Subject;
use crate::arm::ResourceId;
use crate::gateway::coverage::{Event, Place};
use crate::policy::{Document, Element, Format, Section};
use crate::report::coverage::{BranchCoverage, Coverage, FileCoverage, StatementCoverage};
use crate::spec::model::PolicyFormat;
use crate::support::source::{SourceId, Sources};

/// How deep fragments may include fragments, as in the gateway.
const FRAGMENT_DEPTH: usize = 16;
const FRAGMENTS: &str = "Microsoft.ApiManagement/service/policyFragments";

/// Lays counts over the policy files of a specification. `sources`: its files as they may be shown.
#[must_use]
pub fn coverage(subject: &Subject, sources: &Sources, counts: &HashMap<Place, u64>) -> Coverage {
    let units = units(subject);
    let mut sheet = Sheet { units: &units, counts, statements: BTreeMap::new(), branches: BTreeMap::new(), decisions: BTreeMap::new() };
    for unit in 0..units.len() {
        sheet.unit(unit);
    }
    sheet.told(sources)
}

/// A text of a policy or fragment, and where it is attached.
struct Unit {
    document: Document,
    /// Policies of ARM that have this text: one for each API of a set of clients.
    attached: Vec<ResourceId>,
    /// Its name, if it is a fragment.
    fragment: Option<String>,
}

fn units(subject: &Subject) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    let mut by_place: HashMap<(SourceId, u32), usize> = HashMap::new();
    for resource in &subject.desired.resources {
        let Some(id) = resource.id.known() else { continue };
        let is_fragment = id.is_type(FRAGMENTS);
        let Some(text) = subject.loaded.policies.get(&resource.pointer).filter(|_| is_fragment || is_policy(id)) else { continue };
        let start = text.text.span(0..0).start;
        let index = *by_place.entry((text.text.source(), start)).or_insert_with(|| {
            let format = if text.format == PolicyFormat::Xml { Format::Xml } else { Format::RawXml };
            // A text that cannot be read is not served either; findings say so.
            if let Ok(document) = Document::parse(&text.text, format) {
                units.push(Unit { document, attached: Vec::new(), fragment: None });
                units.len() - 1
            } else {
                usize::MAX
            }
        });
        if let Some(unit) = units.get_mut(index) {
            if is_fragment {
                unit.fragment = Some(id.name().to_ascii_lowercase());
            } else {
                unit.attached.push(id.clone());
            }
        }
    }
    units
}

fn is_policy(id: &ResourceId) -> bool {
    id.resource_type().to_ascii_lowercase().ends_with("/policies")
}

/// Unit and first byte of an element: where a statement stands.
type At = (usize, usize);

#[derive(Default)]
struct Statement {
    name: String,
    own: Range<usize>,
    hits: u64,
}

struct Branch {
    place: Range<usize>,
    /// The element that decides.
    decision: At,
    reached: bool,
    taken: u64,
}

struct Sheet<'u> {
    units: &'u [Unit],
    counts: &'u HashMap<Place, u64>,
    statements: BTreeMap<At, Statement>,
    /// By where the branch stands, and its label.
    branches: BTreeMap<(At, String), Branch>,
    decisions: BTreeMap<At, u32>,
}

/// Where a block is run from: the documents whose chain led there, and what stands before its paths.
#[derive(Clone)]
struct From<'d> {
    documents: &'d [ResourceId],
    section: Section,
    path: String,
    depth: usize,
}

impl From<'_> {
    fn below(&self, name: &str, ordinal: usize) -> Self {
        let separator = if self.path.is_empty() { "" } else { "/" };
        Self { path: format!("{}{separator}{name}[{ordinal}]", self.path), ..self.clone() }
    }
}

impl Sheet<'_> {
    fn unit(&mut self, index: usize) {
        let units = self.units;
        let Some(unit) = units.get(index) else { return };
        if unit.fragment.is_some() {
            // What nobody includes is there all the same, and never runs.
            let nobody = From { documents: &[], section: Section::Inbound, path: String::new(), depth: 0 };
            self.block(index, unit.document.root(), &nobody);
            return;
        }
        let mut reached = false;
        for (section, element) in unit.document.sections() {
            let from = From { documents: &unit.attached, section, path: String::new(), depth: 0 };
            let hits = self.block(index, element, &from);
            reached |= hits > 0 && section != Section::OnError;
            if section == Section::OnError && element.elements().next().is_some() {
                let at = (index, element.range.start);
                self.branch(at, at, "`on-error`".to_owned(), head(element), reached || hits > 0, hits);
            }
        }
    }

    /// The statements of a block; how often its first one ran.
    fn block(&mut self, unit: usize, element: &Element, from: &From<'_>) -> u64 {
        let mut seen: HashMap<&str, usize> = HashMap::new();
        let mut first = None;
        for child in element.elements() {
            let ordinal = *seen.entry(child.name.as_str()).and_modify(|count| *count += 1).or_insert(1);
            let hits = self.statement(unit, child, &from.below(&child.name, ordinal));
            first.get_or_insert(hits);
        }
        first.unwrap_or(0)
    }

    fn statement(&mut self, unit: usize, element: &Element, at: &From<'_>) -> u64 {
        match element.name.as_str() {
            "choose" => self.choose(unit, element, at),
            "retry" => {
                let hits = self.leaf(unit, element, head(element), at);
                let place = (unit, element.range.start);
                for (label, event) in [("`retry` once more", Event::Yes), ("`retry` left", Event::No)] {
                    let taken = self.count(at, event);
                    self.branch(place, place, label.to_owned(), head(element), hits > 0, taken);
                }
                self.block(unit, element, at);
                hits
            }
            "wait" | "limit-concurrency" => {
                let hits = self.leaf(unit, element, head(element), at);
                // The operations of `wait` stand behind those of its children.
                self.block(unit, element, at).max(hits)
            }
            "include-fragment" => {
                // It has no operation of its own: it ran if the fragment's first statement did.
                let hits = self.fragment(element, at);
                self.ran(unit, element, element.range.clone(), hits);
                hits
            }
            _ => self.leaf(unit, element, element.range.clone(), at),
        }
    }

    /// A statement that counts as a whole.
    fn leaf(&mut self, unit: usize, element: &Element, own: Range<usize>, at: &From<'_>) -> u64 {
        let hits = self.count(at, Event::Ran);
        self.ran(unit, element, own, hits);
        hits
    }

    fn ran(&mut self, unit: usize, element: &Element, own: Range<usize>, hits: u64) {
        let statement = self.statements.entry((unit, element.range.start)).or_default();
        statement.name.clone_from(&element.name);
        statement.own = own;
        statement.hits += hits;
    }

    fn choose(&mut self, unit: usize, element: &Element, at: &From<'_>) -> u64 {
        let place = (unit, element.range.start);
        let whens: Vec<&Element> = element.elements_named("when").collect();
        let reached = self.count(&at.below("when", 1), Event::Ran);
        self.ran(unit, element, head(element), reached);
        let mut passed = reached;
        for (index, when) in whens.iter().enumerate() {
            let own = at.below("when", index + 1);
            self.leaf(unit, when, head(when), &own);
            let label = if whens.len() == 1 { "`when`".to_owned() } else { format!("`when` {}", index + 1) };
            let taken = self.count(&own, Event::Yes);
            passed = self.count(&own, Event::No);
            self.branch((unit, when.range.start), place, label, head(when), reached > 0, taken);
            self.block(unit, when, &own);
        }
        match element.elements_named("otherwise").next() {
            Some(otherwise) => {
                self.branch((unit, otherwise.range.start), place, "`otherwise`".to_owned(), head(otherwise), reached > 0, passed);
                self.block(unit, otherwise, &at.below("otherwise", 1));
            }
            None => self.branch(place, place, "none of `choose`".to_owned(), head(element), reached > 0, passed),
        }
        reached
    }

    /// What a fragment did where it is included here.
    fn fragment(&mut self, element: &Element, at: &From<'_>) -> u64 {
        let units = self.units;
        let name = element.literal("fragment-id").unwrap_or_default().to_ascii_lowercase();
        let found = units.iter().enumerate().find(|(_, unit)| unit.fragment.as_deref() == Some(name.as_str()));
        let Some((index, unit)) = found.filter(|_| at.depth < FRAGMENT_DEPTH && !at.documents.is_empty()) else { return 0 };
        self.block(index, unit.document.root(), &From { depth: at.depth + 1, ..at.clone() })
    }

    fn branch(&mut self, at: At, decision: At, label: String, place: Range<usize>, reached: bool, taken: u64) {
        let next = u32::try_from(self.decisions.len()).unwrap_or(u32::MAX);
        self.decisions.entry(decision).or_insert(next);
        let branch = self.branches.entry((at, label)).or_insert_with(|| Branch { place, decision, reached: false, taken: 0 });
        branch.reached |= reached;
        branch.taken += taken;
    }

    fn count(&self, at: &From<'_>, event: Event) -> u64 {
        let count = |document: &ResourceId| {
            let place = Place { document: document.clone(), section: at.section, path: at.path.as_str().into(), event };
            self.counts.get(&place).copied().unwrap_or(0)
        };
        at.documents.iter().map(count).sum()
    }

    /// As reports have it: by file.
    fn told(self, sources: &Sources) -> Coverage {
        let mut files: BTreeMap<String, FileCoverage> = BTreeMap::new();
        let lines = |unit: usize, range: &Range<usize>| {
            let document = &self.units.get(unit)?.document;
            let (start, end) = (document.span(&(range.start..range.start + 1)), document.span(&(range.end.saturating_sub(1)..range.end)));
            Some((start.source, sources.position(start).line, sources.position(end).line))
        };
        let file = |files: &mut BTreeMap<String, FileCoverage>, source: SourceId| {
            let path = sources.path(source).display().to_string();
            files.entry(path.clone()).or_insert_with(|| {
                let text = sources.get(source).map(|file| file.text.to_string()).unwrap_or_default();
                FileCoverage { path: path.clone(), text, ..FileCoverage::default() }
            });
            path
        };
        for ((unit, _), statement) in &self.statements {
            let Some((source, line, last_line)) = lines(*unit, &statement.own) else { continue };
            let path = file(&mut files, source);
            if let Some(file) = files.get_mut(&path) {
                file.statements.push(StatementCoverage { name: statement.name.clone(), line, last_line, hits: statement.hits });
            }
        }
        for (((unit, _), label), branch) in &self.branches {
            let Some((source, line, _)) = lines(*unit, &branch.place) else { continue };
            let path = file(&mut files, source);
            if let Some(file) = files.get_mut(&path) {
                let decision = self.decisions.get(&branch.decision).copied().unwrap_or_default();
                file.branches.push(BranchCoverage { line, decision, label: label.clone(), taken: branch.reached.then_some(branch.taken) });
            }
        }
        Coverage { files: files.into_values().collect() }
    }
}

/// The start tag of an element: what is its own and not its children's.
fn head(element: &Element) -> Range<usize> {
    element.range.start..element.content_range.start.max(element.range.start + 1)
}
