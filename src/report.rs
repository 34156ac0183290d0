//! What tests and checks found, for machines and for a browser.
