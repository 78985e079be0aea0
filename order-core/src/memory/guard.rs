use std::collections::HashSet;

use super::state::State;
use crate::cart::CartStatus;
use crate::store::{Aggregate, OrderPut, Refusal, StockShort, Unchanged, UniqueKey, WriteSet};

/// What a store has to check or to keep when it applies a write-set. A test takes one away to see whether anybody notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(
    not(feature = "conformance"),
    expect(unreachable_pub, reason = "public with the conformance suite")
)]
#[non_exhaustive]
pub enum Guard {
    /// A write-set is applied once.
    Once,
    /// A refused write-set leaves nothing behind.
    Whole,
    /// Checking and writing are one step.
    #[cfg(feature = "conformance")]
    Serial,
    /// An idempotency key is written once and answered once.
    Idempotency,
    /// An order's number is unique.
    OrderNumber,
    /// A cart becomes one order.
    OrderCart,
    /// An owner has one open cart.
    CartOwner,
    /// A cart is at the version it must have.
    CartVersion,
    /// A cart that is removed is at the version it must have.
    RemovedCart,
    /// An order is at the version it must have.
    OrderVersion,
    /// An event's place in its history is free.
    Event,
    /// What was only read has not changed.
    Unchanged,
    /// A reservation ends once.
    Reservation,
    /// No more is refunded than was captured.
    Refundable,
    /// Stock does not go below nothing.
    Stock,
    /// What is claimed from the outbox is nobody else's.
    Claim,
    /// Every event is handed to the outbox.
    Outbox,
    /// Orders on which something is due are found.
    Due,
    /// What the staff does to a stock level is written into its journal.
    Journal,
    /// It is told when available stock crosses nothing or its threshold.
    Alert,
    /// What is claimed from the outbox of the journals is nobody else's.
    StockClaim,
    /// Every record of a journal is handed to its outbox.
    StockOutbox,
    /// A provider's event is kept once.
    Notice,
    /// What is claimed from the inbox is nobody else's.
    NoticeClaim,
    /// What can't be attended to yet is tried again.
    Parked,
    /// What somebody was done with stays so.
    Settled,
}

impl Guard {
    /// Every guard.
    #[cfg(feature = "conformance")]
    pub const ALL: [Self; 26] = [
        Self::Once,
        Self::Whole,
        Self::Serial,
        Self::Idempotency,
        Self::OrderNumber,
        Self::OrderCart,
        Self::CartOwner,
        Self::CartVersion,
        Self::RemovedCart,
        Self::OrderVersion,
        Self::Event,
        Self::Unchanged,
        Self::Reservation,
        Self::Refundable,
        Self::Stock,
        Self::Claim,
        Self::Outbox,
        Self::Due,
        Self::Journal,
        Self::Alert,
        Self::StockClaim,
        Self::StockOutbox,
        Self::Notice,
        Self::NoticeClaim,
        Self::Parked,
        Self::Settled,
    ];
}

impl State {
    /// The first guard that refuses a write-set: keys first, then versions, then what the trade forbids.
    pub(super) fn refusal(&self, set: &WriteSet) -> Option<Refusal> {
        self.idempotency_refusal(set)
            .or_else(|| self.order_key_refusal(set))
            .or_else(|| self.cart_owner_refusal(set))
            .or_else(|| self.cart_version_refusal(set))
            .or_else(|| self.order_version_refusal(set))
            .or_else(|| self.unchanged_refusal(set))
            .or_else(|| self.reservation_refusal(set))
            .or_else(|| self.refundable_refusal(set))
            .or_else(|| self.stock_refusal(set))
    }

    fn idempotency_refusal(&self, set: &WriteSet) -> Option<Refusal> {
        let put = set.idempotency.as_ref().filter(|_| self.checks(Guard::Idempotency))?;
        let stored = self.idempotency(&put.record.scope, &put.record.key);
        let fits = match stored {
            None => put.is_new,
            Some(record) => !put.is_new && record.answered_version.is_none(),
        };
        (!fits).then_some(Refusal::IdempotencyKey)
    }

    fn order_key_refusal(&self, set: &WriteSet) -> Option<Refusal> {
        let mut numbers = HashSet::new();
        let mut carts = HashSet::new();
        let several = set.orders.len() > 1;
        for OrderPut { order, .. } in set.orders.iter().filter(|_| self.checks(Guard::OrderNumber)) {
            let other = self.numbers.get(&order.number).is_some_and(|id| *id != order.id);
            if other || (several && !numbers.insert(&order.number)) {
                return Some(Refusal::Taken(UniqueKey::OrderNumber));
            }
        }
        for OrderPut { order, .. } in set.orders.iter().filter(|_| self.checks(Guard::OrderCart)) {
            let Some(cart) = order.cart_id else { continue };
            let other = self.orders_of_carts.get(&cart).is_some_and(|id| *id != order.id);
            if other || (several && !carts.insert(cart)) {
                return Some(Refusal::Taken(UniqueKey::OrderCart));
            }
        }
        None
    }

