//! Which Azure: its endpoints and suffixes.

use url::Url;

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
