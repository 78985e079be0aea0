//! The schema refuses by itself, also what is written by hand; it is made once; and it has an index for every question.
#![cfg(feature = "postgres")]
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

use order_adapters::postgres::sqlx::{self, Row as _};
use order_adapters::postgres::{OpenError, PostgresStore};
use order_core::conformance::sample::{Sampler, customer_cart, shelf};
use order_core::inventory::{MAX_UNITS, ReservationMove, StockChange};
use order_core::store::{Commit, CommitOutcome, IdempotencyPut, InboxRepository, WriteSet};
use order_core::time::Duration;

mod postgres_server;
use postgres_server::{Hand, Schema};

struct Place {
    store: PostgresStore,
    sampler: Sampler,
    hand: Hand,
    schema: Schema,
}

impl Place {
    async fn new() -> Self {
        let schema = Schema::new();
        Self { store: schema.open().await, sampler: Sampler::new(7), hand: schema.by_hand().await, schema }
    }

    async fn apply(&self, set: &WriteSet) {
        assert_eq!(self.store.commit(set).await.unwrap(), CommitOutcome::Applied);
    }

    async fn plan(&mut self, sql: &str) -> String {
        let rows =
            sqlx::raw_sql(self.hand.sql(&format!("EXPLAIN {sql}"))).fetch_all(&mut self.hand.connection);
        rows.await.unwrap().iter().map(|row| row.get::<String, _>(0)).collect::<Vec<_>>().join("\n")
    }
}

#[tokio::test]
async fn no_hand_can_oversell() {
    let mut place = Place::new().await;
    place.apply(&place.sampler.receive(&[("tea", 3)])).await;
    let hand = &mut place.hand;
    hand.accepts("UPDATE {schema}.stock SET reserved = 3").await;
    hand.refuses("UPDATE {schema}.stock SET reserved = reserved + 1", "stock_never_oversold").await;
    hand.refuses("UPDATE {schema}.stock SET on_hand = on_hand - 1", "stock_never_oversold").await;
    hand.refuses("UPDATE {schema}.stock SET reserved = -1", "never_negative").await;
    hand.refuses("UPDATE {schema}.stock SET sold = -1", "never_negative").await;
    hand.refuses(&format!("UPDATE {{schema}}.stock SET on_hand = {MAX_UNITS} + 1"), "stock_largest").await;
    hand.refuses("INSERT INTO {schema}.stock VALUES ('tea', 'main', 9, 0, 0)", "stock_pkey").await;
}

#[tokio::test]
async fn no_hand_can_make_two_orders_of_a_cart() {
    let mut place = Place::new().await;
    let (receive, sampler) = (place.sampler.receive(&[("tea", 9)]), &place.sampler);
    let cart = sampler.cart(customer_cart("ann"));
    let mut new = sampler.new_order("ann", vec![sampler.line("tea", 500, 1)]);
    new.cart_id = Some(cart.id);
    let (first, _) = sampler.place(new);
    let (second, _) = sampler.order("bob", "tea");
    for set in [&receive, &first, &second] {
        place.apply(set).await;
    }
    let hand = &mut place.hand;
    let taken = "UPDATE {schema}.orders SET cart_id = (SELECT cart_id FROM {schema}.orders WHERE cart_id IS NOT NULL)";
    hand.refuses(taken, "orders_cart").await;
    hand.refuses("UPDATE {schema}.orders SET number = 'same'", "orders_number").await;
    hand.refuses("UPDATE {schema}.orders SET status = 'lost'", "orders_status").await;
    hand.refuses("UPDATE {schema}.orders SET version = -1", "never_negative").await;
    hand.refuses("UPDATE {schema}.orders SET id = gen_random_uuid()", "stays the same").await;
    hand.refuses("DELETE FROM {schema}.orders", "never removed").await;
    hand.refuses("TRUNCATE {schema}.orders", "never removed").await;
}

#[tokio::test]
async fn no_hand_can_open_a_second_cart() {
    let mut place = Place::new().await;
    for name in ["ann", "bob"] {
        let cart = place.sampler.cart(customer_cart(name));
        place.apply(&place.sampler.put_cart(0, &cart)).await;
    }
    let hand = &mut place.hand;
    hand.refuses("UPDATE {schema}.carts SET owner_key = 'customer:ann'", "carts_open").await;
    hand.refuses("UPDATE {schema}.carts SET status = 'lost'", "carts_status").await;
    hand.accepts("UPDATE {schema}.carts SET status = 'ordered' WHERE owner_key = 'customer:bob'").await;
    hand.accepts("UPDATE {schema}.carts SET owner_key = 'customer:ann'").await;
}

