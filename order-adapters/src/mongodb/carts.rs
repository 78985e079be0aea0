use ::mongodb::bson::doc;
use async_trait::async_trait;
use order_core::StoreError;
use order_core::cart::{Cart, CartOwner};
use order_core::id::CartId;
use order_core::store::CartRepository;
use order_core::time::Timestamp;

use super::MongoStore;
use super::documents::CARTS;
use super::list::Question;
use super::values::{body, counter, date, parsed};

#[async_trait]
impl CartRepository for MongoStore {
    async fn find_cart(&self, id: CartId) -> Result<Option<Cart>, StoreError> {
        let found = self.one("find a cart", CARTS, doc! { "_id": id.to_string() }).await?;
        found.map(|cart| body(CARTS, cart)).transpose()
    }

    async fn find_open_cart(&self, owner: &CartOwner) -> Result<Option<Cart>, StoreError> {
        let filter = doc! { "owner": owner.key(), "status": "open" };
        let found = self.one("find an open cart", CARTS, filter).await?;
        found.map(|cart| body(CARTS, cart)).transpose()
    }

    async fn expired_carts(&self, now: Timestamp, limit: u32) -> Result<Vec<(CartId, u64)>, StoreError> {
        let found = self.all("find expired carts", expired(now, limit)).await?;
        let cart =
            |cart| Ok((CartId::from_uuid(parsed(CARTS, cart, "_id")?), counter(CARTS, cart, "version")?));
        found.iter().map(cart).collect()
    }
}

/// Open carts whose time is over, the longest first.
pub(super) fn expired(now: Timestamp, limit: u32) -> Question {
    Question::new(CARTS, doc! { "status": "open", "expires_at": { "$lte": date(now) } })
        .fields(doc! { "version": 1 })
        .walks("carts_expiring", doc! { "expires_at": 1, "_id": 1 })
        .limit(limit)
}
