//! The cases of the suite for stores, by what they are about.
//!
//! Each takes an empty store and panics when the store does not keep its [contract](crate::store#contract).

pub mod carts;
pub mod extremes;
pub mod idempotency;
pub mod inbox;
pub mod journal;
pub mod listing;
pub mod orders;
pub mod outbox;
pub mod races;
pub mod refusals;
pub mod reservations;
pub mod stock;
pub mod stock_outbox;
pub mod upkeep;
pub mod webhooks;
