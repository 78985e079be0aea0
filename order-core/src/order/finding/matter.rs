//! What is the matter with an order's money, read off the order.

use super::{Finding, FindingKind};
use crate::error::Result;
use crate::id::{OperationId, PaymentId, ProviderReference};
use crate::money::Money;
use crate::order::Order;
use crate::order::observe::booked;
use crate::payment::{
    DisputeStatus, Operation, OperationKind, OperationStatus, Payment, PaymentReport, RefundStatus,
};
use crate::time::Timestamp;

/// What a finding is about, without when and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Matter {
    pub(super) kind: FindingKind,
    pub(super) payment_id: Option<PaymentId>,
    pub(super) operation_id: Option<OperationId>,
    pub(super) reference: Option<ProviderReference>,
    pub(super) ours: Option<Money>,
    pub(super) theirs: Option<Money>,
}

/// Everything that is the matter with an order's money.
pub(super) fn matters(order: &Order, now: Timestamp) -> Result<Vec<Matter>> {
    let mut matters = Vec::new();
    for payment in &order.payments {
        if let Some(report) = payment.reported.as_deref() {
            of_books(order, payment, report, &mut matters)?;
        }
        of_operations(order, payment, now, &mut matters)?;
    }
    let lacking = order.unsecured()?;
    if lacking.is_positive() && order.cancellation.is_none() {
        matters.push(Matter { ours: Some(lacking), ..Matter::new(FindingKind::MoneyGone, None) });
    }
    Ok(matters)
}

impl Matter {
    fn new(kind: FindingKind, payment: Option<&Payment>) -> Self {
        let payment_id = payment.map(|payment| payment.id);
        Self { kind, payment_id, operation_id: None, reference: None, ours: None, theirs: None }
    }

    fn of(kind: FindingKind, payment: &Payment, operation: &Operation) -> Self {
        let (operation_id, ours) = (Some(operation.id), Some(operation.amount));
        Self { operation_id, ours, ..Self::new(kind, Some(payment)) }
    }
}

/// What our own operations tell: outcomes that stay unknown, answers that were not believed, refunds that are refused.
fn of_operations(order: &Order, payment: &Payment, now: Timestamp, matters: &mut Vec<Matter>) -> Result<()> {
    for operation in &payment.operations {
        let is_open = match operation.status {
            OperationStatus::Calling | OperationStatus::Unknown => true,
            OperationStatus::Lapsed => operation.look_at.is_some(),
            OperationStatus::AwaitingCustomer
            | OperationStatus::Succeeded
            | OperationStatus::Declined
            | OperationStatus::Reversed => false,
        };
        if is_open && operation.started_at + Operation::WATCH <= now {
            matters.push(Matter::of(FindingKind::OutcomeUnknown, payment, operation));
        }
        let is_told = |matter: &Matter| {
            matter.operation_id == Some(operation.id) && matter.kind == FindingKind::AmountDiffers
        };
        if let Some(claimed) = operation.claimed.filter(|_| is_open && !matters.iter().any(is_told)) {
            let kind = if claimed.currency() == operation.amount.currency() {
                FindingKind::AmountDiffers
            } else {
                FindingKind::CurrencyDiffers
            };
            matters.push(Matter { theirs: Some(claimed), ..Matter::of(kind, payment, operation) });
        }
    }
    let is_refused = |operation: &&Operation| {
        operation.kind == OperationKind::Refund
            && operation.origin.is_engine()
            && matches!(operation.status, OperationStatus::Declined | OperationStatus::Reversed)
    };
    if payment.operations.iter().filter(is_refused).count() >= Finding::REFUSALS
        && order.excess()?.is_positive()
        && payment.returnable()?.is_positive()
    {
        matters.push(Matter::new(FindingKind::RefundFailed, Some(payment)));
    }
    Ok(())
}

