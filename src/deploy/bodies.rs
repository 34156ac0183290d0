//! Request bodies: the one place that knows the `azure_mgmt_*` models.
//!
//! The models' API is 2023-09-01-preview, so each body is the model plus what that version lacks, merged in as JSON. Models
//! are only ever written: reading live resources through them would lose every field they do not know.

use azure_mgmt_apimanagement::package_preview_2023_09::models as apim;
use azure_mgmt_authorization::package_2022_04_01::models as authorization;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::spec::model::{
    Api, Backend, BackendCredentials, CircuitBreakerRule, Diagnostic, Group, KeyVaultReference, Operation, Pool, Product, Subscription,
    User, VersionSet,
};
use crate::support::secret::Secret;

/// A model as JSON without nulls (its dates have no way to be left out), with `extra` merged over it: a `null` in `extra` removes.
fn body<T: Serialize>(model: &T, extra: Value) -> Value {
    // A model holds strings, numbers and JSON values only, none of which can fail to serialise.
    let mut value = prune(serde_json::to_value(model).unwrap_or_default());
    merge(&mut value, extra);
    value
}

/// Takes nulls out and writes whole numbers without a fraction: the models keep percentages as floats.
fn prune(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            Value::Object(fields.into_iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| (key, prune(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(prune).collect()),
        other => whole(other),
    }
}

/// A number without a needless fraction.
#[expect(clippy::cast_possible_truncation, reason = "whole and far inside the range, as the guard says")]
fn whole(value: Value) -> Value {
    match value.as_f64() {
        Some(number) if value.is_f64() && number.fract() == 0.0 && number.abs() < 9e15 => json!(number as i64),
        _ => value,
    }
}

/// JSON merge patch (RFC 7396).
pub(super) fn merge(target: &mut Value, patch: Value) {
    let Value::Object(fields) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(into) = target else { return };
    for (key, value) in fields {
        if value.is_null() {
            into.shift_remove(&key);
        } else {
            merge(into.entry(key).or_insert(Value::Null), value);
        }
    }
}

/// Leaves out what is not set.
fn some(value: Option<impl Into<Value>>) -> Option<Value> {
    value.map(Into::into)
}

/// An object of what is set.
fn object<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    Value::Object(fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect())
}

/// A word of an enumeration, kept as it is written when the model's version does not know it.
fn word<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_value(Value::String(text.to_owned())).ok()
}

