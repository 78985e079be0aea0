use super::{Difference, DifferenceKind, Repair};
use crate::error::{Error, Result};
use crate::id::PaymentId;
use crate::money::{Money, MoneyError};
use crate::order::finding::knows;
use crate::order::observe::{awaits, booked};
use crate::order::{Context, Draft, Order, OrderPolicy, OrderStatus, observe};
use crate::payment::{
    Answer, OPERATION_TABLE, Operation, OperationFact, OperationKind, OperationStatus, Payment,
    PaymentReport, RefundStatus, ReportedDispute,
};

/// What differs between a payment of an order and what its provider says of it; `None` is a provider that has never heard of it.
///
/// [`PaymentReport::as_of`] should tell when the provider was asked: what was done since then is not taken for missing there. Where
/// taking the report in makes a difference go away, it is [`Repair::Automatic`]: that is tried on a draft which is thrown away.
///
/// # Errors
/// [`Error::NotFound`] when the order has no such payment; as [`observe`].
pub fn compare(
    order: &Order,
    payment_id: PaymentId,
    report: Option<&PaymentReport>,
    policy: &OrderPolicy,
    context: &Context<'_>,
) -> Result<Vec<Difference>> {
    let payment = order.payment(payment_id).ok_or(Error::NotFound { what: "payment" })?;
    let Some(report) = report else { return Ok(absent(order, payment).into_iter().collect()) };
    let mut found = differences(order, payment, report)?;
    if found.is_empty() {
        return Ok(found);
    }
    let mut trial = Draft::change(order.clone(), context);
    observe(&mut trial, payment_id, report, policy, context)?;
    let after = trial.order();
    let payment = after.payment(payment_id).ok_or(Error::NotFound { what: "payment" })?;
    let left = differences(after, payment, report)?;
    for difference in &mut found {
        if !left.iter().any(|other| other.is_like(difference)) {
            difference.repair = Repair::Automatic;
        }
    }
    Ok(found)
}

/// The provider has nothing for a payment. That is a difference where we believe that it has brought money; what is open is asked
/// for by the passes.
fn absent(order: &Order, payment: &Payment) -> Option<Difference> {
    let first = payment.first_operation()?;
    let believed = if payment.captured.is_positive() { payment.captured } else { payment.authorised };
    let is_believed = first.status == OperationStatus::Succeeded && believed.is_positive();
    is_believed.then(|| {
        let difference = Difference::new(DifferenceKind::NotAtProvider, Some(believed), None);
        difference.of(order, payment)
    })
}

/// A payment beside its report.
struct Sides<'a> {
    order: &'a Order,
    payment: &'a Payment,
    /// As far as it is of the payment's currency.
    report: PaymentReport,
    found: Vec<Difference>,
}

/// Everything that differs, without asking what could be repaired.
fn differences(order: &Order, payment: &Payment, report: &PaymentReport) -> Result<Vec<Difference>> {
    // What was asked for, and brought by hand, has no books at any provider.
    let Some(first) = payment.first_operation() else { return Ok(Vec::new()) };
    let mut own = report.in_currency(payment.amount.currency());
    // A refund or a dispute that has ended does not begin again, however old the report is.
    own.refunds = payment.joined(report).refunds;
    let mut sides = Sides { order, payment, report: own, found: Vec::new() };
    if let Some(misfit) = sides.report.misfit {
        sides.note(DifferenceKind::CurrencyDiffers, payment.amount, misfit);
    }
    sides.disputes();
    if report.captured.currency() != payment.amount.currency() {
        return Ok(sides.found);
    }
    if first.status != OperationStatus::Succeeded {
        sides.begin(first, report.first.as_ref());
        return Ok(sides.found);
    }
    if sides.report.authorised.is_zero() && sides.report.captured.is_zero() {
        let is_believed = payment.authorised.is_positive();
        if is_believed && knows(&sides.report, payment, |operation| operation.id == first.id) {
            sides.found.extend(absent(order, payment));
        }
        return Ok(sides.found);
    }
    if first.kind == OperationKind::Authorise && sides.report.authorised != payment.authorised {
        let difference = Difference::new(
            DifferenceKind::AmountDiffers,
            Some(payment.authorised),
            Some(sides.report.authorised),
        );
        sides.push(difference.about(first));
    }
    let surplus = sides.captures()?;
    sides.refunds()?;
    sides.release(surplus)?;
    Ok(sides.found)
}

