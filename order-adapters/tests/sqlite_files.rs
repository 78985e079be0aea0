//! What is special about a file: it is closed and opened again, by older and newer versions, and by several at once.
#![cfg(feature = "sqlite")]
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use order_adapters::sqlite::{OpenError, SqliteStore, Synchronous};
use order_core::StoreError;
use order_core::conformance::sample::{Sampler, customer, customer_cart, shelf};
use order_core::inventory::{StockChange, StockEvent, StockLevel};
use order_core::order::Order;
use order_core::store::{
    CartRepository, Commit, CommitOutcome, InboxRepository, OrderFilter, OrderRepository, OutboxRepository,
    PageRequest, Receipt, Refusal, StockRepository, StoreHealth, WriteSet,
};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection, Row, SqlStr};
use tempfile::TempDir;

struct Place {
    dir: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("orders.db")
    }

    async fn open(&self) -> Result<SqliteStore, OpenError> {
        SqliteStore::builder().path(self.path()).open().await
    }

    async fn by_hand(&self) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(self.path()).create_if_missing(true);
        SqliteConnection::connect_with(&options).await.unwrap()
    }
}

async fn on_hand(store: &SqliteStore, product: &str) -> (i64, i64) {
    let levels = store.stock_levels(&[shelf(product).product_id]).await.unwrap();
    levels.first().map_or((0, 0), |level| (level.on_hand, level.reserved))
}

/// The writer itself brings the log into the file when it has 16 MB; another connection does so long before.
#[tokio::test]
async fn the_log_is_brought_into_the_file_while_others_write() {
    const WRITERS_OWN: u64 = 4_000 * 4_096;
    let (place, sampler) = (Place::new(), Sampler::new(2));
    let store = place.open().await.unwrap();
    let length = |path: PathBuf| std::fs::metadata(path).map_or(0, |file| file.len());
    let before = length(place.path());
    let log = place.path().with_file_name("orders.db-wal");
    while length(place.path()) == before {
        assert!(length(log.clone()) < WRITERS_OWN, "nobody but the writer does it");
        let set = sampler.put_cart(0, &sampler.cart(customer_cart(&format!("c-{}", sampler.count()))));
        assert_eq!(store.commit(&set).await.unwrap(), CommitOutcome::Applied);
    }
    store.close().await;
}

#[tokio::test]
async fn everything_is_there_after_opening_again() {
    let place = Place::new();
    let sampler = Sampler::new(1);
    let (set, order) = sampler.order("ann", "tea");
    {
        let store = place.open().await.unwrap();
        for set in [&sampler.receive(&[("tea", 9)]), &set] {
            assert_eq!(store.commit(set).await.unwrap(), CommitOutcome::Applied);
        }
    }
    let store = place.open().await.unwrap();
    assert_eq!(store.find_order(order.id).await.unwrap().unwrap(), order);
    assert_eq!(store.find_order_by_payment(order.payments[0].id).await.unwrap().unwrap(), order);
    assert_eq!(store.history(order.id).await.unwrap(), set.events);
    assert_eq!(on_hand(&store, "tea").await, (9, 1));
    let waiting = u64::try_from(set.events.len()).unwrap();
    assert_eq!(store.outbox_len().await.unwrap(), waiting);
    assert_eq!(store.commit(&set).await.unwrap(), CommitOutcome::Applied, "a repeated write-set");
    assert_eq!(on_hand(&store, "tea").await, (9, 1));
    assert_eq!(store.outbox_len().await.unwrap(), waiting);
    store.close().await;
}

#[tokio::test]
async fn the_schema_is_made_once_and_leaves_the_host_alone() {
    let place = Place::new();
    let mut host = place.by_hand().await;
    sqlx::raw_sql(
        "CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT, checksum BLOB, success BOOLEAN);
         INSERT INTO _sqlx_migrations VALUES (99, 'the host''s', x'00', true)",
    )
    .execute(&mut host)
    .await
    .unwrap();
    for _ in 0..3 {
        place.open().await.unwrap().ping().await.unwrap();
    }
    let count =
        "SELECT (SELECT count(*) FROM order_engine_migrations), (SELECT count(*) FROM _sqlx_migrations)";
    let row = sqlx::query(count).fetch_one(&mut host).await.unwrap();
    assert_eq!((row.get::<i64, _>(0), row.get::<i64, _>(1)), (7, 1));
}

