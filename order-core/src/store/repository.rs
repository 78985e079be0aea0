use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;

use crate::cart::{Cart, CartOwner};
use crate::error::StoreError;
use crate::id::{
    CartId, CustomerId, IdempotencyKey, OrderId, OrderNumber, PaymentId, ProductId, ProviderId,
    ProviderReference, ReservationId, SellerId,
};
use crate::inventory::Reservation;
use crate::order::{EventRecord, Order, OrderStatus};
use crate::store::{
    Commit, Cursor, IdempotencyRecord, InboxRepository, Page, PageRequest, SortOrder, StockOutboxRepository,
    StockRepository,
};
use crate::time::Timestamp;

/// Reads carts.
#[async_trait]
pub trait CartRepository: fmt::Debug + Send + Sync {
    /// The cart with this id.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_cart(&self, id: CartId) -> Result<Option<Cart>, StoreError>;

    /// The open cart of an owner, expired or not.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_open_cart(&self, owner: &CartOwner) -> Result<Option<Cart>, StoreError>;

    /// Open carts that expired at or before `now`, with their versions; at most `limit`, the longest expired first.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn expired_carts(&self, now: Timestamp, limit: u32) -> Result<Vec<(CartId, u64)>, StoreError>;
}

/// Reads orders and their histories.
#[async_trait]
pub trait OrderRepository: fmt::Debug + Send + Sync {
    /// The order with this id.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_order(&self, id: OrderId) -> Result<Option<Order>, StoreError>;

    /// The order with this number.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_order_by_number(&self, number: &OrderNumber) -> Result<Option<Order>, StoreError>;

    /// The order that this payment belongs to.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_order_by_payment(&self, id: PaymentId) -> Result<Option<Order>, StoreError>;

    /// The order with a payment that its provider calls so; the newest, if there are several.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_order_by_reference(
        &self,
        provider: &ProviderId,
        reference: &ProviderReference,
    ) -> Result<Option<Order>, StoreError>;

    /// A page of the orders that pass the filter.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn list_orders(
        &self,
        filter: &OrderFilter,
        page: PageRequest,
    ) -> Result<Page<Arc<Order>>, StoreError>;

    /// Orders with something to do at or before `now` ([`Order::due_at`]), the longest due first.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn due_orders(&self, now: Timestamp, limit: u32) -> Result<Vec<OrderId>, StoreError>;

    /// The whole history of an order, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn history(&self, id: OrderId) -> Result<Vec<EventRecord>, StoreError>;
}

/// Which orders are wanted. All conditions must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_structs, reason = "callers write it with `..Default::default()`")]
pub struct OrderFilter {
    /// Of this customer.
    pub customer_id: Option<CustomerId>,
    /// With one of these statuses; any, when there are none.
    pub statuses: Vec<OrderStatus>,
    /// With something of this seller.
    pub seller_id: Option<SellerId>,
    /// Placed at or after this.
    pub placed_from: Option<Timestamp>,
    /// Placed before this.
    pub placed_before: Option<Timestamp>,
    /// With this text, in any case, in the number, the customer's id, or a line's product or name.
    pub text: Option<String>,
}

impl OrderFilter {
    /// The longest text to search for, in bytes.
    pub const MAX_TEXT: usize = 128;

    /// Whether an order passes: what every store must agree with.
    pub fn matches(&self, order: &Order) -> bool {
        self.customer_id.as_ref().is_none_or(|id| *id == order.customer_id)
            && (self.statuses.is_empty() || self.statuses.contains(&order.status))
            && self.seller_id.as_ref().is_none_or(|id| order.seller(id).is_some())
            && self.placed_from.is_none_or(|from| order.created_at >= from)
            && self.placed_before.is_none_or(|before| order.created_at < before)
            && self.text.as_ref().is_none_or(|text| Self::search_text(order).contains(&text.to_lowercase()))
    }

    /// Between which ids the orders of a page are: from the first one on, and before the second one. An order's id begins with the time at
    /// which it was placed, so orders of a time, and those behind a cursor, are neighbours in every index that ends with the id.
    pub fn span(&self, page: &PageRequest) -> (Option<OrderId>, Option<OrderId>) {
        let (mut from, mut before) =
            (self.placed_from.map(OrderId::since), self.placed_before.map(OrderId::since));
        match (page.after.map(Cursor::order_id), page.order) {
            (Some(last), SortOrder::NewestFirst) => {
                before = Some(before.map_or(last, |before| before.min(last)));
            }
            (Some(last), SortOrder::OldestFirst) => {
                let next = OrderId::from_uuid(Uuid::from_u128(last.uuid().as_u128().saturating_add(1)));
                from = from.max(Some(next));
            }
            (None, SortOrder::NewestFirst | SortOrder::OldestFirst) => {}
        }
        (from, before)
    }

    /// The text of an order that is searched, in lower case, one field a line.
    pub fn search_text(order: &Order) -> String {
        let mut text = format!("{}\n{}\n", order.number, order.customer_id);
        for line in &order.lines {
            text.push_str(line.product_id.as_str());
            text.push('\n');
            text.push_str(&line.name);
            text.push('\n');
        }
        text.to_lowercase()
    }
}

/// Reads reservations.
#[async_trait]
pub trait ReservationRepository: fmt::Debug + Send + Sync {
    /// The reservation with this id.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_reservation(&self, id: ReservationId) -> Result<Option<Reservation>, StoreError>;

