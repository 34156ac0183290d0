//! Codes of the findings about what is there in Azure.
//!
//! ARM0nn: what stands in the way of the first write; ARM1nn: Azure OpenAI accounts; ARM2nn: ownership; ARM3nn: what ARM said of a document.

use crate::support::finding::codes;

codes! {
    UNREACHABLE = "ARM001", "the Azure subscription cannot be reached with this login";
    PROVIDER_NOT_REGISTERED = "ARM002", "a resource provider is not registered in the Azure subscription";
    MISSING_PERMISSION = "ARM003", "the login lacks a permission that apply needs";
    SOFT_DELETED_NAME = "ARM004", "the service's name belongs to a soft-deleted service";
    NAME_TAKEN = "ARM005", "the service's name is taken or not allowed";
    MISSING_PARENT = "ARM006", "something that is only read must be there already and is not";
    ROLE_ASSIGNMENT_MISSING = "ARM007", "a role assignment that somebody else must make is not there";
    SERVICE_FAILED = "ARM008", "the service is in a failed or vanishing state";
    ACCOUNT_MISSING = "ARM101", "an Azure OpenAI account is not there or cannot be read";
    ACCOUNT_WITHOUT_SUBDOMAIN = "ARM102", "an Azure OpenAI account has no custom subdomain, so Entra tokens do not work";
    ACCOUNT_DIFFERS = "ARM103", "an Azure OpenAI account differs from what the specification says";
    DEPLOYMENT_MISSING = "ARM104", "an Azure OpenAI account lacks a deployment";
    DEPLOYMENTS_DISAGREE = "ARM105", "accounts that serve one pool have different models under one deployment name";
    DEPLOYMENT_DIFFERS = "ARM106", "a deployment differs from what the specification says";
    FOREIGN_RESOURCE = "ARM201", "a resource is there already and belongs to nobody that apimctl knows";
    OWNED_BY_OTHER = "ARM202", "a resource belongs to another specification";
    REPLACE_NOT_ALLOWED = "ARM203", "a change needs the resource to be deleted and made anew";
    DELETE_NOT_ALLOWED = "ARM204", "destroy would delete something that apimctl did not make";
    REFUSED_DOCUMENT = "ARM301", "the service refused a policy";
}

#[cfg(test)]
mod tests {
    use super::ALL;

    #[test]
    fn no_code_has_two_meanings() {
        let mut ids: Vec<&str> = ALL.iter().map(|code| code.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), ALL.len());
    }
}
