//! Stripe's books: what happens in the dashboard, and a whole reconciliation.

use order_core::gateway::{BooksWindow, PaymentGateway as _, ProviderBooks as _};
use order_core::id::PaymentId;
use order_core::money::Currency;
use order_core::payment::{Answer, CaptureMode, OperationKind, PaymentReport, RefundStatus, Release};
use order_core::reconciliation::{DifferenceKind, Repair};
use order_core::time::{Clock as _, Duration};
use order_fake_providers::stripe::FakeStripe;
use order_fake_providers::wire::WireFault;

use crate::desk::{APPROVED, ASKED, DECLINED, Desk};
use crate::provider::shop::{Shop, id_of};

fn sums(report: &PaymentReport) -> (i64, i64, Option<Release>) {
    (report.authorised.minor(), report.captured.minor(), report.released)
}

#[tokio::test]
async fn what_is_done_in_the_dashboard_is_told() {
    let desk = Desk::open().await;
    let (held, said) = desk.begun(OperationKind::Authorise, APPROVED).await;
    let id = held.payment_id.to_string();
    assert_eq!(sums(&desk.report(&held, Some(&said)).await), (1_000, 0, None));
    assert!(desk.stand_in.capture_by_hand(&id, 600));
    let told = desk.report(&held, Some(&said)).await;
    assert_eq!(sums(&told), (1_000, 600, Some(Release::Voided)));
    assert_eq!(told.refunds, [], "what was released is no refund");
    let refund = desk.stand_in.refund_by_hand(&id, 200).unwrap();
    let told = desk.report(&held, Some(&said)).await;
    let refunds: Vec<_> = told
        .refunds
        .iter()
        .map(|one| (one.reference.as_str(), one.operation_id, one.amount.minor(), one.status))
        .collect();
    assert_eq!(refunds, [(refund.as_str(), None, 200, RefundStatus::Succeeded)]);
    assert!(desk.stand_in.settle_refund(&refund, false));
    assert_eq!(desk.report(&held, Some(&said)).await.refunds[0].status, RefundStatus::Failed);
    // A refund by hand of exactly what was released is one nevertheless.
    desk.stand_in.refund_by_hand(&id, 400).unwrap();
    let told = desk.report(&held, Some(&said)).await;
    assert_eq!(told.refunds.iter().map(|one| one.amount.minor()).collect::<Vec<_>>(), [200, 400]);
}

#[tokio::test]
async fn ours_are_told_from_others() {
    let desk = Desk::open().await;
    let (charge, said) = desk.begun(OperationKind::Charge, "pm_card_pendingRefund").await;
    let own = desk.then(&charge, &said, OperationKind::Refund, 300);
    assert_eq!(desk.gateway.execute(&own).await.unwrap(), Answer::Unknown);
    let told = desk.report(&charge, Some(&said)).await;
    assert_eq!(told.payment_id, Some(charge.payment_id));
    assert_eq!(
        (told.refunds[0].operation_id, told.refunds[0].status),
        (Some(own.key), RefundStatus::Pending)
    );
    desk.stand_in.charge_by_hand(700, "eur").unwrap();
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
    let (held, said) = desk.begun(OperationKind::Authorise, APPROVED).await;
    assert!(desk.stand_in.cancel_by_hand(&held.payment_id.to_string()));
    assert_eq!(sums(&desk.report(&held, Some(&said)).await), (1_000, 0, Some(Release::Voided)));
    for by_time in [false, true] {
        let (held, said) = desk.begun(OperationKind::Authorise, APPROVED).await;
        if by_time {
            desk.clock.advance(Duration::days(8));
        } else {
            assert!(desk.stand_in.expire(&held.payment_id.to_string()));
        }
        let told = desk.report(&held, Some(&said)).await;
        assert_eq!(sums(&told), (1_000, 0, Some(Release::Expired)));
        assert_eq!(told.refunds, []);
    }
}

