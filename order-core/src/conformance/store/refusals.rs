//! A write-set that holds something of everything is refused by one guard after the other, and leaves nothing behind.

use std::sync::Arc;

use crate::cart::{Cart, CartOwner};
use crate::conformance::Subject;
use crate::conformance::sample::{Sampler, customer_cart, shelf};
use crate::id::ProductId;
use crate::inventory::{Reservation, ReservationMove, StockChange, StockLevel};
use crate::order::{EventRecord, Order, refund};
use crate::store::{
    Aggregate, CartPut, IdempotencyPut, IdempotencyRecord, Refusal, ReservationPut, Unchanged, UniqueKey,
    WriteSet,
};

const PRODUCTS: [&str; 3] = ["coffee", "cocoa", "tea"];

/// What is stored before, and a write-set that changes something of every kind.
struct Scene {
    samples: Sampler,
    set: WriteSet,
    paid: Order,
    owners: Vec<CartOwner>,
    carts: Vec<Cart>,
    other_order: Order,
    ended: Reservation,
}

/// Everything that can be read about the scene.
#[derive(Debug, PartialEq)]
struct Picture {
    carts: Vec<Option<Cart>>,
    open_carts: Vec<Option<Cart>>,
    orders: Vec<(Option<Order>, Vec<EventRecord>)>,
    levels: Vec<StockLevel>,
    reservations: Vec<Option<Reservation>>,
    record: Option<IdempotencyRecord>,
    waiting: u64,
}

impl Scene {
    async fn new(subject: &Subject) -> Self {
        let samples = Sampler::new(111);
        subject.apply(&samples.receive(&[("tea", 10), ("coffee", 10)])).await;
        let (placing, placed) = samples.order("c-1", "tea");
        subject.apply(&placing).await;
        let (paying, paid) = samples.approve(&placed);
        subject.apply(&paying).await;
        let mut new = samples.new_order("c-2", vec![samples.line("tea", 1_250, 1)]);
        new.cart_id = Some(samples.cart(customer_cart("c-2")).id);
        let (placing, other_order) = samples.place(new);
        subject.apply(&placing).await;
        let owners: Vec<CartOwner> = ["c-1", "c-2", "c-3", "c-4"].map(customer_cart).to_vec();
        let carts: Vec<Cart> = owners.iter().map(|owner| samples.cart(owner.clone())).collect();
        for cart in &carts[..3] {
            subject.apply(&samples.put_cart(0, cart)).await;
        }
        let active = samples.reservation("coffee", 1, samples.now());
        let mut set = samples.put_reservation(true, &active);
        set.change_stock(shelf("coffee"), StockChange::reserve(1));
        subject.apply(&set).await;
        let set = full_set(&samples, &paid, &other_order, &carts, &active);
        let ended = active.ended(ReservationMove::Expire, samples.now()).unwrap();
        Self { samples, set, paid, owners, carts, other_order, ended }
    }

    async fn picture(&self, subject: &Subject) -> Picture {
        let store = &subject.store;
        let mut picture = Picture {
            carts: Vec::new(),
            open_carts: Vec::new(),
            orders: Vec::new(),
            levels: Vec::new(),
            reservations: Vec::new(),
            record: None,
            waiting: store.outbox_len().await.unwrap(),
        };
        for cart in &self.carts {
            picture.carts.push(store.find_cart(cart.id).await.unwrap());
        }
        for owner in &self.owners {
            picture.open_carts.push(store.find_open_cart(owner).await.unwrap());
        }
        for put in &self.set.orders {
            let history = store.history(put.order.id).await.unwrap();
            picture.orders.push((store.find_order(put.order.id).await.unwrap(), history));
        }
        let products = PRODUCTS.map(|product| ProductId::new(product).unwrap());
        picture.levels = store.stock_levels(&products).await.unwrap();
        for put in &self.set.reservations {
            picture.reservations.push(store.find_reservation(put.reservation.id).await.unwrap());
        }
        let record = self.set.idempotency.as_ref().map(|put| &put.record).unwrap();
        picture.record = store.find_idempotency(&record.scope, &record.key).await.unwrap();
        picture
    }

    /// Breaks the write-set, and checks that it is refused for that reason and changes nothing; and that nothing else was wrong
    /// with it.
    async fn refuse(self, subject: &Subject, expected: &Refusal, spoil: impl FnOnce(&mut WriteSet)) {
        let mut spoilt = self.set.clone();
        spoil(&mut spoilt);
        spoilt.id = self.samples.set().id;
        let before = self.picture(subject).await;
        for _ in 0..2 {
            let refusal = subject.refusal(&spoilt).await;
            match (&refusal, expected) {
                // The text of an event's key is the store's own affair.
                (
                    Refusal::Version { aggregate: Aggregate::Event, .. },
                    Refusal::Version { aggregate, .. },
                ) => {
                    assert_eq!(*aggregate, Aggregate::Event);
                }
                (refusal, expected) => assert_eq!(refusal, expected),
            }
            assert_eq!(self.picture(subject).await, before, "a refused write-set has left something behind");
        }
        subject.apply(&self.set).await;
        assert_ne!(self.picture(subject).await, before);
    }
}

