mod cursor;
mod orphan;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use cursor::Place;
pub use cursor::ReconciliationCursor;
pub use orphan::{OrphanReturn, OrphanStatus, ReturnOrphan};

use crate::error::{Error, Invalid, Result, StoreError};
use crate::gateway::{BooksWindow, PaymentRef, ProviderBooks};
use crate::id::{OrderId, PaymentId, ProviderId};
use crate::order::{Actor, Order};
use crate::payment::{OperationStatus, Payment, PaymentReport};
use crate::reconciliation::{Difference, Repair, compare, second_object, without_payment};
use crate::service::Request;
use crate::service::change::only_staff;
use crate::service::engine::Parts;
use crate::store::{Cursor, OrderFilter, PageRequest, SortOrder};
use crate::time::{Duration, Timestamp};

/// Which part of a provider's books to set beside ours.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "callers write it as a literal")]
pub struct ReconcileBooks {
    /// Whose books.
    pub provider: ProviderId,
    /// Payments that were begun at or after this,
    pub from: Timestamp,
    /// and before this. What was begun less than the [guard](Reconciliation::GUARD) ago is left alone in any case.
    pub to: Timestamp,
    /// Where to go on: [`ReconciliationPage::next`] of the page before.
    pub cursor: Option<ReconciliationCursor>,
    /// How many payments or orders are read at once: 1 to [`PageRequest::MAX_LIMIT`].
    pub limit: u32,
}

/// A page of a reconciliation: what was compared, and what differs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReconciliationPage {
    /// From when, included.
    pub from: Timestamp,
    /// Until when, not included: earlier than was asked for, where that was too near.
    pub to: Timestamp,
    /// How many payments were compared.
    pub compared: u32,
    /// How many were left alone, because a call about them is being made.
    pub in_flight: u32,
    /// What differs; after a repair, what still differs.
    pub differences: Vec<Difference>,
    /// What was repaired.
    pub repaired: Vec<Difference>,
    /// What could not be compared or repaired.
    pub failed: Vec<FailedComparison>,
    /// Where the next page begins; `None` on the last. A page may have nothing on it and still not be the last.
    pub next: Option<ReconciliationCursor>,
}

/// A payment that could not be compared or repaired. The next reconciliation of the same window tries again.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FailedComparison {
    /// Our order.
    pub order_id: OrderId,
    /// Our payment.
    pub payment_id: PaymentId,
    /// Why, as [`Error::code`].
    pub code: &'static str,
    /// Why, for the log.
    pub reason: String,
}

/// Sets providers' books beside ours: what webhooks and questions have missed comes to light here.
///
/// A window of time is read page by page: first everything the provider lists, then those payments of ours from which we believe to
/// have money and which the provider's books have never told of, neither now nor earlier. Whatever seems to differ is asked for once more before it is
/// told, so that a list that is old tells nothing wrong. A call may be repeated with the same cursor, on any instance, at any time.
///
/// A host runs it over the last few days once a day, and again over what is older now and then: a dispute or a refund by hand may
/// come months later.
///
/// ```
/// use order_core::Engine;
/// use order_core::id::ProviderId;
/// use order_core::service::{ReconcileBooks, Request};
/// use order_core::time::Duration;
///
/// # async fn run(engine: &Engine, staff: &Request) -> Result<(), Box<dyn std::error::Error>> {
/// let (provider, to) = (ProviderId::new("stripe")?, engine.clock().now());
/// let mut books = ReconcileBooks { provider, from: to - Duration::days(3), to, cursor: None, limit: 100 };
/// loop {
///     let page = engine.reconciliation().repair(&books, staff).await?;
///     for left in &page.differences {
///         println!("{:?} of {:?}: {:?}", left.kind, left.payment_id, left.remedy());
///     }
///     match page.next {
///         Some(next) => books.cursor = Some(next),
///         None => break,
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Reconciliation<'a> {
    pub(crate) parts: &'a Parts,
}

