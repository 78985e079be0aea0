//! The test suite for stores and gateways, published: whoever writes one runs it with one macro call.
//!
//! # A store
//! Say how to get an empty store, and [`store_conformance!`](crate::store_conformance) makes one named test of every case. The
//! calling crate needs `tokio` among its `dev-dependencies`, with `macros` and `rt-multi-thread`.
//!
//! ```
//! use std::sync::Arc;
//!
//! use order_core::conformance::StoreHarness;
//! use order_core::memory::MemoryStore;
//! use order_core::store::Store;
//!
//! #[derive(Clone, Copy)]
//! struct Memory;
//!
//! #[async_trait::async_trait]
//! impl StoreHarness for Memory {
//!     type Guard = (); // whatever must live as long as the store, and cleans up when it is dropped
//!
//!     async fn fresh(&self) -> (Arc<dyn Store>, ()) {
//!         (Arc::new(MemoryStore::default()), ())
//!     }
//! }
//!
//! order_core::store_conformance!(Memory);
//! # fn main() {}
//! ```
//!
//! # A payment gateway
//! Implement [`GatewayHarness`] and call [`gateway_conformance!`](crate::gateway_conformance).
//!
//! # A provider's books
//! Implement [`BooksHarness`] besides, and call [`books_conformance!`](crate::books_conformance).
//!
//! # What else is here
//! | module | for |
//! |---|---|
//! | [`differential`] | random programs, that must give the same answers as on the store in memory |
//! | [`faults`] | stores and gateways one call of which goes wrong |
//! | [`enumeration`] | every call of every use case goes wrong in every way |
//! | [`invariants`] | what must hold afterwards |
//! | [`sample`] | carts, orders and write-sets made by the real decisions |
//! | [`mutant`] | stores that forget one guard: the suite has to notice |

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "a case that fails panics: this is a test suite"
)]

mod harness;
mod race;
mod store_cases;

pub mod books;
pub mod differential;
pub mod enumeration;
pub mod faults;
pub mod gateway;
pub mod invariants;
pub mod mutant;
pub mod sample;
pub mod store;

pub use harness::{BooksHarness, GatewayHarness, Spawn, StoreHarness, Subject};
pub use store_cases::{Case, STORE_CASES};
