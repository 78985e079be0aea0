//! The ways to the database, and who is on one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::Link;
use super::settle::{Job, Settling};

/// So many ways to the database. The one that was used last is used next: the server is prepared for it.
#[derive(Debug)]
pub(super) struct Lanes<L> {
    pub(super) count: usize,
    free: Mutex<Vec<Lane<L>>>,
    permits: Semaphore,
    /// Whether the last write-set that was brought to its outcome was not alone.
    is_shared: AtomicBool,
}

#[derive(Debug)]
struct Lane<L> {
    link: L,
    /// Whether the last write-sets were refused. Then so may the next ones be.
    is_wary: bool,
}

/// A lane in use. It comes back when this is dropped.
#[derive(Debug)]
pub(super) struct Borrowed<'l, L> {
    lanes: &'l Lanes<L>,
    lane: Option<Lane<L>>,
    _permit: SemaphorePermit<'l>,
}

impl<L: Link> Lanes<L> {
    pub(super) fn new(links: impl IntoIterator<Item = L>) -> Self {
        let free: Vec<_> = links.into_iter().map(|link| Lane { link, is_wary: false }).collect();
        Self {
            count: free.len(),
            permits: Semaphore::new(free.len()),
            free: Mutex::new(free),
            is_shared: AtomicBool::new(false),
        }
    }

    /// Waits for one. Those who wait are served in turn.
    pub(super) async fn borrow(&self) -> Option<Borrowed<'_, L>> {
        let permit = self.permits.acquire().await.ok()?;
        Some(Borrowed { lanes: self, lane: self.take(), _permit: permit })
    }

    /// One, if all are free, and the last write-set was alone: those who were answered together come back together.
    pub(super) fn only_one(&self) -> Option<Borrowed<'_, L>> {
        if self.is_shared.load(Ordering::Relaxed) || self.permits.available_permits() < self.count {
            return None;
        }
        let permit = self.permits.try_acquire().ok()?;
        Some(Borrowed { lanes: self, lane: self.take(), _permit: permit })
    }

    /// Ends those that are free.
    pub(super) async fn close(&self) {
        while let Some(lane) = self.take() {
            lane.link.close().await;
        }
    }

    fn take(&self) -> Option<Lane<L>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}

impl<L: Link> Borrowed<'_, L> {
    /// Brings write-sets to their outcomes.
    pub(super) async fn settle(&mut self, jobs: Vec<Job<L::Form>>) {
        self.lanes.is_shared.store(jobs.len() > 1, Ordering::Relaxed);
        if let Some(lane) = &mut self.lane {
            lane.is_wary = Settling::new(&mut lane.link, jobs, lane.is_wary).run().await;
        }
    }
}

impl<L> Drop for Borrowed<'_, L> {
    fn drop(&mut self) {
        let lane = self.lane.take();
        self.lanes.free.lock().unwrap_or_else(PoisonError::into_inner).extend(lane);
    }
}
