//! Windows of time, their pages, and what is left alone.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use order_core::Error;
use order_core::gateway::{
    BooksPage, BooksWindow, GatewayError, Instruction, PaymentGateway, PaymentRef, ProviderBooks,
};
use order_core::id::{CustomerId, PaymentId, ProviderId, ProviderReference};
use order_core::memory::SimulatedGateway;
use order_core::money::{Currency, Money};
use order_core::order::{Actor, FindingKind, OrderStatus};
use order_core::payment::{Answer, CaptureMode, PaymentReport};
use order_core::reconciliation::{DifferenceKind, Remedy, Repair};
use order_core::service::{CancelOrder, RefundTarget, Request};
use order_core::time::{Clock as _, Duration};

use crate::shop::{Shop, card, simulated, staff};

fn eur(minor: i64) -> Money {
    Money::from_minor(minor, Currency::EUR)
}

/// The simulated provider, seen through a glass that shows less or more than there is, and on a line that may go dead.
#[derive(Debug, Default)]
struct Glass {
    provider: Arc<SimulatedGateway>,
    hidden: Mutex<Vec<PaymentId>>,
    broken: Mutex<Vec<PaymentId>>,
    added: Mutex<Vec<PaymentReport>>,
    is_dead: AtomicBool,
    reports: Mutex<u32>,
}

impl Glass {
    async fn shop() -> (Arc<Self>, Shop) {
        let glass = Arc::new(Self::default());
        let shop = Shop::with(Currency::EUR, glass.provider.clone(), glass.clone(), glass.clone()).await;
        (glass, shop)
    }

    fn hides(&self, id: Option<PaymentId>) -> bool {
        id.is_some_and(|id| self.hidden.lock().unwrap().contains(&id))
    }
}

#[async_trait]
impl ProviderBooks for Glass {
    async fn report(&self, payment: &PaymentRef) -> Result<Option<PaymentReport>, GatewayError> {
        *self.reports.lock().unwrap() += 1;
        if self.broken.lock().unwrap().contains(&payment.payment_id) {
            return Err(GatewayError::unknown("glass"));
        }
        let report = self.provider.report(payment).await?;
        Ok(report.filter(|report| !self.hides(report.payment_id)))
    }

    async fn list(&self, window: &BooksWindow, cursor: Option<&str>) -> Result<BooksPage, GatewayError> {
        let mut page = self.provider.list(window, cursor).await?;
        page.reports.retain(|report| !self.hides(report.payment_id));
        page.reports.append(&mut self.added.lock().unwrap());
        Ok(page)
    }
}

#[async_trait]
impl PaymentGateway for Glass {
    async fn execute(&self, instruction: &Instruction) -> Result<Answer, GatewayError> {
        if self.is_dead.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        self.provider.execute(instruction).await
    }

    async fn ask(&self, instruction: &Instruction) -> Result<Answer, GatewayError> {
        self.provider.ask(instruction).await
    }
}

#[tokio::test]
async fn every_payment_is_compared_once_over_all_pages() {
    let (glass, shop) = Glass::shop().await;
    for _ in 0..7 {
        shop.buy("sim_approve", CaptureMode::Automatic).await;
    }
    shop.wait(Duration::minutes(10)).await;
    let told = shop.compare().await;
    assert_eq!((told.compared, told.differences.len(), told.failed), (7, 0, 0));
    assert!(told.pages >= 6, "three pages of theirs and three of ours: {}", told.pages);
    assert_eq!(*glass.reports.lock().unwrap(), 0, "what agrees in the list was asked for once more");
}

#[tokio::test]
async fn a_refund_by_hand_is_told_repaired_and_ascribed() {
    let shop = Shop::open(Currency::EUR).await;
    let order = shop.buy("sim_approve", CaptureMode::Automatic).await;
    shop.wait(Duration::minutes(10)).await;
    shop.provider.refund_by_hand(order.payments[0].id, eur(400)).unwrap();
    let told = shop.compare().await;
    let [difference] = &told.differences[..] else { unreachable!("{told:#?}") };
    assert_eq!((difference.kind, difference.repair), (DifferenceKind::RefundedMore, Repair::Automatic));
    assert_eq!((difference.theirs, difference.remedy()), (Some(eur(400)), Remedy::TakeIn));
    assert_eq!(shop.order(order.id).await.version, order.version, "a look has changed something");
    let repaired = shop.repair().await;
    assert_eq!((repaired.repaired.len(), repaired.differences.len()), (1, 0));
    assert_eq!(shop.order(order.id).await.refunded().unwrap(), eur(400));
    let history = shop.engine.orders().history(order.id, &Actor::Engine).await.unwrap();
    assert_eq!(history.last().unwrap().correlation.as_deref(), Some("check-1"));
    let version = shop.order(order.id).await.version;
    let again = shop.repair().await;
    assert_eq!((again.repaired.len(), again.differences.len()), (0, 0));
    assert_eq!(shop.order(order.id).await.version, version, "a repeated repair has changed something");
}

