//! APIs by path, version and revision.

use http::{HeaderMap, HeaderName};
use indexmap::IndexMap;

use super::{Folded, Folding, decoded, header_text, next_segment};
use crate::gateway::message::query_pairs;
use crate::gateway::snapshot::ApiIndex;

/// APIs by path, version and revision.
#[derive(Debug)]
pub struct Places {
    nodes: Vec<Node>,
}

impl Default for Places {
    fn default() -> Self {
        Self { nodes: vec![Node::default()] }
    }
}

/// One path.
#[derive(Debug, Default)]
struct Node {
    children: IndexMap<Folded, usize>,
    place: Option<Place>,
}

/// The APIs of one path.
#[derive(Debug, Default)]
struct Place {
    /// Those that need no version in header or query.
    plain: Family,
    /// Those whose version stands in a header or in the query.
    sets: Vec<Set>,
}

#[derive(Debug)]
struct Set {
    id: Box<str>,
    by: VersionBy,
    versions: IndexMap<Folded, Family>,
    /// The member without a version.
    original: Family,
}

/// Revisions of one API.
#[derive(Debug, Default)]
struct Family {
    current: Option<ApiIndex>,
    revisions: Vec<(Box<str>, ApiIndex)>,
}

/// Where the version of a request stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionBy {
    /// A segment behind the API's path.
    Segment,
    /// A header.
    Header(HeaderName),
    /// A query parameter.
    Query(Box<str>),
}

/// The version set that an API belongs to.
#[derive(Debug, Clone)]
pub struct VersionSet {
    /// Tells sets apart.
    pub id: Box<str>,
    /// Where the version stands.
    pub by: VersionBy,
}

/// An API as it is entered.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// The API.
    pub api: ApiIndex,
    /// `path`, without slashes at its ends.
    pub path: &'a str,
    /// Its version, if it has one.
    pub version: Option<&'a str>,
    /// Its version set, if it is in one.
    pub set: Option<&'a VersionSet>,
    /// Revision.
    pub revision: &'a str,
    /// Whether it is the one that answers when no revision is named.
    pub is_current: bool,
}

/// What of a request decides.
pub(super) struct Request<'a> {
    pub(super) path: &'a str,
    pub(super) query: Option<&'a str>,
    pub(super) headers: &'a HeaderMap,
}

/// Why there is no API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Miss {
    /// No API has such a path (or revision, or scheme).
    Path,
    /// There are APIs with this path, and none has the version that the request names or fails to name.
    Version,
}

impl Places {
    /// Enters an API.
    pub fn add(&mut self, entry: &Entry<'_>) {
        let version = entry.version.filter(|version| !version.is_empty());
        let mut node = 0;
        for segment in entry.path.split('/').filter(|segment| !segment.is_empty()) {
            node = self.child(node, segment);
        }
        if let (Some(VersionSet { by: VersionBy::Segment, .. }), Some(version)) = (entry.set, version) {
            for segment in version.split('/').filter(|segment| !segment.is_empty()) {
                node = self.child(node, segment);
            }
        }
        let Some(node) = self.nodes.get_mut(node) else { return };
        let place = node.place.get_or_insert_default();
        let family = match entry.set {
            Some(set) if set.by != VersionBy::Segment => {
                let at = place.sets.iter().position(|own| own.id == set.id).unwrap_or_else(|| {
                    let (versions, original) = (IndexMap::new(), Family::default());
                    place.sets.push(Set { id: set.id.clone(), by: set.by.clone(), versions, original });
                    place.sets.len() - 1
                });
                let Some(set) = place.sets.get_mut(at) else { return };
                match version {
                    Some(version) => set.versions.entry(Folded::new(version)).or_default(),
                    None => &mut set.original,
                }
            }
            _ => &mut place.plain,
        };
        if entry.is_current {
            family.current = Some(entry.api);
        }
        family.revisions.push((Box::from(entry.revision), entry.api));
    }

    fn child(&mut self, node: usize, segment: &str) -> usize {
        let next = self.nodes.len();
        let Some(parent) = self.nodes.get_mut(node) else { return 0 };
        let child = *parent.children.entry(Folded::new(&decoded(segment))).or_insert(next);
        if child == next {
            self.nodes.push(Node::default());
        }
        child
    }

    /// The API with the longest path, and where in the request's path its own ends.
    pub(super) fn find(&self, request: &Request<'_>) -> Result<(ApiIndex, usize), Miss> {
        let root = self.nodes.first().ok_or(Miss::Path)?;
        let mut best = root.place.as_ref().map(|place| (place, 0, None));
        let (mut node, mut rest) = (root, request.path);
        while let Some((segment, behind)) = next_segment(rest) {
            let end = request.path.len() - behind.len();
            // `{API URL};rev={n}/…` names a revision (revisions page).
            if let Some((name, revision)) = segment.rsplit_once(";rev=") {
                // The root's path has no segment to hang the revision on.
                let holder = if name.is_empty() && rest.len() == request.path.len() { Some(root) } else { self.step(node, name) };
                if let Some(place) = holder.and_then(|holder| holder.place.as_ref()) {
                    best = Some((place, end, Some(revision)));
                }
                break;
            }
            let Some(next) = self.step(node, segment) else { break };
            if let Some(place) = &next.place {
                best = Some((place, end, None));
            }
            (node, rest) = (next, behind);
        }
        let (place, end, revision) = best.ok_or(Miss::Path)?;
        let family = place.choose(request)?;
        let api = match revision {
            None => family.current,
            Some(revision) => family.revisions.iter().find(|(own, _)| **own == *revision).map(|(_, api)| *api),
        };
        api.map(|api| (api, end)).ok_or(Miss::Path)
    }

    fn step(&self, node: &Node, segment: &str) -> Option<&Node> {
        if node.children.is_empty() {
            return None;
        }
        self.nodes.get(*node.children.get(&Folding(&decoded(segment)))?)
    }
}

impl Place {
    fn choose(&self, request: &Request<'_>) -> Result<&Family, Miss> {
        let mut unversioned = None;
        for set in &self.sets {
            match set.by.read(request) {
                Some(version) => return set.versions.get(&Folding(&version)).ok_or(Miss::Version),
                None if unversioned.is_none() && !set.original.revisions.is_empty() => unversioned = Some(&set.original),
                None => {}
            }
        }
        let plain = (!self.plain.revisions.is_empty()).then_some(&self.plain);
        unversioned.or(plain).ok_or(Miss::Version)
    }
}

impl VersionBy {
    fn read<'a>(&self, request: &Request<'a>) -> Option<std::borrow::Cow<'a, str>> {
        match self {
            Self::Segment => None,
            Self::Header(name) => header_text(request.headers, name).map(|text| text.trim().into()),
            Self::Query(name) => query_pairs(request.query?).find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value),
        }
        .filter(|version| !version.is_empty())
    }
}