#[tokio::test]
async fn no_hand_can_end_a_reservation_twice() {
    let mut place = Place::new().await;
    let now = place.sampler.now();
    let reservation = place.sampler.reservation("tea", 1, now + Duration::minutes(5));
    place.apply(&place.sampler.put_reservation(true, &reservation)).await;
    place.hand.refuses("UPDATE {schema}.reservations SET status = 'lost'", "reservations_status").await;
    place.hand.refuses("DELETE FROM {schema}.reservations", "ended before it is removed").await;
    let ended = reservation.ended(ReservationMove::Expire, now).unwrap();
    place.apply(&place.sampler.put_reservation(false, &ended)).await;
    let hand = &mut place.hand;
    hand.refuses("UPDATE {schema}.reservations SET status = 'confirmed'", "a reservation ends once").await;
    hand.refuses("UPDATE {schema}.reservations SET status = 'active'", "a reservation ends once").await;
}

#[tokio::test]
async fn no_hand_can_refund_more_than_was_captured() {
    let mut place = Place::new().await;
    place.apply(&place.sampler.receive(&[("tea", 9)])).await;
    let (set, order) = place.sampler.order("ann", "tea");
    let (approve, order) = place.sampler.approve(&order);
    place.apply(&set).await;
    place.apply(&approve).await;
    let captured = order.payments[0].captured.minor();
    assert!(captured > 0);
    let hand = &mut place.hand;
    hand.accepts(&format!("UPDATE {{schema}}.payments SET refunding_minor = {captured}")).await;
    let columns = ["refunded_minor = refunded_minor + 1", "captured_minor = captured_minor - 1"];
    for column in columns {
        hand.refuses(&format!("UPDATE {{schema}}.payments SET {column}"), "payments_refundable").await;
    }
    hand.refuses("UPDATE {schema}.payments SET refunding_minor = -1", "never_negative").await;
    let most = i64::MAX;
    let sql =
        format!("UPDATE {{schema}}.payments SET refunding_minor = {most}, refunded_minor = captured_minor");
    hand.refuses(&sql, "payments_refundable").await;
}

#[tokio::test]
async fn no_hand_can_change_history() {
    let mut place = Place::new().await;
    place.apply(&place.sampler.receive(&[("tea", 9)])).await;
    let (set, _) = place.sampler.order("ann", "tea");
    place.apply(&set).await;
    let hand = &mut place.hand;
    let copy = "INSERT INTO {schema}.events (order_id, sequence, at, name, body)
        SELECT order_id, sequence + {}, at, name, body FROM {schema}.events
        WHERE sequence = (SELECT max(sequence) FROM {schema}.events)";
    hand.refuses("UPDATE {schema}.events SET body = '{}'", "what happened never changes").await;
    hand.refuses("DELETE FROM {schema}.events", "what happened is never forgotten").await;
    hand.refuses("TRUNCATE {schema}.events", "what happened is never forgotten").await;
    hand.refuses(&copy.replace("{}", "0"), "events_pkey").await;
    hand.refuses(&copy.replace("{}", "2"), "no gaps").await;
    let overlap = copy.replace("(order_id, sequence,", "(order_id, count, sequence,");
    let overlap = overlap.replace("SELECT order_id,", "SELECT order_id, {count},");
    hand.refuses(&overlap.replace("{count}", "1").replace("+ {}", "- 1"), "no gaps").await;
    hand.refuses(&overlap.replace("{count}", "2").replace("{}", "1"), "no gaps").await;
    hand.refuses(&overlap.replace("{count}", "0").replace("{}", "1"), "no gaps").await;
    let stray = "INSERT INTO {schema}.events VALUES (gen_random_uuid(), 1, 0, 'x', '{}')";
    hand.refuses(stray, "no gaps").await;
    hand.accepts(&copy.replace("{}", "1")).await;
    hand.accepts(&overlap.replace("{count}", "2").replace("{}", "2")).await;
    let (waiting, last) =
        (hand.number("SELECT last FROM {schema}.outbox").await, "SELECT max(sequence) FROM {schema}.events");
    assert_eq!(waiting, hand.number(last).await);
}