impl Sides<'_> {
    fn push(&mut self, difference: Difference) {
        self.found.push(difference.of(self.order, self.payment));
    }

    fn note(&mut self, kind: DifferenceKind, ours: Money, theirs: Money) {
        let difference = Difference::new(kind, Some(ours), Some(theirs));
        self.push(difference.named(self.report.reference.as_ref()));
    }

    /// A call of ours whose outcome the provider knows, and how much came of it there.
    fn outcome(&mut self, operation: &Operation, theirs: Money) {
        let kind = if theirs.is_zero() || theirs == operation.amount {
            DifferenceKind::OutcomeDiffers
        } else {
            DifferenceKind::AmountDiffers
        };
        self.push(Difference::new(kind, Some(operation.amount), Some(theirs)).about(operation));
    }

    fn nothing(&self) -> Money {
        Money::zero(self.payment.amount.currency())
    }

    /// The charge or authorisation, while we don't know of its success.
    fn begin(&mut self, first: &Operation, said: Option<&Answer>) {
        let moved = self.report.moved(first.kind);
        if moved.is_positive() {
            self.outcome(first, moved);
        } else if self.report.authorised.is_positive() {
            // A charge that was set aside and not taken.
            let theirs = Some(self.report.authorised);
            let difference = Difference::new(DifferenceKind::AmountDiffers, Some(first.amount), theirs);
            self.push(difference.about(first));
        } else if first.is_live() && matches!(said, Some(Answer::Declined(_))) {
            self.outcome(first, self.nothing());
        }
    }

    /// What was captured. Gives what was captured there by somebody else.
    fn captures(&mut self) -> Result<Money, MoneyError> {
        let (ours, theirs) = (self.payment.captured, self.report.captured);
        let is_less = theirs.minor() < ours.minor();
        if is_less {
            if knows(&self.report, self.payment, Operation::takes) {
                self.note(DifferenceKind::CapturedLess, ours, theirs);
            }
            return Ok(self.nothing());
        }
        let mut left = theirs.minus(ours)?;
        for operation in &self.payment.operations {
            if awaits(operation, OperationKind::Capture) && operation.amount.minor() <= left.minor() {
                left = left.minus(operation.amount)?;
                self.outcome(operation, operation.amount);
            }
        }
        if left.is_positive() {
            self.note(DifferenceKind::CapturedMore, ours, theirs);
        }
        Ok(left)
    }

    /// What went back: each refund the provider tells of, and then their sum.
    fn refunds(&mut self) -> Result<(), MoneyError> {
        let payment = self.payment;
        let mut expected = payment.refunded;
        for refund in self.report.refunds.clone() {
            let known = booked(payment, &self.report, &refund);
            match (refund.status, known) {
                (RefundStatus::Succeeded, Some(operation)) => {
                    let is_news = OPERATION_TABLE.next(operation.status, OperationFact::Succeed).is_some();
                    if is_news {
                        self.outcome(operation, refund.amount);
                        expected = expected.plus(refund.amount)?;
                    }
                }
                (RefundStatus::Succeeded, None) => {
                    let nothing = self.nothing();
                    let difference =
                        Difference::new(DifferenceKind::RefundedMore, Some(nothing), Some(refund.amount));
                    self.push(difference.named(Some(&refund.reference)));
                    expected = expected.plus(refund.amount)?;
                }
                (RefundStatus::Failed, Some(operation)) => {
                    let is_booked = operation.status == OperationStatus::Succeeded;
                    if is_booked || operation.is_live() {
                        self.outcome(operation, self.nothing());
                    }
                    if is_booked {
                        expected = expected.minus(operation.amount)?;
                    }
                }
                (RefundStatus::Failed, None) | (RefundStatus::Pending, _) => {}
            }
        }
        let theirs = self.report.refunded(RefundStatus::Succeeded)?;
        let with_pending = self.report.refunded(RefundStatus::Pending)?;
        let is_refund = |operation: &Operation| operation.kind == OperationKind::Refund;
        if theirs.minor() > expected.minor() {
            self.note(DifferenceKind::RefundedMore, payment.refunded, theirs);
        } else if with_pending.minor() < expected.minor() && knows(&self.report, payment, is_refund) {
            self.note(DifferenceKind::RefundedLess, payment.refunded, theirs);
        }
        Ok(())
    }

    /// What is set aside and not captured, here and there.
    fn release(&mut self, captured_by_others: Money) -> Result<(), MoneyError> {
        let payment = self.payment;
        let is_void = |operation: &Operation| operation.kind == OperationKind::Void;
        let own = payment.operations.iter().find(|operation| awaits(operation, OperationKind::Void));
        if self.report.released.is_some() {
            let open = payment.capturable()?.minus(captured_by_others)?;
            if payment.is_voided() || !open.is_positive() {
                return Ok(());
            }
            let nothing = self.nothing();
            match own {
                Some(own) => self.outcome(own, own.amount),
                None => self.note(DifferenceKind::Released, open, nothing),
            }
            return Ok(());
        }
        let theirs = self.report.authorised.minus(self.report.captured)?;
        let is_giving_up = own.is_some_and(Operation::is_live);
        if !theirs.is_positive() || is_giving_up {
            return Ok(());
        }
        let is_wrong =
            if payment.is_voided() { knows(&self.report, payment, is_void) } else { is_over(self.order)? };
        if is_wrong {
            let ours = if payment.is_voided() { self.nothing() } else { payment.capturable()? };
            self.note(DifferenceKind::NotReleased, ours, theirs);
        }
        Ok(())
    }

    /// Disputes of which the report tells more than is known.
    fn disputes(&mut self) {
        let known = self.payment.reported.as_deref().map_or(&[][..], |report| &report.disputes);
        let joined = self.payment.joined(&self.report).disputes;
        for dispute in self.report.disputes.clone() {
            let of = |dispute: &ReportedDispute| {
                let reference = dispute.reference.clone();
                move |other: &&ReportedDispute| other.reference == reference
            };
            let ours = known.iter().find(of(&dispute));
            if ours.is_none() || joined.iter().find(of(&dispute)) != ours {
                let (ours, theirs) = (ours.map(|ours| ours.amount), Some(dispute.amount));
                let difference = Difference::new(DifferenceKind::DisputeUnknown, ours, theirs);
                self.push(difference.named(Some(&dispute.reference)));
            }
        }
    }
}

/// Whether an order needs no more money to be set aside: it is over, or it is being cancelled.
fn is_over(order: &Order) -> Result<bool, MoneyError> {
    if order.cancellation.is_some() {
        return Ok(true);
    }
    match order.status {
        OrderStatus::Cancelled | OrderStatus::Refunded => Ok(true),
        OrderStatus::Delivered => order.is_settled(),
        OrderStatus::Pending
        | OrderStatus::Confirmed
        | OrderStatus::Paid
        | OrderStatus::Processing
        | OrderStatus::Shipped => Ok(false),
    }
}
