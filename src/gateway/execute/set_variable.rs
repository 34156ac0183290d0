//! `set-variable`: a literal is a string, the value of an expression keeps its .NET type (its page; seen: a literal cannot be cast to int).

use std::sync::Arc;

use crate::expression::HostValue;
use crate::gateway::exchange::Exchange;
use crate::gateway::program::{Argument, ArgumentValue, Arguments, Compiler, Flow, Run, Statement};
use crate::policy::Element;

#[derive(Debug)]
struct SetVariable {
    name: Arc<str>,
    value: Argument<String>,
    secret: bool,
}

impl Statement for SetVariable {
    fn run<'a>(&'a self, exchange: &'a mut Exchange, arguments: &mut Arguments) -> Run<'a> {
        let value = match &self.value {
            Argument::Literal(text) => HostValue::Text(text.clone()),
            Argument::Computed(place) => match arguments.take(*place) {
                ArgumentValue::Object(value) => HostValue::Stored(value.store()),
                _ => HostValue::Null,
            },
        };
        // Values of expressions are shown where they are evaluated.
        exchange.note("set-variable", |_| {
            let mut data = serde_json::json!({ "message": "Context variable was successfully set.", "name": &*self.name });
            if let (Argument::Literal(text), Some(data)) = (&self.value, data.as_object_mut()) {
                let shown = if self.secret { super::MASK } else { text.as_str() };
                data.insert("value".to_owned(), serde_json::Value::from(shown));
            }
            data
        });
        exchange.variables.set(&self.name, value);
        Run::Done(Ok(Flow::Next))
    }
}

/// `<set-variable name="…" value="…" />`.
pub(super) fn compile(element: &Element, compiler: &mut Compiler<'_>) {
    let name = Arc::from(compiler.required_literal(element, "name"));
    let value = compiler.object(element, "value").unwrap_or(Argument::Literal(String::new()));
    let secret = compiler.holds_secret(element);
    compiler.run(SetVariable { name, value, secret });
}
