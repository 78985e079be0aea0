//! The inbox: what payment providers tell of their own accord, from the moment it is taken in until it has been attended to; and what
//! the staff has decided about money there that no order stands for.
//!
//! A provider's webhook is kept before it is answered: an [`InboxEntry`] for each of the provider's events, whose name makes it
//! unique, however often it is delivered. Then somebody attends to it: whoever has received it, or the pass
//! [`attend`](crate::service::Passes::attend), on any instance. To attend to a notice is to find out which payment it is about, to ask
//! the provider what is true of that payment now, and to take the answer in. So a notice may come late, doubled and in any order.
//!
//! What can't be attended to yet is *parked*: its order is not there, or the provider does not answer. It is tried again, less
//! and less often, and the staff sees it with the reason. Nothing that was acknowledged is ever dropped.
//!
//! A [`Decision`] about an orphan goes the same way: it is kept before the provider is told, and whoever has made it, or the pass, tells
//! the provider, until it has said what became of that
//! ([`Reconciliation::return_orphan`](crate::service::Reconciliation::return_orphan)).

mod decision;
mod entry;

pub use decision::Decision;
pub use entry::{INBOX_TABLE, InboxEntry, InboxMove, InboxStatus, NoticeKey, Settlement};
