//! ARM resource ids: parsed once, compared without regard to case, printed as they were written.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// An absolute ARM id: `/subscriptions/{s}[/resourceGroups/{g}][/providers/{namespace}/{type}/{name}…]…`, without query or
/// trailing slash. Extension resources (`{scope}/providers/Microsoft.Authorization/roleAssignments/{n}`) are ids like any other.
///
/// Equality, order and hash ignore ASCII case, as ARM does (names are case-preserving, not case-sensitive).
#[derive(Clone)]
pub struct ResourceId(Arc<str>);

/// Why a text is no resource id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an ARM resource id: {reason}")]
pub struct InvalidResourceId {
    text: String,
    reason: &'static str,
}

impl ResourceId {
    /// Parses an id.
    ///
    /// # Errors
    /// The text does not start with a slash, has an empty or odd segment, or is not below `/subscriptions` or `/providers`.
    pub fn parse(text: &str) -> Result<Self, InvalidResourceId> {
        let fail = |reason| Err(InvalidResourceId { text: text.to_owned(), reason });
        let Some(rest) = text.strip_prefix('/') else { return fail("it does not start with `/`") };
        let segments: Vec<&str> = rest.trim_end_matches('/').split('/').collect();
        if segments.iter().any(|segment| segment.is_empty()) {
            return fail("it has an empty segment");
        }
        let mut index = 0;
        let is = |index: usize, word: &str| segments.get(index).is_some_and(|segment| segment.eq_ignore_ascii_case(word));
        if is(0, "subscriptions") {
            index = 2;
            if is(index, "resourceGroups") {
                index += 2;
            }
        } else if !is(0, "providers") {
            return fail("it is neither below `/subscriptions` nor `/providers`");
        }
        while index < segments.len() {
            if !is(index, "providers") {
                return fail("`providers` is expected after the scope");
            }
            index += 2;
            let start = index;
            while index < segments.len() && !is(index, "providers") {
                index += 2;
            }
            if index == start {
                return fail("a provider is named without a type");
            }
        }
        if index != segments.len() {
            return fail("its last type has no name");
        }
        Ok(Self(format!("/{}", segments.join("/")).into()))
    }

    /// `/subscriptions/{subscription}`.
    #[must_use]
    pub fn subscription(subscription: &str) -> Self {
        Self(format!("/subscriptions/{subscription}").into())
    }

    /// `/subscriptions/{subscription}/resourceGroups/{group}`.
    #[must_use]
    pub fn resource_group(subscription: &str, group: &str) -> Self {
        Self(format!("/subscriptions/{subscription}/resourceGroups/{group}").into())
    }

    /// `{self}/providers/{kind}/{name}`, where `kind` is for instance `Microsoft.Insights/components`.
    #[must_use]
    pub fn provider(&self, kind: &str, name: &str) -> Self {
        Self(format!("{self}/providers/{kind}/{name}").into())
    }

    /// `{self}/{kind}/{name}`: a nested resource.
    #[must_use]
    pub fn child(&self, kind: &str, name: &str) -> Self {
        Self(format!("{self}/{kind}/{name}").into())
    }

    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Lower-case form: a key for maps of other kinds.
    #[must_use]
    pub fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    fn segments(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0[1..].split('/')
    }

    /// The last segment.
    #[must_use]
    pub fn name(&self) -> &str {
        self.segments().next_back().unwrap_or_default()
    }

    /// The Azure subscription id, if the id has one.
    #[must_use]
    pub fn subscription_id(&self) -> Option<&str> {
        let mut segments = self.segments();
        segments.next().filter(|first| first.eq_ignore_ascii_case("subscriptions")).and_then(|_| segments.next())
    }

    /// The resource group's name, if the id has one.
    #[must_use]
    pub fn group_name(&self) -> Option<&str> {
        let mut segments = self.segments().skip(2);
        segments.next().filter(|third| third.eq_ignore_ascii_case("resourceGroups")).and_then(|_| segments.next())
    }

    /// The full type, for instance `Microsoft.ApiManagement/service/backends`. The type of a resource group is
    /// `Microsoft.Resources/resourceGroups`, that of a subscription `Microsoft.Resources/subscriptions`. Case as written.
    #[must_use]
    pub fn resource_type(&self) -> String {
        let segments: Vec<&str> = self.segments().collect();
        let Some(provider) = segments.iter().rposition(|segment| segment.eq_ignore_ascii_case("providers")) else {
            return if segments.len() == 4 { "Microsoft.Resources/resourceGroups" } else { "Microsoft.Resources/subscriptions" }.to_owned();
        };
        let mut kind = segments.get(provider + 1).copied().unwrap_or_default().to_owned();
        for segment in segments[provider + 2..].iter().step_by(2) {
            kind.push('/');
            kind.push_str(segment);
        }
        kind
    }

    /// Whether the full type is `kind`, ignoring case.
    #[must_use]
    pub fn is_type(&self, kind: &str) -> bool {
        self.resource_type().eq_ignore_ascii_case(kind)
    }

