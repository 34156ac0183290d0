//! The tutorial's troubleshooting section, as code: from an answer to what is likely behind it and the command that mends it.

use super::documents::Documents;
use super::gateway::{Told as _, Unanswered};
use super::outcome::Cause;
use super::routes::Api;
use super::subject::Subject;
use crate::deploy::resource::ExpectedAccount;
use crate::scenario::Answer;

/// How a client sends its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// The API's own header.
    KeyHeader,
    /// The query parameter.
    Query,
    /// `Authorization: Bearer`.
    Bearer,
    /// `AzureOpenAI(…)`: `/openai/deployments/…` and the header `api-key`.
    AzureSdk,
    /// `OpenAI(base_url=…/openai/v1)`: `/openai/v1/…` and a bearer token.
    OpenAiSdk,
}

impl Style {
    /// Part of the check's name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::KeyHeader => "key-header",
            Self::Query => "query",
            Self::Bearer => "bearer",
            Self::AzureSdk => "azure-openai-sdk",
            Self::OpenAiSdk => "openai-sdk",
        }
    }

    /// In words.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::KeyHeader => "the key in its header",
            Self::Query => "the key in the query",
            Self::Bearer => "the key as a bearer token",
            Self::AzureSdk => "the Azure OpenAI SDK",
            Self::OpenAiSdk => "the OpenAI SDK",
        }
    }
}

/// Why a client got no answer from a model.
pub(super) fn causes(subject: &Subject<'_>, api: &Api, style: Style, answer: &Answer) -> Vec<Cause> {
    match answer.code() {
        401 if answer.is_of_gateway() => refused_by_gateway(subject, api, style, answer),
        401 | 403 => refused_by_account(subject, api, style, answer),
        404 if answer.is_of_gateway() => no_route(subject, api, style),
        404 => no_deployment(subject, answer),
        429 if answer.is_of_gateway() => vec![Cause::new(
            "a limit of the gateway's own policy is used up",
            format!(
                "wait {}, or raise `tokens-per-minute` or `calls` in the policy of `{}` and run: {}",
                retry_after(answer),
                api.name(),
                subject.commands.of("apply")
            ),
        )],
        429 => vec![Cause::new("the quota of the Azure OpenAI account that answered is used up", quota_cure(subject, answer))],
        500 => vec![Cause::new(
            "a policy threw an exception, or the backend could not be reached and nothing in the policy deals with that",
            format!("look at every statement of such a request: {}", subject.commands.trace()),
        )],
        503 => vec![Cause::new(
            "every member of the pool is left out at the moment (their circuit breakers have tripped)",
            format!("wait {}, and look at the accounts' own metrics for 429 and 5xx", retry_after(answer)),
        )],
        400 => vec![Cause::new(
            "the account takes no such request: its model or its api-version is another one",
            format!("compare the deployments' models and the api-version that clients send; what the account said: {}", answer.message()),
        )],
        _ => vec![Cause::new(
            format!("status {} is none that this check knows", answer.code()),
            format!("look at every statement of such a request: {}", subject.commands.trace()),
        )],
    }
}

/// Why nothing answered.
pub(super) fn unanswered(subject: &Subject<'_>, error: &Unanswered) -> Vec<Cause> {
    let text = error.reason.to_ascii_lowercase();
    let cause = if text.contains("certificate") || text.contains("unknownissuer") {
        Cause::new(
            "the gateway's certificate is not trusted on this machine",
            "name its authority: export SSL_CERT_FILE=…/ca.pem (both authorities in one file, if ARM has another)",
        )
    } else if text.contains("dns") || text.contains("lookup") || text.contains("resolve") {
        Cause::new(
            format!("the name `{}` is not known: the service is not there, or it is private to a virtual network", error.host),
            format!(
                "look at the service: {}; from inside the network, or with `--gateway URL`, run verify again",
                subject.commands.of("plan")
            ),
        )
    } else if text.contains("refused") || text.contains("connect") {
        Cause::new(
            "nothing listens there, or a firewall keeps this machine out",
            "check the address (`--gateway URL`), `publicNetworkAccess` of the service, and HTTPS_PROXY/NO_PROXY",
        )
    } else {
        Cause::new(
            "the connection broke or took too long",
            "run verify again; if it stays so, look at the network between here and the gateway",
        )
    };
    vec![cause]
}

