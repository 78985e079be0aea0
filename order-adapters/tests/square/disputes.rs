//! Disputes: what is asked of every provider that has them, and where Square has ways of its own.

use order_core::gateway::{BooksWindow, ProviderBooks as _};
use order_core::money::Currency;
use order_core::payment::{CaptureMode, OperationKind};
use order_core::time::{Clock as _, Duration};
use order_fake_providers::square::FakeSquare;
use order_fake_providers::wire::WireFault;

use crate::desk::{APPROVED, Desk};
use crate::provider::disputes;
use crate::provider::shop::{Shop, id_of, recorded};

const LIST: &str = "/v2/disputes";

disputes::suite!(FakeSquare);

/// How often the disputes were listed so far.
fn lists(desk: &Desk) -> usize {
    desk.sent().iter().filter(|path| path.as_str() == LIST).count()
}

/// Square has one list for all payments: it is read once for a page, and only when money was taken.
#[tokio::test]
async fn a_page_of_the_books_reads_the_disputes_once() {
    let desk = Desk::open().await;
    let now = desk.clock.now();
    let window = BooksWindow { since: now - Duration::days(1), until: now + Duration::days(1), limit: 50 };
    let (held, said) = desk.begun(OperationKind::Authorise, APPROVED).await;
    assert_eq!(desk.report(&held, Some(&said)).await.disputes, []);
    assert_eq!(desk.gateway.list(&window, None).await.unwrap().reports.len(), 1);
    assert_eq!(lists(&desk), 0, "nothing was taken, so nothing can be disputed");
    for _ in 0..7 {
        desk.begun(OperationKind::Charge, APPROVED).await;
    }
    assert_eq!(desk.gateway.list(&window, None).await.unwrap().reports.len(), 8);
    assert_eq!(lists(&desk), 1);
}

#[tokio::test]
async fn more_disputes_than_are_on_a_page_are_told() {
    let desk = Desk::open().await;
    let (charge, said) = desk.begun(OperationKind::Charge, APPROVED).await;
    for _ in 0..120 {
        desk.stand_in.open_dispute(&charge.payment_id.to_string(), 5).unwrap();
    }
    assert_eq!(desk.report(&charge, Some(&said)).await.disputes.len(), 120);
    assert_eq!(lists(&desk), 2, "a page of the stand-in has a hundred");
}

/// Without the permission to read disputes, everything else is told and reconciled as before.
#[tokio::test]
async fn who_may_not_read_disputes_reconciles_the_rest() {
    let shop = Shop::<FakeSquare>::open(Currency::EUR).await;
    let order = shop.buy(CaptureMode::Automatic).await;
    shop.deliver().await;
    shop.stand_in.forbid_disputes();
    shop.stand_in.open_dispute(&id_of(&order).to_string(), 700).unwrap();
    assert_eq!(shop.deliver().await, 1, "the webhook is attended to, and nothing comes of it");
    let pages = shop.repair().await;
    assert!(pages.iter().all(|page| page.failed.is_empty() && page.differences.is_empty()), "{pages:#?}");
    assert_eq!(recorded(&shop.payment(&order).await), []);
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
    for fault in [WireFault::FailBefore, WireFault::Garbage, WireFault::Limited(None)] {
        desk.stand_in.wire().fail_next("GET", LIST, fault);
        assert!(desk.gateway.report(&desk.asked(&charge, Some(&said))).await.is_err(), "{fault:?}");
    }
    assert_eq!(desk.report(&charge, Some(&said)).await.captured.minor(), 1_000);
}
