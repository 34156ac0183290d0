//! `context`: what an expression sees of the request, offered by whoever runs it.

use bytes::Bytes;

use super::types::{self, Type, known};
use super::value::Value;
use crate::support::secret::Secret;

/// What sort of object of the host a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HostKind {
    /// `context` itself.
    Context,
    /// `context.Api`.
    Api,
    /// `context.Api.SubscriptionKeyParameterNames`.
    KeyNames,
    /// `context.Deployment`.
    Deployment,
    /// `context.Deployment.Gateway`.
    Gateway,
    /// `context.LastError`.
    LastError,
    /// `context.Operation`.
    Operation,
    /// `context.Product`.
    Product,
    /// `context.Request`.
    Request,
    /// `context.Response`, and what `send-request` stores.
    Response,
    /// `context.Subscription`.
    Subscription,
    /// `context.User`.
    User,
    /// A group of a user or product.
    Group,
    /// An identity of a user.
    Identity,
    /// `context.Workspace`.
    Workspace,
    /// `context.Backend`.
    Backend,
    /// `context.Request.PrivateEndpointConnection`.
    PrivateEndpoint,
    /// `context.Request.Foundry`.
    Foundry,
    /// A URL.
    Url,
    /// A body.
    Body,
    /// Headers or query parameters: a name and its values.
    TextLists,
    /// Matched parameters: a name and its value.
    Texts,
    /// `context.Variables`.
    Variables,
    /// `context.Deployment.Certificates`.
    Certificates,
    /// What `get-authorization-context` stores: its properties are `AccessToken` and `Claims`, a map of the sort [`Self::Variables`].
    Authorization,
}

impl HostKind {
    pub(crate) fn ty(self) -> Type {
        let map = |value: Type| types::generic("IReadOnlyDictionary", &[known().string, value]);
        match self {
            Self::Context => known().context,
            Self::Api => types::named("IContextApi"),
            Self::KeyNames => types::named("ISubscriptionKeyParameterNames"),
            Self::Deployment => types::named("IDeployment"),
            Self::Gateway => types::named("IGateway"),
            Self::LastError => types::named("ILastError"),
            Self::Operation => types::named("IOperation"),
            Self::Product => types::named("IProduct"),
            Self::Request => types::named("IRequest"),
            Self::Response => types::named("IResponse"),
            Self::Subscription => types::named("ISubscription"),
            Self::User => types::named("IUser"),
            Self::Group => types::named("IGroup"),
            Self::Identity => types::named("IUserIdentity"),
            Self::Workspace => types::named("IWorkspace"),
            Self::Backend => types::named("IBackend"),
            Self::PrivateEndpoint => types::named("IPrivateEndpointConnection"),
            Self::Foundry => types::named("IFoundry"),
            Self::Url => types::named("IUrl"),
            Self::Body => types::named("IMessageBody"),
            Self::TextLists => map(types::array(known().string)),
            Self::Texts => map(known().string),
            Self::Variables => map(known().object),
            Self::Authorization => types::named("Authorization"),
            Self::Certificates => map(types::named("X509Certificate2")),
        }
    }
}

/// One object of the host. What `id` means is the host's own affair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Host {
    /// The sort.
    pub kind: HostKind,
    /// Which one of the sort.
    pub id: u32,
}

/// A value that outlives one evaluation: what `set-variable` keeps. It belongs to the [`super::Heap`] that it came from.
#[derive(Debug, Clone)]
pub struct Stored(pub(crate) Value);

/// What the host answers.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum HostValue {
    /// `null`.
    Null,
    /// A string.
    Text(String),
    /// A `bool`.
    Boolean(bool),
    /// An `int`.
    Integer(i32),
    /// A UTC `DateTime`, in ticks of 100 ns since year 1.
    DateTime(i64),
    /// A `TimeSpan`, in ticks of 100 ns.
    TimeSpan(i64),
    /// A `Guid`, in the order it is written.
    Guid([u8; 16]),
    /// Another object of the host.
    Object(Host),
    /// Several strings (`string[]`).
    Texts(Vec<String>),
    /// Several objects.
    Objects(Vec<Host>),
    /// An `X509Certificate2`: its DER bytes, and its private key in PKCS #8 (base64) if the host has it.
    Certificate(Vec<u8>, Option<Secret<String>>),
    /// A value of an earlier evaluation on the same heap.
    Stored(Stored),
}

/// A body, when it is asked for.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum BodyState {
    /// It has not arrived: evaluation stops, and goes on at the same place when it is run again.
    NotReady,
    /// It was read before without `preserveContent`.
    Consumed,
    /// Its bytes.
    Ready(Bytes),
}

/// What an expression asks of its surroundings.
pub trait ExpressionContext {
    /// A property of an object, by its C# name.
    fn property(&mut self, object: Host, name: &'static str) -> HostValue;
    /// The value of a key of a map.
    fn lookup(&mut self, map: Host, key: &str) -> Option<HostValue>;
    /// All keys and values of a map, in order.
    fn entries(&mut self, map: Host) -> Vec<(String, HostValue)>;
    /// The bytes of a body; without `preserve` this is the last time.
    fn body(&mut self, body: Host, preserve: bool) -> BodyState;
    /// `context.Trace`.
    fn trace(&mut self, message: &str);
    /// Now, in UTC ticks of 100 ns since year 1.
    fn utc_ticks(&mut self) -> i64;
    /// Fills with random bytes.
    fn random(&mut self, bytes: &mut [u8]);
}
