//! The cases of the suite for providers' books.
//!
//! Each panics when the books do not keep their [contract](crate::gateway::ProviderBooks). As those for gateways, they move money.

use std::sync::Arc;

use super::gateway::{Till, last};
use super::{BooksHarness, Spawn};
use crate::gateway::{BooksWindow, PaymentRef, ProviderBooks};
use crate::id::PaymentId;
use crate::money::{Currency, Money};
use crate::order::{FindingKind, Order, capture, observe, refund, void};
use crate::payment::{Answer, CaptureMode, OperationKind, OperationStatus, PaymentReport};
use crate::time::{Clock as _, Duration, SystemClock};

/// A till whose provider's books can be read.
#[derive(Debug)]
pub struct Ledger {
    till: Till,
    books: Arc<dyn ProviderBooks>,
}

impl Ledger {
    /// A ledger at a harness' provider.
    pub async fn open<H: BooksHarness>(harness: &H, spawn: Spawn) -> (Self, H::Guard) {
        let (gateway, books, guard) = harness.gateway_and_books().await;
        (Self { till: Till::at(harness, gateway, spawn), books }, guard)
    }

    async fn report(&self, order: &Order) -> Option<PaymentReport> {
        let mut report = self.books.report(&PaymentRef::new(order, &order.payments[0])).await.unwrap();
        if let Some(report) = &mut report {
            report.as_of = Some(self.till.samples.now());
        }
        report
    }

    /// The order after the books were read.
    async fn observed(&self, order: &Order) -> Order {
        let report = self.report(order).await.unwrap();
        self.take(order, &report)
    }

    fn take(&self, order: &Order, report: &PaymentReport) -> Order {
        let (samples, id) = (&self.till.samples, order.payments[0].id);
        samples.change(order, |draft, context| observe(draft, id, report, &samples.policy, context)).1
    }

    /// Reads the books about what we have done ourselves: they say nothing new.
    async fn agrees(&self, order: &Order) -> Order {
        let report = self.report(order).await.unwrap();
        let after = self.take(order, &report);
        let (ours, then) = (&order.payments[0], &after.payments[0]);
        assert_eq!((ours.captured, ours.refunded), (then.captured, then.refunded), "{report:?}");
        let is_foreign = |kind| {
            move |operation: &&crate::payment::Operation| {
                operation.kind == kind && !operation.origin.is_engine()
            }
        };
        for kind in [OperationKind::Capture, OperationKind::Refund] {
            assert_eq!(
                then.operations.iter().find(is_foreign(kind)),
                None,
                "we have done it ourselves: {report:?}"
            );
        }
        let is_difference = |kind| kind != FindingKind::MoneyGone;
        let found = after.open_findings().find(|finding| is_difference(finding.kind));
        assert_eq!(found, None, "{report:?}");
        assert_eq!(self.take(&after, &report).version, after.version, "the same report changes nothing");
        after
    }
}

/// A payment that never reached the provider has no report.
pub async fn unheard_payment_is_not_in_the_books(ledger: Ledger) {
    assert_eq!(ledger.report(&ledger.till.sale(CaptureMode::Automatic)).await, None);
}

/// The books tell of a charge and its refunds what we know of them, and whose they are.
pub async fn books_tell_a_charge_and_its_refunds(ledger: Ledger) {
    let order = ledger.till.carry_out(&ledger.till.sale(CaptureMode::Automatic)).await;
    let report = ledger.report(&order).await.unwrap();
    assert!(report.payment_id.is_none_or(|id| id == order.payments[0].id));
    assert_eq!((report.captured.minor(), report.first), (1_000, None));
    let mut order = ledger.agrees(&order).await;
    for (minor, count) in [(300, 1), (700, 2)] {
        let (samples, amount) = (&ledger.till.samples, Some(Money::from_minor(minor, Currency::EUR)));
        let (_, begun) = samples
            .change(&order, |draft, context| refund(draft, None, amount, None, &samples.policy, context));
        order = ledger.till.carry_out(&begun).await;
        order = ledger.agrees(&order).await;
        let report = ledger.report(&order).await.unwrap();
        assert_eq!(report.refunds.len(), count);
    }
    assert_eq!(order.refunded().unwrap().minor(), 1_000);
}

