//! Where calls go: prepared once, shared by every call.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderValue;
use http::uri::{Authority, Scheme};

use super::tls::TlsSettings;

/// Why a text is no target.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Not a URL.
    #[error("`{0}` is not a URL")]
    NotUrl(String),
    /// Not http or https (WebSocket schemes count as these).
    #[error("`{0}` is not an http or https URL")]
    Scheme(String),
}

/// A backend's address: scheme, host, port, and how its TLS is checked.
///
/// Made when a snapshot is compiled, shared as `Arc<Target>`; connections are kept per [`Target::id`].
pub struct Target {
    id: u64,
    secure: bool,
    host: String,
    port: u16,
    authority: Authority,
    host_header: HeaderValue,
    tls: Option<TlsSettings>,
}

impl Target {
    /// Reads scheme, host and port of `url`; the path is not the target's concern. `tls` is used for https only; `None`
    /// there means the connector's own defaults.
    ///
    /// # Errors
    /// Not an absolute http, https, ws or wss URL.
    pub fn parse(url: &str, tls: Option<TlsSettings>) -> Result<Self, TargetError> {
        let not_url = || TargetError::NotUrl(url.to_owned());
        let parsed = url::Url::parse(url).map_err(|_| not_url())?;
        let secure = match parsed.scheme() {
            "http" | "ws" => false,
            "https" | "wss" => true,
            _ => return Err(TargetError::Scheme(url.to_owned())),
        };
        let shown = parsed.host_str().ok_or_else(not_url)?;
        let default = if secure { 443 } else { 80 };
        let port = parsed.port().unwrap_or(default);
        let written = if port == default { shown.to_owned() } else { format!("{shown}:{port}") };
        let authority: Authority = written.parse().map_err(|_| not_url())?;
        let host_header = HeaderValue::from_str(&written).map_err(|_| not_url())?;
        // A number of its own for each target, so that a pool's key is one word and never means two things.
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Ok(Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            secure,
            host: shown.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port,
            authority,
            host_header,
            tls: if secure { tls } else { None },
        })
    }

    /// Unique in this process; the same for every clone of the `Arc`.
    #[must_use]
    pub const fn id(&self) -> u64 {
        self.id
    }

    /// Whether calls go over TLS.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    /// The URL's scheme.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        if self.secure { Scheme::HTTPS } else { Scheme::HTTP }
    }

    /// The host's name or address, an IPv6 address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Host, and port where it is not the scheme's own.
    #[must_use]
    pub const fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The same, as a `Host` header.
    #[must_use]
    pub const fn host_header(&self) -> &HeaderValue {
        &self.host_header
    }

    /// How TLS is done, where it is not done by the connector's defaults.
    #[must_use]
    pub const fn tls(&self) -> Option<&TlsSettings> {
        self.tls.as_ref()
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Target")
            .field("id", &self.id)
            .field("scheme", &self.scheme().as_str())
            .field("authority", &self.authority)
            .finish()
    }
}
