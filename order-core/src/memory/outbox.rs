use std::collections::{BTreeSet, HashMap};

use crate::id::OrderId;
use crate::time::Timestamp;

/// Where an order's events are on their way out: everything before the head is delivered.
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

/// The heads of all orders with undelivered events.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    heads: HashMap<OrderId, Head>,
    free: BTreeSet<(Timestamp, OrderId)>,
    busy: BTreeSet<(Timestamp, OrderId)>,
    failing: BTreeSet<(Timestamp, OrderId)>,
    len: u64,
}

impl Outbox {
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// The first undelivered event of an order and how often its delivery failed.
    pub(super) fn head(&self, order: OrderId) -> Option<(u64, u32)> {
        self.heads.get(&order).map(|head| (head.sequence, head.attempts))
    }

    /// Another event waits.
    pub(super) fn push(&mut self, order: OrderId, sequence: u64, at: Timestamp) {
        self.len = self.len.saturating_add(1);
        if !self.heads.contains_key(&order) {
            self.put(order, Head { sequence, at, busy_until: None, attempts: 0 });
        }
    }

    /// Claims the oldest heads that are neither claimed nor waiting beyond `now`.
    pub(super) fn claim(&mut self, now: Timestamp, until: Timestamp, orders: usize) -> Vec<OrderId> {
        let mut found: Vec<(Timestamp, OrderId)> = self.free.iter().take(orders).copied().collect();
        let due = self.busy.iter().take_while(|(busy_until, _)| *busy_until <= now);
        found.extend(due.filter_map(|(_, order)| self.heads.get(order).map(|head| (head.at, *order))));
        found.sort_unstable();
        found.truncate(orders);
        for (_, order) in &found {
            if let Some(head) = self.take(*order) {
                self.put(*order, Head { busy_until: Some(until), ..head });
            }
        }
        found.into_iter().map(|(_, order)| order).collect()
    }

    /// Moves the head behind `sequence`; `next` is when the event behind it happened, if there is one.
    pub(super) fn delivered(&mut self, order: OrderId, sequence: u64, next: Option<Timestamp>) {
        let Some(head) = self.heads.get(&order).copied().filter(|head| head.sequence <= sequence) else {
            return;
        };
        self.take(order);
        let behind = sequence.saturating_add(1);
        self.len = self.len.saturating_sub(behind.saturating_sub(head.sequence));
        if let Some(at) = next {
            self.put(order, Head { sequence: behind, at, busy_until: None, attempts: 0 });
        }
    }

    /// Lets the head wait.
    pub(super) fn undelivered(&mut self, order: OrderId, sequence: u64, again: Timestamp) {
        let Some(head) = self.heads.get(&order).copied().filter(|head| head.sequence == sequence) else {
            return;
        };
        self.take(order);
        let attempts = head.attempts.saturating_add(1);
        self.put(order, Head { busy_until: Some(again), attempts, ..head });
    }

    /// The heads that failed at least `attempts` times, at least once, the oldest first.
    pub(super) fn stuck(&self, attempts: u32) -> impl Iterator<Item = (OrderId, u64, u32)> {
        self.failing.iter().filter_map(move |(_, order)| {
            let head = self.heads.get(order)?;
            (head.attempts >= attempts).then_some((*order, head.sequence, head.attempts))
        })
    }

    fn take(&mut self, order: OrderId) -> Option<Head> {
        let head = self.heads.remove(&order)?;
        match head.busy_until {
            Some(until) => self.busy.remove(&(until, order)),
            None => self.free.remove(&(head.at, order)),
        };
        if head.attempts > 0 {
            self.failing.remove(&(head.at, order));
        }
        Some(head)
    }

    fn put(&mut self, order: OrderId, head: Head) {
        match head.busy_until {
            Some(until) => self.busy.insert((until, order)),
            None => self.free.insert((head.at, order)),
        };
        if head.attempts > 0 {
            self.failing.insert((head.at, order));
        }
        self.heads.insert(order, head);
    }
}
