use std::sync::Arc;

use order_adapters::postgres::PostgresStore;
use order_adapters::postgres::sqlx::types::Uuid;
use order_adapters::postgres::sqlx::{self, AssertSqlSafe, Connection as _, PgConnection};
use order_benches::measure::{Crowd, Done, Measured, some_of};
use order_benches::stores::Schema;
use order_benches::{Outcome, Shop};
use order_core::id::{CustomerId, OrderId};
use order_core::store::{Cursor, OrderFilter, PageRequest, Store};

/// How many products a shop has.
const PRODUCTS: usize = 300;

/// The customers, who have equal shares of the orders.
const CUSTOMERS: usize = 64;

/// How many copies one statement makes.
const CHUNK: u64 = 20_000;

/// How many connections fill.
const FILLERS: u64 = 2;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// An order of three lines, paid on delivery.
    Place,
    /// Any order by its id.
    Get,
    /// The latest twenty orders of a customer.
    FirstPage,
    /// Twenty from the middle of their orders.
    DeepPage,
}

impl Work {
    pub(crate) const ALL: [Self; 4] = [Self::Place, Self::Get, Self::FirstPage, Self::DeepPage];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Place => "place",
            Self::Get => "get",
            Self::FirstPage => "list-first",
            Self::DeepPage => "list-deep",
        }
    }
}

/// A shop with many orders.
#[derive(Debug)]
pub(crate) struct GrownShop {
    orders: u64,
    schema: Schema,
    shop: Arc<Shop>,
    store: Arc<PostgresStore>,
    /// Some of the orders.
    ids: Arc<Vec<OrderId>>,
    /// For each customer, the order in the middle of theirs.
    middles: Arc<Vec<OrderId>>,
}

impl GrownShop {
    /// Makes a shop with so many orders.
    pub(crate) async fn open(url: &str, orders: u64) -> Outcome<Self> {
        let schema = Schema::new(url);
        let store = Arc::new(PostgresStore::builder(url).schema(schema.name()).open().await?);
        let shop = Shop::open(Arc::clone(&store) as Arc<dyn Store>, PRODUCTS, 100_000_000).await?;
        for client in 0..CUSTOMERS {
            shop.place(&CustomerId::new(format!("customer-{client}"))?, &some_of(PRODUCTS, client * 7, 3))
                .await?;
        }
        schema.run(include_str!("templates.sql")).await?;
        let copies = orders.saturating_sub(u64::try_from(CUSTOMERS)?);
        let fillers: Vec<_> = (0..FILLERS)
            .map(|filler| tokio::spawn(fill(url.to_owned(), schema.name().to_owned(), filler, copies)))
            .collect();
        for filler in fillers {
            filler.await??;
        }
        schema.run("VACUUM ANALYZE").await?;
        let mut connection = PgConnection::connect(url).await?;
        let some = "SELECT id FROM {schema}.orders ORDER BY md5(number) LIMIT 2000";
        let ids = ids_of(&mut connection, &schema, some).await?;
        let middle = format!(
            "SELECT (SELECT o.id FROM {{schema}}.orders AS o WHERE o.customer_id = 'customer-' || c
             ORDER BY o.id OFFSET {} LIMIT 1) FROM generate_series(0, {}) AS c",
            orders / 128,
            CUSTOMERS - 1
        );
        let middles = ids_of(&mut connection, &schema, &middle).await?;
        connection.close().await?;
        Ok(Self { orders, schema, shop: Arc::new(shop), store, ids, middles })
    }

    pub(crate) fn orders(&self) -> u64 {
        self.orders
    }

    /// Does it again and again, one after the other.
    pub(crate) async fn measure(&self, work: Work, seconds: u64) -> Outcome<Measured> {
        let (shop, store) = (Arc::clone(&self.shop), Arc::clone(&self.store));
        let (ids, middles) = (Arc::clone(&self.ids), Arc::clone(&self.middles));
        let crowd = Crowd { clients: 1, seconds: Some(seconds) };
        let measured = crowd
            .run(move |_, drawn| {
                let (shop, store) = (Arc::clone(&shop), Arc::clone(&store));
                let id = ids.get(drawn % ids.len().max(1)).copied();
                let customer = drawn % CUSTOMERS;
                let middle = middles.get(customer).copied();
                async move { once(&shop, &*store, work, drawn, (customer, id, middle)).await }
            })
            .await;
        match measured.error {
            Some(error) => Err(error.into()),
            None => Ok(measured),
        }
    }

    pub(crate) async fn remove(self) -> Outcome {
        self.schema.remove().await
    }
}

async fn once(
    shop: &Shop,
    store: &dyn Store,
    work: Work,
    drawn: usize,
    (customer, id, middle): (usize, Option<OrderId>, Option<OrderId>),
) -> Outcome<Done> {
    let customer = CustomerId::new(format!("customer-{customer}"))?;
    let mut filter = OrderFilter::default();
    let mut page = PageRequest::first(20);
    match work {
        Work::Place => {
            shop.place(&customer, &some_of(PRODUCTS, drawn, 3)).await?;
            return Ok(Done::Ordered);
        }
        Work::Get => {
            let found = store.find_order(id.ok_or("there is no order")?).await?;
            return if found.is_some() { Ok(Done::Ordered) } else { Err("an order is gone".into()) };
        }
        Work::FirstPage => {}
        Work::DeepPage => page = page.after(middle.map(Cursor::behind)),
    }
    filter.customer_id = Some(customer);
    let found = store.list_orders(&filter, page).await?;
    if found.items.len() == 20 { Ok(Done::Ordered) } else { Err("a page is not full".into()) }
}

async fn ids_of(connection: &mut PgConnection, schema: &Schema, sql: &str) -> Outcome<Arc<Vec<OrderId>>> {
    let sql = AssertSqlSafe(sql.replace("{schema}", schema.name()));
    let found = sqlx::query_scalar::<_, Uuid>(sql).fetch_all(connection).await?;
    Ok(Arc::new(found.into_iter().map(OrderId::from_uuid).collect()))
}

/// Makes every second chunk of copies.
async fn fill(url: String, schema: String, filler: u64, copies: u64) -> Outcome {
    let mut connection = PgConnection::connect(&url).await?;
    let prepare = "SET work_mem = '256MB'; SET synchronous_commit = off";
    sqlx::raw_sql(prepare).execute(&mut connection).await?;
    let sql = include_str!("fill.sql").replace("{schema}", &schema);
    let mut first = filler * CHUNK + 1;
    while first <= copies {
        let last = (first + CHUNK - 1).min(copies);
        let query = sqlx::query(AssertSqlSafe(sql.clone())).bind(i64::try_from(first)?);
        query.bind(i64::try_from(last)?).execute(&mut connection).await?;
        first += CHUNK * FILLERS;
    }
    Ok(connection.close().await?)
}
