//! What providers do of their own accord, and what becomes of it.

use std::sync::Arc;

use order_core::gateway::{GatewayError, Instruction, PaymentGateway};
use order_core::memory::SimulatedGateway;
use order_core::order::{FindingKind, MoneyGone, Order, OrderPolicy, OrderStatus, Resolution, Units};
use order_core::payment::{
    Answer, Decline, Operation, OperationKind, OperationStatus, Origin, PaymentStatus,
};
use order_core::service::{CancelOrder, RefundTarget, ShipOrder};
use order_core::time::Duration;

use crate::shop::{Shop, card, customer, eur, set_aside, simulated, staff, wish};

/// The provider's books are read about an order's first payment.
async fn look(shop: &Shop, order: &Order) -> Order {
    let payment = order.payments.first().unwrap().id;
    shop.engine.payments().observe(payment).await.unwrap()
}

fn kinds(order: &Order) -> Vec<FindingKind> {
    order.open_findings().map(|finding| finding.kind).collect()
}

async fn authorised(shop: &Shop) -> Order {
    let command = wish(&[("tea", 1)], set_aside("sim_approve"));
    shop.engine.orders().place(command, &customer("ann")).await.unwrap().value
}

#[tokio::test]
async fn a_refund_in_the_dashboard_is_booked_and_granted() {
    let shop = Shop::with(2, 0).await;
    let order = shop.buy("ann", &[("tea", 2)], "sim_approve").await.unwrap();
    shop.provider.refund_by_hand(order.payments[0].id, eur(460)).unwrap();
    let order = look(&shop, &order).await;
    assert_eq!((order.refunded().unwrap(), order.payable().unwrap()), (eur(460), eur(2_000)));
    let last = order.payments[0].operations.last().unwrap();
    assert_eq!((last.kind, last.origin), (OperationKind::Refund, Origin::Provider));
    shop.provider.refund_by_hand(order.payments[0].id, eur(2_000)).unwrap();
    let order = look(&shop, &order).await;
    assert_eq!((order.status, shop.taken()), (OrderStatus::Refunded, (2_460, 2_460)));
    assert_eq!(shop.counts("tea").await, [2, 0, 0], "what was not shipped is on the shelf again");
    let version = order.version;
    assert_eq!(look(&shop, &order).await.version, version, "what is known changes nothing");
}

#[tokio::test]
async fn a_refund_in_the_dashboard_that_was_owed_anyway_grants_nothing() {
    let shop = Shop::with(1, 0).await;
    let order = shop.buy("ann", &[("tea", 1)], "sim_refund_decline").await.unwrap();
    let target = RefundTarget::Order(order.id);
    let order = shop.engine.payments().refund(target, Some(eur(230)), None, &staff()).await.unwrap().value;
    assert_eq!(order.excess().unwrap(), eur(230), "it was refused, and is still owed");
    shop.provider.refund_by_hand(order.payments[0].id, eur(230)).unwrap();
    let order = look(&shop, &order).await;
    assert_eq!((order.excess().unwrap(), order.payable().unwrap()), (eur(0), eur(1_000)));
    shop.wait(Duration::days(2)).await;
    assert_eq!(shop.taken(), (1_230, 230), "it goes back once");
}

#[tokio::test]
async fn a_capture_in_the_dashboard_pays_the_order() {
    let shop = Shop::with(1, 0).await;
    let order = authorised(&shop).await;
    assert!(shop.provider.capture_by_hand(order.payments[0].id, eur(1_230)));
    let order = look(&shop, &order).await;
    assert_eq!((order.status, order.captured().unwrap()), (OrderStatus::Paid, eur(1_230)));
    let again = shop.engine.payments().capture(order.payments[0].id, None, None, &staff()).await.unwrap_err();
    assert_eq!(again.code(), "nothing_to_capture");
}

