//! A small shop on the memory store, and a client that checks every answer against the OpenAPI document.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request};
use jsonwebtoken::{EncodingKey, Header, encode};
use order_core::Engine;
use order_core::gateway::{PaymentGateway, Product, ProviderBooks};
use order_core::id::{ProductId, ProviderId, SellerId};
use order_core::memory::{
    MemoryCatalogue, MemoryStore, SimulatedDelivery, SimulatedGateway, SimulatedWebhooks,
};
use order_core::money::{Currency, Money};
use order_core::time::ManualClock;
use order_http::{Api, JwtAuthenticator, ServiceKeys, openapi_json, router};
use serde_json::{Value, json};
use tower::ServiceExt as _;

pub(crate) const SECRET: &str = "a secret for tests, of 32 bytes or more";
/// What the simulated provider's webhooks are signed with.
pub(crate) const WEBHOOK_SECRET: &str = "sim_secret";
pub(crate) const SERVICE_KEY: &str = "the warehouse's long random key";

#[derive(Debug, Clone)]
pub(crate) struct Shop {
    pub(crate) app: Router,
    pub(crate) engine: Engine,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) gateway: Arc<SimulatedGateway>,
    pub(crate) document: Arc<Value>,
}

pub(crate) fn simulated() -> ProviderId {
    ProviderId::new("simulated").unwrap()
}

pub(crate) fn webhooks() -> SimulatedWebhooks {
    SimulatedWebhooks::new(simulated(), [WEBHOOK_SECRET]).unwrap()
}

fn engine(
    clock: &Arc<ManualClock>,
    gateway: Arc<dyn PaymentGateway>,
    books: Option<Arc<dyn ProviderBooks>>,
) -> Engine {
    let product = |id: &str, seller: &str, minor| {
        let (id, name) = (ProductId::new(id).unwrap(), id.to_lowercase());
        Product::new(id, name, SellerId::new(seller).unwrap(), Money::from_minor(minor, Currency::EUR))
    };
    let products =
        [product("TEA", "north", 1230), product("CUP", "south", 700), product("RARE", "north", 5000)];
    let catalogue: MemoryCatalogue = products.into_iter().collect();
    let builder = Engine::builder(Arc::new(MemoryStore::default()))
        .catalogue(Arc::new(catalogue))
        .payment_gateway(simulated(), gateway)
        .notice_reader(simulated(), Arc::new(webhooks()))
        .clock(clock.clone());
    let builder = match books {
        Some(books) => builder.provider_books(simulated(), books),
        None => builder,
    };
    builder.build().unwrap()
}

fn api(engine: &Engine, clock: &Arc<ManualClock>, wait: Duration) -> Api {
    let tokens = JwtAuthenticator::hs256(SECRET)
        .unwrap()
        .or_secret("an older secret")
        .unwrap()
        .issuer("tests")
        .audience("orders")
        .clock(clock.clone());
    let keys = ServiceKeys::new().with_digest("warehouse", &ServiceKeys::digest(SERVICE_KEY)).unwrap();
    Api::builder(engine.clone())
        .auth(tokens)
        .auth(keys)
        .default_provider(ProviderId::new("simulated").unwrap())
        .body_limit(16 * 1024)
        .idempotency_wait(wait)
        .build()
        .unwrap()
}

impl Shop {
    /// A shop with 100 of everything, and one rarity.
    pub(crate) async fn open() -> Self {
        let gateway = Arc::new(SimulatedGateway::with_webhooks(webhooks()));
        let wait = Duration::from_secs(10);
        let shop = Self::built(gateway.clone(), Some(gateway.clone()), wait).await;
        Self { gateway, ..shop }
    }

    /// The same, with another payment provider, and in which requests wait so long for each other.
    pub(crate) async fn with_gateway(gateway: Arc<dyn PaymentGateway>, wait: Duration) -> Self {
        Self::built(gateway, None, wait).await
    }

