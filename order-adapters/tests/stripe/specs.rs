//! Every request the adapter can send, and every reply of the stand-in, judged by Stripe's own OpenAPI file.

use std::collections::BTreeSet;

use order_core::gateway::{BooksWindow, PaymentGateway as _, ProviderBooks as _};
use order_core::money::{Currency, Money};
use order_core::payment::{OperationKind, PaymentMethod};
use order_core::time::{Clock as _, Duration as Span};
use order_fake_providers::wire::{Exchange, WireFault};
use serde_json::{Value, json};

use crate::desk::{APPROVED, ASKED, DECLINED, Desk, euros};
use crate::judge::judge;

/// Everything the adapter does, once with success and once without.
async fn everything() -> Vec<Exchange> {
    let desk =
        Desk::open_with(|builder| builder.return_url("https://shop.example/paid?order=1&from=stripe")).await;
    let gateway = &desk.gateway;
    for method in [APPROVED, ASKED, DECLINED, "pm_card_of_nobody", "pm_fake_processing"] {
        let charge = desk.charge(method);
        let _ = gateway.execute(&charge).await;
        let _ = gateway.ask(&charge).await;
    }
    for code in ["JPY", "KWD", "UGX"] {
        let amount = Money::from_minor(5_120, Currency::from_code(code).unwrap());
        let _ = gateway.execute(&desk.first(OperationKind::Charge, Some(APPROVED), amount)).await;
    }
    let mut wallet = desk.first(OperationKind::Charge, None, euros(1_000));
    wallet.method = PaymentMethod::Wallet;
    let said = gateway.execute(&wallet).await.unwrap();
    let _ = gateway.execute(&desk.then(&wallet, &said, OperationKind::Void, 0)).await;
    let held = desk.first(OperationKind::Authorise, Some(APPROVED), euros(1_000));
    let said = gateway.execute(&held).await.unwrap();
    for (kind, minor) in [
        (OperationKind::Capture, 2_000),
        (OperationKind::Capture, 600),
        (OperationKind::Void, 400),
        (OperationKind::Refund, 700),
        (OperationKind::Refund, 250),
    ] {
        let then = desk.then(&held, &said, kind, minor);
        let _ = gateway.execute(&then).await;
        let _ = gateway.execute(&then).await;
        let _ = gateway.ask(&then).await;
    }
    for fault in [WireFault::FailBefore, WireFault::InProgress, WireFault::Limited(None)] {
        desk.stand_in.wire().fail_next("POST", "/confirm", fault);
        let _ = gateway.execute(&desk.charge(APPROVED)).await;
    }
    let disputed = desk.charge(APPROVED);
    let _ = gateway.execute(&disputed).await;
    desk.stand_in.open_dispute(&disputed.payment_id.to_string(), 300);
    let _ = gateway.execute(&desk.first(OperationKind::Authorise, Some(APPROVED), euros(1_000))).await;
    let since = desk.clock.now() - Span::days(1);
    let window = BooksWindow { since, until: desk.clock.now() + Span::seconds(1), limit: 7 };
    let mut page = gateway.list(&window, None).await.unwrap();
    while let Some(cursor) = page.next {
        page = gateway.list(&window, Some(&cursor)).await.unwrap();
    }
    let old = desk.charge(APPROVED);
    desk.clock.advance(Span::hours(25));
    let _ = gateway.execute(&old).await;
    desk.stand_in.wire().exchanges()
}

/// Requests and replies that are wrong: the judge has to notice.
fn planted() -> Vec<Value> {
    let post = |path: &str, body: &str| {
        json!({
            "provider": "stripe", "method": "POST", "path": path,
            "content_type": "application/x-www-form-urlencoded", "body": body,
        })
    };
    let get = |reply: &str| json!({ "provider": "stripe", "method": "GET", "path": "/v1/refunds/re_1", "status": 200, "reply": reply });
    vec![
        post("/v1/payment_intents", "amount=12.5&currency=eur"),
        post("/v1/payment_intents", "amount=1250&currency=eur&capture_method=later"),
        post("/v1/payment_intents", "currency=eur"),
        post("/v1/payment_intents", "amount=1250&currency=eur&colour=red"),
        post("/v1/payment_intents/pi_1/capture", "amount=1250"),
        post("/v1/payment_intents/pi_1/settle", ""),
        post("/v1/refunds", "payment_intent=pi_1&reason=because"),
        get(r#"{"id":"re_1","object":"refund","amount":"300","created":1,"currency":"eur"}"#),
        get(r#"{"id":"re_1","object":"refund","created":1,"currency":"eur"}"#),
        get("no JSON"),
    ]
}

#[tokio::test]
async fn stripe_s_own_file_allows_every_request_and_every_reply() {
    let exchanges = everything().await;
    let kinds: BTreeSet<String> = exchanges
        .iter()
        .map(|exchange| {
            let words = exchange.request.segments();
            let words = words.iter().map(|word| if word.contains("_fake") { "{id}" } else { word });
            format!("{} {}", exchange.request.method, words.collect::<Vec<_>>().join("/"))
        })
        .collect();
    let expected = [
        "GET v1/charges/{id}",
        "GET v1/disputes",
        "GET v1/payment_intents",
        "GET v1/payment_intents/{id}",
        "GET v1/refunds",
        "GET v1/refunds/{id}",
        "POST v1/payment_intents",
        "POST v1/payment_intents/{id}/cancel",
        "POST v1/payment_intents/{id}/capture",
        "POST v1/payment_intents/{id}/confirm",
        "POST v1/refunds",
    ];
    assert_eq!(kinds.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    for exchange in exchanges.iter().filter(|exchange| exchange.request.method == "POST") {
        let key = exchange.request.header("idempotency-key").unwrap();
        assert!(key.len() <= 255, "{key}");
    }
    // The file in use has no disputes.
    let exchanges: Vec<Exchange> =
        exchanges.into_iter().filter(|exchange| exchange.request.path != "/v1/disputes").collect();
    // In Stripe's file a request without a body is an empty form.
    judge("stripe", "application/x-www-form-urlencoded", &exchanges, &planted());
}
