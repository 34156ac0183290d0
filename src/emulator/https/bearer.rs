//! Who may ask ARM: the check of the bearer token, refused in ARM's words.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde_json::json;

use crate::emulator::entra::json_answer;
use crate::identity::{Claims, Issuer, Refusal};
use crate::support::random::SharedRandom;

/// What ARM calls itself in tokens, besides its own endpoint.
const AUDIENCES: [&str; 2] = ["https://management.azure.com", "https://management.core.windows.net"];

pub(super) struct Bearer {
    issuer: Arc<Issuer>,
    endpoint: String,
    random: SharedRandom,
}

/// A code, a message, and what the challenge says besides.
struct Refused {
    code: &'static str,
    message: String,
}

impl Bearer {
    pub(super) const fn new(issuer: Arc<Issuer>, endpoint: String, random: SharedRandom) -> Self {
        Self { issuer, endpoint, random }
    }

    /// The token's claims, or the 401 to answer with.
    pub(super) fn check(&self, headers: &HeaderMap) -> Result<Claims, Box<Response<Bytes>>> {
        self.claims(headers).map_err(|refused| Box::new(self.refuse(headers, &refused)))
    }

    fn claims(&self, headers: &HeaderMap) -> Result<Claims, Refused> {
        let Some(value) = headers.get(header::AUTHORIZATION) else {
            return Err(Refused {
                code: "AuthenticationFailed",
                message: "Authentication failed. The 'Authorization' header is missing.".to_owned(),
            });
        };
        let token = value.to_str().ok().and_then(|text| text.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let Some((_, token)) = token else {
            let message = "Authentication failed. The 'Authorization' header is provided in an invalid format.".to_owned();
            return Err(Refused { code: "AuthenticationFailedInvalidHeader", message });
        };
        let mut audiences = AUDIENCES.to_vec();
        audiences.push(&self.endpoint);
        let claims = self.issuer.verify(token.trim(), &audiences).map_err(|refusal| self.of_refusal(&refusal))?;
        let (tenant, own) = (&claims.subject.tenant_id, self.issuer.tenant_id());
        if !tenant.eq_ignore_ascii_case(own) {
            let message = format!(
                "The access token is from the wrong issuer 'https://sts.windows.net/{tenant}/'. It must match the tenant 'https://sts.windows.net/{own}/' associated with this subscription. Please use the authority (URL) 'https://login.windows.net/{own}' to get the token."
            );
            return Err(Refused { code: "InvalidAuthenticationTokenTenant", message });
        }
        Ok(claims)
    }

    /// ARM's codes; the texts are shortened from what the service says.
    fn of_refusal(&self, refusal: &Refusal) -> Refused {
        match refusal {
            Refusal::Expired => Refused { code: "ExpiredAuthenticationToken", message: "The access token has expired.".to_owned() },
            Refusal::Audience(audience) => Refused {
                code: "InvalidAuthenticationTokenAudience",
                message: format!(
                    "The access token has been obtained for wrong audience or resource '{audience}'. It should exactly match with one of the allowed audiences '{}', '{}/'.",
                    AUDIENCES.join("', '"),
                    self.endpoint
                ),
            },
            other => Refused { code: "InvalidAuthenticationToken", message: format!("The access token is invalid: {other}.") },
        }
    }

    fn refuse(&self, headers: &HeaderMap, refused: &Refused) -> Response<Bytes> {
        let mut response = json_answer(StatusCode::UNAUTHORIZED, &json!({ "error": { "code": refused.code, "message": refused.message } }));
        let challenge = format!(
            r#"Bearer authorization_uri="{}/{}", error="invalid_token", error_description="{}""#,
            self.issuer.authority(),
            self.issuer.tenant_id(),
            refused.message.replace('"', "'")
        );
        let fresh = self.random.uuid().to_string();
        let correlation = headers.get("x-ms-correlation-request-id").cloned().or_else(|| HeaderValue::from_str(&fresh).ok());
        let answer_headers = response.headers_mut();
        for (name, value) in
            [("www-authenticate", HeaderValue::from_str(&challenge).ok()), ("x-ms-request-id", HeaderValue::from_str(&fresh).ok())]
        {
            if let Some(value) = value {
                answer_headers.insert(name, value);
            }
        }
        if let Some(correlation) = correlation {
            answer_headers.insert("x-ms-correlation-request-id", correlation);
        }
        response
    }
}
