//! Where the history of an order is kept.
//!
//! The chapters of an order's first events are in its own document, and the order is read from there with them: so a new order is
//! written once, and what comes after it as what it is. Documents must not grow for ever: a longer history goes on in [`EVENTS`],
//! and from there on the document has the order written out, as it is. Either way one document tells an order.
//!
//! Earlier versions wrote every chapter into [`EVENTS`] and the order out with every commit. What they wrote is read as well.

use ::mongodb::bson::{Bson, DateTime, Document, RawDocumentBuf, doc, rawdoc};
use order_core::StoreError;
use order_core::id::OrderId;
use order_core::order::Order;
use order_core::time::Timestamp;

use super::documents::{EVENTS, ORDERS, chapter_id};
use super::list::Question;
use super::values::{Documents, body, corrupt, counter, inner, instant, missing, parsed};
use crate::group_commit::ChapterRow;
use crate::history::{self, Told, WRITTEN_OUT_EVERY};

/// The last event that an order's own document may tell.
pub(super) const IN_ORDER: u64 = WRITTEN_OUT_EVERY;

/// Whether a chapter is a part of its order's document.
pub(super) fn is_in_order(chapter: &ChapterRow<Documents>) -> bool {
    u64::try_from(chapter.last).is_ok_and(|last| last <= IN_ORDER)
}

/// A chapter as a part of its order's document.
pub(super) fn part(chapter: &ChapterRow<Documents>) -> RawDocumentBuf {
    rawdoc! {
        "sequence": chapter.last, "at": DateTime::from_millis(chapter.at), "name": chapter.name,
        "body": chapter.body.clone(),
    }
}

/// A chapter as a document of its own.
pub(super) fn document(chapter: &ChapterRow<Documents>) -> RawDocumentBuf {
    rawdoc! {
        "_id": chapter_id(chapter.order, chapter.last), "at": DateTime::from_millis(chapter.at),
        "name": chapter.name, "body": chapter.body.clone(),
    }
}

/// A chapter as it was read.
#[derive(Debug)]
pub(super) struct Chapter {
    /// The number of its last event.
    pub(super) last: u64,
    pub(super) at: Timestamp,
    pub(super) told: Told,
}

impl Chapter {
    fn read(collection: &'static str, last: u64, document: Document) -> Result<Self, StoreError> {
        Ok(Self { last, at: instant(collection, &document, "at")?, told: body(collection, document)? })
    }

    /// A chapter from a document of its own, and whose it is.
    pub(super) fn of_document(document: Document) -> Result<(OrderId, Self), StoreError> {
        let id = inner(EVENTS, &document, "_id")?;
        let order = OrderId::from_uuid(parsed(EVENTS, id, "order_id")?);
        let last = counter(EVENTS, id, "sequence")?;
        Ok((order, Self::read(EVENTS, last, document)?))
    }

    /// The chapters in an order's document, in their sequence.
    pub(super) fn in_order(order: &mut Document) -> Result<Vec<Self>, StoreError> {
        let parts = match order.remove("history") {
            Some(Bson::Array(parts)) => parts,
            Some(_) => return Err(missing(ORDERS, "history")),
            None => Vec::new(),
        };
        let read = |part| {
            let Bson::Document(part) = part else { return Err(missing(ORDERS, "history")) };
            let last = counter(ORDERS, &part, "sequence")?;
            Self::read(ORDERS, last, part)
        };
        parts.into_iter().map(read).collect()
    }
}

/// The fields of an order's document that tell the order.
pub(super) fn whole() -> Document {
    doc! { "body": 1, "history": 1, "version": 1 }
}

/// An order from its document.
pub(super) fn order(mut document: Document) -> Result<Order, StoreError> {
    let version = counter(ORDERS, &document, "version")?;
    let chapters = Chapter::in_order(&mut document)?;
    let written_out: Option<Order> =
        if document.contains_key("body") { Some(body(ORDERS, document)?) } else { None };
    let known = written_out.as_ref().map_or(0, |order| order.version);
    let since = chapters.into_iter().filter(|chapter| chapter.last > known).map(|chapter| Ok(chapter.told));
    history::order(written_out, since, version).map_err(|source| corrupt(ORDERS, source))
}

/// The documents of chapters of an order that end with one of these events, in their sequence.
pub(super) fn documents(id: OrderId, from: i64, to: i64) -> Question {
    let order = id.to_string();
    let from = doc! { "order_id": &order, "sequence": from };
    let to = doc! { "order_id": order, "sequence": to };
    Question::new(EVENTS, doc! { "_id": { "$gte": from, "$lte": to } }).walks("_id_", doc! { "_id": 1 })
}
