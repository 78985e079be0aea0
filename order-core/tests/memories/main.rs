//! An engine remembers the carts it wrote last, and for a moment what was in stock. Whoever asks must not notice, but that a cart may be
//! told of a moment ago: with several engines on one store, each answers as one that was made for that request and remembers nothing.
#![cfg(feature = "memory")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by it")]

#[path = "../address/mod.rs"]
mod address;
mod carts;
#[path = "../noting/mod.rs"]
mod noting;
mod shop;
mod stock;

use order_core::cart::{CART_LIFETIME, Cart, CartLine};
use order_core::id::LineId;
use order_core::time::Duration;
use proptest::prelude::*;

use shop::{MOMENT, PRODUCTS, Shop, ann, count, item, order, units_of_order};

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
    /// Somebody counts so many units of a product.
    Count(usize, u32),
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
        2 => (0..PRODUCTS, 0_u32..8).prop_map(|(product, units)| Ask::Count(product, units)),
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

/// What each step is answered with: the cart's version and lines, the order's, or the error. Each engine is asked a moment after another
/// one was, as what is remembered of stock may be a moment old.
async fn answers(steps: &[Asked], remember: bool) -> Vec<String> {
    let shop = Shop::open().await;
    let engines = [shop.engine(), shop.engine(), shop.engine()];
    let mut answers = Vec::new();
    let mut last = 0;
    for (index, version, ask) in steps {
        if std::mem::replace(&mut last, *index) != *index {
            shop.clock.advance(MOMENT);
        }
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
            Ask::Count(product, units) => count(&engine, product, units).await.map(|()| String::new()),
            Ask::Leave => {
                shop.clock.advance(CART_LIFETIME + Duration::hours(1));
                Ok(String::new())
            }
        };
        answers.push(answer.unwrap_or_else(|error| error.to_string()));
    }
    answers
}

/// The version of the cart, and of each line its product, units, and how many there were.
fn told(cart: &Cart) -> String {
    let line = |line: &CartLine| format!("{} {} of {}", line.product_id, line.quantity, line.available);
    format!("{} {:?}", cart.version, cart.lines.iter().map(line).collect::<Vec<_>>())
}