fn number(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

/// What a service's body is made of.
pub(super) struct ServiceParts<'a> {
    /// Region.
    pub(super) location: &'a str,
    /// Tier and units; `None` leaves them out (they are then not compared).
    pub(super) sku: Option<(&'a str, u32)>,
    /// Publisher's mail address and name.
    pub(super) publisher: (Option<&'a str>, Option<&'a str>),
    /// `SystemAssigned`, …
    pub(super) identity: Option<(&'a str, &'a [String])>,
    /// Availability zones.
    pub(super) zones: &'a [String],
    /// Everything else of `properties`.
    pub(super) properties: Value,
}

/// The service.
pub(super) fn service(parts: ServiceParts<'_>) -> Value {
    let (email, name) = parts.publisher;
    let properties = apim::ApiManagementServiceProperties::new(email.unwrap_or_default().to_owned(), name.unwrap_or_default().to_owned());
    let (tier, units) = parts.sku.unwrap_or_default();
    let tier = word(tier).unwrap_or_else(|| apim::api_management_service_sku_properties::Name::UnknownValue(tier.to_owned()));
    let sku = apim::ApiManagementServiceSkuProperties::new(tier, number(units));
    let mut model = apim::ApiManagementServiceResource::new(properties, sku, parts.location.to_owned());
    model.zones = parts.zones.to_vec();
    model.identity = parts.identity.map(|(kind, assigned)| {
        let kind = word(kind).unwrap_or_else(|| apim::api_management_service_identity::Type::UnknownValue(kind.to_owned()));
        let mut identity = apim::ApiManagementServiceIdentity::new(kind);
        if !assigned.is_empty() {
            identity.user_assigned_identities = Some(assigned.iter().map(|id| (id.clone(), json!({}))).collect::<Map<_, _>>().into());
        }
        identity
    });
    let mut value = body(&model, json!({ "properties": parts.properties }));
    // What is not written must not be sent: the models demand these.
    for (missing, pointer, key) in [
        (parts.sku.is_none(), "", "sku"),
        (email.is_none(), "/properties", "publisherEmail"),
        (name.is_none(), "/properties", "publisherName"),
        (parts.location.is_empty(), "", "location"),
    ] {
        if let (true, Some(Value::Object(fields))) = (missing, value.pointer_mut(pointer)) {
            fields.shift_remove(key);
        }
    }
    value
}

/// A named value: plain, secret or from Key Vault.
pub(super) fn named_value(
    display_name: &str,
    value: Option<&Secret<String>>,
    secret: bool,
    tags: &[String],
    key_vault: Option<&KeyVaultReference>,
) -> Value {
    let mut properties = apim::NamedValueCreateContractProperties::new(display_name.to_owned());
    properties.value = value.map(|value| value.expose().clone());
    properties.named_value_entity_base_parameters.secret = Some(secret);
    properties.named_value_entity_base_parameters.tags = tags.to_vec();
    properties.key_vault = key_vault.map(|reference| apim::KeyVaultContractCreateProperties {
        secret_identifier: Some(reference.secret_identifier.clone()),
        identity_client_id: reference.identity_client_id.clone(),
    });
    body(&apim::NamedValueCreateContract { properties: Some(properties), ..Default::default() }, json!({}))
}

/// The credentials of a backend; `managedIdentity` is in no published contract.
fn credentials(credentials: &BackendCredentials) -> (apim::BackendCredentialsContract, Value) {
    let lists = |map: &indexmap::IndexMap<String, Vec<Secret<String>>>| -> Value {
        let exposed = |values: &Vec<Secret<String>>| Value::Array(values.iter().map(|value| value.expose().as_str().into()).collect());
        map.iter().map(|(name, values)| (name.clone(), exposed(values))).collect::<Map<_, _>>().into()
    };
    let model = apim::BackendCredentialsContract {
        certificate_ids: credentials.certificate_ids.clone().unwrap_or_default(),
        certificate: credentials.certificate.clone().unwrap_or_default(),
        query: credentials.query.as_ref().map(lists),
        header: credentials.header.as_ref().map(lists),
        authorization: credentials
            .authorization
            .as_ref()
            .map(|header| apim::BackendAuthorizationHeaderCredentials::new(header.scheme.clone(), header.parameter.expose().clone())),
    };
    let extra = credentials.managed_identity.as_ref().map(|identity| {
        let identity = object([("resource", some(Some(identity.resource.as_str()))), ("clientId", some(identity.client_id.as_deref()))]);
        json!({ "managedIdentity": identity })
    });
    (model, extra.unwrap_or_else(|| json!({})))
}

/// The rules of a circuit breaker.
fn circuit_breaker(rules: &[CircuitBreakerRule]) -> (apim::BackendCircuitBreaker, Value) {
    let model = rules
        .iter()
        .map(|rule| {
            let condition = &rule.failure_condition;
            apim::CircuitBreakerRule {
                name: Some(rule.name.clone().unwrap_or_else(|| "default".to_owned())),
                failure_condition: Some(apim::CircuitBreakerFailureCondition {
                    count: condition.count.map(i64::from),
                    percentage: condition.percentage.map(i64::from),
                    interval: condition.interval.clone(),
                    status_code_ranges: condition
                        .status_code_ranges
                        .iter()
                        .flatten()
                        .map(|range| apim::FailureStatusCodeRange { min: Some(range.min.into()), max: Some(range.max.into()) })
                        .collect(),
                    error_reasons: condition.error_reasons.clone().unwrap_or_default(),
                }),
                trip_duration: Some(rule.trip_duration.clone()),
                accept_retry_after: rule.accept_retry_after,
            }
        })
        .collect::<Vec<_>>();
    let mut value = prune(serde_json::to_value(&model).unwrap_or_default());
    let mut extra = json!({});
    // `failureResponse` of a rule is newer than the model, and an array can only be merged as a whole.
    if rules.iter().any(|rule| rule.failure_response.is_some())
        && let Value::Array(items) = &mut value
    {
        for (item, rule) in items.iter_mut().zip(rules) {
            if let Some(response) = &rule.failure_response {
                merge(item, json!({ "failureResponse": response }));
            }
        }
        extra = json!({ "rules": value });
    }
    (apim::BackendCircuitBreaker { rules: model }, extra)
}

/// A backend with one address. `url` is empty when it is still to be filled in.
pub(super) fn backend(
    spec: &Backend,
    url: Option<&str>,
    own_credentials: Option<&BackendCredentials>,
    rules: &[CircuitBreakerRule],
) -> Value {
    let protocol = spec.protocol.as_deref().unwrap_or("http");
    let protocol = word(protocol).unwrap_or_else(|| apim::backend_contract_properties::Protocol::UnknownValue(protocol.to_owned()));
    let mut properties = apim::BackendContractProperties::new(url.unwrap_or_default().to_owned(), protocol);
    let base = &mut properties.backend_base_parameters;
    base.type_ = Some(apim::backend_base_parameters::Type::Single);
    base.title.clone_from(&spec.title);
    base.description.clone_from(&spec.description);
    base.resource_id.clone_from(&spec.resource_id);
    let mut extra = json!({});
    if let Some(own) = own_credentials {
        let (model, more) = credentials(own);
        base.credentials = Some(model);
        merge(&mut extra, json!({ "credentials": more }));
    }
    base.tls = spec.tls.as_ref().map(|tls| apim::BackendTlsProperties {
        validate_certificate_chain: tls.validate_certificate_chain,
        validate_certificate_name: tls.validate_certificate_name,
    });
    base.proxy = spec.proxy.as_ref().map(|proxy| apim::BackendProxyContract {
        url: proxy.url.clone(),
        username: proxy.username.clone(),
        password: proxy.password.as_ref().map(|password| password.expose().clone()),
    });
    if !rules.is_empty() {
        let (model, more) = circuit_breaker(rules);
        base.circuit_breaker = Some(model);
        merge(&mut extra, json!({ "circuitBreaker": more }));
    }
    if url.is_none() {
        merge(&mut extra, json!({ "url": null }));
    }
    body(&apim::BackendContract { properties: Some(properties), ..Default::default() }, json!({ "properties": extra }))
}

/// A pool: the service refuses `url` and `protocol`, which the model demands.
pub(super) fn pool(spec: &Backend, pool: &Pool, member_ids: &[String]) -> Value {
    let mut properties = apim::BackendContractProperties::new(String::new(), apim::backend_contract_properties::Protocol::Http);
    let base = &mut properties.backend_base_parameters;
    base.type_ = Some(apim::backend_base_parameters::Type::Pool);
    base.title.clone_from(&spec.title);
    base.description.clone_from(&spec.description);
    let services = pool
        .services
        .iter()
        .zip(member_ids)
        .map(|(member, id)| apim::BackendPoolItem {
            id: id.clone(),
            weight: member.weight.map(number),
            priority: member.priority.map(number),
        })
        .collect();
    base.pool = serde_json::to_value(apim::BackendPool { services }).ok();
    let newer = object([("sessionAffinity", pool.session_affinity.clone()), ("failureResponse", pool.failure_response.clone())]);
    let mut value = body(
        &apim::BackendContract { properties: Some(properties), ..Default::default() },
        json!({ "properties": { "url": null, "protocol": null } }),
    );
    merge(&mut value, json!({ "properties": { "pool": newer } }));
    value
}

/// A version set.
pub(super) fn version_set(display_name: &str, spec: &VersionSet) -> Value {
    let scheme = &spec.versioning_scheme;
    let scheme = word(scheme).unwrap_or_else(|| apim::api_version_set_contract_properties::VersioningScheme::UnknownValue(scheme.clone()));
    let mut properties = apim::ApiVersionSetContractProperties::new(display_name.to_owned(), scheme);
    properties.api_version_set_entity_base = apim::ApiVersionSetEntityBase {
        description: spec.description.clone(),
        version_query_name: spec.version_query_name.clone(),
        version_header_name: spec.version_header_name.clone(),
    };
    body(&apim::ApiVersionSetContract { properties: Some(properties), ..Default::default() }, json!({}))
}

/// Where the keys of an API's clients are looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct KeyNames {
    /// Header.
    pub(super) header: Option<String>,
    /// Query parameter.
    pub(super) query: Option<String>,
    /// `enabled`: also `Authorization: Bearer`.
    pub(super) bearer: Option<String>,
}

