//! The command that changes stock levels.
//!
//! The server plans every part of a command by itself, which takes many times as long as changing a level does. So one part is about
//! all levels: it brings a list of what is wished of each of them, every level looks up its own wish, and one that the wish does not
//! fit stays as it is, which is told by the number of those that changed.
//!
//! Levels that cross nothing or their threshold are records of their journals, and few. They are no fit at first; and only when
//! something did not fit, a second part finds those that have [crossed](Crossings::Found).

use ::mongodb::bson::raw::cstr;
use ::mongodb::bson::{RawArrayBuf, RawBson, RawDocumentBuf, rawdoc};
use order_core::inventory::{MAX_UNITS, StockKey, Threshold};

use super::documents::{STOCK, stock_id};
use super::statements::{Counts, Many, Statement, pipeline};
use crate::group_commit::{Sum, Sums};

/// The most levels that one part is about.
const MAX_LEVELS: usize = 1_000;

/// What is done about levels that cross nothing or their threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Crossings {
    /// They stay as they are.
    Refused,
    /// They change, and are found.
    Found,
}

/// What stands between the parts of a level's key where they are one text. No name holds a control character.
const SEPARATOR: &str = "\u{1f}";

/// Changes levels by their sums; before them come empty shelves for what may be put on new ones.
pub(super) fn change(statements: &mut Vec<Statement>, sums: &Sums<'_>, crossings: Crossings) {
    let mut shelves = Many::updates(STOCK);
    for (key, _) in sums.iter().filter(|(_, sum)| sum.may_be_new) {
        let empty = rawdoc! { "$setOnInsert": { "on_hand": 0_i64, "reserved": 0_i64, "sold": 0_i64 } };
        shelves.parts.push(rawdoc! { "q": { "_id": stock_id(key) }, "u": empty, "upsert": true });
    }
    shelves.into_statements(statements);
    let sums: Vec<(&StockKey, Sum)> = sums.iter().map(|(key, sum)| (*key, *sum)).collect();
    for sums in sums.chunks(MAX_LEVELS) {
        let mut levels = Many::updates(STOCK);
        levels.update_all(among(sums.iter().map(|(key, _)| *key)), granted(sums, crossings));
        let moved: Vec<(&StockKey, i64)> = sums
            .iter()
            .map(|(key, sum)| (*key, sum.on_hand.saturating_sub(sum.reserved)))
            .filter(|(_, change)| *change != 0)
            .collect();
        if !moved.is_empty() && crossings == Crossings::Found {
            let mut crossed = among(moved.iter().map(|(key, _)| *key));
            crossed.append(cstr!("$expr"), crossing(&moved));
            // Nothing has that field: what is found is not changed.
            levels.update_all(crossed, rawdoc! { "$unset": { "nothing": 1_i32 } });
        }
        let first = statements.len();
        levels.into_statements(statements);
        for statement in statements.iter_mut().skip(first) {
            statement.expected = i64::try_from(sums.len()).unwrap_or(i64::MAX);
            statement.counts = Counts::Changed;
        }
    }
}

/// The levels with these keys.
fn among<'k>(keys: impl Iterator<Item = &'k StockKey>) -> RawDocumentBuf {
    let mut ids = RawArrayBuf::new();
    for key in keys {
        ids.push(stock_id(key));
    }
    rawdoc! { "_id": { "$in": ids } }
}

/// What a list has at the place at which another one has the level's key. Texts are compared in a fraction of the time of documents.
fn own<'k>(keys: impl Iterator<Item = &'k StockKey>, list: RawArrayBuf) -> RawDocumentBuf {
    let mut texts = RawArrayBuf::new();
    for key in keys {
        texts.push(format!("{}{SEPARATOR}{}", key.product_id, key.location));
    }
    let text = rawdoc! { "$concat": ["$_id.product_id", SEPARATOR, "$_id.location"] };
    let place = rawdoc! { "$indexOfArray": [{ "$literal": texts }, text] };
    rawdoc! { "$arrayElemAt": [{ "$literal": list }, place] }
}

