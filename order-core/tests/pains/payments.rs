//! Money that is taken twice, lost, or booked as something else than it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use order_core::Error;
use order_core::gateway::{GatewayError, Instruction, PaymentGateway};
use order_core::id::{OperationId, SeededIds};
use order_core::memory::SimulatedGateway;
use order_core::money::Money;
use order_core::order::{
    Actor, Context, Draft, Order, OrderPaymentStatus, OrderPolicy, OrderStatus, Tender, Units, answer,
};
use order_core::payment::{Answer, Decline, OperationStatus, PaymentStatus};
use order_core::service::{CancelOrder, PlaceOrder, RefundTarget};
use order_core::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::shop::{Shop, address, card, customer, eur, keyed, set_aside, simulated, staff, wish};

/// What an answer makes of an order; `None` when nothing.
fn after(order: &Order, id: OperationId, said: Answer) -> Option<Order> {
    let ids = SeededIds::new(9);
    let context = Context::new(order.updated_at, &ids, Actor::Engine, None);
    let mut draft = Draft::change(order.clone(), &context);
    answer(&mut draft, id, said, &OrderPolicy::default(), &context).unwrap();
    (!draft.is_empty()).then(|| draft.into_write_set().1)
}

fn declined() -> Answer {
    Answer::Declined(Decline::new("late", "too late"))
}

