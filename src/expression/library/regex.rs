//! `Regex`: .NET patterns, translated to the engine that is at hand. What would silently mean something else is refused.

use std::sync::Arc;

use super::basics::instance_text;
use super::{Args, Machine, Members, Outcome};
use crate::expression::heap::Object;
use crate::expression::text::Text;
use crate::expression::types;
use crate::expression::value::Value;

mod dialect;

use dialect::{has_reference, is_repeated, translate, unescaped};

/// A compiled pattern.
#[derive(Debug)]
pub(crate) struct Pattern {
    pub(crate) source: String,
    engine: fancy_regex::Regex,
    names: Vec<(String, usize)>,
    /// Where the engine has the group of each number of .NET, which counts named groups after all others.
    order: Vec<usize>,
    /// Whether some group stands under a quantifier.
    repeats: bool,
}

/// One match: its groups as texts with their places, in UTF-16 units.
#[derive(Debug)]
pub(crate) struct MatchData {
    pub(crate) groups: Vec<Option<(usize, Text)>>,
    names: Vec<(String, usize)>,
    /// What it was found in, for what is asked of it later.
    subject: Arc<str>,
    pattern: Arc<Pattern>,
    /// Byte where the next search begins.
    next: usize,
}

impl MatchData {
    pub(crate) fn group_text(&self, index: usize) -> Text {
        self.groups.get(index).and_then(Option::as_ref).map_or_else(|| Text::from(""), |group| group.1.clone())
    }
}

