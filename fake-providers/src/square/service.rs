use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use order_core::time::{Clock, Duration, Timestamp};
use serde_json::{Value, json};

use super::body::Body;
use super::books::Books;
use super::dispute::Dispute;
use super::payment::{Payment, Refund};
use super::problem::Problem;
use super::{Account, FakeSquare, SignedEvent};
use crate::wire::{Service, WireReply, WireRequest};

/// The most objects on a page.
const PAGE: usize = 100;

/// Square: its books, and the answers it keeps.
#[derive(Debug)]
pub(super) struct Square {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    books: Books,
    keys: HashMap<String, Kept>,
    keys_last: Duration,
    lists_lag: Duration,
    forbids_disputes: bool,
}

impl Default for State {
    fn default() -> Self {
        Self {
            books: Books::default(),
            keys: HashMap::new(),
            keys_last: Duration::hours(24),
            lists_lag: Duration::zero(),
            forbids_disputes: false,
        }
    }
}

/// What is kept under an idempotency key.
#[derive(Debug, Clone)]
struct Kept {
    /// Method, path and body.
    request: String,
    since: Timestamp,
    /// `None` while it is being carried out.
    reply: Option<WireReply>,
}

impl Square {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn reset(&self) {
        *self.state() = State::default();
    }

    pub(super) fn keep_keys_for(&self, time: Duration) {
        self.state().keys_last = time;
    }

    pub(super) fn lists_lag(&self, time: Duration) {
        self.state().lists_lag = time;
    }

    pub(super) fn take_only(&self, currency: &str) {
        self.state().books.only_currency = Some(currency.to_owned());
    }

    /// The last payment with a name: those before it have failed.
    fn named(books: &Books, payment: &str) -> Option<String> {
        let is_meant = |other: &&Payment| {
            other.id == payment || other.reference_id.as_ref().is_some_and(|name| name == payment)
        };
        books.payments.values().rfind(is_meant).map(|payment| payment.id.clone())
    }

    pub(super) fn complete(&self, payment: &str, approve: bool) -> bool {
        let mut state = self.state();
        let Some(id) = Self::named(&state.books, payment) else { return false };
        state.books.settle_payment(&id, approve, self.clock.now())
    }

    pub(super) fn settle_refund(&self, refund: &str, succeed: bool) -> bool {
        let mut state = self.state();
        let is_meant = |other: &&Refund| other.id == refund || other.key == refund;
        let Some(id) = state.books.refunds.values().find(is_meant).map(|refund| refund.id.clone()) else {
            return false;
        };
        state.books.settle_refund(&id, succeed, self.clock.now())
    }

    pub(super) fn open_dispute(&self, payment: &str, units: i64) -> Option<String> {
        let mut state = self.state();
        let id = Self::named(&state.books, payment)?;
        state.books.open_dispute(&id, units, self.clock.now())
    }

    pub(super) fn close_dispute(&self, dispute: &str, is_won: bool) -> bool {
        self.state().books.close_dispute(dispute, is_won, self.clock.now())
    }

    pub(super) fn forbid_disputes(&self) {
        self.state().forbids_disputes = true;
    }

    pub(super) fn accounts(&self) -> Vec<Account> {
        let mut state = self.state();
        state.books.release_expired(self.clock.now());
        let moved = state.books.payments.values().filter(|payment| payment.approved > 0);
        moved
            .map(|payment| Account {
                payment: payment.id.clone(),
                reference_id: payment.reference_id.clone(),
                note: payment.note.clone(),
                idempotency_key: payment.key.clone(),
                currency: payment.currency.clone(),
                authorised: payment.approved,
                capturable: if payment.is_held() { payment.amount } else { 0 },
                captured: if payment.captured.is_some() { payment.amount } else { 0 },
                refunded: payment.refunded,
            })
            .collect()
    }

    pub(super) fn webhooks(&self, known: usize, key: &str, notification_url: &str) -> Vec<SignedEvent> {
        self.state()
            .books
            .events
            .iter()
            .skip(known)
            .map(|event| event.signed(key, notification_url))
            .collect()
    }
}

impl Service for Square {
    fn handle(&self, request: &WireRequest) -> WireReply {
        let now = self.clock.now();
        self.state().answer(request, now, None)
    }

    fn fail(&self, request: &WireRequest, with_effect: bool) -> WireReply {
        let now = self.clock.now();
        self.state().answer(request, now, Some(with_effect))
    }

    fn begin(&self, request: &WireRequest) {
        if let Some(key) = key_of(request) {
            let kept = Kept { request: fingerprint(request), since: self.clock.now(), reply: None };
            self.state().keys.entry(key).or_insert(kept);
        }
    }

