//! What tests of how often a store is asked have in common.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use order_core::error::StoreError;
use order_core::memory::MemoryStore;
use order_core::store::{Commit, CommitOutcome, Store, WriteSet};

/// A store that notes what it is asked.
#[derive(Debug)]
pub(crate) struct Noting {
    inner: Arc<dyn Store>,
    asked: Mutex<Vec<&'static str>>,
}

impl Noting {
    /// On an empty store in memory.
    pub(crate) fn new() -> Self {
        Self { inner: Arc::new(MemoryStore::default()), asked: Mutex::default() }
    }

    /// What it was asked since the last time.
    pub(crate) fn take(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    async fn pass<T, F>(
        &self,
        name: &'static str,
        call: impl Fn() -> F + Send + Sync,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>> + Send,
    {
        self.asked.lock().unwrap().push(name);
        call().await
    }
}

order_core::decorate_store!(Noting);

#[async_trait]
impl Commit for Noting {
    async fn commit(&self, set: &WriteSet) -> Result<CommitOutcome, StoreError> {
        self.pass("commit", || self.inner.commit(set)).await
    }
}
