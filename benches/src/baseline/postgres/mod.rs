//! PostgreSQL by hand: a tiny insert, an order in one round trip, many orders in one statement, and the whole flow.

mod flow;

use std::collections::BTreeMap;
use std::str::FromStr as _;
use std::sync::Arc;

use order_adapters::postgres::sqlx::postgres::{
    PgArguments, PgConnectOptions, PgConnection, PgPool, PgPoolOptions,
};
use order_adapters::postgres::sqlx::query::Query;
use order_adapters::postgres::sqlx::{
    self, AssertSqlSafe, Connection as _, Postgres, Row as _, SqlSafeStr as _, SqlStr,
};
use order_core::id::{OrderId, SystemIds};
use order_core::time::{Clock as _, SystemClock};
use tokio::sync::{Mutex, mpsc, oneshot};

use super::PRICE;
use crate::stores::Schema;
use crate::{Outcome, product_id};

/// The connections of callers that commit for themselves. More lose to contention on few cores.
const CONNECTIONS: u32 = 8;

/// The workers that commit for all callers.
const WORKERS: usize = 2;

/// The most orders in one statement.
const MAX_BATCH: usize = 128;

/// The tables of the baselines, and the ways to write into them. Clones are the same.
#[derive(Debug, Clone)]
pub struct Baseline {
    schema: Arc<Schema>,
    pool: PgPool,
    tick: SqlStr,
    place: SqlStr,
    flow: flow::Statements,
    seen: Arc<flow::Seen>,
    queue: mpsc::Sender<Job>,
}

/// The order of a customer: one unit of each product.
#[derive(Debug)]
struct Order {
    id: sqlx::types::Uuid,
    customer: String,
    skus: Vec<String>,
}

#[derive(Debug)]
struct Job {
    order: Order,
    reply: oneshot::Sender<Result<bool, String>>,
}

type Jobs = Arc<Mutex<mpsc::Receiver<Job>>>;

/// The lock on each product is taken in the order of their names; everything else happens if all of them have enough.
const GROUP: &str = "
    WITH need AS MATERIALIZED (
        SELECT * FROM unnest($1::text[], $2::bigint[]) AS n (sku, quantity)
    ), locked AS MATERIALIZED (
        SELECT s.on_hand - s.reserved >= n.quantity AS fits
        FROM need AS n JOIN {schema}.stock AS s USING (sku) ORDER BY s.sku FOR NO KEY UPDATE OF s
    ), decided AS MATERIALIZED (
        SELECT count(*) = cardinality($1) AND bool_and(fits) AS fit FROM locked
    ), taken AS (
        UPDATE {schema}.stock AS s SET reserved = s.reserved + n.quantity
        FROM need AS n, decided AS d WHERE d.fit AND s.sku = n.sku
    ), placed AS (
        INSERT INTO {schema}.orders
        SELECT o.id, o.customer, 'pending', 1, o.total
        FROM unnest($3::uuid[], $4::text[], $5::bigint[]) AS o (id, customer, total), decided AS d WHERE d.fit
    ), listed AS (
        INSERT INTO {schema}.lines
        SELECT l.* FROM unnest($6::uuid[], $7::text[], $8::bigint[], $9::bigint[]) AS l, decided AS d WHERE d.fit
    ), told AS (
        INSERT INTO {schema}.outbox (order_id, kind, payload)
        SELECT o.id, 'order.placed', o.payload
        FROM unnest($3::uuid[], $10::text[]) AS o (id, payload), decided AS d WHERE d.fit
    )
    SELECT fit FROM decided";

