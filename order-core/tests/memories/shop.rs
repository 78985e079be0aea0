//! A shop with one customer, and what they ask of its engines.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use order_core::cart::{Cart, CartOwner};
use order_core::gateway::{GatewayError, Hook, Product, Step, Veto};
use order_core::id::{CustomerId, LocationId, ProductId, ProviderId, SellerId};
use order_core::memory::MemoryCatalogue;
use order_core::money::{Currency, Money};
use order_core::order::{Actor, Order, Tender};
use order_core::payment::PaymentMethod;
use order_core::service::{AddItem, Engine, PlaceOrder, Request};
use order_core::time::{Duration, ManualClock};

use crate::address::address;
use crate::noting::Noting;

/// A shop with one customer, which several engines work on.
pub(crate) struct Shop {
    store: Arc<Noting>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) hook: Arc<Refusing>,
}

pub(crate) const PRODUCTS: usize = 4;

/// For how long an engine remembers what was in stock.
pub(crate) const MOMENT: Duration = Duration::seconds(1);

impl Shop {
    /// With twenty units of each product.
    pub(crate) async fn open() -> Self {
        let shop = Self { store: Arc::new(Noting::new()), clock: Arc::default(), hook: Arc::default() };
        for product in 0..PRODUCTS {
            count(&shop.engine(), product, 20).await.unwrap();
        }
        shop
    }

    pub(crate) fn engine(&self) -> Engine {
        let goods = (0..PRODUCTS).map(|product| {
            let price = Money::from_minor(1_230, Currency::EUR);
            Product::new(product_id(product), "Something", SellerId::new("north").unwrap(), price)
        });
        Engine::builder(self.store.clone())
            .catalogue(Arc::new(goods.collect::<MemoryCatalogue>()))
            .clock(self.clock.clone())
            .hook(self.hook.clone())
            .build()
            .unwrap()
    }

    /// How often the store was asked for a cart, and to commit, since the last time.
    pub(crate) fn asked(&self) -> (usize, usize) {
        let asked = self.store.take();
        let count = |name| asked.iter().filter(|asked| **asked == name).count();
        (count("find_open_cart"), count("commit"))
    }

    /// Whether the store was asked for stock since the last time.
    pub(crate) fn was_asked_for_stock(&self) -> bool {
        self.store.take().contains(&"stock_levels")
    }
}

/// A hook that refuses orders of more than ten units, and counts how often it is asked.
#[derive(Debug, Default)]
pub(crate) struct Refusing {
    pub(crate) asked: AtomicUsize,
}

#[async_trait]
impl Hook for Refusing {
    fn name(&self) -> &'static str {
        "at most ten units"
    }

    async fn before(&self, step: Step<'_>) -> Result<Result<(), Veto>, GatewayError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let units: u32 = step.after.lines.iter().map(|line| line.quantity).sum();
        Ok(if units > 10 { Err(Veto::new("too many")) } else { Ok(()) })
    }
}

/// Somebody counts so many units of a product.
pub(crate) async fn count(engine: &Engine, product: usize, units: u32) -> order_core::Result<()> {
    let main = LocationId::new("main").unwrap();
    let staff = Request::by(Actor::Service("shop".to_owned()));
    engine.inventory().set(product_id(product), main, units, None, &staff).await.map(|_| ())
}

pub(crate) async fn order(engine: &Engine) -> order_core::Result<Order> {
    let by_ann = Request::by(Actor::Customer(CustomerId::new("ann").unwrap()));
    let courier = ProviderId::new("courier").unwrap();
    let tender = Tender { method: PaymentMethod::Cod, ..Tender::card(courier, None) };
    let command = PlaceOrder::from_cart(address(), tender);
    engine.orders().place(command, &by_ann).await.map(|done| done.value)
}

pub(crate) fn ann() -> CartOwner {
    CartOwner::Customer(CustomerId::new("ann").unwrap())
}

pub(crate) fn product_id(product: usize) -> ProductId {
    ProductId::new(format!("product-{product}")).unwrap()
}

pub(crate) fn item(product: usize, quantity: u32) -> AddItem {
    AddItem { product_id: product_id(product), quantity, seller_id: None }
}

pub(crate) fn units(cart: &Cart) -> Vec<(String, u32)> {
    cart.lines.iter().map(|line| (line.product_id.to_string(), line.quantity)).collect()
}

pub(crate) fn units_of_order(order: &Order) -> Vec<(String, u32)> {
    order.lines.iter().map(|line| (line.product_id.to_string(), line.quantity)).collect()
}
