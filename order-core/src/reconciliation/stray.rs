use super::{Difference, DifferenceKind};
use crate::error::Result;
use crate::money::Money;
use crate::order::Order;
use crate::payment::{DisputeStatus, OperationKind, Payment, PaymentReport, RefundStatus};

/// What differs when no payment of ours stands for what the provider has. Nothing does, where nothing was taken or all of it went
/// back.
///
/// # Errors
/// [`MoneyError`](crate::money::MoneyError) when the amounts overflow.
pub fn without_payment(report: &PaymentReport) -> Result<Option<Difference>> {
    let kind = if report.payment_id.is_some() {
        DifferenceKind::OrderMissing
    } else {
        DifferenceKind::MoneyWithoutPayment
    };
    let difference = |theirs| Difference {
        payment_id: report.payment_id,
        ..Difference::new(kind, None, Some(theirs)).named(report.reference.as_ref())
    };
    Ok(at_stake(report)?.map(|(_, theirs)| difference(theirs)))
}

/// What differs when the provider has another object for a payment than the payment's own. Nothing does, where the other one has
/// brought no money, as one that nobody has confirmed.
///
/// # Errors
/// [`MoneyError`](crate::money::MoneyError) when the amounts overflow.
pub fn second_object(order: &Order, payment: &Payment, report: &PaymentReport) -> Result<Option<Difference>> {
    let difference = |theirs| {
        Difference::new(DifferenceKind::SecondObject, None, Some(theirs))
            .named(report.reference.as_ref())
            .of(order, payment)
    };
    Ok(at_stake(report)?.map(|(_, theirs)| difference(theirs)))
}

/// The money that a provider's object holds now, and by what it is given back: taken, and neither back, on its way back nor lost; else
/// what is set aside.
pub(crate) fn at_stake(report: &PaymentReport) -> Result<Option<(OperationKind, Money)>> {
    let report = &report.in_currency(report.captured.currency());
    let lost = report.disputes.iter().filter(|dispute| dispute.status == DisputeStatus::Lost);
    let lost = Money::sum(report.captured.currency(), lost.map(|dispute| dispute.amount))?;
    let taken = report.captured.minus(report.refunded(RefundStatus::Pending)?)?.minus(lost)?;
    if taken.is_positive() {
        return Ok(Some((OperationKind::Refund, taken)));
    }
    let open = report.authorised.minus(report.captured)?;
    let is_open = report.released.is_none() && open.is_positive();
    Ok(is_open.then_some((OperationKind::Void, open)))
}
