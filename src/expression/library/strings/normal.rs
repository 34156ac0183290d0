//! The normal forms of Unicode.

use icu_normalizer::{ComposingNormalizer, ComposingNormalizerBorrowed, DecomposingNormalizer, DecomposingNormalizerBorrowed};

use crate::expression::library::Members;
use crate::expression::machine::{Args, Machine, Outcome};
use crate::expression::text::Text;
use crate::expression::value::Value;

pub(in crate::expression::library) const MEMBERS: Members = &[
    ("String.IsNormalized", |m, a| {
        let text = m.this(a)?;
        let Some(normal) = normal(m, &text, form(a))? else { return Ok(Value::Boolean(true)) };
        Ok(Value::Boolean(normal == *text))
    }),
    ("String.Normalize", |m, a| {
        let text = m.this(a)?;
        match normal(m, &text, form(a))? {
            Some(normal) => m.text(normal),
            None => Ok(Value::Text(text)),
        }
    }),
];

/// `NormalizationForm`, of which no policy can name a value: 1 where none is given.
fn form(a: Args<'_>) -> i64 {
    if a.len() > 1 { a.get(1).integer() } else { 1 }
}

/// The text in a normal form; nothing for ASCII, which is in all of them.
fn normal(m: &mut Machine<'_>, text: &Text, form: i64) -> Outcome<Option<Text>> {
    if matches!(text, Text::Ascii(_)) {
        return Ok(None);
    }
    m.charge(text.len())?;
    m.allocate(text.len() * 4)?;
    let composed = |normalizer: ComposingNormalizerBorrowed<'static>, text: &str| normalizer.normalize(text).into_owned();
    let taken_apart = |normalizer: DecomposingNormalizerBorrowed<'static>, text: &str| normalizer.normalize(text).into_owned();
    let shown = text.to_str();
    Ok(Some(Text::from(match form {
        1 => composed(ComposingNormalizer::new_nfc(), &shown),
        2 => taken_apart(DecomposingNormalizer::new_nfd(), &shown),
        5 => composed(ComposingNormalizer::new_nfkc(), &shown),
        6 => taken_apart(DecomposingNormalizer::new_nfkd(), &shown),
        _ => return Err(m.throw("ArgumentException", "Invalid or unsupported normalization form.\nParameter name: normalizationForm")),
    })))
}
