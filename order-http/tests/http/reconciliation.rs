use order_core::gateway::{Instruction, PaymentGateway as _};
use order_core::id::{OperationId, PaymentId};
use order_core::money::{Currency, Money};
use order_core::time::{Clock as _, Duration};
use serde_json::{Value, json};

use crate::shop::{Answer, Shop};

const PATH: &str = "/admin/reconciliation";
const WINDOW: &str = "provider=simulated&from=2025-12-01";

fn euros(amount: &str) -> Value {
    json!({"amount": amount, "currency": "EUR"})
}

/// An order of a pound of tea, a part of which was given back in the provider's dashboard.
async fn refunded_by_hand(shop: &Shop) -> Answer {
    let order = shop.order("ann", &[("TEA", 1)], "sim_approve").await.is(201);
    let payment: PaymentId = order.body["payment"]["id"].as_str().unwrap().parse().unwrap();
    shop.gateway.refund_by_hand(payment, Money::from_minor(300, Currency::EUR)).unwrap();
    order
}

async fn get(shop: &Shop, query: &str) -> Answer {
    shop.get(&format!("{PATH}?{query}")).admin().send().await
}

async fn repair(shop: &Shop, body: Value) -> Answer {
    shop.post(&format!("{PATH}/repair")).admin().header("x-request-id", "audit-7").json(body).send().await
}

#[tokio::test]
async fn the_staff_sees_what_differs_and_repairs_it() {
    let shop = Shop::open().await;
    let order = refunded_by_hand(&shop).await;
    shop.order("bob", &[("CUP", 1)], "sim_approve").await.is(201);
    shop.clock.advance(Duration::minutes(10));

    let told = get(&shop, &format!("{WINDOW}&limit=100")).await.is(200).body;
    assert_eq!((&told["compared"], &told["failed"], &told["repaired"]), (&json!(2), &json!([]), &json!([])));
    let item = &told["items"][0];
    assert_eq!(told["items"].as_array().unwrap().len(), 1, "{told:#}");
    assert_eq!((&item["kind"], &item["repair"]), (&json!("refunded_more"), &json!("automatic")));
    assert_eq!((&item["remedy"], &item["order_id"]), (&json!("take_in"), &order.body["id"]));
    assert_eq!((&item["ours"], &item["theirs"]), (&euros("0.00"), &euros("3.00")));
    let unchanged = shop.get(&format!("/orders/{}", order.id())).admin().send().await.is(200);
    assert_eq!(unchanged.body["version"], order.body["version"]);

    let body = json!({"provider": "simulated", "from": "2025-12-01", "limit": 100});
    let done = repair(&shop, body.clone()).await.is(200).body;
    assert_eq!((done["items"].as_array().unwrap().len(), done["repaired"].as_array().unwrap().len()), (0, 1));
    let after = shop.get(&format!("/orders/{}", order.id())).admin().send().await.is(200);
    assert_eq!(after.body["payment_status"], "partially_refunded");
    let history = shop.get(&format!("/orders/{}/history", order.id())).admin().send().await.is(200);
    assert_eq!(history.body["items"].as_array().unwrap().last().unwrap()["correlation"], "audit-7");
    let again = repair(&shop, body).await.is(200).body;
    assert_eq!((&again["items"], &again["repaired"]), (&json!([]), &json!([])));
}

#[tokio::test]
async fn pages_go_on_where_the_last_one_ended() {
    let shop = Shop::open().await;
    for _ in 0..3 {
        refunded_by_hand(&shop).await;
        shop.clock.advance(Duration::seconds(1));
    }
    shop.clock.advance(Duration::minutes(10));
    let (mut found, mut pages, mut query) = (0, 0, format!("{WINDOW}&limit=2"));
    loop {
        let page = get(&shop, &query).await.is(200).body;
        found += page["items"].as_array().unwrap().len();
        pages += 1;
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        query = format!("{WINDOW}&limit=2&cursor={cursor}");
    }
    assert_eq!(found, 3);
    assert!(pages >= 3, "{pages}");
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let shop = Shop::open().await;
    for (query, pointer, code) in [
        ("from=2026-01-01", "/provider", "required"),
        ("provider=simulated", "/from", "required"),
        ("provider=&from=2026-01-01", "/provider", "invalid_id"),
        ("provider=nobody&from=2025-12-01", "/provider", "unknown_provider"),
        ("provider=simulated&from=yesterday", "/from", "invalid_date"),
        ("provider=simulated&from=2025-12-01&to=soon", "/to", "invalid_date"),
        ("provider=simulated&from=2025-12-03&to=2025-12-01", "/to", "out_of_range"),
        ("provider=simulated&from=2025-12-01&limit=0", "/limit", "out_of_range"),
        ("provider=simulated&from=2025-12-01&limit=101", "/limit", "out_of_range"),
        ("provider=simulated&from=2025-12-01&cursor=mine", "/cursor", "invalid_cursor"),
        ("provider=simulated&from=2025-12-01&cursor=ours.7", "/cursor", "invalid_cursor"),
        ("provider=simulated&from=2025-12-01&repair=yes", "/repair", "unknown_parameter"),
    ] {
        get(&shop, query).await.problem(400, "invalid").names(pointer, code);
    }
    let good = json!({"provider": "simulated", "from": "2025-12-01"});
    for (field, value, code) in [
        ("provider", json!(""), "invalid_id"),
        ("provider", json!("nobody"), "unknown_provider"),
        ("provider", json!(7), "wrong_type"),
        ("provider", Value::Null, "wrong_type"),
        ("from", json!("yesterday"), "invalid_date"),
        ("to", json!("soon"), "invalid_date"),
        ("to", json!("2025-11-01"), "out_of_range"),
        ("limit", json!(0), "out_of_range"),
        ("limit", json!(101), "out_of_range"),
        ("cursor", json!("mine"), "invalid_cursor"),
        ("force", json!(true), "unknown_field"),
    ] {
        let mut body = good.clone();
        body[field] = value;
        repair(&shop, body).await.problem(422, "invalid").names(&format!("/{field}"), code);
    }
    repair(&shop, json!({})).await.problem(422, "invalid");
    // Nothing is young enough to be wrong: a window that has not begun yet is empty.
    let early = get(&shop, "provider=simulated&from=2030-01-01&to=2030-01-02").await.is(200);
    assert_eq!((&early.body["compared"], &early.body["next_cursor"]), (&json!(0), &Value::Null));
}

