//! An engine remembers the carts it wrote last. Whoever asks must not notice: with several engines on one store, each answers as one
//! that was made for that request and remembers nothing.
#![cfg(feature = "memory")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by it")]

mod address;
mod noting;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use address::address;
use async_trait::async_trait;
use noting::Noting;
use order_core::cart::{CART_LIFETIME, Cart, CartOwner};
use order_core::error::Error;
use order_core::gateway::{GatewayError, Hook, Product, Step, Veto};
use order_core::id::{CustomerId, GuestToken, LineId, LocationId, ProductId, ProviderId, SellerId};
use order_core::memory::MemoryCatalogue;
use order_core::money::{Currency, Money};
use order_core::order::{Actor, Order, Tender};
use order_core::payment::PaymentMethod;
use order_core::service::{AddItem, Engine, PlaceOrder, Request};
use order_core::time::{Duration, ManualClock};
use proptest::prelude::*;

/// What is asked of an engine about the one customer's cart.
#[derive(Debug, Clone, Copy)]
enum Ask {
    /// So many units of a product.
    Add(usize, u32),
    /// The units of the cart's line at this place, or of one that is in no cart.
    Set(usize, u32),
    Remove(usize),
    Clear,
    Order,
    /// The cart is left alone for its lifetime.
    Leave,
}

/// An engine, whether the caller names the version of the cart, and what they ask.
type Asked = (usize, Option<bool>, Ask);

