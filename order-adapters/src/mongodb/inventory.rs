use ::mongodb::bson::{Bson, Document, doc};
use async_trait::async_trait;
use order_core::StoreError;
use order_core::id::{LocationId, ProductId, ReservationId};
use order_core::inventory::{Reservation, StockKey, StockLevel, StockRecord};
use order_core::store::{Page, ReservationRepository, StockCursor, StockRepository};
use order_core::time::Timestamp;

use super::MongoStore;
use super::documents::{RESERVATIONS, STOCK};
use super::list::Question;
use super::values::{body, corrupt, date, inner, number, text};

#[async_trait]
impl StockRepository for MongoStore {
    async fn stock_levels(&self, products: &[ProductId]) -> Result<Vec<StockLevel>, StoreError> {
        let found = self.all("read stock levels", of_products(products)).await?;
        found.iter().map(level).collect()
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

/// The levels of products, in the order of their keys.
pub(super) fn of_products(products: &[ProductId]) -> Question {
    Question::new(STOCK, doc! { "_id.product_id": { "$in": names(products) } })
        .walks("stock_by_product", doc! { "_id.product_id": 1, "_id.location": 1 })
}

fn names(products: &[ProductId]) -> Vec<Bson> {
    products.iter().map(|product| Bson::from(product.as_str())).collect()
}

/// A level as it is stored.
pub(super) fn level(document: &Document) -> Result<StockLevel, StoreError> {
    let id = inner(STOCK, document, "_id")?;
    let product = ProductId::new(text(STOCK, id, "product_id")?).map_err(|source| corrupt(STOCK, source))?;
    let location = LocationId::new(text(STOCK, id, "location")?).map_err(|source| corrupt(STOCK, source))?;
    let units = |field| number(STOCK, document, field);
    let key = StockKey::new(product, location);
    let low_at = document.contains_key("low_at").then(|| units("low_at")).transpose()?;
    Ok(StockLevel::new(key, units("on_hand")?, units("reserved")?, units("sold")?).with_low_at(low_at))
}

#[async_trait]
impl ReservationRepository for MongoStore {
    async fn find_reservation(&self, id: ReservationId) -> Result<Option<Reservation>, StoreError> {
        let found = self.one("find a reservation", RESERVATIONS, doc! { "_id": id.to_string() }).await?;
        found.map(|reservation| body(RESERVATIONS, reservation)).transpose()
    }

    async fn expired_reservations(
        &self,
        now: Timestamp,
        products: &[ProductId],
        limit: u32,
    ) -> Result<Vec<Reservation>, StoreError> {
        let found = self.all("find expired reservations", expired(now, products, limit)).await?;
        found.into_iter().map(|reservation| body(RESERVATIONS, reservation)).collect()
    }
}

/// Active reservations whose time is over, the longest first. What has expired is soon ended, so that there is never much of it
/// to look through for products.
pub(super) fn expired(now: Timestamp, products: &[ProductId], limit: u32) -> Question {
    let mut filter = doc! { "status": "active", "expires_at": { "$lte": date(now) } };
    if !products.is_empty() {
        filter.insert("products", doc! { "$in": names(products) });
    }
    Question::new(RESERVATIONS, filter)
        .fields(doc! { "body": 1 })
        .walks("reservations_expiring", doc! { "expires_at": 1, "_id": 1 })
        .limit(limit)
}