#[tokio::test]
async fn no_hand_can_answer_a_request_twice() {
    let mut place = Place::new().await;
    let mut record = place.sampler.record("customer:ann", "key-1");
    place.apply(&place.sampler.put_record(true, &record)).await;
    record.answered_version = Some(3);
    let mut set = place.sampler.set();
    set.idempotency = Some(IdempotencyPut { is_new: false, record });
    place.apply(&set).await;
    for version in ["4", "NULL"] {
        let sql = format!("UPDATE {{schema}}.idempotency SET answered_version = {version}");
        place.hand.refuses(&sql, "a request is answered once").await;
    }
}

#[tokio::test]
async fn the_sellers_of_an_order_are_kept_in_step() {
    let mut place = Place::new().await;
    place.apply(&place.sampler.receive(&[("tea", 9)])).await;
    place.apply(&place.sampler.order("ann", "tea").0).await;
    let count =
        |seller: &str| format!("SELECT count(*) FROM {{schema}}.order_sellers WHERE seller_id = '{seller}'");
    assert_eq!(place.hand.number(&count("north")).await, 1);
    place.hand.accepts("UPDATE {schema}.orders SET sellers = '{south,west,south}'").await;
    for (seller, rows) in [("north", 0), ("south", 1), ("west", 1)] {
        assert_eq!(place.hand.number(&count(seller)).await, rows, "{seller}");
    }
}

#[tokio::test]
async fn stock_levels_that_leave_the_range_are_refused() {
    let place = Place::new().await;
    place.apply(&place.sampler.receive(&[("tea", 5)])).await;
    for change in [i64::MAX, i64::MIN] {
        let mut set = place.sampler.set();
        set.change_stock(shelf("tea"), StockChange::adjust(change));
        assert!(matches!(place.store.commit(&set).await.unwrap(), CommitOutcome::Refused(_)));
    }
}

#[tokio::test]
async fn the_schema_is_made_once_and_leaves_the_host_alone() {
    let mut place = Place::new().await;
    place.hand.accepts("CREATE TABLE {schema}.loyalty (points bigint)").await;
    for _ in 0..3 {
        place.schema.open().await.close().await;
    }
    assert_eq!(place.hand.number("SELECT count(*) FROM {schema}.migrations").await, 13);
    assert_eq!(place.hand.number("SELECT count(*) FROM {schema}.loyalty").await, 0);
}

#[tokio::test]
async fn no_hand_can_change_a_journal() {
    let mut place = Place::new().await;
    place.apply(&place.sampler.receive(&[("tea", 3)])).await;
    let hand = &mut place.hand;
    hand.refuses("UPDATE {schema}.stock_records SET body = '{}'", "what happened never changes").await;
    hand.refuses("DELETE FROM {schema}.stock_records", "what happened is never forgotten").await;
    hand.refuses("TRUNCATE {schema}.stock_records", "what happened is never forgotten").await;
    hand.refuses("UPDATE {schema}.stock SET low_at = -1", "stock_threshold").await;
    let copy = "INSERT INTO {schema}.stock_records (product_id, location, sequence, at, on_hand, reserved, sold, name, body)
        SELECT {product}, location, 77, at, on_hand, reserved, sold, name, body FROM {schema}.stock_records";
    hand.refuses(&copy.replace("{product}", "'cup'"), "there is no such stock level").await;
    hand.accepts(&copy.replace("{product}", "product_id")).await;
    assert_eq!(
        hand.number("SELECT max(sequence) FROM {schema}.stock_records").await,
        2,
        "it gets its own place"
    );
    hand.accepts("UPDATE {schema}.stock SET low_at = 2").await;
    hand.accepts("UPDATE {schema}.stock SET reserved = 1").await;
    hand.accepts("UPDATE {schema}.stock SET reserved = on_hand").await;
    let told = "SELECT count(*) FROM {schema}.stock_records
        WHERE sequence = 3 AND name = 'inventory.low_stock' OR sequence = 4 AND name = 'inventory.out_of_stock'";
    assert_eq!(hand.number(told).await, 2, "also what a hand does is told");
    hand.accepts("UPDATE {schema}.stock SET on_hand = on_hand + 1, reserved = reserved + 1").await;
    assert_eq!(hand.number("SELECT last FROM {schema}.stock_outbox").await, 4, "nothing is crossed");
}

