use axum::http::Method;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use order_core::time::Duration;
use serde_json::{Value, json};

use crate::shop::{Answer, Call, SECRET, Shop, address, token};

/// Who a caller is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Nobody,
    Owner,
    Stranger,
    Seller,
    OtherSeller,
    Admin,
    Service,
}

use Who::{Admin, Nobody, OtherSeller, Owner, Seller, Service, Stranger};

fn by(call: Call<'_>, who: Who) -> Call<'_> {
    match who {
        Nobody => call,
        Owner => call.customer("ann"),
        Stranger => call.customer("bob"),
        Seller => call.seller("north"),
        OtherSeller => call.seller("south"),
        Admin => call.admin(),
        Service => call.service(),
    }
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table of routes")]
async fn who_may_do_what() {
    let shop = Shop::open().await;
    let order = shop.order("ann", &[("TEA", 1)], "sim_approve").await.is(201);
    let (id, payment) = (order.id(), order.body["payment"]["id"].as_str().unwrap());
    let nowhere = "00000000-0000-7000-8000-000000000000";
    let (get, post, put, delete) = (Method::GET, Method::POST, Method::PUT, Method::DELETE);
    // For each route: what the owner, a stranger, its seller, another seller, the staff and a service are told. 1 stands for
    // whatever the request itself deserves: they may.
    let routes: Vec<(&Method, String, [u16; 6])> = vec![
        (&get, "/cart".into(), [1, 1, 403, 403, 1, 403]),
        (&post, "/cart/items".into(), [1, 1, 403, 403, 1, 403]),
        (&post, "/cart/items/bulk".into(), [1, 1, 403, 403, 1, 403]),
        (&post, "/cart/merge".into(), [1, 1, 403, 403, 1, 403]),
        (&post, "/cart/quote".into(), [1, 1, 403, 403, 1, 403]),
        (&post, "/orders".into(), [1, 1, 403, 403, 1, 403]),
        (&get, "/orders".into(), [1, 1, 1, 1, 1, 1]),
        (&get, format!("/orders/{id}"), [1, 404, 1, 404, 1, 1]),
        (&get, format!("/orders/{id}/tracking"), [1, 404, 1, 404, 1, 1]),
        (&get, format!("/orders/{id}/history"), [1, 404, 403, 403, 1, 1]),
        (&get, format!("/orders/{id}/transitions"), [1, 404, 403, 403, 1, 1]),
        (&get, format!("/orders/{id}/payments"), [1, 404, 403, 403, 1, 1]),
        (&post, format!("/orders/{id}/payments"), [1, 422, 403, 403, 1, 1]),
        (&get, format!("/orders/{id}/findings"), [403, 403, 403, 403, 1, 403]),
        (&post, format!("/orders/{id}/findings/resolve"), [403, 403, 403, 403, 1, 403]),
        (&get, "/orders/user/ann".into(), [1, 403, 403, 403, 1, 1]),
        (&get, "/admin/orders".into(), [403, 403, 403, 403, 1, 403]),
        (
            &get,
            "/admin/reconciliation?provider=simulated&from=2026-01-01".into(),
            [403, 403, 403, 403, 1, 403],
        ),
        (&post, "/admin/reconciliation/repair".into(), [403, 403, 403, 403, 1, 403]),
        (&put, format!("/orders/{id}/status"), [403, 403, 1, 422, 1, 1]),
        (&post, format!("/orders/{id}/shipments"), [403, 403, 1, 404, 1, 1]),
        (&post, format!("/payments/{payment}/capture"), [403, 403, 403, 403, 1, 403]),
        (&post, format!("/payments/{payment}/void"), [403, 403, 403, 403, 1, 403]),
        (&post, format!("/payments/{nowhere}/refunds"), [403, 403, 403, 403, 1, 403]),
        (&get, "/inventory/stock/TEA".into(), [403, 403, 403, 403, 1, 1]),
        (&put, "/inventory/stock/TEA".into(), [403, 403, 403, 403, 1, 1]),
        (&post, "/inventory/stock/TEA/adjust".into(), [403, 403, 403, 403, 1, 1]),
        (&post, "/inventory/stock/TEA/receive".into(), [403, 403, 403, 403, 1, 1]),
        (&put, "/inventory/stock/TEA/threshold".into(), [403, 403, 403, 403, 1, 1]),
        (&get, "/inventory/stock/TEA/records".into(), [403, 403, 403, 403, 1, 1]),
        (&post, "/inventory/check".into(), [403, 403, 403, 403, 403, 1]),
        (&post, "/inventory/reservations".into(), [403, 403, 403, 403, 403, 1]),
        (&get, format!("/inventory/reservations/{nowhere}"), [403, 403, 403, 403, 403, 1]),
        (&post, format!("/inventory/reservations/{nowhere}/confirm"), [403, 403, 403, 403, 403, 1]),
        (&post, format!("/inventory/reservations/{nowhere}/release"), [403, 403, 403, 403, 403, 1]),
        (&post, format!("/orders/{id}/cancel"), [1, 404, 403, 403, 1, 1]),
        (&delete, format!("/orders/{id}"), [1, 404, 403, 403, 1, 1]),
    ];
    for (method, path, expected) in &routes {
        let send = async |who| -> Answer {
            let mut call = shop.call((*method).clone(), path);
            let takes_any =
                path.ends_with("/cancel") || path.ends_with("/capture") || path.ends_with("/void");
            if **method != Method::GET && !takes_any && **method != Method::DELETE {
                call = call.json(json!({}));
            }
            by(call, who).send().await
        };
        let unknown = send(Nobody).await.problem(401, "unauthenticated");
        assert_eq!(unknown.header("www-authenticate"), Some("Bearer"));
        for (who, status) in [Stranger, OtherSeller, Seller, Service, Owner, Admin].map(|who| {
            let place = [Owner, Stranger, Seller, OtherSeller, Admin, Service]
                .iter()
                .position(|one| *one == who)
                .unwrap();
            (who, expected[place])
        }) {
            let answer = send(who).await;
            if status == 1 {
                assert!(
                    ![401, 403].contains(&answer.status) && answer.status < 500,
                    "{who:?} {}: {:#}",
                    answer.call,
                    answer.body
                );
            } else {
                assert_eq!(answer.status, status, "{who:?} {}: {:#}", answer.call, answer.body);
            }
        }
    }
}

#[tokio::test]
async fn tokens_are_checked() {
    let shop = Shop::open().await;
    let get = async |token: &str| shop.get("/cart").bearer(token).send().await;
    let good = token("ann", json!({}));
    get(&good).await.is(200);
    let refused = get("nonsense").await.problem(401, "invalid_credentials");
    assert_eq!(refused.header("www-authenticate"), Some("Bearer error=\"invalid_token\""));
    let claims = |changes: Value| token("ann", changes);
    for bad in [
        claims(json!({"exp": 1_767_225_600 - 31})),
        claims(json!({"exp": "soon"})),
        claims(json!({"exp": null})),
        claims(json!({"nbf": 1_767_225_600 + 31})),
        claims(json!({"iss": "elsewhere"})),
        claims(json!({"iss": null})),
        claims(json!({"aud": "others"})),
        claims(json!({"aud": null})),
        claims(json!({"sub": ""})),
        claims(json!({"sub": "x".repeat(129)})),
        claims(json!({"seller_id": ""})),
        good[..good.len() - 2].to_owned(),
        format!("{good}."),
        good.replacen('.', "", 1),
        String::new(),
    ] {
        get(&bad).await.problem(401, "invalid_credentials");
    }
    for good in [
        claims(json!({"exp": 1_767_225_600 - 29})),
        claims(json!({"nbf": 1_767_225_600 + 30})),
        claims(json!({"aud": "orders", "exp": 1_767_225_700.5})),
        claims(json!({"roles": ["customer", "wizard"]})),
    ] {
        get(&good).await.is(200);
    }
    get(&claims(json!({"roles": ["wizard"]}))).await.problem(403, "forbidden");
    get(&claims(json!({"roles": []}))).await.problem(403, "forbidden");
    shop.get("/cart").header("authorization", "Basic YTpi").send().await.problem(401, "invalid_credentials");
    shop.get("/cart").header("authorization", "Bearer").send().await.problem(401, "invalid_credentials");
    shop.get("/orders").header("x-service-key", "guess").send().await.problem(401, "invalid_credentials");

    let claims = json!({"sub": "ann", "exp": 1_767_230_000, "iss": "tests", "aud": "orders"});
    let with = |algorithm, secret: &str| {
        encode(&Header::new(algorithm), &claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
    };
    get(&with(Algorithm::HS256, "an older secret")).await.is(200);
    get(&with(Algorithm::HS256, "another secret")).await.problem(401, "invalid_credentials");
    get(&with(Algorithm::HS384, SECRET)).await.problem(401, "invalid_credentials");
    // {"alg":"none"}
    let (_, rest) = good.split_once('.').unwrap();
    let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", rest.split_once('.').unwrap().0);
    get(&unsigned).await.problem(401, "invalid_credentials");
    shop.clock.advance(Duration::days(11));
    get(&good).await.problem(401, "invalid_credentials");
}

#[tokio::test]
async fn carts_and_orders_belong_to_somebody() {
    let shop = Shop::open().await;
    let item = json!({"product_id": "TEA", "quantity": 1});
    let add = || shop.post("/cart/items").json(item.clone());
    let cart = add().customer("ann").send().await.is(200);
    let line = format!("/cart/items/{}", cart.body["items"][0]["id"].as_str().unwrap());
    shop.delete(&line).customer("bob").send().await.problem(404, "not_found");
    add().guest("g-1").send().await.is(200);
    assert!(shop.get("/cart").guest("g-2").send().await.is(200).body["items"].as_array().unwrap().is_empty());
    shop.get("/cart").guest("").send().await.problem(400, "invalid").names("/X-Guest-Token", "invalid_id");
    // Whoever is known is no guest.
    assert_eq!(shop.get("/cart").customer("ann").guest("g-1").send().await.body["id"], cart.body["id"]);
    shop.get("/orders").guest("g-1").send().await.problem(401, "unauthenticated");

    // The staff buys like everybody else.
    let body = json!({"items": [item], "shipping_address": address(), "payment": {"method": "card", "token": "sim_approve"}});
    let bought = shop.post("/orders").admin().json(body).send().await.is(201);
    assert_eq!(bought.body["user_id"], "boss");
    shop.get("/orders?user_id=ann").customer("bob").send().await.problem(403, "forbidden");
    shop.get("/orders?seller_id=south").seller("north").send().await.problem(403, "forbidden");

    // Who sells and buys sees both.
    let both = token("clerk", json!({"roles": ["customer", "seller"], "seller_id": "north"}));
    let own = json!({"items": [{"product_id": "CUP", "quantity": 1}], "shipping_address": address(), "payment": {"method": "cod"}});
    let own = shop.post("/orders").bearer(&both).json(own).send().await.is(201);
    assert!(
        shop.get(&format!("/orders/{}", own.id())).bearer(&both).send().await.is(200).body["payment"]
            .is_object()
    );
    assert!(
        shop.get(&format!("/orders/{}", bought.id()))
            .bearer(&both)
            .send()
            .await
            .is(200)
            .body
            .get("payment")
            .is_none()
    );
    let list =
        async |path: &str| shop.get(path).bearer(&both).send().await.is(200).body["items"][0]["id"].clone();
    assert_eq!(list("/orders").await, own.id());
    assert_eq!(list("/orders?seller_id=north").await, bought.id());

    let status = |status: &str, seller: &str| {
        let path = format!("/orders/{}/status", bought.id());
        shop.put(&path).seller("north").json(json!({"status": status, "seller_id": seller}))
    };
    status("processing", "south").send().await.problem(403, "forbidden");
    status("processing", "north").send().await.is(200);
    for forbidden in ["paid", "refunded", "cancelled"] {
        let path = format!("/orders/{}/status", bought.id());
        shop.put(&path)
            .seller("north")
            .json(json!({"status": forbidden}))
            .send()
            .await
            .problem(403, "forbidden");
    }
}
