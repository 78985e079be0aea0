//! Idempotency records.

use crate::conformance::Subject;
use crate::conformance::sample::{HARD_TEXTS, Sampler};
use crate::id::IdempotencyKey;
use crate::store::Refusal;

/// A record is read back as it was written; the same key of another scope is another one.
pub async fn record_is_kept(subject: Subject) {
    let samples = Sampler::new(41);
    let key = "k".repeat(IdempotencyKey::MAX_BYTES);
    let mut records = vec![samples.record("customer:c-1", &key), samples.record("customer:C-1", &key)];
    records.push(samples.record("customer:c-1", "K"));
    records.push(samples.record("customer:c-1", "k"));
    for text in HARD_TEXTS.iter().filter(|text| !text.contains('\n')) {
        records.push(samples.record(text, text));
    }
    for record in &mut records {
        record.fingerprint = "f".repeat(64);
        subject.apply(&samples.put_record(true, record)).await;
    }
    for record in records {
        let found = subject.store.find_idempotency(&record.scope, &record.key).await.unwrap();
        assert_eq!(found, Some(record));
    }
    let other = IdempotencyKey::new("other").unwrap();
    assert_eq!(subject.store.find_idempotency("customer:c-1", &other).await.unwrap(), None);
}

/// A key is written once and answered once.
pub async fn key_is_answered_once(subject: Subject) {
    let samples = Sampler::new(42);
    let open = samples.record("scope", "key");
    let mut answered = open.clone();
    answered.answered_version = Some(3);
    assert_eq!(subject.refusal(&samples.put_record(false, &answered)).await, Refusal::IdempotencyKey);
    subject.apply(&samples.put_record(true, &open)).await;
    assert_eq!(subject.refusal(&samples.put_record(true, &open)).await, Refusal::IdempotencyKey);
    subject.apply(&samples.put_record(false, &answered)).await;
    let mut other = open.clone();
    other.answered_version = Some(4);
    for put in [
        samples.put_record(false, &other),
        samples.put_record(true, &other),
        samples.put_record(false, &open),
    ] {
        assert_eq!(subject.refusal(&put).await, Refusal::IdempotencyKey);
    }
    assert_eq!(subject.store.find_idempotency("scope", &open.key).await.unwrap(), Some(answered));
}

/// A record may be answered in the write that makes it.
pub async fn record_may_be_new_and_answered(subject: Subject) {
    let samples = Sampler::new(43);
    let mut record = samples.record("scope", "key");
    record.answered_version = Some(u64::try_from(i64::MAX).unwrap());
    subject.apply(&samples.put_record(true, &record)).await;
    assert_eq!(subject.store.find_idempotency("scope", &record.key).await.unwrap().as_ref(), Some(&record));
    assert_eq!(subject.refusal(&samples.put_record(false, &record)).await, Refusal::IdempotencyKey);
}
