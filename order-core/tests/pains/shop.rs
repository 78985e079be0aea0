//! A small shop: tea and mugs of two sellers, one simulated provider, a clock that stands still.

use std::sync::Arc;

use order_core::address::Address;
use order_core::cart::{Cart, CartOwner};
use order_core::gateway::Product;
use order_core::id::{CustomerId, IdempotencyKey, LocationId, ProductId, ProviderId, SeededIds, SellerId};
use order_core::inventory::StockLevel;
use order_core::memory::{MemoryCatalogue, MemoryStore, SimulatedGateway};
use order_core::money::{Currency, Money};
use order_core::order::{Actor, Order, Tender};
use order_core::payment::{CaptureMode, ProviderToken};
use order_core::service::{AddItem, OrderItem, PlaceOrder, Request};
use order_core::store::{OrderFilter, PageRequest};
use order_core::time::{Clock as _, Duration, ManualClock, Timestamp};
use order_core::{Engine, EngineBuilder, Result};

/// The shop.
#[derive(Clone)]
pub(crate) struct Shop {
    pub(crate) engine: Engine,
    pub(crate) provider: Arc<SimulatedGateway>,
    pub(crate) catalogue: Arc<MemoryCatalogue>,
    pub(crate) clock: Arc<ManualClock>,
}

impl Shop {
    /// With so many units of tea and of mugs.
    pub(crate) async fn with(tea: u32, mugs: u32) -> Self {
        Self::built(tea, mugs, |builder| builder).await
    }

    /// The same, with something else in the engine.
    pub(crate) async fn built(
        tea: u32,
        mugs: u32,
        change: impl FnOnce(EngineBuilder) -> EngineBuilder,
    ) -> Self {
        let provider = Arc::new(SimulatedGateway::default());
        let clock = Arc::new(ManualClock::default());
        let goods = [product("tea", "north", eur(1_230)), product("mug", "south", eur(800))];
        let catalogue = Arc::new(MemoryCatalogue::from_iter(goods));
        let builder = Engine::builder(Arc::new(MemoryStore::default()))
            .catalogue(catalogue.clone())
            .payment_gateway(simulated(), provider.clone())
            .provider_books(simulated(), provider.clone())
            .clock(clock.clone())
            .ids(Arc::new(SeededIds::new(1)));
        let engine = change(builder).build().unwrap();
        let shop = Self { engine, provider, catalogue, clock };
        shop.put("tea", "main", tea).await;
        shop.put("mug", "main", mugs).await;
        shop
    }

    /// Puts units on the shelf of a location.
    pub(crate) async fn put(&self, product: &str, location: &str, units: u32) -> StockLevel {
        let location = LocationId::new(location).unwrap();
        self.engine.inventory().set(sku(product), location, units, None, &staff()).await.unwrap().value
    }

    /// What is on hand, held and sold of a product, over all locations.
    pub(crate) async fn counts(&self, product: &str) -> [i64; 3] {
        let levels = self.engine.inventory().levels(&[sku(product)]).await.unwrap();
        levels.iter().fold([0; 3], |[on_hand, reserved, sold], level| {
            [on_hand + level.on_hand, reserved + level.reserved, sold + level.sold]
        })
    }

    /// A customer orders, and pays with a token of the simulated provider.
    pub(crate) async fn buy(&self, who: &str, items: &[(&str, u32)], token: &str) -> Result<Order> {
        let placed = self.engine.orders().place(wish(items, card(token)), &customer(who)).await?;
        Ok(placed.value)
    }

    /// Puts units into a customer's cart.
    pub(crate) async fn add(&self, who: &str, product: &str, quantity: u32) -> Result<Cart> {
        let item = AddItem { product_id: sku(product), quantity, seller_id: None };
        self.engine.carts().add_item(&owner(who), item, None).await
    }

    /// The order as it is now.
    pub(crate) async fn order(&self, order: &Order) -> Order {
        self.engine.orders().get(order.id, &Actor::Engine).await.unwrap()
    }

    /// Every order there is.
    pub(crate) async fn orders(&self) -> Vec<Order> {
        let all = OrderFilter::default();
        let page = self.engine.orders().list(&all, PageRequest::first(100), &Actor::Engine).await.unwrap();
        page.items.into_iter().map(Arc::unwrap_or_clone).collect()
    }

    /// What happened to an order, by name.
    pub(crate) async fn history(&self, order: &Order) -> Vec<&'static str> {
        let history = self.engine.orders().history(order.id, &Actor::Engine).await.unwrap();
        history.iter().map(|record| record.event.name()).collect()
    }

    /// Time passes, and the host's pass runs now and then.
    pub(crate) async fn wait(&self, time: Duration) {
        const STEPS: i32 = 100;
        for _ in 0..STEPS {
            self.clock.advance(time / STEPS);
            let report = self.engine.passes().advance(100).await.unwrap();
            assert_eq!(report.failed, 0);
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What the provider has taken and given back, in minor units.
    pub(crate) fn taken(&self) -> (i64, i64) {
        self.provider.books().iter().fold((0, 0), |(captured, refunded), account| {
            (captured + account.captured.minor(), refunded + account.refunded.minor())
        })
    }
}

pub(crate) fn eur(minor: i64) -> Money {
    Money::from_minor(minor, Currency::EUR)
}

pub(crate) fn product(id: &str, seller: &str, price: Money) -> Product {
    Product::new(sku(id), id, SellerId::new(seller).unwrap(), price)
}

pub(crate) fn sku(id: &str) -> ProductId {
    ProductId::new(id).unwrap()
}

pub(crate) fn simulated() -> ProviderId {
    ProviderId::new("simulated").unwrap()
}

pub(crate) fn owner(who: &str) -> CartOwner {
    CartOwner::Customer(CustomerId::new(who).unwrap())
}

pub(crate) fn customer(who: &str) -> Request {
    Request::by(Actor::Customer(CustomerId::new(who).unwrap()))
}

pub(crate) fn staff() -> Request {
    Request::by(Actor::Staff(CustomerId::new("boss").unwrap()))
}

/// The same request, repeatable.
pub(crate) fn keyed(request: Request, key: &str) -> Request {
    request.idempotent(IdempotencyKey::new(key).unwrap(), "the same body")
}

pub(crate) fn card(token: &str) -> Tender {
    Tender::card(simulated(), Some(ProviderToken::new(token).unwrap()))
}

/// Money is set aside, and taken by a later command.
pub(crate) fn set_aside(token: &str) -> Tender {
    Tender { capture: CaptureMode::Manual, ..card(token) }
}

pub(crate) fn wish(items: &[(&str, u32)], tender: Tender) -> PlaceOrder {
    let item = |(product, quantity): &(&str, u32)| OrderItem {
        product_id: sku(product),
        quantity: *quantity,
        price: None,
    };
    let items = Some(items.iter().map(item).collect());
    PlaceOrder { items, ..PlaceOrder::from_cart(address(), tender) }
}

pub(crate) fn address() -> Address {
    Address {
        line1: "12 Harbour Street".to_owned(),
        line2: None,
        city: "Cork".to_owned(),
        state: None,
        postal_code: "T12 X70A".to_owned(),
        country: "IE".to_owned(),
        contact_name: None,
        contact_phone: None,
    }
}
