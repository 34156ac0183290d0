//! `log-to-eventhub`: the event is kept in a list that the admin endpoint shows; nothing is sent anywhere.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use time::OffsetDateTime;

use crate::gateway::exchange::Exchange;
use crate::gateway::program::{Argument, Arguments, Compiler, Flow, Run, Statement};
use crate::policy::Element;

/// Events that are kept.
const KEPT: usize = 1_000;
/// Longest event (documented for the policy: 200 KB); what is longer is cut, as its page says.
const LONGEST: usize = 200 * 1024;

/// One event.
#[derive(Debug, Clone)]
pub struct Event {
    /// The logger.
    pub logger: Box<str>,
    /// When.
    pub time: OffsetDateTime,
    /// `partition-key` or `partition-id`.
    pub partition: Option<Box<str>>,
    /// What.
    pub text: String,
}

/// The latest events.
#[derive(Debug, Default)]
pub struct Events(Mutex<VecDeque<Event>>);

impl Events {
    /// All that are kept, the oldest first.
    #[must_use]
    pub fn all(&self) -> Vec<Event> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    fn push(&self, event: Event) {
        let mut events = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if events.len() >= KEPT {
            events.pop_front();
        }
        events.push_back(event);
    }
}

#[derive(Debug)]
struct LogToEventHub {
    logger: Argument<Box<str>>,
    partition: Option<Argument<Box<str>>>,
    text: Argument<Box<str>>,
    events: Arc<crate::gateway::state::State>,
}

impl Statement for LogToEventHub {
    fn run<'a>(&'a self, _exchange: &'a mut Exchange, arguments: &mut Arguments) -> Run<'a> {
        let mut text = arguments.take_text(&self.text).map_or_else(String::new, std::borrow::Cow::into_owned);
        if text.len() > LONGEST {
            let mut end = LONGEST;
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            text.truncate(end);
        }
        self.events.events.push(Event {
            logger: Box::from(arguments.text(&self.logger)),
            time: self.events.clock.utc(),
            partition: self.partition.as_ref().and_then(|partition| arguments.maybe_text(partition)).map(Box::from),
            text,
        });
        Run::Done(Ok(Flow::Next))
    }
}

/// `<log-to-eventhub logger-id="…">text</log-to-eventhub>`.
pub(super) fn compile(element: &Element, compiler: &mut Compiler<'_>) {
    let logger = compiler.required_text(element, "logger-id");
    if let Argument::Literal(name) = &logger
        && !compiler.environment().loggers.contains_key(name.to_ascii_lowercase().as_str())
    {
        compiler.problem(element, format!("there is no logger `{name}`"));
    }
    let partition = match compiler.text(element, "partition-key") {
        Some(key) => Some(key),
        None => compiler.text(element, "partition-id"),
    };
    let text = compiler.content(element);
    let events = compiler.environment().state.clone();
    compiler.run(LogToEventHub { logger, partition, text, events });
}
