//! The commands that apply write-sets.
//!
//! Every guard is in a write: in its condition, so that it changes as many documents as it must, or in a unique index. What is
//! wanted by everybody comes first: a transaction that meets another one there is ended at once, before it has done any work.

use std::collections::{BTreeMap, HashMap};

use ::mongodb::bson::raw::{CStr, cstr};
use ::mongodb::bson::{DateTime, RawArrayBuf, RawBson, RawDocumentBuf, rawdoc};
use uuid::Uuid;

use super::chapters;
use super::documents::{self, CARTS, EVENTS, IDEMPOTENCY, ORDERS, RESERVATIONS, WRITE_SETS, request_id};
use super::levels::{self, Crossings};
use super::values::Rows;
use crate::group_commit::Sums;

/// The most bytes of documents in one command; a message may have 48 MB.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// A command, and how many documents it must write.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) command: RawDocumentBuf,
    pub(super) expected: i64,
    pub(super) counts: Counts,
}

/// Which documents count as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counts {
    /// Those that were found.
    Found,
    /// Those that were changed. Those that were found and not changed tell of a crossing.
    Changed,
}

/// The commands that apply write-sets, no two of which touch the same thing. `sums` are those of their stock changes.
pub(super) fn apply(sets: &[&Rows], sums: &Sums<'_>, crossings: Crossings, now: DateTime) -> Vec<Statement> {
    let mut statements = Vec::new();
    levels::change(&mut statements, sums, crossings);
    note_write_sets(&mut statements, sets, now);
    put_requests(&mut statements, sets, now);
    read(&mut statements, CARTS, sets.iter().flat_map(|set| &set.read_carts));
    read(&mut statements, ORDERS, sets.iter().flat_map(|set| &set.read_orders));
    put_carts(&mut statements, sets);
    put_orders(&mut statements, sets);
    add_chapters(&mut statements, sets);
    put_reservations(&mut statements, sets);
    statements
}

/// A command for many documents.
#[derive(Debug)]
pub(super) struct Many {
    name: &'static CStr,
    collection: &'static str,
    list: &'static CStr,
    pub(super) parts: Vec<RawDocumentBuf>,
    /// Whether each of them must find its document; else none may.
    must_write: bool,
}

impl Many {
    pub(super) fn updates(collection: &'static str) -> Self {
        Self {
            name: cstr!("update"),
            collection,
            list: cstr!("updates"),
            parts: Vec::new(),
            must_write: true,
        }
    }

    pub(super) fn inserts(collection: &'static str) -> Self {
        Self {
            name: cstr!("insert"),
            collection,
            list: cstr!("documents"),
            parts: Vec::new(),
            must_write: true,
        }
    }

    fn deletes(collection: &'static str) -> Self {
        Self {
            name: cstr!("delete"),
            collection,
            list: cstr!("deletes"),
            parts: Vec::new(),
            must_write: true,
        }
    }

    /// An update of the one document that fits.
    pub(super) fn update(&mut self, filter: RawDocumentBuf, change: impl Into<RawBson>) {
        let mut part = rawdoc! { "q": filter };
        part.append(cstr!("u"), change.into());
        self.parts.push(part);
    }

    /// An update of every document that fits.
    pub(super) fn update_all(&mut self, filter: RawDocumentBuf, change: impl Into<RawBson>) {
        self.update(filter, change);
        if let Some(part) = self.parts.last_mut() {
            part.append(cstr!("multi"), true);
        }
    }

    /// As few commands as their sizes allow.
    pub(super) fn into_statements(self, statements: &mut Vec<Statement>) {
        let mut left = self.parts.into_iter().peekable();
        while left.peek().is_some() {
            let (mut list, mut bytes, mut expected) = (RawArrayBuf::new(), 0_usize, 0_i64);
            while let Some(part) =
                left.next_if(|part| bytes == 0 || bytes.saturating_add(part.as_bytes().len()) <= MAX_BYTES)
            {
                bytes = bytes.saturating_add(part.as_bytes().len());
                expected = expected.saturating_add(i64::from(self.must_write));
                list.push(part);
            }
            let mut command = RawDocumentBuf::new();
            command.append(self.name, self.collection);
            command.append(self.list, list);
            statements.push(Statement { command, expected, counts: Counts::Found });
        }
    }
}

