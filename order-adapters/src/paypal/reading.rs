//! What PayPal's objects mean: pure functions, from what PayPal says to an answer.

use order_core::gateway::Instruction;
use order_core::id::ProviderReference;
use order_core::money::Money;
use order_core::payment::{Answer, Decline, OperationKind, PaymentAction};

use super::currency;
use super::object::{Amount, Authorization, Capture, Order, Problem};
use super::request::CLOSED;
use crate::provider::NotExpressible;

/// What an order says about a charge or an authorisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reading {
    /// This.
    Answer(Answer),
    /// Nothing: it waits for us to pay it with the customer's saved payment method.
    Ready,
    /// The customer has agreed: it waits for us to go on.
    Approved,
}

/// Reads an order for the charge or authorisation that it was made for.
pub(super) fn first(order: &Order, instruction: &Instruction) -> Reading {
    let is_charge = instruction.kind == OperationKind::Charge;
    if let Some(answer) = money_of(order, is_charge) {
        return Reading::Answer(answer);
    }
    if let Some(decline) = closed(order) {
        return Reading::Answer(Answer::Declined(decline));
    }
    let answer = match (order.status.as_str(), &instruction.token) {
        ("APPROVED", _) => return Reading::Approved,
        ("CREATED" | "SAVED", Some(_)) => return Reading::Ready,
        ("CREATED" | "SAVED" | "PAYER_ACTION_REQUIRED", _) => action(order),
        ("VOIDED", _) => refused("voided", "the order was given up"),
        // `COMPLETED` without a word about money, and whatever PayPal may think of.
        _ => Answer::Unknown,
    };
    Reading::Answer(answer)
}

/// What has become of the money of an order, if anything was tried.
pub(super) fn money_of(order: &Order, is_charge: bool) -> Option<Answer> {
    if is_charge {
        return order.captures().last().map(|capture| captured(capture, &order.id));
    }
    let authorization = order.authorizations().last()?;
    Some(match authorization.status.as_str() {
        "VOIDED" if order.captures().is_empty() => {
            refused("voided", "the authorisation was given up, or has run out")
        }
        "CREATED" | "CAPTURED" | "PARTIALLY_CAPTURED" | "VOIDED" => {
            match authorization.amount.as_ref().and_then(money) {
                Some(amount) => succeeded(amount, &order.id),
                None => Answer::Unknown,
            }
        }
        "DENIED" => refused("denied", "the authorisation was denied"),
        // `PENDING`, and whatever PayPal may think of.
        _ => Answer::Unknown,
    })
}

/// Why an order is marked, if it is.
pub(super) fn closed(order: &Order) -> Option<Decline> {
    let reason = order.unit()?.description.as_deref()?.strip_prefix(CLOSED)?;
    let words = reason.to_lowercase().replace('_', " ");
    Some(Decline::new(reason, format!("the payment was refused or given up: {words}")))
}

/// Reads a capture.
pub(super) fn capture(capture: &Capture) -> Answer {
    captured(capture, &capture.id)
}

/// Reads a capture; its success has the name that is given.
fn captured(capture: &Capture, id: &str) -> Answer {
    match capture.status.as_str() {
        _ if capture.is_taken() => match capture.amount.as_ref().and_then(money) {
            Some(amount) => succeeded(amount, id),
            None => Answer::Unknown,
        },
        status @ ("DECLINED" | "FAILED") => {
            let response = capture.processor_response.as_ref();
            let code = response.and_then(|response| response.response_code.as_deref());
            let code = code.map_or_else(
                || format!("capture_{}", status.to_lowercase()),
                |code| format!("processor_{code}"),
            );
            refused(&code, "the capture did not go through")
        }
        // `PENDING`, and whatever PayPal may think of.
        _ => Answer::Unknown,
    }
}

/// What is set aside by an order, and how much of it was not captured yet.
pub(super) struct Held<'a> {
    pub(super) authorization: &'a Authorization,
    pub(super) left: Money,
}

/// The authorisation of an order, if it has one whose amounts can be read.
pub(super) fn held(order: &Order) -> Option<Held<'_>> {
    let authorization = order.authorizations().last()?;
    let mut left = authorization.amount.as_ref().and_then(money)?;
    let counts = |capture: &&Capture| capture.is_taken() || capture.status == "PENDING";
    for capture in order.captures().iter().filter(counts) {
        left = left.minus(capture.amount.as_ref().and_then(money)?).ok()?;
    }
    Some(Held { authorization, left })
}

/// What an order says about a capture or a void of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// This.
    Answer(Answer),
    /// It can be done with this authorisation.
    Ready {
        /// The authorisation.
        authorization: String,
        /// How much of it is left.
        left: Money,
    },
    /// Nothing is set aside, and the customer may still agree.
    Waiting,
}

