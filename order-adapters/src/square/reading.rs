//! What Square's objects mean: pure functions, from what Square says to an answer.

use order_core::gateway::Instruction;
use order_core::id::ProviderReference;
use order_core::money::{Currency, Money};
use order_core::payment::{
    Answer, Decline, OperationKind, PaymentReport, ProviderToken, RefundStatus, Release, ReportedRefund,
};

use super::currency::AMOUNTS;
use super::object::{Amount, Payment, Problem, Refund};
use super::request;
use crate::provider::NotExpressible;

/// What a payment says about an instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reading {
    /// This.
    Answer(Answer),
    /// Nothing: it waits for us to carry the instruction out.
    Ready,
    /// It was captured. Whether by this capture, the payment does not say.
    Taken,
}

/// Reads a payment for an instruction of any kind but a refund, which has an object of its own.
pub(super) fn payment(payment: &Payment, instruction: &Instruction) -> Reading {
    match instruction.kind {
        OperationKind::Charge | OperationKind::Authorise => Reading::Answer(first(payment, instruction)),
        OperationKind::Capture => capture(payment),
        OperationKind::Void => void(payment),
        OperationKind::Refund => Reading::Answer(Answer::Unknown),
    }
}

fn first(payment: &Payment, instruction: &Instruction) -> Answer {
    let is_charge = instruction.kind == OperationKind::Charge;
    match payment.status.as_str() {
        "COMPLETED" if is_charge => succeeded(payment, captured(payment)),
        "COMPLETED" | "APPROVED" if !is_charge => succeeded(payment, approved(payment)),
        "CANCELED" => refused("canceled", "the payment was given up, or has run out"),
        "FAILED" => Answer::Declined(failed(payment)),
        // `PENDING`, a charge that is approved and not completed yet, and whatever Square may think of.
        _ => Answer::Unknown,
    }
}

fn capture(payment: &Payment) -> Reading {
    Reading::Answer(match payment.status.as_str() {
        "APPROVED" => return Reading::Ready,
        "COMPLETED" => return Reading::Taken,
        "CANCELED" => refused("already_voided", "the authorisation was given up, or has run out"),
        "FAILED" => refused("not_authorised", "nothing is set aside"),
        _ => Answer::Unknown,
    })
}

/// What a capture has left over is released already, so that after a capture of a part there is nothing left to give up.
fn void(payment: &Payment) -> Reading {
    let left = || approved(payment)?.minus(captured(payment)?).ok().filter(|left| left.is_positive());
    Reading::Answer(match payment.status.as_str() {
        "APPROVED" => return Reading::Ready,
        "CANCELED" => succeeded(payment, approved(payment)),
        "COMPLETED" => match left() {
            Some(left) => succeeded(payment, Some(left)),
            None => refused("already_captured", "the money was taken"),
        },
        "FAILED" => refused("not_authorised", "nothing is set aside"),
        _ => Answer::Unknown,
    })
}

/// The answer to a capture that took the money of a payment. What it leaves over Square releases.
pub(super) fn taken(payment: &Payment) -> Answer {
    match (captured(payment), approved(payment)) {
        (Some(amount), Some(approved)) if amount.minor() < approved.minor() => {
            Answer::FinalCapture { amount, reference: reference(&payment.id) }
        }
        (amount, _) => succeeded(payment, amount),
    }
}

/// Reads a refund.
pub(super) fn refund(refund: &Refund) -> Answer {
    match (refund.status.as_deref(), money(&refund.amount_money)) {
        (Some("COMPLETED"), Some(amount)) => Answer::Succeeded { amount, reference: reference(&refund.id) },
        (Some("REJECTED"), _) => refused("refund_rejected", "Square has rejected the refund"),
        (Some("FAILED"), _) => refused("refund_failed", "the refund did not go through"),
        // `PENDING`, and whatever Square may think of.
        _ => Answer::Unknown,
    }
}

/// The source that a token names.
///
/// # Errors
/// A refusal without one, or with one by which Square would note a payment down without taking any money.
pub(super) fn source(token: Option<&ProviderToken>) -> Result<&str, Answer> {
    let source = token.map(ProviderToken::reveal).map(str::trim).unwrap_or_default();
    match source.to_ascii_uppercase().as_str() {
        "" => Err(refused("token_required", "Square needs a token of its payment form")),
        "CASH" | "EXTERNAL" => Err(refused("token_not_allowed", "this token moves no money")),
        _ => Ok(source),
    }
}

