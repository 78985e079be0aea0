//! Disputes: what is asked of every provider that has them, and where PayPal has ways of its own.

use order_core::gateway::{BooksPage, BooksWindow, Instruction, PaymentGateway as _, ProviderBooks as _};
use order_core::money::Currency;
use order_core::payment::{CaptureMode, DisputeStatus, OperationKind};
use order_core::time::{Clock as _, Duration};
use order_fake_providers::paypal::FakePayPal;
use order_fake_providers::wire::WireFault;

use crate::desk::{APPROVED, Desk};
use crate::provider::disputes;
use crate::provider::shop::{Shop, recorded};

const LIST: &str = "/v1/customer/disputes";

disputes::suite!(FakePayPal);

/// The requests about disputes since the last time, lists and single ones.
fn asked(desk: &Desk, known: &mut usize) -> (usize, usize) {
    let sent = desk.sent();
    let new: Vec<_> = sent[*known..].iter().filter(|path| path.starts_with(LIST)).collect();
    *known = sent.len();
    (
        new.iter().filter(|path| path.as_str() == LIST).count(),
        new.iter().filter(|path| path.len() > LIST.len()).count(),
    )
}

async fn listed(desk: &Desk, since: Duration) -> BooksPage {
    let now = desk.clock.now();
    let window = BooksWindow { since: now - since, until: now + Duration::seconds(1), limit: 100 };
    desk.gateway.list(&window, None).await.unwrap()
}

async fn charges(desk: &Desk, count: usize) -> Vec<Instruction> {
    let mut charges = Vec::new();
    for _ in 0..count {
        charges.push(desk.begun(OperationKind::Charge, APPROVED).await.0);
    }
    charges
}

/// A page of the books costs one request more when nothing is disputed, however many captures are on it.
#[tokio::test]
async fn a_page_of_the_books_does_not_ask_for_each_capture() {
    let desk = Desk::open().await;
    let mut known = 0;
    desk.begun(OperationKind::Authorise, APPROVED).await;
    assert_eq!(listed(&desk, Duration::days(1)).await.reports.len(), 1);
    assert_eq!(asked(&desk, &mut known), (0, 0), "nothing was taken, so nothing can be disputed");
    let charges = charges(&desk, 7).await;
    assert_eq!(listed(&desk, Duration::days(1)).await.reports.len(), 8);
    assert_eq!(asked(&desk, &mut known), (1, 0));
    let dispute = desk.stand_in.open_dispute(&charges[2].payment_id.to_string(), 300).unwrap();
    for (lists, singles) in [(1, 1), (1, 0)] {
        let page = listed(&desk, Duration::days(1)).await;
        assert_eq!(page.reports.iter().map(|report| report.disputes.len()).sum::<usize>(), 1);
        assert_eq!(asked(&desk, &mut known), (lists, singles), "what it is about is asked once");
    }
    assert!(desk.stand_in.close_dispute(&dispute, true));
    listed(&desk, Duration::days(1)).await;
    assert_eq!(asked(&desk, &mut known), (1, 1), "only the dispute itself tells how it ended");
}

#[tokio::test]
async fn more_disputes_than_are_on_a_page_are_told() {
    let desk = Desk::open().await;
    let (charge, said) = desk.begun(OperationKind::Charge, APPROVED).await;
    for _ in 0..120 {
        desk.clock.advance(Duration::seconds(1));
        desk.stand_in.open_dispute(&charge.payment_id.to_string(), 5).unwrap();
    }
    let told = desk.report(&charge, Some(&said)).await;
    assert_eq!(told.disputes.len(), 120);
    let lists = desk.sent().iter().filter(|path| path.as_str() == LIST).count();
    assert_eq!(lists, 3, "a page has fifty");
    assert_eq!(listed(&desk, Duration::days(1)).await.reports[0].disputes, told.disputes);
}

