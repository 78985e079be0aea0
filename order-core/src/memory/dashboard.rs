//! What happens at the simulated provider without the engine, and what its books say.

use async_trait::async_trait;

use super::lock;
use super::provider::{Provider, SimulatedAccount};
use super::webhooks::{DISPUTE, PAYMENT, REFUND};
use crate::gateway::{BooksPage, BooksWindow, GatewayError, PaymentRef, ProviderBooks};
use crate::id::{OperationId, PaymentId, ProviderReference};
use crate::memory::SimulatedGateway;
use crate::money::Money;
use crate::payment::{
    Answer, DisputeStatus, PaymentReport, RefundStatus, Release, ReportedDispute, ReportedRefund,
};
use crate::time::Timestamp;

/// The provider acts of its own accord: what a merchant does in its dashboard, what customers and banks do, what time does.
///
/// Each gives back whether it could be done.
impl SimulatedGateway {
    /// Somebody refunds a payment in the dashboard. Gives what the refund is called.
    pub fn refund_by_hand(&self, payment_id: PaymentId, amount: Money) -> Option<ProviderReference> {
        let mut provider = lock(&self.provider);
        let number = provider.next_number();
        let account = provider.account_mut(payment_id)?;
        let reference = ProviderReference::new(format!("sim_re_by_hand_{number}")).ok()?;
        account.give_back(reference.clone(), None, amount).ok()?.then_some(())?;
        provider.tell_by_hand(REFUND, payment_id);
        Some(reference)
    }

    /// Somebody captures in the dashboard what was set aside.
    pub fn capture_by_hand(&self, payment_id: PaymentId, amount: Money) -> bool {
        self.change(PAYMENT, payment_id, |account| {
            let can = amount.is_positive() && amount.minor() <= account.open().ok()?.minor();
            account.captured = account.captured.plus(amount).ok().filter(|_| can)?;
            Some(())
        })
    }

    /// Somebody gives up in the dashboard what was set aside and not captured.
    pub fn void_by_hand(&self, payment_id: PaymentId) -> bool {
        self.change(PAYMENT, payment_id, |account| account.release(Release::Voided))
    }

    /// The time of an authorisation is over: what was not captured is not set aside any more.
    pub fn expire_authorisation(&self, payment_id: PaymentId) -> bool {
        self.change(PAYMENT, payment_id, |account| account.release(Release::Expired))
    }

    /// A refund that had succeeded fails: its money is back.
    pub fn fail_refund(&self, payment_id: PaymentId, reference: &ProviderReference) -> bool {
        self.change(REFUND, payment_id, |account| {
            let refund = account.refunds.iter_mut().find(|refund| refund.reference == *reference)?;
            if refund.status == RefundStatus::Failed {
                return None;
            }
            refund.status = RefundStatus::Failed;
            account.refunded = account.refunded.minus(refund.amount).ok()?;
            Some(())
        })
    }

    /// The customer disputes a payment at their bank. Gives what the dispute is called.
    pub fn open_dispute(&self, payment_id: PaymentId, amount: Money) -> Option<ProviderReference> {
        let mut provider = lock(&self.provider);
        let number = provider.next_number();
        let account = provider.account_mut(payment_id)?;
        let can = amount.is_positive() && amount.minor() <= account.captured.minor();
        let reference = ProviderReference::new(format!("sim_dp_{number}")).ok().filter(|_| can)?;
        account.disputes.push(ReportedDispute {
            reference: reference.clone(),
            amount,
            status: DisputeStatus::Open,
            reason: Some("fraudulent".to_owned()),
            opened_at: None,
            changed_at: None,
        });
        provider.tell_by_hand(DISPUTE, payment_id);
        Some(reference)
    }

    /// The bank decides a dispute.
    pub fn close_dispute(&self, payment_id: PaymentId, reference: &ProviderReference, is_won: bool) -> bool {
        self.change(DISPUTE, payment_id, |account| {
            let mut disputes = account.disputes.iter_mut();
            let dispute = disputes
                .find(|dispute| dispute.reference == *reference && dispute.status == DisputeStatus::Open)?;
            dispute.status = if is_won { DisputeStatus::Won } else { DisputeStatus::Lost };
            Some(())
        })
    }

