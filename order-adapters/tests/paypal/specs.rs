//! Every request the adapter can send, and every reply of the stand-in, judged by PayPal's own OpenAPI files. They have neither the
//! tokens nor the transaction search nor the disputes, nor what the limiter says.

use std::collections::BTreeSet;

use order_core::gateway::{BooksWindow, PaymentGateway as _, ProviderBooks as _};
use order_core::money::{Currency, Money};
use order_core::payment::{OperationKind, PaymentMethod};
use order_core::time::{Clock as _, Duration as Span};
use order_fake_providers::wire::{Exchange, WireFault};
use serde_json::{Value, json};

use crate::desk::{APPROVED, ASKED, DECLINED, Desk, euros, reference};
use crate::judge::judge;

/// Everything the adapter does, once with success and once without.
async fn everything() -> Vec<Exchange> {
    let desk = Desk::open_with(|builder| {
        builder
            .return_url("https://shop.example/yes?order=1&from=paypal")
            .cancel_url("https://shop.example/no")
    })
    .await;
    let gateway = &desk.gateway;
    let vaults = [APPROVED, ASKED, DECLINED, "vault_of_nobody", "vault_processor_declined", "vault_pending"];
    for kind in [OperationKind::Charge, OperationKind::Authorise] {
        for vault in vaults {
            let mut first = desk.first(kind, Some(vault), euros(1_000));
            first.method = if vault == ASKED { PaymentMethod::Wallet } else { PaymentMethod::Card };
            let _ = gateway.execute(&first).await;
            let _ = gateway.ask(&first).await;
        }
        let mut first = desk.first(kind, None, euros(1_000));
        let said = gateway.execute(&first).await.unwrap();
        first.reference = reference(&said);
        desk.stand_in.complete(&first.payment_id.to_string(), true);
        let _ = gateway.execute(&first).await;
        let other = desk.first(kind, None, euros(1_000));
        let said = gateway.execute(&other).await.unwrap();
        let _ = gateway.execute(&desk.then(&other, &said, OperationKind::Void, 0)).await;
    }
    for code in ["JPY", "HUF"] {
        let amount = Money::from_minor(5_100, Currency::from_code(code).unwrap());
        let charge = desk.first(OperationKind::Charge, Some(APPROVED), amount);
        let said = gateway.execute(&charge).await.unwrap();
        let _ = gateway.execute(&desk.then(&charge, &said, OperationKind::Refund, 100)).await;
    }
    let (held, said) = desk.begun(OperationKind::Authorise, APPROVED).await;
    for (kind, minor) in [
        (OperationKind::Capture, 2_000),
        (OperationKind::Capture, 600),
        (OperationKind::Capture, 150),
        (OperationKind::Void, 250),
        (OperationKind::Refund, 800),
        (OperationKind::Refund, 700),
    ] {
        let then = desk.then(&held, &said, kind, minor);
        let _ = gateway.execute(&then).await;
        let _ = gateway.execute(&then).await;
        let _ = gateway.ask(&then).await;
    }
    // The files know no 429.
    for fault in [WireFault::FailBefore, WireFault::InProgress] {
        desk.stand_in.wire().fail_next("POST", "/capture", fault);
        let _ = gateway.execute(&desk.charge(APPROVED)).await;
    }
    desk.stand_in.revoke_tokens();
    let _ = gateway.execute(&desk.charge(APPROVED)).await;
    let now = desk.clock.now();
    let window = BooksWindow { since: now - Span::days(1), until: now + Span::days(1), limit: 100 };
    let _ = gateway.list(&window, None).await;
    desk.clock.advance(Span::days(30));
    let _ = gateway.execute(&desk.then(&held, &said, OperationKind::Capture, 100)).await;
    let is_in_the_files = |exchange: &Exchange| exchange.request.path.starts_with("/v2/");
    desk.stand_in.wire().exchanges().into_iter().filter(is_in_the_files).collect()
}

/// Requests and replies that are wrong: the judge has to notice.
fn planted() -> Vec<Value> {
    let post = |path: &str, body: &Value| {
        json!({
            "provider": "paypal", "method": "POST", "path": path, "content_type": "application/json", "body": body.to_string(),
        })
    };
    let create = |intent: &str, amount: Value| {
        post("/v2/checkout/orders", &json!({ "intent": intent, "purchase_units": [{ "amount": amount }] }))
    };
    let get = |reply: &str| {
        let path = "/v2/payments/captures/2GG279541U471931P";
        json!({ "provider": "paypal", "method": "GET", "path": path, "status": 200, "reply": reply })
    };
    vec![
        create("SALE", json!({ "currency_code": "EUR", "value": "12.30" })),
        create("CAPTURE", json!({ "currency_code": "EUR", "value": 12.30 })),
        create("CAPTURE", json!({ "currency_code": "EUR", "value": "12,30" })),
        create("CAPTURE", json!({ "currency_code": "EUR" })),
        post("/v2/checkout/orders", &json!({ "intent": "CAPTURE" })),
        post("/v2/checkout/orders/5O1/capture", &json!({ "colour": "red" })),
        post("/v2/checkout/orders/5O1/settle", &json!({})),
        post("/v2/payments/authorizations/0AW/capture", &json!({ "final_capture": "yes" })),
        post("/v2/payments/captures/2GG/refund", &json!({ "custom_id": "x".repeat(128) })),
        get(r#"{"id":"2GG","status":"TAKEN"}"#),
        get(r#"{"id":"2GG","status":"COMPLETED","amount":{"currency_code":"EUR"}}"#),
        get("no JSON"),
    ]
}

#[tokio::test]
async fn paypal_s_own_files_allow_every_request_and_every_reply() {
    let exchanges = everything().await;
    let kinds: BTreeSet<String> = exchanges
        .iter()
        .map(|exchange| {
            let words = exchange.request.segments();
            let words = words.iter().map(|word| if word.contains("FAKE") { "{id}" } else { word });
            format!("{} {}", exchange.request.method, words.collect::<Vec<_>>().join("/"))
        })
        .collect();
    let expected = [
        "GET v2/checkout/orders/{id}",
        "GET v2/payments/authorizations/{id}",
        "GET v2/payments/captures/{id}",
        "PATCH v2/checkout/orders/{id}",
        "POST v2/checkout/orders",
        "POST v2/checkout/orders/{id}/authorize",
        "POST v2/checkout/orders/{id}/capture",
        "POST v2/payments/authorizations/{id}/capture",
        "POST v2/payments/authorizations/{id}/void",
        "POST v2/payments/captures/{id}/refund",
    ];
    assert_eq!(kinds.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    for exchange in exchanges.iter().filter(|exchange| exchange.request.method == "POST") {
        let key = exchange.request.header("paypal-request-id").unwrap();
        assert!(key.len() <= 108, "{key}");
        assert_eq!(exchange.request.header("prefer"), Some("return=representation"));
    }
    judge("paypal", "application/json", &exchanges, &planted());
}
