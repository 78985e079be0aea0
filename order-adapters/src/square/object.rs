//! Square's objects, as far as they are read. Fields that nobody needs are not named, so that new ones harm nothing.

use order_core::time::Timestamp;
use serde::Deserialize;

/// A `Payment`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Payment {
    pub(super) id: String,
    pub(super) status: String,
    #[serde(default)]
    pub(super) amount_money: Option<Amount>,
    #[serde(default)]
    pub(super) total_money: Option<Amount>,
    #[serde(default)]
    pub(super) approved_money: Option<Amount>,
    #[serde(default)]
    pub(super) reference_id: Option<String>,
    #[serde(default)]
    pub(super) created_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) updated_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) delayed_until: Option<Timestamp>,
    #[serde(default)]
    pub(super) refund_ids: Vec<String>,
    #[serde(default)]
    pub(super) capabilities: Vec<String>,
    #[serde(default)]
    pub(super) version_token: Option<String>,
    #[serde(default)]
    pub(super) card_details: Option<Details>,
    #[serde(default)]
    pub(super) bank_account_details: Option<Details>,
}

/// What the card's issuer, or the bank, said.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Details {
    #[serde(default)]
    pub(super) errors: Option<Vec<Problem>>,
}

/// A `Money`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Amount {
    pub(super) amount: i64,
    pub(super) currency: String,
}

/// A `PaymentRefund`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Refund {
    pub(super) id: String,
    #[serde(default)]
    pub(super) status: Option<String>,
    pub(super) amount_money: Amount,
    #[serde(default)]
    pub(super) payment_id: Option<String>,
    #[serde(default)]
    pub(super) reason: Option<String>,
}

/// A `Dispute`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Dispute {
    pub(super) id: String,
    #[serde(default)]
    pub(super) state: Option<String>,
    #[serde(default)]
    pub(super) reason: Option<String>,
    #[serde(default)]
    pub(super) amount_money: Option<Amount>,
    #[serde(default)]
    pub(super) disputed_payment: Option<DisputedPayment>,
    #[serde(default)]
    pub(super) created_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) updated_at: Option<Timestamp>,
}

/// What a dispute is about.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct DisputedPayment {
    #[serde(default)]
    pub(super) payment_id: Option<String>,
}

/// The body of an answer about one payment.
#[derive(Debug, Deserialize)]
pub(super) struct PaymentReply {
    pub(super) payment: Payment,
}

/// The body of an answer about one refund.
#[derive(Debug, Deserialize)]
pub(super) struct RefundReply {
    pub(super) refund: Refund,
}

/// A page of payments. An empty one is no list at all.
#[derive(Debug, Deserialize)]
pub(super) struct PaymentPage {
    #[serde(default)]
    pub(super) payments: Vec<Payment>,
    #[serde(default)]
    pub(super) cursor: Option<String>,
}

/// A page of disputes. An empty one is no list at all.
#[derive(Debug, Deserialize)]
pub(super) struct DisputePage {
    #[serde(default)]
    pub(super) disputes: Vec<Dispute>,
    #[serde(default)]
    pub(super) cursor: Option<String>,
}

/// The body of every answer that is no success.
#[derive(Debug, Deserialize)]
pub(super) struct Failure {
    pub(super) errors: Vec<Problem>,
}

/// Why Square refused something.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Problem {
    pub(super) category: String,
    pub(super) code: String,
    #[serde(default)]
    pub(super) detail: Option<String>,
}
