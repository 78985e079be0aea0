//! The inbox: what payment providers tell of their own accord. A document for each of their events.

use ::mongodb::bson::oid::ObjectId;
use ::mongodb::bson::{Bson, Document, doc};
use async_trait::async_trait;
use order_core::StoreError;
use order_core::inbox::{InboxEntry, InboxStatus, NoticeKey, Settlement};
use order_core::machine::Names as _;
use order_core::store::{InboxCursor, InboxRepository, Page, PageRequest, Receipt};
use order_core::time::Timestamp;

use super::MongoStore;
use super::documents::INBOX;
use super::list::Question;
use super::values::{
    DUPLICATE_KEY, Documents, body, code, corrupt, date, failed, instant, number, parsed, text,
};
use crate::group_commit::{Form as _, unavailable};

#[async_trait]
impl InboxRepository for MongoStore {
    async fn receive_notice(&self, entry: &InboxEntry) -> Result<Receipt, StoreError> {
        let document = document(entry)?;
        let inbox = self.collection(INBOX);
        let inserting = async { inbox.insert_one(document).await };
        let done = tokio::time::timeout(self.patience, inserting).await;
        match done.map_err(|late| unavailable("keep a notice", late))? {
            Ok(_) => Ok(Receipt::New),
            // The server has waited until a majority has what stood in the way.
            Err(error) if code(&error) == Some(DUPLICATE_KEY) => Ok(Receipt::Known),
            Err(error) => Err(failed("keep a notice", error)),
        }
    }

