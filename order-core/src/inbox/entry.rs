use std::fmt;

use crate::gateway::Notice;
use crate::id::{OrderId, ProviderId};
use crate::status_table;
use crate::time::{Duration, Timestamp};

status_table! {
    /// What may become of a notice. What is attended to or ignored stays so, unless somebody wants it looked at once more.
    pub const INBOX_TABLE: "inbox" = {
        /// How far a notice has come.
        pub enum InboxStatus {
            /// It is kept, and nobody has looked at it.
            Received = "received",
            /// It could not be attended to yet, and is tried again.
            Parked = "parked",
            /// What it called for is done: the provider was asked, and its answer was taken in.
            Attended = "attended",
            /// Nothing comes of it: it is about nothing that concerns us, or the provider has refused.
            Ignored = "ignored",
        }
        /// What happens to a notice.
        pub enum InboxMove {
            /// What it called for was done.
            Attend = "attend",
            /// It turned out that nothing can come of it.
            Ignore = "ignore",
            /// It can't be attended to now.
            Park = "park",
            /// Somebody wants it looked at now, whatever has become of it.
            Retry = "retry",
        }
        Received: Attend => Attended, Ignore => Ignored, Park => Parked, Retry => Received;
        Parked: Attend => Attended, Ignore => Ignored, Park => Parked, Retry => Received;
        Attended: Retry => Received;
        Ignored: Retry => Received;
    }
}

impl InboxStatus {
    /// Whether somebody still has to attend to it.
    pub fn is_open(self) -> bool {
        match self {
            Self::Received | Self::Parked => true,
            Self::Attended | Self::Ignored => false,
        }
    }
}

/// What names a notice: the provider, and the provider's name for the event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct NoticeKey {
    /// The provider.
    pub provider: ProviderId,
    /// Its name for the event.
    pub event_id: String,
}

impl NoticeKey {
    /// A key.
    pub fn new(provider: ProviderId, event_id: impl Into<String>) -> Self {
        Self { provider, event_id: event_id.into() }
    }
}

impl fmt::Display for NoticeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.event_id)
    }
}

/// How somebody is done with a notice.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a store must handle each")]
pub enum Settlement {
    /// The provider was asked about a payment of this order, and its answer was taken in.
    Attended(OrderId),
    /// What it called for was done, without any order of ours; and what that was.
    Done(String),
    /// Nothing comes of it, and why.
    Ignored(String),
}

/// A notice in the inbox, and what has become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct InboxEntry {
    /// What the provider said.
    pub notice: Notice,
    /// How far it has come.
    pub status: InboxStatus,
    /// When it was taken in first.
    pub received_at: Timestamp,
    /// When its status was last written.
    pub changed_at: Timestamp,
    /// When somebody has to attend to it: while it is claimed, when the claim ends. `None` when nobody has to.
    pub due_at: Option<Timestamp>,
    /// How often it could not be attended to.
    pub attempts: u32,
    /// Why it is parked, or ignored; or what was done where no order is concerned. For the staff.
    pub reason: Option<String>,
    /// The order it was about.
    pub order_id: Option<OrderId>,
}

impl InboxEntry {
    /// The longest name of an event, in bytes: more than any provider's.
    pub const MAX_EVENT_ID: usize = 255;
    /// The longest word for a type of events, in bytes: more than any provider's.
    pub const MAX_EVENT_TYPE: usize = 255;
    /// The longest reason, in bytes: an error with what it came from.
    pub const MAX_REASON: usize = 500;
    /// For how long somebody who attends to a notice has it for themselves: longer than a provider and a store take.
    pub const LEASE: Duration = Duration::seconds(60);
    /// For how long the payment of a notice is looked for. Providers deliver anew for three days at most, and what we send them is
    /// stored before it is sent: what is unknown after a week is not ours, e.g. that of another shop with the same account.
    pub const PATIENCE: Duration = Duration::days(7);
    /// How long a notice is kept after somebody is done with it: far longer than any provider delivers anew, so that no repetition is
    /// taken for news, and long enough for questions about it.
    pub const RETENTION: Duration = Duration::days(30);

    /// A notice that has just come in. Whoever takes it in has it for themselves until `until`.
    pub fn received(notice: Notice, now: Timestamp, until: Timestamp) -> Self {
        Self {
            notice,
            status: INBOX_TABLE.initial(),
            received_at: now,
            changed_at: now,
            due_at: Some(until),
            attempts: 0,
            reason: None,
            order_id: None,
        }
    }

    /// What names it.
    pub fn key(&self) -> NoticeKey {
        NoticeKey::new(self.notice.provider.clone(), self.notice.event_id.clone())
    }

    /// How long a notice waits that could not be attended to so often: 15 seconds, doubling, at most six hours.
    pub fn wait_after(attempts: u32) -> Duration {
        let doublings = attempts.min(11);
        Duration::seconds(15_i64 << doublings).min(Duration::hours(6))
    }

    /// The entry after somebody was done with it; `None` when somebody was already.
    #[must_use]
    pub fn settled(&self, settlement: &Settlement, now: Timestamp) -> Option<Self> {
        let (by, order_id, reason) = match settlement {
            Settlement::Attended(order) => (InboxMove::Attend, Some(*order), None),
            Settlement::Done(what) => (InboxMove::Attend, None, Some(what.clone())),
            Settlement::Ignored(reason) => (InboxMove::Ignore, None, Some(reason.clone())),
        };
        let status = INBOX_TABLE.next(self.status, by)?;
        Some(Self { status, changed_at: now, due_at: None, reason, order_id, ..self.clone() })
    }

    /// The entry after it could not be attended to, to be tried again at `again`; `None` when somebody was done with it.
    #[must_use]
    pub fn parked(&self, again: Timestamp, reason: &str, now: Timestamp) -> Option<Self> {
        let status = INBOX_TABLE.next(self.status, InboxMove::Park)?;
        Some(Self {
            status,
            changed_at: now,
            due_at: Some(again),
            attempts: self.attempts.saturating_add(1),
            reason: Some(reason.to_owned()),
            ..self.clone()
        })
    }

    /// The entry after somebody wanted it looked at now.
    #[must_use]
    pub fn retried(&self, now: Timestamp) -> Option<Self> {
        let status = INBOX_TABLE.next(self.status, InboxMove::Retry)?;
        let received_at = self.received_at;
        Some(Self { status, received_at, ..Self::received(self.notice.clone(), now, now) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end_at_six_hours() {
        let waits: Vec<i64> =
            (0..14).map(|attempts| InboxEntry::wait_after(attempts).num_seconds()).collect();
        assert_eq!(waits[..4], [15, 30, 60, 120]);
        assert!(waits.is_sorted() && waits.ends_with(&[21_600, 21_600, 21_600]), "{waits:?}");
        assert_eq!(InboxEntry::wait_after(u32::MAX), Duration::hours(6));
    }
}
