//! What is there against what the specification says: the plan that `apply` would carry out, told as checks.

use crate::deploy::diff::{PropertyChange, Shown};
use crate::deploy::plan::{Action, Change, Plan};
use crate::policy::{self, Format};
use crate::support::finding as findings;
use crate::verify::outcome::{Cause, Finding, Step};
use crate::verify::run::Run;
use crate::verify::subject::Subject;

/// Differences that are written out; there may be hundreds.
const TOLD: usize = 6;
/// Longer values are cut.
const LONGEST: usize = 80;

/// A check, and the types of resources it is about (all whose type begins so).
struct Group {
    name: &'static str,
    step: Step,
    /// Behind `Microsoft.`; lower case.
    types: &'static [&'static str],
    what: &'static str,
}

const GROUPS: [Group; 8] = [
    Group { name: "backends", step: Step::Backends, types: &["apimanagement/service/backends"], what: "backends" },
    Group { name: "role-assignments", step: Step::Identity, types: &["authorization/"], what: "role assignments" },
    Group {
        name: "apis",
        step: Step::Api,
        types: &["apimanagement/service/apis", "apimanagement/service/apiversionsets", "apimanagement/service/products"],
        what: "APIs, operations and products",
    },
    Group {
        name: "policies",
        step: Step::Api,
        types: &["apimanagement/service/policies", "apimanagement/service/policyfragments", "apimanagement/service/namedvalues"],
        what: "policies, fragments and named values",
    },
    Group {
        name: "subscriptions",
        step: Step::Keys,
        types: &["apimanagement/service/subscriptions", "apimanagement/service/users", "apimanagement/service/groups"],
        what: "subscriptions, users and groups",
    },
    Group {
        name: "monitoring",
        step: Step::Monitoring,
        types: &[
            "apimanagement/service/loggers",
            "apimanagement/service/diagnostics",
            "insights/",
            "operationalinsights/",
            "alertsmanagement/",
        ],
        what: "loggers, diagnostics and alerts",
    },
    Group {
        name: "service",
        step: Step::Service,
        types: &["apimanagement/service", "resources/resourcegroups"],
        what: "the service and its group",
    },
    Group { name: "resources", step: Step::Api, types: &[""], what: "other resources" },
];

/// Which check a change belongs to.
fn group_of(change: &Change) -> &'static str {
    let kind = change.kind.to_ascii_lowercase();
    let kind = kind.strip_prefix("microsoft.").unwrap_or(&kind);
    // Policies lie below APIs and operations too.
    if kind.ends_with("/policies") {
        return "policies";
    }
    if kind.ends_with("/diagnostics") {
        return "monitoring";
    }
    let mut best = ("resources", 0);
    for group in &GROUPS {
        for own in group.types {
            if kind.starts_with(own) && own.len() > best.1 {
                best = (group.name, own.len());
            }
        }
    }
    // Anything of the service that has no group of its own.
    if best.0 == "service" && kind != "apimanagement/service" && !kind.starts_with("resources/") { "resources" } else { best.0 }
}

/// The account check: what `plan` says of accounts and deployments.
pub(in crate::verify) fn accounts(run: &mut Run<'_>, plan: Result<&Plan, &[findings::Finding]>) {
    let accounts = &run.subject.desired.accounts;
    if accounts.is_empty() {
        run.add("accounts", Step::Accounts, Finding::skip("the specification names no Azure OpenAI accounts (`openAI:`)"));
        return;
    }
    let found = match plan {
        Ok(plan) => plan.findings.as_slice(),
        Err(findings) => findings,
    };
    // ARM1nn is what is said of accounts.
    let wrong: Vec<&findings::Finding> = found.iter().filter(|finding| finding.code.id.starts_with("ARM1")).collect();
    let finding = if wrong.is_empty() {
        let deployments: usize = accounts.iter().map(|account| account.account.deployments.len()).sum();
        let names: Vec<&str> = accounts.iter().map(|account| account.id.name()).collect();
        Finding::pass(format!("{} accounts with {deployments} deployments are as specified: {}", accounts.len(), names.join(", ")))
    } else {
        let causes = wrong.iter().map(|finding| Cause { text: finding.message.clone(), cure: finding.help.clone() }).collect();
        Finding::fail(format!("{} of {} accounts: {}", wrong.len().min(accounts.len()), accounts.len(), first(&wrong)), causes)
    };
    run.add("accounts", Step::Accounts, finding);
}

fn first(findings: &[&findings::Finding]) -> String {
    findings.iter().map(|finding| finding.message.as_str()).collect::<Vec<_>>().join("; ")
}

