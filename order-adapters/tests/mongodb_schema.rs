//! The database refuses by itself, also what is written by hand; and it is made once.
#![cfg(feature = "mongodb")]
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

use std::collections::BTreeSet;
use std::sync::Arc;

use order_adapters::mongodb::driver::bson::{Bson, DateTime, Document, doc, serialize_to_document};
use order_adapters::mongodb::driver::options::IndexOptions;
use order_adapters::mongodb::driver::{Client, IndexModel};
use order_adapters::mongodb::{MongoStore, OpenError};
use order_core::conformance::sample::{Sampler, customer_cart};
use order_core::inventory::MAX_UNITS;
use order_core::order::{EventRecord, Order, answer};
use order_core::payment::Answer;
use order_core::store::{
    Commit, CommitOutcome, IdempotencyRepository, InboxRepository, OrderFilter, OrderRepository,
    OutboxRepository, PageRequest, Receipt, Retention, WriteSet,
};
use order_core::time::Duration;

mod mongodb_server;
use mongodb_server::{Hand, Place};

/// What the server says when a validator refuses.
const INVALID: &str = "Document failed validation";

/// What it says when a unique key is taken.
const TAKEN: &str = "E11000";

struct Shop {
    store: MongoStore,
    sampler: Sampler,
    hand: Hand,
    place: Place,
}

impl Shop {
    async fn new() -> Self {
        let place = Place::new();
        Self { store: place.open().await, sampler: Sampler::new(7), hand: place.by_hand().await, place }
    }

    async fn apply(&self, set: &WriteSet) {
        assert_eq!(self.store.commit(set).await.unwrap(), CommitOutcome::Applied);
    }
}

fn set(field: &str, value: impl Into<Bson>) -> Document {
    doc! { "$set": { field: value.into() } }
}

#[tokio::test]
async fn no_hand_can_oversell() {
    let shop = Shop::new().await;
    shop.apply(&shop.sampler.receive(&[("tea", 3)])).await;
    let hand = &shop.hand;
    hand.accepts("stock", set("reserved", 3)).await;
    for change in [
        doc! { "$inc": { "reserved": 1 } },
        doc! { "$inc": { "on_hand": -1 } },
        set("reserved", -1),
        set("sold", -1),
        set("on_hand", MAX_UNITS + 1),
        set("on_hand", 4.5),
        doc! { "$unset": { "reserved": 1 } },
    ] {
        hand.refuses("stock", change, INVALID).await;
    }
    let stock = hand.database.collection::<Document>("stock");
    let shelf = |id: Document| doc! { "_id": id, "on_hand": 9, "reserved": 0, "sold": 0 };
    let same = stock.insert_one(shelf(doc! { "product_id": "tea", "location": "main" })).await;
    assert!(same.unwrap_err().to_string().contains(TAKEN));
    let turned = stock.insert_one(shelf(doc! { "location": "main", "product_id": "tea" })).await;
    assert!(turned.unwrap_err().to_string().contains(INVALID), "the same shelf under another id");
}

#[tokio::test]
async fn no_hand_can_make_two_orders_of_a_cart() {
    let shop = Shop::new().await;
    let (receive, sampler) = (shop.sampler.receive(&[("tea", 9)]), &shop.sampler);
    let cart = sampler.cart(customer_cart("ann"));
    let mut new = sampler.new_order("ann", vec![sampler.line("tea", 500, 1)]);
    new.cart_id = Some(cart.id);
    let (first, _) = sampler.place(new);
    for set in [&receive, &first, &sampler.order("bob", "tea").0] {
        shop.apply(set).await;
    }
    let hand = &shop.hand;
    hand.refuses("orders", set("cart_id", cart.id.to_string()), TAKEN).await;
    hand.refuses("orders", set("number", "same"), TAKEN).await;
    for change in [
        set("status", "lost"),
        set("version", -1),
        set("currency", "EURO"),
        set("total_minor", 12.5),
        set("last_sequence", 0),
        set("outbox.head", 99),
        set("body", "a text"),
        set("history", "a text"),
        set("history.0.body", "a text"),
        doc! { "$unset": { "history": 1 } },
    ] {
        hand.refuses("orders", change, INVALID).await;
    }
}

