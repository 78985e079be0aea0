//! What customers do, and a ledger of what they were answered.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use order_core::time::{Clock as _, SystemClock};
use order_server::Config;
use order_server::token::{Bearer, Signer};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::chance::Chance;
use super::providers::Providers;

/// Units of each product at the beginning: never short.
pub(crate) const STOCK: u32 = 900_000;
/// What is ordered.
pub(crate) const PRODUCTS: [&str; 4] = ["TEA-GREEN", "MUG-BLUE", "BOOK-TEA", "CARD-GIFT"];

/// What the simulated provider is told to do; good outcomes more often.
const TOKENS: [&str; 10] = [
    "sim_approve",
    "sim_approve",
    "sim_approve",
    "sim_approve",
    "sim_decline",
    "sim_action",
    "sim_timeout_before",
    "sim_timeout_after",
    "sim_slow",
    "sim_refund_decline",
];

/// The server as its clients see it, wherever it listens at the moment.
#[derive(Debug)]
pub(crate) struct Shop {
    client: reqwest::Client,
    signer: Signer,
    base: RwLock<String>,
    is_open: AtomicBool,
    /// Those that stand beside the server, if its customers pay through them.
    providers: Option<Arc<Providers>>,
}

/// One request to place an order, with everything that makes it repeatable.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    pub(crate) customer: String,
    pub(crate) key: String,
    pub(crate) body: Value,
    /// The order, when it was answered with 2xx.
    pub(crate) order: Option<Value>,
}

/// An order as somebody was told it is.
#[derive(Debug, Clone)]
pub(crate) struct Answered {
    pub(crate) customer: String,
    pub(crate) order: Value,
}

/// What customers asked for, and were answered.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    attempts: Mutex<Vec<Attempt>>,
    unverified: Mutex<Vec<Answered>>,
    all_answered: Mutex<Vec<Answered>>,
    cancelled: AtomicU64,
    refunded: AtomicU64,
    completed: AtomicU64,
    captured: AtomicU64,
    refused_for_now: AtomicU64,
}

impl Shop {
    pub(crate) fn new(config: &Config, base: String) -> Self {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
        let (base, is_open) = (RwLock::new(base), AtomicBool::new(true));
        Self { client, signer: Signer::new(config), base, is_open, providers: None }
    }

    /// The same, whose customers pay through providers beside the server.
    pub(crate) fn paid_through(self, providers: &Arc<Providers>) -> Self {
        Self { providers: Some(providers.clone()), ..self }
    }

    /// Where the interface is at the moment.
    pub(crate) fn api(&self) -> String {
        format!("{}/api/v1", self.base.read().unwrap())
    }

    pub(crate) fn close(&self) {
        self.is_open.store(false, Ordering::SeqCst);
    }

    pub(crate) fn reopen(&self, base: String) {
        *self.base.write().unwrap() = base;
        self.is_open.store(true, Ordering::SeqCst);
    }

    fn token(&self, id: &str, role: &str) -> String {
        let bearer = Bearer { id, roles: &[role], seller_id: None };
        self.signer.sign(bearer, SystemClock.now(), order_core::time::Duration::hours(1)).unwrap()
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.api()))
    }

    /// How somebody pays.
    fn tender(&self, chance: &mut Chance) -> Value {
        if chance.below(8) == 0 {
            return json!({ "method": "cod" });
        }
        match &self.providers {
            Some(providers) => providers.tender(chance),
            None => json!({ "method": "card", "provider": "simulated", "token": chance.pick(&TOKENS) }),
        }
    }

    /// Asks a route beside the interface: `/health`, `/ready`.
    pub(crate) async fn status(&self, path: &str) -> Option<u16> {
        let base = self.base.read().unwrap().clone();
        let response = self.client.get(format!("{base}{path}")).send().await.ok()?;
        Some(response.status().as_u16())
    }

    pub(crate) fn as_customer(&self, id: &str, method: Method, path: &str) -> RequestBuilder {
        self.request(method, path).bearer_auth(self.token(id, "customer"))
    }

    pub(crate) fn as_admin(&self, method: Method, path: &str) -> RequestBuilder {
        self.request(method, path).bearer_auth(self.token("admin", "admin"))
    }

    pub(crate) fn place(&self, attempt: &Attempt) -> RequestBuilder {
        let request = self.as_customer(&attempt.customer, Method::POST, "/orders");
        request.header("Idempotency-Key", &attempt.key).json(&attempt.body)
    }
}

