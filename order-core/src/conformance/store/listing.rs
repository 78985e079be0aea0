//! Lists of orders.

use std::sync::Arc;

use crate::conformance::Subject;
use crate::conformance::sample::{Sampler, customer};
use crate::id::{OrderId, SellerId};
use crate::money::{Currency, Money};
use crate::order::{Order, OrderStatus, cancel, process};
use crate::store::{OrderFilter, PageRequest, SortOrder};
use crate::time::Duration;

const PRODUCTS: [&str; 7] = ["tea", "TEA-2", "coffee_%", "coffee%", "Käse", "back\\slash", "it's"];

/// Places orders of all sorts: several customers, sellers, products, statuses.
async fn population(subject: &Subject, samples: &Sampler, count: usize) -> Vec<Order> {
    let goods: Vec<(&str, i64)> = PRODUCTS.iter().map(|product| (*product, 10_000)).collect();
    subject.apply(&samples.receive(&goods)).await;
    let mut orders = Vec::with_capacity(count);
    for index in 0..count {
        samples.clock.advance(Duration::minutes(7));
        let product = PRODUCTS[index * 5 % 7];
        let price = Money::from_minor(1_000, Currency::EUR);
        let mut lines = vec![samples.line_of(["north", "south", "East"][index % 3], product, price, 1)];
        if index % 4 == 0 {
            lines.push(samples.line_of("west", PRODUCTS[index * 3 % 7], price, 2));
        }
        if index % 11 == 0 {
            lines[0].name = "Émile’s ÄRGER 100%".into();
        }
        let (set, mut order) = samples.place(samples.new_order(["c-1", "c-2", "C_1"][index * 2 % 3], lines));
        subject.apply(&set).await;
        if index % 2 == 0 {
            let (set, paid) = samples.approve(&order);
            subject.apply(&set).await;
            order = paid;
        }
        if index % 6 == 0 {
            let (set, begun) =
                samples.change(&order, |draft, context| process(draft, None, None, &samples.policy, context));
            subject.apply(&set).await;
            order = begun;
        }
        if index % 10 == 4 {
            let (set, cancelled) =
                samples.change(&order, |draft, context| cancel(draft, None, &[], &samples.policy, context));
            subject.apply(&set).await;
            order = cancelled;
        }
        orders.push(order);
    }
    orders
}

fn filters(orders: &[Order]) -> Vec<OrderFilter> {
    let all = OrderFilter::default;
    let seller = |name: &str| Some(SellerId::new(name).unwrap());
    let mut filters = vec![
        all(),
        OrderFilter { customer_id: Some(customer("c-1")), ..all() },
        OrderFilter { customer_id: Some(customer("c_1")), ..all() },
        OrderFilter { statuses: vec![OrderStatus::Paid], ..all() },
        OrderFilter { statuses: vec![OrderStatus::Pending, OrderStatus::Cancelled], ..all() },
        OrderFilter { statuses: vec![OrderStatus::Delivered], ..all() },
        OrderFilter { seller_id: seller("west"), ..all() },
        OrderFilter { seller_id: seller("east"), ..all() },
        OrderFilter { seller_id: seller("East"), customer_id: Some(customer("c-2")), ..all() },
        OrderFilter { placed_from: Some(orders[9].created_at), ..all() },
        OrderFilter { placed_before: Some(orders[9].created_at), ..all() },
        OrderFilter {
            placed_from: Some(orders[5].created_at),
            placed_before: Some(orders[20].created_at),
            statuses: vec![OrderStatus::Paid, OrderStatus::Processing],
            seller_id: seller("north"),
            ..all()
        },
    ];
    let texts = [
        "tea",
        "TEA",
        "n-1",
        "N-12",
        "c-1",
        "_",
        "%",
        "e_%",
        "é",
        "Émile",
        "äRGer",
        "’",
        "\\",
        "it's",
        "'",
        "100%",
        " ",
        "nothing like it",
        "käse",
        "a\nb",
        "slash",
    ];
    filters.extend(texts.map(|text| OrderFilter { text: Some(text.to_owned()), ..all() }));
    filters.push(OrderFilter {
        text: Some("COFFEE".into()),
        customer_id: Some(customer("c-1")),
        statuses: vec![OrderStatus::Pending],
        ..all()
    });
    filters
}

