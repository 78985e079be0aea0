//! The simulated provider tells of its own accord what has happened there.

use std::collections::HashMap;
use std::fmt::{self, Write as _};

use async_trait::async_trait;

use super::provider::Provider;
use super::{SimulatedGateway, lock};
use crate::error::Invalid;
use crate::gateway::{Delivery, Instruction, Notice, NoticeKind, NoticeReader, Rejected};
use crate::id::{OperationId, OrderId, PaymentId, ProviderId, ProviderReference};
use crate::payment::OperationKind;
use crate::time::{Duration, Timestamp};

/// The webhooks of the simulated provider: how they are signed, and who reads them.
///
/// They are **simulated**: the header `simulated-signature` holds the time of sending and a secret as it is
/// (`t=1767225600,secret=…`), and the body is lines of `name=value`. Nothing is computed from the body, so that whoever sees one webhook
/// can forge others. Real providers' adapters check real signatures. `Debug` does not show the secrets.
#[derive(Clone)]
pub struct SimulatedWebhooks {
    provider: ProviderId,
    secrets: Vec<String>,
}

/// A webhook that the simulated provider sends.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SimulatedDelivery {
    /// Its headers.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: String,
}

impl SimulatedDelivery {
    /// The webhook as it arrives at a time.
    pub fn arriving(&self, received_at: Timestamp) -> Delivery<'_> {
        Delivery { headers: &self.headers, body: self.body.as_bytes(), received_at }
    }
}

/// What has happened at the provider and was not sent yet.
#[derive(Debug, Default)]
pub(super) struct Happenings {
    waiting: Vec<Happening>,
    /// How much has happened to each payment: the same acts have the same names, also when they are done again after a restart.
    counts: HashMap<PaymentId, u64>,
}

/// Something that has happened.
#[derive(Debug)]
struct Happening {
    event_id: String,
    event_type: &'static str,
    /// What the provider calls the payment.
    reference: Option<ProviderReference>,
    /// The payment, the order and the operation, where we told it.
    ours: Option<(PaymentId, OrderId, OperationId)>,
}

impl SimulatedWebhooks {
    /// The header with the signature.
    pub const HEADER: &'static str = "simulated-signature";
    /// How far the time of sending may be from ours, to both sides: as with real providers.
    pub const TOLERANCE: Duration = Duration::minutes(5);

    /// Webhooks that are signed with the first of these secrets, and believed with any of them: two, while one replaces the other.
    ///
    /// # Errors
    /// [`Invalid`] without a secret, or with one that is empty or could not stand in a header.
    pub fn new<S: Into<String>>(
        provider: ProviderId,
        secrets: impl IntoIterator<Item = S>,
    ) -> Result<Self, Invalid> {
        let secrets: Vec<String> = secrets.into_iter().map(Into::into).collect();
        let fits = |secret: &String| {
            !secret.is_empty() && secret.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',')
        };
        if secrets.is_empty() || !secrets.iter().all(fits) {
            let detail = "there must be a secret, and each must be visible ASCII without commas";
            return Err(Invalid::field("/secrets", "required", detail));
        }
        Ok(Self { provider, secrets })
    }

    fn delivery(&self, happening: &Happening, now: Timestamp) -> SimulatedDelivery {
        let Happening { event_id, event_type, reference, ours } = happening;
        let mut body = format!("id={event_id}\ntype={event_type}\ncreated={}\n", now.timestamp_millis());
        if let Some(reference) = reference {
            let _ = writeln!(body, "reference={reference}");
        }
        if let Some((payment, order, operation)) = ours {
            let _ = write!(body, "payment_id={payment}\norder_id={order}\noperation_id={operation}\n");
        }
        self.sign(body, now)
    }

    /// Any body, signed with the first secret.
    pub fn sign(&self, body: String, now: Timestamp) -> SimulatedDelivery {
        let secret = self.secrets.first().map_or("", String::as_str);
        let signature = format!("t={},secret={secret}", now.timestamp());
        SimulatedDelivery { headers: vec![(Self::HEADER.to_owned(), signature)], body }
    }

    fn verify(&self, delivery: &Delivery<'_>) -> Result<(), Rejected> {
        let header = delivery.header(Self::HEADER).ok_or(Rejected::Unsigned)?;
        let (time, secret) = header.split_once(',').ok_or(Rejected::Unsigned)?;
        let secret = secret.strip_prefix("secret=").ok_or(Rejected::Unsigned)?;
        let seconds = time.strip_prefix("t=").and_then(|seconds| seconds.parse().ok());
        let sent =
            seconds.and_then(|seconds| Timestamp::from_timestamp(seconds, 0)).ok_or(Rejected::Unsigned)?;
        // All are compared, so that the time tells nothing of which it was.
        if self.secrets.iter().filter(|known| same(known.as_bytes(), secret.as_bytes())).count() == 0 {
            return Err(Rejected::WrongSignature);
        }
        if (delivery.received_at - sent).abs() > Self::TOLERANCE {
            return Err(Rejected::OutsideWindow);
        }
        Ok(())
    }

    fn parse(&self, body: &[u8]) -> Option<Notice> {
        let body = std::str::from_utf8(body).ok()?;
        let field = |name: &str| body.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        let event_type = field("type")?;
        let created = Timestamp::from_timestamp_millis(field("created")?.parse().ok()?)?;
        let mut notice =
            Notice::new(self.provider.clone(), field("id")?, kind_of(event_type), event_type, created);
        notice.payment_id = field("payment_id").and_then(|id| id.parse().ok());
        notice.order_id = field("order_id").and_then(|id| id.parse().ok());
        notice.operation_id = field("operation_id").and_then(|id| id.parse().ok());
        notice.reference = field("reference").and_then(|reference| reference.parse().ok());
        Some(notice)
    }
}

