//! Paying, capturing, giving back: commands about an order's money.

use crate::error::{Error, Invalid, Result};
use crate::id::{OperationId, PaymentId, ProviderId};
use crate::money::Money;
use crate::order::settle::{can_void, settle, start_refunds};
use crate::order::{Context, Draft, Order, OrderEvent, OrderMove, OrderPolicy, OrderStatus};
use crate::payment::{CaptureMode, OperationKind, Payment, PaymentMethod, ProviderToken};

/// How somebody wants to pay.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "callers write it as a literal")]
pub struct Tender {
    /// How.
    pub method: PaymentMethod,
    /// Through whom. Ignored where the money is taken outside.
    pub provider: ProviderId,
    /// The provider's token.
    pub token: Option<ProviderToken>,
    /// Whether the money is captured at once.
    pub capture: CaptureMode,
    /// How much, when it is not all that is owed.
    pub amount: Option<Money>,
}

impl Tender {
    /// All that is owed, by card, captured at once.
    pub fn card(provider: ProviderId, token: Option<ProviderToken>) -> Self {
        let (method, capture) = (PaymentMethod::Card, CaptureMode::Automatic);
        Self { method, provider, token, capture, amount: None }
    }

    /// Begins the payment: its first operation exists, and is claimed, before the provider is called.
    pub(crate) fn begin(&self, draft: &mut Draft, owed: Money, context: &Context<'_>) -> Result<PaymentId> {
        let amount = self.amount.unwrap_or(owed);
        if !amount.is_positive() || amount.compare(owed)?.is_gt() {
            let detail = format!("must be more than nothing and at most what is owed, {owed}");
            return Err(Invalid::field("/payment/amount", "out_of_range", detail).into());
        }
        if draft.order().payments.len() >= Order::MAX_PAYMENTS {
            return Err(Error::conflict("too_many_payments", "the order has too many payments"));
        }
        let id = PaymentId::new(context.ids, context.now);
        let provider = self.provider.clone();
        let token = self.token.clone();
        let payment = Payment::new(id, provider, self.method, token, amount, self.capture, context.now);
        draft.record(OrderEvent::PaymentAdded { payment }, context)?;
        if !self.method.is_offline() {
            let kind = match self.capture {
                CaptureMode::Automatic => OperationKind::Charge,
                CaptureMode::Manual => OperationKind::Authorise,
            };
            draft.start_operation(id, kind, amount, None, context)?;
        }
        Ok(id)
    }
}

/// Begins another payment for what is still owed.
///
/// # Errors
/// A conflict when nothing is owed or the order can't be paid any more; [`Error::Invalid`] when the amount is too large.
pub fn pay(
    draft: &mut Draft,
    tender: &Tender,
    policy: &OrderPolicy,
    context: &Context<'_>,
) -> Result<PaymentId> {
    let order = draft.order();
    if order.is_called_off() {
        return Err(order.illegal(OrderMove::Pay));
    }
    let owed = order.outstanding()?;
    if !owed.is_positive() {
        return Err(Error::conflict("nothing_owed", "nothing is owed on this order"));
    }
    let id = tender.begin(draft, owed, context)?;
    if tender.method.is_offline() && draft.order().status == OrderStatus::Pending {
        draft.record(OrderEvent::Moved { by: OrderMove::Confirm, reason: None }, context)?;
    }
    settle(draft, policy, context)?;
    Ok(id)
}

