//! The Square adapter on a stand-in of Square: the published suites, every call that goes wrong on the wire, the traps one by one,
//! webhooks, and Square's own schemas.
#![cfg(feature = "square")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests: what is not there fails them, and how much was covered is for whoever runs them with --nocapture"
)]

mod books;
mod captures;
mod conformance;
mod desk;
mod disputes;
mod enumeration;
#[path = "../judge/mod.rs"]
mod judge;
mod orphans;
#[path = "../provider/mod.rs"]
mod provider;
mod specs;
mod traps;
mod webhooks;
