//! The whole flow by hand, with as many round trips as an engine that never takes money twice: a cart that is kept after each change,
//! an order that is there before the provider is asked, and its payment. What is available of a product is asked once a second.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use order_adapters::postgres::sqlx::{self, AssertSqlSafe, Row as _};
use order_core::id::{CartId, SystemIds};
use order_core::time::{Clock as _, SystemClock};

use super::{Baseline, Order, PRICE};
use crate::Outcome;

/// The statements of the flow.
#[derive(Debug, Clone)]
pub(super) struct Statements {
    available: sqlx::SqlStr,
    put_cart: sqlx::SqlStr,
    place_cart: sqlx::SqlStr,
    pay: sqlx::SqlStr,
}

impl Statements {
    pub(super) fn new(sql: impl Fn(&str) -> sqlx::SqlStr) -> Self {
        Self {
            available: sql("SELECT on_hand - reserved FROM {schema}.stock WHERE sku = $1"),
            put_cart: sql("
                INSERT INTO {schema}.carts AS c VALUES ($1, $2, $3, true, $4)
                ON CONFLICT (id) DO UPDATE SET version = excluded.version, body = excluded.body
                WHERE c.is_open AND c.version = excluded.version - 1"),
            place_cart: sql("SELECT {schema}.place_cart($1, $2, $3, $4, $5, $6, $7, $8, $9)"),
            pay: sql("SELECT {schema}.pay($1, $2, $3, $4)"),
        }
    }
}

/// What was available of products, and when.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<HashMap<String, (i64, Instant)>>);

impl Seen {
    fn get(&self, sku: &str) -> Option<i64> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(sku).filter(|(_, at)| at.elapsed() < Duration::from_secs(1)).map(|(units, _)| *units)
    }

    fn put(&self, sku: &str, units: i64) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.insert(sku.to_owned(), (units, Instant::now()));
    }
}

impl Baseline {
    /// A new cart, one unit of each product, put into it one after the other, one order, paid.
    ///
    /// # Errors
    /// When there is not enough, somebody else changed something, or the database refuses.
    pub async fn buy(&self, client: usize, products: &[usize]) -> Outcome {
        let cart = CartId::new(&SystemIds, SystemClock.now()).uuid();
        let order = Order::new(client, products)?;
        let mut version = 0_i64;
        let mut lines = Vec::new();
        for sku in &order.skus {
            let available = self.available(sku).await?;
            version += 1;
            lines.push(
                serde_json::json!({ "sku": sku, "quantity": 1, "price": PRICE, "available": available }),
            );
            let query = sqlx::query(self.flow.put_cart.clone())
                .bind(cart)
                .bind(&order.customer)
                .bind(version)
                .bind(serde_json::to_string(&lines)?);
            if query.execute(&self.pool).await?.rows_affected() != 1 {
                return Err("the cart has changed".into());
            }
        }
        let units = vec![1_i64; order.skus.len()];
        let query = sqlx::query(self.flow.place_cart.clone())
            .bind(cart)
            .bind(version)
            .bind(order.id)
            .bind(&order.customer)
            .bind(order.total())
            .bind(&order.skus)
            .bind(&units)
            .bind(vec![PRICE; units.len()])
            .bind(order.payload());
        query.execute(&self.pool).await?;
        let query = sqlx::query(self.flow.pay.clone())
            .bind(order.id)
            .bind(&order.skus)
            .bind(&units)
            .bind(order.payload());
        query.execute(&self.pool).await?;
        Ok(())
    }

    async fn available(&self, sku: &str) -> Outcome<i64> {
        if let Some(units) = self.seen.get(sku) {
            return Ok(units);
        }
        let row = sqlx::query(self.flow.available.clone()).bind(sku).fetch_one(&self.pool).await?;
        let units = row.get(0);
        self.seen.put(sku, units);
        Ok(units)
    }

    /// Whether what was written adds up: every order paid, its cart closed, two messages each, and as many units gone as lines.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn is_paid_up(&self, orders: u64, lines: usize) -> Outcome<bool> {
        let sql = "SELECT (SELECT count(*) FROM {schema}.orders WHERE status = 'paid'), (SELECT count(*) FROM {schema}.orders),
            (SELECT count(*) FROM {schema}.carts WHERE NOT is_open), (SELECT count(*) FROM {schema}.outbox),
            (SELECT count(*) FROM {schema}.lines), (SELECT sum(sold) FROM {schema}.stock)::bigint,
            (SELECT sum(reserved) FROM {schema}.stock)::bigint";
        let sql = AssertSqlSafe(sql.replace("{schema}", self.schema.name()));
        let row = sqlx::query(sql).fetch_one(&self.pool).await?;
        let orders = i64::try_from(orders)?;
        let units = orders * i64::try_from(lines)?;
        let found: Vec<i64> = (0..7).map(|column| row.get(column)).collect();
        Ok(found == [orders, orders, orders, 2 * orders, units, units, 0])
    }
}
