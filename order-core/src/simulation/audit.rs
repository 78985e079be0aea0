use std::collections::{BTreeMap, HashMap};

use crate::error::Result;
use crate::id::OrderId;
use crate::inventory::{ReservationStatus, StockKey};
use crate::memory::SimulatedAccount;
use crate::money::Money;
use crate::order::{ORDER_TABLE, Order, OrderEvent, OrderStatus, totals_add_up};
use crate::payment::{OperationStatus, PaymentMethod};
use crate::store::{OrderFilter, PageRequest, SortOrder, Store};

/// Checks everything that must hold when the faults have stopped and every pass has run: stock, money, histories. Gives back what
/// does not hold; `stocked` is what was put on the shelves.
///
/// # Errors
/// [`Error::Store`](crate::Error::Store) when the store can't be read.
pub async fn audit(
    store: &dyn Store,
    books: &[SimulatedAccount],
    stocked: &BTreeMap<StockKey, i64>,
) -> Result<Vec<String>> {
    let mut audit = Audit::default();
    let mut page = PageRequest::first(PageRequest::MAX_LIMIT).sorted(SortOrder::OldestFirst);
    loop {
        let orders = store.list_orders(&OrderFilter::default(), page).await?;
        for order in &orders.items {
            let history = store.history(order.id).await?;
            audit.check_history(order, &history)?;
            audit.check_order(order)?;
        }
        match orders.next {
            Some(next) => page = page.after(Some(next)),
            None => break,
        }
    }
    let products: Vec<_> = stocked.keys().map(|key| key.product_id.clone()).collect();
    for level in store.stock_levels(&products).await? {
        let put = stocked.get(&level.key).copied().unwrap_or(0);
        let (reserved, sold) = audit.units.get(&level.key).copied().unwrap_or((0, 0));
        if level.on_hand + level.sold != put || level.on_hand < 0 {
            audit
                .find(format!("{:?}: {} on hand and {} sold of {put}", level.key, level.on_hand, level.sold));
        }
        if (level.reserved, level.sold) != (reserved, sold) {
            audit.find(format!("{:?}: the orders hold {reserved} and bought {sold}: {level:?}", level.key));
        }
    }
    audit.check_books(books)?;
    Ok(audit.findings)
}

#[derive(Default)]
struct Audit {
    findings: Vec<String>,
    units: HashMap<StockKey, (i64, i64)>,
    orders: HashMap<OrderId, (Money, Money)>,
}

impl Audit {
    fn find(&mut self, finding: String) {
        self.findings.push(finding);
    }

    fn check_history(&mut self, order: &Order, history: &[crate::order::EventRecord]) -> Result<()> {
        if Order::fold(history)? != *order {
            self.find(format!("{}: the history does not fold to the state", order.id));
        }
        let mut status = Some(OrderStatus::Pending);
        for record in history {
            if let OrderEvent::Moved { by, .. } = record.event {
                status = status.and_then(|status| ORDER_TABLE.next(status, by));
            }
        }
        if status != Some(order.status) {
            self.find(format!("{}: the history does not follow the table", order.id));
        }
        if !totals_add_up(order)? {
            self.find(format!("{}: the totals are not the sum of their parts", order.id));
        }
        Ok(())
    }

    fn check_order(&mut self, order: &Order) -> Result<()> {
        let (captured, refunded) = (order.captured()?, order.refunded()?);
        let mut online = (Money::zero(order.currency), Money::zero(order.currency));
        for payment in order.payments.iter().filter(|payment| payment.method != PaymentMethod::Cod) {
            online = (online.0.plus(payment.captured)?, online.1.plus(payment.refunded)?);
            for operation in &payment.operations {
                if matches!(operation.status, OperationStatus::Calling | OperationStatus::Unknown) {
                    self.find(format!("{}: {:?} is still {}", order.id, operation.kind, operation.status));
                }
            }
        }
        self.orders.insert(order.id, online);
        if order.cancellation.is_some()
            || order.is_hold_over(order.updated_at + crate::time::Duration::days(30))
        {
            self.find(format!("{}: neither cancelled nor expired", order.id));
        }
        let kept = captured.minus(refunded)?;
        if kept.minor() > order.payable()?.minor() {
            self.find(format!("{}: keeps {kept}, is owed {}", order.id, order.payable()?));
        }
        let Some(hold) = &order.hold else { return Ok(()) };
        for line in &hold.lines {
            let units = self.units.entry(line.key.clone()).or_default();
            match hold.status {
                ReservationStatus::Active => units.0 += i64::from(line.quantity),
                ReservationStatus::Confirmed => units.1 += i64::from(line.quantity),
                ReservationStatus::Expired | ReservationStatus::Cancelled => {}
            }
        }
        Ok(())
    }

    /// The provider's money is ours, to the minor unit, order by order.
    fn check_books(&mut self, books: &[SimulatedAccount]) -> Result<()> {
        let mut provider: HashMap<OrderId, (Money, Money)> = HashMap::new();
        for account in books {
            let nothing = Money::zero(account.captured.currency());
            let sums = provider.entry(account.order_id).or_insert((nothing, nothing));
            *sums = (sums.0.plus(account.captured)?, sums.1.plus(account.refunded)?);
        }
        let differing: Vec<String> = self
            .orders
            .iter()
            .filter(|(id, ours)| {
                let nothing = Money::zero(ours.0.currency());
                provider.remove(*id).unwrap_or((nothing, nothing)) != **ours
            })
            .map(|(id, ours)| format!("{id}: we have {ours:?}, the provider has something else"))
            .collect();
        self.findings.extend(differing);
        for (id, sums) in provider {
            self.find(format!("{id}: the provider has {sums:?} for an order that is not there"));
        }
        Ok(())
    }
}
