//! `rewrite-uri`: another path and query for the request on its way to the backend (its page).
//!
//! The template stands for what comes behind the API's prefix; what the backend's base URL has as a path stays in front.

use std::sync::Arc;

use super::query;
use crate::gateway::exchange::Exchange;
use crate::gateway::failure::Failure;
use crate::gateway::program::{Argument, Arguments, Compiler, Flow, Run, Statement};
use crate::policy::Element;

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// `{name}`: a parameter of the operation's URL template.
    Parameter(Arc<str>),
}

/// A template taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Template {
    path: Vec<Piece>,
    /// Decoded name for comparison, and the whole `name=value`.
    query: Vec<(String, Vec<Piece>)>,
}

impl Template {
    fn parse(text: &str) -> Self {
        let text = text.trim();
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let mut path = pieces(path);
        if !matches!(path.first(), Some(Piece::Text(text)) if text.starts_with('/')) {
            path.insert(0, Piece::Text("/".to_owned()));
        }
        let query = query::parameters(query).map(|(name, pair)| (name.into_owned(), pieces(pair))).collect();
        Self { path, query }
    }

    /// Path and query.
    ///
    /// # Errors
    /// A parameter is none of the operation's.
    fn fill(&self, matched: &[(Arc<str>, String)]) -> Result<(String, String), Failure> {
        let mut path = String::new();
        fill(&self.path, matched, &mut path, true)?;
        let mut query = String::new();
        for (_, pair) in &self.query {
            if !query.is_empty() {
                query.push('&');
            }
            fill(pair, matched, &mut query, false)?;
        }
        Ok((path, query))
    }
}

fn pieces(text: &str) -> Vec<Piece> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('{') {
        let Some((name, after)) = behind.split_once('}') else { break };
        if !before.is_empty() {
            out.push(Piece::Text(clean(before)));
        }
        out.push(Piece::Parameter(Arc::from(name.trim().trim_start_matches('*'))));
        rest = after;
    }
    if !rest.is_empty() {
        out.push(Piece::Text(clean(rest)));
    }
    out
}

/// What cannot stand in a request line is encoded, all else goes on as the template has it.
fn clean(text: &str) -> String {
    const UNFIT: &percent_encoding::AsciiSet = &percent_encoding::CONTROLS
        .add(b' ')
        .add(b'"')
        .add(b'#')
        .add(b'<')
        .add(b'>')
        .add(b'\\')
        .add(b'^')
        .add(b'`')
        .add(b'{')
        .add(b'|')
        .add(b'}');
    percent_encoding::utf8_percent_encode(text, UNFIT).to_string()
}

fn fill(pieces: &[Piece], matched: &[(Arc<str>, String)], out: &mut String, path: bool) -> Result<(), Failure> {
    for piece in pieces {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Parameter(name) => {
                let Some((_, value)) = matched.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)) else {
                    // Azure refuses such a document for an operation; in a wider scope it can only be found out here.
                    let message = format!("Parameter '{name}' of the rewrite template is not part of the operation's URL template.");
                    return Err(Failure::internal("RewriteTemplateInvalid", message));
                };
                // A wildcard's value keeps its slashes.
                let mut first = true;
                for part in value.split(|character| path && character == '/') {
                    if !first {
                        out.push('/');
                    }
                    first = false;
                    out.push_str(&query::escape(part));
                }
            }
        }
    }
    Ok(())
}

/// The query of the new URL: the template's own parameters, then those of the request that the operation's template does not name and the
/// rewrite template does not set.
fn merged(own: String, template: &Template, request: Option<&str>, operation: &str) -> Option<String> {
    let mut all = own;
    let public: Vec<_> =
        operation.split_once('?').map(|(_, query)| query::parameters(query).map(|(name, _)| name).collect()).unwrap_or_default();
    for (name, pair) in query::parameters(request.unwrap_or_default()) {
        let consumed = public.iter().any(|own| own.eq_ignore_ascii_case(&name));
        let replaced = template.query.iter().any(|(own, _)| own.eq_ignore_ascii_case(&name));
        if !consumed && !replaced {
            query::push(&mut all, pair);
        }
    }
    Some(all).filter(|all| !all.is_empty())
}

#[derive(Debug)]
enum Source {
    Known(Template),
    Computed(Argument<Box<str>>),
}

#[derive(Debug)]
struct RewriteUri {
    template: Source,
    copy: Argument<bool>,
}

