//! What the gateway serves: everything that ARM stores of one service, compiled. Immutable; a request keeps one from its first to its
//! last byte.

mod apis;
mod backends;
mod build;
mod consumers;
mod documents;
mod read;

use std::collections::HashMap;
use std::sync::Arc;

use http::Method;
use http::header::HeaderName;
use time::OffsetDateTime;

pub use self::build::{BuildError, Builder, Overrides};
use super::keys::KeyIndex;
use super::program::Program;
use super::router::Routes;
use crate::arm::ResourceId;
use crate::policy::{Gateway, Scope, Section};
use crate::support::finding::Finding;
use crate::support::secret::Secret;
use crate::support::source::Sources;

macro_rules! index {
    ($(#[$note:meta])* $name:ident) => {
        $(#[$note])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub u32);
    };
}
index!(
    /// Place in [`Snapshot::apis`].
    ApiIndex
);
index!(
    /// Place in [`Snapshot::operations`].
    OperationIndex
);
index!(
    /// Place in [`Snapshot::products`].
    ProductIndex
);
index!(
    /// Place in [`Snapshot::subscriptions`].
    SubscriptionIndex
);
index!(
    /// Place in [`Snapshot::backends`].
    BackendIndex
);
index!(
    /// Place in [`Snapshot::documents`].
    DocumentIndex
);

/// One service as of one revision of the store.
#[derive(Debug)]
pub struct Snapshot {
    /// Revision of the store that it was made from.
    pub revision: u64,
    /// The service.
    pub service: Service,
    /// Whether the service's Application Insights diagnostic sends custom metrics.
    pub metrics: bool,
    /// APIs, every revision and version.
    pub apis: Vec<Api>,
    /// Operations of all APIs.
    pub operations: Vec<Operation>,
    /// Products.
    pub products: Vec<Product>,
    /// Subscriptions.
    pub subscriptions: Vec<Subscription>,
    /// Backends.
    pub backends: Vec<Backend>,
    /// Backend places by lower-case name.
    pub backend_names: HashMap<Box<str>, BackendIndex>,
    /// Policy documents; one that has not changed is shared with the snapshot before.
    pub documents: Vec<Arc<Document>>,
    /// The document of all APIs.
    pub global_document: Option<DocumentIndex>,
    /// Values of secret named values, that no trace may show.
    pub secrets: Vec<Secret<String>>,
    /// Users by id.
    pub users: HashMap<Box<str>, User>,
    /// Resources that hold what the gateway cannot read; those of policies are with their documents.
    pub findings: Vec<Finding>,
    /// APIs and operations by path.
    pub routes: Routes,
    /// Subscriptions by key.
    pub keys: KeyIndex,
}

/// The service itself.
#[derive(Debug, Clone)]
pub struct Service {
    /// ARM id.
    pub id: ResourceId,
    /// `apim-doveia-openai`.
    pub name: String,
    /// Region as it is shown: `East US`.
    pub location: String,
    /// What tier of gateway it has.
    pub gateway: Gateway,
    /// Principal of the system-assigned identity.
    pub principal: Option<Principal>,
    /// Principals of user-assigned identities, by client id.
    pub user_assigned: Vec<Principal>,
    /// Tenant.
    pub tenant_id: String,
    /// `https://apim-doveia-openai.azure-api.net`.
    pub gateway_url: Arc<BaseUrl>,
}

/// An identity of the service.
#[derive(Debug, Clone)]
pub struct Principal {
    /// Object id: what role assignments name.
    pub principal_id: String,
    /// Application id.
    pub client_id: String,
}

/// An API.
#[derive(Debug)]
pub struct Api {
    /// ARM id.
    pub id: ResourceId,
    /// `context.Api.Id`: the name of the resource without `;rev=`.
    pub name: String,
    /// `context.Api.Name`.
    pub display_name: String,
    /// Path below the gateway's root, without slashes at the ends.
    pub path: String,
    /// Revision number.
    pub revision: String,
    /// Whether it is the current revision.
    pub is_current: bool,
    /// Version, if it belongs to a version set.
    pub version: Option<String>,
    /// `serviceUrl`.
    pub service_url: Option<Arc<BaseUrl>>,
    /// Whether `http` and `https` are allowed.
    pub protocols: Vec<String>,
    /// Whether a subscription key is needed.
    pub subscription_required: bool,
    /// Where the key stands.
    pub key_names: KeyNames,
    /// Its operations.
    pub operations: Vec<OperationIndex>,
    /// Products that link it.
    pub products: Vec<ProductIndex>,
    /// Its policies.
    pub document: Option<DocumentIndex>,
    /// `WWW-Authenticate` needs it: path with a slash in front.
    pub realm_path: String,
    /// Whether it is passed through as a WebSocket.
    pub websocket: bool,
    /// Whether its own Application Insights diagnostic sends custom metrics, if it has one.
    pub metrics: Option<bool>,
    /// Why its requests cannot be served here, whatever its policies are.
    pub poison: Option<Arc<str>>,
}

/// `subscriptionKeyParameterNames`.
#[derive(Debug, Clone)]
pub struct KeyNames {
    /// Header, as written and as looked up.
    pub header: HeaderName,
    /// Its spelling, for the challenge and `context.Api`.
    pub header_text: String,
    /// Query parameter.
    pub query: String,
    /// Whether `Authorization: Bearer <key>` counts (in no published contract; seen in Microsoft's samples).
    pub bearer: bool,
}

/// An operation.
#[derive(Debug)]
pub struct Operation {
    /// ARM id.
    pub id: ResourceId,
    /// `context.Operation.Id`.
    pub name: String,
    /// `context.Operation.Name`.
    pub display_name: String,
    /// Method; `*` of the portal is none.
    pub method: Option<Method>,
    /// `/deployments/{deployment-id}/chat/completions`.
    pub url_template: String,
    /// Its policies.
    pub document: Option<DocumentIndex>,
    /// Names of its template parameters, in the order of the template.
    pub parameters: Vec<Arc<str>>,
    /// Responses with their representations, for `mock-response`: `properties.responses` as stored.
    pub responses: serde_json::Value,
    /// Whether the API is passed through as a WebSocket.
    pub websocket: bool,
}

/// A product.
#[derive(Debug)]
pub struct Product {
    /// ARM id.
    pub id: ResourceId,
    /// `context.Product.Id`.
    pub name: String,
    /// `context.Product.Name`.
    pub display_name: String,
    /// Whether it needs a key; one that does not is open.
    pub subscription_required: bool,
    /// Whether subscriptions need approval.
    pub approval_required: bool,
    /// Whether it is published.
    pub published: bool,
    /// `subscriptionsLimit`.
    pub subscriptions_limit: Option<i32>,
    /// APIs that it links.
    pub apis: Vec<ApiIndex>,
    /// Groups that see it: id and name.
    pub groups: Vec<(String, String)>,
    /// Its policies.
    pub document: Option<DocumentIndex>,
}

/// What a subscription opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscriptionScope {
    /// Every API (`/apis`), and the built-in `master`.
    AllApis,
    /// One API, in every revision.
    Api(ApiIndex),
    /// The APIs of a product.
    Product(ProductIndex),
    /// Something that is not there any more.
    Nothing,
}

/// A subscription.
#[derive(Debug)]
pub struct Subscription {
    /// ARM id.
    pub id: ResourceId,
    /// `context.Subscription.Id`.
    pub name: String,
    /// `context.Subscription.Name`.
    pub display_name: String,
    /// Whether its state is `active`; no other passes.
    pub active: bool,
    /// What it opens.
    pub scope: SubscriptionScope,
    /// Whether it is the built-in all-access subscription.
    pub master: bool,
    /// Primary key.
    pub primary_key: Secret<String>,
    /// Secondary key.
    pub secondary_key: Secret<String>,
    /// Owner's id.
    pub owner: Option<Box<str>>,
    /// Whether its key may ask for traces.
    pub allow_tracing: bool,
    /// When it was made.
    pub created: Option<OffsetDateTime>,
    /// First day.
    pub start: Option<OffsetDateTime>,
    /// Last day.
    pub end: Option<OffsetDateTime>,
}

/// A user.
#[derive(Debug, Clone)]
pub struct User {
    /// Id.
    pub id: String,
    /// E-mail.
    pub email: String,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// Note.
    pub note: String,
    /// Groups: id and name.
    pub groups: Vec<(String, String)>,
    /// When they registered.
    pub registered: Option<OffsetDateTime>,
    /// Whether they may call nothing.
    pub blocked: bool,
}

/// Scheme, host, port and the path in front of everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl {
    /// `https`.
    pub https: bool,
    /// Host, without port.
    pub host: String,
    /// Port, if it is not the scheme's own.
    pub port: Option<u16>,
    /// Path without a slash at its end; empty for the root.
    pub path: String,
    /// What a call to it needs, once it is needed.
    pub prepared: super::backend::target::Prepared,
}

