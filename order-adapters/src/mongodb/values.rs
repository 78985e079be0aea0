//! How values are stored, and what a driver's error means.

use ::mongodb::bson::serde_helpers::HumanReadable;
use ::mongodb::bson::{
    Bson, DateTime, Document, RawArrayBuf, RawDocumentBuf, deserialize_from_bson,
    serialize_to_raw_document_buf,
};
use ::mongodb::error::{
    Error, ErrorKind, TRANSIENT_TRANSACTION_ERROR, UNKNOWN_TRANSACTION_COMMIT_RESULT, WriteFailure,
};
use order_core::StoreError;
use order_core::time::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::chapters;
use crate::group_commit::{self, Form, Trouble};

pub(super) use crate::group_commit::{corrupt, internal};

/// How values are kept: as documents, so that whoever looks into the database can read and query them.
#[derive(Debug)]
pub(super) struct Documents;

/// A write-set's rows.
pub(super) type Rows = group_commit::Rows<Documents>;

impl Form for Documents {
    type Body = RawDocumentBuf;
    type Names = RawArrayBuf;

    const MOST_FOLDED: u64 = chapters::IN_ORDER;

    fn body<T: Serialize>(value: &T) -> Result<RawDocumentBuf, StoreError> {
        serialize_to_raw_document_buf(&HumanReadable(value))
            .map_err(|source| internal("write a value as a document", source))
    }

    fn names(names: &[&str]) -> RawArrayBuf {
        let mut array = RawArrayBuf::new();
        for name in names {
            array.push(*name);
        }
        array
    }

    fn searched(text: String) -> String {
        text
    }
}

/// An instant as it is stored.
pub(super) fn date(at: Timestamp) -> DateTime {
    DateTime::from_millis(at.timestamp_millis())
}

/// A sequence number to compare with: one that can't be stored is beyond all that are.
pub(super) fn bounded(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}

/// The value that a document keeps.
pub(super) fn body<T: DeserializeOwned>(
    collection: &'static str,
    mut document: Document,
) -> Result<T, StoreError> {
    let body = document.remove("body").ok_or_else(|| missing(collection, "body"))?;
    deserialize_from_bson(body).map_err(|source| corrupt(collection, source))
}

/// A field that must be there.
pub(super) fn missing(collection: &'static str, field: &str) -> StoreError {
    corrupt(collection, format!("there is no field {field} of its type"))
}

/// A whole number, however it was written.
pub(super) fn number(collection: &'static str, document: &Document, field: &str) -> Result<i64, StoreError> {
    match document.get(field) {
        Some(Bson::Int64(number)) => Ok(*number),
        Some(Bson::Int32(number)) => Ok(i64::from(*number)),
        _ => Err(missing(collection, field)),
    }
}

/// A counter.
pub(super) fn counter(collection: &'static str, document: &Document, field: &str) -> Result<u64, StoreError> {
    u64::try_from(number(collection, document, field)?).map_err(|source| corrupt(collection, source))
}

pub(super) fn text<'d>(
    collection: &'static str,
    document: &'d Document,
    field: &str,
) -> Result<&'d str, StoreError> {
    document.get_str(field).map_err(|_| missing(collection, field))
}

/// A document in a document.
pub(super) fn inner<'d>(
    collection: &'static str,
    document: &'d Document,
    field: &str,
) -> Result<&'d Document, StoreError> {
    document.get_document(field).map_err(|_| missing(collection, field))
}

/// An id, or whatever else is written as a text.
pub(super) fn parsed<T: std::str::FromStr>(
    collection: &'static str,
    document: &Document,
    field: &str,
) -> Result<T, StoreError> {
    text(collection, document, field)?.parse().map_err(|_| missing(collection, field))
}

pub(super) fn instant(
    collection: &'static str,
    document: &Document,
    field: &str,
) -> Result<Timestamp, StoreError> {
    let date = document.get_datetime(field).map_err(|_| missing(collection, field))?;
    Timestamp::from_timestamp_millis(date.timestamp_millis())
        .ok_or_else(|| corrupt(collection, "an instant is out of range"))
}

