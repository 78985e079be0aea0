//! The calls of every use case go wrong in every way, on MongoDB.
#![cfg(feature = "mongodb")]
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

use std::sync::Arc;

use order_core::conformance::{StoreHarness, enumeration};
use order_core::store::Store;

mod mongodb_server;
use mongodb_server::Place;

struct Fresh;

#[async_trait::async_trait]
impl StoreHarness for Fresh {
    type Guard = Place;

    async fn fresh(&self) -> (Arc<dyn Store>, Place) {
        let place = Place::new();
        (Arc::new(place.open().await), place)
    }
}

/// Every point takes a new database: a few of them, spread over all stories, calls and faults.
#[tokio::test(flavor = "multi_thread")]
async fn everything_comes_right_whatever_goes_wrong() {
    let points = enumeration::run(&Fresh, 397).await;
    assert!(points > 25, "only {points} points were covered");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_webhook_is_attended_to_whatever_goes_wrong() {
    let points = enumeration::run_webhooks(&Fresh, 41).await;
    assert!(points > 5, "only {points} points were covered");
}
