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
//! * write the journals of stock levels as below;
//! * keep every value exactly.
//!
//! ## Journals of stock levels
//! Each level has a journal of [`StockRecord`](crate::inventory::StockRecord)s, whose sequence is 1, 2, 3 … without a gap. Its counter
//! is best kept in the level's row. Records are never changed and never removed: they are an audit trail.
//!
//! * Each of the write-set's [entries](WriteSet::stock_entries) becomes a record, in the order in which they are given, in the same
//!   commit. Its time is the write-set's, and `after` is the level as this write-set leaves it.
//! * Where the commit takes a level from `before` to `after` and [`StockLevel::alert(before, after)`](crate::inventory::StockLevel::alert)
//!   is something, that is one more record, behind the entries: [`StockEntry::alert`](crate::inventory::StockEntry::alert), without
//!   actor, reason and correlation, at the write-set's time. A level that does not exist is [empty](crate::inventory::StockLevel::empty)
//!   before. A refused write-set tells of nothing.
//! * A store that applies several write-sets by one statement may sum what they do to a level, and look at the level before and after
//!   all of them: a dip in between is not told. The record's time is then the latest of theirs. A level to which a write-set adds
//!   an entry or whose threshold it changes is changed by this write-set alone, so that `after` is exact.
//! * [`StockChange::threshold`](crate::inventory::StockChange) sets `low_at`, which stays until it is changed; one out of range is
//!   refused as [`Refusal::Stock`].
//! * Every record waits in the outbox of the journals ([`StockOutboxRepository`]) from the commit on.
//!
//! ## The inbox
//! What providers tell of their own accord is kept by [`InboxRepository`], beside the write-sets. An entry's key is unique by the
//! store's own constraint, and it is durable before [`receive_notice`](InboxRepository::receive_notice) answers: a provider that was
//! answered does not tell again.
//!
//! Whoever writes a store runs the [conformance suite](crate::conformance) on it.
//!
//! # Wrappers
//! A decorator (tracing, retry, faults) implements [`Commit`] by calling another one's, and runs the suite too;
//! [`decorate_store!`](crate::decorate_store) passes all its other calls on.

mod commit;
mod decorate;
mod inbox;
mod page;
mod repository;
mod stock;
mod write_set;

pub use commit::{Commit, CommitOutcome, Refusal, StockShort, UniqueKey};
pub use inbox::{InboxCursor, InboxRepository, Receipt};
pub use page::{Cursor, InvalidCursor, Page, PageRequest, SortOrder};
pub use repository::{
    CartRepository, IdempotencyRepository, OrderFilter, OrderRepository, OutboxMessage, OutboxRepository,
    ReservationRepository, Retention, Store, StoreHealth,
};
pub use stock::{StockCursor, StockOutboxRepository, StockRepository};
pub use write_set::{
    Aggregate, CartPut, IdempotencyPut, IdempotencyRecord, OrderPut, ReservationPut, Unchanged,
    WRITE_SET_MEMORY, WriteSet,
};