/// A new cart, a changed one, a removed one; a new order, a changed one; a new reservation, an ended one; stock; events; a key.
fn full_set(
    samples: &Sampler,
    paid: &Order,
    other: &Order,
    carts: &[Cart],
    active: &Reservation,
) -> WriteSet {
    let (mut set, _) =
        samples.change(paid, |draft, context| refund(draft, None, None, None, &samples.policy, context));
    let mut new = samples.new_order("c-1", vec![samples.line("coffee", 1_000, 2)]);
    new.cart_id = Some(carts[1].id);
    let (place, order) = samples.place(new);
    set.orders.extend(place.orders);
    set.events.extend(place.events);
    set.reservations.extend(place.reservations);
    for (key, change) in place.stock {
        set.change_stock(key, change);
    }
    let reservation = active.ended(ReservationMove::Release, samples.now()).unwrap();
    set.reservations.push(ReservationPut { is_new: false, reservation });
    set.change_stock(shelf("coffee"), StockChange::release(1));
    set.change_stock(shelf("cocoa"), StockChange::adjust(4));
    set.carts.push(CartPut { expected: 0, cart: carts[3].clone() });
    let mut changed = carts[0].clone();
    samples.fill(&mut changed, "coffee", 1);
    set.carts.push(CartPut { expected: carts[0].version, cart: changed });
    set.removed_carts.push((carts[2].id, carts[2].version));
    set.unchanged =
        vec![Unchanged::Cart(carts[1].id, carts[1].version), Unchanged::Order(other.id, other.version)];
    let mut record = samples.record("scope", "key");
    record.subject = order.id.uuid();
    set.idempotency = Some(IdempotencyPut { is_new: true, record });
    set
}

fn stale(aggregate: Aggregate, key: impl std::fmt::Display) -> Refusal {
    Refusal::Version { aggregate, key: key.to_string() }
}

/// By an idempotency key that is taken.
pub async fn refused_by_an_idempotency_key(subject: Subject) {
    let scene = Scene::new(&subject).await;
    let taken = scene.samples.record("scope", "taken");
    subject.apply(&scene.samples.put_record(true, &taken)).await;
    let spoil = |set: &mut WriteSet| set.idempotency = Some(IdempotencyPut { is_new: true, record: taken });
    scene.refuse(&subject, &Refusal::IdempotencyKey, spoil).await;
}

/// By an order number that is taken.
pub async fn refused_by_an_order_number(subject: Subject) {
    let scene = Scene::new(&subject).await;
    let number = scene.other_order.number.clone();
    let spoil = |set: &mut WriteSet| Arc::make_mut(&mut set.orders[1].order).number = number;
    scene.refuse(&subject, &Refusal::Taken(UniqueKey::OrderNumber), spoil).await;
}

/// By a cart that has become an order.
pub async fn refused_by_an_ordered_cart(subject: Subject) {
    let scene = Scene::new(&subject).await;
    let cart = scene.other_order.cart_id;
    let spoil = |set: &mut WriteSet| Arc::make_mut(&mut set.orders[1].order).cart_id = cart;
    scene.refuse(&subject, &Refusal::Taken(UniqueKey::OrderCart), spoil).await;
}

/// By an owner who has an open cart.
pub async fn refused_by_a_cart_owner(subject: Subject) {
    let scene = Scene::new(&subject).await;
    let owner = scene.owners[1].clone();
    let spoil = |set: &mut WriteSet| set.carts[0].cart.owner = owner;
    scene.refuse(&subject, &Refusal::Taken(UniqueKey::CartOwner), spoil).await;
}

/// By the version of a cart that is changed.
pub async fn refused_by_a_cart_version(subject: Subject) {
    let scene = Scene::new(&subject).await;
    let expected = stale(Aggregate::Cart, scene.carts[0].id);
    scene.refuse(&subject, &expected, |set| set.carts[1].expected = 2).await;
}

/// By the version of a cart that is removed.
pub async fn refused_by_a_removed_cart(subject: Subject) {
    let scene = Scene::new(&subject).await;
    let expected = stale(Aggregate::Cart, scene.carts[2].id);
    scene.refuse(&subject, &expected, |set| set.removed_carts[0].1 = 2).await;
}

/// By the version of an order.
pub async fn refused_by_an_order_version(subject: Subject) {
    let scene = Scene::new(&subject).await;
    let expected = stale(Aggregate::Order, scene.paid.id);
    scene.refuse(&subject, &expected, |set| set.orders[0].expected -= 1).await;
}

/// By an event whose place is taken.
pub async fn refused_by_an_event(subject: Subject) {
    let scene = Scene::new(&subject).await;
    let taken = scene.paid.version;
    let spoil = |set: &mut WriteSet| set.events[0].sequence = taken;
    scene.refuse(&subject, &stale(Aggregate::Event, ""), spoil).await;
}