/// What the provider's books tell.
fn of_books(
    order: &Order,
    payment: &Payment,
    report: &PaymentReport,
    matters: &mut Vec<Matter>,
) -> Result<()> {
    let about = |kind, ours, theirs| Matter {
        reference: report.reference.clone(),
        ours: Some(ours),
        theirs: Some(theirs),
        ..Matter::new(kind, Some(payment))
    };
    if let Some(misfit) = report.misfit {
        matters.push(about(FindingKind::CurrencyDiffers, payment.amount, misfit));
    }
    for dispute in &report.disputes {
        let kind = match dispute.status {
            DisputeStatus::Open => FindingKind::Disputed,
            DisputeStatus::Lost => FindingKind::DisputeLost,
            DisputeStatus::Won => continue,
        };
        let reference = Some(dispute.reference.clone());
        matters.push(Matter { reference, theirs: Some(dispute.amount), ..Matter::new(kind, Some(payment)) });
    }
    let Some(first) = payment.first_operation() else { return Ok(()) };
    if first.status != OperationStatus::Succeeded {
        let moved = report.moved(first.kind);
        let theirs = if moved.is_positive() { moved } else { report.authorised };
        if theirs.is_positive() && theirs != first.amount {
            let matter = Matter::of(FindingKind::AmountDiffers, payment, first);
            matters.push(Matter { theirs: Some(theirs), ..matter });
        }
        return Ok(());
    }
    let captured = report.captured;
    let is_less = captured.minor() < payment.captured.minor() && knows(report, payment, Operation::takes);
    if captured.minor() > payment.captured.minor() || is_less {
        matters.push(about(FindingKind::CapturedDiffers, payment.captured, captured));
    }
    of_refunds(order, payment, report, matters)
}

fn of_refunds(
    order: &Order,
    payment: &Payment,
    report: &PaymentReport,
    matters: &mut Vec<Matter>,
) -> Result<()> {
    let is_owed = order.excess()?.plus(order.refunding()?)?.is_positive();
    for refund in &report.refunds {
        let own = booked(payment, report, refund).filter(|operation| operation.origin.is_engine());
        let matter = Matter {
            reference: Some(refund.reference.clone()),
            theirs: Some(refund.amount),
            operation_id: own.map(|operation| operation.id),
            ours: own.map(|operation| operation.amount),
            ..Matter::new(FindingKind::RefundFailed, Some(payment))
        };
        if refund.status == RefundStatus::Failed && (own.is_none() || is_owed) {
            matters.push(matter);
        } else if own.is_some_and(|own| own.is_live() && own.amount != refund.amount) {
            matters.push(Matter { kind: FindingKind::AmountDiffers, reference: None, ..matter });
        }
    }
    let (ours, theirs) = (payment.refunded, report.refunded(RefundStatus::Succeeded)?);
    let is_quiet = payment.pending(OperationKind::Refund)?.is_zero();
    let is_more = theirs.minor() > ours.minor() && is_quiet;
    let with_pending = report.refunded(RefundStatus::Pending)?;
    let is_less = with_pending.minor() < ours.minor()
        && knows(report, payment, |operation| operation.kind == OperationKind::Refund);
    if is_more || is_less {
        let (ours, theirs) = (Some(ours), Some(theirs));
        let matter = Matter::new(FindingKind::RefundedDiffers, Some(payment));
        matters.push(Matter { reference: report.reference.clone(), ours, theirs, ..matter });
    }
    Ok(())
}

/// Whether a report knows of all that is booked: the provider was asked after the last of it was done.
pub(crate) fn knows(report: &PaymentReport, payment: &Payment, counts: impl Fn(&Operation) -> bool) -> bool {
    let done = |operation: &&Operation| operation.status == OperationStatus::Succeeded && counts(operation);
    let last = payment.operations.iter().filter(done).filter_map(|operation| operation.settled_at).max();
    report.as_of.is_some_and(|asked| last.is_none_or(|last| last < asked))
}