    fn finish(&self, request: &WireRequest) {
        if let Some(key) = key_of(request) {
            let mut state = self.state();
            if state.keys.get(&key).is_some_and(|kept| kept.reply.is_none()) {
                state.keys.remove(&key);
            }
        }
    }

    fn limit(&self, retry_after: Option<std::time::Duration>) -> WireReply {
        let reply = Problem::limited().reply();
        match retry_after {
            Some(wait) => reply.with("retry-after", &wait.as_secs().to_string()),
            None => reply,
        }
    }
}

fn fingerprint(request: &WireRequest) -> String {
    format!("{} {} {}", request.method, request.path, request.body)
}

/// The idempotency key of a request, together with the endpoint: each has keys of its own.
fn key_of(request: &WireRequest) -> Option<String> {
    let endpoint = match (request.method.as_str(), request.segments().as_slice()) {
        ("POST", ["v2", "payments"]) => "create",
        ("PUT", ["v2", "payments", _]) => "update",
        ("POST", ["v2", "refunds"]) => "refund",
        _ => return None,
    };
    let body: Value = serde_json::from_str(&request.body).ok()?;
    let key = body.get("idempotency_key")?.as_str()?;
    Some(format!("{endpoint} {key}"))
}

impl State {
    /// Answers a request; `crash` makes Square fail in it, with the effect or without.
    fn answer(&mut self, request: &WireRequest, now: Timestamp, crash: Option<bool>) -> WireReply {
        match request.segments().as_slice() {
            ["fake", "webhooks"] => return self.webhooks(request),
            ["fake", "disputes", action] => return self.dispute_by_hand(action, request, now),
            _ => {}
        }
        let expected = format!("Bearer {}", FakeSquare::ACCESS_TOKEN);
        if request.header("authorization") != Some(expected.as_str()) {
            return Problem::wrong_token().reply();
        }
        self.books.release_expired(now);
        let last = self.keys_last;
        self.keys.retain(|_, kept| kept.since + last > now);
        let key = key_of(request);
        if let Some(kept) = key.as_ref().and_then(|key| self.keys.get(key)) {
            return match &kept.reply {
                _ if kept.request != fingerprint(request) => Problem::key_reused().reply(),
                None => Problem::key_in_use().reply(),
                Some(reply) => reply.clone(),
            };
        }
        if crash == Some(false) {
            return Problem::crashed().reply();
        }
        let reply = match self.route(request, now) {
            Ok(object) => {
                let reply = WireReply::json(200, &object);
                if let Some(key) = key {
                    let (request, reply) = (fingerprint(request), Some(reply.clone()));
                    self.keys.insert(key, Kept { request, since: now, reply });
                }
                reply
            }
            Err(problem) => problem.reply(),
        };
        if crash.is_some() { Problem::crashed().reply() } else { reply }
    }

    fn route(&mut self, request: &WireRequest, now: Timestamp) -> Result<Value, Problem> {
        let segments = request.segments();
        let body = || Body::of(&request.body);
        let books = &mut self.books;
        match (request.method.as_str(), segments.as_slice()) {
            ("POST", ["v2", "payments"]) => books.create(body()?, now),
            ("GET", ["v2", "payments"]) => self.list(request, now),
            ("POST", ["v2", "payments", "cancel"]) => books.cancel_by_key(body()?, now),
            ("GET", ["v2", "payments", id]) => Ok(json!({ "payment": books.payment(id)?.json() })),
            ("PUT", ["v2", "payments", id]) => books.update(id, body()?, now),
            ("POST", ["v2", "payments", id, "complete"]) => books.complete(id, body()?, now),
            ("POST", ["v2", "payments", id, "cancel"]) => books.cancel(id, body()?, now),
            ("POST", ["v2", "refunds"]) => books.refund(body()?, now),
            ("GET", ["v2", "refunds"]) => self.list_refunds(request, now),
            ("GET", ["v2", "refunds", id]) => {
                let refund = books.refunds.get(*id).ok_or_else(|| Problem::missing("refund", id))?;
                Ok(json!({ "refund": refund.json() }))
            }
            ("GET", ["v2", "disputes", ..]) if self.forbids_disputes => Err(Problem::no_permission()),
            ("GET", ["v2", "disputes"]) => self.list_disputes(request),
            ("GET", ["v2", "disputes", id]) => {
                let dispute = books.disputes.get(*id).ok_or_else(|| Problem::missing("dispute", id))?;
                Ok(json!({ "dispute": dispute.json() }))
            }
            (_, _) => Err(Problem::missing("resource", &request.path)),
        }
    }

