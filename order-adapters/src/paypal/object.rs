//! PayPal's objects, as far as they are read. Fields that nobody needs are not named, so that new ones harm nothing.

use serde::Deserialize;

/// An order.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Order {
    pub(super) id: String,
    pub(super) status: String,
    #[serde(default)]
    pub(super) intent: Option<String>,
    #[serde(default)]
    pub(super) purchase_units: Vec<Unit>,
    #[serde(default)]
    pub(super) links: Vec<HateoasLink>,
}

/// A purchase unit. Our orders have one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub(super) struct Unit {
    #[serde(default)]
    pub(super) custom_id: Option<String>,
    #[serde(default)]
    pub(super) description: Option<String>,
    #[serde(default)]
    pub(super) amount: Option<Amount>,
    #[serde(default)]
    pub(super) payments: Payments,
}

/// What was done with a purchase unit.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub(super) struct Payments {
    #[serde(default)]
    pub(super) authorizations: Vec<Authorization>,
    #[serde(default)]
    pub(super) captures: Vec<Capture>,
    #[serde(default)]
    pub(super) refunds: Vec<Refund>,
}

/// An amount.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Amount {
    pub(super) currency_code: String,
    pub(super) value: String,
}

/// Money that is set aside.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Authorization {
    pub(super) id: String,
    pub(super) status: String,
    #[serde(default)]
    pub(super) amount: Option<Amount>,
    #[serde(default)]
    pub(super) expiration_time: Option<String>,
    #[serde(default)]
    pub(super) update_time: Option<String>,
    #[serde(default)]
    pub(super) processor_response: Option<ProcessorResponse>,
    #[serde(default)]
    pub(super) supplementary_data: Option<SupplementaryData>,
}

/// Money that was taken, or was meant to be.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Capture {
    pub(super) id: String,
    pub(super) status: String,
    #[serde(default)]
    pub(super) amount: Option<Amount>,
    #[serde(default)]
    pub(super) invoice_id: Option<String>,
    #[serde(default)]
    pub(super) processor_response: Option<ProcessorResponse>,
    #[serde(default)]
    pub(super) supplementary_data: Option<SupplementaryData>,
}

/// What the card's bank has said.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct ProcessorResponse {
    #[serde(default)]
    pub(super) response_code: Option<String>,
}

/// What else belongs to a payment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct SupplementaryData {
    #[serde(default)]
    pub(super) related_ids: Option<RelatedIds>,
}

/// To which order a payment belongs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct RelatedIds {
    #[serde(default)]
    pub(super) order_id: Option<String>,
}

/// Money that goes back.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Refund {
    pub(super) id: String,
    pub(super) status: String,
    #[serde(default)]
    pub(super) amount: Option<Amount>,
    #[serde(default)]
    pub(super) custom_id: Option<String>,
    #[serde(default)]
    pub(super) links: Vec<HateoasLink>,
}

/// Where to go from an object.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct HateoasLink {
    pub(super) href: String,
    pub(super) rel: String,
}

/// The body of every answer that is no success.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Problem {
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) message: Option<String>,
    #[serde(default)]
    pub(super) details: Vec<Detail>,
    #[serde(default)]
    pub(super) links: Vec<HateoasLink>,
}

/// One reason of a refusal.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Detail {
    #[serde(default)]
    pub(super) issue: String,
    #[serde(default)]
    pub(super) description: Option<String>,
}

/// A page of the transaction search.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct TransactionPage {
    #[serde(default)]
    pub(super) transaction_details: Vec<TransactionDetail>,
    #[serde(default)]
    pub(super) total_pages: u32,
}

/// One entry of the transaction search.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct TransactionDetail {
    pub(super) transaction_info: Transaction,
}

/// A transaction.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Transaction {
    #[serde(rename = "transaction_id")]
    pub(super) id: String,
    #[serde(default, rename = "transaction_event_code")]
    pub(super) event_code: String,
    #[serde(rename = "transaction_initiation_date")]
    pub(super) initiation_date: String,
    #[serde(default, rename = "transaction_amount")]
    pub(super) amount: Option<Amount>,
    #[serde(default, rename = "transaction_status")]
    pub(super) status: Option<String>,
    #[serde(default)]
    pub(super) custom_field: Option<String>,
}