#[tokio::test]
async fn an_authorisation_that_expires_leaves_a_finding_until_the_order_is_paid_otherwise() {
    let shop = Shop::with(1, 0).await;
    let order = authorised(&shop).await;
    assert!(shop.provider.expire_authorisation(order.payments[0].id));
    let order = look(&shop, &order).await;
    assert_eq!((order.status, order.payments[0].status()), (OrderStatus::Confirmed, PaymentStatus::Voided));
    assert_eq!(order.payments[0].operations.last().unwrap().origin, Origin::Expiry);
    assert_eq!(kinds(&order), [FindingKind::MoneyGone]);
    assert_eq!(order.findings[0].ours, Some(eur(1_230)));
    let paid =
        shop.engine.payments().pay(order.id, card("sim_approve"), &customer("ann")).await.unwrap().value;
    assert_eq!((paid.status, kinds(&paid).len()), (OrderStatus::Paid, 0));
}

#[tokio::test]
async fn staff_who_give_up_an_authorisation_leave_a_finding_or_a_cancelled_order() {
    let shop = Shop::with(1, 0).await;
    let order = authorised(&shop).await;
    let order = shop.engine.payments().void(order.payments[0].id, None, &staff()).await.unwrap().value;
    assert_eq!((order.status, kinds(&order)), (OrderStatus::Confirmed, vec![FindingKind::MoneyGone]));
    let mut policy = OrderPolicy::default();
    policy.money_gone = MoneyGone::Cancel;
    let shop = Shop::built(1, 0, |builder| builder.order_policy(policy)).await;
    let order = authorised(&shop).await;
    let order = shop.engine.payments().void(order.payments[0].id, None, &staff()).await.unwrap().value;
    assert_eq!((order.status, kinds(&order).len()), (OrderStatus::Cancelled, 0));
    assert_eq!(shop.counts("tea").await, [1, 0, 0]);
}

#[tokio::test]
async fn a_refund_that_fails_after_it_had_succeeded_is_seen_and_made_again() {
    let shop = Shop::with(1, 0).await;
    let order = shop.buy("ann", &[("tea", 1)], "sim_approve").await.unwrap();
    let target = RefundTarget::Order(order.id);
    let order = shop.engine.payments().refund(target, Some(eur(500)), None, &staff()).await.unwrap().value;
    let refund = shop.provider.refunds(order.payments[0].id).remove(0);
    assert!(shop.provider.fail_refund(order.payments[0].id, &refund.reference));
    let order = look(&shop, &order).await;
    assert_eq!((order.refunded().unwrap(), kinds(&order)), (eur(0), vec![FindingKind::RefundFailed]));
    assert_eq!(order.payments[0].operations[1].status, OperationStatus::Reversed);
    shop.wait(Duration::hours(1)).await;
    let order = shop.order(&order).await;
    assert_eq!((shop.taken(), order.refunded().unwrap()), ((1_230, 500), eur(500)));
    assert!(kinds(&order).is_empty(), "{:?}", order.findings);
}

#[tokio::test]
async fn another_amount_is_never_paid_and_is_booked_when_a_person_says_so() {
    for (is_accepted, status) in [(false, OrderStatus::Pending), (true, OrderStatus::Cancelled)] {
        let shop = Shop::with(1, 0).await;
        let order = shop.buy("ann", &[("tea", 1)], "sim_wrong_amount").await.unwrap();
        let order = look(&shop, &order).await;
        assert_eq!((order.status, kinds(&order)), (OrderStatus::Pending, vec![FindingKind::AmountDiffers]));
        let finding = order.open_findings().next().unwrap();
        assert_eq!((finding.ours, finding.theirs), (Some(eur(1_230)), Some(eur(1_229))));
        let payments = shop.engine.payments();
        if is_accepted {
            let (ann, boss) = (customer("ann"), staff());
            let resolve = |note, request| {
                payments.resolve(order.id, finding.id, Resolution::AcceptProvider, note, request)
            };
            assert!(resolve("mine now", &ann).await.is_err(), "only the staff says so");
            assert!(resolve(" ", &boss).await.is_err(), "not without a reason");
            let order = resolve("the bank took a cent", &boss).await.unwrap().value;
            assert_eq!((order.status, order.captured().unwrap()), (OrderStatus::Pending, eur(1_229)));
            assert_eq!(order.outstanding().unwrap(), eur(1));
            assert!(kinds(&order).is_empty());
            assert_eq!(resolve("again", &boss).await.unwrap_err().code(), "finding_resolved");
        }
        shop.wait(Duration::days(1)).await;
        let order = shop.order(&order).await;
        assert_eq!(order.status, status);
        let kept = shop.taken();
        assert_eq!(kept.0 - kept.1, if is_accepted { 0 } else { 1_229 });
    }
}