/// A backend entity.
#[derive(Debug)]
pub struct Backend {
    /// ARM id.
    pub id: ResourceId,
    /// `aoai-primary-backend`.
    pub name: String,
    /// Single or pool, with all that belongs to it (`gateway::backend`).
    pub kind: super::backend::Kind,
}

/// A policy document, compiled.
#[derive(Debug)]
pub struct Document {
    /// ARM id of the policy resource.
    pub id: ResourceId,
    /// Where it is attached.
    pub scope: Scope,
    /// Its sections in the order of [`Section::ALL`]; `None` for an element that is not there.
    pub sections: [Option<Program>; 4],
    /// Why requests that need it cannot be served, if so.
    pub poison: Option<Arc<str>>,
    /// Everything that is wrong with it; places are of `sources`.
    pub findings: Vec<Finding>,
    /// Its text and those of the fragments, for findings and traces.
    pub sources: Arc<Sources>,
}

impl Document {
    /// The compiled section.
    #[must_use]
    pub const fn section(&self, section: Section) -> Option<&Program> {
        self.sections[section as usize].as_ref()
    }
}

impl Snapshot {
    /// An API.
    #[must_use]
    pub fn api(&self, index: ApiIndex) -> Option<&Api> {
        self.apis.get(index.0 as usize)
    }

