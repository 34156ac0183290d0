//! `$top`, `$skip`, `$filter` and `nextLink`.

use serde_json::{Map, Value, json};

use super::answer::{Answer, Refusal};
use super::request::Request;
use super::{Options, encode_path};

/// The items of one page in a list's envelope. `counted`: API Management tells the number of all items.
pub(crate) fn page(options: &Options, request: &Request, items: Vec<Value>, counted: bool) -> Result<Answer, Refusal> {
    let items: Vec<Value> = match request.query("$filter") {
        Some(filter) if !filter.trim().is_empty() => {
            let filter = Filter::parse(filter)?;
            items.into_iter().filter(|item| filter.holds(item)).collect()
        }
        _ => items,
    };
    let total = items.len();
    let skip = number(request, "$skip")?.unwrap_or(0);
    let top = number(request, "$top")?;
    if top == Some(0) {
        return Err(Refusal::service(400, "ValidationError", "The value of $top must be greater than 0."));
    }
    let size = top.unwrap_or(options.page_size).min(options.page_size.max(1));
    let value: Vec<Value> = items.into_iter().skip(skip).take(size).collect();
    let reached = skip.saturating_add(value.len());
    let wanted = top.map_or(total, |top| skip.saturating_add(top).min(total));
    let mut body = Map::new();
    body.insert("value".to_owned(), Value::Array(value));
    if counted {
        body.insert("count".to_owned(), json!(total));
    }
    if reached < wanted && reached > skip {
        body.insert("nextLink".to_owned(), json!(next_link(options, request, reached, wanted - reached, top.is_some())));
    }
    Ok(Answer::json(200, Value::Object(body)))
}

fn next_link(options: &Options, request: &Request, skip: usize, rest: usize, topped: bool) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (key, value) in request.query.iter().filter(|(key, _)| !key.eq_ignore_ascii_case("$skip") && !key.eq_ignore_ascii_case("$top")) {
        query.append_pair(key, value);
    }
    if topped {
        query.append_pair("$top", &rest.to_string());
    }
    query.append_pair("$skip", &skip.to_string());
    format!("{}{}?{}", options.endpoint.trim_end_matches('/'), encode_path(&format!("/{}", request.segments.join("/"))), query.finish())
}

fn number(request: &Request, name: &str) -> Result<Option<usize>, Refusal> {
    match request.query(name).map(str::parse::<usize>) {
        None => Ok(None),
        Some(Ok(number)) => Ok(Some(number)),
        Some(Err(_)) => Err(Refusal::service(400, "ValidationError", format!("The value of {name} must be a whole number."))),
    }
}

/// `a eq 'b' and c eq d`: the filters that clients of these types send.
struct Filter(Vec<(String, String)>);

impl Filter {
    fn parse(text: &str) -> Result<Self, Refusal> {
        let unsupported = || {
            Refusal::plain(
                400,
                "OperationNotEmulated",
                format!("The emulator understands `name eq 'value'` terms joined by `and`, not the filter: {text}"),
            )
        };
        let mut terms = Vec::new();
        for term in split_terms(text) {
            let term = term.trim();
            if term.eq_ignore_ascii_case("atScope()") {
                continue;
            }
            let mut words = term.splitn(3, char::is_whitespace);
            let (Some(name), Some(operator), Some(value)) = (words.next(), words.next(), words.next()) else { return Err(unsupported()) };
            if !operator.eq_ignore_ascii_case("eq") {
                return Err(unsupported());
            }
            let value = value.trim();
            let value = value.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')).unwrap_or(value).replace("''", "'");
            terms.push((name.to_owned(), value));
        }
        Ok(Self(terms))
    }

    fn holds(&self, item: &Value) -> bool {
        self.0.iter().all(|(name, wanted)| {
            let path = name.strip_prefix("properties/").unwrap_or(name);
            [format!("/properties/{path}"), format!("/{path}")].iter().any(|pointer| match item.pointer(pointer) {
                Some(Value::String(text)) => text.eq_ignore_ascii_case(wanted),
                Some(Value::Bool(flag)) => wanted.eq_ignore_ascii_case(if *flag { "true" } else { "false" }),
                _ => false,
            })
        })
    }
}

/// Splits at ` and ` outside quotes.
fn split_terms(text: &str) -> Vec<&str> {
    let (mut terms, mut start, mut quoted) = (Vec::new(), 0, false);
    for (index, letter) in text.char_indices() {
        if letter == '\'' {
            quoted = !quoted;
        }
        if !quoted && index >= start && text.get(index..index + 5).is_some_and(|word| word.eq_ignore_ascii_case(" and ")) {
            terms.extend(text.get(start..index));
            start = index + 5;
        }
    }
    terms.extend(text.get(start..));
    terms
}

/// Whether a list asks for one principal only: `$filter=principalId eq '…'` or `assignedTo('…')`.
pub(crate) fn assigned_to(request: &Request) -> Option<String> {
    let filter = request.query("$filter")?.trim();
    let inner = filter.strip_prefix("assignedTo('")?.strip_suffix("')")?;
    Some(inner.to_owned())
}
