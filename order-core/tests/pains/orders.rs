//! Orders that are made twice, lost, or moved by somebody who may not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use order_core::cart::{CartOwner, CartStatus};
use order_core::id::{GuestToken, IdSource, InvalidId, OrderNumber, SellerId};
use order_core::memory::RecordingPublisher;
use order_core::order::{Actor, NumberStrategy, Order, OrderEvent, OrderStatus};
use order_core::service::{AddItem, CancelOrder, PlaceOrder, Request, ShipOrder};
use order_core::store::{OrderFilter, PageRequest};
use order_core::time::{Duration, Timestamp};
use order_core::{Error, ErrorKind};

use crate::shop::{Shop, address, card, customer, eur, keyed, owner, sku, staff, wish};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_final_calls_at_once_are_one_order() {
    for round in 0..40 {
        let shop = Shop::with(10, 0).await;
        shop.add("ann", "tea", 1).await.unwrap();
        let request = if round % 2 == 0 { customer("ann") } else { keyed(customer("ann"), "final") };
        let call = || {
            let (engine, request) = (shop.engine.clone(), request.clone());
            let command = PlaceOrder::from_cart(address(), card("sim_approve"));
            tokio::spawn(async move { engine.orders().place(command, &request).await })
        };
        let (first, second) = (call(), call());
        let placed: Vec<_> = [first.await.unwrap(), second.await.unwrap()]
            .into_iter()
            .filter_map(|done| match done {
                Ok(done) => Some(done.value),
                Err(Error::InFlight) => None,
                Err(error) => {
                    assert_eq!(error.code(), "cart_empty");
                    None
                }
            })
            .collect();
        assert!(!placed.is_empty() && placed.iter().all(|order| order.id == placed[0].id));
        assert_eq!(shop.provider.calls(), 1, "the provider is called once");
        assert_eq!((shop.counts("tea").await, shop.taken()), ([9, 0, 1], (1_230, 0)));
    }
}

#[tokio::test]
async fn a_repeated_request_is_answered_as_it_was() {
    let shop = Shop::with(10, 0).await;
    let request = keyed(customer("ann"), "order-1");
    let place = async || shop.engine.orders().place(wish(&[("tea", 1)], card("sim_approve")), &request).await;
    let first = place().await.unwrap();
    shop.engine.orders().cancel(first.value.id, CancelOrder::default(), &customer("ann")).await.unwrap();
    let again = place().await.unwrap();
    assert_eq!((again.replayed, again.value), (true, first.value), "paid, although it is cancelled by now");
    let other = keyed(customer("bob"), "order-1");
    let other = shop.engine.orders().place(wish(&[("tea", 1)], card("sim_approve")), &other).await.unwrap();
    assert!(!other.replayed, "keys of two customers never meet");
    let key = order_core::id::IdempotencyKey::new("order-1").unwrap();
    let changed = customer("ann").idempotent(key, "another body");
    let error = shop.engine.orders().place(wish(&[("tea", 2)], card("sim_approve")), &changed).await;
    assert!(matches!(error, Err(Error::IdempotencyKeyReused)), "{error:?}");
}

#[tokio::test]
async fn a_finished_cart_is_closed() {
    let shop = Shop::with(10, 10).await;
    let cart = shop.add("ann", "tea", 1).await.unwrap();
    let place = || PlaceOrder::from_cart(address(), card("sim_approve"));
    let first = shop.engine.orders().place(place(), &customer("ann")).await.unwrap().value;
    let closed = shop.engine.store().find_cart(cart.id).await.unwrap().unwrap();
    assert_eq!((closed.status, closed.order_id), (CartStatus::Ordered, Some(first.id)));
    let error = shop.engine.orders().place(place(), &customer("ann")).await.unwrap_err();
    assert_eq!(error.code(), "cart_empty");
    let next = shop.add("ann", "mug", 1).await.unwrap();
    assert_ne!(next.id, cart.id);
    let second = shop.engine.orders().place(place(), &customer("ann")).await.unwrap().value;
    assert_eq!((first.totals.total, second.totals.total), (eur(1_230), eur(800)));
    assert_eq!(shop.order(&first).await, first, "and the order stays what it was");
}

