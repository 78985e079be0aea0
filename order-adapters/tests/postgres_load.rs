//! Many at once, many processes, hosts that write with us, and servers that fail.
#![cfg(feature = "postgres")]
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use order_adapters::postgres::PostgresStore;
use order_adapters::postgres::sqlx::{self, Connection as _};
use order_core::StoreError;
use order_core::conformance::sample::{Sampler, customer, shelf};
use order_core::inventory::StockChange;
use order_core::order::Order;
use order_core::store::{
    Commit, CommitOutcome, OrderFilter, OrderRepository, OutboxRepository, PageRequest, Refusal,
    StockRepository, StoreHealth, UniqueKey, WriteSet,
};

mod postgres_server;
use postgres_server::{Schema, level};

async fn apply(store: &PostgresStore, set: &WriteSet) {
    assert_eq!(store.commit(set).await.unwrap(), CommitOutcome::Applied);
}

/// Commits all of them from so many clients.
async fn commit_all(
    stores: &[PostgresStore],
    clients: usize,
    sets: Vec<WriteSet>,
) -> Vec<Result<CommitOutcome, StoreError>> {
    let sets = Arc::new(sets);
    let tasks: Vec<_> = (0..clients)
        .zip(stores.iter().cycle())
        .map(|(client, store)| {
            let (store, sets) = (store.clone(), Arc::clone(&sets));
            tokio::spawn(async move {
                let mut outcomes = Vec::new();
                for set in sets.iter().skip(client).step_by(clients) {
                    outcomes.push(store.commit(set).await);
                }
                outcomes
            })
        })
        .collect();
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.extend(task.await.unwrap());
    }
    outcomes
}

/// How many were applied; the others must have been short of stock.
fn applied(outcomes: &[Result<CommitOutcome, StoreError>]) -> usize {
    let is_applied = |outcome: &&Result<CommitOutcome, StoreError>| match outcome {
        Ok(CommitOutcome::Applied) => true,
        Ok(CommitOutcome::Refused(Refusal::Stock(_))) => false,
        other => unreachable!("{other:?}"),
    };
    outcomes.iter().filter(is_applied).count()
}

