use std::sync::Arc;

use ::mongodb::bson::doc;
use async_trait::async_trait;
use order_core::StoreError;
use order_core::id::{OrderId, OrderNumber, PaymentId, ProviderId, ProviderReference};
use order_core::order::{EventRecord, Order};
use order_core::store::{Cursor, OrderFilter, OrderRepository, Page, PageRequest};
use order_core::time::Timestamp;

use super::MongoStore;
use super::chapters::{Chapter, documents, order, whole};
use super::documents::ORDERS;
use super::list::{Question, list};
use super::values::{bounded, counter, date, parsed};

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
        found.into_iter().next().map(order).transpose()
    }

    async fn list_orders(
        &self,
        filter: &OrderFilter,
        page: PageRequest,
    ) -> Result<Page<Arc<Order>>, StoreError> {
        let found = self.stale("list orders", list(filter, page)).await?;
        let limit = usize::try_from(page.limit()).unwrap_or(usize::MAX);
        let has_more = found.len() > limit;
        let found = found.into_iter().take(limit).map(|found| order(found).map(Arc::new));
        let items: Vec<Arc<Order>> = found.collect::<Result<_, _>>()?;
        let next = items.last().filter(|_| has_more).map(|order| Cursor::behind(order.id));
        Ok(Page::new(items, next))
    }

    async fn due_orders(&self, now: Timestamp, limit: u32) -> Result<Vec<OrderId>, StoreError> {
        let found = self.all("find due orders", due(now, limit)).await?;
        found.iter().map(|order| parsed(ORDERS, order, "_id").map(OrderId::from_uuid)).collect()
    }

    async fn history(&self, id: OrderId) -> Result<Vec<EventRecord>, StoreError> {
        // From the primary: a repeated request is answered from it.
        let Some(mut order) = self.all("read a history", beginning(id)).await?.pop() else {
            return Ok(Vec::new());
        };
        let last = counter(ORDERS, &order, "last_sequence")?;
        let mut chapters = Chapter::in_order(&mut order)?;
        let told: usize = chapters.iter().map(|chapter| chapter.told.len()).sum();
        if u64::try_from(told) != Ok(last) {
            for document in self.all("read a history", documents(id, 1, bounded(last))).await? {
                chapters.push(Chapter::of_document(document)?.1);
            }
            chapters.sort_unstable_by_key(|chapter| chapter.last);
        }
        Ok(chapters.into_iter().flat_map(|chapter| chapter.told.records(id, chapter.last)).collect())
    }
}

impl MongoStore {
    async fn one_order(&self, field: &str, value: &str) -> Result<Option<Order>, StoreError> {
        let found = self.one("find an order", ORDERS, doc! { field: value }).await?;
        found.map(order).transpose()
    }
}

/// What an order's document tells of its history.
fn beginning(id: OrderId) -> Question {
    let fields = doc! { "history": 1, "last_sequence": 1 };
    Question::new(ORDERS, doc! { "_id": id.to_string() }).fields(fields)
}

/// The newest order with a payment that its provider calls so.
pub(super) fn by_reference(provider: &ProviderId, reference: &ProviderReference) -> Question {
    let both = doc! { "provider": provider.as_str(), "reference": reference.as_str() };
    // The first condition finds the index.
    let filter = doc! { "payments.reference": reference.as_str(), "payments": { "$elemMatch": both } };
    Question::new(ORDERS, filter).fields(whole()).walks("orders_by_reference", doc! { "_id": -1 }).limit(1)
}

/// Orders that somebody has to look at, the longest due first.
pub(super) fn due(now: Timestamp, limit: u32) -> Question {
    Question::new(ORDERS, doc! { "due_at": { "$lte": date(now) } })
        .fields(doc! { "_id": 1 })
        .walks("orders_due", doc! { "due_at": 1, "_id": 1 })
        .limit(limit)
}
