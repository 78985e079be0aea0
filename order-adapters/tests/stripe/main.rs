//! The Stripe adapter on a stand-in of Stripe: the published suites, every call that goes wrong on the wire, the traps one by one,
//! webhooks, and Stripe's own schemas.
#![cfg(feature = "stripe")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests: what is not there fails them, and how much was covered is for whoever runs them with --nocapture"
)]

mod books;
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