    /// The refunds of a payment in the books, oldest first.
    pub fn refunds(&self, payment_id: PaymentId) -> Vec<ReportedRefund> {
        lock(&self.provider).account_mut(payment_id).map_or_else(Vec::new, |account| account.refunds.clone())
    }

    fn change(
        &self,
        event_type: &'static str,
        payment_id: PaymentId,
        change: impl FnOnce(&mut SimulatedAccount) -> Option<()>,
    ) -> bool {
        let mut provider = lock(&self.provider);
        let is_done = provider.account_mut(payment_id).and_then(change).is_some();
        if is_done {
            provider.tell_by_hand(event_type, payment_id);
        }
        is_done
    }
}

impl SimulatedAccount {
    fn release(&mut self, why: Release) -> Option<()> {
        let open = self.open().ok().filter(|open| open.is_positive())?;
        self.voided = self.voided.plus(open).ok()?;
        self.released = Some(why);
        Some(())
    }

    fn report(&self) -> PaymentReport {
        let mut report = PaymentReport::new(self.authorised.currency());
        report.payment_id = Some(self.payment_id);
        report.reference = reference(self.first_key);
        (report.authorised, report.captured) = (self.authorised, self.captured);
        report.released = self.released;
        (report.refunds, report.disputes) = (self.refunds.clone(), self.disputes.clone());
        report
    }
}

/// What the provider calls the object that a charge or authorisation has made.
pub(super) fn reference(first_key: OperationId) -> Option<ProviderReference> {
    ProviderReference::new(format!("sim_{}", first_key.uuid().simple())).ok()
}

/// The charge or authorisation that an object was made by, if the name is one of this provider's payments.
pub(super) fn first_key(reference: &ProviderReference) -> Option<OperationId> {
    let digits = reference.as_str().strip_prefix("sim_")?;
    uuid::Uuid::try_parse(digits).ok().map(OperationId::from_uuid)
}

impl Provider {
    /// What the books say about a charge or authorisation.
    fn report(&self, key: OperationId) -> Option<PaymentReport> {
        if let Some(account) = self.account(key) {
            return Some(account.report());
        }
        let (payment_id, currency, answer) = self.begun(key)?;
        let mut report = PaymentReport::new(currency);
        report.payment_id = Some(payment_id);
        report.reference = reference(key);
        report.first = Some(answer).filter(|answer| !matches!(answer, Answer::Unknown));
        Some(report)
    }
}

/// When a key was made, which it carries.
fn made_at(key: OperationId) -> Option<Timestamp> {
    let (seconds, nanos) = key.uuid().get_timestamp()?.to_unix();
    Timestamp::from_timestamp(i64::try_from(seconds).ok()?, nanos)
}

#[async_trait]
impl ProviderBooks for SimulatedGateway {
    async fn report(&self, payment: &PaymentRef) -> Result<Option<PaymentReport>, GatewayError> {
        let provider = lock(&self.provider);
        Ok(provider.first_key(payment.payment_id).and_then(|key| provider.report(key)))
    }

    async fn list(&self, window: &BooksWindow, cursor: Option<&str>) -> Result<BooksPage, GatewayError> {
        let provider = lock(&self.provider);
        let is_in = |key: &OperationId| {
            made_at(*key).is_some_and(|at| window.since <= at && at < window.until)
                && cursor.is_none_or(|cursor| key.to_string().as_str() > cursor)
        };
        let mut keys: Vec<OperationId> = provider.first_keys().filter(is_in).collect();
        keys.sort_unstable();
        let limit = usize::try_from(window.limit.max(1)).unwrap_or(usize::MAX);
        let has_more = keys.len() > limit;
        keys.truncate(limit);
        let next = keys.last().filter(|_| has_more).map(ToString::to_string);
        Ok(BooksPage { reports: keys.into_iter().filter_map(|key| provider.report(key)).collect(), next })
    }
}
