use std::collections::{BTreeMap, BTreeSet};

use order_core::time::{Duration, Timestamp};
use serde_json::{Value, json};

use super::FakeSquare;
use super::body::Body;
use super::dispute::Dispute;
use super::event::Event;
use super::payment::{Payment, Refund};
use super::problem::Problem;
use super::source::Source;

/// How long money stays set aside when no card was present.
const HOLD: Duration = Duration::days(7);

/// The currencies that sellers are paid in.
const CURRENCIES: [&str; 6] = ["AUD", "CAD", "EUR", "GBP", "JPY", "USD"];

/// The longest key.
const KEY_CHARS: usize = 45;

/// Everything Square knows: its objects, and what may be done with them.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) payments: BTreeMap<String, Payment>,
    pub(super) refunds: BTreeMap<String, Refund>,
    pub(super) disputes: BTreeMap<String, Dispute>,
    pub(super) events: Vec<Event>,
    pub(super) only_currency: Option<String>,
    used: BTreeSet<String>,
    count: u64,
}

impl Books {
    pub(super) fn next(&mut self) -> u64 {
        self.count = self.count.saturating_add(1);
        self.count
    }

    pub(super) fn tell(&mut self, class: &'static str, verb: &str, object: Value, now: Timestamp) {
        let number = self.next();
        self.events.push(Event::new(number, class, verb, object, now));
    }

    fn tell_payment(&mut self, id: &str, verb: &str, now: Timestamp) -> Result<Value, Problem> {
        let object = self.payment(id)?.json();
        self.tell("payment", verb, object.clone(), now);
        Ok(json!({ "payment": object }))
    }

    pub(super) fn payment(&self, id: &str) -> Result<&Payment, Problem> {
        self.payments.get(id).ok_or_else(|| Problem::missing("payment", id))
    }

    fn payment_mut(&mut self, id: &str) -> Result<&mut Payment, Problem> {
        self.payments.get_mut(id).ok_or_else(|| Problem::missing("payment", id))
    }

    /// Money that was set aside for too long is released.
    pub(super) fn release_expired(&mut self, now: Timestamp) {
        let is_over = |payment: &&Payment| payment.is_held() && payment.delayed_until <= now;
        let over: Vec<String> =
            self.payments.values().filter(is_over).map(|payment| payment.id.clone()).collect();
        for id in over {
            if let Ok(payment) = self.payment_mut(&id) {
                payment.change("CANCELED", now);
            }
            let _ = self.tell_payment(&id, "updated", now);
        }
    }

    fn check_currency(&self, currency: &str) -> Result<(), Problem> {
        if !CURRENCIES.contains(&currency) {
            let why = format!("{currency} is not supported");
            return Err(Problem::invalid("UNSUPPORTED_CURRENCY", why).field("amount_money.currency"));
        }
        if self.only_currency.as_ref().is_some_and(|only| only != currency) {
            let why = "The currency must be that of the location";
            return Err(Problem::invalid("INVALID_VALUE", why).field("amount_money.currency"));
        }
        Ok(())
    }

