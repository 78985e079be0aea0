//! The published suite on MongoDB.
#![cfg(feature = "mongodb")]
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

use std::sync::Arc;

use order_core::conformance::StoreHarness;
use order_core::store::Store;

mod mongodb_server;
use mongodb_server::Place;

#[derive(Clone, Copy)]
struct Fresh;

#[async_trait::async_trait]
impl StoreHarness for Fresh {
    type Guard = Place;

    async fn fresh(&self) -> (Arc<dyn Store>, Place) {
        let place = Place::new();
        (Arc::new(place.open().await), place)
    }
}

order_core::store_conformance!(Fresh);
order_core::store_differential!(Fresh);
