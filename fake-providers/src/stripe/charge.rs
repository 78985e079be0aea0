use serde_json::{Value, json};

use super::books::Books;
use super::intent::Intent;

/// A `Dispute`.
#[derive(Debug, Clone)]
pub(super) struct Dispute {
    pub(super) id: String,
    pub(super) intent: String,
    pub(super) charge: String,
    pub(super) created: i64,
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) status: &'static str,
}

impl Dispute {
    /// As Stripe writes it.
    pub(super) fn json(&self) -> Value {
        json!({
            "id": self.id,
            "object": "dispute",
            "amount": self.amount,
            "balance_transactions": [],
            "charge": self.charge,
            "created": self.created,
            "currency": self.currency,
            "evidence": {},
            "evidence_details": { "due_by": null, "has_evidence": false, "past_due": false, "submission_count": 0 },
            "is_charge_refundable": false,
            "livemode": false,
            "metadata": {},
            "payment_intent": self.intent,
            "reason": "fraudulent",
            "status": self.status,
        })
    }

    /// Whether the bank has the money, or will have.
    pub(super) fn holds_money(&self) -> bool {
        self.status != "won"
    }
}

/// The `Charge` of an intent, as Stripe writes it. It is made from the intent: there is one of each.
pub(super) fn json(books: &Books, intent: &Intent) -> Value {
    let has_succeeded = intent.authorised > 0;
    let is_captured = intent.received > 0;
    let released = if intent.status == "canceled" || is_captured {
        intent.authorised.saturating_sub(intent.received)
    } else {
        0
    };
    let back = intent.refunded.saturating_add(released);
    json!({
        "id": intent.charge_id(),
        "object": "charge",
        "amount": if has_succeeded { intent.authorised } else { intent.amount },
        "amount_captured": intent.received,
        "amount_refunded": back,
        "application": null,
        "application_fee": null,
        "application_fee_amount": null,
        "balance_transaction": null,
        "billing_details": { "address": null, "email": null, "name": null, "phone": null },
        "captured": is_captured,
        "created": intent.created,
        "currency": intent.currency,
        "customer": null,
        "description": intent.description,
        "disputed": books.disputes.values().any(|dispute| dispute.intent == intent.id),
        "failure_code": null,
        "failure_message": null,
        "fraud_details": {},
        "livemode": false,
        "metadata": intent.metadata,
        "outcome": null,
        "paid": has_succeeded,
        "payment_intent": intent.id,
        "payment_method": intent.method,
        "payment_method_details": null,
        "receipt_email": null,
        "receipt_number": null,
        "receipt_url": null,
        "refunded": has_succeeded && back >= intent.authorised,
        "review": null,
        "shipping": null,
        "statement_descriptor": null,
        "statement_descriptor_suffix": null,
        "status": if has_succeeded { "succeeded" } else { "failed" },
        "transfer_data": null,
        "transfer_group": null,
    })
}
