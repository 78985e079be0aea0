//! Every request the adapter can send, and every reply of the stand-in, judged by Square's own OpenAPI file.
//!
//! The file is not part of this repository: `PAYMENT_SPECS` names the folder that has it. Without it, nothing is checked, and the
//! test says so.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

use order_adapters::square::SquareGateway;
use order_core::gateway::{BooksWindow, Instruction, PaymentGateway as _, PaymentRef, ProviderBooks as _};
use order_core::money::{Currency, Money};
use order_core::payment::{Answer, OperationKind};
use order_core::time::{Clock as _, Duration as Span};
use order_fake_providers::square::FakeSquare;
use order_fake_providers::wire::{Exchange, WireFault};
use serde_json::{Value, json};

use crate::desk::{APPROVED, DECLINED, Desk, euros};

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
        let other = other.base_url(desk.square.url()).clock(desk.clock.clone()).build().unwrap();
        let _ = other.ask(&then).await;
        let _ = other.report(&reference_of(&held)).await;
    }
    let gone = desk.first(OperationKind::Authorise, Some(APPROVED), euros(1_000));
    let said = gateway.execute(&gone).await.unwrap();
    let _ = gateway.execute(&desk.then(&gone, &said, OperationKind::Void, 1_000)).await;
    let lost = desk.first(OperationKind::Authorise, Some(APPROVED), euros(1_000));
    let _ = gateway.execute(&desk.then(&lost, &Answer::Unknown, OperationKind::Void, 1_000)).await;
    for fault in [WireFault::FailBefore, WireFault::InProgress, WireFault::Limited(None)] {
        desk.square.wire().fail_next("POST", "/v2/payments", fault);
        let _ = gateway.execute(&desk.charge(APPROVED)).await;
    }
    let now = desk.clock.now();
    let window = BooksWindow { since: now - Span::days(1), until: now + Span::days(1), limit: 3 };
    let page = gateway.list(&window, None).await.unwrap();
    let _ = gateway.list(&window, page.next.as_deref()).await;
    let old = desk.charge(APPROVED);
    desk.clock.advance(Span::hours(25));
    let _ = gateway.execute(&old).await;
    // The part of the file that is judged by does not have the disputes.
    let is_in_the_file = |exchange: &Exchange| !exchange.request.path.starts_with("/v2/disputes");
    desk.square.wire().exchanges().into_iter().filter(is_in_the_file).collect()
}

fn reference_of(first: &Instruction) -> PaymentRef {
    let wire = json!({
        "payment_id": first.payment_id, "order_id": first.order_id, "first_key": first.key, "reference": null,
        "currency": "EUR", "created_at": "2026-01-01T00:00:00Z",
    });
    serde_json::from_value(wire).unwrap()
}

fn request(exchange: &Exchange) -> Value {
    let request = &exchange.request;
    json!({
        "provider": "square", "method": request.method, "path": request.path,
        "content_type": exchange.request.header("content-type").unwrap_or_default(), "body": request.body,
    })
}

fn reply(exchange: &Exchange) -> Value {
    let (request, reply) = (&exchange.request, exchange.reply.as_ref().unwrap());
    json!({
        "provider": "square", "method": request.method, "path": request.path, "status": reply.status, "reply": reply.body,
    })
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

fn jsonl(lines: &[Value]) -> String {
    let mut lines: Vec<String> = lines.iter().map(Value::to_string).collect();
    lines.push(String::new());
    lines.join("\n")
}

/// What the judge says of each line.
fn judged(folder: &str, lines: &[Value]) -> Vec<String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/check-specs");
    let mut judge = Command::new("python3")
        .args([script, folder])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    judge.stdin.take().unwrap().write_all(jsonl(lines).as_bytes()).unwrap();
    let output = judge.wait_with_output().unwrap();
    assert_ne!(output.status.code(), Some(2), "nothing was judged; see above");
    let answers = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<String> =
        answers.split("\nBAD").flat_map(|part| part.split("\nOK")).map(str::to_owned).collect();
    assert_eq!(answers.len(), lines.len(), "{answers:#?}");
    answers
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
    let Ok(folder) = std::env::var("PAYMENT_SPECS") else {
        println!("NOT CHECKED: PAYMENT_SPECS does not name a folder with the providers' OpenAPI files");
        return;
    };
    let mut lines: Vec<Value> = exchanges.iter().map(request).collect();
    lines.extend(exchanges.iter().filter(|exchange| exchange.reply.is_some()).map(reply));
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("square-exchanges.jsonl");
    std::fs::write(&file, jsonl(&lines)).unwrap();
    let bad: Vec<String> =
        judged(&folder, &lines).into_iter().filter(|answer| answer.contains("- ")).collect();
    assert!(bad.is_empty(), "{bad:#?}");
    let planted = judged(&folder, &planted());
    assert!(
        planted.iter().all(|answer| answer.contains("- ")),
        "a planted mistake was not noticed: {planted:#?}"
    );
    println!("{} requests and replies are as Square's file says; {}", lines.len(), file.display());
}
