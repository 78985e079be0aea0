//! Differences that were planted one by one.

use std::collections::BTreeSet;

use order_core::money::Money;
use order_core::payment::{Answer, CaptureMode, DisputeStatus, PaymentReport, RefundStatus, Release};
use order_core::reconciliation::{DifferenceKind as Kind, Remedy, Repair, second_object, without_payment};

use Repair::{Automatic, ByHand};

use crate::desk::{Desk, eur, name, went_back};

/// A payment, what the provider says of it, and the one thing that differs.
type Case = (&'static str, Desk, Option<PaymentReport>, (Kind, Option<i64>, Option<i64>, Repair));

fn of_charges() -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let desk = Desk::paid();
    cases.push(("it has never heard of it", desk, None, (Kind::NotAtProvider, Some(1_000), None, ByHand)));
    let desk = Desk::paid();
    let report = desk.report(0, 0);
    cases.push(("it has nothing", desk, Some(report), (Kind::NotAtProvider, Some(1_000), None, ByHand)));
    let desk = Desk::held();
    let report = desk.report(0, 0);
    cases.push((
        "nothing is set aside",
        desk,
        Some(report),
        (Kind::NotAtProvider, Some(1_000), None, ByHand),
    ));
    let desk = Desk::paid();
    let report = desk.dollars();
    let differs = (Kind::CurrencyDiffers, Some(1_000), Some(1_000), ByHand);
    cases.push(("dollars", desk, Some(report), differs));
    let desk = Desk::new(CaptureMode::Automatic);
    let report = desk.report(990, 990);
    cases.push(("another amount", desk, Some(report), (Kind::AmountDiffers, Some(1_000), Some(990), ByHand)));
    let desk = Desk::held();
    let report = desk.report(700, 0);
    cases.push((
        "less is set aside",
        desk,
        Some(report),
        (Kind::AmountDiffers, Some(1_000), Some(700), ByHand),
    ));
    for (what, desk) in [
        ("under way with us", Desk::new(CaptureMode::Automatic)),
        ("unknown with us", Desk::new(CaptureMode::Automatic).told(Answer::Unknown)),
        ("refused with us", Desk::new(CaptureMode::Automatic).declined()),
    ] {
        let report = desk.report(1_000, 1_000);
        cases.push((what, desk, Some(report), (Kind::OutcomeDiffers, Some(1_000), Some(1_000), Automatic)));
    }
    let desk = Desk::new(CaptureMode::Automatic);
    let report = desk.refused();
    cases.push((
        "refused there",
        desk,
        Some(report),
        (Kind::OutcomeDiffers, Some(1_000), Some(0), Automatic),
    ));
    cases
}

fn of_captures() -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let desk = Desk::held();
    let report = desk.report(1_000, 400);
    cases.push(("captured by hand", desk, Some(report), (Kind::CapturedMore, Some(0), Some(400), Automatic)));
    let desk = Desk::held().capturing(400);
    let report = desk.report(1_000, 400);
    cases.push((
        "captured by us",
        desk,
        Some(report),
        (Kind::OutcomeDiffers, Some(400), Some(400), Automatic),
    ));
    let desk = Desk::paid();
    let report = desk.report(1_000, 1_200);
    cases.push(("too much", desk, Some(report), (Kind::CapturedMore, Some(1_000), Some(1_200), ByHand)));
    let desk = Desk::paid();
    let report = desk.report(1_000, 600);
    cases.push(("too little", desk, Some(report), (Kind::CapturedLess, Some(1_000), Some(600), ByHand)));
    let desk = Desk::held();
    let report = desk.released(0, Release::Expired);
    cases.push(("expired", desk, Some(report), (Kind::Released, Some(1_000), Some(0), Automatic)));
    let desk = Desk::held().voiding().told(Answer::Unknown);
    let report = desk.released(0, Release::Voided);
    let differs = (Kind::OutcomeDiffers, Some(1_000), Some(1_000), Automatic);
    cases.push(("given up by us", desk, Some(report), differs));
    let desk = Desk::held().voiding().succeeded(1_000, "pi_1");
    let report = desk.report(1_000, 0);
    cases.push(("still held", desk, Some(report), (Kind::NotReleased, Some(0), Some(1_000), ByHand)));
    let desk = Desk::held().cancelling().declined();
    let report = desk.report(1_000, 0);
    cases.push((
        "held of a cancelled order",
        desk,
        Some(report),
        (Kind::NotReleased, Some(1_000), Some(1_000), ByHand),
    ));
    cases
}

