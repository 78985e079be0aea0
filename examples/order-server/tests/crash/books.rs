//! What is in the files: ours, and the payment provider's.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use order_core::id::PaymentId;
use order_core::inbox::InboxStatus;
use order_core::inventory::ReservationStatus;
use order_core::machine::Names as _;
use order_core::memory::SimulatedAccount;
use order_core::money::Money;
use order_core::order::{Order, OrderStatus};
use order_core::payment::OperationStatus;
use order_core::store::{OrderFilter, PageRequest, Store};
use order_server::Config;
use order_server::database::Opened;
use order_server::providers::stand_in;
use order_server::simulated::SimulatedProvider;

use super::providers::Providers;

/// What was counted.
#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) orders: usize,
    pub(crate) accounts: usize,
    /// In minor units, as the providers' books say.
    pub(crate) captured: i64,
    pub(crate) refunded: i64,
    pub(crate) given_back: usize,
    pub(crate) statuses: String,
}

/// What a payment provider has in its books for one charge or authorisation.
#[derive(Debug)]
pub(crate) struct Account {
    payment_id: PaymentId,
    open: Money,
    captured: Money,
    refunded: Money,
}

impl Account {
    fn of_simulated(account: SimulatedAccount) -> Self {
        let SimulatedAccount { payment_id, authorised, captured, refunded, voided, .. } = account;
        let open = authorised.minus(captured).unwrap().minus(voided).unwrap();
        Self { payment_id, open, captured, refunded }
    }

    /// An account at a provider's stand-in, which must be for a payment of ours.
    pub(crate) fn of_stand_in(account: stand_in::Account) -> Self {
        let stand_in::Account { reference, payment_id, open, captured, refunded, .. } = account;
        let payment_id = payment_id.unwrap_or_else(|| panic!("money for nobody: {reference}"));
        Self { payment_id, open, captured, refunded }
    }
}

/// The store that the servers work on, and the books of their provider.
#[derive(Debug)]
pub(crate) struct Books {
    pub(crate) store: Arc<dyn Store>,
    provider: Provider,
}

/// Where the customers' money is.
#[derive(Debug)]
enum Provider {
    /// In the file of the simulated provider.
    Simulated(PathBuf),
    /// At stand-ins beside the server.
    BesideIt(Arc<Providers>),
}

impl Books {
    /// Opens those of a server.
    pub(crate) async fn of(config: &Config) -> Self {
        let Opened { store, .. } = config.database.open().await.unwrap();
        Self { store, provider: Provider::Simulated(config.simulated_books.clone().unwrap()) }
    }

    /// The same, with the books of providers beside the server.
    pub(crate) fn paid_through(self, providers: &Arc<Providers>) -> Self {
        Self { provider: Provider::BesideIt(providers.clone()), ..self }
    }

    async fn accounts(&self) -> Vec<Account> {
        match &self.provider {
            Provider::Simulated(file) => {
                let provider = SimulatedProvider::open(Some(file), Duration::ZERO).await.unwrap();
                provider.books().into_iter().map(Account::of_simulated).collect()
            }
            Provider::BesideIt(providers) => providers.accounts(),
        }
    }

    async fn orders(&self) -> Vec<Order> {
        let mut orders = Vec::new();
        let mut page = PageRequest::first(PageRequest::MAX_LIMIT);
        loop {
            let found = self.store.list_orders(&OrderFilter::default(), page).await.unwrap();
            orders.extend(found.items.into_iter().map(Arc::unwrap_or_clone));
            match found.next {
                Some(next) => page = page.after(Some(next)),
                None => return orders,
            }
        }
    }

    /// How many webhooks nobody has attended to, and how many there are in all; each counted to a thousand.
    pub(crate) async fn webhooks(&self) -> (usize, usize) {
        let count = async |status| {
            let (mut count, mut after) = (0, None);
            loop {
                let page =
                    self.store.list_inbox(status, after.as_ref(), PageRequest::MAX_LIMIT).await.unwrap();
                count += page.items.len();
                after = page.next.filter(|_| count < 1_000);
                if after.is_none() {
                    return count;
                }
            }
        };
        let open = count(Some(InboxStatus::Received)).await + count(Some(InboxStatus::Parked)).await;
        (open, count(None).await)
    }

