//! Disputes: told by the books, heard of by webhook, and found by reconciliation.

use order_core::gateway::{BooksWindow, PaymentGateway as _, ProviderBooks as _};
use order_core::money::Currency;
use order_core::payment::{CaptureMode, DisputeStatus, OperationKind};
use order_core::reconciliation::DifferenceKind;
use order_core::time::{Clock as _, Duration};

use super::desk::Desk;
use super::shop::{Shop, id_of, recorded};
use super::{Provider, word};

/// Everything here, of a provider.
macro_rules! suite {
    ($provider:ty) => {
        #[tokio::test]
        async fn disputes_are_told_from_their_beginning_to_their_end() {
            crate::provider::disputes::told_from_their_beginning_to_their_end::<$provider>().await;
        }

        #[tokio::test]
        async fn a_webhook_about_a_dispute_leads_to_a_record_of_it() {
            crate::provider::disputes::recorded_when_a_webhook_tells_of_them::<$provider>().await;
        }

        #[tokio::test]
        async fn a_dispute_that_nobody_told_us_of_is_found() {
            crate::provider::disputes::found_by_a_reconciliation::<$provider>().await;
        }
    };
}

pub(crate) use suite;

/// The books tell each dispute from its beginning to its end, of a payment that is asked for and in a list.
pub(crate) async fn told_from_their_beginning_to_their_end<P: Provider>() {
    let desk = Desk::<P>::open().await;
    let (charge, said) = desk.begun(OperationKind::Charge, P::APPROVED).await;
    desk.begun(OperationKind::Charge, P::APPROVED).await;
    let payment = charge.payment_id.to_string();
    let start = desk.clock.now();
    let mut ends = Vec::new();
    for (is_won, end) in [(true, DisputeStatus::Won), (false, DisputeStatus::Lost)] {
        desk.clock.advance(Duration::hours(1));
        let opened_at = desk.clock.now();
        let dispute = desk.stand_in.open_dispute(&payment, 400).unwrap();
        for status in [DisputeStatus::Open, end] {
            let told = desk.report(&charge, Some(&said)).await;
            let found = told.disputes.iter().find(|found| found.reference.as_str() == dispute).unwrap();
            assert_eq!((found.amount.minor(), found.status, found.opened_at), (400, status, Some(opened_at)));
            assert!(found.reason.is_some());
            assert_eq!((told.captured.minor(), told.refunds.len()), (1_000, 0));
            let window =
                BooksWindow { since: start, until: desk.clock.now() + Duration::seconds(1), limit: 10 };
            let page = desk.gateway.list(&window, None).await.unwrap();
            assert_eq!(page.reports.len(), 2);
            for report in &page.reports {
                let is_it = report.payment_id == told.payment_id;
                let expected = if is_it { told.disputes.as_slice() } else { &[] };
                assert_eq!(report.disputes, expected);
            }
            if status == DisputeStatus::Open {
                let part = desk.then(&charge, &said, OperationKind::Refund, 100);
                let refused = desk.gateway.execute(&part).await;
                assert!(word(&refused).to_lowercase().contains("disput"), "{refused:?}");
                desk.clock.advance(Duration::days(20));
                assert!(desk.stand_in.close_dispute(&dispute, is_won));
                assert!(!desk.stand_in.close_dispute(&dispute, is_won), "it is closed twice");
            }
        }
        ends.push(end);
        let told = desk.report(&charge, Some(&said)).await;
        assert_eq!(told.disputes.iter().map(|dispute| dispute.status).collect::<Vec<_>>(), ends);
    }
}

/// A webhook about a dispute ends in a record of it, whether its receiver attends to it or dies.
pub(crate) async fn recorded_when_a_webhook_tells_of_them<P: Provider>() {
    let shop = Shop::<P>::open(Currency::EUR).await;
    let order = shop.buy(CaptureMode::Automatic).await;
    assert!(shop.deliver().await > 0);
    assert_eq!(recorded(&shop.payment(&order).await), []);
    let mut expected = Vec::new();
    for (is_won, end) in [(true, DisputeStatus::Won), (false, DisputeStatus::Lost)] {
        shop.clock.advance(Duration::hours(1));
        let dispute = shop.stand_in.open_dispute(&id_of(&order).to_string(), 700).unwrap();
        assert_eq!(shop.deliver().await, 1);
        expected.push((dispute.clone(), 700, DisputeStatus::Open));
        let payment = shop.payment(&order).await;
        assert_eq!(named(&recorded(&payment)), expected);
        assert_eq!(
            (payment.disputed().unwrap().minor(), payment.returnable().unwrap().minor()),
            (700, 1_760)
        );
        shop.clock.advance(Duration::days(20));
        assert!(shop.stand_in.close_dispute(&dispute, is_won));
        assert_eq!(shop.receive().await.len(), 1);
        shop.clock.advance(Duration::minutes(2));
        assert_eq!(shop.engine.passes().attend(10).await.unwrap().done, 1);
        expected.pop();
        expected.push((dispute, 700, end));
        assert_eq!(named(&recorded(&shop.payment(&order).await)), expected);
    }
    let payment = shop.payment(&order).await;
    assert_eq!((payment.disputed().unwrap().minor(), payment.lost().unwrap().minor()), (0, 700));
}

fn named(recorded: &[(&str, i64, DisputeStatus)]) -> Vec<(String, i64, DisputeStatus)> {
    recorded.iter().map(|(name, minor, status)| ((*name).to_owned(), *minor, *status)).collect()
}

/// Nobody tells us of a dispute. A reconciliation finds it, and records it once.
pub(crate) async fn found_by_a_reconciliation<P: Provider>() {
    let shop = Shop::<P>::open(Currency::EUR).await;
    let mut orders = Vec::new();
    for _ in 0..5 {
        orders.push(shop.buy(CaptureMode::Automatic).await);
    }
    shop.clock.advance(Duration::hours(1));
    let dispute = |place: usize| shop.stand_in.open_dispute(&id_of(&orders[place]).to_string(), 700).unwrap();
    let (open, lost) = (dispute(1), dispute(3));
    shop.clock.advance(Duration::hours(1));
    assert!(shop.stand_in.close_dispute(&lost, false));
    let pages = shop.repair().await;
    assert!(pages.iter().all(|page| page.failed.is_empty() && page.differences.is_empty()), "{pages:#?}");
    let mut found: Vec<_> =
        pages.iter().flat_map(|page| &page.repaired).map(|found| (found.kind, found.payment_id)).collect();
    found.sort_unstable();
    let mut expected = [1, 3].map(|place| (DifferenceKind::DisputeUnknown, Some(id_of(&orders[place]))));
    expected.sort_unstable();
    assert_eq!(found, expected);
    let states = [(1, open, DisputeStatus::Open), (3, lost, DisputeStatus::Lost)];
    for (place, name, status) in &states {
        let payment = shop.payment(&orders[*place]).await;
        assert_eq!(recorded(&payment), [(name.as_str(), 700, *status)]);
    }
    let again = shop.repair().await;
    assert!(again.iter().all(|page| page.repaired.is_empty()), "{again:#?}");
}