/// Disputes of captures in parts are those of their payment.
#[tokio::test]
async fn every_capture_of_an_order_may_be_disputed() {
    let desk = Desk::open().await;
    let (held, said) = desk.begun(OperationKind::Authorise, APPROVED).await;
    for minor in [600, 400] {
        desk.gateway.execute(&desk.then(&held, &said, OperationKind::Capture, minor)).await.unwrap();
    }
    for minor in [600, 400] {
        desk.stand_in.open_dispute(&held.payment_id.to_string(), minor).unwrap();
    }
    assert_eq!(desk.stand_in.open_dispute(&held.payment_id.to_string(), 1), None, "all of it is disputed");
    let told = desk.report(&held, Some(&said)).await;
    assert_eq!(told.disputes.iter().map(|dispute| dispute.amount.minor()).collect::<Vec<_>>(), [600, 400]);
    assert_eq!(listed(&desk, Duration::days(1)).await.reports[0].disputes, told.disputes);
}

/// Without the right to read disputes, everything else is told and reconciled as before.
#[tokio::test]
async fn who_may_not_read_disputes_reconciles_the_rest() {
    let shop = Shop::<FakePayPal>::open(Currency::EUR).await;
    let order = shop.buy(CaptureMode::Automatic).await;
    shop.deliver().await;
    shop.stand_in.forbid_disputes();
    shop.clock.advance(Duration::hours(1));
    let account = shop.stand_in.accounts()[0].order.clone();
    assert!(shop.stand_in.refund_by_hand(&account, 460));
    assert_eq!(shop.receive().await.len(), 1, "a refund by hand says nothing of ours");
    let dispute = shop.stand_in.open_dispute(&account, 700).unwrap();
    assert_eq!(shop.deliver().await, 1, "the webhook is attended to, and nothing comes of it");
    let pages = shop.repair().await;
    assert!(pages.iter().all(|page| page.failed.is_empty() && page.differences.is_empty()), "{pages:#?}");
    let payment = shop.payment(&order).await;
    assert_eq!((payment.refunded.minor(), recorded(&payment)), (460, vec![]));
    assert!(shop.stand_in.close_dispute(&dispute, true));
    let desk = Desk::open().await;
    assert!(desk.gateway.may_read_disputes().await.unwrap());
    desk.stand_in.forbid_disputes();
    assert!(!desk.gateway.may_read_disputes().await.unwrap());
}

/// A list that is not answered is no list without disputes.
#[tokio::test]
async fn disputes_that_can_t_be_read_are_no_report() {
    let desk = Desk::open().await;
    let (charge, said) = desk.begun(OperationKind::Charge, APPROVED).await;
    let dispute = desk.stand_in.open_dispute(&charge.payment_id.to_string(), 300).unwrap();
    assert!(desk.stand_in.close_dispute(&dispute, false));
    for path in [LIST.to_owned(), format!("/{dispute}")] {
        for fault in [WireFault::FailBefore, WireFault::Garbage, WireFault::Limited(None)] {
            desk.stand_in.wire().fail_next("GET", &path, fault);
            let asked = desk.asked(&charge, Some(&said));
            assert!(desk.gateway.report(&asked).await.is_err(), "{path} {fault:?}");
        }
    }
    assert_eq!(desk.report(&charge, Some(&said)).await.disputes[0].status, DisputeStatus::Lost);
}

/// PayPal does not list what was closed half a year ago. That is no failure; what was recorded before stays.
#[tokio::test]
async fn disputes_are_listed_for_180_days_after_their_last_change() {
    let desk = Desk::open().await;
    let start = desk.clock.now();
    let (charges, dispute) = (charges(&desk, 2).await, |charge: &Instruction| {
        desk.stand_in.open_dispute(&charge.payment_id.to_string(), 300).unwrap()
    });
    let (early, late) = (dispute(&charges[0]), dispute(&charges[1]));
    assert!(desk.stand_in.close_dispute(&early, false));
    desk.clock.advance(Duration::days(100));
    assert!(desk.stand_in.close_dispute(&late, false));
    desk.clock.advance(Duration::days(90));
    let window =
        BooksWindow { since: start - Duration::days(1), until: start + Duration::days(1), limit: 10 };
    let page = desk.gateway.list(&window, None).await.unwrap();
    let told = |charge: &Instruction| {
        let report = page.reports.iter().find(|report| report.payment_id == Some(charge.payment_id)).unwrap();
        report
            .disputes
            .iter()
            .map(|dispute| (dispute.reference.to_string(), dispute.status))
            .collect::<Vec<_>>()
    };
    assert_eq!(told(&charges[0]), []);
    assert_eq!(told(&charges[1]), [(late, DisputeStatus::Lost)]);
}