/// What an API's body is made of beside its specification.
#[derive(Debug, Clone, Default)]
pub(super) struct ApiParts<'a> {
    /// Name for people; `None` leaves it to the imported document.
    pub(super) display_name: Option<&'a str>,
    /// Path.
    pub(super) path: &'a str,
    /// Key names.
    pub(super) keys: Option<KeyNames>,
    /// Full id of the version set.
    pub(super) version_set: Option<String>,
    /// Format and text (or address) of the document to import.
    pub(super) import: Option<(&'a str, &'a str)>,
    /// Address behind it, where that is not the specification's.
    pub(super) service_url: Option<&'a str>,
    /// Whether a key is needed, where that is not the specification's.
    pub(super) subscription_required: Option<bool>,
}

/// An API.
pub(super) fn api(spec: &Api, parts: &ApiParts<'_>) -> Value {
    let mut contract = apim::ApiContractProperties::new(parts.path.to_owned());
    contract.display_name = parts.display_name.map(str::to_owned);
    contract.service_url = parts.service_url.map(str::to_owned).or_else(|| spec.service_url.clone());
    contract.protocols = match &spec.protocols {
        Some(protocols) => protocols.clone(),
        // An imported document says it itself.
        None if parts.import.is_some() => Vec::new(),
        None => vec!["https".to_owned()],
    };
    let base = &mut contract.api_entity_base_contract;
    base.description.clone_from(&spec.description);
    base.type_ = spec.kind.as_deref().and_then(word);
    base.api_revision.clone_from(&spec.api_revision);
    base.api_version.clone_from(&spec.api_version);
    base.api_version_set_id.clone_from(&parts.version_set);
    base.subscription_required = parts.subscription_required.or(spec.subscription_required);
    base.subscription_key_parameter_names = parts
        .keys
        .as_ref()
        .map(|keys| apim::SubscriptionKeyParameterNamesContract { header: keys.header.clone(), query: keys.query.clone() });
    let mut properties = apim::ApiCreateOrUpdateProperties::new(contract);
    let mut extra = json!({});
    if let Some((format, value)) = parts.import {
        properties.format = word(format);
        properties.value = Some(value.to_owned());
    }
    if let Some(bearer) = parts.keys.as_ref().and_then(|keys| keys.bearer.clone()) {
        merge(&mut extra, json!({ "subscriptionKeyParameterNames": { "bearer": bearer } }));
    }
    if let Some(settings) = &spec.authentication_settings {
        merge(&mut extra, json!({ "authenticationSettings": settings }));
    }
    if let Some(kind) = &spec.kind
        && kind != "http"
    {
        // The type is fixed by `apiType` on the first PUT.
        merge(&mut extra, json!({ "apiType": kind }));
    }
    body(&apim::ApiCreateOrUpdateParameter { properties: Some(properties) }, json!({ "properties": extra }))
}

