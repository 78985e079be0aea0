use crate::conformance::faults::Fault;
use crate::order::OrderStatus::{self, Cancelled, Confirmed, Delivered, Paid, Processing, Refunded};

/// One step of a story. The requests are repeatable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The customer puts units into the cart.
    Fill(&'static str, u32),
    /// The customer orders what is in the cart, and pays with a token.
    Checkout(&'static str),
    /// The customer orders without a cart: of two sellers, captured later.
    OrderLater(&'static str),
    /// The customer orders, and pays in cash.
    OrderCash,
    /// The customer pays what is owed.
    Pay(&'static str),
    /// The customer does what the provider asks, or refuses to.
    Act(bool),
    /// The engine asks the provider, because the customer came back.
    Refresh,
    /// The staff captures.
    Capture(Option<i64>),
    /// The staff gives up what is set aside.
    Void,
    /// The staff notes that cash was taken.
    Record,
    /// The customer cancels all.
    Cancel,
    /// The customer cancels one unit.
    CancelOne,
    /// The staff gives money back.
    Refund(Option<i64>),
    /// Every seller begins.
    Process,
    /// Every seller ships.
    Ship,
    /// All has arrived.
    Deliver,
    /// Another service holds units of tea.
    Reserve(u32),
    /// It buys what it holds.
    Confirm,
    /// It lets go what it holds.
    Release,
    /// Time passes.
    Wait(i64),
    /// The background passes run once.
    Passes,
}

use Step::{
    Act, Cancel, CancelOne, Capture, Checkout, Confirm, Deliver, Fill, OrderCash, OrderLater, Passes, Pay,
    Process, Record, Refresh, Refund, Release, Reserve, Ship, Void, Wait,
};

impl Step {
    /// The simulated provider's token that it is done with.
    pub(super) fn token(&self) -> Option<&'static str> {
        match self {
            Checkout(token) | OrderLater(token) | Pay(token) => Some(token),
            Fill(..) | OrderCash | Act(_) | Refresh | Capture(_) | Void | Record | Cancel | CancelOne
            | Refund(_) | Process | Ship | Deliver | Reserve(_) | Confirm | Release | Wait(_) | Passes => {
                None
            }
        }
    }
}

/// A customer's story.
#[derive(Debug, Clone, Copy)]
pub(super) struct Story {
    /// Its name.
    pub(super) name: &'static str,
    /// What happens.
    pub(super) steps: &'static [Step],
    /// The order's status at the end; `None` when there is no order.
    pub(super) end: Option<OrderStatus>,
    /// How far its end is settled, if only its callers are patient.
    pub(super) ends: Ends,
}

/// How far the end of a story is settled. Whatever it is, the invariants hold at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    /// It ends the same whatever goes wrong on the way.
    Same,
    /// It ends the same whatever goes wrong once. When the call for its money is late twice, the money comes after the order was called
    /// off: then it goes back, and the order stays as cancelled as its customer was told.
    CancelledWhenLateTwice,
    /// Who comes first decides.
    Raced,
}

impl Ends {
    /// Whether a story may end in another way than without faults: with this status, after these faults.
    pub(super) fn allow(self, status: Option<OrderStatus>, faults: &[(u64, Fault)]) -> bool {
        match self {
            Self::Same => false,
            Self::CancelledWhenLateTwice => {
                let late = faults.iter().filter(|(_, fault)| *fault == Fault::Late).count();
                late > 1 && status == Some(Cancelled)
            }
            Self::Raced => true,
        }
    }
}

const fn story(end: OrderStatus, name: &'static str, steps: &'static [Step]) -> Story {
    Story { name, steps, end: Some(end), ends: Ends::Same }
}

const fn race(end: OrderStatus, name: &'static str, steps: &'static [Step]) -> Story {
    Story { name, steps, end: Some(end), ends: Ends::Raced }
}

const fn reservation(name: &'static str, steps: &'static [Step]) -> Story {
    Story { name, steps, end: None, ends: Ends::Same }
}

/// Minutes after which a hold is over.
const OVER: Step = Wait(31);

pub(super) const STORIES: &[Story] = &[
    story(Paid, "a checkout", &[Fill("tea", 2), Fill("coffee", 1), Checkout("sim_approve"), Passes]),
    story(
        Paid,
        "a declined checkout, paid again",
        &[Fill("tea", 1), Checkout("sim_decline"), Pay("sim_approve"), Passes],
    ),
    story(
        Cancelled,
        "a declined checkout, not paid",
        &[Fill("tea", 1), Checkout("sim_decline"), OVER, Passes],
    ),
    story(Paid, "a lost call", &[Fill("tea", 1), Checkout("sim_timeout_before"), Wait(2), Passes]),
    story(Paid, "a lost answer", &[Fill("tea", 1), Checkout("sim_timeout_after"), Wait(2), Passes]),
    story(Paid, "a slow provider", &[Fill("tea", 1), Checkout("sim_slow"), Wait(1), Passes, Wait(5), Passes]),
    story(
        Paid,
        "a confirmation at the bank",
        &[Fill("tea", 1), Checkout("sim_action"), Act(true), Refresh, Passes],
    ),
    story(
        Paid,
        "a consent, and the call after it",
        &[Fill("tea", 1), Checkout("sim_approval"), Act(true), Refresh, Passes],
    ),
    race(
        Cancelled,
        "a consent that is not wanted any more",
        &[Fill("tea", 1), Checkout("sim_approval"), Act(true), Cancel, Passes],
    ),
    story(
        Cancelled,
        "a refusal at the bank",
        &[Fill("tea", 1), Checkout("sim_action"), Act(false), Refresh, OVER, Passes],
    ),
    story(Cancelled, "an expiry", &[Fill("tea", 3), Checkout("sim_action"), OVER, Passes]),
    race(
        Paid,
        "a confirmation after the expiry",
        &[Fill("tea", 3), Checkout("sim_action"), OVER, Act(true), Passes],
    ),
    story(Cancelled, "a cancellation", &[Fill("tea", 2), Checkout("sim_approve"), Cancel, Passes]),
    story(Paid, "a cancellation of one unit", &[Fill("tea", 2), Checkout("sim_approve"), CancelOne, Passes]),
    story(
        Cancelled,
        "a cancellation before the confirmation",
        &[Fill("tea", 2), Checkout("sim_action"), Cancel, Passes],
    ),
    story(
        Cancelled,
        "a cancellation while the answer is lost",
        &[Fill("tea", 2), Checkout("sim_timeout_after"), Cancel, Passes],
    ),
    story(
        Refunded,
        "a refund in parts",
        &[Fill("tea", 2), Checkout("sim_approve"), Refund(Some(300)), Refund(None), Passes],
    ),
    story(
        Refunded,
        "a refund that is declined first",
        &[Fill("tea", 2), Checkout("sim_refund_decline"), Refund(None), Wait(5), Passes],
    ),
    story(
        Processing,
        "an authorisation, captured in parts",
        &[OrderLater("sim_approve"), Capture(Some(500)), Capture(None), Process, Passes],
    ),
    story(Confirmed, "an authorisation, given up", &[OrderLater("sim_approve"), Void, Passes]),
    story(
        Cancelled,
        "an authorisation, cancelled",
        &[OrderLater("sim_approve"), Capture(Some(500)), Cancel, Passes],
    ),
    story(
        Refunded,
        "an order to the door",
        &[Fill("tea", 1), Checkout("sim_approve"), Process, Ship, Deliver, Refund(None), Passes],
    ),
    story(Delivered, "cash on delivery", &[OrderCash, Process, Ship, Record, Deliver, Passes]),
    story(Cancelled, "cash on delivery, cancelled", &[OrderCash, Cancel, Passes]),
    reservation("a reservation that is bought", &[Reserve(4), Confirm, Passes]),
    reservation("a reservation that is let go", &[Reserve(4), Release, Passes]),
    reservation("a reservation that expires", &[Reserve(4), OVER, Passes]),
    Story {
        ends: Ends::CancelledWhenLateTwice,
        ..story(
            Paid,
            "money after the expiry",
            &[Fill("tea", 3), Checkout("sim_slow"), OVER, Passes, Wait(5), Passes],
        )
    },
    race(
        Cancelled,
        "money after the expiry, when all is sold",
        &[Fill("tea", 3), Checkout("sim_slow"), OVER, Passes, Reserve(10), Wait(5), Passes, Confirm],
    ),
];
