use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

use crate::time::{Duration, Timestamp};

/// Something that a pass found due and could not do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Setback {
    /// The order, the reservation or the cart.
    pub id: Uuid,
    /// How often in a row it could not be done.
    pub failures: u32,
    /// Until when this engine leaves it alone.
    pub again_at: Timestamp,
    /// Why it could not be done, for the log.
    pub reason: String,
}

/// What this engine's passes could not do lately. It waits for a while, so that it does not stand in the way of what is behind it;
/// and it is not stored, because what can't be done can often not be written either. Other engines find out by themselves.
#[derive(Debug, Default)]
pub(crate) struct Setbacks(Mutex<HashMap<Uuid, Setback>>);

impl Setbacks {
    /// How much is remembered at most: a few megabytes. Beyond that it is no longer single orders that are broken.
    const MAX: usize = 10_000;
    /// The first wait. It doubles each time.
    const FIRST: Duration = Duration::seconds(15);
    /// The longest wait.
    const LONGEST: Duration = Duration::hours(1);

    /// Everything that waits, by id.
    pub(crate) fn waiting(&self, now: Timestamp) -> HashMap<Uuid, Setback> {
        let setbacks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = setbacks.values().filter(|setback| setback.again_at > now);
        waiting.map(|setback| (setback.id, setback.clone())).collect()
    }

    /// It was done.
    pub(crate) fn forget(&self, id: Uuid) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    /// It could not be done.
    pub(crate) fn add(&self, id: Uuid, now: Timestamp, reason: String) {
        let mut setbacks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if setbacks.len() >= Self::MAX {
            setbacks.retain(|_, setback| setback.again_at > now);
        }
        let is_full = setbacks.len() >= Self::MAX;
        match setbacks.entry(id) {
            Entry::Occupied(mut entry) => {
                let setback = entry.get_mut();
                let doublings = setback.failures.min(16);
                setback.failures = setback.failures.saturating_add(1);
                setback.again_at = now + (Self::FIRST * (1 << doublings)).min(Self::LONGEST);
                setback.reason = reason;
            }
            Entry::Vacant(entry) if !is_full => {
                entry.insert(Setback { id, failures: 1, again_at: now + Self::FIRST, reason });
            }
            Entry::Vacant(_) => {}
        }
    }
}