    async fn built(
        gateway: Arc<dyn PaymentGateway>,
        books: Option<Arc<dyn ProviderBooks>>,
        wait: Duration,
    ) -> Self {
        let clock = Arc::new(ManualClock::default());
        let engine = engine(&clock, gateway, books);
        let api = api(&engine, &clock, wait);
        let document = Arc::new(serde_json::from_str(&openapi_json(&api)).unwrap());
        let gateway = Arc::default();
        let shop = Self { app: router(api), engine, clock, gateway, document };
        for (sku, units) in [("TEA", 100), ("CUP", 100), ("RARE", 1)] {
            let set = shop.put(&format!("/inventory/stock/{sku}")).service();
            set.json(json!({"on_hand": units})).send().await.is(200);
        }
        shop
    }

    /// Another door to the same shop, where requests wait so long for each other.
    pub(crate) fn with_wait(&self, wait: Duration) -> Self {
        Self { app: router(api(&self.engine, &self.clock, wait)), ..self.clone() }
    }

    pub(crate) fn get(&self, path: &str) -> Call<'_> {
        self.call(Method::GET, path)
    }
    pub(crate) fn post(&self, path: &str) -> Call<'_> {
        self.call(Method::POST, path)
    }
    pub(crate) fn put(&self, path: &str) -> Call<'_> {
        self.call(Method::PUT, path)
    }
    pub(crate) fn delete(&self, path: &str) -> Call<'_> {
        self.call(Method::DELETE, path)
    }

    /// A request below the prefix.
    pub(crate) fn call(&self, method: Method, path: &str) -> Call<'_> {
        Call { shop: self, method, path: format!("/api/v1{path}"), headers: Vec::new(), body: Vec::new() }
    }

    /// A webhook of the simulated provider arrives.
    pub(crate) async fn deliver(&self, delivery: &SimulatedDelivery) -> Answer {
        let mut call = self.post("/webhooks/simulated");
        for (name, value) in &delivery.headers {
            call = call.header(name, value.clone());
        }
        call.bare(delivery.body.clone()).send().await
    }

    /// Places an order of `items`, each a product and how many.
    pub(crate) async fn order(&self, customer: &str, items: &[(&str, u32)], token: &str) -> Answer {
        let items: Vec<Value> =
            items.iter().map(|(id, units)| json!({"product_id": id, "quantity": units})).collect();
        let body = json!({"items": items, "shipping_address": address(), "payment": {"method": "card", "token": token}});
        self.post("/orders").customer(customer).json(body).send().await
    }

    /// The status, as the staff sets it.
    pub(crate) async fn set_status(&self, order: &Value, status: &str) -> Answer {
        let path = format!("/orders/{}/status", order["id"].as_str().unwrap());
        self.put(&path).admin().json(json!({"status": status})).send().await
    }
}

pub(crate) fn address() -> Value {
    json!({"line1": "12 Harbour Street", "city": "Cork", "postal_code": "T12 X70A", "country": "IE"})
}

