//! Azure OpenAI accounts and their deployments: seeded, read, never written.

use super::{Kind, Verbs};

pub(super) const KINDS: &[Kind] = &[
    Kind { name: "Microsoft.CognitiveServices/accounts", label: "Account", verbs: Verbs::GET_LIST, ..Kind::TRACKED },
    Kind {
        name: "Microsoft.CognitiveServices/accounts/deployments",
        label: "Deployment",
        verbs: Verbs::GET_LIST,
        conditional: false,
        ..Kind::CHILD
    },
];
