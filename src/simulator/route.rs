//! Which operation of which API a request asks for.

use bytes::Bytes;
use http::Method;
use http::request::Parts;
use percent_encoding::percent_decode_str;
use serde::Deserialize;

use super::error::WireError;

/// What can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// `POST …/chat/completions`.
    ChatCompletions,
    /// `POST …/completions`.
    Completions,
    /// `POST …/embeddings`.
    Embeddings,
    /// `POST …/responses`.
    Responses,
    /// `GET` and `DELETE …/responses/{id}`.
    StoredResponse,
    /// `GET …/models` and `…/models/{id}`.
    Models,
    /// `GET …/deployments` and `…/deployments/{id}`.
    Deployments,
    /// `POST /contentsafety/text:analyze`.
    AnalyzeText,
    /// `POST /contentsafety/text:shieldPrompt`.
    ShieldPrompt,
}

impl Operation {
    /// All, in the order in which messages list them.
    pub const ALL: [Self; 9] = [
        Self::ChatCompletions,
        Self::Completions,
        Self::Embeddings,
        Self::Responses,
        Self::StoredResponse,
        Self::Models,
        Self::Deployments,
        Self::AnalyzeText,
        Self::ShieldPrompt,
    ];

    /// Its name in behavior files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ChatCompletions => "chatCompletions",
            Self::Completions => "completions",
            Self::Embeddings => "embeddings",
            Self::Responses => "responses",
            Self::StoredResponse => "storedResponse",
            Self::Models => "models",
            Self::Deployments => "deployments",
            Self::AnalyzeText => "analyzeText",
            Self::ShieldPrompt => "shieldPrompt",
        }
    }

    /// As rate-limit messages name it (`ChatCompletions_Create` and `Embeddings_Create` are seen, the others assumed).
    pub(super) const fn service_name(self) -> &'static str {
        match self {
            Self::ChatCompletions => "ChatCompletions_Create",
            Self::Completions => "Completions_Create",
            Self::Embeddings => "Embeddings_Create",
            Self::Responses | Self::StoredResponse => "Responses_Create",
            Self::Models => "Models_List",
            Self::Deployments => "Deployments_List",
            Self::AnalyzeText => "AnalyzeText",
            Self::ShieldPrompt => "ShieldPrompt",
        }
    }

    /// As the error of a model that cannot do it names it.
    pub(super) const fn verb(self) -> &'static str {
        match self {
            Self::ChatCompletions => "chatCompletion",
            Self::Completions => "completion",
            Self::Embeddings => "embeddings",
            _ => "responses",
        }
    }

    /// The data action that a role must grant. That of chat completions and responses is seen, the others follow Microsoft's list of the role
    /// `Cognitive Services OpenAI User`.
    pub(super) const fn data_action(self) -> &'static str {
        match self {
            Self::ChatCompletions => "Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action",
            Self::Completions => "Microsoft.CognitiveServices/accounts/OpenAI/deployments/completions/action",
            Self::Embeddings => "Microsoft.CognitiveServices/accounts/OpenAI/deployments/embeddings/action",
            Self::Responses => "Microsoft.CognitiveServices/accounts/OpenAI/responses/write",
            Self::StoredResponse => "Microsoft.CognitiveServices/accounts/OpenAI/responses/read",
            Self::Models => "Microsoft.CognitiveServices/accounts/OpenAI/models/read",
            Self::Deployments => "Microsoft.CognitiveServices/accounts/OpenAI/deployments/read",
            Self::AnalyzeText => "Microsoft.CognitiveServices/accounts/ContentSafety/text:analyze/action",
            Self::ShieldPrompt => "Microsoft.CognitiveServices/accounts/ContentSafety/text:shieldprompt/action",
        }
    }
}

/// How a URL names the version of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Surface {
    /// `/openai/deployments/…?api-version=…`.
    Dated,
    /// `/openai/v1/…`.
    V1,
    /// `/contentsafety/…?api-version=…`.
    ContentSafety,
}

/// A request as far as its URL tells, and the deployment that its body names if the URL does not.
#[derive(Debug, Clone)]
pub(super) struct Route {
    pub(super) operation: Operation,
    pub(super) surface: Surface,
    /// `api-version`, as it is given.
    pub(super) version: Option<String>,
    /// Deployment, from the URL or the body's `model`.
    pub(super) deployment: Option<String>,
    /// What the URL names beyond it: a model, a response.
    pub(super) id: Option<String>,
    pub(super) method: Method,
}

/// All that the body says about where it is to go.
#[derive(Deserialize)]
struct Named {
    model: Option<String>,
}