/// The answer to a request: its status and body, or nothing when it was lost. A server that can't work now says so, and when it
/// is worth another try; it never fails in another way.
pub(crate) async fn send(request: RequestBuilder) -> Option<(u16, Value)> {
    let response = request.send().await.ok()?;
    let status = response.status().as_u16();
    let says_when = response.headers().contains_key("retry-after");
    let body = response.json().await.ok()?;
    assert!(status < 500 || status == 503 && says_when, "the server failed: {status} {body}");
    Some((status, body))
}

impl Ledger {
    pub(crate) fn attempts(&self) -> Vec<Attempt> {
        self.attempts.lock().unwrap().clone()
    }

    /// How many orders were placed with an answer.
    pub(crate) fn placed(&self) -> usize {
        self.attempts.lock().unwrap().iter().filter(|attempt| attempt.order.is_some()).count()
    }

    /// Every answer with an order.
    pub(crate) fn answered(&self) -> Vec<Answered> {
        self.all_answered.lock().unwrap().clone()
    }

    /// Those since the last time.
    pub(crate) fn take_unverified(&self) -> Vec<Answered> {
        std::mem::take(&mut *self.unverified.lock().unwrap())
    }

    pub(crate) fn cancelled(&self) -> u64 {
        self.cancelled.load(Ordering::Relaxed)
    }

    pub(crate) fn refunded(&self) -> u64 {
        self.refunded.load(Ordering::Relaxed)
    }

    pub(crate) fn completed(&self) -> u64 {
        self.completed.load(Ordering::Relaxed)
    }

    pub(crate) fn captured(&self) -> u64 {
        self.captured.load(Ordering::Relaxed)
    }

    /// How many orders could not be placed because something did not work.
    pub(crate) fn refused_for_now(&self) -> u64 {
        self.refused_for_now.load(Ordering::Relaxed)
    }

    fn note_answer(&self, customer: &str, order: &Value) {
        let answered = Answered { customer: customer.to_owned(), order: order.clone() };
        self.unverified.lock().unwrap().push(answered.clone());
        self.all_answered.lock().unwrap().push(answered);
    }

    fn note(&self, attempt: Attempt) {
        if let Some(order) = &attempt.order {
            self.note_answer(&attempt.customer, order);
        }
        self.attempts.lock().unwrap().push(attempt);
    }

    /// Counts an answer that is good; what it says of an order must be true from then on.
    fn count(&self, counter: &AtomicU64, customer: &str, answer: Option<(u16, Value)>) {
        let Some((_, body)) = answer.filter(|(status, _)| (200..300).contains(status)) else { return };
        counter.fetch_add(1, Ordering::Relaxed);
        if body["number"].is_string() {
            self.note_answer(customer, &body);
        }
    }
}

/// So many customers at once, until the shop closes.
pub(crate) fn customers(
    shop: &Arc<Shop>,
    ledger: &Arc<Ledger>,
    count: u64,
    chance: &mut Chance,
) -> JoinSet<()> {
    let mut customers = JoinSet::new();
    for number in 0..count {
        let name = format!("customer-{number}");
        customers.spawn(customer(shop.clone(), ledger.clone(), name, Chance::new(chance.next())));
    }
    customers
}

/// Closes a shop, and waits for the customers in it.
pub(crate) async fn leave(shop: &Shop, mut customers: JoinSet<()>) {
    shop.close();
    while let Some(left) = customers.join_next().await {
        left.expect("a customer's program must not fail");
    }
}

/// A customer, and the staff who serve them, until the server is gone.
async fn customer(shop: Arc<Shop>, ledger: Arc<Ledger>, name: String, mut chance: Chance) {
    let mut own: Vec<Value> = Vec::new();
    while shop.is_open.load(Ordering::SeqCst) {
        match chance.below(10) {
            0 => cancel(&shop, &ledger, &name, &own, &mut chance).await,
            1 => refund(&shop, &ledger, &name, &own, &mut chance).await,
            2 if shop.providers.is_some() => capture(&shop, &ledger, &name, &own, &mut chance).await,
            _ => own.extend(check_out(&shop, &ledger, &name, &mut chance).await),
        }
        tokio::time::sleep(Duration::from_millis(chance.below(20))).await;
    }
}