#[tokio::test]
async fn without_books_there_is_nothing_to_compare() {
    let gateway = std::sync::Arc::new(order_core::memory::SimulatedGateway::default());
    let shop = Shop::with_gateway(gateway, std::time::Duration::from_secs(1)).await;
    get(&shop, WINDOW).await.problem(400, "invalid").names("/provider", "unknown_provider");
}

/// The provider has money for an order that is lost. Gives its payment.
async fn lose_an_order(shop: &Shop) -> PaymentId {
    let like = shop.order("ann", &[("TEA", 1)], "sim_approve").await.is(201);
    let order = shop.engine.store().find_order(like.id().parse().unwrap()).await.unwrap().unwrap();
    let payment = &order.payments[0];
    let mut instruction = Instruction::new(&order, payment, &payment.operations[0]);
    let next = || shop.engine.ids().next(shop.clock.now());
    instruction.payment_id = PaymentId::from_uuid(next());
    instruction.key = OperationId::from_uuid(next());
    instruction.first_key = instruction.key;
    instruction.reference = None;
    shop.gateway.execute(&instruction).await.unwrap();
    shop.clock.advance(Duration::minutes(10));
    instruction.payment_id
}

#[tokio::test]
async fn the_staff_gives_back_what_no_order_stands_for() {
    let shop = Shop::open().await;
    let payment = lose_an_order(&shop).await;
    let told = get(&shop, &format!("{WINDOW}&limit=100")).await.is(200).body;
    let orphan = &told["items"][0];
    assert_eq!((&orphan["kind"], &orphan["remedy"]), (&json!("order_missing"), &json!("return_orphan")));
    let body = json!({
        "provider": "simulated", "payment_id": orphan["payment_id"], "reference": orphan["reference"],
        "amount": orphan["theirs"], "note": "the disk was lost",
    });
    let path = format!("{PATH}/orphans/return");
    let post = async |body: &Value| shop.post(&path).admin().json(body.clone()).send().await;
    for call in [shop.post(&path).customer("ann"), shop.post(&path).service()] {
        call.json(body.clone()).send().await.problem(403, "forbidden");
    }
    let done = post(&body).await.is(200).body;
    assert_eq!(
        (&done["status"], &done["kind"], &done["amount"]),
        (&json!("returned"), &json!("refund"), &euros("12.30"))
    );
    assert_eq!((&done["by"]["kind"], &done["note"]), (&json!("staff"), &json!("the disk was lost")));
    assert_eq!(post(&body).await.is(200).body, done, "it is done once");
    assert_eq!(shop.gateway.refunds(payment).len(), 1);
    assert_eq!(get(&shop, &format!("{WINDOW}&limit=100")).await.is(200).body["items"], json!([]));
    let inbox = shop.get("/admin/webhooks").admin().send().await.is(200);
    let kept = &inbox.body["items"][0];
    assert_eq!(
        (&kept["kind"], &kept["status"], &kept["note"]),
        (&json!("orphan"), &json!("attended"), &done["note"])
    );
    assert_eq!((&kept["event_id"], &kept["by"]), (&done["event_id"], &done["by"]));

    let order = shop.order("bob", &[("CUP", 1)], "sim_approve").await.is(201);
    for (field, value, status, code) in [
        ("payment_id", order.body["payment"]["id"].clone(), 409, "order_exists"),
        ("payment_id", json!("00000000-0000-7000-8000-000000000000"), 404, "not_found"),
        ("reference", json!("sim_nobody"), 404, "not_found"),
    ] {
        let mut wrong = body.clone();
        wrong[field] = value;
        post(&wrong).await.problem(status, code);
    }
    for (field, value, pointer, code) in [
        ("provider", json!("nobody"), "/provider", "unknown_provider"),
        ("provider", json!(""), "/provider", "invalid_id"),
        ("payment_id", json!("7"), "/payment_id", "invalid_id"),
        ("reference", json!(""), "/reference", "invalid_id"),
        ("amount", euros("0.00"), "/amount", "out_of_range"),
        ("amount", euros("1.234"), "/amount/amount", "too_many_decimals"),
        ("note", json!(" "), "/note", "required"),
        ("note", json!("x".repeat(501)), "/note", "too_long"),
        ("force", json!(true), "/force", "unknown_field"),
    ] {
        let mut wrong = body.clone();
        wrong[field] = value;
        post(&wrong).await.problem(422, "invalid").names(pointer, code);
    }
}
