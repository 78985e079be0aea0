use std::sync::Arc;

use super::Reconciliation;
use crate::error::{Error, Invalid, Result};
use crate::gateway::{Instruction, Notice, NoticeKind, PaymentRef, ProviderBooks};
use crate::id::{OperationId, PaymentId, ProviderId, ProviderReference};
use crate::inbox::{Decision, InboxEntry, InboxStatus, NoticeKey, Settlement};
use crate::money::Money;
use crate::order::{Actor, Order};
use crate::payment::{Answer, OperationKind};
use crate::reconciliation::at_stake;
use crate::service::Request;
use crate::service::change::only_staff;
use crate::service::engine::Parts;
use crate::service::webhooks::{Look, readable};
use crate::store::Receipt;
use crate::text::check_lines;
use crate::time::Timestamp;

/// How often money of one payment can be returned: far more often than a bank sends it back.
const MAX_RETURNS: u32 = 100;

/// Money at a provider that is to go back, as a reconciliation has told of it
/// ([`OrderMissing`](crate::reconciliation::DifferenceKind::OrderMissing)).
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "callers write it as a literal")]
pub struct ReturnOrphan {
    /// Whose books.
    pub provider: ProviderId,
    /// Our payment, of which we have no order.
    pub payment_id: PaymentId,
    /// What the provider calls it.
    pub reference: ProviderReference,
    /// How much goes back: all that was told to be there. When it is another amount by now, nothing is done.
    pub amount: Money,
    /// Why.
    pub note: String,
}

/// What somebody has decided about money that no order stands for, and what has become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OrphanReturn {
    /// What names it in the [inbox](crate::inbox).
    pub key: NoticeKey,
    /// Our payment.
    pub payment_id: PaymentId,
    /// What the provider calls it.
    pub reference: ProviderReference,
    /// The key under which the provider was told.
    pub operation_id: OperationId,
    /// A refund of what was taken, or a void of what is set aside.
    pub kind: OperationKind,
    /// How much.
    pub amount: Money,
    /// What has become of it.
    pub status: OrphanStatus,
    /// What the provider said of it, or why nobody knows yet.
    pub reason: Option<String>,
    /// Who has decided.
    pub by: Actor,
    /// Why.
    pub note: String,
    /// When it was decided.
    pub decided_at: Timestamp,
}

/// What has become of money that is to go back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "it is done, it can't be, or nobody knows yet")]
pub enum OrphanStatus {
    /// The provider has not said yet what became of it. The pass [`attend`](crate::service::Passes::attend) asks until it does.
    Open,
    /// It went back, or is given up.
    Returned,
    /// It was refused. Whoever asks once more tries once more, under another key.
    Refused,
}

impl OrphanReturn {
    /// What an entry of the inbox says, if it is such a decision.
    pub fn of(entry: &InboxEntry) -> Option<Self> {
        let (notice, decision) = (&entry.notice, entry.notice.decision.as_ref()?);
        Some(Self {
            key: entry.key(),
            payment_id: notice.payment_id?,
            reference: notice.reference.clone()?,
            operation_id: notice.operation_id?,
            kind: decision.kind,
            amount: notice.amount?,
            status: match entry.status {
                InboxStatus::Received | InboxStatus::Parked => OrphanStatus::Open,
                InboxStatus::Attended => OrphanStatus::Returned,
                InboxStatus::Ignored => OrphanStatus::Refused,
            },
            reason: entry.reason.clone(),
            by: decision.by.clone(),
            note: decision.note.clone(),
            decided_at: notice.created_at,
        })
    }
}