impl Route {
    /// Finds the operation. Unknown paths and methods are the front end's 404.
    pub(super) fn of(parts: &Parts, body: &Bytes) -> Result<Self, WireError> {
        let path = parts.uri.path();
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let decoded = |segment: &str| percent_decode_str(segment).decode_utf8_lossy().into_owned();
        let version = parameter(parts, "api-version");
        let route = |operation, surface, deployment: Option<&str>, id: Option<&str>| Self {
            operation,
            surface,
            version: version.clone(),
            deployment: deployment.map(decoded),
            id: id.map(decoded),
            method: parts.method.clone(),
        };
        let get = parts.method == Method::GET;
        let post = parts.method == Method::POST;
        let lower: Vec<String> = segments.iter().take(4).map(|segment| segment.to_ascii_lowercase()).collect();
        let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
        let found = match lower.as_slice() {
            ["openai", "deployments", _, ..] => match (segments.get(2), segments.get(3..).unwrap_or_default()) {
                (Some(name), ["chat", "completions"]) if post => Some((Operation::ChatCompletions, Surface::Dated, Some(*name), None)),
                (Some(name), ["completions"]) if post => Some((Operation::Completions, Surface::Dated, Some(*name), None)),
                (Some(name), ["embeddings"]) if post => Some((Operation::Embeddings, Surface::Dated, Some(*name), None)),
                (Some(name), []) if get => Some((Operation::Deployments, Surface::Dated, None, Some(*name))),
                _ => None,
            },
            ["openai", "v1", ..] => {
                Self::plain(segments.get(2..).unwrap_or_default(), &parts.method).map(|(operation, id)| (operation, Surface::V1, None, id))
            }
            ["openai", "deployments"] if get => Some((Operation::Deployments, Surface::Dated, None, None)),
            ["openai", ..] => match Self::plain(segments.get(1..).unwrap_or_default(), &parts.method) {
                Some((operation @ (Operation::Responses | Operation::StoredResponse | Operation::Models), id)) => {
                    Some((operation, Surface::Dated, None, id))
                }
                _ => None,
            },
            ["contentsafety", "text:analyze"] if post => Some((Operation::AnalyzeText, Surface::ContentSafety, None, None)),
            ["contentsafety", "text:shieldprompt"] if post => Some((Operation::ShieldPrompt, Surface::ContentSafety, None, None)),
            _ => None,
        };
        let Some((operation, surface, deployment, id)) = found else { return Err(WireError::no_resource()) };
        let mut route = route(operation, surface, deployment, id);
        let in_body =
            matches!(operation, Operation::ChatCompletions | Operation::Completions | Operation::Embeddings | Operation::Responses);
        if route.deployment.is_none() && in_body {
            route.deployment = serde_json::from_slice::<Named>(body).ok().and_then(|named| named.model);
        }
        Ok(route)
    }

    /// Paths below `/openai/v1`, some of which are below `/openai` too.
    fn plain<'a>(segments: &[&'a str], method: &Method) -> Option<(Operation, Option<&'a str>)> {
        let (get, post) = (method == Method::GET, method == Method::POST);
        match *segments {
            ["chat", "completions"] if post => Some((Operation::ChatCompletions, None)),
            ["completions"] if post => Some((Operation::Completions, None)),
            ["embeddings"] if post => Some((Operation::Embeddings, None)),
            ["responses"] if post => Some((Operation::Responses, None)),
            ["responses", id] if get || method == Method::DELETE => Some((Operation::StoredResponse, Some(id))),
            ["models"] if get => Some((Operation::Models, None)),
            ["models", id] if get => Some((Operation::Models, Some(id))),
            _ => None,
        }
    }

    /// Whether the API has this operation in this version.
    ///
    /// A missing or unknown `api-version` is the front end's 404 (seen). A version is known if it is a date from 2022-12-01 on, with or without
    /// `-preview` (assumed: the service knows a list, which grows); the responses API came with 2025-03-01-preview (documented).
    pub(super) fn check_version(&self) -> Result<(), WireError> {
        match (&self.surface, self.version.as_deref()) {
            (Surface::V1, None | Some("preview" | "latest" | "v1")) => Ok(()),
            (Surface::V1, Some(_)) => Err(WireError::version_not_supported()),
            (_, None) => Err(WireError::no_resource()),
            (surface, Some(version)) => {
                let since = match (surface, self.operation) {
                    (Surface::ContentSafety, _) => "2023-10-01",
                    (_, Operation::Responses | Operation::StoredResponse) => "2025-03-01",
                    (_, Operation::ChatCompletions) => "2023-03-15",
                    _ => "2022-12-01",
                };
                let fits = is_version(version).is_some_and(|date| date >= since) || (*surface == Surface::Dated && version == "preview");
                if fits { Ok(()) } else { Err(WireError::no_resource()) }
            }
        }
    }

    /// The version as messages name it.
    pub(super) fn shown_version(&self) -> &str {
        self.version.as_deref().unwrap_or("v1")
    }
}

/// The date of `2024-02-15-preview`.
fn is_version(version: &str) -> Option<&str> {
    let date = version.strip_suffix("-preview").unwrap_or(version);
    let shape = date.len() == 10
        && date.bytes().enumerate().all(|(index, byte)| if matches!(index, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() });
    shape.then_some(date)
}

/// The first query parameter of that name.
pub(super) fn parameter(parts: &Parts, name: &str) -> Option<String> {
    let query = parts.uri.query()?;
    url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}
