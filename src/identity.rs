//! A local stand-in for Microsoft Entra: it issues tokens, publishes its keys, and checks what it issued. Emulator,
//! gateway and simulator share it. It speaks no HTTP.

mod client;
mod codes;
mod issuer;
mod keys;
mod source;

pub use client::{Client, Clients, Proof};
pub use codes::EntraError;
pub use issuer::{Claims, Issued, Issuer, IssuerOptions, OpenError, Refusal, Subject, Version};
pub use keys::{KeySource, LocalKeys, NoKeys, Published};
pub use source::{AccessToken, GuardedTokens, LocalTokens, NoToken, NoTokens, TokenRequest, TokenSource, azure_openai_domains};