#[tokio::test]
async fn a_pending_order_is_there_to_be_seen() {
    let shop = Shop::with(1, 0).await;
    let order = shop.buy("ann", &[("tea", 1)], "sim_action").await.unwrap();
    assert_eq!(order.status, OrderStatus::Pending);
    assert!(order.payments[0].action.is_some());
    let page = PageRequest::first(10);
    let own = shop.engine.orders().list(&OrderFilter::default(), page, &customer("ann").actor).await.unwrap();
    assert_eq!(own.items, [Arc::new(order.clone())]);
    let by_number = shop.engine.orders().get_by_number(&order.number, &customer("ann").actor).await.unwrap();
    assert_eq!(by_number, order);
    let other = shop.engine.orders().get(order.id, &customer("bob").actor).await;
    assert_eq!(other.unwrap_err().kind(), ErrorKind::NotFound, "but not by another customer");
}

#[tokio::test]
async fn the_customer_comes_back_and_nothing_happens_twice() {
    let shop = Shop::with(1, 0).await;
    let order = shop.buy("ann", &[("tea", 1)], "sim_action").await.unwrap();
    let payment = order.payments[0].id;
    assert!(shop.provider.complete(payment, true));
    // The page they return to, the same page reloaded, and the pass.
    for _ in 0..2 {
        let order = shop.engine.payments().refresh(payment).await.unwrap();
        assert_eq!(order.status, OrderStatus::Paid);
    }
    shop.wait(Duration::days(1)).await;
    assert_eq!(shop.order(&order).await.payments.len(), 1);
    let history = shop.history(&order).await;
    assert_eq!(history.iter().filter(|name| **name == "order.paid").count(), 1, "{history:?}");
    let publisher = RecordingPublisher::default();
    publisher.fail_next(2);
    for _ in 0..8 {
        shop.clock.advance(Duration::minutes(1));
        shop.engine.passes().relay(&publisher, 10).await.unwrap();
    }
    let heard: Vec<_> = publisher.events().iter().map(|record| record.event.name()).collect();
    assert_eq!(heard, history, "everything was told, in its order");
}

/// Numbers that come twice.
#[derive(Debug, Default)]
struct Stuttering(AtomicU64);

impl NumberStrategy for Stuttering {
    fn next(&self, _: &dyn IdSource, _: Timestamp) -> Result<OrderNumber, InvalidId> {
        OrderNumber::new(format!("{}", self.0.fetch_add(1, Ordering::SeqCst) / 2))
    }
}

#[tokio::test]
async fn a_number_that_is_taken_is_replaced() {
    let shop = Shop::built(9, 0, |builder| builder.numbers(Arc::new(Stuttering::default()))).await;
    let mut numbers = Vec::new();
    for _ in 0..4 {
        numbers.push(shop.buy("ann", &[("tea", 1)], "sim_approve").await.unwrap().number.to_string());
    }
    assert_eq!(numbers, ["0", "1", "2", "3"]);
}

#[tokio::test]
async fn an_illegal_move_is_told_the_legal_ones() {
    let shop = Shop::with(1, 0).await;
    let order = shop.buy("ann", &[("tea", 1)], "sim_decline").await.unwrap();
    let error = shop.engine.orders().process(order.id, None, None, &staff()).await.unwrap_err();
    let Error::IllegalTransition { from, to, allowed, .. } = error else { panic!("{error:?}") };
    assert_eq!((from, to), (OrderStatus::Pending, OrderStatus::Processing));
    assert_eq!(allowed, [OrderStatus::Confirmed, OrderStatus::Paid, OrderStatus::Cancelled]);
    assert_eq!(shop.order(&order).await, order);
}

#[tokio::test]
async fn a_stale_change_is_refused() {
    let shop = Shop::with(10, 0).await;
    let seen = shop.add("ann", "tea", 1).await.unwrap();
    shop.add("ann", "tea", 1).await.unwrap();
    let error = shop.engine.carts().clear(&owner("ann"), Some(seen.version)).await.unwrap_err();
    assert!(matches!(error, Error::Stale { .. }), "{error:?}");
    let order = shop.buy("bob", &[("tea", 1)], "sim_approve").await.unwrap();
    let request = customer("bob").if_version(Some(order.version - 1));
    let error = shop.engine.orders().cancel(order.id, CancelOrder::default(), &request).await.unwrap_err();
    assert!(matches!(error, Error::Stale { .. }), "{error:?}");
}

