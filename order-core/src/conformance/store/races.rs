//! Many at once.

use crate::conformance::Subject;
use crate::conformance::sample::{Sampler, customer_cart, shelf};
use crate::id::ProductId;
use crate::inventory::{ReservationMove, StockChange, StockLevel};
use crate::order::Order;
use crate::store::{
    Aggregate, CartPut, CommitOutcome, IdempotencyPut, Refusal, ReservationPut, Unchanged, UniqueKey,
    WriteSet,
};

/// Checks that exactly `winners` were applied, and that the others were refused as they must be.
fn check(outcomes: &[CommitOutcome], winners: usize, refusal: impl Fn(&Refusal) -> bool) {
    let applied = outcomes.iter().filter(|outcome| **outcome == CommitOutcome::Applied).count();
    for outcome in outcomes {
        if let CommitOutcome::Refused(why) = outcome {
            assert!(refusal(why), "refused for another reason: {why:?}");
        }
    }
    assert_eq!(applied, winners, "of {} at once", outcomes.len());
}

fn is_stock(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::Stock(_))
}

async fn level(subject: &Subject, product: &str) -> StockLevel {
    let product = ProductId::new(product).unwrap();
    subject.store.stock_levels(&[product]).await.unwrap().remove(0)
}

/// Fifty orders for ten units: exactly ten are placed, and nobody gets an eleventh.
pub async fn fifty_orders_for_ten_units(subject: Subject) {
    let samples = Sampler::new(91);
    subject.apply(&samples.receive(&[("hot", 10)])).await;
    let (sets, orders): (Vec<WriteSet>, Vec<Order>) =
        (0..50).map(|index| samples.order(&format!("c-{index}"), "hot")).unzip();
    check(&subject.commit_all(sets).await, 10, is_stock);
    assert_eq!(level(&subject, "hot").await, StockLevel::new(shelf("hot"), 10, 10, 0));
    let mut placed = 0;
    for order in orders {
        let stored = subject.store.find_order(order.id).await.unwrap();
        let reservation = order.hold.as_ref().unwrap().reservation_id;
        assert_eq!(subject.store.find_reservation(reservation).await.unwrap().is_some(), stored.is_some());
        placed += usize::from(stored.is_some());
    }
    assert_eq!(placed, 10);
}

/// Changes of one level add up, whoever makes them: none is lost, and none is refused that fits.
pub async fn changes_of_one_level_add_up(subject: Subject) {
    let samples = Sampler::new(92);
    subject.apply(&samples.receive(&[("hot", 200)])).await;
    let sets: Vec<WriteSet> = (0..60)
        .map(|index| {
            let mut set = samples.set();
            let changes = [StockChange::reserve(2), StockChange::adjust(3), StockChange::sell(1)];
            set.change_stock(shelf("hot"), changes[index % 3]);
            set
        })
        .collect();
    check(&subject.commit_all(sets).await, 60, |_| false);
    assert_eq!(level(&subject, "hot").await, StockLevel::new(shelf("hot"), 240, 40, 20));
}

/// Orders for the same products in opposite orders never wait for each other in a circle, and get all of it or nothing.
pub async fn opposite_orders_do_not_deadlock(subject: Subject) {
    let samples = Sampler::new(93);
    subject.apply(&samples.receive(&[("a", 25), ("b", 20), ("c", 30)])).await;
    let sets: Vec<WriteSet> = (0..40)
        .map(|index| {
            let mut products = ["a", "b", "c"];
            if index % 2 == 0 {
                products.reverse();
            }
            let lines = products.iter().map(|product| samples.line(product, 1_000, 1)).collect();
            samples.place(samples.new_order("c-1", lines)).0
        })
        .collect();
    check(&subject.commit_all(sets).await, 20, is_stock);
    for (product, on_hand) in [("a", 25), ("b", 20), ("c", 30)] {
        assert_eq!(level(&subject, product).await, StockLevel::new(shelf(product), on_hand, 20, 0));
    }
}