fn ask() -> impl Strategy<Value = Ask> {
    prop_oneof![
        6 => (0..PRODUCTS, 1_u32..6).prop_map(|(product, units)| Ask::Add(product, units)),
        3 => (0..PRODUCTS + 1, 1_u32..6).prop_map(|(line, units)| Ask::Set(line, units)),
        2 => (0..PRODUCTS + 1).prop_map(Ask::Remove),
        1 => Just(Ask::Clear),
        2 => Just(Ask::Order),
        1 => Just(Ask::Leave),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn engines_that_remember_answer_like_engines_that_do_not(
        steps in prop::collection::vec((0_usize..3, prop::option::weighted(0.3, any::<bool>()), ask()), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let remembering = runtime.block_on(answers(&steps, true));
        let forgetting = runtime.block_on(answers(&steps, false));
        prop_assert_eq!(remembering, forgetting);
    }
}

/// What each step is answered with: the cart's version and lines, the order's, or the error.
async fn answers(steps: &[Asked], remember: bool) -> Vec<String> {
    let shop = Shop::open().await;
    let engines = [shop.engine(), shop.engine(), shop.engine()];
    let mut answers = Vec::new();
    for (index, version, ask) in steps {
        let engine = if remember { engines[*index].clone() } else { shop.engine() };
        let cart = engine.carts().get(&ann()).await.unwrap();
        let version = version.map(|is_right| cart.version + u64::from(!is_right));
        let line = |place: usize| {
            cart.lines.get(place).map_or_else(|| LineId::from_uuid(uuid::Uuid::nil()), |line| line.id)
        };
        let carts = engine.carts();
        let answer = match *ask {
            Ask::Add(product, units) => {
                carts.add_item(&ann(), item(product, units), version).await.map(|cart| told(&cart))
            }
            Ask::Set(place, units) => {
                carts.set_quantity(&ann(), line(place), units, version).await.map(|cart| told(&cart))
            }
            Ask::Remove(place) => {
                carts.remove_item(&ann(), line(place), version).await.map(|cart| told(&cart))
            }
            Ask::Clear => carts.clear(&ann(), version).await.map(|cart| told(&cart)),
            Ask::Order => order(&engine).await.map(|order| format!("{:?}", units_of_order(&order))),
            Ask::Leave => {
                shop.clock.advance(CART_LIFETIME + Duration::hours(1));
                Ok(String::new())
            }
        };
        answers.push(answer.unwrap_or_else(|error| error.to_string()));
    }
    answers
}

/// A shop with one customer, which several engines work on.
struct Shop {
    store: Arc<Noting>,
    clock: Arc<ManualClock>,
    hook: Arc<Refusing>,
}

const PRODUCTS: usize = 4;

impl Shop {
    /// With twenty units of each product.
    async fn open() -> Self {
        let shop = Self { store: Arc::new(Noting::new()), clock: Arc::default(), hook: Arc::default() };
        let staff = Request::by(Actor::Service("shop".to_owned()));
        for product in 0..PRODUCTS {
            let main = LocationId::new("main").unwrap();
            shop.engine().inventory().set(product_id(product), main, 20, None, &staff).await.unwrap();
        }
        shop
    }

    fn engine(&self) -> Engine {
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
    fn asked(&self) -> (usize, usize) {
        let asked = self.store.take();
        let count = |name| asked.iter().filter(|asked| **asked == name).count();
        (count("find_open_cart"), count("commit"))
    }
}

/// A hook that refuses orders of more than ten units, and counts how often it is asked.
#[derive(Debug, Default)]
struct Refusing {
    asked: AtomicUsize,
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

#[tokio::test]
async fn what_was_written_is_not_read_again() {
    let shop = Shop::open().await;
    let engine = shop.engine();
    shop.asked();
    for product in 0..3 {
        engine.carts().add_item(&ann(), item(product, 1), None).await.unwrap();
    }
    order(&engine).await.unwrap();
    assert_eq!(shop.asked(), (1, 4), "only the first one reads");
    engine.carts().add_item(&ann(), item(0, 1), None).await.unwrap();
    assert_eq!(shop.asked(), (0, 1), "that there is no cart after the order is known too");
    let cart = shop.engine().carts().get(&ann()).await.unwrap();
    assert_eq!((cart.version, units(&cart)), (1, vec![("product-0".to_owned(), 1)]));
}

#[tokio::test]
async fn what_another_engine_did_is_not_lost() {
    let shop = Shop::open().await;
    let (one, other) = (shop.engine(), shop.engine());
    one.carts().add_item(&ann(), item(0, 1), None).await.unwrap();
    other.carts().add_item(&ann(), item(1, 1), None).await.unwrap();
    shop.asked();
    let cart = one.carts().add_item(&ann(), item(2, 1), None).await.unwrap();
    assert_eq!((cart.version, cart.lines.len()), (3, 3));
    assert_eq!(shop.asked(), (1, 2), "refused once, then read");

    other.carts().add_item(&ann(), item(3, 1), None).await.unwrap();
    let ordered = order(&one).await.unwrap();
    assert_eq!(ordered.lines.len(), 4, "the line that this engine has not seen is ordered too");
    let error = order(&other).await.unwrap_err();
    assert!(matches!(error, Error::Conflict { code: "cart_empty", .. }), "{error}");
}

#[tokio::test]
async fn after_a_login_both_carts_are_known() {
    let shop = Shop::open().await;
    let engine = shop.engine();
    let token = GuestToken::new("a-guest-who-logs-in").unwrap();
    let guest = CartOwner::Guest(token.clone());
    engine.carts().add_item(&guest, item(0, 1), None).await.unwrap();
    engine.carts().add_item(&ann(), item(1, 1), None).await.unwrap();
    engine.carts().merge(&token, &CustomerId::new("ann").unwrap()).await.unwrap();
    shop.asked();
    let cart = engine.carts().add_item(&ann(), item(2, 1), None).await.unwrap();
    assert_eq!((cart.version, cart.lines.len()), (3, 3));
    engine.carts().add_item(&guest, item(3, 1), None).await.unwrap();
    assert_eq!(shop.asked(), (0, 2), "neither is read");
}

/// Only what an old cart may be to blame for is looked into, and a hook is not asked for its opinion twice.
#[tokio::test]
async fn an_error_about_a_cart_that_nobody_else_changed_is_told_at_once() {
    let shop = Shop::open().await;
    let engine = shop.engine();
    engine.carts().add_item(&ann(), item(0, 11), None).await.unwrap();
    shop.asked();
    let error = order(&engine).await.unwrap_err();
    assert!(matches!(error, Error::Vetoed { .. }), "{error}");
    assert_eq!(shop.asked(), (1, 0));
    assert_eq!(shop.hook.asked.load(Ordering::Relaxed), 1);
}

/// The cart that would have been refused is another one now.
#[tokio::test]
async fn an_error_about_an_old_cart_is_not_told() {
    let shop = Shop::open().await;
    let (one, other) = (shop.engine(), shop.engine());
    let cart = one.carts().add_item(&ann(), item(0, 11), None).await.unwrap();
    other.carts().set_quantity(&ann(), cart.lines[0].id, 2, None).await.unwrap();
    let ordered = order(&one).await.unwrap();
    assert_eq!(units_of_order(&ordered), [("product-0".to_owned(), 2)]);
}

/// Two servers behind a load balancer that sends each request to another one: what they remember is old each time. Then they read, as
/// if they remembered nothing, until it is worth it again.
#[tokio::test]
async fn engines_that_change_the_same_carts_in_turn_soon_read_them() {
    let shop = Shop::open().await;
    let engines = [shop.engine(), shop.engine()];
    for turn in 0..6 {
        engines[turn % 2].carts().add_item(&ann(), item(0, 1), None).await.unwrap();
    }
    shop.asked();
    for turn in 0..6 {
        engines[turn % 2].carts().add_item(&ann(), item(0, 1), None).await.unwrap();
    }
    assert_eq!(shop.asked(), (6, 6), "nothing is refused");

    for _ in 0..80 {
        engines[0].carts().clear(&ann(), None).await.unwrap();
    }
    shop.asked();
    engines[0].carts().clear(&ann(), None).await.unwrap();
    assert_eq!(shop.asked(), (0, 1), "it is worth it again");
}

async fn order(engine: &Engine) -> order_core::Result<Order> {
    let by_ann = Request::by(Actor::Customer(CustomerId::new("ann").unwrap()));
    let courier = ProviderId::new("courier").unwrap();
    let tender = Tender { method: PaymentMethod::Cod, ..Tender::card(courier, None) };
    let command = PlaceOrder::from_cart(address(), tender);
    engine.orders().place(command, &by_ann).await.map(|done| done.value)
}

fn ann() -> CartOwner {
    CartOwner::Customer(CustomerId::new("ann").unwrap())
}

fn product_id(product: usize) -> ProductId {
    ProductId::new(format!("product-{product}")).unwrap()
}

fn item(product: usize, quantity: u32) -> AddItem {
    AddItem { product_id: product_id(product), quantity, seller_id: None }
}

fn units(cart: &Cart) -> Vec<(String, u32)> {
    cart.lines.iter().map(|line| (line.product_id.to_string(), line.quantity)).collect()
}

fn units_of_order(order: &Order) -> Vec<(String, u32)> {
    order.lines.iter().map(|line| (line.product_id.to_string(), line.quantity)).collect()
}

fn told(cart: &Cart) -> String {
    format!("{} {:?}", cart.version, units(cart))
}
