//! Failures that users of other order engines reported, each as a case. The table in `tests/README.md` says which.
#![cfg(feature = "memory")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by it")]

mod amounts;
mod orders;
mod payments;
mod provider;
mod shop;
mod stock;
