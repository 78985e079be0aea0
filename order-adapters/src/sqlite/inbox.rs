//! The inbox: what payment providers tell of their own accord.

use async_trait::async_trait;
use order_core::StoreError;
use order_core::gateway::Notice;
use order_core::id::OrderId;
use order_core::inbox::{InboxEntry, InboxStatus, NoticeKey, Settlement};
use order_core::machine::Names as _;
use order_core::store::{InboxCursor, InboxRepository, Page, PageRequest, Receipt};
use order_core::time::Timestamp;
use sqlx::sqlite::SqliteRow;

use super::SqliteStore;
use super::statement::Statement;
use super::values::{blob, column, corrupt, json};

const TABLE: &str = "inbox";

/// The entries that are due longest.
pub(super) const CLAIM: &str = "
    UPDATE inbox SET due_at = ? WHERE (provider, event_id) IN (
        SELECT provider, event_id FROM inbox WHERE due_at IS NOT NULL AND due_at <= ?
        ORDER BY due_at, provider, event_id LIMIT +?
    ) RETURNING status, received_at, changed_at, due_at, attempts, reason, order_id, body";

pub(super) const PAGE: &str = "
    SELECT status, received_at, changed_at, due_at, attempts, reason, order_id, body FROM inbox
    WHERE (received_at, provider, event_id) < (?, ?, ?)
    ORDER BY received_at DESC, provider DESC, event_id DESC LIMIT +?";

pub(super) const PAGE_OF_STATUS: &str = "
    SELECT status, received_at, changed_at, due_at, attempts, reason, order_id, body FROM inbox
    WHERE status = ? AND (received_at, provider, event_id) < (?, ?, ?)
    ORDER BY received_at DESC, provider DESC, event_id DESC LIMIT +?";

pub(super) const FORGET: &str = "
    DELETE FROM inbox WHERE (provider, event_id) IN (
        SELECT provider, event_id FROM inbox WHERE due_at IS NULL AND changed_at < ?
        ORDER BY changed_at, provider, event_id LIMIT +?)";

#[async_trait]
impl InboxRepository for SqliteStore {
    async fn receive_notice(&self, entry: &InboxEntry) -> Result<Receipt, StoreError> {
        let mut insert = Statement::new(
            "INSERT INTO inbox (provider, event_id, status, received_at, changed_at, due_at, attempts, reason, order_id, body)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (provider, event_id) DO NOTHING",
        );
        bind_key(&mut insert, &entry.key());
        insert.bind(entry.status.name());
        insert.bind(entry.received_at.timestamp_millis());
        insert.bind(entry.changed_at.timestamp_millis());
        insert.bind(entry.due_at.map(|at| at.timestamp_millis()));
        insert.bind(i64::from(entry.attempts));
        insert.bind(entry.reason.clone());
        insert.bind(entry.order_id.map(|id| blob(id.uuid())));
        insert.bind(json(&entry.notice)?);
        let is_new = self.writer.execute(insert).await?.changes > 0;
        Ok(if is_new { Receipt::New } else { Receipt::Known })
    }

