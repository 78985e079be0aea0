//! The inbox: what payment providers tell of their own accord.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::conformance::Subject;
use crate::conformance::sample::{HARD_TEXTS, Sampler, customer};
use crate::gateway::{Notice, NoticeKind};
use crate::id::{IdSource as _, OperationId, OrderId, PaymentId, ProviderId, ProviderReference};
use crate::inbox::{Decision, InboxEntry, InboxStatus, NoticeKey, Settlement};
use crate::money::{Currency, Money};
use crate::order::Actor;
use crate::payment::OperationKind;
use crate::store::{InboxCursor, Receipt};
use crate::time::{Duration, Timestamp};

const LEASE: Duration = InboxEntry::LEASE;

async fn receive(subject: &Subject, entry: &InboxEntry) {
    assert_eq!(subject.store.receive_notice(entry).await.unwrap(), Receipt::New);
}

/// Entries that have just come in and are due, in the order of their receipt.
async fn some(subject: &Subject, samples: &Sampler, events: &[&str]) -> Vec<InboxEntry> {
    let mut entries = Vec::new();
    for event in events {
        let entry = samples.incoming("stripe", event);
        receive(subject, &entry).await;
        entries.push(entry);
    }
    entries
}

async fn claim(subject: &Subject, now: Timestamp, limit: u32) -> Vec<InboxEntry> {
    subject.store.claim_inbox(now, now + LEASE, limit).await.unwrap()
}

fn names(entries: &[InboxEntry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.notice.event_id.as_str()).collect()
}

async fn found(subject: &Subject, entry: &InboxEntry) -> Option<InboxEntry> {
    subject.store.find_notice(&entry.key()).await.unwrap()
}

/// A notice about everything that a notice can be about.
fn full(samples: &Sampler, mut notice: Notice) -> Notice {
    let id = || samples.ids.next(samples.now());
    notice.kind = NoticeKind::Refund;
    notice.order_id = Some(OrderId::from_uuid(id()));
    notice.payment_id = Some(PaymentId::from_uuid(id()));
    notice.operation_id = Some(OperationId::from_uuid(id()));
    notice.reference = Some(ProviderReference::new("pi_1 / é").unwrap());
    notice.amount = Some(Money::from_minor(i64::MAX, Currency::JPY));
    notice.decision = Some(Decision::new(Actor::Staff(customer("é'%")), OperationKind::Void, "no order\n{}"));
    notice
}

/// What came in is kept as it was, whatever comes under the same name later; another provider's event of this name is another one.
pub async fn notice_is_kept(subject: Subject) {
    let samples = Sampler::new(141);
    let mut entry = samples.incoming("stripe", "evt_1");
    entry.notice = full(&samples, entry.notice.clone());
    assert_eq!(found(&subject, &entry).await, None);
    receive(&subject, &entry).await;
    assert_eq!(found(&subject, &entry).await.as_ref(), Some(&entry));
    let other = samples.incoming("paypal", "evt_1");
    receive(&subject, &other).await;
    for again in [entry.clone(), samples.incoming("stripe", "evt_1")] {
        assert_eq!(subject.store.receive_notice(&again).await.unwrap(), Receipt::Known);
    }
    assert_eq!(found(&subject, &entry).await.as_ref(), Some(&entry));
    assert_eq!(found(&subject, &other).await.as_ref(), Some(&other));
    assert_eq!(found(&subject, &samples.incoming("stripe", "EVT_1")).await, None);
}

/// One event that is delivered fifty times at once is new once; events of other names don't disturb each other.
pub async fn one_receipt_of_an_event_is_new(subject: Subject) {
    let samples = Sampler::new(142);
    let receipts = (0..50_u64).map(|index| {
        let entry = samples.incoming("stripe", &format!("evt_{}", index % 3));
        let subject = subject.clone();
        async move { (entry.key(), subject.store.receive_notice(&entry).await.unwrap()) }
    });
    let receipts = subject.race(receipts.collect::<Vec<_>>()).await;
    let mut new: BTreeMap<NoticeKey, u32> = BTreeMap::new();
    for (key, _) in receipts.into_iter().filter(|(_, receipt)| *receipt == Receipt::New) {
        *new.entry(key).or_default() += 1;
    }
    assert_eq!(new.values().copied().collect::<Vec<_>>(), [1, 1, 1], "{new:?}");
    assert_eq!(subject.store.list_inbox(None, None, 100).await.unwrap().items.len(), 3);
}

