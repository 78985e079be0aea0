use async_trait::async_trait;
use order_core::StoreError;
use order_core::id::{LocationId, ProductId, ReservationId};
use order_core::inventory::{Reservation, StockKey, StockLevel, StockRecord};
use order_core::store::{Page, ReservationRepository, StockCursor, StockRepository};
use order_core::time::Timestamp;
use sqlx::postgres::PgRow;

use super::PostgresStore;
use super::values::{body, column, corrupt};

#[async_trait]
impl StockRepository for PostgresStore {
    async fn stock_levels(&self, products: &[ProductId]) -> Result<Vec<StockLevel>, StoreError> {
        // The planner does not see how many they are: it would plan anew each time for so few.
        let query = sqlx::query(self.sql(
            "SELECT product_id, location, on_hand, reserved, sold, low_at FROM {schema}.stock
             WHERE product_id = ANY ((SELECT $1)::text[]) ORDER BY product_id, location",
        ));
        let rows = self.all("read stock levels", query.bind(names(products))).await?;
        rows.iter().map(level).collect()
    }

    async fn stock_records(
        &self,
        product: &ProductId,
        location: Option<&LocationId>,
        after: Option<&StockCursor>,
        limit: u32,
    ) -> Result<Page<StockRecord, StockCursor>, StoreError> {
        self.records(product, location, after, limit).await
    }
}

fn names(products: &[ProductId]) -> Vec<&str> {
    products.iter().map(ProductId::as_str).collect()
}

/// A level in the first six columns of a row.
pub(super) fn level(row: &PgRow) -> Result<StockLevel, StoreError> {
    const TABLE: &str = "stock";
    let product = ProductId::new(column::<&str>(TABLE, row, 0)?).map_err(|source| corrupt(TABLE, source))?;
    let location =
        LocationId::new(column::<&str>(TABLE, row, 1)?).map_err(|source| corrupt(TABLE, source))?;
    let level = StockLevel::new(
        StockKey::new(product, location),
        column(TABLE, row, 2)?,
        column(TABLE, row, 3)?,
        column(TABLE, row, 4)?,
    );
    Ok(level.with_low_at(column(TABLE, row, 5)?))
}

#[async_trait]
impl ReservationRepository for PostgresStore {
    async fn find_reservation(&self, id: ReservationId) -> Result<Option<Reservation>, StoreError> {
        let query =
            sqlx::query(self.sql("SELECT body FROM {schema}.reservations WHERE id = $1")).bind(id.uuid());
        let row = self.optional("find a reservation", query).await?;
        row.map(|row| body("reservations", &row)).transpose()
    }

    async fn expired_reservations(
        &self,
        now: Timestamp,
        products: &[ProductId],
        limit: u32,
    ) -> Result<Vec<Reservation>, StoreError> {
        // What has expired is soon ended, so there is never much of it to look through.
        let query = sqlx::query(self.sql(if products.is_empty() {
            "SELECT body FROM {schema}.reservations WHERE status = 'active' AND expires_at <= $1
             ORDER BY expires_at, id LIMIT $2"
        } else {
            "SELECT body FROM {schema}.reservations WHERE status = 'active' AND expires_at <= $1 AND products && $3
             ORDER BY expires_at, id LIMIT $2"
        }));
        let query = query.bind(now.timestamp_millis()).bind(i64::from(limit));
        let query = if products.is_empty() { query } else { query.bind(names(products)) };
        let rows = self.all("find expired reservations", query).await?;
        rows.iter().map(|row| body("reservations", row)).collect()
    }
}