/// Two processes, each with its own writers.
async fn two_stores(schema: &Schema) -> [PostgresStore; 2] {
    [schema.open().await, schema.open().await]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hot_product_is_never_oversold() {
    let schema = Schema::new();
    let stores = two_stores(&schema).await;
    let sampler = Sampler::new(1);
    apply(&stores[0], &sampler.receive(&[("hot", 500)])).await;
    let sets: Vec<WriteSet> = (0..1_280).map(|_| sampler.order("ann", "hot").0).collect();
    let outcomes = commit_all(&stores, 128, sets).await;
    assert_eq!(applied(&outcomes), 500);
    assert_eq!(level(&stores[0], &shelf("hot")).await, (500, 500));
    let mut hand = schema.by_hand().await;
    assert_eq!(hand.number("SELECT count(*) FROM {schema}.orders").await, 500);
    assert_eq!(hand.number("SELECT count(*) FROM {schema}.reservations").await, 500);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn opposite_orders_of_many_products_meet_no_deadlock() {
    let schema = Schema::new();
    let stores = two_stores(&schema).await;
    let sampler = Sampler::new(2);
    let products: Vec<String> = (0..12).map(|index| format!("p-{index:02}")).collect();
    let goods: Vec<(&str, i64)> = products.iter().map(|product| (product.as_str(), 400)).collect();
    apply(&stores[0], &sampler.receive(&goods)).await;
    let sets: Vec<WriteSet> = (0..768)
        .map(|index| {
            let mut lines: Vec<_> =
                (0..4).map(|line| &products[(index + line * 3) % products.len()]).collect();
            if index % 2 == 0 {
                lines.reverse();
            }
            let lines = lines.iter().map(|product| sampler.line(product, 100, 1)).collect();
            sampler.place(sampler.new_order("ann", lines)).0
        })
        .collect();
    let sql = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    let mut hand = schema.by_hand().await;
    let before = hand.number(sql).await;
    let outcomes = commit_all(&stores, 128, sets).await;
    assert_eq!(applied(&outcomes), 768);
    assert_eq!(hand.number(sql).await, before);
    for product in &products {
        assert_eq!(level(&stores[1], &shelf(product)).await, (400, 256));
    }
}

/// A lock that somebody else holds makes many wait, and come as one group.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_member_of_a_group_harms_nobody() {
    let schema = Schema::new();
    let store = schema.open().await;
    let sampler = Sampler::new(4);
    apply(&store, &sampler.receive(&[("tea", 100), ("cup", 1)])).await;
    let mut hand = schema.by_hand().await;
    hand.accepts("BEGIN; UPDATE {schema}.stock SET sold = sold WHERE product_id = 'tea'").await;
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
    hand.accepts("ROLLBACK").await;
    let mut kept = BTreeSet::new();
    for task in tasks {
        let (index, id, outcome) = task.await.unwrap();
        match (index % 3, outcome.unwrap()) {
            (0, CommitOutcome::Applied) => assert!(kept.insert(id)),
            (1, CommitOutcome::Refused(Refusal::Stock(short))) => assert_eq!(short[0].key, shelf("pot")),
            (2, CommitOutcome::Refused(Refusal::Taken(UniqueKey::OrderNumber))) => {}
            (_, other) => unreachable!("{index}: {other:?}"),
        }
    }
    let filter = OrderFilter { customer_id: Some(customer("ann")), ..OrderFilter::default() };
    let page = store.list_orders(&filter, PageRequest::first(100)).await.unwrap();
    assert_eq!(page.items.iter().map(|order| order.id).collect::<BTreeSet<_>>(), kept);
    assert_eq!(level(&store, &shelf("tea")).await, (100, 30));
    assert_eq!(level(&store, &shelf("pot")).await, (0, 0));
}

/// A trigger of the host's that breaks one order, and with it the statement.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_breaks_its_group_fails_alone() {
    let schema = Schema::new();
    let store = schema.open().await;
    let sampler = Sampler::new(9);
    apply(&store, &sampler.receive(&[("tea", 100)])).await;
    let (broken, order) = sampler.order("ann", "tea");
    let mut hand = schema.by_hand().await;
    let trap = format!(
        "CREATE FUNCTION {{schema}}.trap() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN IF NEW.number = '{}' THEN RAISE division_by_zero; END IF; RETURN NEW; END $$;
         CREATE TRIGGER trap BEFORE INSERT ON {{schema}}.orders FOR EACH ROW EXECUTE FUNCTION {{schema}}.trap()",
        order.number
    );
    hand.accepts(&trap).await;
    hand.accepts("BEGIN; UPDATE {schema}.stock SET sold = sold").await;
    let sets = (0..20).map(|index| if index == 10 { broken.clone() } else { sampler.order("bob", "tea").0 });
    let tasks: Vec<_> = sets
        .map(|set| {
            let store = store.clone();
            tokio::spawn(async move { store.commit(&set).await })
        })
        .collect();
    hand.accepts("ROLLBACK").await;
    for (index, task) in tasks.into_iter().enumerate() {
        let outcome = task.await.unwrap();
        if index == 10 {
            assert!(matches!(outcome, Err(StoreError::Internal { .. })), "{outcome:?}");
        } else {
            assert_eq!(outcome.unwrap(), CommitOutcome::Applied);
        }
    }
    assert_eq!(store.find_order(order.id).await.unwrap(), None);
    assert_eq!(level(&store, &shelf("tea")).await, (100, 19));
}

/// Everything that a statement did is one round trip and one transaction, whatever it holds.
#[tokio::test]
async fn a_commit_is_one_transaction() {
    let schema = Schema::new();
    let store = schema.builder().writers(1).open().await.unwrap();
    let sampler = Sampler::new(12);
    apply(&store, &sampler.receive(&[("tea", 9)])).await;
    let lines = (0..5).map(|index| sampler.line("tea", 100 + index, 1)).collect();
    apply(&store, &sampler.place(sampler.new_order("ann", lines)).0).await;
    let mut hand = schema.by_hand().await;
    let transactions = "SELECT count(DISTINCT xmin::text) FROM (
        SELECT xmin FROM {schema}.orders UNION ALL SELECT xmin FROM {schema}.events UNION ALL
        SELECT xmin FROM {schema}.outbox UNION ALL SELECT xmin FROM {schema}.payments UNION ALL
        SELECT xmin FROM {schema}.reservations UNION ALL SELECT xmin FROM {schema}.stock) AS rows";
    assert_eq!(hand.number(transactions).await, 1);
}

