//! Many at once, and many processes.
#![cfg(feature = "mongodb")]
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

use std::collections::BTreeSet;
use std::sync::Arc;

use order_adapters::mongodb::MongoStore;
use order_adapters::mongodb::driver::bson::{Document, doc};
use order_core::StoreError;
use order_core::conformance::sample::{Sampler, customer, shelf};
use order_core::inventory::StockChange;
use order_core::store::{
    Commit, CommitOutcome, OrderFilter, OrderRepository, PageRequest, Refusal, UniqueKey, WriteSet,
};

mod mongodb_server;
use mongodb_server::{Hand, Place, level};

/// Tests that count what the servers do run one after the other.
static COUNTING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

async fn apply(store: &MongoStore, set: &WriteSet) {
    assert_eq!(store.commit(set).await.unwrap(), CommitOutcome::Applied);
}

/// Commits all of them from so many clients.
async fn commit_all(
    stores: &[MongoStore],
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

/// Two processes, each with its own worker.
async fn two_stores(place: &Place) -> [MongoStore; 2] {
    [place.open().await, place.open().await]
}

/// How often a writer has met another one at a document, since the primary was started.
async fn conflicts(hand: &Hand) -> i64 {
    let status = hand.database.run_command(doc! { "serverStatus": 1 }).await.unwrap();
    let operation = |status: &Document| {
        let operation = status.get_document("metrics").unwrap().get_document("operation").unwrap();
        operation.get_i64("writeConflicts").unwrap()
    };
    operation(&status)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hot_product_is_never_oversold() {
    let _counting = COUNTING.lock().await;
    let place = Place::new();
    let stores = two_stores(&place).await;
    let sampler = Sampler::new(1);
    apply(&stores[0], &sampler.receive(&[("hot", 500)])).await;
    let sets: Vec<WriteSet> = (0..1_280).map(|_| sampler.order("ann", "hot").0).collect();
    let hand = place.by_hand().await;
    let before = conflicts(&hand).await;
    let outcomes = commit_all(&stores, 128, sets).await;
    let met = conflicts(&hand).await - before;
    assert!(met < 1_280, "{met} write conflicts for 1,280 orders are a storm");
    assert_eq!(applied(&outcomes), 500);
    assert_eq!(level(&stores[0], &shelf("hot")).await, (500, 500));
    assert_eq!(hand.count("orders").await, 500);
    assert_eq!(hand.count("reservations").await, 500);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn opposite_orders_of_many_products_meet_no_storm() {
    let _counting = COUNTING.lock().await;
    let place = Place::new();
    let stores = two_stores(&place).await;
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
    let hand = place.by_hand().await;
    let before = conflicts(&hand).await;
    let outcomes = commit_all(&stores, 128, sets).await;
    let met = conflicts(&hand).await - before;
    assert!(met < 768, "{met} write conflicts for 768 orders are a storm");
    assert_eq!(applied(&outcomes), 768);
    for product in &products {
        assert_eq!(level(&stores[1], &shelf(product)).await, (400, 256));
    }
}

/// Whoever holds a document in a transaction of their own makes others wait, who then come as one group.
#[derive(Debug)]
struct Holding(order_adapters::mongodb::driver::ClientSession);

impl Holding {
    async fn stock(hand: &Hand) -> Self {
        let mut session = hand.database.client().start_session().await.unwrap();
        session.start_transaction().await.unwrap();
        let stock = hand.database.collection::<Document>("stock");
        let held = stock.update_many(doc! {}, doc! { "$set": { "held": true } }).session(&mut session);
        assert!(held.await.unwrap().modified_count > 0);
        Self(session)
    }

    async fn end(mut self) {
        self.0.abort_transaction().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_member_of_a_group_harms_nobody() {
    let place = Place::new();
    let store = place.open().await;
    let sampler = Sampler::new(4);
    apply(&store, &sampler.receive(&[("tea", 100), ("cup", 1)])).await;
    let holding = Holding::stock(&place.by_hand().await).await;
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
    holding.end().await;
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

/// A unique index of the host's that one order breaks, and with it the transaction.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_breaks_its_group_fails_alone() {
    let place = Place::new();
    let store = place.open().await;
    let sampler = Sampler::new(9);
    apply(&store, &sampler.receive(&[("tea", 100)])).await;
    apply(&store, &sampler.order("carl", "tea").0).await;
    let (broken, order) = sampler.order("carl", "tea");
    let hand = place.by_hand().await;
    let only = doc! { "customer_id": "carl" };
    let index = doc! {
        "name": "one_order", "key": { "customer_id": 1 }, "unique": true, "partialFilterExpression": only,
    };
    hand.database.run_command(doc! { "createIndexes": "orders", "indexes": [index] }).await.unwrap();
    let holding = Holding::stock(&hand).await;
    let sets = (0..20).map(|index| if index == 10 { broken.clone() } else { sampler.order("bob", "tea").0 });
    let tasks: Vec<_> = sets
        .map(|set| {
            let store = store.clone();
            tokio::spawn(async move { store.commit(&set).await })
        })
        .collect();
    holding.end().await;
    for (index, task) in tasks.into_iter().enumerate() {
        let outcome = task.await.unwrap();
        if index == 10 {
            assert!(matches!(outcome, Err(StoreError::Internal { .. })), "{outcome:?}");
        } else {
            assert_eq!(outcome.unwrap(), CommitOutcome::Applied);
        }
    }
    assert_eq!(store.find_order(order.id).await.unwrap(), None);
    assert_eq!(level(&store, &shelf("tea")).await, (100, 20));
}
