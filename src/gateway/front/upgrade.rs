//! WebSocket passed through: once both sides agreed, two streams of bytes.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use http::header::{CONNECTION, UPGRADE};
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncWriteExt, copy_bidirectional};

use super::drain::Open;
use crate::gateway::body::Body;
use crate::gateway::upstream::{UpgradedBackend, asks_for_websocket};

/// A client's wish to speak WebSocket (HTTP/1.1). Take it from the request before the request goes to the backend.
pub struct ClientUpgrade {
    upgrade: OnUpgrade,
    /// Held until the streams have ended: a drain waits for it.
    open: Option<Open>,
}

/// What the front puts into a request that asks for WebSocket, so that a drain knows of it.
#[derive(Clone)]
pub(super) struct Counted(Arc<Mutex<Option<Open>>>);

impl Counted {
    pub(super) fn new(open: Open) -> Self {
        Self(Arc::new(Mutex::new(Some(open))))
    }
}

impl ClientUpgrade {
    /// The wish, if the request has one.
    pub fn take<B>(request: &mut Request<B>) -> Option<Self> {
        // The field alone is not enough, and other protocols are not passed through.
        if !asks_for_websocket(request.headers()) {
            return None;
        }
        let upgrade = request.extensions_mut().remove::<OnUpgrade>()?;
        let counted = request.extensions_mut().remove::<Counted>();
        let open = counted.and_then(|counted| counted.0.lock().unwrap_or_else(PoisonError::into_inner).take());
        Some(Self { upgrade, open })
    }
}

impl fmt::Debug for ClientUpgrade {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ClientUpgrade")
    }
}

/// Connects both ends once `response`, a backend's 101 as [`super::super::upstream::Upstream::send`] gave it, has gone to the
/// client. `guard` is dropped when the streams have ended. Any other response passes as it is.
#[must_use]
pub fn splice(client: ClientUpgrade, mut response: Response<Body>, guard: impl Any + Send) -> Response<Body> {
    let backend = response.extensions_mut().remove::<UpgradedBackend>().and_then(|backend| backend.take());
    let Some((mut backend, read_ahead)) = backend.filter(|_| response.status() == StatusCode::SWITCHING_PROTOCOLS) else {
        return response;
    };
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    tokio::spawn(async move {
        let (_guard, _open) = (guard, client.open);
        let Ok(client) = client.upgrade.await else { return };
        let mut client = TokioIo::new(client);
        if !read_ahead.is_empty() && client.write_all(&read_ahead).await.is_err() {
            return;
        }
        // Either side going away is how such a connection ends.
        let _ = copy_bidirectional(&mut client, &mut backend).await;
    });
    response
}
