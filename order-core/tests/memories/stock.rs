//! Stock: for a moment, what was there is good enough for a cart, and never for an order.

use order_core::error::Error;

use crate::shop::{MOMENT, Shop, ann, count, item, order, units};

#[tokio::test]
async fn for_a_moment_the_store_is_not_asked_again() {
    let shop = Shop::open().await;
    let engine = shop.engine();
    engine.carts().add_item(&ann(), item(0, 1), None).await.unwrap();
    assert!(shop.was_asked_for_stock());
    let cart = engine.carts().add_item(&ann(), item(0, 1), None).await.unwrap();
    engine.carts().set_quantity(&ann(), cart.lines[0].id, 3, None).await.unwrap();
    assert!(!shop.was_asked_for_stock());

    shop.clock.advance(MOMENT);
    engine.carts().add_item(&ann(), item(0, 1), None).await.unwrap();
    assert!(shop.was_asked_for_stock());
}

/// What this engine does is taken into account at once.
#[tokio::test]
async fn what_was_ordered_here_is_not_available_any_more() {
    let shop = Shop::open().await;
    let engine = shop.engine();
    engine.carts().add_item(&ann(), item(0, 8), None).await.unwrap();
    order(&engine).await.unwrap();
    shop.was_asked_for_stock();
    let cart = engine.carts().add_item(&ann(), item(0, 8), None).await.unwrap();
    assert_eq!((cart.lines[0].quantity, cart.lines[0].available), (8, 12));
    assert!(!shop.was_asked_for_stock());

    let error = engine.carts().add_item(&ann(), item(0, 5), None).await.unwrap_err();
    assert!(matches!(&error, Error::OutOfStock(shortages) if shortages[0].available == 12), "{error}");
    assert!(shop.was_asked_for_stock(), "that it is not enough is told only after asking");
}

#[tokio::test]
async fn what_others_put_on_the_shelf_is_sold_at_once() {
    let shop = Shop::open().await;
    let (one, other) = (shop.engine(), shop.engine());
    count(&other, 0, 1).await.unwrap();
    one.carts().add_item(&ann(), item(0, 1), None).await.unwrap();
    count(&other, 0, 5).await.unwrap();
    let cart = one.carts().add_item(&ann(), item(0, 4), None).await.unwrap();
    assert_eq!((cart.lines[0].quantity, cart.lines[0].available), (5, 5));
}

/// The cart learns of it when the moment is over; an order does at once, whatever the cart was told.
#[tokio::test]
async fn what_others_sold_is_never_ordered_again() {
    let shop = Shop::open().await;
    let (one, other) = (shop.engine(), shop.engine());
    one.carts().add_item(&ann(), item(0, 1), None).await.unwrap();
    count(&other, 0, 1).await.unwrap();
    let cart = one.carts().add_item(&ann(), item(0, 1), None).await.unwrap();
    assert_eq!(units(&cart), [("product-0".to_owned(), 2)]);
    let error = order(&one).await.unwrap_err();
    assert!(matches!(&error, Error::OutOfStock(shortages) if shortages[0].available == 1), "{error}");

    shop.clock.advance(MOMENT);
    let error = one.carts().add_item(&ann(), item(0, 1), None).await.unwrap_err();
    assert!(matches!(error, Error::OutOfStock(_)), "{error}");
}