/// An operation; `parameters` is complete.
pub(super) fn operation(display_name: &str, spec: &Operation, url_template: &str, parameters: &[Value]) -> Value {
    let mut properties = apim::OperationContractProperties::new(display_name.to_owned(), spec.method.clone(), url_template.to_owned());
    let base = &mut properties.operation_entity_base_contract;
    base.description.clone_from(&spec.description);
    let mut extra = json!({});
    // Written by people as ARM has them: what the model reads it keeps, and what it does not know is merged back in.
    base.template_parameters = parameters.iter().filter_map(|parameter| serde_json::from_value(parameter.clone()).ok()).collect();
    if !parameters.is_empty() {
        merge(&mut extra, json!({ "templateParameters": parameters }));
    }
    if let Some(request) = &spec.request {
        base.request = serde_json::from_value(request.clone()).ok();
        merge(&mut extra, json!({ "request": request }));
    }
    if let Some(responses) = &spec.responses {
        base.responses = responses.iter().filter_map(|response| serde_json::from_value(response.clone()).ok()).collect();
        merge(&mut extra, json!({ "responses": responses }));
    }
    body(&apim::OperationContract { properties: Some(properties), ..Default::default() }, json!({ "properties": extra }))
}

/// A product.
pub(super) fn product(display_name: &str, spec: &Product) -> Value {
    let mut properties = apim::ProductContractProperties::new(display_name.to_owned());
    let required = spec.subscription_required.unwrap_or(true);
    let state = spec.state.as_deref().unwrap_or("published");
    properties.product_entity_base_parameters = apim::ProductEntityBaseParameters {
        description: spec.description.clone(),
        terms: spec.terms.clone(),
        subscription_required: Some(required),
        // Refused for open products.
        approval_required: if required { Some(spec.approval_required.unwrap_or(false)) } else { spec.approval_required },
        subscriptions_limit: spec.subscriptions_limit.map(number),
        state: word(state),
    };
    body(&apim::ProductContract { properties: Some(properties), ..Default::default() }, json!({ "properties": { "state": state } }))
}

