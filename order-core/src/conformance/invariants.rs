//! What must always hold, whatever went wrong: stock, money, histories, events.
//!
//! [`check`] reads everything from the store, compares it with the provider's books and with what was heard of, and tells what does
//! not hold. With [`Evidence::is_at_rest`] it also asks for what must have come to its end: no order waits, no money is under way,
//! no event is undelivered.

use std::collections::{BTreeMap, HashMap};

use crate::error::Result;
use crate::id::{OrderId, PaymentId};
use crate::inventory::{
    Reservation, ReservationStatus, StockAlert, StockEvent, StockKey, StockLevel, StockRecord,
};
use crate::memory::SimulatedAccount;
use crate::money::Money;
use crate::order::{EventRecord, ORDER_TABLE, Order, OrderEvent, OrderStatus, totals_add_up};
use crate::payment::{OperationStatus, Payment};
use crate::store::{OrderFilter, PageRequest, SortOrder, Store};
use crate::time::{Duration, Timestamp};

/// What is known besides the store.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "whoever checks writes it as a literal")]
pub struct Evidence<'a> {
    /// The provider's books.
    pub books: &'a [SimulatedAccount],
    /// What was put on the shelves, less what was taken off by a count.
    pub stocked: &'a BTreeMap<StockKey, i64>,
    /// What was sold by reservations that belong to no order.
    pub sold_elsewhere: &'a BTreeMap<StockKey, i64>,
    /// Every event that was heard of, as it was heard; `None` when nobody listened.
    pub heard: Option<&'a [EventRecord]>,
    /// Every record of a stock level's journal that was heard of, as it was heard; `None` when nobody listened.
    pub heard_stock: Option<&'a [StockRecord]>,
    /// Whether the faults are over, and every pass has run until nothing was left to do.
    pub is_at_rest: bool,
    /// The present.
    pub now: Timestamp,
}

/// Tells everything that does not hold; nothing, when all is well.
///
/// # Errors
/// [`Error::Store`](crate::Error::Store) when the store can't be read.
pub async fn check(store: &dyn Store, evidence: &Evidence<'_>) -> Result<Vec<String>> {
    let mut audit = Audit::new(evidence);
    let mut page = PageRequest::first(PageRequest::MAX_LIMIT).sorted(SortOrder::OldestFirst);
    loop {
        let orders = store.list_orders(&OrderFilter::default(), page).await?;
        for order in &orders.items {
            let history = store.history(order.id).await?;
            audit.history(order, &history);
            audit.totals(order);
            audit.payments(order)?;
            if let Some(hold) = &order.hold {
                let reservation = store.find_reservation(hold.reservation_id).await?;
                audit.hold(order, reservation.as_ref());
            }
            if evidence.is_at_rest {
                audit.rest(order)?;
            }
            audit.events(order);
        }
        match orders.next {
            Some(next) => page = page.after(Some(next)),
            None => break,
        }
    }
    for account in audit.books.values().copied().collect::<Vec<_>>() {
        audit.find(format!(
            "{}: the provider has an account for a payment that is not there",
            account.payment_id
        ));
    }
    let everything = evidence.now + Duration::days(365_000);
    let active = store.expired_reservations(everything, &[], 1_000_000).await?;
    let products: Vec<_> = evidence.stocked.keys().map(|key| key.product_id.clone()).collect();
    let levels = store.stock_levels(&products).await?;
    audit.stock(&levels, &active);
    for level in &levels {
        audit.journal(level, &journal(store, level).await?);
    }
    if evidence.is_at_rest {
        let waiting = store.stock_outbox_len().await?;
        if evidence.heard_stock.is_some() && waiting > 0 {
            audit.find(format!("{waiting} records of stock are not delivered"));
        }
        let waiting = store.outbox_len().await?;
        if evidence.heard.is_some() && waiting > 0 {
            audit.find(format!("{waiting} events are not delivered"));
        }
        for id in store.due_orders(evidence.now, 10).await? {
            audit.find(format!("{id}: something is still due"));
        }
    }
    Ok(audit.findings)
}

/// The journal of a level, oldest first.
async fn journal(store: &dyn Store, level: &StockLevel) -> Result<Vec<StockRecord>> {
    let StockKey { product_id, location } = &level.key;
    let mut records = Vec::new();
    let mut after = None;
    loop {
        let limit = PageRequest::MAX_LIMIT;
        let page = store.stock_records(product_id, Some(location), after.as_ref(), limit).await?;
        records.extend(page.items);
        after = page.next;
        if after.is_none() {
            records.sort_by_key(|record| record.sequence);
            return Ok(records);
        }
    }
}

struct Audit<'a> {
    evidence: &'a Evidence<'a>,
    findings: Vec<String>,
    sold: BTreeMap<StockKey, i64>,
    books: HashMap<PaymentId, &'a SimulatedAccount>,
    heard: HashMap<OrderId, Vec<u64>>,
}

