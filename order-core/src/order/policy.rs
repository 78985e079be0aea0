use serde::{Deserialize, Serialize};

use crate::inventory::HOLD_LIFETIME;
use crate::order::OrderStatus;
use crate::time::Duration;

/// What a host may decide about orders. The tables stay as they are: a policy only forbids.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct OrderPolicy {
    /// From which statuses an order may be cancelled. A status whose table row has no `cancel` is never cancellable.
    pub cancellable: Vec<OrderStatus>,
    /// What happens when an order is paid after its hold has expired.
    pub late_payment: LatePayment,
    /// What happens when an accepted order's money is gone before it was captured.
    pub money_gone: MoneyGone,
    /// How long stock is held for an order that is not paid.
    pub hold: Duration,
}

impl Default for OrderPolicy {
    /// Cancellable until something is shipped; late payments take the stock again; an order whose money is
    /// gone waits for a person; stock is held for 30 minutes.
    fn default() -> Self {
        Self {
            cancellable: vec![
                OrderStatus::Pending,
                OrderStatus::Confirmed,
                OrderStatus::Paid,
                OrderStatus::Processing,
            ],
            late_payment: LatePayment::default(),
            money_gone: MoneyGone::default(),
            hold: HOLD_LIFETIME,
        }
    }
}

/// What happens when an order is paid after its hold has expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LatePayment {
    /// Its stock is taken again; where there is none left, the money goes back.
    #[default]
    ReserveAgain,
    /// The money goes back.
    Refund,
}

/// What happens when an order was accepted because its money was set aside, and that money is gone: the authorisation was given up
/// or has expired, and nothing else is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MoneyGone {
    /// It stays as it is, with a finding: its customer may pay again, or the staff cancels it.
    #[default]
    Review,
    /// It is cancelled, unless a part of it was shipped; then a finding tells.
    Cancel,
}
