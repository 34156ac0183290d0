//! Runs documents on an exchange without sockets, for the tests of policies.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::arm::ResourceId;
use crate::gateway::answered;
use crate::gateway::exchange::{Arrival, Exchange, Original};
use crate::gateway::front::Peer;
use crate::gateway::message::{MessageBody, RequestMessage, RequestUrl};
use crate::gateway::pipeline::{self, Chain, Located};
use crate::gateway::program::{Environment, Flow, NamedValue, compile_document};
use crate::gateway::settings::Settings;
use crate::gateway::snapshot::{Api, ApiIndex, BaseUrl, Document, DocumentIndex, KeyNames, Operation, OperationIndex, Service, Snapshot};
use crate::gateway::state::State;
use crate::gateway::trace::Trace;
use crate::gateway::upstream::{ConnectFailure, Connected, Connector, HttpVersion, Phase, PoolLimits, Protocol, Target, Upstream};
use crate::gateway::worker::{Limits, Tracing, Worker};
use crate::identity::{KeySource, NoKeys};
use crate::policy::{self, Format, Gateway, Scope, Section};
use crate::support::clock::{SharedClock, VirtualClock};
use crate::support::random::SeededRandom;
use crate::support::secret::Secret;
use crate::support::source::{SourceText, Sources};

const SERVICE: &str =
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.ApiManagement/service/apim";

/// A request and the documents that it meets.
pub(super) struct Bench {
    documents: Vec<(Scope, String)>,
    fragments: Vec<(String, String)>,
    named_values: Vec<(String, String, bool)>,
    settings: Settings,
    pub(super) method: Method,
    pub(super) url: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<Bytes>,
    pub(super) template: String,
    pub(super) matched: Vec<(String, String)>,
    pub(super) responses: serde_json::Value,
    pub(super) caller: SocketAddr,
    pub(super) backend: Option<Backend>,
    pub(super) network: Network,
    keys: Arc<dyn KeySource>,
    traced: bool,
}

/// What a host answers to a request, by method, path with query, headers and body.
type Answer = dyn Fn(&http::request::Parts, Bytes) -> (Duration, http::Response<http_body_util::Full<Bytes>>) + Send + Sync;

/// Hosts in memory. Every connection is spoken HTTP on, as on a socket.
#[derive(Clone, Default)]
pub(super) struct Network {
    hosts: HashMap<String, Arc<Answer>>,
    /// Every request, as `METHOD host/path?query body`, in the order of arrival.
    pub(super) seen: Arc<Mutex<Vec<String>>>,
}

impl Connector for Network {
    fn connect<'a>(&'a self, target: &'a Target, _version: HttpVersion) -> BoxFuture<'a, Result<Connected, ConnectFailure>> {
        Box::pin(async move {
            let host = target.host().to_owned();
            let Some(answer) = self.hosts.get(&host).cloned() else {
                return Err(ConnectFailure::new(Phase::Connect, io::ErrorKind::ConnectionRefused.into()));
            };
            let seen = self.seen.clone();
            let (near, far) = tokio::io::duplex(64 * 1024);
            let service = hyper::service::service_fn(move |request: http::Request<hyper::body::Incoming>| {
                let (answer, seen, host) = (answer.clone(), seen.clone(), host.clone());
                async move {
                    let (parts, body) = request.into_parts();
                    let body = http_body_util::BodyExt::collect(body).await?.to_bytes();
                    let shown = String::from_utf8_lossy(&body).into_owned();
                    seen.lock().unwrap().push(format!("{} {host}{} {shown}", parts.method, parts.uri).trim_end().to_owned());
                    let (wait, response) = answer(&parts, body);
                    tokio::time::sleep(wait).await;
                    Ok::<_, hyper::Error>(response)
                }
            });
            tokio::spawn(async move {
                let _ = hyper::server::conn::http1::Builder::new().serve_connection(hyper_util::rt::TokioIo::new(far), service).await;
            });
            Ok(Connected { io: Box::new(near), protocol: Protocol::Http1 })
        })
    }
}

/// What the backend would answer: the tests of policies need none.
pub(super) struct Backend {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
}

/// How a run ended.
pub(super) struct Outcome {
    pub(super) exchange: Exchange,
    pub(super) flow: Option<Flow>,
    pub(super) error: Option<Box<Located>>,
}