#[tokio::test]
async fn no_hand_can_open_a_second_cart() {
    let shop = Shop::new().await;
    for name in ["ann", "bob"] {
        let cart = shop.sampler.cart(customer_cart(name));
        shop.apply(&shop.sampler.put_cart(0, &cart)).await;
    }
    let hand = &shop.hand;
    hand.refuses("carts", set("owner", "customer:ann"), TAKEN).await;
    hand.refuses("carts", set("status", "lost"), INVALID).await;
    hand.accepts("carts", set("status", "ordered")).await;
    hand.accepts("carts", set("owner", "customer:ann")).await;
}

#[tokio::test]
async fn no_hand_can_refund_more_than_was_captured() {
    let shop = Shop::new().await;
    shop.apply(&shop.sampler.receive(&[("tea", 9)])).await;
    let (place, order) = shop.sampler.order("ann", "tea");
    let (approve, order) = shop.sampler.approve(&order);
    shop.apply(&place).await;
    shop.apply(&approve).await;
    let captured = order.payments[0].captured.minor();
    assert!(captured > 0);
    let hand = &shop.hand;
    hand.accepts("orders", set("payments.0.refunding_minor", captured)).await;
    for change in [
        doc! { "$inc": { "payments.0.refunded_minor": 1 } },
        doc! { "$inc": { "payments.0.captured_minor": -1 } },
        set("payments.0.refunding_minor", -1),
        set("payments.0.refunding_minor", i64::MAX),
    ] {
        hand.refuses("orders", change, INVALID).await;
    }
}

#[tokio::test]
async fn no_hand_can_write_what_is_no_reservation_event_or_request() {
    let shop = Shop::new().await;
    let now = shop.sampler.now();
    let reservation = shop.sampler.reservation("tea", 1, now + Duration::minutes(5));
    shop.apply(&shop.sampler.put_reservation(true, &reservation)).await;
    shop.apply(&shop.sampler.put_record(true, &shop.sampler.record("customer:ann", "key-1"))).await;
    shop.apply(&shop.sampler.receive(&[("tea", 9)])).await;
    let (mut place, mut order) = shop.sampler.order("ann", "tea");
    let operation = order.payments[0].operations[0].id;
    for _ in 0..20 {
        shop.apply(&place).await;
        (place, order) = shop.sampler.change(&order, |draft, context| {
            answer(draft, operation, Answer::Unknown, &shop.sampler.policy, context)
        });
    }
    let hand = &shop.hand;
    for (collection, change) in [
        ("reservations", set("status", "lost")),
        ("reservations", set("expires_at", "tomorrow")),
        ("idempotency", set("answered_version", -1)),
        ("idempotency", doc! { "$unset": { "subject": 1 } }),
        ("events", set("at", 12)),
        ("events", doc! { "$unset": { "body": 1 } }),
        ("write_sets", doc! { "$unset": { "at": 1 } }),
        ("write_sets", set("sets", Vec::<String>::new())),
        ("write_sets", set("sets", vec!["one", "one"])),
    ] {
        hand.refuses(collection, change, INVALID).await;
    }
    let events = hand.database.collection::<Document>("events");
    let mut event = events.find_one(doc! {}).await.unwrap().unwrap();
    let id = event.get_document("_id").unwrap();
    let turned = ["sequence", "order_id"].map(|field| (field.to_owned(), id.get(field).unwrap().clone()));
    event.insert("_id", Document::from_iter(turned));
    let error = events.insert_one(event).await.unwrap_err();
    assert!(error.to_string().contains(INVALID), "the same event under another id: {error}");
}

