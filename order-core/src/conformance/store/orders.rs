//! Orders and their histories.

use std::sync::Arc;

use crate::conformance::Subject;
use crate::conformance::sample::{Sampler, customer_cart};
use crate::id::{OrderId, OrderNumber, PaymentId, ProviderId, ProviderReference};
use crate::order::{Order, answer, cancel, deliver, process, refund, ship};
use crate::payment::Answer;
use crate::store::{Aggregate, OrderFilter, OrderPut, PageRequest, Refusal, Unchanged, UniqueKey};

fn version_of(order: &Order) -> Refusal {
    Refusal::Version { aggregate: Aggregate::Order, key: order.id.to_string() }
}

async fn check(subject: &Subject, order: &Order) {
    let store = &subject.store;
    assert_eq!(store.find_order(order.id).await.unwrap().as_ref(), Some(order));
    assert_eq!(store.find_order_by_number(&order.number).await.unwrap().as_ref(), Some(order));
    for payment in &order.payments {
        assert_eq!(store.find_order_by_payment(payment.id).await.unwrap().as_ref(), Some(order));
    }
    let history = store.history(order.id).await.unwrap();
    let sequence: Vec<u64> = history.iter().map(|record| record.sequence).collect();
    assert_eq!(sequence, (1..=order.version).collect::<Vec<_>>());
    assert_eq!(&Order::fold(&history).unwrap(), order);
}

/// An order is found by what a provider calls one of its payments, as long as it is called so; another provider's name is another one.
pub async fn order_is_found_by_its_payments_name(subject: Subject) {
    let samples = Sampler::new(17);
    subject.apply(&samples.receive(&[("tea", 10)])).await;
    let provider = ProviderId::new("simulated").unwrap();
    let name = |text: &str| ProviderReference::new(text).unwrap();
    let by = |of: &ProviderId, text: &str| {
        let (subject, of, reference) = (subject.clone(), of.clone(), name(text));
        async move { subject.store.find_order_by_reference(&of, &reference).await.unwrap() }
    };
    let named = |order: &Order, text: &str| {
        let operation = &order.payments[0].operations[0];
        let said = Answer::Succeeded { amount: operation.amount, reference: Some(name(text)) };
        samples.change(order, |draft, context| {
            answer(draft, operation.id, said.clone(), &samples.policy, context)
        })
    };
    let mut orders = Vec::new();
    for customer in ["c-1", "c-2", "c-3"] {
        let (set, order) = samples.order(customer, "tea");
        subject.apply(&set).await;
        orders.push(order);
    }
    assert_eq!(by(&provider, "pi_1").await, None);
    let mut stored = Vec::new();
    for (order, text) in orders.iter().zip(["pi_1", "pi_2 / é'", "pi_2 / é'"]) {
        let (set, order) = named(order, text);
        assert_eq!(order.payments[0].reference, Some(name(text)));
        subject.apply(&set).await;
        stored.push(order);
    }
    assert_eq!(by(&provider, "pi_1").await.as_ref(), Some(&stored[0]));
    assert_eq!(by(&provider, "pi_2 / é'").await.as_ref(), Some(&stored[2]), "the newest of two");
    let strange = ProviderId::new("another").unwrap();
    for (of, text) in [(&strange, "pi_1"), (&provider, "PI_1"), (&provider, "pi"), (&provider, "pi_10")] {
        assert_eq!(by(of, text).await, None, "{of} {text}");
    }
    let mut renamed = stored[0].clone();
    renamed.payments[0].reference = Some(name("pi_3"));
    renamed.version += 1;
    let mut set = samples.set();
    set.orders.push(OrderPut { expected: stored[0].version, order: Arc::new(renamed.clone()) });
    subject.apply(&set).await;
    assert_eq!(by(&provider, "pi_1").await, None);
    assert_eq!(by(&provider, "pi_3").await, Some(renamed));
}

/// However much has happened to an order, it is read as its history tells, alone and in a list.
pub async fn long_history_tells_of_its_order(subject: Subject) {
    let samples = Sampler::new(18);
    subject.apply(&samples.receive(&[("tea", 10)])).await;
    let (set, mut order) = samples.order("c-1", "tea");
    subject.apply(&set).await;
    let operation = order.payments[0].operations[0].id;
    for length in 1..=40_usize {
        let (set, changed) = samples.change(&order, |draft, context| {
            (0..=length % 4)
                .try_for_each(|_| answer(draft, operation, Answer::Unknown, &samples.policy, context))
        });
        subject.apply(&set).await;
        check(&subject, &changed).await;
        order = changed;
    }
    assert!(order.version > 80, "{}", order.version);
    let page = subject.store.list_orders(&OrderFilter::default(), PageRequest::first(9)).await.unwrap();
    assert_eq!(page.items, [Arc::new(order)]);
}