    fn list(&self, request: &WireRequest, now: Timestamp) -> Result<Value, Problem> {
        let location = request.query("location_id").unwrap_or(FakeSquare::LOCATION_ID);
        let is_shown =
            |payment: &&Payment| payment.location_id == location && payment.created + self.lists_lag <= now;
        let shown = self.books.payments.values().filter(is_shown);
        page("payments", shown.map(|payment| (payment.created, payment.json())).collect(), request)
    }

    fn list_refunds(&self, request: &WireRequest, now: Timestamp) -> Result<Value, Problem> {
        let is_shown = |refund: &&Refund| refund.created + self.lists_lag <= now;
        let shown = self.books.refunds.values().filter(is_shown);
        page("refunds", shown.map(|refund| (refund.created, refund.json())).collect(), request)
    }

    fn list_disputes(&self, request: &WireRequest) -> Result<Value, Problem> {
        let is_shown = |dispute: &&Dispute| {
            request.query("location_id").is_none_or(|location| location == dispute.location_id)
                && request.query("states").is_none_or(|state| state == dispute.state)
        };
        let shown = self.books.disputes.values().filter(is_shown);
        page("disputes", shown.map(|dispute| (dispute.created, dispute.json())).collect(), request)
    }

    /// What a customer and a bank do: `open` with a payment and an amount, `close` with a dispute and whether it is won.
    fn dispute_by_hand(&mut self, action: &str, request: &WireRequest, now: Timestamp) -> WireReply {
        let word = |name: &str| request.query(name).unwrap_or_default();
        let id = if action == "open" {
            let units = word("amount").parse().unwrap_or(0);
            self.books.open_dispute(word("payment"), units, now)
        } else {
            let is_closed = self.books.close_dispute(word("dispute"), word("won") == "true", now);
            is_closed.then(|| word("dispute").to_owned())
        };
        match id {
            Some(id) => WireReply::json(200, &json!({ "id": id })),
            None => Problem::missing("dispute", action).reply(),
        }
    }

    /// What a test asks for.
    fn webhooks(&self, request: &WireRequest) -> WireReply {
        let key = request.query("key").unwrap_or("fake-key");
        let url = request.query("url").unwrap_or("https://shop.example/webhooks/square");
        let signed = self.books.events.iter().map(|event| event.signed(key, url));
        let events = signed.map(|event| json!({ "signature": event.signature, "body": event.body }));
        WireReply::json(200, &Value::Array(events.collect()))
    }
}

fn instant(request: &WireRequest, name: &str) -> Result<Option<Timestamp>, Problem> {
    let parse = |text: &str| {
        text.parse().map_err(|_| Problem::invalid("INVALID_TIME", "This is no time").field(name))
    };
    request.query(name).map(parse).transpose()
}

/// One page of objects, by default the newest first. A page without objects has no list.
fn page(
    name: &str,
    mut oldest_first: Vec<(Timestamp, Value)>,
    request: &WireRequest,
) -> Result<Value, Problem> {
    let (since, until) = (instant(request, "begin_time")?, instant(request, "end_time")?);
    oldest_first
        .retain(|(at, _)| since.is_none_or(|since| since <= *at) && until.is_none_or(|until| *at <= until));
    match request.query("sort_order") {
        Some("ASC") => {}
        None | Some("DESC") => oldest_first.reverse(),
        Some(_) => return Err(Problem::invalid("INVALID_SORT_ORDER", "ASC or DESC").field("sort_order")),
    }
    let mut objects: Vec<Value> = oldest_first.into_iter().map(|(_, object)| object).collect();
    let id = |object: &Value| object.get("id").and_then(Value::as_str).map(str::to_owned);
    if let Some(after) = request.query("cursor").filter(|cursor| !cursor.is_empty()) {
        let place =
            objects.iter().position(|object| id(object).is_some_and(|id| format!("after {id}") == after));
        let place =
            place.ok_or_else(|| Problem::invalid("INVALID_CURSOR", "This is no cursor").field("cursor"))?;
        objects.drain(..=place);
    }
    let limit = request.query("limit").and_then(|text| text.parse().ok()).unwrap_or(PAGE).clamp(1, PAGE);
    let has_more = objects.len() > limit;
    objects.truncate(limit);
    let cursor = objects.last().and_then(id).filter(|_| has_more);
    let mut answer = serde_json::Map::new();
    if !objects.is_empty() {
        answer.insert(name.to_owned(), objects.into());
    }
    if let Some(id) = cursor {
        answer.insert("cursor".to_owned(), format!("after {id}").into());
    }
    Ok(Value::Object(answer))
}