#[tokio::test]
async fn many_may_open_a_new_file_at_once() {
    let place = std::sync::Arc::new(Place::new());
    let opening: Vec<_> = (0..8)
        .map(|_| {
            let place = std::sync::Arc::clone(&place);
            tokio::spawn(async move { place.open().await.map(|_| ()) })
        })
        .collect();
    for task in opening {
        task.await.unwrap().unwrap();
    }
}

/// What version 1 of the schema was made of.
const VERSION_1: &str = include_str!("../src/sqlite/migrations/0001_order_engine.sql");

/// A file of version 1 with the rows that another file has, as version 1 wrote them.
async fn previous_version(of: &Place, set: &WriteSet, order: &Order) -> Place {
    let place = Place::new();
    let mut hand = place.by_hand().await;
    let sql = SqlStr::from_static(VERSION_1);
    let first = Migration::new(1, Cow::Borrowed("order engine"), MigrationType::Simple, sql, false);
    let mut migrator = Migrator::with_migrations(vec![first]);
    migrator.dangerous_set_table_name("order_engine_migrations");
    migrator.run_direct(None, &mut hand, false).await.unwrap();
    let attach = format!("ATTACH '{}' AS filled", of.path().display());
    sqlx::raw_sql(AssertSqlSafe(attach)).execute(&mut hand).await.unwrap();
    for table in ["orders", "payments", "carts", "stock", "reservations", "idempotency", "write_sets"] {
        let columns = format!("SELECT group_concat(name, ', ') FROM pragma_table_info('{table}', 'main')");
        let columns: String = sqlx::query_scalar(AssertSqlSafe(columns)).fetch_one(&mut hand).await.unwrap();
        // Every order was written out then.
        let values = match table {
            "orders" => columns.replace("body", &quoted(&serde_json::to_string(order).unwrap())),
            _ => columns.clone(),
        };
        let copy = format!("INSERT INTO main.{table} ({columns}) SELECT {values} FROM filled.{table}");
        let done = sqlx::raw_sql(AssertSqlSafe(copy)).execute(&mut hand).await.unwrap();
        assert!(done.rows_affected() > 0, "{table} has no rows to migrate");
    }
    // Each event was kept by itself.
    for event in &set.events {
        let (id, sequence, at) =
            (event.order_id.uuid().simple(), event.sequence, event.at.timestamp_millis());
        let (name, body) = (event.event.name(), quoted(&serde_json::to_string(event).unwrap()));
        let insert = format!(
            "INSERT INTO main.events (order_id, sequence, at, name, body)
             VALUES (x'{id}', {sequence}, {at}, '{name}', {body})"
        );
        sqlx::raw_sql(AssertSqlSafe(insert)).execute(&mut hand).await.unwrap();
    }
    hand.close().await.unwrap();
    place
}