/// Rows of other kinds, too, may be touched in opposite orders.
pub async fn opposite_carts_do_not_deadlock(subject: Subject) {
    let samples = Sampler::new(94);
    let mut carts = [samples.cart(customer_cart("c-1")), samples.cart(customer_cart("c-2"))];
    for cart in &carts {
        subject.apply(&samples.put_cart(0, cart)).await;
    }
    for round in 1..6 {
        for cart in &mut carts {
            samples.fill(cart, "coffee", 1);
        }
        let sets: Vec<WriteSet> = (0..12)
            .map(|index| {
                let mut puts: Vec<CartPut> =
                    carts.iter().map(|cart| CartPut { expected: round, cart: cart.clone() }).collect();
                if index % 2 == 0 {
                    puts.reverse();
                }
                let mut set = samples.set();
                set.carts = puts;
                set
            })
            .collect();
        let outcomes = subject.commit_all(sets).await;
        check(&outcomes, 1, |why| matches!(why, Refusal::Version { aggregate: Aggregate::Cart, .. }));
    }
}

/// Of many changes of one version of an order, one is written.
pub async fn one_change_of_a_version_wins(subject: Subject) {
    let samples = Sampler::new(95);
    subject.apply(&samples.receive(&[("tea", 10)])).await;
    let (set, mut order) = samples.order("c-1", "tea");
    subject.apply(&set).await;
    for _ in 0..4 {
        let operation = order.payments[0].operations[0].id;
        let sets: Vec<WriteSet> = (0..16)
            .map(|_| {
                let unknown = crate::payment::Answer::Unknown;
                let (set, _) = samples.change(&order, |draft, context| {
                    crate::order::answer(draft, operation, unknown, &samples.policy, context)
                });
                set
            })
            .collect();
        let outcomes = subject.commit_all(sets).await;
        let is_version = |why: &Refusal| {
            matches!(why, Refusal::Version { aggregate: Aggregate::Order | Aggregate::Event, .. })
        };
        check(&outcomes, 1, is_version);
        order = subject.store.find_order(order.id).await.unwrap().unwrap();
        let history = subject.store.history(order.id).await.unwrap();
        assert_eq!(Order::fold(&history).unwrap(), order);
    }
}

/// Of many orders with one number, one is placed; of many from one cart, one.
pub async fn one_order_of_a_key_wins(subject: Subject) {
    let samples = Sampler::new(96);
    subject.apply(&samples.receive(&[("tea", 100)])).await;
    let cart = samples.cart(customer_cart("c-1"));
    let same_number = (0..16).map(|_| {
        let mut new = samples.new_order("c-1", vec![samples.line("tea", 1_000, 1)]);
        new.number = crate::id::OrderNumber::new("SAME").unwrap();
        samples.place(new).0
    });
    let outcomes = subject.commit_all(same_number.collect::<Vec<_>>()).await;
    check(&outcomes, 1, |why| *why == Refusal::Taken(UniqueKey::OrderNumber));
    let same_cart = (0..16).map(|_| {
        let mut new = samples.new_order("c-1", vec![samples.line("tea", 1_000, 1)]);
        new.cart_id = Some(cart.id);
        samples.place(new).0
    });
    let outcomes = subject.commit_all(same_cart.collect::<Vec<_>>()).await;
    check(&outcomes, 1, |why| *why == Refusal::Taken(UniqueKey::OrderCart));
    assert_eq!(level(&subject, "tea").await.reserved, 2);
}

/// Of many first carts of one owner, one is written.
pub async fn one_cart_of_an_owner_wins(subject: Subject) {
    let samples = Sampler::new(97);
    for round in 0..5 {
        let owner = customer_cart(&format!("c-{round}"));
        let carts: Vec<_> = (0..12).map(|_| samples.cart(owner.clone())).collect();
        let sets: Vec<WriteSet> = carts.iter().map(|cart| samples.put_cart(0, cart)).collect();
        let outcomes = subject.commit_all(sets).await;
        check(&outcomes, 1, |why| *why == Refusal::Taken(UniqueKey::CartOwner));
        let open = subject.store.find_open_cart(&owner).await.unwrap().unwrap();
        for cart in carts {
            let found = subject.store.find_cart(cart.id).await.unwrap();
            assert_eq!(found.is_some(), cart.id == open.id);
        }
    }
}