pub(super) const MEMBERS: Members = &[
    ("Regex.new", |m, a| {
        let pattern = compile(m, a, 0, a.get(1).integer())?;
        Ok(m.object(Object::Regex(pattern)))
    }),
    ("Regex.IsMatch(string,string)", |m, a| is_match(m, a, true)),
    ("Regex.IsMatch(string,string,RegexOptions)", |m, a| is_match(m, a, true)),
    ("Regex.IsMatch(string,string,RegexOptions,TimeSpan)", |m, a| is_match(m, a, true)),
    ("Regex.IsMatch(string)", |m, a| is_match(m, a, false)),
    ("Regex.IsMatch(string,int)", |m, a| {
        let (pattern, subject) = prepare(m, a, false)?;
        let start = start_of(m, &subject, a.int(2))?;
        let found = find(m, &pattern, &subject, start)?;
        Ok(Value::Boolean(found.groups.first().is_some_and(Option::is_some)))
    }),
    ("Regex.Match(string,int)", |m, a| {
        let (pattern, subject) = prepare(m, a, false)?;
        let start = start_of(m, &subject, a.int(2))?;
        let found = find(m, &pattern, &subject, start)?;
        Ok(m.object(Object::Match(Arc::new(found))))
    }),
    ("Regex.Match(string,int,int)", |m, a| part(m, a)),
    ("Regex.Matches(string,int)", |m, a| {
        let (pattern, subject) = prepare(m, a, false)?;
        let start = start_of(m, &subject, a.int(2))?;
        let list = found_from(m, &pattern, &subject, start, usize::MAX)?;
        let items = list.into_iter().map(|found| m.object(Object::Match(Arc::new(found)))).collect();
        let ty = types::named("MatchCollection");
        Ok(m.object(Object::List(ty, items)))
    }),
    ("Regex.Replace(string,string,int)", |m, a| replace(m, a, false, 2)),
    ("Regex.Replace(string,string,int,int)", |m, a| replace(m, a, false, 2)),
    ("Regex.Replace(string,MatchEvaluator,int)", |m, a| replace(m, a, false, 2)),
    ("Regex.Replace(string,MatchEvaluator,int,int)", |m, a| replace(m, a, false, 2)),
    ("Regex.Replace(string,string,MatchEvaluator,RegexOptions,TimeSpan)", |m, a| replace(m, a, true, 2)),
    ("Regex.Split(string,int)", |m, a| split(m, a, false)),
    ("Regex.Split(string,int,int)", |m, a| split(m, a, false)),
    ("Regex.Split(string,string,RegexOptions,TimeSpan)", |m, a| split(m, a, true)),
    ("Regex.Unescape", |m, a| {
        let text = m.string(a, 0, "str")?;
        match unescaped(&text.to_str()) {
            Some(text) => m.text(Text::from(text)),
            None => Err(m.throw("ArgumentException", &format!("parsing \"{}\" - Unrecognized escape sequence.", text.to_str()))),
        }
    }),
    ("Match.Empty", |m, _| {
        let pattern = plain_pattern(m)?;
        let nothing = MatchData { groups: vec![None], names: Vec::new(), subject: Arc::from(""), pattern, next: 1 };
        Ok(m.object(Object::Match(Arc::new(nothing))))
    }),
    ("Group.Captures", |m, a| {
        let data = match m.object_of(a.get(0))? {
            Object::Match(data) | Object::Group(data, _) => Arc::clone(data),
            _ => return Err(m.null_reference()),
        };
        let whole = matches!(m.object_of(a.get(0))?, Object::Match(_) | Object::Group(_, 0));
        if !whole && data.pattern.repeats {
            return Err(m.throw("NotSupportedException", "The captures of a group that is repeated are not emulated."));
        }
        let items = if group(m, a)?.is_some() { vec![a.get(0).clone()] } else { Vec::new() };
        let ty = types::named("CaptureCollection");
        Ok(m.object(Object::List(ty, items)))
    }),
    ("CaptureCollection.Count", |m, a| match m.object_of(a.get(0))? {
        Object::List(_, items) => Ok(Value::size(items.len())),
        _ => Err(m.null_reference()),
    }),
    ("CaptureCollection.Item", |m, a| {
        let found = match m.object_of(a.get(0))? {
            Object::List(_, items) => usize::try_from(a.int(1)).ok().and_then(|index| items.get(index)).cloned(),
            _ => None,
        };
        found.ok_or_else(|| m.out_of_range("i", "Index was out of range. Must be non-negative and less than the size of the collection."))
    }),
    ("MatchCollection.IsReadOnly", |m, a| m.object_of(a.get(0)).map(|_| Value::Boolean(true))),
    ("MatchCollection.IsSynchronized", |m, a| m.object_of(a.get(0)).map(|_| Value::Boolean(false))),
    ("MatchCollection.SyncRoot", |m, a| m.object_of(a.get(0)).map(|_| a.get(0).clone())),
    ("MatchCollection.GetEnumerator()", |m, a| super::linq::enumerator(m, a.get(0))),
    ("MatchCollection.CopyTo", |m, a| super::collections::copy_all(m, a.get(0), a.get(1), a.int(2))),
    ("Regex.Match(string,string)", |m, a| one(m, a, true)),
    ("Regex.Match(string,string,RegexOptions)", |m, a| one(m, a, true)),
    ("Regex.Match(string,string,RegexOptions,TimeSpan)", |m, a| one(m, a, true)),
    ("Regex.Match(string)", |m, a| one(m, a, false)),
    ("Regex.Matches(string,string)", |m, a| all(m, a, true)),
    ("Regex.Matches(string,string,RegexOptions)", |m, a| all(m, a, true)),
    ("Regex.Matches(string,string,RegexOptions,TimeSpan)", |m, a| all(m, a, true)),
    ("Regex.Matches(string)", |m, a| all(m, a, false)),
    ("Regex.Replace(string,string,string)", |m, a| replace(m, a, true, 2)),
    ("Regex.Replace(string,string,string,RegexOptions)", |m, a| replace(m, a, true, 2)),
    ("Regex.Replace(string,string,string,RegexOptions,TimeSpan)", |m, a| replace(m, a, true, 2)),
    ("Regex.Replace(string,string,MatchEvaluator)", |m, a| replace(m, a, true, 2)),
    ("Regex.Replace(string,string,MatchEvaluator,RegexOptions)", |m, a| replace(m, a, true, 2)),
    ("Regex.Replace(string,string)", |m, a| replace(m, a, false, 2)),
    ("Regex.Replace(string,MatchEvaluator)", |m, a| replace(m, a, false, 2)),
    ("Regex.Split(string,string)", |m, a| split(m, a, true)),
    ("Regex.Split(string,string,RegexOptions)", |m, a| split(m, a, true)),
    ("Regex.Split(string)", |m, a| split(m, a, false)),
    ("Regex.Escape", |m, a| {
        let text = m.string(a, 0, "str")?;
        let mut out = String::new();
        for character in text.to_str().chars() {
            match character {
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{c}' => out.push_str("\\f"),
                '\\' | '*' | '+' | '?' | '|' | '{' | '[' | '(' | ')' | '^' | '$' | '.' | '#' | ' ' => {
                    out.push('\\');
                    out.push(character);
                }
                other => out.push(other),
            }
        }
        m.text(Text::from(out))
    }),
    ("Capture.Value", |m, a| group(m, a).map(|group| Value::from(group.map_or(Text::from(""), |group| group.1)))),
    ("Capture.Index", |m, a| group(m, a).map(|group| Value::size(group.map_or(0, |group| group.0)))),
    ("Capture.Length", |m, a| group(m, a).map(|group| Value::size(group.map_or(0, |group| group.1.len())))),
    ("Group.Success", |m, a| group(m, a).map(|group| Value::Boolean(group.is_some()))),
    ("Capture.ToString()", |m, a| instance_text(m, a)),
    ("Match.Groups", |m, a| {
        let data = data(m, a)?;
        Ok(m.object(Object::GroupCollection(data)))
    }),
    ("Match.NextMatch()", |m, a| {
        let data = data(m, a)?;
        let pattern = Arc::clone(&data.pattern);
        let found = find(m, &pattern, &data.subject, data.next)?;
        Ok(m.object(Object::Match(Arc::new(found))))
    }),
    ("Match.Result", |m, a| {
        let data = data(m, a)?;
        let template = m.string(a, 1, "replacement")?;
        if data.groups.first().is_none_or(|group| group.is_none()) {
            return Err(m.throw("NotSupportedException", "Result cannot be called on a failed Match."));
        }
        let text = expand(&data, &template.to_str());
        m.text(Text::from(text))
    }),
    ("GroupCollection.Count", |m, a| match m.object_of(a.get(0))? {
        Object::GroupCollection(data) => Ok(Value::size(data.groups.len())),
        _ => Err(m.null_reference()),
    }),
    ("GroupCollection.Item", |m, a| {
        let data = match m.object_of(a.get(0))? {
            Object::GroupCollection(data) => Arc::clone(data),
            _ => return Err(m.null_reference()),
        };
        let index = match a.get(1) {
            Value::Text(name) => {
                let name = name.to_str();
                data.names.iter().find(|(own, _)| *own == name).map(|(_, index)| *index).or_else(|| name.parse().ok())
            }
            other => usize::try_from(other.integer()).ok(),
        };
        Ok(m.object(Object::Group(data, index.unwrap_or(usize::MAX))))
    }),
    ("MatchCollection.Count", |m, a| match m.object_of(a.get(0))? {
        Object::List(_, items) => Ok(Value::size(items.len())),
        _ => Err(m.null_reference()),
    }),
    ("MatchCollection.Item", |m, a| {
        let found = match m.object_of(a.get(0))? {
            Object::List(_, items) => usize::try_from(a.int(1)).ok().and_then(|index| items.get(index)).cloned(),
            _ => None,
        };
        found.ok_or_else(|| m.out_of_range("i", "Index was out of range. Must be non-negative and less than the size of the collection."))
    }),
];

