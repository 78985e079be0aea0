use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use crate::time::Timestamp;

/// The most messages of one order or level that are claimed at once.
pub(super) const MAX_CLAIMED: usize = 100;

/// Where an order's events, or a level's records, are on their way out: everything before the head is delivered.
#[derive(Debug, Clone, Copy)]
struct Head {
    /// Its sequence number.
    sequence: u64,
    /// When it happened.
    at: Timestamp,
    /// Claimed, or waiting to be tried again, until then.
    busy_until: Option<Timestamp>,
    /// How often its delivery failed.
    attempts: u32,
}

/// The heads of all orders with undelivered events, or of all levels with undelivered records.
#[derive(Debug)]
pub(super) struct Outbox<K> {
    heads: HashMap<K, Head>,
    free: BTreeSet<(Timestamp, K)>,
    busy: BTreeSet<(Timestamp, K)>,
    failing: BTreeSet<(Timestamp, K)>,
    len: u64,
}

impl<K> Default for Outbox<K> {
    fn default() -> Self {
        Self {
            heads: HashMap::new(),
            free: BTreeSet::new(),
            busy: BTreeSet::new(),
            failing: BTreeSet::new(),
            len: 0,
        }
    }
}

impl<K: Clone + Ord + Hash> Outbox<K> {
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// The first undelivered message under a key and how often its delivery failed.
    pub(super) fn head(&self, key: &K) -> Option<(u64, u32)> {
        self.heads.get(key).map(|head| (head.sequence, head.attempts))
    }

    /// Another message waits.
    pub(super) fn push(&mut self, key: &K, sequence: u64, at: Timestamp) {
        self.len = self.len.saturating_add(1);
        if !self.heads.contains_key(key) {
            self.put(key, Head { sequence, at, busy_until: None, attempts: 0 });
        }
    }

    /// Claims the oldest heads that are neither claimed nor waiting beyond `now`.
    pub(super) fn claim(&mut self, now: Timestamp, until: Timestamp, keys: usize) -> Vec<K> {
        let mut found: Vec<(Timestamp, K)> = self.free.iter().take(keys).cloned().collect();
        let due = self.busy.iter().take_while(|(busy_until, _)| *busy_until <= now);
        found.extend(due.filter_map(|(_, key)| self.heads.get(key).map(|head| (head.at, key.clone()))));
        found.sort_unstable();
        found.truncate(keys);
        for (_, key) in &found {
            if let Some(head) = self.take(key) {
                self.put(key, Head { busy_until: Some(until), ..head });
            }
        }
        found.into_iter().map(|(_, key)| key).collect()
    }

    /// Moves the head behind `sequence`; `next` is when the message behind it happened, if there is one.
    pub(super) fn delivered(&mut self, key: &K, sequence: u64, next: Option<Timestamp>) {
        let Some(head) = self.heads.get(key).copied().filter(|head| head.sequence <= sequence) else {
            return;
        };
        self.take(key);
        let behind = sequence.saturating_add(1);
        self.len = self.len.saturating_sub(behind.saturating_sub(head.sequence));
        if let Some(at) = next {
            self.put(key, Head { sequence: behind, at, busy_until: None, attempts: 0 });
        }
    }

    /// Lets the head wait.
    pub(super) fn undelivered(&mut self, key: &K, sequence: u64, again: Timestamp) {
        let Some(head) = self.heads.get(key).copied().filter(|head| head.sequence == sequence) else {
            return;
        };
        self.take(key);
        let attempts = head.attempts.saturating_add(1);
        self.put(key, Head { busy_until: Some(again), attempts, ..head });
    }

    /// The heads that failed at least `attempts` times, at least once, the oldest first.
    pub(super) fn stuck(&self, attempts: u32) -> impl Iterator<Item = (&K, u64, u32)> {
        self.failing.iter().filter_map(move |(_, key)| {
            let head = self.heads.get(key)?;
            (head.attempts >= attempts).then_some((key, head.sequence, head.attempts))
        })
    }

    fn take(&mut self, key: &K) -> Option<Head> {
        let head = self.heads.remove(key)?;
        match head.busy_until {
            Some(until) => self.busy.remove(&(until, key.clone())),
            None => self.free.remove(&(head.at, key.clone())),
        };
        if head.attempts > 0 {
            self.failing.remove(&(head.at, key.clone()));
        }
        Some(head)
    }

    fn put(&mut self, key: &K, head: Head) {
        match head.busy_until {
            Some(until) => self.busy.insert((until, key.clone())),
            None => self.free.insert((head.at, key.clone())),
        };
        if head.attempts > 0 {
            self.failing.insert((head.at, key.clone()));
        }
        self.heads.insert(key.clone(), head);
    }
}
