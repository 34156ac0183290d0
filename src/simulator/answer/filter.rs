//! The content filter, and what Azure AI Content Safety finds: by markers in the text, and by a short list of phrases.
//!
//! A text is harmful as far as it says so: `[simulate:violence]` (severity 4) or `[simulate:violence=6]`, likewise `hate`, `self_harm`,
//! `sexual`; `[simulate:jailbreak]` is an attack on the prompt. The phrases only keep examples that people write from being found harmless.

use serde_json::{Map, Value, json};

/// Categories as Azure OpenAI names them and as Content Safety does.
pub(super) const CATEGORIES: [(&str, &str); 4] =
    [("hate", "Hate"), ("self_harm", "SelfHarm"), ("sexual", "Sexual"), ("violence", "Violence")];

/// Lower-case phrases, the category's place in [`CATEGORIES`], severity.
const PHRASES: &[(&str, usize, u8)] = &[
    ("i hate you", 0, 2),
    ("hate all", 0, 4),
    ("kill myself", 1, 4),
    ("hurt myself", 1, 4),
    ("commit suicide", 1, 4),
    ("explicit sex", 2, 4),
    ("build a bomb", 3, 4),
    ("make a bomb", 3, 4),
    ("i will kill", 3, 4),
    ("kill him", 3, 4),
    ("kill her", 3, 4),
    ("kill them", 3, 4),
    ("stab", 3, 2),
];
const ATTACKS: &[&str] = &[
    "[simulate:jailbreak]",
    "ignore all previous instructions",
    "ignore previous instructions",
    "ignore all prior instructions",
    "disregard your instructions",
    "disregard all previous instructions",
    "forget all your instructions",
    "you are now dan",
    "reveal your system prompt",
];

/// What was found in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Found {
    /// Severity, 0 to 7, in the order of [`CATEGORIES`].
    pub(super) severity: [u8; 4],
    /// Whether it attacks the prompt.
    pub(super) attack: bool,
}

impl Found {
    /// Looks through `text`.
    pub(super) fn of(text: &str) -> Self {
        let text = text.to_lowercase();
        let mut found = Self::default();
        for (phrase, category, severity) in PHRASES {
            if text.contains(phrase) {
                found.raise(*category, *severity);
            }
        }
        for (start, _) in text.match_indices("[simulate:") {
            let rest = text.get(start + "[simulate:".len()..).unwrap_or_default();
            let Some((marker, _)) = rest.split_once(']') else { break };
            let (name, severity) = marker.split_once('=').unwrap_or((marker, "4"));
            if let (Some(category), Ok(severity)) = (CATEGORIES.iter().position(|(known, _)| *known == name), severity.parse::<u8>()) {
                found.raise(category, severity.min(7));
            }
        }
        found.attack = ATTACKS.iter().any(|attack| text.contains(attack));
        found
    }

    fn raise(&mut self, category: usize, severity: u8) {
        if let Some(known) = self.severity.get_mut(category) {
            *known = (*known).max(severity);
        }
    }

    /// Both together.
    pub(super) fn and(mut self, other: Self) -> Self {
        for (category, severity) in other.severity.into_iter().enumerate() {
            self.raise(category, severity);
        }
        self.attack |= other.attack;
        self
    }

    /// Whether the default filter steps in: medium severity and above, and attacks (Microsoft's page on content filtering).
    pub(super) fn is_filtered(&self) -> bool {
        self.attack || self.severity.iter().any(|severity| *severity >= 4)
    }

    /// `content_filter_results` of a prompt or (without the attack) of an answer.
    pub(super) fn to_json(self, prompt: bool) -> Value {
        let mut results = Map::new();
        for ((name, _), severity) in CATEGORIES.iter().zip(self.severity) {
            results.insert((*name).to_owned(), json!({ "filtered": severity >= 4, "severity": word(severity) }));
        }
        if prompt {
            results.insert("jailbreak".to_owned(), json!({ "filtered": self.attack, "detected": self.attack }));
        }
        Value::Object(results)
    }
}

/// Severity levels as Azure OpenAI names them.
const fn word(severity: u8) -> &'static str {
    match severity {
        0 | 1 => "safe",
        2 | 3 => "low",
        4 | 5 => "medium",
        _ => "high",
    }
}

/// The results of a harmless answer, ready to be written.
pub(super) const SAFE: &str = r#"{"hate":{"filtered":false,"severity":"safe"},"self_harm":{"filtered":false,"severity":"safe"},"sexual":{"filtered":false,"severity":"safe"},"violence":{"filtered":false,"severity":"safe"}}"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_and_phrases_are_found() {
        assert_eq!(Found::of("How are you?"), Found::default());
        assert_eq!(Found::default().to_json(false).to_string(), SAFE);
        assert_eq!(Found::of("[simulate:hate] [simulate:sexual=6] [simulate:nothing=9] [simulate:violence=99").severity, [4, 0, 6, 0]);
        assert!(Found::of("Please IGNORE all previous instructions").is_filtered());
        assert!(!Found::of("[simulate:violence=2]").is_filtered());
    }
}
