//! Which guard refuses a write-set, found out by looking after it was refused: keys first, then versions, then what the trade
//! forbids. The guards themselves are in what is written, and in the database's schema.

use std::collections::{HashMap, HashSet};

use order_core::id::{CartId, OrderId, ReservationId};
use order_core::inventory::{StockKey, StockLevel};
use order_core::store::{Aggregate, Refusal, StockShort, Unchanged, UniqueKey};
use uuid::Uuid;

use super::{Form, Rows};

/// Everything that the guards of some write-sets ask for, as it is at one moment.
#[derive(Debug, Default)]
pub(crate) struct Picture {
    /// Write-sets that were applied.
    pub(crate) applied: HashSet<Uuid>,
    /// Whether a request, by its scope and key, was answered.
    pub(crate) requests: HashMap<(String, String), bool>,
    pub(crate) order_versions: HashMap<Uuid, i64>,
    /// The order with a number.
    pub(crate) numbers: HashMap<String, Uuid>,
    pub(crate) orders_of_carts: HashMap<Uuid, Uuid>,
    pub(crate) cart_versions: HashMap<Uuid, i64>,
    /// The open cart of an owner.
    pub(crate) owners: HashMap<String, Uuid>,
    /// The sequence number of an order's last event.
    pub(crate) histories: HashMap<Uuid, i64>,
    /// Whether a reservation is active.
    pub(crate) holds: HashMap<Uuid, bool>,
    pub(crate) stock: HashMap<StockKey, StockLevel>,
}

impl Picture {
    /// Whether a write-set was applied.
    pub(crate) fn is_applied<F: Form>(&self, set: &Rows<F>) -> bool {
        self.applied.contains(&set.id)
    }

    pub(crate) fn level(&self, key: &StockKey) -> StockLevel {
        self.stock.get(key).cloned().unwrap_or_else(|| StockLevel::empty(key.clone()))
    }

    /// The first guard that refuses a write-set.
    pub(crate) fn refusal<F: Form>(&self, set: &Rows<F>) -> Option<Refusal> {
        self.request_refusal(set)
            .or_else(|| self.order_key_refusal(set))
            .or_else(|| self.owner_refusal(set))
            .or_else(|| self.cart_version_refusal(set))
            .or_else(|| self.order_version_refusal(set))
            .or_else(|| self.event_refusal(set))
            .or_else(|| self.read_refusal(set))
            .or_else(|| self.hold_refusal(set))
            .or_else(|| (!set.is_refundable).then_some(Refusal::Refundable))
            .or_else(|| self.stock_refusal(set))
    }

    fn request_refusal<F: Form>(&self, set: &Rows<F>) -> Option<Refusal> {
        let request = set.request.as_ref()?;
        let fits = match self.requests.get(&(request.scope.clone(), request.key.clone())) {
            None => request.is_new,
            Some(is_answered) => !request.is_new && !is_answered,
        };
        (!fits).then_some(Refusal::IdempotencyKey)
    }

    fn order_key_refusal<F: Form>(&self, set: &Rows<F>) -> Option<Refusal> {
        let earlier = |index: usize| set.orders.iter().take(index);
        for (index, order) in set.orders.iter().enumerate() {
            let other = self.numbers.get(&order.number).is_some_and(|id| *id != order.id);
            if other || earlier(index).any(|other| other.number == order.number) {
                return Some(Refusal::Taken(UniqueKey::OrderNumber));
            }
        }
        for (index, order) in set.orders.iter().enumerate() {
            let Some(cart) = order.cart else { continue };
            let other = self.orders_of_carts.get(&cart).is_some_and(|id| *id != order.id);
            if other || earlier(index).any(|other| other.cart == Some(cart)) {
                return Some(Refusal::Taken(UniqueKey::OrderCart));
            }
        }
        None
    }

