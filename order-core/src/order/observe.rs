use crate::error::{Error, Result};
use crate::id::{OperationId, PaymentId};
use crate::money::Money;
use crate::order::{Context, Draft, FindingKind, Order, OrderEvent, OrderPolicy, answer, settle};
use crate::payment::{
    Answer, OPERATION_TABLE, Operation, OperationFact, OperationKind, OperationStatus, Origin, Payment,
    PaymentReport, RefundStatus, Release, ReportedRefund,
};

/// Takes in what a provider's books say about a payment, however it was learnt: asked for after a webhook, by a poll, or read off a
/// list.
///
/// With [`answer`] it is the one place where facts about money enter. Reports are joined, so any order of them, and any repetition,
/// ends in the same: our own operations are settled, what was done at the provider without us is booked as an operation of foreign
/// [origin](Origin), a refund that failed in the end is taken back. What can't be booked, or needs a person, becomes a
/// [`Finding`](crate::order::Finding); an amount or currency that differs from ours is never booked by itself.
///
/// What an order has become meanwhile is not undone: one that was accepted stays accepted when its authorisation expires, while one
/// that only hears of an authorisation that is over stays pending.
///
/// # Errors
/// [`Error::NotFound`] when the order has no such payment.
pub fn observe(
    draft: &mut Draft,
    payment_id: PaymentId,
    report: &PaymentReport,
    policy: &OrderPolicy,
    context: &Context<'_>,
) -> Result<()> {
    let order = draft.order();
    let payment = order.payment(payment_id).ok_or(Error::NotFound { what: "payment" })?;
    let first = payment.first_operation().map(|first| (first.id, first.kind, first.status));
    if is_news(order, payment, report)? {
        let report = Box::new(report.in_currency(payment.amount.currency()));
        draft.record(OrderEvent::PaymentReported { payment_id, report }, context)?;
    }
    match (&report.first, first) {
        (Some(said), Some((id, kind, status)))
            if !report.moved(kind).is_positive() && says_more(said, status) =>
        {
            answer(draft, id, said.clone(), policy, context)
        }
        _ => settle(draft, policy, context),
    }
}

/// Notes that what was not captured of a payment is not set aside any more, as if the provider's books had told it.
pub(crate) fn note_release(draft: &mut Draft, payment_id: PaymentId, context: &Context<'_>) -> Result<()> {
    let payment = draft.order().payment(payment_id).ok_or(Error::NotFound { what: "payment" })?;
    let mut report = PaymentReport::new(payment.amount.currency());
    report.released = Some(Release::Voided);
    if payment.reported.as_deref() == Some(&payment.joined(&report)) {
        return Ok(());
    }
    draft.record(OrderEvent::PaymentReported { payment_id, report: Box::new(report) }, context)
}

/// Whether a report says something that is not known yet. That it is newer counts when it is one for what it does *not* say.
fn is_news(order: &Order, payment: &Payment, report: &PaymentReport) -> Result<bool> {
    let joined = payment.joined(report);
    let Some(known) = payment.reported.as_deref() else { return Ok(true) };
    if joined != (PaymentReport { as_of: joined.as_of, ..known.clone() }) {
        return Ok(true);
    }
    let is_found = order.findings.iter().any(|finding| {
        let kind = matches!(finding.kind, FindingKind::CapturedDiffers | FindingKind::RefundedDiffers);
        kind && finding.is_open() && finding.payment_id == Some(payment.id)
    });
    let lacks = joined.captured.minor() < payment.captured.minor()
        || joined.refunded(RefundStatus::Pending)?.minor() < payment.refunded.minor();
    Ok(lacks && !is_found && known.as_of < joined.as_of)
}

