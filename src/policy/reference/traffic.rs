//! Limits, authentication and validation.

use super::{
    API, Attribute, CLASSIC, CONSUMPTION, Children, EVERY_GATEWAY, GLOBAL, INBOUND, Literal, ON_ERROR, OPERATION, OUTBOUND, Occurs, Once,
    PRODUCT, Policy, Returns, SELF_HOSTED, Shape, Text, V2, WORKSPACE, child, flag, integer, leaf, maybe_boolean, maybe_integer,
    maybe_name, maybe_string, name, optional, policy, required, shape, string, text_only,
};

const CALLS: Attribute = required("calls", Literal::Integer(0, i64::MAX));
const MAYBE_CALLS: Attribute = optional("calls", Literal::Integer(0, i64::MAX));
const BANDWIDTH: Attribute = optional("bandwidth", Literal::Integer(0, i64::MAX));
/// "At most 300 seconds" (rate-limit page).
const RATE_PERIOD: Attribute = required("renewal-period", Literal::Integer(1, 300));
const QUOTA_PERIOD: Attribute = required("renewal-period", Literal::Integer(0, i64::MAX));
const MAYBE_PERIOD: Attribute = optional("renewal-period", Literal::Integer(0, i64::MAX));
const NAME_OR_ID: [Attribute; 2] = [maybe_name("name"), maybe_name("id")];
const RATE_OPERATION: Shape = leaf(&[NAME_OR_ID[0], NAME_OR_ID[1], CALLS, RATE_PERIOD]);
const RATE_API: Shape = shape(
    &[NAME_OR_ID[0], NAME_OR_ID[1], CALLS, RATE_PERIOD],
    Text::None,
    Children::Elements(&[child("operation", Occurs::Any, &RATE_OPERATION)]),
);
const QUOTA_OPERATION: Shape = leaf(&[NAME_OR_ID[0], NAME_OR_ID[1], MAYBE_CALLS, BANDWIDTH, MAYBE_PERIOD]);
const QUOTA_API: Shape = shape(
    &[NAME_OR_ID[0], NAME_OR_ID[1], MAYBE_CALLS, BANDWIDTH, MAYBE_PERIOD],
    Text::None,
    Children::Elements(&[child("operation", Occurs::Any, &QUOTA_OPERATION)]),
);
const COUNTER_KEY: Attribute = required("counter-key", Literal::Name).computed(Returns::String);
const VALUE: Shape = text_only(Returns::String);

pub(super) const AUTHENTICATION_BASIC: Shape = leaf(&[string("username"), string("password")]);
pub(super) const AUTHENTICATION_CERTIFICATE: Shape = leaf(&[
    maybe_string("thumbprint"),
    maybe_string("certificate-id"),
    optional("body", Literal::Text).computed(Returns::Bytes),
    maybe_string("password"),
]);
pub(super) const AUTHENTICATION_MANAGED_IDENTITY: Shape =
    leaf(&[string("resource"), maybe_string("client-id"), maybe_name("output-token-variable-name"), flag("ignore-error")]);
pub(super) const PROXY: Shape = leaf(&[string("url"), maybe_string("username"), maybe_string("password")]);

