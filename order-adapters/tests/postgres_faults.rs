//! The calls of every use case go wrong in every way, on PostgreSQL.
#![cfg(feature = "postgres")]
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

use std::sync::Arc;

use order_core::conformance::{StoreHarness, enumeration};
use order_core::store::Store;

mod postgres_server;
use postgres_server::Schema;

struct Fresh;

#[async_trait::async_trait]
impl StoreHarness for Fresh {
    type Guard = Schema;

    async fn fresh(&self) -> (Arc<dyn Store>, Schema) {
        let schema = Schema::new();
        (Arc::new(schema.open().await), schema)
    }
}

/// Every point takes a new schema: a few of them, spread over all stories, calls and faults.
#[tokio::test(flavor = "multi_thread")]
async fn everything_comes_right_whatever_goes_wrong() {
    let points = enumeration::run(&Fresh, 97).await;
    assert!(points > 100, "only {points} points were covered");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_webhook_is_attended_to_whatever_goes_wrong() {
    let points = enumeration::run_webhooks(&Fresh, 23).await;
    assert!(points > 10, "only {points} points were covered");
}
