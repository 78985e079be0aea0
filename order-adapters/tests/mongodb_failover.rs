//! Servers that fail, answers that are lost, and elections. The servers fail by commands that are there for tests.
#![cfg(feature = "mongodb")]
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use order_adapters::mongodb::driver::bson::{Document, doc};
use order_adapters::mongodb::driver::{Client, Database};
use order_adapters::mongodb::{MongoBuilder, MongoStore};
use order_core::StoreError;
use order_core::conformance::sample::{Sampler, shelf};
use order_core::store::{
    Commit, CommitOutcome, OrderFilter, OrderRepository, OutboxRepository, PageRequest, StoreHealth, WriteSet,
};

mod mongodb_server;
use mongodb_server::{Place, level, url};

/// A fail point is one for a whole server, and an election is everybody's.
static FAILING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// A store whose connections bear the name of its database, so that only they fail.
fn builder(place: &Place) -> MongoBuilder {
    MongoStore::builder(format!("{}&appName={}", url(), place.name)).database(&place.name)
}

async fn apply(store: &MongoStore, set: &WriteSet) {
    assert_eq!(store.commit(set).await.unwrap(), CommitOutcome::Applied);
}

/// What fails on the primary until it is dropped or has failed so often.
struct Failing {
    admin: Database,
}

impl Failing {
    async fn start(place: &Place, times: i32, commands: &[&str], how: Document) -> Self {
        let admin = Client::with_uri_str(url()).await.unwrap().database("admin");
        let mut data = doc! { "failCommands": commands.to_vec(), "appName": &place.name };
        data.extend(how);
        let mode = doc! { "times": times };
        let point = doc! { "configureFailPoint": "failCommand", "mode": mode, "data": data };
        admin.run_command(point).await.unwrap();
        Self { admin }
    }

    async fn end(self) {
        let off = doc! { "configureFailPoint": "failCommand", "mode": "off" };
        self.admin.run_command(off).await.unwrap();
    }
}

/// Places an order while something fails, and returns how it came out, and how often it is there at last.
async fn place_while(times: i32, commands: &[&str], how: Document) -> (CommitOutcome, (i64, i64)) {
    let _failing = FAILING.lock().await;
    let place = Place::new();
    let store = builder(&place).open().await.unwrap();
    let sampler = Sampler::new(3);
    apply(&store, &sampler.receive(&[("tea", 9)])).await;
    let (set, order) = sampler.order("ann", "tea");
    let failing = Failing::start(&place, times, commands, how).await;
    let outcome = store.commit(&set).await.unwrap();
    failing.end().await;
    apply(&store, &set).await;
    assert_eq!(store.find_order(order.id).await.unwrap().as_ref(), Some(&order));
    assert_eq!(store.outbox_len().await.unwrap(), order.version);
    let units = level(&store, &shelf("tea")).await;
    (outcome, units)
}

#[tokio::test]
async fn a_commit_whose_connection_is_cut_is_sent_again() {
    for times in [1, 2, 5] {
        let how = doc! { "closeConnection": true };
        let (outcome, units) = place_while(times, &["commitTransaction"], how).await;
        assert_eq!((outcome, units), (CommitOutcome::Applied, (9, 1)), "cut {times} times");
    }
}

/// The commit is carried out, and a majority has it too late for its answer.
#[tokio::test]
async fn a_commit_that_waits_too_long_for_a_majority_is_sent_again() {
    for code in [64, 91] {
        let error = doc! { "code": code, "codeName": "x", "errmsg": "made by a test" };
        let how = doc! { "writeConcernError": error };
        let (outcome, units) = place_while(2, &["commitTransaction"], how).await;
        assert_eq!((outcome, units), (CommitOutcome::Applied, (9, 1)), "code {code}");
    }
}

#[tokio::test]
async fn a_transaction_that_is_lost_before_its_commit_is_done_anew() {
    for command in ["update", "insert"] {
        for how in [
            doc! { "closeConnection": true },
            doc! { "errorCode": 112, "errorLabels": ["TransientTransactionError"] },
            doc! { "errorCode": 10_107, "errorLabels": ["TransientTransactionError"] },
        ] {
            let (outcome, units) = place_while(3, &[command], how.clone()).await;
            assert_eq!((outcome, units), (CommitOutcome::Applied, (9, 1)), "{command} {how}");
        }
    }
}

/// A store with nine units of tea that does not wait for long.
async fn impatient(place: &Place, sampler: &Sampler) -> MongoStore {
    let patient = place.open().await;
    apply(&patient, &sampler.receive(&[("tea", 9)])).await;
    builder(place).migrations(false).patience(Duration::from_millis(1_500)).open().await.unwrap()
}

/// The server does not answer in time, and carries it out later, or never.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_is_not_answered_is_unknown_and_settled_by_its_id() {
    let _failing = FAILING.lock().await;
    let place = Place::new();
    let sampler = Sampler::new(10);
    let store = impatient(&place, &sampler).await;
    let (set, order) = sampler.order("ann", "tea");
    let how = doc! { "blockConnection": true, "blockTimeMS": 4_000 };
    let failing = Failing::start(&place, 10, &["commitTransaction"], how).await;
    assert_eq!(store.commit(&set).await.unwrap(), CommitOutcome::Unknown);
    failing.end().await;
    // A transaction that is lost stands in nobody's way for the minute that the server would leave it there.
    let start = Instant::now();
    let outcome = loop {
        match store.commit(&set).await {
            Ok(CommitOutcome::Unknown) | Err(StoreError::Unavailable { .. }) => {
                assert!(start.elapsed() < Duration::from_secs(20), "it is not settled");
            }
            other => break other.unwrap(),
        }
    };
    assert_eq!(outcome, CommitOutcome::Applied);
    assert_eq!(store.find_order(order.id).await.unwrap(), Some(order));
    assert_eq!(level(&store, &shelf("tea")).await, (9, 1));
}

