//! What a provider's books say about one payment.

use serde::{Deserialize, Serialize};

use crate::id::{OperationId, PaymentId, ProviderReference};
use crate::money::{Currency, Money, MoneyError};
use crate::payment::{Answer, OperationKind, Payment};
use crate::time::Timestamp;

/// What a provider's object says *now* about one payment: the fact behind a webhook, a poll, and a line of its books.
///
/// # Contract
/// * It tells everything from the beginning, and no change: amounts are sums since the payment began, and only grow.
/// * [`refunds`](Self::refunds) holds every refund, with our operation where we asked for it. One without is somebody else's: made
///   by hand at the provider.
/// * Two reports may come in any order, and twice: what they say is joined, and the older takes nothing back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PaymentReport {
    /// Our payment, where the provider's object carries it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment_id: Option<PaymentId>,
    /// The provider's object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<ProviderReference>,
    /// What has become of the charge or authorisation, while nothing is set aside: it is refused, or the customer must act.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<Answer>,
    /// How much was set aside, what was captured of it included.
    pub authorised: Money,
    /// How much was taken, whatever went back later.
    pub captured: Money,
    /// Whether what was not captured is not set aside any more, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub released: Option<Release>,
    /// Every refund, sorted by reference.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refunds: Vec<ReportedRefund>,
    /// Every dispute, sorted by reference.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disputes: Vec<ReportedDispute>,
    /// Money in another currency than ours, which is never booked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub misfit: Option<Money>,
    /// When the provider was asked, by our clock: the report knows of everything that was over before. The caller sets it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Timestamp>,
}

/// Why an authorisation is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "somebody ended it, or time did")]
pub enum Release {
    /// Its time was over.
    Expired,
    /// It was given up, or the rest was released with a capture.
    Voided,
}

/// A refund in a provider's books.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "adapters write it as a literal")]
pub struct ReportedRefund {
    /// What the provider calls it.
    pub reference: ProviderReference,
    /// Our operation, when we asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation_id: Option<OperationId>,
    /// How much.
    pub amount: Money,
    /// How far it is.
    pub status: RefundStatus,
}

/// How far a refund at a provider is. A later one is never followed by an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "an adapter must map to one of them")]
pub enum RefundStatus {
    /// It is under way.
    Pending,
    /// The money went back.
    Succeeded,
    /// It failed, maybe after it had succeeded: the money is with us again.
    Failed,
}

/// A dispute (chargeback) in a provider's books.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "adapters write it as a literal")]
pub struct ReportedDispute {
    /// What the provider calls it.
    pub reference: ProviderReference,
    /// How much is disputed.
    pub amount: Money,
    /// How far it is.
    pub status: DisputeStatus,
    /// Why, in the provider's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opened_at: Option<Timestamp>,
    /// When it last changed, by the provider's clock: the later word wins. Without it, a closed dispute wins over an open one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<Timestamp>,
}

/// How far a dispute is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "an adapter must map to one of them")]
pub enum DisputeStatus {
    /// It is open: the money can't be given back by us.
    Open,
    /// It was decided for us: the money is ours again.
    Won,
    /// It was decided for the customer: the money has gone.
    Lost,
}

impl PaymentReport {
    /// The most refunds, and the most disputes, that are kept of a payment: as many as it may have operations.
    pub const MAX_ENTRIES: usize = Payment::MAX_OPERATIONS;

    /// A report of a payment with which nothing has been done.
    pub fn new(currency: Currency) -> Self {
        let nothing = Money::zero(currency);
        Self {
            payment_id: None,
            reference: None,
            first: None,
            authorised: nothing,
            captured: nothing,
            released: None,
            refunds: Vec::new(),
            disputes: Vec::new(),
            misfit: None,
            as_of: None,
        }
    }

    /// The report as far as it can be booked in a currency: what is of another one is only [noted](Self::misfit).
    pub(crate) fn in_currency(&self, currency: Currency) -> Self {
        let mut own = Self { first: None, refunds: Vec::new(), disputes: Vec::new(), ..self.clone() };
        let mut note = |amount: Money| {
            let fits = amount.currency() == currency;
            if !fits && amount.is_positive() {
                own.misfit = later(own.misfit, Some(amount), money_key);
            }
            fits
        };
        let (takes, sets_aside) = (note(self.captured), note(self.authorised));
        let refunds = self.refunds.iter().filter(|refund| note(refund.amount)).cloned().collect();
        let disputes = self.disputes.iter().filter(|dispute| note(dispute.amount)).cloned().collect();
        let nothing = Money::zero(currency);
        if !takes || !sets_aside {
            (own.captured, own.authorised, own.released) = (nothing, nothing, None);
        }
        (own.refunds, own.disputes) = (refunds, disputes);
        own
    }

