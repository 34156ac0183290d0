//! Runs the programs of a section through the scopes.

mod evaluate;
mod runner;

use std::mem;
use std::sync::Arc;

pub(super) use self::evaluate::evaluate;
use self::runner::{Advance, Runner};
use super::exchange::Exchange;
use super::failure::{Failure, LastError};
use super::program::Flow;
use super::snapshot::{DocumentIndex, Snapshot};
use crate::policy::Section;

/// A failure and the place where it happened.
#[derive(Debug)]
pub struct Located {
    /// What.
    pub failure: Failure,
    /// As policies see it.
    pub last_error: LastError,
}

impl Located {
    /// A failure of a built-in step: it has no policy, scope or section.
    #[must_use]
    pub fn built_in(failure: Failure) -> Box<Self> {
        let last_error = LastError {
            source: failure.source.clone(),
            reason: failure.reason.clone(),
            message: failure.message.clone(),
            scope: None,
            section: None,
            path: String::new(),
            policy_id: String::new(),
        };
        Box::new(Self { failure, last_error })
    }
}

/// The documents that apply to a request, narrowest scope first: operation, API, product, all APIs.
#[derive(Debug, Clone, Copy)]
pub struct Chain {
    documents: [Option<DocumentIndex>; 4],
}

impl Chain {
    /// Of a request, as far as it is known what it asks for and who asks.
    #[must_use]
    pub fn of(exchange: &Exchange) -> Self {
        let snapshot = &exchange.snapshot;
        Self {
            documents: [
                exchange.operation.and_then(|index| snapshot.operation(index)).and_then(|operation| operation.document),
                exchange.api.and_then(|index| snapshot.api(index)).and_then(|api| api.document),
                exchange.access.product.and_then(|index| snapshot.product(index)).and_then(|product| product.document),
                snapshot.global_document,
            ],
        }
    }

    /// Why a request with this chain cannot be served here, if so.
    #[must_use]
    pub fn poison(&self, snapshot: &Snapshot) -> Option<Arc<str>> {
        self.documents.iter().flatten().find_map(|index| snapshot.document(*index)?.poison.clone())
    }
}

/// Runs one section of the request's documents.
///
/// # Errors
/// The first failure that no `retry` catches.
pub async fn run(exchange: &mut Exchange, section: Section) -> Result<Flow, Box<Located>> {
    run_part(exchange, section, false).await
}

/// Runs what a CORS preflight request meets: the `cors` policies of inbound, scope by scope through `<base />`, and nothing else. The answer
/// is the exchange's response then; `false` if no `cors` is in scope, so that the request is like any other.
///
/// For requests of [`Kind::Preflight`](super::execute::cors::Kind::Preflight) that no operation with method `OPTIONS` matches (cors page),
/// before keys are asked for (assumed: the page says that a policy of a product, which only a key leads to, does not apply).
///
/// # Errors
/// An expression of a `cors` policy failed.
pub async fn preflight(exchange: &mut Exchange) -> Result<bool, Box<Located>> {
    run_part(exchange, Section::Inbound, true).await?;
    Ok(exchange.response.is_some())
}

async fn run_part(exchange: &mut Exchange, section: Section, preflight: bool) -> Result<Flow, Box<Located>> {
    let snapshot = exchange.snapshot.clone();
    exchange.section = section;
    let arguments = mem::take(&mut exchange.arguments);
    let mut runner = Runner::new(&snapshot, Chain::of(exchange), section, exchange.worker.settings.absent_section, preflight, arguments);
    loop {
        match runner.advance(exchange).await? {
            Advance::Finished(flow) => {
                exchange.arguments = runner.into_arguments();
                return Ok(flow);
            }
            Advance::Detached(work) => {
                let completion = work.await;
                if runner.complete(completion, exchange)? == Flow::Return {
                    return Ok(Flow::Return);
                }
            }
        }
    }
}
