//! The journals of stock levels are read, and handed out: their outbox is a document for each level of which records wait.

use std::collections::HashMap;

use ::mongodb::bson::oid::ObjectId;
use ::mongodb::bson::{Bson, Document, doc};
use async_trait::async_trait;
use order_core::StoreError;
use order_core::id::{LocationId, ProductId};
use order_core::inventory::{StockEntry, StockKey, StockRecord};
use order_core::store::{OutboxMessage, Page, PageRequest, StockCursor, StockOutboxRepository};
use order_core::time::Timestamp;

use super::MongoStore;
use super::documents::{STOCK_OUTBOX, STOCK_RECORDS};
use super::inventory::level;
use super::list::Question;
use super::values::{body, bounded, corrupt, counter, date, inner, instant, number, text};

/// The most records of one level that are claimed at once.
const MAX_CLAIMED: i64 = 100;

impl MongoStore {
    /// A page of a product's records, newest first.
    pub(super) async fn records(
        &self,
        product: &ProductId,
        location: Option<&LocationId>,
        after: Option<&StockCursor>,
        limit: u32,
    ) -> Result<Page<StockRecord, StockCursor>, StoreError> {
        let limit = limit.clamp(1, PageRequest::MAX_LIMIT);
        let found = self.stale("read a journal", page(product, location, after, limit)).await?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = found.len() > limit;
        let items: Vec<StockRecord> = found.into_iter().take(limit).map(record).collect::<Result<_, _>>()?;
        let next = items.last().filter(|_| has_more).map(StockCursor::behind);
        Ok(Page::new(items, next))
    }
}

/// A page of a product's records and one more, at every location or at one.
pub(super) fn page(
    product: &ProductId,
    location: Option<&LocationId>,
    after: Option<&StockCursor>,
    limit: u32,
) -> Question {
    let mut filter = doc! { "_id.product_id": product.as_str() };
    if let Some(location) = location {
        filter.insert("_id.location", location.as_str());
    }
    if let Some(StockCursor { at, location, sequence, .. }) = after {
        let (at, location, sequence) = (date(*at), location.as_str(), bounded(*sequence));
        let behind = [
            doc! { "at": { "$lt": at } },
            doc! { "at": at, "_id.location": { "$lt": location } },
            doc! { "at": at, "_id.location": location, "_id.sequence": { "$lt": sequence } },
        ];
        filter.insert("$or", behind.to_vec());
        // Where the walk begins, so that a page costs the same at any depth.
        filter.insert("at", doc! { "$lte": at });
    }
    Question::new(STOCK_RECORDS, filter)
        .walks("stock_records_by_time", doc! { "at": -1, "_id.location": -1, "_id.sequence": -1 })
        .limit(limit.saturating_add(1))
}

fn record(document: Document) -> Result<StockRecord, StoreError> {
    let after = level(&document)?;
    let sequence = counter(STOCK_RECORDS, inner(STOCK_RECORDS, &document, "_id")?, "sequence")?;
    let at = instant(STOCK_RECORDS, &document, "at")?;
    let entry: StockEntry = body(STOCK_RECORDS, document)?;
    Ok(StockRecord::new(entry, sequence, at, after))
}

#[async_trait]
impl StockOutboxRepository for MongoStore {
    async fn claim_stock_outbox(
        &self,
        now: Timestamp,
        until: Timestamp,
        levels: u32,
    ) -> Result<Vec<OutboxMessage<StockRecord>>, StoreError> {
        let mut found = self.stock_heads("find free records", free(levels)).await?;
        found.extend(self.stock_heads("find records that have waited", waited(now, levels)).await?);
        found.sort_unstable();
        found.truncate(usize::try_from(levels).unwrap_or(usize::MAX));
        if found.is_empty() {
            return Ok(Vec::new());
        }
        // What nobody else has claimed meanwhile. A mark of this claim tells what that is; and it is read after the claim, so
        // that a head which has moved meanwhile is there.
        let ids: Vec<Bson> = found.iter().map(|head| Bson::from(head.id())).collect();
        let mark = ObjectId::new();
        let is_over = doc! { "state": "busy", "busy_until": { "$lte": date(now) } };
        let filter = doc! { "_id": { "$in": &ids }, "$or": [{ "state": "free" }, is_over] };
        let claim = doc! { "state": "busy", "busy_until": date(until), "claimed_by": mark };
        self.change_all("claim records", STOCK_OUTBOX, filter, doc! { "$set": claim }).await?;
        let claimed = Question::new(STOCK_OUTBOX, doc! { "_id": { "$in": ids }, "claimed_by": mark });
        let mut claimed = self.stock_heads("read claimed records", claimed).await?;
        claimed.sort_unstable();
        self.stock_messages(&claimed, MAX_CLAIMED).await
    }

    async fn delivered_stock(&self, key: &StockKey, sequence: u64) -> Result<(), StoreError> {
        let (id, sequence) = (level_id(key), bounded(sequence));
        let all = doc! { "_id": &id, "last": { "$lte": sequence } };
        let outbox = self.collection(STOCK_OUTBOX);
        let removed = self.patiently("note a delivery", async { outbox.delete_one(all).await }).await?;
        if removed.deleted_count > 0 {
            return Ok(());
        }
        // Some wait behind it, unless it was delivered before.
        let behind = sequence.saturating_add(1);
        let next = doc! { "_id": place(key, behind) };
        let Some(next) = self.one("find the record behind", STOCK_RECORDS, next).await? else {
            return Ok(());
        };
        let at = date(instant(STOCK_RECORDS, &next, "at")?);
        let change = doc! {
            "$set": { "state": "free", "head": behind, "at": at, "attempts": 0_i64 },
            "$unset": { "busy_until": 1, "claimed_by": 1 },
        };
        let some = doc! { "_id": id, "head": { "$lte": sequence } };
        self.change("note a delivery", STOCK_OUTBOX, some, change).await.map(|_| ())
    }

