use crate::checkout::Drive;
use crate::error::{Error, Result};
use crate::id::{FindingId, OrderId, PaymentId};
use crate::money::Money;
use crate::order::{self, Actor, Order, Resolution, Tender};
use crate::service::change::only_staff;
use crate::service::drive::Observed;
use crate::service::engine::Parts;
use crate::service::orders::check_reason;
use crate::service::{Done, Request};

/// What a refund is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "there is no third way")]
pub enum RefundTarget {
    /// An order: over all its payments.
    Order(OrderId),
    /// One payment.
    Payment(PaymentId),
}

/// The money of orders. Each command gives back the order as it was when the provider's answers had come.
#[derive(Debug, Clone, Copy)]
pub struct Payments<'a> {
    pub(crate) parts: &'a Parts,
}

impl Payments<'_> {
    /// Pays what is still owed, or a part of it: after a decline, or as a split tender.
    ///
    /// # Errors
    /// As [`order::pay`].
    pub async fn pay(&self, id: OrderId, tender: Tender, request: &Request) -> Result<Done<Order>> {
        if matches!(request.actor, Actor::Seller(_)) {
            return Err(Error::Forbidden { what: "an order is paid by its customer" });
        }
        self.parts.check_tender(&tender)?;
        let policy = &self.parts.policy;
        let decide = |draft: &mut order::Draft, context: &order::Context<'_>| {
            order::pay(draft, &tender, policy, context).map(drop)
        };
        self.parts.change(id, request, decide).await
    }

    /// Records money that was taken outside of every provider. For the staff.
    ///
    /// # Errors
    /// As [`order::record_payment`].
    pub async fn record(&self, id: OrderId, amount: Option<Money>, request: &Request) -> Result<Done<Order>> {
        only_staff(&request.actor)?;
        let policy = &self.parts.policy;
        let decide = |draft: &mut order::Draft, context: &order::Context<'_>| {
            order::record_payment(draft, amount, policy, context)
        };
        self.parts.change(id, request, decide).await
    }

    /// Captures money that was set aside. For the staff.
    ///
    /// # Errors
    /// As [`order::capture`].
    pub async fn capture(
        &self,
        id: PaymentId,
        amount: Option<Money>,
        reason: Option<String>,
        request: &Request,
    ) -> Result<Done<Order>> {
        only_staff(&request.actor)?;
        check_reason(reason.as_deref())?;
        let policy = &self.parts.policy;
        let decide = |draft: &mut order::Draft, context: &order::Context<'_>| {
            order::capture(draft, id, amount, reason.as_deref(), policy, context)
        };
        self.parts.change(self.order_of(id).await?, request, decide).await
    }

    /// Gives up money that was set aside. For the staff.
    ///
    /// # Errors
    /// As [`order::void`].
    pub async fn void(
        &self,
        id: PaymentId,
        reason: Option<String>,
        request: &Request,
    ) -> Result<Done<Order>> {
        only_staff(&request.actor)?;
        check_reason(reason.as_deref())?;
        let policy = &self.parts.policy;
        let decide = |draft: &mut order::Draft, context: &order::Context<'_>| {
            order::void(draft, id, reason.as_deref(), policy, context)
        };
        self.parts.change(self.order_of(id).await?, request, decide).await
    }

    /// Gives money back: all that is left, unless an amount is given. For the staff.
    ///
    /// # Errors
    /// As [`order::refund`].
    pub async fn refund(
        &self,
        target: RefundTarget,
        amount: Option<Money>,
        reason: Option<String>,
        request: &Request,
    ) -> Result<Done<Order>> {
        only_staff(&request.actor)?;
        check_reason(reason.as_deref())?;
        let (id, payment) = match target {
            RefundTarget::Order(id) => (id, None),
            RefundTarget::Payment(id) => (self.order_of(id).await?, Some(id)),
        };
        let policy = &self.parts.policy;
        let decide = |draft: &mut order::Draft, context: &order::Context<'_>| {
            order::refund(draft, payment, amount, reason.clone(), policy, context)
        };
        self.parts.change(id, request, decide).await
    }

    /// Reads the provider's books about a payment, and takes in whatever they say: also what was done there without us.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Gateway`] when the provider did not answer, or the engine was not given its books.
    pub async fn observe(&self, id: PaymentId) -> Result<Order> {
        let order = self.parts.store.find_order_by_payment(id).await?;
        let order = order.ok_or(Error::NotFound { what: "payment" })?;
        match Box::pin(self.parts.observe(order, id, None)).await? {
            Observed::Nothing(order) | Observed::Report(order) => Ok(order),
        }
    }

    /// Resolves a finding: somebody has looked at it, and says what was done. For the staff.
    ///
    /// # Errors
    /// As [`order::resolve`].
    pub async fn resolve(
        &self,
        id: OrderId,
        finding: FindingId,
        resolution: Resolution,
        note: &str,
        request: &Request,
    ) -> Result<Done<Order>> {
        only_staff(&request.actor)?;
        let policy = &self.parts.policy;
        let decide = |draft: &mut order::Draft, context: &order::Context<'_>| {
            order::resolve(draft, finding, resolution, note, policy, context)
        };
        self.parts.change(id, request, decide).await
    }

    /// Asks the provider now about whatever is open of a payment: after the customer has acted.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn refresh(&self, id: PaymentId) -> Result<Order> {
        let order =
            self.parts.store.find_order_by_payment(id).await?.ok_or(Error::NotFound { what: "payment" })?;
        let open = order.payment(id).and_then(|payment| {
            payment.operations.iter().find(|operation| operation.is_live()).map(|operation| operation.id)
        });
        let Some(operation) = open.filter(|_| !order.is_in_flight(self.parts.now())) else {
            return Ok(order);
        };
        Box::pin(self.parts.drive(order, Drive::asking(operation), None, None)).await
    }

    async fn order_of(&self, id: PaymentId) -> Result<OrderId> {
        let order = self.parts.store.find_order_by_payment(id).await?;
        order.map(|order| order.id).ok_or(Error::NotFound { what: "payment" })
    }
}