    pub(super) fn create(&mut self, mut body: Body, now: Timestamp) -> Result<Value, Problem> {
        let token = body.required("source_id", usize::MAX)?;
        let key = body.required("idempotency_key", KEY_CHARS)?;
        let amount = body.required_amount("amount_money")?;
        let autocomplete = body.boolean("autocomplete")?.unwrap_or(true);
        let location = body.text("location_id", 50)?;
        let reference_id = body.text("reference_id", 40)?;
        let note = body.text("note", 500)?;
        body.finish()?;
        if location.is_some_and(|location| location != FakeSquare::LOCATION_ID) {
            return Err(Problem::invalid("INVALID_VALUE", "There is no such location").field("location_id"));
        }
        self.check_currency(&amount.currency)?;
        let source = Source::of(&token)?;
        if source == Source::Used || self.used.contains(&token) {
            return Err(Problem::invalid("CARD_TOKEN_USED", "The card token was used before"));
        }
        if source == Source::Trouble {
            return Err(Problem::temporary());
        }
        if Source::is_used_up_by_one_payment(&token) {
            self.used.insert(token.clone());
        }
        let problem = match source {
            Source::Decline(code) => Some(Problem::source(code)),
            Source::Forbid(code) => Some(Problem::forbidden_source(code)),
            Source::Approve
            | Source::Pend
            | Source::RejectRefunds
            | Source::PendRefunds
            | Source::Trouble
            | Source::Used => None,
        };
        let status = match (&problem, source, autocomplete) {
            (Some(_), ..) => "FAILED",
            (None, Source::Pend, _) => "PENDING",
            (None, _, true) => "COMPLETED",
            (None, _, false) => "APPROVED",
        };
        let id = format!("sqpay_fake{:012}", self.next());
        let is_held = matches!(status, "COMPLETED" | "APPROVED");
        let payment = Payment {
            id: id.clone(),
            key,
            source: token,
            created: now,
            updated: now,
            captured: (status == "COMPLETED").then_some(now),
            delayed_until: now + HOLD,
            amount: amount.units,
            approved: if is_held { amount.units } else { 0 },
            currency: amount.currency,
            status,
            reference_id,
            note,
            location_id: FakeSquare::LOCATION_ID.to_owned(),
            refund_ids: Vec::new(),
            refunded: 0,
            error: problem.clone(),
            version: 1,
        };
        self.payments.insert(id.clone(), payment);
        let made = self.tell_payment(&id, "created", now)?;
        match problem {
            None => Ok(made),
            Some(problem) => Err(problem.about(self.payment(&id)?.json())),
        }
    }

    fn check_version(&self, id: &str, version: Option<String>) -> Result<(), Problem> {
        let now = self.payment(id)?.version_token();
        if version.is_some_and(|version| version != now) { Err(Problem::outdated()) } else { Ok(()) }
    }

    pub(super) fn update(&mut self, id: &str, mut body: Body, now: Timestamp) -> Result<Value, Problem> {
        body.required("idempotency_key", KEY_CHARS)?;
        let mut change = body
            .below("payment")?
            .ok_or_else(|| Problem::invalid("NO_FIELDS_SET", "Nothing is to be updated").field("payment"))?;
        body.finish()?;
        let amount = change.required_amount("amount_money")?;
        let version = change.text("version_token", 192)?;
        change.finish()?;
        self.check_version(id, version)?;
        let payment = self.payment_mut(id)?;
        if !payment.is_held() {
            return Err(payment.unexpected("updated"));
        }
        if !payment.can_be_changed() {
            return Err(Problem::invalid("BAD_REQUEST", "amount_money cannot be changed for this payment"));
        }
        if amount.currency != payment.currency {
            return Err(
                Problem::invalid("INVALID_VALUE", "The currency can't change").field("amount_money.currency")
            );
        }
        payment.amount = amount.units;
        payment.approved = payment.approved.max(amount.units);
        payment.touch(now);
        self.tell_payment(id, "updated", now)
    }

    pub(super) fn complete(&mut self, id: &str, mut body: Body, now: Timestamp) -> Result<Value, Problem> {
        let version = body.text("version_token", 192)?;
        body.finish()?;
        self.check_version(id, version)?;
        let payment = self.payment_mut(id)?;
        if !payment.is_held() {
            return Err(payment.unexpected("completed"));
        }
        payment.change("COMPLETED", now);
        self.tell_payment(id, "updated", now)
    }

    pub(super) fn cancel(&mut self, id: &str, body: Body, now: Timestamp) -> Result<Value, Problem> {
        body.finish()?;
        let payment = self.payment_mut(id)?;
        if !payment.is_held() {
            return Err(payment.unexpected("canceled"));
        }
        payment.change("CANCELED", now);
        self.tell_payment(id, "updated", now)
    }

    /// Cancels what was made under a key. Where nothing was, nothing is done, and that is a success.
    pub(super) fn cancel_by_key(&mut self, mut body: Body, now: Timestamp) -> Result<Value, Problem> {
        let key = body.required("idempotency_key", KEY_CHARS)?;
        body.finish()?;
        let made = |payment: &&Payment| payment.key == key && payment.status != "FAILED";
        if let Some(id) = self.payments.values().find(made).map(|payment| payment.id.clone())
            && self.payment(&id)?.status != "CANCELED"
        {
            self.cancel(&id, Body::of("")?, now)?;
        }
        Ok(json!({}))
    }

