//! One trap at a time: what PayPal's documents say goes wrong, and what must come of it.

use std::time::Duration;

use order_adapters::paypal::PayPalGateway;
use order_core::gateway::PaymentGateway as _;
use order_core::payment::{Answer, OperationKind, PaymentAction, PaymentMethod};
use order_core::time::Duration as Span;
use order_fake_providers::paypal::FakePayPal;
use order_fake_providers::wire::WireFault;

use crate::desk::{APPROVED, ASKED, DECLINED, Desk, euros, word};
use crate::provider::traps;

const CREATE: &str = "/v2/checkout/orders";
const TOKEN: &str = "/v1/oauth2/token";

#[tokio::test]
async fn what_surely_did_not_arrive_is_told_from_what_may_have() {
    traps::what_surely_did_not_arrive_is_told_from_what_may_have::<FakePayPal>("/capture", |builder| {
        builder.timeout(Duration::from_millis(900))
    })
    .await;
}

#[tokio::test]
async fn without_a_token_nothing_is_sent() {
    let faults = [
        WireFault::CutBefore,
        WireFault::CutAfter,
        WireFault::FailBefore,
        WireFault::Garbage,
        WireFault::HangAfter,
        WireFault::Limited(None),
    ];
    for fault in faults {
        let desk = Desk::open_with(|builder| builder.timeout(Duration::from_millis(900))).await;
        desk.stand_in.wire().fail_next("POST", TOKEN, fault);
        assert_eq!(word(&desk.gateway.execute(&desk.charge(APPROVED)).await), "not sent", "{fault:?}");
        assert!(desk.sent().is_empty(), "{fault:?}: it was sent");
    }
    let desk = Desk::open().await;
    let wrong = PayPalGateway::builder("somebody", "else").base_url(desk.stand_in.url()).build().unwrap();
    assert_eq!(word(&wrong.execute(&desk.charge(APPROVED)).await), "misused");
    let nobody = PayPalGateway::builder("a", "b").base_url("http://127.0.0.1:1").build().unwrap();
    assert_eq!(word(&nobody.execute(&desk.charge(APPROVED)).await), "not sent");
    assert!(desk.sent().is_empty());
    for (id, secret) in [("", "b"), ("a", ""), ("a:b", "c"), ("a", "b c")] {
        assert!(PayPalGateway::builder(id, secret).build().is_err(), "{id} {secret}");
    }
    assert!(PayPalGateway::builder("a", "b").base_url("http://example.com").build().is_err());
}

fn tokens(desk: &Desk) -> usize {
    desk.stand_in.wire().exchanges().iter().filter(|exchange| exchange.request.path == TOKEN).count()
}

#[tokio::test]
async fn one_token_serves_everybody_until_shortly_before_its_end() {
    let desk = Desk::open().await;
    let charges: Vec<_> = (0..6).map(|_| desk.charge(APPROVED)).collect();
    let (a, b, c) = tokio::join!(
        desk.gateway.execute(&charges[0]),
        desk.gateway.execute(&charges[1]),
        desk.gateway.execute(&charges[2]),
    );
    assert_eq!([word(&a), word(&b), word(&c)], ["succeeded"; 3]);
    assert_eq!(tokens(&desk), 1, "each of them fetched a token");
    desk.clock.advance(Span::hours(9) - Span::minutes(2));
    assert_eq!(word(&desk.gateway.ask(&desk.charge(APPROVED)).await), "absent");
    assert_eq!(tokens(&desk), 1, "it is good for another minute");
    desk.clock.advance(Span::minutes(1));
    assert_eq!(word(&desk.gateway.ask(&desk.charge(APPROVED)).await), "absent");
    assert_eq!(tokens(&desk), 2, "it is replaced before it ends");
}

#[tokio::test]
async fn a_token_that_is_not_taken_is_replaced_once() {
    let desk = Desk::open().await;
    assert_eq!(word(&desk.gateway.execute(&desk.charge(APPROVED)).await), "succeeded");
    desk.stand_in.revoke_tokens();
    let (first, second) = (desk.charge(APPROVED), desk.charge(APPROVED));
    let (a, b) = tokio::join!(desk.gateway.execute(&first), desk.gateway.execute(&second));
    assert_eq!([word(&a), word(&b)], ["succeeded"; 2]);
    assert_eq!(tokens(&desk), 2, "of those who were refused, one fetches the new token");
    assert_eq!(desk.taken(), (3_000, 0));
}

#[tokio::test]
async fn who_is_asked_to_wait_waits() {
    traps::who_is_asked_to_wait_waits::<FakePayPal>(CREATE).await;
}