impl Reconciliation<'_> {
    /// Gives back money that the provider has for a payment of ours of which there is no order: what was taken is refunded, what is
    /// only set aside is given up. For the staff.
    ///
    /// Who has decided it, and why, is kept in the [inbox](crate::inbox) together with the key of the call, before the call is made. So
    /// whoever asks twice, or dies meanwhile, gives it back once: an open decision is gone on with, by whoever asks again or by the pass
    /// [`attend`](crate::service::Passes::attend), under its own key.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::Invalid`] for a provider whose books and gateway the engine was not given, an amount of nothing or
    /// a note that is missing; [`Error::NotFound`] when the provider has no such payment; a conflict when there is an order with it
    /// (`order_exists`), when another amount is there by now (`amount_changed`), or nothing is (`nothing_to_return`); [`Error::Gateway`]
    /// when the books can't be read.
    pub async fn return_orphan(&self, wish: &ReturnOrphan, request: &Request) -> Result<OrphanReturn> {
        only_staff(&request.actor)?;
        let books = self.check_orphan(wish)?;
        let parts = self.parts;
        if parts.owner(&wish.provider, wish.payment_id, &wish.reference).await?.is_some() {
            return Err(Error::conflict("order_exists", "there is an order with this payment"));
        }
        let mut last = None;
        for number in 1..=MAX_RETURNS {
            let key = NoticeKey::new(wish.provider.clone(), format!("return_{}_{number}", wish.payment_id));
            let known = parts.store.find_notice(&key).await?;
            if let Some(known) = known {
                if known.notice.reference.as_ref() != Some(&wish.reference) {
                    continue;
                }
                if known.status.is_open() {
                    return self.go_on(known).await;
                }
                last = Some(known);
                continue;
            }
            let Some(kind) = stake(&*books, wish).await? else {
                let done = last.filter(|last| last.status == InboxStatus::Attended);
                let done = done.as_ref().and_then(OrphanReturn::of);
                return done
                    .ok_or_else(|| Error::conflict("nothing_to_return", "nothing of it is left there"));
            };
            let decision = Decision::new(request.actor.clone(), kind, wish.note.trim());
            let entry = self.decided(wish, key.event_id.clone(), decision);
            // Otherwise somebody else has decided the same meanwhile, and is at it.
            if parts.store.receive_notice(&entry).await? == Receipt::New {
                parts.attend(&entry).await?;
            }
            return self.told(&key).await;
        }
        Err(Error::conflict("too_many_returns", "it was sent back too often"))
    }

    fn check_orphan(self, wish: &ReturnOrphan) -> Result<Arc<dyn ProviderBooks>> {
        let mut invalid = Invalid::default();
        let books = self.parts.books.get(&wish.provider);
        let books = books.filter(|_| self.parts.gateways.contains_key(&wish.provider));
        if books.is_none() {
            let detail = "is not a payment provider whose books this shop can read";
            invalid.push("/provider", "unknown_provider", detail);
        }
        if !wish.amount.is_positive() {
            invalid.push("/amount", "out_of_range", "must be more than nothing");
        }
        let note = wish.note.trim();
        if note.is_empty() {
            invalid.push("/note", "required", "must say why");
        }
        check_lines(&mut invalid, "/note", note, Decision::MAX_NOTE);
        match books {
            Some(books) if invalid.errors().is_empty() => Ok(Arc::clone(books)),
            Some(_) | None => Err(invalid.into()),
        }
    }

    /// A decision, claimed by whoever has made it.
    fn decided(self, wish: &ReturnOrphan, event_id: String, decision: Decision) -> InboxEntry {
        let now = self.parts.now();
        let (provider, kind) = (wish.provider.clone(), NoticeKind::Orphan);
        let mut notice = Notice::new(provider, event_id, kind, "orphan.return", now);
        notice.payment_id = Some(wish.payment_id);
        notice.reference = Some(wish.reference.clone());
        notice.operation_id = Some(OperationId::new(&*self.parts.ids, now));
        notice.amount = Some(wish.amount);
        notice.decision = Some(decision);
        InboxEntry::received(notice, now, now + InboxEntry::LEASE)
    }

    /// Goes on with an open decision, unless somebody is at it.
    async fn go_on(self, entry: InboxEntry) -> Result<OrphanReturn> {
        let now = self.parts.now();
        let is_claimed =
            entry.status == InboxStatus::Received && entry.due_at.is_some_and(|until| until > now);
        if !is_claimed {
            self.parts.attend(&entry).await?;
        }
        self.told(&entry.key()).await
    }

    /// What has become of a decision.
    async fn told(self, key: &NoticeKey) -> Result<OrphanReturn> {
        let entry = self.parts.store.find_notice(key).await?;
        entry.as_ref().and_then(OrphanReturn::of).ok_or(Error::Internal("a decision that is not there"))
    }
}

