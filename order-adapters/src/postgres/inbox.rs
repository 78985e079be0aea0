//! The inbox: what payment providers tell of their own accord.

use async_trait::async_trait;
use order_core::StoreError;
use order_core::gateway::Notice;
use order_core::id::OrderId;
use order_core::inbox::{InboxEntry, InboxStatus, NoticeKey, Settlement};
use order_core::machine::Names as _;
use order_core::store::{InboxCursor, InboxRepository, Page, PageRequest, Receipt};
use order_core::time::Timestamp;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::PostgresStore;
use super::values::{column, corrupt, counter, internal};

const TABLE: &str = "inbox";

/// The entries that are due longest, but for those that somebody else is just claiming.
const CLAIM: &str = "
    WITH due AS (
        SELECT provider, event_id FROM {schema}.inbox WHERE due_at IS NOT NULL AND due_at <= $1
        ORDER BY due_at, provider, event_id LIMIT $3 FOR UPDATE SKIP LOCKED
    )
    UPDATE {schema}.inbox AS i SET due_at = $2 FROM due AS d
    WHERE i.provider = d.provider AND i.event_id = d.event_id
    RETURNING i.status, i.received_at, i.changed_at, i.due_at, i.attempts, i.reason, i.order_id, i.body";

const PAGE: &str = "
    SELECT status, received_at, changed_at, due_at, attempts, reason, order_id, body FROM {schema}.inbox
    WHERE (received_at, provider, event_id) < ($1, $2, $3)
    ORDER BY received_at DESC, provider DESC, event_id DESC LIMIT $4";

const PAGE_OF_STATUS: &str = "
    SELECT status, received_at, changed_at, due_at, attempts, reason, order_id, body FROM {schema}.inbox
    WHERE status = $5 AND (received_at, provider, event_id) < ($1, $2, $3)
    ORDER BY received_at DESC, provider DESC, event_id DESC LIMIT $4";

#[async_trait]
impl InboxRepository for PostgresStore {
    async fn receive_notice(&self, entry: &InboxEntry) -> Result<Receipt, StoreError> {
        let body = serde_json::to_string(&entry.notice)
            .map_err(|source| internal("write a value as JSON", source))?;
        let query = sqlx::query(self.sql(
            "INSERT INTO {schema}.inbox
                 (provider, event_id, status, received_at, changed_at, due_at, attempts, reason, order_id, body)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (provider, event_id) DO NOTHING RETURNING 1",
        ));
        let query = query
            .bind(entry.notice.provider.as_str())
            .bind(entry.notice.event_id.as_str())
            .bind(entry.status.name())
            .bind(entry.received_at.timestamp_millis())
            .bind(entry.changed_at.timestamp_millis())
            .bind(entry.due_at.map(|at| at.timestamp_millis()))
            .bind(i64::from(entry.attempts))
            .bind(entry.reason.as_deref())
            .bind(entry.order_id.map(OrderId::uuid))
            .bind(body);
        let is_new = self.optional("keep a notice", query).await?.is_some();
        Ok(if is_new { Receipt::New } else { Receipt::Known })
    }

