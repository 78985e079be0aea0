//! The schema refuses by itself, also what is written by hand; and it has an index for every question.
#![cfg(feature = "sqlite")]
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

use order_adapters::sqlite::SqliteStore;
use order_core::conformance::sample::{Sampler, customer_cart, shelf};
use order_core::inventory::{ReservationMove, StockChange};
use order_core::store::{Commit, CommitOutcome, IdempotencyPut, InboxRepository, WriteSet};
use order_core::time::Duration;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection, Row};
use tempfile::TempDir;

struct File {
    store: SqliteStore,
    sampler: Sampler,
    by_hand: SqliteConnection,
    _dir: TempDir,
}

impl File {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("orders.db");
        let store = SqliteStore::open(path.to_str().unwrap()).await.unwrap();
        let options = SqliteConnectOptions::new().filename(&path).foreign_keys(true);
        let by_hand = SqliteConnection::connect_with(&options).await.unwrap();
        Self { store, sampler: Sampler::new(7), by_hand, _dir: dir }
    }

    async fn apply(&self, set: &WriteSet) {
        assert_eq!(self.store.commit(set).await.unwrap(), CommitOutcome::Applied);
    }

    async fn accepts(&mut self, sql: &str) {
        sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&mut self.by_hand).await.unwrap();
    }

    async fn refuses(&mut self, sql: &str, why: &str) {
        let done = sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&mut self.by_hand).await;
        let error = done.map(|_| sql).unwrap_err().to_string();
        assert!(error.contains(why), "{sql}: {error}");
    }

    async fn plan(&mut self, sql: &str) -> String {
        let sql = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
        let rows = sqlx::query(sql).fetch_all(&mut self.by_hand).await.unwrap();
        rows.iter().map(|row| row.get::<String, _>("detail")).collect::<Vec<_>>().join("\n")
    }
}

#[tokio::test]
async fn no_hand_can_oversell() {
    let mut file = File::new().await;
    file.apply(&file.sampler.receive(&[("tea", 3)])).await;
    file.accepts("UPDATE stock SET reserved = 3").await;
    file.refuses("UPDATE stock SET reserved = reserved + 1", "stock_never_oversold").await;
    file.refuses("UPDATE stock SET on_hand = on_hand - 1", "stock_never_oversold").await;
    file.refuses("UPDATE stock SET reserved = -1", "stock_never_oversold").await;
    file.refuses("UPDATE stock SET sold = -1", "CHECK").await;
    file.refuses("UPDATE stock SET on_hand = 3.5", "cannot store REAL").await;
    file.refuses(
        "INSERT INTO stock (product_id, location, on_hand, reserved, sold) VALUES ('tea', 'main', 9, 0, 0)",
        "UNIQUE",
    )
    .await;
}

#[tokio::test]
async fn no_hand_can_change_a_journal() {
    let mut file = File::new().await;
    file.apply(&file.sampler.receive(&[("tea", 3)])).await;
    file.refuses("UPDATE stock_records SET body = '{}'", "what happened never changes").await;
    file.refuses("DELETE FROM stock_records", "what happened is never forgotten").await;
    file.refuses("UPDATE stock SET low_at = -1", "stock_threshold").await;
    let copy = "INSERT INTO stock_records SELECT {product}, location, sequence + {}, at, on_hand, reserved, sold, low_at, name, body
        FROM stock_records";
    let (of_tea, of_cup) = (copy.replace("{product}", "product_id"), copy.replace("{product}", "'cup'"));
    for gap in ["0", "2"] {
        file.refuses(&of_tea.replace("{}", gap), "no gaps").await;
    }
    file.refuses(&of_cup.replace("{}", "0"), "no gaps").await;
    file.accepts(&of_tea.replace("{}", "1")).await;
    for sql in ["low_at = 2", "reserved = 1", "reserved = on_hand"] {
        file.accepts(&format!("UPDATE stock SET {sql}")).await;
    }
    let told = "SELECT group_concat(sequence || ' ' || name, ', ') FROM stock_records WHERE sequence > 2";
    let told: String = sqlx::query_scalar(told).fetch_one(&mut file.by_hand).await.unwrap();
    assert_eq!(told, "3 inventory.low_stock, 4 inventory.out_of_stock", "also what a hand does is told");
    let last: i64 =
        sqlx::query_scalar("SELECT last FROM stock_outbox").fetch_one(&mut file.by_hand).await.unwrap();
    assert_eq!(last, 4);
}

