//! The suite on the store in memory.
#![cfg(feature = "conformance")]

use std::sync::Arc;

use order_core::conformance::StoreHarness;
use order_core::memory::MemoryStore;
use order_core::store::Store;

struct Memory;

#[async_trait::async_trait]
impl StoreHarness for Memory {
    type Guard = ();

    async fn fresh(&self) -> (Arc<dyn Store>, ()) {
        (Arc::new(MemoryStore::default()), ())
    }
}

order_core::store_conformance!(Memory);
order_core::store_differential!(Memory);