/// Why Square refused something.
pub(super) fn decline(problem: &Problem) -> Decline {
    let code = problem.code.to_ascii_lowercase();
    let message = problem.detail.clone().unwrap_or_else(|| code.replace('_', " "));
    Decline::new(code, message)
}

/// Why an amount can't be sent.
pub(super) fn not_expressible(problem: NotExpressible) -> Answer {
    match problem {
        NotExpressible::Currency => refused("currency_not_supported", "Square does not take this currency"),
        NotExpressible::Precision => refused(
            "amount_not_representable",
            "Square's unit of this currency is larger than the amount's last digit",
        ),
        NotExpressible::Range => refused("amount_too_large", "the amount is too large for Square"),
    }
}

/// A refusal.
pub(super) fn refused(code: &str, message: &str) -> Answer {
    Answer::Declined(Decline::new(code, message))
}

fn failed(payment: &Payment) -> Decline {
    let details = payment.card_details.as_ref().or(payment.bank_account_details.as_ref());
    match details.and_then(|details| details.errors.as_ref()?.first()) {
        Some(problem) => decline(problem),
        None => Decline::new("failed", "the payment failed"),
    }
}

fn succeeded(payment: &Payment, amount: Option<Money>) -> Answer {
    match amount {
        Some(amount) => Answer::Succeeded { amount, reference: reference(&payment.id) },
        None => Answer::Unknown,
    }
}

/// What was taken, or will be, tips included: we ask for none.
pub(super) fn captured(payment: &Payment) -> Option<Money> {
    payment.total_money.as_ref().or(payment.amount_money.as_ref()).and_then(money)
}

/// What was set aside. It stays what it was when less of it is captured.
pub(super) fn approved(payment: &Payment) -> Option<Money> {
    payment.approved_money.as_ref().or(payment.amount_money.as_ref()).and_then(money)
}

/// An amount of Square's.
pub(super) fn money(amount: &Amount) -> Option<Money> {
    let currency = Currency::from_code(&amount.currency).ok()?;
    AMOUNTS.money(amount.amount, currency).ok()
}

pub(super) fn reference(id: &str) -> Option<ProviderReference> {
    ProviderReference::new(id).ok()
}

/// What Square has of a payment and its refunds.
pub(super) fn report(payment: &Payment, refunds: &[Refund]) -> Option<PaymentReport> {
    let amount = captured(payment)?;
    let nothing = Money::zero(amount.currency());
    let mut report = PaymentReport::new(amount.currency());
    report.payment_id = payment.reference_id.as_deref().and_then(|id| id.parse().ok());
    report.reference = reference(&payment.id);
    match payment.status.as_str() {
        "COMPLETED" => {
            let approved = approved(payment).filter(|approved| approved.currency() == amount.currency());
            (report.captured, report.authorised) = (amount, approved.unwrap_or(amount));
            // What a capture leaves over is released.
            report.released = (report.authorised.minor() > amount.minor()).then_some(Release::Voided);
        }
        "APPROVED" => report.authorised = approved(payment)?,
        "CANCELED" => {
            report.authorised = approved(payment).unwrap_or(nothing);
            let ran_out = payment.delayed_until.is_some_and(|end| payment.updated_at >= Some(end));
            report.released = Some(if ran_out { Release::Expired } else { Release::Voided });
        }
        "FAILED" => report.first = Some(Answer::Declined(failed(payment))),
        _ => {}
    }
    report.refunds = refunds.iter().filter_map(reported).collect();
    report.refunds.sort_by(|a, b| a.reference.cmp(&b.reference));
    Some(report)
}

fn reported(refund: &Refund) -> Option<ReportedRefund> {
    let status = match refund.status.as_deref() {
        Some("COMPLETED") => RefundStatus::Succeeded,
        Some("REJECTED" | "FAILED") => RefundStatus::Failed,
        _ => RefundStatus::Pending,
    };
    Some(ReportedRefund {
        reference: reference(&refund.id)?,
        operation_id: refund.reason.as_deref().and_then(request::operation_of),
        amount: money(&refund.amount_money)?,
        status,
    })
}