impl Reconciliation<'_> {
    /// How young a payment is left alone, unless the engine [was told](crate::service::EngineBuilder::reconciliation_guard) otherwise:
    /// its checkout may still be under way. Longer than any call to a provider takes.
    pub const GUARD: Duration = Duration::minutes(5);

    /// How much older an order may be than the window, if one of its payments was begun in it: as long as most holds on cards last.
    pub const LOOKBACK: Duration = Duration::days(7);

    /// The payment providers whose books the engine was given, in the order of their names.
    pub fn providers(&self) -> Vec<ProviderId> {
        let mut providers: Vec<ProviderId> = self.parts.books.keys().cloned().collect();
        providers.sort_unstable();
        providers
    }

    /// Tells what differs, and changes nothing. For the staff.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::Invalid`] for a provider whose books the engine was not given, or a window that ends before
    /// it begins; [`Error::Gateway`] when the provider's list can't be read.
    pub async fn compare(&self, books: &ReconcileBooks, actor: &Actor) -> Result<ReconciliationPage> {
        only_staff(actor)?;
        self.page(books, Aim::Tell).await
    }

    /// Tells what differs, and repairs what can be repaired without a person: what the provider says is taken in, as if it had come
    /// by itself, and what follows from it is done. Repeating it changes nothing. For the staff.
    ///
    /// # Errors
    /// As [`compare`](Self::compare). What could not be repaired is [told](ReconciliationPage::failed).
    pub async fn repair(&self, books: &ReconcileBooks, request: &Request) -> Result<ReconciliationPage> {
        only_staff(&request.actor)?;
        self.page(books, Aim::Repair { correlation: request.correlation.as_deref() }).await
    }

    async fn page(&self, wanted: &ReconcileBooks, aim: Aim<'_>) -> Result<ReconciliationPage> {
        let books = self.check(wanted)?;
        let to = wanted.to.min(self.parts.now() - self.parts.guard);
        let page = ReconciliationPage {
            from: wanted.from,
            to,
            compared: 0,
            in_flight: 0,
            differences: Vec::new(),
            repaired: Vec::new(),
            failed: Vec::new(),
            next: None,
        };
        if to <= wanted.from {
            return Ok(page);
        }
        let mut round = Round { parts: self.parts, provider: &wanted.provider, books, aim, page };
        let limit = PageRequest::first(wanted.limit).limit();
        match wanted.cursor.as_ref().map(|cursor| &cursor.0) {
            None => round.read_theirs(None, limit).await?,
            Some(Place::Theirs(cursor)) => round.read_theirs(cursor.as_deref(), limit).await?,
            Some(Place::Ours(cursor)) => round.read_ours(*cursor, limit).await?,
        }
        Ok(round.page)
    }

    fn check(self, wanted: &ReconcileBooks) -> Result<Arc<dyn ProviderBooks>> {
        let mut invalid = Invalid::default();
        let books = self.parts.books.get(&wanted.provider);
        if books.is_none() {
            let detail = "is not a payment provider whose books this shop can read";
            invalid.push("/provider", "unknown_provider", detail);
        }
        if wanted.to <= wanted.from {
            invalid.push("/to", "out_of_range", "must be later than from");
        }
        match books {
            Some(books) if invalid.errors().is_empty() => Ok(Arc::clone(books)),
            Some(_) | None => Err(invalid.into()),
        }
    }
}

/// Payments that were found in providers' lists lately. They need not be asked for one by one when our own are gone through. It is
/// not stored: an engine that has not seen them asks.
#[derive(Debug, Default)]
pub(crate) struct Seen(Mutex<HashMap<PaymentId, Timestamp>>);

impl Seen {
    /// How many are remembered at most: a few megabytes.
    const MAX: usize = 100_000;
    /// For how long: most reconciliations are through by then.
    const LIFETIME: Duration = Duration::hours(1);

    fn add(&self, id: PaymentId, now: Timestamp) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= Self::MAX {
            seen.retain(|_, at| *at + Self::LIFETIME > now);
        }
        if seen.len() < Self::MAX {
            seen.insert(id, now);
        }
    }

    fn has(&self, id: PaymentId, now: Timestamp) -> bool {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(&id).is_some_and(|at| *at + Self::LIFETIME > now)
    }
}

/// What a reconciliation is for.
#[derive(Debug, Clone, Copy)]
enum Aim<'a> {
    Tell,
    Repair { correlation: Option<&'a str> },
}

/// One page that is being made.
struct Round<'a> {
    parts: &'a Parts,
    provider: &'a ProviderId,
    books: Arc<dyn ProviderBooks>,
    aim: Aim<'a>,
    page: ReconciliationPage,
}

