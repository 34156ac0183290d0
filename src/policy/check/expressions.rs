//! Expressions: compiled for the type that their place wants, as the service does when a document is saved.
//!
//! What does not compile is an error in the compiler's words. What compiles and is merely not emulated here is a warning, since the
//! service takes it. Named values are text that is put in before the compiler looks (documented): known ones are put in here too.
//! Where one is not known and does not stand in a literal, an expression passes if a number, a text or a truth value in its place
//! compiles; if none does and each fails in another way, its value decides, and that is said as a warning.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use super::Checker;
use crate::expression::lexer::{TokenKind, tokens};
use crate::expression::{Checked, CompileError, codes as expression_codes};
use crate::policy::codes;
use crate::policy::document::{Compiled, Expression, Value};
use crate::policy::reader::value_of;
use crate::policy::reference::Returns;
use crate::policy::references::named_value_uses;
use crate::support::finding::{Finding, Kind};
use crate::support::source::SourceText;

/// Where an expression stands, for the message.
pub(super) struct Place<'a> {
    pub(super) element: &'a str,
    pub(super) attribute: Option<&'a str>,
}

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.attribute {
            Some(attribute) => write!(formatter, "`{attribute}` of `<{}>`", self.element),
            None => write!(formatter, "`<{}>`", self.element),
        }
    }
}

/// What is tried for a named value whose text is not known.
const STAND_INS: [&str; 3] = ["0", "\"\"", "true"];

/// The types that a variable may have, by the page of `set-variable`: it lists the ones of `System` (each value type also as `T?`) and,
/// since an issue showed that the service takes them, those of `Newtonsoft.Json.Linq`.
const VARIABLE_TYPES: [&str; 29] = [
    "System.Boolean",
    "System.SByte",
    "System.SByte[]",
    "System.Byte",
    "System.Byte[]",
    "System.UInt16",
    "System.UInt32",
    "System.UInt64",
    "System.Int16",
    "System.Int32",
    "System.Int64",
    "System.Decimal",
    "System.Single",
    "System.Double",
    "System.Guid",
    "System.String",
    "System.Char",
    "System.DateTime",
    "System.TimeSpan",
    "System.Object",
    "Newtonsoft.Json.Linq.JArray",
    "Newtonsoft.Json.Linq.JConstructor",
    "Newtonsoft.Json.Linq.JContainer",
    "Newtonsoft.Json.Linq.JObject",
    "Newtonsoft.Json.Linq.JProperty",
    "Newtonsoft.Json.Linq.JRaw",
    "Newtonsoft.Json.Linq.JToken",
    "Newtonsoft.Json.Linq.JValue",
    "Jwt",
];

/// What came of one expression.
enum Verdict {
    /// As it stands, or with named values put in; the text that was compiled.
    Compiled(Arc<Compiled>, SourceText),
    /// It depends on the value of this named value.
    Depends(String),
}

