//! Overselling, stuck holds, stock that can't be sold.

use std::sync::Arc;

use order_core::inventory::Demand;
use order_core::order::OrderStatus;
use order_core::service::{CancelOrder, ReserveStock};
use order_core::time::Duration;
use order_core::{Error, ErrorKind};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::shop::{Shop, card, customer, eur, sku, staff, wish};

fn is_out_of_stock(error: &Error) -> bool {
    matches!(error, Error::OutOfStock(_))
}

/// How many of these many orders, so many at once, were placed; all others were out of stock.
async fn rush(shop: &Shop, buyers: usize, at_once: usize, units: u32) -> usize {
    let turns = Arc::new(Semaphore::new(at_once));
    let mut tasks = JoinSet::new();
    for buyer in 0..buyers {
        let (shop, turns) = (shop.clone(), turns.clone());
        tasks.spawn(async move {
            let _turn = turns.acquire().await.unwrap();
            shop.buy(&format!("buyer-{buyer}"), &[("tea", units)], "sim_approve").await
        });
    }
    let mut placed = 0;
    while let Some(result) = tasks.join_next().await {
        match result.unwrap() {
            Ok(order) => {
                assert_eq!(order.status, OrderStatus::Paid);
                placed += 1;
            }
            Err(error) => assert!(is_out_of_stock(&error), "{error:?}"),
        }
    }
    placed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn four_hundred_buyers_of_two_hundred_units() {
    let shop = Shop::with(200, 0).await;
    assert_eq!(rush(&shop, 400, 32, 1).await, 200);
    assert_eq!(shop.counts("tea").await, [0, 0, 200]);
    assert_eq!(shop.provider.books().len(), 200, "nobody without an order was charged");
    assert_eq!(shop.provider.calls(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_orders_of_three_from_ten_units() {
    let shop = Shop::with(10, 0).await;
    assert_eq!(rush(&shop, 8, 8, 3).await, 3);
    assert_eq!(shop.counts("tea").await, [1, 0, 9], "no unit is promised that is not there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_products_bought_in_opposite_orders() {
    let shop = Shop::with(1_000, 1_000).await;
    let mut tasks = JoinSet::new();
    for buyer in 0..16 {
        let shop = shop.clone();
        tasks.spawn(async move {
            let items = if buyer % 2 == 0 { [("tea", 1), ("mug", 1)] } else { [("mug", 1), ("tea", 1)] };
            for _ in 0..40 {
                shop.buy(&format!("buyer-{buyer}"), &items, "sim_approve").await.unwrap();
            }
        });
    }
    while let Some(result) = tasks.join_next().await {
        result.unwrap();
    }
    assert_eq!(shop.counts("tea").await, [360, 0, 640]);
    assert_eq!(shop.counts("mug").await, [360, 0, 640]);
}

#[tokio::test]
async fn two_lines_of_one_product_are_one_demand() {
    let shop = Shop::with(5, 0).await;
    let error = shop.buy("ann", &[("tea", 3), ("tea", 3)], "sim_approve").await.unwrap_err();
    let Error::OutOfStock(shortages) = error else { panic!("{error:?}") };
    assert_eq!((shortages[0].requested, shortages[0].available), (6, 5));
}

#[tokio::test]
async fn nothing_in_stock_is_no_order() {
    let shop = Shop::with(0, 1).await;
    let error = shop.buy("ann", &[("mug", 1), ("tea", 1)], "sim_approve").await.unwrap_err();
    assert!(is_out_of_stock(&error), "{error:?}");
    assert_eq!(shop.counts("mug").await, [1, 0, 0], "all or nothing");
    assert_eq!(shop.provider.calls(), 0, "stock before money");
    assert!(shop.orders().await.is_empty(), "there is no order without its hold");
}

#[tokio::test]
async fn one_unit_is_reserved_once() {
    let shop = Shop::with(1, 0).await;
    let wanted =
        || ReserveStock { customer_id: None, items: vec![Demand::new(None, sku("tea"), 1)], lifetime: None };
    let held = shop.engine.inventory().reserve(wanted(), &staff()).await.unwrap().value;
    assert_eq!(shop.counts("tea").await, [1, 1, 0]);
    let error = shop.engine.inventory().reserve(wanted(), &staff()).await.unwrap_err();
    assert!(is_out_of_stock(&error), "{error:?}");
    shop.engine.inventory().release(held.id, &staff()).await.unwrap();
    shop.engine.inventory().release(held.id, &staff()).await.unwrap();
    assert_eq!(shop.counts("tea").await, [1, 0, 0], "a hold ends once");
    shop.engine.inventory().reserve(wanted(), &staff()).await.unwrap();
}

#[tokio::test]
async fn expired_holds_stand_in_nobodys_way() {
    let shop = Shop::with(1, 0).await;
    let first = shop.buy("ann", &[("tea", 1)], "sim_action").await.unwrap();
    assert!(is_out_of_stock(&shop.buy("bob", &[("tea", 1)], "sim_approve").await.unwrap_err()));
    shop.clock.advance(Duration::minutes(31));
    // No pass has run.
    let second = shop.buy("bob", &[("tea", 1)], "sim_approve").await.unwrap();
    assert_eq!(second.status, OrderStatus::Paid);
    shop.wait(Duration::hours(1)).await;
    assert_eq!(shop.order(&first).await.status, OrderStatus::Cancelled);
    assert_eq!(shop.counts("tea").await, [0, 0, 1]);
}

#[tokio::test]
async fn a_second_location_is_sold() {
    let shop = Shop::with(1, 0).await;
    shop.put("tea", "cellar", 4).await;
    let order = shop.buy("ann", &[("tea", 5)], "sim_approve").await.unwrap();
    assert_eq!(order.status, OrderStatus::Paid);
    assert_eq!(shop.counts("tea").await, [0, 0, 5]);
    let command = CancelOrder { reason: None, items: Vec::new() };
    shop.engine.orders().cancel(order.id, command, &customer("ann")).await.unwrap();
    assert_eq!(shop.counts("tea").await, [5, 0, 0], "and goes back to where it was taken from");
}

#[tokio::test]
async fn a_buyers_own_hold_does_not_block_them() {
    let shop = Shop::with(1, 0).await;
    let order = shop.buy("ann", &[("tea", 1)], "sim_decline").await.unwrap();
    assert_eq!((order.status, shop.counts("tea").await), (OrderStatus::Pending, [1, 1, 0]));
    let again = shop.engine.payments().pay(order.id, card("sim_approve"), &customer("ann")).await.unwrap();
    assert_eq!((again.value.status, shop.counts("tea").await), (OrderStatus::Paid, [0, 0, 1]));
}

#[tokio::test]
async fn a_declined_order_gives_its_units_back_in_time() {
    let shop = Shop::with(2, 0).await;
    let order = shop.buy("ann", &[("tea", 2)], "sim_decline").await.unwrap();
    shop.wait(Duration::minutes(31)).await;
    assert_eq!(shop.order(&order).await.status, OrderStatus::Cancelled);
    assert_eq!(shop.counts("tea").await, [2, 0, 0]);
    shop.wait(Duration::days(4)).await;
    assert_eq!(shop.counts("tea").await, [2, 0, 0], "once");
}

#[tokio::test]
async fn cancelled_units_go_back_on_the_shelf() {
    let shop = Shop::with(3, 0).await;
    let order = shop.buy("ann", &[("tea", 3)], "sim_approve").await.unwrap();
    let items = vec![order_core::order::Units { line_id: order.lines[0].id, quantity: 2 }];
    let command = CancelOrder { reason: None, items };
    let order = shop.engine.orders().cancel(order.id, command, &customer("ann")).await.unwrap().value;
    assert_eq!(shop.counts("tea").await, [2, 0, 1]);
    assert_eq!((order.status, shop.taken()), (OrderStatus::Paid, (3_690, 2_460)));
}

#[tokio::test]
async fn a_cancellation_never_fails_for_want_of_stock() {
    let shop = Shop::with(3, 0).await;
    let order = shop.buy("ann", &[("tea", 3)], "sim_approve").await.unwrap();
    shop.put("tea", "main", 0).await;
    let order =
        shop.engine.orders().cancel(order.id, CancelOrder::default(), &customer("ann")).await.unwrap().value;
    assert_eq!((order.status, shop.counts("tea").await), (OrderStatus::Cancelled, [3, 0, 0]));
}

#[tokio::test]
async fn held_units_are_not_counted_away() {
    let shop = Shop::with(3, 0).await;
    shop.buy("ann", &[("tea", 2)], "sim_action").await.unwrap();
    let location = order_core::id::LocationId::new("main").unwrap();
    let error = shop.engine.inventory().set(sku("tea"), location, 1, None, &staff()).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Conflict, "stock_held"));
}

#[tokio::test]
async fn a_product_that_is_gone_can_still_be_shipped_and_cancelled() {
    let shop = Shop::with(2, 0).await;
    let (shipped, cancelled) = (
        shop.buy("ann", &[("tea", 1)], "sim_approve").await.unwrap(),
        shop.buy("bob", &[("tea", 1)], "sim_approve").await.unwrap(),
    );
    assert!(shop.catalogue.remove(&sku("tea")));
    shop.engine.orders().process(shipped.id, None, None, &staff()).await.unwrap();
    let parcel = order_core::service::ShipOrder::default();
    let order = shop.engine.orders().ship(shipped.id, parcel, &staff()).await.unwrap().value;
    assert_eq!((order.status, order.lines[0].name.as_str()), (OrderStatus::Shipped, "tea"));
    let command = CancelOrder::default();
    let order = shop.engine.orders().cancel(cancelled.id, command, &staff()).await.unwrap().value;
    assert_eq!((order.status, order.refunded().unwrap()), (OrderStatus::Cancelled, eur(1_230)));
    let error = shop.engine.orders().place(wish(&[("tea", 1)], card("sim_approve")), &customer("cid")).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Invalid, "but it is not sold any more");
}