    /// Waits until no order is unsettled, every webhook was attended to, and everybody was told of everything.
    pub(crate) async fn wait_until_settled(&self, patience: Duration) {
        let begun = Instant::now();
        loop {
            let accounts = self.accounts().await;
            let taken = taken(&accounts);
            let why = |order: &Order| {
                let why = unsettled(order).or_else(|| differs(order, &taken));
                why.map(|why| format!("{} ({}): {why}", order.number, order.status))
            };
            let left: Vec<String> = self.orders().await.iter().filter_map(why).collect();
            let untold = self.store.outbox_len().await.unwrap();
            let (open, _) = self.webhooks().await;
            if left.is_empty() && untold == 0 && open == 0 {
                return;
            }
            let waiting = format!("{untold} events and {open} webhooks wait, and these orders: {left:#?}");
            assert!(begun.elapsed() < patience, "{waiting}");
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
        check_money(&orders, &self.accounts().await)
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

/// What providers have taken and given back for each payment, and what they still hold ready.
fn taken(accounts: &[Account]) -> HashMap<PaymentId, [i64; 3]> {
    let mut taken: HashMap<PaymentId, [i64; 3]> = HashMap::new();
    for account in accounts {
        let sums = taken.entry(account.payment_id).or_default();
        let money = [account.captured, account.refunded, account.open].map(Money::minor);
        sums.iter_mut().zip(money).for_each(|(sum, money)| *sum += money);
    }
    taken
}

/// Whether the provider's books say something else of an order's payments, in minor units.
fn differs(order: &Order, taken: &HashMap<PaymentId, [i64; 3]>) -> Option<&'static str> {
    let online = order.payments.iter().filter(|payment| !payment.method.is_offline());
    for payment in online {
        let [captured, refunded, open] = taken.get(&payment.id).copied().unwrap_or_default();
        if payment.captured.minor() != captured {
            return Some("the provider has taken something else");
        }
        if payment.refunded.minor() != refunded {
            return Some("the provider has given something else back");
        }
        if open != 0 && !payment.authorised.is_positive() {
            return Some("the provider has set something aside that we don't know of");
        }
        if open != 0 && order.status == OrderStatus::Cancelled {
            return Some("the provider holds something ready for an order that is cancelled");
        }
    }
    None
}

/// What we were paid is what the provider has taken, and nobody keeps what is not theirs.
fn check_money(orders: &[Order], accounts: &[Account]) -> Counted {
    let of_payment: HashMap<PaymentId, &Order> = orders
        .iter()
        .flat_map(|order| order.payments.iter().map(move |payment| (payment.id, order)))
        .collect();
    let mut given_back = 0;
    let mut charges_of: HashMap<PaymentId, usize> = HashMap::new();
    for account in accounts {
        let order = of_payment
            .get(&account.payment_id)
            .unwrap_or_else(|| panic!("money without an order: {account:?}"));
        assert!(account.refunded.minor() <= account.captured.minor(), "{account:?}");
        *charges_of.entry(account.payment_id).or_default() += usize::from(account.captured.is_positive());
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
    let taken = taken(accounts);
    for order in orders {
        assert_eq!(unsettled(order).or_else(|| differs(order, &taken)), None, "{}", order.number);
        assert!(
            order.captured().unwrap().minor() <= order.totals.total.minor(),
            "{} was charged twice",
            order.number
        );
        for payment in order.payments.iter().filter(|payment| !payment.method.is_offline()) {
            let charges = charges_of.get(&payment.id).copied().unwrap_or(0);
            assert_eq!(charges, usize::from(payment.captured.is_positive()), "{}: charges", order.number);
        }
    }
    let mut statuses: BTreeMap<&str, usize> = BTreeMap::new();
    for order in orders {
        *statuses.entry(order.status.name()).or_default() += 1;
    }
    let statuses: Vec<String> = statuses.iter().map(|(status, count)| format!("{count} {status}")).collect();
    let captured = accounts.iter().map(|account| account.captured.minor()).sum();
    let refunded = accounts.iter().map(|account| account.refunded.minor()).sum();
    let statuses = statuses.join(", ");
    Counted { orders: orders.len(), accounts: accounts.len(), captured, refunded, given_back, statuses }
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
