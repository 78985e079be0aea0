use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::cart::Cart;
use crate::id::{CartId, IdempotencyKey, OrderId, ReservationId, WriteSetId};
use crate::inventory::{Reservation, StockChange, StockEntry, StockKey};
use crate::order::{EventRecord, Order};
use crate::time::{Duration, Timestamp};

/// How long a store remembers which write-sets it has applied. Far longer than any caller repeats one.
pub const WRITE_SET_MEMORY: Duration = Duration::hours(24);

/// Everything one use case changes, as one value. See the [module](crate::store).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WriteSet {
    /// Its id: applied once, whatever happens.
    pub id: WriteSetId,
    /// When it was decided.
    pub at: Timestamp,
    /// Carts to write.
    pub carts: Vec<CartPut>,
    /// Carts to remove, each with the version it must have. What is not there can't be removed.
    pub removed_carts: Vec<(CartId, u64)>,
    /// Orders to write.
    pub orders: Vec<OrderPut>,
    /// Reservations to write.
    pub reservations: Vec<ReservationPut>,
    /// Stock levels to change. A level that does not exist counts as an empty shelf.
    pub stock: BTreeMap<StockKey, StockChange>,
    /// What is to be written into the journals of stock levels, in this order. Each level of it is in `stock` too.
    stock_entries: Vec<(StockKey, StockEntry)>,
    /// What happened, in the order of each order's history. The store refuses a second event with the same order and sequence
    /// number, and hands them all to the outbox.
    pub events: Vec<EventRecord>,
    /// The caller's idempotency key.
    pub idempotency: Option<IdempotencyPut>,
    /// What was only read, and must not have changed.
    pub unchanged: Vec<Unchanged>,
}

impl WriteSet {
    /// The most lines, events and rows of a kind in one write-set: those of the largest order, with room.
    pub const MAX_ROWS: usize = 2_000;

    /// A write-set that changes nothing.
    pub fn new(id: WriteSetId, at: Timestamp) -> Self {
        Self {
            id,
            at,
            carts: Vec::new(),
            removed_carts: Vec::new(),
            orders: Vec::new(),
            reservations: Vec::new(),
            stock: BTreeMap::new(),
            stock_entries: Vec::new(),
            events: Vec::new(),
            idempotency: None,
            unchanged: Vec::new(),
        }
    }

    /// Adds a change of a stock level. Changes of one level add up.
    pub fn change_stock(&mut self, key: StockKey, change: StockChange) {
        let entry = self.stock.entry(key).or_default();
        *entry = entry.and(change);
    }

    /// Adds a change of a stock level that is written into its journal.
    pub fn record_stock(&mut self, key: StockKey, change: StockChange, entry: StockEntry) {
        self.change_stock(key.clone(), change);
        self.stock_entries.push((key, entry));
    }

    /// What is to be written into the journals of stock levels, in this order. Each level of it is in `stock` too.
    pub fn stock_entries(&self) -> &[(StockKey, StockEntry)] {
        &self.stock_entries
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.carts.is_empty()
            && self.removed_carts.is_empty()
            && self.orders.is_empty()
            && self.reservations.is_empty()
            && self.stock.is_empty()
            && self.events.is_empty()
            && self.idempotency.is_none()
    }
}

/// A cart to write.
///
/// Guards: the stored version is `expected` (0: there is none); no other open cart has the same owner.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a guard and a value")]
pub struct CartPut {
    /// The version that must be stored now; 0 when there must be none.
    pub expected: u64,
    /// The new value.
    pub cart: Cart,
}

/// An order to write.
///
/// Guards: the stored version is `expected` (0: there is none); no other order has the same number or was made from the same
/// cart; no payment's [refundable amount](crate::payment::Payment::refundable) is negative.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a guard and a value")]
pub struct OrderPut {
    /// The version that must be stored now; 0 when there must be none.
    pub expected: u64,
    /// The new value.
    pub order: Arc<Order>,
}

/// A reservation to write.
///
/// Guard: it does not exist yet (`is_new`), or the stored one is active. An ended reservation never changes again.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a guard and a value")]
pub struct ReservationPut {
    /// Whether there must be none yet.
    pub is_new: bool,
    /// The new value.
    pub reservation: Reservation,
}

/// An idempotency record to write.
///
/// Guard: there is none with the same scope and key (`is_new`), or the stored one has no answer yet.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a guard and a value")]
pub struct IdempotencyPut {
    /// Whether there must be none yet.
    pub is_new: bool,
    /// The new value.
    pub record: IdempotencyRecord,
}

/// What a repeatable request did, written with its effect.
///
/// A request is answered with its subject as it was at `answered_version`. While there is none, it is in flight, or its maker
/// died: whoever repeats it brings it to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct IdempotencyRecord {
    /// Whose key it is, and for what: keys of two callers never meet.
    pub scope: String,
    /// The caller's key.
    pub key: IdempotencyKey,
    /// A digest of the request. The same key with another one is an error.
    pub fingerprint: String,
    /// What the request was about: an order, a reservation.
    pub subject: Uuid,
    /// The version of the subject that was answered.
    pub answered_version: Option<u64>,
    /// When the request came.
    pub created_at: Timestamp,
}

impl IdempotencyRecord {
    /// How long a key is remembered.
    pub const LIFETIME: Duration = Duration::days(7);

    /// A record of a request in flight.
    pub fn new(
        scope: String,
        key: IdempotencyKey,
        fingerprint: String,
        subject: Uuid,
        created_at: Timestamp,
    ) -> Self {
        Self { scope, key, fingerprint, subject, answered_version: None, created_at }
    }

    /// The reservation the request was about, when it was about one.
    pub fn reservation_id(&self) -> ReservationId {
        ReservationId::from_uuid(self.subject)
    }
}

/// Something that was read and must not have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a store must check every one")]
pub enum Unchanged {
    /// A cart, and its version.
    Cart(CartId, u64),
    /// An order, and its version.
    Order(OrderId, u64),
}

/// A kind of thing with a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Aggregate {
    /// A cart.
    Cart,
    /// An order.
    Order,
    /// An event: an order's sequence number was taken.
    Event,
}
