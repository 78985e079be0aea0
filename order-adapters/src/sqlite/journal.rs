//! The journals of stock levels, and their outbox.

use async_trait::async_trait;
use order_core::StoreError;
use order_core::id::{LocationId, ProductId};
use order_core::inventory::{StockEntry, StockKey, StockLevel, StockRecord};
use order_core::store::{OutboxMessage, Page, PageRequest, StockCursor, StockOutboxRepository};
use order_core::time::Timestamp;
use sqlx::sqlite::SqliteRow;

use super::SqliteStore;
use super::inventory::level;
use super::statement::Statement;
use super::values::{bounded, column, corrupt, counter, json};

/// The most records of one level that are claimed at once.
const MAX_CLAIMED: i64 = 100;

/// A page of a product's records, at every location or at one (the `+` keeps the planner from walking the location's records
/// out of order).
pub(super) const PAGE: &str = "
    SELECT product_id, location, on_hand, reserved, sold, low_at, sequence, at, body FROM stock_records
    WHERE product_id = ? AND (at, location, sequence) < (?, ?, ?) AND (? IS NULL OR +location = ?)
    ORDER BY at DESC, location DESC, sequence DESC LIMIT +?";

/// The oldest heads among the free ones and those whose wait is over.
pub(super) const CLAIM: &str = "
    UPDATE stock_outbox SET busy_until = ? WHERE (product_id, location) IN (
        SELECT product_id, location FROM (
            SELECT * FROM (
                SELECT at, product_id, location FROM stock_outbox WHERE busy_until IS NULL
                ORDER BY at, product_id, location LIMIT +?
            )
            UNION ALL
            SELECT at, product_id, location FROM stock_outbox WHERE busy_until IS NOT NULL AND busy_until <= ?
        ) ORDER BY at, product_id, location LIMIT +?
    ) RETURNING product_id, location, head, attempts, at";

/// The records of claimed levels from their heads on.
pub(super) const MESSAGES: &str = "
    SELECT r.product_id, r.location, r.on_hand, r.reserved, r.sold, r.low_at, r.sequence, r.at, r.body,
        CASE r.sequence WHEN h.value ->> 2 THEN h.value ->> 3 ELSE 0 END
    FROM json_each(?) AS h CROSS JOIN stock_records AS r
    ON r.product_id = h.value ->> 0 AND r.location = h.value ->> 1
        AND r.sequence >= h.value ->> 2 AND r.sequence < (h.value ->> 2) + ?
    ORDER BY h.key, r.sequence";

impl SqliteStore {
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
        let at = after.map_or(i64::MAX, |after| after.at.timestamp_millis());
        let query = sqlx::query(PAGE)
            .bind(product.as_str())
            .bind(at)
            .bind(after.map_or("", |after| after.location.as_str()))
            .bind(after.map_or(0, |after| bounded(after.sequence)))
            .bind(location.map(LocationId::as_str))
            .bind(location.map(LocationId::as_str))
            .bind(i64::from(limit).saturating_add(1));
        let rows = self.all("read a journal", query).await?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let items = rows.iter().take(limit).map(record).collect::<Result<Vec<_>, _>>()?;
        let next = items.last().filter(|_| rows.len() > limit).map(StockCursor::behind);
        Ok(Page::new(items, next))
    }
}

#[async_trait]
impl StockOutboxRepository for SqliteStore {
    async fn claim_stock_outbox(
        &self,
        now: Timestamp,
        until: Timestamp,
        levels: u32,
    ) -> Result<Vec<OutboxMessage<StockRecord>>, StoreError> {
        let mut claim = Statement::new(CLAIM);
        claim.bind(until.timestamp_millis());
        claim.bind(i64::from(levels));
        claim.bind(now.timestamp_millis());
        claim.bind(i64::from(levels));
        let claimed = self.writer.execute(claim).await?.rows;
        let mut heads = claimed.iter().map(Head::read).collect::<Result<Vec<_>, _>>()?;
        if heads.is_empty() {
            return Ok(Vec::new());
        }
        heads.sort_unstable();
        // Records never change, so that this needs no transaction with the claim.
        let wanted: Vec<_> = heads
            .iter()
            .map(|head| (&head.product_id, &head.location, head.sequence, head.attempts))
            .collect();
        let query = sqlx::query(MESSAGES).bind(json(&wanted)?).bind(MAX_CLAIMED);
        let rows = self.all("read records", query).await?;
        rows.iter().map(message).collect()
    }

