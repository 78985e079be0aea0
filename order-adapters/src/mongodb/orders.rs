use ::mongodb::bson::{Document, doc};
use async_trait::async_trait;
use order_core::StoreError;
use order_core::id::{OrderId, OrderNumber, PaymentId, ProviderId, ProviderReference};
use order_core::order::{EventRecord, Order};
use order_core::store::{Cursor, OrderFilter, OrderRepository, Page, PageRequest};
use order_core::time::Timestamp;

use super::MongoStore;
use super::documents::{EVENTS, ORDERS};
use super::list::{Question, list};
use super::values::{body, counter, date, inner, parsed};
use crate::history::Told;

#[async_trait]
impl OrderRepository for MongoStore {
    async fn find_order(&self, id: OrderId) -> Result<Option<Order>, StoreError> {
        self.one_order("_id", &id.to_string()).await
    }

    async fn find_order_by_number(&self, number: &OrderNumber) -> Result<Option<Order>, StoreError> {
        self.one_order("number", number.as_str()).await
    }

    async fn find_order_by_payment(&self, id: PaymentId) -> Result<Option<Order>, StoreError> {
        self.one_order("payments.id", &id.to_string()).await
    }

    async fn find_order_by_reference(
        &self,
        provider: &ProviderId,
        reference: &ProviderReference,
    ) -> Result<Option<Order>, StoreError> {
        let found = self.all("find an order", by_reference(provider, reference)).await?;
        found.into_iter().next().map(|order| body(ORDERS, order)).transpose()
    }

    async fn list_orders(&self, filter: &OrderFilter, page: PageRequest) -> Result<Page<Order>, StoreError> {
        let found = self.stale("list orders", list(filter, page)).await?;
        let limit = usize::try_from(page.limit()).unwrap_or(usize::MAX);
        let has_more = found.len() > limit;
        let items: Vec<Order> =
            found.into_iter().take(limit).map(|order| body(ORDERS, order)).collect::<Result<_, _>>()?;
        let next = items.last().filter(|_| has_more).map(|order| Cursor::behind(order.id));
        Ok(Page::new(items, next))
    }

    async fn due_orders(&self, now: Timestamp, limit: u32) -> Result<Vec<OrderId>, StoreError> {
        let found = self.all("find due orders", due(now, limit)).await?;
        found.iter().map(|order| parsed(ORDERS, order, "_id").map(OrderId::from_uuid)).collect()
    }

    async fn history(&self, id: OrderId) -> Result<Vec<EventRecord>, StoreError> {
        // From the primary: a repeated request is answered from it.
        let found = self.all("read a history", history(id, 1)).await?;
        let mut history = Vec::new();
        for chapter in found {
            let (_, last, told) = told(chapter)?;
            history.extend(told.records(id, last));
        }
        Ok(history)
    }
}

impl MongoStore {
    async fn one_order(&self, field: &str, value: &str) -> Result<Option<Order>, StoreError> {
        let found = self.one("find an order", ORDERS, doc! { field: value }).await?;
        found.map(|order| body(ORDERS, order)).transpose()
    }
}

/// A chapter: of which order it is, the number of its last event, and what it tells.
pub(super) fn told(chapter: Document) -> Result<(OrderId, u64, Told), StoreError> {
    let id = inner(EVENTS, &chapter, "_id")?;
    let order = OrderId::from_uuid(parsed(EVENTS, id, "order_id")?);
    let last = counter(EVENTS, id, "sequence")?;
    Ok((order, last, body(EVENTS, chapter)?))
}

/// The newest order with a payment that its provider calls so.
pub(super) fn by_reference(provider: &ProviderId, reference: &ProviderReference) -> Question {
    let both = doc! { "provider": provider.as_str(), "reference": reference.as_str() };
    // The first condition finds the index.
    let filter = doc! { "payments.reference": reference.as_str(), "payments": { "$elemMatch": both } };
    Question::new(ORDERS, filter)
        .fields(doc! { "body": 1 })
        .walks("orders_by_reference", doc! { "_id": -1 })
        .limit(1)
}

/// Orders that somebody has to look at, the longest due first.
pub(super) fn due(now: Timestamp, limit: u32) -> Question {
    Question::new(ORDERS, doc! { "due_at": { "$lte": date(now) } })
        .fields(doc! { "_id": 1 })
        .walks("orders_due", doc! { "due_at": 1, "_id": 1 })
        .limit(limit)
}

/// The chapters of an order that end with this event or a later one, in their sequence.
pub(super) fn history(id: OrderId, from: i64) -> Question {
    let order = id.to_string();
    let from = doc! { "order_id": &order, "sequence": from };
    let to = doc! { "order_id": order, "sequence": i64::MAX };
    Question::new(EVENTS, doc! { "_id": { "$gte": from, "$lte": to } }).walks("_id_", doc! { "_id": 1 })
}
