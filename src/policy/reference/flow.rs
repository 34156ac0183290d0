//! Control flow, routing, integration and logging.

use super::content::{BODY, HEADER, METHOD, STATUS};
use super::traffic::{AUTHENTICATION_BASIC, AUTHENTICATION_CERTIFICATE, AUTHENTICATION_MANAGED_IDENTITY, PROXY};
use super::{
    API, Attribute, BACKEND, CLASSIC, CONSUMPTION, Child, Children, EVERY_SECTION, GLOBAL, INBOUND, Literal, ON_ERROR, OPERATION, OUTBOUND,
    Occurs, PRODUCT, Policy, RESOLVER, Returns, SELF_HOSTED, Shape, Text, V2, child, flag, integer, leaf, maybe_boolean, maybe_integer,
    maybe_name, maybe_string, name, optional, policy, required, shape, string, text_only,
};

const WHEN: Shape = shape(&[required("condition", Literal::Boolean).computed(Returns::Boolean)], Text::None, Children::Policies);
const OTHERWISE: Shape = shape(&[], Text::None, Children::Policies);
const URL: Shape = text_only(Returns::String);
const DATA: Shape = shape(&[optional("template", Literal::OneOf(&["liquid"]))], Text::Value(Returns::Object), Children::None);
const METADATA: Shape = shape(&[], Text::None, Children::Elements(&[child("item", Occurs::Any, &METADATA_ITEM)]));
const METADATA_ITEM: Shape = shape(&[name("key")], Text::Value(Returns::String), Children::None);
const TRACE_METADATA: Shape = leaf(&[string("name"), string("value")]);
pub(super) const DIMENSION: Shape = leaf(&[required("name", Literal::Name).computed(Returns::String), maybe_string("value")]);

const REQUEST: &[Child] = &[
    child("set-url", Occurs::Optional, &URL),
    child("set-method", Occurs::Optional, &METHOD),
    child("set-header", Occurs::Any, &HEADER),
    child("set-body", Occurs::Optional, &BODY),
    child("authentication-certificate", Occurs::Optional, &AUTHENTICATION_CERTIFICATE),
    child("authentication-basic", Occurs::Optional, &AUTHENTICATION_BASIC),
    child("authentication-managed-identity", Occurs::Optional, &AUTHENTICATION_MANAGED_IDENTITY),
    child("proxy", Occurs::Optional, &PROXY),
];

const MODE: Attribute = optional("mode", Literal::OneOf(&["new", "copy"])).computed(Returns::String);

const RESOLVER_REQUEST: Shape = shape(&[], Text::None, Children::Policies);
const RESOLVER_RESPONSE: Shape = shape(&[], Text::None, Children::Policies);
const RESOLVER_PAYLOAD: Shape = shape(&[], Text::Payload(Returns::String), Children::None);

