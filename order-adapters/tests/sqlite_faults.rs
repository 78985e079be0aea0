//! The calls of every use case go wrong in every way, on SQLite.
#![cfg(feature = "sqlite")]
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

use std::sync::Arc;

use order_adapters::sqlite::SqliteStore;
use order_core::conformance::{StoreHarness, enumeration};
use order_core::store::Store;

struct Memory;

#[async_trait::async_trait]
impl StoreHarness for Memory {
    type Guard = ();

    async fn fresh(&self) -> (Arc<dyn Store>, ()) {
        (Arc::new(SqliteStore::builder().open().await.unwrap()), ())
    }
}

/// Every point takes a new database: some of them, spread over all stories, calls and faults.
#[tokio::test(flavor = "multi_thread")]
async fn everything_comes_right_whatever_goes_wrong() {
    let points = enumeration::run(&Memory, 19).await;
    assert!(points > 500, "only {points} points were covered");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_webhook_is_attended_to_whatever_goes_wrong() {
    let points = enumeration::run_webhooks(&Memory, 1).await;
    assert!(points > 200, "only {points} points were covered");
}