    async fn undelivered_stock(
        &self,
        key: &StockKey,
        sequence: u64,
        again: Timestamp,
    ) -> Result<(), StoreError> {
        let filter = doc! { "_id": level_id(key), "head": bounded(sequence) };
        let wait = doc! { "state": "busy", "busy_until": date(again) };
        let change = doc! { "$inc": { "attempts": 1_i64 }, "$set": wait };
        self.change("note a failed delivery", STOCK_OUTBOX, filter, change).await.map(|_| ())
    }

    async fn stuck_stock_outbox(
        &self,
        attempts: u32,
        limit: u32,
    ) -> Result<Vec<OutboxMessage<StockRecord>>, StoreError> {
        let heads = self.stock_heads("find stuck records", stuck(attempts, limit)).await?;
        self.stock_messages(&heads, 1).await
    }

    async fn stock_outbox_len(&self) -> Result<u64, StoreError> {
        let length = doc! { "$add": [{ "$subtract": ["$last", "$head"] }, 1] };
        let sum = [doc! { "$group": { "_id": 1, "sum": { "$sum": length } } }];
        self.sum("count waiting records", STOCK_OUTBOX, sum, "_id_").await
    }
}

/// The oldest heads that nobody has claimed.
pub(super) fn free(levels: u32) -> Question {
    Question::new(STOCK_OUTBOX, doc! { "state": "free" })
        .walks("stock_outbox_free", doc! { "at": 1, "_id": 1 })
        .limit(levels)
}

/// The oldest heads whose wait is over.
pub(super) fn waited(now: Timestamp, levels: u32) -> Question {
    Question::new(STOCK_OUTBOX, doc! { "state": "busy", "busy_until": { "$lte": date(now) } })
        .walks("stock_outbox_busy", doc! { "at": 1, "_id": 1 })
        .limit(levels)
}

/// The oldest heads that have failed so often.
pub(super) fn stuck(attempts: u32, limit: u32) -> Question {
    Question::new(STOCK_OUTBOX, doc! { "attempts": { "$gte": i64::from(attempts.max(1)) } })
        .walks("stock_outbox_failing", doc! { "at": 1, "_id": 1 })
        .limit(limit)
}

fn level_id(key: &StockKey) -> Document {
    doc! { "product_id": key.product_id.as_str(), "location": key.location.as_str() }
}

/// The id of a record.
fn place(key: &StockKey, sequence: i64) -> Document {
    doc! { "product_id": key.product_id.as_str(), "location": key.location.as_str(), "sequence": sequence }
}

/// The first record of a level that waits. The oldest comes first.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Head {
    at: Timestamp,
    key: StockKey,
    sequence: i64,
    attempts: u32,
}

impl Head {
    fn read(document: &Document) -> Result<Self, StoreError> {
        let id = inner(STOCK_OUTBOX, document, "_id")?;
        let product = ProductId::new(text(STOCK_OUTBOX, id, "product_id")?);
        let location = LocationId::new(text(STOCK_OUTBOX, id, "location")?);
        let product = product.map_err(|source| corrupt(STOCK_OUTBOX, source))?;
        let location = location.map_err(|source| corrupt(STOCK_OUTBOX, source))?;
        let attempts = u32::try_from(number(STOCK_OUTBOX, document, "attempts")?);
        Ok(Self {
            at: instant(STOCK_OUTBOX, document, "at")?,
            key: StockKey::new(product, location),
            sequence: number(STOCK_OUTBOX, document, "head")?,
            attempts: attempts.map_err(|source| corrupt(STOCK_OUTBOX, source))?,
        })
    }

    fn id(&self) -> Document {
        level_id(&self.key)
    }
}

impl MongoStore {
    async fn stock_heads(&self, context: &'static str, question: Question) -> Result<Vec<Head>, StoreError> {
        self.all(context, question).await?.iter().map(Head::read).collect()
    }

    /// The heads with what is behind them, at most so many of each. Records never change, so that this needs no transaction.
    async fn stock_messages(
        &self,
        heads: &[Head],
        most: i64,
    ) -> Result<Vec<OutboxMessage<StockRecord>>, StoreError> {
        if heads.is_empty() {
            return Ok(Vec::new());
        }
        let mut of_levels: HashMap<StockKey, Vec<StockRecord>> = HashMap::new();
        for found in self.all("read records", behind(heads, most)).await? {
            let record = record(found)?;
            of_levels.entry(record.key().clone()).or_default().push(record);
        }
        let mut messages = Vec::new();
        for head in heads {
            for record in of_levels.remove(&head.key).unwrap_or_default() {
                let is_head = i64::try_from(record.sequence) == Ok(head.sequence);
                messages.push(OutboxMessage::new(record, if is_head { head.attempts } else { 0 }));
            }
        }
        Ok(messages)
    }
}

/// The records of levels from their heads on. Those of one level come in their sequence.
fn behind(heads: &[Head], most: i64) -> Question {
    let ranges: Vec<Bson> = heads
        .iter()
        .map(|head| {
            let (from, to) =
                (place(&head.key, head.sequence), place(&head.key, head.sequence.saturating_add(most)));
            Bson::from(doc! { "_id": { "$gte": from, "$lt": to } })
        })
        .collect();
    Question::new(STOCK_RECORDS, doc! { "$or": ranges }).walks("_id_", doc! { "_id": 1 })
}
