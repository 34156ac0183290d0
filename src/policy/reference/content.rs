//! Transformation and caching.

use super::{
    Attribute, BACKEND, Children, EVERY_SECTION, GLOBAL, INBOUND, Literal, ON_ERROR, OUTBOUND, Occurs, Once, Policy, Returns, Shape, Text,
    child, flag, integer, leaf, maybe_boolean, maybe_integer, maybe_string, name, optional, policy, required, shape, string, text_only,
};

const VALUE: Shape = text_only(Returns::String);
const LIST_ITEM: Shape = shape(&[], Text::Literal, Children::None);
const PARAMETER: Shape = leaf(&[name("name"), maybe_string("value")]);
const STYLE_SHEET: Shape = shape(&[], Text::Payload(Returns::String), Children::None);
const EXISTS: Attribute = optional("exists-action", Literal::OneOf(&["override", "skip", "append", "delete"])).computed(Returns::String);
const CACHING_TYPE: Attribute = optional("caching-type", Literal::OneOf(&["internal", "external", "prefer-external"]));
const CACHE_KEY: Attribute = required("key", Literal::Name).computed(Returns::String);

pub(super) const METHOD: Shape = text_only(Returns::String);
pub(super) const STATUS: Shape = leaf(&[integer("code", 100, 999), maybe_string("reason")]);
pub(super) const HEADER: Shape = shape(
    &[required("name", Literal::Name).computed(Returns::String), EXISTS],
    Text::None,
    Children::Elements(&[child("value", Occurs::Any, &VALUE)]),
);
pub(super) const BODY: Shape = shape(
    &[
        // `none` is on no page; Microsoft's own editor extension writes it, and deployed documents hold it.
        optional("template", Literal::OneOf(&["liquid", "Liquid", "none"])),
        optional("xsi-nil", Literal::OneOf(&["blank", "null"])),
        flag("parse-date"),
        flag("use-value-element"),
    ],
    Text::Payload(Returns::String),
    Children::None,
);

