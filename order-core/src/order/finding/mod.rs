mod matter;

pub(crate) use matter::knows;
use matter::{Matter, matters};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Invalid, Result};
use crate::id::{FindingId, OperationId, PaymentId, ProviderReference};
use crate::money::Money;
use crate::order::{Actor, Context, Draft, Order, OrderEvent, OrderPolicy, settle};
use crate::payment::{Answer, OPERATION_TABLE, OperationFact, OperationKind};
use crate::time::Timestamp;

/// Something about an order's money that a person should look at, because no rule can decide it.
///
/// What is open is read off the order after every decision: a matter that is no more is resolved by the engine, and one that a
/// person has resolved comes back only when its amounts change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Finding {
    /// Its id.
    pub id: FindingId,
    /// What it is.
    pub kind: FindingKind,
    /// The payment it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment_id: Option<PaymentId>,
    /// The operation it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation_id: Option<OperationId>,
    /// The provider's object it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<ProviderReference>,
    /// What we have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ours: Option<Money>,
    /// What the provider has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub theirs: Option<Money>,
    /// When it was found.
    pub since: Timestamp,
    /// Whether it is open.
    pub status: FindingStatus,
    /// When it was resolved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved_at: Option<Timestamp>,
    /// By whom: the engine itself, when the matter is no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved_by: Option<Actor>,
    /// What was done about it, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What a person should look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FindingKind {
    /// The provider did what was asked for with another amount. It is not booked.
    AmountDiffers,
    /// The provider's money is of another currency. It is not booked.
    CurrencyDiffers,
    /// The provider has captured more than can be booked, or less than is booked.
    CapturedDiffers,
    /// More went back at the provider than can be booked, or less than is booked.
    RefundedDiffers,
    /// The outcome of a call has been unknown for longer than [`Operation::WATCH`](crate::payment::Operation::WATCH).
    OutcomeUnknown,
    /// A refund failed at the provider, maybe after it had succeeded, or was refused again and again. What is owed to the customer
    /// is tried again by itself; a refund that was made by hand at the provider is not.
    RefundFailed,
    /// The customer disputes the payment.
    Disputed,
    /// A dispute was lost: its money has gone.
    DisputeLost,
    /// The order was accepted, and lacks this much (`ours`): what was set aside for it is gone.
    MoneyGone,
}

/// Whether a finding is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "there is no third way")]
pub enum FindingStatus {
    /// Somebody should look at it.
    Open,
    /// It is settled.
    Resolved,
}

/// What a person says about a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Resolution {
    /// It was looked into, and nothing has to be booked.
    Dismiss,
    /// The provider's amount is the right one: it is booked. Only for [`FindingKind::AmountDiffers`].
    AcceptProvider,
}

impl Finding {
    /// The most findings that an order keeps: what is resolved goes first.
    pub const MAX: usize = 100;
    /// How often a refund may be refused before a person has to look at it: for about two hours.
    pub const REFUSALS: usize = 9;
    /// The longest note, in bytes.
    pub const MAX_NOTE: usize = 500;

    /// Whether somebody should look at it.
    pub fn is_open(&self) -> bool {
        self.status == FindingStatus::Open
    }

    fn new(id: FindingId, matter: Matter, since: Timestamp) -> Self {
        let Matter { kind, payment_id, operation_id, reference, ours, theirs } = matter;
        Self {
            id,
            kind,
            payment_id,
            operation_id,
            reference,
            ours,
            theirs,
            since,
            status: FindingStatus::Open,
            resolved_at: None,
            resolved_by: None,
            note: None,
        }
    }

    fn is_about(&self, matter: &Matter) -> bool {
        self.kind == matter.kind
            && self.payment_id == matter.payment_id
            && self.operation_id == matter.operation_id
            && self.reference == matter.reference
            && self.ours == matter.ours
            && self.theirs == matter.theirs
    }

    /// Whether it stands for a matter: it is open, or a person has looked at it.
    fn covers(&self, matter: &Matter) -> bool {
        let by_hand = self.resolved_by.as_ref().is_some_and(|actor| *actor != Actor::Engine);
        self.is_about(matter) && (self.is_open() || by_hand)
    }
}