/// Whether what is said of a charge or authorisation that has brought no money is more than is known of it.
fn says_more(said: &Answer, status: OperationStatus) -> bool {
    match said {
        Answer::ActionRequired { .. } => status != OperationStatus::AwaitingCustomer,
        Answer::Approved => status == OperationStatus::AwaitingCustomer,
        Answer::Declined(_) => true,
        Answer::Succeeded { .. } | Answer::FinalCapture { .. } | Answer::Unknown | Answer::Absent => false,
    }
}

/// Books what the providers' reports say and the order's operations do not. Doing it twice changes nothing.
pub(crate) fn reconcile(draft: &mut Draft, context: &Context<'_>) -> Result<()> {
    let reported = |payment: &&Payment| payment.reported.is_some();
    let ids: Vec<PaymentId> =
        draft.order().payments.iter().filter(reported).map(|payment| payment.id).collect();
    for id in ids {
        let mut books = Books { draft, id, context };
        if books.begin()? {
            books.captures()?;
            books.refunds()?;
            books.release()?;
        }
    }
    Ok(())
}

/// One payment, and what its provider has reported of it.
struct Books<'a, 'b> {
    draft: &'a mut Draft,
    id: PaymentId,
    context: &'a Context<'b>,
}

impl Books<'_, '_> {
    fn payment(&self) -> Result<(&Payment, &PaymentReport)> {
        let payment = self.draft.order().payment(self.id);
        payment
            .and_then(|payment| Some((payment, payment.reported.as_deref()?)))
            .ok_or(Error::Internal("a payment without a report"))
    }

    /// The charge or authorisation. Tells whether it is booked: without it nothing else is.
    fn begin(&mut self) -> Result<bool> {
        let (payment, report) = self.payment()?;
        let Some(first) = payment.first_operation() else { return Ok(false) };
        if first.status == OperationStatus::Succeeded {
            return Ok(true);
        }
        if report.moved(first.kind) != first.amount || report.misfit.is_some() {
            return Ok(false);
        }
        let (id, amount, reference) = (first.id, first.amount, report.reference.clone());
        self.succeed(id, Answer::Succeeded { amount, reference })?;
        Ok(true)
    }

    /// What was captured beyond what is booked: our own captures first, the oldest before the others, then somebody else's. The sum
    /// is right whichever of several the provider means.
    fn captures(&mut self) -> Result<()> {
        let (payment, report) = self.payment()?;
        let mut left = report.captured.minus(payment.captured)?;
        let mut own = Vec::new();
        for operation in
            payment.operations.iter().filter(|operation| awaits(operation, OperationKind::Capture))
        {
            if operation.amount.minor() <= left.minor() {
                left = left.minus(operation.amount)?;
                own.push((operation.id, operation.amount));
            }
        }
        let fits = report.captured.minor() <= payment.authorised.minor();
        for (id, amount) in own {
            self.succeed(id, Answer::Succeeded { amount, reference: None })?;
        }
        if left.is_positive() && fits {
            let capture = self.foreign(OperationKind::Capture, left, Origin::Provider);
            self.add(capture)?;
        }
        Ok(())
    }

    fn refunds(&mut self) -> Result<()> {
        for refund in self.payment()?.1.refunds.clone() {
            let (payment, report) = self.payment()?;
            let known = booked(payment, report, &refund);
            match (refund.status, known) {
                (RefundStatus::Succeeded, Some(operation)) => {
                    let next = OPERATION_TABLE.next(operation.status, OperationFact::Succeed);
                    let fits = operation.is_live() || payment.refundable()?.minor() >= refund.amount.minor();
                    if next.is_some() && fits && operation.amount == refund.amount {
                        let (id, amount, reference) = (operation.id, refund.amount, Some(refund.reference));
                        self.succeed(id, Answer::Succeeded { amount, reference })?;
                    }
                }
                (RefundStatus::Succeeded, None) => self.foreign_refund(refund)?,
                (RefundStatus::Failed, Some(operation)) => {
                    if OPERATION_TABLE.next(operation.status, OperationFact::Reverse).is_some() {
                        let event = OrderEvent::OperationReversed { operation_id: operation.id };
                        self.draft.record(event, self.context)?;
                    }
                }
                (RefundStatus::Failed, None) | (RefundStatus::Pending, _) => {}
            }
        }
        Ok(())
    }

