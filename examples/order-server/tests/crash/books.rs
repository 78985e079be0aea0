//! What is in the files: ours, and the payment provider's.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::{Duration, Instant};

use order_adapters::sqlite::SqliteStore;
use order_core::id::PaymentId;
use order_core::inventory::ReservationStatus;
use order_core::machine::Names as _;
use order_core::order::{Order, OrderStatus};
use order_core::payment::OperationStatus;
use order_core::store::{OrderFilter, OrderRepository as _, PageRequest};
use order_server::simulated::SimulatedProvider;

/// What was counted.
#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) orders: usize,
    pub(crate) accounts: usize,
    pub(crate) given_back: usize,
    pub(crate) statuses: String,
}

async fn orders(folder: &Path) -> Vec<Order> {
    let store = SqliteStore::open(folder.join("orders.db").to_str().unwrap()).await.unwrap();
    let mut orders = Vec::new();
    let mut page = PageRequest::first(PageRequest::MAX_LIMIT);
    loop {
        let found = store.list_orders(&OrderFilter::default(), page).await.unwrap();
        orders.extend(found.items);
        match found.next {
            Some(next) => page = page.after(Some(next)),
            None => break,
        }
    }
    store.close().await;
    orders
}

/// Why an order is not settled, if it is not: a call without an outcome, a cancellation that is not done, money to give back.
fn unsettled(order: &Order) -> Option<&'static str> {
    let operations = || order.payments.iter().flat_map(|payment| &payment.operations);
    let is_open = |status| matches!(status, OperationStatus::Calling | OperationStatus::Unknown);
    if operations().any(|operation| is_open(operation.status)) {
        return Some("a call has no outcome");
    }
    if order.cancellation.is_some() && order.status != OrderStatus::Cancelled {
        return Some("its cancellation is not done");
    }
    if order.excess().unwrap().is_positive() {
        return Some("money has to go back");
    }
    None
}

/// Waits until no order is unsettled.
pub(crate) async fn wait_until_settled(folder: &Path, patience: Duration) {
    let begun = Instant::now();
    loop {
        let left: Vec<String> = orders(folder)
            .await
            .iter()
            .filter_map(|order| {
                unsettled(order).map(|why| format!("{} ({}): {why}", order.number, order.status))
            })
            .collect();
        if left.is_empty() {
            return;
        }
        assert!(begun.elapsed() < patience, "{} orders do not settle: {:#?}", left.len(), left);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Compares our books with the stock and with the provider's.
pub(crate) async fn check(folder: &Path, stock: &[(String, i64, i64, i64)]) -> Counted {
    let orders = orders(folder).await;
    check_stock(&orders, stock);
    let provider =
        SimulatedProvider::open(Some(&folder.join("simulated-provider.db")), Duration::ZERO).await.unwrap();
    let accounts = provider.books();
    let of_payment: HashMap<PaymentId, &Order> = orders
        .iter()
        .flat_map(|order| order.payments.iter().map(move |payment| (payment.id, order)))
        .collect();
    let mut given_back = 0;
    let mut accounts_of: HashMap<PaymentId, usize> = HashMap::new();
    for account in &accounts {
        *accounts_of.entry(account.payment_id).or_default() += 1;
        let order = of_payment
            .get(&account.payment_id)
            .unwrap_or_else(|| panic!("money without an order: {account:?}"));
        let payment = order.payment(account.payment_id).unwrap();
        assert_eq!(payment.captured, account.captured, "{}: captured, ours and theirs", order.number);
        assert_eq!(payment.refunded, account.refunded, "{}: refunded, ours and theirs", order.number);
        assert!(account.refunded.minor() <= account.captured.minor(), "{account:?}");
        let is_dead = matches!(order.status, OrderStatus::Cancelled | OrderStatus::Refunded);
        if is_dead {
            assert_eq!(
                account.refunded, account.captured,
                "{} is {}, and money was kept",
                order.number, order.status
            );
            given_back += 1;
        }
    }
    for order in &orders {
        assert_eq!(unsettled(order), None, "{}", order.number);
        assert!(
            order.captured().unwrap().minor() <= order.totals.total.minor(),
            "{} was charged twice",
            order.number
        );
        for payment in order.payments.iter().filter(|payment| !payment.method.is_offline()) {
            let accounts = accounts_of.get(&payment.id).copied().unwrap_or(0);
            assert_eq!(accounts, usize::from(payment.captured.is_positive()), "{}: accounts", order.number);
        }
    }
    let mut statuses: BTreeMap<&str, usize> = BTreeMap::new();
    for order in &orders {
        *statuses.entry(order.status.name()).or_default() += 1;
    }
    let statuses: Vec<String> = statuses.iter().map(|(status, count)| format!("{count} {status}")).collect();
    Counted { orders: orders.len(), accounts: accounts.len(), given_back, statuses: statuses.join(", ") }
}

/// What is reserved is what live orders hold, and what is sold is what they have bought.
fn check_stock(orders: &[Order], stock: &[(String, i64, i64, i64)]) {
    for (sku, _, reserved, sold) in stock {
        let units = |status| -> i64 {
            let holds =
                orders.iter().filter_map(|order| order.hold.as_ref()).filter(|hold| hold.status == status);
            let lines = holds.flat_map(|hold| &hold.lines).filter(|line| line.key.product_id.as_str() == sku);
            lines.map(|line| i64::from(line.quantity)).sum()
        };
        assert_eq!(units(ReservationStatus::Active), *reserved, "{sku}: held by orders, and reserved");
        assert_eq!(units(ReservationStatus::Confirmed), *sold, "{sku}: bought by orders, and sold");
    }
}
