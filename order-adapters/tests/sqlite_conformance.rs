//! The published suite on SQLite: once in a file, once in memory.
#![cfg(feature = "sqlite")]
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

use std::sync::Arc;

use order_adapters::sqlite::SqliteStore;
use order_core::conformance::StoreHarness;
use order_core::store::Store;
use tempfile::TempDir;

mod file {
    use super::*;

    #[derive(Clone, Copy)]
    struct File;

    #[async_trait::async_trait]
    impl StoreHarness for File {
        type Guard = TempDir;

        async fn fresh(&self) -> (Arc<dyn Store>, TempDir) {
            let dir = tempfile::tempdir().unwrap();
            let store = SqliteStore::builder().path(dir.path().join("orders.db")).open().await.unwrap();
            (Arc::new(store), dir)
        }
    }

    order_core::store_conformance!(File);
}

mod memory {
    use super::*;

    #[derive(Clone, Copy)]
    struct Memory;

    #[async_trait::async_trait]
    impl StoreHarness for Memory {
        type Guard = ();

        async fn fresh(&self) -> (Arc<dyn Store>, ()) {
            (Arc::new(SqliteStore::builder().open().await.unwrap()), ())
        }
    }

    order_core::store_conformance!(Memory);
    order_core::store_differential!(Memory);
}