#[tokio::test]
async fn a_write_set_is_remembered_by_the_chapter_it_brings() {
    let mut place = Place::new().await;
    let (receive, (order, _)) = (place.sampler.receive(&[("tea", 9)]), place.sampler.order("ann", "tea"));
    place.apply(&receive).await;
    place.apply(&order).await;
    for (table, column, set) in [("write_sets", "id", &receive), ("events", "write_set", &order)] {
        let sql = format!("SELECT count(*) FROM {{schema}}.{table} WHERE {column} = '{}'", set.id);
        assert_eq!(place.hand.number(&sql).await, 1, "{table}");
        assert_eq!(
            place.hand.number(&format!("SELECT count(*) FROM {{schema}}.{table}")).await,
            1,
            "{table}"
        );
    }
}

/// Neither of few products nor of many: the planner would rather walk through all levels of a small shop.
#[tokio::test]
async fn a_commit_reads_the_levels_it_changes() {
    let mut place = Place::new().await;
    let names: Vec<String> = (0..40).map(|number| format!("tea-{number}")).collect();
    let products: Vec<(&str, i64)> = names.iter().map(|name| (name.as_str(), 9)).collect();
    place.apply(&place.sampler.receive(&products)).await;
    let hand = &mut place.hand;
    hand.accepts("ANALYZE {schema}.stock").await;
    let levels =
        "stock_product => '{tea-1,tea-30}', stock_location => '{main,main}', stock_on_hand => '{0,0}',
        stock_reserved => '{1,1}', stock_sold => '{0,0}'";
    let bounds =
        "stock_least_available => '{-1,-1}', stock_least_reserved => '{0,0}', stock_least_sold => '{0,0}',
        stock_most_sold => '{0,0}', stock_most_on_hand => '{0,0}', stock_changed => 0";
    let one = format!("set_id => gen_random_uuid(), set_at => 0, {levels}");
    for (function, given) in [("apply_write_set", one), ("apply_write_sets", format!("{levels}, {bounds}"))] {
        let others = hand.sql(&format!(
            "SELECT string_agg(name || ' => NULL', ', ') FROM pg_proc, unnest(proargnames) AS name
            WHERE proname = '{function}' AND pronamespace = '{{schema}}'::regnamespace
                AND strpos($1, name || ' => ') = 0"
        ));
        let row = sqlx::query(others).bind(&given).fetch_one(&mut hand.connection).await.unwrap();
        let others: String = row.get(0);
        // What this connection has read and not yet reported.
        let read = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relid = '{schema}.stock'::regclass";
        hand.accepts("BEGIN").await;
        let before = hand.number(read).await;
        hand.accepts(&format!("SELECT {{schema}}.{function}({given}, {others})")).await;
        assert_eq!(hand.number(read).await - before, 2, "{function}");
        assert_eq!(hand.number("SELECT sum(reserved)::bigint FROM {schema}.stock").await, 2, "{function}");
        hand.accepts("ROLLBACK").await;
    }
}

/// However few carts the server believes there are.
#[tokio::test]
async fn a_commit_finds_its_cart_by_id() {
    let mut place = Place::new().await;
    let mut carts = Vec::new();
    for customer in 0..40 {
        let cart = place.sampler.cart(customer_cart(&format!("c-{customer}")));
        place.apply(&place.sampler.put_cart(0, &cart)).await;
        carts.push(cart);
    }
    let hand = &mut place.hand;
    hand.accepts("ANALYZE {schema}.carts").await;
    let read = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relid = '{schema}.carts'::regclass";
    hand.accepts("BEGIN").await;
    let before = hand.number(read).await;
    hand.accepts(&format!(
        "SELECT {{schema}}.put_cart(gen_random_uuid(), 0, 1, '{}', 'customer:c-7', 'open', 2, 0, '')",
        carts.swap_remove(7).id
    ))
    .await;
    assert_eq!(hand.number(read).await - before, 1);
    assert_eq!(hand.number("SELECT count(*) FROM {schema}.carts WHERE version = 2").await, 1);
    hand.accepts("ROLLBACK").await;
}