/// What is due longest is claimed first, and is nobody else's until the claim ends. Whoever takes something in has claimed it.
pub async fn notice_claims_hold_until_they_end(subject: Subject) {
    let samples = Sampler::new(143);
    assert_eq!(claim(&subject, samples.now(), 9).await, []);
    some(&subject, &samples, &["c", "a", "b"]).await;
    let now = samples.now();
    let mut mine = InboxEntry::received(samples.incoming("stripe", "mine").notice, now, now + LEASE);
    receive(&subject, &mine).await;
    let claimed = claim(&subject, now, 2).await;
    assert_eq!(names(&claimed), ["c", "a"], "what is due longest");
    assert!(claimed.iter().all(|entry| entry.due_at == Some(now + LEASE) && entry.attempts == 0));
    assert_eq!(found(&subject, &claimed[0]).await.as_ref(), Some(&claimed[0]));
    assert_eq!(names(&claim(&subject, now, 9).await), ["b"]);
    let end = now + LEASE;
    assert_eq!(claim(&subject, end - Duration::milliseconds(1), 9).await, []);
    // All are due at one time now: the names decide, and what is claimed comes as it was received.
    assert_eq!(names(&claim(&subject, end, 2).await), ["a", "b"]);
    assert_eq!(names(&claim(&subject, end, 9).await), ["c", "mine"]);
    mine.due_at = Some(end + LEASE);
    assert_eq!(found(&subject, &mine).await, Some(mine));
    assert_eq!(claim(&subject, end, 0).await, []);
}

/// Many who claim at once never get the same.
pub async fn notice_claims_are_not_shared(subject: Subject) {
    let samples = Arc::new(Sampler::new(144));
    for index in 0..40 {
        receive(&subject, &samples.incoming("stripe", &format!("evt_{index:02}"))).await;
    }
    let now = samples.now();
    let taken: Arc<Mutex<Vec<String>>> = Arc::default();
    let claims = (0..8).map(|_| {
        let (subject, taken) = (subject.clone(), Arc::clone(&taken));
        async move {
            // Who finds nothing may have been passed over while somebody else was claiming.
            for _ in 0..200 {
                let claimed = claim(&subject, now, 3).await;
                let mut taken = taken.lock().unwrap();
                taken.extend(claimed.into_iter().map(|entry| entry.notice.event_id));
                if taken.len() >= 40 {
                    return;
                }
            }
        }
    });
    subject.race(claims.collect::<Vec<_>>()).await;
    let mut taken = taken.lock().unwrap().clone();
    taken.sort_unstable();
    assert_eq!(taken, (0..40).map(|index| format!("evt_{index:02}")).collect::<Vec<_>>());
}

/// What could not be attended to is due again when its wait is over, counts, says why, and can be settled like any other.
pub async fn parked_notice_comes_again(subject: Subject) {
    let samples = Sampler::new(145);
    let entries = some(&subject, &samples, &["a", "b"]).await;
    let (a, store) = (&entries[0], &subject.store);
    let mut expected = a.clone();
    for attempt in 1..=3_i64 {
        let now = samples.now();
        let again = now + Duration::seconds(30);
        let reason = format!("not there yet, {attempt}");
        store.park_notice(&a.key(), again, &reason, now).await.unwrap();
        expected = expected.parked(again, &reason, now).unwrap();
        assert_eq!(expected.attempts, u32::try_from(attempt).unwrap());
        assert_eq!(found(&subject, a).await.as_ref(), Some(&expected));
        let claimed = claim(&subject, again - Duration::milliseconds(1), 9).await;
        assert!(!names(&claimed).contains(&"a"), "it waits");
        let claimed = claim(&subject, again, 9).await;
        expected.due_at = Some(again + LEASE);
        assert!(claimed.contains(&expected), "{claimed:?}");
        samples.clock.advance(Duration::seconds(30));
    }
    assert_eq!(found(&subject, &entries[1]).await.unwrap().attempts, 0);
    let now = samples.now();
    let order = OrderId::from_uuid(samples.ids.next(now));
    store.settle_notice(&a.key(), &Settlement::Attended(order), now).await.unwrap();
    let settled = found(&subject, a).await.unwrap();
    assert_eq!(Some(&settled), expected.settled(&Settlement::Attended(order), now).as_ref());
    assert_eq!((settled.reason, settled.attempts, settled.due_at), (None, 3, None));
    let missing = samples.incoming("stripe", "missing").key();
    store.park_notice(&missing, now, "nothing", now).await.unwrap();
    store.settle_notice(&missing, &Settlement::Ignored("nothing".to_owned()), now).await.unwrap();
    assert_eq!(store.find_notice(&missing).await.unwrap(), None);
}

