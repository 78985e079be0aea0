//! Captures, refunds and amounts, where PayPal has ways of its own.

use order_core::gateway::PaymentGateway as _;
use order_core::money::{Currency, Money};
use order_core::payment::{Answer, OperationKind};
use order_core::time::Duration as Span;
use order_fake_providers::paypal::FakePayPal;
use order_fake_providers::wire::WireFault;

use crate::desk::{APPROVED, Desk, euros, word};
use crate::provider::traps;

const CREATE: &str = "/v2/checkout/orders";

/// `COMPLETED` is the order's status; the money is the capture's.
#[tokio::test]
async fn an_order_that_is_completed_is_not_money() {
    let (method, refused) = ("vault_pending", "processor_5120");
    traps::a_charge_that_takes_days_is_unknown_until_it_ends(method, refused, FakePayPal::settle).await;
}

#[tokio::test]
async fn a_refund_that_takes_time_is_unknown_until_it_ends() {
    let (method, refused) = ("vault_pending_refund", "refund_failed");
    traps::a_refund_that_takes_days_is_unknown_until_it_ends::<FakePayPal>(method, refused).await;
}

#[tokio::test]
async fn an_authorisation_is_captured_in_parts_and_its_rest_given_up() {
    let desk = Desk::open().await;
    let (first, said) = desk.begun(OperationKind::Authorise, APPROVED).await;
    for minor in [600, 100] {
        let part = desk.then(&first, &said, OperationKind::Capture, minor);
        assert_eq!(word(&desk.gateway.ask(&part).await), "absent");
        desk.stand_in.wire().fail_next("POST", "/capture", WireFault::CutAfter);
        assert_eq!(word(&desk.gateway.execute(&part).await), "lost");
        let asked = desk.gateway.ask(&part).await.unwrap();
        assert!(matches!(asked, Answer::Succeeded { amount, .. } if amount == euros(minor)), "{asked:?}");
        desk.clock.advance(Span::hours(7));
        assert_eq!(desk.gateway.execute(&part).await.unwrap(), asked, "it was captured twice");
    }
    let void = desk.then(&first, &said, OperationKind::Void, 300);
    let gone = desk.gateway.execute(&void).await.unwrap();
    assert!(matches!(gone, Answer::Succeeded { amount, .. } if amount == euros(300)), "{gone:?}");
    let late = desk.then(&first, &said, OperationKind::Capture, 300);
    assert_eq!(word(&desk.gateway.execute(&late).await), "already_voided");
    let refund = desk.then(&first, &said, OperationKind::Refund, 650);
    assert_eq!(word(&desk.gateway.execute(&refund).await), "succeeded", "it is of two captures");
    desk.clock.advance(Span::days(50));
    assert_eq!(word(&desk.gateway.execute(&refund).await), "succeeded", "its request ids are forgotten");
    assert_eq!(desk.taken(), (700, 650));
    let too_much = desk.then(&first, &said, OperationKind::Refund, 51);
    assert_eq!(word(&desk.gateway.execute(&too_much).await), "amount_too_large");
}

/// PayPal captures up to 115 % of what was set aside. We don't.
#[tokio::test]
async fn no_more_is_captured_than_was_set_aside() {
    let desk = Desk::open().await;
    let (first, said) = desk.begun(OperationKind::Authorise, APPROVED).await;
    let more = desk.then(&first, &said, OperationKind::Capture, 1_150);
    assert_eq!(word(&desk.gateway.execute(&more).await), "amount_too_large");
    let all = desk.then(&first, &said, OperationKind::Capture, 1_000);
    assert_eq!(word(&desk.gateway.execute(&all).await), "succeeded");
    let finals = desk.stand_in.wire().exchanges();
    let sent = finals.iter().rfind(|exchange| exchange.request.path.ends_with("/capture")).unwrap();
    assert!(sent.request.body.contains(r#""final_capture":true"#), "{}", sent.request.body);
    assert_eq!(desk.taken(), (1_000, 0));
}

#[tokio::test]
async fn what_is_set_aside_for_too_long_is_gone() {
    traps::what_is_set_aside_for_too_long_is_gone::<FakePayPal>(30).await;
}

#[tokio::test]
async fn of_two_refunds_that_are_more_than_was_taken_one_goes_through() {
    for parts in [vec![1_000], vec![600, 400]] {
        let desk = Desk::open().await;
        let (first, said) = desk.begun(OperationKind::Authorise, APPROVED).await;
        for part in parts {
            let capture = desk.then(&first, &said, OperationKind::Capture, part);
            assert_eq!(word(&desk.gateway.execute(&capture).await), "succeeded");
        }
        let refunds = [700, 700].map(|minor| desk.then(&first, &said, OperationKind::Refund, minor));
        let (a, b) = tokio::join!(desk.gateway.execute(&refunds[0]), desk.gateway.execute(&refunds[1]));
        let done = [&a, &b].iter().filter(|said| word(said) == "succeeded").count();
        let back = desk.taken().1;
        assert!(back <= 1_000, "more went back than was taken");
        assert_eq!((done, back), (1, 700), "{a:?} {b:?}");
    }
}

#[tokio::test]
async fn amounts_are_paypal_s_and_nothing_is_rounded() {
    for (code, minor, told) in [
        ("EUR", 1_999, Some("19.99")),
        ("JPY", 1_999, Some("1999")),
        ("HUF", 50_000, Some("500")),
        ("TWD", 50_000, Some("500")),
        ("HUF", 50_050, None),
        ("TWD", 50_001, None),
        ("KWD", 5_120, None),
        ("KWD", 5_000, None),
        ("ISK", 5_000, None),
        ("CLF", 10_000, None),
    ] {
        let desk = Desk::open().await;
        let amount = Money::from_minor(minor, Currency::from_code(code).unwrap());
        let charge = desk.first(OperationKind::Charge, Some(APPROVED), amount);
        let said = desk.gateway.execute(&charge).await.unwrap();
        if let Some(value) = told {
            assert!(matches!(said, Answer::Succeeded { amount: told, .. } if told == amount), "{said:?}");
            let exchanges = desk.stand_in.wire().exchanges();
            let create = exchanges.iter().find(|exchange| exchange.request.path == CREATE).unwrap();
            assert!(
                create.request.body.contains(&format!(r#""value":"{value}""#)),
                "{}",
                create.request.body
            );
        } else {
            assert!(matches!(said, Answer::Declined(_)), "{said:?}");
            assert!(matches!(desk.gateway.ask(&charge).await.unwrap(), Answer::Declined(_)));
            assert!(desk.stand_in.wire().exchanges().is_empty(), "{code}: something was sent");
        }
    }
}
