use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use uuid::Uuid;

use crate::checkout::{Drive, next_step};
use crate::error::{Error, Result, StoreError};
use crate::gateway::EventPublisher;
use crate::id::{OrderId, ProductId, WriteSetId};
use crate::inbox::InboxEntry;
use crate::inventory::{Reservation, ReservationMove};
use crate::outbox;
use crate::service::engine::Parts;
use crate::service::setbacks::Setback;
use crate::store::{IdempotencyRecord, WRITE_SET_MEMORY, WriteSet};

/// How many notices one instance claims at a time: few, so that a slow provider does not let their claims run out, and others get some.
const CLAIMED_NOTICES: u32 = 10;

/// What one pass did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PassReport {
    /// How much there was to do. What another instance did meanwhile is in here, and nowhere else.
    pub found: u32,
    /// How much of it was done.
    pub done: u32,
    /// How much of it could not be done, and will be tried again. [`Passes::setbacks`] tells why.
    pub failed: u32,
}

impl PassReport {
    pub(crate) fn note<T, E>(&mut self, result: &Result<T, E>) {
        self.found = self.found.saturating_add(1);
        if result.is_ok() {
            self.done = self.done.saturating_add(1);
        } else {
            self.failed = self.failed.saturating_add(1);
        }
    }
}

/// What a host runs in the background, again and again. Each pass is bounded and ends by itself; any number of hosts may run
/// them on one store at once, and one that dies in the middle loses nothing.
///
/// Hosts share the work without speaking to each other: each takes what is due in an order of its own, and passes over what
/// another one has done meanwhile. What can't be done is left alone for a while, 15 seconds at first and an hour at most, and does
/// not stand in the way of the rest.
#[derive(Debug, Clone, Copy)]
pub struct Passes<'a> {
    pub(crate) parts: &'a Parts,
}

/// What became of one thing that was due.
enum Due {
    Done,
    /// Nothing is due any more: somebody else was faster.
    Gone,
}

impl Passes<'_> {
    /// Goes on with orders on which something is due: asks providers about unknown outcomes, takes away holds whose time is over,
    /// tries refused refunds again.
    ///
    /// # Errors
    /// [`Error::Store`] when the store can't be reached. An order that can't be advanced is counted.
    pub async fn advance(&self, limit: u32) -> Result<PassReport> {
        let parts = self.parts;
        let (waiting, wanted) = self.waiting(limit);
        let due = parts.store.due_orders(parts.now(), wanted).await?;
        let mut round = Round::new(parts, due, limit, |id| id.uuid(), &waiting);
        while let Some(id) = round.next() {
            let done = self.advance_one(id).await;
            round.note(id.uuid(), done)?;
        }
        Ok(round.report)
    }

    async fn advance_one(&self, id: OrderId) -> Result<Due> {
        let order = self.parts.reload(id).await?;
        if next_step(&order, self.parts.now(), &Drive::default()).is_none() {
            return Ok(Due::Gone);
        }
        Box::pin(self.parts.drive(order, Drive::default(), None, None)).await?;
        Ok(Due::Done)
    }

    /// Takes away reservations of other services whose time is over. Those of orders are [`advance`](Self::advance)'s.
    ///
    /// # Errors
    /// As [`advance`](Self::advance).
    pub async fn expire_reservations(&self, limit: u32) -> Result<PassReport> {
        let parts = self.parts;
        let (waiting, wanted) = self.waiting(limit);
        let due = parts.store.expired_reservations(parts.now(), &[], wanted).await?;
        let mut round = Round::new(parts, due, limit, |reservation| reservation.id.uuid(), &waiting);
        while let Some(reservation) = round.next() {
            let done = parts.expire_reservation(&reservation).await;
            round.note(reservation.id.uuid(), done.map(|()| Due::Done))?;
        }
        Ok(round.report)
    }

    /// Removes carts that were left alone for 30 days. A cart whose order is being paid is closed, and never removed.
    ///
    /// # Errors
    /// As [`advance`](Self::advance).
    pub async fn clean_carts(&self, limit: u32) -> Result<PassReport> {
        let parts = self.parts;
        let now = parts.now();
        let (waiting, wanted) = self.waiting(limit);
        let due = parts.store.expired_carts(now, wanted).await?;
        let mut round = Round::new(parts, due, limit, |(id, _)| id.uuid(), &waiting);
        while let Some((id, version)) = round.next() {
            let mut set = WriteSet::new(WriteSetId::new(&*parts.ids, now), now);
            set.removed_carts.push((id, version));
            let done = parts.commit(&set).await;
            round.note(id.uuid(), done.map(|done| if done.is_ok() { Due::Done } else { Due::Gone }))?;
        }
        Ok(round.report)
    }

    /// What these passes could not do lately and leave alone for now, and why: for the log, and for whoever mends it. Each engine
    /// has its own.
    pub fn setbacks(&self) -> Vec<Setback> {
        self.parts.setbacks.waiting(self.parts.now()).into_values().collect()
    }

    /// What is left alone for now, and how much has to be read to find so much that is not.
    fn waiting(self, limit: u32) -> (HashMap<Uuid, Setback>, u32) {
        let waiting = self.parts.setbacks.waiting(self.parts.now());
        let wanted = limit.saturating_add(u32::try_from(waiting.len()).unwrap_or(u32::MAX));
        (waiting, wanted)
    }

    /// Attends to what providers have told and nobody has attended to: notices that were kept by somebody who died, or that had to
    /// wait. At most `limit`. What still can't be attended to waits again, longer each time; [`Webhooks::list`] tells why.
    ///
    /// # Errors
    /// [`Error::Store`] when the store can't be reached.
    ///
    /// [`Webhooks::list`]: crate::service::Webhooks::list
    pub async fn attend(&self, limit: u32) -> Result<PassReport> {
        let mut report = PassReport::default();
        while report.found < limit {
            let now = self.parts.now();
            let some = CLAIMED_NOTICES.min(limit.saturating_sub(report.found));
            let claimed = self.parts.store.claim_inbox(now, now + InboxEntry::LEASE, some).await?;
            for entry in &claimed {
                report.found = report.found.saturating_add(1);
                if self.parts.attend(entry).await?.is_open() {
                    report.failed = report.failed.saturating_add(1);
                } else {
                    report.done = report.done.saturating_add(1);
                }
            }
            if claimed.is_empty() {
                break;
            }
        }
        Ok(report)
    }

    /// Forgets write-set ids and idempotency keys that are too old to come again, and notices that nobody will ask about. Returns how
    /// many.
    ///
    /// # Errors
    /// [`Error::Store`](crate::Error::Store).
    pub async fn forget(&self, limit: u32) -> Result<u64> {
        let now = self.parts.now();
        let keys = now - IdempotencyRecord::LIFETIME;
        let store = &self.parts.store;
        let forgotten = store.forget(now - WRITE_SET_MEMORY, keys, limit).await?;
        Ok(forgotten.saturating_add(store.forget_notices(now - InboxEntry::RETENTION, limit).await?))
    }

    /// Hands events and records of stock to a publisher, those of one order or level one after the other: those of at most `limit` orders
    /// and as many levels.
    ///
    /// # Errors
    /// [`Error::Store`](crate::Error::Store). What is not taken is counted, and offered again later.
    pub async fn relay(&self, publisher: &dyn EventPublisher, limit: u32) -> Result<PassReport> {
        Ok(outbox::relay(&*self.parts.store, publisher, &*self.parts.clock, limit).await?)
    }
}

