//! What the staff does to stock: decided here, and written into the journal of the level.

use crate::error::{Error, Invalid, Result};
use crate::id::{LocationId, ProductId, WriteSetId};
use crate::inventory::{MAX_UNITS, StockChange, StockEntry, StockEvent, StockKey, StockLevel, StockRecord};
use crate::service::change::{Key, only_staff, try_again};
use crate::service::engine::MAX_TRIES;
use crate::service::orders::check_reason;
use crate::service::{Done, Inventory, Request};
use crate::store::{IdempotencyPut, Page, PageRequest, Refusal, StockCursor, WriteSet};

/// Each is repeatable with an idempotency key: it is done once, and a repetition is answered with the level as it is then.
impl Inventory<'_> {
    /// Sets the number on hand, after a count.
    ///
    /// # Errors
    /// A conflict when more units are held than would be there; [`Error::Invalid`] for a reason that is too long.
    pub async fn set(
        &self,
        product_id: ProductId,
        location: LocationId,
        on_hand: u32,
        reason: Option<String>,
        request: &Request,
    ) -> Result<Done<StockLevel>> {
        let on_hand = i64::from(on_hand);
        self.record(StockKey::new(product_id, location), reason, request, |level| {
            let difference = on_hand.saturating_sub(level.on_hand);
            let change = StockChange::adjust(difference).if_on_hand(level.on_hand);
            (change, StockEvent::Counted { on_hand, difference })
        })
        .await
    }

    /// Puts units on the shelf, or takes them off: found, lost, broken. The staff says why.
    ///
    /// # Errors
    /// A conflict when fewer units are free than are to be taken off; [`Error::Invalid`] without units or a reason.
    pub async fn adjust(
        &self,
        product_id: ProductId,
        location: LocationId,
        by: i64,
        reason: String,
        request: &Request,
    ) -> Result<Done<StockLevel>> {
        let mut invalid = Invalid::default();
        if by == 0 || by.unsigned_abs() > MAX_UNITS.unsigned_abs() {
            invalid.push("/by", "out_of_range", format!("must not be 0, nor beyond {MAX_UNITS}"));
        }
        if reason.trim().is_empty() {
            invalid.push("/reason", "required", "must not be empty");
        }
        invalid.into_result()?;
        self.record(StockKey::new(product_id, location), Some(reason), request, |_| {
            (StockChange::adjust(by), StockEvent::Adjusted { units: by })
        })
        .await
    }

    /// Puts goods that came in on the shelf. The reason may name the delivery.
    ///
    /// # Errors
    /// [`Error::Invalid`] without units; a conflict when the shelf would hold more than [`MAX_UNITS`].
    pub async fn receive(
        &self,
        product_id: ProductId,
        location: LocationId,
        units: u32,
        reason: Option<String>,
        request: &Request,
    ) -> Result<Done<StockLevel>> {
        if units == 0 {
            return Err(Invalid::field("/units", "out_of_range", "must be at least 1").into());
        }
        let units = i64::from(units);
        self.record(StockKey::new(product_id, location), reason, request, |_| {
            (StockChange::adjust(units), StockEvent::Received { units })
        })
        .await
    }

    /// Says from how many available units on the stock is low; without a number it never is. Out of stock is told either way.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a reason that is too long.
    pub async fn set_low_at(
        &self,
        product_id: ProductId,
        location: LocationId,
        low_at: Option<u32>,
        reason: Option<String>,
        request: &Request,
    ) -> Result<Done<StockLevel>> {
        let low_at = low_at.map(i64::from);
        self.record(StockKey::new(product_id, location), reason, request, |_| {
            (StockChange::low_at(low_at), StockEvent::ThresholdSet { low_at })
        })
        .await
    }

    /// A page of what was written down about a product, at every location or at one, newest first; at most `limit` records, and at most
    /// [`PageRequest::MAX_LIMIT`].
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn records(
        &self,
        product_id: &ProductId,
        location: Option<&LocationId>,
        after: Option<&StockCursor>,
        limit: u32,
    ) -> Result<Page<StockRecord, StockCursor>> {
        let limit = limit.clamp(1, PageRequest::MAX_LIMIT);
        Ok(self.parts.store.stock_records(product_id, location, after, limit).await?)
    }

    /// Changes a level and writes that down: load, decide, commit, again while somebody else was faster.
    async fn record<F>(
        &self,
        key: StockKey,
        reason: Option<String>,
        request: &Request,
        decide: F,
    ) -> Result<Done<StockLevel>>
    where
        F: Fn(&StockLevel) -> (StockChange, StockEvent) + Send + Sync,
    {
        only_staff(&request.actor)?;
        check_reason(reason.as_deref())?;
        let parts = self.parts;
        for _ in 0..MAX_TRIES {
            let record = match parts.key(request, uuid::Uuid::nil()).await? {
                Key::Used(_) => return self.level(&key).await.map(Done::before),
                Key::Fresh(record) => record,
            };
            let level = self.level(&key).await?;
            let (change, event) = decide(&level);
            let now = parts.now();
            let mut set = WriteSet::new(WriteSetId::new(&*parts.ids, now), now);
            let (actor, correlation) = (request.actor.clone(), request.correlation.clone());
            let entry = StockEntry::new(event, actor, reason.clone(), correlation);
            set.record_stock(key.clone(), change, entry);
            set.idempotency = record.map(|mut record| {
                record.answered_version = Some(1);
                IdempotencyPut { is_new: true, record }
            });
            match parts.commit(&set).await? {
                Ok(()) => return self.level(&key).await.map(Done::now),
                Err(Refusal::Stock(_)) if level.after(&change).is_some() => {}
                Err(Refusal::Stock(_)) => return Err(misfit(&level, &change)),
                Err(refusal) => try_again(&refusal)?,
            }
        }
        Err(Error::Contended)
    }

    async fn level(&self, key: &StockKey) -> Result<StockLevel> {
        let levels = self.parts.store.stock_levels(std::slice::from_ref(&key.product_id)).await?;
        let level = levels.into_iter().find(|level| level.key == *key);
        Ok(level.unwrap_or_else(|| StockLevel::empty(key.clone())))
    }
}

/// Why a change does not fit a level.
fn misfit(level: &StockLevel, change: &StockChange) -> Error {
    if level.on_hand.saturating_add(change.on_hand) > MAX_UNITS {
        return Error::conflict("too_many_units", format!("a shelf holds at most {MAX_UNITS} units"));
    }
    Error::conflict("stock_held", format!("{} of {} units are held", level.reserved, level.on_hand))
}
