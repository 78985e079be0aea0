//! The inbox: what payment providers tell of their own accord, from the moment it is taken in until it has been attended to.
//!
//! A provider's webhook is kept before it is answered: an [`InboxEntry`] for each of the provider's events, whose name makes it
//! unique, however often it is delivered. Then somebody attends to it: whoever has received it, or the pass
//! [`attend`](crate::service::Passes::attend), on any instance. To attend to a notice is to find out which payment it is about, to ask
//! the provider what is true of that payment now, and to take the answer in. So a notice may come late, doubled and in any order.
//!
//! What can't be attended to yet is *parked*: its order is not there, or the provider does not answer. It is tried again, less
//! and less often, and the staff sees it with the reason. Nothing that was acknowledged is ever dropped.

mod entry;

pub use entry::{INBOX_TABLE, InboxEntry, InboxMove, InboxStatus, NoticeKey, Settlement};