/// The trap of the six hours: a request id that PayPal has forgotten is a new request. The search tells of the first one, late.
#[tokio::test]
async fn a_request_id_that_paypal_has_forgotten_charges_nobody_again() {
    for repeats_invoices in [false, true] {
        let desk = Desk::open().await;
        desk.stand_in.delay_search(Duration::from_hours(3));
        if repeats_invoices {
            desk.stand_in.allow_repeated_invoices();
        }
        let charge = desk.charge(APPROVED);
        desk.clock.advance(Span::hours(5) - Span::minutes(1));
        desk.stand_in.wire().fail_next("POST", "/capture", WireFault::CutAfter);
        assert_eq!(word(&desk.gateway.execute(&charge).await), "lost");
        for (hours, expected) in [(1, "lost"), (3, "succeeded"), (24, "succeeded"), (24 * 40, "succeeded")] {
            desk.clock.advance(Span::hours(hours));
            assert_eq!(word(&desk.gateway.ask(&charge).await), expected, "{hours}");
            assert_eq!(word(&desk.gateway.execute(&charge).await), expected, "{hours}");
        }
        assert_eq!(desk.taken(), (1_000, 0));
    }
}

#[tokio::test]
async fn what_was_never_sent_is_absent_as_soon_as_that_is_sure() {
    let desk = Desk::open().await;
    desk.stand_in.delay_search(Duration::from_hours(3));
    let charge = desk.charge(APPROVED);
    for (hours, expected) in [(0, "absent"), (4, "absent"), (2, "lost"), (2, "lost"), (2, "absent")] {
        desk.clock.advance(Span::hours(hours));
        assert_eq!(word(&desk.gateway.ask(&charge).await), expected, "{hours}");
    }
    assert_eq!(word(&desk.gateway.execute(&charge).await), "succeeded");
    assert_eq!(word(&desk.gateway.execute(&charge).await), "succeeded");
    let other = desk.charge(APPROVED);
    desk.clock.advance(Span::hours(73));
    assert_eq!(word(&desk.gateway.ask(&charge).await), "succeeded");
    assert_eq!(word(&desk.gateway.ask(&other).await), "absent");
    assert_eq!(word(&desk.gateway.execute(&other).await), "too_late");
    assert_eq!(desk.taken(), (1_000, 0));
}

/// PayPal's own protection, when ours were to fail: the invoice is paid once.
#[tokio::test]
async fn an_invoice_is_paid_once() {
    let desk = Desk::open().await;
    let charge = desk.charge(APPROVED);
    let said = desk.gateway.execute(&charge).await.unwrap();
    // The order is looked for by nobody: another one is made, as a defect would.
    let forged = FakePayPalDouble::order_like(&desk, &charge).await;
    let mut again = charge.clone();
    again.reference = Some(forged);
    assert_eq!(desk.gateway.execute(&again).await.unwrap(), said, "the order that was paid is found");
    assert_eq!(desk.taken(), (1_000, 0));
}

/// Makes a second order for an operation, under a request id that our adapter does not use.
struct FakePayPalDouble;

impl FakePayPalDouble {
    async fn order_like(
        desk: &Desk,
        charge: &order_core::gateway::Instruction,
    ) -> order_core::id::ProviderReference {
        // Ten hours later PayPal has forgotten the key; without a word from the search it is a new order.
        desk.stand_in.delay_search(Duration::from_hours(1_000));
        desk.clock.advance(Span::hours(10));
        desk.stand_in.wire().fail_next("POST", "/capture", WireFault::CutBefore);
        let lost = desk.gateway.execute(charge).await;
        assert_eq!(word(&lost), "lost");
        desk.stand_in.delay_search(Duration::ZERO);
        let exchanges = desk.stand_in.wire().exchanges();
        let made = exchanges.iter().rev().find(|exchange| exchange.request.path == CREATE).unwrap();
        let body: serde_json::Value = serde_json::from_str(&made.reply.as_ref().unwrap().body).unwrap();
        order_core::id::ProviderReference::new(body["id"].as_str().unwrap()).unwrap()
    }
}

#[tokio::test]
async fn a_refusal_is_final() {
    for (kind, vault, code) in [
        (OperationKind::Charge, DECLINED, "INSTRUMENT_DECLINED"),
        (OperationKind::Authorise, DECLINED, "TRANSACTION_LIMIT_EXCEEDED"),
        (OperationKind::Charge, "vault_processor_declined", "processor_5120"),
        (OperationKind::Authorise, "vault_processor_declined", "denied"),
        (OperationKind::Charge, "vault_of_nobody", "TOKEN_ID_NOT_FOUND"),
    ] {
        traps::a_refusal_is_final::<FakePayPal>(kind, vault, code).await;
    }
    let desk = Desk::open().await;
    let charge = desk.charge(DECLINED);
    desk.stand_in.wire().fail_next("PATCH", "", WireFault::CutBefore);
    assert_eq!(word(&desk.gateway.execute(&charge).await), "lost", "what is not marked is not declined");
    assert_eq!(word(&desk.gateway.execute(&charge).await), "INSTRUMENT_DECLINED");
}

