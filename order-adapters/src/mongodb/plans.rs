//! Every question that may meet a large collection walks an index, in the order in which the answer comes.

use ::mongodb::bson::{Document, doc};
use order_core::id::{CustomerId, IdSource as _, OrderId, ProductId, ProviderId, SeededIds, SellerId};
use order_core::inbox::InboxStatus;
use order_core::order::OrderStatus;
use order_core::store::{Cursor, InboxCursor, OrderFilter, PageRequest, SortOrder, StockCursor};
use order_core::time::Timestamp;

use super::list::{Question, list};
use super::{
    MongoStore, carts, chapters, inbox, inventory, journal, old_requests, old_write_sets, orders, outbox,
};

fn id() -> OrderId {
    OrderId::from_uuid(SeededIds::new(1).next(Timestamp::UNIX_EPOCH))
}

/// Lists, with the index that each walks.
fn lists() -> Vec<(Question, &'static str)> {
    let any = OrderFilter::default();
    let customer_id = Some(CustomerId::new("ann").unwrap());
    let seller_id = Some(SellerId::new("north").unwrap());
    let statuses = vec![OrderStatus::Paid, OrderStatus::Pending];
    let placed_from = Some(Timestamp::UNIX_EPOCH);
    let text = Some("tea".to_owned());
    let filters = [
        (any.clone(), "_id_"),
        (OrderFilter { text, ..any.clone() }, "_id_"),
        (OrderFilter { customer_id: customer_id.clone(), ..any.clone() }, "orders_by_customer"),
        (
            OrderFilter { customer_id, statuses: statuses.clone(), placed_from, ..any.clone() },
            "orders_by_customer",
        ),
        (OrderFilter { seller_id: seller_id.clone(), ..any.clone() }, "orders_by_seller"),
        (OrderFilter { seller_id, statuses: statuses.clone(), ..any.clone() }, "orders_by_seller"),
        (OrderFilter { statuses, placed_from, ..any.clone() }, "orders_by_status"),
        (OrderFilter { placed_from, ..any }, "_id_"),
    ];
    let mut lists = Vec::new();
    for (filter, index) in filters {
        for order in [SortOrder::NewestFirst, SortOrder::OldestFirst] {
            for after in [None, Some(Cursor::behind(id()))] {
                let page = PageRequest::first(20).sorted(order).after(after).skip(3);
                lists.push((list(&filter, page), index));
            }
        }
    }
    lists
}

/// What passes ask for, with the index that each walks.
fn passes() -> Vec<(Question, &'static str)> {
    let now = Timestamp::UNIX_EPOCH;
    let products = [ProductId::new("tea").unwrap(), ProductId::new("cup").unwrap()];
    let [tea, _] = &products;
    // Second 1, record 5, location "a".
    let behind: StockCursor = format!("{:016x}{:016x}61", 1_000, 5).parse().unwrap();
    let provider = ProviderId::new("stripe").unwrap();
    // Second 1, provider "x", event "y".
    let notice: InboxCursor = format!("{:016x}017879", 1_000).parse().unwrap();
    vec![
        (orders::due(now, 9), "orders_due"),
        (chapters::documents(id(), 1, 9), "_id_"),
        (orders::by_reference(&provider, &"pi_1".parse().unwrap()), "orders_by_reference"),
        (inbox::due(now, 9), "inbox_due"),
        (inbox::settled(now, 9), "inbox_settled"),
        (inbox::page(None, None, 9), "inbox_by_receipt"),
        (inbox::page(None, Some(&notice), 9), "inbox_by_receipt"),
        (inbox::page(Some(InboxStatus::Parked), None, 9), "inbox_by_status"),
        (inbox::page(Some(InboxStatus::Parked), Some(&notice), 9), "inbox_by_status"),
        (carts::expired(now, 9), "carts_expiring"),
        (inventory::expired(now, &[], 9), "reservations_expiring"),
        (inventory::expired(now, &products, 9), "reservations_expiring"),
        (inventory::of_products(&products), "stock_by_product"),
        (outbox::free(9), "outbox_free"),
        (outbox::waited(now, 9), "outbox_busy"),
        (outbox::stuck(3, 9), "outbox_failing"),
        (journal::page(tea, None, None, 9), "stock_records_by_time"),
        (journal::page(tea, None, Some(&behind), 9), "stock_records_by_time"),
        (journal::page(tea, Some(&behind.location), Some(&behind), 9), "stock_records_by_time"),
        (journal::free(9), "stock_outbox_free"),
        (journal::waited(now, 9), "stock_outbox_busy"),
        (journal::stuck(3, 9), "stock_outbox_failing"),
        (old_write_sets(now, 9), "_id_"),
        (old_requests(now, 9), "idempotency_by_age"),
    ]
}

/// Single documents, with the index by which each is found.
fn keys() -> Vec<(Question, &'static str)> {
    let order = |field: &str| Question::new("orders", doc! { field: "a" });
    vec![
        (order("number"), "orders_number"),
        (order("payments.id"), "orders_by_payment"),
        (Question::new("carts", doc! { "owner": "a", "status": "open" }), "carts_open"),
        (Question::new("idempotency", doc! { "_id": { "scope": "a", "key": "b" } }), "_id_"),
    ]
}

async fn plan(store: &MongoStore, question: &Question) -> String {
    let explain = doc! { "explain": question.command(), "verbosity": "queryPlanner" };
    let explained: Document = store.database.run_command(explain).await.unwrap();
    let plan = explained.get_document("queryPlanner").unwrap().get_document("winningPlan").unwrap();
    plan.to_string()
}

#[tokio::test]
async fn questions_walk_an_index_in_the_order_of_their_answers() {
    let url = std::env::var("MONGODB_URI").unwrap_or_else(|_| {
        unreachable!(
            "MONGODB_URI is not set; start servers with: services=$(scripts/test-services) && export $services"
        )
    });
    let name = format!("test_plans_{}", std::process::id());
    let store = MongoStore::builder(url).database(name).open().await.unwrap();
    let mut plans = Vec::new();
    for (question, index) in lists().into_iter().chain(passes()).chain(keys()) {
        plans.push((plan(&store, &question).await, index, question));
    }
    store.database.drop().await.unwrap();
    for (plan, index, question) in plans {
        let is_key = plan.contains("EXPRESS") || plan.contains("IDHACK");
        assert!(is_key || plan.contains(&format!("\"{index}\"")), "{question:?}:\n{plan}");
        assert!(!plan.contains("COLLSCAN"), "{question:?}:\n{plan}");
        assert!(!plan.contains("\"SORT\""), "{question:?}:\n{plan}");
        let is_bounded = !plan.contains("\"at\": [\"[MaxKey, MinKey]\"]");
        assert!(is_bounded || !question.filter.contains_key("at"), "{question:?}:\n{plan}");
    }
}