    async fn claim_inbox(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<InboxEntry>, StoreError> {
        let found = self.all("find due notices", due(now, limit)).await?;
        let ids: Vec<Bson> = found.into_iter().filter_map(|mut found| found.remove("_id")).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        // What nobody else has claimed meanwhile. A mark of this claim tells what that is.
        let mark = ObjectId::new();
        let filter = doc! { "_id": { "$in": &ids }, "due_at": { "$lte": date(now) } };
        let claim = doc! { "due_at": date(until), "claimed_by": mark };
        self.change_all("claim notices", INBOX, filter, doc! { "$set": claim }).await?;
        let claimed = doc! { "_id": { "$in": ids }, "claimed_by": mark, "due_at": date(until) };
        let claimed = self.all("read claimed notices", Question::new(INBOX, claimed)).await?;
        let mut entries = claimed.into_iter().map(entry).collect::<Result<Vec<_>, _>>()?;
        entries.sort_by_cached_key(InboxCursor::behind);
        Ok(entries)
    }

    async fn settle_notice(
        &self,
        key: &NoticeKey,
        settlement: &Settlement,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut gone = doc! { "due_at": 1, "claimed_by": 1 };
        let mut settled = doc! { "changed_at": date(now), "settled_at": date(now) };
        match settlement {
            Settlement::Attended(order) => {
                settled
                    .extend(doc! { "status": InboxStatus::Attended.name(), "order_id": order.to_string() });
                gone.insert("reason", 1);
            }
            Settlement::Done(what) => {
                settled.extend(doc! { "status": InboxStatus::Attended.name(), "reason": what });
                gone.insert("order_id", 1);
            }
            Settlement::Ignored(reason) => {
                settled.extend(doc! { "status": InboxStatus::Ignored.name(), "reason": reason });
                gone.insert("order_id", 1);
            }
        }
        let change = doc! { "$set": settled, "$unset": gone };
        self.change("settle a notice", INBOX, open(key), change).await.map(|_| ())
    }

    async fn park_notice(
        &self,
        key: &NoticeKey,
        again: Timestamp,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let parked = doc! {
            "status": InboxStatus::Parked.name(), "due_at": date(again), "reason": reason, "changed_at": date(now),
        };
        let change = doc! { "$set": parked, "$inc": { "attempts": 1_i64 }, "$unset": { "claimed_by": 1 } };
        self.change("park a notice", INBOX, open(key), change).await.map(|_| ())
    }

    async fn retry_notice(&self, key: &NoticeKey, now: Timestamp) -> Result<bool, StoreError> {
        let received = doc! {
            "status": InboxStatus::Received.name(), "due_at": date(now), "changed_at": date(now), "attempts": 0_i64,
        };
        let gone = doc! { "reason": 1, "order_id": 1, "claimed_by": 1, "settled_at": 1 };
        let change = doc! { "$set": received, "$unset": gone };
        self.change("retry a notice", INBOX, doc! { "_id": id(key) }, change).await
    }

    async fn find_notice(&self, key: &NoticeKey) -> Result<Option<InboxEntry>, StoreError> {
        let found = self.one("find a notice", INBOX, doc! { "_id": id(key) }).await?;
        found.map(entry).transpose()
    }

    async fn list_inbox(
        &self,
        status: Option<InboxStatus>,
        after: Option<&InboxCursor>,
        limit: u32,
    ) -> Result<Page<InboxEntry, InboxCursor>, StoreError> {
        let limit = limit.clamp(1, PageRequest::MAX_LIMIT);
        let found = self.all("list the inbox", page(status, after, limit)).await?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = found.len() > limit;
        let items = found.into_iter().take(limit).map(entry).collect::<Result<Vec<_>, _>>()?;
        let next = items.last().filter(|_| has_more).map(InboxCursor::behind);
        Ok(Page::new(items, next))
    }

    async fn forget_notices(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let found = self.all("find what is to be forgotten", settled(before, limit)).await?;
        let ids: Vec<Bson> = found.into_iter().filter_map(|mut found| found.remove("_id")).collect();
        if ids.is_empty() {
            return Ok(0);
        }
        let inbox = self.collection(INBOX);
        // The condition once more: what is looked at anew meanwhile is kept.
        let filter = doc! { "_id": { "$in": ids }, "settled_at": { "$lt": date(before) } };
        let removed = self.patiently("forget notices", async { inbox.delete_many(filter).await }).await?;
        Ok(removed.deleted_count)
    }
}

/// The entries that are due longest.
pub(super) fn due(now: Timestamp, limit: u32) -> Question {
    Question::new(INBOX, doc! { "due_at": { "$lte": date(now) } })
        .fields(doc! { "_id": 1 })
        .walks("inbox_due", doc! { "due_at": 1, "_id": 1 })
        .limit(limit)
}

/// A page of the inbox, and one more.
pub(super) fn page(status: Option<InboxStatus>, after: Option<&InboxCursor>, limit: u32) -> Question {
    let mut filter = Document::new();
    if let Some(status) = status {
        filter.insert("status", status.name());
    }
    if let Some(InboxCursor { received_at, key, .. }) = after {
        let at = date(*received_at);
        let behind =
            [doc! { "received_at": { "$lt": at } }, doc! { "received_at": at, "_id": { "$lt": id(key) } }];
        filter.insert("$or", behind.to_vec());
        // Where the walk begins, so that a page costs the same at any depth.
        filter.insert("received_at", doc! { "$lte": at });
    }
    let index = if status.is_some() { "inbox_by_status" } else { "inbox_by_receipt" };
    Question::new(INBOX, filter)
        .walks(index, doc! { "received_at": -1, "_id": -1 })
        .limit(limit.saturating_add(1))
}

/// Entries that were settled before, the oldest first.
pub(super) fn settled(before: Timestamp, limit: u32) -> Question {
    Question::new(INBOX, doc! { "settled_at": { "$lt": date(before) } })
        .fields(doc! { "_id": 1 })
        .walks("inbox_settled", doc! { "settled_at": 1, "_id": 1 })
        .limit(limit)
}

fn id(key: &NoticeKey) -> Document {
    doc! { "provider": key.provider.as_str(), "event_id": key.event_id.as_str() }
}

/// The entry with this key, unless it is settled.
fn open(key: &NoticeKey) -> Document {
    doc! { "_id": id(key), "due_at": { "$exists": true } }
}

fn document(entry: &InboxEntry) -> Result<Document, StoreError> {
    let body = Documents::body(&entry.notice)?;
    let body = Document::try_from(body).map_err(|source| corrupt(INBOX, source))?;
    let mut document = doc! {
        "_id": id(&entry.key()), "status": entry.status.name(), "received_at": date(entry.received_at),
        "changed_at": date(entry.changed_at), "attempts": i64::from(entry.attempts), "body": body,
    };
    match entry.due_at {
        Some(due) => document.insert("due_at", date(due)),
        None => document.insert("settled_at", date(entry.changed_at)),
    };
    if let Some(reason) = &entry.reason {
        document.insert("reason", reason);
    }
    if let Some(order) = entry.order_id {
        document.insert("order_id", order.to_string());
    }
    Ok(document)
}

fn entry(document: Document) -> Result<InboxEntry, StoreError> {
    let status = text(INBOX, &document, "status")?;
    let status = InboxStatus::ALL.iter().find(|known| known.name() == status).copied();
    let attempts = u32::try_from(number(INBOX, &document, "attempts")?);
    let received_at = instant(INBOX, &document, "received_at")?;
    let changed_at = instant(INBOX, &document, "changed_at")?;
    let has = |field: &str| document.contains_key(field);
    let due_at = has("due_at").then(|| instant(INBOX, &document, "due_at")).transpose()?;
    let reason = has("reason").then(|| text(INBOX, &document, "reason").map(str::to_owned)).transpose()?;
    let order_id = has("order_id").then(|| parsed(INBOX, &document, "order_id")).transpose()?;
    let mut entry = InboxEntry::received(body(INBOX, document)?, received_at, received_at);
    entry.status = status.ok_or_else(|| corrupt(INBOX, "a status is not known"))?;
    entry.attempts = attempts.map_err(|source| corrupt(INBOX, source))?;
    (entry.changed_at, entry.due_at, entry.reason, entry.order_id) = (changed_at, due_at, reason, order_id);
    Ok(entry)
}
