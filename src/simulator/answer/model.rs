//! What models can do, as far as their names tell.

use crate::simulator::route::Operation;

/// Whether a model takes an operation.
pub(super) fn can(model: &str, operation: Operation) -> bool {
    let embeds = model.starts_with("text-embedding");
    let completes = matches!(model, "gpt-35-turbo-instruct" | "gpt-3.5-turbo-instruct" | "davinci-002" | "babbage-002")
        || model.starts_with("text-davinci");
    match operation {
        Operation::Embeddings => embeds,
        // `gpt-35-turbo` 0301 and 0613 took completions too; that is long gone.
        Operation::Completions => completes,
        Operation::ChatCompletions | Operation::Responses => !embeds && !completes,
        _ => true,
    }
}

/// Whether a model thinks before it answers: `max_tokens` is refused, and some of its tokens are not shown.
pub(super) fn reasons(model: &str) -> bool {
    let o_series = model.strip_prefix('o').is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()));
    o_series || (model.starts_with("gpt-5") && !model.contains("chat"))
}

/// Tokens that a model thinks for (assumed: real numbers depend on the question).
pub(super) fn reasoning_tokens(model: &str, effort: Option<&str>) -> u32 {
    if !reasons(model) {
        return 0;
    }
    match effort {
        Some("none" | "minimal") => 0,
        Some("low") => 64,
        Some("high") => 256,
        _ => 128,
    }
}

/// Length of a model's vectors, and whether it can be chosen.
pub(super) fn dimensions(model: &str) -> (usize, bool) {
    match model {
        "text-embedding-3-large" => (3_072, true),
        "text-embedding-3-small" => (1_536, true),
        _ => (1_536, false),
    }
}
