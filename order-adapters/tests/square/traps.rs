//! One trap at a time: what Square's documents say goes wrong, and what must come of it.

use std::time::Duration;

use order_adapters::square::SquareGateway;
use order_core::gateway::PaymentGateway as _;
use order_core::money::{Currency, Money};
use order_core::payment::{Answer, OperationKind};
use order_core::time::Duration as Span;
use order_fake_providers::square::FakeSquare;
use order_fake_providers::wire::WireFault;

use crate::desk::{APPROVED, DECLINED, Desk, euros, word};
use crate::provider::traps;

const CREATE: &str = "/v2/payments";

fn builder(square: &FakeSquare) -> order_adapters::square::SquareBuilder {
    SquareGateway::builder(FakeSquare::ACCESS_TOKEN, FakeSquare::LOCATION_ID).base_url(square.url())
}

#[tokio::test]
async fn what_surely_did_not_arrive_is_told_from_what_may_have() {
    traps::what_surely_did_not_arrive_is_told_from_what_may_have::<FakeSquare>(CREATE, |builder| {
        builder.timeout(Duration::from_millis(400))
    })
    .await;
}

#[tokio::test]
async fn nobody_at_the_address_is_not_sent() {
    let desk = Desk::open().await;
    let nobody = builder(&desk.stand_in).base_url("http://127.0.0.1:1").build().unwrap();
    assert_eq!(word(&nobody.execute(&desk.charge(APPROVED)).await), "not sent");
    let wrong = SquareGateway::builder("wrong", FakeSquare::LOCATION_ID).base_url(desk.stand_in.url());
    assert_eq!(word(&wrong.build().unwrap().execute(&desk.charge(APPROVED)).await), "misused");
    assert!(SquareGateway::builder("", "L1").build().is_err());
    assert!(SquareGateway::builder("EAAA", "").build().is_err());
    assert!(SquareGateway::builder("EAAA", "L1").api_version("latest").build().is_err());
    assert!(SquareGateway::builder("EAAA", "L1").base_url("http://example.com").build().is_err());
    assert!(SquareGateway::builder("EAAA", "L1").base_url("https://user:pw@example.com").build().is_err());
}

#[tokio::test]
async fn who_is_asked_to_wait_waits() {
    traps::who_is_asked_to_wait_waits::<FakeSquare>(CREATE).await;
}

/// The trap of the unpublished retention: a key that Square has forgotten is a new request.
#[tokio::test]
async fn a_key_that_square_has_forgotten_moves_nothing_again() {
    let desk = Desk::open().await;
    desk.stand_in.keep_keys_for(Span::minutes(15));
    let charge = desk.charge(APPROVED);
    desk.stand_in.wire().fail_next("POST", CREATE, WireFault::CutAfter);
    assert_eq!(word(&desk.gateway.execute(&charge).await), "lost");
    desk.clock.advance(Span::minutes(16));
    let said = desk.gateway.execute(&charge).await.unwrap();
    assert_eq!(desk.gateway.ask(&charge).await.unwrap(), said);
    assert_eq!(desk.taken(), (1_000, 0), "it was charged twice");
    let refund = desk.then(&charge, &said, OperationKind::Refund, 300);
    desk.stand_in.wire().fail_next("POST", "/v2/refunds", WireFault::CutAfter);
    assert_eq!(word(&desk.gateway.execute(&refund).await), "lost");
    desk.clock.advance(Span::minutes(16));
    assert_eq!(word(&desk.gateway.execute(&refund).await), "succeeded");
    assert_eq!(word(&desk.gateway.ask(&refund).await), "succeeded");
    assert_eq!(desk.taken(), (1_000, 300), "it went back twice");
}

/// A look-up reads every page until it has found the payment.
#[tokio::test]
async fn a_payment_is_found_among_many() {
    let desk = Desk::open().await;
    for _ in 0..120 {
        desk.gateway.execute(&desk.charge(APPROVED)).await.unwrap();
    }
    let charge = desk.charge(APPROVED);
    desk.stand_in.wire().fail_next("POST", CREATE, WireFault::CutAfter);
    assert_eq!(word(&desk.gateway.execute(&charge).await), "lost");
    assert_eq!(word(&desk.gateway.ask(&charge).await), "succeeded");
    assert_eq!(word(&desk.gateway.ask(&desk.charge(APPROVED)).await), "absent");
}

/// A list lags behind: absent means *so far*, and the same key moves money once.
#[tokio::test]
async fn a_list_that_lags_behind_charges_nobody_twice() {
    let desk = Desk::open().await;
    desk.stand_in.lists_lag(Span::seconds(20));
    let charge = desk.charge("cnon:fake-once-1");
    desk.stand_in.wire().fail_next("POST", CREATE, WireFault::CutAfter);
    assert_eq!(word(&desk.gateway.execute(&charge).await), "lost");
    assert_eq!(word(&desk.gateway.ask(&charge).await), "absent");
    assert_eq!(word(&desk.gateway.execute(&charge).await), "succeeded");
    desk.clock.advance(Span::seconds(30));
    assert_eq!(word(&desk.gateway.ask(&charge).await), "succeeded");
    assert_eq!(desk.taken(), (1_000, 0));
}

