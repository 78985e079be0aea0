//! The outbox.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::conformance::Subject;
use crate::conformance::sample::Sampler;
use crate::id::OrderId;
use crate::order::Order;
use crate::store::OutboxMessage;
use crate::time::{Clock as _, Duration, Timestamp};

const LEASE: Duration = Duration::seconds(60);

async fn place(subject: &Subject, samples: &Sampler, count: usize) -> Vec<Order> {
    subject.apply(&samples.receive(&[("tea", 10_000)])).await;
    let mut orders = Vec::with_capacity(count);
    for _ in 0..count {
        let (set, order) = samples.order("c-1", "tea");
        subject.apply(&set).await;
        orders.push(order);
    }
    orders
}

async fn claim(subject: &Subject, now: Timestamp, orders: u32) -> Vec<OutboxMessage> {
    subject.store.claim_outbox(now, now + LEASE, orders).await.unwrap()
}

fn names(messages: &[OutboxMessage]) -> Vec<(OrderId, u64, u32)> {
    messages
        .iter()
        .map(|message| (message.record.order_id, message.record.sequence, message.attempts))
        .collect()
}

/// The names of the events of an order, none of which has failed.
fn events(order: &Order, from: u64) -> Vec<(OrderId, u64, u32)> {
    (from..=order.version).map(|sequence| (order.id, sequence, 0)).collect()
}

/// Every event of a commit waits in the outbox as it was written, the oldest order first, in the order of its history.
pub async fn events_wait_in_order(subject: Subject) {
    let samples = Sampler::new(81);
    assert_eq!(subject.store.outbox_len().await.unwrap(), 0);
    assert_eq!(claim(&subject, samples.now(), 10).await, []);
    let orders = place(&subject, &samples, 3).await;
    let total: u64 = orders.iter().map(|order| order.version).sum();
    assert_eq!(subject.store.outbox_len().await.unwrap(), total);
    let messages = claim(&subject, samples.now(), 10).await;
    assert_eq!(names(&messages), orders.iter().flat_map(|order| events(order, 1)).collect::<Vec<_>>());
    for order in &orders {
        let history = subject.store.history(order.id).await.unwrap();
        let of_order = messages.iter().filter(|message| message.record.order_id == order.id);
        assert_eq!(of_order.map(|message| message.record.clone()).collect::<Vec<_>>(), history);
    }
    assert_eq!(subject.store.outbox_len().await.unwrap(), total, "a claim delivers nothing");
}

/// What is claimed is nobody else's until the claim ends, and then anybody's.
pub async fn claims_hold_until_they_end(subject: Subject) {
    let samples = Sampler::new(82);
    let orders = place(&subject, &samples, 3).await;
    let now = samples.now();
    assert_eq!(
        names(&claim(&subject, now, 2).await),
        [events(&orders[0], 1), events(&orders[1], 1)].concat()
    );
    assert_eq!(names(&claim(&subject, now, 2).await), events(&orders[2], 1));
    let end = now + LEASE;
    assert_eq!(claim(&subject, end - Duration::milliseconds(1), 9).await, []);
    assert_eq!(names(&claim(&subject, end, 1).await), events(&orders[0], 1));
    assert_eq!(claim(&subject, end, 9).await.len(), events(&orders[1], 1).len() * 2);
}