impl Round<'_> {
    /// A page of the provider's list.
    async fn read_theirs(&mut self, cursor: Option<&str>, limit: u32) -> Result<()> {
        let window = BooksWindow { since: self.page.from, until: self.page.to, limit };
        let asked_at = self.parts.now();
        let listed = self.books.list(&window, cursor).await?;
        for mut report in listed.reports {
            report.as_of = Some(asked_at);
            self.compare_listed(&report).await?;
        }
        let next = listed.next.map_or(Place::Ours(None), |cursor| Place::Theirs(Some(cursor)));
        self.page.next = Some(ReconciliationCursor(next));
        Ok(())
    }

    async fn compare_listed(&mut self, listed: &PaymentReport) -> Result<()> {
        let order = match listed.payment_id {
            Some(id) => self.parts.store.find_order_by_payment(id).await?,
            None => None,
        };
        let of_order = listed.payment_id.zip(order);
        let Some((payment, order)) =
            of_order.as_ref().and_then(|(id, order)| Some((order.payment(*id)?, order)))
        else {
            self.page.differences.extend(without_payment(listed)?);
            return Ok(());
        };
        if payment.provider != *self.provider {
            self.page.differences.extend(second_object(order, payment, listed)?);
            return Ok(());
        }
        let is_own = payment.reference.is_some() && payment.reference == listed.reference;
        if is_own && !order.is_in_flight(self.parts.now()) {
            let context = self.parts.own_context(None);
            let found = compare(order, payment.id, Some(listed), &self.parts.policy, &context);
            if found.is_ok_and(|found| found.is_empty()) {
                self.note(payment);
                return Ok(());
            }
        }
        self.look(order, payment, Some(listed)).await
    }

    /// A page of our orders: their payments of which the provider's books have never told.
    async fn read_ours(&mut self, cursor: Option<Cursor>, limit: u32) -> Result<()> {
        let (from, to) = (self.page.from, self.page.to);
        let filter = OrderFilter {
            placed_from: from.checked_sub_signed(Reconciliation::LOOKBACK),
            placed_before: Some(to),
            ..OrderFilter::default()
        };
        let page = PageRequest::first(limit).after(cursor).sorted(SortOrder::OldestFirst);
        let orders = self.parts.store.list_orders(&filter, page).await?;
        for order in &orders.items {
            let is_meant = |payment: &&Payment| {
                let is_begun_in = from <= payment.created_at && payment.created_at < to;
                let is_settled_in = payment.created_at < to && order.created_at >= from;
                payment.provider == *self.provider
                    && (is_begun_in || is_settled_in)
                    && is_believed(payment)
                    && !is_heard_of(payment)
                    && !self.parts.seen.has(payment.id, self.parts.now())
            };
            let meant: Vec<&Payment> = order.payments.iter().filter(is_meant).collect();
            for payment in meant {
                self.look(order, payment, None).await?;
            }
        }
        self.page.next = orders.next.map(|cursor| ReconciliationCursor(Place::Ours(Some(cursor))));
        Ok(())
    }

    /// Looks at one payment; what fails is noted, unless there is no store.
    async fn look(&mut self, order: &Order, payment: &Payment, listed: Option<&PaymentReport>) -> Result<()> {
        if order.is_in_flight(self.parts.now()) {
            self.page.in_flight = self.page.in_flight.saturating_add(1);
            return Ok(());
        }
        match self.compare_one(order, payment, listed).await {
            Ok(()) if listed.is_some() => self.note(payment),
            Ok(()) => self.page.compared = self.page.compared.saturating_add(1),
            Err(error @ Error::Store(StoreError::Unavailable { .. })) => return Err(error),
            Err(error) => {
                self.page.failed.push(FailedComparison {
                    order_id: order.id,
                    payment_id: payment.id,
                    code: error.code(),
                    reason: error.with_sources(),
                });
            }
        }
        Ok(())
    }

    /// A payment that the provider lists was compared.
    fn note(&mut self, listed: &Payment) {
        self.page.compared = self.page.compared.saturating_add(1);
        self.parts.seen.add(listed.id, self.parts.now());
    }

    /// Asks the provider about one payment, and compares, and repairs if that is wanted.
    async fn compare_one(
        &mut self,
        order: &Order,
        payment: &Payment,
        listed: Option<&PaymentReport>,
    ) -> Result<()> {
        let (parts, id) = (self.parts, payment.id);
        let asked_at = parts.now();
        let mut report = self.books.report(&PaymentRef::new(order, payment)).await?;
        if let Some(report) = &mut report {
            report.as_of = Some(asked_at);
        }
        let own = report.as_ref().map(|report| report.reference.as_ref());
        if let Some(listed) = listed.filter(|listed| own != Some(listed.reference.as_ref())) {
            self.page.differences.extend(second_object(order, payment, listed)?);
        }
        let found = compare(order, id, report.as_ref(), &parts.policy, &parts.own_context(None))?;
        let (Aim::Repair { correlation }, Some(report)) = (self.aim, report) else {
            self.page.differences.extend(found);
            return Ok(());
        };
        if found.is_empty() {
            return Ok(());
        }
        // What can't be repaired is taken in as well: it becomes a finding of the order.
        let after = Box::pin(parts.take_report(order.clone(), id, report.clone(), correlation)).await;
        let after = match after {
            Ok(after) => after,
            Err(error) => {
                self.page.differences.extend(found);
                return Err(error);
            }
        };
        let left = compare(&after, id, Some(&report), &parts.policy, &parts.own_context(None))?;
        let is_left = |difference: &Difference| left.iter().any(|other| other.is_like(difference));
        let is_done =
            |difference: &Difference| difference.repair == Repair::Automatic && !is_left(difference);
        self.page.repaired.extend(found.into_iter().filter(is_done));
        self.page.differences.extend(left);
        Ok(())
    }
}

/// Whether we believe to have, or to have had, money by a payment.
fn is_believed(payment: &Payment) -> bool {
    let first = payment.first_operation();
    first.is_some_and(|first| first.status == OperationStatus::Succeeded) && payment.authorised.is_positive()
}

/// Whether the provider's books have told us of a payment's money at some time.
fn is_heard_of(payment: &Payment) -> bool {
    payment.reported.as_ref().is_some_and(|report| report.authorised.is_positive())
}
