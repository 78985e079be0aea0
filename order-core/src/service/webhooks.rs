use crate::checkout::Drive;
use crate::error::{Error, Result, StoreError};
use crate::gateway::{Delivery, Notice, NoticeKind, Rejected};
use crate::id::{OperationId, PaymentId, ProviderId};
use crate::inbox::{InboxEntry, InboxStatus, NoticeKey, Settlement};
use crate::order::{Actor, Order};
use crate::service::change::only_staff;
use crate::service::drive::Observed;
use crate::service::engine::Parts;
use crate::store::{InboxCursor, Page, Receipt};
use crate::text::is_line;

/// What payment providers tell of their own accord.
///
/// A host that receives a provider's webhook hands it to [`receive`](Self::receive), and answers when that has answered: then the notice is
/// stored, and nothing that happens to the process can lose it. [`attend`](Self::attend) does what it calls for at once; when it is
/// not called, or does not come to its end, the pass [`Passes::attend`](crate::service::Passes::attend) does it later.
#[derive(Debug, Clone, Copy)]
pub struct Webhooks<'a> {
    pub(crate) parts: &'a Parts,
}

/// A webhook that was taken in: it is stored, and its provider may be told so.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NoticeReceipt {
    /// What names it.
    pub key: NoticeKey,
    /// Whether it is news: the same event comes again when an answer was lost.
    pub is_new: bool,
    /// What the receiver has claimed.
    claimed: Option<InboxEntry>,
}

impl Webhooks<'_> {
    /// The largest body that is looked at, in bytes: several times as large as any that a provider sends.
    pub const MAX_BODY: usize = 256 * 1024;

    /// Takes a webhook in: checks whose it is, and stores what it says. Its provider may be answered when this has succeeded.
    /// Whoever receives a new one has claimed it for [`InboxEntry::LEASE`], and should [attend](Self::attend) to it.
    ///
    /// # Errors
    /// [`Error::NotFound`] when nobody reads this provider's webhooks. [`Error::Rejected`] when it is not believed. [`Error::Store`]
    /// when it could not be stored, or perhaps was: the provider has to send it again.
    pub async fn receive(&self, provider: &ProviderId, delivery: &Delivery<'_>) -> Result<NoticeReceipt> {
        let parts = self.parts;
        let reader = parts.readers.get(provider).ok_or(Error::NotFound { what: "payment provider" })?;
        if delivery.body.len() > Self::MAX_BODY {
            return Err(Rejected::TooLarge.into());
        }
        let mut notice = reader.read(delivery).await?;
        if notice.kind == NoticeKind::Orphan
            || notice.decision.is_some()
            || !fits(&notice.event_id, InboxEntry::MAX_EVENT_ID)
            || !fits(&notice.event_type, InboxEntry::MAX_EVENT_TYPE)
        {
            return Err(Rejected::Unreadable.into());
        }
        notice.provider = provider.clone();
        let now = parts.now();
        let entry = InboxEntry::received(notice, now, now + InboxEntry::LEASE);
        let is_new = parts.store.receive_notice(&entry).await? == Receipt::New;
        Ok(NoticeReceipt { key: entry.key(), is_new, claimed: is_new.then_some(entry) })
    }

    /// Does at once what a webhook that was just received calls for: asks its provider what is true, and takes that in. Gives what has
    /// become of it. What is not new is somebody else's: nothing is done.
    ///
    /// # Errors
    /// [`Error::Store`] when the store can't be reached. The pass does it then.
    pub async fn attend(&self, receipt: &NoticeReceipt) -> Result<Option<InboxStatus>> {
        match &receipt.claimed {
            Some(entry) => self.parts.attend(entry).await.map(Some),
            None => Ok(None),
        }
    }

    /// A page of the inbox, newest first, of one status or of all. For the staff.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::Store`].
    pub async fn list(
        &self,
        status: Option<InboxStatus>,
        after: Option<&InboxCursor>,
        limit: u32,
        actor: &Actor,
    ) -> Result<Page<InboxEntry, InboxCursor>> {
        only_staff(actor)?;
        Ok(self.parts.store.list_inbox(status, after, limit).await?)
    }

    /// Attends to a notice now, whatever has become of it before, and gives it as it is then. For the staff.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::NotFound`]; [`Error::Store`].
    pub async fn retry(&self, key: &NoticeKey, actor: &Actor) -> Result<InboxEntry> {
        only_staff(actor)?;
        let store = &self.parts.store;
        let missing = || Error::NotFound { what: "webhook" };
        if !store.retry_notice(key, self.parts.now()).await? {
            return Err(missing());
        }
        // If a pass is at it too, both find the same.
        let entry = store.find_notice(key).await?.ok_or_else(missing)?;
        self.parts.attend(&entry).await?;
        store.find_notice(key).await?.ok_or_else(missing)
    }
}

fn fits(text: &str, max_bytes: usize) -> bool {
    (1..=max_bytes).contains(&text.len()) && is_line(text)
}

/// What comes of a look at a notice.
pub(super) enum Look {
    Done(Settlement),
    Later(String),
}