#[tokio::test]
async fn the_customer_agrees_and_then_we_go_on() {
    for (vault, kind) in [
        (None, OperationKind::Charge),
        (None, OperationKind::Authorise),
        (Some(ASKED), OperationKind::Charge),
        (Some(ASKED), OperationKind::Authorise),
    ] {
        let desk = Desk::open_with(|builder| builder.return_url("https://shop.example/yes")).await;
        let mut first = desk.first(kind, vault, euros(1_000));
        let said = desk.gateway.execute(&first).await.unwrap();
        let Answer::ActionRequired { action: PaymentAction::Redirect { url }, reference } = said else {
            unreachable!("{said:?}")
        };
        assert!(url.contains("/fake/checkoutnow/"), "{url}");
        first.reference = reference;
        assert_eq!(word(&desk.gateway.ask(&first).await), "action");
        assert_eq!(word(&desk.gateway.execute(&first).await), "action");
        assert!(desk.stand_in.complete(&first.payment_id.to_string(), true));
        assert_eq!(word(&desk.gateway.ask(&first).await), "approved");
        assert!(desk.stand_in.accounts().is_empty(), "the adapter went on by itself");
        assert_eq!(word(&desk.gateway.execute(&first).await), "succeeded");
        assert_eq!(word(&desk.gateway.ask(&first).await), "succeeded");
        assert_eq!(desk.stand_in.accounts()[0].authorised, 1_000);
    }
}

#[tokio::test]
async fn what_is_given_up_before_the_customer_agrees_is_never_taken() {
    for approves_first in [true, false] {
        let desk = Desk::open_with(|builder| builder.cancel_url("https://shop.example/no")).await;
        let mut first = desk.first(OperationKind::Charge, None, euros(1_000));
        first.method = PaymentMethod::Wallet;
        let said = desk.gateway.execute(&first).await.unwrap();
        let void = desk.then(&first, &said, OperationKind::Void, 0);
        if approves_first {
            assert!(desk.stand_in.complete(&first.payment_id.to_string(), true));
        }
        assert_eq!(word(&desk.gateway.ask(&void).await), "absent");
        assert_eq!(word(&desk.gateway.execute(&void).await), "succeeded");
        assert_eq!(word(&desk.gateway.execute(&void).await), "succeeded");
        if !approves_first {
            assert!(desk.stand_in.complete(&first.payment_id.to_string(), true));
        }
        first.reference = void.reference.clone();
        assert_eq!(word(&desk.gateway.ask(&first).await), "VOIDED");
        assert_eq!(word(&desk.gateway.execute(&first).await), "VOIDED");
        assert!(desk.stand_in.accounts().is_empty());
    }
}

/// The first attempt is late. Until it arrives the customer has been asked, has agreed, and the payment is given up.
#[tokio::test]
async fn a_capture_that_comes_late_takes_nothing_from_an_order_that_was_given_up() {
    for (kind, step) in [(OperationKind::Charge, "/capture"), (OperationKind::Authorise, "/authorize")] {
        let desk = Desk::open().await;
        let mut first = desk.first(kind, Some(ASKED), euros(1_000));
        desk.stand_in.wire().fail_next("POST", step, WireFault::Late);
        assert_eq!(word(&desk.gateway.execute(&first).await), "lost");
        let said = desk.gateway.execute(&first).await.unwrap();
        first.reference = crate::desk::reference(&said);
        assert!(desk.stand_in.complete(&first.payment_id.to_string(), true));
        let void = desk.then(&first, &said, OperationKind::Void, 0);
        assert_eq!(word(&desk.gateway.execute(&void).await), "succeeded");
        assert_eq!(desk.stand_in.wire().deliver_late(), 1);
        assert!(desk.stand_in.accounts().is_empty(), "{kind:?}: money has moved");
        assert_eq!(word(&desk.gateway.ask(&first).await), "VOIDED");
    }
}

#[tokio::test]
async fn an_order_that_nobody_agrees_to_is_declined_after_three_hours() {
    let desk = Desk::open().await;
    let mut first = desk.first(OperationKind::Charge, None, euros(1_000));
    let said = desk.gateway.execute(&first).await.unwrap();
    first.reference = crate::desk::reference(&said);
    desk.clock.advance(Span::hours(4));
    assert_eq!(word(&desk.gateway.ask(&first).await), "order_expired");
}

#[tokio::test]
async fn secrets_are_not_shown() {
    let desk = Desk::open().await;
    let secret = PayPalGateway::builder("client", "SECRET").base_url(desk.stand_in.url());
    let shown = format!("{secret:?}");
    let wrong = secret.build().unwrap();
    let error = wrong.execute(&desk.charge(APPROVED)).await.unwrap_err();
    desk.gateway.execute(&desk.charge(APPROVED)).await.unwrap();
    let secrets = ["SECRET", FakePayPal::CLIENT_SECRET, "A21."];
    traps::nothing_holds(
        &[
            shown,
            format!("{wrong:?}"),
            format!("{error:?}"),
            error.to_string(),
            format!("{:?}", desk.gateway),
        ],
        &secrets,
    );
}
