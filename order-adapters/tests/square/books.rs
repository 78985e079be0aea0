//! What Square's books say, also about what we have not done.

use order_core::gateway::{BooksWindow, PaymentGateway as _, ProviderBooks as _};
use order_core::money::Money;
use order_core::payment::{Answer, OperationKind, PaymentReport, RefundStatus, Release};
use order_core::time::{Clock as _, Duration};

use crate::desk::{APPROVED, DECLINED, Desk, euros};

/// The only report in the books.
async fn only(desk: &Desk) -> PaymentReport {
    let now = desk.clock.now();
    let window = BooksWindow { since: now - Duration::days(30), until: now + Duration::days(1), limit: 50 };
    let page = desk.gateway.list(&window, None).await.unwrap();
    assert_eq!((page.reports.len(), page.next), (1, None));
    page.reports[0].clone()
}

#[tokio::test]
async fn a_part_that_was_captured_releases_the_rest() {
    let desk = Desk::open().await;
    let first = desk.first(OperationKind::Authorise, Some(APPROVED), euros(1_000));
    let said = desk.gateway.execute(&first).await.unwrap();
    let held = only(&desk).await;
    assert_eq!((held.authorised, held.captured, held.released), (euros(1_000), euros(0), None));
    assert_eq!(held.payment_id, Some(first.payment_id));
    let part = desk.then(&first, &said, OperationKind::Capture, 600);
    desk.gateway.execute(&part).await.unwrap();
    let taken = only(&desk).await;
    assert_eq!((taken.authorised, taken.captured), (euros(1_000), euros(600)));
    assert_eq!(taken.released, Some(Release::Voided));
}

#[tokio::test]
async fn what_ran_out_is_told_from_what_was_given_up() {
    for (expires, why) in [(true, Release::Expired), (false, Release::Voided)] {
        let desk = Desk::open().await;
        let first = desk.first(OperationKind::Authorise, Some(APPROVED), euros(1_000));
        let said = desk.gateway.execute(&first).await.unwrap();
        if expires {
            desk.clock.advance(Duration::days(8));
        } else {
            desk.gateway.execute(&desk.then(&first, &said, OperationKind::Void, 1_000)).await.unwrap();
        }
        let report = only(&desk).await;
        assert_eq!(
            (report.released, report.authorised, report.captured),
            (Some(why), euros(1_000), euros(0))
        );
    }
}

#[tokio::test]
async fn a_failure_is_in_the_books_with_its_reason() {
    let desk = Desk::open().await;
    let _ = desk.gateway.execute(&desk.charge(DECLINED)).await;
    let report = only(&desk).await;
    assert!(matches!(&report.first, Some(Answer::Declined(decline)) if decline.code == "generic_decline"));
    assert_eq!((report.authorised, report.captured), (euros(0), euros(0)));
}

#[tokio::test]
async fn refunds_have_their_status_and_our_operation() {
    for (method, status) in [
        (APPROVED, RefundStatus::Succeeded),
        ("cnon:fake-pending-refund", RefundStatus::Pending),
        ("cnon:fake-rejected-refund", RefundStatus::Failed),
    ] {
        let desk = Desk::open().await;
        let charge = desk.charge(method);
        let said = desk.gateway.execute(&charge).await.unwrap();
        let refund = desk.then(&charge, &said, OperationKind::Refund, 400);
        let _ = desk.gateway.execute(&refund).await;
        let told = &only(&desk).await.refunds[0];
        assert_eq!((told.operation_id, told.amount, told.status), (Some(refund.key), euros(400), status));
    }
}

#[tokio::test]
async fn the_end_of_a_window_is_not_in_it() {
    let desk = Desk::open().await;
    desk.gateway.execute(&desk.charge(APPROVED)).await.unwrap();
    let now = desk.clock.now();
    for (since, until, count) in [
        (now, now + Duration::seconds(1), 1),
        (now - Duration::days(1), now, 0),
        (now + Duration::seconds(1), now + Duration::days(1), 0),
    ] {
        let page = desk.gateway.list(&BooksWindow { since, until, limit: 10 }, None).await.unwrap();
        assert_eq!(page.reports.len(), count, "{since} {until}");
        assert!(
            page.reports
                .iter()
                .all(|report| report.captured == Money::from_minor(1_000, euros(0).currency()))
        );
    }
}