/// By a cart that was read and has changed.
pub async fn refused_by_a_read_cart(subject: Subject) {
    let scene = Scene::new(&subject).await;
    let cart = &scene.carts[1];
    let (expected, changed) = (stale(Aggregate::Cart, cart.id), Unchanged::Cart(cart.id, cart.version + 1));
    scene.refuse(&subject, &expected, |set| set.unchanged[0] = changed).await;
}

/// By an order that was read and has changed.
pub async fn refused_by_a_read_order(subject: Subject) {
    let scene = Scene::new(&subject).await;
    let order = &scene.other_order;
    let (expected, changed) =
        (stale(Aggregate::Order, order.id), Unchanged::Order(order.id, order.version + 1));
    scene.refuse(&subject, &expected, |set| set.unchanged[1] = changed).await;
}

/// By a reservation that exists already.
pub async fn refused_by_a_new_reservation(subject: Subject) {
    let scene = Scene::new(&subject).await;
    let expected = Refusal::ReservationEnded(scene.ended.id);
    scene.refuse(&subject, &expected, |set| set.reservations[1].is_new = true).await;
}

/// By a reservation that has ended.
pub async fn refused_by_an_ended_reservation(subject: Subject) {
    let scene = Scene::new(&subject).await;
    let other = scene.samples.reservation("cocoa", 1, scene.samples.now());
    let ended = other.ended(ReservationMove::Expire, scene.samples.now()).unwrap();
    subject.apply(&scene.samples.put_reservation(true, &other)).await;
    subject.apply(&scene.samples.put_reservation(false, &ended)).await;
    let expected = Refusal::ReservationEnded(other.id);
    let spoil = |set: &mut WriteSet| set.reservations[1].reservation = ended;
    scene.refuse(&subject, &expected, spoil).await;
}

/// By a refund of more than was captured.
pub async fn refused_by_a_refund(subject: Subject) {
    let scene = Scene::new(&subject).await;
    let spoil = |set: &mut WriteSet| {
        let payment = &mut Arc::make_mut(&mut set.orders[0].order).payments[0];
        payment.refunded = crate::money::Money::from_minor(1, payment.amount.currency());
    };
    scene.refuse(&subject, &Refusal::Refundable, spoil).await;
}

/// By stock that is not there.
pub async fn refused_by_stock(subject: Subject) {
    let scene = Scene::new(&subject).await;
    let short = vec![crate::store::StockShort::new(shelf("coffee"), 9)];
    let spoil = |set: &mut WriteSet| set.change_stock(shelf("coffee"), StockChange::reserve(100));
    scene.refuse(&subject, &Refusal::Stock(short), spoil).await;
}

/// What spoils a write-set, and what it is then refused by.
type Spoilt = (fn(&Scene, &mut WriteSet), fn(&Refusal) -> bool);

/// By several guards at once: the idempotency key is told first, so that a repetition is known as one; then unique keys, versions,
/// reservations, refunds and stock.
pub async fn several_refusals_are_told_in_order(subject: Subject) {
    let scene = Scene::new(&subject).await;
    let spoilt: [Spoilt; 9] = [
        (|_, set| set.idempotency.as_mut().unwrap().is_new = false, |why| *why == Refusal::IdempotencyKey),
        (
            |scene, set| Arc::make_mut(&mut set.orders[1].order).number = scene.other_order.number.clone(),
            |why| *why == Refusal::Taken(UniqueKey::OrderNumber),
        ),
        (
            |scene, set| Arc::make_mut(&mut set.orders[1].order).cart_id = scene.other_order.cart_id,
            |why| *why == Refusal::Taken(UniqueKey::OrderCart),
        ),
        (
            |scene, set| set.carts[0].cart.owner = scene.owners[1].clone(),
            |why| *why == Refusal::Taken(UniqueKey::CartOwner),
        ),
        (
            |_, set| set.carts[1].expected = 2,
            |why| matches!(why, Refusal::Version { aggregate: Aggregate::Cart, .. }),
        ),
        (
            |_, set| set.orders[0].expected -= 1,
            |why| matches!(why, Refusal::Version { aggregate: Aggregate::Order, .. }),
        ),
        (|_, set| set.reservations[1].is_new = true, |why| matches!(why, Refusal::ReservationEnded(_))),
        (
            |_, set| {
                let payment = &mut Arc::make_mut(&mut set.orders[0].order).payments[0];
                payment.refunded = crate::money::Money::from_minor(1, payment.amount.currency());
            },
            |why| *why == Refusal::Refundable,
        ),
        (
            |_, set| set.change_stock(shelf("coffee"), StockChange::reserve(100)),
            |why| matches!(why, Refusal::Stock(_)),
        ),
    ];
    for (first, (_, is_told)) in spoilt.iter().enumerate() {
        let mut set = scene.set.clone();
        set.id = scene.samples.set().id;
        spoilt[first..].iter().for_each(|(spoil, _)| spoil(&scene, &mut set));
        let refusal = subject.refusal(&set).await;
        assert!(is_told(&refusal), "of the guards from the {first}. on, {refusal:?} was told first");
    }
    subject.apply(&scene.set).await;
}