/// Opens and resolves findings, so that the open ones are what is the matter with the order.
pub(crate) fn follow(draft: &mut Draft, context: &Context<'_>) -> Result<()> {
    let order = draft.order();
    let matters = matters(order, context.now)?;
    let is_over =
        |finding: &&Finding| finding.is_open() && !matters.iter().any(|matter| finding.is_about(matter));
    let over: Vec<FindingId> = order.findings.iter().filter(is_over).map(|finding| finding.id).collect();
    let is_new = |matter: &&Matter| !order.findings.iter().any(|finding| finding.covers(matter));
    let new: Vec<Matter> = matters.iter().filter(is_new).cloned().collect();
    for finding_id in over {
        let event = OrderEvent::FindingResolved { finding_id, by: Actor::Engine, note: None };
        draft.record(event, context)?;
    }
    for matter in new {
        let id = FindingId::new(context.ids, context.now);
        let finding = Finding::new(id, matter, context.now);
        draft.record(OrderEvent::FindingOpened { finding }, context)?;
    }
    Ok(())
}

/// Resolves a finding by hand.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] without a note; a conflict when it is resolved already, or when there is nothing that could
/// be booked.
pub fn resolve(
    draft: &mut Draft,
    finding_id: FindingId,
    resolution: Resolution,
    note: &str,
    policy: &OrderPolicy,
    context: &Context<'_>,
) -> Result<()> {
    let note = note.trim();
    if note.is_empty() || note.len() > Finding::MAX_NOTE {
        let detail = format!("must say what was done about it, in at most {} bytes", Finding::MAX_NOTE);
        return Err(Invalid::field("/note", "out_of_range", detail).into());
    }
    let found = draft.order().findings.iter().find(|finding| finding.id == finding_id);
    let finding = found.cloned().ok_or(Error::NotFound { what: "finding" })?;
    if !finding.is_open() {
        return Err(Error::conflict("finding_resolved", "it is resolved already"));
    }
    if resolution == Resolution::AcceptProvider {
        accept(draft, &finding, context)?;
    }
    let (by, note) = (context.actor.clone(), Some(note.to_owned()));
    draft.record(OrderEvent::FindingResolved { finding_id, by, note }, context)?;
    settle(draft, policy, context)
}

/// Books the provider's amount of an operation in place of ours.
fn accept(draft: &mut Draft, finding: &Finding, context: &Context<'_>) -> Result<()> {
    let refused = || Error::conflict("nothing_to_accept", "the provider has no amount that could be booked");
    let order = draft.order();
    let known = finding.operation_id.and_then(|id| order.operation(id)).zip(finding.theirs);
    let ((payment, operation), amount) = known.ok_or_else(refused)?;
    let can_succeed = OPERATION_TABLE.next(operation.status, OperationFact::Succeed).is_some();
    let reserved = if operation.is_live() { operation.amount } else { Money::zero(order.currency) };
    let fits = amount.currency() == order.currency
        && match operation.kind {
            OperationKind::Charge | OperationKind::Authorise => true,
            OperationKind::Capture => payment.captured.plus(amount)?.minor() <= payment.authorised.minor(),
            OperationKind::Refund => payment.refundable()?.plus(reserved)?.minor() >= amount.minor(),
            OperationKind::Void => false,
        };
    if finding.kind != FindingKind::AmountDiffers || !can_succeed || !fits {
        return Err(refused());
    }
    let named = payment.reported.as_ref().filter(|_| operation.kind != OperationKind::Refund);
    let reference = operation.reference.clone().or_else(|| named.and_then(|report| report.reference.clone()));
    let (operation_id, answer) = (operation.id, Answer::Succeeded { amount, reference });
    let event =
        OrderEvent::OperationAnswered { operation_id, answer, look_at: None, finding: None, claimed: None };
    draft.record(event, context)
}

impl Order {
    /// What a person should look at.
    pub fn open_findings(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.is_open())
    }

    pub(crate) fn finding_opened(&mut self, finding: &Finding) {
        if self.findings.len() >= Finding::MAX
            && let Some(place) = self.findings.iter().position(|finding| !finding.is_open())
        {
            self.findings.remove(place);
        }
        self.findings.push(finding.clone());
    }

    pub(crate) fn finding_resolved(
        &mut self,
        id: FindingId,
        by: &Actor,
        note: Option<&str>,
        at: Timestamp,
    ) -> Result<()> {
        let finding = self.findings.iter_mut().find(|finding| finding.id == id);
        let finding = finding.ok_or(Error::Internal("a finding that the order does not have"))?;
        finding.status = FindingStatus::Resolved;
        (finding.resolved_at, finding.resolved_by) = (Some(at), Some(by.clone()));
        finding.note = note.map(str::to_owned);
        Ok(())
    }
}
