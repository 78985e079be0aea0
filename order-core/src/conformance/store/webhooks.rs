//! What payment providers tell, from its arrival to what it does to an order: an engine on the store, with the simulated provider.

mod shop;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use self::shop::{SECRET, Shop, disputes, payment, simulated};
use crate::conformance::Subject;
use crate::conformance::sample::customer;
use crate::error::Error;
use crate::gateway::{Instruction, PaymentGateway as _};
use crate::id::ProviderId;
use crate::inbox::{InboxEntry, InboxStatus};
use crate::memory::{SimulatedDelivery, SimulatedWebhooks};
use crate::money::{Currency, Money};
use crate::order::{Actor, EventRecord, OrderStatus};
use crate::payment::DisputeStatus;
use crate::time::{Clock as _, Duration};

/// The customer confirms at the bank and closes the browser: the provider's webhook makes the order paid, and whoever is told of
/// events is told of that. With the provider's books, and without.
pub async fn confirmed_payment_makes_the_order_paid(subject: Subject) {
    for (seed, has_books) in [(161, true), (162, false)] {
        let shop = Shop::open(subject.clone(), seed, has_books).await;
        let order = shop.order_two("sim_action").await;
        assert_eq!(shop.deliver(&shop.sent()[0]).await, Some(InboxStatus::Attended));
        assert_eq!(
            shop.order(order.id).await.status,
            OrderStatus::Pending,
            "that it was begun moves nothing on"
        );
        assert!(shop.provider.complete(payment(&order), true));
        let sent = shop.sent();
        assert_eq!(sent.len(), 1);
        assert_eq!(shop.deliver(&sent[0]).await, Some(InboxStatus::Attended));
        let paid = shop.order(order.id).await;
        assert_eq!((paid.status, payment(&paid)), (OrderStatus::Paid, payment(&order)));
        let told = shop.waiting().await;
        let told: Vec<&EventRecord> = told
            .iter()
            .filter(|event| event.order_id == order.id && event.sequence > order.version)
            .collect();
        let paid_event = told.iter().find(|event| event.event.name() == "order.paid");
        let latest =
            |entry: &InboxEntry| entry.order_id == Some(order.id) && entry.notice.event_id.ends_with("_2");
        let entry = shop.inbox().await.into_iter().find(latest).unwrap();
        assert_eq!((entry.status, entry.due_at, entry.attempts), (InboxStatus::Attended, None, 0));
        let because = format!("webhook {}", entry.key());
        assert_eq!(paid_event.unwrap().correlation, Some(because), "the history tells what caused it");
    }
}

/// What happens at a provider is told doubled and in any order, and ends the same: as its books are.
pub async fn any_order_and_repetition_ends_the_same(subject: Subject) {
    let shop = Shop::open(subject, 163, true).await;
    let cents = |minor| Money::from_minor(minor, Currency::EUR);
    let mut ends = Vec::new();
    for turn in 0..12_usize {
        let order = shop.place("sim_action").await;
        let (id, provider) = (payment(&order), &shop.provider);
        assert!(provider.complete(id, true));
        let refund = provider.refund_by_hand(id, cents(300)).unwrap();
        provider.refund_by_hand(id, cents(200)).unwrap();
        let dispute = provider.open_dispute(id, cents(500)).unwrap();
        assert!(provider.fail_refund(id, &refund) && provider.close_dispute(id, &dispute, true));
        let mut sent = shop.sent();
        assert_eq!(sent.len(), 6);
        let (at, by) = (turn % sent.len(), turn / sent.len());
        sent.rotate_left(at);
        if by == 1 {
            sent.reverse();
        }
        // The first ones come twice at once, all come again at the end.
        let mut statuses = Vec::new();
        for delivery in sent.iter().take(2).chain(&sent).chain(&sent) {
            statuses.extend(shop.deliver(delivery).await);
        }
        assert_eq!(statuses.len(), 6, "each is new once");
        shop.attend_after(Duration::days(1)).await;
        let order = shop.order(order.id).await;
        let payment = &order.payments[0];
        let open = order.findings.iter().filter(|finding| finding.is_open()).count();
        ends.push((order.status, payment.captured, payment.refunded, disputes(&order), open));
    }
    assert!(ends.iter().all(|end| *end == ends[0]), "{ends:#?}");
    assert_eq!(
        (ends[0].0, ends[0].2, &ends[0].3),
        (OrderStatus::Paid, cents(200), &vec![DisputeStatus::Won])
    );
    assert!(shop.inbox().await.iter().all(|entry| entry.status == InboxStatus::Attended));
}

