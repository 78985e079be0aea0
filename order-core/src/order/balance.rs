//! What an order's money comes to. Everything here is read off the order; nothing is stored twice.

use serde::{Deserialize, Serialize};

use crate::id::SellerId;
use crate::inventory::ReservationStatus;
use crate::money::{Money, MoneyError};
use crate::order::{LineStatus, Order, OrderLine, OrderStatus};
use crate::payment::{Operation, OperationKind, OperationStatus, Payment, PaymentStatus};

/// How far the money for an order has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OrderPaymentStatus {
    /// None has come yet.
    Pending,
    /// All of it is set aside.
    Authorized,
    /// Some of it is here.
    PartiallyPaid,
    /// All of it is here.
    Paid,
    /// Some of it went back.
    PartiallyRefunded,
    /// All of it went back.
    Refunded,
    /// The last attempt was declined or given up, and none is under way.
    Failed,
}

impl Order {
    /// What the customer owes in all: the total, less what was cancelled and what was granted back. Nothing, once the order is
    /// cancelled or refunded.
    ///
    /// A refund that was made by hand at the provider counts towards what has to go back; what it gives beyond that, it grants. Of a
    /// refunded order a refund by hand may come back later. Whether the customer is given that once more is for a person: until then it
    /// is kept.
    ///
    /// # Errors
    /// [`MoneyError`] when what is stored mixes currencies or overflows.
    pub fn payable(&self) -> Result<Money, MoneyError> {
        match self.status {
            OrderStatus::Cancelled => Ok(Money::zero(self.currency)),
            OrderStatus::Refunded => self.agreed()?.min(self.refunds_by_hand(OperationStatus::Reversed)?),
            OrderStatus::Pending
            | OrderStatus::Confirmed
            | OrderStatus::Paid
            | OrderStatus::Processing
            | OrderStatus::Shipped
            | OrderStatus::Delivered => self.agreed(),
        }
    }

    /// What the customer owes of an order that goes on.
    fn agreed(&self) -> Result<Money, MoneyError> {
        let cancelled = Money::sum(self.currency, self.lines.iter().map(|line| line.cancelled_amount))?;
        let agreed = or_nothing(self.totals.total.minus(cancelled)?.minus(self.granted)?);
        let by_hand = self.refunds_by_hand(OperationStatus::Succeeded)?;
        if by_hand.is_zero() {
            return Ok(agreed);
        }
        let by_us = self.refunded()?.minus(by_hand)?.plus(self.refunding()?)?;
        let uncovered = or_nothing(or_nothing(self.captured()?.minus(agreed)?).minus(by_us)?);
        Ok(or_nothing(agreed.minus(or_nothing(by_hand.minus(uncovered)?))?))
    }

    /// What was given back at the provider, without us: what has stayed there, or what has come back.
    fn refunds_by_hand(&self, status: OperationStatus) -> Result<Money, MoneyError> {
        let is_foreign = |operation: &&Operation| {
            operation.kind == OperationKind::Refund
                && operation.status == status
                && !operation.origin.is_engine()
        };
        let operations = self.payments.iter().flat_map(|payment| &payment.operations);
        Money::sum(self.currency, operations.filter(is_foreign).map(|operation| operation.amount))
    }

    /// What was taken, whatever went back later.
    ///
    /// # Errors
    /// As [`payable`](Self::payable).
    pub fn captured(&self) -> Result<Money, MoneyError> {
        Money::sum(self.currency, self.payments.iter().map(|payment| payment.captured))
    }

    /// What went back.
    ///
    /// # Errors
    /// As [`payable`](Self::payable).
    pub fn refunded(&self) -> Result<Money, MoneyError> {
        Money::sum(self.currency, self.payments.iter().map(|payment| payment.refunded))
    }

    /// What may still be given back: taken, and neither back nor on its way back.
    ///
    /// # Errors
    /// As [`payable`](Self::payable).
    pub fn refundable(&self) -> Result<Money, MoneyError> {
        self.payments
            .iter()
            .try_fold(Money::zero(self.currency), |sum, payment| sum.plus(payment.refundable()?))
    }

    /// What may still be given back, less what is disputed or lost.
    ///
    /// # Errors
    /// As [`payable`](Self::payable).
    pub fn returnable(&self) -> Result<Money, MoneyError> {
        self.payments
            .iter()
            .try_fold(Money::zero(self.currency), |sum, payment| sum.plus(payment.returnable()?))
    }

    /// What an accepted order lacks: owed, and neither here, set aside, being tried, nor promised in cash. Nothing, where the order
    /// is not accepted yet, or is over.
    ///
    /// # Errors
    /// As [`payable`](Self::payable).
    pub fn unsecured(&self) -> Result<Money, MoneyError> {
        let nothing = Money::zero(self.currency);
        match self.status {
            OrderStatus::Confirmed
            | OrderStatus::Paid
            | OrderStatus::Processing
            | OrderStatus::Shipped
            | OrderStatus::Delivered => {}
            OrderStatus::Pending | OrderStatus::Cancelled | OrderStatus::Refunded => return Ok(nothing),
        }
        let promised = self
            .payments
            .iter()
            .filter(|payment| payment.method.is_offline())
            .try_fold(nothing, |sum, payment| sum.plus(payment.amount.minus(payment.captured)?))?;
        let lacking = self.outstanding()?.minus(promised)?;
        Ok(or_nothing(lacking))
    }