#[tokio::test]
async fn what_is_young_is_left_alone() {
    let shop = Shop::open(Currency::EUR).await;
    let order = shop.buy("sim_approve", CaptureMode::Automatic).await;
    shop.provider.refund_by_hand(order.payments[0].id, eur(400)).unwrap();
    shop.clock.advance(Duration::minutes(4));
    let told = shop.repair().await;
    assert_eq!((told.compared, told.differences.len(), told.repaired.len()), (0, 0, 0));
    shop.clock.advance(Duration::minutes(2));
    assert_eq!(shop.repair().await.repaired.len(), 1);
}

#[tokio::test]
async fn what_is_in_flight_is_left_alone() {
    let (glass, shop) = Glass::shop().await;
    let order = shop.buy("sim_approve", CaptureMode::Automatic).await;
    let payment = order.payments[0].id;
    shop.wait(Duration::minutes(10)).await;
    glass.provider.refund_by_hand(payment, eur(400)).unwrap();
    glass.is_dead.store(true, Ordering::SeqCst);
    let (payments, request) = (shop.engine.payments(), staff());
    let refund = payments.refund(RefundTarget::Payment(payment), Some(eur(100)), None, &request);
    tokio::select! {
        biased;
        _ = refund => unreachable!("the provider has answered"),
        () = std::future::ready(()) => {}
    }
    assert!(shop.order(order.id).await.is_in_flight(shop.clock.now()));
    let told = shop.repair().await;
    assert_eq!((told.compared, told.in_flight > 0, told.repaired.len()), (0, true, 0));
    glass.is_dead.store(false, Ordering::SeqCst);
    shop.wait(Duration::minutes(5)).await;
    assert_eq!(shop.repair().await.repaired.len(), 1);
    assert_eq!(shop.order(order.id).await.refunded().unwrap(), eur(500));
}

#[tokio::test]
async fn what_the_provider_never_heard_of_is_found_on_our_side() {
    let (glass, shop) = Glass::shop().await;
    for _ in 0..4 {
        shop.buy("sim_approve", CaptureMode::Automatic).await;
    }
    let order = shop.buy("sim_approve", CaptureMode::Manual).await;
    let unpaid = shop.buy("sim_decline", CaptureMode::Automatic).await;
    glass.hidden.lock().unwrap().extend([order.payments[0].id, unpaid.payments[0].id]);
    shop.wait(Duration::minutes(10)).await;
    for told in [shop.compare().await, shop.repair().await] {
        let [difference] = &told.differences[..] else { unreachable!("{told:#?}") };
        assert_eq!((difference.kind, difference.repair), (DifferenceKind::NotAtProvider, Repair::ByHand));
        assert_eq!((difference.order_id, difference.ours), (Some(order.id), Some(eur(2_460))));
    }
}

#[tokio::test]
async fn a_payment_on_an_older_order_belongs_to_the_window_it_was_begun_in() {
    let (glass, shop) = Glass::shop().await;
    let order = shop.buy("sim_decline", CaptureMode::Automatic).await;
    shop.clock.advance(Duration::minutes(20));
    let from = shop.clock.now();
    let tender = card("sim_approve", CaptureMode::Automatic);
    let ann = Request::by(Actor::Customer(CustomerId::new("ann").unwrap()));
    let order = shop.engine.payments().pay(order.id, tender, &ann).await.unwrap().value;
    assert_eq!(order.status, OrderStatus::Paid);
    glass.hidden.lock().unwrap().push(order.payments[1].id);
    shop.clock.advance(Duration::minutes(20));
    let mut window = shop.window(100);
    window.from = from;
    window.cursor = Some("ours".parse().unwrap());
    let page = shop.engine.reconciliation().compare(&window, &staff().actor).await.unwrap();
    assert_eq!(page.differences.len(), 1, "{page:#?}");
    assert_eq!(page.differences[0].payment_id, Some(order.payments[1].id));
}