async fn walk(subject: &Subject, filter: &OrderFilter, first: PageRequest) -> Vec<Order> {
    let mut found = Vec::new();
    let mut request = first;
    loop {
        let page = subject.store.list_orders(filter, request).await.unwrap();
        assert!(page.items.len() <= usize::try_from(first.limit()).unwrap(), "a page is too long");
        found.extend(page.items.into_iter().map(Arc::unwrap_or_clone));
        let Some(next) = page.next else { return found };
        assert_eq!(
            found.last().map(|order| order.id),
            Some(next.order_id()),
            "the cursor is behind the last one"
        );
        request = PageRequest::first(first.limit()).sorted(first.order).after(Some(next));
    }
}

/// Every filter passes exactly the orders that [`OrderFilter::matches`], in both orders, over any pages.
pub async fn filters_pass_what_matches(subject: Subject) {
    let samples = Sampler::new(71);
    let orders = population(&subject, &samples, 44).await;
    for filter in filters(&orders) {
        let mut expected: Vec<Order> = orders.iter().filter(|order| filter.matches(order)).cloned().collect();
        for (order, limit) in [(SortOrder::OldestFirst, 100), (SortOrder::NewestFirst, 7)] {
            let found = walk(&subject, &filter, PageRequest::first(limit).sorted(order)).await;
            let ids = |orders: &[Order]| orders.iter().map(|order| order.id).collect::<Vec<OrderId>>();
            assert_eq!(ids(&found), ids(&expected), "{filter:?} {order:?}");
            assert_eq!(found, expected, "{filter:?} {order:?}");
            expected.reverse();
        }
    }
}

/// A page ends where the limit says, tells of a next one only if there is one, and leaves out what is to be skipped.
pub async fn pages_are_exact(subject: Subject) {
    let samples = Sampler::new(72);
    let mut orders = population(&subject, &samples, 12).await;
    orders.reverse();
    let all = OrderFilter::default();
    let ids: Vec<OrderId> = orders.iter().map(|order| order.id).collect();
    let list = |request| {
        let (store, all) = (subject.store.clone(), all.clone());
        async move {
            let page = store.list_orders(&all, request).await.unwrap();
            (
                page.items.iter().map(|order| order.id).collect::<Vec<_>>(),
                page.next.map(crate::store::Cursor::order_id),
            )
        }
    };
    assert_eq!(list(PageRequest::first(12)).await, (ids.clone(), None));
    assert_eq!(list(PageRequest::first(11)).await, (ids[..11].to_vec(), Some(ids[10])));
    assert_eq!(list(PageRequest::first(5).skip(5)).await, (ids[5..10].to_vec(), Some(ids[9])));
    assert_eq!(list(PageRequest::first(5).skip(7)).await, (ids[7..].to_vec(), None));
    assert_eq!(list(PageRequest::first(5).skip(12)).await, (Vec::new(), None));
    assert_eq!(list(PageRequest::first(5).skip(PageRequest::MAX_SKIP)).await, (Vec::new(), None));
    let behind = |index: usize| Some(crate::store::Cursor::behind(ids[index]));
    assert_eq!(
        list(PageRequest::first(3).after(behind(2)).skip(2)).await,
        (ids[5..8].to_vec(), Some(ids[7]))
    );
    assert_eq!(list(PageRequest::first(3).after(behind(11))).await, (Vec::new(), None));
    let oldest = PageRequest::first(2).sorted(SortOrder::OldestFirst).after(behind(10));
    assert_eq!(list(oldest).await, (vec![ids[9], ids[8]], Some(ids[8])));
}

/// Orders that are placed while somebody turns the pages are neither shown twice nor push another one out.
pub async fn pages_stay_while_orders_come(subject: Subject) {
    let samples = Sampler::new(73);
    let orders = population(&subject, &samples, 20).await;
    for order in [SortOrder::NewestFirst, SortOrder::OldestFirst] {
        let mut request = PageRequest::first(3).sorted(order);
        let mut found = Vec::new();
        // Going towards the new ones, the list would never end while every page brings another one.
        for turn in 0..100 {
            if turn < 5 {
                let (set, _) = samples.order("c-9", "tea");
                subject.apply(&set).await;
            }
            let page = subject.store.list_orders(&OrderFilter::default(), request).await.unwrap();
            found.extend(page.items.into_iter().map(|order| order.id));
            let Some(next) = page.next else { break };
            request = request.after(Some(next));
        }
        let mut unique = found.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), found.len(), "an order was shown twice");
        let mut sorted = unique;
        if order == SortOrder::NewestFirst {
            sorted.reverse();
        }
        assert_eq!(found, sorted, "the order is not by id");
        assert!(orders.iter().all(|order| found.contains(&order.id)), "an order was left out");
    }
}
