//! The server's own parts: accounts, the catalogue, the simulated provider and its books.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::ffi::OsString;
use std::path::Path;

use order_core::time::{Clock as _, Duration, SystemClock, Timestamp};
use order_server::token::{Bearer, Signer};
use order_server::{Config, Server};
use reqwest::Method;
use serde_json::{Value, json};

fn config(database: &str, more: &[(&str, &str)]) -> Config {
    let find = |name: &str| {
        let given = more.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        match name {
            "DATABASE_URL" => Some(OsString::from(database)),
            "SIMULATED_SLOW_MILLISECONDS" => Some(OsString::from("10")),
            _ => given.map(OsString::from),
        }
    };
    Config::read(None, &find).unwrap().on_free_port()
}

fn in_file(folder: &Path) -> Config {
    config(&format!("sqlite:{}", folder.join("shop/orders.db").display()), &[])
}

struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

impl Client {
    fn of(server: &Server) -> Self {
        Self { http: reqwest::Client::new(), base: format!("http://{}", server.address()), token: None }
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.send(Method::GET, path, None).await
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.send(Method::POST, path, Some(body)).await
    }

    async fn register(&mut self, email: &str) {
        let (status, user) =
            self.post("/auth/register", json!({ "email": email, "password": "correct horse" })).await;
        assert_eq!(status, 201, "{user}");
        self.token = Some(user["token"].as_str().unwrap().to_owned());
    }

    async fn order(&self, token: &str) -> Value {
        let body = json!({
            "items": [{ "product_id": "TEA-GREEN", "quantity": 2 }],
            "shipping_address": { "line1": "1 Main St", "city": "Cork", "postal_code": "T12", "country": "IE" },
            "payment": { "method": "card", "token": token },
        });
        let (status, order) = self.post("/api/v1/orders", body).await;
        assert_eq!(status, 201, "{order}");
        order
    }
}

#[tokio::test]
async fn accounts_are_made_and_used() {
    let folder = tempfile::tempdir().unwrap();
    for config in [config("memory:", &[]), in_file(folder.path())] {
        let server = Server::start(&config).await.unwrap();
        let mut client = Client::of(&server);
        client.register("Ann@Example.org ").await;
        let (status, cart) = client.get("/api/v1/cart").await;
        assert_eq!((status, &cart["version"]), (200, &json!(0)));
        let log_in = |email: &str, password: &str| json!({ "email": email, "password": password });
        let (status, user) =
            client.post("/api/v1/auth/login", log_in("ann@example.org", "correct horse")).await;
        assert_eq!((status, &user["email"]), (200, &json!("ann@example.org")));
        for (path, body, expected, code) in [
            ("/auth/register", log_in("ann@example.org", "another horse"), 409, "email_taken"),
            ("/auth/register", log_in("bob", "correct horse"), 422, "validation_failed"),
            ("/auth/register", log_in("bob@example.org", "short"), 422, "validation_failed"),
            ("/auth/register", log_in("bob@example.org", &"x".repeat(129)), 422, "validation_failed"),
            ("/auth/register", json!({ "email": "bob@example.org" }), 400, "malformed_body"),
            ("/auth/login", log_in("ann@example.org", "wrong horse"), 401, "invalid_credentials"),
            ("/auth/login", log_in("bob@example.org", "correct horse"), 401, "invalid_credentials"),
        ] {
            let (status, problem) = client.post(path, body).await;
            assert_eq!((status, problem["code"].as_str().unwrap()), (expected, code), "{path}");
        }
        let order = client.order("sim_approve").await;
        assert_eq!(
            (&order["status"], &order["totals"]["total"]["amount"]),
            (&json!("paid"), &json!("24.60"))
        );
        assert_eq!(order["user_id"], user["user_id"]);
        server.stop().await;
    }
    let users = std::fs::read(folder.path().join("shop/users.db")).unwrap();
    let wal = std::fs::read(folder.path().join("shop/users.db-wal")).unwrap_or_default();
    let kept = [users, wal].concat();
    let holds = |needle: &str| kept.windows(needle.len()).any(|window| window == needle.as_bytes());
    assert!(holds("$argon2id$") && !holds("correct horse"));
}

#[tokio::test]
async fn products_are_listed_with_what_is_available() {
    let server =
        Server::start(&config("memory:", &[("DEMO_STOCK", "7"), ("CURRENCY", "JPY")])).await.unwrap();
    let client = Client::of(&server);
    let (status, products) = client.get("/products").await;
    assert_eq!(status, 200);
    let items = products["items"].as_array().unwrap();
    let sellers: std::collections::BTreeSet<_> =
        items.iter().map(|item| item["seller_id"].to_string()).collect();
    assert_eq!((items.len(), sellers.len()), (8, 3));
    assert!(items.iter().all(|item| item["available"] == 7));
    assert_eq!(items[0]["price"], json!({ "amount": "1230", "currency": "JPY" }));
    assert_eq!(client.get("/api/v1/products").await.1, products);
    let (status, problem) = client.get("/nowhere").await;
    assert_eq!((status, &problem["status"]), (404, &json!(404)));
    server.stop().await;
}

