//! Carts.

use crate::cart::{Cart, merge};
use crate::conformance::Subject;
use crate::conformance::sample::{Sampler, customer_cart, guest_cart};
use crate::id::{CartId, OrderId};
use crate::store::{Aggregate, CartPut, Refusal, Unchanged, UniqueKey};
use crate::time::Duration;

fn version_of(cart: &Cart) -> Refusal {
    Refusal::Version { aggregate: Aggregate::Cart, key: cart.id.to_string() }
}

/// A cart is read back as it was written, after every change.
pub async fn cart_is_kept(subject: Subject) {
    let samples = Sampler::new(1);
    let mut cart = samples.cart(customer_cart("c-1"));
    subject.apply(&samples.put_cart(0, &cart)).await;
    for version in 1..4 {
        assert_eq!(subject.store.find_cart(cart.id).await.unwrap().as_ref(), Some(&cart));
        assert_eq!(subject.store.find_open_cart(&cart.owner).await.unwrap().as_ref(), Some(&cart));
        samples.fill(&mut cart, &format!("product-{version}"), 2);
        subject.apply(&samples.put_cart(version, &cart)).await;
    }
    cart.clear(samples.now()).unwrap();
    subject.apply(&samples.put_cart(4, &cart)).await;
    assert_eq!(subject.store.find_cart(cart.id).await.unwrap(), Some(cart));
    let nobody = CartId::new(&samples.ids, samples.now());
    assert_eq!(subject.store.find_cart(nobody).await.unwrap(), None);
    assert_eq!(subject.store.find_open_cart(&customer_cart("c-2")).await.unwrap(), None);
}

/// A customer and a guest whose names are the same text are two owners.
pub async fn customers_and_guests_are_apart(subject: Subject) {
    let samples = Sampler::new(2);
    let customer = samples.cart(customer_cart("same"));
    let guest = samples.cart(guest_cart("same"));
    subject.apply(&samples.put_cart(0, &customer)).await;
    subject.apply(&samples.put_cart(0, &guest)).await;
    assert_eq!(subject.store.find_open_cart(&customer.owner).await.unwrap(), Some(customer));
    assert_eq!(subject.store.find_open_cart(&guest.owner).await.unwrap(), Some(guest));
}

/// A cart is only written over the version it was changed from.
pub async fn cart_version_is_guarded(subject: Subject) {
    let samples = Sampler::new(3);
    let first = samples.cart(customer_cart("c-1"));
    let mut second = first.clone();
    samples.fill(&mut second, "coffee", 1);
    assert_eq!(subject.refusal(&samples.put_cart(1, &second)).await, version_of(&first));
    subject.apply(&samples.put_cart(0, &first)).await;
    assert_eq!(subject.refusal(&samples.put_cart(0, &first)).await, version_of(&first));
    assert_eq!(subject.refusal(&samples.put_cart(2, &second)).await, version_of(&first));
    subject.apply(&samples.put_cart(1, &second)).await;
    assert_eq!(subject.refusal(&samples.put_cart(1, &second)).await, version_of(&first));
    assert_eq!(subject.store.find_cart(first.id).await.unwrap(), Some(second));
}

/// A cart is only removed at the version that was seen, and only once.
pub async fn cart_removal_is_guarded(subject: Subject) {
    let samples = Sampler::new(4);
    let cart = samples.cart(customer_cart("c-1"));
    subject.apply(&samples.put_cart(0, &cart)).await;
    for (version, applied) in [(0, false), (2, false), (1, true), (1, false), (0, false)] {
        let mut set = samples.set();
        set.removed_carts.push((cart.id, version));
        if applied {
            subject.apply(&set).await;
        } else {
            assert_eq!(subject.refusal(&set).await, version_of(&cart), "{version}");
        }
    }
    assert_eq!(subject.store.find_cart(cart.id).await.unwrap(), None);
    assert_eq!(subject.store.find_open_cart(&cart.owner).await.unwrap(), None);
    let other = samples.cart(cart.owner.clone());
    subject.apply(&samples.put_cart(0, &other)).await;
    assert_eq!(subject.store.find_open_cart(&cart.owner).await.unwrap(), Some(other));
}