#[tokio::test]
async fn an_outcome_that_stays_unknown_is_for_a_person() {
    let shop = Shop::built(1, 0, |builder| builder.payment_gateway(simulated(), Arc::new(Mute))).await;
    let order = shop.buy("ann", &[("tea", 1)], "sim_approve").await.unwrap();
    shop.wait(Operation::WATCH - Duration::hours(1)).await;
    assert!(kinds(&shop.order(&order).await).is_empty());
    shop.wait(Duration::hours(12)).await;
    let order = shop.order(&order).await;
    assert_eq!((order.status, kinds(&order)), (OrderStatus::Pending, vec![FindingKind::OutcomeUnknown]));
    let finding = order.findings[0].id;
    let note = "the provider is gone; its bank says that nothing moved";
    let payments = shop.engine.payments();
    payments.resolve(order.id, finding, Resolution::Dismiss, note, &staff()).await.unwrap();
    shop.wait(Duration::days(1)).await;
    assert!(kinds(&shop.order(&order).await).is_empty(), "what a person has looked at does not come back");
}

/// A provider that never answers.
#[derive(Debug)]
struct Mute;

#[async_trait::async_trait]
impl PaymentGateway for Mute {
    async fn execute(&self, _: &Instruction) -> Result<Answer, GatewayError> {
        Err(GatewayError::unknown("mute"))
    }

    async fn ask(&self, instruction: &Instruction) -> Result<Answer, GatewayError> {
        self.execute(instruction).await
    }
}

/// A provider that lets an authorisation be captured once: what the capture leaves over is released.
#[derive(Debug)]
struct Once(Arc<SimulatedGateway>);

#[async_trait::async_trait]
impl PaymentGateway for Once {
    async fn execute(&self, instruction: &Instruction) -> Result<Answer, GatewayError> {
        let mut answer = self.0.execute(instruction).await?;
        if let Answer::Succeeded { amount, reference } = &answer
            && instruction.kind == OperationKind::Capture
        {
            self.0.void_by_hand(instruction.payment_id);
            answer = Answer::FinalCapture { amount: *amount, reference: reference.clone() };
        }
        Ok(answer)
    }

    async fn ask(&self, instruction: &Instruction) -> Result<Answer, GatewayError> {
        self.0.ask(instruction).await
    }
}

#[tokio::test]
async fn what_the_last_capture_leaves_over_is_not_believed_in() {
    let provider: Arc<SimulatedGateway> = Arc::default();
    let once = Arc::new(Once(provider.clone()));
    let books = provider.clone();
    let shop = Shop::built(1, 0, |builder| {
        builder.payment_gateway(simulated(), once).provider_books(simulated(), books)
    })
    .await;
    let order = authorised(&shop).await;
    let (payments, id) = (shop.engine.payments(), order.payments[0].id);
    let order = payments.capture(id, Some(eur(1_000)), None, &staff()).await.unwrap().value;
    assert_eq!((order.status, order.has_live_money()), (OrderStatus::Confirmed, false));
    assert_eq!((order.captured().unwrap(), order.outstanding().unwrap()), (eur(1_000), eur(230)));
    assert_eq!(kinds(&order), [FindingKind::MoneyGone]);
    let calls = provider.calls();
    let more = payments.capture(id, None, None, &staff()).await.unwrap_err();
    assert_eq!((more.code(), provider.calls()), ("nothing_to_capture", calls), "nobody is asked");
    let order = look(&shop, &order).await;
    let moved = order.payments[0].operations.iter().filter(|moved| moved.kind == OperationKind::Void).count();
    assert_eq!((moved, order.outstanding().unwrap()), (1, eur(230)), "the books say the same");
    let paid = payments.pay(order.id, card("sim_approve"), &customer("ann")).await.unwrap().value;
    assert_eq!(
        (paid.status, paid.captured().unwrap(), kinds(&paid).len()),
        (OrderStatus::Paid, eur(1_230), 0)
    );
}

