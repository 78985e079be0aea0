use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::problem::Problem;

/// What a payment method does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behaviour {
    Approve,
    Decline { code: &'static str, decline_code: Option<&'static str>, message: &'static str },
    Authenticate,
    Process,
    PendRefunds,
}

impl Behaviour {
    /// Stripe's test payment methods (docs.stripe.com/testing), and one of ours.
    pub(super) fn of(method: &str) -> Result<Self, Problem> {
        let declined = |decline_code, message| Self::Decline {
            code: "card_declined",
            decline_code: Some(decline_code),
            message,
        };
        Ok(match method {
            "pm_card_visa" | "pm_card_mastercard" => Self::Approve,
            "pm_card_chargeDeclined" | "pm_card_visa_chargeDeclined" => {
                declined("generic_decline", "Your card was declined.")
            }
            "pm_card_chargeDeclinedInsufficientFunds" | "pm_card_visa_chargeDeclinedInsufficientFunds" => {
                declined("insufficient_funds", "Your card has insufficient funds.")
            }
            "pm_card_chargeDeclinedExpiredCard" | "pm_card_visa_chargeDeclinedExpiredCard" => {
                Self::Decline { code: "expired_card", decline_code: None, message: "Your card has expired." }
            }
            "pm_card_authenticationRequired" | "pm_card_threeDSecure2Required" => Self::Authenticate,
            "pm_card_pendingRefund" => Self::PendRefunds,
            "pm_fake_processing" => Self::Process,
            _ => return Err(Problem::missing("PaymentMethod", method).param("payment_method")),
        })
    }
}

/// A `PaymentIntent`.
#[derive(Debug, Clone)]
pub(super) struct Intent {
    pub(super) id: String,
    pub(super) created: i64,
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) is_manual: bool,
    pub(super) status: &'static str,
    pub(super) method: Option<String>,
    /// Whether it was made without a payment method: the customer chooses one in Stripe's form.
    pub(super) by_form: bool,
    pub(super) method_types: Vec<String>,
    pub(super) has_automatic_methods: bool,
    pub(super) description: Option<String>,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) return_url: Option<String>,
    pub(super) authorised: i64,
    pub(super) authorised_at: i64,
    pub(super) capturable: i64,
    pub(super) received: i64,
    pub(super) refunded: i64,
    pub(super) error: Option<Value>,
    pub(super) canceled_at: Option<i64>,
    pub(super) cancellation_reason: Option<String>,
}

impl Intent {
    pub(super) fn client_secret(&self) -> String {
        format!("{}_secret_{}", self.id, self.created)
    }

    /// Whether it was ever tried to take the money.
    pub(super) fn has_charge(&self) -> bool {
        self.authorised > 0 || self.error.is_some()
    }

    pub(super) fn charge_id(&self) -> String {
        self.id.replacen("pi_", "ch_", 1)
    }

    /// Whether its customer may pay it in Stripe's form now. After a refusal they may try again there.
    pub(super) fn waits_in_form(&self) -> bool {
        self.by_form && self.status == "requires_payment_method"
    }

    /// The money is taken, or set aside.
    pub(super) fn authorise(&mut self, now: i64) {
        self.authorised = self.amount;
        self.authorised_at = now;
        self.error = None;
        if self.is_manual {
            self.status = "requires_capture";
            self.capturable = self.amount;
        } else {
            self.status = "succeeded";
            self.received = self.amount;
        }
    }

    /// The customer or the bank refuses: another payment method may be tried.
    pub(super) fn refuse(&mut self, problem: &Problem) {
        self.status = "requires_payment_method";
        self.method = None;
        self.error = Some(problem.remembered());
    }

    pub(super) fn cancel(&mut self, reason: &str, now: i64) {
        self.status = "canceled";
        self.capturable = 0;
        self.canceled_at = Some(now);
        self.cancellation_reason = Some(reason.to_owned());
    }

    pub(super) fn unexpected(&self, verb: &str) -> Problem {
        let status = self.status;
        let message = format!("You cannot {verb} this PaymentIntent because it has a status of {status}.");
        Problem::state("payment_intent_unexpected_state", message)
    }

    fn next_action(&self, base: &str) -> Value {
        if self.status != "requires_action" {
            return Value::Null;
        }
        let Some(return_url) = &self.return_url else {
            return json!({ "type": "use_stripe_sdk", "use_stripe_sdk": {} });
        };
        let url = format!("{base}/fake/3ds/{}", self.id);
        json!({ "type": "redirect_to_url", "redirect_to_url": { "url": url, "return_url": return_url } })
    }

    /// As Stripe writes it.
    pub(super) fn json(&self, base: &str) -> Value {
        let automatic = if self.has_automatic_methods { json!({ "enabled": true }) } else { Value::Null };
        let charge = if self.has_charge() { json!(self.charge_id()) } else { Value::Null };
        json!({
            "id": self.id,
            "object": "payment_intent",
            "amount": self.amount,
            "amount_capturable": self.capturable,
            "amount_details": { "tip": {} },
            "amount_received": self.received,
            "application": null,
            "application_fee_amount": null,
            "automatic_payment_methods": automatic,
            "canceled_at": self.canceled_at,
            "cancellation_reason": self.cancellation_reason,
            "capture_method": if self.is_manual { "manual" } else { "automatic" },
            "client_secret": self.client_secret(),
            "confirmation_method": "automatic",
            "created": self.created,
            "currency": self.currency,
            "customer": null,
            "description": self.description,
            "last_payment_error": self.error,
            "latest_charge": charge,
            "livemode": false,
            "metadata": self.metadata,
            "next_action": self.next_action(base),
            "on_behalf_of": null,
            "payment_method": self.method,
            "payment_method_options": null,
            "payment_method_types": self.method_types,
            "processing": null,
            "receipt_email": null,
            "review": null,
            "setup_future_usage": null,
            "shipping": null,
            "statement_descriptor": null,
            "statement_descriptor_suffix": null,
            "status": self.status,
            "transfer_data": null,
            "transfer_group": null,
        })
    }
}

/// A `Refund`.
#[derive(Debug, Clone)]
pub(super) struct Refund {
    pub(super) id: String,
    pub(super) intent: String,
    pub(super) charge: String,
    pub(super) created: i64,
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) reason: Option<String>,
    pub(super) status: &'static str,
    pub(super) failure_reason: Option<&'static str>,
    /// Whether it only released what was never captured: the balance is as it was.
    pub(super) is_release: bool,
    pub(super) metadata: BTreeMap<String, String>,
}

impl Refund {
    /// As Stripe writes it.
    pub(super) fn json(&self) -> Value {
        let balance = (!self.is_release).then(|| self.id.replacen("re_", "txn_", 1));
        let mut refund = json!({
            "id": self.id,
            "object": "refund",
            "amount": self.amount,
            "balance_transaction": balance,
            "charge": self.charge,
            "created": self.created,
            "currency": self.currency,
            "metadata": self.metadata,
            "payment_intent": self.intent,
            "reason": self.reason,
            "receipt_number": null,
            "source_transfer_reversal": null,
            "status": self.status,
            "transfer_reversal": null,
        });
        if let (Some(fields), Some(reason)) = (refund.as_object_mut(), self.failure_reason) {
            fields.insert("failure_reason".to_owned(), reason.into());
        }
        refund
    }
}
