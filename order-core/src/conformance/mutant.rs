//! Mutants: stores that forget one guard. A suite that they pass is worth nothing.

use std::sync::Arc;

pub use crate::memory::Guard;
use crate::memory::MemoryStore;
use crate::store::Store;

/// A store in memory that forgets one guard.
pub fn store_without(guard: Guard) -> Arc<dyn Store> {
    Arc::new(MemoryStore::without(&[guard]))
}