impl Bench {
    /// One document for all APIs.
    pub(super) fn new(document: &str) -> Self {
        Self {
            documents: vec![(Scope::Global, document.to_owned())],
            fragments: Vec::new(),
            named_values: Vec::new(),
            settings: Settings::default(),
            method: Method::GET,
            url: "/echo/resource".to_owned(),
            headers: Vec::new(),
            body: None,
            template: "/resource".to_owned(),
            matched: Vec::new(),
            responses: serde_json::Value::Null,
            caller: SocketAddr::from(([203, 0, 113, 7], 4711)),
            backend: None,
            network: Network::default(),
            keys: Arc::new(NoKeys),
            traced: false,
        }
    }

    /// Only an inbound section.
    pub(super) fn inbound(policies: &str) -> Self {
        Self::new(&format!("<policies><inbound>{policies}</inbound></policies>"))
    }

    /// Only an outbound section; the backend has answered 200.
    pub(super) fn outbound(policies: &str, body: &'static str, content_type: &str) -> Self {
        let mut bench = Self::new(&format!("<policies><outbound>{policies}</outbound></policies>"));
        bench.backend = Some(Backend {
            status: 200,
            headers: vec![("content-type".to_owned(), content_type.to_owned())],
            body: Bytes::from_static(body.as_bytes()),
        });
        bench
    }

    pub(super) fn scope(mut self, scope: Scope, document: &str) -> Self {
        self.documents.push((scope, document.to_owned()));
        self
    }

    pub(super) fn fragment(mut self, name: &str, policies: &str) -> Self {
        self.fragments.push((name.to_owned(), format!("<fragment>{policies}</fragment>")));
        self
    }

    pub(super) fn named_value(mut self, name: &str, value: &str, secret: bool) -> Self {
        self.named_values.push((name.to_owned(), value.to_owned(), secret));
        self
    }

