//! Stripe's books: the published suite, what happens in the dashboard, and a whole reconciliation.

use std::sync::Arc;

use order_adapters::stripe::StripeGateway;
use order_core::Engine;
use order_core::conformance::sample::{address, customer};
use order_core::conformance::{BooksHarness, GatewayHarness};
use order_core::gateway::{BooksWindow, Instruction, PaymentGateway, PaymentRef, Product, ProviderBooks};
use order_core::id::{LocationId, PaymentId, ProductId, ProviderId, SellerId};
use order_core::memory::{MemoryCatalogue, MemoryStore};
use order_core::money::{Currency, Money};
use order_core::order::{Actor, Order, Tender};
use order_core::payment::{
    Answer, CaptureMode, DisputeStatus, OperationKind, PaymentMethod, PaymentReport, ProviderToken,
    RefundStatus, Release,
};
use order_core::reconciliation::{DifferenceKind, Repair};
use order_core::service::{OrderItem, PlaceOrder, ReconcileBooks, ReconciliationPage, Request};
use order_core::time::{Clock as _, Duration, ManualClock, SystemClock};
use order_fake_providers::stripe::FakeStripe;
use order_fake_providers::wire::WireFault;

use crate::desk::{APPROVED, ASKED, DECLINED, Desk, euros, provider, token};

struct Stripe;

async fn open() -> (Arc<StripeGateway>, FakeStripe) {
    let stripe = FakeStripe::start(Arc::new(SystemClock)).await.unwrap();
    let gateway = StripeGateway::builder(FakeStripe::SECRET_KEY).base_url(stripe.url()).build().unwrap();
    (Arc::new(gateway), stripe)
}

#[async_trait::async_trait]
impl GatewayHarness for Stripe {
    type Guard = FakeStripe;

    async fn gateway(&self) -> (Arc<dyn PaymentGateway>, FakeStripe) {
        let (gateway, stripe) = open().await;
        (gateway, stripe)
    }

    fn provider(&self) -> ProviderId {
        provider()
    }

    fn approved(&self) -> ProviderToken {
        token(APPROVED)
    }

    fn declined(&self) -> ProviderToken {
        token(DECLINED)
    }
}

#[async_trait::async_trait]
impl BooksHarness for Stripe {
    async fn gateway_and_books(&self) -> (Arc<dyn PaymentGateway>, Arc<dyn ProviderBooks>, FakeStripe) {
        let (gateway, stripe) = open().await;
        (gateway.clone(), gateway, stripe)
    }
}

mod suite {
    order_core::books_conformance!(super::Stripe);
}

/// How Stripe may find a payment whose answers were all lost, or not.
fn asked(desk: &Desk, instruction: &Instruction, said: Option<&Answer>) -> PaymentRef {
    let wire = serde_json::json!({
        "payment_id": instruction.payment_id,
        "order_id": instruction.order_id,
        "first_key": instruction.first_key,
        "reference": said.and_then(crate::desk::reference),
        "currency": instruction.amount.currency(),
        "created_at": desk.clock.now(),
    });
    serde_json::from_value(wire).unwrap()
}

async fn begun(desk: &Desk, kind: OperationKind, method: &str) -> (Instruction, Answer) {
    let first = desk.first(kind, Some(method), euros(1_000));
    let said = desk.gateway.execute(&first).await.unwrap();
    (first, said)
}

async fn report(desk: &Desk, first: &Instruction, said: Option<&Answer>) -> PaymentReport {
    desk.gateway.report(&asked(desk, first, said)).await.unwrap().unwrap()
}

fn sums(report: &PaymentReport) -> (i64, i64, Option<Release>) {
    (report.authorised.minor(), report.captured.minor(), report.released)
}

