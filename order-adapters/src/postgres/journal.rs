//! The journals of stock levels, and their outbox.

use async_trait::async_trait;
use order_core::StoreError;
use order_core::id::{LocationId, ProductId};
use order_core::inventory::{StockEntry, StockKey, StockRecord};
use order_core::store::{OutboxMessage, Page, PageRequest, StockCursor, StockOutboxRepository};
use order_core::time::Timestamp;
use sqlx::postgres::PgRow;

use super::PostgresStore;
use super::inventory::level;
use super::values::{bounded, column, corrupt, counter};

/// The most records of one level that are claimed at once.
const MAX_CLAIMED: i64 = 100;

/// A page of a product's records, at every location or at one.
const PAGE: &str = "
    SELECT product_id, location, on_hand, reserved, sold, low_at, sequence, at, body FROM {schema}.stock_records
    WHERE product_id = $1 AND (at, location, sequence) < ($2, $3, $4) AND ($5::text IS NULL OR location = $5)
    ORDER BY at DESC, location DESC, sequence DESC LIMIT $6";

/// The oldest heads among the free ones and those whose wait is over, but for those that somebody else is just claiming.
const CLAIM: &str = "
    WITH free AS (
        SELECT product_id, location, at FROM {schema}.stock_outbox WHERE busy_until IS NULL
        ORDER BY at, product_id, location LIMIT $3 FOR UPDATE SKIP LOCKED
    ), waited AS (
        SELECT product_id, location, at FROM {schema}.stock_outbox WHERE busy_until IS NOT NULL AND busy_until <= $1
        ORDER BY at, product_id, location LIMIT $3 FOR UPDATE SKIP LOCKED
    ), heads AS (
        SELECT * FROM free UNION ALL SELECT * FROM waited ORDER BY at, product_id, location LIMIT $3
    )
    UPDATE {schema}.stock_outbox AS o SET busy_until = $2 FROM heads AS h
    WHERE o.product_id = h.product_id AND o.location = h.location
    RETURNING o.product_id, o.location, o.head, o.attempts, o.at";

/// The records of claimed levels from their heads on.
const MESSAGES: &str = "
    SELECT r.product_id, r.location, r.on_hand, r.reserved, r.sold, r.low_at, r.sequence, r.at, r.body,
        CASE r.sequence WHEN h.head THEN h.attempts ELSE 0 END
    FROM unnest($1::text[], $2::text[], $3::bigint[], $4::integer[]) WITH ORDINALITY
        AS h (product, location, head, attempts, place)
    CROSS JOIN LATERAL (
        SELECT l.* FROM {schema}.stock_records AS l
        WHERE l.product_id = h.product AND l.location = h.location
            AND l.sequence >= h.head AND l.sequence < h.head + $5
    ) AS r ORDER BY h.place, r.sequence";

impl PostgresStore {
    /// A page of a product's records, newest first.
    pub(super) async fn records(
        &self,
        product: &ProductId,
        location: Option<&LocationId>,
        after: Option<&StockCursor>,
        limit: u32,
    ) -> Result<Page<StockRecord, StockCursor>, StoreError> {
        let limit = limit.clamp(1, PageRequest::MAX_LIMIT);
        // Whoever has no cursor begins behind everything.
        let query = sqlx::query(self.sql(PAGE))
            .bind(product.as_str())
            .bind(after.map_or(i64::MAX, |after| after.at.timestamp_millis()))
            .bind(after.map_or("", |after| after.location.as_str()))
            .bind(after.map_or(0, |after| bounded(after.sequence)))
            .bind(location.map(LocationId::as_str))
            .bind(i64::from(limit).saturating_add(1));
        let rows = self.rows(&self.stale, "read a journal", query).await?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let items = rows.iter().take(limit).map(record).collect::<Result<Vec<_>, _>>()?;
        let next = items.last().filter(|_| rows.len() > limit).map(StockCursor::behind);
        Ok(Page::new(items, next))
    }
}

