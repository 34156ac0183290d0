//! Names of resources. The ARM contract gives the patterns and lengths.

use std::collections::HashMap;

use super::{Advise, Rules};
use crate::spec::codes;
use crate::spec::model::Map;
use crate::spec::tree::join;
use crate::support::finding::Kind;

/// What the names of one section may be.
struct Naming {
    section: &'static str,
    /// "the API", for messages.
    what: &'static str,
    longest: usize,
    form: Form,
    /// Names that the service has by itself.
    built_in: &'static [&'static str],
}

#[derive(Clone, Copy)]
enum Form {
    /// Anything but `* # & + : < > ?` (pattern of the contract).
    Contract,
    /// Letters, digits, `_` and, inside, `-` (pattern of the contract).
    Fragment,
    /// Anything but `: < > + / & % \ ?` (Azure naming rules of `Microsoft.Insights`).
    Insights,
    /// Keys of this specification only, never sent.
    Own,
}

impl Form {
    fn takes(self, name: &str) -> bool {
        let none_of = |forbidden: &str| !name.chars().any(|character| forbidden.contains(character) || character.is_control());
        // A slash cannot stand in any ARM name, whatever a type's own pattern says.
        match self {
            Self::Contract => none_of("*#&+:<>?/\\%") && name.trim() == name,
            Self::Fragment => {
                let word = |character: char| character.is_alphanumeric() || character == '_';
                name.chars().all(|character| word(character) || character == '-') && name.starts_with(word) && name.ends_with(word)
            }
            Self::Insights => none_of(":<>+/&%\\?#") && name.trim() == name,
            Self::Own => none_of("/") && name.trim() == name,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Contract => "a name may not have any of `* # & + : < > ? / \\ %`, nor spaces at its ends",
            Self::Fragment => "letters, digits, `_` and, except at the ends, `-`",
            Self::Insights => "a name may not have any of `: < > + / & % \\ ? #`, nor spaces at its ends",
            Self::Own => "a name may not have `/`, nor spaces at its ends",
        }
    }
}

const SECTIONS: &[Naming] = &[
    Naming { section: "openAI", what: "account", longest: 80, form: Form::Own, built_in: &[] },
    Naming { section: "namedValues", what: "named value", longest: 256, form: Form::Contract, built_in: &[] },
    Naming { section: "backends", what: "backend", longest: 80, form: Form::Contract, built_in: &[] },
    Naming { section: "policyFragments", what: "policy fragment", longest: 80, form: Form::Fragment, built_in: &[] },
    Naming { section: "apiVersionSets", what: "version set", longest: 80, form: Form::Contract, built_in: &[] },
    Naming { section: "apis", what: "API", longest: 256, form: Form::Contract, built_in: &[] },
    Naming { section: "products", what: "product", longest: 256, form: Form::Contract, built_in: &[] },
    Naming { section: "groups", what: "group", longest: 256, form: Form::Contract, built_in: &["administrators", "developers", "guests"] },
    Naming { section: "users", what: "user", longest: 80, form: Form::Contract, built_in: &["1"] },
    Naming { section: "loggers", what: "logger", longest: 256, form: Form::Contract, built_in: &[] },
    Naming { section: "subscriptions", what: "subscription", longest: 256, form: Form::Contract, built_in: &["master"] },
    Naming { section: "actionGroups", what: "action group", longest: 260, form: Form::Insights, built_in: &[] },
    Naming { section: "metricAlerts", what: "metric alert", longest: 260, form: Form::Insights, built_in: &[] },
    Naming { section: "logAlerts", what: "log alert", longest: 260, form: Form::Insights, built_in: &[] },
];

const OPERATION: Naming = Naming { section: "operations", what: "operation", longest: 80, form: Form::Contract, built_in: &[] };

/// Prefix of the named values that hold the manifests.
const MANIFEST_PREFIX: &str = "apimctl-";

pub(super) fn check(rules: &mut Rules<'_>) {
    let spec = rules.spec;
    for naming in SECTIONS {
        let names: Vec<String> = match naming.section {
            "subscriptions" => spec.subscriptions.keys().cloned().collect(),
            "metricAlerts" => spec.metric_alerts.keys().cloned().collect(),
            "logAlerts" => spec.log_alerts.keys().cloned().collect(),
            section => rules.names(section),
        };
        section(rules, naming, &format!("/{}", naming.section), &names);
    }
    for (name, api) in &spec.apis {
        let operations: Vec<String> = api.operations.keys().cloned().collect();
        section(rules, &OPERATION, &format!("{}/operations", join("/apis", name)), &operations);
    }
    for name in spec.named_values.keys().filter(|name| name.to_lowercase().starts_with(MANIFEST_PREFIX)) {
        let message =
            format!("the named value `{name}` begins with `{MANIFEST_PREFIX}`, which is kept for the list of what a specification owns");
        rules.error_at_key(codes::BAD_NAME, Kind::Place, &join("/namedValues", name), message).advise("choose another name");
    }
    displays(rules, "namedValues", &spec.named_values, |value| value.display_name.as_deref());
    displays(rules, "products", &spec.products, |product| product.display_name.as_deref());
    displays(rules, "groups", &spec.groups, |group| group.display_name.as_deref());
}

fn section(rules: &mut Rules<'_>, naming: &Naming, pointer: &str, names: &[String]) {
    let mut seen: HashMap<String, &String> = HashMap::new();
    for name in names {
        let place = join(pointer, name);
        let length = name.chars().count();
        if length == 0 || length > naming.longest {
            let message = format!("the name of the {} `{name}` must have 1 to {} characters, not {length}", naming.what, naming.longest);
            rules.error_at_key(codes::BAD_NAME, Kind::Type, &place, message);
        } else if !naming.form.takes(name) {
            let message = format!("`{name}` cannot be the name of {} {}", article(naming.what), naming.what);
            rules.error_at_key(codes::BAD_NAME, Kind::Type, &place, message).advise(naming.form.words());
        }
        if naming.built_in.iter().any(|own| own.eq_ignore_ascii_case(name)) {
            let message = format!("every service has the {} `{name}` already", naming.what);
            rules.error_at_key(codes::BAD_NAME, Kind::Place, &place, message).advise("remove the entry; the name can be used as it is");
        }
        if let Some(first) = seen.insert(name.to_lowercase(), name) {
            let first_place = rules.locator.key(&join(pointer, first));
            let message = format!("`{name}` and `{first}` are one name to the service, which ignores case");
            let finding = rules.error_at_key(codes::DUPLICATE_NAME, Kind::Place, &place, message);
            if let Some(first_place) = first_place {
                finding.labels.push((first_place, "the other one".to_owned()));
            }
        }
    }
}

fn article(noun: &str) -> &'static str {
    if noun.starts_with(['a', 'e', 'i', 'o', 'u', 'A']) { "an" } else { "a" }
}

/// Display names that must be unique within a service (assumed for groups; the service says so for named values and products).
fn displays<T>(rules: &mut Rules<'_>, section: &str, entries: &Map<T>, display: impl Fn(&T) -> Option<&str>) {
    let mut seen: HashMap<String, &String> = HashMap::new();
    for (name, entry) in entries {
        let shown = display(entry).unwrap_or(name).to_lowercase();
        if let Some(first) = seen.insert(shown, name)
            && !first.eq_ignore_ascii_case(name)
        {
            let message = format!("`{name}` and `{first}` have the same display name");
            let place = format!("{}/displayName", join(&format!("/{section}"), name));
            rules.error(codes::DUPLICATE_NAME, Kind::Place, &place, message).advise("a display name stands for one thing in a service");
        }
    }
}