fn data(m: &mut Machine<'_>, a: Args<'_>) -> Outcome<Arc<MatchData>> {
    match m.object_of(a.get(0))? {
        Object::Match(data) => Ok(Arc::clone(data)),
        _ => Err(m.null_reference()),
    }
}

fn group(m: &mut Machine<'_>, a: Args<'_>) -> Outcome<Option<(usize, Text)>> {
    Ok(match m.object_of(a.get(0))? {
        Object::Match(data) => data.groups.first().cloned().flatten(),
        Object::Group(data, index) => data.groups.get(*index).cloned().flatten(),
        _ => return Err(m.null_reference()),
    })
}

fn compile(m: &mut Machine<'_>, a: Args<'_>, index: usize, options: i64) -> Outcome<Arc<Pattern>> {
    let source = m.string(a, index, "pattern")?.to_str().into_owned();
    // From 1 to about 24 days, or -1 ms for no end.
    let refused = |value: &Value| matches!(value, Value::Span(ticks) if *ticks != -10_000 && !(1..21_474_836_470_000).contains(ticks));
    if a.values.iter().any(refused) {
        return Err(m.out_of_range("matchTimeout", "Specified argument was out of the range of valid values."));
    }
    m.charge(200 + source.len() * 4)?;
    let translated = match translate(&source, options) {
        Ok(translated) => translated,
        Err(what) => return Err(m.throw("NotSupportedException", &format!("The regular expression uses {what}, which is not emulated."))),
    };
    let engine = match fancy_regex::RegexBuilder::new(&translated).backtrack_limit(1_000_000).build() {
        Ok(engine) => engine,
        Err(problem) => return Err(m.throw("ArgumentException", &format!("parsing \"{source}\" - {problem}"))),
    };
    let own: Vec<Option<String>> = engine.capture_names().map(|name| name.map(str::to_owned)).collect();
    let unnamed = (1..own.len()).filter(|index| own[*index].is_none());
    let named = (1..own.len()).filter(|index| own[*index].is_some());
    let order: Vec<usize> = std::iter::once(0).chain(unnamed).chain(named).collect();
    let moved = order.iter().enumerate().any(|(number, index)| number != *index);
    if moved && has_reference(&source) {
        return Err(m.throw(
            "NotSupportedException",
            "The regular expression has unnamed groups behind named ones and refers to groups by number, which is not emulated.",
        ));
    }
    let names = order.iter().enumerate().filter_map(|(number, index)| Some((own.get(*index)?.clone()?, number))).collect();
    let repeats = is_repeated(&source);
    Ok(Arc::new(Pattern { source, engine, names, order, repeats }))
}