#[tokio::test]
async fn no_hand_can_lose_a_notice() {
    let mut place = Place::new().await;
    let entry = place.sampler.incoming("stripe", "evt_1");
    place.store.receive_notice(&entry).await.unwrap();
    let hand = &mut place.hand;
    hand.refuses("UPDATE {schema}.inbox SET status = 'lost'", "inbox_status").await;
    hand.refuses("UPDATE {schema}.inbox SET status = 'attended'", "inbox_open_is_due").await;
    hand.refuses("UPDATE {schema}.inbox SET due_at = NULL", "inbox_open_is_due").await;
    hand.refuses("UPDATE {schema}.inbox SET body = '{}'", "what a provider said never changes").await;
    hand.refuses("UPDATE {schema}.inbox SET event_id = 'b'", "what a provider said never changes").await;
    hand.refuses("UPDATE {schema}.inbox SET attempts = -1", "never_negative").await;
    hand.refuses("DELETE FROM {schema}.inbox", "settled before it is removed").await;
    hand.refuses("INSERT INTO {schema}.inbox SELECT * FROM {schema}.inbox", "inbox_pkey").await;
    hand.accepts("UPDATE {schema}.inbox SET status = 'ignored', due_at = NULL").await;
    hand.accepts("DELETE FROM {schema}.inbox").await;
}

