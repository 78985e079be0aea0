//! Stock levels.

use crate::conformance::Subject;
use crate::conformance::sample::{Sampler, shelf};
use crate::id::{LocationId, ProductId};
use crate::inventory::{MAX_UNITS, StockChange, StockKey, StockLevel};
use crate::store::{Refusal, StockShort};

fn at(product: &str, location: &str) -> StockKey {
    StockKey::new(ProductId::new(product).unwrap(), LocationId::new(location).unwrap())
}

async fn levels(subject: &Subject, products: &[&str]) -> Vec<StockLevel> {
    let products: Vec<_> = products.iter().map(|product| ProductId::new(product).unwrap()).collect();
    subject.store.stock_levels(&products).await.unwrap()
}

/// Levels are read at every location, in the order of their keys, whatever was asked for.
pub async fn levels_come_in_the_order_of_their_keys(subject: Subject) {
    let samples = Sampler::new(21);
    let mut set = samples.set();
    for (units, (product, location)) in (1..).zip([
        ("tea", "west"),
        ("Tea", "a"),
        ("coffee", "main"),
        ("tea", "East"),
        ("tea", "a b"),
        ("té", "x"),
    ]) {
        set.change_stock(at(product, location), StockChange::adjust(units));
    }
    subject.apply(&set).await;
    let expected = [
        StockLevel::new(at("Tea", "a"), 2, 0, 0),
        StockLevel::new(at("coffee", "main"), 3, 0, 0),
        StockLevel::new(at("tea", "East"), 4, 0, 0),
        StockLevel::new(at("tea", "a b"), 5, 0, 0),
        StockLevel::new(at("tea", "west"), 1, 0, 0),
        StockLevel::new(at("té", "x"), 6, 0, 0),
    ];
    assert_eq!(levels(&subject, &["té", "tea", "coffee", "nothing", "Tea", "tea"]).await, expected);
    assert_eq!(levels(&subject, &["nothing"]).await, []);
    assert_eq!(levels(&subject, &[]).await, []);
}

/// A level that does not exist counts as an empty shelf.
pub async fn missing_level_is_an_empty_shelf(subject: Subject) {
    let samples = Sampler::new(22);
    for change in
        [StockChange::reserve(1), StockChange::release(1), StockChange::adjust(-1), StockChange::restock(1)]
    {
        let mut set = samples.set();
        set.change_stock(shelf("tea"), change);
        assert_eq!(subject.refusal(&set).await, Refusal::Stock(vec![StockShort::new(shelf("tea"), 0)]));
    }
    assert_eq!(levels(&subject, &["tea"]).await, []);
    let mut set = samples.set();
    set.change_stock(shelf("tea"), StockChange::adjust(3).if_on_hand(0));
    subject.apply(&set).await;
    assert_eq!(levels(&subject, &["tea"]).await, [StockLevel::new(shelf("tea"), 3, 0, 0)]);
}

/// Every change ends where [`StockLevel::after`] says, or is refused where it says so.
pub async fn changes_end_where_the_level_says(subject: Subject) {
    let samples = Sampler::new(23);
    let mut level = StockLevel::empty(shelf("tea"));
    let changes = [
        StockChange::adjust(10),
        StockChange::reserve(10),
        StockChange::reserve(1),
        StockChange::adjust(-1),
        StockChange::confirm(4),
        StockChange::confirm(7),
        StockChange::release(7),
        StockChange::release(5),
        StockChange::restock(5),
        StockChange::restock(4),
        StockChange::sell(9),
        StockChange::sell(8),
        StockChange::adjust(1).if_on_hand(3),
        StockChange::adjust(1).if_on_hand(2),
        StockChange::adjust(MAX_UNITS),
        StockChange::adjust(MAX_UNITS - 3),
        StockChange::adjust(1),
        StockChange::adjust(i64::MAX),
        StockChange::adjust(i64::MIN),
        StockChange::reserve(u32::MAX),
        StockChange::confirm(u32::MAX),
        StockChange::default(),
    ];
    for (step, change) in changes.into_iter().enumerate() {
        let mut set = samples.set();
        set.change_stock(shelf("tea"), change);
        if let Some(after) = level.after(&change) {
            subject.apply(&set).await;
            level = after;
        } else {
            let short = StockShort::new(shelf("tea"), level.available());
            assert_eq!(subject.refusal(&set).await, Refusal::Stock(vec![short]), "step {step}");
        }
        assert_eq!(levels(&subject, &["tea"]).await, std::slice::from_ref(&level), "step {step}");
    }
}

/// A change of several levels is made whole or not at all, and every level that is short is told.
pub async fn every_short_level_is_told(subject: Subject) {
    let samples = Sampler::new(24);
    subject.apply(&samples.receive(&[("a", 1), ("b", 5), ("c", 2)])).await;
    let mut set = samples.set();
    for product in ["d", "c", "b", "a"] {
        set.change_stock(shelf(product), StockChange::reserve(3));
    }
    let Refusal::Stock(mut short) = subject.refusal(&set).await else { unreachable!("another refusal") };
    short.sort_by(|left, right| left.key.cmp(&right.key));
    let expected =
        [("a", 1), ("c", 2), ("d", 0)].map(|(product, left)| StockShort::new(shelf(product), left));
    assert_eq!(short, expected);
    let on_hand: Vec<_> = levels(&subject, &["a", "b", "c", "d"])
        .await
        .iter()
        .map(|level| (level.on_hand, level.reserved))
        .collect();
    assert_eq!(on_hand, [(1, 0), (5, 0), (2, 0)]);
}
