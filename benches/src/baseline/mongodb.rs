//! MongoDB by hand: a tiny insert, and many orders in one transaction. An order is one document with its lines and its message.

use std::collections::BTreeMap;

use order_adapters::mongodb::driver::bson::{Document, doc};
use order_adapters::mongodb::driver::options::{
    DatabaseOptions, ReadConcern, TransactionOptions, WriteConcern,
};
use order_adapters::mongodb::driver::{Client, ClientSession, Database};
use order_core::id::{OrderId, SystemIds};
use order_core::time::{Clock as _, SystemClock};
use tokio::sync::{mpsc, oneshot};

use super::PRICE;
use crate::stores::unused_name;
use crate::{Outcome, product_id};

/// The most orders in one transaction.
const MAX_BATCH: usize = 128;

/// How often a transaction that met another one begins anew.
const MAX_TRIES: usize = 20;

/// The collections of the baselines, and the ways to write into them. Clones are the same.
#[derive(Debug, Clone)]
pub struct Baseline {
    database: Database,
    queue: mpsc::Sender<Job>,
}

#[derive(Debug)]
struct Job {
    order: Document,
    skus: Vec<String>,
    reply: oneshot::Sender<Result<(), String>>,
}

impl Baseline {
    /// Makes the collections, with so many units of each product, and starts the worker.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn open(url: &str, products: usize, units: u32) -> Outcome<Self> {
        let client = Client::with_uri_str(url).await?;
        let options = DatabaseOptions::builder().write_concern(durable()).build();
        let database = client.database_with_options(&unused_name(), options);
        let shelf = |index| Ok(doc! { "_id": product_id(index)?.as_str(), "available": i64::from(units) });
        let shelves: Vec<Document> = (0..products).map(shelf).collect::<Outcome<_>>()?;
        database.collection::<Document>("stock").insert_many(shelves).await?;
        for name in ["orders", "ticks"] {
            database.create_collection(name).await?;
        }
        let (queue, jobs) = mpsc::channel(2_048);
        tokio::spawn(work(client, database.clone(), jobs));
        Ok(Self { database, queue })
    }

    /// One tiny document, held by a majority.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn tick(&self, client: usize) -> Outcome {
        let tick = doc! { "value": i64::try_from(client)? };
        self.database.collection::<Document>("ticks").insert_one(tick).await?;
        Ok(())
    }

    /// An order, committed together with all that wait.
    ///
    /// # Errors
    /// When there is not enough, or the database refuses.
    pub async fn place_in_group(&self, client: usize, products: &[usize]) -> Outcome {
        let skus: Vec<String> = products
            .iter()
            .map(|index| Ok(product_id(*index)?.as_str().to_owned()))
            .collect::<Outcome<_>>()?;
        let id = OrderId::new(&SystemIds, SystemClock.now()).uuid().to_string();
        let line = |sku: &String| doc! { "sku": sku, "quantity": 1_i64, "price": PRICE };
        let order = doc! {
            "_id": &id, "customer_id": format!("customer-{client}"), "status": "pending", "version": 1_i64,
            "total": PRICE.saturating_mul(i64::try_from(skus.len())?),
            "lines": skus.iter().map(line).collect::<Vec<_>>(),
            "outbox": [{ "seq": 1_i64, "kind": "order.placed" }],
        };
        let (reply, answer) = oneshot::channel();
        self.queue.send(Job { order, skus, reply }).await.map_err(|_| "the worker is gone")?;
        Ok(answer.await??)
    }

    /// Whether as many units are gone as there are lines.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn adds_up(&self, orders: u64, lines: usize, stocked: i64) -> Outcome<bool> {
        let placed = self.database.collection::<Document>("orders").count_documents(doc! {}).await?;
        let mut left = 0;
        let mut shelves = self.database.collection::<Document>("stock").find(doc! {}).await?;
        while shelves.advance().await? {
            left += shelves.deserialize_current()?.get_i64("available")?;
        }
        let units = i64::try_from(orders)? * i64::try_from(lines)?;
        Ok(placed == orders && stocked - left == units)
    }

    /// Removes the collections.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn remove(self) -> Outcome {
        Ok(self.database.drop().await?)
    }
}

fn durable() -> WriteConcern {
    let mut concern = WriteConcern::majority();
    concern.journal = Some(true);
    concern
}

async fn work(client: Client, database: Database, mut jobs: mpsc::Receiver<Job>) {
    let Ok(mut session) = client.start_session().await else { return };
    while let Some(job) = jobs.recv().await {
        let mut batch = vec![job];
        while batch.len() < MAX_BATCH
            && let Ok(job) = jobs.try_recv()
        {
            batch.push(job);
        }
        let mut done = group(&database, &mut session, &batch).await;
        for _ in 0..MAX_TRIES {
            if done.is_ok() {
                break;
            }
            // What began and did not end is given up.
            let _ = session.abort_transaction().await;
            done = group(&database, &mut session, &batch).await;
        }
        let done = done.map_err(|error| error.to_string());
        for job in batch {
            // A caller that has gone needs no answer.
            let _ = job.reply.send(done.clone());
        }
    }
}

/// Commits orders together: all of them, and one conditional update for each product with what they want of it.
async fn group(database: &Database, session: &mut ClientSession, batch: &[Job]) -> Outcome {
    let mut need: BTreeMap<&str, i64> = BTreeMap::new();
    for sku in batch.iter().flat_map(|job| &job.skus) {
        *need.entry(sku).or_default() += 1;
    }
    let take = |(sku, units): (&&str, &i64)| {
        doc! { "q": { "_id": *sku, "available": { "$gte": units } }, "u": { "$inc": { "available": -units } } }
    };
    let updates: Vec<Document> = need.iter().map(take).collect();
    let options =
        TransactionOptions::builder().read_concern(ReadConcern::snapshot()).write_concern(durable()).build();
    session.start_transaction().with_options(options).await?;
    let orders: Vec<&Document> = batch.iter().map(|job| &job.order).collect();
    database.collection::<Document>("orders").insert_many(orders).session(&mut *session).await?;
    let taken =
        database.run_command(doc! { "update": "stock", "updates": updates }).session(&mut *session).await?;
    if taken.get_i32("nModified").ok() != i32::try_from(need.len()).ok() {
        return Err("out of stock".into());
    }
    Ok(session.commit_transaction().await?)
}
