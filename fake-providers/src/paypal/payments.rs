//! What is done with what was set aside or taken: Payments v2.

use serde_json::Value;

use super::amount::Amount;
use super::books::{Behaviour, Books};
use super::order::{Order, Refund};
use super::problem::Problem;

/// How many parts an authorisation is captured in at most.
const MAX_CAPTURES: usize = 10;

/// How long money can be given back: 180 days.
const REFUND_SECONDS: i64 = 180 * 24 * 3600;

impl Books {
    /// The order of an authorisation.
    pub(super) fn order_of_authorization(&self, id: &str) -> Result<&Order, Problem> {
        let is_meant = |order: &&Order| order.authorization.as_ref().is_some_and(|held| held.id == id);
        self.orders.values().find(is_meant).ok_or_else(Problem::missing)
    }

    /// The order of a capture.
    pub(super) fn order_of_capture(&self, id: &str) -> Result<&Order, Problem> {
        let is_meant = |order: &&Order| order.captures.iter().any(|capture| capture.id == id);
        self.orders.values().find(is_meant).ok_or_else(Problem::missing)
    }

    /// The order of a refund.
    pub(super) fn order_of_refund(&self, id: &str) -> Result<&Order, Problem> {
        let is_meant = |order: &&Order| order.refunds.iter().any(|refund| refund.id == id);
        self.orders.values().find(is_meant).ok_or_else(Problem::missing)
    }

    pub(super) fn authorization(&self, id: &str) -> Result<Value, Problem> {
        let order = self.order_of_authorization(id)?;
        let held = order.authorization.as_ref().ok_or_else(Problem::missing)?;
        Ok(held.json(order, &self.base, true))
    }

    pub(super) fn capture(&self, id: &str) -> Result<Value, Problem> {
        let order = self.order_of_capture(id)?;
        let capture = order.captures.iter().find(|capture| capture.id == id).ok_or_else(Problem::missing)?;
        Ok(capture.json(order, &self.base, true))
    }

    pub(super) fn refund(&self, id: &str) -> Result<Value, Problem> {
        let order = self.order_of_refund(id)?;
        let refund = order.refunds.iter().find(|refund| refund.id == id).ok_or_else(Problem::missing)?;
        Ok(refund.json(&self.base))
    }

    /// Takes a part of what is set aside. Gives back the capture's id.
    pub(super) fn capture_authorization(
        &mut self,
        id: &str,
        body: &Value,
        now: i64,
    ) -> Result<String, Problem> {
        let order = self.order_of_authorization(id)?;
        let held = order.authorization.as_ref().ok_or_else(Problem::missing)?;
        match held.status {
            "CAPTURED" => return Err(Problem::unprocessable("AUTHORIZATION_ALREADY_CAPTURED")),
            "DENIED" => return Err(Problem::unprocessable("AUTHORIZATION_DENIED")),
            "VOIDED" => return Err(Problem::unprocessable("AUTHORIZATION_VOIDED")),
            _ => {}
        }
        let taken: i64 = order.captures.iter().map(|capture| capture.amount.units).sum();
        let rest = held.amount.units.saturating_sub(taken).max(0);
        let amount = match body.get("amount") {
            Some(amount) => Amount::read(amount, "DECIMALS_NOT_SUPPORTED")?,
            None => Amount::of(rest, &held.amount.currency),
        };
        if amount.currency != held.amount.currency {
            return Err(Problem::unprocessable("AUTH_CAPTURE_CURRENCY_MISMATCH"));
        }
        if amount.units <= 0 {
            return Err(Problem::unprocessable("CANNOT_BE_ZERO_OR_NEGATIVE"));
        }
        let after = taken.saturating_add(amount.units);
        if after > most(&held.amount) {
            return Err(Problem::unprocessable("MAX_CAPTURE_AMOUNT_EXCEEDED"));
        }
        if order.captures.len() >= MAX_CAPTURES {
            return Err(Problem::unprocessable("MAX_CAPTURE_COUNT_EXCEEDED"));
        }
        let is_last = body.get("final_capture").and_then(Value::as_bool).unwrap_or(false);
        let is_over = is_last || after >= held.amount.units;
        let behaviour = Behaviour::of(order.vault.as_deref())?;
        let order = order.id.clone();
        let invoice = body.get("invoice_id").and_then(Value::as_str).map(str::to_owned);
        self.take_invoice(invoice.as_ref())?;
        let made = self.captured(&order, behaviour, (amount, invoice, is_last), now)?;
        if let Some(held) = &mut self.order_mut(&order)?.authorization {
            (held.status, held.updated) = (if is_over { "CAPTURED" } else { "PARTIALLY_CAPTURED" }, now);
        }
        Ok(made)
    }

    /// Gives up what was not captured.
    pub(super) fn void(&mut self, id: &str, now: i64) -> Result<(), Problem> {
        let order = self.order_of_authorization(id)?.id.clone();
        let held = self.order_mut(&order)?.authorization.as_mut().ok_or_else(Problem::missing)?;
        match held.status {
            "CAPTURED" => return Err(Problem::unprocessable("PREVIOUSLY_CAPTURED")),
            "VOIDED" => return Err(Problem::unprocessable("PREVIOUSLY_VOIDED")),
            "DENIED" => return Err(Problem::unprocessable("CANNOT_BE_VOIDED")),
            _ => (held.status, held.updated) = ("VOIDED", now),
        }
        self.tell_authorization("PAYMENT.AUTHORIZATION.VOIDED", &order, now);
        Ok(())
    }

