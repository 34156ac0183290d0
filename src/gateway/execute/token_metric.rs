//! `azure-openai-emit-token-metric`, `llm-emit-token-metric` and `emit-metric` (their pages).

use std::sync::Arc;

use serde_json::json;

use crate::gateway::exchange::Exchange;
use crate::gateway::metrics::{Instrument, Values};
use crate::gateway::program::{Argument, Arguments, Compiler, Flow, Run, Statement};
use crate::gateway::settle::{Ending, Settle, UsageNeed};
use crate::gateway::state::State;
use crate::policy::Element;

/// Dimensions that know their value (token metric pages; `Backend ID` on the newer one).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Api,
    Operation,
    Product,
    User,
    Subscription,
    Location,
    Gateway,
    Backend,
}

impl Known {
    /// Names are not case-sensitive (changelog, May 2025).
    fn of_name(name: &str) -> Option<Self> {
        [
            ("API ID", Self::Api),
            ("Operation ID", Self::Operation),
            ("Product ID", Self::Product),
            ("User ID", Self::User),
            ("Subscription ID", Self::Subscription),
            ("Location", Self::Location),
            ("Gateway ID", Self::Gateway),
            ("Backend ID", Self::Backend),
        ]
        .into_iter()
        .find(|(own, _)| own.eq_ignore_ascii_case(name))
        .map(|(_, known)| known)
    }

    /// Empty where the request has none (assumed).
    fn value(self, exchange: &Exchange) -> &str {
        let snapshot = &exchange.snapshot;
        let text = match self {
            Self::Api => exchange.api.and_then(|index| snapshot.api(index)).map(|api| api.name.as_str()),
            Self::Operation => exchange.operation.and_then(|index| snapshot.operation(index)).map(|operation| operation.name.as_str()),
            Self::Product => exchange.access.product.and_then(|index| snapshot.product(index)).map(|product| product.name.as_str()),
            Self::Subscription | Self::User => {
                let subscription = exchange.access.subscription.and_then(|index| snapshot.subscription(index));
                match self {
                    Self::User => subscription.and_then(|subscription| subscription.owner.as_deref()),
                    _ => subscription.map(|subscription| subscription.name.as_str()),
                }
            }
            Self::Location => Some(snapshot.service.location.as_str()),
            Self::Gateway => Some("managed"),
            Self::Backend => exchange.backend.and_then(|index| snapshot.backend(index)).map(|backend| backend.name.as_str()),
        };
        text.unwrap_or_default()
    }
}

#[derive(Debug)]
enum Value {
    Known(Known),
    Given(Argument<Box<str>>),
}

#[derive(Debug)]
struct Dimension {
    name: Arc<str>,
    value: Value,
}

impl Dimension {
    fn read_all(element: &Element, compiler: &mut Compiler<'_>) -> Vec<Self> {
        let mut dimensions = Vec::new();
        for child in element.elements_named("dimension") {
            let name = compiler.required_literal(child, "name");
            let value = match compiler.text(child, "value") {
                Some(argument) => Value::Given(argument),
                None => match Known::of_name(name.trim()) {
                    Some(known) => Value::Known(known),
                    None => {
                        compiler.problem(child, format!("the dimension `{name}` needs a `value`: it is none of those that have one"));
                        continue;
                    }
                },
            };
            dimensions.push(Self { name: Arc::from(name.trim()), value });
        }
        dimensions
    }

    /// The values of all `dimensions`, and where the backend's belongs, which is chosen later.
    fn values(dimensions: &[Self], exchange: &Exchange, arguments: &mut Arguments) -> (Values, Option<usize>) {
        let mut values = Values::with_capacity(256);
        let mut backend = None;
        for dimension in dimensions {
            match &dimension.value {
                Value::Known(Known::Backend) => {
                    backend = Some(values.place());
                    values.push("");
                }
                Value::Known(known) => values.push(known.value(exchange)),
                Value::Given(argument) => values.push(arguments.take_text(argument).as_deref().unwrap_or_default()),
            }
        }
        (values, backend)
    }

    fn names(dimensions: &[Self]) -> Vec<Arc<str>> {
        dimensions.iter().map(|dimension| dimension.name.clone()).collect()
    }
}

/// Whether metrics of this request are sent; if not, a trace says so (seen live; the words are assumed).
fn sends(exchange: &mut Exchange) -> bool {
    let sends = exchange.snapshot.sends_metrics(exchange.api) || exchange.worker.settings.metrics_without_diagnostic;
    if !sends {
        exchange.note(
            "emit-metric",
            |_| json!({ "message": "The metric was not emitted: there is no Application Insights diagnostic with `metrics` enabled." }),
        );
    }
    sends
}