/// Every row that a commit reads is found by its key, in triggers too: it reads as many whatever is stored.
#[tokio::test]
async fn the_cost_of_a_commit_does_not_grow() {
    let schema = Schema::new();
    let store = schema.open().await;
    let sampler = Sampler::new(14);
    apply(&store, &sampler.receive(&[("tea", 1_000), ("cup", 1_000)])).await;
    let read = "SELECT coalesce(sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)), 0)::bigint
        FROM pg_stat_xact_user_tables WHERE schemaname = '{schema}'";
    let mut hand = schema.by_hand().await;
    let mut costs = Vec::new();
    for orders in [10, 300] {
        let sets = (0..orders).map(|_| sampler.order("ann", "tea").0).collect();
        assert_eq!(applied(&commit_all(std::slice::from_ref(&store), 8, sets).await), orders);
        hand.accepts("BEGIN").await;
        let (place, order) = sampler.order("bob", "cup");
        for set in [place, sampler.approve(&order).0] {
            let outcome = store.commit_in(&mut hand.connection, &set).await.unwrap();
            assert_eq!(outcome, CommitOutcome::Applied);
        }
        costs.push(hand.number(read).await);
        hand.accepts("ROLLBACK").await;
    }
    assert!(costs.iter().all(|cost| (1..100).contains(cost)), "rows read among 10 and 310 orders: {costs:?}");
}

/// Servers end connections: on restart, by a pooler, by an administrator. Whoever was just waiting for nothing notices nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_end_are_replaced() {
    let schema = Schema::new();
    let store = schema.open().await;
    let sampler = Sampler::new(5);
    apply(&store, &sampler.receive(&[("tea", 100)])).await;
    let mut hand = schema.by_hand().await;
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE pid <> pg_backend_pid() AND query LIKE '%{schema}%'";
    for round in 1..=5 {
        hand.accepts(end).await;
        apply(&store, &sampler.order("ann", "tea").0).await;
        assert_eq!(hand.number("SELECT reserved FROM {schema}.stock").await, round);
    }
}

/// A write-set is cut in the middle of its statement, and committed again by its caller.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_is_cut_is_applied_once() {
    let schema = Schema::new();
    let store = schema.open().await;
    let sampler = Sampler::new(6);
    apply(&store, &sampler.receive(&[("tea", 100)])).await;
    let (mut hand, mut other) = (schema.by_hand().await, schema.by_hand().await);
    let sets: Vec<_> = (0..10).map(|_| sampler.order("ann", "tea").0).collect();
    hand.accepts("BEGIN; UPDATE {schema}.stock SET sold = sold").await;
    let tasks: Vec<_> = sets
        .iter()
        .cloned()
        .map(|set| {
            let store = store.clone();
            tokio::spawn(async move { store.commit(&set).await })
        })
        .collect();
    let writing =
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%{schema}%'";
    let start = Instant::now();
    while other.number(writing).await == 0 {
        assert!(start.elapsed() < Duration::from_secs(20), "nobody waits");
    }
    other
        .accepts(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE wait_event_type = 'Lock' AND query LIKE '%{schema}%'",
        )
        .await;
    hand.accepts("ROLLBACK").await;
    for task in tasks {
        assert!(matches!(task.await.unwrap(), Ok(CommitOutcome::Applied | CommitOutcome::Unknown)));
    }
    for set in &sets {
        apply(&store, set).await;
    }
    assert_eq!(level(&store, &shelf("tea")).await, (100, 10));
}