/// A text in a statement.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[tokio::test]
async fn a_database_of_the_previous_version_is_migrated() {
    let (filled, sampler) = (Place::new(), Sampler::new(11));
    let (set, order) = sampler.order("ann", "tea");
    let record = sampler.put_record(true, &sampler.record("scope", "key-1"));
    let cart = sampler.cart(customer_cart("ann"));
    let store = filled.open().await.unwrap();
    for set in [&sampler.receive(&[("tea", 9)]), &set, &record, &sampler.put_cart(0, &cart)] {
        assert_eq!(store.commit(set).await.unwrap(), CommitOutcome::Applied);
    }
    store.close().await;
    let place = previous_version(&filled, &set, &order).await;
    let store = place.open().await.unwrap();
    assert_eq!(store.find_order(order.id).await.unwrap().unwrap(), order);
    assert_eq!(store.history(order.id).await.unwrap(), set.events);
    assert_eq!(store.find_cart(cart.id).await.unwrap(), Some(cart));
    assert_eq!(store.outbox_len().await.unwrap(), u64::try_from(set.events.len()).unwrap());
    let tea = shelf("tea");
    let levels = || async { store.stock_levels(std::slice::from_ref(&tea.product_id)).await.unwrap() };
    assert_eq!(levels().await, [StockLevel::new(tea.clone(), 9, 1, 0)]);
    assert_eq!(store.commit(&set).await.unwrap(), CommitOutcome::Applied, "a repeated write-set");
    let (pay, paid) = sampler.approve(&order);
    assert_eq!(store.commit(&pay).await.unwrap(), CommitOutcome::Applied);
    assert_eq!(store.find_order(order.id).await.unwrap().unwrap(), paid);
    let mut take = sampler.set();
    let entry = sampler.entry(StockEvent::Adjusted { units: -8 });
    take.record_stock(tea.clone(), StockChange::adjust(-8), entry);
    assert_eq!(store.commit(&take).await.unwrap(), CommitOutcome::Applied);
    let page = store.stock_records(&tea.product_id, None, None, 9).await.unwrap();
    let told: Vec<_> = page.items.iter().map(|record| (record.sequence, record.event.name())).collect();
    assert_eq!(told, [(2, "inventory.out_of_stock"), (1, "inventory.adjusted")]);
    assert_eq!(levels().await, [StockLevel::new(tea.clone(), 0, 0, 1)]);
    assert_eq!(store.receive_notice(&sampler.incoming("stripe", "evt_1")).await.unwrap(), Receipt::New);
    let reference = "pi_1".parse().unwrap();
    assert_eq!(store.find_order_by_reference(&paid.payments[0].provider, &reference).await.unwrap(), None);
    store.close().await;
    place.open().await.unwrap().ping().await.unwrap();
}

#[tokio::test]
async fn a_newer_database_is_refused() {
    let place = Place::new();
    place.open().await.unwrap().close().await;
    let mut hand = place.by_hand().await;
    let newer =
        "INSERT INTO order_engine_migrations (version, description, success, checksum, execution_time)
        VALUES (1000, 'from the future', true, x'00', 0)";
    sqlx::query(newer).execute(&mut hand).await.unwrap();
    let error = place.open().await.unwrap_err();
    assert!(matches!(error, OpenError::Newer { version: 1000 }), "{error:?}");
    assert!(error.to_string().contains("newer version"), "{error}");

    sqlx::query("DELETE FROM order_engine_migrations WHERE version = 1000").execute(&mut hand).await.unwrap();
    sqlx::query("UPDATE order_engine_migrations SET checksum = x'00'").execute(&mut hand).await.unwrap();
    assert!(matches!(place.open().await.unwrap_err(), OpenError::Foreign { version: 1 }));
}

#[tokio::test]
async fn commits_are_flushed_and_readers_do_not_wait() {
    let place = Place::new();
    let store = place.open().await.unwrap();
    let mut hand = place.by_hand().await;
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut hand).await.unwrap();
    assert_eq!(mode, "wal");
    sqlx::query("BEGIN IMMEDIATE").execute(&mut hand).await.unwrap();
    assert!(
        store.find_order_by_number(&order_core::id::OrderNumber::new("x").unwrap()).await.unwrap().is_none()
    );
}

