//! Background passes of several engines on one database: they share the work, and one broken order stops nobody.
#![cfg(feature = "postgres")]
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod postgres_server;

use std::sync::Arc;

use order_core::address::Address;
use order_core::gateway::Product;
use order_core::id::{CustomerId, LocationId, ProductId, ProviderId, SellerId};
use order_core::memory::{MemoryCatalogue, SimulatedGateway};
use order_core::money::{Currency, Money};
use order_core::order::{Actor, Order, OrderStatus, Tender};
use order_core::payment::ProviderToken;
use order_core::service::{OrderItem, PlaceOrder, Request};
use order_core::time::{Duration, ManualClock};
use order_core::{Engine, Error};
use postgres_server::Schema;

/// Two engines with a store each, as in two processes; what is between them is the database, the provider and the time.
struct Shop {
    schema: Schema,
    engines: [Engine; 2],
    provider: Arc<SimulatedGateway>,
    clock: Arc<ManualClock>,
    orders: Vec<Order>,
}

impl Shop {
    /// With so many orders whose payment nobody knows the outcome of.
    async fn with(orders: usize) -> Self {
        let schema = Schema::new();
        let (provider, clock) = (Arc::new(SimulatedGateway::default()), Arc::new(ManualClock::default()));
        let (tea, simulated) = (ProductId::new("tea").unwrap(), ProviderId::new("simulated").unwrap());
        let price = Money::parse("12.30", Currency::EUR).unwrap();
        let product = Product::new(tea.clone(), "Tea", SellerId::new("north").unwrap(), price);
        let catalogue = Arc::new(MemoryCatalogue::from_iter([product]));
        let engine = async || {
            Engine::builder(Arc::new(schema.open().await))
                .catalogue(catalogue.clone())
                .payment_gateway(simulated.clone(), provider.clone())
                .clock(clock.clone())
                .build()
                .unwrap()
        };
        let engines = [engine().await, engine().await];
        let staff = Request::by(Actor::Service("shop".to_owned()));
        let main = LocationId::new("main").unwrap();
        engines[0].inventory().set(tea.clone(), main, 1_000, None, &staff).await.unwrap();
        let mut shop = Self { schema, engines, provider, clock, orders: Vec::new() };
        for _ in 0..orders {
            let items = vec![OrderItem { product_id: tea.clone(), quantity: 1, price: None }];
            let token = ProviderToken::new("sim_timeout_after").unwrap();
            let tender = Tender::card(simulated.clone(), Some(token));
            let order = PlaceOrder { items: Some(items), ..PlaceOrder::from_cart(address(), tender) };
            let ann = Request::by(Actor::Customer(CustomerId::new("ann").unwrap()));
            let order = shop.engines[0].orders().place(order, &ann).await.unwrap().value;
            assert_eq!(order.status, OrderStatus::Pending);
            shop.orders.push(order);
        }
        // All are due at the same time, and so in the order of their ids.
        shop.orders.sort_by_key(|order| order.id);
        shop
    }

    async fn status(&self, order: &Order) -> OrderStatus {
        self.engines[1].orders().get(order.id, &Actor::Engine).await.unwrap().status
    }

    /// How many orders are paid.
    async fn paid(&self) -> usize {
        let mut paid = 0;
        for order in &self.orders {
            paid += usize::from(self.status(order).await == OrderStatus::Paid);
        }
        paid
    }
}

fn address() -> Address {
    Address {
        line1: "1 Main St".to_owned(),
        line2: None,
        city: "Cork".to_owned(),
        state: None,
        postal_code: "T12".to_owned(),
        country: "IE".to_owned(),
        contact_name: None,
        contact_phone: None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_share_the_work() {
    const ORDERS: u32 = 80;
    let shop = Shop::with(ORDERS as usize).await;
    shop.clock.advance(Duration::minutes(1));
    let [one, two] = shop.engines.clone();
    let passes =
        [one, two].map(|engine| tokio::spawn(async move { engine.passes().advance(200).await.unwrap() }));
    let [one, two] = passes;
    let (one, two) = (one.await.unwrap(), two.await.unwrap());
    assert_eq!(shop.paid().await, shop.orders.len());
    assert_eq!((one.failed, two.failed), (0, 0));
    // Without sharing each would do all of it: 160, and ask as often.
    let done = one.done + two.done;
    assert!((ORDERS..ORDERS * 3 / 2).contains(&done), "{one:?} {two:?}");
    assert!(shop.provider.questions() < u64::from(ORDERS * 3 / 2), "{}", shop.provider.questions());
    assert!(one.done.min(two.done) >= ORDERS / 8, "one has done nearly all of it: {one:?} {two:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_share_of_a_dead_one_is_taken_over() {
    let shop = Shop::with(20).await;
    shop.clock.advance(Duration::minutes(1));
    let [one, two] = shop.engines.clone();
    let dying = tokio::spawn(async move { one.passes().advance(200).await });
    while shop.paid().await == 0 {
        tokio::task::yield_now().await;
    }
    dying.abort();
    let _ = dying.await;
    // What it was in the middle of is due again, at the latest when its claim has run out.
    shop.clock.advance(Duration::minutes(2));
    let report = two.passes().advance(200).await.unwrap();
    assert_eq!((shop.paid().await, report.failed), (shop.orders.len(), 0));
}

#[tokio::test]
async fn broken_orders_do_not_stand_in_the_way() {
    let shop = Shop::with(8).await;
    shop.clock.advance(Duration::minutes(1));
    let broken = &shop.orders[..3];
    let mut hand = shop.schema.by_hand().await;
    hand.accepts("CREATE TABLE {schema}.kept AS SELECT id, body FROM {schema}.orders").await;
    for order in broken {
        let id = order.id.uuid();
        hand.accepts(&format!("UPDATE {{schema}}.orders SET body = '{{}}' WHERE id = '{id}'")).await;
    }
    let passes = shop.engines[0].passes();
    let (mut failed, mut done) = (0, 0);
    // They are the longest due. Two at a time, a pass would see nothing else.
    for _ in 0..5 {
        let report = passes.advance(2).await.unwrap();
        (failed, done) = (failed + report.failed, done + report.done);
    }
    assert_eq!((failed, done), (3, 5));
    let mut setbacks = passes.setbacks();
    setbacks.sort_by_key(|setback| setback.id);
    let ids: Vec<_> = broken.iter().map(|order| order.id.uuid()).collect();
    assert_eq!(setbacks.iter().map(|setback| setback.id).collect::<Vec<_>>(), ids);
    assert!(setbacks.iter().all(|setback| setback.failures == 1 && setback.reason.contains("unreadable")));
    // They are looked at again, ever more rarely; and done when they can be.
    shop.clock.advance(Duration::seconds(16));
    assert_eq!(passes.advance(10).await.unwrap().failed, 3);
    shop.clock.advance(Duration::seconds(16));
    assert_eq!(passes.advance(10).await.unwrap().found, 0);
    let read = shop.engines[1].orders().get(broken[0].id, &Actor::Engine).await;
    assert!(matches!(read, Err(Error::Store(_))), "{read:?}");
    hand.accepts("UPDATE {schema}.orders AS o SET body = k.body FROM {schema}.kept AS k WHERE k.id = o.id AND o.body = '{}'")
        .await;
    shop.clock.advance(Duration::seconds(16));
    assert_eq!(passes.advance(10).await.unwrap().done, 3);
    assert_eq!((shop.paid().await, passes.setbacks().len()), (8, 0));
}
