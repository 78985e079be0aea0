use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use hmac::{Hmac, KeyInit as _, Mac as _};
use order_core::error::Invalid;
use order_core::gateway::{Delivery, Notice, NoticeKind, NoticeReader, Rejected};
use order_core::id::ProviderId;
use order_core::time::{Duration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use sha2::Sha256;

use super::reading;
use super::request::{OPERATION, ORDER, PAYMENT};

/// The most signatures of one header that are looked at. While a secret is rolled there are two.
const MAX_SIGNATURES: usize = 8;

/// Reads Stripe's webhooks, and believes only those that are signed with one of the endpoint's secrets.
///
/// The header `Stripe-Signature` holds a time and one or more signatures, each the HMAC-SHA256 of the time, a dot and the body as
/// it was sent (docs.stripe.com/webhooks/signature). Only scheme `v1` counts. A delivery whose time is more than the tolerance
/// away, in the past or in the future, is refused. `Debug` does not show the secrets.
///
/// ```
/// use order_adapters::stripe::StripeWebhooks;
/// use order_core::id::ProviderId;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // Two secrets, while one replaces the other.
/// let webhooks = StripeWebhooks::new(ProviderId::new("stripe")?, ["whsec_new", "whsec_old"])?;
/// let now = "2026-11-21T12:00:00Z".parse()?;
/// assert!(webhooks.read("t=1795262400,v1=00", b"{}", now).is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct StripeWebhooks {
    provider: ProviderId,
    secrets: Vec<SecretString>,
    tolerance: Duration,
}

impl StripeWebhooks {
    /// How far a delivery's time may be from ours, if nothing else is said: 5 minutes, as in Stripe's own libraries.
    pub const TOLERANCE: Duration = Duration::minutes(5);

    /// A reader with the signing secrets of the endpoint (`whsec_…`): one, or several while one replaces another. The provider is
    /// the name that the gateway has in the engine.
    ///
    /// # Errors
    /// [`Invalid`] without a secret, or with an empty one: everybody can sign with that.
    pub fn new<S: Into<String>>(
        provider: ProviderId,
        secrets: impl IntoIterator<Item = S>,
    ) -> Result<Self, Invalid> {
        let secrets: Vec<String> = secrets.into_iter().map(Into::into).collect();
        if secrets.is_empty() || secrets.iter().any(|secret| secret.trim().is_empty()) {
            return Err(Invalid::field(
                "/secrets",
                "required",
                "there must be a signing secret, and none may be empty",
            ));
        }
        let secrets = secrets.into_iter().map(SecretString::from).collect();
        Ok(Self { provider, secrets, tolerance: Self::TOLERANCE })
    }

    /// How far a delivery's time may be from ours, to both sides.
    #[must_use]
    pub fn tolerance(mut self, tolerance: Duration) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Checks the signature of a body, and reads it.
    ///
    /// # Errors
    /// [`Rejected`].
    pub fn read(&self, signature: &str, body: &[u8], now: Timestamp) -> Result<Notice, Rejected> {
        self.verify(signature, body, now)?;
        self.parse(body)
    }