fn note_write_sets(statements: &mut Vec<Statement>, sets: &[&Rows], now: DateTime) {
    let mut inserts = Many::inserts(WRITE_SETS);
    inserts.parts.extend(documents::write_sets(sets, now));
    inserts.into_statements(statements);
}

fn put_requests(statements: &mut Vec<Statement>, sets: &[&Rows], now: DateTime) {
    let mut inserts = Many::inserts(IDEMPOTENCY);
    let mut updates = Many::updates(IDEMPOTENCY);
    for request in sets.iter().filter_map(|set| set.request.as_ref()) {
        let document = documents::request(request, now);
        if request.is_new {
            inserts.parts.push(document);
        } else {
            let id = request_id(&request.scope, &request.key);
            let open = rawdoc! { "_id": id, "answered_version": { "$exists": false } };
            updates.update(open, document);
        }
    }
    updates.into_statements(statements);
    inserts.into_statements(statements);
}

/// Carts that free their owner come first, so that another one may take them in the same commit.
fn put_carts(statements: &mut Vec<Statement>, sets: &[&Rows]) {
    let mut deletes = Many::deletes(CARTS);
    for (id, version) in sets.iter().flat_map(|set| &set.removed_carts) {
        // What is not there can't be removed, whatever its version would be.
        let filter = rawdoc! { "_id": id.to_string(), "version": *version };
        deletes.parts.push(rawdoc! { "q": filter, "limit": 1_i32 });
    }
    deletes.into_statements(statements);
    let mut closed = Many::updates(CARTS);
    let mut open = Many::updates(CARTS);
    let mut new = Many::inserts(CARTS);
    for cart in sets.iter().flat_map(|set| &set.carts) {
        let document = documents::cart(cart);
        if cart.expected == 0 {
            new.parts.push(document);
            continue;
        }
        let same = rawdoc! { "_id": cart.id.to_string(), "version": cart.expected };
        let updates = if cart.is_open { &mut open } else { &mut closed };
        updates.update(same, document);
    }
    closed.into_statements(statements);
    open.into_statements(statements);
    new.into_statements(statements);
}

/// What was only read is written as well, so that nobody else can change it in the same moment; and what was not there must not
/// be there.
fn read<'a>(
    statements: &mut Vec<Statement>,
    collection: &'static str,
    read: impl Iterator<Item = &'a (Uuid, i64)>,
) {
    let mut present = Many::updates(collection);
    let mut absent = Many { must_write: false, ..Many::updates(collection) };
    for (id, version) in read {
        let noted = rawdoc! { "$inc": { "times_read": 1_i64 } };
        if *version > 0 {
            present.update(rawdoc! { "_id": id.to_string(), "version": *version }, noted);
        } else {
            absent.update(rawdoc! { "_id": id.to_string() }, noted);
        }
    }
    present.into_statements(statements);
    absent.into_statements(statements);
}

/// The events of an order in a group of write-sets.
#[derive(Debug)]
struct Span {
    /// The sequence number of the first one.
    first: i64,
    /// When it happened.
    at: i64,
    /// The sequence number of the last one.
    last: i64,
    /// Whether each follows the one before it.
    has_gap: bool,
    /// The chapters that are parts of the order's document.
    parts: RawArrayBuf,
}

impl Span {
    fn all(sets: &[&Rows]) -> BTreeMap<Uuid, Self> {
        let mut spans = BTreeMap::new();
        for chapter in sets.iter().flat_map(|set| &set.chapters) {
            let before = chapter.first.saturating_sub(1);
            let span = spans.entry(chapter.order).or_insert_with(|| Self {
                first: chapter.first,
                at: chapter.at,
                last: before,
                has_gap: false,
                parts: RawArrayBuf::new(),
            });
            span.has_gap = span.has_gap || span.last != before;
            span.last = chapter.last;
            if chapters::is_in_order(chapter) {
                span.parts.push(chapters::part(chapter));
            }
        }
        spans
    }

    /// The number that the last event before these must have; none has that of a gap.
    fn before(&self) -> i64 {
        if self.has_gap { -1 } else { self.first.saturating_sub(1) }
    }

