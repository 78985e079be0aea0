//! Carts: what an engine wrote last is not read again, unless others wrote it too.

use std::sync::atomic::Ordering;

use order_core::cart::CartOwner;
use order_core::error::Error;
use order_core::id::{CustomerId, GuestToken};

use crate::shop::{Shop, ann, item, order, units, units_of_order};

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