    async fn claim_inbox(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<InboxEntry>, StoreError> {
        let query = sqlx::query(self.sql(CLAIM))
            .bind(now.timestamp_millis())
            .bind(until.timestamp_millis())
            .bind(i64::from(limit));
        let claimed = self.all("claim notices", query).await?;
        let mut entries = claimed.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
        entries.sort_by_cached_key(InboxCursor::behind);
        Ok(entries)
    }

    async fn settle_notice(
        &self,
        key: &NoticeKey,
        settlement: &Settlement,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (status, reason, order) = match settlement {
            Settlement::Attended(order) => (InboxStatus::Attended, None, Some(order.uuid())),
            Settlement::Done(what) => (InboxStatus::Attended, Some(what.as_str()), None),
            Settlement::Ignored(reason) => (InboxStatus::Ignored, Some(reason.as_str()), None),
        };
        let query = sqlx::query(self.sql(
            "UPDATE {schema}.inbox SET status = $3, reason = $4, order_id = $5, changed_at = $6, due_at = NULL
             WHERE provider = $1 AND event_id = $2 AND due_at IS NOT NULL",
        ));
        let query = query
            .bind(key.provider.as_str())
            .bind(key.event_id.as_str())
            .bind(status.name())
            .bind(reason)
            .bind(order)
            .bind(now.timestamp_millis());
        self.all("settle a notice", query).await.map(|_| ())
    }

    async fn park_notice(
        &self,
        key: &NoticeKey,
        again: Timestamp,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let query = sqlx::query(self.sql(
            "UPDATE {schema}.inbox
             SET status = 'parked', attempts = attempts + 1, due_at = $3, reason = $4, changed_at = $5
             WHERE provider = $1 AND event_id = $2 AND due_at IS NOT NULL",
        ));
        let query = query
            .bind(key.provider.as_str())
            .bind(key.event_id.as_str())
            .bind(again.timestamp_millis())
            .bind(reason)
            .bind(now.timestamp_millis());
        self.all("park a notice", query).await.map(|_| ())
    }

    async fn retry_notice(&self, key: &NoticeKey, now: Timestamp) -> Result<bool, StoreError> {
        let query = sqlx::query(self.sql(
            "UPDATE {schema}.inbox
             SET status = 'received', due_at = $3, changed_at = $3, attempts = 0, reason = NULL, order_id = NULL
             WHERE provider = $1 AND event_id = $2 RETURNING 1",
        ));
        let query =
            query.bind(key.provider.as_str()).bind(key.event_id.as_str()).bind(now.timestamp_millis());
        Ok(self.optional("retry a notice", query).await?.is_some())
    }

    async fn find_notice(&self, key: &NoticeKey) -> Result<Option<InboxEntry>, StoreError> {
        let query = sqlx::query(self.sql(
            "SELECT status, received_at, changed_at, due_at, attempts, reason, order_id, body FROM {schema}.inbox
             WHERE provider = $1 AND event_id = $2",
        ));
        let query = query.bind(key.provider.as_str()).bind(key.event_id.as_str());
        self.optional("find a notice", query).await?.as_ref().map(entry).transpose()
    }

    async fn list_inbox(
        &self,
        status: Option<InboxStatus>,
        after: Option<&InboxCursor>,
        limit: u32,
    ) -> Result<Page<InboxEntry, InboxCursor>, StoreError> {
        let limit = limit.clamp(1, PageRequest::MAX_LIMIT);
        let sql = if status.is_some() { PAGE_OF_STATUS } else { PAGE };
        // Whoever has no cursor begins behind everything.
        let mut query = sqlx::query(self.sql(sql))
            .bind(after.map_or(i64::MAX, |after| after.received_at.timestamp_millis()))
            .bind(after.map_or("", |after| after.key.provider.as_str()))
            .bind(after.map_or("", |after| after.key.event_id.as_str()))
            .bind(i64::from(limit).saturating_add(1));
        if let Some(status) = status {
            query = query.bind(status.name());
        }
        let rows = self.all("list the inbox", query).await?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let items = rows.iter().take(limit).map(entry).collect::<Result<Vec<_>, _>>()?;
        let next = items.last().filter(|_| rows.len() > limit).map(InboxCursor::behind);
        Ok(Page::new(items, next))
    }

    async fn forget_notices(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let sql = self.sql(
            "WITH old AS (
                DELETE FROM {schema}.inbox WHERE (provider, event_id) IN (
                    SELECT provider, event_id FROM {schema}.inbox WHERE due_at IS NULL AND changed_at < $1
                    ORDER BY changed_at, provider, event_id LIMIT $2 FOR UPDATE SKIP LOCKED)
                RETURNING 1
            ) SELECT count(*) FROM old",
        );
        let query = sqlx::query(sql).bind(before.timestamp_millis()).bind(i64::from(limit));
        let row = self.optional("forget notices", query).await?;
        row.map_or(Ok(0), |row| counter(TABLE, &row, 0))
    }
}

fn entry(row: &PgRow) -> Result<InboxEntry, StoreError> {
    let status: &str = column(TABLE, row, 0)?;
    let status = InboxStatus::ALL.iter().find(|known| known.name() == status);
    let notice: Notice =
        serde_json::from_str(column(TABLE, row, 7)?).map_err(|source| corrupt(TABLE, source))?;
    let received_at = instant(column(TABLE, row, 1)?)?;
    let due: Option<i64> = column(TABLE, row, 3)?;
    let order: Option<Uuid> = column(TABLE, row, 6)?;
    let mut entry = InboxEntry::received(notice, received_at, received_at);
    entry.status = *status.ok_or_else(|| corrupt(TABLE, "a status is not known"))?;
    entry.changed_at = instant(column(TABLE, row, 2)?)?;
    entry.due_at = due.map(instant).transpose()?;
    entry.attempts = u32::try_from(counter(TABLE, row, 4)?).map_err(|source| corrupt(TABLE, source))?;
    entry.reason = column(TABLE, row, 5)?;
    entry.order_id = order.map(OrderId::from_uuid);
    Ok(entry)
}

fn instant(millis: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_timestamp_millis(millis).ok_or_else(|| corrupt(TABLE, "an instant is out of range"))
}
