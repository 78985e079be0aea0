use order_core::id::PaymentId;
use order_core::inbox::InboxEntry;
use order_core::time::{Clock as _, Duration};
use serde_json::{Value, json};

use crate::shop::{Answer, Shop, webhooks};

/// An order whose customer has confirmed at the bank, and has closed the browser.
async fn confirmed(shop: &Shop) -> Answer {
    let order = shop.order("ann", &[("TEA", 1)], "sim_action").await.is(201);
    drop(shop.gateway.take_webhooks(shop.clock.now()));
    assert_eq!(order.body["status"], "pending");
    let payments = shop.get(&format!("/orders/{}/payments", order.id())).admin().send().await.is(200);
    let payment: PaymentId = payments.body["items"][0]["id"].as_str().unwrap().parse().unwrap();
    assert!(shop.gateway.complete(payment, true));
    order
}

async fn status(shop: &Shop, order: &Answer) -> Value {
    shop.get(&format!("/orders/{}", order.id())).admin().send().await.is(200).body["status"].clone()
}

async fn inbox(shop: &Shop, query: &str) -> Vec<Value> {
    let page = shop.get(&format!("/admin/webhooks{query}")).admin().send().await.is(200);
    page.body["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_webhook_makes_the_order_paid_and_is_seen_by_the_staff() {
    let shop = Shop::open().await;
    let order = confirmed(&shop).await;
    let sent = shop.gateway.take_webhooks(shop.clock.now());
    assert_eq!(sent.len(), 1);
    let taken = shop.deliver(&sent[0]).await.is(200);
    assert_eq!(taken.body["is_new"], true);
    assert_eq!(status(&shop, &order).await, "paid");
    let again = shop.deliver(&sent[0]).await.is(200);
    assert_eq!(again.body, json!({"event_id": taken.body["event_id"], "is_new": false}));
    let seen = inbox(&shop, "").await;
    assert_eq!(seen.len(), 1);
    let webhook = &seen[0];
    assert_eq!((&webhook["status"], &webhook["kind"]), (&json!("attended"), &json!("payment")));
    assert_eq!((&webhook["order_id"], &webhook["provider"]), (&order.body["id"], &json!("simulated")));
    assert_eq!((&webhook["attempts"], webhook.get("due_at")), (&json!(0), None));
    let history = shop.get(&format!("/orders/{}/history", order.id())).admin().send().await.is(200);
    let events = history.body["items"].as_array().unwrap();
    let paid = events.iter().find(|event| event["name"] == "order.paid").unwrap();
    let because = format!("webhook simulated/{}", taken.body["event_id"].as_str().unwrap());
    assert_eq!(paid["correlation"], because);
}

#[tokio::test]
async fn what_is_not_believed_is_refused_and_not_kept() {
    let shop = Shop::open().await;
    let order = confirmed(&shop).await;
    let sent = shop.gateway.take_webhooks(shop.clock.now()).remove(0);
    let post = |header: Option<String>, body: String| {
        let call = shop.post("/webhooks/simulated").bare(body);
        match header {
            Some(header) => call.header("simulated-signature", header),
            None => call,
        }
    };
    let (now, body) = (shop.clock.now().timestamp(), || sent.body.clone());
    post(None, body()).send().await.problem(400, "webhook_unsigned");
    let wrong = format!("t={now},secret=guessed");
    post(Some(wrong), body()).send().await.problem(400, "webhook_wrong_signature");
    let old = format!("t={},secret={}", now - 301, crate::shop::WEBHOOK_SECRET);
    post(Some(old), body()).send().await.problem(400, "webhook_outside_window");
    let right = sent.headers[0].1.clone();
    post(Some(right.clone()), "{}".to_owned()).send().await.problem(400, "webhook_unreadable");
    let twice = post(Some(right.clone()), body()).header("simulated-signature", right.clone());
    twice.send().await.problem(400, "webhook_unsigned");
    let large = "x".repeat(order_core::service::Webhooks::MAX_BODY + 1);
    post(Some(right.clone()), large).send().await.problem(413, "body_too_large");
    // A webhook may be larger than what the host lets others send.
    let padded = format!("{}padding={}\n", sent.body, "x".repeat(64 * 1024));
    shop.post("/webhooks/stripe").bare(body()).send().await.problem(404, "not_found");
    assert_eq!(inbox(&shop, "").await, Vec::<Value>::new());
    assert_eq!(status(&shop, &order).await, "pending");
    post(Some(right), padded).send().await.is(200);
    assert_eq!(status(&shop, &order).await, "paid");
}

#[tokio::test]
async fn the_staff_sees_what_waits_and_has_it_tried_again() {
    let shop = Shop::open().await;
    let order = confirmed(&shop).await;
    drop(shop.gateway.take_webhooks(shop.clock.now()));
    let now = shop.clock.now();
    let sign = |id: &str, kind: &str, about: &str| {
        let body = format!("id={id}\ntype={kind}\ncreated={}\n{about}\n", now.timestamp_millis());
        webhooks().sign(body, now)
    };
    shop.deliver(&sign("evt/1 %", "payment.changed", "reference=pi_not_ours")).await.is(200);
    shop.deliver(&sign("evt_2", "something.new", "")).await.is(200);
    let about = format!("order_id={}", order.id());
    shop.deliver(&sign("evt_3", "payment.changed", &about)).await.is(200);
    assert_eq!(status(&shop, &order).await, "paid");
    let parked = inbox(&shop, "?status=parked").await;
    assert_eq!(parked.len(), 1);
    assert_eq!((&parked[0]["event_id"], &parked[0]["attempts"]), (&json!("evt/1 %"), &json!(1)));
    assert!(parked[0]["reason"].as_str().unwrap().contains("no payment of ours"));
    assert!(parked[0]["due_at"].is_string());
    assert_eq!(inbox(&shop, "?status=ignored").await.len(), 1);
    let first = shop.get("/admin/webhooks?limit=2").admin().send().await.is(200);
    let cursor = first.body["next_cursor"].as_str().unwrap();
    let rest = shop.get(&format!("/admin/webhooks?limit=2&cursor={cursor}")).admin().send().await.is(200);
    assert_eq!((rest.body["items"].as_array().unwrap().len(), &rest.body["next_cursor"]), (1, &Value::Null));

    let retry = "/admin/webhooks/simulated/evt%2F1%20%25/retry";
    let tried = shop.post(retry).admin().send().await.is(200);
    assert_eq!((&tried.body["status"], &tried.body["attempts"]), (&json!("parked"), &json!(1)));
    shop.post("/admin/webhooks/simulated/evt_9/retry").admin().send().await.problem(404, "not_found");
    for call in [shop.post(retry), shop.get("/admin/webhooks")] {
        call.clone().send().await.problem(401, "unauthenticated");
        call.clone().customer("ann").send().await.problem(403, "forbidden");
        call.service().send().await.problem(403, "forbidden");
    }
    for (query, name) in
        [("status=lost", "status"), ("cursor=x", "cursor"), ("limit=0", "limit"), ("skip=1", "skip")]
    {
        let answer = shop.get(&format!("/admin/webhooks?{query}")).admin().send().await;
        let code = answer.body["errors"][0]["code"].as_str().unwrap().to_owned();
        answer.problem(400, "invalid").names(&format!("/{name}"), &code);
    }
}

#[tokio::test]
async fn what_its_receiver_did_not_do_a_pass_does() {
    let shop = Shop::open().await;
    let order = confirmed(&shop).await;
    let sent = shop.gateway.take_webhooks(shop.clock.now()).remove(0);
    let received =
        shop.engine.webhooks().receive(&crate::shop::simulated(), &sent.arriving(shop.clock.now())).await;
    assert!(received.unwrap().is_new);
    assert_eq!(shop.deliver(&sent).await.is(200).body["is_new"], false);
    assert_eq!(status(&shop, &order).await, "pending");
    assert_eq!(inbox(&shop, "?status=received").await.len(), 1);
    shop.clock.advance(InboxEntry::LEASE + Duration::seconds(1));
    assert_eq!(shop.engine.passes().attend(10).await.unwrap().done, 1);
    assert_eq!(status(&shop, &order).await, "paid");
}
