//! The outbox is a part of each order: which of its events is the first that waits, since when, and for how long it is claimed.

use std::collections::HashMap;

use ::mongodb::bson::oid::ObjectId;
use ::mongodb::bson::{Bson, Document, doc};
use async_trait::async_trait;
use order_core::StoreError;
use order_core::id::OrderId;
use order_core::store::{OutboxMessage, OutboxRepository};
use order_core::time::Timestamp;

use super::MongoStore;
use super::chapters::{Chapter, documents};
use super::documents::{EVENTS, ORDERS};
use super::list::Question;
use super::values::{bounded, corrupt, counter, date, inner, instant, internal, number, parsed};
use crate::history::{self, LONGEST};

/// The most events of one order that are claimed at once.
const MAX_CLAIMED: u32 = 100;

/// How often a delivery is noted anew because another event has come behind it in the same moment.
const MAX_TRIES: u32 = 100;

#[async_trait]
impl OutboxRepository for MongoStore {
    async fn claim_outbox(
        &self,
        now: Timestamp,
        until: Timestamp,
        orders: u32,
    ) -> Result<Vec<OutboxMessage>, StoreError> {
        let mut found = self.heads("find free events", free(orders)).await?;
        found.extend(self.heads("find events that have waited", waited(now, orders)).await?);
        found.sort_unstable_by_key(Head::age);
        found.truncate(usize::try_from(orders).unwrap_or(usize::MAX));
        let claimed = self.claim(&found, now, until).await?;
        self.messages(claimed, MAX_CLAIMED).await
    }

    async fn delivered(&self, upto: &[(OrderId, u64)]) -> Result<(), StoreError> {
        // Mostly nothing waits behind them.
        let all = upto.iter().map(|(id, sequence)| {
            let waits = doc! { "$lte": bounded(*sequence) };
            let all = doc! { "_id": id.to_string(), "outbox.head": &waits, "last_sequence": waits };
            (all, doc! { "$unset": { "outbox": 1 } })
        });
        if self.change_each("note deliveries", ORDERS, all).await? == upto.len() {
            return Ok(());
        }
        for (id, sequence) in upto {
            self.delivered_some(*id, *sequence).await?;
        }
        Ok(())
    }

    async fn undelivered(
        &self,
        order_id: OrderId,
        sequence: u64,
        again: Timestamp,
    ) -> Result<(), StoreError> {
        let filter = doc! { "_id": order_id.to_string(), "outbox.head": bounded(sequence) };
        let wait = doc! { "outbox.state": "busy", "outbox.busy_until": date(again) };
        let change = doc! { "$inc": { "outbox.attempts": 1_i64 }, "$set": wait };
        self.change("note a failed delivery", ORDERS, filter, change).await.map(|_| ())
    }

    async fn stuck_outbox(&self, attempts: u32, limit: u32) -> Result<Vec<OutboxMessage>, StoreError> {
        let found = self.all("find stuck events", stuck(attempts, limit)).await?;
        self.messages(beginnings(found)?, 1).await
    }

    async fn outbox_len(&self) -> Result<u64, StoreError> {
        let mut waiting = 0_u64;
        for state in ["free", "busy"] {
            let found =
                self.sum("count waiting events", ORDERS, lengths(state), &format!("outbox_{state}")).await?;
            waiting = waiting.saturating_add(found);
        }
        Ok(waiting)
    }
}

/// The oldest heads that nobody has claimed.
pub(super) fn free(orders: u32) -> Question {
    heads(doc! { "outbox.state": "free" })
        .walks("outbox_free", doc! { "outbox.at": 1, "_id": 1 })
        .limit(orders)
}

/// The oldest heads whose wait is over. They were claimed by somebody who died, or failed: there are few.
pub(super) fn waited(now: Timestamp, orders: u32) -> Question {
    heads(doc! { "outbox.state": "busy", "outbox.busy_until": { "$lte": date(now) } })
        .walks("outbox_busy", doc! { "outbox.at": 1, "_id": 1 })
        .limit(orders)
}

/// The oldest heads that have failed so often.
pub(super) fn stuck(attempts: u32, limit: u32) -> Question {
    beginning(doc! { "outbox.attempts": { "$gte": i64::from(attempts.max(1)) } })
        .walks("outbox_failing", doc! { "outbox.at": 1, "_id": 1 })
        .limit(limit)
}