/// A group of users.
pub(super) fn group(display_name: &str, spec: &Group) -> Value {
    let mut properties = apim::GroupCreateParametersProperties::new(display_name.to_owned());
    properties.description.clone_from(&spec.description);
    properties.type_ = spec.kind.as_deref().and_then(word);
    properties.external_id.clone_from(&spec.external_id);
    body(
        &apim::GroupCreateParameters { properties: Some(properties) },
        json!({ "properties": object([("type", some(spec.kind.as_deref()))]) }),
    )
}

/// A user.
pub(super) fn user(spec: &User) -> Value {
    let mut properties = apim::UserCreateParameterProperties::new(spec.email.clone(), spec.first_name.clone(), spec.last_name.clone());
    properties.user_entity_base_parameters.state = spec.state.as_deref().and_then(word);
    properties.user_entity_base_parameters.note.clone_from(&spec.note);
    body(
        &apim::UserCreateParameters { properties: Some(properties) },
        json!({ "properties": object([("state", some(spec.state.as_deref()))]) }),
    )
}

/// A subscription. Its state is always said, because a new one is `submitted` otherwise.
pub(super) fn subscription(display_name: &str, spec: &Subscription, scope: &str, owner: Option<&str>) -> Value {
    let mut properties = apim::SubscriptionCreateParameterProperties::new(scope.to_owned(), display_name.to_owned());
    let state = spec.state.as_deref().unwrap_or("active");
    properties.owner_id = owner.map(str::to_owned);
    properties.primary_key = spec.primary_key.as_ref().map(|key| key.expose().clone());
    properties.secondary_key = spec.secondary_key.as_ref().map(|key| key.expose().clone());
    properties.state = word(state);
    properties.allow_tracing = spec.allow_tracing;
    body(&apim::SubscriptionCreateParameters { properties: Some(properties) }, json!({ "properties": { "state": state } }))
}

