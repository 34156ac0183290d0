//! Attributes, children and texts against the table.

use super::expressions::Place;
use super::{Checker, quoted};
use crate::policy::codes;
use crate::policy::document::{self, Element, Section, Value};
use crate::policy::reference::{Attribute, Child, Children, Literal, Occurs, Shape, Text};
use crate::support::finding::{Finding, Kind};
use crate::support::source::Span;
use crate::support::suggest;

impl Checker<'_> {
    /// `policy` is true for a policy itself: any of these may carry an `id`.
    pub(super) fn shape(&mut self, element: &Element, shape: &Shape, policy: bool, section: Option<Section>) {
        // A payload's own root, such as a style sheet, has whatever attributes it has.
        if policy || !matches!(shape.text, Text::Payload(_)) {
            self.attributes(element, shape, policy);
        } else if !shape.attributes.is_empty() {
            self.attributes(element, shape, false);
        }
        self.texts(element, shape);
        if matches!(shape.text, Text::Payload(_)) {
            return;
        }
        match shape.children {
            Children::None => {
                for child in element.elements() {
                    self.unknown_child(element, child, &[]);
                }
            }
            Children::Elements(children) => self.children(element, children, section),
            other => self.nested(element, other, section),
        }
    }

    fn attributes(&mut self, element: &Element, shape: &Shape, policy: bool) {
        for attribute in &element.attributes {
            match shape.attributes.iter().find(|known| known.name == attribute.name) {
                Some(known) => self.value(element, known, attribute),
                None if policy && attribute.name == "id" => {}
                None => {
                    let names = shape.attributes.iter().map(|known| known.name);
                    let finding = Finding::error(
                        codes::UNKNOWN_ATTRIBUTE,
                        Kind::Place,
                        format!("`<{}>` has no attribute `{}`", element.name, attribute.name),
                    )
                    .at(self.document.span(&attribute.name_range));
                    let near = same_words(&attribute.name, names.clone()).or_else(|| suggest::nearest(&attribute.name, names.clone()));
                    self.report(match near {
                        Some(near) => finding.help(format!("did you mean `{near}`?")),
                        None if shape.attributes.is_empty() => finding.help("it takes no attributes"),
                        None => finding.help(format!("it takes {}", quoted(names))),
                    });
                }
            }
        }
        for known in shape.attributes.iter().filter(|known| known.required && element.attribute(known.name).is_none()) {
            self.report(
                Finding::error(codes::MISSING_ATTRIBUTE, Kind::Place, format!("`<{}>` needs the attribute `{}`", element.name, known.name))
                    .at(self.document.span(&element.name_range))
                    .help(format!("add `{}=\"{}\"`", known.name, example(known.literal))),
            );
        }
        if policy {
            self.combinations(element);
        }
    }

    fn value(&mut self, element: &Element, known: &Attribute, attribute: &document::Attribute) {
        let span = self.document.span(&attribute.value_range);
        let (of, name) = (&element.name, known.name);
        let value = self.filled(&attribute.value);
        let text = match (&*value, known.expression) {
            (Value::Expression(expression), Some(returns)) => {
                return self.expression(expression, returns, &Place { element: of, attribute: Some(name) });
            }
            (Value::Expression(_), None) => {
                let message = format!("`{name}` of `<{of}>` takes no expression");
                return self.report(
                    Finding::error(codes::NO_EXPRESSION, Kind::Type, message)
                        .at(span)
                        .help(format!("write a literal, for instance `{}`", example(known.literal))),
                );
            }
            (Value::Literal(text), _) => text.text().trim(),
        };
        if text.contains("{{") {
            return;
        }
        let wrong = match known.literal {
            Literal::Text => None,
            Literal::Name => text.is_empty().then(|| "a text that is not empty".to_owned()),
            Literal::Boolean => (!matches!(text, "true" | "false" | "True" | "False" | "1" | "0")).then(|| "`true` or `false`".to_owned()),
            Literal::OneOf(words) => (!words.contains(&text)).then(|| format!("one of {}", quoted(words.iter().copied()))),
            Literal::Integer(from, to) => match text.parse::<i64>() {
                Ok(number) if (from..=to).contains(&number) => None,
                _ if to == i64::MAX => Some(format!("a whole number from {from}")),
                _ => Some(format!("a whole number from {from} to {to}")),
            },
            Literal::Number(from, to) => match text.parse::<f64>() {
                Ok(number) if (from..=to).contains(&number) => None,
                _ if to == f64::MAX => Some("a number".to_owned()),
                _ => Some(format!("a number from {from} to {to}")),
            },
        };
        if let Some(wanted) = wrong {
            if self.placeholder(text, span) {
                return;
            }
            let finding = Finding::error(codes::WRONG_VALUE, Kind::Type, format!("`{name}` of `<{of}>` has the value `{text}`")).at(span);
            let near = match known.literal {
                Literal::OneOf(words) => suggest::nearest(text, words.iter().copied()),
                _ => None,
            };
            self.report(match near {
                Some(near) => finding.help(format!("did you mean `{near}`?")),
                None => finding.help(format!("it takes {wanted}")),
            });
        }
    }

    /// Whether `text` is a placeholder in a document that may be a template; then it is reported as one.
    fn placeholder(&mut self, text: &str, span: Span) -> bool {
        let is = self.context.template && is_placeholder(text);
        if is {
            self.report(
                Finding::warning(
                    codes::PLACEHOLDER,
                    Kind::Type,
                    format!("`{text}` looks like a placeholder; as it stands, the service refuses it"),
                )
                .at(span)
                .help("fill it in before the document is deployed, or use a named value: `{{name}}`"),
            );
        }
        is
    }

    /// Rules about several attributes of one policy, as their pages say.
    fn combinations(&mut self, element: &Element) {
        let has = |name: &str| element.attribute(name).is_some();
        let message = match element.name.as_str() {
            "set-backend-service" if has("base-url") && has("backend-id") => {
                Some(("takes either `base-url` or `backend-id`", "keep one of them"))
            }
            "set-backend-service" if !has("base-url") && !has("backend-id") && !has("dapr-app-id") && !has("sf-service-instance-name") => {
                Some(("needs `base-url` or `backend-id`", "name the backend"))
            }
            "forward-request" if has("timeout") && has("timeout-ms") => {
                Some(("takes either `timeout` or `timeout-ms`", "keep one of them"))
            }
            "llm-token-limit" | "azure-openai-token-limit" if !has("tokens-per-minute") && !has("token-quota") => {
                Some(("needs `tokens-per-minute`, `token-quota`, or both", "set a limit"))
            }
            "llm-token-limit" | "azure-openai-token-limit" if has("token-quota") != has("token-quota-period") => {
                Some(("takes `token-quota` and `token-quota-period` together", "set both"))
            }
            "llm-token-limit" | "azure-openai-token-limit" if has("tokens-per-minute") && !has("estimate-prompt-tokens") => {
                Some(("needs `estimate-prompt-tokens` beside `tokens-per-minute`", "add `estimate-prompt-tokens=\"false\"`"))
            }
            "quota" | "quota-by-key" if !has("calls") && !has("bandwidth") => Some(("needs `calls`, `bandwidth`, or both", "set a limit")),
            "validate-jwt"
                if [has("header-name"), has("query-parameter-name"), has("token-value")].into_iter().filter(|has| *has).count() != 1 =>
            {
                Some(("takes exactly one of `header-name`, `query-parameter-name` and `token-value`", "say where the token is"))
            }
            "authentication-certificate" if !has("thumbprint") && !has("certificate-id") && !has("body") => {
                Some(("needs `certificate-id`, `thumbprint` or `body`", "name the certificate"))
            }
            _ => None,
        };
        if let Some((rule, help)) = message {
            self.report(
                Finding::error(codes::EXCLUSIVE_ATTRIBUTES, Kind::Place, format!("`<{}>` {rule}", element.name))
                    .at(self.document.span(&element.name_range))
                    .help(help),
            );
        }
    }

    fn texts(&mut self, element: &Element, shape: &Shape) {
        for (value, range) in element.texts() {
            let value = &*self.filled(value);
            if shape.text == Text::None && value.literal().is_some_and(|text| self.placeholder(text.trim(), self.document.span(range))) {
                continue;
            }
            match (shape.text, value) {
                (Text::None, _) => self.report(
                    Finding::error(codes::UNEXPECTED_TEXT, Kind::Place, format!("`<{}>` may not hold text", element.name))
                        .at(self.document.span(range))
                        .help(match shape.children {
                            Children::Elements([only]) => format!("put it into `<{}>`", only.name),
                            _ => "put it into a comment, or remove it".to_owned(),
                        }),
                ),
                (Text::Literal, Value::Expression(_)) => self.report(
                    Finding::error(codes::NO_EXPRESSION, Kind::Type, format!("`<{}>` takes no expression", element.name))
                        .at(self.document.span(range))
                        .help("write a literal"),
                ),
                (Text::Value(returns) | Text::Payload(returns), Value::Expression(expression)) => {
                    self.expression(expression, returns, &Place { element: &element.name, attribute: None });
                }
                _ => {}
            }
        }
    }

    fn children(&mut self, element: &Element, known: &'static [Child], section: Option<Section>) {
        let mut last: Option<(usize, &Element)> = None;
        let mut counts = vec![0usize; known.len()];
        for child in element.elements() {
            let Some(index) = known.iter().position(|known| known.name == child.name) else {
                self.unknown_child(element, child, known);
                continue;
            };
            counts[index] += 1;
            if counts[index] == 2 && matches!(known[index].occurs, Occurs::Once | Occurs::Optional) {
                self.report(
                    Finding::error(codes::CHILD_ORDER, Kind::Place, format!("`<{}>` may hold `<{}>` once only", element.name, child.name))
                        .at(self.document.span(&child.name_range))
                        .help("keep one of them"),
                );
            }
            match last {
                // The rule is general ("in the order of the policy statement"), and yet the service has taken some documents that break it.
                Some((before, other)) if before > index => self.report(
                    Finding::warning(
                        codes::CHILD_ORDER,
                        Kind::Place,
                        format!("`<{}>` stands after `<{}>` in `<{}>`", child.name, other.name, element.name),
                    )
                    .at(self.document.span(&child.name_range))
                    .label(self.document.span(&other.name_range), "this one comes later in the reference")
                    .help(format!("the order is {}", quoted(known.iter().map(|known| known.name)))),
                ),
                _ => last = Some((index, child)),
            }
            let branch = element.name == "choose";
            if branch {
                self.branches.push((element.range.start, child.range.start));
            }
            self.shape(child, known[index].shape, false, section);
            if branch {
                self.branches.pop();
            }
        }
        let filled_in_later =
            self.context.template && element.texts().any(|(value, _)| value.literal().is_some_and(|text| is_placeholder(text.trim())));
        for (child, _) in known
            .iter()
            .filter(|_| !filled_in_later)
            .zip(counts)
            .filter(|(child, count)| *count == 0 && matches!(child.occurs, Occurs::Once | Occurs::Some))
        {
            self.report(
                Finding::error(codes::MISSING_CHILD, Kind::Place, format!("`<{}>` needs `<{}>`", element.name, child.name))
                    .at(self.document.span(&element.name_range))
                    .help(format!("add `<{}>`", child.name)),
            );
        }
    }

    fn unknown_child(&mut self, parent: &Element, child: &Element, known: &[Child]) {
        let names = known.iter().map(|known| known.name);
        let finding = Finding::error(codes::UNKNOWN_CHILD, Kind::Place, format!("`<{}>` may not hold `<{}>`", parent.name, child.name))
            .at(self.document.span(&child.name_range));
        self.report(match suggest::nearest(&child.name, names.clone()) {
            Some(near) => finding.help(format!("did you mean `<{near}>`?")),
            None => finding.help(format!("it takes {}", quoted(names))),
        });
    }
}