/// What is delivered is never offered again; what is behind it is, at once.
pub async fn delivered_events_are_gone(subject: Subject) {
    let samples = Sampler::new(83);
    let order = place(&subject, &samples, 1).await.remove(0);
    let now = samples.now();
    let store = &subject.store;
    assert_eq!(claim(&subject, now, 9).await.len(), 3);
    store.delivered(&[(order.id, 2)]).await.unwrap();
    assert_eq!(store.outbox_len().await.unwrap(), 1);
    assert_eq!(names(&claim(&subject, now, 9).await), events(&order, 3));
    let (set, paid) = samples.approve(&order);
    subject.apply(&set).await;
    assert_eq!(claim(&subject, now, 9).await, [], "what comes behind a claimed event waits with it");
    store.delivered(&[(order.id, 3)]).await.unwrap();
    assert_eq!(names(&claim(&subject, now, 9).await), events(&paid, 4));
    store.delivered(&[(order.id, paid.version)]).await.unwrap();
    assert_eq!(store.outbox_len().await.unwrap(), 0);
    store.delivered(&[(order.id, paid.version)]).await.unwrap();
    assert_eq!(claim(&subject, now + LEASE, 9).await, []);
    let (set, last) = samples
        .change(&paid, |draft, context| crate::order::process(draft, None, None, &samples.policy, context));
    subject.apply(&set).await;
    assert_eq!(names(&claim(&subject, now, 9).await), events(&last, paid.version + 1));
}

/// An event that could not be delivered waits with everything behind it, and counts its failures; other orders go on.
pub async fn undelivered_event_holds_up_its_order(subject: Subject) {
    let samples = Sampler::new(84);
    let orders = place(&subject, &samples, 2).await;
    let now = samples.now();
    let store = &subject.store;
    let (first, second) = (&orders[0], &orders[1]);
    assert_eq!(claim(&subject, now, 9).await.len(), 6);
    store.delivered(&[(first.id, 1)]).await.unwrap();
    let again = now + Duration::seconds(5);
    store.undelivered(first.id, 2, again).await.unwrap();
    store.delivered(&[(second.id, 3)]).await.unwrap();
    assert_eq!(store.outbox_len().await.unwrap(), 2);
    assert_eq!(claim(&subject, again - Duration::milliseconds(1), 9).await, []);
    assert_eq!(names(&claim(&subject, again, 9).await), [(first.id, 2, 1), (first.id, 3, 0)]);
    store.undelivered(first.id, 2, again).await.unwrap();
    let stuck = store.stuck_outbox(2, 9).await.unwrap();
    assert_eq!(names(&stuck), [(first.id, 2, 2)]);
    assert_eq!(store.stuck_outbox(3, 9).await.unwrap(), []);
    assert_eq!(names(&claim(&subject, again, 9).await), [(first.id, 2, 2), (first.id, 3, 0)]);
    store.delivered(&[(first.id, 2)]).await.unwrap();
    assert_eq!(store.stuck_outbox(1, 9).await.unwrap(), []);
    assert_eq!(names(&claim(&subject, again, 9).await), [(first.id, 3, 0)]);
}

/// Events that fail again and again are told of, the oldest first, at most so many.
pub async fn stuck_events_are_told(subject: Subject) {
    let samples = Sampler::new(85);
    let orders = place(&subject, &samples, 4).await;
    let now = samples.now();
    assert_eq!(claim(&subject, now, 9).await.len(), 12);
    for (order, times) in orders.iter().rev().zip([3, 1, 0, 2]) {
        for _ in 0..times {
            subject.store.undelivered(order.id, 1, now).await.unwrap();
        }
    }
    let stuck = |attempts, limit| {
        let store = subject.store.clone();
        async move { names(&store.stuck_outbox(attempts, limit).await.unwrap()) }
    };
    let (oldest, third, newest) = ((orders[0].id, 1, 2), (orders[2].id, 1, 1), (orders[3].id, 1, 3));
    assert_eq!(stuck(1, 9).await, [oldest, third, newest]);
    assert_eq!(stuck(2, 9).await, [oldest, newest]);
    assert_eq!(stuck(1, 1).await, [oldest]);
    assert_eq!(stuck(4, 9).await, []);
}

