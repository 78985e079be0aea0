//! PayPal, and its stand-in.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use order_adapters::paypal::{PayPalGateway, PayPalWebhooks};
use order_core::error::BoxError;
use order_core::gateway::{GatewayError, NoticeReader};
use order_core::id::PaymentId;
use order_core::money::{Currency, Money};
use order_core::time::Clock;
use order_fake_providers::paypal::{self as fake, FakePayPal};
use order_fake_providers::wire::Wire;
use secrecy::{ExposeSecret as _, SecretString};

use super::stand_in::{Account, Letter, StandIn};
use super::{
    DisputeRight, OpenProvider, Provider, ProviderKind, Rules, Surroundings, details, is_plain, needs,
};
use crate::config::Mode;
use crate::source::Source;

pub(super) const CLIENT_ID: &str = "PAYPAL_CLIENT_ID";
const CLIENT_SECRET: &str = "PAYPAL_CLIENT_SECRET";
const WEBHOOK_IDS: &str = "PAYPAL_WEBHOOK_IDS";
const WEBHOOK_ROOT: &str = "PAYPAL_WEBHOOK_ROOT";
const BASE_URL: &str = "PAYPAL_BASE_URL";

/// Where PayPal is.
const DEFAULT_BASE_URL: &str = "https://api-m.paypal.com";
/// A part of the address of its sandbox.
const SANDBOX: &str = ".sandbox.paypal.com";

pub(super) const TEST_TOKENS: [(&str, &str); 3] =
    [("vault_visa", "approved"), ("vault_declined", "declined"), ("vault_asks", "the customer is asked")];

/// An application at PayPal.
struct PayPal {
    client_id: String,
    client_secret: SecretString,
    webhook_ids: Vec<String>,
    /// Who vouches for the certificates of its webhooks, when it is no public authority but a stand-in.
    root: Option<Root>,
    base_url: String,
}

/// A root certificate.
enum Root {
    File(PathBuf),
    Der(Vec<u8>),
}

/// Reads what was said about PayPal.
pub(super) fn read(source: &mut Source, rules: Rules) -> Option<Arc<dyn Provider>> {
    if source.text(CLIENT_ID).is_none() {
        needs(source, CLIENT_ID, &[CLIENT_SECRET, WEBHOOK_IDS, WEBHOOK_ROOT, BASE_URL]);
        return None;
    }
    let is_id = |text: &str| (is_plain(text) && !text.contains(':')).then(|| text.to_owned());
    let client_id = source.parse(CLIENT_ID, String::new(), "the client id of an application", is_id);
    if source.text(CLIENT_SECRET).is_none() {
        source.mistakes.add(CLIENT_SECRET, format!("must be given beside {CLIENT_ID}"));
    }
    let expected = "the secret of the application";
    let client_secret =
        source.parse(CLIENT_SECRET, String::new(), expected, |text| is_plain(text).then(|| text.to_owned()));
    let expected = "ids of webhooks, separated by commas";
    let webhook_ids = source.parse(WEBHOOK_IDS, Vec::new(), expected, |text| {
        let is_id =
            |id: &&str| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let ids: Vec<&str> = text.split(',').map(str::trim).collect();
        ids.iter().all(is_id).then(|| ids.into_iter().map(str::to_owned).collect())
    });
    if rules.wants_real() && source.text(WEBHOOK_IDS).is_none() {
        let problem = "must be given in production: without it nobody hears of what happens at PayPal";
        source.mistakes.add(WEBHOOK_IDS, problem);
    }
    let root = source.text(WEBHOOK_ROOT).map(|text| Root::File(PathBuf::from(text)));
    if rules.mode == Mode::Production && root.is_some() {
        source.mistakes.add(WEBHOOK_ROOT, "is for development only: it is whom a stand-in is believed by");
    }
    let base_url = source.text(BASE_URL).unwrap_or(DEFAULT_BASE_URL).to_owned();
    if let Err(problem) = PayPalGateway::builder("id", "secret").base_url(&base_url).build() {
        source.mistakes.add(BASE_URL, details(&problem));
    }
    if rules.wants_real() && base_url.contains(SANDBOX) {
        let problem = "must not be the sandbox in production, unless ALLOW_SIMULATED_PAYMENTS is true";
        source.mistakes.add(BASE_URL, problem);
    }
    Some(Arc::new(PayPal { client_id, client_secret: client_secret.into(), webhook_ids, root, base_url }))
}

impl fmt::Display for PayPal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "paypal at {}", self.base_url)
    }
}

impl fmt::Debug for PayPal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[async_trait]
impl DisputeRight for PayPalGateway {
    async fn is_granted(&self) -> Result<bool, GatewayError> {
        self.may_read_disputes().await
    }
}

impl Provider for PayPal {
    fn kind(&self) -> ProviderKind {
        ProviderKind::PayPal
    }

