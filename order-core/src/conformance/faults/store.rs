use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::{Fault, FaultPlan, Meeting};
use crate::error::StoreError;
use crate::store::{Commit, CommitOutcome, Store, WriteSet};

/// A store one call of which goes wrong.
#[derive(Debug)]
pub struct FaultStore {
    inner: Arc<dyn Store>,
    plan: Arc<FaultPlan>,
    late: Mutex<Vec<WriteSet>>,
}

impl FaultStore {
    /// A store behind a plan.
    pub fn new(inner: Arc<dyn Store>, plan: Arc<FaultPlan>) -> Self {
        Self { inner, plan, late: Mutex::default() }
    }

    /// Commits what is late: it is applied, refused, or was applied before. Returns how much that was.
    ///
    /// # Errors
    /// [`StoreError`] of the store behind.
    pub async fn deliver_late(&self) -> Result<usize, StoreError> {
        let late = std::mem::take(&mut *self.late.lock().unwrap_or_else(PoisonError::into_inner));
        for set in &late {
            let _ = self.inner.commit(set).await?;
        }
        Ok(late.len())
    }

    /// Passes a call on. A call that is not a commit fails where its answer is lost.
    async fn pass<T, F>(&self, _: &'static str, call: impl Fn() -> F + Send + Sync) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>> + Send,
    {
        match self.plan.meet() {
            Meeting::Nothing => call().await,
            Meeting::Death
            | Meeting::Fault(Fault::FailBefore | Fault::LoseCall | Fault::Late | Fault::CrashBefore) => {
                Err(cut())
            }
            Meeting::Fault(Fault::Repeat) => {
                call().await?;
                call().await
            }
            Meeting::Fault(fault @ (Fault::LoseAnswer | Fault::CrashAfter)) => {
                call().await?;
                if fault == Fault::CrashAfter {
                    self.plan.die();
                }
                Err(cut())
            }
        }
    }
}

fn cut() -> StoreError {
    StoreError::Unavailable { context: "a planned fault", source: "cut off".into() }
}

#[async_trait]
impl Commit for FaultStore {
    async fn commit(&self, set: &WriteSet) -> Result<CommitOutcome, StoreError> {
        match self.plan.meet() {
            Meeting::Nothing => self.inner.commit(set).await,
            Meeting::Death | Meeting::Fault(Fault::FailBefore | Fault::CrashBefore) => Err(cut()),
            Meeting::Fault(Fault::LoseCall) => Ok(CommitOutcome::Unknown),
            Meeting::Fault(Fault::LoseAnswer) => {
                let _ = self.inner.commit(set).await?;
                Ok(CommitOutcome::Unknown)
            }
            Meeting::Fault(Fault::Repeat) => {
                let _ = self.inner.commit(set).await?;
                self.inner.commit(set).await
            }
            Meeting::Fault(Fault::Late) => {
                self.late.lock().unwrap_or_else(PoisonError::into_inner).push(set.clone());
                Ok(CommitOutcome::Unknown)
            }
            Meeting::Fault(Fault::CrashAfter) => {
                let _ = self.inner.commit(set).await?;
                self.plan.die();
                Err(cut())
            }
        }
    }
}

crate::decorate_store!(FaultStore);