fn kind_of(event_type: &str) -> NoticeKind {
    match event_type {
        PAYMENT => NoticeKind::Payment,
        REFUND => NoticeKind::Refund,
        DISPUTE => NoticeKind::Dispute,
        _ => NoticeKind::Unknown,
    }
}

/// The types of the provider's events.
pub(super) const PAYMENT: &str = "payment.changed";
pub(super) const REFUND: &str = "refund.changed";
pub(super) const DISPUTE: &str = "dispute.changed";

/// Compares in a time that depends on the lengths only.
fn same(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len()
        && left.iter().zip(right).fold(0, |found, (left, right)| found | (left ^ right)) == 0
}

#[async_trait]
impl NoticeReader for SimulatedWebhooks {
    async fn read(&self, delivery: &Delivery<'_>) -> Result<Notice, Rejected> {
        self.verify(delivery)?;
        self.parse(delivery.body).ok_or(Rejected::Unreadable)
    }
}

impl fmt::Debug for SimulatedWebhooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatedWebhooks")
            .field("provider", &self.provider)
            .field("secrets", &self.secrets.len())
            .finish()
    }
}

impl SimulatedGateway {
    /// A provider that tells of its own accord what happens there. Somebody has to [take](Self::take_webhooks) what it sends.
    pub fn with_webhooks(webhooks: SimulatedWebhooks) -> Self {
        let gateway = Self { webhooks: Some(webhooks), ..Self::default() };
        lock(&gateway.provider).happenings = Some(Happenings::default());
        gateway
    }

    /// What the provider has to send: a webhook for each thing that has happened there since the last time, oldest first, signed now.
    /// Nothing, unless it was made [with webhooks](Self::with_webhooks).
    pub fn take_webhooks(&self, now: Timestamp) -> Vec<SimulatedDelivery> {
        let Some(webhooks) = &self.webhooks else { return Vec::new() };
        let waiting = lock(&self.provider)
            .happenings
            .as_mut()
            .map(|happenings| std::mem::take(&mut happenings.waiting));
        waiting.unwrap_or_default().iter().map(|happening| webhooks.delivery(happening, now)).collect()
    }
}

impl Provider {
    /// Something has become of an instruction. The provider knows what it was told with it.
    pub(super) fn tell_of(&mut self, instruction: &Instruction) {
        let Instruction { key, kind, first_key, payment_id, order_id, .. } = *instruction;
        let event_type = if kind == OperationKind::Refund { REFUND } else { PAYMENT };
        self.tell(event_type, payment_id, first_key, Some((payment_id, order_id, key)));
    }

    /// Something has happened to an account without us: the provider has only its own name for the payment.
    pub(super) fn tell_by_hand(&mut self, event_type: &'static str, payment_id: PaymentId) {
        if let Some(first_key) = self.first_key(payment_id) {
            self.tell(event_type, payment_id, first_key, None);
        }
    }

    fn tell(
        &mut self,
        event_type: &'static str,
        payment_id: PaymentId,
        first_key: OperationId,
        ours: Option<(PaymentId, OrderId, OperationId)>,
    ) {
        let Some(happenings) = &mut self.happenings else { return };
        let count = happenings.counts.entry(payment_id).or_default();
        *count = count.saturating_add(1);
        let event_id = format!("sim_evt_{}_{count}", first_key.uuid().simple());
        let reference = super::dashboard::reference(first_key);
        happenings.waiting.push(Happening { event_id, event_type, reference, ours });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{Clock as _, ManualClock};

    #[tokio::test]
    async fn both_secrets_are_believed_while_one_replaces_the_other() {
        let webhooks = |secrets: &[&str]| {
            SimulatedWebhooks::new(ProviderId::new("simulated").unwrap(), secrets.iter().copied())
        };
        let now = ManualClock::default().now();
        let body = "id=sim_evt_1\ntype=something.new\ncreated=5\n";
        let rolling = webhooks(&["new", "old"]).unwrap();
        for (signer, is_believed) in [("old", true), ("new", true), ("other", false)] {
            let sent = webhooks(&[signer]).unwrap().sign(body.to_owned(), now);
            let read = rolling.read(&sent.arriving(now)).await;
            assert_eq!(read.is_ok(), is_believed, "{signer}: {read:?}");
        }
        for secrets in [&[] as &[&str], &[""], &["new", ""], &["a,b"], &["a b"], &["é"]] {
            assert!(webhooks(secrets).is_err(), "{secrets:?}");
        }
        assert!(!format!("{rolling:?}").contains("old"));
    }
}
