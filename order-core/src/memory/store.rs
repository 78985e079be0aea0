use std::sync::Mutex;

use async_trait::async_trait;

#[cfg(feature = "conformance")]
use super::Guard;
use super::lock;
use super::state::State;
use crate::error::StoreError;
use crate::store::{Commit, CommitOutcome, Retention, StoreHealth, WriteSet};
use crate::time::Timestamp;

/// A store in memory, as strict as a database.
///
/// It is the reference for every other one: what it answers to a program of commits and reads, they must answer. Where several
/// guards refuse the same write-set, it names the idempotency key first, then unique keys, versions, reservations, refunds and
/// stock. The cost of a call does not depend on how much is stored, except for a list that filters by something other than the
/// customer.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

impl MemoryStore {
    /// A defective store, that forgets guards: to see whether a test notices.
    #[cfg(feature = "conformance")]
    #[doc(hidden)]
    pub fn without(guards: &[Guard]) -> Self {
        Self { state: Mutex::new(State { missing: guards.to_vec(), ..State::default() }) }
    }

    /// Checks, lets others in, and writes: the defect of a store that reads before it writes.
    #[cfg(feature = "conformance")]
    fn commit_in_two_steps(&self, set: &WriteSet) -> CommitOutcome {
        let (is_applied, refusal) =
            self.read(|state| (state.applied.contains_key(&set.id), state.refusal(set)));
        for _ in 0..100 {
            std::thread::yield_now();
        }
        match refusal {
            _ if is_applied => CommitOutcome::Applied,
            Some(refusal) => CommitOutcome::Refused(refusal),
            None => {
                self.write(|state| state.apply(set));
                CommitOutcome::Applied
            }
        }
    }

    /// Looks at what is stored. The closure must be quick: everybody else waits.
    pub(super) fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&lock(&self.state))
    }

    pub(super) fn write<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut lock(&self.state))
    }
}

#[async_trait]
impl Commit for MemoryStore {
    async fn commit(&self, set: &WriteSet) -> Result<CommitOutcome, StoreError> {
        #[cfg(feature = "conformance")]
        if !self.read(|state| state.checks(Guard::Serial)) {
            return Ok(self.commit_in_two_steps(set));
        }
        Ok(self.write(|state| state.commit(set)))
    }
}

#[async_trait]
impl Retention for MemoryStore {
    async fn forget(
        &self,
        write_sets: Timestamp,
        idempotency: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError> {
        Ok(self.write(|state| {
            let mut forgotten = 0_u64;
            for _ in 0..limit {
                let Some((at, id)) = state.applied_at.first().copied().filter(|(at, _)| *at < write_sets)
                else {
                    break;
                };
                state.applied_at.remove(&(at, id));
                state.applied.remove(&id);
                forgotten = forgotten.saturating_add(1);
            }
            for _ in 0..limit {
                let Some((_, scope, key)) =
                    state.idempotency_at.first().filter(|(at, ..)| *at < idempotency).cloned()
                else {
                    break;
                };
                state.remove_idempotency(&scope, &key);
                forgotten = forgotten.saturating_add(1);
            }
            forgotten
        }))
    }
}

#[async_trait]
impl StoreHealth for MemoryStore {
    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
