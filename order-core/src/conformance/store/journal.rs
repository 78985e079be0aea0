//! The journals of stock levels.

use crate::conformance::Subject;
use crate::conformance::sample::{HARD_TEXTS, Sampler, customer, shelf};
use crate::id::{LocationId, ProductId, SellerId};
use crate::inventory::{
    MAX_UNITS, StockAlert, StockChange, StockEntry, StockEvent, StockKey, StockLevel, StockRecord,
};
use crate::order::Actor;
use crate::store::{PageRequest, Refusal, StockCursor, StockShort, WriteSet};

fn at(product: &str, location: &str) -> StockKey {
    StockKey::new(ProductId::new(product).unwrap(), LocationId::new(location).unwrap())
}

/// What is in the journals of a product's levels, newest first.
async fn journal(subject: &Subject, product: &str) -> Vec<StockRecord> {
    let product = ProductId::new(product).unwrap();
    let mut records = Vec::new();
    let mut after = None;
    loop {
        let page = subject.store.stock_records(&product, None, after.as_ref(), 7).await.unwrap();
        assert!(page.items.len() <= 7);
        records.extend(page.items);
        after = page.next;
        if after.is_none() {
            return records;
        }
    }
}

async fn level(subject: &Subject, key: &StockKey) -> StockLevel {
    let levels = subject.store.stock_levels(std::slice::from_ref(&key.product_id)).await.unwrap();
    levels.into_iter().find(|level| level.key == *key).unwrap_or_else(|| StockLevel::empty(key.clone()))
}

/// Applies a write-set that changes one level, and compares what is then in its journal with what the level says there must be.
async fn apply_and_compare(subject: &Subject, expected: &mut Vec<StockRecord>, set: &WriteSet) {
    let (key, change) = set.stock.first_key_value().unwrap();
    let before = level(subject, key).await;
    let after = before.after(change).unwrap();
    subject.apply(set).await;
    assert_eq!(level(subject, key).await, after);
    let alert = StockLevel::alert(&before, &after).map(StockEntry::alert);
    for entry in set.stock_entries().iter().map(|(_, entry)| entry.clone()).chain(alert) {
        let sequence = u64::try_from(expected.len()).unwrap() + 1;
        expected.insert(0, StockRecord::new(entry, sequence, set.at, after.clone()));
    }
    assert_eq!(journal(subject, key.product_id.as_str()).await, *expected);
}

/// Every kind of entry is kept as it was given, with the level as its write-set left it and a sequence without a gap.
pub async fn entries_are_kept(subject: Subject) {
    let samples = Sampler::new(101);
    let events = [
        StockEvent::Received { units: 40 },
        StockEvent::Adjusted { units: -2 },
        StockEvent::Counted { on_hand: 40, difference: 2 },
        StockEvent::ThresholdSet { low_at: Some(3) },
        StockEvent::ThresholdSet { low_at: None },
        StockEvent::Received { units: MAX_UNITS },
        StockEvent::Adjusted { units: 0 },
        StockEvent::Counted { on_hand: 0, difference: 0 },
    ];
    let actors = [
        Actor::Staff(customer("boss")),
        Actor::Service("wärehouse".to_owned()),
        Actor::Engine,
        Actor::Seller(SellerId::new("north").unwrap()),
    ];
    let mut expected = Vec::new();
    for (index, (event, text)) in events.into_iter().zip(HARD_TEXTS).enumerate() {
        let (reason, correlation) = (Some(text.to_owned()), Some(text.to_owned()).filter(|_| index % 2 == 0));
        let entry = StockEntry::new(event, actors[index % 4].clone(), reason, correlation);
        let mut set = samples.set();
        set.record_stock(shelf("tea"), StockChange::adjust(40), entry);
        apply_and_compare(&subject, &mut expected, &set).await;
    }
    let mut two = samples.set();
    for units in [5, 6] {
        let event = StockEvent::Received { units };
        two.record_stock(shelf("tea"), StockChange::adjust(units), samples.entry(event));
    }
    apply_and_compare(&subject, &mut expected, &two).await;
    assert_eq!(journal(&subject, "nothing").await, []);
}

