//! Every question and every write that may meet a large table walks an index.

use order_core::id::{CustomerId, IdSource as _, OrderId, SeededIds, SellerId};
use order_core::order::OrderStatus;
use order_core::store::{Cursor, OrderFilter, PageRequest, SortOrder};
use order_core::time::Timestamp;
use sqlx::{AssertSqlSafe, Row as _};

use super::inventory::{EXPIRED, EXPIRED_OF_PRODUCTS};
use super::list::list;
use super::orders::{BY_ID, BY_REFERENCE};
use super::outbox::{CLAIM, MESSAGES, STUCK};
use super::statement::PROGRAM;
use super::{FORGET_SETS, SqliteStore, inbox, journal};

async fn plan(store: &SqliteStore, sql: &str) -> String {
    assert!(!sql.contains("LIMIT ?"), "it would be compiled each time it is run; write LIMIT +?: {sql}");
    let sql = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
    let rows = sqlx::query(sql).fetch_all(&mut **store.writer.connection().await.unwrap()).await.unwrap();
    rows.iter().map(|row| row.get::<String, _>("detail")).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn lists_walk_an_index_in_the_order_of_ids() {
    let store = SqliteStore::builder().open().await.unwrap();
    let any = OrderFilter::default();
    let customer_id = Some(CustomerId::new("ann").unwrap());
    let seller_id = Some(SellerId::new("north").unwrap());
    let statuses = vec![OrderStatus::Paid, OrderStatus::Pending];
    let placed_from = Some(Timestamp::UNIX_EPOCH);
    let walks = [
        (any.clone(), "sqlite_autoindex_orders_1"),
        (
            OrderFilter { customer_id: customer_id.clone(), ..any.clone() },
            "orders_by_customer (customer_id=?",
        ),
        (
            OrderFilter { customer_id, statuses: statuses.clone(), placed_from, ..any.clone() },
            "orders_by_customer (customer_id=?",
        ),
        (
            OrderFilter { seller_id: seller_id.clone(), ..any.clone() },
            "SEARCH s USING PRIMARY KEY (seller_id=?",
        ),
        (
            OrderFilter { seller_id, statuses: statuses.clone(), ..any.clone() },
            "SEARCH s USING PRIMARY KEY (seller_id=?",
        ),
        (OrderFilter { statuses, placed_from, ..any.clone() }, "orders_by_status (status=? AND id>?"),
        (OrderFilter { placed_from, ..any }, "sqlite_autoindex_orders_1 (id>?"),
    ];
    let id = OrderId::from_uuid(SeededIds::new(1).next(Timestamp::UNIX_EPOCH));
    for (filter, index) in walks {
        for order in [SortOrder::NewestFirst, SortOrder::OldestFirst] {
            for after in [None, Some(Cursor::behind(id))] {
                let page = PageRequest::first(20).sorted(order).after(after);
                let plan = plan(&store, list(&filter, page).sql().as_str()).await;
                assert!(plan.contains(index), "{filter:?}:\n{plan}");
                assert!(!plan.contains("TEMP B-TREE"), "{filter:?}:\n{plan}");
                assert!(!plan.lines().any(|line| line.starts_with("SCAN orders")), "{filter:?}:\n{plan}");
            }
        }
    }
}

#[tokio::test]
async fn writes_find_their_rows_by_key() {
    let store = SqliteStore::builder().open().await.unwrap();
    for (sql, index) in [
        (
            journal::PAGE,
            "SEARCH stock_records USING INDEX stock_records_by_time (product_id=? AND (at,location,sequence)<(?,?,?))",
        ),
        (journal::CLAIM, "SEARCH stock_outbox USING PRIMARY KEY (product_id=? AND location=?)"),
        (journal::CLAIM, "stock_outbox_free"),
        (journal::CLAIM, "stock_outbox_busy (busy_until>? AND busy_until<?)"),
        (
            journal::MESSAGES,
            "SEARCH r USING PRIMARY KEY (product_id=? AND location=? AND sequence>? AND sequence<?)",
        ),
        (inbox::PAGE, "SEARCH inbox USING INDEX inbox_by_receipt ((received_at,provider,event_id)<(?,?,?))"),
        (
            inbox::PAGE_OF_STATUS,
            "SEARCH inbox USING INDEX inbox_by_status (status=? AND (received_at,provider,event_id)<(?,?,?))",
        ),
        (inbox::CLAIM, "inbox_due (due_at>? AND due_at<?)"),
        (inbox::FORGET, "inbox_settled (changed_at<?)"),
        (BY_REFERENCE, "SEARCH payments USING INDEX payments_by_reference (provider_reference=?)"),
        (CLAIM, "SEARCH outbox USING PRIMARY KEY (order_id=?)"),
        (CLAIM, "SCAN outbox USING INDEX outbox_free"),
        (CLAIM, "outbox_busy (busy_until>? AND busy_until<?)"),
        (MESSAGES, "sqlite_autoindex_events_1 (order_id=? AND sequence>?)"),
        (EXPIRED, "SEARCH reservations USING INDEX reservations_expiring (expires_at<?)"),
        (EXPIRED_OF_PRODUCTS, "SEARCH reservations USING INDEX reservations_expiring (expires_at<?)"),
        (FORGET_SETS, "SEARCH write_sets USING PRIMARY KEY (id<?)"),
        (STUCK, "outbox_failing"),
        (STUCK, "SEARCH e USING INDEX sqlite_autoindex_events_1 (order_id=? AND sequence=?)"),
        (BY_ID, "SEARCH o USING INDEX sqlite_autoindex_orders_1 (id=?)"),
        (BY_ID, "SEARCH e USING INDEX sqlite_autoindex_events_1 (order_id=? AND sequence>?)"),
    ] {
        let plan = plan(&store, sql).await;
        assert!(plan.contains(index), "{plan}");
    }
}

/// The statements of the trigger, as if they stood alone: each reads its rows by key, or a list that was given to it.
#[tokio::test]
async fn a_write_set_finds_its_rows_by_key() {
    let store = SqliteStore::builder().open().await.unwrap();
    // Rows that refer to a new one are looked for only while something refers to nothing, which is never.
    let off = sqlx::query("PRAGMA foreign_keys = OFF");
    off.execute(&mut **store.writer.connection().await.unwrap()).await.unwrap();
    let mut all = String::new();
    for statement in alone(&PROGRAM) {
        all.push_str(&plan(&store, &statement).await);
        all.push('\n');
    }
    for step in [
        "SEARCH stock USING PRIMARY KEY (product_id=? AND location=?)",
        "SEARCH s USING PRIMARY KEY (product_id=? AND location=?)",
        "SEARCH carts USING INDEX sqlite_autoindex_carts_1 (id=?)",
        "SEARCH orders USING INDEX sqlite_autoindex_orders_1 (id=?)",
        "SEARCH reservations USING INDEX sqlite_autoindex_reservations_1 (id=?)",
        "SEARCH idempotency USING PRIMARY KEY (scope=? AND key=?)",
    ] {
        assert!(all.contains(step), "{step}:\n{all}");
    }
    for step in all.lines().filter(|step| step.starts_with("SCAN")) {
        assert!(step.contains("VIRTUAL TABLE") || step.contains("CONSTANT ROW"), "{step}:\n{all}");
    }
}

/// The statements of triggers with parameters in place of its row.
fn alone(trigger: &str) -> Vec<String> {
    let (_, body) = trigger.split_once(" BEGIN\n").unwrap();
    let lines = body.lines().filter(|line| !line.trim_start().starts_with("--"));
    let mut text = lines.collect::<Vec<_>>().join("\n");
    while let Some((before, after)) = text.split_once("NEW.") {
        text = format!("{before}?{}", after.trim_start_matches(|c: char| c.is_ascii_lowercase() || c == '_'));
    }
    while let Some((before, after)) = text.split_once("RAISE(") {
        text = format!("{before}1{}", after.split_once(')').unwrap().1);
    }
    let statements = text.split(';').map(|statement| {
        let (_, first) = statement.split_once(" BEGIN\n").unwrap_or(("", statement));
        first.trim().to_owned()
    });
    statements.filter(|statement| !statement.is_empty() && statement != "END").collect()
}