impl RewriteUri {
    fn apply(&self, exchange: &mut Exchange, arguments: &Arguments) -> Result<Flow, Failure> {
        let computed;
        let template = match &self.template {
            Source::Known(template) => template,
            // "When using expressions, the whole value must be an expression."
            Source::Computed(argument) => {
                computed = Template::parse(arguments.text(argument));
                &computed
            }
        };
        let (path, own) = template.fill(&exchange.matched)?;
        let query = if arguments.boolean(&self.copy) {
            let snapshot = exchange.snapshot.clone();
            let operation = exchange.operation.and_then(|index| snapshot.operation(index)).map_or("", |operation| &operation.url_template);
            merged(own, template, exchange.request.url.query.as_deref(), operation)
        } else {
            Some(own).filter(|own| !own.is_empty())
        };
        exchange.request.url.path = path.into();
        exchange.request.url.query = query.map(Into::into);
        exchange.note("rewrite-uri", |exchange| {
            serde_json::json!({
                "message": "Updated request URL per specified rewrite template.",
                "request": { "url": exchange.request.url.text() },
            })
        });
        Ok(Flow::Next)
    }
}

impl Statement for RewriteUri {
    fn run<'a>(&'a self, exchange: &'a mut Exchange, arguments: &mut Arguments) -> Run<'a> {
        Run::Done(self.apply(exchange, arguments))
    }
}

/// `<rewrite-uri template="…" copy-unmatched-params="true|false" />`.
pub(super) fn compile(element: &Element, compiler: &mut Compiler<'_>) {
    let template = match compiler.required_text(element, "template") {
        Argument::Literal(text) => Source::Known(Template::parse(&text)),
        computed @ Argument::Computed(_) => Source::Computed(computed),
    };
    let copy = compiler.boolean(element, "copy-unmatched-params").unwrap_or(Argument::Literal(true));
    compiler.run(RewriteUri { template, copy });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rewrite(template: &str, request: &str, operation: &str, matched: &[(&str, &str)]) -> String {
        let matched: Vec<(Arc<str>, String)> = matched.iter().map(|(name, value)| (Arc::from(*name), (*value).to_owned())).collect();
        let template = Template::parse(template);
        let (path, own) = template.fill(&matched).unwrap();
        merged(own, &template, Some(request), operation).map_or(path.clone(), |query| format!("{path}?{query}"))
    }

    #[test]
    fn the_examples_of_the_page() {
        assert_eq!(rewrite("/put", "a=b&c=d", "/get?a={b}", &[("b", "b")]), "/put?c=d");
        let matched = [("storenumber", "7"), ("ordernumber", "9 / 8")];
        let template = "/v2/US/hardware/{storenumber}&{ordernumber}?City=city&State=state";
        assert_eq!(rewrite(template, "", "/{storenumber}/{ordernumber}", &matched), "/v2/US/hardware/7&9%20/%208?City=city&State=state");
    }

    #[test]
    fn what_the_template_sets_is_not_copied_and_the_rest_stays_as_written() {
        assert_eq!(rewrite("/p?X=1", "x=2&y=a%2Fb&z&y=c+d", "/o", &[]), "/p?X=1&y=a%2Fb&z&y=c+d");
        assert_eq!(rewrite("p q", "", "/o", &[]), "/p%20q");
    }

    #[test]
    fn a_parameter_of_no_operation_fails() {
        assert!(Template::parse("/{nowhere}").fill(&[]).is_err());
        // A brace that nothing closes is text.
        assert_eq!(rewrite("/a{b", "", "/o", &[]), "/a%7Bb");
    }

    proptest! {
        #[test]
        fn any_value_comes_out_of_the_query_as_it_went_in(value in "\\PC{0,40}") {
            let url = rewrite("/p?v={v}", "", "/{v}", &[("v", &value)]);
            let (_, query) = url.split_once('?').unwrap();
            let pairs: Vec<_> = crate::gateway::message::query_pairs(query).collect();
            prop_assert_eq!(pairs.len(), 1);
            prop_assert_eq!(pairs[0].1.as_ref(), value.as_str());
        }

        #[test]
        fn any_template_makes_a_path_that_a_request_line_can_hold(template in "\\PC{0,40}", value in "\\PC{0,20}") {
            let template = Template::parse(&template);
            let names: Vec<(Arc<str>, String)> = template.path.iter().chain(template.query.iter().flat_map(|(_, pieces)| pieces))
                .filter_map(|piece| if let Piece::Parameter(name) = piece { Some((name.clone(), value.clone())) } else { None })
                .collect();
            let (path, query) = template.fill(&names).unwrap();
            let text = if query.is_empty() { path } else { format!("{path}?{query}") };
            prop_assert!(text.parse::<http::uri::PathAndQuery>().is_ok(), "{}", text);
        }
    }
}