#[tokio::test]
async fn no_hand_can_write_what_is_no_notice() {
    let shop = Shop::new().await;
    let entry = shop.sampler.incoming("stripe", "evt_1");
    shop.store.receive_notice(&entry).await.unwrap();
    let hand = &shop.hand;
    for change in [
        set("status", "lost"),
        set("status", "attended"),
        doc! { "$unset": { "due_at": 1 } },
        set("settled_at", DateTime::from_millis(5)),
        set("due_at", "tomorrow"),
        set("attempts", -1),
        doc! { "$unset": { "body": 1 } },
    ] {
        hand.refuses("inbox", change, INVALID).await;
    }
    let inbox = hand.database.collection::<Document>("inbox");
    let mut found = inbox.find_one(doc! {}).await.unwrap().unwrap();
    assert!(inbox.insert_one(&found).await.unwrap_err().to_string().contains(TAKEN));
    found.insert("_id", doc! { "event_id": "evt_1", "provider": "stripe" });
    let turned = inbox.insert_one(found).await.unwrap_err();
    assert!(turned.to_string().contains(INVALID), "the same event under another id: {turned}");
}

/// A database of before the inbox gets one, and keeps what it has.
#[tokio::test]
async fn a_database_of_an_earlier_version_is_migrated() {
    let shop = Shop::new().await;
    shop.apply(&shop.sampler.receive(&[("tea", 9)])).await;
    let (place, order) = shop.sampler.order("ann", "tea");
    shop.apply(&place).await;
    shop.hand.database.collection::<Document>("inbox").drop().await.unwrap();
    shop.hand.database.collection::<Document>("orders").drop_index("orders_by_reference").await.unwrap();
    shop.hand.accepts("schema", set("version", 2_i64)).await;
    let error = shop.place.builder().migrations(false).open().await.unwrap_err();
    assert!(matches!(error, OpenError::Older { version: 2 }), "{error:?}");
    let store = shop.place.open().await;
    assert_eq!(store.find_order(order.id).await.unwrap(), Some(order));
    let entry = shop.sampler.incoming("stripe", "evt_1");
    assert_eq!(store.receive_notice(&entry).await.unwrap(), Receipt::New);
    assert!(made(&shop.hand).await.contains("orders.orders_by_reference"));
}

/// Makes of a database one of before orders had their histories in them: with every chapter beside, and every order written out.
async fn to_previous_version(hand: &Hand, orders: &[&Order]) {
    let (documents, events) =
        (hand.database.collection::<Document>("orders"), hand.database.collection("events"));
    for order in orders {
        let own = doc! { "_id": order.id.to_string() };
        let document = documents.find_one(own.clone()).await.unwrap().unwrap();
        for part in document.get_array("history").unwrap() {
            let mut chapter = part.as_document().unwrap().clone();
            let sequence = chapter.remove("sequence").unwrap();
            chapter.insert("_id", doc! { "order_id": order.id.to_string(), "sequence": sequence });
            events.insert_one(chapter).await.unwrap();
        }
        let body = serialize_to_document(*order).unwrap();
        let change = doc! { "$set": { "body": body }, "$unset": { "history": 1 } };
        documents.update_one(own, change).await.unwrap();
    }
    let write_sets = hand.database.collection::<Document>("write_sets");
    write_sets.drop_index("write_sets_once").await.unwrap();
    let alone = write_sets.update_many(doc! {}, doc! { "$unset": { "sets": 1 } });
    alone.bypass_document_validation(true).await.unwrap();
    let index = |name: &str, keys| {
        let named = IndexOptions::builder().name(name.to_owned()).build();
        IndexModel::builder().keys(keys).options(named).build()
    };
    write_sets.create_index(index("write_sets_by_age", doc! { "at": 1 })).await.unwrap();
    let by_creation = index("orders_by_creation", doc! { "created_at": 1, "_id": 1 });
    documents.create_index(by_creation).await.unwrap();
    hand.accepts("schema", set("version", 3_i64)).await;
}

