//! What the user can do about an error, when that is known.

use azure_core::http::Url;

use crate::arm::CloudError;

/// The cure for ARM's error.
pub(super) fn of_answer(error: &CloudError, challenge: Option<&str>, path: &str) -> Option<String> {
    let is = |code: &str| error.code.eq_ignore_ascii_case(code);
    if is("InvalidAuthenticationTokenTenant") {
        // Only the challenge header names the tenant in a form made for machines.
        let tenant = challenge.and_then(tenant_of_challenge).or_else(|| tenant_of_text(&error.message));
        return Some(match tenant {
            Some(tenant) => format!("az login --tenant {tenant}"),
            None => "log in to the tenant that the Azure subscription belongs to: az login --tenant TENANT".to_owned(),
        });
    }
    if is("InvalidAuthenticationToken") || is("ExpiredAuthenticationToken") || is("AuthenticationFailed") {
        return Some("az login".to_owned());
    }
    if is("SubscriptionNotFound") || is("InvalidSubscriptionId") {
        return Some(
            "this login does not see the Azure subscription: check its id with `az account list --all --output table`, or log in to its tenant with `az login --tenant TENANT`"
                .to_owned(),
        );
    }
    if is("MissingSubscriptionRegistration") {
        return namespace_of_text(&error.message).map(|namespace| register_provider(&namespace, subscription_of(path)));
    }
    None
}

/// The command that registers a resource provider.
pub(super) fn register_provider(namespace: &str, subscription: Option<&str>) -> String {
    let subscription = subscription.map_or_else(String::new, |id| format!(" --subscription {id}"));
    format!("az provider register --namespace {namespace}{subscription} --wait")
}

fn subscription_of(path: &str) -> Option<&str> {
    let mut segments = path.split('/').skip(1);
    segments.next().filter(|first| first.eq_ignore_ascii_case("subscriptions"))?;
    segments.next().filter(|id| !id.is_empty())
}

/// The cure for a login that failed.
pub(super) fn of_credential(message: &str) -> Option<String> {
    // The credential chain already gives the command for the tenant that it knows.
    message.lines().chain(message.split("; ")).find_map(|part| {
        let start = part.find("az login")?;
        let command: String = part[start..].chars().take_while(|&letter| letter != '`' && letter != '"' && letter != ')').collect();
        Some(command.trim_end_matches(['.', ',']).trim().to_owned())
    })
}

/// The cure for an endpoint that cannot be reached.
pub(super) fn of_transport(message: &str, url: &Url) -> Option<String> {
    let lower = message.to_ascii_lowercase();
    let host = url.host_str().unwrap_or_default();
    if lower.contains("invalid peer certificate") || lower.contains("unknownissuer") {
        return Some(format!(
            "the certificate of `{host}` is not trusted: set SSL_CERT_FILE to its CA, for `apimctl emulator` the ca.pem of its state directory"
        ));
    }
    if lower.contains("dns error") || lower.contains("failed to lookup") {
        return Some(format!("`{host}` is not known: check the cloud, `--arm-endpoint`, and the proxy variables HTTPS_PROXY and NO_PROXY"));
    }
    None
}

/// `Bearer authorization_uri="https://login.windows.net/{tenant}", error="invalid_token", …`.
fn tenant_of_challenge(challenge: &str) -> Option<String> {
    let start = challenge.find("authorization_uri=")? + "authorization_uri=".len();
    let uri: String = challenge[start..].trim_start_matches('"').chars().take_while(|&letter| letter != '"' && letter != ',').collect();
    Url::parse(&uri).ok()?.path_segments()?.find_map(tenant_id)
}

/// "… does not match the tenant '{tenant}' …": the message names several tenants; the wanted one comes with "must match".
fn tenant_of_text(message: &str) -> Option<String> {
    const MARK: &str = "must match";
    let lower = message.to_ascii_lowercase();
    let tail = lower.find(MARK).and_then(|start| message.get(start..)).unwrap_or_default();
    tail.split(['\'', '"', '/', ' ', ',']).find_map(tenant_id)
}

fn tenant_id(text: &str) -> Option<String> {
    uuid::Uuid::try_parse(text).ok().filter(|_| text.len() == 36).map(|id| id.to_string())
}

/// "The subscription is not registered to use namespace 'Microsoft.ApiManagement'. …".
fn namespace_of_text(message: &str) -> Option<String> {
    message.split(['\'', '"', '`', ' ', ',']).map(|word| word.trim_end_matches('.')).find_map(|word| {
        let (company, name) = word.split_once('.')?;
        let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
        (company.eq_ignore_ascii_case("Microsoft") && plain(name)).then(|| word.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "11111111-2222-3333-4444-555555555555";

    #[test]
    fn a_wrong_tenant_names_the_right_one() {
        let error = CloudError::new("InvalidAuthenticationTokenTenant", "The access token is from the wrong issuer");
        let challenge =
            format!(r#"Bearer authorization_uri="https://login.windows.net/{TENANT}", error="invalid_token", error_description="x""#);
        assert_eq!(of_answer(&error, Some(&challenge), "/subscriptions/s").unwrap(), format!("az login --tenant {TENANT}"));
        // Recorded message form; the first tenant is the wrong one.
        let text = format!(
            "The access token is from the wrong issuer 'https://sts.windows.net/99999999-2222-3333-4444-555555555555/'. It must match the tenant 'https://sts.windows.net/{TENANT}/' associated with this subscription."
        );
        let error = CloudError::new("InvalidAuthenticationTokenTenant", text);
        assert_eq!(of_answer(&error, None, "/").unwrap(), format!("az login --tenant {TENANT}"));
        let error = CloudError::new("InvalidAuthenticationTokenTenant", "");
        assert!(of_answer(&error, Some("Bearer authorization_uri=\"::\""), "/").unwrap().contains("--tenant TENANT"));
    }

    #[test]
    fn an_unregistered_provider_gives_the_command() {
        let error = CloudError::new(
            "MissingSubscriptionRegistration",
            "The subscription is not registered to use namespace 'Microsoft.ApiManagement'. See https://aka.ms/rps-not-found",
        );
        assert_eq!(
            of_answer(&error, None, "/subscriptions/abc/resourceGroups/g").unwrap(),
            "az provider register --namespace Microsoft.ApiManagement --subscription abc --wait"
        );
    }

    #[test]
    fn an_untrusted_certificate_names_the_variable() {
        let url = Url::parse("https://127.0.0.1:8443/").unwrap();
        let hint = of_transport("client error (Connect): invalid peer certificate: UnknownIssuer", &url).unwrap();
        assert!(hint.contains("SSL_CERT_FILE"), "{hint}");
        assert_eq!(of_transport("connection refused", &url), None);
    }
}
