//! Which Azure: its endpoints and suffixes.

mod metadata;

use url::Url;

pub use metadata::MetadataError;

/// The endpoints of one cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cloud {
    /// `AzureCloud`, `AzureUSGovernment`, `AzureChinaCloud` or `custom`.
    pub name: String,
    /// ARM, for instance `https://management.azure.com`.
    pub resource_manager: Url,
    /// Token audience for ARM.
    pub audience: String,
    /// Entra, for instance `https://login.microsoftonline.com`.
    pub authority: Url,
    /// Suffix of API Management gateways, for instance `azure-api.net`.
    pub gateway_suffix: String,
    /// Audience of Azure OpenAI, for instance `https://cognitiveservices.azure.com`.
    pub cognitive_services_audience: String,
}

/// A cloud that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCloud {
    /// Not one of the names.
    #[error("`{0}` is not a cloud; known are `public`, `usgov` and `china`")]
    UnknownName(String),
    /// Not an `https` URL with a host.
    #[error("`{0}` is not an https URL with a host; tokens are sent over TLS only")]
    NotHttps(String),
}

impl Cloud {
    /// One of `public`, `usgov`, `china`, or the name that `az cloud list` shows for it.
    ///
    /// # Errors
    /// Any other name.
    pub fn named(name: &str) -> Result<Self, InvalidCloud> {
        let is = |names: &[&str]| names.iter().any(|other| name.eq_ignore_ascii_case(other));
        if is(&["public", "AzureCloud", "AzurePublicCloud"]) {
            Ok(Self::public())
        } else if is(&["usgov", "AzureUSGovernment", "AzureUSGovernmentCloud"]) {
            Ok(Self::us_government())
        } else if is(&["china", "AzureChinaCloud"]) {
            Ok(Self::china())
        } else {
            Err(InvalidCloud::UnknownName(name.to_owned()))
        }
    }

    /// Public Azure.
    #[must_use]
    pub fn public() -> Self {
        Self::known("AzureCloud", "https://management.azure.com", "https://login.microsoftonline.com", "azure-api.net", "azure.com")
    }

    /// Azure for the US Government. The gateway suffix and the Azure OpenAI audience are assumed.
    #[must_use]
    pub fn us_government() -> Self {
        let (arm, authority) = ("https://management.usgovcloudapi.net", "https://login.microsoftonline.us");
        Self::known("AzureUSGovernment", arm, authority, "azure-api.us", "azure.us")
    }

    /// Azure in China. The gateway suffix and the Azure OpenAI audience are assumed.
    #[must_use]
    pub fn china() -> Self {
        let (arm, authority) = ("https://management.chinacloudapi.cn", "https://login.chinacloudapi.cn");
        Self::known("AzureChinaCloud", arm, authority, "azure-api.cn", "azure.cn")
    }

    fn known(name: &str, resource_manager: &'static str, authority: &'static str, gateway_suffix: &str, domain: &str) -> Self {
        Self {
            name: name.to_owned(),
            audience: resource_manager.to_owned(),
            resource_manager: constant(resource_manager),
            authority: constant(authority),
            gateway_suffix: gateway_suffix.to_owned(),
            cognitive_services_audience: format!("https://cognitiveservices.{domain}"),
        }
    }

    /// A cloud of one's own (Azure Stack, a sovereign cloud, `apimctl emulator`). The token audience is the endpoint;
    /// suffixes are public Azure's until [`Cloud::with_metadata`] has read the cloud's own.
    ///
    /// # Errors
    /// An address is not an `https` URL with a host.
    pub fn custom(arm_endpoint: &str, authority_host: &str) -> Result<Self, InvalidCloud> {
        let resource_manager = https(arm_endpoint)?;
        let authority = https(authority_host)?;
        let audience = resource_manager.as_str().trim_end_matches('/').to_owned();
        Ok(Self { name: "custom".to_owned(), audience, resource_manager, authority, ..Self::public() })
    }

    /// The scope of a token for ARM.
    #[must_use]
    pub fn scope(&self) -> String {
        // Exactly one slash: a doubled one is another audience to Entra.
        format!("{}/.default", self.audience.trim_end_matches('/'))
    }
}

fn https(text: &str) -> Result<Url, InvalidCloud> {
    let fail = || InvalidCloud::NotHttps(text.to_owned());
    // `Url` would take `login.example.com` for a scheme; people write hosts alone.
    let full = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let url = Url::parse(full.trim_end_matches('/')).map_err(|_| fail())?;
    let valid = url.scheme() == "https"
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if valid { Ok(url) } else { Err(fail()) }
}

/// A URL that is written in this file.
fn constant(text: &'static str) -> Url {
    #[expect(clippy::unwrap_used, reason = "a literal of this file, parsed by every test that names a cloud")]
    Url::parse(text).unwrap()
}

#[cfg(test)]
mod tests;
