//! `If-Match` and `If-None-Match`.

use super::answer::Refusal;
use super::request::Request;
use crate::arm::store::Stored;

fn failed() -> Refusal {
    Refusal::service(412, "PreconditionFailed", "Resource was modified since last retrieval.")
}

fn names(header: &str, etag: &str) -> bool {
    header.split(',').map(str::trim).any(|tag| tag == "*" || bare(tag) == bare(etag))
}

fn bare(tag: &str) -> &str {
    tag.trim_start_matches("W/").trim_matches('"')
}

/// Checks the headers of a write. `required`: PATCH and DELETE of API Management's entities.
///
/// `If-Match: *` on a create succeeds (recorded); a stale tag gives 412 (assumed words).
pub(crate) fn check(request: &Request, existing: Option<&Stored>, required: bool) -> Result<(), Refusal> {
    let if_match = request.header("if-match").map(str::trim).filter(|value| !value.is_empty());
    if required && if_match.is_none() {
        return Err(Refusal::service(400, "MissingOrIncorrectHeader", "If-Match header is required for this operation."));
    }
    if let Some(header) = if_match {
        match existing {
            Some(stored) if !names(header, &stored.etag) => return Err(failed()),
            None if header != "*" => return Err(failed()),
            _ => {}
        }
    }
    if let Some(header) = request.header("if-none-match")
        && existing.is_some_and(|stored| names(header, &stored.etag))
    {
        return Err(failed());
    }
    Ok(())
}
