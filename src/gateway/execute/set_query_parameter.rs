//! `set-query-parameter`: `override` (also with several values), `skip`, `append`, `delete` (its page).

use super::query;
use super::set_header::ExistsAction;
use crate::gateway::exchange::Exchange;
use crate::gateway::failure::Failure;
use crate::gateway::message::UrlText;
use crate::gateway::program::{Argument, Arguments, Compiler, Run, Statement};
use crate::policy::Element;

#[derive(Debug)]
struct SetQueryParameter {
    name: Argument<Box<str>>,
    action: Argument<Box<str>>,
    known_action: Option<ExistsAction>,
    values: Vec<Argument<Box<str>>>,
    secret: bool,
}

impl SetQueryParameter {
    fn apply(&self, own: &mut Option<UrlText>, arguments: &Arguments) -> Result<(), Failure> {
        let name = arguments.text(&self.name).trim();
        let action = match self.known_action {
            Some(action) => action,
            None => ExistsAction::required(arguments.text(&self.action))?,
        };
        let there = own.as_deref().is_some_and(|query| query::contains(query, name));
        // Nothing is copied where nothing changes.
        if (action == ExistsAction::Delete && !there) || (action == ExistsAction::Skip && there) {
            return Ok(());
        }
        let mut query = own.take().map(|query| query.to_string());
        if matches!(action, ExistsAction::Delete | ExistsAction::Override) {
            query = query::without(query, name);
        }
        if action == ExistsAction::Delete {
            *own = query.map(Into::into);
            return Ok(());
        }
        // A value of null sets nothing (assumed).
        for value in self.values.iter().filter_map(|value| arguments.maybe_text(value)) {
            query::append(query.get_or_insert_default(), name, value);
        }
        *own = query.map(Into::into);
        Ok(())
    }
}

impl Statement for SetQueryParameter {
    fn run<'a>(&'a self, exchange: &'a mut Exchange, arguments: &mut Arguments) -> Run<'a> {
        let result = self.apply(&mut exchange.request.url.query, arguments);
        exchange.note("set-query-parameter", |exchange| {
            let url = if self.secret { super::MASK.to_owned() } else { exchange.request.url.text() };
            serde_json::json!({ "message": "Query parameter was changed.", "name": arguments.text(&self.name), "request": { "url": url } })
        });
        result.into()
    }
}

/// `<set-query-parameter name="…" exists-action="…"><value>…</value></set-query-parameter>`.
pub(super) fn compile(element: &Element, compiler: &mut Compiler<'_>) {
    let name = compiler.required_text(element, "name");
    let (action, known_action) = ExistsAction::read(element, compiler);
    let values = element.elements_named("value").map(|child| compiler.content(child)).collect();
    let secret = compiler.holds_secret(element);
    compiler.run(SetQueryParameter { name, action, known_action, values, secret });
}
