//! Which captures a refund is made of. PayPal gives money of one capture back at a time; an order that was captured in parts has
//! several.

use order_core::gateway::Instruction;
use order_core::money::Money;
use order_core::payment::Answer;

use super::object::{Capture, Order, Refund};
use super::{reading, request};

/// What has to be done about a refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Plan {
    /// Nothing: this.
    Answer(Answer),
    /// These, one after the other.
    Parts(Vec<Part>),
}

/// How much of one capture goes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) capture: String,
    pub(super) amount: Money,
}

/// What is to be sent for a refund, and was not sent yet.
pub(super) fn plan(order: &Order, instruction: &Instruction) -> Plan {
    let own: Vec<&Refund> = own(order, instruction).collect();
    if own.iter().any(|refund| refund.has_failed()) {
        return Plan::Answer(made(order, instruction).unwrap_or(Answer::Unknown));
    }
    let Some(done) = sum(own.iter().copied(), instruction.amount) else {
        return Plan::Answer(Answer::Unknown);
    };
    let Ok(mut wanted) = instruction.amount.minus(done) else { return Plan::Answer(Answer::Unknown) };
    if !wanted.is_positive() {
        return Plan::Answer(made(order, instruction).unwrap_or(Answer::Unknown));
    }
    let mut parts = Vec::new();
    for capture in order.captures().iter().filter(|capture| capture.is_taken()) {
        let Some(left) = left(order, capture, instruction.amount) else {
            return Plan::Answer(Answer::Unknown);
        };
        let amount = if left.minor() < wanted.minor() { left } else { wanted };
        if amount.is_positive() {
            let Ok(rest) = wanted.minus(amount) else { return Plan::Answer(Answer::Unknown) };
            wanted = rest;
            parts.push(Part { capture: capture.id.clone(), amount });
        }
    }
    if wanted.is_positive() {
        return Plan::Answer(match order.captures() {
            [] => reading::refused("not_captured", "no money was taken"),
            _ => reading::refused("amount_too_large", "it is more than was taken and not given back"),
        });
    }
    Plan::Parts(parts)
}

/// What has become of a refund, as far as it was made; `None` when nothing was.
pub(super) fn made(order: &Order, instruction: &Instruction) -> Option<Answer> {
    let first = own(order, instruction).next()?;
    let refunds = || own(order, instruction);
    if let Some(failed) = refunds().find(|refund| refund.has_failed()) {
        let code = format!("refund_{}", failed.status.to_lowercase());
        return Some(reading::refused(&code, "the refund did not go through"));
    }
    if refunds().any(|refund| refund.status != "COMPLETED") {
        return Some(Answer::Unknown);
    }
    Some(match sum(refunds(), instruction.amount) {
        Some(amount) => reading::succeeded(amount, &first.id),
        None => Answer::Unknown,
    })
}

/// The refunds that were made for an operation.
fn own<'a>(order: &'a Order, instruction: &Instruction) -> impl Iterator<Item = &'a Refund> {
    let custom_id = request::custom_id(instruction, instruction.key);
    order.refunds().iter().filter(move |refund| refund.custom_id.as_ref() == Some(&custom_id))
}

/// What of a capture did not go back.
fn left(order: &Order, capture: &Capture, like: Money) -> Option<Money> {
    let taken = capture.amount.as_ref().and_then(reading::money)?;
    let is_only_one = order.captures().iter().filter(|capture| capture.is_taken()).count() == 1;
    let of_capture = |refund: &&Refund| {
        let is_meant = is_only_one || refund.capture_id() == Some(capture.id.as_str());
        is_meant && !refund.has_failed()
    };
    let back = sum(order.refunds().iter().filter(of_capture), like)?;
    taken.minus(back).ok()
}

/// How much refunds are together; `None` when it can't be told.
fn sum<'a>(refunds: impl Iterator<Item = &'a Refund>, like: Money) -> Option<Money> {
    let amounts: Option<Vec<Money>> =
        refunds.map(|refund| refund.amount.as_ref().and_then(reading::money)).collect();
    Money::sum(like.currency(), amounts?).ok()
}
