use crate::error::{Error, Result};
use crate::id::OperationId;
use crate::inventory::ReservationStatus;
use crate::money::Money;
use crate::order::{Context, Draft, Order, OrderEvent, OrderPolicy, OrderStatus, observe, settle};
use crate::payment::{
    Answer, Decline, OPERATION_TABLE, Operation, OperationFact, OperationKind, OperationStatus, Payment,
};

/// Takes in what a provider says about an operation: its answer to a call, to a question, or of its own accord.
///
/// The same answer twice, or an older one after a newer, changes nothing. A success whose amount is not the one that was asked for
/// is not believed: it stays unknown, with a finding. Where the provider has not heard of the operation, or waits for us
/// after the customer has agreed, and the operation is still wanted,
/// it is claimed to be sent again with the same key. What a capture that was the last has released is noted as the provider's books
/// would tell it, whatever amount it spoke of.
///
/// # Errors
/// [`Error::NotFound`] when the order has no such operation.
pub fn answer(
    draft: &mut Draft,
    operation_id: OperationId,
    answer: Answer,
    policy: &OrderPolicy,
    context: &Context<'_>,
) -> Result<()> {
    let order = draft.order();
    let (payment, operation) = order.operation(operation_id).ok_or(Error::NotFound { what: "operation" })?;
    let (now, payment_id) = (context.now, payment.id);
    let (answer, releases) = without_release(operation, answer);
    let (answer, claimed) = check_amount(operation, check_reference(payment, operation, answer));
    let finding = claimed.map(|_| "amount_mismatch".to_owned());
    if OPERATION_TABLE.next(operation.status, answer.fact()).is_none() {
        return Ok(());
    }
    let is_revived_refund =
        operation.kind == OperationKind::Refund && operation.status == OperationStatus::Declined;
    if is_revived_refund && payment.refundable()?.compare(operation.amount)?.is_lt() {
        // Another refund was begun after the provider had refused this one; both can't be true. The reconciliation tells.
        return Ok(());
    }
    let can_resend = OPERATION_TABLE.next(operation.status, OperationFact::Resend).is_some();
    if waits_for_us(operation, &answer) && can_resend && is_wanted(order, operation) {
        let claimed_until = now + Operation::LEASE;
        return draft.record(OrderEvent::OperationResent { operation_id, claimed_until }, context);
    }
    let again = now + Operation::ask_after(operation.tries);
    let look_at = match answer {
        Answer::Succeeded { .. } | Answer::FinalCapture { .. } | Answer::Declined(_) => None,
        Answer::Unknown | Answer::Approved | Answer::Absent
            if operation.status == OperationStatus::Lapsed =>
        {
            // What never arrived is not asked about for ever; what was not answered is.
            let is_watched = now < operation.started_at + Operation::WATCH;
            (is_watched || answer == Answer::Unknown).then_some(again)
        }
        Answer::ActionRequired { .. } | Answer::Unknown | Answer::Approved | Answer::Absent => Some(again),
    };
    draft
        .record(OrderEvent::OperationAnswered { operation_id, answer, look_at, finding, claimed }, context)?;
    if releases {
        observe::note_release(draft, payment_id, context)?;
    }
    settle(draft, policy, context)
}

/// Whether nothing happens until we make the call (again). A provider that has asked the customer has heard of the call, so its
/// `Absent` is no reason to make it again.
fn waits_for_us(operation: &Operation, answer: &Answer) -> bool {
    match answer {
        Answer::Approved => true,
        Answer::Absent => operation.status != OperationStatus::AwaitingCustomer,
        Answer::Succeeded { .. }
        | Answer::FinalCapture { .. }
        | Answer::ActionRequired { .. }
        | Answer::Declined(_)
        | Answer::Unknown => false,
    }
}

/// A capture that was the last is a success, and a release of the rest. Tells whether it was one.
fn without_release(operation: &Operation, answer: Answer) -> (Answer, bool) {
    if let Answer::FinalCapture { amount, reference } = answer {
        (Answer::Succeeded { amount, reference }, operation.kind == OperationKind::Capture)
    } else {
        (answer, false)
    }
}

/// A success of another amount than the one that was asked for is not believed; the amount is kept, for whoever looks at it.
fn check_amount(operation: &Operation, answer: Answer) -> (Answer, Option<Money>) {
    if let Answer::Succeeded { amount, .. } = answer
        && amount != operation.amount
        && operation.kind != OperationKind::Void
    {
        return (Answer::Unknown, Some(amount));
    }
    (answer, None)
}

/// A success that the provider's books have told of before we knew that it is ours is booked already: this call moved nothing more.
fn check_reference(payment: &Payment, operation: &Operation, answer: Answer) -> Answer {
    let Answer::Succeeded { reference: Some(reference), .. } = &answer else { return answer };
    let is_booked = payment.operations.iter().any(|other| {
        other.kind == operation.kind
            && !other.origin.is_engine()
            && other.reference.as_ref() == Some(reference)
    });
    if is_booked {
        return Answer::Declined(Decline::new("booked_before", "it was made at the provider, and is booked"));
    }
    answer
}

/// Whether an operation that never reached the provider should still be carried out.
pub fn is_wanted(order: &Order, operation: &Operation) -> bool {
    match operation.kind {
        OperationKind::Charge | OperationKind::Authorise => {
            let is_held = || order.hold.as_ref().is_none_or(|hold| hold.status == ReservationStatus::Active);
            !order.is_called_off() && (order.status != OrderStatus::Pending || is_held())
        }
        OperationKind::Capture => !order.is_called_off(),
        OperationKind::Void | OperationKind::Refund => true,
    }
}