    pub(super) fn settings(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    pub(super) fn request(mut self, method: Method, url: &str) -> Self {
        self.method = method;
        self.url = url.to_owned();
        self
    }

    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn body(mut self, body: impl Into<Bytes>, content_type: &str) -> Self {
        self.method = Method::POST;
        self.body = Some(body.into());
        self.header("content-type", content_type)
    }

    pub(super) fn matched(mut self, template: &str, values: &[(&str, &str)]) -> Self {
        self.template = template.to_owned();
        self.matched = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self
    }

    /// A host that always answers this, after a while.
    pub(super) fn host(self, host: &str, seconds: u64, status: u16, body: &'static str) -> Self {
        self.answering(host, move |_, _| {
            let response = http::Response::builder().status(status).header("x-from", "host").body(body.into()).unwrap();
            (Duration::from_secs(seconds), response)
        })
    }

    pub(super) fn answering(
        mut self,
        host: &str,
        answer: impl Fn(&http::request::Parts, Bytes) -> (Duration, http::Response<http_body_util::Full<Bytes>>) + Send + Sync + 'static,
    ) -> Self {
        self.network.hosts.insert(host.to_owned(), Arc::new(answer));
        self
    }

    /// Issuers that the network does not know.
    pub(super) fn keys(mut self, keys: Arc<dyn KeySource>) -> Self {
        self.keys = keys;
        self
    }

    pub(super) fn traced(mut self) -> Self {
        self.traced = true;
        self
    }

    fn parse(text: &str) -> policy::Document {
        let mut sources = Sources::default();
        let shared: Arc<str> = Arc::from(text);
        let id = sources.add("policy.xml", shared.clone());
        policy::Document::parse(&SourceText::whole(id, shared), Format::RawXml).unwrap_or_else(|finding| panic!("{finding:?}\n{text}"))
    }

    /// The snapshot, and what cannot be run of it.
    pub(super) fn compiled(&self) -> (Arc<Worker>, Vec<String>) {
        let id = ResourceId::parse(SERVICE).unwrap();
        let service = Service {
            id: id.clone(),
            name: "apim".to_owned(),
            location: "East US".to_owned(),
            gateway: Gateway::Classic,
            principal: None,
            user_assigned: Vec::new(),
            tenant_id: "11111111-1111-1111-1111-111111111111".to_owned(),
            gateway_url: Arc::new(BaseUrl::parse("https://gateway.example").unwrap()),
        };
        let epoch = time::macros::datetime!(2026-11-01 12:00:00 UTC);
        let clock: SharedClock = Arc::new(VirtualClock::starting_at(epoch));
        let state = Arc::new(State::new(clock.clone(), Arc::new(SeededRandom::new(7))).with_keys(self.keys.clone()));
        let settings = Arc::new(self.settings.clone());
        let environment = Environment {
            service: service.clone(),
            named_values: self
                .named_values
                .iter()
                .map(|(name, value, secret)| {
                    (name.to_ascii_lowercase().into(), NamedValue { value: Secret::new(value.clone()), secret: *secret })
                })
                .collect(),
            fragments: self.fragments.iter().map(|(name, text)| (name.clone().into(), Arc::new(Self::parse(text)))).collect(),
            backends: HashMap::new(),
            certificates: HashMap::new(),
            loggers: HashMap::new(),
            settings: settings.clone(),
            state: state.clone(),
        };
        let mut problems = Vec::new();
        let mut documents = Vec::new();
        let mut places = HashMap::new();
        for (scope, text) in &self.documents {
            let (sections, found) = compile_document(&Self::parse(text), *scope, &environment);
            problems.extend(found.into_iter().map(|problem| problem.message));
            places.insert(*scope, DocumentIndex(u32::try_from(documents.len()).unwrap()));
            documents.push(Arc::new(Document {
                id: id.clone(),
                scope: *scope,
                sections,
                poison: None,
                findings: Vec::new(),
                sources: Arc::new(Sources::default()),
            }));
        }
        let api = Api {
            id: id.clone(),
            name: "echo".to_owned(),
            display_name: "Echo".to_owned(),
            path: "echo".to_owned(),
            revision: "1".to_owned(),
            is_current: true,
            version: None,
            service_url: BaseUrl::parse("https://backend.example/base").map(Arc::new),
            subscription_required: false,
            key_names: KeyNames {
                header: HeaderName::from_static("ocp-apim-subscription-key"),
                header_text: "Ocp-Apim-Subscription-Key".to_owned(),
                query: "subscription-key".to_owned(),
                bearer: false,
            },
            operations: vec![OperationIndex(0)],
            products: Vec::new(),
            document: places.get(&Scope::Api).copied(),
            realm_path: "/echo".to_owned(),
            websocket: false,
            metrics: None,
            poison: None,
            protocols: vec!["https".to_owned()],
        };
        let operation = Operation {
            id,
            name: "resource".to_owned(),
            display_name: "Resource".to_owned(),
            method: Some(self.method.clone()),
            url_template: self.template.clone(),
            document: places.get(&Scope::Operation).copied(),
            parameters: self.matched.iter().map(|(name, _)| Arc::from(name.as_str())).collect(),
            responses: self.responses.clone(),
            websocket: false,
        };
        let snapshot = Snapshot {
            metrics: true,
            secrets: Vec::new(),
            revision: 1,
            service,
            apis: vec![api],
            operations: vec![operation],
            products: Vec::new(),
            subscriptions: Vec::new(),
            backends: Vec::new(),
            backend_names: HashMap::new(),
            documents,
            global_document: places.get(&Scope::Global).copied(),
            users: HashMap::new(),
            findings: Vec::new(),
            routes: Default::default(),
            keys: Default::default(),
        };
        let worker = Worker {
            current: Arc::new(ArcSwap::from_pointee(snapshot)),
            state,
            settings,
            upstream: Upstream::new(Arc::new(self.network.clone()), clock, PoolLimits::default()),
            limits: Limits::default(),
            observers: Arc::new([]),
            tracing: Tracing::default(),
            plain: Default::default(),
        };
        (Arc::new(worker), problems)
    }

    /// The exchange as it stands before inbound.
    pub(super) fn exchange(&self, worker: &Arc<Worker>) -> Exchange {
        let (path, query) = self.url.split_once('?').map_or((self.url.as_str(), None), |(path, query)| (path, Some(query.to_owned())));
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let snapshot = worker.current.load_full();
        let base = snapshot.apis[0].service_url.clone().unwrap();
        let mut peer = Peer::plain(self.caller, self.caller);
        peer.tls = true;
        let mut exchange = Exchange::new(Arrival {
            worker: worker.clone(),
            snapshot,
            peer: Arc::new(peer),
            original: Original {
                method: self.method.clone(),
                https: true,
                host: Some(HeaderValue::from_static("gateway.example")),
                target: self.url.parse().unwrap(),
            },
            request: RequestMessage {
                method: self.method.clone(),
                url: RequestUrl { base, path: path.strip_prefix("/echo").unwrap_or(path).to_owned().into(), query: query.map(Into::into) },
                headers,
                body: self.body.clone().map_or(MessageBody::Empty, |body| MessageBody::Stream(crate::gateway::body::Body::full(body))),
                had_body: self.body.is_some(),
            },
        });
        exchange.api = Some(ApiIndex(0));
        exchange.operation = Some(OperationIndex(0));
        exchange.matched = self.matched.iter().map(|(name, value)| (Arc::from(name.as_str()), value.clone())).collect();
        if self.traced {
            exchange.trace = Some(Box::new(Trace::default()));
        }
        exchange
    }

    /// Runs inbound, backend, outbound, and on-error after a failure, as a request's way is.
    pub(super) async fn run(self) -> Outcome {
        let (worker, problems) = self.compiled();
        assert_eq!(problems, Vec::<String>::new());
        self.run_on(&worker).await
    }

    pub(super) async fn run_on(&self, worker: &Arc<Worker>) -> Outcome {
        let mut exchange = self.exchange(worker);
        assert!(Chain::of(&exchange).poison(&exchange.snapshot).is_none());
        let (mut flow, mut error) = (None, None);
        for section in [Section::Inbound, Section::Backend, Section::Outbound] {
            if section == Section::Outbound
                && let Some(backend) = &self.backend
            {
                let response = exchange.response_mut();
                response.status = backend.status.try_into().unwrap();
                for (name, value) in &backend.headers {
                    response
                        .headers
                        .append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap());
                }
                response.body = MessageBody::Stream(crate::gateway::body::Body::full(backend.body.clone()));
            }
            match pipeline::run(&mut exchange, section).await {
                Ok(Flow::Next) => {}
                Ok(Flow::Return) => {
                    flow = Some(Flow::Return);
                    break;
                }
                Err(located) => {
                    let (headers, body) = located.failure.answer.render(uuid::Uuid::nil());
                    let response = exchange.response.insert(crate::gateway::message::ResponseMessage::new(located.failure.answer.status));
                    response.headers = headers;
                    response.body = MessageBody::Buffered(body);
                    exchange.last_error = Some(located.last_error.clone());
                    if let Ok(next) = pipeline::run(&mut exchange, Section::OnError).await {
                        flow = Some(next);
                    }
                    error = Some(located);
                    break;
                }
            }
        }
        answered::head(&mut exchange).await;
        Outcome { exchange, flow, error }
    }
}

