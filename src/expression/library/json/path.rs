//! `SelectToken` and `Path`: Newtonsoft's JSONPath.

use super::{Node, children, member, node};
use crate::expression::machine::{Machine, Outcome};
use crate::expression::text::Text;
use crate::expression::value::{Handle, Value};

#[derive(Debug, Clone)]
enum Step {
    Name(Text),
    Any,
    Index(usize),
    Names(Vec<Text>),
    Indices(Vec<usize>),
    Slice(Option<i64>, Option<i64>, i64),
    Scan(Option<Text>),
    Filter(Vec<Test>),
}

/// `@.a.b op value`; no operator asks whether it is there. Tests of one filter are joined by `&&`, groups by `||`.
#[derive(Debug, Clone)]
struct Test {
    path: Vec<Step>,
    operator: Option<(&'static str, Value)>,
    or: bool,
}

/// All tokens that `path` selects from `from`.
pub(crate) fn select(m: &mut Machine<'_>, from: Handle, path: &str, required: bool) -> Outcome<Vec<Handle>> {
    let steps = match parse(path) {
        Ok(steps) => steps,
        Err(message) => return Err(m.throw("JsonException", &message)),
    };
    let mut current = vec![from];
    for step in &steps {
        let mut next = Vec::new();
        for handle in current {
            apply(m, handle, step, required, &mut next)?;
        }
        current = next;
    }
    Ok(current)
}

fn apply(m: &mut Machine<'_>, handle: Handle, step: &Step, required: bool, out: &mut Vec<Handle>) -> Outcome<()> {
    m.charge(1)?;
    let (is_object, is_array) = match node(m, handle).map(|json| &json.node) {
        Some(Node::Object(_)) => (true, false),
        Some(Node::Array(_)) => (false, true),
        _ => (false, false),
    };
    let values = |m: &Machine<'_>| -> Vec<Handle> {
        let list = children(m, handle);
        if is_object { list.into_iter().filter_map(|property| super::value_of(m, property)).collect() } else { list }
    };
    match step {
        Step::Name(name) => match member(m, handle, name).filter(|_| is_object) {
            Some(found) => out.push(found),
            None if required && is_object => {
                return Err(m.throw("JsonException", &format!("Property '{}' does not exist on JObject.", name.to_str())));
            }
            None if required => {
                let ty = m.heap.type_of(&Value::Object(handle));
                let ty = ty.definition().map_or("", |definition| definition.name);
                return Err(m.throw("JsonException", &format!("Property '{}' not valid on {ty}.", name.to_str())));
            }
            None => {}
        },
        Step::Any => out.extend(values(m)),
        Step::Index(index) => {
            if is_array {
                match children(m, handle).get(*index) {
                    Some(found) => out.push(*found),
                    None if required => return Err(m.throw("JsonException", &format!("Index {index} outside the bounds of JArray."))),
                    None => {}
                }
            } else if required {
                let ty = m.heap.type_of(&Value::Object(handle));
                let ty = ty.definition().map_or("", |definition| definition.name);
                return Err(m.throw("JsonException", &format!("Index {index} not valid on {ty}.")));
            }
        }
        Step::Names(names) => {
            for name in names {
                out.extend(member(m, handle, name).filter(|_| is_object));
            }
        }
        Step::Indices(indices) => {
            let list = children(m, handle);
            out.extend(indices.iter().filter_map(|index| list.get(*index)).filter(|_| is_array));
        }
        Step::Slice(start, end, step) => {
            if is_array {
                let list = children(m, handle);
                let length = i64::try_from(list.len()).unwrap_or(0);
                let clamp = |value: Option<i64>, default: i64| {
                    value.map_or(default, |value| if value < 0 { value + length } else { value }).clamp(-1, length)
                };
                let (start, end) = if *step > 0 {
                    (clamp(*start, 0).max(0), clamp(*end, length))
                } else {
                    (clamp(*start, length - 1).min(length - 1), clamp(*end, -1))
                };
                let mut at = start;
                while *step > 0 && at < end || *step < 0 && at > end {
                    out.extend(usize::try_from(at).ok().and_then(|at| list.get(at)));
                    at += step;
                }
            }
        }
        Step::Scan(name) => scan(m, handle, name.as_ref(), 0, out)?,
        Step::Filter(tests) => {
            for value in values(m) {
                if passes(m, value, tests)? {
                    out.push(value);
                }
            }
        }
    }
    Ok(())
}

fn scan(m: &mut Machine<'_>, handle: Handle, name: Option<&Text>, depth: usize, out: &mut Vec<Handle>) -> Outcome<()> {
    m.charge(1)?;
    if depth > 300 {
        return Ok(());
    }
    match node(m, handle).map(|json| json.node.clone()) {
        Some(Node::Object(members)) => {
            for (key, property) in members {
                let Some(value) = super::value_of(m, property) else { continue };
                if name.is_none_or(|name| *name == *key) {
                    out.push(value);
                }
                scan(m, value, name, depth + 1, out)?;
            }
        }
        Some(Node::Array(items)) => {
            for item in items {
                if name.is_none() {
                    out.push(item);
                }
                scan(m, item, name, depth + 1, out)?;
            }
        }
        _ => {}
    }
    Ok(())
}

