//! One trap at a time: what Stripe's documents say goes wrong, and what must come of it.

use std::time::Duration;

use order_adapters::stripe::StripeGateway;
use order_core::gateway::PaymentGateway as _;
use order_core::money::{Currency, Money};
use order_core::payment::{Answer, OperationKind, PaymentAction};
use order_core::time::Duration as Span;
use order_fake_providers::stripe::FakeStripe;
use order_fake_providers::wire::WireFault;

use crate::desk::{APPROVED, ASKED, DECLINED, Desk, euros, word};
use crate::provider::traps;

const CREATE: &str = "/v1/payment_intents";

#[tokio::test]
async fn what_surely_did_not_arrive_is_told_from_what_may_have() {
    traps::what_surely_did_not_arrive_is_told_from_what_may_have::<FakeStripe>("/confirm", |builder| {
        builder.timeout(Duration::from_millis(400))
    })
    .await;
}

#[tokio::test]
async fn nobody_at_the_address_is_not_sent() {
    let gateway = StripeGateway::builder("sk_test_x").base_url("http://127.0.0.1:1").build().unwrap();
    let desk = Desk::open().await;
    assert_eq!(word(&gateway.execute(&desk.charge(APPROVED)).await), "not sent");
    let wrong_key = StripeGateway::builder("sk_test_wrong").base_url(desk.stand_in.url()).build().unwrap();
    assert_eq!(word(&wrong_key.execute(&desk.charge(APPROVED)).await), "misused");
    assert!(StripeGateway::builder("").build().is_err());
    assert!(StripeGateway::builder("sk_test_x").base_url("http://example.com").build().is_err());
    assert!(StripeGateway::builder("sk_test_x").base_url("https://user:pw@example.com").build().is_err());
}

#[tokio::test]
async fn who_is_asked_to_wait_waits() {
    traps::who_is_asked_to_wait_waits::<FakeStripe>(CREATE).await;
}

#[tokio::test]
async fn a_500_that_stripe_keeps_does_not_stand_in_the_way() {
    for (path, fault) in [
        (CREATE, WireFault::FailBefore),
        (CREATE, WireFault::FailAfter),
        ("/confirm", WireFault::FailBefore),
        ("/confirm", WireFault::FailAfter),
    ] {
        let desk = Desk::open().await;
        let charge = desk.charge(APPROVED);
        desk.stand_in.wire().fail_next("POST", path, fault);
        assert_eq!(word(&desk.gateway.execute(&charge).await), "lost", "{path} {fault:?}");
        assert_eq!(word(&desk.gateway.execute(&charge).await), "succeeded", "{path} {fault:?}");
        assert_eq!(word(&desk.gateway.ask(&charge).await), "succeeded", "{path} {fault:?}");
        assert_eq!(desk.taken(), (1_000, 0), "{path} {fault:?}");
    }
}

/// A refund has no state that allows it only once: while its key may be remembered no other key is used.
#[tokio::test]
async fn a_refund_whose_500_is_kept_waits_until_the_key_is_forgotten() {
    let desk = Desk::open().await;
    let charge = desk.charge(APPROVED);
    let said = desk.gateway.execute(&charge).await.unwrap();
    let refund = desk.then(&charge, &said, OperationKind::Refund, 400);
    desk.stand_in.wire().fail_next("POST", "/v1/refunds", WireFault::FailBefore);
    for _ in 0..3 {
        assert_eq!(word(&desk.gateway.execute(&refund).await), "lost");
    }
    assert_eq!(desk.taken(), (1_000, 0));
    desk.clock.advance(Span::hours(25));
    assert_eq!(word(&desk.gateway.ask(&refund).await), "absent");
    assert_eq!(word(&desk.gateway.execute(&refund).await), "succeeded");
    desk.clock.advance(Span::hours(25));
    assert_eq!(word(&desk.gateway.execute(&refund).await), "succeeded");
    assert_eq!(desk.taken(), (1_000, 400), "it was given back twice");
}

