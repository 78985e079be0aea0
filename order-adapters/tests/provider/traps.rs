//! Traps that every provider sets. The path is that of the call by which money moves.

use std::time::Duration;

use order_core::gateway::PaymentGateway as _;
use order_core::payment::OperationKind;
use order_core::time::Duration as Span;
use order_fake_providers::wire::WireFault;

use super::desk::Desk;
use super::{Provider, euros, word};

/// With an adapter that waits for answers no longer than its `impatient` builder says.
pub(crate) async fn what_surely_did_not_arrive_is_told_from_what_may_have<P: Provider>(
    path: &str,
    impatient: impl Fn(P::Builder) -> P::Builder,
) {
    let faults = [
        (WireFault::Limited(None), "not sent", "absent"),
        (WireFault::CutBefore, "lost", "absent"),
        (WireFault::CutAfter, "lost", "succeeded"),
        (WireFault::FailAfter, "lost", "succeeded"),
        (WireFault::Garbage, "lost", "succeeded"),
        (WireFault::HangBefore, "lost", "absent"),
        (WireFault::HangAfter, "lost", "succeeded"),
        (WireFault::InProgress, "lost", "absent"),
        (WireFault::FailBefore, "lost", "absent"),
    ];
    for (fault, executed, asked) in faults {
        let desk = Desk::<P>::open_with(&impatient).await;
        let charge = desk.charge(P::APPROVED);
        desk.stand_in.wire().fail_next("POST", path, fault);
        assert_eq!(word(&desk.gateway.execute(&charge).await), executed, "{fault:?}");
        assert_eq!(word(&desk.gateway.ask(&charge).await), asked, "{fault:?}");
        assert_eq!(word(&desk.gateway.execute(&charge).await), "succeeded", "{fault:?}");
        assert_eq!(desk.taken(), (1_000, 0), "{fault:?}");
    }
}

pub(crate) async fn who_is_asked_to_wait_waits<P: Provider>(path: &str) {
    let desk = Desk::<P>::open().await;
    let wait = WireFault::Limited(Some(Duration::from_secs(30)));
    desk.stand_in.wire().fail_next("POST", path, wait);
    let charge = desk.charge(P::APPROVED);
    assert_eq!(word(&desk.gateway.execute(&charge).await), "not sent");
    assert_eq!(word(&desk.gateway.execute(&charge).await), "not sent");
    assert_eq!(desk.sent().len(), 1, "it was called although it had asked us to wait");
}

pub(crate) async fn what_is_set_aside_for_too_long_is_gone<P: Provider>(days: i64) {
    let desk = Desk::<P>::open().await;
    let (first, said) = desk.begun(OperationKind::Authorise, P::APPROVED).await;
    desk.clock.advance(Span::days(days));
    let late = desk.then(&first, &said, OperationKind::Capture, 1_000);
    assert_eq!(word(&desk.gateway.execute(&late).await), "already_voided");
    assert_eq!(desk.taken(), (0, 0));
}

/// A refusal is told in the provider's word, whoever asks and however often, and no money moves.
pub(crate) async fn a_refusal_is_final<P: Provider>(kind: OperationKind, method: &str, code: &str) {
    let desk = Desk::<P>::open().await;
    let first = desk.first(kind, Some(method), euros(1_000));
    assert_eq!(word(&desk.gateway.execute(&first).await), code);
    assert_eq!(word(&desk.gateway.ask(&first).await), code);
    assert_eq!(word(&desk.gateway.execute(&first).await), code);
    assert!(desk.stand_in.books().is_empty(), "{method}: money has moved");
}

/// A charge by this method takes days, until somebody `ends` it.
pub(crate) async fn a_charge_that_takes_days_is_unknown_until_it_ends<P: Provider>(
    method: &str,
    refused: &str,
    ends: impl Fn(&P, &str, bool) -> bool,
) {
    for (approve, end) in [(true, "succeeded"), (false, refused)] {
        let desk = Desk::<P>::open().await;
        let charge = desk.charge(method);
        assert_eq!(word(&desk.gateway.execute(&charge).await), "unknown");
        assert_eq!(word(&desk.gateway.ask(&charge).await), "unknown");
        assert_eq!(desk.taken(), (0, 0));
        assert!(ends(&desk.stand_in, &charge.payment_id.to_string(), approve));
        assert_eq!(word(&desk.gateway.ask(&charge).await), end);
        assert_eq!(word(&desk.gateway.execute(&charge).await), end, "the first answer is out of date");
    }
}

/// A refund by this method takes days, and comes to its end when the provider says so.
pub(crate) async fn a_refund_that_takes_days_is_unknown_until_it_ends<P: Provider>(
    method: &str,
    refused: &str,
) {
    for (succeed, end) in [(true, "succeeded"), (false, refused)] {
        let desk = Desk::<P>::open().await;
        let (charge, said) = desk.begun(OperationKind::Charge, method).await;
        let refund = desk.then(&charge, &said, OperationKind::Refund, 1_000);
        assert_eq!(word(&desk.gateway.execute(&refund).await), "unknown");
        assert_eq!(word(&desk.gateway.execute(&refund).await), "unknown");
        assert!(desk.stand_in.settle_refund(&refund.key.to_string(), succeed));
        assert_eq!(word(&desk.gateway.ask(&refund).await), end);
        assert_eq!(word(&desk.gateway.execute(&refund).await), end);
    }
}

/// Nothing that is shown holds a secret.
pub(crate) fn nothing_holds(shown: &[String], secrets: &[&str]) {
    for text in shown {
        assert!(secrets.iter().all(|secret| !text.contains(secret)), "{text}");
    }
}
