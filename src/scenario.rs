//! Tests of a specification and its policies, offline and on virtual time.
