//! Schemas of earlier versions, with rows in them, are brought up to date.
#![cfg(feature = "postgres")]
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

use std::borrow::Cow;

use order_adapters::postgres::OpenError;
use order_adapters::postgres::sqlx::migrate::{Migration, MigrationType};
use order_adapters::postgres::sqlx::{self, Row as _, SqlStr};
use order_core::cart::Cart;
use order_core::conformance::sample::{Sampler, customer_cart, shelf};
use order_core::inventory::{MAX_UNITS, StockChange, StockEvent, StockLevel};
use order_core::order::Order;
use order_core::store::{
    CartRepository, Commit, CommitOutcome, InboxRepository, OrderRepository, OutboxRepository, Receipt,
    StockRepository, WriteSet,
};

mod postgres_server;
use postgres_server::Schema;

/// What version 12 of the schema was made of, and each one before.
const MIGRATIONS: [(i64, &str, &str); 12] = [
    (1, "tables", include_str!("../src/postgres/migrations/0001_tables.sql")),
    (2, "write-sets", include_str!("../src/postgres/migrations/0002_write_sets.sql")),
    (3, "stock journal", include_str!("../src/postgres/migrations/0003_stock_journal.sql")),
    (4, "lighter commits", include_str!("../src/postgres/migrations/0004_lighter_commits.sql")),
    (5, "single write-set", include_str!("../src/postgres/migrations/0005_single_write_set.sql")),
    (6, "inbox", include_str!("../src/postgres/migrations/0006_inbox.sql")),
    (7, "new rows", include_str!("../src/postgres/migrations/0007_new_rows.sql")),
    (8, "chapters", include_str!("../src/postgres/migrations/0008_chapters.sql")),
    (9, "lone commits", include_str!("../src/postgres/migrations/0009_lone_commits.sql")),
    (10, "short checks", include_str!("../src/postgres/migrations/0010_short_checks.sql")),
    (11, "ids tell the time", include_str!("../src/postgres/migrations/0011_ids_tell_the_time.sql")),
    (12, "fewer expressions", include_str!("../src/postgres/migrations/0012_fewer_expressions.sql")),
];

/// The first version that keeps the events of a commit together.
const FIRST_WITH_CHAPTERS: i64 = 8;

/// A schema of an earlier version with rows in it.
struct Filled {
    sampler: Sampler,
    /// The order was placed by it.
    set: WriteSet,
    order: Order,
    cart: Cart,
    schema: Schema,
}

