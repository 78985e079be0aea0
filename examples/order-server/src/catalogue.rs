//! The demo catalogue: eight products of three sellers, and the stock that is received at the first start.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use order_core::gateway::Product;
use order_core::id::{InvalidId, LocationId, ProductId, SellerId, WriteSetId};
use order_core::inventory::{StockChange, StockEntry, StockEvent, StockKey};
use order_core::memory::MemoryCatalogue;
use order_core::money::{Currency, Money};
use order_core::order::Actor;
use order_core::store::{CommitOutcome, WriteSet};
use order_core::{Engine, Error, Result};
use serde_json::json;

use crate::problem;

/// The sellers of the demo catalogue.
pub const SELLERS: [&str; 3] = ["north-tea", "harbour-ceramics", "paper-works"];

/// Id, name, seller and price in minor units.
const PRODUCTS: [(&str, &str, &str, i64); 8] = [
    ("TEA-GREEN", "Green tea, 100 g", "north-tea", 1_230),
    ("TEA-BLACK", "Black tea, 100 g", "north-tea", 990),
    ("TEA-SAMPLER", "Tea sampler", "north-tea", 3_450),
    ("MUG-BLUE", "Blue mug", "harbour-ceramics", 1_450),
    ("POT-CAST", "Cast-iron pot", "harbour-ceramics", 6_900),
    ("BOWL-RICE", "Rice bowl", "harbour-ceramics", 850),
    ("BOOK-TEA", "The Book of Tea", "paper-works", 1_999),
    ("CARD-GIFT", "Gift card and envelope", "paper-works", 333),
];

/// The demo products, in the order in which they are shown.
#[derive(Debug, Clone)]
pub struct DemoCatalogue {
    products: Vec<Product>,
}

impl DemoCatalogue {
    /// The products, priced in a currency.
    ///
    /// # Errors
    /// None: the texts are good ids.
    pub fn new(currency: Currency) -> std::result::Result<Self, InvalidId> {
        let product = |(id, name, seller, minor): &(&str, &str, &str, i64)| {
            let price = Money::from_minor(*minor, currency);
            Ok(Product::new(ProductId::new(id)?, *name, SellerId::new(seller)?, price))
        };
        Ok(Self { products: PRODUCTS.iter().map(product).collect::<std::result::Result<_, InvalidId>>()? })
    }

    /// As the engine's catalogue.
    pub fn port(&self) -> MemoryCatalogue {
        self.products.iter().cloned().collect()
    }

    fn ids(&self) -> Vec<ProductId> {
        self.products.iter().map(|product| product.id.clone()).collect()
    }

    /// Receives so many units of each product that was never in stock. Of two servers that start at once one does it.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn receive_stock(&self, engine: &Engine, location: &LocationId, units: u32) -> Result<()> {
        let known = engine.inventory().levels(&self.ids()).await?;
        for id in self.ids() {
            if known.iter().any(|level| level.key.product_id == id) {
                continue;
            }
            let now = engine.clock().now();
            let mut set = WriteSet::new(WriteSetId::new(&**engine.ids(), now), now);
            let received = StockChange::adjust(units.into()).if_on_hand(0);
            let event = StockEvent::Received { units: units.into() };
            let server = Actor::Service("order-server".to_owned());
            let entry = StockEntry::new(event, server, Some("demo stock".to_owned()), None);
            set.record_stock(StockKey::new(id, location.clone()), received, entry);
            match engine.store().commit(&set).await? {
                CommitOutcome::Applied | CommitOutcome::Refused(_) => {}
                CommitOutcome::Unknown => return Err(Error::OutcomeUnknown),
            }
        }
        Ok(())
    }

    /// `GET /products`.
    pub fn routes(self, engine: Engine) -> Router {
        Router::new().route("/products", get(list)).with_state(Arc::new((self, engine)))
    }
}

async fn list(State(shop): State<Arc<(DemoCatalogue, Engine)>>) -> Response {
    let (catalogue, engine) = &*shop;
    let levels = match engine.inventory().levels(&catalogue.ids()).await {
        Ok(levels) => levels,
        Err(error) => return problem::of(error),
    };
    let items: Vec<_> = catalogue
        .products
        .iter()
        .map(|product| {
            let of_product = levels.iter().filter(|level| level.key.product_id == product.id);
            let available = of_product.fold(0_i64, |sum, level| sum.saturating_add(level.available().max(0)));
            json!({
                "product_id": product.id,
                "name": product.name,
                "price": { "amount": product.price.amount().to_string(), "currency": product.price.currency().code() },
                "seller_id": product.seller_id,
                "available": available,
            })
        })
        .collect();
    Json(json!({ "items": items, "next_cursor": null })).into_response()
}
