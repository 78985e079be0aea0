use axum::http::Method;
use serde_json::json;

use crate::shop::{Shop, address};

#[tokio::test]
async fn bad_paths_and_queries() {
    let shop = Shop::open().await;
    for (path, name, code) in [
        ("/orders?limit=0", "/limit", "out_of_range"),
        ("/orders?limit=101", "/limit", "out_of_range"),
        ("/orders?limit=-1", "/limit", "out_of_range"),
        ("/orders?limit=x", "/limit", "out_of_range"),
        ("/orders?limit=", "/limit", "out_of_range"),
        ("/orders?limit=1&limit=2", "/limit", "repeated"),
        ("/orders?skip=10001", "/skip", "out_of_range"),
        ("/orders?skip=1&cursor=00000000000070008000000000000000", "/skip", "conflicting"),
        ("/orders?cursor=x", "/cursor", "invalid_cursor"),
        ("/orders?cursor=00000000-0000-7000-8000-000000000000", "/cursor", "invalid_cursor"),
        ("/orders?sort=price", "/sort", "unknown_value"),
        ("/orders?status=gone", "/status", "unknown_value"),
        ("/orders?status=paid&status=", "/status", "unknown_value"),
        ("/orders?start_date=yesterday", "/start_date", "invalid_date"),
        ("/orders?end_date=2026-02-30", "/end_date", "invalid_date"),
        ("/orders?start_date=9999-99-99T00:00:00Z", "/start_date", "invalid_date"),
        ("/orders?q=", "/q", "out_of_range"),
        ("/orders?user_id=", "/user_id", "invalid_id"),
        ("/orders?seller_id=%00", "/seller_id", "invalid_id"),
        ("/orders?page=2", "/page", "unknown_parameter"),
        ("/orders/user/ann?user_id=bob", "/user_id", "conflicting"),
        ("/orders/nowhere/history?as_of=then", "/as_of", "invalid_time"),
        ("/orders/nowhere/history?since=x", "/since", "unknown_parameter"),
        ("/orders/123456789012345678901234567890123", "/id", "invalid_id"),
        ("/orders/%FF", "/id", "invalid_id"),
        ("/orders/%00", "/id", "invalid_id"),
        ("/orders/user/%0A", "/user_id", "invalid_id"),
    ] {
        shop.get(path).admin().send().await.problem(400, "invalid").names(name, code);
    }
    shop.get("/orders?limit=0&page=2&status=x")
        .admin()
        .send()
        .await
        .problem(400, "invalid")
        .names("/limit", "out_of_range")
        .names("/page", "unknown_parameter")
        .names("/status", "unknown_value");
    for (method, path) in [
        (Method::PUT, "/cart/items/x"),
        (Method::DELETE, "/cart/items/x"),
        (Method::POST, "/payments/x/capture"),
        (Method::POST, "/payments/x/void"),
        (Method::POST, "/payments/x/refunds"),
    ] {
        shop.call(method, path)
            .admin()
            .json(json!({"quantity": 1}))
            .send()
            .await
            .is(400)
            .problem(400, "invalid");
    }
    for path in ["/inventory/reservations/x", "/inventory/reservations/%FF"] {
        shop.get(path).service().send().await.problem(400, "invalid").names("/id", "invalid_id");
    }
    shop.get("/inventory/stock/SOCKS").service().send().await.problem(404, "not_found");
    shop.get("/orders/AAAAA-00000").admin().send().await.problem(404, "not_found");
    let missing = "00000000-0000-7000-8000-000000000000";
    shop.post(&format!("/payments/{missing}/capture")).admin().send().await.problem(404, "not_found");
    shop.delete(&format!("/cart/items/{missing}")).admin().send().await.problem(404, "not_found");
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_too() {
    let shop = Shop::open().await;
    for path in ["/nowhere", "/orders/a/b/c", "/", "", "/cart/", "/docs/nowhere.js"] {
        shop.get(path).admin().send().await.problem(404, "no_route");
    }
    let refused = shop.call(Method::PATCH, "/orders").admin().send().await.problem(405, "method_not_allowed");
    assert!(refused.header("allow").unwrap().contains("POST"));
    shop.delete("/health").outside().send().await.problem(405, "method_not_allowed");
    shop.get("/nowhere").outside().send().await.problem(404, "no_route");
}

#[tokio::test]
async fn requests_have_ids() {
    let shop = Shop::open().await;
    let given = shop.get("/cart").customer("ann").header("x-request-id", "req-7").send().await;
    assert_eq!(given.header("x-request-id"), Some("req-7"));
    for bad in ["", "with blank", &"x".repeat(129)] {
        let made = shop.get("/nowhere").header("x-request-id", bad).send().await;
        assert_eq!(made.header("x-request-id").unwrap().len(), 36);
    }
    let body = json!({"items": [{"product_id": "TEA", "quantity": 1}], "shipping_address": address(), "payment": {"method": "cod"}});
    let order =
        shop.post("/orders").customer("ann").header("x-request-id", "req-8").json(body).send().await.is(201);
    let history = shop.get(&format!("/orders/{}/history", order.id())).customer("ann").send().await.is(200);
    assert_eq!(history.body["items"][0]["correlation"], "req-8");
}