#[tokio::test]
async fn money_that_no_order_stands_for_is_told_and_never_touched() {
    let (glass, shop) = Glass::shop().await;
    let lost = shop.lose_an_order(CaptureMode::Automatic).await;
    let mut foreign = PaymentReport::new(Currency::EUR);
    foreign.reference = Some(ProviderReference::new("pi_other").unwrap());
    (foreign.authorised, foreign.captured) = (eur(700), eur(700));
    let order = shop.orders().await.remove(0);
    let mut twice = foreign.clone();
    twice.payment_id = Some(order.payments[0].id);
    shop.wait(Duration::minutes(10)).await;
    for repairs in [false, true] {
        glass.added.lock().unwrap().extend([foreign.clone(), twice.clone()]);
        let told = if repairs { shop.repair().await } else { shop.compare().await };
        let mut kinds: Vec<_> = told
            .differences
            .iter()
            .map(|found| (found.kind, found.payment_id, found.theirs.unwrap().minor(), found.remedy()))
            .collect();
        kinds.sort_by_key(|kind| kind.0);
        let expected = [
            (DifferenceKind::MoneyWithoutPayment, None, 700, Remedy::Investigate),
            (DifferenceKind::OrderMissing, Some(lost), 2_460, Remedy::ReturnOrphan),
            (DifferenceKind::SecondObject, twice.payment_id, 700, Remedy::ReturnAtProvider),
        ];
        assert_eq!(kinds, expected);
        assert!(told.repaired.is_empty());
    }
    assert_eq!(shop.account(lost).unwrap().refunded, eur(0), "nobody has asked for that");
}

/// What can't be repaired is a finding of its order after a repair, so that somebody sees it there as well.
#[tokio::test]
async fn what_needs_a_person_becomes_a_finding() {
    let shop = Shop::open(Currency::EUR).await;
    let order = shop.buy("sim_wrong_amount", CaptureMode::Automatic).await;
    shop.wait(Duration::minutes(10)).await;
    let told = shop.repair().await;
    let [difference] = &told.differences[..] else { unreachable!("{told:#?}") };
    assert_eq!((difference.kind, difference.repair), (DifferenceKind::AmountDiffers, Repair::ByHand));
    assert_eq!((difference.ours, difference.theirs), (Some(eur(2_460)), Some(eur(2_459))));
    let kinds: Vec<_> = shop.order(order.id).await.open_findings().map(|finding| finding.kind).collect();
    assert_eq!(kinds, [FindingKind::AmountDiffers]);
}

#[tokio::test]
async fn what_is_still_held_of_a_cancelled_order_is_given_up() {
    let shop = Shop::open(Currency::EUR).await;
    let order = shop.buy("sim_action", CaptureMode::Manual).await;
    let payment = order.payments[0].id;
    shop.engine.orders().cancel(order.id, CancelOrder::default(), &staff()).await.unwrap();
    assert!(!shop.provider.complete(payment, true), "it was given up");
    shop.wait(Duration::minutes(10)).await;
    assert_eq!(shop.repair().await.differences, []);
}

#[tokio::test]
async fn one_that_fails_does_not_stand_in_the_way_of_the_others() {
    let (glass, shop) = Glass::shop().await;
    let mut orders = Vec::new();
    for _ in 0..5 {
        let order = shop.buy("sim_approve", CaptureMode::Automatic).await;
        shop.provider.refund_by_hand(order.payments[0].id, eur(100)).unwrap();
        orders.push(order);
    }
    glass.broken.lock().unwrap().push(orders[2].payments[0].id);
    shop.wait(Duration::minutes(10)).await;
    let mut window = shop.window(100);
    let page = shop.engine.reconciliation().repair(&window, &staff()).await.unwrap();
    assert_eq!((page.repaired.len(), page.failed.len()), (4, 1));
    assert_eq!((page.failed[0].order_id, page.failed[0].code), (orders[2].id, "service_unavailable"));
    glass.broken.lock().unwrap().clear();
    window.cursor = None;
    let page = shop.engine.reconciliation().repair(&window, &staff()).await.unwrap();
    assert_eq!((page.repaired.len(), page.failed.len()), (1, 0));
}

#[tokio::test]
async fn it_is_for_the_staff_and_says_what_is_wrong() {
    let shop = Shop::open(Currency::EUR).await;
    let reconciliation = shop.engine.reconciliation();
    let window = shop.window(10);
    let customer = Request::by(Actor::Customer(CustomerId::new("ann").unwrap()));
    assert!(matches!(reconciliation.compare(&window, &customer.actor).await, Err(Error::Forbidden { .. })));
    assert!(matches!(reconciliation.repair(&window, &customer).await, Err(Error::Forbidden { .. })));
    let mut wrong = window.clone();
    wrong.provider = ProviderId::new("nobody").unwrap();
    (wrong.from, wrong.to) = (window.to, window.from);
    let Err(Error::Invalid(invalid)) = reconciliation.repair(&wrong, &staff()).await else {
        unreachable!("nobody has books")
    };
    let pointers: Vec<_> = invalid.errors().iter().map(|error| error.pointer.as_str()).collect();
    assert_eq!(pointers, ["/provider", "/to"]);
    for text in ["", "theirs.", "ours.x", "mine", "ours.é", &format!("theirs.{}", "x".repeat(2_000))] {
        assert!(text.parse::<order_core::service::ReconciliationCursor>().is_err(), "{text}");
    }
    assert_eq!(simulated(), window.provider);
}