    fn verify(&self, header: &str, body: &[u8], now: Timestamp) -> Result<(), Rejected> {
        let Signed { time, signatures } = Signed::parse(header).ok_or(Rejected::Unsigned)?;
        let is_right = |secret: &SecretString, signature: &[u8; 32]| {
            let Ok(mac) = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()) else {
                return false;
            };
            let mac = mac.chain_update(time.as_bytes()).chain_update(b".").chain_update(body);
            // Compares in constant time.
            mac.verify_slice(signature).is_ok()
        };
        if !self.secrets.iter().any(|secret| signatures.iter().any(|signature| is_right(secret, signature))) {
            return Err(Rejected::WrongSignature);
        }
        let sent = time.parse().ok().and_then(|seconds| Timestamp::from_timestamp(seconds, 0));
        let sent = sent.ok_or(Rejected::Unsigned)?;
        if (now - sent).abs() > self.tolerance {
            return Err(Rejected::OutsideWindow);
        }
        Ok(())
    }

    fn parse(&self, body: &[u8]) -> Result<Notice, Rejected> {
        let event: Event = serde_json::from_slice(body).map_err(|_| Rejected::Unreadable)?;
        let created = Timestamp::from_timestamp(event.created, 0).ok_or(Rejected::Unreadable)?;
        let kind = kind_of(&event.kind);
        let mut notice = Notice::new(self.provider.clone(), event.id, kind, event.kind, created);
        if kind == NoticeKind::Unknown {
            return Ok(notice);
        }
        let object: Subject = serde_json::from_value(event.data.object).map_err(|_| Rejected::Unreadable)?;
        let ours = |name: &str| object.metadata.as_ref().and_then(|metadata| metadata.get(name));
        notice.order_id = ours(ORDER).and_then(|id| id.parse().ok());
        notice.payment_id = ours(PAYMENT).and_then(|id| id.parse().ok());
        notice.operation_id = ours(OPERATION).and_then(|id| id.parse().ok());
        let intent = if object.class == "payment_intent" {
            object.id.as_deref()
        } else {
            object.payment_intent.as_deref()
        };
        notice.reference = intent.and_then(reading::reference);
        let is_refunded_charge = object.class == "charge" && kind == NoticeKind::Refund;
        let units = if is_refunded_charge { object.amount_refunded } else { object.amount };
        notice.amount =
            units.zip(object.currency.as_deref()).and_then(|(units, code)| reading::money(units, code));
        Ok(notice)
    }
}

/// What an event is about, by its type.
fn kind_of(event_type: &str) -> NoticeKind {
    match event_type {
        "charge.refunded" | "charge.refund.updated" => NoticeKind::Refund,
        _ if event_type.starts_with("refund.") => NoticeKind::Refund,
        _ if event_type.starts_with("charge.dispute.") => NoticeKind::Dispute,
        _ if event_type.starts_with("charge.") || event_type.starts_with("payment_intent.") => {
            NoticeKind::Payment
        }
        _ => NoticeKind::Unknown,
    }
}

#[async_trait]
impl NoticeReader for StripeWebhooks {
    async fn read(&self, delivery: &Delivery<'_>) -> Result<Notice, Rejected> {
        let signature = delivery.header("stripe-signature").ok_or(Rejected::Unsigned)?;
        Self::read(self, signature, delivery.body, delivery.received_at)
    }
}

impl fmt::Debug for StripeWebhooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StripeWebhooks")
            .field("provider", &self.provider)
            .field("secrets", &self.secrets.len())
            .field("tolerance", &self.tolerance)
            .finish()
    }
}

/// The header `Stripe-Signature`, taken apart.
struct Signed<'a> {
    /// The time as it was written: it is signed as text.
    time: &'a str,
    signatures: Vec<[u8; 32]>,
}

impl<'a> Signed<'a> {
    fn parse(header: &'a str) -> Option<Self> {
        let mut time = None;
        let mut signatures = Vec::new();
        for part in header.split(',') {
            match part.trim().split_once('=') {
                Some(("t", _)) if time.is_some() => return None,
                Some(("t", text)) => time = Some(text),
                Some(("v1", hex)) if signatures.len() < MAX_SIGNATURES => signatures.extend(unhex(hex)),
                Some(_) | None => {}
            }
        }
        let is_number = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let time = time.filter(is_number)?;
        (!signatures.is_empty()).then_some(Self { time, signatures })
    }
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> =
        text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits
        .chunks_exact(2)
        .map(|pair| pair.iter().fold(0_u8, |byte, digit| byte.wrapping_shl(4) | digit))
        .collect();
    (digits.len() == 64).then(|| bytes.try_into().ok())?
}

#[derive(Deserialize)]
struct Event {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    created: i64,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    object: serde_json::Value,
}

/// The object of an event, whatever it is.
#[derive(Deserialize)]
struct Subject {
    #[serde(default, rename = "object")]
    class: String,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    payment_intent: Option<String>,
    #[serde(default)]
    amount: Option<i64>,
    #[serde(default)]
    amount_refunded: Option<i64>,
    #[serde(default)]
    currency: Option<String>,
    #[serde(default)]
    metadata: Option<BTreeMap<String, String>>,
}
