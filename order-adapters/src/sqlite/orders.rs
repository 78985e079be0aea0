use std::sync::Arc;

use async_trait::async_trait;
use order_core::StoreError;
use order_core::id::{OrderId, OrderNumber, PaymentId, ProviderId, ProviderReference};
use order_core::order::{EventRecord, Order};
use order_core::store::{OrderFilter, OrderRepository, Page, PageRequest};
use order_core::time::Timestamp;
use sqlx::sqlite::SqliteRow;

use super::list::{BETWEEN_ORDERS, list};
use super::values::{blob, body, column, corrupt, counter, uuid};
use super::{Query, SqliteStore};
use crate::history::{self, Told};

/// The [text](history::order_of_text) of an order `o`.
macro_rules! text {
    () => {
        "o.version || ' ' || o.body || coalesce((
            SELECT group_concat(body, '') FROM (
                SELECT e.body FROM events AS e
                WHERE e.order_id = o.id AND e.sequence > coalesce(o.body_version, o.version)
                ORDER BY e.sequence)), '')"
    };
}
pub(super) use text;

/// What [`order`] reads.
macro_rules! whole_order {
    ($suffix:literal) => {
        concat!("SELECT ", text!(), " FROM orders AS o WHERE ", $suffix)
    };
}

pub(super) const BY_ID: &str = whole_order!("o.id = ?");
const BY_NUMBER: &str = whole_order!("o.number = ?");
const BY_PAYMENT: &str = whole_order!("o.id = (SELECT order_id FROM payments WHERE id = ?)");

/// The newest order with a payment that its provider calls so.
pub(super) const BY_REFERENCE: &str = whole_order!(
    "o.id = (
        SELECT order_id FROM payments WHERE provider_reference = ? AND provider = ? ORDER BY order_id DESC LIMIT 1)"
);

/// An order, from a row.
fn order(row: &SqliteRow) -> Result<Order, StoreError> {
    history::order_of_text(column("orders", row, 0)?).map_err(|source| corrupt("orders", source))
}

impl SqliteStore {
    async fn one_order(&self, query: Query<'_>) -> Result<Option<Order>, StoreError> {
        self.optional("find an order", query).await?.as_ref().map(order).transpose()
    }
}

#[async_trait]
impl OrderRepository for SqliteStore {
    async fn find_order(&self, id: OrderId) -> Result<Option<Order>, StoreError> {
        self.one_order(sqlx::query(BY_ID).bind(blob(id.uuid()))).await
    }

    async fn find_order_by_number(&self, number: &OrderNumber) -> Result<Option<Order>, StoreError> {
        self.one_order(sqlx::query(BY_NUMBER).bind(number.as_str())).await
    }

    async fn find_order_by_payment(&self, id: PaymentId) -> Result<Option<Order>, StoreError> {
        self.one_order(sqlx::query(BY_PAYMENT).bind(blob(id.uuid()))).await
    }

    async fn find_order_by_reference(
        &self,
        provider: &ProviderId,
        reference: &ProviderReference,
    ) -> Result<Option<Order>, StoreError> {
        let query = sqlx::query(BY_REFERENCE).bind(reference.as_str()).bind(provider.as_str());
        self.one_order(query).await
    }

    async fn list_orders(
        &self,
        filter: &OrderFilter,
        page: PageRequest,
    ) -> Result<Page<Arc<Order>>, StoreError> {
        let mut query = list(filter, page);
        let row = self.all("list orders", query.build()).await?.pop();
        let found: Option<&str> = row.as_ref().map(|row| column("orders", row, 0)).transpose()?.flatten();
        let mut found = found.into_iter().flat_map(|page| page.split(BETWEEN_ORDERS));
        let limit = usize::try_from(page.limit()).unwrap_or(usize::MAX);
        let order = |text| self.listed.order(text).map_err(|source| corrupt("orders", source));
        let items: Vec<Arc<Order>> = found.by_ref().take(limit).map(order).collect::<Result<_, _>>()?;
        let next = items.last().filter(|_| found.next().is_some());
        let next = next.map(|order| order_core::store::Cursor::behind(order.id));
        Ok(Page::new(items, next))
    }

    async fn due_orders(&self, now: Timestamp, limit: u32) -> Result<Vec<OrderId>, StoreError> {
        let query = sqlx::query("SELECT id FROM orders WHERE due_at <= ? ORDER BY due_at, id LIMIT +?");
        let query = query.bind(now.timestamp_millis()).bind(i64::from(limit));
        let rows = self.all("find due orders", query).await?;
        rows.iter().map(|row| uuid("orders", row, 0).map(OrderId::from_uuid)).collect()
    }

    async fn history(&self, id: OrderId) -> Result<Vec<EventRecord>, StoreError> {
        let query = sqlx::query("SELECT body, sequence FROM events WHERE order_id = ? ORDER BY sequence");
        let rows = self.all("read a history", query.bind(blob(id.uuid()))).await?;
        let mut history = Vec::new();
        for row in &rows {
            let told: Told = body("events", row)?;
            history.extend(told.records(id, counter("events", row, 1)?));
        }
        Ok(history)
    }
}
