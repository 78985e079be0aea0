use crate::checkout::Drive;
use crate::error::Result;
use crate::gateway::EventPublisher;
use crate::id::{ProductId, WriteSetId};
use crate::inventory::{Reservation, ReservationMove};
use crate::outbox;
use crate::service::engine::Parts;
use crate::store::{IdempotencyRecord, WRITE_SET_MEMORY, WriteSet};

/// What one pass did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PassReport {
    /// How much there was to do.
    pub found: u32,
    /// How much of it was done.
    pub done: u32,
    /// How much of it could not be done, and will be tried again.
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
#[derive(Debug, Clone, Copy)]
pub struct Passes<'a> {
    pub(crate) parts: &'a Parts,
}

impl Passes<'_> {
    /// Goes on with orders on which something is due: asks providers about unknown outcomes, takes away holds whose time is over,
    /// tries refused refunds again.
    ///
    /// # Errors
    /// [`Error::Store`](crate::Error::Store) when the orders can't be found. An order that can't be advanced is counted.
    pub async fn advance(&self, limit: u32) -> Result<PassReport> {
        let parts = self.parts;
        let mut report = PassReport::default();
        for id in parts.store.due_orders(parts.now(), limit).await? {
            let order = parts.reload(id).await?;
            report.note(&Box::pin(parts.drive(order, Drive::default(), None, None)).await);
        }
        Ok(report)
    }

    /// Takes away reservations of other services whose time is over. Those of orders are [`advance`](Self::advance)'s.
    ///
    /// # Errors
    /// As [`advance`](Self::advance).
    pub async fn expire_reservations(&self, limit: u32) -> Result<PassReport> {
        let parts = self.parts;
        let mut report = PassReport::default();
        for reservation in parts.store.expired_reservations(parts.now(), &[], limit).await? {
            report.note(&parts.expire_reservation(&reservation).await);
        }
        Ok(report)
    }

    /// Removes carts that were left alone for 30 days. A cart whose order is being paid is closed, and never removed.
    ///
    /// # Errors
    /// As [`advance`](Self::advance).
    pub async fn clean_carts(&self, limit: u32) -> Result<PassReport> {
        let parts = self.parts;
        let now = parts.now();
        let mut report = PassReport::default();
        for (id, version) in parts.store.expired_carts(now, limit).await? {
            let mut set = WriteSet::new(WriteSetId::new(&*parts.ids, now), now);
            set.removed_carts.push((id, version));
            report.note(&parts.commit(&set).await);
        }
        Ok(report)
    }

    /// Forgets write-set ids and idempotency keys that are too old to come again. Returns how many.
    ///
    /// # Errors
    /// [`Error::Store`](crate::Error::Store).
    pub async fn forget(&self, limit: u32) -> Result<u64> {
        let now = self.parts.now();
        let keys = now - IdempotencyRecord::LIFETIME;
        Ok(self.parts.store.forget(now - WRITE_SET_MEMORY, keys, limit).await?)
    }

    /// Hands events to a publisher, the events of one order one after the other: those of at most `limit` orders.
    ///
    /// # Errors
    /// [`Error::Store`](crate::Error::Store). An event that is not taken is counted, and offered again later.
    pub async fn relay(&self, publisher: &dyn EventPublisher, limit: u32) -> Result<PassReport> {
        Ok(outbox::relay(&*self.parts.store, publisher, &*self.parts.clock, limit).await?)
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
