//! `apimctl keys`: the keys of the specification's subscriptions.

use anyhow::{Result, bail};
use serde_json::json;

use super::Session;
use super::open::{self, Extra, Opened, Request};
use crate::cli::arguments::{ConsentArguments, Key, KeysArguments};
use crate::cli::output::Outcome;
use crate::deploy::keys::{KeyKind, KeysRequest, masked};
use crate::support::secret::Secret;

/// Runs it.
pub(super) async fn run(arguments: &KeysArguments, session: &mut Session<'_>) -> Result<Outcome> {
    let consent = ConsentArguments::default();
    let request =
        Request { spec: &arguments.spec.spec, variables: &arguments.spec.variables, target: &arguments.target, consent: &consent };
    let Some(Opened { deployment, loaded, .. }) = open::open(&request, Extra::default(), session).await? else {
        return Ok(Outcome::Failed);
    };
    let names: Vec<String> = loaded.spec.iter().flat_map(|spec| spec.subscriptions.keys().cloned()).collect();
    let only = match (&arguments.subscription, names.as_slice()) {
        (Some(name), _) if !names.iter().any(|known| known.eq_ignore_ascii_case(name)) => {
            let known = names.iter().map(String::as_str);
            let hint = crate::support::suggest::nearest(name, known).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            bail!("the specification has no subscription `{name}`{hint}")
        }
        (Some(name), _) => Some(name.clone()),
        (None, [_, _, ..]) if arguments.regenerate.is_some() => {
            bail!("say which subscription's key to regenerate with `--subscription`: one of {}", names.join(", "))
        }
        (None, _) => None,
    };
    let what = match arguments.regenerate {
        None => KeysRequest::List,
        Some(key) => {
            let (kind, word) = match key {
                Key::Primary => (KeyKind::Primary, "primary"),
                Key::Secondary => (KeyKind::Secondary, "secondary"),
            };
            let name = only.as_deref().or(names.first().map(String::as_str)).unwrap_or_default();
            session.printer.warn(format!("Every client that uses the {word} key of `{name}` is refused from then on"));
            if !arguments.yes && !session.ask("Regenerate it?", "keys --regenerate")? {
                return Ok(Outcome::Failed);
            }
            KeysRequest::Regenerate(kind)
        }
    };
    let keys = match deployment.keys(what, only.as_deref()).await {
        Ok(keys) => keys,
        Err(error) => return open::say(error, &loaded, session),
    };
    let shown = |key: &Secret<String>| if arguments.show { key.expose().clone() } else { masked(key) };
    if session.printer.is_json() {
        let list: Vec<_> = keys
            .iter()
            .map(|keys| {
                json!({
                    "subscription": keys.name, "displayName": keys.display_name, "scope": keys.scope, "state": keys.state,
                    "primaryKey": shown(&keys.primary), "secondaryKey": shown(&keys.secondary),
                })
            })
            .collect();
        session.printer.json(&json!({ "keys": list }));
    } else {
        for keys in &keys {
            session.printer.data(format!("{}  ({}, {})", keys.name, keys.scope, keys.state));
            session.printer.data(format!("  primary    {}", shown(&keys.primary)));
            session.printer.data(format!("  secondary  {}", shown(&keys.secondary)));
        }
        if !arguments.show && !keys.is_empty() {
            session.printer.note("Print the keys themselves with `--show`");
        }
    }
    Ok(Outcome::Done)
}