#[tokio::test]
async fn stock_is_received_at_the_first_start_only() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&in_file(folder.path())).await.unwrap();
    let mut client = Client::of(&server);
    client.register("ann@example.org").await;
    client.order("sim_approve").await;
    server.stop().await;
    let server = Server::start(&in_file(folder.path())).await.unwrap();
    let (_, products) = Client::of(&server).get("/products").await;
    assert_eq!(products["items"][0]["available"], 998);
    server.stop().await;
}

#[tokio::test]
async fn a_customer_completes_a_payment_at_the_provider() {
    let server = Server::start(&config("memory:", &[])).await.unwrap();
    let mut client = Client::of(&server);
    client.register("ann@example.org").await;
    for (body, expected) in [
        (None, "paid"),
        (Some(json!({ "approve": true })), "paid"),
        (Some(json!({ "approve": false })), "failed"),
    ] {
        let order = client.order("sim_action").await;
        assert_eq!(order["status"], "pending");
        let url = order["payment"]["action"]["url"].as_str().unwrap();
        let (status, done) = client.send(Method::POST, url, body).await;
        assert_eq!((status, &done["payment_status"]), (200, &json!(expected)), "{done}");
        let (_, found) = client.get(&format!("/api/v1/orders/{}", order["id"].as_str().unwrap())).await;
        assert_eq!(found["payment_status"], expected);
        let (status, problem) = client.post(&format!("/api/v1{url}"), json!({})).await;
        assert_eq!((status, &problem["code"]), (409, &json!("not_awaiting_customer")));
    }
    for (path, body, expected) in [
        ("/simulated/payments/nothing/complete", json!({}), 404),
        ("/simulated/payments/00000000-0000-7000-8000-000000000000/complete", json!({}), 404),
        (
            "/simulated/payments/00000000-0000-7000-8000-000000000000/complete",
            json!({ "aprove": false }),
            400,
        ),
    ] {
        assert_eq!(client.post(path, body).await.0, expected, "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn the_providers_books_outlive_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&in_file(folder.path())).await.unwrap();
    let mut client = Client::of(&server);
    client.register("ann@example.org").await;
    let waiting = client.order("sim_action").await;
    assert_eq!(client.order("sim_slow").await["status"], "paid");
    client.order("sim_approve").await;
    let books = server.provider().unwrap().books();
    assert_eq!(books.len(), 2);
    server.stop().await;
    let server = Server::start(&in_file(folder.path())).await.unwrap();
    assert_eq!(server.provider().unwrap().books(), books);
    let client = Client { token: client.token, ..Client::of(&server) };
    let url = waiting["payment"]["action"]["url"].as_str().unwrap();
    assert_eq!(client.post(url, json!({})).await.0, 200);
    assert_eq!(server.provider().unwrap().books().len(), 3);
    server.stop().await;
}

#[tokio::test]
async fn pricing_and_the_prefix_are_configured() {
    let more = [
        ("API_PREFIX", "/shop"),
        ("TAX_BASIS_POINTS", "1000"),
        ("SHIPPING_FEE", "5.00"),
        ("FREE_SHIPPING_FROM", "30.00"),
        ("COUPONS", "TEN=10%,TWO=2.00"),
        ("CORS_ORIGINS", "https://shop.example"),
        ("JWT_ISSUER", "shop"),
    ];
    let server = Server::start(&config("memory:", &more)).await.unwrap();
    let mut client = Client::of(&server);
    client.register("ann@example.org").await;
    let item = json!({ "product_id": "TEA-GREEN", "quantity": 2 });
    assert_eq!(client.post("/shop/cart/items", item).await.0, 200);
    let (status, quote) = client.post("/shop/cart/quote", json!({ "coupons": ["TWO"] })).await;
    assert_eq!((status, &quote["totals"]["total"]["amount"]), (200, &json!("30.36")), "{quote}");
    let request =
        client.http.get(format!("{}/products", client.base)).header("Origin", "https://shop.example");
    let answer = request.send().await.unwrap();
    assert_eq!(answer.headers().get("access-control-allow-origin").unwrap(), "https://shop.example");
    assert!(answer.headers().contains_key("x-request-id"));
    server.stop().await;
}

/// The staff of a server whose reconciliations leave nothing alone, and which repairs nothing by itself after its start.
struct Staff(Client);

impl Staff {
    const SETTINGS: [(&str, &str); 2] = [("RECONCILIATION_GUARD_SECONDS", "0"), ("PASS_SECONDS", "3600")];

    fn of(server: &Server, config: &Config) -> Self {
        let bearer = Bearer { id: "boss", roles: &["admin"], seller_id: None };
        let token = Signer::new(config).sign(bearer, SystemClock.now(), Duration::hours(1)).unwrap();
        Self(Client { token: Some(token), ..Client::of(server) })
    }

    /// What differs in the books of the simulated provider: the kinds, and how many payments were compared.
    async fn compare(&self) -> (Vec<Value>, i64) {
        // Times are whole milliseconds, and the present one does not belong to the window.
        let begun = SystemClock.now();
        while SystemClock.now() == begun {
            tokio::task::yield_now().await;
        }
        let path = "/api/v1/admin/reconciliation?provider=simulated&limit=100&from=";
        let since = (begun - Duration::hours(1)).format("%Y-%m-%dT%H:%M:%SZ");
        let (mut kinds, mut compared, mut cursor) = (Vec::new(), 0, String::new());
        loop {
            let (status, page) = self.0.get(&format!("{path}{since}{cursor}")).await;
            assert_eq!((status, &page["failed"]), (200, &json!([])), "{page}");
            kinds.extend(page["items"].as_array().unwrap().iter().map(|item| item["kind"].clone()));
            compared += page["compared"].as_i64().unwrap();
            let Some(next) = page["next_cursor"].as_str() else { return (kinds, compared) };
            cursor = format!("&cursor={next}");
        }
    }

    /// Repairs what the provider lists, and gives the kinds of what was repaired.
    async fn repair(&self) -> Vec<Value> {
        let since: Timestamp = SystemClock.now() - Duration::hours(1);
        let body = json!({ "provider": "simulated", "from": since, "limit": 100 });
        let (status, page) = self.0.post("/api/v1/admin/reconciliation/repair", body).await;
        assert_eq!((status, &page["items"]), (200, &json!([])), "{page}");
        page["repaired"].as_array().unwrap().iter().map(|item| item["kind"].clone()).collect()
    }
}

#[tokio::test]
async fn what_happens_at_the_simulated_provider_without_us_is_told_and_repaired() {
    let config = config("memory:", &Staff::SETTINGS);
    let server = Server::start(&config).await.unwrap();
    let (mut client, staff) = (Client::of(&server), Staff::of(&server, &config));
    client.register("ann@example.org").await;
    let paid = client.order("sim_approve").await;
    let lost = client.order("sim_timeout_after").await;
    assert_eq!((&paid["status"], &lost["status"]), (&json!("paid"), &json!("pending")));
    assert_eq!(staff.compare().await, (vec![json!("outcome_differs")], 2));
    let path = format!("/simulated/payments/{}/refund", paid["payment"]["id"].as_str().unwrap());
    let euros = |amount: &str| json!({ "amount": { "amount": amount, "currency": "EUR" } });
    let (status, refund) = client.post(&path, euros("4.60")).await;
    assert_eq!((status, &refund["payment_id"]), (200, &paid["payment"]["id"]), "{refund}");
    let mut told = staff.compare().await;
    told.0.sort_by_key(Value::to_string);
    assert_eq!(told, (vec![json!("outcome_differs"), json!("refunded_more")], 2));
    let mut repaired = staff.repair().await;
    repaired.sort_by_key(Value::to_string);
    assert_eq!(repaired, told.0);
    for (order, expected) in [(&paid, "partially_refunded"), (&lost, "paid")] {
        let (_, found) = client.get(&format!("/api/v1/orders/{}", order["id"].as_str().unwrap())).await;
        assert_eq!(found["payment_status"], expected, "{found}");
    }
    assert_eq!(staff.compare().await, (vec![], 2));
    assert_eq!(staff.repair().await, Vec::<Value>::new());
    for (path, body, expected) in [
        (path.as_str(), euros("20.01"), 409),
        (path.as_str(), euros("0.00"), 409),
        (path.as_str(), json!({ "amount": "1.00" }), 400),
        ("/simulated/payments/nothing/refund", euros("1.00"), 404),
        ("/simulated/payments/00000000-0000-7000-8000-000000000000/refund", euros("1.00"), 409),
    ] {
        assert_eq!(client.post(path, body).await.0, expected, "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn older_payments_are_in_the_books_of_a_server_that_was_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("orders.db").display());
    let config = config(&url, &Staff::SETTINGS);
    let server = Server::start(&config).await.unwrap();
    let mut client = Client::of(&server);
    client.register("ann@example.org").await;
    for token in ["sim_approve", "sim_slow", "sim_decline"] {
        client.order(token).await;
    }
    assert_eq!(Staff::of(&server, &config).compare().await, (vec![], 3));
    server.stop().await;
    // Two servers of one provider: what one of them is told, the other one has in its books.
    let (server, other) = (Server::start(&config).await.unwrap(), Server::start(&config).await.unwrap());
    assert_eq!(Staff::of(&server, &config).compare().await, (vec![], 3));
    let client = Client { token: client.token, ..Client::of(&server) };
    client.order("sim_approve").await;
    assert_eq!(Staff::of(&other, &config).compare().await, (vec![], 4));
    for server in [server, other] {
        server.stop().await;
    }
}