/// Records money that was taken outside of every provider: cash on delivery, a bank transfer. All that is owed, unless an amount is
/// given.
///
/// # Errors
/// [`Error::IllegalTransition`] when nothing is owed; [`Error::Invalid`] when the amount is too large.
pub fn record_payment(
    draft: &mut Draft,
    amount: Option<Money>,
    policy: &OrderPolicy,
    context: &Context<'_>,
) -> Result<()> {
    let order = draft.order();
    let owed = order.payable()?.minus(order.captured()?)?.plus(order.refunded()?)?;
    if order.is_called_off() || !owed.is_positive() {
        return Err(order.illegal(OrderMove::Pay));
    }
    if order.has_live_money() {
        return Err(Error::conflict(
            "payment_under_way",
            "a payment is under way; void it or let it end first",
        ));
    }
    let amount = amount.unwrap_or(owed);
    if !amount.is_positive() || amount.compare(owed)?.is_gt() {
        let detail = format!("must be more than nothing and at most what is owed, {owed}");
        return Err(Invalid::field("/amount", "out_of_range", detail).into());
    }
    let open = order.payments.iter().find(|payment| payment.operations.is_empty()).map(|payment| payment.id);
    let payment_id = if let Some(id) = open {
        id
    } else {
        let provider =
            ProviderId::new("offline").map_err(|_| Error::Internal("a provider's name is invalid"))?;
        let id = PaymentId::new(context.ids, context.now);
        let method = PaymentMethod::Cod;
        let payment = Payment::new(id, provider, method, None, amount, CaptureMode::Automatic, context.now);
        draft.record(OrderEvent::PaymentAdded { payment }, context)?;
        id
    };
    let operation_id = OperationId::new(context.ids, context.now);
    draft.record(OrderEvent::PaymentRecorded { payment_id, amount, operation_id }, context)?;
    settle(draft, policy, context)
}

/// Captures money that was set aside: all of it, unless an amount is given.
///
/// # Errors
/// A conflict when nothing can be captured; [`Error::Invalid`] when the amount is too large.
pub fn capture(
    draft: &mut Draft,
    payment_id: PaymentId,
    amount: Option<Money>,
    reason: Option<&str>,
    policy: &OrderPolicy,
    context: &Context<'_>,
) -> Result<()> {
    let payment = draft.order().payment(payment_id).ok_or(Error::NotFound { what: "payment" })?;
    let capturable = payment.capturable()?;
    if !capturable.is_positive() || draft.order().is_called_off() {
        return Err(Error::conflict("nothing_to_capture", "nothing is set aside that can be captured"));
    }
    let amount = amount.unwrap_or(capturable);
    if !amount.is_positive() || amount.compare(capturable)?.is_gt() {
        let detail = format!("must be more than nothing and at most what is set aside, {capturable}");
        return Err(Invalid::field("/amount", "out_of_range", detail).into());
    }
    draft.start_operation(payment_id, OperationKind::Capture, amount, reason, context)?;
    settle(draft, policy, context)
}

/// Gives up what is set aside and was not captured, and whatever the customer still had to do.
///
/// # Errors
/// A conflict when there is nothing to give up.
pub fn void(
    draft: &mut Draft,
    payment_id: PaymentId,
    reason: Option<&str>,
    policy: &OrderPolicy,
    context: &Context<'_>,
) -> Result<()> {
    let payment = draft.order().payment(payment_id).ok_or(Error::NotFound { what: "payment" })?;
    if !can_void(payment) {
        return Err(Error::conflict("nothing_to_void", "nothing is set aside that can be given up"));
    }
    let amount = payment.capturable()?;
    draft.start_operation(payment_id, OperationKind::Void, amount, reason, context)?;
    settle(draft, policy, context)
}

/// Grants a refund, of one payment or over all: all that is left, unless an amount is given. It is under way at once.
///
/// # Errors
/// A conflict when there is nothing to give back; [`Error::Invalid`] when the amount is more than what is left.
pub fn refund(
    draft: &mut Draft,
    payment_id: Option<PaymentId>,
    amount: Option<Money>,
    reason: Option<String>,
    policy: &OrderPolicy,
    context: &Context<'_>,
) -> Result<()> {
    let order = draft.order();
    let left = match payment_id {
        None => order.returnable()?,
        Some(id) => order.payment(id).ok_or(Error::NotFound { what: "payment" })?.returnable()?,
    };
    if !left.is_positive() {
        return Err(Error::conflict("nothing_to_refund", "nothing was taken that could be given back"));
    }
    let amount = amount.unwrap_or(left);
    if !amount.is_positive() || amount.compare(left)?.is_gt() {
        let detail = format!("must be more than nothing and at most what can be given back, {left}");
        return Err(Invalid::field("/amount", "out_of_range", detail).into());
    }
    draft.record(OrderEvent::RefundGranted { amount, reason }, context)?;
    start_refunds(draft, amount, payment_id, context)?;
    settle(draft, policy, context)
}