/// Whatever takes the available units across nothing or the threshold, in either direction, is told once, behind what caused it; and
/// nothing else is.
pub async fn every_crossing_is_told(subject: Subject) {
    let samples = Sampler::new(102);
    let mut expected = Vec::new();
    let changes = [
        StockChange::adjust(10),
        StockChange::low_at(Some(4)),
        StockChange::reserve(5),
        StockChange::reserve(1),
        StockChange::reserve(3),
        StockChange::reserve(1),
        StockChange::confirm(6),
        StockChange::release(2),
        StockChange::release(1),
        StockChange::restock(2),
        StockChange::sell(1),
        StockChange::sell(4),
        StockChange::low_at(Some(0)),
        StockChange::adjust(9),
        StockChange::low_at(Some(MAX_UNITS)),
        StockChange::low_at(Some(8)),
        StockChange::low_at(Some(9)),
        StockChange::low_at(None),
        StockChange::adjust(-9),
        StockChange::low_at(Some(7)),
        StockChange::adjust(20).and(StockChange::low_at(Some(20))),
        StockChange::reserve(3).and(StockChange::low_at(Some(2))),
        StockChange::default(),
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let mut set = samples.set();
        if index % 3 == 1 {
            let entry = samples.entry(StockEvent::Counted { on_hand: 0, difference: 0 });
            set.record_stock(shelf("tea"), change, entry);
        } else {
            set.change_stock(shelf("tea"), change);
        }
        apply_and_compare(&subject, &mut expected, &set).await;
    }
    for alert in StockAlert::ALL {
        assert!(expected.iter().any(|record| record.event == StockEvent::Alert { alert }), "{alert:?}");
    }
}

/// A threshold stays until it is changed, also on a shelf that was never filled; one out of range is refused.
pub async fn threshold_is_kept(subject: Subject) {
    let samples = Sampler::new(103);
    let change = |change: StockChange| {
        let mut set = samples.set();
        set.change_stock(shelf("tea"), change);
        set
    };
    subject.apply(&change(StockChange::low_at(Some(5)))).await;
    assert_eq!(level(&subject, &shelf("tea")).await, StockLevel::empty(shelf("tea")).with_low_at(Some(5)));
    subject.apply(&change(StockChange::adjust(9))).await;
    subject.apply(&change(StockChange::reserve(2))).await;
    let expected = StockLevel::new(shelf("tea"), 9, 2, 0).with_low_at(Some(5));
    assert_eq!(level(&subject, &shelf("tea")).await, expected);
    for low_at in [-1, MAX_UNITS + 1, i64::MIN, i64::MAX] {
        let short = vec![StockShort::new(shelf("tea"), 7)];
        let refused = change(StockChange::low_at(Some(low_at)));
        assert_eq!(subject.refusal(&refused).await, Refusal::Stock(short), "{low_at}");
    }
    assert_eq!(level(&subject, &shelf("tea")).await, expected);
    subject.apply(&change(StockChange::low_at(None))).await;
    assert_eq!(level(&subject, &shelf("tea")).await, expected.with_low_at(None));
}

/// A write-set that is refused, or comes again, writes nothing down.
pub async fn what_does_not_happen_is_not_told(subject: Subject) {
    let samples = Sampler::new(104);
    let entry = || samples.entry(StockEvent::Received { units: 3 });
    let mut receive = samples.set();
    receive.record_stock(shelf("tea"), StockChange::adjust(3), entry());
    for _ in 0..3 {
        subject.apply(&receive).await;
    }
    let before = journal(&subject, "tea").await;
    assert_eq!(before.len(), 2);
    let mut short = samples.set();
    short.record_stock(shelf("tea"), StockChange::adjust(-2), entry());
    short.record_stock(shelf("cup"), StockChange::adjust(5), entry());
    short.record_stock(shelf("pot"), StockChange::adjust(-1), entry());
    let shorts = vec![StockShort::new(shelf("pot"), 0)];
    assert_eq!(subject.refusal(&short).await, Refusal::Stock(shorts));
    for out_of_range in [i64::MAX, i64::MIN] {
        let mut set = samples.set();
        set.record_stock(shelf("tea"), StockChange::adjust(out_of_range), entry());
        assert!(matches!(subject.refusal(&set).await, Refusal::Stock(_)));
    }
    let mut stale = samples.put_cart(4, &samples.cart(crate::conformance::sample::customer_cart("ann")));
    stale.record_stock(shelf("tea"), StockChange::adjust(-3), entry());
    assert!(matches!(subject.refusal(&stale).await, Refusal::Version { .. }));
    assert_eq!(journal(&subject, "tea").await, before);
    assert_eq!(journal(&subject, "cup").await, []);
    assert_eq!(subject.store.stock_outbox_len().await.unwrap(), 2);
}

