use std::sync::Arc;

use async_trait::async_trait;
use order_core::StoreError;
use order_core::id::{OrderId, OrderNumber, PaymentId, ProviderId, ProviderReference};
use order_core::order::{EventRecord, Order};
use order_core::store::{OrderFilter, OrderRepository, Page, PageRequest};
use order_core::time::Timestamp;
use sqlx::postgres::PgRow;

use super::PostgresStore;
use super::list::list;
use super::statement::Query;
use super::values::{body, column, corrupt, counter, uuid};
use crate::history::{self, Told};

/// What [`text`] reads of an order `o`.
macro_rules! whole_order {
    ($suffix:literal) => {
        concat!(
            "SELECT concat(o.version, ' ', o.body, (
                SELECT string_agg(e.body, '' ORDER BY e.sequence) FROM {schema}.events AS e
                WHERE e.order_id = o.id AND e.sequence > coalesce(o.body_version, o.version)
            )) FROM ",
            $suffix
        )
    };
}
pub(super) use whole_order;

const BY_ID: &str = whole_order!("{schema}.orders AS o WHERE o.id = $1");
const BY_NUMBER: &str = whole_order!("{schema}.orders AS o WHERE o.number = $1");
const BY_PAYMENT: &str =
    whole_order!("{schema}.orders AS o WHERE o.id = (SELECT order_id FROM {schema}.payments WHERE id = $1)");
const BY_REFERENCE: &str = whole_order!(
    "{schema}.orders AS o WHERE o.id = (
        SELECT order_id FROM {schema}.payments WHERE provider_reference = $1 AND provider = $2
        ORDER BY order_id DESC LIMIT 1)"
);

/// An order's [text](history::order_of_text).
fn text(row: &PgRow) -> Result<&str, StoreError> {
    column("orders", row, 0)
}

fn order(row: &PgRow) -> Result<Order, StoreError> {
    history::order_of_text(text(row)?).map_err(|source| corrupt("orders", source))
}

impl PostgresStore {
    async fn one_order(&self, query: Query<'_>) -> Result<Option<Order>, StoreError> {
        self.optional("find an order", query).await?.as_ref().map(order).transpose()
    }
}

#[async_trait]
impl OrderRepository for PostgresStore {
    async fn find_order(&self, id: OrderId) -> Result<Option<Order>, StoreError> {
        self.one_order(sqlx::query(self.sql(BY_ID)).bind(id.uuid())).await
    }

    async fn find_order_by_number(&self, number: &OrderNumber) -> Result<Option<Order>, StoreError> {
        self.one_order(sqlx::query(self.sql(BY_NUMBER)).bind(number.as_str())).await
    }

    async fn find_order_by_payment(&self, id: PaymentId) -> Result<Option<Order>, StoreError> {
        self.one_order(sqlx::query(self.sql(BY_PAYMENT)).bind(id.uuid())).await
    }

    async fn find_order_by_reference(
        &self,
        provider: &ProviderId,
        reference: &ProviderReference,
    ) -> Result<Option<Order>, StoreError> {
        let query = sqlx::query(self.sql(BY_REFERENCE)).bind(reference.as_str()).bind(provider.as_str());
        self.one_order(query).await
    }

    async fn list_orders(
        &self,
        filter: &OrderFilter,
        page: PageRequest,
    ) -> Result<Page<Arc<Order>>, StoreError> {
        let mut query = list(&self.schema, filter, page);
        let rows = self.rows(&self.stale, "list orders", query.build()).await?;
        let limit = usize::try_from(page.limit()).unwrap_or(usize::MAX);
        let order = |row| self.listed.order(text(row)?).map_err(|source| corrupt("orders", source));
        let items: Vec<Arc<Order>> = rows.iter().take(limit).map(order).collect::<Result<_, _>>()?;
        let has_more = rows.len() > limit;
        let next = items.last().filter(|_| has_more).map(|order| order_core::store::Cursor::behind(order.id));
        Ok(Page::new(items, next))
    }

    async fn due_orders(&self, now: Timestamp, limit: u32) -> Result<Vec<OrderId>, StoreError> {
        let query = sqlx::query(
            self.sql("SELECT id FROM {schema}.orders WHERE due_at <= $1 ORDER BY due_at, id LIMIT $2"),
        );
        let query = query.bind(now.timestamp_millis()).bind(i64::from(limit));
        let rows = self.all("find due orders", query).await?;
        rows.iter().map(|row| uuid("orders", row, 0).map(OrderId::from_uuid)).collect()
    }

    async fn history(&self, id: OrderId) -> Result<Vec<EventRecord>, StoreError> {
        let query = sqlx::query(
            self.sql("SELECT body, sequence FROM {schema}.events WHERE order_id = $1 ORDER BY sequence"),
        );
        // From the primary: a repeated request is answered from it.
        let rows = self.all("read a history", query.bind(id.uuid())).await?;
        let mut history = Vec::new();
        for row in &rows {
            let told: Told = body("events", row)?;
            history.extend(told.records(id, counter("events", row, 1)?));
        }
        Ok(history)
    }
}
