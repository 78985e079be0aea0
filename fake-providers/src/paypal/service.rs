use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use order_core::time::Clock;
use serde_json::{Value, json};

use super::books::{Books, Step};
use super::certificate::Authority;
use super::problem::Problem;
use super::{FakePayPal, SignedNotice, dispute, page, search};
use crate::wire::{Service, WireReply, WireRequest};

/// How long a token is taken: nine hours.
const TOKEN_SECONDS: i64 = 32_400;

/// How long a request id is kept: six hours with orders, 45 days with payments.
const ORDER_KEY_SECONDS: i64 = 6 * 3600;
const PAYMENT_KEY_SECONDS: i64 = 45 * 24 * 3600;

/// PayPal: its books, its tokens, and the request ids that it keeps.
#[derive(Debug)]
pub(super) struct PayPal {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) books: Books,
    /// Each with its end.
    pub(super) tokens: HashMap<String, i64>,
    given: u64,
    /// By path and request id.
    keys: HashMap<(String, String), Kept>,
    in_progress: HashSet<(String, String)>,
    pub(super) search_delay_seconds: i64,
    pub(super) forbids_disputes: bool,
    pub(super) other_certificate: Option<String>,
}

/// What a request id stands for.
#[derive(Debug, Clone)]
struct Kept {
    until: i64,
    made: Made,
}

/// What a request has made or changed.
#[derive(Debug, Clone)]
enum Made {
    Order(String),
    Authorization(String),
    Capture(String),
    Refund(String),
    Nothing,
}

impl PayPal {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Mutex::default() }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> i64 {
        self.clock.now().timestamp()
    }

    pub(super) fn set_base(&self, base: &str) {
        base.clone_into(&mut self.state().books.base);
    }

    pub(super) fn reset(&self) {
        let mut state = self.state();
        // Tokens have other names after it: an old one is not taken for a new one.
        *state = State { given: state.given, ..State::default() };
    }
}

impl Service for PayPal {
    fn handle(&self, request: &WireRequest) -> WireReply {
        let now = self.now();
        self.state().answer(request, now, None)
    }

    fn fail(&self, request: &WireRequest, with_effect: bool) -> WireReply {
        let now = self.now();
        self.state().answer(request, now, Some(with_effect))
    }

    fn begin(&self, request: &WireRequest) {
        if let Some(key) = key_of(request) {
            self.state().in_progress.insert(key);
        }
    }

    fn finish(&self, request: &WireRequest) {
        if let Some(key) = key_of(request) {
            self.state().in_progress.remove(&key);
        }
    }

    fn limit(&self, retry_after: Option<Duration>) -> WireReply {
        let reply = Problem::limited().reply();
        match retry_after {
            Some(wait) => reply.with("retry-after", &wait.as_secs().to_string()),
            None => reply,
        }
    }
}

fn key_of(request: &WireRequest) -> Option<(String, String)> {
    let key = request.header("paypal-request-id").filter(|_| request.method == "POST")?;
    Some((request.path.clone(), key.to_owned()))
}

/// Nothing to be read.
fn no_content() -> WireReply {
    WireReply { status: 204, headers: Vec::new(), body: String::new() }
}

impl State {
    /// Answers a request; `crash` makes PayPal fail in it, with the effect or without.
    fn answer(&mut self, request: &WireRequest, now: i64, crash: Option<bool>) -> WireReply {
        match (request.segments().first(), crash) {
            (Some(&"fake"), _) => return self.customer(request, now),
            (_, Some(false)) => return Problem::crashed().reply(),
            _ => {}
        }
        let reply = self.carry_out(request, now).unwrap_or_else(|problem| problem.reply());
        if crash == Some(true) { Problem::crashed().reply() } else { reply }
    }