impl Checker<'_> {
    /// A literal with its named values put in, if all of them are known: what is left may even be an expression (documented).
    /// What is not known stays in its braces.
    pub(super) fn filled<'v>(&self, value: &'v Value) -> Cow<'v, Value> {
        let (Value::Literal(text), Some(known)) = (value, self.context.named_values) else { return Cow::Borrowed(value) };
        let uses: Vec<(Range<usize>, &str)> = named_value_uses(text.text()).collect();
        if uses.is_empty() || uses.iter().any(|(_, name)| !known.contains_key(&name.to_lowercase())) {
            return Cow::Borrowed(value);
        }
        let filled = substituted(text, &uses, |name| known.get(&name.to_lowercase()).map_or("", String::as_str));
        Cow::Owned(value_of(filled))
    }

    pub(super) fn expression(&mut self, expression: &Expression, returns: Returns, place: &Place<'_>) {
        let (compiled, code) = match self.verdict(expression, returns) {
            Verdict::Compiled(compiled, code) => (compiled, code),
            Verdict::Depends(name) => {
                let span = expression.code.span(0..expression.code.text().len());
                return self.report(
                    Finding::warning(
                        expression_codes::UNDECIDED,
                        Kind::Type,
                        format!("whether this compiles depends on the named value `{name}`, which is not known here"),
                    )
                    .at(span)
                    .help("it is not declared here, or it is a secret: look at the expression with its value in mind"),
                );
            }
        };
        match &*compiled {
            Ok(checked) => self.compiled(checked, &code, returns, place),
            Err(error) => self.broken(error, &code, place),
        }
    }

    fn verdict(&self, expression: &Expression, returns: Returns) -> Verdict {
        let text = expression.code.text();
        let uses: Vec<(Range<usize>, &str)> = named_value_uses(text).collect();
        let known = |name: &str| self.context.named_values.and_then(|values| values.get(&name.to_lowercase()));
        let as_it_stands = || Verdict::Compiled(expression.compiled(returns), expression.code.clone());
        if uses.is_empty() {
            return as_it_stands();
        }
        let unknown = uses.iter().find(|(_, name)| known(name).is_none()).map(|(_, name)| (*name).to_owned());
        let compile = |stand_in: &str| {
            let code = substituted(&expression.code, &uses, |name| known(name).map_or(stand_in, String::as_str));
            (Arc::new(expression.compile(code.text(), returns)), code)
        };
        let Some(unknown) = unknown else {
            let (compiled, code) = compile("");
            return Verdict::Compiled(compiled, code);
        };
        // In literals and comments any text will do, so that the braces may stay.
        if uses.iter().all(|(range, name)| known(name).is_none() && is_in_literal(text, range)) || expression.compiled(returns).is_ok() {
            return as_it_stands();
        }
        let mut errors: Vec<(Arc<Compiled>, SourceText)> = Vec::new();
        for stand_in in STAND_INS {
            let (compiled, code) = compile(stand_in);
            if compiled.is_ok() {
                return Verdict::Compiled(compiled, code);
            }
            errors.push((compiled, code));
        }
        let places: BTreeSet<_> = errors
            .iter()
            .filter_map(|(compiled, code)| {
                let error = compiled.as_ref().as_ref().err()?;
                Some((code.span(offset(error)..offset(error)).start, error.message.clone()))
            })
            .collect();
        // The same whatever is put in: it is no matter of the named value.
        match errors.into_iter().next() {
            Some((compiled, code)) if places.len() == 1 => Verdict::Compiled(compiled, code),
            _ => Verdict::Depends(unknown),
        }
    }

    fn compiled(&mut self, checked: &Checked, code: &SourceText, returns: Returns, place: &Place<'_>) {
        let whole = code.span(0..code.text().len());
        if let Some(natural) = checked.natural_type() {
            match returns {
                // Seen on Azure for `token-quota`: an `int` is refused although C# would widen it.
                Returns::Long if natural != "System.Int64" => self.report(
                    Finding::error(expression_codes::TYPE, Kind::Type, format!("Expression return type `{natural}` is not allowed"))
                        .at(whole)
                        .help(format!("{place} takes a `long`: write `100L`, or cast with `(long)`")),
                ),
                Returns::Variable if !may_be_variable(&natural) => self.report(
                    Finding::warning(
                        codes::VARIABLE_TYPE,
                        Kind::Type,
                        format!("`{natural}` is not among the types that a variable may have by the page of `set-variable`"),
                    )
                    .at(whole)
                    .help("keep a text, a number or JSON (`JObject`, `JArray`) in the variable"),
                ),
                _ => {}
            }
        }
        // One finding an expression: the first name says where, the message says all.
        if let Some(first) = checked.missing().first() {
            let mut names: Vec<&str> = Vec::new();
            for missing in checked.missing() {
                let name = missing.message.strip_suffix(" is not emulated").unwrap_or(&missing.message);
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            let more = match names.len() {
                1 => String::new(),
                count => format!(" and {} more", count - 1),
            };
            let name = names.first().copied().unwrap_or_default();
            self.report(
                Finding::warning(
                    expression_codes::NOT_EMULATED,
                    Kind::Type,
                    format!("{name}{more} type-checks and is not emulated: the local gateway cannot run this"),
                )
                .at(token_at(code, offset(first)))
                .help("Azure takes it; to run it locally too, write it with what is emulated"),
            );
        }
    }

    fn broken(&mut self, error: &CompileError, code: &SourceText, place: &Place<'_>) {
        let span = token_at(code, offset(error));
        let message = as_csharp(&error.message);
        let finding = match error.code {
            expression_codes::NOT_EMULATED => {
                Finding::warning(error.code, Kind::Type, format!("{message}: the local gateway cannot run this"))
                    .help("Azure may take it; to run it locally too, write it otherwise")
            }
            expression_codes::SYNTAX => Finding::error(error.code, Kind::Type, message).help(syntax_help(&error.message, place)),
            expression_codes::NOT_ALLOWED => {
                Finding::error(error.code, Kind::Type, message).help("use what the page on policy expressions lists")
            }
            _ => Finding::error(error.code, Kind::Type, message).help(match error.near {
                Some(near) => format!("did you mean `{near}`?"),
                None => type_help(&error.message, place),
            }),
        };
        // A template's stand-in is no mistake of the author's.
        if self.context.template
            && let Some(name) = unknown_name(&error.message)
            && let Some(name) = placeholder(code, offset(error), name)
        {
            return self.report(
                Finding::warning(
                    codes::PLACEHOLDER,
                    Kind::Type,
                    format!("`{name}` looks like a placeholder; as it stands, the service refuses it"),
                )
                .at(span)
                .help("fill it in before the document is deployed, or use a named value: `{{name}}`"),
            );
        }
        self.report(finding.at(span));
    }
}