/// What a driver's error means to a caller. Nothing was written.
pub(super) fn failed(context: &'static str, error: Error) -> StoreError {
    trouble(&error).failed(context, error)
}

/// A key that must be unique is taken.
pub(super) const DUPLICATE_KEY: i32 = 11_000;

/// A validator refused a document.
const INVALID_DOCUMENT: i32 = 121;

/// What an error says about what was done when it came up.
///
/// The server tells by labels what may be done again:
/// <https://github.com/mongodb/specifications/blob/master/source/transactions/transactions.md#error-reporting-and-retrying>
pub(super) fn trouble(error: &Error) -> Trouble {
    if error.contains_label(TRANSIENT_TRANSACTION_ERROR) {
        return Trouble::Again;
    }
    if error.contains_label(UNKNOWN_TRANSACTION_COMMIT_RESULT) {
        return Trouble::Lost;
    }
    match code(error) {
        Some(code) => of_code(code),
        None if is_lost(error) => Trouble::Lost,
        None => Trouble::Defect,
    }
}

/// What the server's code says.
pub(super) fn of_code(code: i32) -> Trouble {
    match code {
        DUPLICATE_KEY | INVALID_DOCUMENT => Trouble::Guard,
        // A write conflict; a lock that was not free in time; a transaction that the server has ended; too little memory.
        112 | 24 | 251 | 146 => Trouble::Again,
        // No primary, or one that steps down, starts or stops; a limit of time; a network between servers; no majority.
        6 | 7 | 50 | 64 | 89 | 91 | 133 | 189 | 262 | 9_001 | 10_058 | 10_107 | 11_600 | 11_602 | 13_435
        | 13_436 => Trouble::Lost,
        _ => Trouble::Defect,
    }
}

/// The server's code, if it is the server that has answered.
pub(super) fn code(error: &Error) -> Option<i32> {
    if let ErrorKind::Command(command) = &*error.kind {
        return Some(command.code);
    }
    let ErrorKind::Write(failure) = &*error.kind else { return None };
    if let WriteFailure::WriteConcernError(concern) = failure {
        return Some(concern.code);
    }
    if let WriteFailure::WriteError(write) = failure { Some(write.code) } else { None }
}

fn is_lost(error: &Error) -> bool {
    matches!(
        &*error.kind,
        ErrorKind::Io(_)
            | ErrorKind::ConnectionPoolCleared { .. }
            | ErrorKind::ServerSelection { .. }
            | ErrorKind::DnsResolve { .. }
            | ErrorKind::Shutdown
    )
}

#[cfg(test)]
mod tests {
    use ::mongodb::bson::serialize_to_bson;
    use order_core::conformance::sample::{Sampler, customer_cart};

    use super::*;
    use crate::history::chapters;

    /// The short way to a document writes what the driver makes of a value otherwise.
    #[test]
    fn values_are_documents_that_people_can_read() {
        let sampler = Sampler::new(5);
        let (set, order) = sampler.order("ann", "tea");
        let (approved, paid) = sampler.approve(&order);
        let mut cart = sampler.cart(customer_cart("ann"));
        sampler.fill(&mut cart, "tea", 2);
        let mut pairs = vec![pair(&order), pair(&paid), pair(&cart)];
        let chapters = chapters(&set.events).chain(chapters(&approved.events));
        pairs.extend(chapters.map(|chapter| pair(&chapter)));
        for (short, long) in pairs {
            assert_eq!(short, long);
        }
    }

    /// A value written in the short way, and in the other one.
    fn pair(value: &impl Serialize) -> (Bson, Bson) {
        let short = Document::try_from(&*Documents::body(value).unwrap()).unwrap();
        (Bson::from(short), serialize_to_bson(value).unwrap())
    }
}
