//! Policies for language models.

use super::flow::DIMENSION;
use super::{
    Attribute, CLASSIC, Children, INBOUND, Literal, OUTBOUND, Occurs, Once, Policy, Returns, SELF_HOSTED, Shape, Text, V2, child, integer,
    leaf, maybe_boolean, maybe_integer, maybe_name, maybe_string, optional, policy, required, shape, string, text_only,
};

/// `tokens-per-minute` takes no expression and `token-quota` one of type long only: both seen on Azure.
const TOKEN_LIMIT: Shape = leaf(&[
    required("counter-key", Literal::Name).computed(Returns::String),
    optional("tokens-per-minute", Literal::Integer(0, i64::MAX)),
    optional("token-quota", Literal::Integer(0, i64::MAX)).computed(Returns::Long),
    optional("token-quota-period", Literal::OneOf(&["Hourly", "Daily", "Weekly", "Monthly", "Yearly"])).computed(Returns::String),
    // Documented as required; samples with a quota only leave it out.
    maybe_boolean("estimate-prompt-tokens"),
    maybe_name("retry-after-header-name"),
    maybe_name("retry-after-variable-name"),
    maybe_name("remaining-tokens-header-name"),
    maybe_name("remaining-tokens-variable-name"),
    maybe_name("remaining-quota-tokens-header-name"),
    maybe_name("remaining-quota-tokens-variable-name"),
    maybe_name("tokens-consumed-header-name"),
    maybe_name("tokens-consumed-variable-name"),
]);

const TOKEN_METRIC: Shape =
    shape(&[optional("namespace", Literal::Text)], Text::None, Children::Elements(&[child("dimension", Occurs::Some, &DIMENSION)]));

const SCORE: Attribute = required("score-threshold", Literal::Number(0.0, 1.0)).computed(Returns::Number);
const VARY_BY: Shape = text_only(Returns::String);
const SEMANTIC_LOOKUP: Shape = shape(
    &[
        SCORE,
        string("embeddings-backend-id"),
        maybe_string("embeddings-backend-auth"),
        maybe_boolean("ignore-system-messages"),
        maybe_integer("max-message-count", 0, i64::MAX),
        maybe_string("cache-id"),
    ],
    Text::None,
    Children::Elements(&[child("vary-by", Occurs::Any, &VARY_BY)]),
);
const SEMANTIC_STORE: Shape = leaf(&[integer("duration", 0, i64::MAX), maybe_string("cache-id")]);

const CATEGORY: Shape = leaf(&[
    required("name", Literal::OneOf(&["Hate", "SelfHarm", "Sexual", "Violence"])).computed(Returns::String),
    integer("threshold", 0, 7),
]);
const CATEGORIES: Shape = shape(
    &[optional("output-type", Literal::OneOf(&["FourSeverityLevels", "EightSeverityLevels"])).computed(Returns::String)],
    Text::None,
    Children::Elements(&[child("category", Occurs::Any, &CATEGORY)]),
);
const BLOCK_LISTS: Shape = shape(&[], Text::None, Children::Elements(&[child("id", Occurs::Any, &text_only(Returns::String))]));

pub(super) const POLICIES: &[Policy] = &[
    policy("azure-openai-token-limit", INBOUND, TOKEN_LIMIT).on(CLASSIC | V2 | SELF_HOSTED),
    policy("llm-token-limit", INBOUND, TOKEN_LIMIT).on(CLASSIC | V2 | SELF_HOSTED),
    policy("azure-openai-emit-token-metric", INBOUND, TOKEN_METRIC),
    policy("llm-emit-token-metric", INBOUND, TOKEN_METRIC),
    policy("azure-openai-semantic-cache-lookup", INBOUND, SEMANTIC_LOOKUP).once(Once::PerSection),
    policy("llm-semantic-cache-lookup", INBOUND, SEMANTIC_LOOKUP).once(Once::PerSection),
    policy("azure-openai-semantic-cache-store", OUTBOUND, SEMANTIC_STORE).once(Once::PerSection),
    policy("llm-semantic-cache-store", OUTBOUND, SEMANTIC_STORE).once(Once::PerSection),
    // On Consumption the page contradicts itself.
    policy(
        "llm-content-safety",
        INBOUND | OUTBOUND,
        shape(
            &[
                string("backend-id"),
                maybe_boolean("shield-prompt"),
                maybe_boolean("enforce-on-completions"),
                maybe_integer("window-size", 0, i64::MAX),
                maybe_integer("window-overlap-size", 0, i64::MAX),
            ],
            Text::None,
            Children::Elements(&[child("categories", Occurs::Optional, &CATEGORIES), child("blocklists", Occurs::Optional, &BLOCK_LISTS)]),
        ),
    ),
];