fn heads(filter: Document) -> Question {
    Question::new(ORDERS, filter).fields(doc! { "outbox": 1 })
}

/// Heads, with what their orders' documents tell of what is behind them.
fn beginning(filter: Document) -> Question {
    Question::new(ORDERS, filter).fields(doc! { "outbox": 1, "last_sequence": 1, "history": 1 })
}

/// How many events wait of the orders in a state.
fn lengths(state: &str) -> [Document; 2] {
    let length = doc! { "$add": [{ "$subtract": ["$last_sequence", "$outbox.head"] }, 1] };
    [doc! { "$match": { "outbox.state": state } }, doc! { "$group": { "_id": 1, "sum": { "$sum": length } } }]
}

/// The first event of an order that waits, and since when.
#[derive(Debug)]
struct Head {
    head: history::Head,
    at: Timestamp,
}

impl Head {
    /// What tells the oldest one.
    fn age(&self) -> (Timestamp, OrderId) {
        (self.at, self.head.order_id)
    }

    fn read(order: &Document) -> Result<Self, StoreError> {
        let outbox = inner(ORDERS, order, "outbox")?;
        let attempts = u32::try_from(number(ORDERS, outbox, "attempts")?);
        let head = history::Head {
            order_id: OrderId::from_uuid(parsed(ORDERS, order, "_id")?),
            sequence: counter(ORDERS, outbox, "head")?,
            attempts: attempts.map_err(|source| corrupt(ORDERS, source))?,
        };
        Ok(Self { head, at: instant(ORDERS, outbox, "at")? })
    }
}

/// A head, and what its order's document tells of what is behind it.
#[derive(Debug)]
struct Beginning {
    head: Head,
    /// The last event of the order.
    last: u64,
    chapters: Vec<Chapter>,
}

fn beginnings(orders: Vec<Document>) -> Result<Vec<Beginning>, StoreError> {
    let read = |mut order: Document| {
        let head = Head::read(&order)?;
        let last = counter(ORDERS, &order, "last_sequence")?;
        Ok(Beginning { head, last, chapters: Chapter::in_order(&mut order)? })
    };
    let mut read: Vec<Beginning> = orders.into_iter().map(read).collect::<Result<_, StoreError>>()?;
    read.sort_unstable_by_key(|beginning| beginning.head.age());
    Ok(read)
}

impl Beginning {
    /// Whether its chapters tell the first events that wait: so many of them, or all there are.
    fn suffices(&self, most: u32) -> bool {
        let Some(newest) = self.chapters.last() else { return false };
        let told: usize = self.chapters.iter().map(|chapter| chapter.told.len()).sum();
        let before = newest.last.saturating_sub(u64::try_from(told).unwrap_or(u64::MAX));
        let first = self.head.head.sequence;
        let wanted = self.last.min(first.saturating_add(u64::from(most)).saturating_sub(1));
        before < first && wanted <= newest.last
    }

    /// Where else chapters with so many events behind its head may be.
    fn elsewhere(&self, most: u32) -> Document {
        let history::Head { order_id, sequence, .. } = self.head.head;
        let id = |sequence: u64| doc! { "order_id": order_id.to_string(), "sequence": bounded(sequence) };
        let beyond = sequence
            .saturating_add(u64::from(most))
            .saturating_add(u64::try_from(LONGEST).unwrap_or(u64::MAX));
        doc! { "_id": { "$gte": id(sequence), "$lte": id(self.last.min(beyond)) } }
    }

    /// At most so many events.
    fn messages(self, most: u32) -> impl Iterator<Item = OutboxMessage> {
        let head = self.head.head;
        self.chapters
            .into_iter()
            .flat_map(move |chapter| chapter.told.messages(chapter.last, &head, most).collect::<Vec<_>>())
    }
}