#[tokio::test]
async fn no_hand_can_make_two_orders_of_a_cart() {
    let mut file = File::new().await;
    let (mut receive, sampler) = (file.sampler.receive(&[("tea", 9)]), &file.sampler);
    let cart = sampler.cart(customer_cart("ann"));
    let mut new = sampler.new_order("ann", vec![sampler.line("tea", 500, 1)]);
    new.cart_id = Some(cart.id);
    let (first, _) = sampler.place(new);
    let (second, _) = sampler.order("bob", "tea");
    receive.events.clear();
    for set in [&receive, &first, &second] {
        file.apply(set).await;
    }
    let taken = "UPDATE orders SET cart_id = (SELECT cart_id FROM orders WHERE cart_id IS NOT NULL)";
    file.refuses(taken, "orders.cart_id").await;
    file.refuses("UPDATE orders SET number = 'same'", "orders.number").await;
    file.refuses("UPDATE orders SET status = 'lost'", "CHECK").await;
    file.refuses("UPDATE orders SET version = -1", "CHECK").await;
    file.refuses("DELETE FROM orders", "FOREIGN KEY").await;
}

#[tokio::test]
async fn no_hand_can_open_a_second_cart() {
    let mut file = File::new().await;
    for name in ["ann", "bob"] {
        let cart = file.sampler.cart(customer_cart(name));
        file.apply(&file.sampler.put_cart(0, &cart)).await;
    }
    file.refuses("UPDATE carts SET owner_key = 'customer:ann'", "carts.owner_key").await;
    file.refuses("UPDATE carts SET status = 'lost'", "CHECK").await;
    file.accepts("UPDATE carts SET status = 'ordered' WHERE owner_key = 'customer:bob'").await;
    file.accepts("UPDATE carts SET owner_key = 'customer:ann'").await;
}

#[tokio::test]
async fn no_hand_can_end_a_reservation_twice() {
    let mut file = File::new().await;
    let now = file.sampler.now();
    let reservation = file.sampler.reservation("tea", 1, now + Duration::minutes(5));
    file.apply(&file.sampler.put_reservation(true, &reservation)).await;
    file.refuses("UPDATE reservations SET status = 'lost'", "CHECK").await;
    let ended = reservation.ended(ReservationMove::Expire, now).unwrap();
    file.apply(&file.sampler.put_reservation(false, &ended)).await;
    file.refuses("UPDATE reservations SET status = 'confirmed'", "a reservation ends once").await;
    file.refuses("UPDATE reservations SET status = 'active'", "a reservation ends once").await;
}

#[tokio::test]
async fn no_hand_can_refund_more_than_was_captured() {
    let mut file = File::new().await;
    file.apply(&file.sampler.receive(&[("tea", 9)])).await;
    let (place, order) = file.sampler.order("ann", "tea");
    let (approve, order) = file.sampler.approve(&order);
    file.apply(&place).await;
    file.apply(&approve).await;
    let captured = order.payments[0].captured.minor();
    assert!(captured > 0);
    file.accepts(&format!("UPDATE payments SET refunding_minor = {captured}")).await;
    file.refuses("UPDATE payments SET refunded_minor = refunded_minor + 1", "payments_refundable").await;
    file.refuses("UPDATE payments SET captured_minor = captured_minor - 1", "payments_refundable").await;
    file.refuses("UPDATE payments SET refunding_minor = -1", "CHECK").await;
}

#[tokio::test]
async fn no_hand_can_change_history() {
    let mut file = File::new().await;
    file.apply(&file.sampler.receive(&[("tea", 9)])).await;
    let (place, _) = file.sampler.order("ann", "tea");
    file.apply(&place).await;
    let copy = "INSERT INTO events (order_id, sequence, at, name, body)
        SELECT order_id, sequence + {}, at, name, body FROM events WHERE sequence = (SELECT max(sequence) FROM events)";
    file.refuses("UPDATE events SET body = '{}'", "what happened never changes").await;
    file.refuses("DELETE FROM events", "what happened is never forgotten").await;
    let overlap = copy.replace("(order_id, sequence,", "(order_id, count, sequence,");
    let overlap = overlap.replace("SELECT order_id,", "SELECT order_id, {count},");
    file.refuses(&copy.replace("{}", "0"), "no gaps").await;
    file.refuses(&copy.replace("{}", "2"), "no gaps").await;
    file.refuses(&overlap.replace("{count}", "1").replace("+ {}", "- 1"), "no gaps").await;
    file.refuses(&overlap.replace("{count}", "2").replace("{}", "1"), "no gaps").await;
    file.accepts(&copy.replace("{}", "1")).await;
    file.accepts(&overlap.replace("{count}", "2").replace("{}", "2")).await;
}