fn of_refunds() -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let desk = Desk::paid();
    let report = desk.with_refunds(&[went_back("re_1", None, 200, RefundStatus::Succeeded)]);
    cases.push(("by hand", desk, Some(report), (Kind::RefundedMore, Some(0), Some(200), Automatic)));
    let desk = Desk::paid().refunding(900);
    let report = desk.with_refunds(&[went_back("re_1", None, 200, RefundStatus::Succeeded)]);
    cases.push((
        "by hand, beside ours",
        desk,
        Some(report),
        (Kind::RefundedMore, Some(0), Some(200), ByHand),
    ));
    let desk = Desk::paid().refunding(300).told(Answer::Unknown);
    let report = desk.with_refunds(&[went_back("re_1", Some(desk.last()), 300, RefundStatus::Succeeded)]);
    cases.push(("by us", desk, Some(report), (Kind::OutcomeDiffers, Some(300), Some(300), Automatic)));
    let desk = Desk::paid().refunding(300).told(Answer::Unknown);
    let report = desk.with_refunds(&[went_back("re_1", Some(desk.last()), 250, RefundStatus::Succeeded)]);
    cases.push((
        "less than we asked for",
        desk,
        Some(report),
        (Kind::AmountDiffers, Some(300), Some(250), ByHand),
    ));
    let desk = Desk::paid().refunding(300).succeeded(300, "re_1");
    let report = desk.with_refunds(&[went_back("re_1", None, 300, RefundStatus::Failed)]);
    cases.push(("failed later", desk, Some(report), (Kind::OutcomeDiffers, Some(300), Some(0), Automatic)));
    let desk = Desk::paid().refunding(300).succeeded(300, "re_1");
    let report = desk.with_refunds(&[]);
    cases.push(("not there", desk, Some(report), (Kind::RefundedLess, Some(300), Some(0), ByHand)));
    for status in [DisputeStatus::Open, DisputeStatus::Won, DisputeStatus::Lost] {
        let desk = Desk::paid();
        let report = desk.disputed(status);
        cases.push(("a dispute", desk, Some(report), (Kind::DisputeUnknown, None, Some(300), Automatic)));
    }
    let desk = Desk::paid();
    let open = desk.disputed(DisputeStatus::Open);
    let desk = desk.observing(&open);
    let report = desk.disputed(DisputeStatus::Lost);
    cases.push(("its end", desk, Some(report), (Kind::DisputeUnknown, Some(300), Some(300), Automatic)));
    cases
}

#[test]
fn each_difference_is_found_and_no_other() {
    let mut kinds: BTreeSet<Kind> = BTreeSet::new();
    for (what, desk, report, expected) in [of_charges(), of_captures(), of_refunds()].into_iter().flatten() {
        let found = desk.compare(report.as_ref());
        let told: Vec<_> = found
            .iter()
            .map(|found| {
                let minor = |amount: Option<Money>| amount.map(Money::minor);
                (found.kind, minor(found.ours), minor(found.theirs), found.repair)
            })
            .collect();
        assert_eq!(told, [expected], "{what}: {found:#?}");
        assert_eq!(
            (found[0].order_id, found[0].payment_id),
            (Some(desk.order.id), Some(desk.id())),
            "{what}"
        );
        assert!(found[0].reference.is_some() || found[0].operation_id.is_some(), "{what}: nobody finds it");
        let is_automatic = expected.3 == Automatic;
        assert_eq!(found[0].remedy() == Remedy::TakeIn, is_automatic, "{what}");
        kinds.insert(expected.0);
        // What is said to be repaired by taking the report in is repaired by it, and nothing else is.
        if let Some(report) = &report {
            let after = desk.observing(report).compare(Some(report));
            assert_eq!(after.is_empty(), is_automatic, "{what}: {after:#?}");
        }
    }
    let desk = Desk::paid();
    let (order, payment) = (&desk.order, &desk.order.payments[0]);
    let mut stray = desk.report(500, 500);
    let twice = second_object(order, payment, &stray).unwrap().unwrap();
    let missing = without_payment(&stray).unwrap().unwrap();
    stray.payment_id = None;
    let foreign = without_payment(&stray).unwrap().unwrap();
    for (found, kind, remedy) in [
        (twice, Kind::SecondObject, Remedy::ReturnAtProvider),
        (missing, Kind::OrderMissing, Remedy::ReturnOrphan),
        (foreign, Kind::MoneyWithoutPayment, Remedy::Investigate),
    ] {
        assert_eq!((found.kind, found.repair, found.remedy()), (kind, ByHand, remedy));
        assert_eq!((found.ours, found.theirs), (None, Some(eur(500))));
        assert_eq!(found.reference, Some(name("pi_1")));
        kinds.insert(kind);
    }
    assert_eq!(kinds, Kind::ALL.into_iter().collect(), "a kind of difference was never planted");
}

