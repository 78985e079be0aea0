//! The published suite on PostgreSQL: as it is by default, with more writers, and through a pooler that gives each transaction
//! another connection, with statements that are not prepared.
#![cfg(feature = "postgres")]
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

use std::sync::Arc;

use order_core::conformance::StoreHarness;
use order_core::store::Store;

mod postgres_server;
use postgres_server::{Schema, pooler_url};

mod by_default {
    use super::*;

    #[derive(Clone, Copy)]
    struct Fresh;

    #[async_trait::async_trait]
    impl StoreHarness for Fresh {
        type Guard = Schema;

        async fn fresh(&self) -> (Arc<dyn Store>, Schema) {
            let schema = Schema::new();
            (Arc::new(schema.open().await), schema)
        }
    }

    order_core::store_conformance!(Fresh);
    order_core::store_differential!(Fresh);
}

mod pooled {
    use super::*;

    #[derive(Clone, Copy)]
    struct Fresh;

    #[async_trait::async_trait]
    impl StoreHarness for Fresh {
        type Guard = Schema;

        async fn fresh(&self) -> (Arc<dyn Store>, Schema) {
            let schema = Schema::new();
            let builder = schema.builder_at(&pooler_url()).prepared_statements(false).writers(4);
            let store = builder.open().await.unwrap();
            (Arc::new(store), schema)
        }
    }

    order_core::store_conformance!(Fresh);
}
