use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;

use crate::error::StoreError;
use crate::id::{LocationId, ProductId};
use crate::inventory::{StockKey, StockLevel, StockRecord};
use crate::store::{InvalidCursor, OutboxMessage, Page};
use crate::time::Timestamp;

/// Reads stock levels and their journals.
#[async_trait]
pub trait StockRepository: fmt::Debug + Send + Sync {
    /// The levels of these products at every location, in the order of their keys.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn stock_levels(&self, products: &[ProductId]) -> Result<Vec<StockLevel>, StoreError>;

    /// A page of what is in the journals of a product's levels, or of the one at this location: newest first, that is by time, location
    /// and sequence, all descending. It begins behind `after` and holds at most `limit` records, at least one and at most
    /// [`PageRequest::MAX_LIMIT`](crate::store::PageRequest::MAX_LIMIT).
    ///
    /// # Errors
    /// [`StoreError`].
    async fn stock_records(
        &self,
        product: &ProductId,
        location: Option<&LocationId>,
        after: Option<&StockCursor>,
        limit: u32,
    ) -> Result<Page<StockRecord, StockCursor>, StoreError>;
}

/// The outbox of the journals: the same rules as for [events](crate::store::OutboxRepository), with stock levels in the place of orders.
///
/// The records of one level are delivered one after the other. The *head* of a level is its first record that is not delivered; only a
/// head is claimed, with everything behind it.
#[async_trait]
pub trait StockOutboxRepository: fmt::Debug + Send + Sync {
    /// Claims the undelivered records of at most `levels` levels, so that nobody else gets them until `until`: those whose head is
    /// neither claimed nor waiting beyond `now`, the oldest first, and of two of one time the one whose key comes first. The records
    /// of one level come in their sequence, at most 100 of each.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn claim_stock_outbox(
        &self,
        now: Timestamp,
        until: Timestamp,
        levels: u32,
    ) -> Result<Vec<OutboxMessage<StockRecord>>, StoreError>;

    /// Marks the records of a level as delivered, up to and including `sequence`, and ends the claim on what is behind. What was
    /// delivered before is left as it is.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn delivered_stock(&self, key: &StockKey, sequence: u64) -> Result<(), StoreError>;

    /// Notes that the delivery of a level's head failed, and lets it wait until `again`. A record that is not the head is left as it is.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn undelivered_stock(
        &self,
        key: &StockKey,
        sequence: u64,
        again: Timestamp,
    ) -> Result<(), StoreError>;

    /// Undelivered records whose delivery has failed at least `attempts` times, and at least once, the oldest first; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn stuck_stock_outbox(
        &self,
        attempts: u32,
        limit: u32,
    ) -> Result<Vec<OutboxMessage<StockRecord>>, StoreError>;

    /// How many records are not delivered yet.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn stock_outbox_len(&self) -> Result<u64, StoreError>;
}

/// A place in a journal: behind one record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct StockCursor {
    /// When the record happened.
    pub at: Timestamp,
    /// Where.
    pub location: LocationId,
    /// Its place in the journal of the level there.
    pub sequence: u64,
}

impl StockCursor {
    /// Behind a record.
    pub fn behind(record: &StockRecord) -> Self {
        Self { at: record.at, location: record.key().location.clone(), sequence: record.sequence }
    }
}

/// A text that fits in an address as it is: instant, sequence and location in hexadecimal digits.
impl fmt::Display for StockCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:016x}", self.at.timestamp_millis().cast_unsigned(), self.sequence)?;
        self.location.as_str().bytes().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for StockCursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let number = |range: std::ops::Range<usize>| {
            let digits = text.get(range).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
            u64::from_str_radix(digits.ok_or(InvalidCursor)?, 16).map_err(|_| InvalidCursor)
        };
        let at = Timestamp::from_timestamp_millis(number(0..16)?.cast_signed()).ok_or(InvalidCursor)?;
        let sequence = number(16..32)?;
        let mut name = Vec::new();
        for start in (32..text.len()).step_by(2) {
            name.push(u8::try_from(number(start..start.saturating_add(2))?).map_err(|_| InvalidCursor)?);
        }
        let name = String::from_utf8(name).map_err(|_| InvalidCursor)?;
        Ok(Self { at, location: LocationId::new(name).map_err(|_| InvalidCursor)?, sequence })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        for (millis, sequence, location) in [(0, 1, "main"), (-5, u64::MAX, "Köln / 2"), (1 << 40, 0, "x")] {
            let at = Timestamp::from_timestamp_millis(millis).unwrap();
            let cursor = StockCursor { at, location: LocationId::new(location).unwrap(), sequence };
            let text = cursor.to_string();
            assert!(text.bytes().all(|byte| byte.is_ascii_hexdigit()));
            assert_eq!(text.parse(), Ok(cursor));
        }
        let fine = "00000000000000000000000000000001";
        for tail in ["", "6", "zz", "+1", "00", "ff", "é"] {
            assert_eq!(format!("{fine}{tail}").parse::<StockCursor>(), Err(InvalidCursor), "{tail}");
        }
        assert_eq!("7fffffffffffffff000000000000000161".parse::<StockCursor>(), Err(InvalidCursor));
    }
}
