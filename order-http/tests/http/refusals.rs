use axum::http::Method;
use serde_json::{Value, json};

use crate::shop::{Shop, address};

fn order() -> Value {
    json!({"items": [{"product_id": "TEA", "quantity": 1, "price": {"amount": "12.30", "currency": "EUR"}}],
        "shipping_address": address(), "payment": {"method": "card", "token": "sim_approve"}})
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
async fn what_is_wrong_with_an_order_is_named() {
    let shop = Shop::open().await;
    // Where, what is put there (nothing: it is taken away), and what is named, and how.
    let cases: Vec<(&str, Option<Value>, &str, &str)> = vec![
        ("/extra", Some(json!(1)), "/extra", "unknown_field"),
        ("/items/0/extra", Some(json!(1)), "/items/0/extra", "unknown_field"),
        ("/payment/card_number", Some(json!("4111")), "/payment/card_number", "unknown_field"),
        ("/shipping_address", None, "/shipping_address", "required"),
        ("/shipping_address/city", None, "/shipping_address/city", "required"),
        ("/payment", None, "/payment", "required"),
        ("/payment/method", None, "/payment/method", "required"),
        ("/payment/method", Some(json!("gold")), "/payment/method", "unknown_value"),
        ("/payment/method", Some(json!(7)), "/payment/method", "wrong_type"),
        ("/payment/provider", Some(json!("nobody")), "/payment/provider", "unknown_provider"),
        ("/payment/provider", Some(json!("")), "/payment/provider", "invalid_id"),
        ("/payment/token", Some(json!("4111 1111 1111 1111")), "/payment/token", "card_number"),
        ("/payment/token", Some(json!("")), "/payment/token", "invalid_token"),
        ("/payment/capture", Some(json!("later")), "/payment/capture", "unknown_value"),
        (
            "/payment/amount",
            Some(json!({"amount": "99.00", "currency": "EUR"})),
            "/payment/amount",
            "out_of_range",
        ),
        ("/items", Some(json!([])), "/items", "required"),
        ("/items", Some(json!("TEA")), "/items", "wrong_type"),
        ("/items", Some(json!(vec![json!({"product_id": "TEA", "quantity": 1}); 101])), "/items", "too_many"),
        ("/items/0", Some(json!([])), "/items/0", "wrong_type"),
        ("/items/0/product_id", None, "/items/0/product_id", "required"),
        ("/items/0/product_id", Some(json!("")), "/items/0/product_id", "invalid_id"),
        ("/items/0/product_id", Some(json!("x".repeat(129))), "/items/0/product_id", "invalid_id"),
        ("/items/0/product_id", Some(json!("SOCKS")), "/items/0/product_id", "unknown_product"),
        ("/items/0/quantity", Some(json!("1")), "/items/0/quantity", "wrong_type"),
        ("/items/0/quantity", Some(json!(1.5)), "/items/0/quantity", "wrong_type"),
        ("/items/0/quantity", Some(json!(-1)), "/items/0/quantity", "out_of_range"),
        ("/items/0/quantity", Some(json!(4_294_967_296_u64)), "/items/0/quantity", "out_of_range"),
        ("/items/0/quantity", Some(json!(0)), "/items/0/quantity", "out_of_range"),
        ("/items/0/quantity", Some(json!(10_000)), "/items/0/quantity", "out_of_range"),
        ("/items/0/quantity", Some(json!(null)), "/items/0/quantity", "wrong_type"),
        ("/items/0/price", Some(json!("12.30")), "/items/0/price", "wrong_type"),
        ("/items/0/price/amount", Some(json!(12.3)), "/items/0/price/amount", "wrong_type"),
        ("/items/0/price/amount", Some(json!("12.301")), "/items/0/price/amount", "too_many_decimals"),
        ("/items/0/price/amount", Some(json!("twelve")), "/items/0/price/amount", "not_a_number"),
        ("/items/0/price/amount", Some(json!("1e3")), "/items/0/price/amount", "not_a_number"),
        (
            "/items/0/price/amount",
            Some(json!("99999999999999999999")),
            "/items/0/price/amount",
            "out_of_range",
        ),
        ("/items/0/price/currency", Some(json!("XXX")), "/items/0/price/currency", "unknown_currency"),
        ("/shipping_address/country", Some(json!("Ireland")), "/shipping_address/country", "unknown_country"),
        ("/shipping_address/line1", Some(json!(" ")), "/shipping_address/line1", "required"),
        ("/coupons", Some(json!(["A", ""])), "/coupons/1", "invalid_id"),
        ("/coupons", Some(json!("A")), "/coupons", "wrong_type"),
        ("/expected_total", Some(json!({"amount": "1"})), "/expected_total/currency", "required"),
        ("/notes", Some(json!("x".repeat(2001))), "/notes", "too_long"),
        ("/notes", Some(json!({"a": 1})), "/notes", "wrong_type"),
    ];
    for (place, value, pointer, code) in cases {
        let mut body = order();
        let (parent, field) = place.rsplit_once('/').unwrap();
        let parent = body.pointer_mut(parent).unwrap();
        match (value, parent) {
            (Some(value), Value::Array(items)) => items[field.parse::<usize>().unwrap()] = value,
            (Some(value), parent) => parent[field] = value,
            (None, parent) => drop(parent.as_object_mut().unwrap().remove(field)),
        }
        shop.post("/orders")
            .customer("ann")
            .json(body)
            .send()
            .await
            .problem(422, "invalid")
            .names(pointer, code);
    }
    assert!(shop.gateway.books().is_empty(), "nobody was charged");
}

#[tokio::test]
async fn everything_that_is_wrong_is_named_at_once() {
    let shop = Shop::open().await;
    let mut body = order();
    body["items"][0]["product_id"] = json!("");
    body["items"][0]["price"]["currency"] = json!("euro");
    body["payment"]["token"] = json!("4111111111111111");
    body["shipping_address"]["country"] = json!("xx");
    let refused = shop.post("/orders").customer("ann").json(body).send().await.problem(422, "invalid");
    let refused = refused
        .names("/items/0/product_id", "invalid_id")
        .names("/items/0/price/currency", "unknown_currency");
    let refused =
        refused.names("/payment/token", "card_number").names("/shipping_address/country", "unknown_country");
    assert!(!refused.body.to_string().contains("4111"), "a value is never repeated");
}

#[tokio::test]
async fn answers_of_the_trade() {
    let shop = Shop::open().await;
    let mut changed = order();
    changed["items"][0]["price"]["amount"] = json!("11.00");
    let refused =
        shop.post("/orders").customer("ann").json(changed).send().await.problem(409, "total_changed");
    assert_eq!(refused.body["expected_total"]["amount"], "11.00");
    assert_eq!(refused.body["actual_total"]["amount"], "12.30");
    assert_eq!(refused.body["changes"][0]["product_id"], "TEA");
    let refused = shop.order("ann", &[("RARE", 2)], "sim_approve").await.problem(409, "out_of_stock");
    assert_eq!(refused.body["shortages"], json!([{"product_id": "RARE", "requested": 2, "available": 1}]));
    let body = json!({"shipping_address": address(), "payment": {"method": "card"}});
    shop.post("/orders").customer("ann").json(body).send().await.problem(409, "cart_empty");
    shop.post("/cart/quote").customer("ann").json(json!({})).send().await.problem(409, "cart_empty");
}

#[tokio::test]
async fn bodies_that_are_none() {
    let shop = Shop::open().await;
    let post = || shop.post("/orders").customer("ann");
    for text in ["{", "{\"items\": [1,}", "nul", "{} {}", "\u{feff}{}", "{\"a\": 01}"] {
        post().raw(text).send().await.problem(400, "invalid").names("", "syntax");
    }
    post().raw([b'"', 0xff, b'"']).send().await.problem(400, "invalid").names("", "syntax");
    post().raw("[".repeat(5000)).send().await.problem(400, "invalid").names("", "syntax");
    post().raw("").send().await.problem(400, "invalid").names("", "syntax");
    for text in ["null", "[]", "\"text\"", "7"] {
        post().raw(text).send().await.problem(422, "invalid").names("", "wrong_type");
    }
    post()
        .raw("{\"notes\": \"a\", \"notes\": \"b\"}")
        .send()
        .await
        .problem(422, "invalid")
        .names("/notes", "duplicate_field");
    post()
        .raw(format!("{{\"notes\": \"{}\"}}", "x".repeat(17_000)))
        .send()
        .await
        .problem(413, "body_too_large");
    post().bare("{}").send().await.problem(415, "unsupported_media_type");
    post()
        .bare("{}")
        .header("content-type", "text/plain")
        .send()
        .await
        .problem(415, "unsupported_media_type");
    post()
        .bare("{}")
        .header("content-type", "application/json; charset=utf-8")
        .send()
        .await
        .problem(422, "invalid");
    let cancel = shop.post("/orders/no-such-order/cancel").customer("ann");
    cancel.clone().send().await.problem(404, "not_found");
    cancel.clone().bare("{}").send().await.problem(415, "unsupported_media_type");
    cancel
        .clone()
        .json(json!({"items": []}))
        .send()
        .await
        .problem(422, "invalid")
        .names("/items", "required");
    let units = json!({"items": [{"item_id": "x", "quantity": 1}]});
    cancel.json(units).send().await.problem(422, "invalid").names("/items/0/item_id", "invalid_id");
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
async fn bad_requests_to_the_other_routes() {
    let shop = Shop::open().await;
    let placed = shop.order("ann", &[("TEA", 2)], "sim_approve").await.is(201);
    let (status, shipments) =
        (format!("/orders/{}/status", placed.id()), format!("/orders/{}/shipments", placed.id()));
    let cancel = format!("/orders/{}/cancel", placed.id());
    let refunds = format!("/payments/{}/refunds", placed.body["payment"]["id"].as_str().unwrap());
    let item = &placed.body["items"][0]["id"];
    let long = "x".repeat(501);
    let cases: Vec<(&Method, &str, Value, &str, &str)> = vec![
        (&Method::POST, "/cart/items", json!({"product_id": "TEA"}), "/quantity", "required"),
        (
            &Method::POST,
            "/cart/items",
            json!({"product_id": "TEA", "quantity": 0}),
            "/quantity",
            "out_of_range",
        ),
        (
            &Method::POST,
            "/cart/items",
            json!({"product_id": "TEA", "quantity": 1, "seller_id": "south"}),
            "/seller_id",
            "other_seller",
        ),
        (
            &Method::POST,
            "/cart/items",
            json!({"product_id": "SOCKS", "quantity": 1}),
            "/product_id",
            "unknown_product",
        ),
        (&Method::POST, "/cart/items/bulk", json!({"items": []}), "/items", "required"),
        (
            &Method::POST,
            "/cart/items/bulk",
            json!({"items": [{"product_id": "TEA", "quantity": 1}, {"product_id": "", "quantity": 1}]}),
            "/items/1/product_id",
            "invalid_id",
        ),
        (
            &Method::POST,
            "/cart/items/bulk",
            json!({"items": [{"product_id": "TEA", "quantity": 1}, {"product_id": "CUP", "quantity": 0}]}),
            "/items/1/quantity",
            "out_of_range",
        ),
        (&Method::POST, "/cart/merge", json!({"guest_token": ""}), "/guest_token", "invalid_id"),
        (&Method::POST, "/cart/quote", json!({"address": {}}), "/address/line1", "required"),
        (&Method::PUT, &status, json!({"status": "gone"}), "/status", "unknown_value"),
        (&Method::PUT, &status, json!({}), "/status", "required"),
        (&Method::PUT, &status, json!({"status": "paid", "carrier": "Post"}), "/carrier", "not_applicable"),
        (
            &Method::PUT,
            &status,
            json!({"status": "shipped", "estimated_delivery": "soon"}),
            "/estimated_delivery",
            "invalid_date",
        ),
        (&Method::PUT, &status, json!({"status": "processing", "seller_id": ""}), "/seller_id", "invalid_id"),
        (&Method::PUT, &status, json!({"status": "processing", "reason": long}), "/reason", "too_long"),
        (&Method::POST, &shipments, json!({"items": []}), "/items", "required"),
        (
            &Method::POST,
            &cancel,
            json!({"items": [{"item_id": item, "quantity": 3}]}),
            "/items/0/quantity",
            "out_of_range",
        ),
        (&Method::POST, &cancel, json!({"reason": long}), "/reason", "too_long"),
        (
            &Method::POST,
            &refunds,
            json!({"amount": {"amount": "0", "currency": "EUR"}}),
            "/amount",
            "out_of_range",
        ),
        (
            &Method::POST,
            &refunds,
            json!({"amount": {"amount": "-1", "currency": "EUR"}}),
            "/amount",
            "out_of_range",
        ),
        (
            &Method::POST,
            &refunds,
            json!({"amount": {"amount": "x", "currency": "EUR"}}),
            "/amount/amount",
            "not_a_number",
        ),
        (&Method::PUT, "/inventory/stock/TEA", json!({"on_hand": -1}), "/on_hand", "out_of_range"),
        (
            &Method::PUT,
            "/inventory/stock/TEA",
            json!({"on_hand": 1, "location": ""}),
            "/location",
            "invalid_id",
        ),
        (
            &Method::POST,
            "/inventory/stock/TEA/adjust",
            json!({"by": 0, "reason": "x"}),
            "/by",
            "out_of_range",
        ),
        (
            &Method::POST,
            "/inventory/stock/TEA/adjust",
            json!({"by": i64::MIN, "reason": "x"}),
            "/by",
            "out_of_range",
        ),
        (&Method::POST, "/inventory/stock/TEA/adjust", json!({"by": 1, "reason": ""}), "/reason", "required"),
        (
            &Method::POST,
            "/inventory/stock/TEA/adjust",
            json!({"by": 1, "reason": long}),
            "/reason",
            "too_long",
        ),
        (&Method::POST, "/inventory/stock/TEA/receive", json!({"units": 0}), "/units", "out_of_range"),
        (&Method::POST, "/inventory/stock/TEA/receive", json!({"units": -1}), "/units", "out_of_range"),
        (
            &Method::POST,
            "/inventory/stock/TEA/receive",
            json!({"units": 1, "reason": long}),
            "/reason",
            "too_long",
        ),
        (&Method::PUT, "/inventory/stock/TEA/threshold", json!({}), "/low_at", "required"),
        (&Method::PUT, "/inventory/stock/TEA/threshold", json!({"low_at": -1}), "/low_at", "out_of_range"),
        (&Method::PUT, "/inventory/stock/TEA/threshold", json!({"low_at": "1"}), "/low_at", "wrong_type"),
        (
            &Method::PUT,
            "/inventory/stock/TEA/threshold",
            json!({"low_at": null, "location": "a\nb"}),
            "/location",
            "invalid_id",
        ),
        (&Method::POST, "/inventory/check", json!({"items": []}), "/items", "out_of_range"),
        (
            &Method::POST,
            "/inventory/reservations",
            json!({"items": [{"product_id": "TEA", "quantity": 0}]}),
            "/items/0/quantity",
            "out_of_range",
        ),
        (
            &Method::POST,
            "/inventory/reservations",
            json!({"items": [{"product_id": "TEA", "quantity": 1}], "lifetime_seconds": 0}),
            "/lifetime_seconds",
            "out_of_range",
        ),
    ];
    for (method, path, body, pointer, code) in cases {
        let call = shop.call(method.clone(), path).json(body);
        let call = if path.starts_with("/inventory") { call.service() } else { call.admin() };
        call.send().await.problem(422, "invalid").names(pointer, code);
    }
    // Another currency than the payment's.
    let dollars = json!({"amount": {"amount": "1.00", "currency": "USD"}});
    shop.post(&refunds).admin().json(dollars).send().await.is(422);
}