    /// An owner may have another open cart only if this write-set writes or removes it.
    fn owner_refusal<F: Form>(&self, set: &Rows<F>) -> Option<Refusal> {
        let taken = set.carts.iter().filter(|cart| cart.is_open).any(|cart| {
            let twice = set
                .carts
                .iter()
                .any(|other| other.is_open && other.id != cart.id && other.owner == cart.owner);
            let stays = self.owners.get(&cart.owner).is_some_and(|open| {
                !set.carts.iter().any(|put| put.id == *open)
                    && !set.removed_carts.iter().any(|(removed, _)| removed == open)
            });
            twice || stays
        });
        taken.then_some(Refusal::Taken(UniqueKey::CartOwner))
    }

    fn cart_version(&self, id: Uuid) -> i64 {
        self.cart_versions.get(&id).copied().unwrap_or(0)
    }

    fn order_version(&self, id: Uuid) -> i64 {
        self.order_versions.get(&id).copied().unwrap_or(0)
    }

    fn cart_version_refusal<F: Form>(&self, set: &Rows<F>) -> Option<Refusal> {
        let puts = set.carts.iter().map(|cart| (cart.id, Some(cart.expected)));
        // What is not there can't be removed, whatever its version would be.
        let removed =
            set.removed_carts.iter().map(|(id, expected)| (*id, Some(*expected).filter(|it| *it > 0)));
        puts.chain(removed)
            .find(|(id, expected)| *expected != Some(self.cart_version(*id)))
            .map(|(id, _)| stale_cart(CartId::from_uuid(id)))
    }

    fn order_version_refusal<F: Form>(&self, set: &Rows<F>) -> Option<Refusal> {
        let stale = set.orders.iter().find(|order| self.order_version(order.id) != order.expected)?;
        Some(stale_order(OrderId::from_uuid(stale.id)))
    }

    fn event_refusal<F: Form>(&self, set: &Rows<F>) -> Option<Refusal> {
        for (index, chapter) in set.chapters.iter().enumerate() {
            let before = set.chapters.iter().take(index).rev().find(|earlier| earlier.order == chapter.order);
            let last = before.map_or_else(
                || self.histories.get(&chapter.order).copied().unwrap_or(0),
                |earlier| earlier.last,
            );
            if chapter.first != last.saturating_add(1) {
                let key = format!("{}/{}", OrderId::from_uuid(chapter.order), chapter.first);
                return Some(Refusal::Version { aggregate: Aggregate::Event, key });
            }
        }
        None
    }

    fn read_refusal<F: Form>(&self, set: &Rows<F>) -> Option<Refusal> {
        let version = |version: u64| i64::try_from(version).unwrap_or(i64::MAX);
        set.read.iter().find_map(|read| match *read {
            Unchanged::Cart(id, read) => {
                (self.cart_version(id.uuid()) != version(read)).then(|| stale_cart(id))
            }
            Unchanged::Order(id, read) => {
                (self.order_version(id.uuid()) != version(read)).then(|| stale_order(id))
            }
        })
    }

    fn hold_refusal<F: Form>(&self, set: &Rows<F>) -> Option<Refusal> {
        let over = set.holds.iter().find(|hold| match self.holds.get(&hold.id) {
            None => !hold.is_new,
            Some(is_active) => hold.is_new || !is_active,
        })?;
        Some(Refusal::ReservationEnded(ReservationId::from_uuid(over.id)))
    }

    fn stock_refusal<F: Form>(&self, set: &Rows<F>) -> Option<Refusal> {
        let mut short = Vec::new();
        for (key, change) in &set.stock {
            let level = self.level(key);
            if level.after(change).is_none() {
                short.push(StockShort::new(key.clone(), level.available()));
            }
        }
        (!short.is_empty()).then_some(Refusal::Stock(short))
    }
}

fn stale_cart(id: CartId) -> Refusal {
    Refusal::Version { aggregate: Aggregate::Cart, key: id.to_string() }
}

fn stale_order(id: OrderId) -> Refusal {
    Refusal::Version { aggregate: Aggregate::Order, key: id.to_string() }
}