impl Parts {
    /// Attends to a notice, and notes what came of it: its new status.
    pub(crate) async fn attend(&self, entry: &InboxEntry) -> Result<InboxStatus> {
        let look = match Box::pin(self.look_at(entry)).await {
            Ok(look) => look,
            Err(error @ Error::Store(StoreError::Unavailable { .. })) => return Err(error),
            Err(error) => Look::Later(error.with_sources()),
        };
        let (key, now) = (entry.key(), self.now());
        match look {
            Look::Done(settlement) => {
                self.store.settle_notice(&key, &settlement, now).await?;
                Ok(match settlement {
                    Settlement::Attended(_) | Settlement::Done(_) => InboxStatus::Attended,
                    Settlement::Ignored(_) => InboxStatus::Ignored,
                })
            }
            Look::Later(reason) => {
                let again = now + InboxEntry::wait_after(entry.attempts);
                self.store.park_notice(&key, again, &readable(&reason), now).await?;
                Ok(InboxStatus::Parked)
            }
        }
    }

    async fn look_at(&self, entry: &InboxEntry) -> Result<Look> {
        let notice = &entry.notice;
        if notice.decision.is_some() {
            return Box::pin(self.carry_out(entry)).await;
        }
        if notice.kind == NoticeKind::Unknown {
            return Ok(Look::Done(Settlement::Ignored("a type of events that is not known".to_owned())));
        }
        let Some((mut order, payments)) = self.subject(notice).await? else {
            let is_late = entry.received_at + InboxEntry::PATIENCE <= self.now();
            let reason = "no payment of ours is known by what it says".to_owned();
            return Ok(if is_late { Look::Done(Settlement::Ignored(reason)) } else { Look::Later(reason) });
        };
        let id = order.id;
        let correlation = format!("webhook {}", entry.key());
        for payment in payments {
            order = match Box::pin(self.ask_about(order, payment, &notice.provider, &correlation)).await? {
                Ok(order) => order,
                Err(why_later) => return Ok(Look::Later(why_later.to_owned())),
            };
        }
        Ok(Look::Done(Settlement::Attended(id)))
    }

    /// The order that a notice is about, and which of its payments. Payments of other providers are none of it.
    async fn subject(&self, notice: &Notice) -> Result<Option<(Order, Vec<PaymentId>)>> {
        let store = &self.store;
        let mut order = None;
        if let Some(id) = notice.payment_id {
            order = store.find_order_by_payment(id).await?;
        }
        if let (None, Some(reference)) = (&order, &notice.reference) {
            order = store.find_order_by_reference(&notice.provider, reference).await?;
        }
        if let (None, Some(id)) = (&order, notice.order_id) {
            order = store.find_order(id).await?;
        }
        let Some(order) = order else { return Ok(None) };
        let payments = meant(&order, notice);
        Ok((!payments.is_empty()).then_some((order, payments)))
    }

    /// Asks a provider what is true of a payment: its books, and about what is still open. Without books only about that. Gives why that
    /// can't be done now.
    async fn ask_about(
        &self,
        mut order: Order,
        payment: PaymentId,
        provider: &ProviderId,
        correlation: &str,
    ) -> Result<Result<Order, &'static str>> {
        if self.books.contains_key(provider) {
            order = match Box::pin(self.observe(order, payment, Some(correlation))).await? {
                Observed::Report(order) => order,
                Observed::Nothing(_) => return Ok(Err("the provider's books do not have it yet")),
            };
        }
        for operation in open_operations(&order, payment) {
            if order.is_in_flight(self.now()) {
                return Ok(Err("a call to the provider is under way"));
            }
            if open_operations(&order, payment).contains(&operation) {
                let asking = self.drive(order, Drive::asking(operation), None, Some(correlation));
                order = Box::pin(asking).await?;
            }
        }
        Ok(Ok(order))
    }
}

fn open_operations(order: &Order, payment: PaymentId) -> Vec<OperationId> {
    let operations = order.payment(payment).into_iter().flat_map(|payment| &payment.operations);
    operations.filter(|operation| operation.is_live()).map(|operation| operation.id).collect()
}

/// Which payments of an order a notice is about: the one it names; if it names none, all that are this provider's.
fn meant(order: &Order, notice: &Notice) -> Vec<PaymentId> {
    let of_provider = || order.payments.iter().filter(|payment| payment.provider == notice.provider);
    let named = of_provider().find(|payment| {
        notice.payment_id == Some(payment.id)
            || notice
                .operation_id
                .is_some_and(|id| payment.operations.iter().any(|operation| operation.id == id))
            || notice.reference.is_some() && notice.reference == payment.reference
    });
    match named {
        Some(payment) => vec![payment.id],
        None => of_provider().map(|payment| payment.id).collect(),
    }
}

/// A reason that every store can keep.
pub(super) fn readable(reason: &str) -> String {
    let mut text: String = reason.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    text.truncate(text.floor_char_boundary(InboxEntry::MAX_REASON));
    text
}