    fn open(&self, surroundings: &Surroundings<'_>) -> Result<OpenProvider, BoxError> {
        let mut builder = PayPalGateway::builder(&self.client_id, self.client_secret.expose_secret())
            .base_url(&self.base_url)
            .clock(surroundings.clock.clone());
        if let Some(url) = surroundings.return_url {
            builder = builder.return_url(url).cancel_url(url);
        }
        let gateway = Arc::new(builder.build()?);
        let mut reader: Option<Arc<dyn NoticeReader>> = None;
        if !self.webhook_ids.is_empty() {
            let webhooks = PayPalWebhooks::new(surroundings.id.clone(), &self.webhook_ids)?;
            reader = Some(Arc::new(match &self.root {
                None => webhooks,
                Some(Root::Der(root)) => self.believed_by(webhooks, root)?,
                Some(Root::File(path)) => self.believed_by(webhooks, &std::fs::read(path)?)?,
            }));
        }
        Ok(OpenProvider { books: gateway.clone(), dispute_right: Some(gateway.clone()), gateway, reader })
    }
}

impl PayPal {
    /// Webhooks that are signed by a stand-in, whose certificates are where it is itself.
    fn believed_by(&self, webhooks: PayPalWebhooks, root: &[u8]) -> Result<PayPalWebhooks, BoxError> {
        let (_, place) = self.base_url.split_once("://").unwrap_or_default();
        let host = place.split_once(':').map_or(place, |(host, _port)| host);
        Ok(webhooks.certificate_hosts([host]).certificate_roots(&[root])?)
    }
}

/// The stand-in of PayPal.
#[derive(Debug)]
struct PayPalStandIn {
    paypal: FakePayPal,
    /// Its root certificate, for a server elsewhere.
    root: Vec<u8>,
}

/// Starts the stand-in.
pub(super) async fn stand_in(clock: Arc<dyn Clock>) -> std::io::Result<Arc<dyn StandIn>> {
    let paypal = FakePayPal::start(clock).await?;
    let root = paypal.authority()?.root().to_vec();
    Ok(Arc::new(PayPalStandIn { paypal, root }))
}

impl StandIn for PayPalStandIn {
    fn kind(&self) -> ProviderKind {
        ProviderKind::PayPal
    }

    fn settings(&self, folder: &std::path::Path) -> std::io::Result<Vec<(&'static str, String)>> {
        let file = folder.join("paypal-root.der");
        std::fs::write(&file, &self.root)?;
        Ok(vec![
            (CLIENT_ID, FakePayPal::CLIENT_ID.to_owned()),
            (CLIENT_SECRET, FakePayPal::CLIENT_SECRET.to_owned()),
            (WEBHOOK_IDS, FakePayPal::WEBHOOK_ID.to_owned()),
            (WEBHOOK_ROOT, file.display().to_string()),
            (BASE_URL, self.paypal.url().to_owned()),
        ])
    }

    fn provider(&self) -> Arc<dyn Provider> {
        Arc::new(PayPal {
            client_id: FakePayPal::CLIENT_ID.to_owned(),
            client_secret: FakePayPal::CLIENT_SECRET.to_owned().into(),
            webhook_ids: vec![FakePayPal::WEBHOOK_ID.to_owned()],
            root: Some(Root::Der(self.root.clone())),
            base_url: self.paypal.url().to_owned(),
        })
    }

    fn complete(&self, payment_id: PaymentId, approve: bool) -> bool {
        self.paypal.complete(&payment_id.to_string(), approve)
    }

    fn letters(&self, known: usize) -> std::io::Result<Vec<Letter>> {
        let notices = self.paypal.webhooks_after(known, FakePayPal::WEBHOOK_ID)?;
        let letter = |notice: fake::SignedNotice| Letter { headers: notice.headers, body: notice.body };
        Ok(notices.into_iter().map(letter).collect())
    }

    fn accounts(&self) -> Vec<Account> {
        let account = |account: fake::Account| {
            let currency = Currency::from_code(&account.currency).ok()?;
            let money = |units| Money::from_minor(minor(units, currency), currency);
            // What is set aside stays so until it is taken, given up, or 29 days are over.
            Some(Account {
                payment_id: account.custom_id.as_deref().and_then(payment_of),
                reference: account.order,
                authorised: money(account.authorised),
                open: money(account.open),
                captured: money(account.captured),
                refunded: money(account.refunded),
            })
        };
        self.paypal.accounts().into_iter().filter_map(account).collect()
    }

    fn wire(&self) -> &Wire {
        self.paypal.wire()
    }
}

/// Our payment, from what the adapter writes to `custom_id`: the ids of the order, the payment and the operation.
fn payment_of(custom_id: &str) -> Option<PaymentId> {
    custom_id.split('.').nth(1)?.parse().ok()
}

/// PayPal's amounts as the currency's own: the forint has decimals here, and none there.
fn minor(units: i64, currency: Currency) -> i64 {
    match currency.code() {
        "HUF" | "TWD" => units.saturating_mul(100),
        _ => units,
    }
}
