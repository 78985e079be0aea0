//! Disputes. Customers open them at their banks, and the banks decide.

use order_core::time::Timestamp;
use serde_json::{Value, json};

use super::FakeSquare;
use super::body::Amount;
use super::books::Books;
use super::payment::{Payment, money, time};

/// A `Dispute`.
#[derive(Debug, Clone)]
pub(super) struct Dispute {
    id: String,
    payment_id: String,
    pub(super) location_id: String,
    amount: Amount,
    pub(super) state: &'static str,
    pub(super) created: Timestamp,
    updated: Timestamp,
    version: u64,
}

impl Dispute {
    fn is_open(&self) -> bool {
        self.state == "EVIDENCE_REQUIRED"
    }

    /// Whether the bank has the money, or may have it soon.
    fn holds_money(&self) -> bool {
        self.state != "WON"
    }

    /// As Square writes it.
    pub(super) fn json(&self) -> Value {
        json!({
            "id": self.id,
            "dispute_id": self.id,
            "amount_money": money(self.amount.units, &self.amount.currency),
            "reason": "NOT_AS_DESCRIBED",
            "state": self.state,
            "disputed_payment": { "payment_id": self.payment_id },
            "card_brand": "VISA",
            "created_at": time(self.created),
            "updated_at": time(self.updated),
            "reported_at": time(self.created),
            "location_id": self.location_id,
            "version": self.version,
        })
    }
}

impl Books {
    fn held_of(&self, payment: &str) -> impl Iterator<Item = &Dispute> {
        self.disputes.values().filter(move |dispute| dispute.payment_id == payment && dispute.holds_money())
    }

    /// Whether nothing may be given back of a payment, because its bank has the money, or may have it soon.
    pub(super) fn is_disputed(&self, payment: &str) -> bool {
        self.held_of(payment).next().is_some()
    }

    /// A bank asks for money back. Gives the dispute's id.
    pub(super) fn open_dispute(&mut self, payment: &str, units: i64, now: Timestamp) -> Option<String> {
        let held: i64 = self.held_of(payment).map(|dispute| dispute.amount.units).sum();
        let has_it = |payment: &&Payment| {
            let left = payment.amount - payment.refunded - held;
            payment.status == "COMPLETED" && (1..=left).contains(&units)
        };
        let found = self.payments.get(payment).filter(has_it)?;
        let amount = Amount { units, currency: found.currency.clone() };
        let id = format!("sqdis_fake{:012}", self.next());
        let dispute = Dispute {
            id: id.clone(),
            payment_id: payment.to_owned(),
            location_id: FakeSquare::LOCATION_ID.to_owned(),
            amount,
            state: "EVIDENCE_REQUIRED",
            created: now,
            updated: now,
            version: 1,
        };
        let told = dispute.json();
        self.disputes.insert(id.clone(), dispute);
        self.tell("dispute", "created", told, now);
        Some(id)
    }

    /// A bank decides a dispute. Tells whether it was open.
    pub(super) fn close_dispute(&mut self, id: &str, is_won: bool, now: Timestamp) -> bool {
        let Some(dispute) = self.disputes.get_mut(id).filter(|dispute| dispute.is_open()) else {
            return false;
        };
        dispute.state = if is_won { "WON" } else { "LOST" };
        (dispute.updated, dispute.version) = (now, dispute.version.saturating_add(1));
        let told = dispute.json();
        self.tell("dispute", "state.updated", told, now);
        true
    }
}
