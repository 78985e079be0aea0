use std::ops::Bound;
use std::sync::Arc;

use async_trait::async_trait;

use super::MemoryStore;
use super::guard::Guard;
use super::outbox::MAX_CLAIMED;
use super::state::State;
use crate::cart::{Cart, CartOwner};
use crate::error::StoreError;
use crate::id::{
    CartId, IdempotencyKey, OrderId, OrderNumber, PaymentId, ProductId, ProviderId, ProviderReference,
    ReservationId,
};
use crate::inventory::Reservation;
use crate::order::{EventRecord, Order};
use crate::store::{
    CartRepository, Cursor, IdempotencyRecord, IdempotencyRepository, OrderFilter, OrderRepository,
    OutboxMessage, OutboxRepository, Page, PageRequest, ReservationRepository, SortOrder,
};
use crate::time::Timestamp;

pub(super) fn limit_of(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

#[async_trait]
impl CartRepository for MemoryStore {
    async fn find_cart(&self, id: CartId) -> Result<Option<Cart>, StoreError> {
        Ok(self.read(|state| state.carts.get(&id).cloned()).map(Arc::unwrap_or_clone))
    }

    async fn find_open_cart(&self, owner: &CartOwner) -> Result<Option<Cart>, StoreError> {
        let cart = self.read(|state| {
            let id = state.open_carts.get(owner)?;
            state.carts.get(id).cloned()
        });
        Ok(cart.map(Arc::unwrap_or_clone))
    }

    async fn expired_carts(&self, now: Timestamp, limit: u32) -> Result<Vec<(CartId, u64)>, StoreError> {
        Ok(self.read(|state| {
            let expired = state.cart_expiry.iter().take_while(|(at, _)| *at <= now);
            expired.take(limit_of(limit)).map(|(_, id)| (*id, state.cart_version(*id))).collect()
        }))
    }
}

#[async_trait]
impl OrderRepository for MemoryStore {
    async fn find_order(&self, id: OrderId) -> Result<Option<Order>, StoreError> {
        Ok(self.read(|state| state.orders.get(&id).cloned()).map(Arc::unwrap_or_clone))
    }

    async fn find_order_by_number(&self, number: &OrderNumber) -> Result<Option<Order>, StoreError> {
        let order = self.read(|state| state.orders.get(state.numbers.get(number)?).cloned());
        Ok(order.map(Arc::unwrap_or_clone))
    }

    async fn find_order_by_payment(&self, id: PaymentId) -> Result<Option<Order>, StoreError> {
        let order = self.read(|state| state.orders.get(state.orders_of_payments.get(&id)?).cloned());
        Ok(order.map(Arc::unwrap_or_clone))
    }

    async fn find_order_by_reference(
        &self,
        provider: &ProviderId,
        reference: &ProviderReference,
    ) -> Result<Option<Order>, StoreError> {
        let order = self.read(|state| {
            let mut named = state.orders_of_references.get(reference)?.iter();
            let (_, id) = named.rfind(|(of, _)| of == provider)?;
            state.orders.get(id).cloned()
        });
        Ok(order.map(Arc::unwrap_or_clone))
    }

    async fn list_orders(
        &self,
        filter: &OrderFilter,
        page: PageRequest,
    ) -> Result<Page<Arc<Order>>, StoreError> {
        let found = self.read(|state| list(state, filter, page));
        let limit = limit_of(page.limit());
        let more = found.len() > limit;
        let items: Vec<Arc<Order>> = found.into_iter().take(limit).collect();
        let next = items.last().filter(|_| more).map(|order| Cursor::behind(order.id));
        Ok(Page::new(items, next))
    }

    async fn due_orders(&self, now: Timestamp, limit: u32) -> Result<Vec<OrderId>, StoreError> {
        Ok(self.read(|state| {
            let due = state.due.iter().take_while(|(at, _)| *at <= now);
            due.take(limit_of(limit)).map(|(_, id)| *id).collect()
        }))
    }

    async fn history(&self, id: OrderId) -> Result<Vec<EventRecord>, StoreError> {
        Ok(self.read(|state| state.histories.get(&id).cloned()).unwrap_or_default())
    }
}

/// The orders of a page, and one more if there is one.
fn list(state: &State, filter: &OrderFilter, page: PageRequest) -> Vec<Arc<Order>> {
    let after = page.after.map(Cursor::order_id);
    let bounds = match (page.order, after) {
        (SortOrder::NewestFirst, Some(id)) => (Bound::Unbounded, Bound::Excluded(id)),
        (SortOrder::OldestFirst, Some(id)) => (Bound::Excluded(id), Bound::Unbounded),
        (SortOrder::NewestFirst | SortOrder::OldestFirst, None) => (Bound::Unbounded, Bound::Unbounded),
    };
    let wanted = |order: &&Arc<Order>| filter.matches(order);
    let (skip, take) = (limit_of(page.skip), limit_of(page.limit()).saturating_add(1));
    if let Some(customer) = &filter.customer_id {
        let Some(ids) = state.orders_of_customers.get(customer) else { return Vec::new() };
        let ids = ids.range(bounds).filter_map(|id| state.orders.get(id));
        return match page.order {
            SortOrder::NewestFirst => ids.rev().filter(wanted).skip(skip).take(take).cloned().collect(),
            SortOrder::OldestFirst => ids.filter(wanted).skip(skip).take(take).cloned().collect(),
        };
    }
    let orders = state.orders.range(bounds).map(|(_, order)| order);
    match page.order {
        SortOrder::NewestFirst => orders.rev().filter(wanted).skip(skip).take(take).cloned().collect(),
        SortOrder::OldestFirst => orders.filter(wanted).skip(skip).take(take).cloned().collect(),
    }
}

#[async_trait]
impl ReservationRepository for MemoryStore {
    async fn find_reservation(&self, id: ReservationId) -> Result<Option<Reservation>, StoreError> {
        Ok(self.read(|state| state.reservations.get(&id).cloned()))
    }

    async fn expired_reservations(
        &self,
        now: Timestamp,
        products: &[ProductId],
        limit: u32,
    ) -> Result<Vec<Reservation>, StoreError> {
        let limit = limit_of(limit);
        Ok(self.read(|state| {
            let mut found: Vec<(Timestamp, ReservationId)> = Vec::new();
            if products.is_empty() {
                let expired = state.reservation_expiry.iter().take_while(|(at, _)| *at <= now);
                found.extend(expired.take(limit));
            }
            for product in products {
                let Some(waiting) = state.product_expiry.get(product) else { continue };
                found.extend(waiting.iter().take_while(|(at, _)| *at <= now).take(limit));
            }
            found.sort_unstable();
            found.dedup();
            let ids = found.iter().take(limit);
            ids.filter_map(|(_, id)| state.reservations.get(id).cloned()).collect()
        }))
    }
}

#[async_trait]
impl IdempotencyRepository for MemoryStore {
    async fn find_idempotency(
        &self,
        scope: &str,
        key: &IdempotencyKey,
    ) -> Result<Option<IdempotencyRecord>, StoreError> {
        Ok(self.read(|state| state.idempotency(scope, key).cloned()))
    }
}

/// The events of an order from a sequence number on.
fn events_from(state: &State, id: OrderId, sequence: u64) -> impl Iterator<Item = &EventRecord> {
    let history = state.histories.get(&id).map_or(&[][..], Vec::as_slice);
    let first = history.partition_point(|record| record.sequence < sequence);
    history.iter().skip(first)
}

#[async_trait]
impl OutboxRepository for MemoryStore {
    async fn claim_outbox(
        &self,
        now: Timestamp,
        until: Timestamp,
        orders: u32,
    ) -> Result<Vec<OutboxMessage>, StoreError> {
        Ok(self.write(|state| {
            let until = if state.checks(Guard::Claim) { until } else { now };
            let mut messages = Vec::new();
            for order in state.outbox.claim(now, until, limit_of(orders)) {
                let Some((head, attempts)) = state.outbox.head(&order) else { continue };
                for record in events_from(state, order, head).take(MAX_CLAIMED) {
                    let attempts = if record.sequence == head { attempts } else { 0 };
                    messages.push(OutboxMessage::new(record.clone(), attempts));
                }
            }
            messages
        }))
    }

    async fn delivered(&self, upto: &[(OrderId, u64)]) -> Result<(), StoreError> {
        self.write(|state| {
            for &(order_id, sequence) in upto {
                let sequence = sequence.min(state.history_len(order_id));
                let next =
                    events_from(state, order_id, sequence.saturating_add(1)).next().map(|record| record.at);
                state.outbox.delivered(&order_id, sequence, next);
            }
        });
        Ok(())
    }

    async fn undelivered(
        &self,
        order_id: OrderId,
        sequence: u64,
        again: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(|state| state.outbox.undelivered(&order_id, sequence, again));
        Ok(())
    }

    async fn stuck_outbox(&self, attempts: u32, limit: u32) -> Result<Vec<OutboxMessage>, StoreError> {
        Ok(self.read(|state| {
            let stuck = state.outbox.stuck(attempts).take(limit_of(limit));
            stuck
                .filter_map(|(order, sequence, attempts)| {
                    let record = events_from(state, *order, sequence).next()?;
                    Some(OutboxMessage::new(record.clone(), attempts))
                })
                .collect()
        }))
    }

    async fn outbox_len(&self) -> Result<u64, StoreError> {
        Ok(self.read(|state| state.outbox.len()))
    }
}
