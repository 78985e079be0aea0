//! What is in the files: ours, and the payment provider's.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use order_core::id::PaymentId;
use order_core::inventory::ReservationStatus;
use order_core::machine::Names as _;
use order_core::memory::SimulatedAccount;
use order_core::order::{Order, OrderStatus};
use order_core::payment::OperationStatus;
use order_core::store::{OrderFilter, PageRequest, Store};
use order_server::Config;
use order_server::database::Opened;
use order_server::simulated::SimulatedProvider;

/// What was counted.
#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) orders: usize,
    pub(crate) accounts: usize,
    pub(crate) given_back: usize,
    pub(crate) statuses: String,
}

/// The store that the servers work on, and the file that their provider's books are in.
#[derive(Debug)]
pub(crate) struct Books {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) provider: PathBuf,
}

impl Books {
    /// Opens those of a server.
    pub(crate) async fn of(config: &Config) -> Self {
        let Opened { store, .. } = config.database.open().await.unwrap();
        Self { store, provider: config.simulated_books.clone().unwrap() }
    }

    async fn orders(&self) -> Vec<Order> {
        let mut orders = Vec::new();
        let mut page = PageRequest::first(PageRequest::MAX_LIMIT);
        loop {
            let found = self.store.list_orders(&OrderFilter::default(), page).await.unwrap();
            orders.extend(found.items);
            match found.next {
                Some(next) => page = page.after(Some(next)),
                None => return orders,
            }
        }
    }

    /// Waits until no order is unsettled, and everybody was told of everything.
    pub(crate) async fn wait_until_settled(&self, patience: Duration) {
        let begun = Instant::now();
        loop {
            let why = |order: &Order| {
                unsettled(order).map(|why| format!("{} ({}): {why}", order.number, order.status))
            };
            let left: Vec<String> = self.orders().await.iter().filter_map(why).collect();
            let untold = self.store.outbox_len().await.unwrap();
            if left.is_empty() && untold == 0 {
                return;
            }
            assert!(begun.elapsed() < patience, "{untold} events wait, and these orders: {left:#?}");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// Compares our books with the stock, with the histories and with the provider's.
    pub(crate) async fn check(&self, stock: &[(String, i64, i64, i64)]) -> Counted {
        let orders = self.orders().await;
        check_stock(&orders, stock);
        for order in &orders {
            let history = self.store.history(order.id).await.unwrap();
            // A server that still runs may have gone on with it meanwhile.
            let told = history.iter().take_while(|record| record.sequence <= order.version);
            assert_eq!(&Order::fold(told).unwrap(), order, "{}: its history tells otherwise", order.number);
        }
        let provider = SimulatedProvider::open(Some(&self.provider), Duration::ZERO).await.unwrap();
        check_money(&orders, &provider.books())
    }
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

/// What we were paid is what the provider has taken, and nobody keeps what is not theirs.
fn check_money(orders: &[Order], accounts: &[SimulatedAccount]) -> Counted {
    let of_payment: HashMap<PaymentId, &Order> = orders
        .iter()
        .flat_map(|order| order.payments.iter().map(move |payment| (payment.id, order)))
        .collect();
    let mut given_back = 0;
    let mut accounts_of: HashMap<PaymentId, usize> = HashMap::new();
    for account in accounts {
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
    for order in orders {
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
    for order in orders {
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