fn refused_by_gateway(subject: &Subject<'_>, api: &Api, style: Style, answer: &Answer) -> Vec<Cause> {
    let missing = answer.message().to_ascii_lowercase().contains("missing");
    let apply = subject.commands.of("apply");
    if matches!(style, Style::Bearer | Style::OpenAiSdk) && !api.bearer {
        return vec![Cause::new(
            format!(
                "the key is checked before any policy of `{}` runs, and the API does not take it as a bearer token; a `set-header` in `<inbound>` comes too late",
                api.name()
            ),
            format!("add `clients: [subscription-key, bearer]` to the API and run: {apply}"),
        )];
    }
    if matches!(style, Style::Bearer | Style::OpenAiSdk) {
        return vec![Cause::new(
            "the service has `bearer: enabled` and does not act on it: it is in no published contract, and this service may not know it",
            format!("set `bearer: loopback` on the API and run: {apply}"),
        )];
    }
    if missing {
        return vec![Cause::new(
            format!(
                "the gateway looks for the key elsewhere: `{}` reads the header `{}` or the query parameter `{}`",
                api.name(),
                api.header,
                api.query
            ),
            format!("send it there, or add `clients:` to the API so that every kind of client works, and run: {apply}"),
        )];
    }
    vec![
        Cause::new(
            format!("the key is of no active subscription whose scope includes `{}`", api.name()),
            format!("look at keys, scopes and states: {}", subject.commands.of("keys")),
        ),
        Cause::new("the gateway has not heard of the key yet: a change takes up to a minute to reach it", subject.commands.of("verify")),
    ]
}

/// Headers that accounts look for a key of their own in.
const ACCOUNT_KEYS: [&str; 2] = ["api-key", "ocp-apim-subscription-key"];

/// Whether a client's key goes on to the account in a header that the account reads.
fn leaks_key(subject: &Subject<'_>, api: &Api, style: Style) -> bool {
    let header = match style {
        Style::KeyHeader => api.header.as_str(),
        Style::AzureSdk => "api-key",
        Style::Query | Style::Bearer | Style::OpenAiSdk => return false,
    };
    let deletes = |element: &crate::policy::Element| {
        element.name == "set-header"
            && element.literal("name").is_some_and(|name| name.eq_ignore_ascii_case(header))
            && element.literal("exists-action").is_some_and(|action| action == "delete")
    };
    ACCOUNT_KEYS.contains(&header) && !Documents::read(subject).has(&api.id, deletes)
}

fn refused_by_account(subject: &Subject<'_>, api: &Api, style: Style, answer: &Answer) -> Vec<Cause> {
    let code = answer.model_error().unwrap_or_default();
    if answer.code() == 401 && !code.eq_ignore_ascii_case("PermissionDenied") && leaks_key(subject, api, style) {
        return vec![Cause::new(
            format!(
                "the client's key goes on to the account in the header `{}`, and the account takes it for a key of its own",
                api.header
            ),
            format!(
                "write <set-header name=\"{}\" exists-action=\"delete\" /> in `<inbound>` of the policy of `{}` and run: {}",
                api.header,
                api.name(),
                subject.commands.of("apply")
            ),
        )];
    }
    if code.eq_ignore_ascii_case("PermissionDenied") || answer.code() == 403 {
        let mut causes = vec![Cause::new(
            "the service's identity has no role on the account that answered, or the role has not taken effect yet (documented: up to 10 minutes)",
            format!("{}\n{}", subject.commands.of("apply"), role_commands(subject)),
        )];
        if answer.code() == 403 {
            causes.push(Cause::new(
                "the account lets only some networks in",
                "allow the gateway's address: az cognitiveservices account network-rule add --ip-address …",
            ));
        }
        return causes;
    }
    vec![
        Cause::new(
            "the account got no token that it takes: the backend has no managed identity among its credentials, or another audience than https://cognitiveservices.azure.com",
            format!("write `openAI: <account>` at the backend, which sets both, and run: {}", subject.commands.of("apply")),
        ),
        Cause::new(
            "the account has no custom subdomain, so it takes no Entra tokens at all",
            subject.desired.accounts.iter().map(subdomain_command).collect::<Vec<_>>().join("\n"),
        ),
    ]
}