#[tokio::test]
async fn many_may_open_a_new_schema_at_once() {
    let schema = Schema::new();
    let opening: Vec<_> = (0..8)
        .map(|_| {
            let builder = schema.builder();
            tokio::spawn(async move { builder.open().await.map(|_| ()) })
        })
        .collect();
    for task in opening {
        task.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_schema_of_another_version_is_refused() {
    let schema = Schema::new();
    let checking = schema.builder().migrations(false);
    let error = checking.clone().open().await.unwrap_err();
    assert!(matches!(error, OpenError::Older { version: 1 }), "{error:?}");
    schema.builder().migrate().await.unwrap();
    checking.clone().open().await.unwrap().close().await;
    let mut hand = schema.by_hand().await;
    hand.accepts("INSERT INTO {schema}.migrations (version, name, checksum) VALUES (1000, 'future', 'x')")
        .await;
    for builder in [checking, schema.builder()] {
        let error = builder.open().await.unwrap_err();
        assert!(matches!(error, OpenError::Newer { version: 1000 }), "{error:?}");
        assert!(error.to_string().contains("newer version"), "{error}");
    }
    hand.accepts("DELETE FROM {schema}.migrations WHERE version = 1000").await;
    hand.accepts("UPDATE {schema}.migrations SET checksum = 'x'").await;
    assert!(matches!(schema.builder().open().await.unwrap_err(), OpenError::Foreign { version: 1 }));
}

/// The functions are made anew whenever they change, by a migration with another number.
#[tokio::test]
async fn functions_of_an_earlier_version_are_replaced() {
    let schema = Schema::new();
    schema.open().await.close().await;
    let mut hand = schema.by_hand().await;
    let functions = "SELECT count(*) FROM pg_proc WHERE proname IN ('apply_write_sets', 'apply_write_set', 'put_cart', 'look')
        AND pronamespace = '{schema}'::regnamespace";
    assert_eq!(hand.number(functions).await, 4);
    hand.accepts("DROP FUNCTION {schema}.put_cart").await;
    hand.accepts("UPDATE {schema}.migrations SET version = 0, checksum = 'x' WHERE name = 'functions'").await;
    schema.open().await.close().await;
    assert_eq!(hand.number(functions).await, 4);
    hand.accepts("UPDATE {schema}.migrations SET name = 'tables' WHERE version = 0").await;
    assert!(matches!(schema.builder().open().await.unwrap_err(), OpenError::Newer { version: 0 }));
}

#[tokio::test]
async fn addresses_and_names_are_checked() {
    for name in ["", "Shop", "a-b", "1st", "pg_shop", "a\"; DROP SCHEMA public; --"] {
        let error = PostgresStore::builder(postgres_server::url()).schema(name).open().await.unwrap_err();
        assert!(matches!(error, OpenError::Schema), "{name}: {error:?}");
    }
    assert!(matches!(PostgresStore::open("http://[").await.unwrap_err(), OpenError::Address(_)));
    let nobody = "postgres://127.0.0.1:1/shop";
    assert!(matches!(PostgresStore::open(nobody).await.unwrap_err(), OpenError::Failed(_)));
}

/// What is asked, and the index that answers it without sorting.
const QUESTIONS: &[(&str, &str)] = &[
    (
        "SELECT body FROM {schema}.orders WHERE customer_id = 'a' ORDER BY id DESC LIMIT 5",
        "orders_by_customer",
    ),
    (
        "SELECT body FROM {schema}.orders WHERE status = 'paid' ORDER BY id DESC LIMIT 5",
        "orders_by_status",
    ),
    ("SELECT body FROM {schema}.orders ORDER BY id DESC LIMIT 5", "orders_pkey"),
    ("SELECT body FROM {schema}.orders WHERE number = 'a'", "orders_number"),
    ("SELECT id FROM {schema}.orders WHERE due_at <= 9 ORDER BY due_at, id LIMIT 5", "orders_due"),
    (
        "SELECT at, order_id FROM {schema}.outbox WHERE busy_until IS NULL ORDER BY at, order_id LIMIT 5",
        "outbox_free",
    ),
    (
        "SELECT order_id FROM {schema}.outbox WHERE busy_until IS NOT NULL AND busy_until <= 9",
        "outbox_busy",
    ),
    (
        "SELECT body FROM {schema}.reservations WHERE status = 'active' AND expires_at <= 9
         ORDER BY expires_at, id LIMIT 5",
        "reservations_expiring",
    ),
    (
        "SELECT id FROM {schema}.carts WHERE status = 'open' AND expires_at <= 9 ORDER BY expires_at, id LIMIT 5",
        "carts_expiring",
    ),
    ("SELECT body FROM {schema}.carts WHERE status = 'open' AND owner_key = 'a'", "carts_open"),
    (
        "SELECT body FROM {schema}.stock_records WHERE product_id = 'a' AND (at, location, sequence) < (9, 'b', 3)
         AND (NULL::text IS NULL OR location = NULL::text)
         ORDER BY at DESC, location DESC, sequence DESC LIMIT 5",
        "stock_records_by_time",
    ),
    (
        "SELECT at FROM {schema}.stock_outbox WHERE busy_until IS NULL ORDER BY at, product_id, location LIMIT 5",
        "stock_outbox_free",
    ),
    (
        "SELECT at FROM {schema}.stock_outbox WHERE busy_until IS NOT NULL AND busy_until <= 9",
        "stock_outbox_busy",
    ),
    (
        "SELECT body FROM {schema}.inbox WHERE due_at IS NOT NULL AND due_at <= 9 ORDER BY due_at, provider, event_id LIMIT 5",
        "inbox_due",
    ),
    (
        "SELECT body FROM {schema}.inbox WHERE due_at IS NULL AND changed_at < 9
         ORDER BY changed_at, provider, event_id LIMIT 5",
        "inbox_settled",
    ),
    (
        "SELECT body FROM {schema}.inbox WHERE (received_at, provider, event_id) < (9, 'a', 'b')
         ORDER BY received_at DESC, provider DESC, event_id DESC LIMIT 5",
        "inbox_by_receipt",
    ),
    (
        "SELECT body FROM {schema}.inbox WHERE status = 'parked' AND (received_at, provider, event_id) < (9, 'a', 'b')
         ORDER BY received_at DESC, provider DESC, event_id DESC LIMIT 5",
        "inbox_by_status",
    ),
    ("SELECT order_id FROM {schema}.payments WHERE provider_reference = 'a'", "payments_by_reference"),
];

#[tokio::test]
async fn questions_walk_an_index() {
    let mut place = Place::new().await;
    place.hand.accepts("SET enable_seqscan = off; SET enable_bitmapscan = off").await;
    for (sql, index) in QUESTIONS {
        let plan = place.plan(sql).await;
        assert!(plan.contains(index), "{sql}:\n{plan}");
        assert!(!plan.contains("Sort"), "{sql}:\n{plan}");
    }
    let history = "SELECT body FROM {schema}.events WHERE order_id = '00000000-0000-0000-0000-000000000000' ORDER BY sequence";
    assert!(place.plan(history).await.contains("events_pkey"));
    let whole = "SELECT o.body, (
        SELECT string_agg(e.body, '' ORDER BY e.sequence) FROM {schema}.events AS e
        WHERE e.order_id = o.id AND e.sequence > coalesce(o.body_version, o.version)
    ), o.version FROM {schema}.orders AS o WHERE o.number = 'a'";
    let plan = place.plan(whole).await;
    assert!(plan.contains("orders_number") && plan.contains("events_pkey"), "{plan}");
}