/// The pattern of matches that no pattern made.
fn plain_pattern(m: &mut Machine<'_>) -> Outcome<Arc<Pattern>> {
    match fancy_regex::Regex::new("") {
        Ok(engine) => Ok(Arc::new(Pattern { source: String::new(), engine, names: Vec::new(), order: vec![0], repeats: false })),
        Err(_) => Err(m.null_reference()),
    }
}

/// The byte of a place that is counted in UTF-16 units.
fn start_of(m: &mut Machine<'_>, subject: &str, at: i32) -> Outcome<usize> {
    let mut left = match usize::try_from(at) {
        Ok(at) => at,
        Err(_) => return Err(m.out_of_range("startat", "Start index cannot be less than 0 or greater than input length.")),
    };
    for (byte, character) in subject.char_indices() {
        if left == 0 {
            return Ok(byte);
        }
        left = left.saturating_sub(character.len_utf16());
    }
    if left == 0 {
        Ok(subject.len())
    } else {
        Err(m.out_of_range("startat", "Start index cannot be less than 0 or greater than input length."))
    }
}

/// `Match(input, beginning, length)`: the part is all that the pattern sees.
fn part(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let (pattern, subject) = prepare(m, a, false)?;
    let whole = Text::from(&*subject);
    let (start, count) = super::strings::range(m, whole.len(), a.int(2), a.int(3))?;
    let inner: Arc<str> = Arc::from(&*whole.slice(start, count).to_str());
    let mut found = find(m, &pattern, &inner, 0)?;
    for (place, _) in found.groups.iter_mut().flatten() {
        *place += start;
    }
    Ok(m.object(Object::Match(Arc::new(found))))
}

/// Pattern and subject of a call, static (`(input, pattern, options)`) or on an instance.
fn prepare(m: &mut Machine<'_>, a: Args<'_>, is_static: bool) -> Outcome<(Arc<Pattern>, Arc<str>)> {
    if is_static {
        // The expression is made before the text is looked at.
        let options = a.values.iter().find_map(|value| if let Value::Enum(_, options) = value { Some(*options) } else { None });
        let pattern = compile(m, a, 1, options.unwrap_or(0))?;
        let subject = m.string(a, 0, "input")?;
        return Ok((pattern, subject.to_str().into()));
    }
    let pattern = match m.object_of(a.get(0))? {
        Object::Regex(pattern) => Arc::clone(pattern),
        _ => return Err(m.null_reference()),
    };
    let subject = m.string(a, 1, "input")?;
    Ok((pattern, subject.to_str().into()))
}

