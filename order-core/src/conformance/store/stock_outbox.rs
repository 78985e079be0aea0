//! The outbox of the journals.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::conformance::Subject;
use crate::conformance::sample::{Sampler, shelf};
use crate::inventory::{StockChange, StockEvent, StockKey, StockRecord};
use crate::store::OutboxMessage;
use crate::time::{Clock as _, Duration, Timestamp};

const LEASE: Duration = Duration::seconds(60);

/// Writes so many records into the journal of a level.
async fn write(subject: &Subject, samples: &Sampler, product: &str, records: u64) {
    for index in 0..records {
        let mut set = samples.set();
        let entry = samples.entry(StockEvent::Adjusted { units: i64::try_from(index).unwrap() });
        set.record_stock(shelf(product), StockChange::default(), entry);
        subject.apply(&set).await;
    }
}

async fn claim(subject: &Subject, now: Timestamp, levels: u32) -> Vec<OutboxMessage<StockRecord>> {
    subject.store.claim_stock_outbox(now, now + LEASE, levels).await.unwrap()
}

fn names(messages: &[OutboxMessage<StockRecord>]) -> Vec<(StockKey, u64, u32)> {
    messages
        .iter()
        .map(|message| (message.record.key().clone(), message.record.sequence, message.attempts))
        .collect()
}

/// The names of the records of a level, none of which has failed.
fn records(product: &str, sequences: std::ops::RangeInclusive<u64>) -> Vec<(StockKey, u64, u32)> {
    sequences.map(|sequence| (shelf(product), sequence, 0)).collect()
}

/// Every record waits as it was written, the oldest level first, of two of one time by their keys, in the order of the journal.
pub async fn records_wait_in_order(subject: Subject) {
    let samples = Sampler::new(111);
    assert_eq!(subject.store.stock_outbox_len().await.unwrap(), 0);
    assert_eq!(claim(&subject, samples.now(), 9).await, []);
    write(&subject, &samples, "tea", 2).await;
    let mut both = samples.set();
    for product in ["pot", "cup"] {
        both.change_stock(shelf(product), StockChange::adjust(1));
    }
    subject.apply(&both).await;
    write(&subject, &samples, "tea", 1).await;
    assert_eq!(subject.store.stock_outbox_len().await.unwrap(), 5);
    assert_eq!(subject.store.outbox_len().await.unwrap(), 0, "they are no events of orders");
    let messages = claim(&subject, samples.now(), 9).await;
    let expected = [records("tea", 1..=3), records("cup", 1..=1), records("pot", 1..=1)].concat();
    assert_eq!(names(&messages), expected);
    for product in ["tea", "cup", "pot"] {
        let id = shelf(product).product_id;
        let mut kept = subject.store.stock_records(&id, None, None, 9).await.unwrap().items;
        kept.reverse();
        let of_level = messages.iter().filter(|message| *message.record.key() == shelf(product));
        assert_eq!(of_level.map(|message| message.record.clone()).collect::<Vec<_>>(), kept);
    }
    assert_eq!(subject.store.stock_outbox_len().await.unwrap(), 5, "a claim delivers nothing");
}

/// What is claimed is nobody else's until the claim ends, and then anybody's.
pub async fn record_claims_hold_until_they_end(subject: Subject) {
    let samples = Sampler::new(112);
    for product in ["a", "b", "c"] {
        write(&subject, &samples, product, 2).await;
    }
    let now = samples.now();
    assert_eq!(names(&claim(&subject, now, 2).await), [records("a", 1..=2), records("b", 1..=2)].concat());
    assert_eq!(names(&claim(&subject, now, 2).await), records("c", 1..=2));
    let end = now + LEASE;
    assert_eq!(claim(&subject, end - Duration::milliseconds(1), 9).await, []);
    assert_eq!(names(&claim(&subject, end, 1).await), records("a", 1..=2));
    assert_eq!(claim(&subject, end, 9).await.len(), 4);
}

/// What is delivered is never offered again; what is behind it is, at once.
pub async fn delivered_records_are_gone(subject: Subject) {
    let samples = Sampler::new(113);
    write(&subject, &samples, "tea", 3).await;
    let (now, tea, store) = (samples.now(), shelf("tea"), &subject.store);
    assert_eq!(claim(&subject, now, 9).await.len(), 3);
    store.delivered_stock(&tea, 2).await.unwrap();
    assert_eq!(store.stock_outbox_len().await.unwrap(), 1);
    assert_eq!(names(&claim(&subject, now, 9).await), records("tea", 3..=3));
    write(&subject, &samples, "tea", 1).await;
    assert_eq!(claim(&subject, now, 9).await, [], "what comes behind a claimed record waits with it");
    store.delivered_stock(&tea, 3).await.unwrap();
    assert_eq!(names(&claim(&subject, now, 9).await), records("tea", 4..=4));
    store.delivered_stock(&tea, 4).await.unwrap();
    store.delivered_stock(&tea, 4).await.unwrap();
    assert_eq!(store.stock_outbox_len().await.unwrap(), 0);
    assert_eq!(claim(&subject, now + LEASE, 9).await, []);
    write(&subject, &samples, "tea", 1).await;
    assert_eq!(names(&claim(&subject, now, 9).await), records("tea", 5..=5));
    assert_eq!(
        store.stock_records(&tea.product_id, None, None, 9).await.unwrap().items.len(),
        5,
        "they stay"
    );
}