const AUDIENCES: Shape = shape(&[], Text::None, Children::Elements(&[child("audience", Occurs::Some, &VALUE)]));
const ISSUERS: Shape = shape(&[], Text::None, Children::Elements(&[child("issuer", Occurs::Some, &VALUE)]));
const APPLICATIONS: Shape = shape(&[], Text::None, Children::Elements(&[child("application-id", Occurs::Some, &VALUE)]));
const CLAIMS: Shape = shape(&[], Text::None, Children::Elements(&[child("claim", Occurs::Some, &CLAIM)]));
const CLAIM: Shape = shape(
    &[name("name"), optional("match", Literal::OneOf(&["all", "any"])).computed(Returns::String), optional("separator", Literal::Text)],
    Text::None,
    Children::Elements(&[child("value", Occurs::Any, &VALUE)]),
);
const KEY: Shape = shape(
    &[maybe_name("id"), maybe_name("certificate-id"), maybe_name("n"), maybe_name("e")],
    Text::Value(Returns::Object),
    Children::None,
);
const KEYS: Shape = shape(&[], Text::None, Children::Elements(&[child("key", Occurs::Some, &KEY)]));
const OPENID: Shape = leaf(&[string("url")]);
const ACTION: Literal = Literal::OneOf(&["ignore", "prevent", "detect"]);
const IDENTITY: Shape = leaf(&[
    maybe_name("thumbprint"),
    maybe_name("serial-number"),
    maybe_name("common-name"),
    maybe_name("subject"),
    maybe_name("dns-name"),
    maybe_name("issuer-subject"),
    maybe_name("issuer-thumbprint"),
    maybe_name("issuer-certificate-id"),
    maybe_name("certificate-id"),
]);
const CONTENT_TYPE_MAP: Shape = shape(
    &[maybe_name("any-content-type-value"), maybe_name("missing-content-type-value")],
    Text::None,
    Children::Elements(&[child("type", Occurs::Any, &CONTENT_TYPE)]),
);
const CONTENT_TYPE: Shape = leaf(&[maybe_name("from"), name("to"), optional("when", Literal::Boolean).computed(Returns::Boolean)]);
const CONTENT: Shape = leaf(&[
    maybe_name("type"),
    required("validate-as", Literal::OneOf(&["json", "xml", "soap"])),
    required("action", ACTION),
    maybe_name("schema-id"),
    maybe_name("schema-ref"),
    flag("allow-additional-properties"),
    flag("case-insensitive-property-names"),
]);
const PARAMETER: Shape = leaf(&[name("name"), required("action", ACTION).computed(Returns::String)]);
const PARAMETERS: Shape = shape(
    &[
        required("specified-parameter-action", ACTION).computed(Returns::String),
        required("unspecified-parameter-action", ACTION).computed(Returns::String),
    ],
    Text::None,
    Children::Elements(&[child("parameter", Occurs::Any, &PARAMETER)]),
);
const PATH_PARAMETERS: Shape = shape(
    &[
        required("specified-parameter-action", ACTION).computed(Returns::String),
        optional("unspecified-parameter-action", ACTION).computed(Returns::String),
    ],
    Text::None,
    Children::Elements(&[child("parameter", Occurs::Any, &PARAMETER)]),
);
const RULE: Shape =
    leaf(&[name("path"), optional("action", Literal::OneOf(&["allow", "remove", "reject", "ignore"])).computed(Returns::String)]);