impl MongoStore {
    /// Marks the events of one order, behind which others may wait.
    async fn delivered_some(&self, order_id: OrderId, sequence: u64) -> Result<(), StoreError> {
        let sequence = bounded(sequence);
        let behind = sequence.saturating_add(1);
        let id = order_id.to_string();
        for _ in 0..MAX_TRIES {
            let next = self.chapter(order_id, behind).await?;
            let mut filter = doc! { "_id": &id, "outbox.head": { "$lte": sequence } };
            let change = if let Some(next) = next {
                let outbox = doc! { "state": "free", "head": behind, "at": date(next.at), "attempts": 0_i64 };
                doc! { "$set": { "outbox": outbox } }
            } else {
                filter.insert("last_sequence", doc! { "$lte": sequence });
                doc! { "$unset": { "outbox": 1 } }
            };
            let is_last = filter.contains_key("last_sequence");
            let changed = self.change("note a delivery", ORDERS, filter, change).await?;
            // None was changed: it was noted before; or something has come behind it just now.
            let waits = doc! { "_id": &id, "outbox.head": { "$lte": sequence } };
            if changed || !is_last || self.one("look for events", ORDERS, waits).await?.is_none() {
                return Ok(());
            }
        }
        Err(internal("note a delivery", std::io::Error::other("events come faster than they are noted")))
    }

    /// The chapter that tells this event, if it has happened.
    async fn chapter(&self, order_id: OrderId, sequence: i64) -> Result<Option<Chapter>, StoreError> {
        const CONTEXT: &str = "find the event behind";
        let own = Question::new(ORDERS, doc! { "_id": order_id.to_string() }).fields(doc! { "history": 1 });
        let mut own = self.all(CONTEXT, own).await?;
        let own = own.first_mut().map(Chapter::in_order).transpose()?.unwrap_or_default();
        let told = own.into_iter().find(|chapter| bounded(chapter.last) >= sequence);
        if told.is_some() {
            return Ok(told);
        }
        let next = self.all(CONTEXT, documents(order_id, sequence, i64::MAX).limit(1)).await?.pop();
        Ok(next.map(Chapter::of_document).transpose()?.map(|(_, chapter)| chapter))
    }

    async fn heads(&self, context: &'static str, question: Question) -> Result<Vec<Head>, StoreError> {
        self.all(context, question).await?.iter().map(Head::read).collect()
    }

    /// Claims what nobody else has claimed meanwhile. A mark of this claim tells what that is; and it is read after the claim,
    /// so that a head which has moved meanwhile is there.
    async fn claim(
        &self,
        found: &[Head],
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Beginning>, StoreError> {
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<String> = found.iter().map(|head| head.head.order_id.to_string()).collect();
        let mark = ObjectId::new();
        let is_over = doc! { "outbox.state": "busy", "outbox.busy_until": { "$lte": date(now) } };
        let filter = doc! { "_id": { "$in": &ids }, "$or": [{ "outbox.state": "free" }, is_over] };
        let claim =
            doc! { "outbox.state": "busy", "outbox.busy_until": date(until), "outbox.claimed_by": mark };
        self.change_all("claim events", ORDERS, filter, doc! { "$set": claim }).await?;
        let claimed = beginning(doc! { "_id": { "$in": ids }, "outbox.claimed_by": mark });
        beginnings(self.all("read claimed events", claimed).await?)
    }

    /// The heads with what is behind them, at most so many of each. Events never change, so that this needs no transaction.
    async fn messages(
        &self,
        mut beginnings: Vec<Beginning>,
        most: u32,
    ) -> Result<Vec<OutboxMessage>, StoreError> {
        let wanting = beginnings.iter().filter(|beginning| !beginning.suffices(most));
        let elsewhere: Vec<Bson> = wanting.map(|beginning| Bson::from(beginning.elsewhere(most))).collect();
        if !elsewhere.is_empty() {
            let events = Question::new(EVENTS, doc! { "$or": elsewhere }).walks("_id_", doc! { "_id": 1 });
            let mut found: HashMap<OrderId, Vec<Chapter>> = HashMap::new();
            for document in self.all("read events", events).await? {
                let (order, chapter) = Chapter::of_document(document)?;
                found.entry(order).or_default().push(chapter);
            }
            for Beginning { head, chapters, .. } in &mut beginnings {
                chapters.extend(found.remove(&head.head.order_id).unwrap_or_default());
                chapters.sort_unstable_by_key(|chapter| chapter.last);
            }
        }
        Ok(beginnings.into_iter().flat_map(|beginning| beginning.messages(most)).collect())
    }
}
