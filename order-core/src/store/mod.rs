//! The store port: how state is read, and how everything a use case changes is committed as one value.
//!
//! * Small read traits ([`OrderRepository`], [`CartRepository`] …) load aggregates.
//! * [`Commit`] applies a [`WriteSet`] whole or not at all, and has three outcomes: [applied](CommitOutcome::Applied),
//!   [refused](CommitOutcome::Refused) by a guard, or [unknown](CommitOutcome::Unknown).
//! * [`Store`] is their sum, implemented for whatever implements them all.
//!
//! # Contract
//! A store holds no business rule. It must
//!
//! * apply a write-set atomically and durably, and make it visible to every read that begins after `commit` has returned;
//! * check every [guard](Refusal) *in the write*, so that two commits at once can't both pass it;
//! * name, where several guards refuse, the idempotency key first, so that a repeated request is known as one; then unique keys,
//!   versions, reservations, refunds, stock;
//! * apply a write-set once: a second commit with the same id is `Applied` and changes nothing, for at least
//!   [`WRITE_SET_MEMORY`];
//! * touch stock rows in the order of their keys, so that two commits never wait for each other in a circle;
//! * keep every value exactly.
//!
//! Whoever writes a store runs the [conformance suite](crate::conformance) on it.
//!
//! # Wrappers
//! A decorator (tracing, retry, faults) implements [`Commit`] by calling another one's, and runs the suite too.

mod commit;
mod page;
mod repository;
mod write_set;

pub use commit::{Commit, CommitOutcome, Refusal, StockShort, UniqueKey};
pub use page::{Cursor, InvalidCursor, Page, PageRequest, SortOrder};
pub use repository::{
    CartRepository, IdempotencyRepository, OrderFilter, OrderRepository, OutboxMessage, OutboxRepository,
    ReservationRepository, Retention, StockRepository, Store, StoreHealth,
};
pub use write_set::{
    Aggregate, CartPut, IdempotencyPut, IdempotencyRecord, OrderPut, ReservationPut, Unchanged,
    WRITE_SET_MEMORY, WriteSet,
};
