//! Retention, health, and applying once.

use crate::conformance::Subject;
use crate::conformance::sample::{Sampler, shelf};
use crate::id::WriteSetId;
use crate::store::{CommitOutcome, Refusal};
use crate::time::Duration;

/// A write-set is applied once, however often it is committed.
pub async fn write_set_is_applied_once(subject: Subject) {
    let samples = Sampler::new(51);
    let receive = samples.receive(&[("tea", 10)]);
    let (place, order) = samples.order("c-1", "tea");
    let (pay, paid) = samples.approve(&order);
    for _ in 0..3 {
        subject.apply(&receive).await;
    }
    subject.apply(&place).await;
    subject.apply(&pay).await;
    for set in [&place, &pay, &receive] {
        subject.apply(set).await;
    }
    let level = &subject.store.stock_levels(&[shelf("tea").product_id]).await.unwrap()[0];
    assert_eq!((level.on_hand, level.reserved, level.sold), (9, 0, 1));
    assert_eq!(subject.store.find_order(order.id).await.unwrap().as_ref(), Some(&paid));
    assert_eq!(subject.store.outbox_len().await.unwrap(), paid.version);
}

/// A refused write-set was not applied: the same one may be committed when nothing stands in its way any more.
pub async fn refused_write_set_is_not_remembered(subject: Subject) {
    let samples = Sampler::new(52);
    let (place, order) = samples.order("c-1", "tea");
    for _ in 0..2 {
        assert!(matches!(subject.refusal(&place).await, Refusal::Stock(_)));
    }
    subject.apply(&samples.receive(&[("tea", 1)])).await;
    subject.apply(&place).await;
    assert_eq!(subject.store.find_order(order.id).await.unwrap(), Some(order));
}

/// A write-set without any change is applied.
pub async fn empty_write_set_is_applied(subject: Subject) {
    let samples = Sampler::new(53);
    let set = samples.set();
    assert!(set.is_empty());
    subject.apply(&set).await;
    subject.apply(&set).await;
}

/// What is older than a time is forgotten, at most so much at once, and nothing else.
pub async fn old_records_are_forgotten(subject: Subject) {
    let samples = Sampler::new(54);
    let mut keys = Vec::new();
    let mut sets = Vec::new();
    for index in 0..6 {
        let record = samples.record("scope", &format!("key-{index}"));
        let set = samples.put_record(true, &record);
        subject.apply(&set).await;
        samples.clock.advance(Duration::hours(1));
        keys.push(record);
        sets.push(set);
    }
    let store = &subject.store;
    assert_eq!(store.forget(sets[0].at, keys[0].created_at, 10).await.unwrap(), 0);
    assert_eq!(store.forget(sets[0].at, keys[3].created_at, 2).await.unwrap(), 2);
    assert_eq!(store.forget(sets[0].at, keys[3].created_at, 10).await.unwrap(), 1);
    for (index, record) in keys.iter().enumerate() {
        let found = store.find_idempotency("scope", &record.key).await.unwrap();
        assert_eq!(found.as_ref(), (index >= 3).then_some(record), "{index}");
    }
    let mut young = samples.put_record(true, &samples.record("scope", "young"));
    young.id = WriteSetId::from_uuid(uuid::Uuid::nil());
    subject.apply(&young).await;
    let forgotten = store.forget(sets[2].at, keys[0].created_at, 10).await.unwrap();
    assert_eq!(forgotten, 2, "an id that does not begin with its time is no reason to forget a set early");
    assert_eq!(subject.commit(&sets[0]).await, CommitOutcome::Applied);
    assert_eq!(store.find_idempotency("scope", &keys[0].key).await.unwrap().as_ref(), Some(&keys[0]));
    subject.apply(&sets[2]).await;
    assert_eq!(store.find_idempotency("scope", &keys[2].key).await.unwrap(), None);
}

/// A store that can be reached says so.
pub async fn store_can_be_reached(subject: Subject) {
    subject.store.ping().await.unwrap();
}
