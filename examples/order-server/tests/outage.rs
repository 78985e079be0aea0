//! The database goes away and comes back: what the server answers meanwhile, and that it needs nobody to go on.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test")]

mod postgres_process;

use std::ffi::OsString;
use std::time::{Duration, Instant};

use order_server::config::DEVELOPMENT_SERVICE_KEY;
use order_server::token::{Bearer, Signer};
use order_server::{Config, Server};
use postgres_process::Postgres;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// How long the database may take before it counts as lost.
const TIMEOUT: u64 = 1;
/// The longest that anything may take meanwhile, on a machine that has other things to do as well.
const LONGEST: Duration = Duration::from_secs(10);
/// How long the server may take until it works again.
const PATIENCE: Duration = Duration::from_secs(20);

struct Shop {
    server: Server,
    config: Config,
    http: reqwest::Client,
    /// Where the provider's books are, as long as the shop is open.
    _books: tempfile::TempDir,
}

impl Shop {
    async fn open(postgres: &Postgres) -> Self {
        let books = tempfile::tempdir().unwrap();
        let find = |name: &str| match name {
            "DATABASE_URL" => Some(postgres.url().into()),
            "DATABASE_TIMEOUT_SECONDS" => Some(TIMEOUT.to_string().into()),
            "SIMULATED_BOOKS" => Some(books.path().join("books.db").into_os_string()),
            "PASS_SECONDS" => Some(OsString::from("1")),
            _ => None,
        };
        let config = Config::read(None, &find).unwrap().on_free_port();
        let server = Server::start(&config).await.unwrap();
        Self { server, config, http: reqwest::Client::new(), _books: books }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("http://{}{path}", self.server.address()))
    }

    fn as_role(&self, role: &str, method: Method, path: &str) -> RequestBuilder {
        let now = self.server.engine().clock().now();
        let bearer = Bearer { id: "ann", roles: &[role], seller_id: None };
        let token =
            Signer::new(&self.config).sign(bearer, now, order_core::time::Duration::hours(1)).unwrap();
        self.request(method, &format!("/api/v1{path}")).bearer_auth(token)
    }

    fn place(&self, key: &str) -> RequestBuilder {
        let body = json!({
            "items": [{ "product_id": "TEA-GREEN", "quantity": 2 }],
            "shipping_address": { "line1": "1 Main St", "city": "Cork", "postal_code": "T12", "country": "IE" },
            "payment": { "method": "card", "token": "sim_approve" },
        });
        self.as_role("customer", Method::POST, "/orders").header("Idempotency-Key", key).json(&body)
    }

    /// A good request of every kind: each reads or writes what is in the database.
    fn every_kind(&self, order: &Value) -> Vec<RequestBuilder> {
        let (id, payment) = (order["id"].as_str().unwrap(), order["payment"]["id"].as_str().unwrap());
        let customer = |method, path: &str| self.as_role("customer", method, path);
        let admin = |method, path: &str| self.as_role("admin", method, path);
        let get = |path: &str| customer(Method::GET, path);
        let post = |path: &str, body: Value| customer(Method::POST, path).json(&body);
        let account = json!({ "email": "ann@example.org", "password": "correct horse" });
        let item = json!({ "product_id": "TEA-GREEN", "quantity": 1 });
        let service = self.request(Method::POST, "/api/v1/inventory/check");
        vec![
            get("/cart"),
            post("/cart/items", item.clone()),
            post("/cart/quote", json!({})),
            customer(Method::DELETE, "/cart"),
            self.place("while it is away"),
            get("/orders"),
            get(&format!("/orders/{id}")),
            get(&format!("/orders/{id}/history")),
            get(&format!("/orders/{id}/tracking")),
            get(&format!("/orders/{id}/payments")),
            post(&format!("/orders/{id}/cancel"), json!({})),
            admin(Method::PUT, &format!("/orders/{id}/status")).json(&json!({ "status": "processing" })),
            admin(Method::POST, &format!("/payments/{payment}/refunds")).json(&json!({})),
            admin(Method::GET, "/inventory/stock/TEA-GREEN"),
            admin(Method::POST, "/inventory/stock/TEA-GREEN/adjust")
                .json(&json!({ "by": 1, "reason": "found" })),
            service.header("X-Service-Key", DEVELOPMENT_SERVICE_KEY).json(&json!({ "items": [item] })),
            self.request(Method::GET, "/products"),
            self.request(Method::POST, "/auth/register").json(&account),
            self.request(Method::POST, "/auth/login").json(&account),
            self.request(Method::GET, "/ready"),
        ]
    }

    /// Every kind of request is refused for now, and soon; but the process is well.
    async fn is_away(&self, order: &Value) {
        let mut requests = JoinSet::new();
        for request in self.every_kind(order) {
            requests.spawn(async move {
                let begun = Instant::now();
                let response = request.send().await.unwrap();
                (response, begun.elapsed())
            });
        }
        let mut refused = 0;
        while let Some(answered) = requests.join_next().await {
            let (response, took) = answered.unwrap();
            let path = response.url().path().to_owned();
            assert!(took < LONGEST, "{path} took {took:?}");
            assert_eq!(response.status(), 503, "{path}");
            let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
            assert_eq!(
                (header("retry-after"), header("content-type")),
                ("1".into(), "application/problem+json".into())
            );
            let problem: Value = response.json().await.unwrap();
            let expected = match &*path {
                "/auth/register" | "/auth/login" => ["users_unavailable"; 2],
                // Its commit may have been on its way.
                _ => ["store_unavailable", "outcome_unknown"],
            };
            assert!(expected.iter().any(|code| problem["code"] == *code), "{path}: {problem}");
            refused += 1;
        }
        assert_eq!(refused, self.every_kind(order).len());
        assert_eq!(self.request(Method::GET, "/health").send().await.unwrap().status(), 200);
    }

    /// It works again by itself.
    async fn is_back(&self) {
        let begun = Instant::now();
        while self.request(Method::GET, "/ready").send().await.unwrap().status() != 200 {
            assert!(begun.elapsed() < PATIENCE, "the server does not recover");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

async fn order(request: RequestBuilder) -> Value {
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 201);
    response.json().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_database_is_away_every_route_says_so() {
    let mut postgres = Postgres::start(&[]).await;
    let shop = Shop::open(&postgres).await;
    let first = order(shop.place("before")).await;
    postgres.kill();
    shop.is_away(&first).await;
    postgres.run().await;
    shop.is_back().await;
    // A hanging database is not refused connections; it is waited for, and not for long.
    postgres.freeze();
    shop.is_away(&first).await;
    postgres.thaw();
    shop.is_back().await;
    // What was answered is there, and what was refused can be repeated.
    assert_eq!(order(shop.place("before")).await, first);
    let again = order(shop.place("while it is away")).await;
    assert_eq!(again["status"], "paid");
    assert_eq!(order(shop.place("while it is away")).await, again);
    let listed: Value =
        shop.as_role("customer", Method::GET, "/orders").send().await.unwrap().json().await.unwrap();
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
    shop.server.stop().await;
}