pub(super) const POLICIES: &[Policy] = &[
    policy("base", EVERY_SECTION, leaf(&[])),
    policy(
        "choose",
        EVERY_SECTION,
        shape(&[], Text::None, Children::Elements(&[child("when", Occurs::Some, &WHEN), child("otherwise", Occurs::Optional, &OTHERWISE)])),
    ),
    policy("include-fragment", EVERY_SECTION, leaf(&[name("fragment-id")])),
    policy(
        "retry",
        EVERY_SECTION,
        shape(
            &[
                required("condition", Literal::Boolean).computed(Returns::Boolean),
                integer("count", 1, 50),
                integer("interval", 0, i64::MAX),
                maybe_integer("max-interval", 0, i64::MAX),
                maybe_integer("delta", 0, i64::MAX),
                maybe_boolean("first-fast-retry"),
            ],
            Text::None,
            Children::Policies,
        ),
    ),
    policy(
        "wait",
        INBOUND | BACKEND | OUTBOUND,
        shape(
            &[optional("for", Literal::OneOf(&["all", "any"])).computed(Returns::String)],
            Text::None,
            Children::These(&["send-request", "cache-lookup-value", "choose"]),
        ),
    )
    .disputed(ON_ERROR),
    policy(
        "limit-concurrency",
        EVERY_SECTION,
        shape(&[string("key"), required("max-count", Literal::Integer(1, i64::MAX))], Text::None, Children::Policies),
    ),
    policy(
        "forward-request",
        BACKEND,
        leaf(&[
            maybe_integer("timeout", 0, i64::MAX),
            maybe_integer("timeout-ms", 0, i64::MAX),
            maybe_integer("continue-timeout", 0, i64::MAX),
            optional("http-version", Literal::OneOf(&["1", "2or1", "2"])),
            maybe_boolean("follow-redirects"),
            flag("buffer-request-body"),
            flag("buffer-response"),
            flag("fail-on-error-status-code"),
        ]),
    ),
    policy(
        "set-backend-service",
        INBOUND | BACKEND,
        leaf(&[
            maybe_string("base-url"),
            maybe_string("backend-id"),
            maybe_boolean("sf-resolve-condition"),
            maybe_string("sf-service-instance-name"),
            maybe_string("sf-partition-key"),
            maybe_string("sf-listener-name"),
            maybe_string("sf-replica-type"),
            maybe_string("dapr-app-id"),
            maybe_string("dapr-method"),
            maybe_string("dapr-namespace"),
        ]),
    ),
    policy(
        "return-response",
        EVERY_SECTION,
        shape(
            &[maybe_name("response-variable-name")],
            Text::None,
            Children::Elements(&[
                child("set-status", Occurs::Optional, &STATUS),
                child("set-header", Occurs::Any, &HEADER),
                child("set-body", Occurs::Optional, &BODY),
            ]),
        ),
    ),
    policy(
        "mock-response",
        INBOUND | OUTBOUND | ON_ERROR,
        leaf(&[
            optional("status-code", Literal::Integer(100, 599)),
            optional("content-type", Literal::Text),
            optional("index", Literal::Integer(0, i64::MAX)),
        ]),
    ),
    policy(
        "send-request",
        EVERY_SECTION,
        shape(
            &[MODE, name("response-variable-name"), maybe_integer("timeout", 0, i64::MAX), flag("ignore-error")],
            Text::None,
            Children::Elements(REQUEST),
        ),
    ),
    policy(
        "send-one-way-request",
        EVERY_SECTION,
        shape(&[MODE, maybe_integer("timeout", 0, i64::MAX)], Text::None, Children::Elements(REQUEST)),
    ),
    policy(
        "log-to-eventhub",
        EVERY_SECTION,
        shape(
            &[string("logger-id"), maybe_name("partition-id"), maybe_string("partition-key")],
            Text::Value(Returns::String),
            Children::None,
        ),
    ),
    policy(
        "send-service-bus-message",
        INBOUND | OUTBOUND | ON_ERROR,
        shape(
            &[maybe_string("queue-name"), maybe_string("topic-name"), maybe_string("namespace"), maybe_string("client-id")],
            Text::None,
            Children::Elements(&[
                child("message-properties", Occurs::Optional, &MESSAGE_PROPERTIES),
                child("payload", Occurs::Once, &PAYLOAD),
            ]),
        ),
    )
    .at(GLOBAL | PRODUCT | API | OPERATION),
    policy(
        "publish-to-dapr",
        INBOUND | OUTBOUND | ON_ERROR,
        shape(
            &[
                maybe_string("pubsub-name"),
                string("topic"),
                flag("ignore-error"),
                maybe_name("response-variable-name"),
                maybe_integer("timeout", 0, i64::MAX),
                optional("template", Literal::OneOf(&["liquid", "Liquid"])),
                maybe_string("content-type"),
            ],
            Text::Payload(Returns::String),
            Children::None,
        ),
    )
    .at(GLOBAL | PRODUCT | API | OPERATION)
    .on(SELF_HOSTED),
    policy(
        "invoke-dapr-binding",
        INBOUND | OUTBOUND | ON_ERROR,
        shape(
            &[
                string("name"),
                maybe_string("operation"),
                flag("ignore-error"),
                maybe_name("response-variable-name"),
                maybe_integer("timeout", 0, i64::MAX),
                optional("template", Literal::OneOf(&["liquid", "Liquid"])),
                maybe_string("content-type"),
            ],
            Text::None,
            Children::Elements(&[child("metadata", Occurs::Optional, &METADATA), child("data", Occurs::Optional, &DATA)]),
        ),
    )
    .at(GLOBAL | PRODUCT | API | OPERATION)
    .on(SELF_HOSTED),
    policy(
        "trace",
        INBOUND | BACKEND | OUTBOUND | ON_ERROR,
        shape(
            &[string("source"), optional("severity", Literal::OneOf(&["verbose", "information", "error"]))],
            // The page's form is `<message>`; bare text is what older documents hold.
            Text::Value(Returns::String),
            Children::Elements(&[child("message", Occurs::Optional, &MESSAGE), child("metadata", Occurs::Any, &TRACE_METADATA)]),
        ),
    ),
    policy(
        "emit-metric",
        EVERY_SECTION,
        shape(
            &[
                name("name"),
                optional("value", Literal::Number(f64::MIN, f64::MAX)).computed(Returns::Number),
                optional("namespace", Literal::Text),
            ],
            Text::None,
            Children::Elements(&[child("dimension", Occurs::Some, &DIMENSION)]),
        ),
    ),
    policy(
        "http-data-source",
        0,
        shape(
            &[],
            Text::None,
            Children::Elements(&[
                child("get-authorization-context", Occurs::Optional, &RESOLVER_PAYLOAD),
                child("http-request", Occurs::Once, &RESOLVER_REQUEST),
                child("backend", Occurs::Optional, &RESOLVER_REQUEST),
                child("http-response", Occurs::Optional, &RESOLVER_RESPONSE),
            ]),
        ),
    )
    .at(RESOLVER)
    .on(CLASSIC | V2 | CONSUMPTION),
    policy("cosmosdb-data-source", 0, RESOLVER_PAYLOAD).at(RESOLVER).on(CLASSIC | V2),
    policy("sql-data-source", 0, RESOLVER_PAYLOAD).at(RESOLVER).on(CLASSIC | V2),
    policy("publish-event", 0, RESOLVER_PAYLOAD).at(RESOLVER).on(CLASSIC | V2 | CONSUMPTION),
    policy(
        "invoke-request",
        EVERY_SECTION,
        shape(
            &[maybe_string("method"), maybe_string("url"), maybe_string("backend-id"), maybe_name("response-variable-name")],
            Text::None,
            Children::Elements(&[child("set-header", Occurs::Any, &HEADER), child("set-body", Occurs::Optional, &BODY)]),
        ),
    ),
];

const MESSAGE: Shape = text_only(Returns::String);
const MESSAGE_PROPERTIES: Shape = shape(&[], Text::None, Children::Elements(&[child("message-property", Occurs::Any, &MESSAGE_PROPERTY)]));
/// Any type: Microsoft's toolkit puts a `Guid` here, and Service Bus properties are typed.
const MESSAGE_PROPERTY: Shape = shape(&[name("name")], Text::Value(Returns::Object), Children::None);
const PAYLOAD: Shape = shape(&[], Text::Payload(Returns::String), Children::None);