/// Offsets of the compiler count from `@(`.
fn offset(error: &CompileError) -> usize {
    error.at.saturating_sub(2)
}

/// Whether the range lies within a string, or in a comment.
fn is_in_literal(text: &str, range: &Range<usize>) -> bool {
    let Ok(tokens) = tokens(text) else { return false };
    let touched = tokens.iter().find(|token| token.range.start < range.end && token.range.end > range.start);
    touched.is_none_or(|token| {
        token.range.start < range.start && matches!(token.kind, TokenKind::String | TokenKind::Verbatim | TokenKind::Interpolated)
    })
}

/// The code with its named values put in; what was put in stands where their braces stood.
fn substituted<'v>(code: &SourceText, uses: &[(Range<usize>, &str)], value: impl Fn(&str) -> &'v str) -> SourceText {
    let text = code.text();
    let number = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
    let (mut out, mut runs, mut done) = (String::with_capacity(text.len()), vec![(0, 0)], 0);
    for (range, name) in uses {
        out.push_str(text.get(done..range.start).unwrap_or_default());
        // Every byte of the value points at the opening brace: its own text is nowhere in the file.
        for byte in value(name).char_indices().map(|(index, _)| index) {
            runs.push((number(out.len() + byte), number(range.start)));
        }
        out.push_str(value(name));
        runs.push((number(out.len()), number(range.end)));
        done = range.end;
    }
    out.push_str(text.get(done..).unwrap_or_default());
    runs.dedup_by_key(|(at, _)| *at);
    code.derive(out.into(), &runs)
}

/// Where the token at `offset` stands.
fn token_at(code: &SourceText, offset: usize) -> crate::support::source::Span {
    let text = code.text();
    let offset = offset.min(text.len());
    let token = tokens(text).ok().and_then(|tokens| tokens.into_iter().find(|token| token.range.end > offset));
    match token {
        // What is wrong in a hole of `$"…"` has tokens of its own, which nobody keeps: the word there.
        Some(token) if token.range.start == offset || token.range.start < offset && token.kind != TokenKind::Interpolated => {
            code.span(token.range)
        }
        _ => {
            let rest = text.get(offset..).unwrap_or_default();
            let word = rest.find(|character: char| !(character.is_alphanumeric() || character == '_')).unwrap_or(rest.len());
            let length = if word == 0 { rest.chars().next().map_or(0, char::len_utf8) } else { word };
            code.span(offset..offset + length)
        }
    }
}

/// The compiler's words with its names in backticks: `x' of one compiler, 'x' of the other.
fn as_csharp(message: &str) -> String {
    let mut out = String::with_capacity(message.len());
    let mut open = false;
    for character in message.chars() {
        match character {
            '`' => {
                open = !open;
                out.push('`');
            }
            '\'' if open => {
                open = false;
                out.push('`');
            }
            other => out.push(other),
        }
    }
    out
}

fn unknown_name(message: &str) -> Option<&str> {
    message.strip_prefix("The name `")?.strip_suffix("' does not exist in the current context")
}

/// The placeholder that the unknown name belongs to: `RETRY_COUNT`, or `{group-id}` in an interpolated string.
fn placeholder<'t>(code: &'t SourceText, at: usize, name: &'t str) -> Option<&'t str> {
    if super::shape::is_placeholder(name) {
        return Some(name);
    }
    let text = code.text();
    let (before, after) = (text.get(..at)?, text.get(at..)?);
    let inner = &after[..after.find('}')?];
    let whole = text.get(before.strip_suffix('{')?.len()..at + inner.len() + 1)?;
    // One word would be a variable that is missing.
    (inner.contains('-') && super::shape::is_placeholder(whole)).then_some(whole)
}

fn may_be_variable(natural: &str) -> bool {
    let inner = natural.strip_prefix("System.Nullable`1[[").and_then(|rest| rest.split(',').next()).unwrap_or(natural);
    VARIABLE_TYPES.contains(&inner)
}

fn syntax_help(message: &str, place: &Place<'_>) -> String {
    if message.contains("character literal") {
        "a text stands in double quotes in C#: `\"…\"`".to_owned()
    } else {
        format!("{place} holds C# that cannot be read from here on")
    }
}

fn type_help(message: &str, place: &Place<'_>) -> String {
    if message.contains("An explicit conversion exists") {
        format!("cast it to what {place} takes, or convert it with `.ToString()` or `Convert`")
    } else if message.starts_with("Cannot implicitly convert") {
        format!("give {place} a value of that type")
    } else if message.contains("not all code paths") {
        "end every way through the block with `return`".to_owned()
    } else if message.starts_with("The member cannot be used as method") {
        "read an entry with `[\"…\"]`, or with `GetValueOrDefault`".to_owned()
    } else if unknown_name(message).is_some() {
        "declare it in the expression, or read a policy variable with `context.Variables[\"…\"]`".to_owned()
    } else {
        format!("correct the C# in {place}")
    }
}
