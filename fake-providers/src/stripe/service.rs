use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use order_core::time::Clock;
use serde_json::{Value, json};

use super::books::Books;
use super::params::Params;
use super::problem::Problem;
use super::{Account, FakeStripe, SignedEvent, page};
use crate::wire::{Service, WireReply, WireRequest};

/// How long an answer is kept under its key.
const KEY_SECONDS: i64 = 24 * 3600;

/// Stripe: its books, and the answers it keeps.
#[derive(Debug)]
pub(super) struct Stripe {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    books: Books,
    keys: HashMap<String, Kept>,
}

/// What is kept under an idempotency key.
#[derive(Debug, Clone)]
struct Kept {
    /// Method, path and parameters.
    request: String,
    since: i64,
    /// `None` while it is being carried out.
    reply: Option<WireReply>,
}

impl Stripe {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> i64 {
        self.clock.now().timestamp()
    }

    pub(super) fn set_base(&self, base: &str) {
        base.clone_into(&mut self.state().books.base);
    }

    pub(super) fn reset(&self) {
        *self.state() = State::default();
    }

    pub(super) fn complete(&self, payment: &str, approve: bool) -> bool {
        let mut state = self.state();
        let is_meant = |id: &String, metadata: &std::collections::BTreeMap<String, String>| {
            id == payment || metadata.get("payment_id").is_some_and(|found| found == payment)
        };
        let found = state.books.intents.values().find(|intent| {
            is_meant(&intent.id, &intent.metadata)
                && (matches!(intent.status, "requires_action" | "processing") || intent.waits_in_form())
        });
        let Some(id) = found.map(|intent| intent.id.clone()) else { return false };
        state.books.settle_intent(&id, approve, self.now())
    }

    /// Does something by hand with the intent of a payment, which is told by `metadata[payment_id]` or by its id. Of several it is
    /// one by which money moved.
    pub(super) fn by_hand<T>(
        &self,
        payment: &str,
        act: impl FnOnce(&mut Books, &str, i64) -> Option<T>,
    ) -> Option<T> {
        let mut state = self.state();
        let is_meant = |intent: &&super::intent::Intent| {
            let named = intent.metadata.get("payment_id").is_some_and(|found| found == payment);
            (intent.id == payment || named) && intent.authorised > 0
        };
        let id = state.books.intents.values().find(is_meant)?.id.clone();
        act(&mut state.books, &id, self.now())
    }

    /// Does something by hand that is about no payment of ours.
    pub(super) fn at_the_dashboard<T>(&self, act: impl FnOnce(&mut Books, i64) -> T) -> T {
        act(&mut self.state().books, self.now())
    }

    pub(super) fn settle_refund(&self, refund: &str, succeed: bool) -> bool {
        let mut state = self.state();
        let found = state.books.refunds.values().find(|other| {
            other.id == refund || other.metadata.get("operation_id").is_some_and(|found| found == refund)
        });
        let Some(id) = found.map(|refund| refund.id.clone()) else { return false };
        state.books.settle_refund(&id, succeed, self.now())
    }

    pub(super) fn accounts(&self) -> Vec<Account> {
        let mut state = self.state();
        state.books.release_expired(self.now());
        let moved = state.books.intents.values().filter(|intent| intent.authorised > 0);
        moved
            .map(|intent| Account {
                intent: intent.id.clone(),
                order_id: intent.metadata.get("order_id").cloned(),
                payment_id: intent.metadata.get("payment_id").cloned(),
                operation_id: intent.metadata.get("operation_id").cloned(),
                currency: intent.currency.clone(),
                authorised: intent.authorised,
                capturable: intent.capturable,
                captured: intent.received,
                refunded: intent.refunded,
            })
            .collect()
    }

    pub(super) fn webhooks(&self, known: usize, secrets: &[&str]) -> Vec<SignedEvent> {
        let now = self.now();
        self.state().books.events.iter().skip(known).map(|event| event.signed(secrets, now)).collect()
    }
}

impl Service for Stripe {
    fn handle(&self, request: &WireRequest) -> WireReply {
        let now = self.now();
        self.state().answer(request, now, None)
    }

    fn fail(&self, request: &WireRequest, with_effect: bool) -> WireReply {
        let now = self.now();
        self.state().answer(request, now, Some(with_effect))
    }

