//! How the journals of stock levels are written, in the transaction that changes the levels.
//!
//! The command that changes a level tells whether it crossed nothing or its threshold; only then, or where a write-set brings
//! entries or a threshold, there is more to do, and more round trips.

use std::collections::{BTreeMap, BTreeSet};

use ::mongodb::bson::raw::cstr;
use ::mongodb::bson::{Bson, DateTime, Document, RawDocumentBuf, doc, rawdoc};
use ::mongodb::{ClientSession, Database};
use order_core::StoreError;
use order_core::inventory::{StockEntry, StockKey, StockLevel, Threshold};

use super::documents::{STOCK, STOCK_OUTBOX, STOCK_RECORDS, record_id, stock_id};
use super::inventory::level;
use super::link::unsent;
use super::statements::{Many, Statement, pipeline};
use super::values::{Documents, Rows};
use crate::group_commit::{Failed, Form, Sum, Sums, Trouble};

/// A level, and how many records its journal has.
type Found = BTreeMap<StockKey, (StockLevel, i64)>;

/// What is to be written into journals when the levels have changed.
#[derive(Debug)]
pub(super) struct Journal {
    /// The levels, as they were before, that get an entry or a threshold.
    counted: Found,
}

impl Journal {
    /// Whether write-sets bring something that journals tell of.
    pub(super) fn is_told(sets: &[&Rows], sums: &Sums<'_>) -> bool {
        sets.iter().any(|set| !set.entries.is_empty())
            || sums.values().any(|sum| sum.may_be_new || sum.threshold != Threshold::Kept)
    }

    /// Looks at the levels that get an entry or a threshold. Nobody else changes them between this look and the commit.
    pub(super) async fn begin(
        database: &Database,
        session: &mut ClientSession,
        sets: &[&Rows],
        sums: &Sums<'_>,
    ) -> Result<Self, Failed> {
        let mut keys: BTreeSet<&StockKey> =
            sets.iter().flat_map(|set| &set.entries).map(|entry| &entry.key).collect();
        keys.extend(sums.iter().filter(|(_, sum)| sum.threshold != Threshold::Kept).map(|(key, _)| *key));
        let mut counted = find(database, session, keys.iter().copied()).await?;
        for key in keys {
            counted.entry(key.clone()).or_insert_with(|| (StockLevel::empty(key.clone()), 0));
        }
        Ok(Self { counted })
    }

    /// What is left to write, when so many levels have crossed something.
    pub(super) async fn finish(
        self,
        database: &Database,
        session: &mut ClientSession,
        sets: &[&Rows],
        sums: &Sums<'_>,
        crossings: i64,
    ) -> Result<Vec<Statement>, Failed> {
        let mut changed: BTreeMap<StockKey, (StockLevel, StockLevel, i64)> = BTreeMap::new();
        for (key, (before, records)) in self.counted {
            let sum = sums.get(&key).copied().unwrap_or_default();
            let after = after(&before, &sum);
            changed.insert(key, (before, after, records));
        }
        if crossings > 0 {
            let others = sums.keys().copied().filter(|key| !changed.contains_key(*key));
            for (key, (after, records)) in find(database, session, others).await? {
                let sum = sums.get(&key).copied().unwrap_or_default();
                changed.insert(key, (before(&after, &sum), after, records));
            }
        }
        statements(sets, &changed).map_err(|error| Failed::Sent(Trouble::Defect, error.into()))
    }
}

/// A level after a sum that fits it.
fn after(before: &StockLevel, sum: &Sum) -> StockLevel {
    let low_at = match sum.threshold {
        Threshold::Kept => before.low_at,
        Threshold::Removed => None,
        Threshold::At(units) => Some(units),
    };
    StockLevel::new(
        before.key.clone(),
        before.on_hand.saturating_add(sum.on_hand),
        before.reserved.saturating_add(sum.reserved),
        before.sold.saturating_add(sum.sold),
    )
    .with_low_at(low_at)
}