/// A logger.
pub(super) fn logger(
    kind: &str,
    description: Option<&str>,
    resource_id: Option<&str>,
    buffered: bool,
    credentials: Option<Value>,
) -> Value {
    let kind = word(kind).unwrap_or_else(|| apim::logger_contract_properties::LoggerType::UnknownValue(kind.to_owned()));
    let mut properties = apim::LoggerContractProperties::new(kind);
    properties.description = description.map(str::to_owned);
    properties.resource_id = resource_id.map(str::to_owned);
    properties.is_buffered = Some(buffered);
    properties.credentials = credentials;
    body(&apim::LoggerContract { properties: Some(properties), ..Default::default() }, json!({}))
}

/// A diagnostic.
pub(super) fn diagnostic(spec: &Diagnostic, logger_id: &str) -> Value {
    let mut properties = apim::DiagnosticContractProperties::new(logger_id.to_owned());
    properties.always_log = spec.always_log.as_deref().and_then(word);
    properties.sampling = Some(apim::SamplingSettings {
        sampling_type: Some(apim::sampling_settings::SamplingType::Fixed),
        percentage: Some(spec.sampling_percentage.unwrap_or(100.0)),
    });
    properties.frontend = spec.frontend.as_ref().and_then(|value| serde_json::from_value(value.clone()).ok());
    properties.backend = spec.backend.as_ref().and_then(|value| serde_json::from_value(value.clone()).ok());
    properties.log_client_ip = spec.log_client_ip;
    properties.http_correlation_protocol = spec.http_correlation_protocol.as_deref().and_then(word);
    properties.verbosity = spec.verbosity.as_deref().and_then(word);
    properties.operation_name_format = spec.operation_name_format.as_deref().and_then(word);
    properties.metrics = spec.metrics;
    let model = spec.large_language_model.as_ref().map(|model| {
        object([("logs", some(Some(model.logs.as_str()))), ("requests", model.requests.clone()), ("responses", model.responses.clone())])
    });
    // The model reads what people wrote as ARM has it; what it does not know of it is merged back in.
    let extra = object([("frontend", spec.frontend.clone()), ("backend", spec.backend.clone()), ("largeLanguageModel", model)]);
    body(&apim::DiagnosticContract { properties: Some(properties), ..Default::default() }, json!({ "properties": extra }))
}

/// A policy document.
pub(super) fn policy(format: &str, text: &str) -> Value {
    let mut properties = apim::PolicyContractProperties::new(text.to_owned());
    properties.format = word(format);
    body(&apim::PolicyContract { properties: Some(properties), ..Default::default() }, json!({}))
}

/// A policy fragment.
pub(super) fn fragment(format: &str, text: &str, description: Option<&str>) -> Value {
    let mut properties = apim::PolicyFragmentContractProperties::new(text.to_owned());
    properties.format = word(format);
    properties.description = description.map(str::to_owned);
    body(&apim::PolicyFragmentContract { properties: Some(properties), ..Default::default() }, json!({}))
}

/// A role assignment of a service principal; the principal's id is still to be filled in.
///
/// The principal's type is always said: without it the directory is asked, which does not know a new identity for minutes.
pub(super) fn role_assignment(role_definition_id: &str, description: &str) -> Value {
    let mut properties = authorization::RoleAssignmentProperties::new(role_definition_id.to_owned(), String::new());
    properties.principal_type = Some(authorization::role_assignment_properties::PrincipalType::ServicePrincipal);
    properties.description = Some(description.to_owned());
    body(&authorization::RoleAssignmentCreateParameters::new(properties), json!({ "properties": { "principalId": null } }))
}