/// A token that was used may have been used by ourselves.
#[tokio::test]
async fn a_used_token_is_no_refusal_before_we_have_looked() {
    let desk = Desk::open().await;
    desk.stand_in.keep_keys_for(Span::seconds(5));
    desk.stand_in.lists_lag(Span::seconds(20));
    let charge = desk.charge("cnon:fake-once-1");
    desk.stand_in.wire().fail_next("POST", CREATE, WireFault::CutAfter);
    assert_eq!(word(&desk.gateway.execute(&charge).await), "lost");
    desk.clock.advance(Span::seconds(10));
    assert_eq!(word(&desk.gateway.execute(&charge).await), "unknown", "the money was taken");
    desk.clock.advance(Span::seconds(20));
    assert_eq!(word(&desk.gateway.execute(&charge).await), "succeeded");
    let other = desk.charge("cnon:fake-once-1");
    assert_eq!(word(&desk.gateway.execute(&other).await), "unknown", "the list may not show it yet");
    desk.clock.advance(Span::minutes(2));
    assert_eq!(word(&desk.gateway.execute(&other).await), "card_token_used");
    assert_eq!(desk.taken(), (1_000, 0));
}

#[tokio::test]
async fn a_refusal_is_final_and_has_square_s_word() {
    for (method, code) in [
        (DECLINED, "generic_decline"),
        ("cnon:card-nonce-rejected-cvv", "cvv_failure"),
        ("cnon:fake-insufficient-funds", "insufficient_funds"),
        ("cnon:fake-restricted", "cardholder_insufficient_permissions"),
    ] {
        traps::a_refusal_is_final::<FakeSquare>(OperationKind::Charge, method, code).await;
    }
    let desk = Desk::open().await;
    assert_eq!(word(&desk.gateway.execute(&desk.charge("cnon:of-nobody")).await), "not_found");
    let trouble = desk.charge("cnon:fake-temporary-error");
    assert_eq!(word(&desk.gateway.execute(&trouble).await), "lost", "Square's own trouble is no refusal");
    assert_eq!(word(&desk.gateway.ask(&trouble).await), "absent");
}

/// A token comes from the customer. With these two words Square notes down a payment that nobody makes.
#[tokio::test]
async fn a_token_that_moves_no_money_is_not_sent() {
    let desk = Desk::open().await;
    for token in ["CASH", "EXTERNAL", "external", " Cash "] {
        let charge = desk.charge(token);
        assert_eq!(word(&desk.gateway.execute(&charge).await), "token_not_allowed", "{token}");
        assert_eq!(word(&desk.gateway.ask(&charge).await), "token_not_allowed", "{token}");
    }
    let without = desk.first(OperationKind::Charge, None, euros(1_000));
    assert_eq!(word(&desk.gateway.execute(&without).await), "token_required");
    assert!(desk.stand_in.wire().exchanges().is_empty(), "something was sent");
}

#[tokio::test]
async fn what_takes_days_is_unknown_until_it_ends() {
    let (method, refused) = ("bnon:bank-nonce-ok", "buyer_refused_payment");
    traps::a_charge_that_takes_days_is_unknown_until_it_ends(method, refused, FakeSquare::complete).await;
    let (method, refused) = ("cnon:fake-pending-refund", "refund_rejected");
    traps::a_refund_that_takes_days_is_unknown_until_it_ends::<FakeSquare>(method, refused).await;
}

/// Of two refunds that are too much together the later one waits for the end of the first.
#[tokio::test]
async fn a_refund_waits_for_another_one() {
    for (succeed, then) in [(true, "refund_amount_invalid"), (false, "unknown")] {
        let desk = Desk::open().await;
        let (charge, said) = desk.begun(OperationKind::Charge, "cnon:fake-pending-refund").await;
        let [refund, other] = [1, 2].map(|_| desk.then(&charge, &said, OperationKind::Refund, 1_000));
        assert_eq!(word(&desk.gateway.execute(&refund).await), "unknown");
        assert_eq!(word(&desk.gateway.execute(&other).await), "not sent", "it has to wait for the first one");
        assert!(desk.stand_in.settle_refund(&refund.key.to_string(), succeed));
        assert_eq!(word(&desk.gateway.execute(&other).await), then);
    }
}

#[tokio::test]
async fn two_refunds_at_once_that_are_too_much_are_one() {
    for _ in 0..10 {
        let desk = Desk::open().await;
        let charge = desk.charge(APPROVED);
        let said = desk.gateway.execute(&charge).await.unwrap();
        let refunds = [600, 700].map(|minor| desk.then(&charge, &said, OperationKind::Refund, minor));
        let (one, other) = tokio::join!(desk.gateway.execute(&refunds[0]), desk.gateway.execute(&refunds[1]));
        let words = [word(&one), word(&other)];
        assert!(words.contains(&"succeeded") && words.contains(&"refund_amount_invalid"), "{words:?}");
        let back = if words[0] == "succeeded" { 600 } else { 700 };
        assert_eq!(desk.taken(), (1_000, back));
    }
}