async fn check_out(shop: &Shop, ledger: &Ledger, name: &str, chance: &mut Chance) -> Option<Value> {
    let items: Vec<Value> = (0..=chance.below(2))
        .map(|_| json!({ "product_id": chance.pick(&PRODUCTS), "quantity": 1 + chance.below(3) }))
        .collect();
    let is_cart = chance.below(2) == 0;
    if is_cart {
        for item in &items {
            send(shop.as_customer(name, Method::POST, "/cart/items").json(item)).await?;
        }
    }
    let payment = shop.tender(chance);
    let address = json!({ "line1": "1 Main St", "city": "Cork", "postal_code": "T12", "country": "IE" });
    let mut body = json!({ "shipping_address": address, "payment": payment });
    if !is_cart {
        body["items"] = json!(items);
    }
    let key = format!("order-{:016x}", chance.next());
    let mut attempt = Attempt { customer: name.to_owned(), key, body, order: None };
    let answer = send(shop.place(&attempt)).await;
    match answer {
        Some((201, order)) => attempt.order = Some(order),
        Some((503, _)) => {
            ledger.refused_for_now.fetch_add(1, Ordering::Relaxed);
        }
        Some((status, problem)) if !matches!(status, 409 | 422) => {
            panic!("a good order was refused: {status} {problem}")
        }
        Some(_) | None => {}
    }
    let order = attempt.order.clone();
    ledger.note(attempt);
    let order = order?;
    let is_asked = !order["payment"]["action"].is_null();
    if is_asked && chance.below(4) > 0 {
        complete(shop, ledger, name, &order, chance.below(4) > 0).await;
    }
    Some(order)
}

/// The customer does what the provider asks of them, or refuses to.
async fn complete(shop: &Shop, ledger: &Ledger, name: &str, order: &Value, approve: bool) {
    let id = order["payment"]["id"].as_str().unwrap();
    if let Some(providers) = &shop.providers {
        // The server hears of it from the provider, or asks.
        let done = providers.complete(order["payment"]["provider"].as_str().unwrap(), id, approve);
        ledger.completed.fetch_add(u64::from(done), Ordering::Relaxed);
        return;
    }
    let request = shop.request(Method::POST, &format!("/simulated/payments/{id}/complete"));
    ledger.count(&ledger.completed, name, send(request.json(&json!({ "approve": approve }))).await);
}

/// The staff takes what is set aside, all or a part of it, or gives it up.
async fn capture(shop: &Shop, ledger: &Ledger, name: &str, own: &[Value], chance: &mut Chance) {
    let waiting: Vec<&Value> = own.iter().filter(|order| order["payment_status"] == "authorized").collect();
    let Some(order) = chance.pick(&waiting) else { return };
    let Some(id) = order["payment"]["id"].as_str() else { return };
    let (verb, body) = match chance.below(8) {
        0 => ("void", json!({ "reason": "not needed" })),
        1 => ("capture", json!({ "amount": { "amount": "1.00", "currency": "EUR" } })),
        _ => ("capture", json!({})),
    };
    let key = format!("{verb}-{:016x}", chance.next());
    let request = shop.as_admin(Method::POST, &format!("/payments/{id}/{verb}"));
    ledger.count(&ledger.captured, name, send(request.header("Idempotency-Key", key).json(&body)).await);
}

async fn cancel(shop: &Shop, ledger: &Ledger, name: &str, own: &[Value], chance: &mut Chance) {
    let Some(order) = chance.pick(own) else { return };
    let path = format!("/orders/{}/cancel", order["id"].as_str().unwrap());
    let mut body = json!({ "reason": "changed my mind" });
    if chance.below(2) == 0 {
        body["items"] = json!([{ "item_id": order["items"][0]["id"], "quantity": 1 }]);
    }
    let key = format!("cancel-{:016x}", chance.next());
    let request = shop.as_customer(name, Method::POST, &path).header("Idempotency-Key", key).json(&body);
    ledger.count(&ledger.cancelled, name, send(request).await);
}

async fn refund(shop: &Shop, ledger: &Ledger, name: &str, own: &[Value], chance: &mut Chance) {
    let Some(order) = chance.pick(own) else { return };
    let Some(id) = order["payment"]["id"].as_str() else { return };
    let path = format!("/payments/{id}/refunds");
    let mut body = json!({ "reason": "goodwill" });
    if chance.below(2) == 0 {
        body["amount"] = json!({ "amount": "1.00", "currency": "EUR" });
    }
    let key = format!("refund-{:016x}", chance.next());
    let request = shop.as_admin(Method::POST, &path).header("Idempotency-Key", key).json(&body);
    ledger.count(&ledger.refunded, name, send(request).await);
}
