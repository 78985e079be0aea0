//! A database of its own for every test, on the servers that `scripts/test-services` starts.
#![expect(dead_code, reason = "every test file uses its part of it")]

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use order_adapters::mongodb::driver::bson::{Document, doc};
use order_adapters::mongodb::driver::{Client, Database};
use order_adapters::mongodb::{MongoBuilder, MongoStore};
use order_core::inventory::StockKey;
use order_core::store::StockRepository;

/// Where the servers are.
pub(crate) fn url() -> String {
    std::env::var("MONGODB_URI").unwrap_or_else(|_| {
        unreachable!(
            "MONGODB_URI is not set; start servers with: services=$(scripts/test-services) && export $services"
        )
    })
}

/// A database's name, and its end.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) name: String,
}

impl Place {
    #[expect(clippy::disallowed_methods, reason = "a name that no earlier run has used")]
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
        Self { name: format!("test_{}_{now}_{count}", std::process::id()) }
    }

    pub(crate) fn builder(&self) -> MongoBuilder {
        MongoStore::builder(url()).database(&self.name)
    }

    pub(crate) async fn open(&self) -> MongoStore {
        self.builder().open().await.unwrap()
    }

    /// The database for writing by hand.
    pub(crate) async fn by_hand(&self) -> Hand {
        Hand { database: Client::with_uri_str(url()).await.unwrap().database(&self.name) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let name = self.name.clone();
        let drop_it = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let client = Client::with_uri_str(url()).await?;
                // The server ends it when there is an election meanwhile, and the driver does not repeat it.
                let mut dropped = client.database(&name).drop().await;
                for _ in 0..5 {
                    if dropped.is_err() {
                        dropped = client.database(&name).drop().await;
                    }
                }
                dropped?;
                client.shutdown().immediate(true).await;
                Ok::<(), order_adapters::mongodb::driver::error::Error>(())
            })
        };
        let dropped = std::thread::spawn(drop_it).join();
        if !std::thread::panicking() {
            dropped.unwrap().unwrap();
        }
    }
}

#[derive(Debug)]
pub(crate) struct Hand {
    pub(crate) database: Database,
}

impl Hand {
    pub(crate) async fn accepts(&self, collection: &str, change: Document) {
        let changed = self.update(collection, change.clone()).await;
        assert!(changed.unwrap() > 0, "{change}: there is nothing to change");
    }

    pub(crate) async fn refuses(&self, collection: &str, change: Document, why: &str) {
        let done = self.update(collection, change.clone()).await;
        let error = done.unwrap_err().to_string();
        assert!(error.contains(why), "{change}: {error}");
    }

    async fn update(
        &self,
        collection: &str,
        change: Document,
    ) -> Result<u64, order_adapters::mongodb::driver::error::Error> {
        let documents = self.database.collection::<Document>(collection);
        documents.update_many(doc! {}, change).await.map(|done| done.matched_count)
    }

    pub(crate) async fn count(&self, collection: &str) -> u64 {
        self.database.collection::<Document>(collection).count_documents(doc! {}).await.unwrap()
    }
}

/// On hand and reserved.
pub(crate) async fn level(store: &MongoStore, key: &StockKey) -> (i64, i64) {
    let levels = store.stock_levels(std::slice::from_ref(&key.product_id)).await.unwrap();
    levels.first().map_or((0, 0), |level| (level.on_hand, level.reserved))
}