/// Orders of the previous version are read, go on, and tell all of their history and deliver it.
#[tokio::test]
async fn orders_of_the_previous_version_go_on() {
    let shop = Shop::new().await;
    shop.apply(&shop.sampler.receive(&[("tea", 9)])).await;
    let (place, mut order) = shop.sampler.order("ann", "tea");
    let (other, still) = shop.sampler.order("bob", "tea");
    let mut told = place.events.clone();
    shop.apply(&place).await;
    shop.apply(&other).await;
    to_previous_version(&shop.hand, &[&order, &still]).await;
    let error = shop.place.builder().migrations(false).open().await.unwrap_err();
    assert!(matches!(error, OpenError::Older { version: 3 }), "{error:?}");
    let store = shop.place.open().await;
    let made = made(&shop.hand).await;
    assert!(!made.contains("write_sets.write_sets_by_age") && made.contains("write_sets.write_sets_once"));
    assert!(!made.contains("orders.orders_by_creation") && made.contains("orders.orders_by_customer"));
    for set in [&place, &other] {
        assert_eq!(store.commit(set).await.unwrap(), CommitOutcome::Applied, "it was applied before");
    }
    let now = shop.sampler.now();
    let claimed = store.claim_outbox(now, now + Duration::minutes(1), 9).await.unwrap();
    let delivered: Vec<EventRecord> = claimed.into_iter().map(|message| message.record).collect();
    assert_eq!(delivered, [&place.events[..], &other.events].concat());
    store.delivered(&[(order.id, 1), (still.id, still.version)]).await.unwrap();
    let operation = order.payments[0].operations[0].id;
    for _ in 0..20 {
        let (set, changed) = shop.sampler.change(&order, |draft, context| {
            answer(draft, operation, Answer::Unknown, &shop.sampler.policy, context)
        });
        assert_eq!(store.commit(&set).await.unwrap(), CommitOutcome::Applied);
        told.extend(set.events);
        order = changed;
        assert_eq!(store.find_order(order.id).await.unwrap().as_ref(), Some(&order));
        assert_eq!(store.history(order.id).await.unwrap(), told);
    }
    let waiting = store.claim_outbox(now, now + Duration::minutes(1), 9).await.unwrap();
    let waiting: Vec<EventRecord> = waiting.into_iter().map(|message| message.record).collect();
    assert_eq!(waiting, told[1..]);
    let page = store.list_orders(&OrderFilter::default(), PageRequest::first(9)).await.unwrap();
    assert_eq!(page.items, [still, order].map(Arc::new));
}

/// An order is written once: in its own document, that tells of what happened to it first.
#[tokio::test]
async fn what_happened_first_is_in_the_order() {
    let shop = Shop::new().await;
    shop.apply(&shop.sampler.receive(&[("tea", 9)])).await;
    let (place, order) = shop.sampler.order("ann", "tea");
    shop.apply(&place).await;
    shop.apply(&shop.sampler.approve(&order).0).await;
    let order = shop.hand.database.collection::<Document>("orders").find_one(doc! {}).await.unwrap().unwrap();
    let names: Vec<&str> = order
        .get_array("history")
        .unwrap()
        .iter()
        .map(|chapter| chapter.as_document().unwrap().get_str("name").unwrap())
        .collect();
    assert_eq!(names.first(), Some(&"order.placed"), "{names:?}");
    assert!(names.len() > 1 && !order.contains_key("body"), "{order}");
    assert_eq!(shop.hand.count("events").await, 0);
}

/// The collections and what they are made with.
async fn made(hand: &Hand) -> BTreeSet<String> {
    let mut made = BTreeSet::new();
    for collection in hand.database.list_collection_names().await.unwrap() {
        let documents = hand.database.collection::<Document>(&collection);
        for index in documents.list_index_names().await.unwrap() {
            made.insert(format!("{collection}.{index}"));
        }
    }
    made
}

#[tokio::test]
async fn the_database_is_made_once_and_leaves_the_host_alone() {
    let shop = Shop::new().await;
    let loyalty = shop.hand.database.collection::<Document>("loyalty");
    loyalty.insert_one(doc! { "points": 10 }).await.unwrap();
    let before = made(&shop.hand).await;
    assert!(before.contains("orders.orders_number") && before.contains("write_sets.write_sets_expiring"));
    for _ in 0..3 {
        shop.place.open().await.close().await;
    }
    assert_eq!(made(&shop.hand).await, before);
    assert_eq!(shop.hand.count("loyalty").await, 1);
    assert_eq!(shop.hand.count("schema").await, 1);
    let list = doc! { "listCollections": 1, "filter": { "name": "reservations" } };
    let listed = shop.hand.database.run_command(list).await.unwrap();
    let reservations = listed.get_document("cursor").unwrap().get_array("firstBatch").unwrap();
    let reservations = reservations[0].as_document().unwrap().get_document("options").unwrap();
    assert!(reservations.contains_key("clusteredIndex"), "they are kept in the order of their ids");
}