fn passes(m: &mut Machine<'_>, value: Handle, tests: &[Test]) -> Outcome<bool> {
    let mut result = true;
    for (index, test) in tests.iter().enumerate() {
        let mut found = vec![value];
        for step in &test.path {
            let mut next = Vec::new();
            for handle in found {
                apply(m, handle, step, false, &mut next)?;
            }
            found = next;
        }
        let mut this = false;
        for handle in found {
            match &test.operator {
                None => this = true,
                Some((operator, wanted)) => {
                    if let Some(own) = super::plain(m, handle) {
                        this |= matches(&own, operator, wanted);
                    }
                }
            }
        }
        result = if index == 0 {
            this
        } else if test.or {
            result || this
        } else {
            result && this
        };
    }
    Ok(result)
}

fn matches(own: &Value, operator: &str, wanted: &Value) -> bool {
    let number = |value: &Value| match value {
        Value::Int64(_) | Value::Int32(_) | Value::Double(_) | Value::Decimal(_) => Some(crate::expression::library::numbers::real(value)),
        _ => None,
    };
    let order = match (own, wanted) {
        (Value::Text(one), Value::Text(two)) => one.compare(two, false).cmp(&0),
        (Value::Boolean(one), Value::Boolean(two)) => one.cmp(two),
        (Value::Null, Value::Null) => std::cmp::Ordering::Equal,
        _ => match (number(own), number(wanted)) {
            (Some(one), Some(two)) => one.partial_cmp(&two).unwrap_or(std::cmp::Ordering::Less),
            _ => return operator == "!=",
        },
    };
    match operator {
        "==" => order.is_eq(),
        "!=" => order.is_ne(),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        _ => order.is_ge(),
    }
}

fn parse(path: &str) -> Result<Vec<Step>, String> {
    let characters: Vec<char> = path.chars().collect();
    let mut at = usize::from(characters.first() == Some(&'$'));
    if at == 1 && characters.len() > 1 && !matches!(characters[1], '.' | '[') {
        at = 0;
    }
    parse_steps(&characters, &mut at, false)
}

fn parse_steps(characters: &[char], at: &mut usize, in_filter: bool) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    let mut scan = false;
    while let Some(character) = characters.get(*at).copied() {
        match character {
            '.' => {
                *at += 1;
                if characters.get(*at) == Some(&'.') {
                    *at += 1;
                    scan = true;
                }
                if *at >= characters.len() {
                    return Err("Unexpected end while parsing path.".to_owned());
                }
            }
            '[' | '(' => {
                *at += 1;
                if scan {
                    steps.push(Step::Scan(None));
                    scan = false;
                }
                steps.push(bracket(characters, at, if character == '[' { ']' } else { ')' })?);
            }
            ' ' if in_filter => break,
            _ if in_filter && matches!(character, '=' | '!' | '<' | '>' | '&' | '|' | ')') => break,
            _ => {
                let start = *at;
                let ends =
                    |character: &char| matches!(character, '.' | '[' | '(' | ' ' | ']' | ')') || in_filter && "=!<>&|".contains(*character);
                while characters.get(*at).is_some_and(|character| !ends(character)) {
                    *at += 1;
                }
                let name: String = characters[start..*at].iter().collect();
                if name.is_empty() {
                    return Err(format!("Unexpected character while parsing path: {character}"));
                }
                steps.push(match (name.as_str(), scan) {
                    ("*", true) => Step::Scan(None),
                    ("*", false) => Step::Any,
                    (_, true) => Step::Scan(Some(Text::from(name.as_str()))),
                    _ => Step::Name(Text::from(name.as_str())),
                });
                scan = false;
            }
        }
    }
    Ok(steps)
}