/// An owner has at most one open cart, and any number of closed ones.
pub async fn owner_has_one_open_cart(subject: Subject) {
    let samples = Sampler::new(5);
    let mut first = samples.cart(customer_cart("c-1"));
    let second = samples.cart(customer_cart("c-1"));
    subject.apply(&samples.put_cart(0, &first)).await;
    let taken = Refusal::Taken(UniqueKey::CartOwner);
    assert_eq!(subject.refusal(&samples.put_cart(0, &second)).await, taken);
    first.mark_ordered(OrderId::new(&samples.ids, samples.now()), samples.now()).unwrap();
    subject.apply(&samples.put_cart(1, &first)).await;
    assert_eq!(subject.store.find_open_cart(&first.owner).await.unwrap(), None);
    subject.apply(&samples.put_cart(0, &second)).await;
    assert_eq!(subject.store.find_cart(first.id).await.unwrap(), Some(first));
    assert_eq!(subject.store.find_open_cart(&second.owner).await.unwrap().as_ref(), Some(&second));
    let mut set = samples.set();
    let third = samples.cart(customer_cart("c-1"));
    set.removed_carts.push((second.id, second.version));
    set.carts.push(CartPut { expected: 0, cart: third.clone() });
    subject.apply(&set).await;
    assert_eq!(subject.store.find_open_cart(&third.owner).await.unwrap(), Some(third));
}

/// Two carts that are merged are written together.
pub async fn merged_carts_are_written_together(subject: Subject) {
    let samples = Sampler::new(6);
    let guest = samples.cart(guest_cart("s3cret"));
    let mut customer = samples.cart(customer_cart("c-1"));
    samples.fill(&mut customer, "coffee", 3);
    subject.apply(&samples.put_cart(0, &guest)).await;
    subject.apply(&samples.put_cart(0, &customer)).await;
    let (closed, merged) = merge(guest.clone(), customer.clone(), samples.now()).unwrap();
    let mut set = samples.set();
    set.carts.push(CartPut { expected: guest.version, cart: closed.clone() });
    set.carts.push(CartPut { expected: customer.version, cart: merged.clone() });
    subject.apply(&set).await;
    assert_eq!(subject.store.find_open_cart(&guest.owner).await.unwrap(), None);
    assert_eq!(subject.store.find_cart(guest.id).await.unwrap(), Some(closed));
    assert_eq!(subject.store.find_open_cart(&customer.owner).await.unwrap(), Some(merged));
}

/// Expired carts are found with their versions: open ones only, the longest expired first, at the very instant and no earlier.
pub async fn expired_carts_are_found(subject: Subject) {
    let samples = Sampler::new(7);
    let mut carts = Vec::new();
    for index in 0..5 {
        let mut cart = samples.cart(guest_cart(&format!("guest-{index}")));
        cart.expires_at = samples.now() + Duration::days(10 - index);
        subject.apply(&samples.put_cart(0, &cart)).await;
        carts.push(cart);
    }
    let last = carts.last().unwrap().clone();
    let mut changed = last.clone();
    samples.fill(&mut changed, "coffee", 1);
    changed.expires_at = carts[0].expires_at + Duration::days(1);
    subject.apply(&samples.put_cart(1, &changed)).await;
    let mut closed = carts[3].clone();
    closed.mark_ordered(OrderId::new(&samples.ids, samples.now()), samples.now()).unwrap();
    closed.expires_at = carts[3].expires_at;
    subject.apply(&samples.put_cart(1, &closed)).await;

    let expired = |now, limit| {
        let store = subject.store.clone();
        async move { store.expired_carts(now, limit).await.unwrap() }
    };
    let (oldest, middle, newest) = (&carts[2], &carts[1], &carts[0]);
    assert_eq!(expired(oldest.expires_at - Duration::milliseconds(1), 10).await, []);
    assert_eq!(expired(oldest.expires_at, 10).await, [(oldest.id, 1)]);
    let all = [(oldest.id, 1), (middle.id, 1), (newest.id, 1), (changed.id, 2)];
    assert_eq!(expired(changed.expires_at, 10).await, all);
    assert_eq!(expired(changed.expires_at, 2).await, all[..2]);
}

/// A cart that was only read must not have changed.
pub async fn unchanged_cart_is_guarded(subject: Subject) {
    let samples = Sampler::new(8);
    let mut cart = samples.cart(customer_cart("c-1"));
    let record = samples.record("scope", "key");
    let unchanged = |version| {
        let mut set = samples.put_record(true, &record);
        set.unchanged.push(Unchanged::Cart(cart.id, version));
        set
    };
    let missing = unchanged(1);
    assert_eq!(subject.refusal(&missing).await, version_of(&cart));
    subject.apply(&samples.put_cart(0, &cart)).await;
    let (stale, present) = (unchanged(1), unchanged(2));
    samples.fill(&mut cart, "coffee", 1);
    subject.apply(&samples.put_cart(1, &cart)).await;
    assert_eq!(subject.refusal(&stale).await, version_of(&cart));
    assert_eq!(subject.store.find_idempotency("scope", &record.key).await.unwrap(), None);
    subject.apply(&present).await;
    assert_eq!(subject.store.find_idempotency("scope", &record.key).await.unwrap(), Some(record));
}
