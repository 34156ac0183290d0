//! The codes of findings about chaos files. A code is never renumbered and never gets a second meaning.

use crate::support::finding::codes;

codes! {
    NO_LOAD = "CHS001", "a chaos file has no load";
    TOO_MUCH = "CHS002", "a load is longer or has more requests than are replayed";
    NO_BODY = "CHS003", "sizes are asked for, and a request has no messages";
    UNKNOWN_RESOURCE = "CHS004", "a variant changes a resource that the specification does not have";
    NO_FAULTS = "CHS005", "a chaos file has no faults";
    LATE = "CHS006", "a fault begins behind the end of the load";
}