/// Two captures are under way when the first is answered that it was the last: the other one's money is gone as soon as it is refused.
#[tokio::test]
async fn the_last_of_two_captures_releases_what_the_other_one_asked_for() {
    let shop = Shop::with(1, 0).await;
    let order = authorised(&shop).await;
    let (ids, policy) = (order_core::id::SeededIds::new(9), OrderPolicy::default());
    let context = order_core::order::Context::new(shop.now(), &ids, order_core::order::Actor::Engine, None);
    let mut draft = order_core::order::Draft::change(order.clone(), &context);
    for _ in 0..2 {
        let half = Some(eur(615));
        order_core::order::capture(&mut draft, order.payments[0].id, half, None, &policy, &context).unwrap();
    }
    let begun: Vec<_> = draft.order().payments[0].operations.iter().rev().take(2).map(|it| it.id).collect();
    let last = Answer::FinalCapture { amount: eur(615), reference: None };
    let refused = Answer::Declined(Decline::new("already_captured", "it was captured before"));
    for (id, said) in [(begun[0], last.clone()), (begun[0], last), (begun[1], refused)] {
        order_core::order::answer(&mut draft, id, said, &policy, &context).unwrap();
    }
    let order = draft.order();
    assert_eq!((order.captured().unwrap(), order.authorised().unwrap()), (eur(615), eur(0)));
    assert_eq!(order.outstanding().unwrap(), eur(615));
}

#[tokio::test]
async fn what_is_disputed_is_not_given_back_and_what_is_lost_is_gone() {
    for is_won in [true, false] {
        let shop = Shop::with(1, 0).await;
        let order = shop.buy("ann", &[("tea", 1)], "sim_approve").await.unwrap();
        let payment = order.payments[0].id;
        let dispute = shop.provider.open_dispute(payment, eur(1_000)).unwrap();
        let order = look(&shop, &order).await;
        assert_eq!(kinds(&order), [FindingKind::Disputed]);
        assert_eq!(order.payments[0].disputed().unwrap(), eur(1_000));
        let target = RefundTarget::Order(order.id);
        let payments = shop.engine.payments();
        let error = payments.refund(target, Some(eur(231)), None, &staff()).await.unwrap_err();
        assert_eq!(error.code(), "invalid");
        let cancelled =
            shop.engine.orders().cancel(order.id, CancelOrder::default(), &staff()).await.unwrap().value;
        assert_eq!((cancelled.status, shop.taken()), (OrderStatus::Cancelled, (1_230, 230)));
        assert!(shop.provider.close_dispute(payment, &dispute, is_won));
        let order = look(&shop, &order).await;
        let expected = if is_won { vec![] } else { vec![FindingKind::DisputeLost] };
        assert_eq!(kinds(&order), expected);
        let lost = eur(if is_won { 0 } else { 1_000 });
        assert_eq!(order.payments[0].lost().unwrap(), lost);
        assert_eq!(shop.taken(), (1_230, 1_230 - lost.minor()), "the rest goes back when it is ours again");
    }
}