    fn begin(&self, request: &WireRequest) {
        let now = self.now();
        if let Some(key) = request.header("idempotency-key") {
            let kept = Kept { request: fingerprint(request), since: now, reply: None };
            self.state().keys.entry(key.to_owned()).or_insert(kept);
        }
    }

    fn finish(&self, request: &WireRequest) {
        if let Some(key) = request.header("idempotency-key") {
            let mut state = self.state();
            if state.keys.get(key).is_some_and(|kept| kept.reply.is_none()) {
                state.keys.remove(key);
            }
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

fn fingerprint(request: &WireRequest) -> String {
    format!("{} {} {}", request.method, request.path, request.body)
}

impl State {
    /// Answers a request; `crash` makes Stripe fail in it, with the effect or without.
    fn answer(&mut self, request: &WireRequest, now: i64, crash: Option<bool>) -> WireReply {
        if request.segments().first() == Some(&"fake") {
            return self.customer(request, now);
        }
        let expected = format!("Bearer {}", FakeStripe::SECRET_KEY);
        if request.header("authorization") != Some(expected.as_str()) {
            return Problem::wrong_key().reply();
        }
        self.books.release_expired(now);
        self.keys.retain(|_, kept| kept.since + KEY_SECONDS > now);
        let key = request.header("idempotency-key").filter(|_| request.method == "POST");
        if let Some(kept) = key.and_then(|key| self.keys.get(key)) {
            return match &kept.reply {
                _ if kept.request != fingerprint(request) => Problem::key_reused().reply(),
                None => Problem::key_in_use().reply(),
                Some(reply) => reply.clone().with("idempotent-replayed", "true"),
            };
        }
        let result = match crash {
            Some(false) => Err(Problem::crashed()),
            Some(true) => self.route(request, now).and(Err(Problem::crashed())),
            None => self.route(request, now),
        };
        let (reply, is_kept) = match &result {
            Ok(object) => (WireReply::json(200, object), true),
            Err(problem) => (problem.reply(), problem.is_kept()),
        };
        if let Some(key) = key.filter(|_| is_kept) {
            let kept = Kept { request: fingerprint(request), since: now, reply: Some(reply.clone()) };
            self.keys.insert(key.to_owned(), kept);
        }
        reply
    }

    fn route(&mut self, request: &WireRequest, now: i64) -> Result<Value, Problem> {
        let segments = request.segments();
        let books = &mut self.books;
        let form = || Params::of_form(&request.body);
        match (request.method.as_str(), segments.as_slice()) {
            ("POST", ["v1", "payment_intents"]) => books.create(form(), now),
            ("GET", ["v1", "payment_intents"]) => list_intents(books, Params::of_query(&request.query)),
            ("GET", ["v1", "payment_intents", id]) => Ok(books.intent(id)?.json(&books.base)),
            ("POST", ["v1", "payment_intents", id, "confirm"]) => books.confirm(id, form(), now),
            ("POST", ["v1", "payment_intents", id, "capture"]) => books.capture(id, form(), now),
            ("POST", ["v1", "payment_intents", id, "cancel"]) => books.cancel(id, form(), now),
            ("POST", ["v1", "refunds"]) => books.refund(form(), now),
            ("GET", ["v1", "refunds"]) => list_refunds(books, Params::of_query(&request.query)),
            ("GET", ["v1", "refunds", id]) => books
                .refunds
                .get(*id)
                .map(super::intent::Refund::json)
                .ok_or_else(|| Problem::missing("refund", id)),
            ("GET", ["v1", "charges", id]) => read_charge(books, id),
            ("GET", ["v1", "disputes"]) => list_disputes(books, Params::of_query(&request.query)),
            ("GET", ["v1", "events"]) => list_events(books, Params::of_query(&request.query)),
            (method, _) => {
                let message = format!("Unrecognized request URL ({method}: {}).", request.path);
                Err(Problem::invalid("", message))
            }
        }
    }

    /// What the customer sees and does, and what a test asks for.
    fn customer(&mut self, request: &WireRequest, now: i64) -> WireReply {
        match (request.method.as_str(), request.segments().as_slice()) {
            ("GET", ["fake", "3ds", id]) => match self.books.intent(id) {
                Ok(intent) => WireReply::html(page::question(intent)),
                Err(problem) => problem.reply(),
            },
            ("POST", ["fake", "3ds", id]) => {
                let approve = Params::of_form(&request.body).take("outcome").as_deref() == Some("approve");
                self.books.settle_intent(id, approve, now);
                let intent = self.books.intent(id).ok();
                match intent.and_then(|intent| intent.return_url.clone()) {
                    Some(url) => {
                        let mark = if url.contains('?') { '&' } else { '?' };
                        WireReply::see_other(&format!("{url}{mark}payment_intent={id}"))
                    }
                    None => WireReply::html(page::done()),
                }
            }
            ("GET", ["fake", "webhooks"]) => {
                let secret = request.query("secret").unwrap_or("whsec_fake");
                let events: Vec<Value> = self
                    .books
                    .events
                    .iter()
                    .map(|event| event.signed(&[secret], now))
                    .map(|event| json!({ "signature": event.signature, "body": event.body }))
                    .collect();
                WireReply::json(200, &Value::Array(events))
            }
            _ => Problem::invalid("", "there is no such page").reply(),
        }
    }
}

/// One page of objects, newest first.
fn page_of(url: &str, mut newest_first: Vec<Value>, params: &mut Params) -> Result<Value, Problem> {
    let limit = params.integer("limit")?.unwrap_or(10);
    let limit = usize::try_from(limit).ok().filter(|limit| (1..=100).contains(limit));
    let limit =
        limit.ok_or_else(|| Problem::invalid("", "limit must be between 1 and 100").param("limit"))?;
    if let Some(after) = params.take("starting_after") {
        let place =
            newest_first.iter().position(|object| object.get("id").is_some_and(|id| *id == after.as_str()));
        let place = place.ok_or_else(|| Problem::missing("object", &after).param("starting_after"))?;
        newest_first.drain(..=place);
    }
    let has_more = newest_first.len() > limit;
    newest_first.truncate(limit);
    Ok(json!({ "object": "list", "data": newest_first, "has_more": has_more, "url": url }))
}

fn list_intents(books: &Books, mut params: Params) -> Result<Value, Problem> {
    let created = params.below("created");
    let bound = |name: &str| created.get(name).and_then(|text| text.parse::<i64>().ok());
    let (since, until) = (bound("gte").unwrap_or(i64::MIN), bound("lt").unwrap_or(i64::MAX));
    let is_in = |intent: &&super::intent::Intent| since <= intent.created && intent.created < until;
    let found = books.intents.values().rev().filter(is_in);
    let page =
        page_of("/v1/payment_intents", found.map(|intent| intent.json(&books.base)).collect(), &mut params)?;
    params.finish()?;
    Ok(page)
}

fn list_refunds(books: &Books, mut params: Params) -> Result<Value, Problem> {
    let intent = params.take("payment_intent");
    let is_meant = |other: &String| intent.as_ref().is_none_or(|intent| intent == other);
    let found = books.refunds.values().rev().filter(|refund| is_meant(&refund.intent));
    let page = page_of("/v1/refunds", found.map(super::intent::Refund::json).collect(), &mut params)?;
    params.finish()?;
    Ok(page)
}

fn read_charge(books: &Books, id: &str) -> Result<Value, Problem> {
    let intent = books.intent(&id.replacen("ch_", "pi_", 1)).ok().filter(|intent| intent.has_charge());
    let intent = intent.ok_or_else(|| Problem::missing("charge", id))?;
    Ok(super::charge::json(books, intent))
}

fn list_disputes(books: &Books, mut params: Params) -> Result<Value, Problem> {
    let (intent, charge) = (params.take("payment_intent"), params.take("charge"));
    let found = books.disputes.values().rev().filter(|dispute| {
        intent.as_ref().is_none_or(|intent| *intent == dispute.intent)
            && charge.as_ref().is_none_or(|charge| *charge == dispute.charge)
    });
    let page = page_of("/v1/disputes", found.map(super::charge::Dispute::json).collect(), &mut params)?;
    params.finish()?;
    Ok(page)
}

fn list_events(books: &Books, mut params: Params) -> Result<Value, Problem> {
    let found = books.events.iter().rev();
    let page = page_of("/v1/events", found.map(super::event::Event::json).collect(), &mut params)?;
    params.finish()?;
    Ok(page)
}
