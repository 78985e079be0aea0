//! How often a store is asked for one request: `ARCHITECTURE.md` tells, and this counts.
#![cfg(feature = "memory")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by it")]

mod address;
mod noting;

use std::sync::Arc;

use order_core::cart::CartOwner;
use order_core::gateway::Product;
use order_core::id::{CustomerId, IdempotencyKey, LocationId, ProductId, ProviderId, SellerId};
use order_core::memory::{MemoryCatalogue, RecordingPublisher, SimulatedGateway};
use order_core::money::{Currency, Money};
use order_core::order::{Actor, OrderStatus, Tender};
use order_core::service::{AddItem, CancelOrder, Engine, OrderItem, PlaceOrder, RefundTarget, Request};

use address::address;
use noting::Noting;

/// A shop with fifty products, and a hundred units of each.
async fn open() -> (Arc<Noting>, Engine, Vec<Product>) {
    let store = Arc::new(Noting::new());
    let goods: Vec<_> = (0..50).map(product).collect();
    let engine = engine(&store, &goods);
    let boss = Request::by(Actor::Staff(CustomerId::new("boss").unwrap()));
    for product in &goods {
        let location = LocationId::new("main").unwrap();
        engine.inventory().set(product.id.clone(), location, 100, None, &boss).await.unwrap();
    }
    store.take();
    (store, engine, goods)
}

/// Another process.
fn engine(store: &Arc<Noting>, goods: &[Product]) -> Engine {
    Engine::builder(store.clone())
        .catalogue(Arc::new(goods.iter().cloned().collect::<MemoryCatalogue>()))
        .payment_gateway(simulated(), Arc::new(SimulatedGateway::default()))
        .build()
        .unwrap()
}

#[tokio::test]
async fn every_request_has_a_fixed_number_of_round_trips() {
    let (store, engine, goods) = open().await;
    let (by_ann, by_staff) = (by_ann(), Request::by(Actor::Staff(CustomerId::new("boss").unwrap())));
    fill(&store, &engine, &goods).await;

    let command = PlaceOrder::from_cart(address(), Tender::card(simulated(), None));
    let request = by_ann.clone().idempotent(IdempotencyKey::new("order-1").unwrap(), "body");
    let order = engine.orders().place(command.clone(), &request).await.unwrap().value;
    assert_eq!((order.status, order.lines.len()), (OrderStatus::Paid, 50));
    assert_eq!(store.take(), ["commit", "commit"]);

    engine.orders().place(command, &request).await.unwrap();
    let told = ["find_open_cart", "find_idempotency", "history"];
    assert_eq!(store.take(), told, "the same request again, when the cart is empty");

    engine.orders().get(order.id, &by_ann.actor).await.unwrap();
    assert_eq!(store.take(), ["find_order"], "fifty lines and all payments are one read");

    let target = RefundTarget::Order(order.id);
    engine
        .payments()
        .refund(target, Some(Money::from_minor(100, Currency::EUR)), None, &by_staff)
        .await
        .unwrap();
    assert_eq!(store.take(), ["find_order", "commit", "commit"], "a refund");

    engine.orders().cancel(order.id, CancelOrder::default(), &by_ann).await.unwrap();
    assert_eq!(store.take(), ["find_order", "commit", "commit"], "a cancellation with its refund");
}

/// Of a new customer's cart, and of one that was just written; products that nobody has asked for lately, and such that somebody has.
async fn fill(store: &Noting, engine: &Engine, goods: &[Product]) {
    engine.carts().add_item(&ann(), twice(&goods[0]), None).await.unwrap();
    assert_eq!(store.take(), ["stock_levels", "find_open_cart", "commit"], "the first item");
    let others: Vec<AddItem> = goods[1..].iter().map(twice).collect();
    engine.carts().add_items(&ann(), &others, None).await.unwrap();
    assert_eq!(store.take(), ["stock_levels", "commit"], "forty-nine at once");
    engine.carts().add_items(&ann(), &others[..7], None).await.unwrap();
    assert_eq!(store.take(), ["commit"], "more of seven of them");
    let cart = engine.carts().get(&ann()).await.unwrap();
    assert_eq!(store.take(), ["find_open_cart"]);
    engine.carts().set_quantity(&ann(), cart.lines[7].id, 3, None).await.unwrap();
    assert_eq!(store.take(), ["commit"], "one of fifty lines");
}

#[tokio::test]
async fn a_cart_that_another_process_wrote_is_read_once() {
    let (store, one, goods) = open().await;
    fill(&store, &one, &goods).await;
    let cart = one.carts().get(&ann()).await.unwrap();
    store.take();

    engine(&store, &goods).carts().add_item(&ann(), twice(&goods[0]), None).await.unwrap();
    assert_eq!(store.take(), ["stock_levels", "find_open_cart", "commit"]);
    engine(&store, &goods).carts().set_quantity(&ann(), cart.lines[7].id, 4, None).await.unwrap();
    assert_eq!(store.take(), ["find_open_cart", "stock_levels", "commit"]);
    let command = PlaceOrder::from_cart(address(), Tender::card(simulated(), None));
    let request = by_ann().idempotent(IdempotencyKey::new("order-1").unwrap(), "body");
    engine(&store, &goods).orders().place(command, &request).await.unwrap();
    assert_eq!(store.take(), ["find_open_cart", "commit", "commit"]);
}

#[tokio::test]
async fn the_events_of_many_orders_are_relayed_at_once() {
    let (store, engine, goods) = open().await;
    let publisher = RecordingPublisher::default();
    engine.passes().relay(&publisher, 100).await.unwrap();
    for _ in 0..20 {
        let item = OrderItem { product_id: goods[0].id.clone(), quantity: 1, price: None };
        let command = PlaceOrder::from_cart(address(), Tender::card(simulated(), None));
        let command = PlaceOrder { items: Some(vec![item]), ..command };
        engine.orders().place(command, &by_ann()).await.unwrap();
    }
    store.take();
    let report = engine.passes().relay(&publisher, 100).await.unwrap();
    assert_eq!(report.failed, 0);
    let told = ["claim_outbox", "delivered", "delivered", "claim_stock_outbox"];
    assert_eq!(store.take(), told, "the events of twenty orders");
}

fn ann() -> CartOwner {
    CartOwner::Customer(CustomerId::new("ann").unwrap())
}

fn by_ann() -> Request {
    Request::by(Actor::Customer(CustomerId::new("ann").unwrap()))
}

fn twice(product: &Product) -> AddItem {
    AddItem { product_id: product.id.clone(), quantity: 2, seller_id: None }
}

fn simulated() -> ProviderId {
    ProviderId::new("simulated").unwrap()
}

fn product(number: u32) -> Product {
    let id = ProductId::new(format!("product-{number}")).unwrap();
    Product::new(id, "Something", SellerId::new("north").unwrap(), Money::from_minor(1_230, Currency::EUR))
}