fn find(m: &mut Machine<'_>, pattern: &Arc<Pattern>, subject: &Arc<str>, from: usize) -> Outcome<MatchData> {
    m.charge(20 + subject.len() / 8)?;
    let none = || MatchData {
        groups: vec![None],
        names: Vec::new(),
        subject: Arc::clone(subject),
        pattern: Arc::clone(pattern),
        next: subject.len() + 1,
    };
    if from > subject.len() {
        return Ok(none());
    }
    let found = match pattern.engine.captures_from_pos(&**subject, from) {
        Ok(found) => found,
        Err(_) => {
            let message = "The RegEx engine has timed out while trying to match a pattern to an input string. This can occur for many reasons, including very large inputs or excessive backtracking caused by nested quantifiers, back-references and other factors.";
            return Err(m.throw("RegexMatchTimeoutException", message));
        }
    };
    let Some(captures) = found else { return Ok(none()) };
    let groups = pattern
        .order
        .iter()
        .map(|index| {
            captures.get(*index).map(|group| {
                let start = subject.get(..group.start()).unwrap_or_default();
                let place = if start.is_ascii() { start.len() } else { start.encode_utf16().count() };
                (place, Text::from(group.as_str()))
            })
        })
        .collect();
    let (start, end) = captures.get(0).map_or((0, 0), |whole| (whole.start(), whole.end()));
    let next = if end > start { end } else { end + subject.get(end..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8) };
    Ok(MatchData { groups, names: pattern.names.clone(), subject: Arc::clone(subject), pattern: Arc::clone(pattern), next })
}

fn is_match(m: &mut Machine<'_>, a: Args<'_>, is_static: bool) -> Outcome {
    let (pattern, subject) = prepare(m, a, is_static)?;
    let found = find(m, &pattern, &subject, 0)?;
    Ok(Value::Boolean(found.groups.first().is_some_and(Option::is_some)))
}

fn one(m: &mut Machine<'_>, a: Args<'_>, is_static: bool) -> Outcome {
    let (pattern, subject) = prepare(m, a, is_static)?;
    let found = find(m, &pattern, &subject, 0)?;
    Ok(m.object(Object::Match(Arc::new(found))))
}

fn found_all(m: &mut Machine<'_>, pattern: &Arc<Pattern>, subject: &Arc<str>) -> Outcome<Vec<MatchData>> {
    found_from(m, pattern, subject, 0, usize::MAX)
}

/// The matches from a byte on, no more than so many.
fn found_from(m: &mut Machine<'_>, pattern: &Arc<Pattern>, subject: &Arc<str>, start: usize, most: usize) -> Outcome<Vec<MatchData>> {
    let mut list = Vec::new();
    let mut from = start;
    loop {
        if list.len() >= most {
            return Ok(list);
        }
        let found = find(m, pattern, subject, from)?;
        if found.groups.first().is_none_or(Option::is_none) {
            return Ok(list);
        }
        m.allocate(200)?;
        from = found.next;
        list.push(found);
    }
}

fn all(m: &mut Machine<'_>, a: Args<'_>, is_static: bool) -> Outcome {
    let (pattern, subject) = prepare(m, a, is_static)?;
    let list = found_all(m, &pattern, &subject)?;
    let items = list.into_iter().map(|found| m.object(Object::Match(Arc::new(found)))).collect();
    let ty = types::named("MatchCollection");
    Ok(m.object(Object::List(ty, items)))
}

/// How many, and from which byte on: the numbers behind the other arguments. -1 is no limit.
fn limits(m: &mut Machine<'_>, a: Args<'_>, at: usize, subject: &str) -> Outcome<(usize, usize)> {
    let most = match a.get(at) {
        Value::Int32(-1) => usize::MAX,
        Value::Int32(count) => match usize::try_from(*count) {
            Ok(count) => count,
            Err(_) => return Err(m.out_of_range("count", "Count cannot be less than -1.")),
        },
        _ => usize::MAX,
    };
    let start = if a.len() > at + 1 { start_of(m, subject, a.int(at + 1))? } else { 0 };
    Ok((most, start))
}