#[derive(Debug)]
struct TokenMetric {
    dimensions: Vec<Dimension>,
    instrument: Arc<Instrument>,
    state: Arc<State>,
}

impl Statement for TokenMetric {
    fn run<'a>(&'a self, exchange: &'a mut Exchange, arguments: &mut Arguments) -> Run<'a> {
        if !sends(exchange) {
            return Run::Done(Ok(Flow::Next));
        }
        let (values, backend) = Dimension::values(&self.dimensions, exchange, arguments);
        let (instrument, state) = (self.instrument.clone(), self.state.clone());
        exchange.settle.push(Box::new(Emit { values, instrument, state, backend }));
        Run::Done(Ok(Flow::Next))
    }
}

/// Emits when the tokens are known.
#[derive(Debug)]
struct Emit {
    values: Values,
    instrument: Arc<Instrument>,
    state: Arc<State>,
    /// Where the backend stands among the values.
    backend: Option<usize>,
}

impl Settle for Emit {
    fn usage_need(&self) -> UsageNeed {
        UsageNeed::AtEnd
    }

    fn head(&mut self, exchange: &mut Exchange, _arguments: &mut Arguments) {
        if let Some(place) = self.backend {
            self.values.fill(place, Known::Backend.value(exchange));
        }
    }

    fn end(self: Box<Self>, ending: &Ending) {
        let Some(usage) = &ending.usage else { return };
        #[expect(clippy::cast_precision_loss, reason = "tokens are far below 2^53")]
        let float = |tokens: u64| tokens as f64;
        // The `llm` variant has a fourth, and leaves it out where nothing was cached (assumed).
        let cached = (usage.cached > 0).then(|| float(usage.cached));
        let values = [Some(float(usage.total())), Some(float(usage.prompt)), Some(float(usage.completion)), cached];
        self.instrument.record(&values, &self.values, self.state.clock.utc());
    }
}

/// Default namespace of both (their pages).
const NAMESPACE: &str = "API Management";

fn namespace(element: &Element, compiler: &mut Compiler<'_>) -> String {
    compiler.literal(element, "namespace").as_deref().unwrap_or(NAMESPACE).to_owned()
}

/// `<llm-emit-token-metric namespace="…"><dimension …/></llm-emit-token-metric>`.
pub(super) fn compile(element: &Element, compiler: &mut Compiler<'_>) {
    let namespace = namespace(element, compiler);
    let dimensions = Dimension::read_all(element, compiler);
    if dimensions.is_empty() {
        compiler.problem(element, format!("`{}` needs at least one `dimension`", element.name));
    }
    let mut names: Vec<Arc<str>> = ["Total Tokens", "Prompt Tokens", "Completion Tokens"].map(Arc::from).into();
    // Of the `llm` variant only (changelog, June 2026).
    if element.name == "llm-emit-token-metric" {
        names.push(Arc::from("Prompt Cached Tokens"));
    }
    let state = compiler.environment().state.clone();
    let instrument = state.metrics.instrument(&namespace, &names, &Dimension::names(&dimensions));
    compiler.run(TokenMetric { dimensions, instrument, state });
}

#[derive(Debug)]
struct EmitMetric {
    value: Argument<f64>,
    dimensions: Vec<Dimension>,
    instrument: Arc<Instrument>,
}

impl Statement for EmitMetric {
    fn run<'a>(&'a self, exchange: &'a mut Exchange, arguments: &mut Arguments) -> Run<'a> {
        if !sends(exchange) {
            return Run::Done(Ok(Flow::Next));
        }
        let value = arguments.number(&self.value);
        let (mut values, backend) = Dimension::values(&self.dimensions, exchange, arguments);
        if let Some(place) = backend {
            values.fill(place, Known::Backend.value(exchange));
        }
        self.instrument.record(&[Some(value)], &values, exchange.worker.state.clock.utc());
        Run::Done(Ok(Flow::Next))
    }
}

/// `<emit-metric name="…" value="…" namespace="…"><dimension …/></emit-metric>`.
pub(super) fn compile_metric(element: &Element, compiler: &mut Compiler<'_>) {
    let namespace = namespace(element, compiler);
    let name: Arc<str> = Arc::from(compiler.required_literal(element, "name"));
    let value = compiler.number(element, "value").unwrap_or(Argument::Literal(1.0));
    let dimensions = Dimension::read_all(element, compiler);
    let metrics = &compiler.environment().state.metrics;
    let instrument = metrics.instrument(&namespace, &[name], &Dimension::names(&dimensions));
    compiler.run(EmitMetric { value, dimensions, instrument });
}