/// A webhook is there before the order is: it is parked, the staff sees it with the reason, and it is attended to when the order is
/// there. So is one about a payment whose name at the provider we have not heard yet.
pub async fn early_webhook_is_parked_and_attended_to_later(subject: Subject) {
    let shop = Shop::open(subject.clone(), 164, true).await;
    let (place, early) = shop.samples.order("c-9", "tea");
    let (first, operation) = (&early.payments[0], &early.payments[0].operations[0]);
    shop.provider.execute(&Instruction::new(&early, first, operation)).await.unwrap();
    let sent = shop.sent();
    assert_eq!(shop.deliver(&sent[0]).await, Some(InboxStatus::Parked));
    let parked = shop.inbox().await.remove(0);
    assert_eq!((parked.status, parked.attempts), (InboxStatus::Parked, 1));
    assert!(parked.reason.unwrap().contains("no payment of ours"));
    assert_eq!(shop.attend_after(Duration::seconds(14)).await, (0, 0), "it waits");
    assert_eq!(shop.attend_after(Duration::seconds(1)).await, (0, 1));
    assert_eq!(shop.deliver(&sent[0]).await, None, "what is delivered again is known");
    subject.apply(&place).await;
    assert_eq!(shop.attend_after(Duration::seconds(29)).await, (0, 0), "it waits longer");
    assert_eq!(shop.attend_after(Duration::seconds(1)).await, (1, 0));
    assert_eq!(shop.order(early.id).await.status, OrderStatus::Paid);

    let order = shop.place("sim_timeout_after").await;
    assert_eq!(order.payments[0].reference, None);
    shop.provider.open_dispute(payment(&order), Money::from_minor(100, Currency::EUR)).unwrap();
    assert_eq!(shop.deliver(&shop.sent()[0]).await, Some(InboxStatus::Parked));
    shop.engine.payments().refresh(payment(&order)).await.unwrap();
    assert!(shop.order(order.id).await.payments[0].reference.is_some());
    assert_eq!(shop.attend_after(Duration::seconds(15)).await, (1, 0));
    assert_eq!(disputes(&shop.order(order.id).await), [DisputeStatus::Open]);
}

/// Types of events that are not known are kept and change nothing; so is what is about nothing of ours, a week later.
pub async fn unknown_webhooks_change_nothing(subject: Subject) {
    let shop = Shop::open(subject, 165, true).await;
    let order = shop.place("sim_approve").await;
    let webhooks = SimulatedWebhooks::new(simulated(), [SECRET]).unwrap();
    let sign = |id: &str, kind: &str, about: &str| {
        let now = shop.clock.now();
        webhooks.sign(format!("id={id}\ntype={kind}\ncreated={}\n{about}\n", now.timestamp_millis()), now)
    };
    let ours = format!("payment_id={}", payment(&order));
    assert_eq!(shop.deliver(&sign("evt_new", "something.new", &ours)).await, Some(InboxStatus::Ignored));
    shop.clock.advance(Duration::milliseconds(1));
    let theirs = "reference=pi_of_another_shop";
    assert_eq!(shop.deliver(&sign("evt_else", "payment.changed", theirs)).await, Some(InboxStatus::Parked));
    shop.clock.advance(Duration::milliseconds(1));
    assert_eq!(shop.deliver(&sign("evt_nameless", "refund.changed", "")).await, Some(InboxStatus::Parked));
    shop.attend_after(Duration::days(6)).await;
    let entries = shop.inbox().await;
    assert_eq!(
        entries.iter().map(|entry| entry.status).collect::<Vec<_>>(),
        [InboxStatus::Parked, InboxStatus::Parked, InboxStatus::Ignored]
    );
    assert_eq!(shop.attend_after(Duration::days(1)).await, (2, 0));
    assert!(
        shop.inbox().await.iter().all(|entry| entry.status == InboxStatus::Ignored && entry.reason.is_some())
    );
    assert_eq!(shop.order(order.id).await, order);
    shop.clock.advance(InboxEntry::RETENTION + Duration::seconds(1));
    shop.engine.passes().forget(100).await.unwrap();
    assert_eq!(shop.inbox().await, []);
}

