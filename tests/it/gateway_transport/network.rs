//! Sockets, threads and TLS: what in-memory streams cannot show.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use apimctl::gateway::body::Body;
use apimctl::gateway::front::{self, Limits, Listener, Options, Peer, Running, Service, WorkerIndex};
use apimctl::gateway::upstream::{
    ClientCertificate, DefaultTls, HttpVersion, Network, Phase, PoolLimits, SendOptions, Target, TlsOptions, TlsSettings, Upstream,
};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;

use super::harness::clock;

fn bind() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()
}

fn options(workers: usize, limits: Limits) -> Options {
    Options { workers: NonZeroUsize::new(workers).unwrap(), limits, grace: Duration::from_secs(5), clock: clock() }
}

/// Says which worker answers, over what, and who asks.
struct Say(WorkerIndex);

impl Service for Say {
    async fn call(&self, request: Request<Incoming>, peer: &Arc<Peer>) -> Response<Body> {
        let certificate = peer.client_certificate.as_ref().map_or(0, |certificate| certificate.len().min(1));
        let version = request.version();
        Response::new(Body::full(format!("worker {} {version:?} tls {} cert {certificate};", self.0.0, peer.tls)))
    }
}

fn ask(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

fn start(limits: Limits, workers: usize) -> Running {
    front::start(vec![Listener { socket: bind(), tls: None }], options(workers, limits), Say).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_are_dealt_out_to_every_worker() {
    let running = start(Limits::default(), 3);
    let address = running.addresses()[0];
    let answers = tokio::task::spawn_blocking(move || (0..6).map(|_| ask(address)).collect::<String>()).await.unwrap();
    for worker in 0..3 {
        assert_eq!(answers.matches(&format!("worker {worker} ")).count(), 2, "{answers}");
    }
    assert_eq!(running.drain().await.cut, 0);
    assert!(TcpStream::connect(address).is_err(), "a drained front still accepts");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_beyond_the_limit_wait() {
    let running = start(Limits { connections: 1, ..Limits::default() }, 1);
    let address = running.addresses()[0];
    let answered = Arc::new(AtomicUsize::new(0));
    let first = TcpStream::connect(address).unwrap();
    let count = answered.clone();
    let second = tokio::task::spawn_blocking(move || {
        let text = ask(address);
        count.fetch_add(1, Ordering::SeqCst);
        text
    });
    let asked = tokio::task::spawn_blocking(move || {
        let mut first = first;
        first.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let mut buffer = [0; 1024];
        assert!(first.read(&mut buffer).unwrap() > 0);
        first
    });
    let first = asked.await.unwrap();
    assert_eq!((answered.load(Ordering::SeqCst), running.connections()), (0, 1));
    drop(first);
    assert!(second.await.unwrap().starts_with("HTTP/1.1 200 OK"));
}

struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self { issuer: CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap() }
    }

    fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        Arc::new(roots)
    }

    fn certificate(&self, name: &str) -> ClientCertificate {
        let key = KeyPair::generate().unwrap();
        let parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = parameters.signed_by(&key, &self.issuer).unwrap();
        ClientCertificate { chain: vec![certificate.der().clone()], key: PrivateKeyDer::try_from(key.serialize_der()).unwrap() }
    }

    /// A server for `name` that takes this authority's client certificates.
    fn server(&self, name: &str) -> Arc<rustls::ServerConfig> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(self.roots(), provider.clone()).allow_unauthenticated().build();
        let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let certificate = self.certificate(name);
        let builder = builder.with_client_cert_verifier(verifier.unwrap());
        let mut configuration = builder.with_single_cert(certificate.chain, certificate.key).unwrap();
        configuration.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Arc::new(configuration)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_is_checked_as_the_backend_says() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let listener = |name: &str| Listener { socket: bind(), tls: Some(authority.server(name)) };
    let listeners = vec![listener("localhost"), listener("elsewhere.example")];
    let running = front::start(listeners, options(1, Limits::default()), Say).unwrap();
    let (here, elsewhere) = (running.addresses()[0].port(), running.addresses()[1].port());
    let network = Arc::new(Network::new(Arc::new(DefaultTls::default())));
    let upstream = Upstream::new(network, clock(), PoolLimits::default());
    let call = async |port: u16, chain: bool, name: bool, roots: &Authority, shown: bool, version: HttpVersion| {
        let options = TlsOptions {
            validate_chain: chain,
            validate_name: name,
            client_certificate: shown.then(|| authority.certificate("gateway")),
            roots: roots.roots(),
        };
        let target = Target::parse(&format!("https://localhost:{port}"), Some(TlsSettings::new(options).unwrap())).unwrap();
        let options = SendOptions { version, ..SendOptions::default() };
        match upstream.send(&target, Request::new(Body::empty()), &options).await {
            Ok(response) => {
                assert_eq!(response.status(), StatusCode::OK);
                String::from_utf8(response.into_body().collect(100).await.unwrap().to_vec()).unwrap()
            }
            Err(failure) => {
                assert_eq!(failure.phase, Phase::Tls, "{failure}");
                "refused".to_owned()
            }
        }
    };
    use HttpVersion::{Http1, Http2, Http2Or1};
    assert_eq!(call(here, true, true, &authority, false, Http1).await, "worker 0 HTTP/1.1 tls true cert 0;");
    assert_eq!(call(here, true, true, &authority, true, Http2Or1).await, "worker 0 HTTP/2.0 tls true cert 1;");
    assert_eq!(call(here, true, true, &authority, false, Http2).await, "worker 0 HTTP/2.0 tls true cert 0;");
    for (port, chain, name, roots, good) in [
        (here, true, true, &stranger, false),
        (here, true, false, &stranger, false),
        (here, false, true, &stranger, true),
        (here, false, false, &stranger, true),
        (elsewhere, true, true, &authority, false),
        (elsewhere, true, false, &authority, true),
        (elsewhere, false, true, &stranger, false),
        (elsewhere, false, false, &stranger, true),
    ] {
        let said = call(port, chain, name, roots, false, Http1).await;
        assert_eq!(said != "refused", good, "chain {chain} name {name}: {said}");
    }
    assert_eq!(running.drain().await.cut, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_cuts_what_does_not_end() {
    struct Never(Arc<tokio::sync::Notify>);
    impl Service for Never {
        async fn call(&self, _: Request<Incoming>, _: &Arc<Peer>) -> Response<Body> {
            self.0.notify_one();
            std::future::pending().await
        }
    }
    let called = Arc::new(tokio::sync::Notify::new());
    let seen = called.clone();
    let options = Options { grace: Duration::from_millis(20), ..options(2, Limits::default()) };
    let running = front::start(vec![Listener { socket: bind(), tls: None }], options, move |_| Never(seen.clone())).unwrap();
    let address = running.addresses()[0];
    let asking = tokio::task::spawn_blocking(move || ask(address));
    called.notified().await;
    assert_eq!(running.drain().await.cut, 1);
    assert_eq!(asking.await.unwrap(), "");
}

#[tokio::test]
async fn a_name_without_an_address_and_a_port_without_a_listener_are_told_apart() {
    let network = Arc::new(Network::new(Arc::new(DefaultTls::default())));
    let upstream = Upstream::new(network, clock(), PoolLimits::default());
    let phase = async |url: &str| {
        let target = Target::parse(url, None).unwrap();
        upstream.send(&target, Request::new(Body::empty()), &SendOptions::default()).await.unwrap_err().phase
    };
    let closed = bind().local_addr().unwrap().port();
    assert_eq!(phase(&format!("http://127.0.0.1:{closed}")).await, Phase::Connect);
    assert_eq!(phase("http://nowhere.invalid").await, Phase::Dns);
}

#[test]
fn targets_are_http_or_https_urls() {
    let target = Target::parse("wss://[::1]/realtime", None).unwrap();
    assert_eq!((target.host(), target.port(), target.is_secure()), ("::1", 443, true));
    assert_eq!(target.host_header(), "[::1]");
    assert_eq!(Target::parse("http://Host.Example:8080/x", None).unwrap().host_header(), "host.example:8080");
    for text in ["", "localhost", "ftp://a", "http://", "/path"] {
        assert!(Target::parse(text, None).is_err(), "{text}");
    }
}
