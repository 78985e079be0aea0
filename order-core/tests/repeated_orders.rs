//! An order that is asked for again with the same key is the same order, whatever has happened to the customer's cart, to the shop or to
//! the request since, and whichever engine is asked.
#![cfg(feature = "memory")]
#![expect(clippy::unwrap_used, reason = "a test fails by it")]

mod address;

use std::collections::HashMap;
use std::sync::Arc;

use address::address;
use async_trait::async_trait;
use order_core::cart::CartOwner;
use order_core::error::Error;
use order_core::gateway::{GatewayError, Hook, Product, Step, Veto};
use order_core::id::{CustomerId, IdempotencyKey, LocationId, OrderId, ProductId, ProviderId, SellerId};
use order_core::memory::{MemoryCatalogue, MemoryStore};
use order_core::money::{Currency, Money};
use order_core::order::{Actor, Tender};
use order_core::payment::PaymentMethod;
use order_core::service::{AddItem, Engine, OrderItem, PlaceOrder, Request};
use proptest::prelude::*;

#[derive(Debug, Clone, Copy)]
enum Ask {
    /// So many units are put into the cart.
    Fill(u32),
    /// What is in the cart is ordered.
    Cart,
    /// So many units are ordered, whatever is in the cart.
    Units(u32),
    /// What is sold out is ordered.
    SoldOut,
    /// The way of paying is none of the shop's.
    Unpayable,
}

/// An engine, the request's key and its digest, and what is asked.
type Asked = (usize, usize, bool, Ask);

fn ask() -> impl Strategy<Value = Ask> {
    prop_oneof![
        4 => (1_u32..5).prop_map(Ask::Fill),
        4 => Just(Ask::Cart),
        2 => (1_u32..13).prop_map(Ask::Units),
        1 => Just(Ask::SoldOut),
        1 => Just(Ask::Unpayable),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn a_key_is_good_for_one_order(
        steps in prop::collection::vec((0_usize..2, 0_usize..3, any::<bool>(), ask()), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(check(&steps))?;
    }
}

/// What must be answered: the order, or the error's kind.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    /// So many units were ordered.
    Ordered(u32),
    /// The order that was placed before.
    Again(OrderId),
    Not(String),
}

async fn check(steps: &[Asked]) -> Result<(), TestCaseError> {
    let store = Arc::new(MemoryStore::default());
    let engines = [engine(&store), engine(&store)];
    let staff = Request::by(Actor::Service("shop".to_owned()));
    let main = LocationId::new("main").unwrap();
    engine(&store).inventory().set(product_id("tea"), main, 10_000, None, &staff).await.unwrap();
    let mut used: HashMap<usize, (bool, OrderId)> = HashMap::new();
    let mut in_cart = 0;
    for (index, key, digest, ask) in steps {
        let engine = engines.get(*index).unwrap();
        if let Ask::Fill(quantity) = *ask {
            let item = AddItem { product_id: product_id("tea"), quantity, seller_id: None };
            engine.carts().add_item(&CartOwner::Customer(ann()), item, None).await.unwrap();
            in_cart += quantity;
            continue;
        }
        let expected = match (used.get(key), *ask) {
            (Some((other, _)), _) if other != digest => Answer::Not("IdempotencyKeyReused".to_owned()),
            (Some((_, id)), _) => Answer::Again(*id),
            (None, Ask::Cart) if in_cart == 0 => Answer::Not("Conflict".to_owned()),
            (None, Ask::SoldOut) => Answer::Not("OutOfStock".to_owned()),
            (None, Ask::Unpayable) => Answer::Not("Invalid".to_owned()),
            (None, Ask::Units(units)) if units > MOST => Answer::Not("Vetoed".to_owned()),
            (None, Ask::Units(units)) => Answer::Ordered(units),
            (None, Ask::Cart | Ask::Fill(_)) if in_cart > MOST => Answer::Not("Vetoed".to_owned()),
            (None, Ask::Cart | Ask::Fill(_)) => Answer::Ordered(in_cart),
        };
        let answer = order(engine, *key, *digest, *ask).await;
        let answer = match answer {
            Ok((id, units, false)) => {
                used.insert(*key, (*digest, id));
                Answer::Ordered(units)
            }
            Ok((id, _, true)) => Answer::Again(id),
            Err(error) => Answer::Not(name(&error)),
        };
        prop_assert_eq!(&answer, &expected);
        if matches!((answer, ask), (Answer::Ordered(_), Ask::Cart)) {
            in_cart = 0;
        }
    }
    Ok(())
}

/// The order's id and units, and whether it was placed before.
async fn order(
    engine: &Engine,
    key: usize,
    digest: bool,
    ask: Ask,
) -> order_core::Result<(OrderId, u32, bool)> {
    let provider = ProviderId::new("courier").unwrap();
    let on_delivery = Tender { method: PaymentMethod::Cod, ..Tender::card(provider.clone(), None) };
    let tender = if matches!(ask, Ask::Unpayable) { Tender::card(provider, None) } else { on_delivery };
    let items =
        |product, quantity| Some(vec![OrderItem { product_id: product_id(product), quantity, price: None }]);
    let items = match ask {
        Ask::Cart | Ask::Fill(_) => None,
        Ask::Units(units) => items("tea", units),
        Ask::SoldOut | Ask::Unpayable => items("gold", 1),
    };
    let command = PlaceOrder { items, ..PlaceOrder::from_cart(address(), tender) };
    let request = Request::by(Actor::Customer(ann()));
    let key = IdempotencyKey::new(format!("order-{key}")).unwrap();
    let done = engine.orders().place(command, &request.idempotent(key, digest.to_string())).await?;
    let units = done.value.lines.iter().map(|line| line.quantity).sum();
    Ok((done.value.id, units, done.replayed))
}

/// The name of its variant.
fn name(error: &Error) -> String {
    format!("{error:?}").chars().take_while(|letter| letter.is_alphabetic()).collect()
}

/// So many units in one order, and not one more.
const MOST: u32 = 10;

/// The hook that says so.
#[derive(Debug)]
struct Most;

#[async_trait]
impl Hook for Most {
    fn name(&self) -> &'static str {
        "at most ten units"
    }

    async fn before(&self, step: Step<'_>) -> Result<Result<(), Veto>, GatewayError> {
        let units: u32 = step.after.lines.iter().map(|line| line.quantity).sum();
        Ok(if units > MOST { Err(Veto::new("too many")) } else { Ok(()) })
    }
}

fn engine(store: &Arc<MemoryStore>) -> Engine {
    let goods = ["tea", "gold"].map(|name| {
        let price = Money::from_minor(1_230, Currency::EUR);
        Product::new(product_id(name), name, SellerId::new("north").unwrap(), price)
    });
    Engine::builder(store.clone())
        .catalogue(Arc::new(goods.into_iter().collect::<MemoryCatalogue>()))
        .hook(Arc::new(Most))
        .build()
        .unwrap()
}

fn ann() -> CustomerId {
    CustomerId::new("ann").unwrap()
}

fn product_id(name: &str) -> ProductId {
    ProductId::new(name).unwrap()
}