#[tokio::test]
async fn a_lock_is_waited_for_and_given_up_as_unavailable() {
    let place = Place::new();
    let sampler = Sampler::new(2);
    let store = SqliteStore::builder()
        .path(place.path())
        .synchronous(Synchronous::Normal)
        .busy_timeout(Duration::from_millis(50))
        .open()
        .await
        .unwrap();
    let mut hand = place.by_hand().await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut hand).await.unwrap();
    let set = sampler.receive(&[("tea", 1)]);
    let error = store.commit(&set).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    assert!(store.ping().await.is_err());
    sqlx::query("ROLLBACK").execute(&mut hand).await.unwrap();
    assert_eq!(store.commit(&set).await.unwrap(), CommitOutcome::Applied);
    assert_eq!(on_hand(&store, "tea").await, (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_stores_on_one_file_never_oversell() {
    let place = Place::new();
    let sampler = Sampler::new(3);
    let stores = [place.open().await.unwrap(), place.open().await.unwrap()];
    assert_eq!(stores[0].commit(&sampler.receive(&[("tea", 10)])).await.unwrap(), CommitOutcome::Applied);
    let tasks: Vec<_> = (0..60)
        .map(|index: usize| {
            let (set, _) = sampler.order("ann", "tea");
            let store = stores[index % 2].clone();
            tokio::spawn(async move { store.commit(&set).await.unwrap() })
        })
        .collect();
    let mut applied = 0;
    for task in tasks {
        match task.await.unwrap() {
            CommitOutcome::Applied => applied += 1,
            CommitOutcome::Refused(Refusal::Stock(short)) => {
                assert_eq!((short.len(), short[0].available), (1, 0));
            }
            CommitOutcome::Refused(refusal) => unreachable!("{refusal:?}"),
            CommitOutcome::Unknown => unreachable!("nothing was cut"),
        }
    }
    assert_eq!(applied, 10);
    assert_eq!(on_hand(&stores[0], "tea").await, (10, 10));
    assert_eq!(on_hand(&stores[1], "tea").await, (10, 10));
}

/// A lock from outside makes them all wait, so that they share a transaction when it is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_of_a_group_do_not_harm_each_other() {
    let place = Place::new();
    let sampler = Sampler::new(4);
    let store = place.open().await.unwrap();
    assert_eq!(
        store.commit(&sampler.receive(&[("tea", 100), ("cup", 1)])).await.unwrap(),
        CommitOutcome::Applied
    );
    let mut hand = place.by_hand().await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut hand).await.unwrap();
    let mut tasks = Vec::new();
    for index in 0..90 {
        let (mut set, order) = sampler.order("ann", "tea");
        match index % 3 {
            0 => {}
            1 => set.change_stock(shelf("pot"), StockChange::reserve(1)),
            _ => set.orders.push(set.orders[0].clone()),
        }
        let store = store.clone();
        tasks.push(tokio::spawn(async move { (index, order.id, store.commit(&set).await) }));
    }
    sqlx::query("ROLLBACK").execute(&mut hand).await.unwrap();
    let mut kept = BTreeSet::new();
    for task in tasks {
        let (index, id, outcome) = task.await.unwrap();
        match (index % 3, outcome.unwrap()) {
            (0, CommitOutcome::Applied) => assert!(kept.insert(id)),
            (1, CommitOutcome::Refused(Refusal::Stock(short))) => assert_eq!(short[0].key, shelf("pot")),
            (2, CommitOutcome::Refused(Refusal::Taken(_))) => {}
            (_, other) => unreachable!("{index}: {other:?}"),
        }
    }
    let filter = OrderFilter { customer_id: Some(customer("ann")), ..OrderFilter::default() };
    let page = store.list_orders(&filter, PageRequest::first(100)).await.unwrap();
    assert_eq!(page.items.iter().map(|order| order.id).collect::<BTreeSet<_>>(), kept);
    assert_eq!(on_hand(&store, "tea").await, (100, 30));
    assert_eq!(on_hand(&store, "pot").await, (0, 0));
}

/// A constraint of the host's that is only looked at when the transaction is committed.
#[tokio::test]
async fn a_commit_that_fails_is_unknown_and_may_be_repeated() {
    let place = Place::new();
    let sampler = Sampler::new(8);
    let store = place.open().await.unwrap();
    let mut host = place.by_hand().await;
    let trap = "CREATE TABLE trap (id BLOB REFERENCES orders (id) DEFERRABLE INITIALLY DEFERRED);
        CREATE TRIGGER trap_set AFTER INSERT ON write_sets BEGIN INSERT INTO trap VALUES (x'00'); END";
    sqlx::raw_sql(trap).execute(&mut host).await.unwrap();
    let (receive, short) = (sampler.receive(&[("tea", 1)]), sampler.order("ann", "tea").0);
    assert_eq!(store.commit(&receive).await.unwrap(), CommitOutcome::Unknown);
    assert_eq!(on_hand(&store, "tea").await, (0, 0));
    assert!(matches!(store.commit(&short).await.unwrap(), CommitOutcome::Refused(Refusal::Stock(_))));
    store.ping().await.unwrap();
    sqlx::query("DROP TRIGGER trap_set").execute(&mut host).await.unwrap();
    assert_eq!(store.commit(&receive).await.unwrap(), CommitOutcome::Applied);
    assert_eq!(store.commit(&receive).await.unwrap(), CommitOutcome::Applied);
    assert_eq!(on_hand(&store, "tea").await, (1, 0));
}