/// The trap of the 24 hours: a key that Stripe has forgotten is a new request.
#[tokio::test]
async fn a_key_that_stripe_has_forgotten_charges_nobody_again() {
    for lost in ["/confirm", CREATE] {
        let desk = Desk::open().await;
        let charge = desk.charge(APPROVED);
        desk.stand_in.wire().fail_next("POST", lost, WireFault::CutAfter);
        assert_eq!(word(&desk.gateway.execute(&charge).await), "lost");
        for other in 0..3 {
            desk.gateway.execute(&desk.charge(APPROVED)).await.unwrap();
            assert_eq!(desk.stand_in.accounts().len(), other + 1 + usize::from(lost == "/confirm"));
        }
        desk.clock.advance(Span::hours(25));
        let expected = if lost == "/confirm" { "succeeded" } else { "absent" };
        assert_eq!(word(&desk.gateway.ask(&charge).await), expected, "{lost}");
        assert_eq!(word(&desk.gateway.execute(&charge).await), "succeeded", "{lost}");
        assert_eq!(word(&desk.gateway.execute(&charge).await), "succeeded", "{lost}");
        assert_eq!(desk.taken(), (4_000, 0), "{lost}");
    }
}

#[tokio::test]
async fn what_was_never_sent_is_absent_however_old_it_is() {
    let desk = Desk::open().await;
    let charge = desk.charge(APPROVED);
    assert_eq!(word(&desk.gateway.ask(&charge).await), "absent");
    let never = desk.charge(APPROVED);
    desk.clock.advance(Span::days(2));
    assert_eq!(word(&desk.gateway.ask(&never).await), "absent");
    assert_eq!(word(&desk.gateway.execute(&never).await), "succeeded");
    assert_eq!(word(&desk.gateway.ask(&never).await), "succeeded");
    assert_eq!(desk.taken(), (1_000, 0));
}