#[tokio::test]
async fn all_of_a_list_come_into_the_cart_or_none() {
    let shop = Shop::with(100, 3).await;
    let add = |items: &[(&str, u32)]| {
        let item = |(product, quantity): &(&str, u32)| AddItem {
            product_id: sku(product),
            quantity: *quantity,
            seller_id: None,
        };
        let items: Vec<AddItem> = items.iter().map(item).collect();
        let carts = shop.engine.carts();
        async move { carts.add_items(&owner("ann"), &items, None).await }
    };
    let wrong = add(&[("tea", 1), ("socks", 0), ("mug", 0)]).await.unwrap_err();
    let Error::Invalid(invalid) = wrong else { panic!("{wrong}") };
    let told: Vec<_> = invalid.errors().iter().map(|error| (&*error.pointer, error.code)).collect();
    let expected = [
        ("/items/1/product_id", "unknown_product"),
        ("/items/1/quantity", "out_of_range"),
        ("/items/2/quantity", "out_of_range"),
    ];
    assert_eq!(told, expected);
    assert_eq!(add(&[("tea", 1), ("mug", 4)]).await.unwrap_err().code(), "out_of_stock");
    for (items, code) in [(0, "required"), (101, "too_many")] {
        let wrong = add(&vec![("tea", 1); items]).await.unwrap_err();
        let Error::Invalid(invalid) = wrong else { panic!("{wrong}") };
        assert_eq!((&*invalid.errors()[0].pointer, invalid.errors()[0].code), ("/items", code));
    }
    assert_eq!(shop.engine.carts().get(&owner("ann")).await.unwrap().version, 0);
    let cart = add(&[("tea", 1), ("mug", 3), ("tea", 2)]).await.unwrap();
    let quantities: Vec<_> = cart.lines.iter().map(|line| line.quantity).collect();
    assert_eq!((quantities, cart.version), (vec![3, 3], 1));
}

#[tokio::test]
async fn a_guests_cart_is_merged_once() {
    let shop = Shop::with(100, 100).await;
    let token = GuestToken::new("guest-1").unwrap();
    let guest = CartOwner::Guest(token.clone());
    for product in ["tea", "mug"] {
        let item = AddItem { product_id: sku(product), quantity: 2, seller_id: None };
        shop.engine.carts().add_item(&guest, item, None).await.unwrap();
    }
    shop.add("ann", "tea", 1).await.unwrap();
    let CartOwner::Customer(ann) = owner("ann") else { panic!() };
    for _ in 0..2 {
        let cart = shop.engine.carts().merge(&token, &ann).await.unwrap();
        let quantities: Vec<_> = cart.lines.iter().map(|line| line.quantity).collect();
        assert_eq!(quantities, [3, 2]);
    }
    assert!(shop.engine.carts().get(&guest).await.unwrap().lines.is_empty());
}

#[tokio::test]
async fn a_seller_moves_its_own_part_and_no_other() {
    let shop = Shop::with(1, 1).await;
    let order = shop.buy("ann", &[("tea", 1), ("mug", 1)], "sim_approve").await.unwrap();
    let seller = |id| Request::by(Actor::Seller(SellerId::new(id).unwrap()));
    let orders = shop.engine.orders();
    let begun = orders.process(order.id, None, None, &seller("north")).await.unwrap().value;
    assert_eq!(begun.status, OrderStatus::Processing);
    let other = Some(SellerId::new("south").unwrap());
    let error = orders.process(order.id, other, None, &seller("north")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Forbidden);
    let shipped = orders.ship(order.id, ShipOrder::default(), &seller("north")).await.unwrap().value;
    assert_eq!(shipped.status, OrderStatus::Processing, "the mug is still there");
    let shipped = orders.ship(order.id, ShipOrder::default(), &seller("south")).await.unwrap().value;
    assert_eq!(shipped.status, OrderStatus::Shipped);
    let stranger = orders.get(order.id, &seller("west").actor).await.unwrap_err();
    assert_eq!(stranger.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn the_history_tells_who_and_when_and_folds_to_the_state() {
    let shop = Shop::with(2, 0).await;
    let placed = shop.now();
    let order = shop.buy("ann", &[("tea", 2)], "sim_approve").await.unwrap();
    shop.clock.advance(Duration::hours(1));
    let request = staff().correlated("ticket-7");
    let command = CancelOrder { reason: Some("asked by telephone".to_owned()), items: Vec::new() };
    let now = shop.engine.orders().cancel(order.id, command, &request).await.unwrap().value;
    let history = shop.engine.orders().history(order.id, &staff().actor).await.unwrap();
    assert_eq!(Order::fold(&history).unwrap(), now);
    let asked =
        history.iter().find(|record| matches!(record.event, OrderEvent::CancellationRequested { .. }));
    let asked = asked.unwrap();
    assert_eq!((&asked.actor, asked.correlation.as_deref()), (&staff().actor, Some("ticket-7")));
    let then = shop.engine.orders().as_of(order.id, placed, &staff().actor).await.unwrap();
    assert_eq!((then, now.status), (order, OrderStatus::Cancelled));
}
