use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use order_core::error::Invalid;
use order_core::gateway::{Delivery, Notice, NoticeKind, NoticeReader, Rejected};
use order_core::id::{OperationId, ProviderId};
use order_core::time::{Duration, Timestamp};
use rustls_pki_types::{CertificateDer, ServerName};
use serde::Deserialize;

use super::certificate::{Chain, Kept, Trust};
use super::object::{Amount, DisputedTransaction, SupplementaryData, Unit};
use super::{reading, request, search};

/// Where PayPal's certificates are.
const HOSTS: [&str; 2] = ["api.paypal.com", "api.sandbox.paypal.com"];

/// To whom they are issued.
const NAMES: [&str; 2] =
    ["messageverificationcerts.paypal.com", "messageverificationcerts.sandbox.paypal.com"];

/// Reads PayPal's webhooks, and believes only those that PayPal has signed for one of our webhooks.
///
/// The signature (`SHA256withRSA`) is over the transmission's id and time, the id of the webhook (the subscription, not the event) and
/// the CRC-32 of the body as it was sent. The certificate is fetched from where the delivery says, if that is https and one of
/// PayPal's hosts; it is kept for half a day. It must lead to a root of [webpki-roots](https://docs.rs/webpki-roots), be valid at
/// the time, and be issued to PayPal's name.
///
/// ```
/// use order_adapters::paypal::PayPalWebhooks;
/// use order_core::gateway::{Delivery, NoticeReader as _};
/// use order_core::id::ProviderId;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // Two ids, while one webhook replaces the other.
/// let webhooks = PayPalWebhooks::new(ProviderId::new("paypal")?, ["1JE4291016473214C", "8PT597110X687430L"])?;
/// let delivery = Delivery { headers: &[], body: b"{}", received_at: "2026-11-21T12:00:00Z".parse()? };
/// assert!(webhooks.read(&delivery).await.is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PayPalWebhooks {
    provider: ProviderId,
    webhook_ids: Vec<String>,
    trust: Trust,
    past: Duration,
    future: Duration,
    kept: Kept,
}

impl PayPalWebhooks {
    /// How old a delivery may be, if nothing else is said: as long as PayPal tries again, which is three days. Whether a repetition
    /// carries a new time its documents don't tell; a repetition of the same event is told by the event's id.
    pub const PAST: Duration = Duration::days(3);

    /// How far in the future a delivery's time may be, if nothing else is said.
    pub const FUTURE: Duration = Duration::minutes(5);