/// A token of a user, with more claims.
#[expect(clippy::needless_pass_by_value, reason = "callers write it as a literal")]
pub(crate) fn token(user: &str, more: Value) -> String {
    let mut claims =
        json!({"sub": user, "exp": 1_767_225_600 + 10 * 86_400, "iss": "tests", "aud": ["orders", "more"]});
    for (name, value) in more.as_object().unwrap() {
        claims[name] = value.clone();
    }
    encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

#[derive(Debug, Clone)]
pub(crate) struct Call<'a> {
    shop: &'a Shop,
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Call<'_> {
    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }
    pub(crate) fn customer(self, user: &str) -> Self {
        self.bearer(&token(user, json!({})))
    }
    pub(crate) fn admin(self) -> Self {
        self.bearer(&token("boss", json!({"roles": ["admin"]})))
    }
    pub(crate) fn seller(self, seller: &str) -> Self {
        self.bearer(&token("clerk", json!({"roles": ["seller"], "seller_id": seller})))
    }
    pub(crate) fn service(self) -> Self {
        self.header("x-service-key", SERVICE_KEY)
    }
    pub(crate) fn guest(self, guest: &str) -> Self {
        self.header("x-guest-token", guest)
    }
    pub(crate) fn key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }
    #[expect(clippy::needless_pass_by_value, reason = "callers write it as a literal")]
    pub(crate) fn json(self, body: Value) -> Self {
        self.raw(body.to_string())
    }
    pub(crate) fn raw(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("content-type", "application/json")
    }
    /// A body without its type.
    pub(crate) fn bare(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }
    /// Outside of the prefix.
    pub(crate) fn outside(mut self) -> Self {
        self.path = self.path.split_off("/api/v1".len());
        self
    }

    pub(crate) async fn send(self) -> Answer {
        let mut request = Request::builder().method(self.method.clone()).uri(&self.path);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request.body(Body::from(self.body)).unwrap();
        let response = self.shop.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        let is_json =
            parts.headers.get("content-type").is_some_and(|kind| kind.to_str().unwrap().contains("json"));
        let body = if is_json { serde_json::from_slice(&bytes).unwrap() } else { Value::Null };
        let answer = Answer {
            call: format!("{} {}", self.method, self.path),
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
        };
        let path = self.path.split('?').next().unwrap().to_owned();
        answer.check(&self.shop.document, &self.method, &path);
        answer
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) call: String,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// Asserts a status.
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}: {:#}", self.call, self.body);
        self
    }

    /// Asserts a problem.
    #[track_caller]
    pub(crate) fn problem(self, status: u16, code: &str) -> Self {
        let answer = self.is(status);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{}", answer.call);
        assert_eq!(answer.body["code"], code, "{}: {:#}", answer.call, answer.body);
        assert_eq!(answer.body["status"], status, "{}", answer.call);
        let path = answer.call.split(' ').nth(1).unwrap().split('?').next().unwrap();
        assert_eq!(answer.body["instance"], path);
        answer
    }

    /// Asserts that a problem names a field.
    #[track_caller]
    pub(crate) fn names(self, pointer: &str, code: &str) -> Self {
        let errors = self.body["errors"].as_array().cloned().unwrap_or_default();
        let is_named = errors.iter().any(|error| error["pointer"] == pointer && error["code"] == code);
        assert!(is_named, "{}: no {code} at {pointer:?} in {errors:#?}", self.call);
        self
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn id(&self) -> String {
        self.body["id"].as_str().unwrap().to_owned()
    }

    /// Checks the answer against the document.
    #[track_caller]
    fn check(&self, document: &Value, method: &Method, path: &str) {
        let Some(operation) = find_operation(document, method, path) else {
            assert!(self.status >= 400 || path.contains("/docs"), "{}: not in the document", self.call);
            return;
        };
        let responses = &operation["responses"];
        let response = match responses.get(self.status.to_string()) {
            Some(response) => response,
            None if self.status >= 400 => &responses["default"],
            None => panic!("{}: {} is not in the document", self.call, self.status),
        };
        let Some(content) = response["content"].as_object() else { return };
        let (kind, content) = content.iter().next().unwrap();
        assert_eq!(self.header("content-type"), Some(kind.as_str()), "{}", self.call);
        let mut schema = content["schema"].clone();
        schema["components"] = document["components"].clone();
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(&self.body)
            .map(|error| format!("{} at {}", error, error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{} {}: {errors:#?}\n{:#}", self.call, self.status, self.body);
    }
}

/// The operation of a request: paths without parameters come first.
pub(crate) fn find_operation<'a>(document: &'a Value, method: &Method, path: &str) -> Option<&'a Value> {
    let segments: Vec<&str> = path.split('/').collect();
    let matches = |template: &str| {
        let parts: Vec<&str> = template.split('/').collect();
        parts.len() == segments.len()
            && parts.iter().zip(&segments).all(|(part, segment)| part.starts_with('{') || part == segment)
    };
    let mut templates: Vec<(&String, &Value)> =
        document["paths"].as_object().unwrap().iter().filter(|(template, _)| matches(template)).collect();
    templates.sort_by_key(|(template, _)| template.matches('{').count());
    let name = method.as_str().to_lowercase();
    templates.first().and_then(|(_, item)| item.get(&name))
}