impl Baseline {
    /// Makes the tables, with so many units of each product, and starts the workers.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn open(url: &str, products: usize, units: u32) -> Outcome<Self> {
        let schema = Schema::new(url);
        schema.run(include_str!("tables.sql")).await?;
        let options = PgConnectOptions::from_str(url)?.options([("plan_cache_mode", "force_generic_plan")]);
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .min_connections(CONNECTIONS)
            .test_before_acquire(false)
            .connect_with(options.clone())
            .await?;
        let sql = |template: &str| AssertSqlSafe(template.replace("{schema}", schema.name())).into_sql_str();
        let skus = (0..products).map(|index| Ok(product_id(index)?.as_str().to_owned()));
        sqlx::query(sql("INSERT INTO {schema}.stock (sku, on_hand, reserved) SELECT sku, $2, 0 FROM unnest($1::text[]) AS sku"))
            .bind(skus.collect::<Outcome<Vec<String>>>()?)
            .bind(i64::from(units))
            .execute(&pool)
            .await?;
        let (queue, jobs) = mpsc::channel(2_048);
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..WORKERS {
            let connection = PgConnection::connect_with(&options).await?;
            tokio::spawn(work(connection, sql(GROUP), Arc::clone(&jobs)));
        }
        Ok(Self {
            tick: sql("INSERT INTO {schema}.ticks (value) VALUES ($1)"),
            place: sql("SELECT {schema}.place($1, $2, $3, $4, $5, $6, $7)"),
            flow: flow::Statements::new(sql),
            seen: Arc::default(),
            schema: Arc::new(schema),
            pool,
            queue,
        })
    }

    /// One tiny row, committed.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn tick(&self, client: usize) -> Outcome {
        let value = i64::try_from(client)?;
        sqlx::query(self.tick.clone()).bind(value).execute(&self.pool).await?;
        Ok(())
    }

    /// An order, committed by its caller with one call of one function.
    ///
    /// # Errors
    /// When there is not enough, or the database refuses.
    pub async fn place(&self, client: usize, products: &[usize]) -> Outcome {
        let order = Order::new(client, products)?;
        let units = vec![1_i64; order.skus.len()];
        let query = sqlx::query(self.place.clone())
            .bind(order.id)
            .bind(&order.customer)
            .bind(order.total())
            .bind(&order.skus)
            .bind(&units)
            .bind(vec![PRICE; units.len()])
            .bind(order.payload());
        query.execute(&self.pool).await?;
        Ok(())
    }

    /// An order, committed together with all that wait.
    ///
    /// # Errors
    /// When there is not enough, or the database refuses.
    pub async fn place_in_group(&self, client: usize, products: &[usize]) -> Outcome {
        let (reply, answer) = oneshot::channel();
        let job = Job { order: Order::new(client, products)?, reply };
        self.queue.send(job).await.map_err(|_| "the workers are gone")?;
        if answer.await?? { Ok(()) } else { Err("out of stock".into()) }
    }

    /// Whether what was written adds up: as many units as lines, as many messages as orders.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn adds_up(&self, orders: u64, lines: usize) -> Outcome<bool> {
        let sql = "SELECT (SELECT count(*) FROM {schema}.orders), (SELECT count(*) FROM {schema}.outbox),
            (SELECT count(*) FROM {schema}.lines), (SELECT sum(reserved) FROM {schema}.stock)::bigint";
        let sql = AssertSqlSafe(sql.replace("{schema}", self.schema.name()));
        let row = sqlx::query(sql).fetch_one(&self.pool).await?;
        let orders = i64::try_from(orders)?;
        let units = orders * i64::try_from(lines)?;
        Ok([row.get(0), row.get(1), row.get(2), row.get::<i64, _>(3)] == [orders, orders, units, units])
    }

    /// Removes the tables.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn remove(self) -> Outcome {
        self.pool.close().await;
        self.schema.run("DROP SCHEMA {schema} CASCADE").await
    }
}

impl Order {
    fn new(client: usize, products: &[usize]) -> Outcome<Self> {
        let mut skus: Vec<String> = products
            .iter()
            .map(|index| Ok(product_id(*index)?.as_str().to_owned()))
            .collect::<Outcome<_>>()?;
        skus.sort_unstable();
        let id = OrderId::new(&SystemIds, SystemClock.now()).uuid();
        Ok(Self { id, customer: format!("customer-{client}"), skus })
    }

    fn total(&self) -> i64 {
        self.skus.iter().map(|_| PRICE).sum()
    }

    fn payload(&self) -> String {
        format!(r#"{{"order_id":"{}","customer_id":"{}"}}"#, self.id, self.customer)
    }
}

async fn work(mut connection: PgConnection, sql: SqlStr, jobs: Jobs) {
    loop {
        let mut batch = Vec::new();
        {
            let mut jobs = jobs.lock().await;
            let Some(job) = jobs.recv().await else { return };
            batch.push(job);
            while batch.len() < MAX_BATCH
                && let Ok(job) = jobs.try_recv()
            {
                batch.push(job);
            }
        }
        let done = group(sql.clone(), &batch).fetch_one(&mut connection).await;
        let done = done.and_then(|row| row.try_get::<bool, _>(0)).map_err(|error| error.to_string());
        for job in batch {
            // A caller that has gone needs no answer.
            let _ = job.reply.send(done.clone());
        }
    }
}

/// The statement that commits orders together.
fn group(sql: SqlStr, batch: &[Job]) -> Query<'_, Postgres, PgArguments> {
    let mut need: BTreeMap<&str, i64> = BTreeMap::new();
    for sku in batch.iter().flat_map(|job| &job.order.skus) {
        *need.entry(sku).or_default() += 1;
    }
    let orders = || batch.iter().map(|job| &job.order);
    let lines = || orders().flat_map(|order| order.skus.iter().map(|sku| (order.id, sku.as_str())));
    let ones = vec![1_i64; lines().count()];
    sqlx::query(sql)
        .bind(need.keys().copied().collect::<Vec<_>>())
        .bind(need.values().copied().collect::<Vec<_>>())
        .bind(orders().map(|order| order.id).collect::<Vec<_>>())
        .bind(orders().map(|order| order.customer.as_str()).collect::<Vec<_>>())
        .bind(orders().map(Order::total).collect::<Vec<_>>())
        .bind(lines().map(|(id, _)| id).collect::<Vec<_>>())
        .bind(lines().map(|(_, sku)| sku).collect::<Vec<_>>())
        .bind(vec![PRICE; ones.len()])
        .bind(ones)
        .bind(orders().map(Order::payload).collect::<Vec<_>>())
}
