//! Disputes: v1. Customers open them at PayPal, and PayPal decides.

use chrono::DateTime;
use serde_json::{Value, json};

use super::amount::Amount;
use super::books::Books;
use super::order::{Order, add, link, time};
use super::problem::Problem;
use crate::wire::WireRequest;

const PATH: &str = "/v1/customer/disputes";

/// How long a dispute is listed after its last change: 180 days.
const LISTED_SECONDS: i64 = 180 * 24 * 3600;

/// How many disputes a page has, and has at most.
const PAGE: usize = 10;
const MAX_PAGE: usize = 50;

/// A dispute of a capture.
#[derive(Debug, Clone)]
pub(super) struct Dispute {
    id: String,
    created: i64,
    updated: i64,
    capture: String,
    amount: Amount,
    /// How it has ended.
    outcome: Option<&'static str>,
}

impl Dispute {
    fn is_lost(&self) -> bool {
        self.outcome == Some("RESOLVED_BUYER_FAVOUR")
    }

    /// How much of a capture is not to be given back by the seller.
    fn holds(&self) -> i64 {
        if self.outcome.is_none() || self.is_lost() { self.amount.units } else { 0 }
    }

    fn is_changed_in(&self, since: i64, until: i64) -> bool {
        (since..=until).contains(&self.updated)
    }

    /// As PayPal writes it in a list.
    fn summary(&self, base: &str) -> Value {
        let is_open = self.outcome.is_none();
        json!({
            "dispute_id": self.id,
            "create_time": time(self.created),
            "update_time": time(self.updated),
            "reason": "MERCHANDISE_OR_SERVICE_NOT_RECEIVED",
            "status": if is_open { "WAITING_FOR_SELLER_RESPONSE" } else { "RESOLVED" },
            "dispute_state": if is_open { "REQUIRED_ACTION" } else { "RESOLVED" },
            "dispute_amount": self.amount.json(),
            "dispute_life_cycle_stage": "CHARGEBACK",
            "dispute_channel": "INTERNAL",
            "links": [link(base, &format!("{PATH}/{}", self.id), "self", "GET")],
        })
    }

    /// As PayPal writes it where it is read by itself.
    fn json(&self, order: &Order, base: &str) -> Value {
        let mut dispute = self.summary(base);
        let mut transaction = json!({
            "buyer_transaction_id": format!("{}BUYER", self.capture),
            "seller_transaction_id": self.capture,
            "transaction_status": "COMPLETED",
        });
        let capture = order.captures.iter().find(|capture| capture.id == self.capture);
        add(&mut transaction, "gross_amount", capture.map(|capture| capture.amount.json()));
        add(&mut transaction, "custom", order.custom_id.clone());
        add(&mut transaction, "invoice_number", order.invoice_id.clone());
        add(&mut dispute, "disputed_transactions", Some(vec![transaction]));
        if let Some(code) = self.outcome {
            let mut outcome = json!({ "outcome_code": code });
            let refunded = self.is_lost().then(|| self.amount.json());
            add(&mut outcome, "amount_refunded", refunded);
            add(&mut dispute, "dispute_outcome", Some(outcome));
        }
        dispute
    }
}

impl Books {
    fn disputes_of(&self, capture: &str) -> impl Iterator<Item = &Dispute> {
        self.disputes.values().filter(move |dispute| dispute.capture == capture)
    }

    /// How much of a capture is gone by disputes.
    pub(super) fn lost_of(&self, capture: &str) -> i64 {
        let lost = self.disputes_of(capture).filter(|dispute| dispute.is_lost());
        lost.map(|dispute| dispute.amount.units).sum()
    }

    /// Whether a dispute of a capture is not decided.
    pub(super) fn is_disputed(&self, capture: &str) -> bool {
        self.disputes_of(capture).any(|dispute| dispute.outcome.is_none())
    }

    pub(super) fn dispute(&self, id: &str) -> Result<Value, Problem> {
        let dispute = self.disputes.get(id).ok_or_else(Problem::missing)?;
        Ok(dispute.json(self.order_of_capture(&dispute.capture)?, &self.base))
    }

    fn tell_dispute(&mut self, kind: &'static str, id: &str, now: i64) {
        if let Ok(told) = self.dispute(id) {
            self.tell(kind, told, now);
        }
    }