#[tokio::test]
async fn no_hand_can_answer_a_request_twice() {
    let mut file = File::new().await;
    let mut record = file.sampler.record("customer:ann", "key-1");
    file.apply(&file.sampler.put_record(true, &record)).await;
    record.answered_version = Some(3);
    let mut set = file.sampler.set();
    set.idempotency = Some(IdempotencyPut { is_new: false, record });
    file.apply(&set).await;
    file.refuses("UPDATE idempotency SET answered_version = 4", "a request is answered once").await;
    file.refuses("UPDATE idempotency SET answered_version = NULL", "a request is answered once").await;
}

#[tokio::test]
async fn no_hand_can_lose_a_notice() {
    let mut file = File::new().await;
    let entry = file.sampler.incoming("stripe", "evt_1");
    file.store.receive_notice(&entry).await.unwrap();
    file.refuses("UPDATE inbox SET status = 'lost'", "inbox_status").await;
    file.refuses("UPDATE inbox SET status = 'attended'", "inbox_open_is_due").await;
    file.refuses("UPDATE inbox SET due_at = NULL", "inbox_open_is_due").await;
    file.refuses("UPDATE inbox SET body = '{}'", "what a provider said never changes").await;
    file.refuses("UPDATE inbox SET event_id = 'evt_2'", "what a provider said never changes").await;
    file.refuses("UPDATE inbox SET attempts = -1", "CHECK").await;
    file.refuses("DELETE FROM inbox", "settled before it is removed").await;
    let copy = "INSERT INTO inbox SELECT * FROM inbox";
    file.refuses(copy, "UNIQUE").await;
    file.accepts("UPDATE inbox SET status = 'ignored', due_at = NULL").await;
    file.accepts("DELETE FROM inbox").await;
}

#[tokio::test]
async fn stock_levels_that_leave_the_range_are_refused() {
    let file = File::new().await;
    let mut set = file.sampler.receive(&[("tea", 5)]);
    set.change_stock(shelf("tea"), StockChange::restock(0));
    file.apply(&set).await;
    for change in [i64::MAX, i64::MIN] {
        let mut set = file.sampler.set();
        set.change_stock(shelf("tea"), StockChange::adjust(change));
        assert!(matches!(file.store.commit(&set).await.unwrap(), CommitOutcome::Refused(_)));
    }
}

#[tokio::test]
async fn questions_walk_an_index() {
    let mut file = File::new().await;
    for (sql, index) in [
        (
            "SELECT id FROM orders WHERE due_at <= 9 ORDER BY due_at, id LIMIT 5",
            "COVERING INDEX orders_due (due_at<?)",
        ),
        (
            "SELECT at, order_id FROM outbox WHERE busy_until IS NULL ORDER BY at, order_id LIMIT 5",
            "outbox_free",
        ),
        (
            "SELECT order_id FROM outbox WHERE busy_until IS NOT NULL AND busy_until <= 9",
            "outbox_busy (busy_until",
        ),
        (
            "SELECT body FROM reservations WHERE status = 'active' AND expires_at <= 9 ORDER BY expires_at, id LIMIT 5",
            "reservations_expiring (expires_at<?)",
        ),
        (
            "SELECT id FROM carts WHERE status = 'open' AND expires_at <= 9 ORDER BY expires_at, id LIMIT 5",
            "carts_expiring (expires_at<?)",
        ),
        (
            "SELECT at FROM stock_outbox WHERE busy_until IS NULL ORDER BY at, product_id, location LIMIT 5",
            "stock_outbox_free",
        ),
        (
            "SELECT at FROM stock_outbox WHERE attempts > 0 AND attempts >= 2 ORDER BY at, product_id, location LIMIT 5",
            "stock_outbox_failing",
        ),
        ("SELECT body FROM events WHERE order_id = x'00' ORDER BY sequence", "(order_id=?)"),
    ] {
        let plan = file.plan(sql).await;
        assert!(plan.contains(index), "{sql}:\n{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{sql}:\n{plan}");
    }
}