impl<'a> Audit<'a> {
    fn new(evidence: &'a Evidence<'a>) -> Self {
        let mut findings = Vec::new();
        let mut books = HashMap::new();
        for account in evidence.books {
            if books.insert(account.payment_id, account).is_some() {
                findings.push(format!("{}: charged twice at the provider", account.payment_id));
            }
        }
        let mut heard: HashMap<OrderId, Vec<u64>> = HashMap::new();
        for event in evidence.heard.unwrap_or_default() {
            heard.entry(event.order_id).or_default().push(event.sequence);
        }
        Self { evidence, findings, sold: evidence.sold_elsewhere.clone(), books, heard }
    }

    fn find(&mut self, finding: String) {
        self.findings.push(finding);
    }

    fn demand(&mut self, holds: bool, order: &Order, finding: &str) {
        if !holds {
            self.find(format!("{} ({}): {finding}", order.id, order.status));
        }
    }

    /// The history follows the table, has no gap, does not go back in time, and folds to the state.
    fn history(&mut self, order: &Order, history: &[EventRecord]) {
        let folds = Order::fold(history).is_ok_and(|folded| folded == *order);
        self.demand(folds, order, "the history does not fold to the state");
        let in_order = history.iter().zip(1_u64..).all(|(record, place)| record.sequence == place);
        self.demand(in_order, order, "the history has a gap");
        let forward = history.windows(2).all(|pair| pair[0].at <= pair[1].at);
        self.demand(forward, order, "the history goes back in time");
        let mut status = Some(OrderStatus::Pending);
        for record in history {
            if let OrderEvent::Moved { by, .. } = record.event {
                status = status.and_then(|status| ORDER_TABLE.next(status, by));
            }
        }
        self.demand(status == Some(order.status), order, "the history does not follow the table");
    }

    /// Totals are the sums of their parts, in one currency; lines have no more units cancelled and shipped than ordered.
    fn totals(&mut self, order: &Order) {
        self.demand(
            totals_add_up(order).unwrap_or(false),
            order,
            "the totals are not the sum of their parts",
        );
        let counted = |line: &crate::order::OrderLine| {
            u64::from(line.cancelled) + u64::from(line.shipped) <= u64::from(line.quantity)
        };
        self.demand(
            order.lines.iter().all(counted),
            order,
            "more units were cancelled and shipped than ordered",
        );
        let one_currency = order.payments.iter().all(|payment| payment.amount.currency() == order.currency);
        self.demand(one_currency, order, "there are several currencies");
    }

    /// Nothing is negative, refunds are at most what was captured, and the provider's books say the same.
    fn payments(&mut self, order: &Order) -> Result<()> {
        for payment in &order.payments {
            let in_bounds = payment.captured.minor() <= payment.authorised.minor()
                && payment.refunded.minor() <= payment.captured.minor()
                && !payment.refunded.is_negative()
                && !payment.refundable()?.is_negative();
            self.demand(in_bounds, order, "refunded <= captured <= authorised does not hold");
            let account = self.books.remove(&payment.id);
            if payment.method.is_offline() {
                self.demand(account.is_none(), order, "the provider has taken what is paid in cash");
                continue;
            }
            let nothing = Money::zero(order.currency);
            let (captured, refunded) =
                account.map_or((nothing, nothing), |account| (account.captured, account.refunded));
            // What the provider has done may not be known yet; what it has not done is never believed.
            let agrees = if self.evidence.is_at_rest {
                payment.captured == captured && payment.refunded == refunded
            } else {
                payment.captured.minor() <= captured.minor() && payment.refunded.minor() <= refunded.minor()
            };
            if !agrees {
                let (ours, theirs) = ((payment.captured, payment.refunded), (captured, refunded));
                self.find(format!(
                    "{}: captured and refunded {ours:?}, at the provider {theirs:?}",
                    order.id
                ));
            }
            if let Some(account) = account {
                self.demand(account.order_id == order.id, order, "its money is another order's");
            }
        }
        Ok(())
    }

    /// The hold is the reservation; what it has sold counts.
    fn hold(&mut self, order: &Order, reservation: Option<&Reservation>) {
        let Some(hold) = &order.hold else { return };
        let agrees = reservation.is_some_and(|reservation| reservation.status == hold.status);
        self.demand(agrees, order, "the reservation is not what the order believes");
        if hold.status == ReservationStatus::Active {
            let same = reservation.is_some_and(|reservation| reservation.lines == hold.lines);
            self.demand(same, order, "the reservation holds something else");
        }
        if hold.status == ReservationStatus::Confirmed {
            for line in &hold.lines {
                *self.sold.entry(line.key.clone()).or_default() += i64::from(line.quantity);
            }
        }
    }