fn succeeded(amount: Money) -> Answer {
    Answer::Succeeded { amount, reference: None }
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_and_never_charged_again() {
    for token in ["sim_timeout_before", "sim_timeout_after", "sim_slow"] {
        let shop = Shop::with(1, 0).await;
        let order = shop.buy("ann", &[("tea", 1)], token).await.unwrap();
        assert_eq!(order.payments[0].status(), PaymentStatus::Unknown, "{token}");
        assert_eq!(order.status, OrderStatus::Pending, "{token}");
        let error = shop.engine.payments().pay(order.id, card("sim_approve"), &customer("ann")).await;
        assert_eq!(error.unwrap_err().code(), "nothing_owed", "the money may be on its way");
        shop.wait(Duration::minutes(5)).await;
        assert_eq!(shop.order(&order).await.status, OrderStatus::Paid, "{token}");
        assert_eq!(shop.taken(), (1_230, 0), "{token}");
        assert_eq!(shop.provider.books().len(), 1, "{token}");
    }
}

#[tokio::test]
async fn a_lost_refund_is_not_made_twice() {
    let shop = Shop::with(2, 0).await;
    let order = shop.buy("ann", &[("tea", 2)], "sim_timeout_after").await.unwrap();
    shop.wait(Duration::minutes(5)).await;
    let request = keyed(staff(), "refund-1");
    let half = Some(eur(1_230));
    let target = RefundTarget::Order(order.id);
    let first = shop.engine.payments().refund(target, half, None, &request).await.unwrap();
    assert_eq!(first.value.refunded().unwrap(), eur(0), "not known");
    assert_eq!(first.value.refunding().unwrap(), eur(1_230), "and not declined");
    assert_eq!(first.value.refundable().unwrap(), eur(1_230), "its amount stays reserved");
    let again = shop.engine.payments().refund(target, half, None, &request).await.unwrap();
    assert_eq!((again.replayed, &again.value), (true, &first.value));
    let too_much = shop.engine.payments().refund(target, Some(eur(2_460)), None, &staff()).await;
    assert!(matches!(too_much, Err(Error::Invalid(_))), "{too_much:?}");
    shop.wait(Duration::minutes(5)).await;
    let order = shop.order(&order).await;
    assert_eq!((order.refunded().unwrap(), shop.taken()), (eur(1_230), (2_460, 1_230)));
    assert_eq!(order.payment_status().unwrap(), OrderPaymentStatus::PartiallyRefunded);
}

#[tokio::test]
async fn an_order_is_refunded_when_its_money_went_back() {
    let shop = Shop::with(1, 0).await;
    let order = shop.buy("ann", &[("tea", 1)], "sim_refund_decline").await.unwrap();
    let target = RefundTarget::Order(order.id);
    let refused = shop.engine.payments().refund(target, None, None, &staff()).await.unwrap().value;
    assert_eq!((refused.status, refused.refunded().unwrap()), (OrderStatus::Paid, eur(0)));
    assert_eq!(refused.payment_status().unwrap(), OrderPaymentStatus::Paid, "a refused refund is none");
    shop.wait(Duration::hours(1)).await;
    let order = shop.order(&order).await;
    assert_eq!((order.status, shop.taken()), (OrderStatus::Refunded, (1_230, 1_230)), "it was tried again");
}

#[tokio::test]
async fn a_refunded_order_gives_up_what_could_still_be_taken_for_it() {
    for rest in ["set aside", "to be confirmed"] {
        let shop = Shop::with(2, 0).await;
        let payments = shop.engine.payments();
        // One unit of two is paid, and the money for the other is on its way when that one is cancelled.
        let order = if rest == "set aside" {
            let command = wish(&[("tea", 2)], set_aside("sim_approve"));
            let order = shop.engine.orders().place(command, &customer("ann")).await.unwrap().value;
            payments.capture(order.payments[0].id, Some(eur(1_230)), None, &staff()).await.unwrap().value
        } else {
            let half = |token| Tender { amount: Some(eur(1_230)), ..card(token) };
            let command = wish(&[("tea", 2)], half("sim_approve"));
            let order = shop.engine.orders().place(command, &customer("ann")).await.unwrap().value;
            payments.pay(order.id, half("sim_action"), &customer("ann")).await.unwrap().value
        };
        let items = vec![Units { line_id: order.lines[0].id, quantity: 1 }];
        let cancel = CancelOrder { reason: None, items };
        let order = shop.engine.orders().cancel(order.id, cancel, &staff()).await.unwrap().value;
        assert_eq!((order.status, order.has_live_money()), (OrderStatus::Paid, true), "{rest}");
        let order = payments.refund(RefundTarget::Order(order.id), None, None, &staff()).await.unwrap().value;
        assert_eq!((order.status, order.has_live_money()), (OrderStatus::Refunded, false), "{rest}");
        let last = order.payments.last().unwrap();
        assert!(last.is_voided(), "{rest}: {last:?}");
        assert!(!shop.provider.complete(last.id, true), "{rest}: the customer can't pay any more");
        assert_eq!(shop.taken(), (1_230, 1_230), "{rest}");
    }
}

#[tokio::test]
async fn nothing_paid_is_nothing_to_refund() {
    let shop = Shop::with(1, 0).await;
    let order = shop.buy("ann", &[("tea", 1)], "sim_decline").await.unwrap();
    let target = RefundTarget::Order(order.id);
    let error = shop.engine.payments().refund(target, None, None, &staff()).await.unwrap_err();
    assert_eq!(error.code(), "nothing_to_refund");
    assert_eq!(shop.order(&order).await, order, "a refused command leaves no trace");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn four_captures_at_once_are_one_call() {
    let shop = Shop::with(1, 0).await;
    let command = wish(&[("tea", 1)], set_aside("sim_approve"));
    let order = shop.engine.orders().place(command, &customer("ann")).await.unwrap().value;
    assert_eq!((order.status, shop.provider.calls()), (OrderStatus::Confirmed, 1));
    let payment = order.payments[0].id;
    let mut tasks = JoinSet::new();
    for _ in 0..4 {
        let engine = shop.engine.clone();
        tasks.spawn(async move { engine.payments().capture(payment, None, None, &staff()).await });
    }
    let mut captured = 0;
    while let Some(result) = tasks.join_next().await {
        match result.unwrap() {
            Ok(_) => captured += 1,
            Err(error) => assert_eq!(error.code(), "nothing_to_capture"),
        }
    }
    assert_eq!((captured, shop.provider.calls(), shop.taken()), (1, 2, (1_230, 0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_refunds_at_once_are_not_more_than_was_taken() {
    let shop = Shop::with(10, 0).await;
    let order = shop.buy("ann", &[("tea", 10)], "sim_approve").await.unwrap();
    let mut tasks = JoinSet::new();
    for _ in 0..2 {
        let (engine, target) = (shop.engine.clone(), RefundTarget::Order(order.id));
        tasks.spawn(async move { engine.payments().refund(target, Some(eur(7_000)), None, &staff()).await });
    }
    let mut granted = 0;
    while let Some(result) = tasks.join_next().await {
        granted += usize::from(result.unwrap().is_ok());
    }
    assert_eq!((granted, shop.taken()), (1, (12_300, 7_000)));
}

#[tokio::test]
async fn two_payments_of_one_amount_have_a_key_each() {
    let shop = Shop::with(2, 0).await;
    let half = Tender { amount: Some(eur(1_230)), ..card("sim_approve") };
    let placed = shop.engine.orders().place(wish(&[("tea", 2)], half.clone()), &customer("ann")).await;
    let order = placed.unwrap().value;
    assert_eq!(order.payment_status().unwrap(), OrderPaymentStatus::PartiallyPaid);
    let order = shop.engine.payments().pay(order.id, half, &customer("ann")).await.unwrap().value;
    assert_eq!((order.status, shop.taken(), shop.provider.books().len()), (OrderStatus::Paid, (2_460, 0), 2));
}

#[tokio::test]
async fn a_late_failure_undoes_nothing() {
    let shop = Shop::with(1, 0).await;
    let order = shop.buy("ann", &[("tea", 1)], "sim_decline").await.unwrap();
    let order =
        shop.engine.payments().pay(order.id, card("sim_approve"), &customer("ann")).await.unwrap().value;
    let (first, second) = (order.payments[0].operations[0].id, order.payments[1].operations[0].id);
    for id in [first, second] {
        assert_eq!(after(&order, id, declined()), None);
        assert_eq!(after(&order, id, Answer::Unknown), None);
    }
    assert_eq!(after(&order, second, succeeded(eur(1_230))), None, "nor does the same success again");
}

#[tokio::test]
async fn a_late_success_wins_over_a_failure() {
    let shop = Shop::with(1, 0).await;
    let order = shop.buy("ann", &[("tea", 1)], "sim_decline").await.unwrap();
    let id = order.payments[0].operations[0].id;
    let order = after(&order, id, succeeded(eur(1_230))).unwrap();
    assert_eq!((order.status, order.captured().unwrap()), (OrderStatus::Paid, eur(1_230)));
}

#[tokio::test]
async fn a_success_of_another_amount_is_not_believed() {
    let shop = Shop::with(1, 0).await;
    let order = shop.buy("ann", &[("tea", 1)], "sim_slow").await.unwrap();
    let id = order.payments[0].operations[0].id;
    for amount in [eur(1), Money::from_minor(1_230, order_core::money::Currency::JPY)] {
        let order = after(&order, id, succeeded(amount)).unwrap();
        let operation = &order.payments[0].operations[0];
        assert_eq!((order.status, operation.status), (OrderStatus::Pending, OperationStatus::Unknown));
        assert_eq!(operation.finding.as_deref(), Some("amount_mismatch"), "somebody has to look at it");
    }
}

#[tokio::test]
async fn money_that_comes_after_the_last_unit_is_sold_goes_back() {
    let shop = Shop::with(1, 0).await;
    let late = shop.buy("ann", &[("tea", 1)], "sim_slow").await.unwrap();
    shop.clock.advance(Duration::minutes(31));
    let quick = shop.buy("bob", &[("tea", 1)], "sim_approve").await.unwrap();
    let waiting = shop.order(&late).await;
    assert_eq!(waiting.status, OrderStatus::Pending, "no order is cancelled while its money is unknown");
    shop.wait(Duration::hours(12)).await;
    let late = shop.order(&late).await;
    assert_eq!((late.status, quick.status), (OrderStatus::Cancelled, OrderStatus::Paid));
    assert_eq!((late.captured().unwrap(), late.refunded().unwrap()), (eur(1_230), eur(1_230)));
    assert_eq!(shop.counts("tea").await, [0, 0, 1]);
}

#[tokio::test]
async fn money_that_comes_after_the_hold_takes_the_units_again() {
    let shop = Shop::with(1, 0).await;
    let order = shop.buy("ann", &[("tea", 1)], "sim_slow").await.unwrap();
    shop.wait(Duration::hours(12)).await;
    assert_eq!(shop.order(&order).await.status, OrderStatus::Paid);
    assert_eq!((shop.counts("tea").await, shop.taken()), ([0, 0, 1], (1_230, 0)));
}

#[tokio::test]
async fn cancelling_gives_up_what_is_set_aside_and_gives_back_what_was_taken() {
    let shop = Shop::with(3, 0).await;
    let command = wish(&[("tea", 3)], set_aside("sim_approve"));
    let order = shop.engine.orders().place(command, &customer("ann")).await.unwrap().value;
    let payment = order.payments[0].id;
    shop.engine.payments().capture(payment, Some(eur(1_000)), None, &staff()).await.unwrap();
    let done = shop.engine.orders().cancel(order.id, CancelOrder::default(), &customer("ann")).await.unwrap();
    assert_eq!(done.value.status, OrderStatus::Cancelled);
    let account = shop.provider.books().remove(0);
    assert_eq!((account.captured, account.voided, account.refunded), (eur(1_000), eur(2_690), eur(1_000)));
    let target = RefundTarget::Order(order.id);
    let error = shop.engine.payments().refund(target, None, None, &staff()).await.unwrap_err();
    assert_eq!(error.code(), "nothing_to_refund");
}

/// A provider whose first caller dies while it waits.
#[derive(Debug, Default)]
struct Deadly {
    provider: SimulatedGateway,
    is_used: AtomicBool,
    reached: Notify,
}

#[async_trait]
impl PaymentGateway for Deadly {
    async fn execute(&self, instruction: &Instruction) -> Result<Answer, GatewayError> {
        if !self.is_used.swap(true, Ordering::SeqCst) {
            self.reached.notify_one();
            std::future::pending::<()>().await;
        }
        self.provider.execute(instruction).await
    }

    async fn ask(&self, instruction: &Instruction) -> Result<Answer, GatewayError> {
        self.provider.ask(instruction).await
    }
}

#[tokio::test]
async fn whoever_repeats_a_request_finishes_it_for_its_dead_maker() {
    let deadly = Arc::new(Deadly::default());
    let gateway = deadly.clone();
    let shop = Shop::built(1, 0, |builder| builder.payment_gateway(simulated(), gateway)).await;
    shop.add("ann", "tea", 1).await.unwrap();
    let command = PlaceOrder::from_cart(address(), card("sim_approve"));
    let request = keyed(customer("ann"), "order-1");
    let maker = {
        let (engine, command, request) = (shop.engine.clone(), command.clone(), request.clone());
        tokio::spawn(async move { engine.orders().place(command, &request).await })
    };
    deadly.reached.notified().await;
    let early = shop.engine.orders().place(command.clone(), &request).await;
    assert!(matches!(early, Err(Error::InFlight)), "{early:?}");
    maker.abort();
    assert!(maker.await.unwrap_err().is_cancelled());
    shop.clock.advance(Duration::seconds(61));
    let done = shop.engine.orders().place(command.clone(), &request).await.unwrap();
    assert_eq!((done.replayed, done.value.status), (true, OrderStatus::Paid));
    assert_eq!((deadly.provider.calls(), deadly.provider.books().len()), (1, 1));
    let again = shop.engine.orders().place(command, &request).await.unwrap();
    assert_eq!(again, done, "the answer stays the same");
}

#[tokio::test]
async fn a_pass_finishes_what_a_dead_process_began() {
    let deadly = Arc::new(Deadly::default());
    let gateway = deadly.clone();
    let shop = Shop::built(1, 0, |builder| builder.payment_gateway(simulated(), gateway)).await;
    let maker = {
        let shop = shop.clone();
        tokio::spawn(async move { shop.buy("ann", &[("tea", 1)], "sim_approve").await })
    };
    deadly.reached.notified().await;
    maker.abort();
    assert!(maker.await.unwrap_err().is_cancelled());
    shop.wait(Duration::seconds(61)).await;
    let orders = shop.orders().await;
    assert_eq!((orders.len(), orders[0].status), (1, OrderStatus::Paid));
    assert_eq!(deadly.provider.books().len(), 1);
}