#[tokio::test]
async fn a_refusal_is_final() {
    for (method, code) in [
        (DECLINED, "insufficient_funds"),
        ("pm_card_chargeDeclined", "generic_decline"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card"),
        ("pm_card_of_nobody", "resource_missing"),
    ] {
        traps::a_refusal_is_final::<FakeStripe>(OperationKind::Charge, method, code).await;
    }
    let desk = Desk::open().await;
    let charge = desk.charge(DECLINED);
    desk.stand_in.wire().fail_next("POST", "/cancel", WireFault::CutBefore);
    assert_eq!(
        word(&desk.gateway.execute(&charge).await),
        "lost",
        "an intent that can still be paid is not declined"
    );
    assert_eq!(word(&desk.gateway.ask(&charge).await), "insufficient_funds");
}

#[tokio::test]
async fn the_customer_is_sent_to_their_bank_and_back() {
    for approve in [true, false] {
        let desk = Desk::open_with(|builder| builder.return_url("https://shop.example/paid")).await;
        let mut charge = desk.charge(ASKED);
        let said = desk.gateway.execute(&charge).await.unwrap();
        let Answer::ActionRequired { action: PaymentAction::Redirect { url }, reference } = said else {
            unreachable!("{said:?}")
        };
        assert!(url.contains("/fake/3ds/"), "{url}");
        assert_eq!(desk.taken(), (0, 0));
        assert!(desk.stand_in.complete(&charge.payment_id.to_string(), approve));
        charge.reference = reference;
        let expected = if approve { "succeeded" } else { "payment_intent_authentication_failure" };
        assert_eq!(word(&desk.gateway.ask(&charge).await), expected);
        assert_eq!(word(&desk.gateway.execute(&charge).await), expected);
    }
}

#[tokio::test]
async fn without_a_token_the_customer_pays_in_stripe_s_form() {
    let desk = Desk::open().await;
    let charge = desk.first(OperationKind::Charge, None, euros(1_000));
    let said = desk.gateway.execute(&charge).await.unwrap();
    let Answer::ActionRequired { action: PaymentAction::ClientSecret { secret }, .. } = &said else {
        unreachable!("{said:?}")
    };
    assert!(secret.contains("_secret_"));
    let void = desk.then(&charge, &said, OperationKind::Void, 0);
    assert_eq!(word(&desk.gateway.execute(&void).await), "succeeded");
    assert_eq!(word(&desk.gateway.ask(&charge).await), "canceled");
    assert!(!desk.stand_in.complete(&charge.payment_id.to_string(), true), "what is given up can't be paid");
}

#[tokio::test]
async fn whoever_is_refused_in_stripe_s_form_may_try_again_there() {
    let desk = Desk::open().await;
    let charge = desk.first(OperationKind::Charge, None, euros(1_000));
    for (approve, expected) in [(false, "action"), (true, "succeeded")] {
        assert_eq!(word(&desk.gateway.execute(&charge).await), "action");
        assert!(desk.stand_in.complete(&charge.payment_id.to_string(), approve));
        assert_eq!(word(&desk.gateway.ask(&charge).await), expected);
    }
    assert_eq!(desk.taken(), (1_000, 0));
}

#[tokio::test]
async fn what_takes_days_is_unknown_until_it_ends() {
    let (method, refused) = ("pm_fake_processing", "payment_method_failed");
    traps::a_charge_that_takes_days_is_unknown_until_it_ends(method, refused, FakeStripe::complete).await;
    let (method, refused) = ("pm_card_pendingRefund", "expired_or_canceled_card");
    traps::a_refund_that_takes_days_is_unknown_until_it_ends::<FakeStripe>(method, refused).await;
}

/// Stripe gives up what a capture leaves over.
#[tokio::test]
async fn after_a_capture_of_a_part_there_is_nothing_left_to_give_up() {
    let desk = Desk::open().await;
    let first = desk.first(OperationKind::Authorise, Some(APPROVED), euros(1_000));
    let said = desk.gateway.execute(&first).await.unwrap();
    assert_eq!(desk.taken(), (0, 0));
    let part = desk.then(&first, &said, OperationKind::Capture, 600);
    assert_eq!(word(&desk.gateway.ask(&part).await), "absent");
    let captured = desk.gateway.execute(&part).await.unwrap();
    assert!(matches!(captured, Answer::FinalCapture { amount, .. } if amount == euros(600)), "{captured:?}");
    assert_eq!(desk.gateway.ask(&part).await.unwrap(), captured);
    let rest = desk.then(&first, &said, OperationKind::Capture, 400);
    assert_eq!(word(&desk.gateway.execute(&rest).await), "already_captured");
    let void = desk.then(&first, &said, OperationKind::Void, 400);
    let gone = desk.gateway.execute(&void).await.unwrap();
    assert!(matches!(gone, Answer::Succeeded { amount, .. } if amount == euros(400)), "{gone:?}");
    assert_eq!(desk.taken(), (600, 0));
}

#[tokio::test]
async fn what_is_set_aside_for_too_long_is_gone() {
    traps::what_is_set_aside_for_too_long_is_gone::<FakeStripe>(8).await;
}

#[tokio::test]
async fn amounts_are_stripe_s_and_nothing_is_rounded() {
    for (code, minor, told) in [
        ("EUR", 1_999, Some("1999")),
        ("JPY", 1_999, Some("1999")),
        ("KWD", 5_120, Some("5120")),
        ("UGX", 5_000, Some("500000")),
        ("ISK", 5_000, Some("500000")),
        ("KWD", 5_124, None),
        ("CLF", 10_000, None),
    ] {
        let desk = Desk::open().await;
        let amount = Money::from_minor(minor, Currency::from_code(code).unwrap());
        let charge = desk.first(OperationKind::Charge, Some(APPROVED), amount);
        let said = desk.gateway.execute(&charge).await.unwrap();
        let exchanges = desk.stand_in.wire().exchanges();
        if let Some(units) = told {
            assert!(matches!(said, Answer::Succeeded { amount: told, .. } if told == amount), "{said:?}");
            assert!(exchanges[0].request.body.starts_with(&format!("amount={units}&")), "{code}");
        } else {
            assert!(matches!(said, Answer::Declined(_)), "{said:?}");
            assert!(exchanges.is_empty(), "{code}: something was sent");
        }
    }
}

#[tokio::test]
async fn secrets_are_not_shown() {
    let desk = Desk::open().await;
    let builder = StripeGateway::builder("sk_live_SECRET").base_url(desk.stand_in.url());
    let shown = format!("{builder:?}");
    let gateway = builder.build().unwrap();
    let error = gateway.execute(&desk.charge(APPROVED)).await.unwrap_err();
    traps::nothing_holds(
        &[shown, format!("{gateway:?}"), format!("{error:?}"), error.to_string()],
        &["SECRET"],
    );
    assert_ne!(FakeStripe::SECRET_KEY, "sk_live_SECRET");
}
