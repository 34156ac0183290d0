//! What the service would refuse, and what goes wrong at run time.

use std::collections::{HashMap, HashSet};

use super::codes;
use super::document::{Document, DocumentKind, Element, Section};
use super::reference::{self, Children, Gateway, Once, Policy, Scope};
use crate::support::finding::{Finding, Kind};
use crate::support::suggest;

mod expressions;
mod shape;
#[cfg(test)]
mod tests;

/// What is known about where a document goes. Rules that need what is not known are not applied.
#[derive(Debug, Clone, Copy, Default)]
pub struct CheckContext<'a> {
    /// The scope that it is attached to.
    pub scope: Option<Scope>,
    /// The gateway that runs it.
    pub gateway: Option<Gateway>,
    /// The documents of wider scopes and the fragments that the document includes, if they are known: what sets variables
    /// for it.
    pub around: &'a [&'a Document],
    /// The document may be a template: a placeholder such as `{retry-count}`, which a script fills in before the document is
    /// deployed, is a warning and no error.
    pub template: bool,
    /// The texts of named values that are known and no secret, by name in lower case: they are put into expressions and literals, as the
    /// service does when the document is saved.
    pub named_values: Option<&'a HashMap<String, String>>,
}

/// The size of a document that the service takes (documented service limit: 256 KB).
const SERVICE_SIZE: usize = 256 * 1024;
/// More findings than this help nobody.
const MAX_FINDINGS: usize = 100;

/// Everything that is wrong with `document`, in the order of the text.
#[must_use]
pub fn check(document: &Document, context: &CheckContext<'_>) -> Vec<Finding> {
    let mut checker =
        Checker { document, context: *context, findings: Vec::new(), seen: HashMap::new(), branches: Vec::new(), unknown: HashSet::new() };
    checker.document();
    let mut findings = checker.findings;
    findings.extend(super::traps::traps(document, context));
    findings.sort_by_key(|finding| finding.span.map(|span| span.start));
    if findings.len() > MAX_FINDINGS {
        // Errors go first: a legal document must not hide behind its warnings.
        findings.sort_by_key(|finding| (!finding.is_error(), finding.span.map(|span| span.start)));
        let left = findings.len() - MAX_FINDINGS;
        findings.truncate(MAX_FINDINGS);
        findings.sort_by_key(|finding| finding.span.map(|span| span.start));
        let severity = if findings.iter().any(Finding::is_error) { Finding::error } else { Finding::warning };
        findings.push(
            severity(codes::TOO_MANY, Kind::Place, format!("{left} further findings are left out"))
                .at(document.span(&document.root().name_range))
                .help("mend the first ones"),
        );
    }
    findings
}

/// Where a `choose` and where one of its branches begins.
type Branch = (usize, usize);

/// Where a policy stands, and in which branches.
type FirstSeen = (std::ops::Range<usize>, Vec<Branch>);

struct Checker<'a> {
    document: &'a Document,
    context: CheckContext<'a>,
    findings: Vec<Finding>,
    /// Where a policy that may stand once was first seen, by name and section, and in which branches.
    seen: HashMap<(&'static str, Option<Section>), FirstSeen>,
    /// The branches around what is looked at: where the `choose` and where the `when` or `otherwise` begins.
    branches: Vec<Branch>,
    /// Unknown names that have been reported.
    unknown: HashSet<String>,
}