    /// The resource or scope that this one lies in: the parent of a nested resource, the scope of an extension, the
    /// group of a top-level resource, the subscription of a group; `None` for a subscription.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let segments: Vec<&str> = self.segments().collect();
        let last_provider = segments.iter().rposition(|segment| segment.eq_ignore_ascii_case("providers"));
        let keep = match last_provider {
            Some(provider) if segments.len() <= provider + 4 => provider,
            Some(_) => segments.len() - 2,
            None => segments.len().checked_sub(2)?,
        };
        (keep > 0).then(|| Self(format!("/{}", segments[..keep].join("/")).into()))
    }

    /// Whether this id lies strictly below `ancestor`.
    #[must_use]
    pub fn is_below(&self, ancestor: &Self) -> bool {
        let (own, other) = (self.0.as_bytes(), ancestor.0.as_bytes());
        own.len() > other.len() && own[other.len()] == b'/' && own[..other.len()].eq_ignore_ascii_case(other)
    }

    /// What follows `ancestor`, with its leading slash (`/backends/b1`), if this id lies below it.
    #[must_use]
    pub fn relative_to(&self, ancestor: &Self) -> Option<&str> {
        self.is_below(ancestor).then(|| &self.0[ancestor.0.len()..])
    }
}

impl PartialEq for ResourceId {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for ResourceId {}

impl Hash for ResourceId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for byte in self.0.bytes() {
            state.write_u8(byte.to_ascii_lowercase());
        }
        state.write_u8(0xff);
    }
}

impl Ord for ResourceId {
    fn cmp(&self, other: &Self) -> Ordering {
        let (own, theirs) = (self.0.as_bytes(), other.0.as_bytes());
        // The ids of one service share a long beginning, nearly always to the letter: it is passed over in blocks.
        let mut start = 0;
        for block in [64, 16, 4] {
            while own.get(start..start + block).is_some_and(|same| theirs.get(start..start + block) == Some(same)) {
                start += block;
            }
        }
        own[start..].iter().map(u8::to_ascii_lowercase).cmp(theirs[start..].iter().map(u8::to_ascii_lowercase))
    }
}

impl PartialOrd for ResourceId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for ResourceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::str::FromStr for ResourceId {
    type Err = InvalidResourceId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl serde::Serialize for ResourceId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for ResourceId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVICE: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ApiManagement/service/apim";

    fn id(text: &str) -> ResourceId {
        ResourceId::parse(text).unwrap()
    }

    #[test]
    fn ids_are_equal_whatever_their_case() {
        assert_eq!(id(SERVICE), id(&SERVICE.to_uppercase()));
        assert_eq!(id(SERVICE).key(), id(&SERVICE.to_uppercase()).key());
    }

    #[test]
    fn order_is_that_of_the_lower_case_form_wherever_two_ids_part() {
        let long = id(SERVICE).child("backends", &"n".repeat(70));
        let mut ids = vec![id(SERVICE), long.clone()];
        for end in 1..=80 {
            for tail in ["a", "B", "_", "-"] {
                ids.push(id(SERVICE).child("backends", &format!("{}{tail}", "n".repeat(end))));
                ids.push(id(&SERVICE.to_uppercase()).child("Backends", &format!("{}{tail}", "N".repeat(end))));
            }
        }
        for one in &ids {
            for other in &ids {
                assert_eq!(one.cmp(other), one.key().cmp(&other.key()), "{one} {other}");
            }
        }
    }

    #[test]
    fn a_child_knows_its_type_parent_and_scope() {
        let operation = id(SERVICE).child("apis", "a").child("operations", "o");
        assert_eq!(operation.resource_type(), "Microsoft.ApiManagement/service/apis/operations");
        assert_eq!(operation.parent(), Some(id(SERVICE).child("apis", "a")));
        assert_eq!(id(SERVICE).parent(), Some(ResourceId::resource_group("s", "g")));
        let role = id(SERVICE).provider("Microsoft.Authorization/roleAssignments", "x");
        assert_eq!(role.resource_type(), "Microsoft.Authorization/roleAssignments");
        assert_eq!(role.parent(), Some(id(SERVICE)));
        assert_eq!(role.parent().and_then(|scope| scope.parent()).and_then(|group| group.parent()), Some(ResourceId::subscription("s")));
        assert_eq!(ResourceId::subscription("s").parent(), None);
        assert_eq!(operation.relative_to(&id(SERVICE)), Some("/apis/a/operations/o"));
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for bad in [
            "",
            "x",
            "/",
            "/subscriptions",
            "/subscriptions/s/resourceGroups",
            "/subscriptions/s/providers/N",
            "/subscriptions//x",
            "/foo/bar",
            "/subscriptions/s/foo/bar",
        ] {
            assert!(ResourceId::parse(bad).is_err(), "{bad}");
        }
    }
}
