//! Resource group and service.

use serde_json::{Map, Value, json};

use super::{Compiler, with_properties};
use crate::deploy::bodies::{self, ServiceParts};
use crate::deploy::resource::{DesiredId, Management, Template};
use crate::spec::model::{AdditionalLocation, Service, Sku};

impl Compiler<'_> {
    pub(super) fn resource_group(&mut self) {
        let group = &self.spec.resource_group;
        let body = json!({ "location": group.location.as_deref().unwrap_or_default(), "tags": self.tags(&group.tags) });
        let management = if group.existing { Management::ReadOnly } else { Management::PatchIfForeign };
        self.add_as("/resourceGroup", DesiredId::Known(self.group.clone()), Template::plain(body), management, Vec::new());
    }

    pub(super) fn service(&mut self) {
        let service = &self.spec.service;
        let sku = service.sku.as_ref();
        let sku = match sku {
            Some(sku) => Some((sku.name(), sku.effective_capacity())),
            None if service.existing => None,
            None => Some(("Developer", 1)),
        };
        let identity = service.identity.as_ref().map(|identity| (identity.kind(), identity.user_assigned()));
        let mut value = bodies::service(ServiceParts {
            location: self.location(service.location.as_deref()),
            sku,
            publisher: (service.publisher_email.as_deref(), service.publisher_name.as_deref()),
            identity,
            zones: service.zones.as_deref().unwrap_or_default(),
            properties: properties(service, sku),
        });
        if let Value::Object(fields) = &mut value {
            fields.insert("tags".to_owned(), self.tags(&service.tags));
        }
        let management = if service.existing { Management::ReadOnly } else { Management::PatchIfForeign };
        let body = with_properties(Template::plain(value), &service.properties);
        self.add_as("/service", DesiredId::Known(self.service.clone()), body, management, Vec::new());
    }
}

/// What the specification says beside the publisher. What it does not say is not sent: the service keeps it.
fn properties(service: &Service, sku: Option<(&str, u32)>) -> Value {
    let mut properties = Map::new();
    let mut set = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            properties.insert(key.to_owned(), value);
        }
    };
    set("notificationSenderEmail", service.notification_sender_email.as_deref().map(Value::from));
    set("virtualNetworkType", service.virtual_network_type.as_deref().map(Value::from));
    set("virtualNetworkConfiguration", service.virtual_network_configuration.clone());
    set("publicNetworkAccess", service.public_network_access.as_deref().map(Value::from));
    set("hostnameConfigurations", service.hostname_configurations.clone().map(Value::Array));
    set("customProperties", service.custom_properties.as_ref().map(|map| json!(map)));
    set("disableGateway", service.disable_gateway.map(Value::from));
    set("enableClientCertificate", service.enable_client_certificate.map(Value::from));
    set("apiVersionConstraint", service.api_version_constraint.clone());
    set(
        "additionalLocations",
        service.additional_locations.as_ref().map(|all| all.iter().map(|one| additional_location(one, sku)).collect()),
    );
    Value::Object(properties)
}

fn additional_location(location: &AdditionalLocation, service: Option<(&str, u32)>) -> Value {
    let tier = location.sku.as_ref().map_or_else(|| service.map_or("Premium", |(tier, _)| tier), Sku::name);
    let units = location.sku.as_ref().map_or(1, Sku::effective_capacity);
    let mut value = json!({ "location": location.location, "sku": { "name": tier, "capacity": units } });
    bodies::merge(
        &mut value,
        json!({
            "zones": location.zones,
            "disableGateway": location.disable_gateway,
            "virtualNetworkConfiguration": location.virtual_network_configuration,
            "publicIpAddressId": location.public_ip_address_id,
        }),
    );
    value
}