/// The candidate made of the same words in another order: `consumed-tokens-header-name` is `tokens-consumed-header-name`.
fn same_words<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let words = |name: &str| {
        let mut words: Vec<String> = name.to_lowercase().split('-').map(str::to_owned).collect();
        words.sort_unstable();
        words
    };
    let own = words(name);
    let mut candidates = candidates;
    candidates.find(|candidate| words(candidate) == own)
}

/// `{name}`, `${name}`, `#{name}#`, `%name%`, `__name__` or `NAME_IN_CAPITALS`: what scripts replace in templates.
pub(super) fn is_placeholder(text: &str) -> bool {
    let pairs = [("{", "}"), ("${", "}"), ("#{", "}#"), ("%", "%"), ("__", "__")];
    let is_name =
        |name: &str, more: &str| !name.is_empty() && name.chars().all(|character| character.is_alphanumeric() || more.contains(character));
    let capitals = || {
        text.starts_with(|first: char| first.is_ascii_uppercase())
            && text.contains('_')
            && text.chars().all(|character| character.is_ascii_uppercase() || character.is_ascii_digit() || character == '_')
    };
    pairs
        .iter()
        .any(|(open, close)| text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close)).is_some_and(|name| is_name(name, "_-. ")))
        || capitals()
}

fn example(literal: Literal) -> String {
    match literal {
        Literal::Text | Literal::Name => "…".to_owned(),
        Literal::Boolean => "true".to_owned(),
        Literal::Integer(from, _) => from.max(1).to_string(),
        Literal::Number(from, _) => if from > 0.0 { from } else { 1.0 }.to_string(),
        Literal::OneOf(words) => words.first().copied().unwrap_or_default().to_owned(),
    }
}
