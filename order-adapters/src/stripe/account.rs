//! What Stripe has of one intent, as a report: a pure function.

use order_core::payment::{
    Answer, DisputeStatus, PaymentReport, RefundStatus, Release, ReportedDispute, ReportedRefund,
};
use order_core::time::Timestamp;

use super::object::{Charge, Dispute, Intent, Refund};
use super::reading;
use super::request::{OPERATION, PAYMENT};

/// An intent with everything that belongs to it.
#[derive(Debug, Clone)]
pub(super) struct Account {
    pub(super) intent: Intent,
    /// The latest charge: the one that succeeded, if one has.
    pub(super) charge: Option<Charge>,
    /// Every refund.
    pub(super) refunds: Vec<Refund>,
    /// Every dispute.
    pub(super) disputes: Vec<Dispute>,
}

impl Account {
    /// The report. `None`, where an amount is none that Stripe could have been told.
    pub(super) fn report(&self) -> Option<PaymentReport> {
        let intent = &self.intent;
        let money = |units| reading::money(units, &intent.currency);
        let mut report = PaymentReport::new(money(0)?.currency());
        report.payment_id = intent.metadata.get(PAYMENT).and_then(|id| id.parse().ok());
        report.reference = reading::reference(&intent.id);
        report.authorised = money(self.authorised())?;
        report.captured = money(intent.amount_received)?;
        report.released = self.released();
        report.first = if report.authorised.is_positive() { None } else { first(intent) };
        report.refunds = self.refunds()?;
        report.disputes = self.disputes.iter().map(dispute).collect::<Option<_>>()?;
        report.disputes.sort_by(|one, other| one.reference.cmp(&other.reference));
        Some(report)
    }

    fn is_manual(&self) -> bool {
        self.intent.capture_method.as_deref() == Some("manual")
    }

    /// How much was set aside, what was captured of it included.
    fn authorised(&self) -> i64 {
        let intent = &self.intent;
        match intent.status.as_str() {
            "requires_capture" => intent.amount_capturable.saturating_add(intent.amount_received),
            "succeeded" if self.is_manual() => intent.amount.max(intent.amount_received),
            "succeeded" => intent.amount_received,
            // Whether it was ever set aside, only the charge tells: a refused one is there as well.
            "canceled" => {
                let charge = self.charge.as_ref().filter(|charge| charge.status == "succeeded");
                charge.map_or(0, |charge| charge.amount)
            }
            _ => 0,
        }
    }

    fn released(&self) -> Option<Release> {
        let intent = &self.intent;
        let has_rest = self.authorised() > intent.amount_received;
        match (intent.status.as_str(), intent.cancellation_reason.as_deref()) {
            ("canceled", Some("automatic" | "expired")) if has_rest => Some(Release::Expired),
            ("canceled" | "succeeded", _) if has_rest => Some(Release::Voided),
            _ => None,
        }
    }

    fn refunds(&self) -> Option<Vec<ReportedRefund>> {
        let released = self.refunds.iter().position(|refund| self.is_release(refund));
        let refunds = self.refunds.iter().enumerate().filter(|(place, _)| Some(*place) != released);
        let mut refunds: Vec<ReportedRefund> = refunds.map(|(_, one)| refund(one)).collect::<Option<_>>()?;
        refunds.sort_by(|one, other| one.reference.cmp(&other.reference));
        Some(refunds)
    }

    /// Whether a refund stands for the rest of an authorisation that was released with its capture: it is of that amount, has moved
    /// no balance, and we have not asked for it.
    fn is_release(&self, refund: &Refund) -> bool {
        let rest = self.intent.amount.saturating_sub(self.intent.amount_received);
        self.is_manual()
            && refund.amount == rest
            && refund.balance_transaction.is_none()
            && refund.status.as_deref() == Some("succeeded")
            && refund.metadata.as_ref().is_none_or(|metadata| !metadata.contains_key(OPERATION))
    }
}

/// What is said of a payment that has brought nothing. While the customer chooses in Stripe's form, or the bank thinks, nothing is.
fn first(intent: &Intent) -> Option<Answer> {
    match intent.status.as_str() {
        "requires_action" => Some(reading::action(intent)).filter(|answer| *answer != Answer::Unknown),
        "canceled" => Some(Answer::Declined(reading::canceled(intent))),
        _ => None,
    }
}

fn refund(refund: &Refund) -> Option<ReportedRefund> {
    let operation = refund.metadata.as_ref().and_then(|metadata| metadata.get(OPERATION));
    Some(ReportedRefund {
        reference: reading::reference(&refund.id)?,
        operation_id: operation.and_then(|id| id.parse().ok()),
        amount: reading::money(refund.amount, &refund.currency)?,
        status: match refund.status.as_deref() {
            Some("succeeded") => RefundStatus::Succeeded,
            Some("failed" | "canceled") => RefundStatus::Failed,
            // `pending`, `requires_action`, and whatever Stripe may think of.
            Some(_) | None => RefundStatus::Pending,
        },
    })
}

fn dispute(dispute: &Dispute) -> Option<ReportedDispute> {
    Some(ReportedDispute {
        reference: reading::reference(&dispute.id)?,
        amount: reading::money(dispute.amount, &dispute.currency)?,
        status: match dispute.status.as_str() {
            "won" | "warning_closed" => DisputeStatus::Won,
            "lost" | "charge_refunded" => DisputeStatus::Lost,
            _ => DisputeStatus::Open,
        },
        reason: dispute.reason.clone(),
        opened_at: Timestamp::from_timestamp(dispute.created, 0),
        changed_at: None,
    })
}
