//! Every call of every use case goes wrong in every way, on the store in memory.
#![cfg(feature = "conformance")]
#![expect(clippy::print_stdout, reason = "the number of points is for whoever runs it with --nocapture")]

use std::sync::Arc;

use order_core::conformance::{StoreHarness, enumeration};
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

#[tokio::test]
async fn everything_comes_right_whatever_goes_wrong() {
    let points = enumeration::run(&Memory, 1).await;
    println!("{points} points");
    assert!(points > 5_000, "only {points} points were covered");
}

#[tokio::test]
async fn everything_comes_right_after_two_faults() {
    let points = enumeration::run_pairs(&Memory, 211).await;
    println!("{points} points of two faults");
    assert!(points > 5_000, "only {points} points were covered");
}

#[tokio::test]
async fn every_webhook_is_attended_to_whatever_goes_wrong() {
    let points = enumeration::run_webhooks(&Memory, 1).await;
    println!("{points} points on the way of webhooks");
    assert!(points > 200, "only {points} points were covered");
}
