//! Every request the adapter can send, and every reply of the stand-in, judged by Stripe's own OpenAPI file.
//!
//! The file is not part of this repository: `PAYMENT_SPECS` names the folder that has it. Without it, nothing is checked, and the
//! test says so.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

use order_core::gateway::{BooksWindow, PaymentGateway as _, ProviderBooks as _};
use order_core::money::{Currency, Money};
use order_core::payment::{OperationKind, PaymentMethod};
use order_core::time::{Clock as _, Duration as Span};
use order_fake_providers::wire::{Exchange, WireFault};
use serde_json::{Value, json};

use crate::desk::{APPROVED, ASKED, DECLINED, Desk, euros};

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
        desk.stripe.wire().fail_next("POST", "/confirm", fault);
        let _ = gateway.execute(&desk.charge(APPROVED)).await;
    }
    let disputed = desk.charge(APPROVED);
    let _ = gateway.execute(&disputed).await;
    desk.stripe.open_dispute(&disputed.payment_id.to_string(), 300);
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
    desk.stripe.wire().exchanges()
}

/// In Stripe's file a request without a body is an empty form.
fn content_type(exchange: &Exchange) -> &str {
    exchange.request.header("content-type").unwrap_or("application/x-www-form-urlencoded")
}

fn request(exchange: &Exchange) -> Value {
    let request = &exchange.request;
    json!({
        "provider": "stripe", "method": request.method, "path": request.path,
        "content_type": content_type(exchange), "body": request.body,
    })
}

fn reply(exchange: &Exchange) -> Value {
    let (request, reply) = (&exchange.request, exchange.reply.as_ref().unwrap());
    json!({
        "provider": "stripe", "method": request.method, "path": request.path, "status": reply.status, "reply": reply.body,
    })
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
    let Ok(folder) = std::env::var("PAYMENT_SPECS") else {
        println!("NOT CHECKED: PAYMENT_SPECS does not name a folder with the providers' OpenAPI files");
        return;
    };
    // The file in use has no disputes.
    let exchanges: Vec<Exchange> =
        exchanges.into_iter().filter(|exchange| exchange.request.path != "/v1/disputes").collect();
    let mut lines: Vec<Value> = exchanges.iter().map(request).collect();
    lines.extend(exchanges.iter().filter(|exchange| exchange.reply.is_some()).map(reply));
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("stripe-exchanges.jsonl");
    std::fs::write(&file, jsonl(&lines)).unwrap();
    let bad: Vec<String> =
        judged(&folder, &lines).into_iter().filter(|answer| answer.contains("- ")).collect();
    assert!(bad.is_empty(), "{bad:#?}");
    let planted = judged(&folder, &planted());
    assert!(
        planted.iter().all(|answer| answer.contains("- ")),
        "a planted mistake was not noticed: {planted:#?}"
    );
    println!("{} requests and replies are as Stripe's file says; {}", lines.len(), file.display());
}
