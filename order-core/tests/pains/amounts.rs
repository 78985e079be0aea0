//! Amounts that don't fit, currencies that don't match, parts that don't add up.

use order_core::money::{Currency, Money};
use order_core::order::{OrderPaymentStatus, OrderStatus};
use order_core::pricing::MAX_QUANTITY;
use order_core::service::{OrderItem, PlaceOrder, RefundTarget};
use order_core::{Error, Result};

use crate::shop::{Shop, address, card, customer, eur, owner, product, sku, staff};

/// Where a refused request is wrong, and how.
fn fields<T: std::fmt::Debug>(result: Result<T>) -> Vec<(String, &'static str)> {
    let error = result.unwrap_err();
    let Error::Invalid(invalid) = error else { panic!("{error:?}") };
    invalid.errors().iter().map(|error| (error.pointer.clone(), error.code)).collect()
}

#[tokio::test]
async fn three_decimals_are_paid_to_the_last_one() {
    let shop = Shop::with(0, 0).await;
    shop.catalogue.insert(product("oud", "north", Money::parse("0.823", Currency::KWD).unwrap()));
    shop.put("oud", "main", 3).await;
    let order = shop.buy("ann", &[("oud", 3)], "sim_approve").await.unwrap();
    assert_eq!(order.totals.total.to_string(), "2.469 KWD");
    assert_eq!(order.status, OrderStatus::Paid);
    assert_eq!(order.payment_status().unwrap(), OrderPaymentStatus::Paid);
    assert_eq!(shop.taken(), (2_469, 0));
}

#[tokio::test]
async fn yen_have_no_decimals() {
    let shop = Shop::with(0, 0).await;
    shop.catalogue.insert(product("fan", "north", Money::parse("100", Currency::JPY).unwrap()));
    shop.put("fan", "main", 3).await;
    shop.buy("ann", &[("fan", 3)], "sim_approve").await.unwrap();
    assert_eq!(shop.taken(), (300, 0), "not 30000");
    assert!(Money::parse("100.5", Currency::JPY).is_err());
}

#[tokio::test]
async fn a_price_or_quantity_that_is_too_large_names_its_line() {
    let shop = Shop::with(1, 1).await;
    shop.catalogue.insert(product("island", "north", eur(10_000_000_000)));
    let refused = fields(shop.buy("ann", &[("tea", 1), ("island", 1)], "sim_approve").await);
    assert!(refused[0].0.starts_with("/items/1/"), "{refused:?}");
    let refused = fields(shop.buy("ann", &[("mug", 1), ("tea", u32::MAX)], "sim_approve").await);
    assert_eq!(refused[0].0, "/items/1/quantity", "{refused:?}");
    shop.catalogue.insert(product("island", "north", eur(9_999_999_999)));
    shop.put("island", "main", MAX_QUANTITY).await;
    let order = shop.buy("ann", &[("island", MAX_QUANTITY)], "sim_approve").await.unwrap();
    assert_eq!(order.totals.total.minor(), 9_999_999_999 * i64::from(MAX_QUANTITY), "the largest fits");
}

#[tokio::test]
async fn nothing_and_less_than_nothing_are_not_sold() {
    let shop = Shop::with(1, 1).await;
    let refused = fields(shop.buy("ann", &[("mug", 1), ("tea", 0)], "sim_approve").await);
    assert_eq!(refused[0].0, "/items/1/quantity");
    for minor in [0, -1_230] {
        shop.catalogue.insert(product("tea", "north", eur(minor)));
        let refused = fields(shop.buy("ann", &[("tea", 1)], "sim_approve").await);
        assert!(refused[0].0.starts_with("/items/0/"), "{refused:?}");
        assert!(shop.add("ann", "tea", 1).await.is_err(), "{minor}");
    }
    assert!(fields(shop.buy("ann", &[], "sim_approve").await)[0].0.starts_with("/items"));
    assert_eq!(shop.provider.calls(), 0);
}

#[tokio::test]
async fn an_unknown_product_is_not_sold() {
    let shop = Shop::with(1, 1).await;
    let refused = fields(shop.buy("ann", &[("tea", 1), ("dragon", 1)], "sim_approve").await);
    assert_eq!(refused, [("/items/1/product_id".to_owned(), "unknown_product")]);
    assert_eq!(fields(shop.add("ann", "dragon", 1).await), [("/product_id".to_owned(), "unknown_product")]);
}