/// Records come newest first: by time, then location, then sequence; at every location or at one, a page at a time, also while more
/// are written.
pub async fn records_come_newest_first(subject: Subject) {
    let samples = Sampler::new(105);
    let places = ["west", "East", "a b", "é"];
    for round in 0..5 {
        let mut set = samples.set();
        for place in places.iter().take(round + 1) {
            for units in [1, 2] {
                let entry = samples.entry(StockEvent::Received { units });
                set.record_stock(at("tea", place), StockChange::adjust(units), entry);
            }
        }
        set.record_stock(
            at("tea!", "x"),
            StockChange::adjust(1),
            samples.entry(StockEvent::Adjusted { units: 1 }),
        );
        subject.apply(&set).await;
    }
    let all = journal(&subject, "tea").await;
    assert_eq!(all.len(), 2 * (1 + 2 + 3 + 4 + 4) + 4, "with one alert for each level");
    let mut sorted = all.clone();
    sorted.sort_by_key(|record| std::cmp::Reverse(StockCursor::behind(record)));
    assert_eq!(all, sorted);
    let tea = ProductId::new("tea").unwrap();
    for place in places {
        let location = LocationId::new(place).unwrap();
        let expected: Vec<_> =
            all.iter().filter(|record| record.key().location == location).cloned().collect();
        let mut after = None;
        for two in expected.chunks(2) {
            let page = subject.store.stock_records(&tea, Some(&location), after.as_ref(), 2).await.unwrap();
            assert_eq!(page.items, two);
            after = page.next;
        }
        assert_eq!(after, None, "{place}");
    }
    let page = subject.store.stock_records(&tea, None, None, 3).await.unwrap();
    assert_eq!((page.items.as_slice(), page.next.is_some()), (&all[..3], true));
    let mut more = samples.set();
    more.record_stock(
        at("tea", "west"),
        StockChange::adjust(1),
        samples.entry(StockEvent::Adjusted { units: 1 }),
    );
    subject.apply(&more).await;
    let rest =
        subject.store.stock_records(&tea, None, page.next.as_ref(), PageRequest::MAX_LIMIT).await.unwrap();
    assert_eq!((rest.items.as_slice(), rest.next), (&all[3..], None));
    let none =
        subject.store.stock_records(&tea, Some(&LocationId::new("moon").unwrap()), None, 9).await.unwrap();
    assert_eq!((none.items, none.next), (Vec::new(), None));
}

/// Buyers who take the last units together are told of once, whoever they are; and the journal has no gap.
pub async fn crossings_are_told_once_in_a_race(subject: Subject) {
    let samples = Sampler::new(106);
    let mut receive = samples.set();
    receive.change_stock(shelf("hot"), StockChange::adjust(30).and(StockChange::low_at(Some(12))));
    subject.apply(&receive).await;
    let mut sets: Vec<WriteSet> =
        (0..30).map(|index| samples.order(&format!("c-{index}"), "hot").0).collect();
    for place in (0..30).step_by(5) {
        let mut count = samples.set();
        let event = StockEvent::Adjusted { units: 0 };
        count.record_stock(shelf("hot"), StockChange::default(), samples.entry(event));
        sets.insert(place, count);
    }
    subject.commit_all(sets).await;
    assert_eq!(level(&subject, &shelf("hot")).await.available(), 0);
    let mut records = journal(&subject, "hot").await;
    records.sort_by_key(|record| record.sequence);
    let in_order = records.iter().zip(1_u64..).all(|(record, place)| record.sequence == place);
    assert!(in_order, "{records:?}");
    let count = |wanted: StockAlert| {
        let alert = StockEvent::Alert { alert: wanted };
        records.iter().filter(|record| record.event == alert).count()
    };
    assert_eq!((count(StockAlert::BackInStock), count(StockAlert::OutOfStock)), (1, 1), "{records:?}");
    assert!(count(StockAlert::LowStock) <= 1 && count(StockAlert::Replenished) == 0, "{records:?}");
    assert_eq!(records.len(), 6 + 2 + count(StockAlert::LowStock));
    let out =
        records.iter().find(|record| record.event == StockEvent::Alert { alert: StockAlert::OutOfStock });
    assert_eq!(out.unwrap().after.available(), 0);
    assert_eq!(subject.store.stock_outbox_len().await.unwrap(), u64::try_from(records.len()).unwrap());
}