    pub(super) fn refund(&mut self, mut body: Body, now: Timestamp) -> Result<Value, Problem> {
        let key = body.required("idempotency_key", KEY_CHARS)?;
        let amount = body.required_amount("amount_money")?;
        let payment_id = body.required("payment_id", 192)?;
        let reason = body.text("reason", 192)?;
        let version = body.text("payment_version_token", 192)?;
        body.finish()?;
        self.check_version(&payment_id, version)?;
        let payment = self.payment(&payment_id)?;
        if payment.is_held() {
            let why = "The payment must be completed first";
            return Err(Problem::refund("REFUND_ERROR_PAYMENT_NEEDS_COMPLETION", why));
        }
        if payment.status != "COMPLETED" || payment.currency != amount.currency {
            return Err(Problem::refund("PAYMENT_NOT_REFUNDABLE", "The payment can't be refunded"));
        }
        if self.is_disputed(&payment_id) {
            let why = "The payment is disputed";
            return Err(Problem::refund("PAYMENT_NOT_REFUNDABLE_DUE_TO_DISPUTE", why));
        }
        if amount.units > payment.amount.saturating_sub(payment.refunded) {
            let pending = self
                .refunds
                .values()
                .any(|refund| refund.payment_id == payment_id && refund.status == "PENDING");
            let code = if pending && amount.units <= payment.amount {
                "REFUND_ALREADY_PENDING"
            } else {
                "REFUND_AMOUNT_INVALID"
            };
            return Err(Problem::refund(code, "The requested refund amount exceeds what is left"));
        }
        let source = Source::of(&payment.source)?;
        let id = format!("{payment_id}_fakere{:08}", self.next());
        let refund = Refund {
            id: id.clone(),
            key,
            payment_id: payment_id.clone(),
            location_id: FakeSquare::LOCATION_ID.to_owned(),
            amount: amount.clone(),
            reason,
            status: "PENDING",
            created: now,
            updated: now,
        };
        let answer = json!({ "refund": refund.json() });
        self.refunds.insert(id.clone(), refund.clone());
        let payment = self.payment_mut(&payment_id)?;
        payment.refund_ids.push(id.clone());
        payment.refunded = payment.refunded.saturating_add(amount.units);
        payment.touch(now);
        self.tell("refund", "created", refund.json(), now);
        match source {
            Source::PendRefunds => {}
            Source::RejectRefunds => drop(self.settle_refund(&id, false, now)),
            Source::Approve
            | Source::Pend
            | Source::Decline(_)
            | Source::Forbid(_)
            | Source::Trouble
            | Source::Used => drop(self.settle_refund(&id, true, now)),
        }
        Ok(answer)
    }

    /// What was under way comes to its end.
    pub(super) fn settle_payment(&mut self, id: &str, approve: bool, now: Timestamp) -> bool {
        let Some(payment) = self.payments.get_mut(id).filter(|payment| payment.status == "PENDING") else {
            return false;
        };
        if approve {
            payment.approved = payment.amount;
            payment.change("COMPLETED", now);
        } else {
            payment.error = Some(Problem::source("BUYER_REFUSED_PAYMENT"));
            payment.change("FAILED", now);
        }
        self.tell_payment(id, "updated", now).is_ok()
    }

    /// A refund that was pending comes to its end.
    pub(super) fn settle_refund(&mut self, id: &str, succeed: bool, now: Timestamp) -> bool {
        let Some(refund) = self.refunds.get_mut(id).filter(|refund| refund.status == "PENDING") else {
            return false;
        };
        refund.status = if succeed { "COMPLETED" } else { "REJECTED" };
        refund.updated = now;
        let (units, payment_id, object) = (refund.amount.units, refund.payment_id.clone(), refund.json());
        if !succeed && let Some(payment) = self.payments.get_mut(&payment_id) {
            payment.refunded = payment.refunded.saturating_sub(units);
        }
        self.tell("refund", "updated", object, now);
        true
    }
}