/// What was surely not done is told apart from what is not known.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_does_not_answer_is_unavailable() {
    let _failing = FAILING.lock().await;
    let place = Place::new();
    let sampler = Sampler::new(11);
    let store = impatient(&place, &sampler).await;
    let how = doc! { "blockConnection": true, "blockTimeMS": 4_000 };
    let failing = Failing::start(&place, 100, &["update", "find", "ping"], how).await;
    let set = sampler.order("ann", "tea").0;
    let all = OrderFilter::default();
    let (commit, list, ping) =
        tokio::join!(store.commit(&set), store.list_orders(&all, PageRequest::first(5)), store.ping(),);
    assert!(matches!(commit, Err(StoreError::Unavailable { .. })), "{commit:?}");
    assert!(matches!(list, Err(StoreError::Unavailable { .. })), "{list:?}");
    assert!(matches!(ping, Err(StoreError::Unavailable { .. })), "{ping:?}");
    failing.end().await;
    assert_eq!(level(&store, &shelf("tea")).await, (9, 0));
}

/// Lists go to a secondary: the primary answers no questions meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_may_come_from_secondaries() {
    let _failing = FAILING.lock().await;
    let place = Place::new();
    let store = builder(&place).read_from_secondaries().open().await.unwrap();
    let sampler = Sampler::new(13);
    apply(&store, &sampler.receive(&[("tea", 1)])).await;
    let (set, order) = sampler.order("ann", "tea");
    apply(&store, &set).await;
    let failing = Failing::start(&place, 1_000, &["find"], doc! { "errorCode": 1 }).await;
    let start = Instant::now();
    loop {
        let page = store.list_orders(&OrderFilter::default(), PageRequest::first(5)).await.unwrap();
        if matches!(&page.items[..], [found] if **found == order) {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "the secondaries never have it");
    }
    assert!(store.find_order(order.id).await.is_err(), "decisions are made from the primary");
    assert!(store.history(order.id).await.is_err(), "repeated requests are answered from the primary");
    failing.end().await;
}

/// Clients place orders while the primary steps down, twice. Whoever was answered finds the order; whoever was not repeats.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_election_loses_nothing_that_was_answered() {
    const CLIENTS: usize = 16;
    let _failing = FAILING.lock().await;
    let place = Place::new();
    let store = place.open().await;
    let sampler = Arc::new(Sampler::new(21));
    apply(&store, &sampler.receive(&[("tea", 100_000)])).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (store, sampler, is_over) = (store.clone(), Arc::clone(&sampler), Arc::clone(&is_over));
            tokio::spawn(async move {
                let mut answered = Vec::new();
                while !is_over.load(Ordering::Relaxed) {
                    let (set, order) = sampler.order("ann", "tea");
                    let start = Instant::now();
                    while !matches!(store.commit(&set).await, Ok(CommitOutcome::Applied)) {
                        assert!(start.elapsed() < Duration::from_mins(1), "an order is never placed");
                    }
                    answered.push(order);
                }
                answered
            })
        })
        .collect();
    let admin = Client::with_uri_str(url()).await.unwrap().database("admin");
    for _ in 0..2 {
        step_down(&admin, &place).await;
    }
    is_over.store(true, Ordering::Relaxed);
    let mut answered = Vec::new();
    for client in clients {
        answered.extend(client.await.unwrap());
    }
    assert!(answered.len() > CLIENTS, "only {} orders were placed", answered.len());
    for order in &answered {
        assert_eq!(store.find_order(order.id).await.unwrap().as_ref(), Some(order));
    }
    let units = i64::try_from(answered.len()).unwrap();
    assert_eq!(level(&store, &shelf("tea")).await, (100_000, units));
    assert_eq!(place.by_hand().await.count("orders").await, u64::try_from(answered.len()).unwrap());
}

/// Makes the primary step down once more orders are placed, and waits until there is another one and it has placed some, too.
async fn step_down(admin: &Database, place: &Place) {
    let hand = place.by_hand().await;
    let more = async |orders: u64| {
        let start = Instant::now();
        let before = hand.count("orders").await;
        while hand.count("orders").await < before + orders {
            assert!(start.elapsed() < Duration::from_mins(1), "no more orders are placed");
        }
    };
    let primary = async || {
        let hello = admin.run_command(doc! { "hello": 1 }).await.unwrap();
        hello.get_str("me").unwrap().to_owned()
    };
    more(20).await;
    let before = primary().await;
    // The connection may be closed before the answer.
    let _ = admin.run_command(doc! { "replSetStepDown": 5, "secondaryCatchUpPeriodSecs": 2 }).await;
    let start = Instant::now();
    while primary().await == before {
        assert!(start.elapsed() < Duration::from_mins(1), "the primary has not stepped down");
    }
    more(20).await;
}