    /// Active reservations that expired at or before `now`, the longest expired first; of these products only, when there are
    /// any. At most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn expired_reservations(
        &self,
        now: Timestamp,
        products: &[ProductId],
        limit: u32,
    ) -> Result<Vec<Reservation>, StoreError>;
}

/// Reads idempotency records.
#[async_trait]
pub trait IdempotencyRepository: fmt::Debug + Send + Sync {
    /// The record of a key.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_idempotency(
        &self,
        scope: &str,
        key: &IdempotencyKey,
    ) -> Result<Option<IdempotencyRecord>, StoreError>;
}

/// An event of an order, or a record of a stock level's journal, that waits to be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutboxMessage<R = EventRecord> {
    /// The event, or the record.
    pub record: R,
    /// How often its delivery failed.
    pub attempts: u32,
}

impl<R> OutboxMessage<R> {
    /// A message.
    pub fn new(record: R, attempts: u32) -> Self {
        Self { record, attempts }
    }
}

/// The outbox: events from their commit until their delivery.
///
/// The events of one order are delivered one after the other. The *head* of an order is its first event that is not delivered;
/// only a head is claimed, with everything behind it.
#[async_trait]
pub trait OutboxRepository: fmt::Debug + Send + Sync {
    /// Claims the undelivered events of at most `orders` orders, so that nobody else gets them until `until`: those whose
    /// head is neither claimed nor waiting beyond `now`, the oldest first. The events of one order come in their sequence, at
    /// most 100 of each.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn claim_outbox(
        &self,
        now: Timestamp,
        until: Timestamp,
        orders: u32,
    ) -> Result<Vec<OutboxMessage>, StoreError>;

    /// Marks the events of orders as delivered, of each up to and including a sequence number, and ends the claim on what is behind.
    /// What was delivered before is left as it is.
    ///
    /// # Errors
    /// [`StoreError`]: some of them may be marked.
    async fn delivered(&self, upto: &[(OrderId, u64)]) -> Result<(), StoreError>;

    /// Notes that the delivery of an order's head failed, and lets it wait until `again`. An event that is not the head is left as
    /// it is.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn undelivered(&self, order_id: OrderId, sequence: u64, again: Timestamp)
    -> Result<(), StoreError>;

    /// Undelivered events whose delivery has failed at least `attempts` times, the oldest first; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn stuck_outbox(&self, attempts: u32, limit: u32) -> Result<Vec<OutboxMessage>, StoreError>;

    /// How many events are not delivered yet.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn outbox_len(&self) -> Result<u64, StoreError>;
}

/// Forgets what is only kept for a while.
#[async_trait]
pub trait Retention: fmt::Debug + Send + Sync {
    /// Forgets at most `limit` each of the write-set ids committed before `write_sets` and the idempotency records made before
    /// `idempotency`. Returns how many.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn forget(
        &self,
        write_sets: Timestamp,
        idempotency: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError>;
}

/// Tells whether the store can be reached.
#[async_trait]
pub trait StoreHealth: fmt::Debug + Send + Sync {
    /// One cheap round trip to where writes go.
    ///
    /// # Errors
    /// [`StoreError`] when it can't be reached.
    async fn ping(&self) -> Result<(), StoreError>;
}

/// Everything a store must do. Implemented for whatever does it all.
pub trait Store:
    Commit
    + CartRepository
    + OrderRepository
    + StockRepository
    + ReservationRepository
    + IdempotencyRepository
    + OutboxRepository
    + StockOutboxRepository
    + InboxRepository
    + Retention
    + StoreHealth
    + 'static
{
}

impl<T> Store for T where
    T: Commit
        + CartRepository
        + OrderRepository
        + StockRepository
        + ReservationRepository
        + IdempotencyRepository
        + OutboxRepository
        + StockOutboxRepository
        + InboxRepository
        + Retention
        + StoreHealth
        + 'static
{
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::id::{IdSource as _, SeededIds};
    use crate::time::Duration;

    proptest! {
        #[test]
        fn orders_of_a_time_and_behind_a_cursor_are_between_two_ids(
            placed in 0_i64..9, from in prop::option::of(0_i64..9), before in prop::option::of(0_i64..9),
            after in prop::option::of(0_i64..9), is_newest_first in any::<bool>(), is_itself in any::<bool>(),
        ) {
            let at = |millis| Timestamp::UNIX_EPOCH + Duration::milliseconds(millis);
            let ids = SeededIds::new(1);
            let id = |millis| OrderId::from_uuid(ids.next(at(millis)));
            let placed_id = id(placed);
            let after = after.map(|after| if is_itself { placed_id } else { id(after) });
            let order = if is_newest_first { SortOrder::NewestFirst } else { SortOrder::OldestFirst };
            let page = PageRequest::first(1).sorted(order).after(after.map(Cursor::behind));
            let (placed_from, placed_before) = (from.map(at), before.map(at));
            let filter = OrderFilter { placed_from, placed_before, ..OrderFilter::default() };

            let (first, end) = filter.span(&page);
            let is_between = first.is_none_or(|first| placed_id >= first) && end.is_none_or(|end| placed_id < end);
            let is_of_the_time = from.is_none_or(|from| placed >= from) && before.is_none_or(|before| placed < before);
            let is_behind = after.is_none_or(|after| {
                if is_newest_first { placed_id < after } else { placed_id > after }
            });
            prop_assert_eq!(is_between, is_of_the_time && is_behind);
        }
    }
}