    fn carry_out(&mut self, request: &WireRequest, now: i64) -> Result<WireReply, Problem> {
        if request.path == "/v1/oauth2/token" {
            return self.grant(request, now);
        }
        let bearer = request.header("authorization").and_then(|header| header.strip_prefix("Bearer "));
        let end = bearer.and_then(|token| self.tokens.get(token));
        if end.is_none_or(|end| *end <= now) {
            return Err(Problem::unauthorised());
        }
        self.books.expire(now);
        self.keys.retain(|_, kept| kept.until > now);
        if request.method == "GET" {
            return self.read(request, now);
        }
        let key = key_of(request);
        if key.as_ref().is_some_and(|key| self.in_progress.contains(key)) {
            return Err(Problem::in_progress());
        }
        if key.as_ref().is_some_and(|(_, id)| id.len() > 108) {
            return Err(Problem::invalid("INVALID_PARAMETER_VALUE", "PayPal-Request-Id"));
        }
        if let Some(kept) = key.as_ref().and_then(|key| self.keys.get(key)) {
            return self.told(&kept.made.clone(), request, true);
        }
        let made = self.write(request, now)?;
        if let Some(key) = key {
            let is_order = request.path.starts_with("/v2/checkout");
            let until = now + if is_order { ORDER_KEY_SECONDS } else { PAYMENT_KEY_SECONDS };
            self.keys.insert(key, Kept { until, made: made.clone() });
        }
        self.told(&made, request, false)
    }

    fn grant(&mut self, request: &WireRequest, now: i64) -> Result<WireReply, Problem> {
        let credentials = format!("{}:{}", FakePayPal::CLIENT_ID, FakePayPal::CLIENT_SECRET);
        let expected = format!("Basic {}", STANDARD.encode(credentials));
        if request.header("authorization") != Some(expected.as_str()) {
            let body =
                json!({ "error": "invalid_client", "error_description": "Client Authentication failed" });
            return Ok(WireReply::json(401, &body));
        }
        let form: HashMap<_, _> = form_urlencoded::parse(request.body.as_bytes()).into_owned().collect();
        if form.get("grant_type").map(String::as_str) != Some("client_credentials") {
            return Err(Problem::invalid("INVALID_PARAMETER_VALUE", "grant_type"));
        }
        self.given = self.given.saturating_add(1);
        let token = format!("A21.fake{:08}", self.given);
        self.tokens.insert(token.clone(), now + TOKEN_SECONDS);
        Ok(WireReply::json(
            200,
            &json!({
                "scope": "https://uri.paypal.com/services/payments/payment",
                "access_token": token,
                "token_type": "Bearer",
                "app_id": "APP-FAKE",
                "expires_in": TOKEN_SECONDS,
                "nonce": "fake",
            }),
        ))
    }

    fn read(&self, request: &WireRequest, now: i64) -> Result<WireReply, Problem> {
        let found = match request.segments().as_slice() {
            ["v2", "checkout", "orders", id] => self.books.order(id)?.json(&self.books.base),
            ["v2", "payments", "authorizations", id] => self.books.authorization(id)?,
            ["v2", "payments", "captures", id] => self.books.capture(id)?,
            ["v2", "payments", "refunds", id] => self.books.refund(id)?,
            ["v1", "customer", "disputes", ..] if self.forbids_disputes => return Err(Problem::forbidden()),
            ["v1", "customer", "disputes"] => dispute::answer(&self.books, request, now)?,
            ["v1", "customer", "disputes", id] => self.books.dispute(id)?,
            ["v1", "reporting", "transactions"] => {
                search::answer(&self.books, request, now, self.search_delay_seconds)?
            }
            _ => return Err(Problem::missing()),
        };
        Ok(WireReply::json(200, &found))
    }

    fn write(&mut self, request: &WireRequest, now: i64) -> Result<Made, Problem> {
        let body = if request.body.is_empty() {
            json!({})
        } else {
            serde_json::from_str(&request.body)
                .map_err(|_| Problem::invalid("MALFORMED_REQUEST_JSON", "body"))?
        };
        let is_json = request.header("content-type").is_some_and(|kind| kind.starts_with("application/json"));
        if !is_json && !request.body.is_empty() {
            return Err(Problem::invalid("INVALID_PARAMETER_VALUE", "Content-Type"));
        }
        let books = &mut self.books;
        Ok(match (request.method.as_str(), request.segments().as_slice()) {
            ("POST", ["v2", "checkout", "orders"]) => Made::Order(books.create(&body, now)?),
            ("POST", ["v2", "checkout", "orders", id, step @ ("capture" | "authorize")]) => {
                let step = if *step == "capture" { Step::Capture } else { Step::Authorize };
                books.pay(id, step, &body, now)?;
                Made::Order((*id).to_owned())
            }
            ("PATCH", ["v2", "checkout", "orders", id]) => {
                books.patch(id, &body, now)?;
                Made::Nothing
            }
            ("POST", ["v2", "payments", "authorizations", id, "capture"]) => {
                Made::Capture(books.capture_authorization(id, &body, now)?)
            }
            ("POST", ["v2", "payments", "authorizations", id, "void"]) => {
                books.void(id, now)?;
                Made::Authorization((*id).to_owned())
            }
            ("POST", ["v2", "payments", "captures", id, "refund"]) => {
                Made::Refund(books.give_back(id, &body, now)?)
            }
            _ => return Err(Problem::missing()),
        })
    }