#[tokio::test]
async fn what_is_done_in_the_dashboard_is_told() {
    let desk = Desk::open().await;
    let (held, said) = begun(&desk, OperationKind::Authorise, APPROVED).await;
    let id = held.payment_id.to_string();
    assert_eq!(sums(&report(&desk, &held, Some(&said)).await), (1_000, 0, None));
    assert!(desk.stripe.capture_by_hand(&id, 600));
    let told = report(&desk, &held, Some(&said)).await;
    assert_eq!(sums(&told), (1_000, 600, Some(Release::Voided)));
    assert_eq!(told.refunds, [], "what was released is no refund");
    let refund = desk.stripe.refund_by_hand(&id, 200).unwrap();
    let told = report(&desk, &held, Some(&said)).await;
    let refunds: Vec<_> = told
        .refunds
        .iter()
        .map(|one| (one.reference.as_str(), one.operation_id, one.amount.minor(), one.status))
        .collect();
    assert_eq!(refunds, [(refund.as_str(), None, 200, RefundStatus::Succeeded)]);
    assert!(desk.stripe.settle_refund(&refund, false));
    assert_eq!(report(&desk, &held, Some(&said)).await.refunds[0].status, RefundStatus::Failed);
    // A refund by hand of exactly what was released is one nevertheless.
    desk.stripe.refund_by_hand(&id, 400).unwrap();
    let told = report(&desk, &held, Some(&said)).await;
    assert_eq!(told.refunds.iter().map(|one| one.amount.minor()).collect::<Vec<_>>(), [200, 400]);
}

#[tokio::test]
async fn ours_are_told_from_others() {
    let desk = Desk::open().await;
    let (charge, said) = begun(&desk, OperationKind::Charge, "pm_card_pendingRefund").await;
    let own = desk.then(&charge, &said, OperationKind::Refund, 300);
    assert_eq!(desk.gateway.execute(&own).await.unwrap(), Answer::Unknown);
    let told = report(&desk, &charge, Some(&said)).await;
    assert_eq!(told.payment_id, Some(charge.payment_id));
    assert_eq!(
        (told.refunds[0].operation_id, told.refunds[0].status),
        (Some(own.key), RefundStatus::Pending)
    );
    desk.stripe.charge_by_hand(700, "eur").unwrap();
    desk.clock.advance(Duration::seconds(1));
    let window =
        BooksWindow { since: desk.clock.now() - Duration::days(1), until: desk.clock.now(), limit: 10 };
    let page = desk.gateway.list(&window, None).await.unwrap();
    let listed: Vec<_> =
        page.reports.iter().map(|report| (report.payment_id, report.captured.minor())).collect();
    assert_eq!(listed, [(None, 700), (Some(charge.payment_id), 1_000)]);
    assert_eq!(page.next, None);
}

#[tokio::test]
async fn what_is_over_says_why() {
    let desk = Desk::open().await;
    let (held, said) = begun(&desk, OperationKind::Authorise, APPROVED).await;
    assert!(desk.stripe.cancel_by_hand(&held.payment_id.to_string()));
    assert_eq!(sums(&report(&desk, &held, Some(&said)).await), (1_000, 0, Some(Release::Voided)));
    for by_time in [false, true] {
        let (held, said) = begun(&desk, OperationKind::Authorise, APPROVED).await;
        if by_time {
            desk.clock.advance(Duration::days(8));
        } else {
            assert!(desk.stripe.expire(&held.payment_id.to_string()));
        }
        let told = report(&desk, &held, Some(&said)).await;
        assert_eq!(sums(&told), (1_000, 0, Some(Release::Expired)));
        assert_eq!(told.refunds, []);
    }
}

#[tokio::test]
async fn nothing_that_did_not_come_is_told() {
    let desk = Desk::open().await;
    let (refused, _) = begun(&desk, OperationKind::Charge, DECLINED).await;
    let told = report(&desk, &refused, None).await;
    assert_eq!(sums(&told), (0, 0, None));
    assert!(matches!(&told.first, Some(Answer::Declined(decline)) if decline.code == "insufficient_funds"));
    let (waiting, said) = begun(&desk, OperationKind::Charge, ASKED).await;
    let told = report(&desk, &waiting, Some(&said)).await;
    assert_eq!(sums(&told), (0, 0, None));
    assert!(matches!(told.first, Some(Answer::ActionRequired { .. })));
    let (under_way, _) = begun(&desk, OperationKind::Charge, "pm_fake_processing").await;
    let told = report(&desk, &under_way, None).await;
    assert_eq!((sums(&told), told.first), ((0, 0, None), None));
    let mut gone = asked(&desk, &waiting, Some(&said));
    gone.reference = Some("pi_of_nobody".parse().unwrap());
    assert_eq!(desk.gateway.report(&gone).await.unwrap(), None);
    let never = desk.charge(APPROVED);
    assert_eq!(desk.gateway.report(&asked(&desk, &never, None)).await.unwrap(), None);
}

