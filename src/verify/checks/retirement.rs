//! Deployments whose model is retired soon: from the account's own list of models.

use serde_json::Value;
use time::format_description::well_known::Rfc3339;
use time::{Date, OffsetDateTime};

use crate::arm::catalogue;
use crate::deploy::resource::ExpectedAccount;
use crate::verify::outcome::{Cause, Finding, Step};
use crate::verify::run::Run;
use crate::verify::subject::Subject;

/// Nearer than this fails the check: an upgrade needs tests and quota.
const SOON_DAYS: i64 = 60;
/// Nearer than this is told.
const TOLD_DAYS: i64 = 180;

/// Each deployment of the specification's accounts.
pub(in crate::verify) async fn check(run: &mut Run<'_>) {
    let subject = run.subject;
    if subject.desired.accounts.is_empty() {
        run.add("retirement", Step::Accounts, Finding::skip("the specification names no Azure OpenAI accounts (`openAI:`)"));
        return;
    }
    let now = subject.settings.clock.utc();
    let (mut soon, mut later, mut unknown, mut fine) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for account in &subject.desired.accounts {
        match look(subject, account).await {
            Err(why) => unknown.push(format!("`{}`: {why}", account.id.name())),
            Ok(deployments) => {
                for (name, model, date) in deployments {
                    let Some(date) = date else {
                        unknown.push(format!("`{name}` in `{}`: no date for {model}", account.id.name()));
                        continue;
                    };
                    let days = (date - now).whole_days();
                    let words = if days < 0 {
                        format!("{model} of the deployment `{name}` in `{}` was retired on {}", account.id.name(), date.date())
                    } else {
                        format!(
                            "{model} of the deployment `{name}` in `{}` is retired on {}, in {days} days",
                            account.id.name(),
                            date.date()
                        )
                    };
                    let cure = format!(
                        "az cognitiveservices account deployment create --name {} --resource-group {} --deployment-name {name} --model-format OpenAI --model-name <model> --model-version <version> --sku-name <sku> --sku-capacity <capacity>",
                        account.id.name(),
                        account.id.group_name().unwrap_or_default()
                    );
                    match days {
                        ..SOON_DAYS => soon.push(Cause::new(words, cure)),
                        SOON_DAYS..TOLD_DAYS => later.push(Cause::new(words, cure)),
                        _ => fine += 1,
                    }
                }
            }
        }
    }
    let list = |causes: &[Cause]| causes.iter().map(|cause| cause.text.clone()).collect::<Vec<_>>().join("; ");
    let finding = if !soon.is_empty() {
        Finding::fail(list(&soon), soon)
    } else if !later.is_empty() {
        Finding::warn(list(&later), later)
    } else if fine == 0 {
        Finding::skip(format!("no dates are known: {}", unknown.join("; ")))
    } else {
        let more = if unknown.is_empty() { String::new() } else { format!("; without a date: {}", unknown.join("; ")) };
        Finding::pass(format!("{fine} deployments have more than {TOLD_DAYS} days{more}"))
    };
    run.add("retirement", Step::Accounts, finding);
}

type Deployments = Vec<(String, String, Option<OffsetDateTime>)>;

async fn look(subject: &Subject<'_>, account: &ExpectedAccount) -> Result<Deployments, String> {
    let version = catalogue::find("Microsoft.CognitiveServices/accounts").map_or("2024-10-01", |entry| entry.api_version);
    let text = |error: crate::azure::AzureError| error.to_string();
    let deployments = subject.client.list(&format!("{}/deployments", account.id), version, &[]).await.map_err(text)?;
    let models = match subject.client.list(&format!("{}/models", account.id), version, &[]).await {
        Ok(models) => models,
        Err(error) if error.has_status(404) || error.has_status(400) || error.has_status(501) => {
            return Err("this ARM has no list of models with their dates".to_owned());
        }
        Err(error) => return Err(text(error)),
    };
    let wanted = |name: &str| account.account.deployments.iter().any(|own| own.name().eq_ignore_ascii_case(name));
    Ok(deployments
        .iter()
        .filter_map(|deployment| {
            let name = deployment.get("name")?.as_str()?;
            let at = |pointer: &str| deployment.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            let (model, version) = (at("/properties/model/name"), at("/properties/model/version"));
            wanted(name).then(|| (name.to_owned(), format!("{model} {version}"), retirement(&models, model, version)))
        })
        .collect())
}

/// `deprecation.inference` of the account's list: from then on the model does not answer.
fn retirement(models: &[Value], name: &str, version: &str) -> Option<OffsetDateTime> {
    let found = models.iter().find(|model| {
        // A model stands at the top or below `model`, by version of the list.
        let text = |member: &str| {
            let below = format!("/model/{member}");
            model.pointer(&below).or_else(|| model.get(member)).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        text("name").eq_ignore_ascii_case(name) && text("version").eq_ignore_ascii_case(version)
    })?;
    let date = ["/model/deprecation/inference", "/deprecation/inference"].iter().find_map(|pointer| found.pointer(pointer)?.as_str())?;
    OffsetDateTime::parse(date, &Rfc3339).ok().or_else(|| {
        let format = time::macros::format_description!("[year]-[month]-[day]");
        Date::parse(date.get(..10)?, format).ok().map(|date| date.midnight().assume_utc())
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::datetime;

    use super::retirement;

    #[test]
    fn dates_are_read_in_both_forms_and_by_version() {
        let models = [
            json!({ "model": { "name": "gpt-4o-mini", "version": "2024-07-18", "deprecation": { "inference": "2026-12-31T00:00:00Z" } } }),
            json!({ "name": "gpt-4o", "version": "1", "deprecation": { "inference": "2027-01-02" } }),
        ];
        assert_eq!(retirement(&models, "gpt-4o-mini", "2024-07-18"), Some(datetime!(2026-12-31 0:00 UTC)));
        assert_eq!(retirement(&models, "GPT-4o", "1"), Some(datetime!(2027-01-02 0:00 UTC)));
        assert_eq!(retirement(&models, "gpt-4o", "2"), None);
    }
}
