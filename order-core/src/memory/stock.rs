use std::ops::Bound;

use async_trait::async_trait;

use super::MemoryStore;
use super::guard::Guard;
use super::outbox::MAX_CLAIMED;
use super::reads::limit_of;
use super::state::State;
use crate::error::StoreError;
use crate::id::{LocationId, ProductId};
use crate::inventory::{StockEntry, StockKey, StockLevel, StockRecord};
use crate::store::{
    OutboxMessage, Page, PageRequest, StockCursor, StockOutboxRepository, StockRepository, WriteSet,
};
use crate::time::Timestamp;

impl State {
    pub(super) fn level(&self, key: &StockKey) -> StockLevel {
        self.stock.get(key).cloned().unwrap_or_else(|| StockLevel::empty(key.clone()))
    }

    /// Changes the stock levels, and writes their journals. Where the guard is in force, every change fits.
    pub(super) fn apply_stock(&mut self, set: &WriteSet) {
        for (key, change) in &set.stock {
            let before = self.level(key);
            let after = match before.after(change) {
                Some(after) => after,
                None if self.checks(Guard::Stock) => continue,
                None => StockLevel::new(
                    key.clone(),
                    before.on_hand.saturating_add(change.on_hand),
                    before.reserved.saturating_add(change.reserved),
                    before.sold.saturating_add(change.sold),
                ),
            };
            self.stock.insert(key.clone(), after.clone());
            let entries = set.stock_entries().iter().filter(|(of, _)| of == key);
            for (_, entry) in entries.filter(|_| self.checks(Guard::Journal)).cloned().collect::<Vec<_>>() {
                self.note(entry, &after, set.at);
            }
            let alert = StockLevel::alert(&before, &after).filter(|_| self.checks(Guard::Alert));
            if let Some(alert) = alert {
                self.note(StockEntry::alert(alert), &after, set.at);
            }
        }
    }

    fn note(&mut self, entry: StockEntry, after: &StockLevel, at: Timestamp) {
        let journal = self.journals.entry(after.key.clone()).or_default();
        let sequence = journal.last().map_or(1, |last| last.sequence.saturating_add(1));
        let record = StockRecord::new(entry, sequence, at, after.clone());
        let places = self.journal_places.entry(after.key.product_id.clone()).or_default();
        places.insert(StockCursor::behind(&record));
        journal.push(record);
        if sequence > 1 || self.checks(Guard::StockOutbox) {
            self.stock_outbox.push(&after.key, sequence, at);
        }
    }

    /// The records of a level from a sequence number on.
    fn records_from(&self, key: &StockKey, sequence: u64) -> impl Iterator<Item = &StockRecord> {
        let journal = self.journals.get(key).map_or(&[][..], Vec::as_slice);
        let first = journal.partition_point(|record| record.sequence < sequence);
        journal.iter().skip(first)
    }
}

#[async_trait]
impl StockRepository for MemoryStore {
    async fn stock_levels(&self, products: &[ProductId]) -> Result<Vec<StockLevel>, StoreError> {
        let mut products: Vec<&ProductId> = products.iter().collect();
        products.sort_unstable();
        products.dedup();
        Ok(self.read(|state| {
            let mut levels = Vec::with_capacity(products.len());
            for product in products {
                // A location is never empty, so this key comes before every one of the product.
                let Ok(first) = LocationId::new(" ").map(|location| StockKey::new(product.clone(), location))
                else {
                    continue;
                };
                let of_product = state.stock.range(first..).take_while(|(key, _)| key.product_id == *product);
                levels.extend(of_product.map(|(_, level)| level.clone()));
            }
            levels
        }))
    }

    async fn stock_records(
        &self,
        product: &ProductId,
        location: Option<&LocationId>,
        after: Option<&StockCursor>,
        limit: u32,
    ) -> Result<Page<StockRecord, StockCursor>, StoreError> {
        let limit = limit_of(limit.clamp(1, PageRequest::MAX_LIMIT));
        Ok(self.read(|state| {
            let Some(places) = state.journal_places.get(product) else { return Page::new(Vec::new(), None) };
            let before = after.map_or(Bound::Unbounded, Bound::Excluded);
            let mut places = places
                .range::<StockCursor, _>((Bound::Unbounded, before))
                .rev()
                .filter(|place| location.is_none_or(|location| *location == place.location));
            let records = places.by_ref().take(limit).filter_map(|place| {
                let key = StockKey::new(product.clone(), place.location.clone());
                state.records_from(&key, place.sequence).next().cloned()
            });
            let items: Vec<StockRecord> = records.collect();
            let has_more = places.next().is_some();
            let next = items.last().filter(|_| has_more).map(StockCursor::behind);
            Page::new(items, next)
        }))
    }
}

#[async_trait]
impl StockOutboxRepository for MemoryStore {
    async fn claim_stock_outbox(
        &self,
        now: Timestamp,
        until: Timestamp,
        levels: u32,
    ) -> Result<Vec<OutboxMessage<StockRecord>>, StoreError> {
        Ok(self.write(|state| {
            let until = if state.checks(Guard::StockClaim) { until } else { now };
            let mut messages = Vec::new();
            for key in state.stock_outbox.claim(now, until, limit_of(levels)) {
                let Some((head, attempts)) = state.stock_outbox.head(&key) else { continue };
                for record in state.records_from(&key, head).take(MAX_CLAIMED) {
                    let attempts = if record.sequence == head { attempts } else { 0 };
                    messages.push(OutboxMessage::new(record.clone(), attempts));
                }
            }
            messages
        }))
    }

    async fn delivered_stock(&self, key: &StockKey, sequence: u64) -> Result<(), StoreError> {
        self.write(|state| {
            let last = state.journals.get(key).and_then(|journal| journal.last());
            let sequence = sequence.min(last.map_or(0, |last| last.sequence));
            let next = state.records_from(key, sequence.saturating_add(1)).next().map(|record| record.at);
            state.stock_outbox.delivered(key, sequence, next);
        });
        Ok(())
    }

    async fn undelivered_stock(
        &self,
        key: &StockKey,
        sequence: u64,
        again: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(|state| state.stock_outbox.undelivered(key, sequence, again));
        Ok(())
    }

    async fn stuck_stock_outbox(
        &self,
        attempts: u32,
        limit: u32,
    ) -> Result<Vec<OutboxMessage<StockRecord>>, StoreError> {
        Ok(self.read(|state| {
            let stuck = state.stock_outbox.stuck(attempts).take(limit_of(limit));
            stuck
                .filter_map(|(key, sequence, attempts)| {
                    let record = state.records_from(key, sequence).next()?;
                    Some(OutboxMessage::new(record.clone(), attempts))
                })
                .collect()
        }))
    }

    async fn stock_outbox_len(&self) -> Result<u64, StoreError> {
        Ok(self.read(|state| state.stock_outbox.len()))
    }
}