fn subdomain_command(account: &ExpectedAccount) -> String {
    format!(
        "az cognitiveservices account update --name {} --resource-group {} --custom-domain {}",
        account.id.name(),
        account.id.group_name().unwrap_or_default(),
        account.id.name()
    )
}

fn role_commands(subject: &Subject<'_>) -> String {
    let commands = subject.desired.accounts.iter().map(|account| {
        format!(
            "az role assignment create --role \"Cognitive Services OpenAI User\" --assignee-object-id <principal id of the service> --assignee-principal-type ServicePrincipal --scope {}",
            account.id
        )
    });
    commands.collect::<Vec<_>>().join("\n")
}

fn no_route(subject: &Subject<'_>, api: &Api, style: Style) -> Vec<Cause> {
    let apply = subject.commands.of("apply");
    if matches!(style, Style::AzureSdk | Style::OpenAiSdk) {
        return vec![Cause::new(
            format!("SDKs call `/openai/…`, and no API of the service answers there: `{}` has the path `/{}`", api.name(), api.path),
            format!("add `clients: [subscription-key, azure-openai-sdk]` to the API, which makes a twin for them, and run: {apply}"),
        )];
    }
    vec![
        Cause::new(
            format!("no operation of `{}` matches method and path", api.name()),
            format!("compare `urlTemplate` and `path`: {}", subject.commands.of("plan")),
        ),
        Cause::new("the gateway does not know the API yet: a change takes up to a minute to reach it", subject.commands.of("verify")),
    ]
}

fn no_deployment(subject: &Subject<'_>, answer: &Answer) -> Vec<Cause> {
    if answer.model_error().is_some_and(|code| code.eq_ignore_ascii_case("DeploymentNotFound")) {
        let lists = subject.desired.accounts.iter().map(|account| {
            format!(
                "az cognitiveservices account deployment list --name {} --resource-group {} --output table",
                account.id.name(),
                account.id.group_name().unwrap_or_default()
            )
        });
        return vec![Cause::new(
            "an account has no deployment of this name: the names must be the same in every account of the pool",
            lists.collect::<Vec<_>>().join("\n"),
        )];
    }
    vec![Cause::new(
        "the account does not know the path: the backend's address lacks `/openai`, or the api-version is not one of its",
        format!("write `openAI: <account>` at the backend, which sets the address, and run: {}", subject.commands.of("apply")),
    )]
}

fn quota_cure(subject: &Subject<'_>, answer: &Answer) -> String {
    let region = answer.region();
    let account = subject
        .desired
        .accounts
        .iter()
        .find(|account| account.account.location.as_deref().map(super::gateway::plain_region) == region && region.is_some());
    let account = account.or(subject.desired.accounts.first());
    let deployment = account.and_then(|account| account.account.deployments.first()).map_or("<deployment>", |deployment| deployment.name());
    let name = account.map_or("<account>", |account| account.id.name());
    let group = account.and_then(|account| account.id.group_name()).unwrap_or("<group>");
    format!(
        "wait {}, or raise the capacity: az cognitiveservices account deployment update --name {name} --resource-group {group} --deployment-name {deployment} --sku-capacity <thousands of tokens a minute>",
        retry_after(answer)
    )
}

fn retry_after(answer: &Answer) -> String {
    answer.header("retry-after").map_or_else(|| "a minute".to_owned(), |seconds| format!("{seconds} s"))
}

/// One line about an answer that was not a success.
pub(super) fn short(answer: &Answer) -> String {
    let who = if answer.is_of_gateway() {
        "the gateway"
    } else if answer.model_error().is_some() {
        "the account"
    } else {
        "whoever answered"
    };
    format!("{} ({who} says: {})", answer.code(), answer.message())
}
