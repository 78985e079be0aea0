use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::guard::Guard;
use super::inbox::Inbox;
use super::outbox::Outbox;
use crate::cart::{Cart, CartOwner, CartStatus};
use crate::id::{
    CartId, CustomerId, IdempotencyKey, OrderId, OrderNumber, PaymentId, ProductId, ProviderId,
    ProviderReference, ReservationId, WriteSetId,
};
use crate::inventory::{Reservation, ReservationStatus, StockKey, StockLevel, StockRecord};
use crate::order::{EventRecord, Order};
use crate::store::{CommitOutcome, IdempotencyRecord, StockCursor, WriteSet};
use crate::time::Timestamp;

/// Everything that is stored, with an index for everything that is asked.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) missing: Vec<Guard>,
    pub(super) applied: HashMap<WriteSetId, Timestamp>,
    pub(super) applied_at: BTreeSet<(Timestamp, WriteSetId)>,
    pub(super) carts: HashMap<CartId, Arc<Cart>>,
    pub(super) open_carts: HashMap<CartOwner, CartId>,
    pub(super) cart_expiry: BTreeSet<(Timestamp, CartId)>,
    pub(super) orders: BTreeMap<OrderId, Arc<Order>>,
    pub(super) numbers: HashMap<OrderNumber, OrderId>,
    pub(super) orders_of_carts: HashMap<CartId, OrderId>,
    pub(super) orders_of_payments: HashMap<PaymentId, OrderId>,
    pub(super) orders_of_references: HashMap<ProviderReference, BTreeSet<(ProviderId, OrderId)>>,
    pub(super) orders_of_customers: HashMap<CustomerId, BTreeSet<OrderId>>,
    pub(super) due: BTreeSet<(Timestamp, OrderId)>,
    pub(super) histories: HashMap<OrderId, Vec<EventRecord>>,
    pub(super) outbox: Outbox<OrderId>,
    pub(super) stock: BTreeMap<StockKey, StockLevel>,
    pub(super) journals: HashMap<StockKey, Vec<StockRecord>>,
    pub(super) journal_places: HashMap<ProductId, BTreeSet<StockCursor>>,
    pub(super) stock_outbox: Outbox<StockKey>,
    pub(super) inbox: Inbox,
    pub(super) reservations: HashMap<ReservationId, Reservation>,
    pub(super) reservation_expiry: BTreeSet<(Timestamp, ReservationId)>,
    pub(super) product_expiry: HashMap<ProductId, BTreeSet<(Timestamp, ReservationId)>>,
    pub(super) idempotency: HashMap<Arc<str>, HashMap<IdempotencyKey, IdempotencyRecord>>,
    pub(super) idempotency_at: BTreeSet<(Timestamp, Arc<str>, IdempotencyKey)>,
}

impl State {
    /// Whether a guard is in force.
    pub(super) fn checks(&self, guard: Guard) -> bool {
        !self.missing.contains(&guard)
    }

    pub(super) fn commit(&mut self, set: &WriteSet) -> CommitOutcome {
        if self.applied.contains_key(&set.id) && self.checks(Guard::Once) {
            return CommitOutcome::Applied;
        }
        if let Some(refusal) = self.refusal(set) {
            if !self.checks(Guard::Whole) {
                self.apply_stock(set);
            }
            return CommitOutcome::Refused(refusal);
        }
        self.apply(set);
        CommitOutcome::Applied
    }

    /// Writes what was checked.
    pub(super) fn apply(&mut self, set: &WriteSet) {
        self.applied.insert(set.id, set.at);
        self.applied_at.insert((set.at, set.id));
        for (id, _) in &set.removed_carts {
            self.remove_cart(*id);
        }
        for put in &set.carts {
            self.put_cart(&put.cart);
        }
        for put in &set.orders {
            self.put_order(&put.order);
        }
        for put in &set.reservations {
            self.put_reservation(&put.reservation);
        }
        for event in &set.events {
            self.histories.entry(event.order_id).or_default().push(event.clone());
            if event.sequence > 1 || self.checks(Guard::Outbox) {
                self.outbox.push(&event.order_id, event.sequence, event.at);
            }
        }
        if let Some(put) = &set.idempotency {
            self.put_idempotency(&put.record);
        }
        self.apply_stock(set);
    }

    pub(super) fn cart_version(&self, id: CartId) -> u64 {
        self.carts.get(&id).map_or(0, |cart| cart.version)
    }

    pub(super) fn order_version(&self, id: OrderId) -> u64 {
        self.orders.get(&id).map_or(0, |order| order.version)
    }

