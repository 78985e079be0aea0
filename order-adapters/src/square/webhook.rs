use std::fmt;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use order_core::error::Invalid;
use order_core::gateway::{Delivery, Notice, NoticeKind, NoticeReader, Rejected};
use order_core::id::ProviderId;
use order_core::time::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use sha2::Sha256;

use super::object::{Amount, DisputedPayment};
use super::{reading, request};

/// Reads Square's webhooks, and believes only those that are signed with one of the subscription's keys.
///
/// The header `x-square-hmacsha256-signature` is the HMAC-SHA256 of the notification URL and the body as it was sent, in base64
/// (developer.squareup.com/docs/webhooks/step3validate). The URL is the one that the subscription names at Square, which may differ
/// from what a server behind a proxy believes its own to be: so it is configured, and nothing is read off the request.
///
/// **Square signs no time.** A delivery that somebody has recorded is believed for ever. Whoever takes notices in must remember
/// their [`event_id`](Notice::event_id)s, durably, and ask the [books](order_core::gateway::ProviderBooks) what is true now.
/// `Debug` does not show the keys.
///
/// ```
/// use order_adapters::square::SquareWebhooks;
/// use order_core::id::ProviderId;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let url = "https://shop.example/webhooks/square";
/// // Two keys, while one replaces the other.
/// let webhooks = SquareWebhooks::new(ProviderId::new("square")?, url, ["new", "old"])?;
/// assert!(webhooks.read("AAAA", b"{}").is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SquareWebhooks {
    provider: ProviderId,
    notification_url: String,
    keys: Vec<SecretString>,
}

impl SquareWebhooks {
    /// A reader with the notification URL of the subscription, to the letter, and its signature keys: one, or several while one
    /// replaces another. The provider is the name that the gateway has in the engine.
    ///
    /// # Errors
    /// [`Invalid`] without a URL, and without a key, or with an empty one: everybody can sign with that.
    pub fn new<S: Into<String>>(
        provider: ProviderId,
        notification_url: impl Into<String>,
        keys: impl IntoIterator<Item = S>,
    ) -> Result<Self, Invalid> {
        let notification_url = notification_url.into();
        let keys: Vec<String> = keys.into_iter().map(Into::into).collect();
        if notification_url.trim().is_empty() {
            return Err(Invalid::field("/notification_url", "required", "there must be a notification URL"));
        }
        if keys.is_empty() || keys.iter().any(|key| key.trim().is_empty()) {
            return Err(Invalid::field(
                "/keys",
                "required",
                "there must be a signature key, and none may be empty",
            ));
        }
        Ok(Self { provider, notification_url, keys: keys.into_iter().map(SecretString::from).collect() })
    }

    /// Checks the signature of a body, and reads it.
    ///
    /// # Errors
    /// [`Rejected`].
    pub fn read(&self, signature: &str, body: &[u8]) -> Result<Notice, Rejected> {
        self.verify(signature, body)?;
        self.parse(body)
    }

    fn verify(&self, header: &str, body: &[u8]) -> Result<(), Rejected> {
        let signature = STANDARD.decode(header.trim()).map_err(|_| Rejected::Unsigned)?;
        let is_right = |key: &SecretString| {
            let Ok(mac) = Hmac::<Sha256>::new_from_slice(key.expose_secret().as_bytes()) else {
                return false;
            };
            // Compares in constant time, and whole signatures only.
            mac.chain_update(self.notification_url.as_bytes())
                .chain_update(body)
                .verify_slice(&signature)
                .is_ok()
        };
        if self.keys.iter().any(is_right) { Ok(()) } else { Err(Rejected::WrongSignature) }
    }

    fn parse(&self, body: &[u8]) -> Result<Notice, Rejected> {
        let event: Event = serde_json::from_slice(body).map_err(|_| Rejected::Unreadable)?;
        let kind = kind_of(&event.kind);
        let mut notice = Notice::new(self.provider.clone(), event.id, kind, event.kind, event.created_at);
        if kind == NoticeKind::Unknown {
            return Ok(notice);
        }
        let object = event.data.object.unwrap_or_default();
        let object: Subject = serde_json::from_value(object).map_err(|_| Rejected::Unreadable)?;
        let payment = match kind {
            NoticeKind::Payment => {
                let payment = object.payment.ok_or(Rejected::Unreadable)?;
                notice.payment_id = payment.reference_id.as_deref().and_then(|id| id.parse().ok());
                notice.amount = payment.amount_money.as_ref().and_then(reading::money);
                Some(payment.id)
            }
            NoticeKind::Refund => {
                let refund = object.refund.ok_or(Rejected::Unreadable)?;
                notice.operation_id = refund.reason.as_deref().and_then(request::operation_of);
                notice.amount = refund.amount_money.as_ref().and_then(reading::money);
                refund.payment_id
            }
            NoticeKind::Dispute => {
                let dispute = object.dispute.ok_or(Rejected::Unreadable)?;
                notice.amount = dispute.amount_money.as_ref().and_then(reading::money);
                dispute.disputed_payment.and_then(|payment| payment.payment_id)
            }
            NoticeKind::Unknown | _ => None,
        };
        notice.reference = payment.as_deref().and_then(reading::reference);
        Ok(notice)
    }
}

/// What an event is about, by its type.
fn kind_of(event_type: &str) -> NoticeKind {
    match event_type.split('.').next() {
        Some("payment") => NoticeKind::Payment,
        Some("refund") => NoticeKind::Refund,
        // A change of the evidence is one of its own, whose object is no dispute.
        Some("dispute") if !event_type.starts_with("dispute.evidence.") => NoticeKind::Dispute,
        _ => NoticeKind::Unknown,
    }
}

#[async_trait]
impl NoticeReader for SquareWebhooks {
    async fn read(&self, delivery: &Delivery<'_>) -> Result<Notice, Rejected> {
        let signature = delivery.header("x-square-hmacsha256-signature").ok_or(Rejected::Unsigned)?;
        Self::read(self, signature, delivery.body)
    }
}

impl fmt::Debug for SquareWebhooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SquareWebhooks")
            .field("provider", &self.provider)
            .field("notification_url", &self.notification_url)
            .field("keys", &self.keys.len())
            .finish()
    }
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "event_id")]
    id: String,
    #[serde(rename = "type")]
    kind: String,
    created_at: Timestamp,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    #[serde(default)]
    object: Option<serde_json::Value>,
}

/// The object of an event, under the name of what it is.
#[derive(Deserialize)]
struct Subject {
    #[serde(default)]
    payment: Option<PaymentSubject>,
    #[serde(default)]
    refund: Option<RefundSubject>,
    /// Square's SDKs call it an object.
    #[serde(default, alias = "object")]
    dispute: Option<DisputeSubject>,
}

#[derive(Deserialize)]
struct PaymentSubject {
    id: String,
    #[serde(default)]
    reference_id: Option<String>,
    #[serde(default)]
    amount_money: Option<Amount>,
}

#[derive(Deserialize)]
struct RefundSubject {
    #[serde(default)]
    payment_id: Option<String>,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    amount_money: Option<Amount>,
}

#[derive(Deserialize)]
struct DisputeSubject {
    #[serde(default)]
    amount_money: Option<Amount>,
    #[serde(default)]
    disputed_payment: Option<DisputedPayment>,
}
