//! Every request the adapter can send, and every reply of the stand-in, judged by Square's own OpenAPI file. The part of it that is
//! judged by does not have the disputes.

use std::collections::BTreeSet;

use order_adapters::square::SquareGateway;
use order_core::gateway::{BooksWindow, PaymentGateway as _, ProviderBooks as _};
use order_core::money::{Currency, Money};
use order_core::payment::{Answer, OperationKind};
use order_core::time::{Clock as _, Duration as Span};
use order_fake_providers::square::FakeSquare;
use order_fake_providers::wire::{Exchange, WireFault};
use serde_json::{Value, json};

use crate::desk::{APPROVED, DECLINED, Desk, euros};
use crate::judge::judge;

/// Everything the adapter does, once with success and once without.
async fn everything() -> Vec<Exchange> {
    let desk = Desk::open().await;
    let gateway = &desk.gateway;
    for method in [APPROVED, DECLINED, "cnon:of-nobody", "cnon:card-nonce-already-used", "bnon:bank-nonce-ok"]
    {
        let charge = desk.charge(method);
        let _ = gateway.execute(&charge).await;
        let _ = gateway.ask(&charge).await;
    }
    for code in ["JPY", "USD"] {
        let amount = Money::from_minor(5_120, Currency::from_code(code).unwrap());
        let _ = gateway.execute(&desk.first(OperationKind::Charge, Some(APPROVED), amount)).await;
    }
    let held = desk.first(OperationKind::Authorise, Some(APPROVED), euros(1_000));
    let said = gateway.execute(&held).await.unwrap();
    for (kind, minor) in [
        (OperationKind::Refund, 100),
        (OperationKind::Capture, 2_000),
        (OperationKind::Capture, 500),
        (OperationKind::Capture, 500),
        (OperationKind::Void, 500),
        (OperationKind::Refund, 700),
        (OperationKind::Refund, 250),
    ] {
        let then = desk.then(&held, &said, kind, minor);
        let _ = gateway.execute(&then).await;
        let _ = gateway.execute(&then).await;
        let _ = gateway.ask(&then).await;
        // Another process, which remembers no capture.
        let other = SquareGateway::builder(FakeSquare::ACCESS_TOKEN, FakeSquare::LOCATION_ID);
        let other = other.base_url(desk.stand_in.url()).clock(desk.clock.clone()).build().unwrap();
        let _ = other.ask(&then).await;
        let _ = other.report(&desk.asked(&held, None)).await;
    }
    let gone = desk.first(OperationKind::Authorise, Some(APPROVED), euros(1_000));
    let said = gateway.execute(&gone).await.unwrap();
    let _ = gateway.execute(&desk.then(&gone, &said, OperationKind::Void, 1_000)).await;
    let lost = desk.first(OperationKind::Authorise, Some(APPROVED), euros(1_000));
    let _ = gateway.execute(&desk.then(&lost, &Answer::Unknown, OperationKind::Void, 1_000)).await;
    for fault in [WireFault::FailBefore, WireFault::InProgress, WireFault::Limited(None)] {
        desk.stand_in.wire().fail_next("POST", "/v2/payments", fault);
        let _ = gateway.execute(&desk.charge(APPROVED)).await;
    }
    let now = desk.clock.now();
    let window = BooksWindow { since: now - Span::days(1), until: now + Span::days(1), limit: 3 };
    let page = gateway.list(&window, None).await.unwrap();
    let _ = gateway.list(&window, page.next.as_deref()).await;
    let old = desk.charge(APPROVED);
    desk.clock.advance(Span::hours(25));
    let _ = gateway.execute(&old).await;
    let is_in_the_file = |exchange: &Exchange| !exchange.request.path.starts_with("/v2/disputes");
    desk.stand_in.wire().exchanges().into_iter().filter(is_in_the_file).collect()
}

/// Requests and replies that are wrong: the judge has to notice.
fn planted() -> Vec<Value> {
    let send = |method: &str, path: &str, body: &Value| {
        json!({
            "provider": "square", "method": method, "path": path,
            "content_type": "application/json", "body": body.to_string(),
        })
    };
    let reply = |status: u16, reply: &str| json!({ "provider": "square", "method": "GET", "path": "/v2/refunds/re_1", "status": status, "reply": reply });
    let money = |amount: &Value| json!({ "amount": amount, "currency": "EUR" });
    let good = money(&json!(1_000));
    let key = "k".repeat(46);
    vec![
        send(
            "POST",
            "/v2/payments",
            &json!({ "source_id": "x", "idempotency_key": key, "amount_money": good }),
        ),
        send(
            "POST",
            "/v2/payments",
            &json!({ "source_id": "x", "idempotency_key": "k", "amount_money": money(&json!("10.00")) }),
        ),
        send("POST", "/v2/payments", &json!({ "idempotency_key": "k", "amount_money": good })),
        send("POST", "/v2/payments", &json!({ "source_id": "x", "idempotency_key": "k", "colour": "red" })),
        send("POST", "/v2/payments/p/complete", &json!({ "amount_money": good })),
        send("POST", "/v2/payments/p/settle", &json!({})),
        send("PUT", "/v2/payments/p", &json!({ "payment": { "amount_money": good } })),
        send("POST", "/v2/refunds", &json!({ "idempotency_key": "k", "payment_id": "p" })),
        reply(200, r#"{"refund":{"id":"re_1","amount_money":{"amount":"300","currency":"EUR"}}}"#),
        reply(200, r#"{"refund":{"id":"re_1"}}"#),
        reply(400, r#"{"errors":[{"category":"REFUND_ERROR","code":"NO_SUCH_CODE"}]}"#),
        reply(400, r#"{"errors":[{"code":"NOT_FOUND"}]}"#),
        reply(200, "no JSON"),
    ]
}

#[tokio::test]
async fn square_s_own_file_allows_every_request_and_every_reply() {
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
        "GET v2/payments",
        "GET v2/payments/{id}",
        "GET v2/refunds/{id}",
        "POST v2/payments",
        "POST v2/payments/cancel",
        "POST v2/payments/{id}/cancel",
        "POST v2/payments/{id}/complete",
        "POST v2/refunds",
        "PUT v2/payments/{id}",
    ];
    assert_eq!(kinds.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    for exchange in &exchanges {
        let body: Value = serde_json::from_str(&exchange.request.body).unwrap_or_default();
        let key = body["idempotency_key"].as_str().unwrap_or_default();
        assert!(key.len() <= 45, "{key}");
        assert!(exchange.request.header("square-version").is_some());
    }
    judge("square", "", &exchanges, &planted());
}
