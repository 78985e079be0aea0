//! How what is learnt changes a payment.

use crate::error::{Error, Result};
use crate::id::OperationId;
use crate::money::Money;
use crate::payment::{
    Answer, OPERATION_TABLE, Operation, OperationFact, OperationKind, OperationStatus, Payment,
};
use crate::time::Timestamp;

/// A defect: a fact that does not fit the operation it is about.
const MISFIT: Error = Error::Internal("a fact does not fit the payment it is about");

impl Payment {
    pub(crate) fn resent(&mut self, id: OperationId, claimed_until: Timestamp) -> Result<()> {
        let operation = self.operation_mut(id)?;
        operation.status = OPERATION_TABLE.next(operation.status, OperationFact::Resend).ok_or(MISFIT)?;
        operation.look_at = Some(claimed_until);
        if matches!(operation.kind, OperationKind::Charge | OperationKind::Authorise) {
            self.action = None;
        }
        Ok(())
    }

    pub(crate) fn answered(
        &mut self,
        id: OperationId,
        answer: &Answer,
        look_at: Option<Timestamp>,
        doubt: (Option<&str>, Option<Money>),
        at: Timestamp,
    ) -> Result<()> {
        let operation = self.operation_mut(id)?;
        operation.status = OPERATION_TABLE.next(operation.status, answer.fact()).ok_or(MISFIT)?;
        operation.look_at = look_at;
        operation.tries = operation.tries.saturating_add(1);
        operation.finding = doubt.0.map(str::to_owned);
        operation.claimed = doubt.1.or(operation.claimed.filter(|_| operation.is_live()));
        operation.settled_at = (!operation.is_live()).then_some(at);
        let kind = operation.kind;
        match answer {
            Answer::Succeeded { amount, reference } | Answer::FinalCapture { amount, reference } => {
                operation.amount = *amount;
                operation.reference.clone_from(reference);
                operation.decline = None;
                self.succeeded(kind, *amount, at)?;
            }
            Answer::ActionRequired { action, .. } => self.action = Some(action.clone()),
            Answer::Declined(decline) => operation.decline = Some(decline.clone()),
            Answer::Unknown | Answer::Approved | Answer::Absent => {}
        }
        if matches!(kind, OperationKind::Charge | OperationKind::Authorise) {
            if let Answer::Succeeded { reference, .. } | Answer::ActionRequired { reference, .. } = answer {
                self.reference.clone_from(reference);
            }
            if !matches!(answer, Answer::ActionRequired { .. } | Answer::Unknown) {
                self.action = None;
            }
        }
        self.updated_at = at;
        Ok(())
    }

    /// Takes over what was done at the provider without us.
    pub(crate) fn observed(&mut self, operation: &Operation, at: Timestamp) -> Result<()> {
        self.operations.push(operation.clone());
        self.updated_at = at;
        self.succeeded(operation.kind, operation.amount, at)
    }

    /// Takes back what was believed of an operation: it failed in the end.
    pub(crate) fn reversed(&mut self, id: OperationId, at: Timestamp) -> Result<()> {
        let operation = self.operation_mut(id)?;
        let had_succeeded = operation.status == OperationStatus::Succeeded;
        operation.status = OPERATION_TABLE.next(operation.status, OperationFact::Reverse).ok_or(MISFIT)?;
        (operation.look_at, operation.settled_at) = (None, Some(at));
        let (kind, amount) = (operation.kind, operation.amount);
        match kind {
            OperationKind::Refund if had_succeeded => self.refunded = self.refunded.minus(amount)?,
            OperationKind::Refund => {}
            OperationKind::Charge
            | OperationKind::Authorise
            | OperationKind::Capture
            | OperationKind::Void => {
                return Err(MISFIT);
            }
        }
        self.updated_at = at;
        Ok(())
    }

    pub(crate) fn recorded(&mut self, id: OperationId, amount: Money, at: Timestamp) -> Result<()> {
        let mut operation = Operation::new(id, OperationKind::Charge, amount, at);
        operation.status = OperationStatus::Succeeded;
        operation.look_at = None;
        operation.settled_at = Some(at);
        self.operations.push(operation);
        self.updated_at = at;
        self.succeeded(OperationKind::Charge, amount, at)
    }

    fn succeeded(&mut self, kind: OperationKind, amount: Money, at: Timestamp) -> Result<()> {
        match kind {
            OperationKind::Charge => {
                self.authorised = self.authorised.plus(amount)?;
                self.captured = self.captured.plus(amount)?;
            }
            OperationKind::Authorise => self.authorised = self.authorised.plus(amount)?,
            OperationKind::Capture => self.captured = self.captured.plus(amount)?,
            OperationKind::Refund => self.refunded = self.refunded.plus(amount)?,
            OperationKind::Void => {
                // The provider has given up the first operation: the customer can't finish it any more.
                for operation in &mut self.operations {
                    if operation.status == OperationStatus::AwaitingCustomer {
                        operation.status =
                            OPERATION_TABLE.next(operation.status, OperationFact::Lapse).ok_or(MISFIT)?;
                        operation.settled_at = Some(at);
                        operation.look_at = None;
                    }
                }
                self.action = None;
            }
        }
        Ok(())
    }

    fn operation_mut(&mut self, id: OperationId) -> Result<&mut Operation> {
        self.operations.iter_mut().find(|operation| operation.id == id).ok_or(MISFIT)
    }
}

impl Answer {
    /// What the answer is in the [`OPERATION_TABLE`].
    pub fn fact(&self) -> OperationFact {
        match self {
            Self::Succeeded { .. } | Self::FinalCapture { .. } => OperationFact::Succeed,
            Self::ActionRequired { .. } => OperationFact::AskCustomer,
            Self::Declined(_) => OperationFact::Decline,
            Self::Unknown => OperationFact::Lose,
            Self::Approved | Self::Absent => OperationFact::Lapse,
        }
    }
}
