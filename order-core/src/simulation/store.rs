use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;

use crate::error::StoreError;
use crate::simulation::{Chance, Pauses};
use crate::store::{Commit, CommitOutcome, Store, WriteSet};

/// A store behind a bad network: calls fail, and the outcome of a commit is sometimes not known, whether it was made or not.
#[derive(Debug)]
pub struct FaultyStore {
    inner: Arc<dyn Store>,
    chance: Arc<Chance>,
    pauses: Pauses,
    is_calm: AtomicBool,
}

impl FaultyStore {
    /// A store behind a bad network.
    pub fn new(inner: Arc<dyn Store>, chance: Arc<Chance>, pauses: Pauses) -> Self {
        Self { inner, chance, pauses, is_calm: AtomicBool::new(false) }
    }

    /// Stops the faults.
    pub fn calm(&self) {
        self.is_calm.store(true, Ordering::SeqCst);
    }

    fn has_fault(&self, in_thousand: u64) -> bool {
        !self.is_calm.load(Ordering::SeqCst) && self.chance.happens(in_thousand)
    }

    async fn send(&self) -> Result<(), StoreError> {
        self.pauses.step().await;
        if self.has_fault(2) {
            return Err(StoreError::Unavailable { context: "a simulated fault", source: "cut off".into() });
        }
        Ok(())
    }

    async fn pass<T, F>(&self, _: &'static str, call: impl Fn() -> F + Send + Sync) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>> + Send,
    {
        self.send().await?;
        call().await
    }
}

#[async_trait]
impl Commit for FaultyStore {
    async fn commit(&self, set: &WriteSet) -> Result<CommitOutcome, StoreError> {
        self.send().await?;
        if self.has_fault(10) {
            return Ok(CommitOutcome::Unknown);
        }
        let outcome = self.inner.commit(set).await?;
        self.pauses.step().await;
        if self.has_fault(10) && outcome == CommitOutcome::Applied {
            return Ok(CommitOutcome::Unknown);
        }
        Ok(outcome)
    }
}

crate::decorate_store!(FaultyStore);
