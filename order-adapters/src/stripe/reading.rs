//! What Stripe's objects mean: pure functions, from what Stripe says to an answer.

use order_core::gateway::Instruction;
use order_core::id::ProviderReference;
use order_core::money::{Currency, Money};
use order_core::payment::{Answer, Decline, OperationKind, PaymentAction};

use super::currency::AMOUNTS;
use super::object::{Intent, Problem, Refund};
use super::request::CAPTURED_BY;
use crate::provider::NotExpressible;

/// What an intent says about an instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reading {
    /// This.
    Answer(Answer),
    /// Nothing: it waits for us to carry the instruction out.
    Ready,
    /// It is refused, and the intent could still be paid otherwise: it has to be closed before the refusal is final.
    Open(Decline),
}

/// Reads an intent for an instruction of any kind but a refund, which has an object of its own.
pub(super) fn intent(intent: &Intent, instruction: &Instruction) -> Reading {
    match instruction.kind {
        OperationKind::Charge | OperationKind::Authorise => first(intent, instruction),
        OperationKind::Capture => capture(intent, instruction),
        OperationKind::Void => void(intent),
        OperationKind::Refund => Reading::Answer(Answer::Unknown),
    }
}

fn first(intent: &Intent, instruction: &Instruction) -> Reading {
    let is_charge = instruction.kind == OperationKind::Charge;
    let answer = match intent.status.as_str() {
        "requires_confirmation" => return Reading::Ready,
        "requires_payment_method" => match (&instruction.token, &intent.last_payment_error) {
            // The customer chooses in Stripe's form, and may try again there.
            (None, _) => action(intent),
            (Some(_), Some(problem)) => return Reading::Open(decline(problem)),
            (Some(_), None) => return Reading::Ready,
        },
        "requires_action" => action(intent),
        "requires_capture" if !is_charge => succeeded(intent, intent.amount_capturable),
        "succeeded" if is_charge => succeeded(intent, intent.amount_received),
        "succeeded" => succeeded(intent, intent.amount),
        "canceled" => Answer::Declined(canceled(intent)),
        // `processing`, and whatever Stripe may think of.
        _ => Answer::Unknown,
    };
    Reading::Answer(answer)
}

fn capture(intent: &Intent, instruction: &Instruction) -> Reading {
    let answer = match intent.status.as_str() {
        "requires_capture" => return Reading::Ready,
        "succeeded" => match intent.metadata.get(CAPTURED_BY) {
            Some(key) if *key == instruction.key.to_string() => captured(intent),
            Some(_) | None => refused("already_captured", "the authorisation was captured before"),
        },
        "canceled" => refused("already_voided", "the authorisation was given up, or has run out"),
        "processing" => Answer::Unknown,
        _ => refused("not_authorised", "nothing is set aside"),
    };
    Reading::Answer(answer)
}

/// Stripe releases what a capture leaves over.
fn captured(intent: &Intent) -> Answer {
    match money(intent.amount_received, &intent.currency) {
        Some(amount) if intent.amount_received < intent.amount => {
            Answer::FinalCapture { amount, reference: reference(&intent.id) }
        }
        Some(amount) => Answer::Succeeded { amount, reference: reference(&intent.id) },
        None => Answer::Unknown,
    }
}

/// What a capture has left over is released already, so that after a capture of a part there is nothing left to give up.
fn void(intent: &Intent) -> Reading {
    let left = intent.amount.saturating_sub(intent.amount_received);
    match intent.status.as_str() {
        "canceled" => Reading::Answer(succeeded(intent, left)),
        "succeeded" if left > 0 => Reading::Answer(succeeded(intent, left)),
        "succeeded" => Reading::Answer(refused("already_captured", "the money was taken")),
        _ => Reading::Ready,
    }
}

/// Reads a refund.
pub(super) fn refund(refund: &Refund) -> Answer {
    match refund.status.as_deref() {
        Some("succeeded") => match money(refund.amount, &refund.currency) {
            Some(amount) => Answer::Succeeded { amount, reference: reference(&refund.id) },
            None => Answer::Unknown,
        },
        Some(status @ ("failed" | "canceled")) => {
            let code = refund.failure_reason.clone().unwrap_or_else(|| format!("refund_{status}"));
            Answer::Declined(Decline::new(code, "the refund did not go through"))
        }
        // `pending`, `requires_action`, and whatever Stripe may think of.
        Some(_) | None => Answer::Unknown,
    }
}

/// Why Stripe refused something.
pub(super) fn decline(problem: &Problem) -> Decline {
    let code = problem.decline_code.as_ref().or(problem.code.as_ref()).unwrap_or(&problem.kind);
    let message = problem.message.clone().unwrap_or_else(|| code.replace('_', " "));
    Decline::new(code.clone(), message)
}

/// Why an amount can't be sent.
pub(super) fn not_expressible(problem: NotExpressible) -> Answer {
    match problem {
        NotExpressible::Currency => refused("currency_not_supported", "Stripe does not take this currency"),
        NotExpressible::Precision => refused(
            "amount_not_representable",
            "Stripe's unit of this currency is larger than the amount's last digit",
        ),
        NotExpressible::Range => refused("amount_too_large", "the amount is too large for Stripe"),
    }
}

/// A refusal.
pub(super) fn refused(code: &str, message: &str) -> Answer {
    Answer::Declined(Decline::new(code, message))
}

/// Why an intent was given up.
pub(super) fn canceled(intent: &Intent) -> Decline {
    match (&intent.last_payment_error, intent.cancellation_reason.as_deref()) {
        (Some(problem), _) => decline(problem),
        (None, Some(reason)) => Decline::new("canceled", format!("the payment was given up: {reason}")),
        (None, None) => Decline::new("canceled", "the payment was given up"),
    }
}

/// What the customer has to do about an intent.
pub(super) fn action(intent: &Intent) -> Answer {
    let page = intent.next_action.as_ref().and_then(|next| next.redirect_to_url.as_ref()?.url.clone());
    let action = match (page, &intent.client_secret) {
        (Some(url), _) => PaymentAction::Redirect { url },
        (None, Some(secret)) => PaymentAction::ClientSecret { secret: secret.reveal().to_owned() },
        (None, None) => return Answer::Unknown,
    };
    Answer::ActionRequired { action, reference: reference(&intent.id) }
}

fn succeeded(intent: &Intent, units: i64) -> Answer {
    match money(units, &intent.currency) {
        Some(amount) => Answer::Succeeded { amount, reference: reference(&intent.id) },
        None => Answer::Unknown,
    }
}

/// An amount of Stripe's, unless it is one that Stripe could not have been told.
pub(super) fn money(units: i64, currency: &str) -> Option<Money> {
    let currency = Currency::from_code(&currency.to_ascii_uppercase()).ok()?;
    AMOUNTS.money(units, currency).ok()
}

/// What Stripe calls an object.
pub(super) fn reference(id: &str) -> Option<ProviderReference> {
    ProviderReference::new(id).ok()
}