/// A level before a sum that left its threshold.
fn before(after: &StockLevel, sum: &Sum) -> StockLevel {
    StockLevel::new(
        after.key.clone(),
        after.on_hand.saturating_sub(sum.on_hand),
        after.reserved.saturating_sub(sum.reserved),
        after.sold.saturating_sub(sum.sold),
    )
    .with_low_at(after.low_at)
}

async fn find(
    database: &Database,
    session: &mut ClientSession,
    keys: impl Iterator<Item = &StockKey>,
) -> Result<Found, Failed> {
    let ids: Vec<Bson> = keys
        .map(|key| {
            let (product, location) = (key.product_id.as_str(), key.location.as_str());
            Bson::from(doc! { "product_id": product, "location": location })
        })
        .collect();
    let mut found = Found::new();
    if ids.is_empty() {
        return Ok(found);
    }
    let levels = database.collection::<Document>(STOCK);
    let finding = levels.find(doc! { "_id": { "$in": ids } }).session(&mut *session);
    let mut cursor = finding.await.map_err(unsent)?;
    while let Some(document) = cursor.next(session).await {
        let document = document.map_err(unsent)?;
        let level = level(&document).map_err(|error| Failed::Sent(Trouble::Defect, error.into()))?;
        let records = document.get_i64("records").unwrap_or(0);
        found.insert(level.key.clone(), (level, records));
    }
    Ok(found)
}

/// The commands that write the records, count them, and hand them to the outbox.
fn statements(
    sets: &[&Rows],
    changed: &BTreeMap<StockKey, (StockLevel, StockLevel, i64)>,
) -> Result<Vec<Statement>, StoreError> {
    let newest = sets.iter().map(|set| set.at).max().unwrap_or_default();
    let mut records = Many::inserts(STOCK_RECORDS);
    let mut levels = Many::updates(STOCK);
    let mut outbox = Many::updates(STOCK_OUTBOX);
    for (key, (before, after, count)) in changed {
        let mut written: Vec<(i64, &str, RawDocumentBuf)> = sets
            .iter()
            .flat_map(|set| &set.entries)
            .filter(|entry| entry.key == *key)
            .map(|entry| (entry.at, entry.name, entry.body.clone()))
            .collect();
        let alert = StockLevel::alert(before, after).map(StockEntry::alert);
        if let Some(entry) = &alert {
            written.push((newest, entry.event.name(), Documents::body(entry)?));
        }
        let Some(first_at) = written.first().map(|(at, ..)| *at) else { continue };
        let (first, mut sequence) = (count.saturating_add(1), *count);
        for (at, name, body) in written {
            sequence = sequence.saturating_add(1);
            records.parts.push(record(after, sequence, at, name, body));
        }
        let more = sequence.saturating_sub(*count);
        levels.update(rawdoc! { "_id": stock_id(key) }, rawdoc! { "$inc": { "records": more } });
        outbox.parts.push(rawdoc! {
            "q": { "_id": stock_id(key) }, "u": pipeline(waiting(first, first_at, sequence)), "upsert": true,
        });
    }
    let mut statements = Vec::new();
    records.into_statements(&mut statements);
    levels.into_statements(&mut statements);
    outbox.into_statements(&mut statements);
    Ok(statements)
}

fn record(after: &StockLevel, sequence: i64, at: i64, name: &str, body: RawDocumentBuf) -> RawDocumentBuf {
    let mut record = rawdoc! {
        "_id": record_id(&after.key, sequence), "at": DateTime::from_millis(at), "name": name,
        "on_hand": after.on_hand, "reserved": after.reserved, "sold": after.sold,
    };
    if let Some(low_at) = after.low_at {
        record.append(cstr!("low_at"), low_at);
    }
    record.append(cstr!("body"), body);
    record
}

/// What new records change: they wait behind those that wait already.
fn waiting(first: i64, at: i64, last: i64) -> RawDocumentBuf {
    rawdoc! { "$set": {
        "last": last,
        "head": { "$ifNull": ["$head", first] },
        "at": { "$ifNull": ["$at", DateTime::from_millis(at)] },
        "state": { "$ifNull": ["$state", "free"] },
        "attempts": { "$ifNull": ["$attempts", 0_i64] },
    } }
}