/// A page of the list of disputes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub(super) struct DisputePage {
    #[serde(default)]
    pub(super) items: Vec<Dispute>,
    #[serde(default)]
    pub(super) links: Vec<HateoasLink>,
}

/// A dispute. In a list it has neither its transactions nor its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Dispute {
    #[serde(rename = "dispute_id")]
    pub(super) id: String,
    pub(super) status: String,
    #[serde(default)]
    pub(super) reason: Option<String>,
    #[serde(default, rename = "dispute_amount")]
    pub(super) amount: Option<Amount>,
    #[serde(default)]
    pub(super) create_time: Option<String>,
    #[serde(default)]
    pub(super) update_time: Option<String>,
    #[serde(default, rename = "dispute_outcome")]
    pub(super) outcome: Option<Outcome>,
    #[serde(default, rename = "disputed_transactions")]
    pub(super) transactions: Vec<DisputedTransaction>,
}

/// How a dispute has ended.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Outcome {
    #[serde(default, rename = "outcome_code")]
    pub(super) code: Option<String>,
    #[serde(default)]
    pub(super) amount_refunded: Option<Amount>,
}

/// What a dispute is about: a capture, by the seller's id of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct DisputedTransaction {
    #[serde(default, rename = "seller_transaction_id")]
    pub(super) id: Option<String>,
    /// Our name for the order.
    #[serde(default)]
    pub(super) custom: Option<String>,
}

impl Order {
    /// What was bought: our orders have one purchase unit.
    pub(super) fn unit(&self) -> Option<&Unit> {
        self.purchase_units.first()
    }

    pub(super) fn authorizations(&self) -> &[Authorization] {
        self.unit().map_or(&[], |unit| &unit.payments.authorizations)
    }

    pub(super) fn captures(&self) -> &[Capture] {
        self.unit().map_or(&[], |unit| &unit.payments.captures)
    }

    pub(super) fn refunds(&self) -> &[Refund] {
        self.unit().map_or(&[], |unit| &unit.payments.refunds)
    }

    /// Where the customer agrees.
    pub(super) fn approval_page(&self) -> Option<&str> {
        let link = |rel: &str| self.links.iter().find(|link| link.rel == rel).map(|link| link.href.as_str());
        link("payer-action").or_else(|| link("approve"))
    }
}

impl Capture {
    /// Whether the money is or was here.
    pub(super) fn is_taken(&self) -> bool {
        matches!(self.status.as_str(), "COMPLETED" | "PARTIALLY_REFUNDED" | "REFUNDED")
    }

    /// Whether a customer may dispute it: what was never taken nobody disputes.
    pub(super) fn may_be_disputed(&self) -> bool {
        !matches!(self.status.as_str(), "PENDING" | "DECLINED" | "FAILED")
    }

    pub(super) fn order_id(&self) -> Option<&str> {
        self.supplementary_data.as_ref()?.related_ids.as_ref()?.order_id.as_deref()
    }
}

impl Authorization {
    pub(super) fn order_id(&self) -> Option<&str> {
        self.supplementary_data.as_ref()?.related_ids.as_ref()?.order_id.as_deref()
    }
}

impl Refund {
    /// Whether the money does not go back.
    pub(super) fn has_failed(&self) -> bool {
        matches!(self.status.as_str(), "FAILED" | "CANCELLED")
    }

    /// The capture it is of: the last segment of the link upwards.
    pub(super) fn capture_id(&self) -> Option<&str> {
        let up = self.links.iter().find(|link| link.rel == "up")?;
        up.href.rsplit('/').next()
    }
}

impl Problem {
    /// Whether PayPal names an issue.
    pub(super) fn is(&self, issue: &str) -> bool {
        self.details.iter().any(|detail| detail.issue == issue)
    }

    /// Whether the same request, or another one about the same thing, is being carried out or was: nothing is decided by this.
    pub(super) fn is_busy(&self) -> bool {
        const ISSUES: [&str; 5] = [
            "PREVIOUS_REQUEST_IN_PROGRESS",
            "RESOURCE_CONFLICT",
            "DUPLICATE_REQUEST_ID",
            "ORDER_COMPLETION_IN_PROGRESS",
            "ORDER_IS_PENDING_APPROVAL",
        ];
        ISSUES.iter().any(|issue| self.is(issue) || self.name == *issue)
    }
}