/// A long history is claimed a hundred events at a time.
pub async fn long_history_is_claimed_in_parts(subject: Subject) {
    let samples = Sampler::new(86);
    let mut order = place(&subject, &samples, 1).await.remove(0);
    let operation = order.payments[0].operations[0].id;
    for _ in 0..120 {
        let (set, changed) = samples.change(&order, |draft, context| {
            crate::order::answer(draft, operation, crate::payment::Answer::Unknown, &samples.policy, context)
        });
        subject.apply(&set).await;
        order = changed;
    }
    assert_eq!(order.version, 123);
    let now = samples.now();
    let expected = events(&order, 1);
    assert_eq!(names(&claim(&subject, now, 9).await), expected[..100]);
    assert_eq!(claim(&subject, now, 9).await, []);
    subject.store.delivered(&[(order.id, 100)]).await.unwrap();
    assert_eq!(names(&claim(&subject, now, 9).await), expected[100..]);
}

/// Events that were committed together are delivered one by one: the head may be any of them.
pub async fn part_of_a_commit_is_delivered(subject: Subject) {
    let samples = Sampler::new(88);
    let order = place(&subject, &samples, 1).await.remove(0);
    let expected = events(&order, 1);
    assert_eq!(expected.len(), 3, "one commit");
    let mut now = samples.now();
    subject.store.delivered(&[(order.id, 1)]).await.unwrap();
    assert_eq!(names(&claim(&subject, now, 9).await), expected[1..]);
    now += Duration::minutes(9);
    subject.store.undelivered(order.id, 2, now).await.unwrap();
    let stuck = subject.store.stuck_outbox(1, 9).await.unwrap();
    assert_eq!(names(&stuck), [(order.id, 2, 1)]);
    let (set, order) = samples.approve(&order);
    subject.apply(&set).await;
    let attempts: Vec<u32> = claim(&subject, now, 9).await.iter().map(|message| message.attempts).collect();
    assert_eq!(attempts.first(), Some(&1));
    assert_eq!(attempts.iter().sum::<u32>(), 1);
    subject.store.delivered(&[(order.id, 3)]).await.unwrap();
    assert_eq!(names(&claim(&subject, now, 9).await), events(&order, 4));
}

/// Many relays at once, some of which fail or die, deliver every event, and the events of one order in their order.
pub async fn no_event_is_lost(subject: Subject) {
    let samples = Arc::new(Sampler::new(87));
    let orders = place(&subject, &samples, 30).await;
    let heard: Arc<Mutex<Vec<(OrderId, u64)>>> = Arc::default();
    let relays = (0..6_u64).map(|relay| {
        let (subject, samples, heard) = (subject.clone(), Arc::clone(&samples), Arc::clone(&heard));
        async move {
            for round in 0..1_000_u64 {
                if subject.store.outbox_len().await.unwrap() == 0 {
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
    assert_eq!(subject.store.outbox_len().await.unwrap(), 0);
    let mut next: HashMap<OrderId, u64> = HashMap::new();
    for (order, sequence) in heard.lock().unwrap().iter() {
        let next = next.entry(*order).or_insert(1);
        assert!(sequence <= next, "event {sequence} came before event {next}");
        *next = (*next).max(sequence + 1);
    }
    assert!(orders.iter().all(|order| next.get(&order.id) == Some(&(order.version + 1))));
}

async fn relay_some(
    subject: &Subject,
    heard: &Mutex<Vec<(OrderId, u64)>>,
    messages: &[OutboxMessage],
    now: Timestamp,
    turn: u64,
) {
    for of_order in messages.chunk_by(|left, right| left.record.order_id == right.record.order_id) {
        for message in of_order {
            let (order, sequence) = (message.record.order_id, message.record.sequence);
            match (turn + sequence) % 7 {
                // It dies before, or after it has told somebody and before it has noted that.
                0 => break,
                1 if message.attempts == 0 => {
                    subject.store.undelivered(order, sequence, now + Duration::seconds(5)).await.unwrap();
                    break;
                }
                2 => {
                    heard.lock().unwrap().push((order, sequence));
                    break;
                }
                _ => {
                    heard.lock().unwrap().push((order, sequence));
                    subject.store.delivered(&[(order, sequence)]).await.unwrap();
                }
            }
        }
    }
}
