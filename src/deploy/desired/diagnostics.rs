//! Diagnostics of the service and of APIs.

use super::monitoring::{APPLICATION_INSIGHTS, AZURE_MONITOR};
use super::{Compiler, names, with_properties};
use crate::arm::ResourceId;
use crate::deploy::bodies;
use crate::deploy::resource::Template;
use crate::spec::model::{ApplicationInsights, AzureMonitor, Diagnostic};

impl Compiler<'_> {
    pub(super) fn diagnostics(&mut self) {
        let service = self.service.clone();
        let declared = |spec: &crate::spec::Spec, name: &str| spec.diagnostics.keys().any(|own| own.eq_ignore_ascii_case(name));
        // What stands under `diagnostics` says more than what `monitoring` implies.
        if let Some(spec) = self.application_insights_spec().filter(|_| !declared(self.spec, APPLICATION_INSIGHTS)) {
            let diagnostic = of_application_insights(spec);
            self.diagnostic("/monitoring/applicationInsights", &service, APPLICATION_INSIGHTS, &diagnostic);
        }
        let monitor = self.spec.monitoring.as_ref().and_then(|monitoring| monitoring.azure_monitor.as_ref());
        if let Some(spec) = monitor.filter(|_| !declared(self.spec, AZURE_MONITOR)) {
            self.diagnostic("/monitoring/azureMonitor", &service, AZURE_MONITOR, &of_azure_monitor(spec));
        }
        for (name, diagnostic) in &self.spec.diagnostics {
            self.diagnostic(&names::pointer("diagnostics", name), &service, name, diagnostic);
        }
        for (api, spec) in &self.spec.apis {
            let pointer = names::below(&names::pointer("apis", api), "diagnostics");
            for (name, diagnostic) in &spec.diagnostics {
                for api in self.api_and_twin(api) {
                    let scope = self.child("apis", &api);
                    self.diagnostic(&names::below(&pointer, name), &scope, name, diagnostic);
                }
            }
        }
    }

    fn diagnostic(&mut self, pointer: &str, scope: &ResourceId, name: &str, spec: &Diagnostic) {
        // Reported when the specification is read.
        let Some(logger) = self.logger_id(name, spec) else { return };
        let value = bodies::diagnostic(spec, logger.as_str());
        let body = with_properties(Template::plain(value), &spec.properties);
        self.add(pointer, scope.child("diagnostics", name), body, vec![logger]);
    }

    fn logger_id(&self, diagnostic: &str, spec: &Diagnostic) -> Option<ResourceId> {
        match &spec.logger {
            Some(text) => Some(ResourceId::parse(text).unwrap_or_else(|_| self.child("loggers", text.rsplit('/').next().unwrap_or(text)))),
            None if diagnostic.eq_ignore_ascii_case(APPLICATION_INSIGHTS) => {
                self.application_insights_spec().map(|component| self.child("loggers", &component.name))
            }
            None if diagnostic.eq_ignore_ascii_case(AZURE_MONITOR) => Some(self.child("loggers", AZURE_MONITOR)),
            None => None,
        }
    }
}

fn of_application_insights(spec: &ApplicationInsights) -> Diagnostic {
    Diagnostic {
        sampling_percentage: spec.sampling_percentage,
        always_log: spec.always_log.clone(),
        metrics: Some(spec.metrics.unwrap_or(true)),
        verbosity: Some(spec.verbosity.clone().unwrap_or_else(|| "information".to_owned())),
        http_correlation_protocol: Some(spec.http_correlation_protocol.clone().unwrap_or_else(|| "W3C".to_owned())),
        log_client_ip: spec.log_client_ip,
        operation_name_format: spec.operation_name_format.clone(),
        frontend: spec.frontend.clone(),
        backend: spec.backend.clone(),
        ..Diagnostic::default()
    }
}

fn of_azure_monitor(spec: &AzureMonitor) -> Diagnostic {
    Diagnostic {
        sampling_percentage: spec.sampling_percentage,
        always_log: spec.always_log.clone(),
        verbosity: spec.verbosity.clone(),
        log_client_ip: spec.log_client_ip,
        large_language_model: spec.large_language_model.clone(),
        properties: spec.properties.clone(),
        ..Diagnostic::default()
    }
}
