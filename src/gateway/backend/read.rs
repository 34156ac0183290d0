//! From a stored backend resource to a [`Kind`].

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use http::StatusCode;
use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use serde_json::Value;
use url::form_urlencoded::byte_serialize;
use uuid::Uuid;

use super::breaker::{Breaker, Condition, Rule};
use super::credentials::{Credentials, QueryParameter};
use super::pool::{Affinity, MOST_MEMBERS, Member, Pool};
use super::target::Security;
use super::{Kind, Single, token};
use crate::arm::store::Stored;
use crate::gateway::program::Environment;
use crate::gateway::snapshot::BaseUrl;
use crate::support::duration::parse_iso8601;

/// Assumed where a rule does not say: one minute.
const UNSAID: Duration = Duration::from_secs(60);

/// A backend that was read.
#[derive(Debug)]
pub struct Read {
    /// What it is.
    pub kind: Kind,
    /// What of it is not done here, and what is wrong: one sentence each, which names the backend.
    pub problems: Vec<String>,
}

/// Reads one backend. `environment` needs its `service`, `named_values`, `backends`, `certificates`, `settings` and `state`.
///
/// What the service would have refused, or what is not emulated, makes it [`Kind::Unusable`]; the reason is among the problems too.
#[must_use]
pub fn read(stored: &Stored, environment: &Environment) -> Read {
    let mut reader = Reader { stored, environment, problems: Vec::new() };
    let kind = reader.kind().unwrap_or_else(|reason| {
        let reason = format!("the backend `{}` cannot be used: {reason}", stored.id.name());
        reader.problems.insert(0, reason.clone());
        Kind::Unusable(Arc::from(reason))
    });
    Read { kind, problems: reader.problems }
}

struct Reader<'a> {
    stored: &'a Stored,
    environment: &'a Environment,
    problems: Vec<String>,
}

/// Why a backend cannot be used.
type Reason = String;