/// A constraint of the host's that is only looked at when the transaction is committed.
#[tokio::test]
async fn a_commit_that_fails_at_its_end_leaves_nothing() {
    let schema = Schema::new();
    let store = schema.open().await;
    let sampler = Sampler::new(8);
    let mut hand = schema.by_hand().await;
    hand.accepts(
        "CREATE TABLE {schema}.trap (id bigint REFERENCES {schema}.trap_target DEFERRABLE INITIALLY DEFERRED)"
            .replace("{schema}.trap_target", "{schema}.migrations (version)")
            .as_str(),
    )
    .await;
    hand.accepts(
        "CREATE FUNCTION {schema}.trap() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN INSERT INTO {schema}.trap VALUES (-1); RETURN NEW; END $$;
         CREATE TRIGGER trap AFTER INSERT ON {schema}.write_sets FOR EACH ROW EXECUTE FUNCTION {schema}.trap()",
    )
    .await;
    let receive = sampler.receive(&[("tea", 1)]);
    let outcome = store.commit(&receive).await;
    assert!(matches!(outcome, Err(StoreError::Internal { .. })), "{outcome:?}");
    assert_eq!(level(&store, &shelf("tea")).await, (0, 0));
    hand.accepts("DROP TRIGGER trap ON {schema}.write_sets").await;
    apply(&store, &receive).await;
    apply(&store, &receive).await;
    assert_eq!(level(&store, &shelf("tea")).await, (1, 0));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    let schema = Schema::new();
    let store = schema.builder().patience(Duration::from_millis(300)).open().await.unwrap();
    let sampler = Sampler::new(10);
    apply(&store, &sampler.receive(&[("tea", 9)])).await;
    let mut hand = schema.by_hand().await;
    hand.accepts("BEGIN; LOCK TABLE {schema}.stock").await;
    let products = [shelf("tea").product_id];
    assert!(matches!(store.stock_levels(&products).await, Err(StoreError::Unavailable { .. })));
    let set = sampler.order("ann", "tea").0;
    assert_eq!(store.commit(&set).await.unwrap(), CommitOutcome::Unknown);
    hand.accepts("ROLLBACK").await;
    store.ping().await.unwrap();
    let mut outcome = store.commit(&set).await.unwrap();
    if outcome == CommitOutcome::Unknown {
        outcome = store.commit(&set).await.unwrap();
    }
    assert_eq!(outcome, CommitOutcome::Applied);
    assert_eq!(level(&store, &shelf("tea")).await, (9, 1));
}

#[tokio::test]
async fn the_rows_of_a_host_are_committed_with_ours() {
    let schema = Schema::new();
    let store = schema.open().await;
    let sampler = Sampler::new(11);
    apply(&store, &sampler.receive(&[("tea", 1)])).await;
    let mut hand = schema.by_hand().await;
    hand.accepts("CREATE TABLE {schema}.loyalty (points bigint)").await;
    let points = "INSERT INTO {schema}.loyalty VALUES (10)";
    let host_row = hand.sql(points).0;

    let (set, order) = sampler.order("ann", "tea");
    let mut transaction = hand.connection.begin().await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(host_row.clone())).execute(&mut *transaction).await.unwrap();
    assert_eq!(store.commit_in(&mut transaction, &set).await.unwrap(), CommitOutcome::Applied);
    assert_eq!(store.find_order(order.id).await.unwrap(), None, "not before the host commits");
    transaction.rollback().await.unwrap();
    assert_eq!(level(&store, &shelf("tea")).await, (1, 0));

    let mut transaction = hand.connection.begin().await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(host_row)).execute(&mut *transaction).await.unwrap();
    assert_eq!(store.commit_in(&mut transaction, &set).await.unwrap(), CommitOutcome::Applied);
    let short = sampler.order("bob", "tea").0;
    let refused = store.commit_in(&mut transaction, &short).await.unwrap();
    assert!(matches!(refused, CommitOutcome::Refused(Refusal::Stock(_))), "{refused:?}");
    assert_eq!(store.commit_in(&mut transaction, &set).await.unwrap(), CommitOutcome::Applied, "again");
    transaction.commit().await.unwrap();
    assert_eq!(
        store.find_order(order.id).await.unwrap().as_ref().map(|order: &Order| order.id),
        Some(order.id)
    );
    assert_eq!(hand.number("SELECT count(*) FROM {schema}.loyalty").await, 1);
    assert_eq!(store.outbox_len().await.unwrap(), order.version);
    let outside = store.commit_in(&mut hand.connection, &sampler.set()).await;
    assert!(outside.is_err(), "without a transaction");
}

#[tokio::test]
async fn lists_may_come_from_a_replica() {
    let schema = Schema::new();
    let store = schema.builder().replica(postgres_server::url()).open().await.unwrap();
    let sampler = Sampler::new(13);
    apply(&store, &sampler.receive(&[("tea", 1)])).await;
    let (set, order) = sampler.order("ann", "tea");
    apply(&store, &set).await;
    let page = store.list_orders(&OrderFilter::default(), PageRequest::first(5)).await.unwrap();
    assert_eq!(page.items, [Arc::new(order.clone())]);

    let nowhere = "postgres://127.0.0.1:1/shop";
    let builder = schema.builder().replica(nowhere).patience(Duration::from_millis(300));
    let store = builder.open().await.unwrap();
    assert!(store.list_orders(&OrderFilter::default(), PageRequest::first(5)).await.is_err());
    assert_eq!(level(&store, &shelf("tea")).await, (1, 1), "decisions are made from the primary");
    let history = store.history(order.id).await.unwrap();
    assert_eq!(history, set.events, "repeated requests are answered from the primary");
}
