//! User-assigned identities: seeded and read.

use super::{Kind, Verbs};

pub(super) const KINDS: &[Kind] =
    &[Kind { name: "Microsoft.ManagedIdentity/userAssignedIdentities", label: "Identity", verbs: Verbs::GET_LIST, ..Kind::TRACKED }];