#[tokio::test]
async fn money_that_is_captured_by_hand_for_a_cancelled_order_goes_back() {
    let shop = Shop::with(1, 0).await;
    let order = shop.buy("ann", &[("tea", 1)], "sim_action").await.unwrap();
    let order = shop.engine.orders().cancel(order.id, CancelOrder::default(), &staff()).await.unwrap().value;
    assert_eq!(order.status, OrderStatus::Cancelled);
    // The provider had taken the void for lost, and the customer has approved after all.
    let late = SimulatedGateway::default();
    let (payment, first) = (&order.payments[0], &order.payments[0].operations[0]);
    let mut call = Instruction::new(&order, payment, first);
    call.token = None;
    late.execute(&call).await.unwrap();
    let asked = order_core::gateway::PaymentRef::new(&order, payment);
    let report = order_core::gateway::ProviderBooks::report(&late, &asked).await.unwrap().unwrap();
    let ids = order_core::id::SeededIds::new(9);
    let context = order_core::order::Context::new(shop.now(), &ids, order_core::order::Actor::Engine, None);
    let mut draft = order_core::order::Draft::change(order.clone(), &context);
    order_core::order::observe(&mut draft, payment.id, &report, &OrderPolicy::default(), &context).unwrap();
    let after = draft.order();
    assert_eq!((after.status, after.refunding().unwrap()), (OrderStatus::Cancelled, eur(1_230)));
}

/// A provider in whose dashboard somebody captures what is set aside, a moment before it would be given up.
#[derive(Debug)]
struct Hasty(Arc<SimulatedGateway>);

#[async_trait::async_trait]
impl PaymentGateway for Hasty {
    async fn execute(&self, instruction: &Instruction) -> Result<Answer, GatewayError> {
        if instruction.kind == OperationKind::Void {
            self.0.capture_by_hand(instruction.payment_id, eur(1_230));
        }
        self.0.execute(instruction).await
    }

    async fn ask(&self, instruction: &Instruction) -> Result<Answer, GatewayError> {
        self.0.ask(instruction).await
    }
}

#[tokio::test]
async fn money_that_is_captured_by_hand_for_a_refunded_order_goes_back() {
    let provider: Arc<SimulatedGateway> = Arc::default();
    let (hasty, books) = (Arc::new(Hasty(provider.clone())), provider.clone());
    let shop = Shop::built(2, 0, |builder| {
        builder.payment_gateway(simulated(), hasty).provider_books(simulated(), books)
    })
    .await;
    let command = wish(&[("tea", 2)], set_aside("sim_approve"));
    let order = shop.engine.orders().place(command, &customer("ann")).await.unwrap().value;
    let (orders, payments, payment) = (shop.engine.orders(), shop.engine.payments(), order.payments[0].id);
    payments.capture(payment, Some(eur(1_230)), None, &staff()).await.unwrap();
    let items = vec![Units { line_id: order.lines[0].id, quantity: 1 }];
    orders.cancel(order.id, CancelOrder { reason: None, items }, &staff()).await.unwrap();
    orders.process(order.id, None, None, &staff()).await.unwrap();
    let order = orders.ship(order.id, ShipOrder::default(), &staff()).await.unwrap().value;
    assert_eq!((order.status, order.payable().unwrap()), (OrderStatus::Shipped, eur(1_230)));
    let refund = provider.refund_by_hand(payment, eur(1_230)).unwrap();
    let order = look(&shop, &order).await;
    assert_eq!((order.status, order.authorised().unwrap()), (OrderStatus::Refunded, eur(1_230)));
    let order = look(&shop, &order).await;
    assert_eq!((order.captured().unwrap(), order.refunded().unwrap()), (eur(2_460), eur(2_460)));
    assert_eq!((order.status, kinds(&order).len()), (OrderStatus::Refunded, 0));
    // What comes back of the refund by hand is for a person, as ever.
    assert!(provider.fail_refund(payment, &refund));
    let order = look(&shop, &order).await;
    assert_eq!((order.payable().unwrap(), order.excess().unwrap()), (eur(1_230), eur(0)));
    assert_eq!((kinds(&order), order.outstanding().unwrap()), (vec![FindingKind::RefundFailed], eur(0)));
}
