//! The codes of findings about chaos files. A code is never renumbered and never gets a second meaning.

use crate::support::finding::Code;

macro_rules! codes {
    ($($name:ident = $id:literal, $title:literal;)+) => {
        $(#[doc = $title] pub const $name: Code = Code { id: $id, title: $title };)+

        /// Every code of this module, in order.
        pub const ALL: &[Code] = &[$($name),+];
    };
}

codes! {
    NO_LOAD = "CHS001", "a chaos file has no load";
    TOO_MUCH = "CHS002", "a load is longer or has more requests than are replayed";
    NO_BODY = "CHS003", "sizes are asked for, and a request has no messages";
    UNKNOWN_RESOURCE = "CHS004", "a variant changes a resource that the specification does not have";
    NO_FAULTS = "CHS005", "a chaos file has no faults";
    LATE = "CHS006", "a fault begins behind the end of the load";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn no_code_and_no_title_stands_twice() {
        let ids: BTreeSet<_> = super::ALL.iter().map(|code| code.id).collect();
        let titles: BTreeSet<_> = super::ALL.iter().map(|code| code.title).collect();
        assert_eq!((ids.len(), titles.len()), (super::ALL.len(), super::ALL.len()));
        assert!(super::ALL.is_sorted_by_key(|code| code.id));
    }
}
