//! The PayPal adapter on a stand-in of PayPal: the published suites, every call that goes wrong on the wire, the traps one by one,
//! webhooks, and PayPal's own schemas.
#![cfg(feature = "paypal")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests: what is not there fails them, and how much was covered is for whoever runs them with --nocapture"
)]

mod conformance;
mod desk;
mod disputes;
mod enumeration;
#[path = "../judge/mod.rs"]
mod judge;
mod money;
mod orphans;
#[path = "../provider/mod.rs"]
mod provider;
mod specs;
mod traps;
mod webhooks;