impl Checker<'_> {
    fn report(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    fn document(&mut self) {
        let document = self.document;
        let size = document.source().text().len();
        if size > SERVICE_SIZE {
            self.report(
                Finding::error(
                    codes::DOCUMENT_SIZE,
                    Kind::Place,
                    format!("the document has {size} bytes; the service takes {SERVICE_SIZE}"),
                )
                .at(document.span(&document.root().name_range))
                .help("move parts of it into policy fragments"),
            );
        }
        let root = document.root();
        for attribute in &root.attributes {
            self.report(
                Finding::error(codes::UNKNOWN_ATTRIBUTE, Kind::Place, format!("`<{}>` has no attribute `{}`", root.name, attribute.name))
                    .at(document.span(&attribute.name_range))
                    .help("remove it"),
            );
        }
        for (_, range) in root.texts() {
            self.report(
                Finding::error(codes::UNEXPECTED_TEXT, Kind::Place, format!("`<{}>` holds text", root.name))
                    .at(document.span(range))
                    .help("put it into a comment, or remove it"),
            );
        }
        match document.kind() {
            DocumentKind::Fragment => self.policies(root, None, None),
            DocumentKind::Policies => self.sections(root),
        }
    }

    fn sections(&mut self, root: &Element) {
        let mut first: HashMap<Section, &Element> = HashMap::new();
        for element in root.elements() {
            let Some(section) = Section::of_name(&element.name) else {
                let help = match suggest::nearest(&element.name, Section::ALL.map(Section::name)) {
                    Some(near) => format!("did you mean `<{near}>`?"),
                    None if reference::find(&element.name).is_some() => {
                        "put the policy into `<inbound>`, `<backend>`, `<outbound>` or `<on-error>`".to_owned()
                    }
                    None => "the sections are `<inbound>`, `<backend>`, `<outbound>` and `<on-error>`".to_owned(),
                };
                self.report(
                    Finding::error(codes::UNKNOWN_SECTION, Kind::Place, format!("`<{}>` is no section", element.name))
                        .at(self.document.span(&element.name_range))
                        .help(help),
                );
                continue;
            };
            if let Some(other) = first.get(&section) {
                self.report(
                    Finding::error(codes::UNKNOWN_SECTION, Kind::Place, format!("the section `<{section}>` stands twice"))
                        .at(self.document.span(&element.name_range))
                        .label(self.document.span(&other.name_range), "first here")
                        .help("join them"),
                );
            } else {
                first.insert(section, element);
            }
            self.section(element, section);
        }
    }

    fn section(&mut self, element: &Element, section: Section) {
        self.policies(element, Some(section), None);
        let direct: Vec<&Element> = element.elements().collect();
        if section == Section::Backend
            && let [first, second, ..] = direct[..]
        {
            self.report(
                Finding::error(
                    codes::ONE_BACKEND_POLICY,
                    Kind::Place,
                    format!("`<backend>` holds `<{}>` beside `<{}>`; it takes one policy only", second.name, first.name),
                )
                .at(self.document.span(&second.name_range))
                .label(self.document.span(&first.name_range), "the first one")
                .help("put everything into the first one, or move it to `<inbound>`"),
            );
        }
        // A backend section that forwards the request itself means to replace what is around it.
        let replaces = section == Section::Backend && !direct.is_empty();
        let inherits = direct.iter().any(|policy| policy.name == "base");
        if !inherits && !replaces && self.context.scope.is_some_and(|scope| scope != Scope::Global) {
            self.report(
                Finding::warning(
                    codes::NO_BASE,
                    Kind::Trap,
                    format!("`<{section}>` has no `<base />`: no policy of a wider scope runs in it"),
                )
                .at(self.document.span(&element.name_range))
                .help("write `<base />` where they are to run"),
            );
        }
    }

    /// The policies inside a section, a fragment, or a policy that groups others.
    fn policies(&mut self, parent: &Element, section: Option<Section>, only: Option<&[&str]>) {
        for element in parent.elements() {
            self.policy(element, section, parent, only);
        }
    }

    fn policy(&mut self, element: &Element, section: Option<Section>, parent: &Element, only: Option<&[&str]>) {
        let span = self.document.span(&element.name_range);
        let Some(policy) = reference::find(&element.name) else {
            if self.unknown.insert(element.name.clone()) {
                // Looking for a near name is dear, and after this many nobody reads it.
                let near = (self.unknown.len() <= MAX_FINDINGS)
                    .then(|| suggest::nearest(&element.name, reference::policies().map(|policy| policy.name)))
                    .flatten();
                let finding = Finding::error(codes::UNKNOWN_POLICY, Kind::Place, format!("`<{}>` is no policy", element.name)).at(span);
                let finding = match near {
                    Some(near) => finding.help(format!("did you mean `<{near}>`?")),
                    None => finding.help("remove it, or see the policy reference for what there is"),
                };
                self.report(finding);
            }
            return;
        };
        if let Some(only) = only
            && !only.contains(&policy.name)
        {
            self.report(
                Finding::error(codes::UNKNOWN_CHILD, Kind::Place, format!("`<{}>` may not hold `<{}>`", parent.name, policy.name))
                    .at(span)
                    .help(format!("it takes {}", quoted(only.iter().copied()))),
            );
        }
        self.place(policy, element, section);
        self.repeated(policy, element, section);
        self.shape(element, &policy.shape, true, section);
    }

    fn place(&mut self, policy: &'static Policy, element: &Element, section: Option<Section>) {
        let span = self.document.span(&element.name_range);
        let name = policy.name;
        if name == "base" && section.is_none() {
            self.report(
                Finding::error(codes::MISPLACED_SECTION, Kind::Place, "`<base>` is not allowed in a fragment")
                    .at(span)
                    .help("write it in the document that includes the fragment"),
            );
        }
        if let Some(section) = section
            && !policy.sections.has_section(section)
        {
            let allowed = policy.sections.section_names();
            if policy.disputed.has_section(section) {
                self.report(
                    Finding::warning(codes::MISPLACED_SECTION, Kind::Place, format!("`<{name}>` is not documented for `<{section}>`"))
                        .at(span)
                        .help(format!("the documented sections are: {allowed}; Azure may refuse it here")),
                );
            } else {
                let help =
                    if allowed.is_empty() { "it belongs to GraphQL resolvers".to_owned() } else { format!("it is allowed in: {allowed}") };
                self.report(
                    Finding::error(codes::MISPLACED_SECTION, Kind::Place, format!("`<{name}>` is not allowed in `<{section}>`"))
                        .at(span)
                        .help(help),
                );
            }
        }
        if let Some(scope) = self.context.scope
            && !policy.scopes.has_scope(scope)
        {
            self.report(
                Finding::error(codes::MISPLACED_SCOPE, Kind::Place, format!("`<{name}>` is not allowed at {scope} scope"))
                    .at(span)
                    .help(format!("it is allowed at: {}", policy.scopes.scope_names())),
            );
        }
        if let Some(gateway) = self.context.gateway
            && !policy.gateways.has_gateway(gateway)
        {
            self.report(
                Finding::error(codes::MISPLACED_GATEWAY, Kind::Place, format!("`<{name}>` is not available on a {gateway} gateway"))
                    .at(span)
                    .help("choose another tier, or another policy"),
            );
        }
    }

    fn repeated(&mut self, policy: &'static Policy, element: &Element, section: Option<Section>) {
        let (key, rule) = match policy.once {
            Once::No => return,
            Once::PerSection => ((policy.name, section), "once in a section"),
            Once::PerDocument => ((policy.name, None), "once in a document"),
        };
        match self.seen.get(&key).cloned() {
            None => {
                self.seen.insert(key, (element.name_range.clone(), self.branches.clone()));
            }
            Some((first, branches)) => {
                let exclusive = branches.iter().any(|(choose, one)| self.branches.iter().any(|(other, two)| choose == other && one != two));
                // The pages count definitions; whether the service counts branches of which one only runs is not known.
                let (severity, help): (fn(_, _, String) -> Finding, _) = if exclusive {
                    (Finding::warning, "only one of the branches runs, and yet Azure may refuse it")
                } else {
                    (Finding::error, "keep one of them")
                };
                self.report(
                    severity(codes::REPEATED, Kind::Place, format!("`<{}>` may be used {rule}", policy.name))
                        .at(self.document.span(&element.name_range))
                        .label(self.document.span(&first), "first here")
                        .help(help),
                );
            }
        }
    }

    fn nested(&mut self, element: &Element, children: Children, section: Option<Section>) {
        match children {
            Children::Policies => self.policies(element, section, None),
            Children::These(only) => self.policies(element, section, Some(only)),
            Children::None | Children::Elements(_) => {}
        }
    }
}

/// `a`, `b` and `c`, each in backticks.
fn quoted<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        None => "nothing".to_owned(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}