    /// The payer disputes so much of the first capture that has it. Gives the dispute's id.
    pub(super) fn open_dispute(&mut self, order: &str, units: i64, now: i64) -> Option<String> {
        let is_meant = |found: &&Order| {
            found.id == order || found.custom_id.as_ref().is_some_and(|custom_id| custom_id.contains(order))
        };
        let found = self.orders.values().find(is_meant)?;
        let capture = found.captures.iter().filter(|capture| capture.is_taken()).find(|capture| {
            let held: i64 = self.disputes_of(&capture.id).map(Dispute::holds).sum();
            let left = capture.amount.units - found.back_of(&capture.id) - held;
            (1..=left).contains(&units)
        })?;
        let (capture, amount) = (capture.id.clone(), Amount::of(units, &capture.amount.currency));
        let id = format!("PP-D-{}", self.id('D'));
        let dispute = Dispute { id: id.clone(), created: now, updated: now, capture, amount, outcome: None };
        self.disputes.insert(id.clone(), dispute);
        self.tell_dispute("CUSTOMER.DISPUTE.CREATED", &id, now);
        Some(id)
    }

    /// PayPal decides a dispute. Tells whether it was open.
    pub(super) fn close_dispute(&mut self, id: &str, is_won: bool, now: i64) -> bool {
        let open = self.disputes.get_mut(id).filter(|dispute| dispute.outcome.is_none());
        let Some(dispute) = open else { return false };
        dispute.outcome = Some(if is_won { "RESOLVED_SELLER_FAVOUR" } else { "RESOLVED_BUYER_FAVOUR" });
        dispute.updated = now;
        self.tell_dispute("CUSTOMER.DISPUTE.RESOLVED", id, now);
        true
    }
}

/// A page of the disputes, the newest first.
pub(super) fn answer(books: &Books, request: &WireRequest, now: i64) -> Result<Value, Problem> {
    let wrong = |field: &'static str| Problem::invalid("INVALID_PARAMETER_VALUE", field);
    let instant = |name: &'static str| {
        let parse = |text| DateTime::parse_from_rfc3339(text).map(|at| at.timestamp());
        request.query(name).map(parse).transpose().map_err(|_| wrong(name))
    };
    let capture = request.query("disputed_transaction_id");
    let created = instant("start_time")?;
    if capture.is_some() && created.is_some() {
        return Err(wrong("start_time"));
    }
    let oldest = now - LISTED_SECONDS;
    let since = instant("update_time_after")?.unwrap_or(oldest);
    let until = instant("update_time_before")?.unwrap_or(now);
    if since < oldest || until < oldest {
        return Err(wrong("update_time_after"));
    }
    let number = |name: &'static str, default: usize| match request.query(name) {
        Some(text) => text.parse().map_err(|_| wrong(name)),
        None => Ok(default),
    };
    let (size, skipped) = (number("page_size", PAGE)?, number("next_page_token", 0)?);
    if !(1..=MAX_PAGE).contains(&size) {
        return Err(wrong("page_size"));
    }
    let is_meant = |dispute: &&Dispute| {
        capture.is_none_or(|capture| dispute.capture == capture)
            && created.is_none_or(|created| dispute.created >= created)
            && dispute.is_changed_in(since, until)
    };
    let mut found: Vec<&Dispute> = books.disputes.values().filter(is_meant).collect();
    found.sort_by_key(|dispute| std::cmp::Reverse((dispute.created, dispute.id.clone())));
    let items: Vec<Value> =
        found.iter().skip(skipped).take(size).map(|dispute| dispute.summary(&books.base)).collect();
    let page = |rel: &str, from: usize| {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let kept = request.query.iter().filter(|(name, _)| name != "next_page_token");
        query.extend_pairs(kept).append_pair("next_page_token", &from.to_string());
        link(&books.base, &format!("{PATH}?{}", query.finish()), rel, "GET")
    };
    let mut links = vec![page("self", skipped)];
    let end = skipped.saturating_add(items.len());
    if end < found.len() {
        links.push(page("next", end));
    }
    // A list is never empty in PayPal's own description.
    Ok(if items.is_empty() { json!({ "links": links }) } else { json!({ "items": items, "links": links }) })
}
