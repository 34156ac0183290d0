//! Which model uses which encoding.

use super::Encoding;

/// Prefixes of model names, the first that fits wins. tiktoken 0.14 (`tiktoken/model.py`), widened to whole families so that models
/// of the same family that are newer than the table are known too; `gpt-oss` counts as o200k (its encoding differs in special tokens only).
const PREFIXES: &[(&str, Encoding)] = &[
    ("gpt-4o", Encoding::O200kBase),
    ("gpt-4.1", Encoding::O200kBase),
    ("gpt-4.5", Encoding::O200kBase),
    ("gpt-4", Encoding::Cl100kBase),
    ("gpt-3.5", Encoding::Cl100kBase),
    ("gpt-35", Encoding::Cl100kBase),
    ("text-embedding-", Encoding::Cl100kBase),
    ("davinci-002", Encoding::Cl100kBase),
    ("babbage-002", Encoding::Cl100kBase),
    ("ft:gpt-4o", Encoding::O200kBase),
    ("ft:gpt-4.1", Encoding::O200kBase),
    ("ft:gpt-4", Encoding::Cl100kBase),
    ("ft:gpt-3.5", Encoding::Cl100kBase),
    ("ft:davinci-002", Encoding::Cl100kBase),
    ("ft:babbage-002", Encoding::Cl100kBase),
];

/// The encoding of a model or of a deployment that is named after one (case is ignored). Everything else, also models of other makers,
/// counts as `o200k_base`, which all newer models of OpenAI have (assumed: the gateway's own default is not documented).
#[must_use]
pub fn encoding_of_model(model: &str) -> Encoding {
    let starts = |prefix: &str| model.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    PREFIXES.iter().find(|(prefix, _)| starts(prefix)).map_or(Encoding::O200kBase, |(_, encoding)| *encoding)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_have_the_encoding_of_the_published_table() {
        for model in [
            "o1",
            "o3",
            "o4-mini",
            "gpt-5",
            "gpt-5-mini",
            "gpt-4.1",
            "gpt-4o",
            "gpt-4o-mini",
            "gpt-4o-2024-08-06",
            "chatgpt-4o-latest",
            "gpt-4.5-preview",
            "GPT-4o",
            "ft:gpt-4o",
            "gpt-oss-120b",
            "unheard-of",
            "",
        ] {
            assert_eq!(encoding_of_model(model), Encoding::O200kBase, "{model}");
        }
        for model in [
            "gpt-4",
            "gpt-4-32k",
            "gpt-4-turbo",
            "gpt-3.5-turbo",
            "gpt-35-turbo",
            "gpt-35-turbo-16k",
            "text-embedding-ada-002",
            "text-embedding-3-small",
            "davinci-002",
            "ft:gpt-3.5-turbo",
        ] {
            assert_eq!(encoding_of_model(model), Encoding::Cl100kBase, "{model}");
        }
    }
}