/// What is settled is never claimed again, and whoever is late with another view changes nothing.
pub async fn settled_notice_stays_settled(subject: Subject) {
    let samples = Sampler::new(146);
    let entries = some(&subject, &samples, &["a", "b", "c"]).await;
    let order = OrderId::from_uuid(samples.ids.next(samples.now()));
    let ways = [
        Settlement::Attended(order),
        Settlement::Ignored("not ours".to_owned()),
        Settlement::Done("it went back".to_owned()),
    ];
    let mut settled = Vec::new();
    for (entry, way) in entries.iter().zip(&ways) {
        let now = samples.now();
        subject.store.settle_notice(&entry.key(), way, now).await.unwrap();
        settled.push(entry.settled(way, now).unwrap());
    }
    for (entry, other) in settled.iter().zip(ways.iter().cycle().skip(1)) {
        assert_eq!(found(&subject, entry).await.as_ref(), Some(entry));
        let now = samples.now();
        subject.store.settle_notice(&entry.key(), other, now).await.unwrap();
        subject.store.park_notice(&entry.key(), now, "late", now).await.unwrap();
        assert_eq!(subject.store.receive_notice(entry).await.unwrap(), Receipt::Known);
        assert_eq!(found(&subject, entry).await.as_ref(), Some(entry));
    }
    assert_eq!(claim(&subject, samples.now() + Duration::days(400), 9).await, []);
}

/// Whatever has become of a notice: somebody who wants it looked at once more has it due at once, as if it had just come in.
pub async fn retried_notice_is_due_at_once(subject: Subject) {
    let samples = Sampler::new(147);
    let entries = some(&subject, &samples, &["parked", "claimed", "attended", "ignored"]).await;
    let store = &subject.store;
    let now = samples.now();
    store.park_notice(&entries[0].key(), now + Duration::hours(6), "why", now).await.unwrap();
    assert_eq!(claim(&subject, now, 1).await.len(), 1);
    let order = OrderId::from_uuid(samples.ids.next(now));
    store.settle_notice(&entries[2].key(), &Settlement::Attended(order), now).await.unwrap();
    store.settle_notice(&entries[3].key(), &Settlement::Ignored("why".to_owned()), now).await.unwrap();
    let now = samples.now();
    for entry in &entries {
        assert!(store.retry_notice(&entry.key(), now).await.unwrap());
        assert_eq!(found(&subject, entry).await, entry.retried(now), "{}", entry.notice.event_id);
    }
    assert!(!store.retry_notice(&samples.incoming("stripe", "missing").key(), now).await.unwrap());
    assert_eq!(names(&claim(&subject, now, 9).await), ["parked", "claimed", "attended", "ignored"]);
    let far = now + Duration::days(400);
    assert_eq!(store.forget_notices(far, 9).await.unwrap(), 0, "they are open again");
}

/// Pages hold every entry once, newest first, of one status or of all, while others come in.
pub async fn inbox_pages_are_exact(subject: Subject) {
    let samples = Sampler::new(148);
    let store = &subject.store;
    let mut all = Vec::new();
    let at = samples.now();
    for index in 0..23_i64 {
        // Some come at one time: the providers and the names decide.
        let at = at + Duration::milliseconds(index / 3);
        let provider = ["stripe", "Square", "paypal"][usize::try_from(index % 3).unwrap()];
        let event = format!("evt_{}", index * 7 % 23);
        all.push(InboxEntry::received(samples.incoming(provider, &event).notice, at, at));
    }
    for entry in &mut all {
        receive(&subject, entry).await;
        let is_parked = entry.notice.event_id.len() > 5;
        if is_parked {
            let now = samples.now();
            store.park_notice(&entry.key(), now, "wait", now).await.unwrap();
            *entry = entry.parked(now, "wait", now).unwrap();
        }
    }
    all.sort_by_key(|entry| std::cmp::Reverse(InboxCursor::behind(entry)));
    let (order, mut newer) = (OrderId::from_uuid(samples.ids.next(at)), 0_usize);
    for status in [None, Some(InboxStatus::Parked), Some(InboxStatus::Received), Some(InboxStatus::Ignored)] {
        let expected: Vec<&InboxEntry> =
            all.iter().filter(|entry| status.is_none_or(|status| entry.status == status)).collect();
        for limit in [1, 4, 100] {
            let mut seen = Vec::new();
            let mut after: Option<InboxCursor> = None;
            loop {
                let page = store.list_inbox(status, after.as_ref(), limit).await.unwrap();
                assert!(page.items.len() <= usize::try_from(limit).unwrap());
                seen.extend(page.items);
                // Newer ones come in before the page, and move nothing.
                let later = samples.incoming("stripe", &format!("later_{newer}"));
                let later = InboxEntry { received_at: at + Duration::days(1), ..later };
                receive(&subject, &later).await;
                store.settle_notice(&later.key(), &Settlement::Attended(order), at).await.unwrap();
                newer += 1;
                let Some(next) = page.next else { break };
                after = Some(next.to_string().parse().unwrap());
            }
            let seen: Vec<&InboxEntry> =
                seen.iter().filter(|entry| entry.received_at < at + Duration::days(1)).collect();
            assert_eq!(seen, expected, "{status:?} {limit}");
        }
    }
    assert_eq!(store.list_inbox(Some(InboxStatus::Parked), None, 0).await.unwrap().items.len(), 1);
    assert_eq!(store.list_inbox(None, None, u32::MAX).await.unwrap().items.len(), 23 + newer.min(77));
}

