//! Orders: their state, their status table, and every decision about them.
//!
//! An [`Order`] is the fold of its [events](OrderEvent). A decision — [`NewOrder::place`], [`cancel`], [`ship`], [`refund`] … — is
//! a plain function that records events in a [`Draft`]; recording applies them, and brings their effect on stock along. What
//! follows from them is added by [`settle`]: a paid order's stock is sold, a cancelled one's money goes back. The draft becomes
//! one [`WriteSet`](crate::store::WriteSet).
//!
//! | file | what it decides |
//! |---|---|
//! | `place` | a new order |
//! | `pay` | paying, capturing, giving up, giving back |
//! | `answer` | what a provider's answer means for the order |
//! | `observe` | what a provider's books mean for it |
//! | `finding` | what a person should look at, and what they say about it |
//! | `cancel` | cancelling, wholly or in part; expiry |
//! | `fulfil` | taking up, shipping, delivering |
//! | `settle` | what follows from all of it |
//! | `apply` | how each event changes the state |
//! | `balance` | what its money comes to |

mod answer;
mod apply;
mod balance;
mod cancel;
mod draft;
mod event;
mod event_form;
pub(crate) mod finding;
mod fulfil;
mod line_form;
mod model;
mod number;
pub(crate) mod observe;
mod order_form;
mod pay;
mod place;
mod policy;
pub(crate) mod settle;
mod status;

pub use answer::{answer, is_wanted};
pub use balance::OrderPaymentStatus;
pub use cancel::{Units, cancel, expire};
pub use draft::{Context, Draft};
pub use event::{Actor, CancelledUnits, EventRecord, OrderEvent};
pub use finding::{Finding, FindingKind, FindingStatus, Resolution, resolve};
pub use fulfil::{MAX_TRACKING, deliver, process, ship};
pub use model::{CancelCause, Cancellation, Contact, Hold, LineStatus, Order, OrderLine, OrderTimestamps};
pub use number::{NumberStrategy, RandomNumbers};
pub use observe::observe;
pub use pay::{Tender, capture, pay, record_payment, refund, void};
pub use place::{NewLine, NewOrder, totals_add_up};
pub use policy::{LatePayment, MoneyGone, OrderPolicy};
pub use settle::settle;
pub use status::{ORDER_TABLE, OrderMove, OrderStatus};
