use async_trait::async_trait;
use order_core::StoreError;
use order_core::cart::{Cart, CartOwner};
use order_core::id::CartId;
use order_core::store::CartRepository;
use order_core::time::Timestamp;

use super::SqliteStore;
use super::values::{blob, body, counter, uuid};

#[async_trait]
impl CartRepository for SqliteStore {
    async fn find_cart(&self, id: CartId) -> Result<Option<Cart>, StoreError> {
        let query = sqlx::query("SELECT body FROM carts WHERE id = ?").bind(blob(id.uuid()));
        self.optional("find a cart", query).await?.map(|row| body("carts", &row)).transpose()
    }

    async fn find_open_cart(&self, owner: &CartOwner) -> Result<Option<Cart>, StoreError> {
        let query = sqlx::query("SELECT body FROM carts WHERE owner_key = ? AND status = 'open'");
        let row = self.optional("find an open cart", query.bind(owner.key())).await?;
        row.map(|row| body("carts", &row)).transpose()
    }

    async fn expired_carts(&self, now: Timestamp, limit: u32) -> Result<Vec<(CartId, u64)>, StoreError> {
        let query = sqlx::query(
            "SELECT id, version FROM carts WHERE status = 'open' AND expires_at <= ? ORDER BY expires_at, id LIMIT +?",
        );
        let query = query.bind(now.timestamp_millis()).bind(i64::from(limit));
        let rows = self.all("find expired carts", query).await?;
        rows.iter()
            .map(|row| Ok((CartId::from_uuid(uuid("carts", row, 0)?), counter("carts", row, 1)?)))
            .collect()
    }
}