/// A trigger of the host's that breaks one order, and with it the transaction.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_breaks_its_group_fails_alone() {
    let place = Place::new();
    let sampler = Sampler::new(9);
    let store = place.open().await.unwrap();
    assert_eq!(store.commit(&sampler.receive(&[("tea", 100)])).await.unwrap(), CommitOutcome::Applied);
    let (broken, order) = sampler.order("ann", "tea");
    let mut host = place.by_hand().await;
    let trap = format!(
        "CREATE TABLE trap (id INTEGER PRIMARY KEY);
         CREATE TRIGGER trap_set AFTER INSERT ON orders WHEN NEW.number = '{}'
         BEGIN INSERT INTO trap VALUES ('no number'); END",
        order.number
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(trap)).execute(&mut host).await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut host).await.unwrap();
    let sets = (0..20).map(|index| if index == 10 { broken.clone() } else { sampler.order("bob", "tea").0 });
    let tasks: Vec<_> = sets
        .map(|set| {
            let store = store.clone();
            tokio::spawn(async move { store.commit(&set).await })
        })
        .collect();
    sqlx::query("ROLLBACK").execute(&mut host).await.unwrap();
    for (index, task) in tasks.into_iter().enumerate() {
        let outcome = task.await.unwrap();
        if index == 10 {
            assert!(matches!(outcome, Err(StoreError::Internal { .. })), "{outcome:?}");
        } else {
            assert_eq!(outcome.unwrap(), CommitOutcome::Applied);
        }
    }
    assert_eq!(store.find_order(order.id).await.unwrap(), None);
    assert_eq!(on_hand(&store, "tea").await, (100, 19));
}

#[tokio::test]
async fn a_caller_that_is_dropped_leaves_nothing_half_done() {
    let place = Place::new();
    let sampler = Sampler::new(5);
    let store = place.open().await.unwrap();
    for _ in 0..20 {
        let set = sampler.receive(&[("tea", 1), ("cup", 1)]);
        let committing = store.commit(&set);
        tokio::select! {
            biased;
            _ = committing => {}
            () = tokio::task::yield_now() => {}
        }
    }
    store.ping().await.unwrap();
    assert_eq!(on_hand(&store, "tea").await, on_hand(&store, "cup").await);
    assert_eq!(store.commit(&sampler.receive(&[("tea", 1)])).await.unwrap(), CommitOutcome::Applied);
}

/// A host may keep the store for longer than the runtime it was used in.
#[test]
fn a_store_may_outlive_its_runtime() {
    let place = Place::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let store = runtime.block_on(async {
        let store = place.open().await.unwrap();
        let page = store.list_orders(&OrderFilter::default(), PageRequest::first(1)).await.unwrap();
        assert!(page.items.is_empty(), "a reader has read");
        store
    });
    drop(runtime);
    drop(store);
}

#[tokio::test]
async fn a_store_in_memory_is_a_store() {
    let sampler = Sampler::new(6);
    let store = SqliteStore::open("sqlite::memory:").await.unwrap();
    let other = SqliteStore::builder().open().await.unwrap();
    assert_eq!(store.commit(&sampler.receive(&[("tea", 2)])).await.unwrap(), CommitOutcome::Applied);
    let (set, order) = sampler.order("ann", "tea");
    assert_eq!(store.commit(&set).await.unwrap(), CommitOutcome::Applied);
    assert_eq!(store.find_order(order.id).await.unwrap(), Some(order.clone()));
    assert_eq!(other.find_order(order.id).await.unwrap(), None);
}