/// What was settled before a time is forgotten, at most so much at once; what is open never is. What is forgotten may come anew.
pub async fn settled_notices_are_forgotten(subject: Subject) {
    let samples = Sampler::new(149);
    let store = &subject.store;
    let entries = some(&subject, &samples, &["a", "b", "c", "d", "open", "parked"]).await;
    let order = OrderId::from_uuid(samples.ids.next(samples.now()));
    let mut times = Vec::new();
    for entry in &entries[..4] {
        let now = samples.now();
        let way = if times.len() % 2 == 0 {
            Settlement::Attended(order)
        } else {
            Settlement::Ignored("x".to_owned())
        };
        store.settle_notice(&entry.key(), &way, now).await.unwrap();
        times.push(now);
    }
    let now = samples.now();
    store.park_notice(&entries[5].key(), now, "wait", now).await.unwrap();
    assert_eq!(store.forget_notices(times[0], 9).await.unwrap(), 0, "not what was settled at that time");
    assert_eq!(store.forget_notices(times[3], 2).await.unwrap(), 2, "the oldest");
    let left = store.list_inbox(None, None, 9).await.unwrap().items;
    assert_eq!(names(&left), ["parked", "open", "d", "c"]);
    assert_eq!(store.forget_notices(times[3], 9).await.unwrap(), 1);
    assert_eq!(store.forget_notices(now + Duration::days(4_000), 9).await.unwrap(), 1);
    assert_eq!(names(&store.list_inbox(None, None, 9).await.unwrap().items), ["parked", "open"]);
    receive(&subject, &entries[0]).await;
}

/// Names, texts and times at their limits are kept exactly.
pub async fn hardest_notices_are_kept(subject: Subject) {
    let samples = Sampler::new(150);
    let start = Timestamp::UNIX_EPOCH;
    let longest = "é".repeat(InboxEntry::MAX_EVENT_ID / 2);
    let mut entries = Vec::new();
    let lines = HARD_TEXTS.iter().copied().filter(|text| !text.contains(char::is_control));
    for (index, text) in lines.chain([longest.as_str(), "0", "evt 1", "evt  1", "Evt_1", "evt_1"]).enumerate()
    {
        let provider = if text.len() <= ProviderId::MAX_BYTES { text } else { "longest" };
        let at = start + Duration::milliseconds(i64::try_from(index).unwrap());
        let mut notice = full(&samples, samples.incoming(provider, text).notice);
        notice.event_type = text.to_owned();
        let mut entry = InboxEntry::received(notice, at, at);
        receive(&subject, &entry).await;
        let reason: String = text.chars().cycle().take(InboxEntry::MAX_REASON / 4).collect();
        subject.store.park_notice(&entry.key(), at, &reason, at).await.unwrap();
        entry = entry.parked(at, &reason, at).unwrap();
        assert_eq!(found(&subject, &entry).await.as_ref(), Some(&entry), "{text:?}");
        entries.push(entry);
    }
    let cursor = InboxCursor::behind(&entries[7]);
    let page = subject.store.list_inbox(None, Some(&cursor), 100).await.unwrap();
    assert_eq!(page.items, entries[..7].iter().rev().cloned().collect::<Vec<_>>());
    let claimed = claim(&subject, start + Duration::days(1), 100).await;
    assert_eq!(names(&claimed), names(&entries));
}