impl Reader<'_> {
    fn value(&self, pointer: &str) -> Option<&Value> {
        self.stored.body.pointer(pointer).filter(|value| !value.is_null())
    }

    /// Text with named values put in. Secret ones stand beside the body.
    fn text(&self, pointer: &str) -> Option<String> {
        let text = match self.stored.secrets.get(pointer) {
            Some(secret) => secret.expose().as_str(),
            None => self.value(pointer)?.as_str()?,
        };
        Some(self.environment.resolve(text).text)
    }

    fn flag(&self, pointer: &str) -> Option<bool> {
        self.value(pointer)?.as_bool()
    }

    fn number(&self, pointer: &str) -> Option<u64> {
        let value = self.value(pointer)?;
        // The pages' own examples write numbers as strings.
        value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
    }

    fn problem(&mut self, problem: &str) {
        self.problems.push(format!("the backend `{}`: {problem}", self.stored.id.name()));
    }

    fn id(&self) -> String {
        self.stored.id.as_str().to_ascii_lowercase()
    }

    fn kind(&mut self) -> Result<Kind, Reason> {
        let is_pool = match self.text("/properties/type") {
            Some(kind) => kind.eq_ignore_ascii_case("Pool"),
            None => self.value("/properties/pool").is_some(),
        };
        if is_pool { Ok(Kind::Pool(self.pool()?)) } else { Ok(Kind::Single(Box::new(self.single()?))) }
    }

    fn single(&mut self) -> Result<Single, Reason> {
        for (pointer, name) in [
            ("/properties/properties/serviceFabricCluster", "a Service Fabric cluster"),
            ("/properties/proxy", "a proxy"),
            ("/properties/tls/serverCertificateThumbprints", "`tls.serverCertificateThumbprints`"),
            ("/properties/tls/serverX509Names", "`tls.serverX509Names`"),
        ] {
            let there = match self.value(pointer) {
                Some(Value::Array(values)) => !values.is_empty(),
                Some(Value::Object(members)) => !members.is_empty(),
                other => other.is_some(),
            };
            if there {
                return Err(format!("{name} is known and not emulated"));
            }
        }
        let url = self.text("/properties/url").ok_or("it has no `url`")?;
        let base = BaseUrl::parse(&url).ok_or_else(|| format!("`{url}` is not an absolute http or https URL"))?;
        let security = Security {
            validate_chain: self.flag("/properties/tls/validateCertificateChain").unwrap_or(true),
            validate_name: self.flag("/properties/tls/validateCertificateName").unwrap_or(true),
            client: self.client_certificate()?,
        };
        let state = &self.environment.state;
        let target = state.targets.get(&base, &security, &state.tls).map_err(|error| error.to_string())?;
        let credentials = self.credentials()?;
        let rule = self.rule();
        let id = self.id();
        let breaker = state.breakers.get_or_insert_with(&id, || Breaker::new(&id, state.clock.clone(), state.journal.clone()));
        Ok(Single { base: Arc::new(base), target, security, credentials, rule, breaker })
    }

    /// `credentials.certificateIds` (ids) and `credentials.certificate` (thumbprints); a request carries one certificate.
    fn client_certificate(&mut self) -> Result<Option<Arc<super::certificate::ClientIdentity>>, Reason> {
        let mut names = Vec::new();
        for pointer in ["/properties/credentials/certificateIds", "/properties/credentials/certificate"] {
            let values = self.value(pointer).and_then(Value::as_array).into_iter().flatten();
            names.extend(values.filter_map(Value::as_str).map(|value| value.rsplit('/').next().unwrap_or_default().to_ascii_lowercase()));
        }
        let Some(first) = names.first() else { return Ok(None) };
        let stored = self.environment.certificates.get(first.as_str()).ok_or_else(|| format!("there is no certificate `{first}`"))?;
        let identity = stored.identity().map_err(|error| format!("its certificate `{first}` cannot be used: {error}"))?;
        if names.len() > 1 {
            self.problem("of several client certificates the first is used");
        }
        Ok(Some(identity))
    }

    fn credentials(&mut self) -> Result<Credentials, Reason> {
        let mut credentials = Credentials::default();
        for (name, values) in self.value_lists("header") {
            let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("`{name}` is no header name"))?;
            let values = values.iter().map(|value| secret_header(&name, value)).collect::<Result<_, _>>()?;
            credentials.headers.push((header, values));
        }
        for (name, values) in self.value_lists("query") {
            let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
            let text: Vec<String> = values.iter().map(|value| format!("{}={}", encoded(&name), encoded(value))).collect();
            credentials.query.push(QueryParameter { name: name.into_boxed_str(), text: text.join("&").into_boxed_str() });
        }
        if let Some(scheme) = self.text("/properties/credentials/authorization/scheme") {
            let parameter = self.text("/properties/credentials/authorization/parameter").unwrap_or_default();
            let value = secret_header("Authorization", &format!("{scheme} {parameter}"))?;
            credentials.headers.push((AUTHORIZATION, vec![value]));
        }
        if let Some(resource) = self.text("/properties/credentials/managedIdentity/resource") {
            let client_id = self.text("/properties/credentials/managedIdentity/clientId").filter(|id| !id.is_empty());
            let subject = token::subject(&self.environment.service, client_id.as_deref());
            credentials.managed_identity = Some(subject.map(|subject| self.environment.state.tokens.slot(subject, &resource)));
        }
        Ok(credentials)
    }

    /// `{name: [value, …]}` below `credentials`.
    fn value_lists(&self, member: &str) -> Vec<(String, Vec<String>)> {
        let base = format!("/properties/credentials/{member}");
        let map = self.value(&base).and_then(Value::as_object);
        let lists = map.into_iter().flatten().map(|(name, values)| {
            let token = name.replace('~', "~0").replace('/', "~1");
            let count = values.as_array().map_or(0, Vec::len);
            let values = (0..count).filter_map(|place| self.text(&format!("{base}/{token}/{place}"))).collect();
            (name.clone(), values)
        });
        lists.collect()
    }

    fn rule(&mut self) -> Option<Rule> {
        let rules = self.value("/properties/circuitBreaker/rules")?.as_array()?.len();
        if rules == 0 {
            return None;
        }
        if rules > 1 {
            self.problem("only one circuit breaker rule is supported; the first is used");
        }
        let at = |member: &str| format!("/properties/circuitBreaker/rules/0/{member}");
        let settings = &self.environment.settings;
        let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let condition = match (self.number(&at("failureCondition/count")), self.number(&at("failureCondition/percentage"))) {
            (Some(count), _) => Condition::Count(small(count).max(1)),
            (None, Some(percent)) => Condition::Percentage { percent: small(percent), calls: settings.breaker_minimum_calls },
            (None, None) => Condition::Never,
        };
        let duration = |member: &str| match self.text(&at(member)) {
            Some(text) => parse_iso8601(&text).ok_or(text),
            None => Ok(UNSAID),
        };
        let (interval, trip) = (duration("failureCondition/interval"), duration("tripDuration"));
        let ranges = self.value(&at("failureCondition/statusCodeRanges")).and_then(Value::as_array).map_or(0, Vec::len);
        let bound = |place: usize, end: &str| {
            self.number(&at(&format!("failureCondition/statusCodeRanges/{place}/{end}"))).and_then(|status| u16::try_from(status).ok())
        };
        let statuses = (0..ranges).filter_map(|place| Some(bound(place, "min")?..=bound(place, "max")?)).collect();
        let reasons = self.value(&at("failureCondition/errorReasons")).and_then(Value::as_array).is_some_and(|reasons| !reasons.is_empty());
        let rule = Rule {
            name: self.text(&at("name")).unwrap_or_default().into_boxed_str(),
            condition,
            interval: interval.clone().unwrap_or(UNSAID),
            statuses,
            // Which words the service knows is not documented: any stands for transport failures, the statuses speak for themselves.
            errors: reasons && settings.transport_errors_trip,
            trip: trip.clone().unwrap_or(UNSAID),
            accept_retry_after: self.flag(&at("acceptRetryAfter")).unwrap_or(false),
            failure_status: self.status(&at("failureResponse/statusCode")),
            window: settings.breaker_window,
        };
        if rule.condition == Condition::Never {
            self.problem("its circuit breaker rule has neither `count` nor `percentage` and never trips");
        }
        for text in [interval, trip].into_iter().filter_map(Result::err) {
            self.problem(&format!("`{text}` is no duration; its circuit breaker takes one minute"));
        }
        Some(rule)
    }

    fn status(&self, pointer: &str) -> Option<StatusCode> {
        StatusCode::from_u16(u16::try_from(self.number(pointer)?).ok()?).ok()
    }

    fn pool(&mut self) -> Result<Pool, Reason> {
        let count = self.value("/properties/pool/services").and_then(Value::as_array).map_or(0, Vec::len);
        if count == 0 {
            return Err("the pool has no members".to_owned());
        }
        if count > MOST_MEMBERS {
            return Err(format!("a pool of {count} members is larger than the service takes"));
        }
        let mut members = Vec::with_capacity(count);
        for place in 0..count {
            let at = |member: &str| format!("/properties/pool/services/{place}/{member}");
            let id = self.text(&at("id")).unwrap_or_default();
            let name = id.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
            let backend = *self.environment.backends.get(name.as_str()).ok_or_else(|| format!("there is no backend `{name}`"))?;
            let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX).min(100);
            if self.value(&at("preferredCarbonEmission")).is_some() {
                self.problem("`preferredCarbonEmission` is known and not emulated");
            }
            members.push(Member {
                backend,
                priority: self.number(&at("priority")).map_or(0, small),
                weight: self.number(&at("weight")).map_or(1, small),
                // The same for the same member whatever else changes, and no name that people could read.
                session: Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("{} {name}", self.id()).as_bytes()).simple().to_string().into(),
            });
        }
        let id = self.id();
        let state = &self.environment.state;
        let groups = Pool::grouped(members, |priority| state.turns.get_or_insert_with(&format!("{id} {priority}"), AtomicU64::default));
        Ok(Pool {
            name: Box::from(self.stored.id.name()),
            groups,
            affinity: self.affinity(),
            failure_status: self.status("/properties/pool/failureResponse/statusCode"),
        })
    }

    fn affinity(&mut self) -> Option<Affinity> {
        self.value("/properties/pool/sessionAffinity/sessionId")?;
        let source = self.text("/properties/pool/sessionAffinity/sessionId/source").unwrap_or_default();
        if !source.eq_ignore_ascii_case("cookie") {
            self.problem(&format!("the session id's source `{source}` is known and not emulated; only `cookie` is"));
            return None;
        }
        let name = self.text("/properties/pool/sessionAffinity/sessionId/name").unwrap_or_default();
        // A name that is a token, as a cookie's has to be, is a header name too.
        if HeaderName::from_bytes(name.as_bytes()).is_err() {
            self.problem(&format!("`{name}` is no name for a cookie; sessions do not stay at one member"));
            return None;
        }
        Some(Affinity { cookie: name.into_boxed_str() })
    }
}

fn secret_header(name: &str, value: &str) -> Result<HeaderValue, Reason> {
    let mut header = HeaderValue::from_str(value).map_err(|_| format!("the value of its header `{name}` cannot stand in a header"))?;
    header.set_sensitive(true);
    Ok(header)
}
