//! Checkout: the saga of an order and its money, whose log is the order itself.
//!
//! [`next_step`] is a pure function: it reads off an order what has to be done now, by whoever looks at it. A driver does that
//! step, commits what came of it, and asks again, until there is nothing left to do. The process that placed the order drives it
//! first; when it dies, a recovery pass finds the order by [`Order::due_at`] and goes on. Nothing else is stored about a checkout.
//!
//! | step | when |
//! |---|---|
//! | [`Call`](NextStep::Call) | an operation is claimed by this driver |
//! | [`Ask`](NextStep::Ask) | an operation is unknown, or its claim has run out: the provider knows |
//! | [`Expire`](NextStep::Expire) | the hold's time is over and the order is not paid |
//! | [`Settle`](NextStep::Settle) | a refused refund or void may be tried again |

use std::collections::HashSet;

use crate::id::OperationId;
use crate::inventory::ReservationStatus;
use crate::order::settle::{again_at, can_void};
use crate::order::{Order, OrderStatus};
use crate::payment::{Operation, OperationKind, OperationStatus};
use crate::time::Timestamp;

/// What has to be done about an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NextStep {
    /// Call the provider: the operation is claimed.
    Call(OperationId),
    /// Ask the provider what became of an operation.
    Ask(OperationId),
    /// Take the hold away.
    Expire,
    /// Try again to give up or to give back.
    Settle,
}

/// What one driver has done with an order so far.
#[derive(Debug, Clone, Default)]
pub struct Drive {
    claimed: HashSet<OperationId>,
    asked: HashSet<OperationId>,
    wanted: Option<OperationId>,
}

impl Drive {
    /// A driver that is to ask about an operation, whether it is due or not.
    pub fn asking(id: OperationId) -> Self {
        Self { wanted: Some(id), ..Self::default() }
    }

    /// A driver that has claimed every call that these events started.
    pub fn claim<'a>(&mut self, events: impl IntoIterator<Item = &'a crate::order::OrderEvent>) {
        use crate::order::OrderEvent;
        for event in events {
            if let OrderEvent::OperationStarted { operation, .. } = event {
                self.claimed.insert(operation.id);
            } else if let OrderEvent::OperationResent { operation_id, .. } = event {
                self.claimed.insert(*operation_id);
            }
        }
    }

    /// A driver that has asked about an operation. It does not ask again.
    pub fn asked(&mut self, id: OperationId) {
        self.asked.insert(id);
    }

    /// A driver that has made a call. It does not make it again.
    pub fn called(&mut self, id: OperationId) {
        self.claimed.remove(&id);
    }
}

/// What has to be done about an order now, by this driver; `None` when it is at rest.
pub fn next_step(order: &Order, now: Timestamp, drive: &Drive) -> Option<NextStep> {
    let operations = order.payments.iter().flat_map(|payment| &payment.operations);
    for operation in operations {
        if operation.status == OperationStatus::Calling && drive.claimed.contains(&operation.id) {
            return Some(NextStep::Call(operation.id));
        }
        let due = operation.look_at.is_some_and(|at| at <= now)
            || drive.wanted == Some(operation.id)
            || is_urgent(order, operation);
        if due && !drive.asked.contains(&operation.id) && !drive.claimed.contains(&operation.id) {
            return Some(NextStep::Ask(operation.id));
        }
    }
    if order.is_hold_over(now) {
        return Some(NextStep::Expire);
    }
    retry_at(order).is_some_and(|at| at <= now).then_some(NextStep::Settle)
}

/// Whether an order waits for the answer: it is to be cancelled, and only this operation's money is in the way.
fn is_urgent(order: &Order, operation: &Operation) -> bool {
    let open = match operation.status {
        OperationStatus::Unknown => true,
        OperationStatus::AwaitingCustomer => order.payments.iter().any(|payment| {
            again_at(payment, OperationKind::Void).is_some() && payment.operation(operation.id).is_some()
        }),
        OperationStatus::Calling
        | OperationStatus::Succeeded
        | OperationStatus::Declined
        | OperationStatus::Lapsed
        | OperationStatus::Reversed => false,
    };
    open && order.cancellation.is_some()
}

/// When a refused refund or void may be tried again.
fn retry_at(order: &Order) -> Option<Timestamp> {
    let voids = order
        .payments
        .iter()
        .filter(|payment| order.is_called_off() && can_void(payment))
        .filter_map(|payment| again_at(payment, OperationKind::Void));
    let has_excess =
        order.cancellation.is_none() && order.excess().is_ok_and(crate::money::Money::is_positive);
    let refunds = order
        .payments
        .iter()
        .filter(|payment| has_excess && payment.returnable().is_ok_and(crate::money::Money::is_positive))
        .filter_map(|payment| again_at(payment, OperationKind::Refund));
    voids.chain(refunds).min()
}

impl Order {
    /// When somebody has to look at the order, if nobody has until then. A store keeps it in an index, so that a pass finds what
    /// is due.
    pub fn due_at(&self) -> Option<Timestamp> {
        let operations = self.payments.iter().flat_map(|payment| &payment.operations);
        let looks = operations.filter_map(|operation| operation.look_at);
        let hold = self
            .hold
            .as_ref()
            .filter(|hold| hold.status == ReservationStatus::Active && self.status == OrderStatus::Pending)
            .map(|hold| hold.expires_at);
        looks.chain(hold).chain(retry_at(self)).min()
    }

    /// Whether a call to a provider is being made for it.
    pub fn is_in_flight(&self, now: Timestamp) -> bool {
        self.payments.iter().flat_map(|payment| &payment.operations).any(|operation| {
            operation.status == OperationStatus::Calling && operation.look_at.is_some_and(|until| until > now)
        })
    }
}