#[test]
fn what_agrees_does_not_differ() {
    let paid = Desk::paid();
    let report = paid.report(1_000, 1_000);
    let held = Desk::held();
    let set_aside = held.report(1_000, 0);
    let part = Desk::held().capturing(400).succeeded(400, "pi_1");
    let part_taken = part.report(1_000, 400);
    let void = Desk::held().voiding().succeeded(1_000, "pi_1");
    let given_up = void.released(0, Release::Voided);
    let back = Desk::paid().refunding(300).succeeded(300, "re_1");
    let with_refund =
        back.with_refunds(&[went_back("re_1", Some(back.last()), 300, RefundStatus::Succeeded)]);
    let pending = Desk::paid().refunding(300).told(Answer::Unknown);
    let under_way =
        pending.with_refunds(&[went_back("re_1", Some(pending.last()), 300, RefundStatus::Pending)]);
    let never = Desk::new(CaptureMode::Automatic).told(Answer::Unknown);
    let refused = Desk::new(CaptureMode::Automatic).declined();
    let refusal = refused.refused();
    let waiting = never.report(0, 0);
    for (what, desk, report) in [
        ("paid", &paid, Some(&report)),
        ("held", &held, Some(&set_aside)),
        ("partly captured", &part, Some(&part_taken)),
        ("given up", &void, Some(&given_up)),
        ("given back", &back, Some(&with_refund)),
        ("being given back", &pending, Some(&under_way)),
        ("never arrived, and asked for", &never, None),
        ("arrived, and nothing came of it yet", &never, Some(&waiting)),
        ("refused", &refused, Some(&refusal)),
        ("refused, and never heard of", &refused, None),
    ] {
        assert_eq!(desk.compare(report), [], "{what}");
    }
}

/// What we did after the provider was asked is not missing there.
#[test]
fn an_old_report_lacks_nothing() {
    let asked = |desk: &Desk, mut report: PaymentReport| {
        report.as_of = Some(desk.order.created_at);
        desk.compare(Some(&report))
    };
    let paid = Desk::paid();
    assert_eq!(asked(&paid, paid.report(0, 0)), []);
    let taken = Desk::held().capturing(400).succeeded(400, "pi_1");
    assert_eq!(asked(&taken, taken.report(1_000, 0)), []);
    let back = Desk::paid().refunding(300).succeeded(300, "re_1");
    assert_eq!(asked(&back, back.with_refunds(&[])), []);
    let void = Desk::held().voiding().succeeded(1_000, "pi_1");
    assert_eq!(asked(&void, void.report(1_000, 0)), []);
    let lost = Desk::paid();
    let dispute = lost.disputed(DisputeStatus::Lost);
    let lost = lost.observing(&dispute);
    assert_eq!(asked(&lost, lost.disputed(DisputeStatus::Open)), []);
}

/// Money that is not there any more is nobody's.
#[test]
fn what_went_back_is_not_missed() {
    let desk = Desk::paid();
    let (order, payment) = (&desk.order, &desk.order.payments[0]);
    let back = desk.with_refunds(&[went_back("re_1", None, 1_000, RefundStatus::Pending)]);
    let idle = desk.report(0, 0);
    let over = desk.released(0, Release::Expired);
    for report in [&back, &idle, &over] {
        assert_eq!(without_payment(report).unwrap(), None, "{report:?}");
        assert_eq!(second_object(order, payment, report).unwrap(), None, "{report:?}");
    }
    let part = desk.with_refunds(&[went_back("re_1", None, 400, RefundStatus::Succeeded)]);
    assert_eq!(without_payment(&part).unwrap().unwrap().theirs, Some(eur(600)));
    assert_eq!(without_payment(&desk.report(800, 0)).unwrap().unwrap().theirs, Some(eur(800)));
}