    pub(super) fn history_len(&self, id: OrderId) -> u64 {
        self.histories.get(&id).and_then(|history| history.last()).map_or(0, |last| last.sequence)
    }

    pub(super) fn idempotency(&self, scope: &str, key: &IdempotencyKey) -> Option<&IdempotencyRecord> {
        self.idempotency.get(scope)?.get(key)
    }

    fn remove_cart(&mut self, id: CartId) {
        if let Some(cart) = self.carts.remove(&id) {
            self.cart_expiry.remove(&(cart.expires_at, id));
            if self.open_carts.get(&cart.owner) == Some(&id) {
                self.open_carts.remove(&cart.owner);
            }
        }
    }

    fn put_cart(&mut self, cart: &Cart) {
        self.remove_cart(cart.id);
        if cart.status == CartStatus::Open {
            self.open_carts.insert(cart.owner.clone(), cart.id);
            self.cart_expiry.insert((cart.expires_at, cart.id));
        }
        self.carts.insert(cart.id, Arc::new(cart.clone()));
    }

    fn put_order(&mut self, order: &Arc<Order>) {
        let old = self.orders.insert(order.id, Arc::clone(order));
        if let Some(old) = &old {
            if let Some(due) = old.due_at() {
                self.due.remove(&(due, order.id));
            }
            if old.number != order.number && self.numbers.get(&old.number) == Some(&order.id) {
                self.numbers.remove(&old.number);
            }
        } else {
            let customer = self.orders_of_customers.entry(order.customer_id.clone()).or_default();
            customer.insert(order.id);
            if let Some(cart) = order.cart_id {
                self.orders_of_carts.insert(cart, order.id);
            }
        }
        if old.as_ref().is_none_or(|old| old.number != order.number) {
            self.numbers.insert(order.number.clone(), order.id);
        }
        for payment in &order.payments {
            self.orders_of_payments.insert(payment.id, order.id);
        }
        self.put_references(old.as_deref(), order);
        if let Some(due) = order.due_at().filter(|_| order.version < 5 || self.checks(Guard::Due)) {
            self.due.insert((due, order.id));
        }
    }

    /// What providers call an order's payments. Few change.
    fn put_references(&mut self, old: Option<&Order>, order: &Order) {
        let names = |order: &Order| -> BTreeSet<(ProviderReference, ProviderId)> {
            let named = |payment: &crate::payment::Payment| {
                Some((payment.reference.clone()?, payment.provider.clone()))
            };
            order.payments.iter().filter_map(named).collect()
        };
        let (before, after) = (old.map(names).unwrap_or_default(), names(order));
        for (reference, provider) in before.difference(&after) {
            if let Some(orders) = self.orders_of_references.get_mut(reference) {
                orders.remove(&(provider.clone(), order.id));
                if orders.is_empty() {
                    self.orders_of_references.remove(reference);
                }
            }
        }
        for (reference, provider) in after.difference(&before) {
            let orders = self.orders_of_references.entry(reference.clone()).or_default();
            orders.insert((provider.clone(), order.id));
        }
    }

    fn put_reservation(&mut self, reservation: &Reservation) {
        let id = reservation.id;
        if let Some(old) = self.reservations.remove(&id) {
            self.reservation_expiry.remove(&(old.expires_at, id));
            for line in &old.lines {
                if let Some(waiting) = self.product_expiry.get_mut(&line.key.product_id) {
                    waiting.remove(&(old.expires_at, id));
                }
            }
        }
        if reservation.status == ReservationStatus::Active {
            self.reservation_expiry.insert((reservation.expires_at, id));
            for line in &reservation.lines {
                let waiting = self.product_expiry.entry(line.key.product_id.clone()).or_default();
                waiting.insert((reservation.expires_at, id));
            }
        }
        self.reservations.insert(id, reservation.clone());
    }

    fn put_idempotency(&mut self, record: &IdempotencyRecord) {
        self.remove_idempotency(&record.scope, &record.key);
        let scope: Arc<str> = record.scope.as_str().into();
        self.idempotency_at.insert((record.created_at, Arc::clone(&scope), record.key.clone()));
        self.idempotency.entry(scope).or_default().insert(record.key.clone(), record.clone());
    }

    pub(super) fn remove_idempotency(&mut self, scope: &str, key: &IdempotencyKey) {
        let Some((name, mut keys)) = self.idempotency.remove_entry(scope) else { return };
        if let Some(old) = keys.remove(key) {
            self.idempotency_at.remove(&(old.created_at, Arc::clone(&name), old.key));
        }
        if !keys.is_empty() {
            self.idempotency.insert(name, keys);
        }
    }
}
