//! A page of a large shop walks the index of what is asked for, and is planned once.

use order_core::id::{CustomerId, OrderId, SellerId};
use order_core::order::OrderStatus;
use order_core::store::{Cursor, OrderFilter, PageRequest, SortOrder};
use order_core::time::{Duration, Timestamp};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};

use super::PostgresStore;
use super::list::list;

/// After how many runs the server has weighed a plan for all values against those that it made for each.
const RUNS: usize = 8;

/// Orders in the order of their ids that have nearly everything in common: what tempts a plan for all values to walk through all of them.
const ORDERS: &str = "
    INSERT INTO {schema}.orders (id, number, customer_id, status, version, currency, total_minor, created_at, sellers, search, body)
    SELECT lpad(to_hex(n), 32, '0')::uuid, 'N-' || n, CASE n WHEN 1 THEN 'bob' ELSE 'ann' END,
        CASE n WHEN 1 THEN 'pending' ELSE 'paid' END, 1, 'EUR', 100, n, '{north}', 'tea', '{}'
    FROM generate_series(1, 20000) AS n;
    ANALYZE {schema}.orders, {schema}.order_sellers";

/// Filters, with the index that each walks.
fn filters() -> Vec<(OrderFilter, &'static str)> {
    let any = OrderFilter::default();
    let customer_id = Some(CustomerId::new("ann").unwrap());
    let seller_id = Some(SellerId::new("north").unwrap());
    let statuses = vec![OrderStatus::Paid, OrderStatus::Pending];
    let placed_from = Some(Timestamp::UNIX_EPOCH);
    let placed_before = Some(Timestamp::UNIX_EPOCH + Duration::days(9));
    let text = Some("tea".to_owned());
    vec![
        (any.clone(), "orders_pkey"),
        (OrderFilter { text, ..any.clone() }, "orders_pkey"),
        (OrderFilter { customer_id: customer_id.clone(), ..any.clone() }, "orders_by_customer"),
        (
            OrderFilter { customer_id, statuses: statuses.clone(), placed_from, ..any.clone() },
            "orders_by_customer",
        ),
        (OrderFilter { seller_id: seller_id.clone(), ..any.clone() }, "order_sellers_pkey"),
        (OrderFilter { seller_id, statuses: statuses.clone(), ..any.clone() }, "order_sellers_pkey"),
        (OrderFilter { statuses: statuses.clone(), ..any.clone() }, "orders_by_status"),
        (OrderFilter { statuses, placed_from, placed_before, ..any.clone() }, "orders_by_status"),
        (OrderFilter { placed_from, placed_before, ..any }, "orders_pkey"),
    ]
}

/// The plan that the server keeps for the pages of a filter.
async fn kept_plan(
    store: &PostgresStore,
    connection: &mut PgConnection,
    filter: &OrderFilter,
    page: PageRequest,
) -> Option<String> {
    for _ in 0..RUNS {
        list(&store.schema, filter, page).build().fetch_all(&mut *connection).await.unwrap();
    }
    let sql = list(&store.schema, filter, page).sql().as_str().to_owned();
    let prepared = "SELECT name, cardinality(parameter_types), generic_plans FROM pg_prepared_statements WHERE statement = $1";
    let prepared = sqlx::query(prepared).bind(sql).fetch_one(&mut *connection).await.unwrap();
    if prepared.get::<i64, _>(2) == 0 {
        return None;
    }
    let values = vec!["NULL"; usize::try_from(prepared.get::<i32, _>(1)).unwrap()].join(", ");
    let values = if values.is_empty() { values } else { format!("({values})") };
    let explain = AssertSqlSafe(format!("EXPLAIN EXECUTE {}{values}", prepared.get::<&str, _>(0)));
    let rows = sqlx::raw_sql(explain).fetch_all(connection).await.unwrap();
    Some(rows.iter().map(|row| row.get::<String, _>(0)).collect::<Vec<_>>().join("\n"))
}

#[tokio::test]
async fn pages_of_many_orders_walk_an_index() {
    let url = std::env::var("DATABASE_URL").unwrap_or_else(|_| {
        unreachable!(
            "DATABASE_URL is not set; start a server with: services=$(scripts/test-services) && export $services"
        )
    });
    let name = format!("test_plans_{}", std::process::id());
    let store = PostgresStore::builder(&url).schema(name).accept_loss().open().await.unwrap();
    let mut connection = PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(store.sql(ORDERS)).execute(&mut connection).await.unwrap();
    let middle = Cursor::behind("00000000-0000-0000-0000-000000002710".parse::<OrderId>().unwrap());
    let mut plans = Vec::new();
    for (filter, index) in filters() {
        for order in [SortOrder::NewestFirst, SortOrder::OldestFirst] {
            for after in [None, Some(middle)] {
                let page = PageRequest::first(20).sorted(order).after(after);
                let plan = kept_plan(&store, &mut connection, &filter, page).await;
                let has_owner = filter.customer_id.is_some() || filter.seller_id.is_some();
                let is_sifted = filter.text.is_some() || (has_owner && !filter.statuses.is_empty());
                plans.push((plan, index, is_sifted, format!("{filter:?} {page:?}")));
            }
        }
    }
    sqlx::raw_sql(store.sql("DROP SCHEMA {schema} CASCADE")).execute(&mut connection).await.unwrap();
    for (plan, index, is_sifted, question) in plans {
        let plan = plan.unwrap_or_else(|| unreachable!("it is planned anew each time: {question}"));
        assert!(plan.contains(&format!(" using {index} on ")), "{question}:\n{plan}");
        assert!(!plan.contains("Seq Scan"), "{question}:\n{plan}");
        // What is walked is what is wanted.
        assert_eq!(plan.contains("Filter: "), is_sifted, "{question}:\n{plan}");
    }
}