/// An order is read back as it was written, by id, number and payment, through its whole life; and its history tells of it.
pub async fn order_is_kept_through_its_life(subject: Subject) {
    let samples = Sampler::new(11);
    let policy = &samples.policy;
    subject.apply(&samples.receive(&[("tea", 10), ("coffee", 10)])).await;
    let lines = vec![samples.line("tea", 1_250, 2), samples.line("coffee", 990, 3)];
    let (set, order) = samples.place(samples.new_order("c-1", lines));
    subject.apply(&set).await;
    check(&subject, &order).await;
    let step = |(set, order)| {
        let subject = &subject;
        async move {
            subject.apply(&set).await;
            check(subject, &order).await;
            order
        }
    };
    let order = step(samples.approve(&order)).await;
    let units = [crate::order::Units { line_id: order.lines[0].id, quantity: 1 }];
    let order = step(samples.change(&order, |draft, context| {
        cancel(draft, Some("one too many".into()), &units, policy, context)
    }))
    .await;
    let order = step(samples.approve(&order)).await;
    let order =
        step(samples.change(&order, |draft, context| process(draft, None, None, policy, context))).await;
    let tracking = crate::fulfilment::Tracking { carrier: Some("Póst".into()), ..Default::default() };
    let order =
        step(samples.change(&order, |draft, context| ship(draft, None, &[], &tracking, policy, context)))
            .await;
    let order = step(samples.change(&order, |draft, context| deliver(draft, None, policy, context))).await;
    let order =
        step(samples.change(&order, |draft, context| refund(draft, None, None, None, policy, context))).await;
    let order = step(samples.approve(&order)).await;
    assert_eq!(order.status, crate::order::OrderStatus::Refunded);
    let levels = subject.store.stock_levels(&[order.lines[0].product_id.clone()]).await.unwrap();
    assert_eq!((levels[0].on_hand, levels[0].reserved, levels[0].sold), (9, 0, 1));
}

/// What is not there is not found.
pub async fn absent_orders_are_not_found(subject: Subject) {
    let samples = Sampler::new(12);
    subject.apply(&samples.receive(&[("tea", 10)])).await;
    let (set, _) = samples.order("c-1", "tea");
    subject.apply(&set).await;
    let store = &subject.store;
    let now = samples.now();
    assert_eq!(store.find_order(OrderId::new(&samples.ids, now)).await.unwrap(), None);
    assert_eq!(store.find_order_by_number(&OrderNumber::new("n-0").unwrap()).await.unwrap(), None);
    assert_eq!(store.find_order_by_payment(PaymentId::new(&samples.ids, now)).await.unwrap(), None);
    assert_eq!(store.history(OrderId::new(&samples.ids, now)).await.unwrap(), []);
}

/// An order is only written over the version it was changed from.
pub async fn order_version_is_guarded(subject: Subject) {
    let samples = Sampler::new(13);
    subject.apply(&samples.receive(&[("tea", 10)])).await;
    let (set, placed) = samples.order("c-1", "tea");
    let (paying, paid) = samples.approve(&placed);
    assert_eq!(subject.refusal(&paying).await, version_of(&placed));
    subject.apply(&set).await;
    let (_, again) = samples.approve(&placed);
    let mut twice = set.clone();
    twice.id = samples.set().id;
    twice.reservations.clear();
    assert_eq!(subject.refusal(&twice).await, version_of(&placed));
    subject.apply(&paying).await;
    let mut stale = samples.set();
    stale.orders.push(OrderPut { expected: placed.version, order: Arc::new(again) });
    assert_eq!(subject.refusal(&stale).await, version_of(&placed));
    check(&subject, &paid).await;
}

/// No two events have the same place in the history of one order.
pub async fn event_is_written_once(subject: Subject) {
    let samples = Sampler::new(14);
    subject.apply(&samples.receive(&[("tea", 10)])).await;
    let (set, placed) = samples.order("c-1", "tea");
    subject.apply(&set).await;
    let waiting = subject.store.outbox_len().await.unwrap();
    let (mut paying, _) = samples.approve(&placed);
    paying.events[0].sequence = placed.version;
    let refusal = subject.refusal(&paying).await;
    assert!(matches!(refusal, Refusal::Version { aggregate: Aggregate::Event, .. }), "{refusal:?}");
    check(&subject, &placed).await;
    assert_eq!(subject.store.outbox_len().await.unwrap(), waiting);
}

/// The history of an order begins with its first event, and has no gaps.
pub async fn history_has_no_gaps(subject: Subject) {
    let samples = Sampler::new(23);
    subject.apply(&samples.receive(&[("tea", 10)])).await;
    let (set, placed) = samples.order("c-1", "tea");
    let (paying, paid) = samples.approve(&placed);
    for (mut late, whole) in [(set.clone(), set), (paying.clone(), paying)] {
        for event in &mut late.events {
            event.sequence += 1;
        }
        let refusal = subject.refusal(&late).await;
        assert!(matches!(refusal, Refusal::Version { aggregate: Aggregate::Event, .. }), "{refusal:?}");
        subject.apply(&whole).await;
    }
    check(&subject, &paid).await;
    assert_eq!(subject.store.outbox_len().await.unwrap(), paid.version);
}