    /// An operation.
    #[must_use]
    pub fn operation(&self, index: OperationIndex) -> Option<&Operation> {
        self.operations.get(index.0 as usize)
    }

    /// A product.
    #[must_use]
    pub fn product(&self, index: ProductIndex) -> Option<&Product> {
        self.products.get(index.0 as usize)
    }

    /// A subscription.
    #[must_use]
    pub fn subscription(&self, index: SubscriptionIndex) -> Option<&Subscription> {
        self.subscriptions.get(index.0 as usize)
    }

    /// A backend.
    #[must_use]
    pub fn backend(&self, index: BackendIndex) -> Option<&Backend> {
        self.backends.get(index.0 as usize)
    }

    /// Whether custom metrics of an API's requests are sent: its own diagnostic decides, else that of the service.
    #[must_use]
    pub fn sends_metrics(&self, api: Option<ApiIndex>) -> bool {
        api.and_then(|index| self.api(index)?.metrics).unwrap_or(self.metrics)
    }

    /// A document.
    #[must_use]
    pub fn document(&self, index: DocumentIndex) -> Option<&Document> {
        self.documents.get(index.0 as usize).map(|document| &**document)
    }

    /// The backend of that name (not case-sensitive, as ids are not).
    #[must_use]
    pub fn backend_named(&self, name: &str) -> Option<BackendIndex> {
        match self.backend_names.get(name) {
            Some(index) => Some(*index),
            None => self.backend_names.get(name.to_ascii_lowercase().as_str()).copied(),
        }
    }
}

impl std::fmt::Display for BaseUrl {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}://{}", if self.https { "https" } else { "http" }, self.host)?;
        if let Some(port) = self.port {
            write!(formatter, ":{port}")?;
        }
        formatter.write_str(&self.path)
    }
}

impl BaseUrl {
    /// The root of a host, over https.
    #[must_use]
    pub fn of_host(host: String) -> Self {
        Self { https: true, host, port: None, path: String::new(), prepared: super::backend::target::Prepared::default() }
    }

    /// Reads an absolute `http` or `https` URL; query and fragment are dropped.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let url = url::Url::parse(text.trim()).ok()?;
        let https = match url.scheme() {
            "https" | "wss" => true,
            "http" | "ws" => false,
            _ => return None,
        };
        Some(Self {
            https,
            host: url.host_str()?.to_owned(),
            port: url.port(),
            path: url.path().trim_end_matches('/').to_owned(),
            prepared: super::backend::target::Prepared::default(),
        })
    }
}
