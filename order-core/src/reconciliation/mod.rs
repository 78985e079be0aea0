//! Reconciliation: a provider's books beside ours, and what differs.
//!
//! [`compare`] is pure: a payment of ours, and what the provider says of it, become a list of [`Difference`]s, each of one
//! [`DifferenceKind`] and with its amounts. Money that no payment of ours stands for is a difference too: [`without_payment`],
//! [`second_object`].
//!
//! Whether a difference can be repaired without a person is not judged here a second time. The provider's books are taken in by the
//! same reducer that takes in a webhook ([`order::observe`](crate::order::observe)); what is gone after a trial of it is
//! [`Repair::Automatic`], everything else is [`Repair::ByHand`], with a [`Remedy`]. Nothing is guessed: what the reducer would not book
//! if it had come by itself is not booked here either.
//!
//! | file | what is in it |
//! |---|---|
//! | `difference` | what may differ, and what is done about it |
//! | `compare` | what differs between a payment and a report |
//! | `stray` | money that no payment of ours stands for |
//!
//! The loop over a window of time is [`service::Reconciliation`](crate::service::Reconciliation).

mod compare;
mod difference;
mod stray;

pub use compare::compare;
pub use difference::{Difference, DifferenceKind, Remedy, Repair};
pub(crate) use stray::at_stake;
pub use stray::{second_object, without_payment};
