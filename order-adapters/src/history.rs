//! How the stores keep what happened to an order, and the order by it.
//!
//! An order is the fold of its events. The events of one commit are a [`Chapter`] of its history, which a store keeps under the sequence
//! number of its last event. The order itself is written out only [now and then](is_written_out): a commit writes what is new,
//! and nothing twice. An order is read, at once, as it was written out last together with the chapters since ([`order`]). PostgreSQL
//! and SQLite have a row for each chapter; on MongoDB those of the first events are a part of the order's own document.
//!
//! Earlier versions kept each event by itself, and wrote the order out with every commit. What they wrote is read as well.

use std::sync::Arc;

use order_core::error::BoxError;
use order_core::id::OrderId;
use order_core::order::{Actor, EventRecord, Order, OrderEvent};
use order_core::store::{OrderPut, OutboxMessage};
use order_core::time::Timestamp;
use serde::ser::SerializeStruct as _;
use serde::{Deserialize, Serialize, Serializer};

/// After how many events an order is written out anew: no more, and a chapter, are read with it.
pub(crate) const WRITTEN_OUT_EVERY: u64 = 16;

/// The most events of a chapter.
pub(crate) const LONGEST: usize = 32;

/// Whether a commit with these events writes an order out. A new order need not be: its history begins with it.
pub(crate) fn is_written_out(put: &OrderPut, events: &[EventRecord]) -> bool {
    let (from, to) = (put.expected, put.order.version);
    let told = events.iter().filter(|event| event.order_id == put.order.id).map(|event| event.sequence);
    from / WRITTEN_OUT_EVERY < to / WRITTEN_OUT_EVERY || !told.eq(from.saturating_add(1)..=to)
}

/// Events of one order that follow each other and were brought about together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chapter<'a> {
    pub(crate) first: &'a EventRecord,
    pub(crate) last: &'a EventRecord,
    events: &'a [EventRecord],
}

/// Events as chapters, in their order.
pub(crate) fn chapters(events: &[EventRecord]) -> impl Iterator<Item = Chapter<'_>> {
    let goes_on = |one: &EventRecord, next: &EventRecord| {
        one.order_id == next.order_id
            && one.sequence.checked_add(1) == Some(next.sequence)
            && one.at == next.at
            && one.actor == next.actor
            && one.correlation == next.correlation
    };
    let chapters = events.chunk_by(goes_on).flat_map(|events| events.chunks(LONGEST));
    chapters.filter_map(|events| Some(Chapter { first: events.first()?, last: events.last()?, events }))
}

/// Without what its row says: of which order it is, and which numbers its events have.
impl Serialize for Chapter<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut chapter = serializer.serialize_struct("Chapter", 4)?;
        chapter.serialize_field("at", &self.first.at)?;
        chapter.serialize_field("actor", &self.first.actor)?;
        match &self.first.correlation {
            Some(correlation) => chapter.serialize_field("correlation", correlation)?,
            None => chapter.skip_field("correlation")?,
        }
        chapter.serialize_field("events", &Events(self.events))?;
        chapter.end()
    }
}

struct Events<'a>(&'a [EventRecord]);

impl Serialize for Events<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|record| &record.event))
    }
}

/// The first event of an order that waits to be delivered.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) order_id: OrderId,
    pub(crate) sequence: u64,
    /// How often its delivery failed.
    pub(crate) attempts: u32,
}

/// A chapter as it was read; or a single event, as earlier versions kept it.
#[derive(Debug, Deserialize)]
pub(crate) struct Told {
    at: Timestamp,
    actor: Actor,
    correlation: Option<String>,
    event: Option<OrderEvent>,
    #[serde(default)]
    events: Vec<OrderEvent>,
}

impl Told {
    /// Its events, the last one of which has this number.
    pub(crate) fn records(self, order_id: OrderId, last: u64) -> Vec<EventRecord> {
        let before = last.saturating_sub(u64::try_from(self.len()).unwrap_or(u64::MAX));
        self.behind(order_id, before)
    }

    /// What of it waits to be delivered: at most so many events behind one another, from the order's head on.
    pub(crate) fn messages(self, last: u64, head: &Head, most: u32) -> impl Iterator<Item = OutboxMessage> {
        let Head { order_id, sequence, attempts } = *head;
        let waiting = sequence..sequence.saturating_add(u64::from(most));
        let records = self.records(order_id, last).into_iter();
        records.filter(move |record| waiting.contains(&record.sequence)).map(move |record| {
            let attempts = if record.sequence == sequence { attempts } else { 0 };
            OutboxMessage::new(record, attempts)
        })
    }

    /// How many events it tells.
    pub(crate) fn len(&self) -> usize {
        self.events.len().saturating_add(usize::from(self.event.is_some()))
    }

    /// Its events, the first one of which comes after this number.
    fn behind(self, order_id: OrderId, before: u64) -> Vec<EventRecord> {
        let Self { at, actor, correlation, event, events } = self;
        let events = event.into_iter().chain(events).zip(before.saturating_add(1)..);
        let record = |(event, sequence)| {
            EventRecord::new(order_id, sequence, at, actor.clone(), correlation.clone(), event)
        };
        events.map(record).collect()
    }
}

