//! Token counts of texts and chat messages, by the tokenizers of the models.
//!
//! Texts are counted exactly as OpenAI's tiktoken 0.14 does with `encode_ordinary`: the same ranks (proved by their hash), the
//! same rules for pieces, the same merges. What a *request* costs is not published: [`estimate_prompt`] follows the
//! formula of OpenAI's cookbook.
//!
//! The ranks are embedded packed (1.4 MB) and unpacked when an encoding is first used: about 7 MB of memory for `o200k_base`
//! and 4 MB for `cl100k_base`. [`warm`] does it ahead.

mod classes;
mod image;
mod merge;
mod model;
mod pieces;
mod prompt;
mod stream;
mod vocabulary;

pub use self::image::{GATEWAY_IMAGE_LIMIT, image_tokens};
pub use self::model::encoding_of_model;
pub(crate) use self::prompt::response_prompt;
pub use self::prompt::{Rules, chat_prompt, estimate_prompt, prompt_with};
pub use self::stream::StreamCounter;

/// How a model's texts become tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Encoding {
    /// GPT-4o, 4.1, 4.5, 5 and the o-series.
    O200kBase,
    /// GPT-4, GPT-3.5, the embedding models, davinci-002 and babbage-002.
    Cl100kBase,
}

impl Encoding {
    /// Its name in tiktoken.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::O200kBase => "o200k_base",
            Self::Cl100kBase => "cl100k_base",
        }
    }
}

/// How many tokens `text` is. Special tokens (`<|endoftext|>`) are ordinary text, as they are for the service.
///
/// Time is linear in the text's length, also for a text without a break (a megabyte of `a`).
#[must_use]
pub fn count(text: &str, encoding: Encoding) -> u32 {
    let vocabulary = vocabulary::of(encoding);
    let mut scratch = merge::Scratch::default();
    let mut total = 0_u32;
    for piece in pieces::split(text, encoding) {
        total = total.saturating_add(merge::count(piece.as_bytes(), vocabulary, &mut scratch));
    }
    total
}

/// Where each token of `text` ends, as byte offsets: text of given length in tokens can be cut from it. An offset may lie inside a
/// character, since tokens are bytes.
#[must_use]
pub fn boundaries(text: &str, encoding: Encoding) -> Vec<u32> {
    let vocabulary = vocabulary::of(encoding);
    let mut scratch = merge::Scratch::default();
    let mut ends = Vec::new();
    let mut start = 0_u32;
    for piece in pieces::split(text, encoding) {
        merge::ends(piece.as_bytes(), vocabulary, &mut scratch, |end| ends.push(start.saturating_add(end)));
        start = start.saturating_add(u32::try_from(piece.len()).unwrap_or(u32::MAX));
    }
    ends
}

/// Unpacks the ranks of `encoding` now instead of when they are first needed (a few tens of milliseconds).
pub fn warm(encoding: Encoding) {
    let _ = vocabulary::of(encoding);
    let _ = classes::class('a');
}

#[cfg(test)]
mod tests;