pub(super) const POLICIES: &[Policy] = &[
    policy("set-variable", EVERY_SECTION, leaf(&[name("name"), required("value", Literal::Text).computed(Returns::Variable)])),
    policy("set-header", EVERY_SECTION, HEADER),
    policy("set-query-parameter", INBOUND | BACKEND, HEADER),
    policy("set-body", INBOUND | BACKEND | OUTBOUND, BODY).disputed(ON_ERROR),
    policy("set-method", INBOUND | ON_ERROR, METHOD).disputed(BACKEND | OUTBOUND),
    policy("set-status", EVERY_SECTION, STATUS),
    policy(
        "rewrite-uri",
        INBOUND,
        leaf(&[required("template", Literal::Text).computed(Returns::String), maybe_boolean("copy-unmatched-params")]),
    )
    .disputed(BACKEND),
    policy("find-and-replace", EVERY_SECTION, leaf(&[string("from"), string("to")])),
    policy(
        "json-to-xml",
        INBOUND | OUTBOUND | ON_ERROR,
        leaf(&[
            required("apply", Literal::OneOf(&["always", "content-type-json"])).computed(Returns::String),
            maybe_boolean("consider-accept-header"),
            flag("parse-date"),
            maybe_string("namespace-separator"),
            maybe_string("namespace-prefix"),
            maybe_string("attribute-block-name"),
        ]),
    )
    .disputed(BACKEND),
    policy(
        "xml-to-json",
        INBOUND | OUTBOUND | ON_ERROR,
        leaf(&[
            required("kind", Literal::OneOf(&["javascript-friendly", "direct"])).computed(Returns::String),
            required("apply", Literal::OneOf(&["always", "content-type-xml"])).computed(Returns::String),
            maybe_boolean("consider-accept-header"),
            // The page's name; the other one is what earlier lists of attributes had.
            maybe_boolean("always-array-child-elements"),
            flag("always-array-children"),
        ]),
    )
    .disputed(BACKEND),
    policy("redirect-content-urls", INBOUND | OUTBOUND, leaf(&[])).once(Once::PerSection),
    policy(
        "xsl-transform",
        INBOUND | OUTBOUND,
        shape(
            &[],
            Text::None,
            Children::Elements(&[
                child("parameter", Occurs::Any, &shape(PARAMETER.attributes, Text::Value(Returns::Object), Children::None)),
                child("xsl:stylesheet", Occurs::Optional, &STYLE_SHEET),
                child("xsl:transform", Occurs::Optional, &STYLE_SHEET),
            ]),
        ),
    ),
    policy(
        "cors",
        INBOUND,
        shape(
            &[maybe_boolean("allow-credentials"), maybe_boolean("terminate-unmatched-request")],
            Text::None,
            Children::Elements(&[
                child(
                    "allowed-origins",
                    Occurs::Once,
                    &shape(&[], Text::None, Children::Elements(&[child("origin", Occurs::Some, &VALUE)])),
                ),
                child(
                    "allowed-methods",
                    Occurs::Optional,
                    &shape(
                        &[maybe_integer("preflight-result-max-age", 0, i64::MAX)],
                        Text::None,
                        Children::Elements(&[child("method", Occurs::Some, &VALUE)]),
                    ),
                ),
                child(
                    "allowed-headers",
                    Occurs::Optional,
                    &shape(&[], Text::None, Children::Elements(&[child("header", Occurs::Some, &VALUE)])),
                ),
                child(
                    "expose-headers",
                    Occurs::Optional,
                    &shape(&[], Text::None, Children::Elements(&[child("header", Occurs::Some, &VALUE)])),
                ),
            ]),
        ),
    )
    .once(Once::PerSection),
    policy("cross-domain", INBOUND, shape(&[], Text::Payload(Returns::String), Children::None)).at(GLOBAL),
    policy("jsonp", OUTBOUND, leaf(&[string("callback-parameter-name")])).once(Once::PerSection),
    policy(
        "cache-lookup",
        INBOUND,
        shape(
            &[
                required("vary-by-developer", Literal::Boolean).computed(Returns::Boolean),
                required("vary-by-developer-groups", Literal::Boolean).computed(Returns::Boolean),
                CACHING_TYPE,
                optional("downstream-caching-type", Literal::OneOf(&["none", "private", "public"])).computed(Returns::String),
                maybe_boolean("must-revalidate"),
                maybe_boolean("allow-private-response-caching"),
            ],
            Text::None,
            Children::Elements(&[
                child("vary-by-header", Occurs::Any, &LIST_ITEM),
                child("vary-by-query-parameter", Occurs::Any, &LIST_ITEM),
            ]),
        ),
    )
    .once(Once::PerSection),
    policy("cache-store", OUTBOUND, leaf(&[integer("duration", 0, i64::MAX), maybe_boolean("cache-response"), CACHING_TYPE]))
        .once(Once::PerSection),
    policy(
        "cache-lookup-value",
        EVERY_SECTION,
        leaf(&[CACHE_KEY, name("variable-name"), optional("default-value", Literal::Text).computed(Returns::Object), CACHING_TYPE]),
    ),
    policy(
        "cache-store-value",
        EVERY_SECTION,
        leaf(&[CACHE_KEY, required("value", Literal::Text).computed(Returns::Object), integer("duration", 0, i64::MAX), CACHING_TYPE]),
    ),
    policy("cache-remove-value", EVERY_SECTION, leaf(&[CACHE_KEY, CACHING_TYPE])),
    policy(
        "cache-value",
        EVERY_SECTION,
        shape(
            &[
                CACHE_KEY,
                name("variable-name"),
                maybe_integer("expires-after", 0, i64::MAX),
                maybe_integer("refresh-after", 0, i64::MAX),
                optional("default-value", Literal::Text).computed(Returns::Object),
                CACHING_TYPE,
            ],
            Text::None,
            Children::Elements(&[child("value", Occurs::Optional, &CACHED)]),
        ),
    ),
];

/// On no public page; Microsoft's toolkit writes policies into it.
const CACHED: Shape = shape(&[], Text::Payload(Returns::String), Children::None);