fn bracket(characters: &[char], at: &mut usize, close: char) -> Result<Step, String> {
    let skip = |at: &mut usize| {
        while characters.get(*at) == Some(&' ') {
            *at += 1;
        }
    };
    skip(at);
    let end = |at: &mut usize| -> Result<(), String> {
        while characters.get(*at) == Some(&' ') {
            *at += 1;
        }
        if characters.get(*at) == Some(&close) {
            *at += 1;
            Ok(())
        } else {
            match characters.get(*at) {
                Some(character) => Err(format!("Unexpected character while parsing path indexer: {character}")),
                None => Err("Path ended with open indexer.".to_owned()),
            }
        }
    };
    match characters.get(*at) {
        Some('\'' | '"') => {
            let mut names = Vec::new();
            loop {
                names.push(Text::from(quoted(characters, at)?));
                skip(at);
                if characters.get(*at) == Some(&',') {
                    *at += 1;
                    skip(at);
                } else {
                    end(at)?;
                    return Ok(if names.len() == 1 { Step::Name(names.remove(0)) } else { Step::Names(names) });
                }
            }
        }
        Some('*') => {
            *at += 1;
            end(at)?;
            Ok(Step::Any)
        }
        Some('?') => {
            *at += 1;
            skip(at);
            if characters.get(*at) != Some(&'(') {
                return Err("Unexpected character while parsing path indexer: ?".to_owned());
            }
            *at += 1;
            let mut tests = Vec::new();
            let mut or = false;
            loop {
                skip(at);
                tests.push(test(characters, at, or)?);
                skip(at);
                match (characters.get(*at), characters.get(*at + 1)) {
                    (Some('&'), Some('&')) => or = false,
                    (Some('|'), Some('|')) => or = true,
                    (Some(')'), _) => {
                        *at += 1;
                        end(at)?;
                        return Ok(Step::Filter(tests));
                    }
                    _ => return Err("Unexpected character while parsing path query.".to_owned()),
                }
                *at += 2;
            }
        }
        _ => {
            let start = *at;
            while characters.get(*at).is_some_and(|character| *character != close) {
                *at += 1;
            }
            let text: String = characters[start..*at].iter().collect();
            end(at)?;
            let number = |text: &str| text.trim().parse::<i64>();
            if text.contains(':') {
                let parts: Vec<&str> = text.split(':').collect();
                let part = |index: usize| parts.get(index).filter(|part| !part.trim().is_empty()).map(|part| number(part)).transpose();
                let fail = |_| format!("Unexpected character while parsing path indexer: {text}");
                let step = part(2).map_err(fail)?.unwrap_or(1);
                if step == 0 {
                    return Err("Step cannot be zero.".to_owned());
                }
                return Ok(Step::Slice(part(0).map_err(fail)?, part(1).map_err(fail)?, step));
            }
            let mut indices = Vec::new();
            for part in text.split(',') {
                match usize::try_from(number(part).unwrap_or(-1)) {
                    Ok(index) => indices.push(index),
                    Err(_) => {
                        let bad = part.trim().chars().find(|character| !character.is_ascii_digit());
                        return Err(bad.map_or("Array index expected.".to_owned(), |bad| {
                            format!("Unexpected character while parsing path indexer: {bad}")
                        }));
                    }
                }
            }
            Ok(if indices.len() == 1 { Step::Index(indices.remove(0)) } else { Step::Indices(indices) })
        }
    }
}

fn quoted(characters: &[char], at: &mut usize) -> Result<String, String> {
    let quote = characters.get(*at).copied().unwrap_or('\'');
    *at += 1;
    let start = *at;
    while characters.get(*at).is_some_and(|character| *character != quote) {
        *at += 1;
    }
    if *at >= characters.len() {
        return Err("Path ended with an open string.".to_owned());
    }
    *at += 1;
    Ok(characters[start..*at - 1].iter().collect())
}

fn test(characters: &[char], at: &mut usize, or: bool) -> Result<Test, String> {
    if characters.get(*at) != Some(&'@') {
        return Err("Unexpected character while parsing path query.".to_owned());
    }
    *at += 1;
    let path = parse_steps(characters, at, true)?;
    while characters.get(*at) == Some(&' ') {
        *at += 1;
    }
    let rest: String = characters[*at..].iter().take(2).collect();
    let operator = ["==", "!=", "<=", ">=", "<", ">"].into_iter().find(|operator| rest.starts_with(operator));
    let Some(operator) = operator else { return Ok(Test { path, operator: None, or }) };
    *at += operator.len();
    while characters.get(*at) == Some(&' ') {
        *at += 1;
    }
    let value = match characters.get(*at) {
        Some('\'' | '"') => Value::from(quoted(characters, at)?),
        _ => {
            let start = *at;
            while characters.get(*at).is_some_and(|character| !matches!(character, ')' | ' ' | '&' | '|')) {
                *at += 1;
            }
            let text: String = characters[start..*at].iter().collect();
            match text.as_str() {
                "true" => Value::Boolean(true),
                "false" => Value::Boolean(false),
                "null" => Value::Null,
                number => match (number.parse::<i64>(), number.parse::<f64>()) {
                    (Ok(value), _) => Value::Int64(value),
                    (_, Ok(value)) => Value::Double(value),
                    _ => return Err("Could not read query operator.".to_owned()),
                },
            }
        }
    };
    Ok(Test { path, operator: Some((operator, value)), or })
}

/// `JToken.Path`.
pub(crate) fn path_of(m: &Machine<'_>, handle: Handle) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut at = handle;
    for _ in 0..1000 {
        let Some(json) = node(m, at) else { break };
        match &json.node {
            Node::Property(name, _) => {
                let name = name.to_str();
                let special = name.chars().any(|character| " .'/\"[]()\t\n\r\u{c}\u{8}\\\u{85}\u{2028}\u{2029}".contains(character));
                parts.push(if special { format!("['{name}']") } else { format!(".{name}") });
            }
            _ => {
                if let Some(parent) = json.parent
                    && let Some(Node::Array(items)) = node(m, parent).map(|json| &json.node)
                {
                    parts.push(format!("[{}]", items.iter().position(|item| *item == at).unwrap_or(0)));
                }
            }
        }
        match json.parent {
            Some(parent) => at = parent,
            None => break,
        }
    }
    parts.reverse();
    parts.concat().trim_start_matches('.').to_owned()
}