/// Of many requests with one idempotency key, one is carried out.
pub async fn one_request_of_a_key_wins(subject: Subject) {
    let samples = Sampler::new(98);
    subject.apply(&samples.receive(&[("tea", 100)])).await;
    let record = samples.record("customer:c-1", "key");
    let sets: Vec<WriteSet> = (0..20)
        .map(|_| {
            let (mut set, order) = samples.order("c-1", "tea");
            let mut record = record.clone();
            record.subject = order.id.uuid();
            set.idempotency = Some(IdempotencyPut { is_new: true, record });
            set
        })
        .collect();
    check(&subject.commit_all(sets).await, 1, |why| *why == Refusal::IdempotencyKey);
    let mut kept = subject.store.find_idempotency("customer:c-1", &record.key).await.unwrap().unwrap();
    let order = subject.store.find_order(crate::id::OrderId::from_uuid(kept.subject)).await.unwrap();
    assert!(order.is_some(), "the record is not that of the order that was placed");
    assert_eq!(level(&subject, "tea").await.reserved, 1);
    let answers: Vec<WriteSet> = (1..9)
        .map(|version| {
            kept.answered_version = Some(version);
            samples.put_record(false, &kept)
        })
        .collect();
    check(&subject.commit_all(answers).await, 1, |why| *why == Refusal::IdempotencyKey);
}

/// A reservation that is confirmed, released and expired at the same time ends once, and its units move once.
pub async fn reservation_ends_once_in_a_race(subject: Subject) {
    let samples = Sampler::new(99);
    subject.apply(&samples.receive(&[("tea", 100)])).await;
    for round in 0..5 {
        let active = samples.reservation("tea", 1, samples.now());
        let mut set = samples.put_reservation(true, &active);
        set.change_stock(shelf("tea"), StockChange::reserve(1));
        // Others hold units as well, so that a second end would not be stopped by the level.
        set.change_stock(shelf("tea"), StockChange::reserve(5));
        subject.apply(&set).await;
        let before = level(&subject, "tea").await;
        let ends = [
            (ReservationMove::Confirm, StockChange::confirm(1)),
            (ReservationMove::Expire, StockChange::release(1)),
            (ReservationMove::Release, StockChange::release(1)),
        ];
        let sets: Vec<WriteSet> = ends
            .iter()
            .cycle()
            .take(12)
            .map(|(by, change)| {
                let reservation = active.ended(*by, samples.now()).unwrap();
                let mut set = samples.set();
                set.reservations.push(ReservationPut { is_new: false, reservation });
                set.change_stock(shelf("tea"), *change);
                set
            })
            .collect();
        let outcomes = subject.commit_all(sets).await;
        check(&outcomes, 1, |why| *why == Refusal::ReservationEnded(active.id));
        assert_eq!(level(&subject, "tea").await.reserved, before.reserved - 1, "round {round}");
    }
}

/// One write-set that is committed by many at once is applied once, and every one of them is told so.
pub async fn one_write_set_is_applied_once_in_a_race(subject: Subject) {
    let samples = Sampler::new(100);
    for round in 1..6 {
        let set = samples.receive(&[("tea", 1)]);
        check(&subject.commit_all(vec![set; 10]).await, 10, |_| false);
        assert_eq!(level(&subject, "tea").await.on_hand, round);
    }
    let (set, order) = samples.order("c-1", "tea");
    check(&subject.commit_all(vec![set; 10]).await, 10, |_| false);
    assert_eq!(level(&subject, "tea").await.reserved, 1);
    assert_eq!(subject.store.outbox_len().await.unwrap(), order.version);
}

/// Two commits that each rely on what the other one changes can't both be applied.
pub async fn readers_and_writers_do_not_cross(subject: Subject) {
    let samples = Sampler::new(101);
    let mut carts = [samples.cart(customer_cart("c-1")), samples.cart(customer_cart("c-2"))];
    for cart in &carts {
        subject.apply(&samples.put_cart(0, cart)).await;
    }
    for round in 0..12 {
        let sets: Vec<WriteSet> = (0..2)
            .map(|index| {
                let (mut own, other) = (carts[index].clone(), &carts[1 - index]);
                let expected = own.version;
                samples.fill(&mut own, "coffee", 1);
                let mut set = samples.put_cart(expected, &own);
                set.unchanged.push(Unchanged::Cart(other.id, other.version));
                set
            })
            .collect();
        let outcomes = subject.commit_all(sets).await;
        let applied = outcomes.iter().filter(|outcome| **outcome == CommitOutcome::Applied).count();
        assert_eq!(applied, 1, "round {round}");
        for cart in &mut carts {
            *cart = subject.store.find_cart(cart.id).await.unwrap().unwrap();
        }
    }
}