/// By what the money of a payment is given back, if there is any.
async fn stake(books: &dyn ProviderBooks, wish: &ReturnOrphan) -> Result<Option<OperationKind>> {
    let asked = PaymentRef::orphan(wish.payment_id, wish.reference.clone(), wish.amount.currency());
    let report = books.report(&asked).await?.filter(|report| {
        report.payment_id == Some(wish.payment_id) && report.reference.as_ref() == Some(&wish.reference)
    });
    let report = report.ok_or(Error::NotFound { what: "payment at the provider" })?;
    match at_stake(&report)? {
        Some((_, amount)) if amount != wish.amount => {
            let detail = format!("{amount} is there now, and not {}", wish.amount);
            Err(Error::conflict("amount_changed", detail))
        }
        found => Ok(found.map(|(kind, _)| kind)),
    }
}

impl Parts {
    /// The order that stands for a provider's payment.
    async fn owner(
        &self,
        provider: &ProviderId,
        payment_id: PaymentId,
        reference: &ProviderReference,
    ) -> Result<Option<Order>> {
        match self.store.find_order_by_payment(payment_id).await? {
            Some(order) => Ok(Some(order)),
            None => Ok(self.store.find_order_by_reference(provider, reference).await?),
        }
    }

    /// Has a decision carried out: asks what became of it, and tells the provider when it has not heard of it.
    pub(in crate::service) async fn carry_out(&self, entry: &InboxEntry) -> Result<Look> {
        let provider = &entry.notice.provider;
        let Some(decided) = OrphanReturn::of(entry) else {
            return Err(Error::Internal("a decision without what it is about"));
        };
        let Some(gateway) = self.gateways.get(provider) else {
            return Ok(Look::Later("the payment provider is not there".to_owned()));
        };
        let OrphanReturn { payment_id, reference, operation_id, kind, amount, .. } = decided;
        let instruction =
            Instruction::about_orphan(payment_id, reference.clone(), operation_id, kind, amount)?;
        let mut answer = gateway.ask(&instruction).await?;
        if answer == Answer::Absent {
            if self.owner(provider, payment_id, &reference).await?.is_some() {
                let reason = "there is an order with this payment now".to_owned();
                return Ok(Look::Done(Settlement::Ignored(reason)));
            }
            answer = gateway.execute(&instruction).await?;
        }
        Ok(match answer {
            Answer::Succeeded { amount, reference } => {
                let name = reference.map(|reference| format!(": {reference}")).unwrap_or_default();
                let what = match kind {
                    OperationKind::Void => format!("{amount} is not set aside any more"),
                    OperationKind::Charge
                    | OperationKind::Authorise
                    | OperationKind::Capture
                    | OperationKind::Refund => format!("{amount} went back{name}"),
                };
                Look::Done(Settlement::Done(readable(&what)))
            }
            Answer::Declined(decline) => {
                let reason = format!("the provider has refused it: {} ({})", decline.message, decline.code);
                Look::Done(Settlement::Ignored(readable(&reason)))
            }
            Answer::FinalCapture { .. }
            | Answer::ActionRequired { .. }
            | Answer::Unknown
            | Answer::Approved
            | Answer::Absent => Look::Later("the provider has not said what became of it".to_owned()),
        })
    }
}