/// The books tell of an authorisation what was captured of it, and that the rest is given up.
pub async fn books_tell_an_authorisation_and_its_end(ledger: Ledger) {
    for is_captured in [true, false] {
        let samples = &ledger.till.samples;
        let order = ledger.till.carry_out(&ledger.till.sale(CaptureMode::Manual)).await;
        let order = ledger.agrees(&order).await;
        assert_eq!(order.authorised().unwrap().minor(), 1_000);
        let id = order.payments[0].id;
        let begun = samples.change(&order, |draft, context| {
            if is_captured {
                capture(draft, id, None, None, &samples.policy, context)
            } else {
                void(draft, id, None, &samples.policy, context)
            }
        });
        let order = ledger.agrees(&ledger.till.carry_out(&begun.1).await).await;
        assert_eq!(order.captured().unwrap().minor(), if is_captured { 1_000 } else { 0 });
        assert_eq!(order.authorised().unwrap().minor(), 0);
    }
}

/// What was done, and whose answer was lost, is settled by the books.
pub async fn books_settle_lost_answers(ledger: Ledger) {
    let order = ledger.till.sale(CaptureMode::Automatic);
    let first = last(&order);
    assert!(matches!(ledger.till.settle(&first).await, Answer::Succeeded { .. }));
    let order = ledger.observed(&order).await;
    assert_eq!(order.captured().unwrap().minor(), 1_000);
    let samples = &ledger.till.samples;
    let (_, order) =
        samples.change(&order, |draft, context| refund(draft, None, None, None, &samples.policy, context));
    assert!(matches!(ledger.till.settle(&last(&order)).await, Answer::Succeeded { .. }));
    let order = ledger.observed(&order).await;
    let refund = order.payments[0].operations.last().unwrap();
    assert_eq!((refund.status, order.payments[0].operations.len()), (OperationStatus::Succeeded, 2));
}

/// A refusal moves nothing, in the books as well.
pub async fn books_tell_a_refusal(ledger: Ledger) {
    let price = Money::from_minor(1_000, Currency::EUR);
    let order = ledger.till.order(&ledger.till.declined, CaptureMode::Automatic, price);
    let first = last(&order);
    assert!(matches!(ledger.till.settle(&first).await, Answer::Declined(_)));
    if let Some(report) = ledger.report(&order).await {
        assert!(report.captured.is_zero() && report.authorised.is_zero(), "{report:?}");
        let after = ledger.take(&order, &report);
        assert_eq!(after.captured().unwrap().minor(), 0);
    }
}

/// A list tells every payment of its window once, page by page, as its report does.
pub async fn books_are_listed_in_pages(ledger: Ledger) {
    let mut orders = Vec::new();
    for _ in 0..5 {
        orders.push(ledger.till.carry_out(&ledger.till.sale(CaptureMode::Automatic)).await);
    }
    let (ours, now) = (ledger.till.samples.now(), SystemClock.now());
    let (since, until) = (ours.min(now) - Duration::days(1), ours.max(now) + Duration::days(1));
    let window = BooksWindow { since, until, limit: 2 };
    let ids: Vec<PaymentId> = orders.iter().map(|order| order.payments[0].id).collect();
    let (mut found, mut cursor) = (Vec::new(), None);
    for _ in 0..10_000 {
        let page = ledger.books.list(&window, cursor.as_deref()).await.unwrap();
        assert!(page.reports.len() <= 2, "a page is longer than its limit");
        found.extend(
            page.reports.into_iter().filter(|report| report.payment_id.is_some_and(|id| ids.contains(&id))),
        );
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(cursor, None, "the list has no end");
    for order in &orders {
        let of_order = found.iter().filter(|report| report.payment_id == Some(order.payments[0].id));
        let listed: Vec<_> = of_order.collect();
        assert_eq!(listed.len(), 1, "a payment is listed once");
        assert_eq!(listed[0].captured.minor(), 1_000);
    }
    let past = BooksWindow { since: since - Duration::days(2), until: since, limit: 2 };
    let page = ledger.books.list(&past, None).await.unwrap();
    assert!(page.reports.iter().all(|report| report.payment_id.is_none_or(|id| !ids.contains(&id))));
}

/// Makes one test of every case of the suite for providers' books. Takes a
/// [`BooksHarness`](crate::conformance::BooksHarness).
#[macro_export]
macro_rules! books_conformance {
    ($harness:expr) => {
        $crate::books_conformance! {
            [$harness]
            unheard_payment_is_not_in_the_books
            books_tell_a_charge_and_its_refunds
            books_tell_an_authorisation_and_its_end
            books_settle_lost_answers
            books_tell_a_refusal
            books_are_listed_in_pages
        }
    };
    ([$harness:expr] $($case:ident)+) => {
        $(
            #[::tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $case() {
                let (ledger, guard) = $crate::conformance::books::Ledger::open(&$harness, |task| {
                    ::core::mem::drop(::tokio::spawn(task));
                })
                .await;
                $crate::conformance::books::$case(ledger).await;
                ::core::mem::drop(guard);
            }
        )+
    };
}