/// A schema of an earlier version with the rows that a present one has, as that version wrote them.
async fn earlier_version(earlier: i64) -> Filled {
    let (filled, sampler) = (Schema::new(), Sampler::new(7));
    let store = filled.open().await;
    let (set, order) = sampler.order("ann", "tea");
    let record = sampler.put_record(true, &sampler.record("scope", "key-1"));
    let cart = sampler.cart(customer_cart("ann"));
    for set in [&sampler.receive(&[("tea", 9)]), &set, &record, &sampler.put_cart(0, &cart)] {
        assert_eq!(store.commit(set).await.unwrap(), CommitOutcome::Applied);
    }
    let schema = Schema::new();
    let mut hand = schema.by_hand().await;
    hand.accepts(
        "CREATE SCHEMA {schema};
         CREATE TABLE {schema}.migrations (version bigint PRIMARY KEY, name text NOT NULL, checksum text NOT NULL)",
    )
    .await;
    for (version, name, sql) in MIGRATIONS.into_iter().filter(|(version, ..)| *version <= earlier) {
        let text = SqlStr::from_static(sql);
        let migration = Migration::new(version, Cow::Borrowed(""), MigrationType::Simple, text, false);
        let digits: Vec<String> = migration.checksum.iter().map(|byte| format!("{byte:02x}")).collect();
        let checksum = digits.concat();
        hand.accepts(&sql.replace("{max_units}", &MAX_UNITS.to_string())).await;
        hand.accepts(&format!(
            "INSERT INTO {{schema}}.migrations VALUES ({version}, '{name}', '{checksum}')"
        ))
        .await;
    }
    let has_chapters = earlier >= FIRST_WITH_CHAPTERS;
    let tables = ["orders", "payments", "carts", "stock", "reservations", "idempotency", "write_sets"];
    for table in tables.into_iter().chain(has_chapters.then_some("events")) {
        let columns = hand.sql(&format!(
            "SELECT string_agg(quote_ident(column_name), ', ') FROM information_schema.columns
             WHERE table_schema = '{{schema}}' AND table_name = '{table}' AND is_generated = 'NEVER'"
        ));
        let row = sqlx::query(columns).fetch_one(&mut hand.connection).await.unwrap();
        let columns: String = row.get(0);
        // Every order was written out, before there were chapters. What there is none of was written as null.
        let body = quoted(&serde_json::to_string(&order).unwrap());
        let values = match table {
            "orders" if !has_chapters => columns
                .replace("body", &format!("({body}::jsonb || '{{\"notes\": null, \"coupons\": []}}')::text")),
            _ => columns.clone(),
        };
        let present = &filled.name;
        let copy =
            format!("INSERT INTO {{schema}}.{table} ({columns}) SELECT {values} FROM {present}.{table}");
        hand.accepts(&copy).await;
        let rows = hand.number(&format!("SELECT count(*) FROM {{schema}}.{table}")).await;
        assert!(rows > 0, "{table} has no rows to migrate");
    }
    // Each write-set had a row of its own, before chapters told of theirs.
    let (id, at) = (set.id, set.at.timestamp_millis());
    hand.accepts(&format!("INSERT INTO {{schema}}.write_sets (id, at) VALUES ('{id}', {at})")).await;
    // Each event was kept by itself, before there were chapters.
    for event in set.events.iter().filter(|_| !has_chapters) {
        let (order, sequence, at) = (event.order_id, event.sequence, event.at.timestamp_millis());
        let (name, body) = (event.event.name(), quoted(&serde_json::to_string(event).unwrap()));
        let columns = "{schema}.events (order_id, sequence, at, name, body)";
        hand.accepts(&format!(
            "INSERT INTO {columns} VALUES ('{order}', {sequence}, {at}, '{name}', {body})"
        ))
        .await;
    }
    Filled { sampler, set, order, cart, schema }
}

/// A text in a statement.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[tokio::test]
async fn a_schema_without_journals_is_migrated() {
    let Filled { sampler, set, order, cart, schema } = earlier_version(2).await;
    let error = schema.builder().migrations(false).open().await.unwrap_err();
    assert!(matches!(error, OpenError::Older { version: 3 }), "{error:?}");
    let store = schema.open().await;
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
    schema.builder().migrations(false).open().await.unwrap().close().await;
}

#[tokio::test]
async fn a_schema_without_chapters_is_migrated() {
    is_migrated(7).await;
}

#[tokio::test]
async fn a_schema_whose_chapters_name_no_write_set_is_migrated() {
    is_migrated(11).await;
}

#[tokio::test]
async fn a_schema_of_the_previous_version_is_migrated() {
    is_migrated(12).await;
}

async fn is_migrated(earlier: i64) {
    let Filled { sampler, set, order, cart, schema } = earlier_version(earlier).await;
    let error = schema.builder().migrations(false).open().await.unwrap_err();
    assert!(matches!(error, OpenError::Older { version } if version == earlier + 1), "{error:?}");
    let store = schema.open().await;
    assert_eq!(store.find_order(order.id).await.unwrap().unwrap(), order);
    assert_eq!(store.history(order.id).await.unwrap(), set.events);
    assert_eq!(store.find_cart(cart.id).await.unwrap(), Some(cart));
    let (pay, paid) = sampler.approve(&order);
    let (more, other) = sampler.order("ben", "tea");
    for set in [&set, &pay, &more] {
        assert_eq!(store.commit(set).await.unwrap(), CommitOutcome::Applied);
    }
    assert_eq!(store.find_order(order.id).await.unwrap().unwrap(), paid);
    assert_eq!(store.find_order(other.id).await.unwrap().unwrap(), other);
    store.close().await;
}
