use async_trait::async_trait;
use order_core::StoreError;
use order_core::id::{LocationId, ProductId, ReservationId};
use order_core::inventory::{Reservation, StockKey, StockLevel, StockRecord};
use order_core::store::{Page, ReservationRepository, StockCursor, StockRepository};
use order_core::time::Timestamp;
use sqlx::sqlite::SqliteRow;

use super::SqliteStore;
use super::values::{blob, body, column, corrupt, json};

#[async_trait]
impl StockRepository for SqliteStore {
    async fn stock_levels(&self, products: &[ProductId]) -> Result<Vec<StockLevel>, StoreError> {
        let query = sqlx::query(
            "SELECT product_id, location, on_hand, reserved, sold, low_at FROM stock
             WHERE product_id IN (SELECT value FROM json_each(?)) ORDER BY product_id, location",
        );
        let rows = self.few("read stock levels", query.bind(json(&products)?)).await?;
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

/// A level in the first six columns of a row.
pub(super) fn level(row: &SqliteRow) -> Result<StockLevel, StoreError> {
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

/// Active reservations whose time was over at an instant, so many of them.
pub(super) const EXPIRED: &str = "SELECT body FROM reservations WHERE status = 'active' AND expires_at <= ?1 ORDER BY expires_at, id LIMIT +?2";

/// Those that hold one of several products. What has expired is soon ended, so there is never much of it to look through.
pub(super) const EXPIRED_OF_PRODUCTS: &str =
    "SELECT body FROM reservations WHERE status = 'active' AND expires_at <= ?1
        AND EXISTS (SELECT 1 FROM json_each(products) WHERE value IN (SELECT value FROM json_each(?3)))
     ORDER BY expires_at, id LIMIT +?2";

#[async_trait]
impl ReservationRepository for SqliteStore {
    async fn find_reservation(&self, id: ReservationId) -> Result<Option<Reservation>, StoreError> {
        let query = sqlx::query("SELECT body FROM reservations WHERE id = ?").bind(blob(id.uuid()));
        let row = self.optional("find a reservation", query).await?;
        row.map(|row| body("reservations", &row)).transpose()
    }

    async fn expired_reservations(
        &self,
        now: Timestamp,
        products: &[ProductId],
        limit: u32,
    ) -> Result<Vec<Reservation>, StoreError> {
        let query = sqlx::query(if products.is_empty() { EXPIRED } else { EXPIRED_OF_PRODUCTS });
        let query = query.bind(now.timestamp_millis()).bind(i64::from(limit));
        let query = if products.is_empty() { query } else { query.bind(json(&products)?) };
        let rows = self.all("find expired reservations", query).await?;
        rows.iter().map(|row| body("reservations", row)).collect()
    }
}