/// One round of a pass.
struct Round<'a, T> {
    parts: &'a Parts,
    due: std::vec::IntoIter<T>,
    report: PassReport,
}

impl<'a, T> Round<'a, T> {
    /// At most `limit` of what is due and does not wait, in an order that is this round's own.
    fn new(
        parts: &'a Parts,
        due: Vec<T>,
        limit: u32,
        id: impl Fn(&T) -> Uuid,
        waiting: &HashMap<Uuid, Setback>,
    ) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut due: Vec<T> =
            due.into_iter().filter(|one| !waiting.contains_key(&id(one))).take(limit).collect();
        let salt = parts.ids.next(parts.now());
        due.sort_by_cached_key(|one| {
            let mut hasher = DefaultHasher::new();
            (salt, id(one)).hash(&mut hasher);
            hasher.finish()
        });
        let found = u32::try_from(due.len()).unwrap_or(u32::MAX);
        Self { parts, due: due.into_iter(), report: PassReport { found, ..PassReport::default() } }
    }

    fn next(&mut self) -> Option<T> {
        self.due.next()
    }

    /// Takes note of what became of it. Without a store there is nothing to go on with.
    fn note(&mut self, id: Uuid, became: Result<Due>) -> Result<()> {
        match became {
            Ok(Due::Done) => self.report.done = self.report.done.saturating_add(1),
            Ok(Due::Gone) => {}
            Err(error @ Error::Store(StoreError::Unavailable { .. })) => return Err(error),
            Err(error) => {
                self.report.failed = self.report.failed.saturating_add(1);
                self.parts.setbacks.add(id, self.parts.now(), error.with_sources());
                return Ok(());
            }
        }
        self.parts.setbacks.forget(id);
        Ok(())
    }
}

impl Parts {
    /// Takes away the holds on these products whose time is over. Returns how many.
    pub(crate) async fn sweep(&self, products: &[ProductId]) -> Result<u32> {
        let mut swept = 0_u32;
        for reservation in self.store.expired_reservations(self.now(), products, 100).await? {
            self.expire_reservation(&reservation).await?;
            swept = swept.saturating_add(1);
        }
        Ok(swept)
    }

    async fn expire_reservation(&self, reservation: &Reservation) -> Result<()> {
        match reservation.order_id {
            Some(id) => self.expire_order(id).await,
            None => self.end_reservation(reservation, ReservationMove::Expire).await.map(drop),
        }
    }
}
