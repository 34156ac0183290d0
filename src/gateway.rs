//! The data plane: what ARM stores, compiled and served as API Management serves it.