    async fn claim_inbox(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<InboxEntry>, StoreError> {
        let mut claim = Statement::new(CLAIM);
        claim.bind(until.timestamp_millis());
        claim.bind(now.timestamp_millis());
        claim.bind(i64::from(limit));
        let claimed = self.writer.execute(claim).await?.rows;
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
        let mut settle = Statement::new(
            "UPDATE inbox SET status = ?, reason = ?, order_id = ?, changed_at = ?, due_at = NULL
             WHERE provider = ? AND event_id = ? AND due_at IS NOT NULL",
        );
        match settlement {
            Settlement::Attended(order) => {
                settle.bind(InboxStatus::Attended.name());
                settle.bind(None::<String>);
                settle.bind(blob(order.uuid()));
            }
            Settlement::Done(what) => {
                settle.bind(InboxStatus::Attended.name());
                settle.bind(what.clone());
                settle.bind(None::<Vec<u8>>);
            }
            Settlement::Ignored(reason) => {
                settle.bind(InboxStatus::Ignored.name());
                settle.bind(reason.clone());
                settle.bind(None::<Vec<u8>>);
            }
        }
        settle.bind(now.timestamp_millis());
        bind_key(&mut settle, key);
        self.writer.execute(settle).await.map(drop)
    }

    async fn park_notice(
        &self,
        key: &NoticeKey,
        again: Timestamp,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut park = Statement::new(
            "UPDATE inbox SET status = 'parked', attempts = attempts + 1, due_at = ?, reason = ?, changed_at = ?
             WHERE provider = ? AND event_id = ? AND due_at IS NOT NULL",
        );
        park.bind(again.timestamp_millis());
        park.bind(reason);
        park.bind(now.timestamp_millis());
        bind_key(&mut park, key);
        self.writer.execute(park).await.map(drop)
    }

    async fn retry_notice(&self, key: &NoticeKey, now: Timestamp) -> Result<bool, StoreError> {
        let mut retry = Statement::new(
            "UPDATE inbox SET status = 'received', due_at = ?, changed_at = ?, attempts = 0, reason = NULL, order_id = NULL
             WHERE provider = ? AND event_id = ?",
        );
        retry.bind(now.timestamp_millis());
        retry.bind(now.timestamp_millis());
        bind_key(&mut retry, key);
        Ok(self.writer.execute(retry).await?.changes > 0)
    }

    async fn find_notice(&self, key: &NoticeKey) -> Result<Option<InboxEntry>, StoreError> {
        let query = sqlx::query(
            "SELECT status, received_at, changed_at, due_at, attempts, reason, order_id, body FROM inbox
             WHERE provider = ? AND event_id = ?",
        );
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
        let query = match status {
            Some(status) => sqlx::query(PAGE_OF_STATUS).bind(status.name()),
            None => sqlx::query(PAGE),
        };
        // Whoever has no cursor begins behind everything.
        let query = query
            .bind(after.map_or(i64::MAX, |after| after.received_at.timestamp_millis()))
            .bind(after.map_or("", |after| after.key.provider.as_str()))
            .bind(after.map_or("", |after| after.key.event_id.as_str()))
            .bind(i64::from(limit).saturating_add(1));
        let rows = self.all("list the inbox", query).await?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let items = rows.iter().take(limit).map(entry).collect::<Result<Vec<_>, _>>()?;
        let next = items.last().filter(|_| rows.len() > limit).map(InboxCursor::behind);
        Ok(Page::new(items, next))
    }

    async fn forget_notices(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let mut forget = Statement::new(FORGET);
        forget.bind(before.timestamp_millis());
        forget.bind(i64::from(limit));
        Ok(self.writer.execute(forget).await?.changes)
    }
}

fn bind_key(statement: &mut Statement, key: &NoticeKey) {
    statement.bind(key.provider.as_str());
    statement.bind(key.event_id.as_str());
}

fn entry(row: &SqliteRow) -> Result<InboxEntry, StoreError> {
    let status: &str = column(TABLE, row, 0)?;
    let status = InboxStatus::ALL.iter().find(|known| known.name() == status);
    let notice: Notice =
        serde_json::from_str(column(TABLE, row, 7)?).map_err(|source| corrupt(TABLE, source))?;
    let received_at = instant(column(TABLE, row, 1)?)?;
    let attempts: i64 = column(TABLE, row, 4)?;
    let order: Option<&[u8]> = column(TABLE, row, 6)?;
    let order = order.map(uuid::Uuid::from_slice).transpose().map_err(|source| corrupt(TABLE, source))?;
    let due: Option<i64> = column(TABLE, row, 3)?;
    let mut entry = InboxEntry::received(notice, received_at, received_at);
    entry.status = *status.ok_or_else(|| corrupt(TABLE, "a status is not known"))?;
    entry.changed_at = instant(column(TABLE, row, 2)?)?;
    entry.due_at = due.map(instant).transpose()?;
    entry.attempts = u32::try_from(attempts).map_err(|source| corrupt(TABLE, source))?;
    entry.reason = column(TABLE, row, 5)?;
    entry.order_id = order.map(OrderId::from_uuid);
    Ok(entry)
}

fn instant(millis: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_timestamp_millis(millis).ok_or_else(|| corrupt(TABLE, "an instant is out of range"))
}