/// A process that dies between taking a webhook in and attending to it loses nothing: another one does it when the claim is over.
pub async fn received_webhook_survives_its_receiver(subject: Subject) {
    let shop = Shop::open(subject, 166, true).await;
    let order = shop.place("sim_action").await;
    assert!(shop.provider.complete(payment(&order), true));
    let delivery = shop.sent().remove(0);
    let webhooks = shop.engine.webhooks();
    let receipt = webhooks.receive(&simulated(), &delivery.arriving(shop.clock.now())).await.unwrap();
    assert!(receipt.is_new);
    drop(receipt);
    let again = webhooks.receive(&simulated(), &delivery.arriving(shop.clock.now())).await.unwrap();
    assert!(!again.is_new);
    assert_eq!(webhooks.attend(&again).await.unwrap(), None, "it is the first receiver's");
    assert_eq!(shop.attend_after(InboxEntry::LEASE - Duration::milliseconds(1)).await, (0, 0));
    assert_eq!(shop.order(order.id).await.status, OrderStatus::Pending);
    assert_eq!(shop.attend_after(Duration::milliseconds(1)).await, (1, 0));
    assert_eq!(shop.order(order.id).await.status, OrderStatus::Paid);
}

/// While a provider can't be asked, what it has told is parked with the reason, and waits longer each time; the staff can have it tried.
pub async fn unreachable_provider_parks_its_webhooks(subject: Subject) {
    let shop = Shop::open(subject, 167, true).await;
    let order = shop.place("sim_action").await;
    assert!(shop.provider.complete(payment(&order), true));
    shop.books.is_away.store(true, Ordering::SeqCst);
    assert_eq!(shop.deliver(&shop.sent()[0]).await, Some(InboxStatus::Parked));
    for seconds in [15, 30, 60, 120] {
        assert_eq!(shop.attend_after(Duration::seconds(seconds) - Duration::milliseconds(1)).await, (0, 0));
        assert_eq!(shop.attend_after(Duration::milliseconds(1)).await, (0, 1));
    }
    let parked = shop.inbox().await.remove(0);
    assert_eq!((parked.status, parked.attempts), (InboxStatus::Parked, 5));
    assert_eq!(parked.reason.as_deref(), Some("a service failed: the books: not sent: no route "));
    shop.attend_after(Duration::days(30)).await;
    assert_eq!(shop.inbox().await[0].status, InboxStatus::Parked, "it is never given up");
    shop.books.is_away.store(false, Ordering::SeqCst);
    let (staff, buyer) = (Actor::Staff(customer("staff")), Actor::Customer(customer("c-1")));
    let webhooks = shop.engine.webhooks();
    assert!(matches!(webhooks.retry(&parked.key(), &buyer).await, Err(Error::Forbidden { .. })));
    assert!(matches!(webhooks.list(None, None, 9, &buyer).await, Err(Error::Forbidden { .. })));
    assert_eq!(webhooks.retry(&parked.key(), &staff).await.unwrap().status, InboxStatus::Attended);
    assert_eq!(webhooks.retry(&parked.key(), &staff).await.unwrap().status, InboxStatus::Attended);
}