#[tokio::test]
async fn nothing_that_did_not_come_is_told() {
    let desk = Desk::open().await;
    let (refused, _) = desk.begun(OperationKind::Charge, DECLINED).await;
    let told = desk.report(&refused, None).await;
    assert_eq!(sums(&told), (0, 0, None));
    assert!(matches!(&told.first, Some(Answer::Declined(decline)) if decline.code == "insufficient_funds"));
    let (waiting, said) = desk.begun(OperationKind::Charge, ASKED).await;
    let told = desk.report(&waiting, Some(&said)).await;
    assert_eq!(sums(&told), (0, 0, None));
    assert!(matches!(told.first, Some(Answer::ActionRequired { .. })));
    let (under_way, _) = desk.begun(OperationKind::Charge, "pm_fake_processing").await;
    let told = desk.report(&under_way, None).await;
    assert_eq!((sums(&told), told.first), ((0, 0, None), None));
    let mut gone = desk.asked(&waiting, Some(&said));
    gone.reference = Some("pi_of_nobody".parse().unwrap());
    assert_eq!(desk.gateway.report(&gone).await.unwrap(), None);
    let never = desk.charge(APPROVED);
    assert_eq!(desk.gateway.report(&desk.asked(&never, None)).await.unwrap(), None);
}

/// More refunds than Stripe tells on one page.
#[tokio::test]
async fn every_page_of_refunds_is_read() {
    let desk = Desk::open().await;
    let (charge, said) = desk.begun(OperationKind::Charge, APPROVED).await;
    for _ in 0..130 {
        desk.stand_in.refund_by_hand(&charge.payment_id.to_string(), 5).unwrap();
    }
    assert_eq!(desk.report(&charge, Some(&said)).await.refunds.len(), 130);
}

#[tokio::test]
async fn what_can_t_be_read_is_no_report() {
    for path in ["/v1/refunds", "_fake000000000001"] {
        let desk = Desk::open().await;
        let (charge, said) = desk.begun(OperationKind::Charge, APPROVED).await;
        desk.stand_in.wire().fail_next("GET", path, WireFault::FailBefore);
        assert!(desk.gateway.report(&desk.asked(&charge, Some(&said))).await.is_err(), "{path}");
        assert_eq!(sums(&desk.report(&charge, Some(&said)).await), (1_000, 1_000, None));
    }
}

async fn a_day_at_stripe(currency: Currency) {
    let shop = Shop::<FakeStripe>::open(currency).await;
    let stripe = &shop.stand_in;
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
    let id = |place: usize| id_of(&orders[place]);
    stripe.refund_by_hand(&id(0).to_string(), 450).unwrap();
    let dispute = stripe.open_dispute(&id(1).to_string(), 700).unwrap();
    assert!(stripe.close_dispute(&dispute, false));
    assert!(stripe.capture_by_hand(&id(3).to_string(), 1_230));
    assert!(stripe.cancel_by_hand(&id(4).to_string()));
    let foreign = stripe.charge_by_hand(990, &currency.code().to_lowercase()).unwrap();
    shop.clock.advance(Duration::minutes(10));
    let pages = shop.repair().await;
    assert!(pages.len() > 4, "{}", pages.len());
    assert!(pages.iter().all(|page| page.failed.is_empty()), "{pages:#?}");
    let mut repaired: Vec<_> =
        pages.iter().flat_map(|page| &page.repaired).map(|found| (found.kind, found.payment_id)).collect();
    let mut expected: Vec<(DifferenceKind, Option<PaymentId>)> = vec![
        (DifferenceKind::RefundedMore, Some(id(0))),
        (DifferenceKind::DisputeUnknown, Some(id(1))),
        (DifferenceKind::CapturedMore, Some(id(3))),
        (DifferenceKind::Released, Some(id(3))),
        (DifferenceKind::Released, Some(id(4))),
        (DifferenceKind::OutcomeDiffers, Some(id(6))),
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