#[tokio::test]
async fn a_hundred_dollars_are_not_a_hundred_yen() {
    let shop = Shop::with(1, 0).await;
    shop.catalogue.insert(product("fan", "north", Money::parse("100", Currency::JPY).unwrap()));
    shop.put("fan", "main", 1).await;
    let mixed = shop.buy("ann", &[("tea", 1), ("fan", 1)], "sim_approve").await.unwrap_err();
    assert!(matches!(mixed, Error::Invalid(_) | Error::Money(_)), "{mixed:?}");
    let seen = Some(Money::parse("100", Currency::USD).unwrap());
    let items = Some(vec![OrderItem { product_id: sku("fan"), quantity: 1, price: seen }]);
    let command = PlaceOrder { items, ..PlaceOrder::from_cart(address(), card("sim_approve")) };
    let error = shop.engine.orders().place(command, &customer("ann")).await.unwrap_err();
    assert!(matches!(error, Error::TotalChanged { .. }), "{error:?}");
    assert_eq!(shop.provider.calls(), 0);
}

#[tokio::test]
async fn a_price_that_changed_in_the_cart_is_told_with_both_totals() {
    let shop = Shop::with(10, 0).await;
    shop.add("ann", "tea", 2).await.unwrap();
    shop.catalogue.insert(product("tea", "north", eur(1_500)));
    let command = PlaceOrder::from_cart(address(), card("sim_approve"));
    let error = shop.engine.orders().place(command.clone(), &customer("ann")).await.unwrap_err();
    let Error::TotalChanged { expected, actual, changes } = error else { panic!("{error:?}") };
    assert_eq!((expected, actual), (eur(2_460), eur(3_000)));
    assert_eq!((changes[0].old, changes[0].new), (eur(1_230), eur(1_500)));
    let agreed = PlaceOrder { expected_total: Some(actual), ..command };
    let order = shop.engine.orders().place(agreed, &customer("ann")).await.unwrap().value;
    assert_eq!(order.captured().unwrap(), eur(3_000));
}

#[tokio::test]
async fn a_placed_order_keeps_its_price() {
    let shop = Shop::with(10, 0).await;
    let order = shop.buy("ann", &[("tea", 2)], "sim_decline").await.unwrap();
    shop.catalogue.insert(product("tea", "north", eur(1)));
    let paid = shop.engine.payments().pay(order.id, card("sim_approve"), &customer("ann")).await.unwrap();
    assert_eq!(paid.value.captured().unwrap(), eur(2_460));
}

#[tokio::test]
async fn two_refunds_of_one_amount_are_two_and_end_at_what_was_paid() {
    let shop = Shop::with(3, 0).await;
    let order = shop.buy("ann", &[("tea", 3)], "sim_approve").await.unwrap();
    for (minor, left) in [(1_000, 2_690), (1_000, 1_690), (1_690, 0)] {
        let target = RefundTarget::Order(order.id);
        let done = shop.engine.payments().refund(target, Some(eur(minor)), None, &staff()).await.unwrap();
        assert_eq!(done.value.refundable().unwrap(), eur(left));
    }
    let order = shop.order(&order).await;
    assert_eq!((order.status, shop.taken()), (OrderStatus::Refunded, (3_690, 3_690)));
    let target = RefundTarget::Order(order.id);
    let error = shop.engine.payments().refund(target, Some(eur(1)), None, &staff()).await.unwrap_err();
    assert_eq!(error.code(), "nothing_to_refund");
}

#[tokio::test]
async fn a_cart_shows_what_it_holds_once() {
    let shop = Shop::with(10, 0).await;
    shop.add("ann", "tea", 2).await.unwrap();
    let cart = shop.add("ann", "tea", 1).await.unwrap();
    assert_eq!((cart.lines.len(), cart.lines[0].quantity), (1, 3));
    assert_eq!(cart.totals().unwrap().unwrap().total, eur(3_690));
    let same = shop.engine.carts().get(&owner("ann")).await.unwrap();
    assert_eq!(same, cart, "every session sees the same");
}