/// Two instances attend to many webhooks at once, each of which was delivered to both: every order is paid, once.
pub async fn two_instances_attend_at_once(subject: Subject) {
    let shop = Shop::open(subject.clone(), 168, true).await;
    let (mut orders, mut sent) = (Vec::new(), Vec::new());
    for _ in 0..10 {
        let order = shop.place("sim_action").await;
        assert!(shop.provider.complete(payment(&order), true));
        orders.push(order.id);
        sent.extend(shop.sent());
    }
    let sent = Arc::new(sent);
    assert_eq!(sent.len(), orders.len());
    let deliveries = (0..2).flat_map(|_| 0..sent.len()).map(|index| {
        let (shop, sent) = (shop.clone(), Arc::clone(&sent));
        async move {
            // Every third one dies before it attends.
            if index % 3 == 0 {
                let now = shop.clock.now();
                shop.engine.webhooks().receive(&simulated(), &sent[index].arriving(now)).await.unwrap().is_new
            } else {
                shop.deliver(&sent[index]).await.is_some()
            }
        }
    });
    let new = subject.race(deliveries.collect::<Vec<_>>()).await;
    assert_eq!(new.iter().filter(|is_new| **is_new).count(), sent.len());
    shop.clock.advance(InboxEntry::LEASE);
    let passes = (0..4).map(|_| {
        let shop = shop.clone();
        async move { shop.engine.passes().attend(3).await.unwrap().done }
    });
    let done: u32 = subject.race(passes.collect::<Vec<_>>()).await.into_iter().sum();
    let rest = shop.engine.passes().attend(100).await.unwrap();
    assert_eq!((done + rest.done, rest.failed), (4, 0), "each is attended to by one");
    for id in orders {
        let order = shop.order(id).await;
        assert_eq!((order.status, order.payments[0].captured.minor()), (OrderStatus::Paid, 2_500));
    }
}

/// What nobody has signed, or somebody else, or long ago, is refused and not kept.
pub async fn forged_webhooks_are_refused(subject: Subject) {
    let shop = Shop::open(subject, 169, true).await;
    let order = shop.place("sim_action").await;
    shop.provider.complete(payment(&order), true);
    let genuine = shop.sent().remove(0);
    let now = shop.clock.now();
    let with = |header: &str| SimulatedDelivery {
        headers: vec![("Simulated-Signature".to_owned(), header.to_owned())],
        ..genuine.clone()
    };
    let seconds = now.timestamp();
    let unsigned = SimulatedDelivery { headers: Vec::new(), ..genuine.clone() };
    let large =
        SimulatedDelivery { body: "x".repeat(crate::service::Webhooks::MAX_BODY + 1), ..genuine.clone() };
    let nameless =
        SimulatedDelivery { body: genuine.body.replace("id=sim_evt", "name=sim_evt"), ..genuine.clone() };
    let longest = "x".repeat(InboxEntry::MAX_EVENT_ID + 1);
    let long = SimulatedDelivery { body: format!("id={longest}\n{}", genuine.body), ..genuine.clone() };
    for (delivery, code) in [
        (&unsigned, "webhook_unsigned"),
        (&with("t=1"), "webhook_unsigned"),
        (&with(&format!("t={seconds},secret=another")), "webhook_wrong_signature"),
        (&with(&format!("t={},secret={SECRET}", seconds - 301)), "webhook_outside_window"),
        (&with(&format!("t={},secret={SECRET}", seconds + 301)), "webhook_outside_window"),
        (&nameless, "webhook_unreadable"),
        (&long, "webhook_unreadable"),
        (&large, "body_too_large"),
    ] {
        let error = shop.engine.webhooks().receive(&simulated(), &delivery.arriving(now)).await.unwrap_err();
        assert!(matches!(error, Error::Rejected(_)), "{error:?}");
        assert_eq!(error.code(), code);
    }
    let nobody = ProviderId::new("nobody").unwrap();
    let error = shop.engine.webhooks().receive(&nobody, &genuine.arriving(now)).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { what: "payment provider" }));
    assert_eq!(shop.inbox().await, []);
    assert_eq!(shop.order(order.id).await.status, OrderStatus::Pending);
    assert_eq!(shop.deliver(&genuine).await, Some(InboxStatus::Attended));
}