#[async_trait]
impl StockOutboxRepository for PostgresStore {
    async fn claim_stock_outbox(
        &self,
        now: Timestamp,
        until: Timestamp,
        levels: u32,
    ) -> Result<Vec<OutboxMessage<StockRecord>>, StoreError> {
        let query = sqlx::query(self.sql(CLAIM))
            .bind(now.timestamp_millis())
            .bind(until.timestamp_millis())
            .bind(i64::from(levels));
        let claimed = self.all("claim records", query).await?;
        let mut heads = claimed.iter().map(Head::read).collect::<Result<Vec<_>, _>>()?;
        if heads.is_empty() {
            return Ok(Vec::new());
        }
        heads.sort_unstable();
        // Records never change, so that this needs no transaction with the claim; and it looks after the claim, so that a head
        // which moved meanwhile is there.
        let query = sqlx::query(self.sql(MESSAGES))
            .bind(heads.iter().map(|head| head.product_id.as_str()).collect::<Vec<_>>())
            .bind(heads.iter().map(|head| head.location.as_str()).collect::<Vec<_>>())
            .bind(heads.iter().map(|head| head.sequence).collect::<Vec<_>>())
            .bind(heads.iter().map(|head| head.attempts).collect::<Vec<_>>())
            .bind(MAX_CLAIMED);
        self.all("read records", query).await?.iter().map(message).collect()
    }

    async fn delivered_stock(&self, key: &StockKey, sequence: u64) -> Result<(), StoreError> {
        let query = sqlx::query(self.sql("SELECT {schema}.deliver_stock($1, $2, $3, $4)"))
            .bind(key.product_id.as_str())
            .bind(key.location.as_str())
            .bind(bounded(sequence))
            .bind(bounded(sequence.saturating_add(1)));
        self.all("note a delivery", query).await.map(|_| ())
    }

    async fn undelivered_stock(
        &self,
        key: &StockKey,
        sequence: u64,
        again: Timestamp,
    ) -> Result<(), StoreError> {
        let query = sqlx::query(self.sql(
            "UPDATE {schema}.stock_outbox SET attempts = attempts + 1, busy_until = $1
             WHERE product_id = $2 AND location = $3 AND head = $4",
        ));
        let query = query
            .bind(again.timestamp_millis())
            .bind(key.product_id.as_str())
            .bind(key.location.as_str())
            .bind(bounded(sequence));
        self.all("note a failed delivery", query).await.map(|_| ())
    }

    async fn stuck_stock_outbox(
        &self,
        attempts: u32,
        limit: u32,
    ) -> Result<Vec<OutboxMessage<StockRecord>>, StoreError> {
        let query = sqlx::query(self.sql(
            "SELECT r.product_id, r.location, r.on_hand, r.reserved, r.sold, r.low_at, r.sequence, r.at, r.body, o.attempts
             FROM {schema}.stock_outbox AS o JOIN {schema}.stock_records AS r
             ON r.product_id = o.product_id AND r.location = o.location AND r.sequence = o.head
             WHERE o.attempts > 0 AND o.attempts >= $1 ORDER BY o.at, o.product_id, o.location LIMIT $2",
        ));
        let query = query.bind(i64::from(attempts)).bind(i64::from(limit));
        self.all("find stuck records", query).await?.iter().map(message).collect()
    }

    async fn stock_outbox_len(&self) -> Result<u64, StoreError> {
        let query = self.sql("SELECT coalesce(sum(last - head + 1), 0)::bigint FROM {schema}.stock_outbox");
        let row = self.optional("count waiting records", sqlx::query(query)).await?;
        row.map_or(Ok(0), |row| counter("stock_outbox", &row, 0))
    }
}

/// The head of a level that was claimed. The oldest comes first.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Head {
    at: i64,
    product_id: String,
    location: String,
    sequence: i64,
    attempts: i32,
}

impl Head {
    fn read(row: &PgRow) -> Result<Self, StoreError> {
        const TABLE: &str = "stock_outbox";
        Ok(Self {
            product_id: column(TABLE, row, 0)?,
            location: column(TABLE, row, 1)?,
            sequence: column(TABLE, row, 2)?,
            attempts: column(TABLE, row, 3)?,
            at: column(TABLE, row, 4)?,
        })
    }
}

/// A record in the first nine columns of a row.
fn record(row: &PgRow) -> Result<StockRecord, StoreError> {
    const TABLE: &str = "stock_records";
    let at = Timestamp::from_timestamp_millis(column(TABLE, row, 7)?);
    let at = at.ok_or_else(|| corrupt(TABLE, "an instant is out of range"))?;
    let entry: StockEntry =
        serde_json::from_str(column(TABLE, row, 8)?).map_err(|source| corrupt(TABLE, source))?;
    Ok(StockRecord::new(entry, counter(TABLE, row, 6)?, at, level(row)?))
}

/// A record, and how often its delivery failed.
fn message(row: &PgRow) -> Result<OutboxMessage<StockRecord>, StoreError> {
    let attempts: i32 = column("stock_outbox", row, 9)?;
    let attempts = u32::try_from(attempts).map_err(|source| corrupt("stock_outbox", source))?;
    Ok(OutboxMessage::new(record(row)?, attempts))
}