    /// A refund that was made at the provider.
    fn foreign_refund(&mut self, refund: ReportedRefund) -> Result<()> {
        let (payment, _) = self.payment()?;
        if payment.refundable()?.minor() < refund.amount.minor() {
            return Ok(());
        }
        let mut operation = self.foreign(OperationKind::Refund, refund.amount, Origin::Provider);
        operation.reference = Some(refund.reference);
        self.add(operation)
    }

    /// What was not captured is not set aside any more.
    fn release(&mut self) -> Result<()> {
        let (payment, report) = self.payment()?;
        let Some(release) = report.released else { return Ok(()) };
        let open = payment.capturable()?;
        if payment.is_voided() || !open.is_positive() {
            return Ok(());
        }
        let own = payment.operations.iter().find(|operation| awaits(operation, OperationKind::Void));
        if let Some(own) = own {
            let (id, amount) = (own.id, own.amount);
            return self.succeed(id, Answer::Succeeded { amount, reference: None });
        }
        let origin = match release {
            Release::Expired => Origin::Expiry,
            Release::Voided => Origin::Provider,
        };
        let void = self.foreign(OperationKind::Void, open, origin);
        self.add(void)
    }

    fn succeed(&mut self, operation_id: OperationId, answer: Answer) -> Result<()> {
        let event = OrderEvent::OperationAnswered {
            operation_id,
            answer,
            look_at: None,
            finding: None,
            claimed: None,
        };
        self.draft.record(event, self.context)
    }

    fn foreign(&self, kind: OperationKind, amount: Money, origin: Origin) -> Operation {
        let id = OperationId::new(self.context.ids, self.context.now);
        Operation::observed(id, kind, amount, origin, self.context.now)
    }

    /// Books an operation of foreign origin; one too many stays a difference.
    fn add(&mut self, operation: Operation) -> Result<()> {
        if self.payment()?.0.operations.len() >= Payment::MAX_OPERATIONS {
            return Ok(());
        }
        let event = OrderEvent::OperationObserved { payment_id: self.id, operation };
        self.draft.record(event, self.context)
    }
}

/// Whether an operation of ours may be the one that a report tells of without naming it.
pub(crate) fn awaits(operation: &Operation, kind: OperationKind) -> bool {
    operation.kind == kind
        && operation.origin.is_engine()
        && (operation.is_live() || operation.status == OperationStatus::Lapsed)
}

/// The operation that stands for a refund in the provider's books: the one it names, or has named before; else one of ours whose
/// outcome is open and that no other refund is named for.
pub(crate) fn booked<'a>(
    payment: &'a Payment,
    report: &PaymentReport,
    refund: &ReportedRefund,
) -> Option<&'a Operation> {
    let refunds = || payment.operations.iter().filter(|operation| operation.kind == OperationKind::Refund);
    let is_another = |operation: &Operation| {
        let others = report.refunds.iter().filter(|other| other.reference != refund.reference);
        let mut others = others.map(|other| &other.reference);
        others.any(|other| operation.reference.as_ref() == Some(other))
    };
    let is_named =
        |operation: &Operation| report.refunds.iter().any(|other| other.operation_id == Some(operation.id));
    refunds()
        .find(|operation| operation.reference.as_ref() == Some(&refund.reference))
        .or_else(|| {
            refunds().find(|operation| refund.operation_id == Some(operation.id) && !is_another(operation))
        })
        .or_else(|| {
            refunds().find(|operation| {
                refund.operation_id.is_none()
                    && awaits(operation, OperationKind::Refund)
                    && operation.amount == refund.amount
                    && !is_named(operation)
                    && !is_another(operation)
            })
        })
}