    /// The outbox of an order whose first undelivered event is the first one of these.
    fn waiting(&self) -> RawDocumentBuf {
        documents::waiting(self.first, DateTime::from_millis(self.at))
    }

    /// What these events change: they wait behind those that wait already.
    fn behind(self) -> RawDocumentBuf {
        let waiting = self.waiting();
        let history: RawBson = if self.parts.is_empty() {
            "$history".into()
        } else {
            let before = rawdoc! { "$ifNull": ["$history", []] };
            rawdoc! { "$concatArrays": [before, { "$literal": self.parts }] }.into()
        };
        rawdoc! {
            "last_sequence": { "$literal": self.last },
            "outbox": { "$ifNull": ["$outbox", { "$literal": waiting }] },
            "history": history,
        }
    }
}

fn put_orders(statements: &mut Vec<Statement>, sets: &[&Rows]) {
    let mut spans = Span::all(sets);
    let mut payments: HashMap<Uuid, Vec<_>> = HashMap::new();
    for payment in sets.iter().flat_map(|set| &set.payments) {
        payments.entry(payment.order).or_default().push(payment);
    }
    let mut new = Many::inserts(ORDERS);
    let mut updates = Many::updates(ORDERS);
    for order in sets.iter().flat_map(|set| &set.orders) {
        let of_order = payments.get(&order.id).map_or(&[][..], Vec::as_slice);
        let document = documents::order(order, of_order);
        if order.expected == 0 {
            // What does not begin at one is left, and will find no order to follow on.
            let begins = spans.get(&order.id).is_some_and(|span| span.before() == 0);
            let span = begins.then(|| spans.remove(&order.id)).flatten();
            new.parts.push(match span {
                Some(span) => {
                    let waiting = span.waiting();
                    documents::with_history(document, span.last, span.parts, waiting)
                }
                None => documents::without_history(document),
            });
        } else {
            let mut same = rawdoc! { "_id": order.id.to_string(), "version": order.expected };
            let mut kept = if let Some(span) = spans.remove(&order.id) {
                same.append(cstr!("last_sequence"), span.before());
                span.behind()
            } else {
                rawdoc! { "last_sequence": "$last_sequence", "outbox": "$outbox", "history": "$history" }
            };
            if order.body.is_none() {
                kept.append(cstr!("body"), "$body");
            }
            updates.update(same, replaced(document, kept));
        }
    }
    for (order, span) in spans {
        let same = rawdoc! { "_id": order.to_string(), "last_sequence": span.before() };
        updates.update(same, pipeline(rawdoc! { "$set": span.behind() }));
    }
    updates.into_statements(statements);
    new.into_statements(statements);
}

/// A document in the place of the stored one, with some of its fields kept.
fn replaced(document: RawDocumentBuf, kept: RawDocumentBuf) -> RawArrayBuf {
    pipeline(rawdoc! { "$replaceWith": { "$mergeObjects": [{ "$literal": document }, kept] } })
}

pub(super) fn pipeline(stage: RawDocumentBuf) -> RawArrayBuf {
    let mut pipeline = RawArrayBuf::new();
    pipeline.push(stage);
    pipeline
}

/// The chapters behind those that are parts of their orders.
fn add_chapters(statements: &mut Vec<Statement>, sets: &[&Rows]) {
    let mut inserts = Many::inserts(EVENTS);
    let chapters = sets.iter().flat_map(|set| &set.chapters);
    inserts.parts.extend(chapters.filter(|chapter| !chapters::is_in_order(chapter)).map(chapters::document));
    inserts.into_statements(statements);
}

fn put_reservations(statements: &mut Vec<Statement>, sets: &[&Rows]) {
    let mut new = Many::inserts(RESERVATIONS);
    let mut updates = Many::updates(RESERVATIONS);
    for hold in sets.iter().flat_map(|set| &set.holds) {
        let document = documents::reservation(hold);
        if hold.is_new {
            new.parts.push(document);
        } else {
            updates.update(rawdoc! { "_id": hold.id.to_string(), "status": "active" }, document);
        }
    }
    updates.into_statements(statements);
    new.into_statements(statements);
}
