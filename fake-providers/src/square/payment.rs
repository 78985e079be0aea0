use chrono::SecondsFormat;
use order_core::time::Timestamp;
use serde_json::{Value, json};

use super::body::Amount;
use super::problem::Problem;

/// A `Payment`.
#[derive(Debug, Clone)]
pub(super) struct Payment {
    pub(super) id: String,
    /// The key it was made under.
    pub(super) key: String,
    pub(super) source: String,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
    pub(super) captured: Option<Timestamp>,
    pub(super) delayed_until: Timestamp,
    pub(super) amount: i64,
    pub(super) approved: i64,
    pub(super) currency: String,
    pub(super) status: &'static str,
    pub(super) reference_id: Option<String>,
    pub(super) note: Option<String>,
    pub(super) location_id: String,
    pub(super) refund_ids: Vec<String>,
    /// How much has gone back, or is on its way.
    pub(super) refunded: i64,
    pub(super) error: Option<Problem>,
    pub(super) version: u64,
}

/// A `PaymentRefund`.
#[derive(Debug, Clone)]
pub(super) struct Refund {
    pub(super) id: String,
    pub(super) key: String,
    pub(super) payment_id: String,
    pub(super) location_id: String,
    pub(super) amount: Amount,
    pub(super) reason: Option<String>,
    pub(super) status: &'static str,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
}

pub(super) fn time(at: Timestamp) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

pub(super) fn money(units: i64, currency: &str) -> Value {
    json!({ "amount": units, "currency": currency })
}

impl Payment {
    pub(super) fn is_held(&self) -> bool {
        self.status == "APPROVED"
    }

    /// Whether the amount may be changed: not in Japan (developer.squareup.com/docs/payments-api/update-payments).
    pub(super) fn can_be_changed(&self) -> bool {
        self.currency != "JPY"
    }

    pub(super) fn version_token(&self) -> String {
        format!("{}v{}", self.id, self.version)
    }

    pub(super) fn change(&mut self, status: &'static str, now: Timestamp) {
        self.status = status;
        self.touch(now);
        if status == "COMPLETED" {
            self.captured = Some(now);
        }
    }

    pub(super) fn touch(&mut self, now: Timestamp) {
        self.updated = now;
        self.version = self.version.saturating_add(1);
    }

    /// Why something can't be done in this state.
    pub(super) fn unexpected(&self, verb: &str) -> Problem {
        let code = match self.status {
            "COMPLETED" => "DELAYED_TRANSACTION_CAPTURED",
            "CANCELED" => "DELAYED_TRANSACTION_CANCELED",
            "FAILED" => "DELAYED_TRANSACTION_FAILED",
            _ => "BAD_REQUEST",
        };
        Problem::invalid(code, format!("Payment {} cannot be {verb}: its status is {}", self.id, self.status))
    }

    fn card_details(&self) -> Value {
        let status = match self.status {
            "APPROVED" => "AUTHORIZED",
            "COMPLETED" => "CAPTURED",
            "CANCELED" => "VOIDED",
            _ => "FAILED",
        };
        let mut details = json!({
            "status": status,
            "card": {
                "card_brand": "VISA", "last_4": "1111", "exp_month": 11, "exp_year": 2030,
                "card_type": "CREDIT", "prepaid_type": "NOT_PREPAID",
            },
            "entry_method": "KEYED",
            "cvv_status": "CVV_ACCEPTED",
            "avs_status": "AVS_ACCEPTED",
        });
        if let Some(fields) = details.as_object_mut() {
            if let Some(problem) = &self.error {
                fields.insert("errors".to_owned(), json!([problem.error()]));
            } else {
                let mut timeline = json!({ "authorized_at": time(self.created) });
                if let (Some(fields), Some(at)) = (timeline.as_object_mut(), self.captured) {
                    fields.insert("captured_at".to_owned(), time(at).into());
                }
                fields.insert("card_payment_timeline".to_owned(), timeline);
            }
        }
        details
    }

    /// As Square writes it: what is not there is left out.
    pub(super) fn json(&self) -> Value {
        let is_card = !self.source.starts_with("bnon:");
        let mut payment = json!({
            "id": self.id,
            "created_at": time(self.created),
            "updated_at": time(self.updated),
            "amount_money": money(self.amount, &self.currency),
            "total_money": money(self.amount, &self.currency),
            "approved_money": money(self.approved, &self.currency),
            "status": self.status,
            "delay_duration": "PT168H",
            "delay_action": "CANCEL",
            "delayed_until": time(self.delayed_until),
            "source_type": if is_card { "CARD" } else { "BANK_ACCOUNT" },
            "location_id": self.location_id,
            "order_id": format!("{}order", self.id),
            "version_token": self.version_token(),
        });
        let Some(fields) = payment.as_object_mut() else { return payment };
        let mut put = |name: &str, value: Value| {
            fields.insert(name.to_owned(), value);
        };
        if is_card {
            put("card_details", self.card_details());
        } else if let Some(problem) = &self.error {
            put("bank_account_details", json!({ "transfer_type": "ACH", "errors": [problem.error()] }));
        }
        if let Some(text) = &self.reference_id {
            put("reference_id", text.clone().into());
        }
        if let Some(text) = &self.note {
            put("note", text.clone().into());
        }
        if !self.refund_ids.is_empty() {
            put("refund_ids", self.refund_ids.clone().into());
            put("refunded_money", money(self.refunded, &self.currency));
        }
        if self.is_held() && self.can_be_changed() {
            put(
                "capabilities",
                json!(["EDIT_AMOUNT_UP", "EDIT_AMOUNT_DOWN", "EDIT_TIP_AMOUNT_UP", "EDIT_DELAY_ACTION"]),
            );
        }
        payment
    }
}

impl Refund {
    /// As Square writes it.
    pub(super) fn json(&self) -> Value {
        let mut refund = json!({
            "id": self.id,
            "status": self.status,
            "amount_money": money(self.amount.units, &self.amount.currency),
            "payment_id": self.payment_id,
            "location_id": self.location_id,
            "created_at": time(self.created),
            "updated_at": time(self.updated),
        });
        if let (Some(fields), Some(reason)) = (refund.as_object_mut(), &self.reason) {
            fields.insert("reason".to_owned(), reason.clone().into());
        }
        refund
    }
}