/// Reads an order for a capture of what it has set aside.
pub(super) fn later_capture(order: &Order, instruction: &Instruction) -> Next {
    let key = instruction.key.to_string();
    let own = order.captures().iter().find(|capture| capture.invoice_id.as_ref() == Some(&key));
    if let Some(own) = own {
        return Next::Answer(capture(own));
    }
    let Some(Held { authorization, left }) = held(order) else {
        return Next::Answer(if order.captures().is_empty() {
            refused("not_authorised", "nothing is set aside")
        } else {
            refused("already_captured", "the money was taken")
        });
    };
    let is_too_much = left.compare(instruction.amount).map_or(true, std::cmp::Ordering::is_lt);
    Next::Answer(match authorization.status.as_str() {
        "VOIDED" => refused("already_voided", "the authorisation was given up, or has run out"),
        "CAPTURED" => refused("already_captured", "the authorisation was captured"),
        "DENIED" => refused("not_authorised", "the authorisation was denied"),
        // PayPal takes up to 15 % more than was set aside; we don't.
        "CREATED" | "PARTIALLY_CAPTURED" if is_too_much => {
            refused("amount_too_large", "it is more than what is set aside")
        }
        "CREATED" | "PARTIALLY_CAPTURED" => {
            return Next::Ready { authorization: authorization.id.clone(), left };
        }
        // `PENDING`, and whatever PayPal may think of.
        _ => Answer::Unknown,
    })
}

/// Reads an order for giving it up.
pub(super) fn void(order: &Order) -> Next {
    let taken = || refused("already_captured", "the money was taken");
    if let Some(Held { authorization, left }) = held(order) {
        return match authorization.status.as_str() {
            "VOIDED" => Next::Answer(succeeded(left, &authorization.id)),
            "CAPTURED" if left.is_positive() => Next::Answer(succeeded(left, &authorization.id)),
            "CAPTURED" => Next::Answer(taken()),
            "DENIED" => Next::Answer(refused("not_authorised", "nothing is set aside")),
            _ => Next::Ready { authorization: authorization.id.clone(), left },
        };
    }
    if order.captures().iter().any(Capture::is_taken) {
        return Next::Answer(taken());
    }
    if !order.authorizations().is_empty() || !order.captures().is_empty() {
        return Next::Answer(Answer::Unknown);
    }
    match (closed(order), order.status.as_str(), whole(order)) {
        (Some(_), _, Some(amount)) | (None, "VOIDED", Some(amount)) => {
            Next::Answer(succeeded(amount, &order.id))
        }
        (None, "CREATED" | "SAVED" | "PAYER_ACTION_REQUIRED" | "APPROVED", _) => Next::Waiting,
        _ => Next::Answer(Answer::Unknown),
    }
}

/// What an order is about.
pub(super) fn whole(order: &Order) -> Option<Money> {
    order.unit()?.amount.as_ref().and_then(money)
}

/// Why PayPal refused something.
pub(super) fn decline(problem: &Problem) -> Decline {
    let detail = problem.details.iter().find(|detail| !detail.issue.is_empty());
    let code = detail.map_or(problem.name.as_str(), |detail| detail.issue.as_str());
    let code = if code.is_empty() { "refused" } else { code };
    let told = detail.and_then(|detail| detail.description.clone()).or_else(|| problem.message.clone());
    Decline::new(code, told.unwrap_or_else(|| code.to_lowercase().replace('_', " ")))
}

/// Why an amount can't be sent.
pub(super) fn not_expressible(problem: NotExpressible) -> Answer {
    match problem {
        NotExpressible::Currency => refused("currency_not_supported", "PayPal does not take this currency"),
        NotExpressible::Precision => {
            refused("amount_not_representable", "PayPal takes no decimals of this currency")
        }
        NotExpressible::Range => refused("amount_too_large", "the amount is too large for PayPal"),
    }
}

/// A refusal.
pub(super) fn refused(code: &str, message: &str) -> Answer {
    Answer::Declined(Decline::new(code, message))
}

/// The customer has to agree.
pub(super) fn action(order: &Order) -> Answer {
    match order.approval_page() {
        Some(url) => Answer::ActionRequired {
            action: PaymentAction::Redirect { url: url.to_owned() },
            reference: reference(&order.id),
        },
        None => Answer::Unknown,
    }
}

/// It is done.
pub(super) fn succeeded(amount: Money, id: &str) -> Answer {
    Answer::Succeeded { amount, reference: reference(id) }
}

/// An amount of PayPal's, unless it is one that PayPal could not have been told.
pub(super) fn money(amount: &Amount) -> Option<Money> {
    currency::money(&amount.value, &amount.currency_code)
}

pub(super) fn reference(id: &str) -> Option<ProviderReference> {
    ProviderReference::new(id).ok()
}