    /// An owner may have another open cart only if this write-set removes or closes it.
    fn cart_owner_refusal(&self, set: &WriteSet) -> Option<Refusal> {
        let open = |put: &&crate::store::CartPut| put.cart.status == CartStatus::Open;
        for put in set.carts.iter().filter(open).filter(|_| self.checks(Guard::CartOwner)) {
            let stored = self.open_carts.get(&put.cart.owner).filter(|id| **id != put.cart.id);
            let stays = stored.is_some_and(|id| {
                !set.removed_carts.iter().any(|(removed, _)| removed == id)
                    && !set.carts.iter().any(|other| other.cart.id == *id)
            });
            let twice = set
                .carts
                .iter()
                .filter(open)
                .any(|other| other.cart.id != put.cart.id && other.cart.owner == put.cart.owner);
            if stays || twice {
                return Some(Refusal::Taken(UniqueKey::CartOwner));
            }
        }
        None
    }

    fn cart_version_refusal(&self, set: &WriteSet) -> Option<Refusal> {
        let puts = set
            .carts
            .iter()
            .filter(|_| self.checks(Guard::CartVersion))
            .map(|put| (put.cart.id, Some(put.expected)));
        // What is not there can't be removed, whatever its version would be.
        let removed = set
            .removed_carts
            .iter()
            .filter(|_| self.checks(Guard::RemovedCart))
            .map(|(id, expected)| (*id, Some(*expected).filter(|expected| *expected > 0)));
        puts.chain(removed)
            .find(|(id, expected)| *expected != Some(self.cart_version(*id)))
            .map(|(id, _)| Refusal::Version { aggregate: Aggregate::Cart, key: id.to_string() })
    }

    fn order_version_refusal(&self, set: &WriteSet) -> Option<Refusal> {
        for put in set.orders.iter().filter(|_| self.checks(Guard::OrderVersion)) {
            if self.order_version(put.order.id) != put.expected {
                let key = put.order.id.to_string();
                return Some(Refusal::Version { aggregate: Aggregate::Order, key });
            }
        }
        if !self.checks(Guard::Event) {
            return None;
        }
        for (index, event) in set.events.iter().enumerate() {
            let before =
                set.events.iter().take(index).rev().find(|earlier| earlier.order_id == event.order_id);
            let last = before.map_or_else(|| self.history_len(event.order_id), |earlier| earlier.sequence);
            if event.sequence != last.saturating_add(1) {
                let key = format!("{}/{}", event.order_id, event.sequence);
                return Some(Refusal::Version { aggregate: Aggregate::Event, key });
            }
        }
        None
    }

    fn unchanged_refusal(&self, set: &WriteSet) -> Option<Refusal> {
        let refused =
            set.unchanged.iter().filter(|_| self.checks(Guard::Unchanged)).find(|read| match read {
                Unchanged::Cart(id, version) => self.cart_version(*id) != *version,
                Unchanged::Order(id, version) => self.order_version(*id) != *version,
            })?;
        let (aggregate, key) = match refused {
            Unchanged::Cart(id, _) => (Aggregate::Cart, id.to_string()),
            Unchanged::Order(id, _) => (Aggregate::Order, id.to_string()),
        };
        Some(Refusal::Version { aggregate, key })
    }

    fn reservation_refusal(&self, set: &WriteSet) -> Option<Refusal> {
        let puts = set.reservations.iter().filter(|_| self.checks(Guard::Reservation));
        puts.map(|put| (put.reservation.id, put.is_new))
            .find(|(id, is_new)| match self.reservations.get(id) {
                None => !is_new,
                Some(stored) => *is_new || stored.status != crate::inventory::ReservationStatus::Active,
            })
            .map(|(id, _)| Refusal::ReservationEnded(id))
    }

    fn refundable_refusal(&self, set: &WriteSet) -> Option<Refusal> {
        let mut payments =
            set.orders.iter().filter(|_| self.checks(Guard::Refundable)).flat_map(|put| &put.order.payments);
        let over =
            |payment: &crate::payment::Payment| payment.refundable().is_ok_and(|left| !left.is_negative());
        (!payments.all(over)).then_some(Refusal::Refundable)
    }

    fn stock_refusal(&self, set: &WriteSet) -> Option<Refusal> {
        let mut short = Vec::new();
        for (key, change) in set.stock.iter().filter(|_| self.checks(Guard::Stock)) {
            let level = self.level(key);
            if level.after(change).is_none() {
                short.push(StockShort::new(key.clone(), level.available()));
            }
        }
        (!short.is_empty()).then_some(Refusal::Stock(short))
    }
}
