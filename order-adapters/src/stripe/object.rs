//! Stripe's objects, as far as they are read. Fields that nobody needs are not named, so that new ones harm nothing.

use std::collections::BTreeMap;
use std::fmt;

use order_core::payment::PaymentAction;
use serde::Deserialize;

/// A `PaymentIntent`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Intent {
    pub(super) id: String,
    pub(super) status: String,
    pub(super) amount: i64,
    #[serde(default)]
    pub(super) amount_received: i64,
    #[serde(default)]
    pub(super) amount_capturable: i64,
    pub(super) currency: String,
    #[serde(default)]
    pub(super) client_secret: Option<ClientSecret>,
    #[serde(default)]
    pub(super) last_payment_error: Option<Problem>,
    #[serde(default)]
    pub(super) next_action: Option<NextAction>,
    #[serde(default)]
    pub(super) capture_method: Option<String>,
    #[serde(default)]
    pub(super) latest_charge: Option<String>,
    #[serde(default)]
    pub(super) cancellation_reason: Option<String>,
    #[serde(default)]
    pub(super) metadata: BTreeMap<String, String>,
}

/// With what the customer pays in Stripe's form. Whoever has it may act in their place, so `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(super) struct ClientSecret(String);

impl ClientSecret {
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// What the customer has to do.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct NextAction {
    #[serde(default)]
    pub(super) redirect_to_url: Option<Redirect>,
}

/// A page the customer has to visit. What it is asked with may be the secret, so `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Redirect {
    #[serde(default)]
    pub(super) url: Option<String>,
}

impl fmt::Debug for Redirect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let action = self.url.clone().map(|url| PaymentAction::Redirect { url });
        action.fmt(f)
    }
}

/// A `Refund`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Refund {
    pub(super) id: String,
    pub(super) amount: i64,
    pub(super) currency: String,
    #[serde(default)]
    pub(super) status: Option<String>,
    #[serde(default)]
    pub(super) failure_reason: Option<String>,
    /// What it did to the account's balance. Nothing, when it released what was never captured.
    #[serde(default)]
    pub(super) balance_transaction: Option<String>,
    #[serde(default)]
    pub(super) metadata: Option<BTreeMap<String, String>>,
}

/// A `Charge`: one attempt to pay an intent. All but the latest have failed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Charge {
    pub(super) status: String,
    pub(super) amount: i64,
    /// Whether it was ever disputed.
    #[serde(default)]
    pub(super) disputed: bool,
}

/// A `Dispute`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Dispute {
    pub(super) id: String,
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) status: String,
    #[serde(default)]
    pub(super) reason: Option<String>,
    pub(super) created: i64,
}

/// What stands in a list: the next page begins behind its id.
pub(super) trait Listed {
    fn id(&self) -> &str;
}

impl Listed for Intent {
    fn id(&self) -> &str {
        &self.id
    }
}

impl Listed for Refund {
    fn id(&self) -> &str {
        &self.id
    }
}

impl Listed for Dispute {
    fn id(&self) -> &str {
        &self.id
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Page<T> {
    pub(super) data: Vec<T>,
    pub(super) has_more: bool,
}

/// The body of every answer that is no success.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Failure {
    pub(super) error: Problem,
}

/// Why Stripe refused something.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Problem {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) code: Option<String>,
    #[serde(default)]
    pub(super) decline_code: Option<String>,
    #[serde(default)]
    pub(super) message: Option<String>,
}
