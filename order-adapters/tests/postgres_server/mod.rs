//! A schema of its own for every test, on the server that `scripts/test-services` starts.
#![expect(dead_code, reason = "every test file uses its part of it")]

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use order_adapters::postgres::sqlx::{self, AssertSqlSafe, Connection as _, PgConnection, Row as _};
use order_adapters::postgres::{PostgresBuilder, PostgresStore};
use order_core::inventory::StockKey;
use order_core::store::StockRepository;

/// Where the server is.
pub(crate) fn url() -> String {
    named("DATABASE_URL")
}

/// Where a pooler is before it, in transaction mode.
pub(crate) fn pooler_url() -> String {
    named("PGBOUNCER_URL")
}

fn named(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        unreachable!(
            "{variable} is not set; start a server with: services=$(scripts/test-services) && export $services"
        )
    })
}

/// A schema's name, and its end.
#[derive(Debug)]
pub(crate) struct Schema {
    pub(crate) name: String,
}

impl Schema {
    #[expect(clippy::disallowed_methods, reason = "a name that no earlier run has used")]
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
        Self { name: format!("test_{}_{now}_{count}", std::process::id()) }
    }

    pub(crate) fn builder(&self) -> PostgresBuilder {
        self.builder_at(&url())
    }

    pub(crate) fn builder_at(&self, url: &str) -> PostgresBuilder {
        PostgresStore::builder(url).schema(&self.name).accept_loss()
    }

    pub(crate) async fn open(&self) -> PostgresStore {
        self.builder().open().await.unwrap()
    }

    /// A connection for writing SQL by hand; `{schema}` in it is the schema's name.
    pub(crate) async fn by_hand(&self) -> Hand {
        Hand { connection: PgConnection::connect(&url()).await.unwrap(), schema: self.name.clone() }
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        let sql = format!("DROP SCHEMA IF EXISTS {} CASCADE", self.name);
        let drop_it = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut connection = PgConnection::connect(&url()).await?;
                sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await?;
                connection.close().await
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
    pub(crate) connection: PgConnection,
    schema: String,
}

impl Hand {
    pub(crate) fn sql(&self, template: &str) -> AssertSqlSafe<String> {
        AssertSqlSafe(template.replace("{schema}", &self.schema))
    }

    pub(crate) async fn accepts(&mut self, sql: &str) {
        let sql = self.sql(sql);
        sqlx::raw_sql(sql).execute(&mut self.connection).await.unwrap();
    }

    pub(crate) async fn refuses(&mut self, sql: &str, why: &str) {
        let done = sqlx::raw_sql(self.sql(sql)).execute(&mut self.connection).await;
        let error = done.map(|_| sql).unwrap_err().to_string();
        assert!(error.contains(why), "{sql}: {error}");
    }

    pub(crate) async fn number(&mut self, sql: &str) -> i64 {
        let sql = self.sql(sql);
        sqlx::query(sql).fetch_one(&mut self.connection).await.unwrap().get(0)
    }
}

/// On hand and reserved.
pub(crate) async fn level(store: &PostgresStore, key: &StockKey) -> (i64, i64) {
    let levels = store.stock_levels(std::slice::from_ref(&key.product_id)).await.unwrap();
    levels.first().map_or((0, 0), |level| (level.on_hand, level.reserved))
}