    /// A reader for webhooks with these ids: one, or several while one replaces another. The provider is the name that the gateway
    /// has in the engine.
    ///
    /// # Errors
    /// [`Invalid`] without an id, or with one that is none.
    pub fn new<S: Into<String>>(
        provider: ProviderId,
        webhook_ids: impl IntoIterator<Item = S>,
    ) -> Result<Self, Invalid> {
        let webhook_ids: Vec<String> = webhook_ids.into_iter().map(Into::into).collect();
        let is_id = |id: &String| !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if webhook_ids.is_empty() || !webhook_ids.iter().all(is_id) {
            return Err(Invalid::field("/webhook_ids", "required", "there must be the id of a webhook"));
        }
        let trust = Trust {
            hosts: HOSTS.map(str::to_owned).to_vec(),
            names: NAMES.iter().filter_map(|name| ServerName::try_from(*name).ok()).collect(),
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        let (past, future) = (Self::PAST, Self::FUTURE);
        Ok(Self { provider, webhook_ids, trust, past, future, kept: Kept::default() })
    }

    /// Where certificates may come from, instead of PayPal's hosts: a stand-in's. Plain http is taken for the same machine only.
    #[must_use]
    pub fn certificate_hosts<S: Into<String>>(mut self, hosts: impl IntoIterator<Item = S>) -> Self {
        self.trust.hosts = hosts.into_iter().map(Into::into).collect();
        self
    }

    /// Which roots are trusted, instead of the public ones: certificates as DER.
    ///
    /// # Errors
    /// [`Invalid`] when one is no certificate.
    pub fn certificate_roots(mut self, roots: &[&[u8]]) -> Result<Self, Invalid> {
        let read = |root: &&[u8]| {
            let root = CertificateDer::from_slice(root);
            webpki::anchor_from_trusted_cert(&root).map(|anchor| anchor.to_owned())
        };
        let roots: Result<Vec<_>, _> = roots.iter().map(read).collect();
        self.trust.roots =
            roots.map_err(|_| Invalid::field("/roots", "invalid_certificate", "must be a certificate"))?;
        Ok(self)
    }

    /// How far a delivery's time may be from ours: in the past, and in the future.
    #[must_use]
    pub fn tolerance(mut self, past: Duration, future: Duration) -> Self {
        (self.past, self.future) = (past, future);
        self
    }

    async fn verify(&self, delivery: &Delivery<'_>) -> Result<(), Rejected> {
        let header = |name: &str| delivery.header(name).ok_or(Rejected::Unsigned);
        let (id, time) = (header("paypal-transmission-id")?, header("paypal-transmission-time")?);
        let (url, algorithm) = (header("paypal-cert-url")?, header("paypal-auth-algo")?);
        let signature =
            STANDARD.decode(header("paypal-transmission-sig")?).map_err(|_| Rejected::Unsigned)?;
        if algorithm != "SHA256withRSA" {
            return Err(Rejected::Unsigned);
        }
        let now = delivery.received_at;
        let age = now - search::time(time).ok_or(Rejected::Unsigned)?;
        if age > self.past || -age > self.future {
            return Err(Rejected::OutsideWindow);
        }
        let chain = self.chain(url, now).await?;
        let sum = crc32fast::hash(delivery.body);
        let is_right = |webhook: &String| {
            chain.has_signed(format!("{id}|{time}|{webhook}|{sum}").as_bytes(), &signature)
        };
        if self.webhook_ids.iter().any(is_right) { Ok(()) } else { Err(Rejected::WrongSignature) }
    }

    /// PayPal's certificate at an address: kept, or fetched.
    async fn chain(&self, url: &str, now: Timestamp) -> Result<Arc<Chain>, Rejected> {
        let kept = self.kept.get(url, now);
        let is_kept = kept.is_some();
        let chain = match kept {
            Some(chain) => chain,
            None => Arc::new(self.trust.fetch(url).await?),
        };
        if !self.trust.believes(&chain, now) {
            return Err(Rejected::WrongSignature);
        }
        if !is_kept {
            self.kept.put(url, &chain, now);
        }
        Ok(chain)
    }

    fn parse(&self, body: &[u8]) -> Result<Notice, Rejected> {
        let event: Event = serde_json::from_slice(body).map_err(|_| Rejected::Unreadable)?;
        let created = search::time(&event.create_time).ok_or(Rejected::Unreadable)?;
        let kind = kind_of(&event.kind);
        let mut notice = Notice::new(self.provider.clone(), event.id, kind, event.kind, created);
        if kind == NoticeKind::Unknown {
            return Ok(notice);
        }
        let resource: Subject = serde_json::from_value(event.resource).map_err(|_| Rejected::Unreadable)?;
        let unit = resource.purchase_units.first();
        let disputed = resource.disputed_transactions.first();
        let custom_id = resource
            .custom_id
            .or_else(|| unit.and_then(|unit| unit.custom_id.clone()))
            .or_else(|| disputed.and_then(|disputed| disputed.custom.clone()));
        if let Some((order, payment, operation)) = custom_id.as_deref().and_then(request::ours) {
            // A capture carries the name of the authorisation, and its own operation as its invoice.
            let own: Option<OperationId> = resource.invoice_id.and_then(|invoice| invoice.parse().ok());
            notice.order_id = Some(order);
            notice.payment_id = Some(payment);
            notice.operation_id = Some(own.unwrap_or(operation));
        }
        let is_order = notice.event_type.starts_with("CHECKOUT.ORDER.");
        let related = resource.supplementary_data.and_then(|data| data.related_ids?.order_id);
        let order = if is_order { resource.id } else { related };
        notice.reference = order.as_deref().and_then(reading::reference);
        let amount = resource.amount.as_ref().or(resource.dispute_amount.as_ref());
        let amount = amount.or_else(|| unit.and_then(|unit| unit.amount.as_ref()));
        notice.amount = amount.and_then(reading::money);
        Ok(notice)
    }
}

/// What an event is about, by its type.
fn kind_of(event_type: &str) -> NoticeKind {
    let is = |prefix: &str| event_type.starts_with(prefix);
    match event_type {
        "PAYMENT.CAPTURE.REFUNDED" => NoticeKind::Refund,
        // PayPal has taken the money back.
        "PAYMENT.CAPTURE.REVERSED" => NoticeKind::Dispute,
        _ if is("PAYMENT.REFUND.") => NoticeKind::Refund,
        _ if is("CUSTOMER.DISPUTE.") || is("RISK.DISPUTE.") => NoticeKind::Dispute,
        _ if is("PAYMENT.CAPTURE.") || is("PAYMENT.AUTHORIZATION.") || is("CHECKOUT.ORDER.") => {
            NoticeKind::Payment
        }
        _ => NoticeKind::Unknown,
    }
}

#[async_trait]
impl NoticeReader for PayPalWebhooks {
    async fn read(&self, delivery: &Delivery<'_>) -> Result<Notice, Rejected> {
        self.verify(delivery).await?;
        self.parse(delivery.body)
    }
}

impl fmt::Debug for PayPalWebhooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PayPalWebhooks")
            .field("provider", &self.provider)
            .field("webhook_ids", &self.webhook_ids)
            .field("certificate_hosts", &self.trust.hosts)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Event {
    id: String,
    #[serde(rename = "event_type")]
    kind: String,
    create_time: String,
    resource: serde_json::Value,
}

/// The resource of an event, whatever it is.
#[derive(Deserialize)]
struct Subject {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    custom_id: Option<String>,
    #[serde(default)]
    invoice_id: Option<String>,
    #[serde(default)]
    amount: Option<Amount>,
    #[serde(default)]
    supplementary_data: Option<SupplementaryData>,
    #[serde(default)]
    purchase_units: Vec<Unit>,
    #[serde(default)]
    disputed_transactions: Vec<DisputedTransaction>,
    #[serde(default)]
    dispute_amount: Option<Amount>,
}