/// An order, from what was written out, if it was, and the chapters since. It must come to `version`. An error names the order, as far
/// as it is known.
pub(crate) fn order(
    mut written_out: Option<Order>,
    since: impl IntoIterator<Item = Result<Told, BoxError>>,
    version: u64,
) -> Result<Order, BoxError> {
    let mut records = Vec::new();
    for told in since {
        let mut told = told?;
        if written_out.is_none() && !told.events.is_empty() {
            let OrderEvent::Placed { order } = told.events.remove(0) else {
                return Err("a history must begin with the placement".into());
            };
            written_out = Some(Arc::unwrap_or_clone(order));
        }
        let order = written_out.as_ref().ok_or("an order without a history")?;
        let before = order.version.saturating_add(u64::try_from(records.len())?);
        records.extend(told.behind(order.id, before));
    }
    let order = written_out.ok_or("an order without a history")?;
    let id = order.id;
    let order = order.after(&records).map_err(|error| format!("the history of order {id}: {error}"))?;
    if order.version == version {
        Ok(order)
    } else {
        Err(format!("the history of order {id} comes to version {}, and not to {version}", order.version)
            .into())
    }
}

/// The same from one text, of values behind one another: the version, what was written out, or `null`, and the chapters since.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) fn order_of_text(text: &str) -> Result<Order, BoxError> {
    let mut text = serde_json::Deserializer::from_str(text);
    let version = u64::deserialize(&mut text)?;
    let written_out = Option::deserialize(&mut text)?;
    order(written_out, text.into_iter::<Told>().map(|told| Ok(told?)), version)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use order_core::conformance::sample::Sampler;
    use order_core::id::{CustomerId, IdSource as _, SeededIds};
    use order_core::order::OrderMove;

    use super::*;

    fn records(actors: &[&str]) -> Vec<EventRecord> {
        let (at, ids) = (Timestamp::UNIX_EPOCH, SeededIds::new(1));
        let id = OrderId::from_uuid(ids.next(at));
        let record = |(actor, sequence): (&&str, u64)| {
            let actor = Actor::Customer(CustomerId::new(*actor).unwrap());
            let event = OrderEvent::Moved { by: OrderMove::Confirm, reason: None };
            EventRecord::new(id, sequence, at, actor, Some("a".to_owned()), event)
        };
        actors.iter().zip(5..).map(record).collect()
    }

    fn read(chapter: Chapter<'_>) -> Vec<EventRecord> {
        let told: Told = serde_json::from_str(&serde_json::to_string(&chapter).unwrap()).unwrap();
        told.records(chapter.first.order_id, chapter.last.sequence)
    }

    #[test]
    fn what_was_brought_about_together_is_one_chapter() {
        let records = records(&["ann", "ann", "bob", "ann"]);
        let lengths: Vec<usize> = chapters(&records).map(|chapter| chapter.events.len()).collect();
        assert_eq!(lengths, [2, 1, 1]);
        let read: Vec<EventRecord> = chapters(&records).flat_map(read).collect();
        assert_eq!(read, records);
        assert_eq!(chapters(&self::records(&["ann"; LONGEST + 1])).count(), 2);
        let gap = [records[0].clone(), records[3].clone()];
        assert_eq!(chapters(&gap).count(), 2);
    }

    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    #[test]
    fn what_does_not_make_an_order_is_told_with_its_id() {
        let (set, placed) = Sampler::new(4).order("ann", "tea");
        let since: String =
            chapters(&set.events).map(|chapter| serde_json::to_string(&chapter).unwrap()).collect();
        let read = |written_out: &str, since: &str, version: u64| {
            order_of_text(&format!("{version} {written_out}{since}"))
        };
        assert_eq!(read("null", &since, placed.version).unwrap(), placed);
        let written_out = serde_json::to_string(&placed).unwrap();
        assert_eq!(read(&written_out, "", placed.version).unwrap(), placed);
        let id = placed.id.to_string();
        for (written_out, since, version) in [("null", &*since, 9), (&*written_out, &*since, placed.version)]
        {
            let error = read(written_out, since, version).unwrap_err().to_string();
            assert!(error.contains(&id), "{error}");
        }
        for (written_out, since) in [("null", ""), ("", ""), ("null", "{}"), ("null", "x")] {
            assert!(read(written_out, since, placed.version).is_err(), "{written_out} {since}");
        }
        assert!(order_of_text("").is_err());
        assert!(order_of_text(&written_out).is_err());
    }

    #[test]
    fn single_events_of_earlier_versions_are_read() {
        let records = records(&["ann"]);
        let told: Told = serde_json::from_str(&serde_json::to_string(&records[0]).unwrap()).unwrap();
        assert_eq!(told.records(records[0].order_id, 5), records);
    }

    #[test]
    fn an_order_is_written_out_once_in_a_while_and_when_its_events_do_not_tell_of_it() {
        let (set, order) = Sampler::new(3).order("ann", "tea");
        let is_written_out = |expected, version, events: std::ops::Range<u64>| {
            let (mut order, placed) = (order.clone(), &set.events[0]);
            order.version = version;
            let record = |sequence| {
                let mut record = placed.clone();
                record.sequence = sequence;
                record
            };
            let events: Vec<EventRecord> = events.map(record).collect();
            is_written_out(&OrderPut { expected, order: Arc::new(order) }, &events)
        };
        assert!(!is_written_out(0, 3, 1..4));
        assert!(!is_written_out(3, 15, 4..16));
        assert!(is_written_out(15, 16, 16..17));
        assert!(!is_written_out(16, 20, 17..21));
        assert!(is_written_out(20, 40, 21..41));
        for events in [0..0, 5..7, 4..6, 4..8] {
            assert!(is_written_out(3, 6, events));
        }
    }
}
