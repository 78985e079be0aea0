use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;

use crate::error::StoreError;
use crate::id::ProviderId;
use crate::inbox::{InboxEntry, InboxStatus, NoticeKey, Settlement};
use crate::store::{InvalidCursor, Page};
use crate::time::Timestamp;

/// The inbox: what providers tell of their own accord, until somebody has attended to it.
///
/// It is no part of a [`WriteSet`](crate::store::WriteSet). Attending to a notice twice changes nothing the second time, so that
/// nothing has to be committed together with it.
///
/// A store does to an entry what its methods say: [`settled`](InboxEntry::settled), [`parked`](InboxEntry::parked),
/// [`retried`](InboxEntry::retried). Where those are `None`, it changes nothing. Each is one atomic step, and durable when it is
/// answered.
#[async_trait]
pub trait InboxRepository: fmt::Debug + Send + Sync {
    /// Keeps an entry that has just come in, unless its key is there already. Of any number of equal keys exactly one is
    /// [`New`](Receipt::New); the others change nothing.
    ///
    /// # Errors
    /// [`StoreError`]. It may have been kept nevertheless.
    async fn receive_notice(&self, entry: &InboxEntry) -> Result<Receipt, StoreError>;

    /// Claims at most `limit` entries that are due at or before `now`, those due longest first and of two of one time the one whose
    /// key comes first, so that nobody else gets them until `until`: they become due then. They come in the order in which they
    /// were received, and of one time in that of their keys.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn claim_inbox(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<InboxEntry>, StoreError>;

    /// Notes that somebody is done with an entry. What is settled, or not there, is left as it is.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn settle_notice(
        &self,
        key: &NoticeKey,
        settlement: &Settlement,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Notes that an entry could not be attended to, and why, and lets it wait until `again`. What is settled, or not there, is left as
    /// it is.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn park_notice(
        &self,
        key: &NoticeKey,
        again: Timestamp,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Makes an entry due now, whatever has become of it, as if it had just come in. Tells whether it is there.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn retry_notice(&self, key: &NoticeKey, now: Timestamp) -> Result<bool, StoreError>;

    /// The entry with this key.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_notice(&self, key: &NoticeKey) -> Result<Option<InboxEntry>, StoreError>;

    /// A page of the entries, or of those with this status: newest first, that is by the time of their receipt and their key, both
    /// descending. It begins behind `after` and holds at most `limit` entries, at least one and at most
    /// [`PageRequest::MAX_LIMIT`](crate::store::PageRequest::MAX_LIMIT).
    ///
    /// # Errors
    /// [`StoreError`].
    async fn list_inbox(
        &self,
        status: Option<InboxStatus>,
        after: Option<&InboxCursor>,
        limit: u32,
    ) -> Result<Page<InboxEntry, InboxCursor>, StoreError>;

    /// Forgets at most `limit` of the entries that were settled before `before`. Returns how many. What is still open is kept.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn forget_notices(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError>;
}

/// Whether a notice is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "there is no third way")]
pub enum Receipt {
    /// It is kept now.
    New,
    /// It was there before.
    Known,
}

/// A place in the inbox: behind one entry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct InboxCursor {
    /// When the entry was received.
    pub received_at: Timestamp,
    /// What names it.
    pub key: NoticeKey,
}

impl InboxCursor {
    /// Behind an entry.
    pub fn behind(entry: &InboxEntry) -> Self {
        Self { received_at: entry.received_at, key: entry.key() }
    }
}

/// A text that fits in an address as it is: the instant, the length of the provider's name, the two names, all in hexadecimal digits.
impl fmt::Display for InboxCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (provider, event) = (self.key.provider.as_str(), self.key.event_id.as_str());
        write!(f, "{:016x}{:02x}", self.received_at.timestamp_millis().cast_unsigned(), provider.len())?;
        provider.bytes().chain(event.bytes()).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for InboxCursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let digits = |range: std::ops::Range<usize>| {
            let digits = text.get(range).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
            digits.ok_or(InvalidCursor)
        };
        let millis = u64::from_str_radix(digits(0..16)?, 16).map_err(|_| InvalidCursor)?;
        let at = Timestamp::from_timestamp_millis(millis.cast_signed()).ok_or(InvalidCursor)?;
        let length = u8::from_str_radix(digits(16..18)?, 16).map_err(|_| InvalidCursor)?;
        let mut names = Vec::new();
        for start in (18..text.len()).step_by(2) {
            let byte = digits(start..start.saturating_add(2))?;
            names.push(u8::from_str_radix(byte, 16).map_err(|_| InvalidCursor)?);
        }
        let (provider, event) = names.split_at_checked(usize::from(length)).ok_or(InvalidCursor)?;
        let read = |bytes: &[u8]| std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| InvalidCursor);
        let provider = ProviderId::new(read(provider)?).map_err(|_| InvalidCursor)?;
        let event_id = read(event)?;
        let fits =
            (1..=InboxEntry::MAX_EVENT_ID).contains(&event_id.len()) && crate::text::is_line(&event_id);
        let key = NoticeKey::new(provider, event_id);
        fits.then_some(Self { received_at: at, key }).ok_or(InvalidCursor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        for (millis, provider, event) in [(0, "stripe", "evt_1"), (-5, "Köln", "a / ?"), (1 << 40, "x", "é")]
        {
            let received_at = Timestamp::from_timestamp_millis(millis).unwrap();
            let cursor =
                InboxCursor { received_at, key: NoticeKey::new(ProviderId::new(provider).unwrap(), event) };
            let text = cursor.to_string();
            assert!(text.bytes().all(|byte| byte.is_ascii_hexdigit()));
            assert_eq!(text.parse(), Ok(cursor));
        }
        for text in [
            "",
            "00",
            "000000000000000001",
            "000000000000000001zz",
            "00000000000000000178",
            "0000000000000000017",
        ] {
            assert_eq!(text.parse::<InboxCursor>(), Err(InvalidCursor), "{text}");
        }
        for tail in ["027879", "017800", "0178ff", "01786", "ff7879", "+17879", "0178+9"] {
            let text = format!("0000000000000000{tail}");
            assert_eq!(text.parse::<InboxCursor>(), Err(InvalidCursor), "{text}");
        }
        assert_eq!("7fffffffffffffff017879".parse::<InboxCursor>(), Err(InvalidCursor));
        assert!("0000000000000000017879".parse::<InboxCursor>().is_ok());
    }
}
