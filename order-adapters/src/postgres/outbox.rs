use async_trait::async_trait;
use order_core::StoreError;
use order_core::id::OrderId;
use order_core::store::{OutboxMessage, OutboxRepository};
use order_core::time::Timestamp;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::PostgresStore;
use super::values::{body, bounded, column, corrupt, counter, uuid};
use crate::history::{self, Told};

/// The most events of one order that are claimed at once.
const MAX_CLAIMED: u32 = 100;

/// The oldest heads among the free ones and those whose wait is over, but for those that somebody else is just claiming.
const CLAIM: &str = "
    WITH free AS (
        SELECT order_id, at FROM {schema}.outbox WHERE busy_until IS NULL
        ORDER BY at, order_id LIMIT $3 FOR UPDATE SKIP LOCKED
    ), waited AS (
        SELECT order_id, at FROM {schema}.outbox WHERE busy_until IS NOT NULL AND busy_until <= $1
        ORDER BY at, order_id LIMIT $3 FOR UPDATE SKIP LOCKED
    ), heads AS (
        SELECT * FROM free UNION ALL SELECT * FROM waited ORDER BY at, order_id LIMIT $3
    )
    UPDATE {schema}.outbox AS o SET busy_until = $2 FROM heads WHERE o.order_id = heads.order_id
    RETURNING o.order_id, o.head, o.attempts, o.at";

/// The chapters with what waits of claimed orders: from their heads on.
const MESSAGES: &str = "
    SELECT e.body, e.sequence, h.order_id, h.head, h.attempts
    FROM unnest($1::uuid[], $2::bigint[], $3::integer[]) WITH ORDINALITY AS h (order_id, head, attempts, place)
    CROSS JOIN LATERAL (
        SELECT c.sequence, c.body FROM {schema}.events AS c
        WHERE c.order_id = h.order_id AND c.sequence >= h.head ORDER BY c.sequence LIMIT $4
    ) AS e ORDER BY h.place, e.sequence";

/// The chapters with the heads that failed often.
const STUCK: &str = "
    SELECT e.body, e.sequence, o.order_id, o.head, o.attempts
    FROM {schema}.outbox AS o CROSS JOIN LATERAL (
        SELECT c.sequence, c.body FROM {schema}.events AS c
        WHERE c.order_id = o.order_id AND c.sequence >= o.head ORDER BY c.sequence LIMIT 1
    ) AS e
    WHERE o.attempts > 0 AND o.attempts >= $1 ORDER BY o.at, o.order_id LIMIT $2";

#[async_trait]
impl OutboxRepository for PostgresStore {
    async fn claim_outbox(
        &self,
        now: Timestamp,
        until: Timestamp,
        orders: u32,
    ) -> Result<Vec<OutboxMessage>, StoreError> {
        let query = sqlx::query(self.sql(CLAIM))
            .bind(now.timestamp_millis())
            .bind(until.timestamp_millis())
            .bind(i64::from(orders));
        let claimed = self.all("claim events", query).await?;
        let mut heads = claimed.iter().map(Head::read).collect::<Result<Vec<_>, _>>()?;
        heads.sort_unstable_by_key(|head| (head.at, head.order_id));
        self.messages(&heads).await
    }

    async fn delivered(&self, upto: &[(OrderId, u64)]) -> Result<(), StoreError> {
        let mut upto: Vec<(Uuid, i64)> =
            upto.iter().map(|(id, sequence)| (id.uuid(), bounded(*sequence))).collect();
        // In the order in which everybody locks them.
        upto.sort_unstable();
        let (orders, sequences): (Vec<Uuid>, Vec<i64>) = upto.into_iter().unzip();
        let behind: Vec<i64> = sequences.iter().map(|sequence| sequence.saturating_add(1)).collect();
        let query = sqlx::query(self.sql(
            "SELECT {schema}.deliver(u.id, u.sequence, u.behind)
             FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS u (id, sequence, behind)",
        ));
        let query = query.bind(orders).bind(sequences).bind(behind);
        self.all("note a delivery", query).await.map(|_| ())
    }

    async fn undelivered(
        &self,
        order_id: OrderId,
        sequence: u64,
        again: Timestamp,
    ) -> Result<(), StoreError> {
        let query = sqlx::query(self.sql(
            "UPDATE {schema}.outbox SET attempts = attempts + 1, busy_until = $1 WHERE order_id = $2 AND head = $3",
        ));
        let query = query.bind(again.timestamp_millis()).bind(order_id.uuid()).bind(bounded(sequence));
        self.all("note a failed delivery", query).await.map(|_| ())
    }

    async fn stuck_outbox(&self, attempts: u32, limit: u32) -> Result<Vec<OutboxMessage>, StoreError> {
        let query = sqlx::query(self.sql(STUCK)).bind(i64::from(attempts)).bind(i64::from(limit));
        let rows = self.all("find stuck events", query).await?;
        messages(&rows, 1)
    }

    async fn outbox_len(&self) -> Result<u64, StoreError> {
        let query = self.sql("SELECT coalesce(sum(last - head + 1), 0)::bigint FROM {schema}.outbox");
        let row = self.optional("count waiting events", sqlx::query(query)).await?;
        row.map_or(Ok(0), |row| counter("outbox", &row, 0))
    }
}

/// The head of an order that was claimed.
#[derive(Debug)]
struct Head {
    order_id: Uuid,
    sequence: i64,
    attempts: i32,
    at: i64,
}

impl Head {
    fn read(row: &PgRow) -> Result<Self, StoreError> {
        Ok(Self {
            order_id: uuid("outbox", row, 0)?,
            sequence: column("outbox", row, 1)?,
            attempts: column("outbox", row, 2)?,
            at: column("outbox", row, 3)?,
        })
    }
}

impl PostgresStore {
    /// The heads with what is behind them. Events never change, so that this needs no transaction with the claim; and it looks
    /// after the claim, so that a head which moved meanwhile is there.
    async fn messages(&self, heads: &[Head]) -> Result<Vec<OutboxMessage>, StoreError> {
        if heads.is_empty() {
            return Ok(Vec::new());
        }
        let query = sqlx::query(self.sql(MESSAGES))
            .bind(heads.iter().map(|head| head.order_id).collect::<Vec<_>>())
            .bind(heads.iter().map(|head| head.sequence).collect::<Vec<_>>())
            .bind(heads.iter().map(|head| head.attempts).collect::<Vec<_>>())
            .bind(i64::from(MAX_CLAIMED));
        messages(&self.all("read events", query).await?, MAX_CLAIMED)
    }
}

/// At most so many messages of each order, from chapters and heads.
fn messages(rows: &[PgRow], most: u32) -> Result<Vec<OutboxMessage>, StoreError> {
    let mut messages = Vec::new();
    for row in rows {
        let (told, last): (Told, u64) = (body("events", row)?, counter("events", row, 1)?);
        let attempts: i32 = column("outbox", row, 4)?;
        let head = history::Head {
            order_id: OrderId::from_uuid(uuid("outbox", row, 2)?),
            sequence: counter("outbox", row, 3)?,
            attempts: u32::try_from(attempts).map_err(|source| corrupt("outbox", source))?,
        };
        messages.extend(told.messages(last, &head, most));
    }
    Ok(messages)
}
