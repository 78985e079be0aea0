use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;

use async_trait::async_trait;

use super::MemoryStore;
use super::guard::Guard;
use super::reads::limit_of;
use super::state::State;
use crate::error::StoreError;
use crate::inbox::{InboxEntry, InboxStatus, NoticeKey, Settlement};
use crate::store::{InboxCursor, InboxRepository, Page, PageRequest, Receipt};
use crate::time::Timestamp;

/// What providers have told, with an index for everything that is asked.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    entries: HashMap<NoticeKey, InboxEntry>,
    due: BTreeSet<(Timestamp, NoticeKey)>,
    settled: BTreeSet<(Timestamp, NoticeKey)>,
    places: BTreeSet<InboxCursor>,
    places_of: HashMap<InboxStatus, BTreeSet<InboxCursor>>,
}

impl Inbox {
    fn put(&mut self, entry: InboxEntry) {
        let key = entry.key();
        self.remove(&key);
        let place = InboxCursor::behind(&entry);
        match entry.due_at {
            Some(at) => self.due.insert((at, key.clone())),
            None => self.settled.insert((entry.changed_at, key.clone())),
        };
        self.places_of.entry(entry.status).or_default().insert(place.clone());
        self.places.insert(place);
        self.entries.insert(key, entry);
    }

    fn remove(&mut self, key: &NoticeKey) {
        let Some(old) = self.entries.remove(key) else { return };
        let place = InboxCursor::behind(&old);
        match old.due_at {
            Some(at) => self.due.remove(&(at, key.clone())),
            None => self.settled.remove(&(old.changed_at, key.clone())),
        };
        if let Some(places) = self.places_of.get_mut(&old.status) {
            places.remove(&place);
        }
        self.places.remove(&place);
    }

    /// Changes an entry, if there is one and the change is possible.
    fn change(&mut self, key: &NoticeKey, change: impl FnOnce(&InboxEntry) -> Option<InboxEntry>) -> bool {
        let changed = self.entries.get(key).and_then(change);
        let is_changed = changed.is_some();
        if let Some(entry) = changed {
            self.put(entry);
        }
        is_changed
    }

    fn claim(&mut self, now: Timestamp, until: Timestamp, limit: usize) -> Vec<InboxEntry> {
        let due: Vec<_> = self
            .due
            .iter()
            .take_while(|(at, _)| *at <= now)
            .take(limit)
            .map(|(_, key)| key.clone())
            .collect();
        let mut claimed = Vec::with_capacity(due.len());
        for key in due {
            let Some(entry) = self.entries.get(&key) else { continue };
            let entry = InboxEntry { due_at: Some(until), ..entry.clone() };
            claimed.push(entry.clone());
            self.put(entry);
        }
        claimed.sort_by_cached_key(InboxCursor::behind);
        claimed
    }
}

#[async_trait]
impl InboxRepository for MemoryStore {
    async fn receive_notice(&self, entry: &InboxEntry) -> Result<Receipt, StoreError> {
        Ok(self.write(|state| {
            if state.checks(Guard::Notice) && state.inbox.entries.contains_key(&entry.key()) {
                return Receipt::Known;
            }
            state.inbox.put(entry.clone());
            Receipt::New
        }))
    }

    async fn claim_inbox(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<InboxEntry>, StoreError> {
        Ok(self.write(|state: &mut State| {
            let until = if state.checks(Guard::NoticeClaim) { until } else { now };
            state.inbox.claim(now, until, limit_of(limit))
        }))
    }

    async fn settle_notice(
        &self,
        key: &NoticeKey,
        settlement: &Settlement,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(|state| state.inbox.change(key, |entry| entry.settled(settlement, now)));
        Ok(())
    }

    async fn park_notice(
        &self,
        key: &NoticeKey,
        again: Timestamp,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(|state| {
            if !state.checks(Guard::Parked) {
                return state
                    .inbox
                    .change(key, |entry| entry.settled(&Settlement::Ignored(reason.into()), now));
            }
            let reopens = !state.checks(Guard::Settled);
            state.inbox.change(key, |entry| {
                let opened = entry.retried(now).filter(|_| reopens);
                entry.parked(again, reason, now).or_else(|| opened?.parked(again, reason, now))
            })
        });
        Ok(())
    }

    async fn retry_notice(&self, key: &NoticeKey, now: Timestamp) -> Result<bool, StoreError> {
        Ok(self.write(|state| state.inbox.change(key, |entry| entry.retried(now))))
    }

    async fn find_notice(&self, key: &NoticeKey) -> Result<Option<InboxEntry>, StoreError> {
        Ok(self.read(|state| state.inbox.entries.get(key).cloned()))
    }

    async fn list_inbox(
        &self,
        status: Option<InboxStatus>,
        after: Option<&InboxCursor>,
        limit: u32,
    ) -> Result<Page<InboxEntry, InboxCursor>, StoreError> {
        let limit = limit_of(limit.clamp(1, PageRequest::MAX_LIMIT));
        Ok(self.read(|state| {
            let inbox = &state.inbox;
            let places = match status {
                Some(status) => inbox.places_of.get(&status),
                None => Some(&inbox.places),
            };
            let Some(places) = places else { return Page::new(Vec::new(), None) };
            let before = after.map_or(Bound::Unbounded, Bound::Excluded);
            let mut places = places.range::<InboxCursor, _>((Bound::Unbounded, before)).rev();
            let items: Vec<InboxEntry> = places
                .by_ref()
                .take(limit)
                .filter_map(|place| inbox.entries.get(&place.key).cloned())
                .collect();
            let has_more = places.next().is_some();
            let next = items.last().filter(|_| has_more).map(InboxCursor::behind);
            Page::new(items, next)
        }))
    }

    async fn forget_notices(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        Ok(self.write(|state| {
            let old: Vec<_> = state
                .inbox
                .settled
                .iter()
                .take_while(|(at, _)| *at < before)
                .take(limit_of(limit))
                .cloned()
                .collect();
            for (_, key) in &old {
                state.inbox.remove(key);
            }
            u64::try_from(old.len()).unwrap_or(u64::MAX)
        }))
    }
}