#[tokio::test]
async fn disputes_are_told_from_their_beginning_to_their_end() {
    let desk = Desk::open().await;
    let (charge, said) = begun(&desk, OperationKind::Charge, APPROVED).await;
    let id = charge.payment_id.to_string();
    for (is_won, end) in [(true, DisputeStatus::Won), (false, DisputeStatus::Lost)] {
        let dispute = desk.stripe.open_dispute(&id, 400).unwrap();
        let told = report(&desk, &charge, Some(&said)).await;
        let found = told.disputes.iter().find(|found| found.reference.as_str() == dispute).unwrap();
        assert_eq!((found.amount.minor(), found.status), (400, DisputeStatus::Open));
        assert_eq!(found.reason.as_deref(), Some("fraudulent"));
        assert!(desk.stripe.refund_by_hand(&id, 100).is_none(), "the bank has the money");
        assert!(desk.stripe.close_dispute(&dispute, is_won));
        let told = report(&desk, &charge, Some(&said)).await;
        let found = told.disputes.iter().find(|found| found.reference.as_str() == dispute).unwrap();
        assert_eq!(found.status, end);
    }
}

/// More refunds than Stripe tells on one page.
#[tokio::test]
async fn every_page_of_refunds_is_read() {
    let desk = Desk::open().await;
    let (charge, said) = begun(&desk, OperationKind::Charge, APPROVED).await;
    for _ in 0..130 {
        desk.stripe.refund_by_hand(&charge.payment_id.to_string(), 5).unwrap();
    }
    assert_eq!(report(&desk, &charge, Some(&said)).await.refunds.len(), 130);
}

#[tokio::test]
async fn what_can_t_be_read_is_no_report() {
    for path in ["/v1/refunds", "_fake000000000001"] {
        let desk = Desk::open().await;
        let (charge, said) = begun(&desk, OperationKind::Charge, APPROVED).await;
        desk.stripe.wire().fail_next("GET", path, WireFault::FailBefore);
        assert!(desk.gateway.report(&asked(&desk, &charge, Some(&said))).await.is_err(), "{path}");
        assert_eq!(sums(&report(&desk, &charge, Some(&said)).await), (1_000, 1_000, None));
    }
}

/// An engine on Stripe's stand-in.
struct Shop {
    stripe: FakeStripe,
    engine: Engine,
    clock: Arc<ManualClock>,
}

impl Shop {
    async fn open(currency: Currency) -> Self {
        let clock: Arc<ManualClock> = Arc::default();
        let stripe = FakeStripe::start(clock.clone()).await.unwrap();
        let builder = StripeGateway::builder(FakeStripe::SECRET_KEY).base_url(stripe.url());
        let gateway = Arc::new(builder.clock(clock.clone()).build().unwrap());
        let tea = ProductId::new("tea").unwrap();
        let price = Money::from_minor(1_230, currency);
        let product = Product::new(tea.clone(), "Tea", SellerId::new("north").unwrap(), price);
        let engine = Engine::builder(Arc::new(MemoryStore::default()))
            .catalogue(Arc::new(MemoryCatalogue::from_iter([product])))
            .payment_gateway(provider(), gateway.clone())
            .provider_books(provider(), gateway)
            .clock(clock.clone())
            .build()
            .unwrap();
        let shelf = LocationId::new("main").unwrap();
        engine.inventory().set(tea, shelf, 100, None, &Request::by(Actor::Engine)).await.unwrap();
        Self { stripe, engine, clock }
    }

    async fn buy(&self, capture: CaptureMode) -> Order {
        let method = PaymentMethod::Card;
        let tender =
            Tender { method, provider: provider(), token: Some(token(APPROVED)), capture, amount: None };
        let item = OrderItem { product_id: ProductId::new("tea").unwrap(), quantity: 2, price: None };
        let wish = PlaceOrder { items: Some(vec![item]), ..PlaceOrder::from_cart(address(), tender) };
        self.clock.advance(Duration::seconds(1));
        let ann = Request::by(Actor::Customer(customer("ann")));
        self.engine.orders().place(wish, &ann).await.unwrap().value
    }