/// A record that could not be delivered waits with everything behind it, and counts its failures; other levels go on.
pub async fn undelivered_record_holds_up_its_level(subject: Subject) {
    let samples = Sampler::new(114);
    for product in ["a", "b"] {
        write(&subject, &samples, product, 3).await;
    }
    let (now, a, store) = (samples.now(), shelf("a"), &subject.store);
    assert_eq!(claim(&subject, now, 9).await.len(), 6);
    store.delivered_stock(&a, 1).await.unwrap();
    let again = now + Duration::seconds(5);
    store.undelivered_stock(&a, 2, again).await.unwrap();
    store.undelivered_stock(&a, 3, again).await.unwrap();
    store.delivered_stock(&shelf("b"), 3).await.unwrap();
    assert_eq!(store.stock_outbox_len().await.unwrap(), 2);
    assert_eq!(claim(&subject, again - Duration::milliseconds(1), 9).await, []);
    assert_eq!(names(&claim(&subject, again, 9).await), [(a.clone(), 2, 1), (a.clone(), 3, 0)]);
    store.undelivered_stock(&a, 2, again).await.unwrap();
    assert_eq!(names(&store.stuck_stock_outbox(2, 9).await.unwrap()), [(a.clone(), 2, 2)]);
    assert_eq!(store.stuck_stock_outbox(3, 9).await.unwrap(), []);
    store.delivered_stock(&a, 2).await.unwrap();
    assert_eq!(store.stuck_stock_outbox(0, 9).await.unwrap(), []);
    assert_eq!(names(&claim(&subject, again, 9).await), records("a", 3..=3));
}

/// A long journal is claimed a hundred records at a time.
pub async fn long_journal_is_claimed_in_parts(subject: Subject) {
    let samples = Sampler::new(115);
    write(&subject, &samples, "tea", 107).await;
    let now = samples.now();
    assert_eq!(names(&claim(&subject, now, 9).await), records("tea", 1..=100));
    assert_eq!(claim(&subject, now, 9).await, []);
    subject.store.delivered_stock(&shelf("tea"), 100).await.unwrap();
    assert_eq!(names(&claim(&subject, now, 9).await), records("tea", 101..=107));
}

/// Many relays at once, some of which fail or die, deliver every record, and those of one level in their order.
pub async fn no_record_is_lost(subject: Subject) {
    let samples = Arc::new(Sampler::new(116));
    let products: Vec<String> = (0..12).map(|index| format!("product-{index}")).collect();
    for product in &products {
        write(&subject, &samples, product, 3).await;
    }
    let heard: Arc<Mutex<Vec<(StockKey, u64)>>> = Arc::default();
    let relays = (0..6_u64).map(|relay| {
        let (subject, samples, heard) = (subject.clone(), Arc::clone(&samples), Arc::clone(&heard));
        async move {
            for round in 0..1_000_u64 {
                if subject.store.stock_outbox_len().await.unwrap() == 0 {
                    return;
                }
                let now = samples.clock.now();
                let messages = claim(&subject, now, 4).await;
                if messages.is_empty() {
                    samples.clock.advance(Duration::seconds(10));
                }
                relay_some(&subject, &heard, &messages, now, relay + round).await;
            }
        }
    });
    subject.race(relays).await;
    assert_eq!(subject.store.stock_outbox_len().await.unwrap(), 0);
    let mut next: HashMap<StockKey, u64> = HashMap::new();
    for (key, sequence) in heard.lock().unwrap().iter() {
        let next = next.entry(key.clone()).or_insert(1);
        assert!(sequence <= next, "record {sequence} came before record {next}");
        *next = (*next).max(sequence + 1);
    }
    assert!(products.iter().all(|product| next.get(&shelf(product)) == Some(&4)), "{next:?}");
}

async fn relay_some(
    subject: &Subject,
    heard: &Mutex<Vec<(StockKey, u64)>>,
    messages: &[OutboxMessage<StockRecord>],
    now: Timestamp,
    turn: u64,
) {
    for of_level in messages.chunk_by(|left, right| left.record.key() == right.record.key()) {
        for message in of_level {
            let (key, sequence) = (message.record.key(), message.record.sequence);
            match (turn + sequence) % 7 {
                // It dies before, or after it has told somebody and before it has noted that.
                0 => break,
                1 if message.attempts == 0 => {
                    subject.store.undelivered_stock(key, sequence, now + Duration::seconds(5)).await.unwrap();
                    break;
                }
                2 => {
                    heard.lock().unwrap().push((key.clone(), sequence));
                    break;
                }
                _ => {
                    heard.lock().unwrap().push((key.clone(), sequence));
                    subject.store.delivered_stock(key, sequence).await.unwrap();
                }
            }
        }
    }
}