/// No two orders have the same number.
pub async fn order_number_is_unique(subject: Subject) {
    let samples = Sampler::new(15);
    subject.apply(&samples.receive(&[("tea", 10)])).await;
    let (set, first) = samples.order("c-1", "tea");
    subject.apply(&set).await;
    let mut new = samples.new_order("c-2", vec![samples.line("tea", 1_000, 1)]);
    new.number = first.number.clone();
    let (set, second) = samples.place(new);
    assert_eq!(subject.refusal(&set).await, Refusal::Taken(UniqueKey::OrderNumber));
    assert_eq!(subject.store.find_order(second.id).await.unwrap(), None);
    check(&subject, &first).await;
    let (set, paid) = samples.approve(&first);
    subject.apply(&set).await;
    check(&subject, &paid).await;
}

/// A cart becomes at most one order.
pub async fn cart_becomes_one_order(subject: Subject) {
    let samples = Sampler::new(16);
    subject.apply(&samples.receive(&[("tea", 10)])).await;
    let cart = samples.cart(customer_cart("c-1"));
    let from_cart = || {
        let mut new = samples.new_order("c-1", vec![samples.line("tea", 1_000, 1)]);
        new.cart_id = Some(cart.id);
        samples.place(new)
    };
    let (set, first) = from_cart();
    subject.apply(&set).await;
    let (set, second) = from_cart();
    assert_eq!(subject.refusal(&set).await, Refusal::Taken(UniqueKey::OrderCart));
    assert_eq!(subject.store.find_order(second.id).await.unwrap(), None);
    for _ in 0..2 {
        let (set, _) = samples.order("c-1", "tea");
        subject.apply(&set).await;
    }
    check(&subject, &first).await;
}

/// More than what was captured is not refunded, however the order came to want it.
pub async fn refunds_are_bounded(subject: Subject) {
    let samples = Sampler::new(17);
    subject.apply(&samples.receive(&[("tea", 10)])).await;
    let (set, placed) = samples.order("c-1", "tea");
    subject.apply(&set).await;
    let (set, paid) = samples.approve(&placed);
    subject.apply(&set).await;
    let refunding =
        || samples.change(&paid, |draft, context| refund(draft, None, None, None, &samples.policy, context));
    let (mut set, mut order) = refunding();
    let operation = order.payments[0].operations.last().unwrap().clone();
    order.payments[0].operations.push(operation);
    set.orders[0].order = Arc::new(order);
    assert_eq!(subject.refusal(&set).await, Refusal::Refundable);
    check(&subject, &paid).await;
    let (set, refunding) = refunding();
    subject.apply(&set).await;
    check(&subject, &refunding).await;
}

/// An order that was only read must not have changed.
pub async fn unchanged_order_is_guarded(subject: Subject) {
    let samples = Sampler::new(18);
    subject.apply(&samples.receive(&[("tea", 10)])).await;
    let (placing, placed) = samples.order("c-1", "tea");
    let record = samples.record("scope", "key");
    let unchanged = |version| {
        let mut set = samples.put_record(true, &record);
        set.unchanged.push(Unchanged::Order(placed.id, version));
        set
    };
    assert_eq!(subject.refusal(&unchanged(placed.version)).await, version_of(&placed));
    subject.apply(&placing).await;
    let (set, paid) = samples.approve(&placed);
    subject.apply(&set).await;
    assert_eq!(subject.refusal(&unchanged(placed.version)).await, version_of(&placed));
    assert_eq!(subject.store.find_idempotency("scope", &record.key).await.unwrap(), None);
    subject.apply(&unchanged(paid.version)).await;
    assert_eq!(subject.store.find_idempotency("scope", &record.key).await.unwrap(), Some(record));
}

/// Orders are found when something is due on them: the longest due first, and not when nothing is.
pub async fn due_orders_are_found(subject: Subject) {
    let samples = Sampler::new(19);
    subject.apply(&samples.receive(&[("tea", 100)])).await;
    let mut orders = Vec::new();
    for _ in 0..6 {
        let (set, order) = samples.order("c-1", "tea");
        subject.apply(&set).await;
        orders.push(order);
    }
    let (set, paid) = samples.approve(&orders.remove(2));
    assert_eq!(paid.due_at(), None);
    subject.apply(&set).await;
    // What is learnt of an operation moves what is due on its order.
    for order in &mut orders[1..3] {
        for _ in 0..3 {
            let operation = order.payments[0].operations[0].id;
            let (set, changed) = samples.change(order, |draft, context| {
                answer(draft, operation, Answer::Unknown, &samples.policy, context)
            });
            subject.apply(&set).await;
            assert_ne!(changed.due_at(), order.due_at());
            *order = changed;
        }
    }
    orders.sort_by_key(|order| (order.due_at(), order.id));
    let due = |now, limit| {
        let store = subject.store.clone();
        async move { store.due_orders(now, limit).await.unwrap() }
    };
    let first = orders[0].due_at().unwrap();
    assert_eq!(due(first - crate::time::Duration::milliseconds(1), 10).await, []);
    assert_eq!(due(first, 10).await, [orders[0].id]);
    let last = orders.last().unwrap().due_at().unwrap();
    let all: Vec<OrderId> = orders.iter().map(|order| order.id).collect();
    assert_eq!(due(last, 10).await, all);
    assert_eq!(due(last, 3).await, all[..3]);
}
