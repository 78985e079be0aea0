//! Payments: money for an order, taken through one provider.
//!
//! A [`Payment`] is one tender of an order (several are a split tender). What is done with it — charge, authorise, capture,
//! void, refund — are its [`Operation`]s, each with a status of the [`OPERATION_TABLE`]. The id of an operation exists in the
//! store *before* the provider is called and is the provider's idempotency key, so that a repeated call is never a second
//! charge. What a provider says about an operation is an [`Answer`]; a call whose answer was lost is `unknown`, and only a fact
//! from the provider ends that. What a provider's books say about the whole payment is a [`PaymentReport`].
//!
//! The status of a payment is not stored: [`Payment::status`] reads it off the operations.

mod apply;
mod form;
mod model;
mod operation;
mod report;

pub use model::{CaptureMode, Payment, PaymentAction, PaymentMethod, PaymentStatus, ProviderToken};
pub use operation::{
    Answer, Decline, OPERATION_TABLE, Operation, OperationFact, OperationKind, OperationStatus, Origin,
};
pub use report::{DisputeStatus, PaymentReport, RefundStatus, Release, ReportedDispute, ReportedRefund};
