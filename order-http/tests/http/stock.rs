use axum::http::Method;
use serde_json::{Value, json};

use crate::shop::{Shop, address};

fn names(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|record| record["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn what_the_staff_does_is_told_with_who_and_why() {
    let shop = Shop::open().await;
    let path = |rest: &str| format!("/inventory/stock/CUP{rest}");
    let receive = json!({"units": 20, "reason": "delivery 4711", "location": "attic"});
    let call = shop.post(&path("/receive")).admin().header("x-request-id", "req-1").json(receive);
    let stock = call.send().await.is(200).body;
    assert_eq!((&stock["on_hand"], &stock["locations"][0]["on_hand"]), (&json!(120), &json!(20)));
    let adjust = json!({"by": -3, "reason": "broken\nby the cat", "location": "attic"});
    shop.post(&path("/adjust")).service().json(adjust).send().await.is(200);
    let low = json!({"low_at": 15, "location": "attic"});
    let stock = shop.put(&path("/threshold")).admin().json(low).send().await.is(200).body;
    assert_eq!(
        (&stock["locations"][0]["low_at"], &stock["locations"][1]["low_at"]),
        (&json!(15), &Value::Null)
    );
    let count = json!({"on_hand": 14, "reason": "inventory", "location": "attic"});
    shop.put(&path("")).admin().json(count).send().await.is(200);
    let none = json!({"low_at": null, "location": "attic"});
    shop.put(&path("/threshold")).admin().json(none).send().await.is(200);

    let page = shop.get(&path("/records?location=attic")).admin().send().await.is(200).body;
    let expected = [
        "inventory.replenished",
        "inventory.threshold_set",
        "inventory.low_stock",
        "inventory.counted",
        "inventory.threshold_set",
        "inventory.adjusted",
        "inventory.back_in_stock",
        "inventory.received",
    ];
    assert_eq!((names(&page).as_slice(), &page["next_cursor"]), (&expected[..], &Value::Null));
    let sequences: Vec<_> =
        page["items"].as_array().unwrap().iter().map(|record| &record["sequence"]).collect();
    assert_eq!(
        sequences,
        [8, 7, 6, 5, 4, 3, 2, 1].map(|sequence| json!(sequence)).iter().collect::<Vec<_>>()
    );
    let (low, counted, adjusted, received) =
        (&page["items"][2], &page["items"][3], &page["items"][5], &page["items"][7]);
    assert_eq!(
        (&received["units"], &received["reason"], &received["actor"], &received["correlation"]),
        (&json!(20), &json!("delivery 4711"), &json!({"kind": "staff", "id": "boss"}), &json!("req-1"))
    );
    assert_eq!(
        (&adjusted["units"], &adjusted["reason"], &adjusted["actor"]["kind"]),
        (&json!(-3), &json!("broken\nby the cat"), &json!("service"))
    );
    assert_eq!((&counted["units"], &counted["after"]["on_hand"]), (&json!(-3), &json!(14)));
    assert_eq!((&low["actor"], &low["after"]["low_at"]), (&Value::Null, &json!(15)));
}

#[tokio::test]
async fn the_journal_is_read_page_by_page() {
    let shop = Shop::open().await;
    for round in 1..=4 {
        for location in ["main", "attic"] {
            let body = json!({"units": round, "location": location});
            shop.post("/inventory/stock/TEA/receive").service().json(body).send().await.is(200);
        }
    }
    let all = shop.get("/inventory/stock/TEA/records?limit=100").service().send().await.is(200).body;
    let all = all["items"].as_array().unwrap();
    // What was counted when the shop opened, what came, and that there is something at all, at each place.
    assert_eq!(all.len(), 1 + 8 + 2);
    let mut seen = Vec::new();
    let mut path = "/inventory/stock/TEA/records?limit=2".to_owned();
    loop {
        let page = shop.get(&path).admin().send().await.is(200).body;
        seen.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/inventory/stock/TEA/records?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(&seen, all);
    let none = shop.get("/inventory/stock/NOTHING/records").admin().send().await.is(200).body;
    assert_eq!(none, json!({"items": [], "next_cursor": null}));
    for (query, pointer, code) in [
        ("limit=0", "/limit", "out_of_range"),
        ("cursor=x", "/cursor", "invalid_cursor"),
        ("location=", "/location", "invalid_id"),
        ("sku=x", "/sku", "unknown_parameter"),
    ] {
        let path = format!("/inventory/stock/TEA/records?{query}");
        shop.get(&path).admin().send().await.problem(400, "invalid").names(pointer, code);
    }
}

#[tokio::test]
async fn goods_are_received_once_whoever_asks_again() {
    let shop = Shop::open().await;
    let receive = |units: u32| {
        let body = json!({"units": units, "reason": "delivery"});
        shop.post("/inventory/stock/RARE/receive").service().key("delivery-1").json(body)
    };
    let first = receive(5).send().await.is(200);
    assert_eq!((&first.body["on_hand"], first.header("idempotent-replayed")), (&json!(6), None));
    let again = receive(5).send().await.is(200);
    assert_eq!((&again.body, again.header("idempotent-replayed")), (&first.body, Some("true")));
    receive(6).send().await.problem(422, "idempotency_key_reused");
}

#[tokio::test]
async fn buyers_who_empty_a_shelf_are_noticed() {
    let shop = Shop::open().await;
    let low = json!({"low_at": 5});
    shop.put("/inventory/stock/TEA/threshold").admin().json(low).send().await.is(200);
    for units in [94, 1, 5] {
        shop.order("ann", &[("TEA", units)], "sim_approve").await.is(201);
    }
    let page = shop.get("/inventory/stock/TEA/records?limit=2").admin().send().await.is(200).body;
    assert_eq!(names(&page), ["inventory.out_of_stock", "inventory.low_stock"]);
    assert_eq!(
        (&page["items"][0]["after"]["available"], &page["items"][1]["after"]["available"]),
        (&json!(0), &json!(5))
    );
}

/// U+0000 can't be stored by every store, and other control characters garble what they stand in.
#[tokio::test]
async fn control_characters_are_refused_wherever_text_comes_in() {
    let shop = Shop::open().await;
    let placed = shop.order("ann", &[("TEA", 2)], "sim_approve").await.is(201);
    let (id, payment) = (placed.id(), placed.body["payment"]["id"].as_str().unwrap());
    let mut order = json!({"items": [{"product_id": "TEA", "quantity": 1}], "shipping_address": address(),
        "payment": {"method": "card", "token": "sim_approve"}});
    for (field, value, pointer) in [
        ("notes", json!("a\u{0}b"), "/notes"),
        ("shipping_address", json!("a\u{0}b"), "/shipping_address/line1"),
    ] {
        let mut bad = order.clone();
        if field == "notes" {
            bad[field] = value;
        } else {
            bad[field]["line1"] = value;
        }
        let refused = shop.post("/orders").customer("ann").json(bad).send().await.problem(422, "invalid");
        refused.names(pointer, "control_characters");
    }
    order["notes"] = json!("ring twice\r\n\tor call");
    shop.post("/orders").customer("ann").json(order).send().await.is(201);
    shop.put(&format!("/orders/{id}/status"))
        .admin()
        .json(json!({"status": "processing"}))
        .send()
        .await
        .is(200);
    let parcel = json!({"status": "shipped", "carrier": "a\u{7}", "tracking_number": "1\n2"});
    let refused =
        shop.put(&format!("/orders/{id}/status")).admin().json(parcel).send().await.problem(422, "invalid");
    refused.names("/carrier", "control_characters").names("/tracking_number", "control_characters");
    let bad = json!({"reason": "a\u{0}b"});
    for (method, path, body) in [
        (Method::POST, format!("/orders/{id}/cancel"), bad.clone()),
        (Method::PUT, format!("/orders/{id}/status"), json!({"status": "cancelled", "reason": "a\u{0}b"})),
        (Method::POST, format!("/payments/{payment}/capture"), bad.clone()),
        (Method::POST, format!("/payments/{payment}/void"), bad.clone()),
        (Method::POST, format!("/payments/{payment}/refunds"), bad),
        (Method::PUT, "/inventory/stock/TEA".into(), json!({"on_hand": 1, "reason": "\u{1b}[2J"})),
        (Method::POST, "/inventory/stock/TEA/adjust".into(), json!({"by": 1, "reason": "a\u{0}"})),
        (Method::POST, "/inventory/stock/TEA/receive".into(), json!({"units": 1, "reason": "a\u{0}"})),
        (Method::PUT, "/inventory/stock/TEA/threshold".into(), json!({"low_at": 1, "reason": "a\u{0}"})),
    ] {
        let refused = shop.call(method, &path).admin().json(body).send().await.problem(422, "invalid");
        refused.names("/reason", "control_characters");
    }
}