    async fn delivered_stock(&self, key: &StockKey, sequence: u64) -> Result<(), StoreError> {
        let sequence = bounded(sequence);
        let mut all =
            Statement::new("DELETE FROM stock_outbox WHERE product_id = ? AND location = ? AND last <= ?");
        bind_key(&mut all, key);
        all.bind(sequence);
        if self.writer.execute(all).await?.changes > 0 {
            return Ok(());
        }
        // Some wait behind it, unless it was delivered before.
        let mut some = Statement::new(
            "UPDATE stock_outbox SET head = r.sequence, at = r.at, busy_until = NULL, attempts = 0
             FROM stock_records AS r
             WHERE r.product_id = stock_outbox.product_id AND r.location = stock_outbox.location
                 AND stock_outbox.product_id = ? AND stock_outbox.location = ? AND stock_outbox.head <= ?
                 AND r.sequence = ?",
        );
        bind_key(&mut some, key);
        some.bind(sequence);
        some.bind(sequence.saturating_add(1));
        self.writer.execute(some).await.map(drop)
    }

    async fn undelivered_stock(
        &self,
        key: &StockKey,
        sequence: u64,
        again: Timestamp,
    ) -> Result<(), StoreError> {
        let mut failed = Statement::new(
            "UPDATE stock_outbox SET attempts = attempts + 1, busy_until = ?
             WHERE product_id = ? AND location = ? AND head = ?",
        );
        failed.bind(again.timestamp_millis());
        bind_key(&mut failed, key);
        failed.bind(bounded(sequence));
        self.writer.execute(failed).await.map(drop)
    }

    async fn stuck_stock_outbox(
        &self,
        attempts: u32,
        limit: u32,
    ) -> Result<Vec<OutboxMessage<StockRecord>>, StoreError> {
        let query = sqlx::query(
            "SELECT r.product_id, r.location, r.on_hand, r.reserved, r.sold, r.low_at, r.sequence, r.at, r.body, o.attempts
             FROM stock_outbox AS o JOIN stock_records AS r
             ON r.product_id = o.product_id AND r.location = o.location AND r.sequence = o.head
             WHERE o.attempts > 0 AND o.attempts >= ? ORDER BY o.at, o.product_id, o.location LIMIT +?",
        );
        let query = query.bind(i64::from(attempts)).bind(i64::from(limit));
        self.all("find stuck records", query).await?.iter().map(message).collect()
    }

    async fn stock_outbox_len(&self) -> Result<u64, StoreError> {
        let query = sqlx::query("SELECT coalesce(sum(last - head + 1), 0) FROM stock_outbox");
        let row = self.optional("count waiting records", query).await?;
        row.map_or(Ok(0), |row| counter("stock_outbox", &row, 0))
    }
}

fn bind_key(statement: &mut Statement, key: &StockKey) {
    statement.bind(key.product_id.as_str());
    statement.bind(key.location.as_str());
}

/// The head of a level that was claimed. The oldest comes first.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Head {
    at: i64,
    product_id: String,
    location: String,
    sequence: i64,
    attempts: i64,
}

impl Head {
    fn read(row: &SqliteRow) -> Result<Self, StoreError> {
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
fn record(row: &SqliteRow) -> Result<StockRecord, StoreError> {
    const TABLE: &str = "stock_records";
    let after: StockLevel = level(row)?;
    let at = Timestamp::from_timestamp_millis(column(TABLE, row, 7)?);
    let at = at.ok_or_else(|| corrupt(TABLE, "an instant is out of range"))?;
    let entry: StockEntry =
        serde_json::from_str(column(TABLE, row, 8)?).map_err(|source| corrupt(TABLE, source))?;
    Ok(StockRecord::new(entry, counter(TABLE, row, 6)?, at, after))
}

/// A record, and how often its delivery failed.
fn message(row: &SqliteRow) -> Result<OutboxMessage<StockRecord>, StoreError> {
    let attempts: i64 = column("stock_outbox", row, 9)?;
    let attempts = u32::try_from(attempts).map_err(|source| corrupt("stock_outbox", source))?;
    Ok(OutboxMessage::new(record(row)?, attempts))
}