pub(super) const POLICIES: &[Policy] = &[
    policy(
        "rate-limit",
        INBOUND,
        shape(
            &[
                CALLS,
                RATE_PERIOD,
                maybe_name("retry-after-header-name"),
                maybe_name("retry-after-variable-name"),
                maybe_name("remaining-calls-header-name"),
                maybe_name("remaining-calls-variable-name"),
                maybe_name("total-calls-header-name"),
            ],
            Text::None,
            Children::Elements(&[child("api", Occurs::Any, &RATE_API)]),
        ),
    )
    .at(PRODUCT | API | OPERATION)
    .once(Once::PerDocument),
    policy(
        "rate-limit-by-key",
        INBOUND,
        leaf(&[
            CALLS.computed(Returns::Integer),
            RATE_PERIOD.computed(Returns::Integer),
            COUNTER_KEY,
            maybe_boolean("increment-condition"),
            maybe_integer("increment-count", 0, i64::MAX),
            flag("increment-after-response"),
            maybe_name("retry-after-header-name"),
            maybe_name("retry-after-variable-name"),
            maybe_name("remaining-calls-header-name"),
            maybe_name("remaining-calls-variable-name"),
            maybe_name("total-calls-header-name"),
        ]),
    )
    .on(CLASSIC | V2 | SELF_HOSTED),
    policy(
        "quota",
        INBOUND,
        shape(&[MAYBE_CALLS, BANDWIDTH, QUOTA_PERIOD], Text::None, Children::Elements(&[child("api", Occurs::Any, &QUOTA_API)])),
    )
    .at(PRODUCT)
    .once(Once::PerDocument),
    policy(
        "quota-by-key",
        INBOUND,
        leaf(&[
            MAYBE_CALLS,
            BANDWIDTH,
            QUOTA_PERIOD,
            COUNTER_KEY,
            maybe_boolean("increment-condition"),
            maybe_integer("increment-count", 0, i64::MAX),
            maybe_name("first-period-start"),
        ]),
    )
    .on(CLASSIC | V2 | SELF_HOSTED),
    policy(
        "check-header",
        INBOUND,
        shape(
            &[
                string("name"),
                integer("failed-check-httpcode", 100, 999),
                string("failed-check-error-message"),
                required("ignore-case", Literal::Boolean).computed(Returns::Boolean),
            ],
            Text::None,
            Children::Elements(&[child("value", Occurs::Any, &VALUE)]),
        ),
    ),
    policy(
        "ip-filter",
        INBOUND,
        shape(
            &[required("action", Literal::OneOf(&["allow", "forbid"])).computed(Returns::String)],
            Text::None,
            Children::Elements(&[
                child("address", Occurs::Any, &VALUE),
                child("address-range", Occurs::Any, &leaf(&[string("from"), string("to")])),
            ]),
        ),
    ),
    policy(
        "get-authorization-context",
        INBOUND,
        leaf(&[
            string("provider-id"),
            string("authorization-id"),
            string("context-variable-name"),
            optional("identity-type", Literal::OneOf(&["managed", "jwt"])).computed(Returns::String),
            maybe_string("identity"),
            maybe_boolean("ignore-error"),
        ]),
    )
    .at(GLOBAL | PRODUCT | API | OPERATION)
    .on(CLASSIC | V2 | CONSUMPTION),
    policy(
        "validate-jwt",
        INBOUND,
        shape(
            &[
                maybe_string("header-name"),
                maybe_string("query-parameter-name"),
                maybe_string("token-value"),
                maybe_integer("failed-validation-httpcode", 100, 999),
                maybe_string("failed-validation-error-message"),
                maybe_boolean("require-expiration-time"),
                maybe_string("require-scheme"),
                maybe_boolean("require-signed-tokens"),
                maybe_integer("clock-skew", 0, i64::MAX),
                maybe_name("output-token-variable-name"),
            ],
            Text::None,
            Children::Elements(&[
                child("openid-config", Occurs::Any, &OPENID),
                child("issuer-signing-keys", Occurs::Optional, &KEYS),
                child("decryption-keys", Occurs::Optional, &KEYS),
                child("audiences", Occurs::Optional, &AUDIENCES),
                child("issuers", Occurs::Optional, &ISSUERS),
                child("required-claims", Occurs::Optional, &CLAIMS),
            ]),
        ),
    ),
    policy(
        "validate-azure-ad-token",
        INBOUND,
        shape(
            &[
                string("tenant-id"),
                maybe_string("header-name"),
                maybe_string("query-parameter-name"),
                maybe_string("token-value"),
                maybe_integer("failed-validation-httpcode", 100, 999),
                maybe_string("failed-validation-error-message"),
                maybe_name("output-token-variable-name"),
                maybe_string("authentication-endpoint"),
            ],
            Text::None,
            Children::Elements(&[
                child("backend-application-ids", Occurs::Optional, &APPLICATIONS),
                child("client-application-ids", Occurs::Optional, &APPLICATIONS),
                child("audiences", Occurs::Optional, &AUDIENCES),
                child("required-claims", Occurs::Optional, &CLAIMS),
                child("decryption-keys", Occurs::Optional, &KEYS),
            ]),
        ),
    ),
    policy(
        "validate-client-certificate",
        INBOUND,
        shape(
            &[
                flag("validate-revocation"),
                flag("validate-trust"),
                flag("validate-not-before"),
                flag("validate-not-after"),
                flag("ignore-error"),
            ],
            Text::None,
            Children::Elements(&[child(
                "identities",
                Occurs::Optional,
                &shape(&[], Text::None, Children::Elements(&[child("identity", Occurs::Any, &IDENTITY)])),
            )]),
        ),
    ),
    policy("authentication-basic", INBOUND, AUTHENTICATION_BASIC).once(Once::PerSection),
    policy("authentication-certificate", INBOUND, AUTHENTICATION_CERTIFICATE),
    policy("authentication-managed-identity", INBOUND, AUTHENTICATION_MANAGED_IDENTITY).disputed(OUTBOUND | super::BACKEND | ON_ERROR),
    policy("proxy", INBOUND, PROXY),
    policy(
        "validate-content",
        INBOUND | OUTBOUND | ON_ERROR,
        shape(
            &[
                required("unspecified-content-type-action", ACTION).computed(Returns::String),
                integer("max-size", 0, i64::MAX),
                required("size-exceeded-action", ACTION).computed(Returns::String),
                maybe_name("errors-variable-name"),
            ],
            Text::None,
            Children::Elements(&[child("content-type-map", Occurs::Optional, &CONTENT_TYPE_MAP), child("content", Occurs::Any, &CONTENT)]),
        ),
    )
    .once(Once::PerSection),
    policy(
        "validate-parameters",
        INBOUND,
        shape(
            &[
                required("specified-parameter-action", ACTION).computed(Returns::String),
                required("unspecified-parameter-action", ACTION).computed(Returns::String),
                maybe_name("errors-variable-name"),
            ],
            Text::None,
            Children::Elements(&[
                child("headers", Occurs::Optional, &PARAMETERS),
                child("query", Occurs::Optional, &PARAMETERS),
                child("path", Occurs::Optional, &PATH_PARAMETERS),
            ]),
        ),
    )
    .once(Once::PerSection),
    policy(
        "validate-headers",
        OUTBOUND | ON_ERROR,
        shape(
            &[
                required("specified-header-action", ACTION).computed(Returns::String),
                required("unspecified-header-action", ACTION).computed(Returns::String),
                maybe_name("errors-variable-name"),
            ],
            Text::None,
            Children::Elements(&[child("header", Occurs::Any, &PARAMETER)]),
        ),
    )
    .once(Once::PerSection),
    policy(
        "validate-status-code",
        OUTBOUND | ON_ERROR,
        shape(
            // The page says `errors-variable-name`; Microsoft's toolkit writes `error-variable-name`.
            &[
                required("unspecified-status-code-action", ACTION).computed(Returns::String),
                maybe_name("errors-variable-name"),
                maybe_name("error-variable-name"),
            ],
            Text::None,
            Children::Elements(&[child(
                "status-code",
                Occurs::Any,
                &leaf(&[required("code", Literal::Integer(100, 999)), required("action", ACTION).computed(Returns::String)]),
            )]),
        ),
    )
    .once(Once::PerSection),
    policy(
        "validate-graphql-request",
        INBOUND,
        shape(
            &[
                maybe_name("error-variable-name"),
                maybe_integer("max-size", 0, i64::MAX),
                maybe_integer("max-depth", 0, i64::MAX),
                maybe_integer("max-total-depth", 0, i64::MAX),
                maybe_integer("max-complexity", 0, i64::MAX),
            ],
            Text::None,
            Children::Elements(&[child(
                "authorize",
                Occurs::Optional,
                &shape(&[], Text::None, Children::Elements(&[child("rule", Occurs::Any, &RULE)])),
            )]),
        ),
    )
    .at(GLOBAL | WORKSPACE | PRODUCT | API)
    .once(Once::PerSection),
    policy(
        "validate-odata-request",
        INBOUND,
        leaf(&[
            maybe_name("error-variable-name"),
            maybe_name("default-odata-version"),
            maybe_name("min-odata-version"),
            maybe_name("max-odata-version"),
            optional("max-size", Literal::Integer(0, i64::MAX)),
        ]),
    )
    .at(GLOBAL | WORKSPACE | PRODUCT | API)
    .on(EVERY_GATEWAY)
    .once(Once::PerSection),
];