    /// What is set aside and not captured.
    ///
    /// # Errors
    /// As [`payable`](Self::payable).
    pub fn authorised(&self) -> Result<Money, MoneyError> {
        self.payments
            .iter()
            .try_fold(Money::zero(self.currency), |sum, payment| sum.plus(payment.capturable()?))
    }

    /// What is here beyond what the customer owes: it has to go back.
    ///
    /// # Errors
    /// As [`payable`](Self::payable).
    pub fn excess(&self) -> Result<Money, MoneyError> {
        let excess = self.returnable()?.minus(self.payable()?)?;
        Ok(or_nothing(excess))
    }

    /// What the customer still has to pay, beyond what is here, set aside or being tried.
    ///
    /// # Errors
    /// As [`payable`](Self::payable).
    pub fn outstanding(&self) -> Result<Money, MoneyError> {
        let under_way = self
            .payments
            .iter()
            .filter(|payment| payment.is_live())
            .try_fold(Money::zero(self.currency), |sum, payment| {
                sum.plus(payment.amount.minus(payment.captured)?)
            })?;
        let outstanding =
            self.payable()?.minus(self.captured()?)?.plus(self.refunded()?)?.minus(under_way)?;
        Ok(or_nothing(outstanding))
    }

    /// Whether everything the customer owes is here.
    ///
    /// # Errors
    /// As [`payable`](Self::payable).
    pub fn is_settled(&self) -> Result<bool, MoneyError> {
        Ok(self.refundable()?.minus(self.payable()?)?.minor() >= 0)
    }

    /// Whether money may still come without a further command.
    pub fn has_live_money(&self) -> bool {
        self.payments.iter().any(Payment::is_live)
    }

    /// How far its money has come.
    ///
    /// # Errors
    /// As [`payable`](Self::payable).
    pub fn payment_status(&self) -> Result<OrderPaymentStatus, MoneyError> {
        let (captured, refunded) = (self.captured()?, self.refunded()?);
        if refunded.is_positive() {
            return Ok(if refunded.minor() >= captured.minor() {
                OrderPaymentStatus::Refunded
            } else {
                OrderPaymentStatus::PartiallyRefunded
            });
        }
        if captured.is_positive() || self.totals.total.is_zero() {
            let whole = captured.minor() >= self.payable()?.minor();
            return Ok(if whole { OrderPaymentStatus::Paid } else { OrderPaymentStatus::PartiallyPaid });
        }
        let authorised = self.authorised()?;
        if authorised.is_positive() && authorised.minor() >= self.payable()?.minor() {
            return Ok(OrderPaymentStatus::Authorized);
        }
        let failed =
            |payment: &Payment| matches!(payment.status(), PaymentStatus::Declined | PaymentStatus::Voided);
        Ok(if self.payments.last().is_some_and(failed) && !self.has_live_money() {
            OrderPaymentStatus::Failed
        } else {
            OrderPaymentStatus::Pending
        })
    }

    /// What has become of a line.
    pub fn line_status(&self, line: &OrderLine) -> LineStatus {
        if line.kept() == 0 || self.status == OrderStatus::Cancelled {
            LineStatus::Cancelled
        } else if line.open() == 0 {
            LineStatus::Fulfilled
        } else if self.hold.as_ref().is_some_and(|hold| hold.status == ReservationStatus::Confirmed) {
            LineStatus::Confirmed
        } else {
            LineStatus::Reserved
        }
    }

    /// A seller's share of what was taken and of what went back: split over the sellers in proportion to their parts of the
    /// total, so that the shares add up.
    ///
    /// # Errors
    /// As [`payable`](Self::payable).
    pub fn seller_shares(&self, amount: Money) -> Result<Vec<(SellerId, Money)>, MoneyError> {
        let weights: Vec<u64> =
            self.sellers.iter().map(|group| u64::try_from(group.totals.total.minor()).unwrap_or(0)).collect();
        let shares = if weights.iter().all(|weight| *weight == 0) {
            vec![Money::zero(amount.currency()); self.sellers.len()]
        } else {
            amount.allocate(&weights)?
        };
        Ok(self.sellers.iter().map(|group| group.seller_id.clone()).zip(shares).collect())
    }

    /// The refunds that are under way or unknown.
    ///
    /// # Errors
    /// As [`payable`](Self::payable).
    pub fn refunding(&self) -> Result<Money, MoneyError> {
        self.payments.iter().try_fold(Money::zero(self.currency), |sum, payment| {
            sum.plus(payment.pending(OperationKind::Refund)?)
        })
    }
}

fn or_nothing(amount: Money) -> Money {
    if amount.is_negative() { Money::zero(amount.currency()) } else { amount }
}
