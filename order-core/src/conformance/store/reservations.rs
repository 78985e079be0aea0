//! Reservations.

use crate::conformance::Subject;
use crate::conformance::sample::{Sampler, customer, shelf};
use crate::id::{OrderId, ProductId, ReservationId};
use crate::inventory::{ReservationLine, ReservationMove};
use crate::money::{Currency, Money};
use crate::store::Refusal;
use crate::time::Duration;

/// A reservation is read back as it was written.
pub async fn reservation_is_kept(subject: Subject) {
    let samples = Sampler::new(31);
    let mut reservation = samples.reservation("tea", 7, samples.now() + Duration::minutes(30));
    reservation.lines.push(ReservationLine::new(
        Some(crate::id::LineId::new(&samples.ids, samples.now())),
        shelf("日本茶"),
        u32::MAX,
    ));
    reservation.order_id = Some(OrderId::new(&samples.ids, samples.now()));
    reservation.customer_id = Some(customer("c'1"));
    reservation.value = Some(Money::from_minor(123_456, Currency::KWD));
    subject.apply(&samples.put_reservation(true, &reservation)).await;
    assert_eq!(subject.store.find_reservation(reservation.id).await.unwrap().as_ref(), Some(&reservation));
    reservation.expires_at += Duration::minutes(5);
    reservation.lines.remove(0);
    subject.apply(&samples.put_reservation(false, &reservation)).await;
    assert_eq!(subject.store.find_reservation(reservation.id).await.unwrap(), Some(reservation));
    let nothing = ReservationId::new(&samples.ids, samples.now());
    assert_eq!(subject.store.find_reservation(nothing).await.unwrap(), None);
}

/// A reservation is made once, ends once, and never changes again.
pub async fn reservation_ends_once(subject: Subject) {
    let samples = Sampler::new(32);
    for by in [ReservationMove::Confirm, ReservationMove::Expire, ReservationMove::Release] {
        let active = samples.reservation("tea", 1, samples.now());
        let over = Refusal::ReservationEnded(active.id);
        let ended = active.ended(by, samples.now()).unwrap();
        assert_eq!(subject.refusal(&samples.put_reservation(false, &ended)).await, over);
        subject.apply(&samples.put_reservation(true, &active)).await;
        assert_eq!(subject.refusal(&samples.put_reservation(true, &active)).await, over);
        subject.apply(&samples.put_reservation(false, &ended)).await;
        let other = active.ended(ReservationMove::Release, samples.now()).unwrap();
        for again in [&other, &active, &ended] {
            assert_eq!(subject.refusal(&samples.put_reservation(false, again)).await, over, "{by:?}");
        }
        assert_eq!(subject.store.find_reservation(active.id).await.unwrap(), Some(ended));
    }
}

/// Expired reservations are found: active ones, the longest expired first, at the very instant, of certain products when wanted.
pub async fn expired_reservations_are_found(subject: Subject) {
    let samples = Sampler::new(33);
    let start = samples.now();
    let mut made = Vec::new();
    for (product, minutes) in [("tea", 40), ("coffee", 10), ("tea", 20), ("cocoa", 30), ("tea", 5)] {
        let reservation = samples.reservation(product, 1, start + Duration::minutes(minutes));
        subject.apply(&samples.put_reservation(true, &reservation)).await;
        made.push(reservation);
    }
    made[3].lines.push(ReservationLine::new(None, shelf("tea"), 1));
    made[3].lines.push(ReservationLine::new(None, shelf("coffee"), 1));
    subject.apply(&samples.put_reservation(false, &made[3])).await;
    let ended = made[4].ended(ReservationMove::Expire, samples.now()).unwrap();
    subject.apply(&samples.put_reservation(false, &ended)).await;

    let expired = |minutes, products: &[&str], limit| {
        let store = subject.store.clone();
        let products: Vec<_> = products.iter().map(|product| ProductId::new(product).unwrap()).collect();
        let now = start + Duration::minutes(minutes);
        async move { store.expired_reservations(now, &products, limit).await.unwrap() }
    };
    let order = [made[1].clone(), made[2].clone(), made[3].clone(), made[0].clone()];
    assert_eq!(expired(9, &[], 10).await, []);
    assert_eq!(expired(10, &[], 10).await, order[..1]);
    assert_eq!(expired(60, &[], 10).await, order);
    assert_eq!(expired(60, &[], 3).await, order[..3]);
    assert_eq!(expired(60, &["tea"], 10).await, order[1..]);
    assert_eq!(expired(60, &["tea"], 1).await, order[1..2]);
    assert_eq!(expired(60, &["coffee", "tea", "cocoa"], 10).await, order);
    assert_eq!(expired(60, &["coffee", "coffee"], 10).await, [order[0].clone(), order[2].clone()]);
    assert_eq!(expired(60, &["nothing"], 10).await, []);
}
