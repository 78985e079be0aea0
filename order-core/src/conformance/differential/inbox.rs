//! What programs do to the inbox.

use super::program::InboxStep;
use super::world::{Difference, World, pick, same};
use crate::gateway::{Notice, NoticeKind};
use crate::id::{OrderId, ProviderId};
use crate::inbox::{InboxEntry, InboxStatus, NoticeKey, Settlement};
use crate::machine::Names as _;
use crate::store::{InboxCursor, InboxRepository as _};
use crate::time::{Clock as _, Duration, Timestamp};

/// The events that there are: of two providers, some of the same name.
const EVENTS: [(&str, &str); 6] = [
    ("stripe", "evt_1"),
    ("stripe", "evt_2"),
    ("stripe", "Evt_1"),
    ("paypal", "evt_1"),
    ("Square", "é'%"),
    ("paypal", "evt_10"),
];

fn key(event: u8) -> NoticeKey {
    let (provider, event) = EVENTS[usize::from(event)];
    NoticeKey::new(ProviderId::new(provider).unwrap(), event)
}

fn entry(event: u8, now: Timestamp, wait: u8) -> InboxEntry {
    let NoticeKey { provider, event_id } = key(event);
    let notice = Notice::new(provider, event_id, NoticeKind::Payment, "changed", now);
    InboxEntry::received(notice, now, now + Duration::seconds(i64::from(wait)))
}

impl World {
    pub(super) async fn play_inbox(&self, step: InboxStep) -> Result<(), Difference> {
        let now = self.samples.clock.now();
        let later = |seconds: u8| now + Duration::seconds(i64::from(seconds));
        let (reference, subject) = (&self.reference, &self.subject);
        match step {
            InboxStep::Receive { event, wait } => {
                let entry = entry(event, now, wait);
                same("receipt", reference.receive_notice(&entry).await, subject.receive_notice(&entry).await)
            }
            InboxStep::Claim { limit, seconds } => {
                let (until, limit) = (later(seconds), u32::from(limit));
                let expected = reference.claim_inbox(now, until, limit).await;
                same("claim of notices", expected, subject.claim_inbox(now, until, limit).await)
            }
            InboxStep::Settle { event, way } => {
                let done = match way {
                    0 => Settlement::Attended(OrderId::from_uuid(uuid::Uuid::from_u128(u128::from(event)))),
                    1 => Settlement::Done("what".to_owned()),
                    _ => Settlement::Ignored("why".to_owned()),
                };
                let expected = reference.settle_notice(&key(event), &done, now).await;
                same("settle", expected, subject.settle_notice(&key(event), &done, now).await)
            }
            InboxStep::Park { event, seconds } => {
                let (key, again, why) = (key(event), later(seconds), format!("at {now}"));
                let expected = reference.park_notice(&key, again, &why, now).await;
                same("park", expected, subject.park_notice(&key, again, &why, now).await)
            }
            InboxStep::Retry { event } => {
                let expected = reference.retry_notice(&key(event), now).await;
                same("retry", expected, subject.retry_notice(&key(event), now).await)
            }
            InboxStep::Page { status, after, limit } => {
                let status = status.and_then(|number| pick(InboxStatus::ALL, number)).copied();
                let all = reference.list_inbox(None, None, 100).await.unwrap().items;
                let after = after.and_then(|number| pick(&all, number)).map(InboxCursor::behind);
                let expected = reference.list_inbox(status, after.as_ref(), u32::from(limit)).await;
                same("inbox", expected, subject.list_inbox(status, after.as_ref(), u32::from(limit)).await)
            }
            InboxStep::Forget { seconds, limit } => {
                let before = now - Duration::seconds(i64::from(seconds));
                let expected = reference.forget_notices(before, u32::from(limit)).await;
                same("forget notices", expected, subject.forget_notices(before, u32::from(limit)).await)
            }
        }
    }
}