/// Of a payment that is disputed Square gives nothing back.
#[tokio::test]
async fn what_is_disputed_does_not_go_back() {
    let desk = Desk::open().await;
    let charge = desk.charge(APPROVED);
    let said = desk.gateway.execute(&charge).await.unwrap();
    assert!(desk.stand_in.open_dispute(&charge.payment_id.to_string(), 1_000).is_some());
    let refund = desk.then(&charge, &said, OperationKind::Refund, 1_000);
    assert_eq!(word(&desk.gateway.execute(&refund).await), "payment_not_refundable_due_to_dispute");
}

#[tokio::test]
async fn what_is_set_aside_for_too_long_is_gone() {
    traps::what_is_set_aside_for_too_long_is_gone::<FakeSquare>(8).await;
}

/// Nobody knows the payment, and nobody wants it: it is cancelled by its key.
#[tokio::test]
async fn a_lost_authorisation_is_given_up_by_its_key() {
    for lag in [Span::zero(), Span::hours(1)] {
        let desk = Desk::open().await;
        let first = desk.first(OperationKind::Authorise, Some(APPROVED), euros(1_000));
        desk.stand_in.wire().fail_next("POST", CREATE, WireFault::CutAfter);
        let lost = desk.gateway.execute(&first).await;
        assert_eq!(word(&lost), "lost");
        desk.stand_in.lists_lag(lag);
        let void = desk.then(&first, &Answer::Unknown, OperationKind::Void, 1_000);
        let expected = if lag.is_zero() { "succeeded" } else { "not_found" };
        assert_eq!(word(&desk.gateway.execute(&void).await), expected);
        assert_eq!(desk.stand_in.accounts()[0].capturable, 0, "it is still set aside");
        desk.stand_in.lists_lag(Span::zero());
        assert_eq!(word(&desk.gateway.ask(&first).await), "canceled");
    }
}

#[tokio::test]
async fn amounts_are_square_s_and_what_it_does_not_take_is_not_sent() {
    for (code, minor, is_told) in [
        ("EUR", 1_999, true),
        ("JPY", 1_999, true),
        ("USD", 1_999, true),
        ("KWD", 5_120, false),
        ("CHF", 1_999, false),
        ("CLF", 10_000, false),
    ] {
        let desk = Desk::open().await;
        let amount = Money::from_minor(minor, Currency::from_code(code).unwrap());
        let charge = desk.first(OperationKind::Charge, Some(APPROVED), amount);
        let said = desk.gateway.execute(&charge).await.unwrap();
        let exchanges = desk.stand_in.wire().exchanges();
        if is_told {
            assert!(matches!(said, Answer::Succeeded { amount: told, .. } if told == amount), "{said:?}");
            let told = format!(r#""amount_money":{{"amount":{minor},"currency":"{code}"}}"#);
            assert!(exchanges[0].request.body.contains(&told), "{code}");
        } else {
            assert_eq!(word(&Ok(said)), "currency_not_supported");
            assert_eq!(word(&desk.gateway.ask(&charge).await), "currency_not_supported");
            assert!(exchanges.is_empty(), "{code}: something was sent");
        }
    }
    let desk = Desk::open().await;
    desk.stand_in.take_only("USD");
    assert_eq!(word(&desk.gateway.execute(&desk.charge(APPROVED)).await), "invalid_value");
}

#[tokio::test]
async fn every_request_names_the_version_and_the_location() {
    let desk = Desk::open_with(|builder| builder.api_version("2026-01-22")).await;
    let charge = desk.charge(APPROVED);
    desk.gateway.ask(&charge).await.unwrap();
    desk.gateway.execute(&charge).await.unwrap();
    for exchange in desk.stand_in.wire().exchanges() {
        let request = &exchange.request;
        assert_eq!(request.header("square-version"), Some("2026-01-22"));
        let is_named = request.body.contains(FakeSquare::LOCATION_ID)
            || request.query("location_id") == Some(FakeSquare::LOCATION_ID);
        assert!(is_named, "{request:?}");
    }
}

#[tokio::test]
async fn secrets_are_not_shown() {
    let desk = Desk::open().await;
    let builder = SquareGateway::builder("EAAA_SECRET", "L1").base_url(desk.stand_in.url());
    let shown = format!("{builder:?}");
    let gateway = builder.build().unwrap();
    let error = gateway.execute(&desk.charge(APPROVED)).await.unwrap_err();
    traps::nothing_holds(
        &[shown, format!("{gateway:?}"), format!("{error:?}"), error.to_string()],
        &["SECRET"],
    );
}
