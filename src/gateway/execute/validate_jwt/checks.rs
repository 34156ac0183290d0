//! What is asked of a token, besides where it stands and who signed it.
//!
//! Reasons: error handling page. Messages begin as those of Microsoft's library do, whose text the service shows; its tails name values
//! and types of .NET and are shortened.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::keys::{Named, Verdict};
use crate::gateway::program::{Argument, Arguments};
use crate::support::jwt::Parsed;

/// Why a token is not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::gateway::execute) struct Refusal {
    /// `LastError.Reason`.
    pub(in crate::gateway::execute) reason: &'static str,
    /// `LastError.Message`.
    pub(in crate::gateway::execute) message: String,
}

impl Refusal {
    /// The library's text, and what the service puts behind it.
    pub(in crate::gateway::execute) fn library(reason: &'static str, text: &str) -> Self {
        Self { reason, message: format!("{text} Access denied.") }
    }
}

type Checked = Result<(), Refusal>;

/// `claim` of `required-claims`.
#[derive(Debug)]
pub(in crate::gateway::execute) struct Claim {
    pub(in crate::gateway::execute) name: String,
    pub(in crate::gateway::execute) any: Argument<Box<str>>,
    pub(in crate::gateway::execute) separator: Option<String>,
    pub(in crate::gateway::execute) values: Vec<Argument<Box<str>>>,
}

/// Tries the keys. Those for another `kid` are left out; those for none are tried for every token.
pub(in crate::gateway::execute) fn signature<'k>(token: &Parsed<'_>, keys: impl Iterator<Item = &'k Named>, required: bool) -> Checked {
    let text = |name: &str| token.header.get(name).and_then(Value::as_str);
    let algorithm = text("alg").unwrap_or("none");
    if token.signature().is_empty() || algorithm.eq_ignore_ascii_case("none") {
        let message = "IDX10504: Unable to validate signature, token does not have a signature.";
        return if required { Err(Refusal::library("TokenSignatureInvalid", message)) } else { Ok(()) };
    }
    let id = text("kid");
    let (mut tried, mut any) = (false, false);
    for named in keys {
        any = true;
        if matches!((&named.id, id), (Some(own), Some(id)) if own != id) {
            continue;
        }
        match named.key.verify(token) {
            Verdict::Good => return Ok(()),
            Verdict::Bad => tried = true,
            Verdict::Unfit => {}
        }
    }
    Err(if tried {
        Refusal::library("TokenSignatureInvalid", "IDX10511: Signature validation failed.")
    } else if any {
        let message = format!("IDX10501: Signature validation failed. Unable to match key: kid: '{}'.", id.unwrap_or_default());
        Refusal::library("TokenSignatureKeyNotFound", &message)
    } else {
        let message = "IDX10500: Signature validation failed. No security keys were provided to validate the signature.";
        Refusal::library("TokenSignatureKeyNotFound", message)
    })
}

/// `exp` and `nbf`.
pub(in crate::gateway::execute) fn lifetime(claims: &Map<String, Value>, now: OffsetDateTime, skew: i64, required: bool) -> Checked {
    // Fractions are allowed (RFC 7519), and cut off.
    #[expect(clippy::cast_possible_truncation, reason = "`as` keeps to the range")]
    let number = |name: &str| {
        let value = claims.get(name)?;
        value.as_i64().or_else(|| value.as_f64().map(|number| number as i64))
    };
    let now = now.unix_timestamp();
    match number("exp") {
        None if required => {
            return Err(Refusal::library("JwtInvalid", "IDX10225: Lifetime validation failed. The token is missing an Expiration Time."));
        }
        Some(end) if end.saturating_add(skew) <= now => {
            return Err(Refusal::library("TokenExpired", "IDX10223: Lifetime validation failed. The token is expired."));
        }
        _ => {}
    }
    if number("nbf").is_some_and(|start| start.saturating_sub(skew) > now) {
        return Err(Refusal::library("JwtInvalid", "IDX10222: Lifetime validation failed. The token is not yet valid."));
    }
    Ok(())
}

/// The values of a claim as texts: an array's items, or the one value.
pub(in crate::gateway::execute) fn values(claims: &Map<String, Value>, name: &str) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match claims.get(name) {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(items)) => items.iter().map(text).collect(),
        Some(single) => vec![text(single)],
    }
}

/// `aud`, if there is a list to compare with.
pub(in crate::gateway::execute) fn audience(claims: &Map<String, Value>, allowed: &[String]) -> Checked {
    let own = values(claims, "aud");
    if allowed.is_empty() || own.iter().any(|audience| allowed.contains(audience)) {
        return Ok(());
    }
    let message = format!("IDX10214: Audience validation failed. Audiences: '{}'.", own.join(", "));
    Err(Refusal::library("TokenAudienceNotAllowed", &message))
}

/// `iss`, if there is a list to compare with.
pub(in crate::gateway::execute) fn issuer(claims: &Map<String, Value>, allowed: &[String]) -> Checked {
    let own = values(claims, "iss");
    let tenant = values(claims, "tid");
    // Multi-tenant endpoints publish an issuer with the tenant left open.
    let fits = |allowed: &String, own: &String| {
        allowed == own || tenant.first().is_some_and(|tenant| allowed.replace("{tenantid}", tenant) == *own)
    };
    if allowed.is_empty() || own.iter().any(|own| allowed.iter().any(|allowed| fits(allowed, own))) {
        return Ok(());
    }
    let message = format!("IDX10205: Issuer validation failed. Issuer: '{}'.", own.join(", "));
    Err(Refusal::library("TokenIssuerNotAllowed", &message))
}

/// `required-claims`: each claim has to be there, with all or one of the values.
pub(in crate::gateway::execute) fn claims(claims: &Map<String, Value>, required: &[Claim], arguments: &Arguments) -> Checked {
    let missing: Vec<&str> = required.iter().map(|claim| claim.name.as_str()).filter(|name| values(claims, name).is_empty()).collect();
    if !missing.is_empty() {
        let message = format!("JWT token is missing the following claims: {}. Access denied.", missing.join(", "));
        return Err(Refusal { reason: "TokenClaimNotFound", message });
    }
    for claim in required {
        let mut own: BTreeSet<String> = BTreeSet::new();
        for value in values(claims, &claim.name) {
            match claim.separator.as_deref().filter(|separator| !separator.is_empty()) {
                Some(separator) => own.extend(value.split(separator).map(|part| part.trim().to_owned())),
                None => {
                    own.insert(value);
                }
            }
        }
        let mut wanted = claim.values.iter().map(|value| arguments.text(value));
        let any = arguments.text(&claim.any).trim().eq_ignore_ascii_case("any");
        let fits =
            claim.values.is_empty() || if any { wanted.any(|value| own.contains(value)) } else { wanted.all(|value| own.contains(value)) };
        if !fits {
            let shown = own.into_iter().collect::<Vec<_>>().join(",");
            let message = format!("Claim {} value of {shown} is not allowed. Access denied.", claim.name);
            return Err(Refusal { reason: "TokenClaimValueNotAllowed", message });
        }
    }
    Ok(())
}