/// One check for each group of resources, in the tutorial's order.
pub(in crate::verify) fn resources(run: &mut Run<'_>, plan: &Plan, names: &[&str]) {
    for group in GROUPS.iter().filter(|group| names.contains(&group.name)) {
        let of_group: Vec<&Change> = plan.changes.iter().filter(|change| group_of(change) == group.name).collect();
        // Pools have a check of their own.
        let finding = match group.name {
            "backends" => {
                let (pools, single): (Vec<_>, Vec<_>) = of_group.into_iter().partition(|change| is_pool(run.subject, change));
                let backends = judge(run.subject, group.what, &single);
                run.add("backends", group.step, backends);
                for pool in pools {
                    let finding = judge(run.subject, "the pool", &[pool]);
                    let name = format!("pool/{}", pool.id.rsplit('/').next().unwrap_or_default());
                    run.add(name, group.step, finding);
                }
                continue;
            }
            "resources" if of_group.is_empty() => continue,
            _ => judge(run.subject, group.what, &of_group),
        };
        run.add(group.name, group.step, finding);
    }
}

fn is_pool(subject: &Subject<'_>, change: &Change) -> bool {
    subject.desired.resources.iter().any(|resource| {
        resource.id.known().is_some_and(|id| id.as_str().eq_ignore_ascii_case(&change.id))
            && resource.body.value.pointer("/properties/pool").is_some()
    })
}

fn judge(subject: &Subject<'_>, what: &str, changes: &[&Change]) -> Finding {
    if changes.is_empty() {
        return Finding::skip(format!("the specification has none of {what}"));
    }
    let wrong: Vec<&&Change> = changes.iter().filter(|change| change.action != Action::None).collect();
    if wrong.is_empty() {
        return Finding::pass(match changes {
            [one] => format!("`{}` is as specified", short(&one.id)),
            many => format!("{} of {what} are as specified", many.len()),
        });
    }
    let mut told: Vec<String> = wrong.iter().take(TOLD).map(|change| words(change)).collect();
    if wrong.len() > TOLD {
        told.push(format!("and {} more", wrong.len() - TOLD));
    }
    let missing = wrong.iter().filter(|change| change.action == Action::Create).count();
    let cause = if missing == wrong.len() {
        "it was never applied, or somebody deleted it"
    } else if wrong.iter().any(|change| change.action == Action::Delete) {
        "the specification was changed after it was last applied"
    } else {
        "somebody changed it outside the specification, or the specification was changed after it was last applied"
    };
    let cure = format!("{}\n{}", subject.commands.of("plan"), subject.commands.of("apply"));
    let mut causes = vec![Cause::new(cause, cure)];
    if wrong.iter().any(|change| change.label == "role assignment") {
        causes.push(Cause::new(
            "the login that applied may not assign roles: Contributor cannot, Owner or User Access Administrator can",
            wrong.iter().filter_map(|change| role_command(change)).collect::<Vec<_>>().join("\n"),
        ));
    }
    Finding::fail(told.join("; "), causes)
}

fn role_command(change: &Change) -> Option<String> {
    let scope = change.id.split("/providers/Microsoft.Authorization/").next()?;
    let role = change.role.as_deref()?;
    Some(format!(
        "az role assignment create --role \"{}\" --assignee-object-id <principal id of the service> --assignee-principal-type ServicePrincipal --scope {scope}",
        role.split(" on ").next().unwrap_or(role)
    ))
}

fn short(id: &str) -> String {
    // A policy's own name says nothing.
    let mut parts = id.rsplit('/');
    let last = parts.next().unwrap_or_default();
    if last == "policy" {
        let _ = parts.next();
        return format!("policy of {}", parts.next().unwrap_or_default());
    }
    last.to_owned()
}

fn words(change: &Change) -> String {
    let name = match &change.role {
        Some(role) => format!("role assignment {role}"),
        None => format!("{} `{}`", change.label, short(&change.id)),
    };
    match change.action {
        Action::Create => format!("{name} is not there"),
        Action::Delete => format!("{name} is there and no longer in the specification"),
        Action::None => format!("{name} is as specified"),
        Action::Update | Action::Replace => {
            let differences: Vec<String> = change.properties.iter().take(TOLD).flat_map(difference).collect();
            format!("{name} differs: {}", if differences.is_empty() { "a link or a secret".to_owned() } else { differences.join(", ") })
        }
    }
}

/// A policy is told statement by statement.
fn difference(property: &PropertyChange) -> Vec<String> {
    match (&property.before, &property.after) {
        (Shown::Policy(old), Shown::Policy(new)) => policy::changes_of_texts(old, Format::RawXml, new, Format::RawXml)
            .iter()
            .take(TOLD)
            .map(|change| {
                let text = |text: &Option<String>| text.as_deref().map_or_else(|| "nothing".to_owned(), cut);
                format!("{} is {}, specified is {}", change.path, text(&change.before), text(&change.after))
            })
            .collect(),
        (before, after) => vec![format!("{} is {}, specified is {}", property.path, shown(before), shown(after))],
    }
}

fn shown(value: &Shown) -> String {
    match value {
        Shown::Absent => "nothing".to_owned(),
        Shown::Value(value) => cut(&value.to_string()),
        Shown::Secret => "(secret)".to_owned(),
        Shown::KnownAfterApply => "(known after apply)".to_owned(),
        Shown::Unanswered => "(not told by the service)".to_owned(),
        Shown::Policy(_) => "(a policy)".to_owned(),
    }
}

fn cut(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("`{}…`", line.get(..end).unwrap_or_default()),
        None => format!("`{line}`"),
    }
}
