use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::error::BoxError;
use crate::id::{OperationId, OrderId, PaymentId, ProviderId, ProviderReference};
use crate::inbox::Decision;
use crate::money::Money;
use crate::time::Timestamp;

/// What a provider tells of its own accord: a webhook whose signature was checked, in words that are no provider's.
///
/// It says *what has changed*, not what is true now: notices come late, doubled and in any order. Whoever takes one in asks the
/// provider about the payment: its [books](crate::gateway::ProviderBooks) tell what is true now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Notice {
    /// The provider.
    pub provider: ProviderId,
    /// The provider's name for this event. The same event may come several times: this tells.
    pub event_id: String,
    /// What it is about.
    pub kind: NoticeKind,
    /// The provider's own word for the kind, e.g. `payment_intent.succeeded`.
    pub event_type: String,
    /// Our order, where the provider's object carries it.
    pub order_id: Option<OrderId>,
    /// Our payment, where the provider's object carries it.
    pub payment_id: Option<PaymentId>,
    /// Our operation, where the provider's object carries it.
    pub operation_id: Option<OperationId>,
    /// What the provider calls the payment it is about, as in [`Payment::reference`](crate::payment::Payment::reference).
    pub reference: Option<ProviderReference>,
    /// How much it is about, where it says so in a form that can be trusted to the minor unit.
    pub amount: Option<Money>,
    /// When it happened, by the provider's clock.
    pub created_at: Timestamp,
    /// What the staff has decided, where the notice is no provider's: it is about money that no order stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
}

/// What a notice is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NoticeKind {
    /// A charge, an authorisation, a capture, or their end.
    Payment,
    /// Money that goes back, or failed to.
    Refund,
    /// The customer disputes a charge, or such a dispute has ended.
    Dispute,
    /// Money at the provider that no order stands for is to go back: the staff's decision, and no provider's word.
    Orphan,
    /// Something that this library does not know. It is kept, and changes nothing.
    Unknown,
}

impl Notice {
    /// A notice of an event, about nothing of ours so far.
    pub fn new(
        provider: ProviderId,
        event_id: impl Into<String>,
        kind: NoticeKind,
        event_type: impl Into<String>,
        created_at: Timestamp,
    ) -> Self {
        Self {
            provider,
            event_id: event_id.into(),
            kind,
            event_type: event_type.into(),
            order_id: None,
            payment_id: None,
            operation_id: None,
            reference: None,
            amount: None,
            created_at,
            decision: None,
        }
    }
}

/// A webhook as it arrived.
#[derive(Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "whoever receives one writes it as a literal")]
pub struct Delivery<'a> {
    /// The headers, as they were sent.
    pub headers: &'a [(String, String)],
    /// The body, byte for byte: signatures are over it, and not over what it means.
    pub body: &'a [u8],
    /// When it arrived, by our clock.
    pub received_at: Timestamp,
}

impl Delivery<'_> {
    /// A header, whatever the case of its name. A header that came twice is none: nobody knows which one was meant.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        let first = found.next().map(|(_, value)| value.as_str());
        first.filter(|_| found.next().is_none())
    }
}

impl fmt::Debug for Delivery<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Delivery({} headers, {} bytes)", self.headers.len(), self.body.len())
    }
}

/// Tells whether a webhook is a provider's, and what it says.
#[async_trait]
pub trait NoticeReader: fmt::Debug + Send + Sync {
    /// Checks who has sent it, and reads it. Types of events that are not known become [`NoticeKind::Unknown`], no error. No provider
    /// makes a [`NoticeKind::Orphan`].
    ///
    /// # Errors
    /// [`Rejected`].
    async fn read(&self, delivery: &Delivery<'_>) -> Result<Notice, Rejected>;
}

impl Rejected {
    /// A stable code for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unsigned => "webhook_unsigned",
            Self::WrongSignature => "webhook_wrong_signature",
            Self::OutsideWindow => "webhook_outside_window",
            Self::Unreadable => "webhook_unreadable",
            Self::TooLarge => "body_too_large",
            Self::Unavailable(_) => "service_unavailable",
        }
    }
}

/// Why a webhook is not believed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Rejected {
    /// It carries no signature, or one in no form that the provider documents.
    #[error("the webhook is not signed")]
    Unsigned,
    /// Nobody who knows one of our secrets has signed this.
    #[error("the webhook's signature is wrong")]
    WrongSignature,
    /// It was signed too long ago, or in the future: it may be a recording.
    #[error("the webhook's time is outside the window")]
    OutsideWindow,
    /// It is signed, and not what the provider documents.
    #[error("the webhook can't be read")]
    Unreadable,
    /// Its body is larger than any that a provider documents.
    #[error("the webhook's body is too large")]
    TooLarge,
    /// What the check needs (a certificate, the provider itself) can't be had now. The provider should send it again.
    #[error("the webhook can't be checked now")]
    Unavailable(
        /// Why.
        #[source]
        BoxError,
    ),
}