/// An index or a validator that somebody has removed is there again.
#[tokio::test]
async fn what_is_missing_is_made_again() {
    let shop = Shop::new().await;
    shop.apply(&shop.sampler.receive(&[("tea", 3)])).await;
    let before = made(&shop.hand).await;
    let orders = shop.hand.database.collection::<Document>("orders");
    orders.drop_index("orders_by_customer").await.unwrap();
    shop.hand.database.run_command(doc! { "collMod": "stock", "validator": {} }).await.unwrap();
    assert_ne!(made(&shop.hand).await, before);
    shop.place.open().await.close().await;
    assert_eq!(made(&shop.hand).await, before);
    shop.hand.refuses("stock", set("reserved", 4), INVALID).await;
}

#[tokio::test]
async fn many_may_open_a_new_database_at_once() {
    let place = Place::new();
    let opening: Vec<_> = (0..8)
        .map(|_| {
            let builder = place.builder();
            tokio::spawn(async move { builder.open().await.map(|_| ()) })
        })
        .collect();
    for task in opening {
        task.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_database_of_another_version_is_refused() {
    let place = Place::new();
    let checking = place.builder().migrations(false);
    let error = checking.clone().open().await.unwrap_err();
    assert!(matches!(error, OpenError::Older { version: 0 }), "{error:?}");
    place.builder().migrate().await.unwrap();
    checking.clone().open().await.unwrap().close().await;
    let hand = place.by_hand().await;
    hand.accepts("schema", set("version", 1_000_i64)).await;
    for builder in [checking, place.builder()] {
        let error = builder.open().await.unwrap_err();
        assert!(matches!(error, OpenError::Newer { version: 1_000 }), "{error:?}");
        assert!(error.to_string().contains("newer version"), "{error}");
    }
}

#[tokio::test]
async fn addresses_and_names_are_checked() {
    for name in ["", "a.b", "a b", "a$b", &"x".repeat(64)] {
        let error = MongoStore::builder(mongodb_server::url()).database(name).open().await.unwrap_err();
        assert!(matches!(error, OpenError::Database), "{name}: {error:?}");
    }
    assert!(matches!(MongoStore::open("http://[").await.unwrap_err(), OpenError::Address(_)));
    let nobody = MongoStore::builder("mongodb://127.0.0.1:1/shop?serverSelectionTimeoutMS=200");
    assert!(matches!(nobody.open().await.unwrap_err(), OpenError::Failed(_)));
}

/// The database's own expiry goes by when something was stored, not by what a host's clock said.
#[tokio::test]
async fn a_clock_that_stands_in_the_past_loses_nothing() {
    let shop = Shop::new().await;
    let record = shop.sampler.record("customer:ann", "key-1");
    let set = shop.sampler.put_record(true, &record);
    shop.apply(&set).await;
    let admin = Client::with_uri_str(mongodb_server::url()).await.unwrap().database("admin");
    let status = || async {
        let status = admin.run_command(doc! { "serverStatus": 1, "metrics": 1 }).await.unwrap();
        let ttl = status.get_document("metrics").unwrap().get_document("ttl").unwrap();
        ttl.get_i64("passes").unwrap()
    };
    let before = status().await;
    while status().await < before + 2 {}
    assert!(shop.store.find_idempotency("customer:ann", &record.key).await.unwrap().is_some());
    assert_eq!(shop.hand.count("write_sets").await, 1);
    let long_after = shop.sampler.now() + Duration::days(30);
    assert_eq!(shop.store.forget(long_after, long_after, 10).await.unwrap(), 2);
}