/// The pipeline that grants every level its wish, if it fits. A granted wish always changes something, so that it can be counted.
fn granted(sums: &[(&StockKey, Sum)], crossings: Crossings) -> RawArrayBuf {
    let mut wishes = RawArrayBuf::new();
    for (_, sum) in sums {
        wishes.push(wish(sum));
    }
    let after = rawdoc! {
        "on_hand": { "$add": ["$on_hand", "$$wish.on_hand"] },
        "reserved": { "$add": ["$reserved", "$$wish.reserved"] },
        "sold": { "$add": ["$sold", "$$wish.sold"] },
        "changes": { "$add": [{ "$ifNull": ["$changes", 0_i64] }, 1_i64] },
        "low_at": { "$ifNull": ["$$wish.low_at", "$low_at"] },
        "ends_low_at": "$$wish.ends_low_at",
    };
    let fits = match crossings {
        Crossings::Found => fits(),
        Crossings::Refused => rawdoc! { "$and": [fits(), { "$not": [will_cross()] }] },
    };
    let granted = rawdoc! { "$cond": [fits, { "$mergeObjects": ["$$ROOT", after] }, "$$ROOT"] };
    let wish = own(sums.iter().map(|(key, _)| *key), wishes);
    let mut stages =
        pipeline(rawdoc! { "$replaceWith": { "$let": { "vars": { "wish": wish }, "in": granted } } });
    if sums.iter().any(|(_, sum)| sum.threshold == Threshold::Removed) {
        let low_at = rawdoc! { "$cond": ["$ends_low_at", "$$REMOVE", "$low_at"] };
        stages.push(rawdoc! { "$set": { "low_at": low_at, "ends_low_at": "$$REMOVE" } });
    }
    stages
}

/// What is wished of a level, and what the level must be like.
fn wish(sum: &Sum) -> RawDocumentBuf {
    let least = |bound: i64| 0_i64.saturating_sub(bound);
    let mut wish = rawdoc! {
        "on_hand": sum.on_hand, "reserved": sum.reserved, "sold": sum.sold,
        "least_available": least(sum.least_available),
        "least_reserved": least(sum.least_reserved),
        "least_sold": least(sum.least_sold),
        "most_sold": i64::MAX.saturating_sub(sum.most_sold),
        "most_on_hand": MAX_UNITS.saturating_sub(sum.most_on_hand),
    };
    if let Some(counted) = sum.if_on_hand {
        wish.append(cstr!("counted"), counted);
    }
    match sum.threshold {
        Threshold::Kept => {}
        Threshold::Removed => wish.append(cstr!("ends_low_at"), true),
        Threshold::At(units) => wish.append(cstr!("low_at"), units),
    }
    wish
}

/// Whether a level is as its wish asks. No side of a comparison can leave the range of its numbers.
fn fits() -> RawDocumentBuf {
    rawdoc! { "$and": [
        { "$gte": [{ "$subtract": ["$on_hand", "$reserved"] }, "$$wish.least_available"] },
        { "$gte": ["$reserved", "$$wish.least_reserved"] },
        { "$gte": ["$sold", "$$wish.least_sold"] },
        { "$lte": ["$sold", "$$wish.most_sold"] },
        { "$lte": ["$on_hand", "$$wish.most_on_hand"] },
        { "$eq": ["$on_hand", { "$ifNull": ["$$wish.counted", "$on_hand"] }] },
    ] }
}

/// Whether what is available of a changed level has crossed nothing or the threshold, by so many units each.
fn crossing(moved: &[(&StockKey, i64)]) -> RawDocumentBuf {
    let mut changes = RawArrayBuf::new();
    for (_, change) in moved {
        changes.push(*change);
    }
    let after = rawdoc! { "$subtract": ["$on_hand", "$reserved"] };
    let before = rawdoc! { "$subtract": ["$$after", own(moved.iter().map(|(key, _)| *key), changes)] };
    rawdoc! { "$let": {
        "vars": { "after": after },
        "in": { "$let": { "vars": { "before": before }, "in": is_crossed() } },
    } }
}

/// Whether what is available of a level crosses nothing or the threshold when its wish is granted.
fn will_cross() -> RawDocumentBuf {
    let before = rawdoc! { "$subtract": ["$on_hand", "$reserved"] };
    let after = rawdoc! { "$add": ["$$before", { "$subtract": ["$$wish.on_hand", "$$wish.reserved"] }] };
    rawdoc! { "$let": {
        "vars": { "before": before },
        "in": { "$let": { "vars": { "after": after }, "in": is_crossed() } },
    } }
}

/// Whether nothing or the threshold lies between `before` and `after`.
fn is_crossed() -> RawDocumentBuf {
    let over = |bound: RawBson| {
        rawdoc! { "$and": [
            { "$lte": [{ "$min": ["$$before", "$$after"] }, bound.clone()] },
            { "$gt": [{ "$max": ["$$before", "$$after"] }, bound] },
        ] }
    };
    let nothing = over(RawBson::Int64(0));
    // Nothing is as low as a threshold that is not there.
    let threshold = over(rawdoc! { "$ifNull": ["$low_at", -1_i64] }.into());
    rawdoc! { "$or": [nothing, threshold] }
}