fn replace(m: &mut Machine<'_>, a: Args<'_>, is_static: bool, with: usize) -> Outcome {
    let (pattern, subject) = prepare(m, a, is_static)?;
    if a.get(with).is_null() {
        return Err(m.argument_null("replacement"));
    }
    let mut out = Vec::new();
    let whole = Text::from(&*subject);
    let mut at = 0;
    let (most, start) = if is_static { (usize::MAX, 0) } else { limits(m, a, 3, &subject)? };
    for found in found_from(m, &pattern, &subject, start, most)? {
        let Some(Some((place, text))) = found.groups.first().cloned() else { continue };
        whole.slice(at, place - at).append_to(&mut out);
        at = place + text.len();
        match a.get(with) {
            Value::Text(template) => Text::from(expand(&found, &template.to_str())).append_to(&mut out),
            function => {
                let argument = m.object(Object::Match(Arc::new(found)));
                let result = m.call(function, &[argument])?;
                super::to_text(m, &result)?.append_to(&mut out);
            }
        }
    }
    whole.slice(at, whole.len()).append_to(&mut out);
    m.text(Text::from(out.as_slice()))
}

/// `$1`, `${name}`, `$&`, `$$` in a replacement.
fn expand(found: &MatchData, template: &str) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some(start) = rest.find('$') {
        out.push_str(&rest[..start]);
        rest = &rest[start + 1..];
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some(after) = rest.strip_prefix('&') {
            out.push_str(&found.group_text(0).to_str());
            rest = after;
        } else if let Some(after) = rest.strip_prefix('_') {
            out.push_str(&found.subject);
            rest = after;
        } else if let Some(after) = rest.strip_prefix('`') {
            let (place, _) = found.groups.first().cloned().flatten().unwrap_or((0, Text::from("")));
            out.push_str(&Text::from(&*found.subject).slice(0, place).to_str());
            rest = after;
        } else if let Some(after) = rest.strip_prefix('\'') {
            let (place, text) = found.groups.first().cloned().flatten().unwrap_or((0, Text::from("")));
            let whole = Text::from(&*found.subject);
            out.push_str(&whole.slice(place + text.len(), whole.len()).to_str());
            rest = after;
        } else if let Some(after) = rest.strip_prefix('+') {
            out.push_str(&found.group_text(found.groups.len().saturating_sub(1)).to_str());
            rest = after;
        } else if digits > 0 && rest[..digits].parse::<usize>().is_ok_and(|index| index < found.groups.len()) {
            out.push_str(&found.group_text(rest[..digits].parse().unwrap_or(0)).to_str());
            rest = &rest[digits..];
        } else if let Some((name, after)) = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'))
            && let Some(index) = found
                .names
                .iter()
                .find(|(own, _)| own == name)
                .map(|(_, index)| *index)
                .or_else(|| name.parse().ok().filter(|index| *index < found.groups.len()))
        {
            out.push_str(&found.group_text(index).to_str());
            rest = after;
        } else {
            out.push('$');
        }
    }
    out.push_str(rest);
    out
}

fn split(m: &mut Machine<'_>, a: Args<'_>, is_static: bool) -> Outcome {
    let (pattern, subject) = prepare(m, a, is_static)?;
    let whole = Text::from(&*subject);
    let mut parts = Vec::new();
    let mut at = 0;
    let (most, start) = if is_static { (usize::MAX, 0) } else { limits(m, a, 2, &subject)? };
    // So many parts: one match less. No limit is 0.
    let most = if a.len() > 2 && !is_static { if most == 0 || most == usize::MAX { usize::MAX } else { most - 1 } } else { usize::MAX };
    for found in found_from(m, &pattern, &subject, start, most)? {
        let Some(Some((place, text))) = found.groups.first().cloned() else { continue };
        parts.push(whole.slice(at, place - at));
        at = place + text.len();
        parts.extend(found.groups.iter().skip(1).flatten().map(|group| group.1.clone()));
    }
    parts.push(whole.slice(at, whole.len()));
    m.text_array(parts)
}