    /// Gives money back. Gives back the refund's id.
    pub(super) fn give_back(&mut self, id: &str, body: &Value, now: i64) -> Result<String, Problem> {
        let order = self.order_of_capture(id)?;
        let capture = order.captures.iter().find(|capture| capture.id == id).ok_or_else(Problem::missing)?;
        match capture.status {
            "PENDING" => return Err(Problem::unprocessable("PENDING_CAPTURE")),
            "REFUNDED" => return Err(Problem::unprocessable("CAPTURE_FULLY_REFUNDED")),
            _ if !capture.is_taken() => return Err(Problem::unprocessable("REFUND_NOT_ALLOWED")),
            _ if capture.created + REFUND_SECONDS < now => {
                return Err(Problem::unprocessable("REFUND_TIME_LIMIT_EXCEEDED"));
            }
            _ => {}
        }
        let left = capture.amount.units - order.back_of(id) - self.lost_of(id);
        let amount = match body.get("amount") {
            Some(amount) => Amount::read(amount, "DECIMALS_NOT_SUPPORTED")?,
            None => Amount::of(left, &capture.amount.currency),
        };
        if amount.currency != capture.amount.currency {
            return Err(Problem::unprocessable("REFUND_CAPTURE_CURRENCY_MISMATCH"));
        }
        if amount.units <= 0 {
            return Err(Problem::unprocessable("CANNOT_BE_ZERO_OR_NEGATIVE"));
        }
        if amount.units > left {
            return Err(Problem::unprocessable("REFUND_AMOUNT_EXCEEDED"));
        }
        if amount.units < left && self.is_disputed(id) {
            return Err(Problem::unprocessable("TRANSACTION_DISPUTED"));
        }
        let is_pending = Behaviour::of(order.vault.as_deref())? == Behaviour::PendRefunds;
        let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
        let (order, refund) = (order.id.clone(), self.id('R'));
        let made = Refund {
            id: refund.clone(),
            created: now,
            updated: now,
            status: if is_pending { "PENDING" } else { "COMPLETED" },
            capture: id.to_owned(),
            amount,
            custom_id: text("custom_id"),
            invoice_id: text("invoice_id"),
        };
        let told = made.json(&self.base);
        self.order_mut(&order)?.refunds.push(made);
        self.follow(&order, id, now)?;
        let kind = if is_pending { "PAYMENT.REFUND.PENDING" } else { "PAYMENT.CAPTURE.REFUNDED" };
        self.tell(kind, told, now);
        Ok(refund)
    }

    /// A capture's status follows from what went back of it.
    fn follow(&mut self, order: &str, capture: &str, now: i64) -> Result<(), Problem> {
        let order = self.order_mut(order)?;
        let back = order.back_of(capture);
        let found = order.captures.iter_mut().find(|found| found.id == capture);
        let found = found.ok_or_else(Problem::missing)?;
        found.updated = now;
        found.status = match back {
            0 => "COMPLETED",
            _ if back >= found.amount.units => "REFUNDED",
            _ => "PARTIALLY_REFUNDED",
        };
        Ok(())
    }

    /// A capture that was pending comes to its end.
    pub(super) fn settle_capture(&mut self, id: &str, succeed: bool, now: i64) -> bool {
        let Ok(order) = self.order_of_capture(id).map(|order| order.id.clone()) else { return false };
        let Ok(found) = self.order_mut(&order) else { return false };
        let pending = found.captures.iter_mut().find(|found| found.id == id && found.status == "PENDING");
        let Some(pending) = pending else { return false };
        (pending.status, pending.updated) = (if succeed { "COMPLETED" } else { "DECLINED" }, now);
        self.tell_capture(&order, id, now);
        true
    }

    /// A refund that was pending, or had succeeded, comes to its end.
    pub(super) fn settle_refund(&mut self, id: &str, succeed: bool, now: i64) -> bool {
        let Ok(order) = self.order_of_refund(id).map(|order| order.id.clone()) else { return false };
        let base = self.base.clone();
        let Ok(found) = self.order_mut(&order) else { return false };
        let Some(refund) = found.refunds.iter_mut().find(|refund| refund.id == id) else { return false };
        if !refund.counts() || (succeed && refund.status == "COMPLETED") {
            return false;
        }
        (refund.status, refund.updated) = (if succeed { "COMPLETED" } else { "FAILED" }, now);
        let (capture, told) = (refund.capture.clone(), refund.json(&base));
        let kind = if succeed { "PAYMENT.CAPTURE.REFUNDED" } else { "PAYMENT.REFUND.FAILED" };
        self.tell(kind, told, now);
        self.follow(&order, &capture, now).is_ok()
    }
}

/// The most that is captured of an authorisation: 115 %, and at most 75 of the currency more.
fn most(held: &Amount) -> i64 {
    let more = held.units.saturating_mul(15) / 100;
    let is_whole = Amount::of(1, &held.currency).json().get("value").is_some_and(|value| value == "1");
    held.units.saturating_add(more.min(if is_whole { 75 } else { 7_500 }))
}