    /// How much has come of a charge or an authorisation.
    pub(crate) fn moved(&self, kind: OperationKind) -> Money {
        if kind == OperationKind::Charge { self.captured } else { self.authorised }
    }

    /// How much has gone back, or is at least this far.
    pub(crate) fn refunded(&self, at_least: RefundStatus) -> Result<Money, MoneyError> {
        let counts =
            |refund: &&ReportedRefund| refund.status >= at_least && refund.status != RefundStatus::Failed;
        Money::sum(self.authorised.currency(), self.refunds.iter().filter(counts).map(|refund| refund.amount))
    }

    /// Joins what another report says. The result is the same in whatever order, and however often, reports are joined.
    pub(crate) fn join(&mut self, other: &Self) {
        self.payment_id = self.payment_id.max(other.payment_id);
        if self.reference < other.reference {
            self.reference.clone_from(&other.reference);
        }
        self.authorised = larger(self.authorised, other.authorised);
        self.captured = larger(self.captured, other.captured);
        self.released = self.released.max(other.released);
        self.misfit = later(self.misfit, other.misfit, money_key);
        self.as_of = self.as_of.max(other.as_of);
        for refund in &other.refunds {
            match self.refunds.binary_search_by(|known| known.reference.cmp(&refund.reference)) {
                Ok(place) => self.refunds.get_mut(place).into_iter().for_each(|known| known.join(refund)),
                Err(place) if self.refunds.len() < Self::MAX_ENTRIES => {
                    self.refunds.insert(place, refund.clone());
                }
                Err(_) => {}
            }
        }
        for dispute in &other.disputes {
            match self.disputes.binary_search_by(|known| known.reference.cmp(&dispute.reference)) {
                Ok(place) => self.disputes.get_mut(place).into_iter().for_each(|known| known.join(dispute)),
                Err(place) if self.disputes.len() < Self::MAX_ENTRIES => {
                    self.disputes.insert(place, dispute.clone());
                }
                Err(_) => {}
            }
        }
    }
}

impl ReportedRefund {
    fn join(&mut self, other: &Self) {
        self.operation_id = self.operation_id.max(other.operation_id);
        if (self.status, self.amount.minor()) < (other.status, other.amount.minor()) {
            (self.status, self.amount) = (other.status, other.amount);
        }
    }
}

impl ReportedDispute {
    fn join(&mut self, other: &Self) {
        let key = |dispute: &Self| {
            let Self { changed_at, status, amount, reason, opened_at, .. } = dispute;
            (*changed_at, *status, amount.minor(), reason.clone(), *opened_at)
        };
        if key(self) < key(other) {
            *self = other.clone();
        }
    }
}

fn larger(ours: Money, theirs: Money) -> Money {
    if ours.minor() < theirs.minor() { theirs } else { ours }
}

fn later<T: Copy, K: Ord>(ours: Option<T>, theirs: Option<T>, key: impl Fn(T) -> K) -> Option<T> {
    if ours.map(&key) < theirs.map(&key) { theirs } else { ours }
}

fn money_key(amount: Money) -> (String, i64) {
    (amount.currency().to_string(), amount.minor())
}

/// What a provider's books mean for a payment.
impl Payment {
    /// What is disputed, and not decided.
    ///
    /// # Errors
    /// [`MoneyError`] when what is stored mixes currencies or overflows.
    pub fn disputed(&self) -> Result<Money, MoneyError> {
        self.disputes_of(DisputeStatus::Open)
    }

    /// What is gone by disputes that were lost.
    ///
    /// # Errors
    /// As [`disputed`](Self::disputed).
    pub fn lost(&self) -> Result<Money, MoneyError> {
        self.disputes_of(DisputeStatus::Lost)
    }

    /// How much a refund may be about: what is [refundable](Self::refundable), less what is disputed or lost.
    ///
    /// # Errors
    /// As [`disputed`](Self::disputed).
    pub fn returnable(&self) -> Result<Money, MoneyError> {
        let left = self.refundable()?.minus(self.disputed()?)?.minus(self.lost()?)?;
        Ok(if left.is_negative() { Money::zero(self.amount.currency()) } else { left })
    }

    fn disputes_of(&self, status: DisputeStatus) -> Result<Money, MoneyError> {
        let disputes = self.reported.iter().flat_map(|report| &report.disputes);
        Money::sum(
            self.amount.currency(),
            disputes.filter(|dispute| dispute.status == status).map(|dispute| dispute.amount),
        )
    }

    /// What the provider's books say of it, together with another report.
    pub(crate) fn joined(&self, report: &PaymentReport) -> PaymentReport {
        let currency = self.amount.currency();
        let mut joined = self.reported.as_deref().cloned().unwrap_or_else(|| PaymentReport::new(currency));
        joined.join(&report.in_currency(currency));
        joined
    }
}