impl Outcome {
    pub(super) fn status(&self) -> Option<u16> {
        self.exchange.response.as_ref().map(|response| response.status.as_u16())
    }

    pub(super) fn variable(&self, name: &str) -> String {
        format!("{:?}", self.exchange.variables.get(name))
    }

    pub(super) async fn response_text(&mut self) -> String {
        let response = self.exchange.response.as_mut().expect("a response");
        String::from_utf8(response.body.buffer(usize::MAX).await.unwrap().to_vec()).unwrap()
    }

    pub(super) async fn request_text(&mut self) -> String {
        String::from_utf8(self.exchange.request.body.buffer(usize::MAX).await.unwrap().to_vec()).unwrap()
    }

    pub(super) fn request_header(&self, name: &str) -> Vec<&str> {
        self.exchange.request.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
    }

    pub(super) fn response_header(&self, name: &str) -> Vec<&str> {
        let Some(response) = &self.exchange.response else { return Vec::new() };
        response.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
    }

    /// Reason and message of the failure.
    pub(super) fn reason(&self) -> (&str, &str) {
        let error = &self.error.as_ref().expect("a failure").last_error;
        (&error.reason, &error.message)
    }

    /// The trace as text.
    pub(super) fn trace(&self) -> String {
        let entries = self.exchange.trace.as_ref().expect("a trace").entries();
        entries.iter().map(|entry| format!("{} {}\n", entry.source, entry.data)).collect()
    }
}