    /// Every page of a repair of the last days, so many payments at a time.
    async fn repair(&self) -> Vec<ReconciliationPage> {
        let to = self.clock.now();
        let from = to - Duration::days(3);
        let mut window = ReconcileBooks { provider: provider(), from, to, cursor: None, limit: 2 };
        let mut pages = Vec::new();
        loop {
            let staff = Request::by(Actor::Staff(customer("boss")));
            let page = self.engine.reconciliation().repair(&window, &staff).await.unwrap();
            window.cursor.clone_from(&page.next);
            pages.push(page);
            if window.cursor.is_none() {
                return pages;
            }
        }
    }
}

fn payment(order: &Order) -> String {
    order.payments[0].id.to_string()
}

async fn a_day_at_stripe(currency: Currency) {
    let shop = Shop::open(currency).await;
    let stripe = &shop.stripe;
    let mut orders = Vec::new();
    for capture in [CaptureMode::Automatic, CaptureMode::Manual] {
        for _ in 0..3 {
            orders.push(shop.buy(capture).await);
        }
    }
    // The answer to a confirmation is lost, and nobody asks.
    stripe.wire().fail_next("POST", "/confirm", WireFault::CutAfter);
    orders.push(shop.buy(CaptureMode::Automatic).await);
    shop.clock.advance(Duration::minutes(10));
    stripe.refund_by_hand(&payment(&orders[0]), 450).unwrap();
    let dispute = stripe.open_dispute(&payment(&orders[1]), 700).unwrap();
    assert!(stripe.close_dispute(&dispute, false));
    assert!(stripe.capture_by_hand(&payment(&orders[3]), 1_230));
    assert!(stripe.cancel_by_hand(&payment(&orders[4])));
    let foreign = stripe.charge_by_hand(990, &currency.code().to_lowercase()).unwrap();
    shop.clock.advance(Duration::minutes(10));
    let pages = shop.repair().await;
    assert!(pages.len() > 4, "{}", pages.len());
    assert!(pages.iter().all(|page| page.failed.is_empty()), "{pages:#?}");
    let mut repaired: Vec<_> =
        pages.iter().flat_map(|page| &page.repaired).map(|found| (found.kind, found.payment_id)).collect();
    let id = |place: usize| Some(orders[place].payments[0].id);
    let mut expected: Vec<(DifferenceKind, Option<PaymentId>)> = vec![
        (DifferenceKind::RefundedMore, id(0)),
        (DifferenceKind::DisputeUnknown, id(1)),
        (DifferenceKind::CapturedMore, id(3)),
        (DifferenceKind::Released, id(3)),
        (DifferenceKind::Released, id(4)),
        (DifferenceKind::OutcomeDiffers, id(6)),
    ];
    repaired.sort_unstable();
    expected.sort_unstable();
    assert_eq!(repaired, expected);
    let left: Vec<_> = pages.iter().flat_map(|page| &page.differences).collect();
    assert_eq!(left.len(), 1, "{left:#?}");
    assert_eq!((left[0].kind, left[0].repair), (DifferenceKind::MoneyWithoutPayment, Repair::ByHand));
    assert_eq!(left[0].reference.as_ref().unwrap().as_str(), foreign);
    for account in stripe.accounts().iter().filter(|account| account.payment_id.is_some()) {
        let id = account.payment_id.as_ref().unwrap().parse().unwrap();
        let order = shop.engine.store().find_order_by_payment(id).await.unwrap().unwrap();
        let ours = order.payment(id).unwrap();
        assert_eq!((ours.captured.minor(), ours.refunded.minor()), (account.captured, account.refunded));
    }
    let again = shop.repair().await;
    assert!(again.iter().all(|page| page.repaired.is_empty()), "{again:#?}");
}

#[tokio::test]
async fn a_day_at_stripe_is_reconciled_in_euros() {
    a_day_at_stripe(Currency::EUR).await;
}

#[tokio::test]
async fn a_day_at_stripe_is_reconciled_in_yen() {
    a_day_at_stripe(Currency::JPY).await;
}

#[tokio::test]
async fn a_day_at_stripe_is_reconciled_in_dinars() {
    a_day_at_stripe(Currency::from_code("KWD").unwrap()).await;
}
