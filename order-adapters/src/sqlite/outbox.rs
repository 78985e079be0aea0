use async_trait::async_trait;
use order_core::StoreError;
use order_core::id::OrderId;
use order_core::store::{OutboxMessage, OutboxRepository};
use order_core::time::Timestamp;
use sqlx::sqlite::SqliteRow;

use super::SqliteStore;
use super::statement::{Row, Statement};
use super::values::{blob, body, bounded, column, corrupt, counter, hex, json, uuid};
use crate::history::{self, Told};

/// The most events of one order that are claimed at once.
const MAX_CLAIMED: u32 = 100;

/// The oldest heads among the free ones and those whose wait is over.
pub(super) const CLAIM: &str = "
    UPDATE outbox SET busy_until = ? WHERE order_id IN (
        SELECT order_id FROM (
            SELECT * FROM (
                SELECT at, order_id FROM outbox WHERE busy_until IS NULL ORDER BY at, order_id LIMIT +?
            )
            UNION ALL
            SELECT at, order_id FROM outbox WHERE busy_until IS NOT NULL AND busy_until <= ?
        ) ORDER BY at, order_id LIMIT +?
    ) RETURNING order_id, head, attempts, at";

/// The chapters with what waits of claimed orders: from their heads on.
pub(super) const MESSAGES: &str = "
    SELECT e.body, e.sequence, e.order_id, h.value ->> 1, h.value ->> 2
    FROM json_each(?) AS h CROSS JOIN events AS e
    ON e.order_id = unhex(h.value ->> 0) AND e.sequence >= h.value ->> 1
        AND e.sequence - e.count + 1 < (h.value ->> 1) + ?
    ORDER BY h.key, e.sequence";

/// The chapters with the heads that failed often.
pub(super) const STUCK: &str = "
    SELECT e.body, e.sequence, o.order_id, o.head, o.attempts
    FROM outbox AS o JOIN events AS e ON e.order_id = o.order_id AND e.sequence = (
        SELECT min(sequence) FROM events WHERE order_id = o.order_id AND sequence >= o.head)
    WHERE o.attempts > 0 AND o.attempts >= ? ORDER BY o.at, o.order_id LIMIT +?";

#[async_trait]
impl OutboxRepository for SqliteStore {
    async fn claim_outbox(
        &self,
        now: Timestamp,
        until: Timestamp,
        orders: u32,
    ) -> Result<Vec<OutboxMessage>, StoreError> {
        let mut claim = Statement::new(CLAIM);
        claim.bind(until.timestamp_millis());
        claim.bind(i64::from(orders));
        claim.bind(now.timestamp_millis());
        claim.bind(i64::from(orders));
        let claimed = self.writer.execute(claim).await?.rows;
        let mut heads = claimed.iter().map(Head::read).collect::<Result<Vec<_>, _>>()?;
        heads.sort_unstable_by_key(|head| (head.at, head.order_id));
        self.messages(&heads).await
    }

    async fn delivered(&self, upto: &[(OrderId, u64)]) -> Result<(), StoreError> {
        let row = |(id, sequence): &(OrderId, u64)| Row::delivered(blob(id.uuid()), bounded(*sequence));
        self.writer.execute(Statement::apply(upto.iter().map(row).collect())).await.map(drop)
    }

    async fn undelivered(
        &self,
        order_id: OrderId,
        sequence: u64,
        again: Timestamp,
    ) -> Result<(), StoreError> {
        let mut failed = Statement::new(
            "UPDATE outbox SET attempts = attempts + 1, busy_until = ? WHERE order_id = ? AND head = ?",
        );
        failed.bind(again.timestamp_millis());
        failed.bind(blob(order_id.uuid()));
        failed.bind(bounded(sequence));
        self.writer.execute(failed).await.map(drop)
    }

    async fn stuck_outbox(&self, attempts: u32, limit: u32) -> Result<Vec<OutboxMessage>, StoreError> {
        let query = sqlx::query(STUCK).bind(i64::from(attempts)).bind(i64::from(limit));
        messages(&self.all("find stuck events", query).await?, 1)
    }

    async fn outbox_len(&self) -> Result<u64, StoreError> {
        let query = sqlx::query("SELECT coalesce(sum(last - head + 1), 0) FROM outbox");
        let row = self.optional("count waiting events", query).await?;
        row.map_or(Ok(0), |row| counter("outbox", &row, 0))
    }
}

/// The head of an order that was claimed.
#[derive(Debug)]
struct Head {
    order_id: OrderId,
    sequence: i64,
    attempts: i64,
    at: i64,
}

impl Head {
    fn read(row: &SqliteRow) -> Result<Self, StoreError> {
        Ok(Self {
            order_id: OrderId::from_uuid(uuid("outbox", row, 0)?),
            sequence: column("outbox", row, 1)?,
            attempts: column("outbox", row, 2)?,
            at: column("outbox", row, 3)?,
        })
    }
}

impl SqliteStore {
    /// The heads with what is behind them. Events never change, so that this needs no transaction with the claim.
    async fn messages(&self, heads: &[Head]) -> Result<Vec<OutboxMessage>, StoreError> {
        if heads.is_empty() {
            return Ok(Vec::new());
        }
        let wanted: Vec<_> =
            heads.iter().map(|head| (hex(head.order_id.uuid()), head.sequence, head.attempts)).collect();
        let query = sqlx::query(MESSAGES).bind(json(&wanted)?).bind(i64::from(MAX_CLAIMED));
        messages(&self.all("read events", query).await?, MAX_CLAIMED)
    }
}

/// At most so many messages of each order, from chapters and heads.
fn messages(rows: &[SqliteRow], most: u32) -> Result<Vec<OutboxMessage>, StoreError> {
    let mut messages = Vec::new();
    for row in rows {
        let (told, last): (Told, u64) = (body("events", row)?, counter("events", row, 1)?);
        let attempts: i64 = column("outbox", row, 4)?;
        let head = history::Head {
            order_id: OrderId::from_uuid(uuid("outbox", row, 2)?),
            sequence: counter("outbox", row, 3)?,
            attempts: u32::try_from(attempts).map_err(|source| corrupt("outbox", source))?,
        };
        messages.extend(told.messages(last, &head, most));
    }
    Ok(messages)
}