    /// What must have come to its end.
    fn rest(&mut self, order: &Order) -> Result<()> {
        let under_way = |payment: &Payment| {
            payment.operations.iter().any(|operation| {
                matches!(operation.status, OperationStatus::Calling | OperationStatus::Unknown)
            })
        };
        self.demand(!order.payments.iter().any(under_way), order, "a call to the provider is not settled");
        self.demand(order.cancellation.is_none(), order, "the cancellation is not carried out");
        self.demand(!order.is_hold_over(self.evidence.now), order, "the hold is over, and still active");
        // What is disputed can't be given back, and what was lost is gone.
        let tied = order.payments.iter().try_fold(Money::zero(order.currency), |sum, payment| {
            sum.plus(payment.disputed()?)?.plus(payment.lost()?)
        })?;
        let kept = order.captured()?.minus(order.refunded()?)?.minus(tied)?;
        let owed = order.payable()?;
        if kept.minor() > owed.minor() {
            self.find(format!("{} ({}): {kept} is kept, {owed} is owed", order.id, order.status));
        }
        let is_off = matches!(order.status, OrderStatus::Cancelled | OrderStatus::Refunded);
        self.demand(!is_off || !kept.is_positive(), order, "money is kept for nothing");
        self.demand(!is_off || !order.has_live_money(), order, "money may still come");
        let holds_stock = order.hold.as_ref().is_some_and(|hold| {
            hold.status == ReservationStatus::Active
                || (hold.status == ReservationStatus::Confirmed && !hold.lines.is_empty())
        });
        let is_cancelled = order.status == OrderStatus::Cancelled;
        self.demand(!is_cancelled || !holds_stock, order, "stock is kept for a cancelled order");
        let needs_stock =
            matches!(order.status, OrderStatus::Paid | OrderStatus::Confirmed | OrderStatus::Processing);
        self.demand(!needs_stock || holds_stock, order, "it was accepted, and its stock is not sold");
        Ok(())
    }

    /// Every event was heard of, the first time in the order of the history.
    fn events(&mut self, order: &Order) {
        if self.evidence.heard.is_none() {
            return;
        }
        let mut next = 1;
        let heard = self.heard.remove(&order.id).unwrap_or_default();
        let in_order = heard.iter().all(|sequence| {
            let fits = *sequence <= next;
            next = next.max(sequence + 1);
            fits
        });
        self.demand(in_order, order, "an event was heard of before an earlier one");
        self.demand(next <= order.version + 1, order, "an event was heard of that did not happen");
        let whole = next == order.version + 1 || !self.evidence.is_at_rest;
        self.demand(whole, order, "an event was not heard of");
    }

    /// Nothing is negative or oversold, what is held is held by somebody, and what is not there was sold.
    fn stock(&mut self, levels: &[StockLevel], active: &[Reservation]) {
        let mut held: BTreeMap<&StockKey, i64> = BTreeMap::new();
        for line in active.iter().flat_map(|reservation| &reservation.lines) {
            *held.entry(&line.key).or_default() += i64::from(line.quantity);
        }
        for level in levels {
            let put = self.evidence.stocked.get(&level.key).copied().unwrap_or(0);
            let sold = self.sold.get(&level.key).copied().unwrap_or(0);
            let held = held.get(&level.key).copied().unwrap_or(0);
            let fine = (0..=level.on_hand).contains(&level.reserved)
                && level.on_hand + level.sold == put
                && level.reserved == held
                && level.sold == sold;
            if !fine {
                self.find(format!("{level:?}: {put} were put there, {held} are held, {sold} were sold"));
            }
        }
    }

    /// A journal has no gap, its last alert fits the level as it is, and every record was heard of in its order.
    fn journal(&mut self, level: &StockLevel, journal: &[StockRecord]) {
        let key = &level.key;
        let in_order = journal.iter().zip(1_u64..).all(|(record, place)| record.sequence == place);
        if !in_order {
            self.find(format!("{key:?}: the journal has a gap"));
        }
        let told = journal.iter().rev().find_map(|record| match record.event {
            StockEvent::Alert { alert } => Some(alert),
            StockEvent::Adjusted { .. }
            | StockEvent::Received { .. }
            | StockEvent::Counted { .. }
            | StockEvent::ThresholdSet { .. } => None,
        });
        let is_out = matches!(told, None | Some(StockAlert::OutOfStock));
        if is_out != (level.available() == 0) {
            self.find(format!("{level:?}: the last that was told is {told:?}"));
        }
        let Some(heard) = self.evidence.heard_stock else { return };
        let mut next = 1;
        for record in heard.iter().filter(|record| record.key() == key) {
            if record.sequence > next || journal.iter().all(|kept| kept != record) {
                self.find(format!("{key:?}: a record was heard of too early, or otherwise: {record:?}"));
            }
            next = next.max(record.sequence + 1);
        }
        if self.evidence.is_at_rest && journal.iter().any(|record| record.sequence >= next) {
            self.find(format!("{key:?}: a record was not heard of"));
        }
    }
}
