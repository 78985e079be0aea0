//! What the measurements share: a shop with many products, and the orders its customers place.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;

use order_core::Engine;
use order_core::address::Address;
use order_core::cart::CartOwner;
use order_core::conformance::invariants::{self, Evidence};
use order_core::gateway::Product;
use order_core::id::{CustomerId, InvalidId, LocationId, ProductId, ProviderId, SellerId};
use order_core::inventory::StockKey;
use order_core::memory::{MemoryCatalogue, SimulatedGateway};
use order_core::money::{Currency, Money};
use order_core::order::{Actor, Tender};
use order_core::payment::PaymentMethod;
use order_core::service::{AddItem, OrderItem, PlaceOrder, Request};
use order_core::store::Store;

pub mod baseline;
pub mod figures;
pub mod measure;
pub mod stores;

/// What a part of a measurement ends with.
pub type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// An engine on a store, with products on its shelves and a simulated provider whose books can be read.
#[derive(Debug)]
pub struct Shop {
    engine: Engine,
    provider: Arc<SimulatedGateway>,
    stocked: BTreeMap<StockKey, i64>,
}

impl Shop {
    /// Opens a shop on an empty store, with so many units of each of its products.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn open(store: Arc<dyn Store>, products: usize, units: u32) -> Outcome<Self> {
        let provider = Arc::new(SimulatedGateway::default());
        let catalogue: MemoryCatalogue = (0..products).map(product).collect::<Result<_, _>>()?;
        let engine = Engine::builder(store)
            .catalogue(Arc::new(catalogue))
            .payment_gateway(simulated()?, Arc::clone(&provider) as _)
            .build()?;
        let shop = Request::by(Actor::Service("shop".to_owned()));
        let location = LocationId::new("main")?;
        let mut stocked = BTreeMap::new();
        for index in 0..products {
            let id = product_id(index)?;
            let level = engine.inventory().set(id, location.clone(), units, None, &shop).await?.value;
            stocked.insert(level.key, i64::from(units));
        }
        Ok(Self { engine, provider, stocked })
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The whole flow: a new cart, one unit of each product, put into it at once or one after the other, one order, paid by card.
    ///
    /// # Errors
    /// As the engine's; or when the order is not paid in the end.
    pub async fn buy(
        &self,
        customer: &CustomerId,
        products: &[usize],
        is_at_once: bool,
    ) -> order_core::Result<()> {
        let owner = CartOwner::Customer(customer.clone());
        let item = |product: &usize| {
            let product_id = product_id(*product).map_err(|_| INVALID)?;
            Ok(AddItem { product_id, quantity: 1, seller_id: None })
        };
        let items = products.iter().map(item).collect::<order_core::Result<Vec<_>>>()?;
        if is_at_once {
            self.engine.carts().add_items(&owner, &items, None).await?;
        } else {
            for item in items {
                self.engine.carts().add_item(&owner, item, None).await?;
            }
        }
        let tender = Tender::card(simulated().map_err(|_| INVALID)?, None);
        let request = Request::by(Actor::Customer(customer.clone()));
        let order =
            self.engine.orders().place(PlaceOrder::from_cart(address(), tender), &request).await?.value;
        if order.captured()? == order.totals.total {
            Ok(())
        } else {
            Err(order_core::Error::Internal("an order is not paid"))
        }
    }

    /// Only the order: one unit of each product, paid on delivery. It is one decision and one commit.
    ///
    /// # Errors
    /// As the engine's.
    pub async fn place(&self, customer: &CustomerId, products: &[usize]) -> order_core::Result<()> {
        let order = order_of(products).map_err(|_| INVALID)?;
        let request = Request::by(Actor::Customer(customer.clone()));
        self.engine.orders().place(order, &request).await.map(drop)
    }

    /// How many units of all so many products were sold or are held for an order.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn taken(&self, products: usize) -> Outcome<i64> {
        let ids: Vec<ProductId> = (0..products).map(product_id).collect::<Result<_, _>>()?;
        let levels = self.engine.inventory().levels(&ids).await?;
        Ok(levels.iter().map(|level| level.sold + level.reserved).sum())
    }

    /// What does not hold of the stock, the orders' totals and histories, and the provider's books.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn audit(&self) -> Outcome<Vec<String>> {
        let evidence = Evidence {
            books: &self.provider.books(),
            stocked: &self.stocked,
            sold_elsewhere: &BTreeMap::new(),
            heard: None,
            heard_stock: None,
            is_at_rest: false,
            now: self.engine.clock().now(),
        };
        Ok(invariants::check(&**self.engine.store(), &evidence).await?)
    }
}

const INVALID: order_core::Error = order_core::Error::Internal("a text of the measurement is no id");

/// A product of the shop. There are three sellers.
///
/// # Errors
/// None: the texts are good ids.
pub fn product(index: usize) -> Result<Product, InvalidId> {
    let seller = SellerId::new(format!("seller-{}", index % 3))?;
    let minor = i64::try_from(index % 50).unwrap_or(0) * 100 + 995;
    let price = Money::from_minor(minor, Currency::EUR);
    Ok(Product::new(product_id(index)?, format!("Product number {index}"), seller, price))
}

/// Its id.
///
/// # Errors
/// None: the text is a good id.
pub fn product_id(index: usize) -> Result<ProductId, InvalidId> {
    ProductId::new(format!("SKU-{index:05}"))
}

/// The simulated provider's name.
///
/// # Errors
/// None: the text is a good id.
pub fn simulated() -> Result<ProviderId, InvalidId> {
    ProviderId::new("simulated")
}

/// One unit of each product, paid on delivery.
///
/// # Errors
/// None: the texts are good ids.
pub fn order_of(products: &[usize]) -> Result<PlaceOrder, InvalidId> {
    let item = |index: &usize| Ok(OrderItem { product_id: product_id(*index)?, quantity: 1, price: None });
    let tender = Tender { method: PaymentMethod::Cod, ..Tender::card(simulated()?, None) };
    Ok(PlaceOrder {
        items: Some(products.iter().map(item).collect::<Result<_, InvalidId>>()?),
        ..PlaceOrder::from_cart(address(), tender)
    })
}

/// Where every order goes.
pub fn address() -> Address {
    Address {
        line1: "12 Harbour Street".to_owned(),
        line2: None,
        city: "Cork".to_owned(),
        state: None,
        postal_code: "T12 X70A".to_owned(),
        country: "IE".to_owned(),
        contact_name: Some("Aoife Byrne".to_owned()),
        contact_phone: None,
    }
}
