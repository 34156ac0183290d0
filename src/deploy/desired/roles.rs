//! Role assignments that the gateway's identity needs.

use super::backends::TokenSource;
use super::identity::GatewayIdentity;
use super::{Compiler, codes, hole, names};
use crate::arm::ResourceId;
use crate::deploy::bodies;
use crate::deploy::resource::{DesiredId, Management, Template};
use crate::spec::model::{LoggerAuthentication, RoleAssignmentMode};
use crate::support::finding::{Finding, Kind};

/// Cognitive Services OpenAI User (confirmed in public role lists and samples).
pub(in crate::deploy) const COGNITIVE_SERVICES_OPENAI_USER: &str = "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd";
/// Monitoring Metrics Publisher (the role is documented for this use; its id is well known).
pub(in crate::deploy) const MONITORING_METRICS_PUBLISHER: &str = "3913510d-42f4-4e42-8a64-420c390055eb";

/// What people call a role that this tool assigns, by its GUID.
pub(in crate::deploy) fn role_name(role: &str) -> &str {
    if role.eq_ignore_ascii_case(COGNITIVE_SERVICES_OPENAI_USER) {
        "Cognitive Services OpenAI User"
    } else if role.eq_ignore_ascii_case(MONITORING_METRICS_PUBLISHER) {
        "Monitoring Metrics Publisher"
    } else {
        role
    }
}

impl Compiler<'_> {
    pub(super) fn role_assignments(&mut self) {
        let mut given: Vec<(ResourceId, GatewayIdentity)> = Vec::new();
        let spec = self.spec;
        for (name, backend) in &spec.backends {
            let Some(account) = backend.open_ai.as_ref().and_then(|key| spec.open_ai.get(key)) else { continue };
            let pointer = names::pointer("backends", name);
            let scope = self.account_id(account);
            let source = match (self.token_source(backend), spec.service.identity.as_ref().map(|identity| identity.user_assigned())) {
                // The only one that it can be.
                (TokenSource::Client(_), Some([only])) => TokenSource::Identity(GatewayIdentity::UserAssigned(only.clone())),
                (source, _) => source,
            };
            match source {
                TokenSource::None => {}
                TokenSource::Identity(identity) => {
                    let key = (scope, identity);
                    if !given.contains(&key) {
                        self.role(&pointer, &key.0, COGNITIVE_SERVICES_OPENAI_USER, &key.1, "calls Azure OpenAI");
                        given.push(key);
                    }
                }
                TokenSource::Client(client) if spec.role_assignments == RoleAssignmentMode::Manage => {
                    let message = format!("backend `{name}` uses the identity with the client id `{client}`, whose principal is not known");
                    self.findings.push(
                        Finding::warning(codes::ROLE_WITHOUT_PRINCIPAL, Kind::Trap, message)
                            .at(self.loaded.locator.value(&format!("{pointer}/credentials/managedIdentity/clientId")))
                            .help(format!(
                                "leave `clientId` out to use the service's first user-assigned identity, or give that identity the role \
                                 Cognitive Services OpenAI User on `{}` yourself",
                                account.account
                            )),
                    );
                }
                TokenSource::Client(_) => {}
            }
        }
        if let (Some(component), Some(id)) = (self.application_insights_spec(), self.component_id())
            && component.authentication == Some(LoggerAuthentication::ManagedIdentity)
            && let Some(identity) = self.identity()
        {
            let pointer = "/monitoring/applicationInsights";
            self.role(pointer, &id, MONITORING_METRICS_PUBLISHER, &identity, "sends telemetry");
        }
    }

    fn role(&mut self, pointer: &str, scope: &ResourceId, role: &str, identity: &GatewayIdentity, purpose: &str) {
        let management = match self.spec.role_assignments {
            RoleAssignmentMode::Manage => Management::Full,
            RoleAssignmentMode::Verify => Management::ReadOnly,
            RoleAssignmentMode::Skip => return,
        };
        let subscription = scope.subscription_id().unwrap_or_else(|| self.subscription());
        let definition = format!("/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}");
        let description = format!("apimctl {}: the gateway {} {purpose}", self.spec.name, self.spec.service.name);
        let principal = identity.principal(&self.service);
        let body = Template {
            value: bodies::role_assignment(&definition, &description),
            holes: vec![hole("/properties/principalId", &principal.id, &principal.pointer)],
            secrets: Vec::new(),
        };
        let id = DesiredId::RoleAssignment { scope: scope.clone(), role: role.to_owned(), principal };
        self.add_as(pointer, id, body, management, vec![scope.clone()]);
    }
}
