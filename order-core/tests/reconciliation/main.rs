//! A provider's books beside ours: every difference is found, and what can be repaired is.
#![cfg(feature = "conformance")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by it")]

mod desk;
mod lives;
mod orphans;
mod planted;
mod shop;
mod windows;
