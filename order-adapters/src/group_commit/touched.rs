//! Which write-sets may be applied together.

use std::collections::HashSet;

use order_core::inventory::{StockChange, StockKey, Threshold};
use uuid::Uuid;

use super::{Form, Rows};

/// What write-sets touch. Two that touch the same thing are applied one after the other; stock that both only change by so
/// many units is no such thing, unless one of them has counted it, writes into its journal, or sets its threshold.
#[derive(Debug, Default)]
pub(super) struct Touched {
    things: HashSet<Thing>,
    shelves: HashSet<StockKey>,
    counted: HashSet<StockKey>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
enum Thing {
    WriteSet(Uuid),
    Request(String, String),
    Order(Uuid),
    Number(String),
    OrderedCart(Uuid),
    Cart(Uuid),
    Owner(String),
    Hold(Uuid),
    Payment(Uuid),
}

impl Touched {
    /// Notes what a write-set touches, if nobody else has touched it. Returns whether that is so.
    pub(super) fn add<F: Form>(&mut self, set: &Rows<F>) -> bool {
        let things: HashSet<Thing> = things(set).collect();
        let is_counted = |key: &StockKey, change: &StockChange| {
            change.if_on_hand.is_some()
                || change.threshold != Threshold::Kept
                || set.entries.iter().any(|entry| entry.key == *key)
        };
        let counts = set.stock.iter().filter(|(key, change)| is_counted(key, change)).map(|(key, _)| key);
        let is_free = things.is_disjoint(&self.things)
            && set.stock.iter().all(|(key, _)| !self.counted.contains(key))
            && counts.clone().all(|key| !self.shelves.contains(key));
        if is_free {
            self.things.extend(things);
            self.counted.extend(counts.cloned());
            self.shelves.extend(set.stock.iter().map(|(key, _)| key.clone()));
        }
        is_free
    }
}

fn things<F: Form>(set: &Rows<F>) -> impl Iterator<Item = Thing> + use<'_, F> {
    let request = set.request.iter().map(|row| Thing::Request(row.scope.clone(), row.key.clone()));
    let orders = set.orders.iter().flat_map(|row| {
        let keys = [Thing::Order(row.id), Thing::Number(row.number.clone())];
        keys.into_iter().chain(row.cart.map(Thing::OrderedCart))
    });
    let carts = set.carts.iter().flat_map(|row| [Thing::Cart(row.id), Thing::Owner(row.owner.clone())]);
    let versions = |versions: &[(Uuid, i64)]| versions.iter().map(|(id, _)| *id).collect::<Vec<_>>();
    std::iter::once(Thing::WriteSet(set.id))
        .chain(request)
        .chain(orders)
        .chain(carts)
        .chain(versions(&set.read_orders).into_iter().map(Thing::Order))
        .chain(versions(&set.read_carts).into_iter().map(Thing::Cart))
        .chain(versions(&set.removed_carts).into_iter().map(Thing::Cart))
        .chain(set.chapters.iter().map(|row| Thing::Order(row.order)))
        .chain(set.holds.iter().map(|row| Thing::Hold(row.id)))
        .chain(set.payments.iter().map(|row| Thing::Payment(row.id)))
}