    /// What is answered to whoever has made something, now or before: what it is like now.
    fn told(&self, made: &Made, request: &WireRequest, is_again: bool) -> Result<WireReply, Problem> {
        let is_whole = request.header("prefer") == Some("return=representation");
        let whole = match made {
            Made::Nothing => return Ok(no_content()),
            Made::Authorization(_) if !is_whole => return Ok(no_content()),
            Made::Order(id) => self.books.order(id)?.json(&self.books.base),
            Made::Authorization(id) => self.books.authorization(id)?,
            Made::Capture(id) => self.books.capture(id)?,
            Made::Refund(id) => self.books.refund(id)?,
        };
        let status = match made {
            Made::Authorization(_) => 200,
            Made::Order(_) if is_again => 200,
            Made::Order(_) | Made::Capture(_) | Made::Refund(_) | Made::Nothing => 201,
        };
        let field = |name: &str| whole.get(name).cloned().unwrap_or_default();
        let minimal = json!({ "id": field("id"), "status": field("status"), "links": field("links") });
        Ok(WireReply::json(status, if is_whole { &whole } else { &minimal }))
    }

    /// What the payer sees and does, and what a test asks for.
    fn customer(&mut self, request: &WireRequest, now: i64) -> WireReply {
        match (request.method.as_str(), request.segments().as_slice()) {
            ("GET", ["fake", "checkoutnow", id]) => match self.books.order(id) {
                Ok(order) => WireReply::html(page::question(order)),
                Err(problem) => problem.reply(),
            },
            ("POST", ["fake", "checkoutnow", id]) => {
                let mut form = form_urlencoded::parse(request.body.as_bytes());
                let approves = form.any(|(name, value)| name == "outcome" && value == "approve");
                if approves {
                    self.books.approve(id, now);
                }
                let order = self.books.order(id).ok();
                let page = order.and_then(|order| {
                    if approves { order.return_url.clone() } else { order.cancel_url.clone() }
                });
                match page {
                    Some(url) => {
                        let mark = if url.contains('?') { '&' } else { '?' };
                        WireReply::see_other(&format!("{url}{mark}token={id}"))
                    }
                    None => WireReply::html(page::done()),
                }
            }
            ("GET", ["fake", "certs", _]) => match Authority::shared() {
                Ok(authority) => WireReply {
                    status: 200,
                    headers: vec![("content-type".to_owned(), "application/x-pem-file".to_owned())],
                    body: self.other_certificate.clone().unwrap_or_else(|| authority.chain_pem().to_owned()),
                },
                Err(_) => Problem::crashed().reply(),
            },
            ("GET", ["fake", "webhooks"]) => {
                let webhook_id = request.query("webhook_id").unwrap_or(FakePayPal::WEBHOOK_ID);
                match self.signed(0, webhook_id, now) {
                    Ok(notices) => {
                        let told = notices.iter().map(|notice| {
                            let headers: serde_json::Map<String, Value> = notice
                                .headers
                                .iter()
                                .map(|(name, value)| (name.clone(), value.as_str().into()))
                                .collect();
                            json!({ "headers": headers, "body": notice.body })
                        });
                        WireReply::json(200, &told.collect())
                    }
                    Err(_) => Problem::crashed().reply(),
                }
            }
            _ => Problem::missing().reply(),
        }
    }

    pub(super) fn signed(
        &self,
        known: usize,
        webhook_id: &str,
        now: i64,
    ) -> std::io::Result<Vec<SignedNotice>> {
        let authority = Authority::shared()?;
        let url = format!("{}/fake/certs/CERT-FAKE", self.books.base);
        let new = self.books.events.iter().skip(known);
        new.map(|event| event.signed(authority, &url, webhook_id, now)).collect()
    }
}
