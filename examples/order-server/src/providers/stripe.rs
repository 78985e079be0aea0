//! Stripe, and its stand-in.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use order_adapters::stripe::{StripeGateway, StripeWebhooks};
use order_core::error::BoxError;
use order_core::gateway::NoticeReader;
use order_core::id::PaymentId;
use order_core::money::{Currency, Money};
use order_core::time::Clock;
use order_fake_providers::stripe::{self as fake, FakeStripe};
use order_fake_providers::wire::Wire;
use secrecy::{ExposeSecret as _, SecretString};

use super::stand_in::{Account, Letter, StandIn};
use super::{OpenProvider, Provider, ProviderKind, Rules, Surroundings, details, is_plain, needs};
use crate::source::Source;

pub(super) const SECRET_KEY: &str = "STRIPE_SECRET_KEY";
const WEBHOOK_SECRETS: &str = "STRIPE_WEBHOOK_SECRETS";
const BASE_URL: &str = "STRIPE_BASE_URL";

/// Where Stripe is.
const DEFAULT_BASE_URL: &str = "https://api.stripe.com";
/// What a stand-in signs its webhooks with. It is on this machine, and in development only.
const STAND_IN_SECRET: &str = "whsec_stand_in_that_everybody_knows";

pub(super) const TEST_TOKENS: [(&str, &str); 3] = [
    ("pm_card_visa", "approved"),
    ("pm_card_chargeDeclined", "declined"),
    ("pm_card_authenticationRequired", "the customer is asked"),
];

/// An account at Stripe.
struct Stripe {
    secret_key: SecretString,
    webhook_secrets: Vec<SecretString>,
    base_url: String,
}

/// Reads what was said about Stripe.
pub(super) fn read(source: &mut Source, rules: Rules) -> Option<Arc<dyn Provider>> {
    if source.text(SECRET_KEY).is_none() {
        needs(source, SECRET_KEY, &[WEBHOOK_SECRETS, BASE_URL]);
        return None;
    }
    let expected = "a secret or restricted key, which begins with sk_ or rk_";
    let secret_key = source.parse(SECRET_KEY, String::new(), expected, |text| {
        let has_kind = text.starts_with("sk_") || text.starts_with("rk_");
        (has_kind && is_plain(text)).then(|| text.to_owned())
    });
    if rules.wants_real() && (secret_key.starts_with("sk_test_") || secret_key.starts_with("rk_test_")) {
        let problem = "must not be a test key in production, unless ALLOW_SIMULATED_PAYMENTS is true";
        source.mistakes.add(SECRET_KEY, problem);
    }
    let webhook_secrets = webhook_secrets(source);
    if rules.wants_real() && source.text(WEBHOOK_SECRETS).is_none() {
        let problem = "must be given in production: without it nobody hears of what happens at Stripe";
        source.mistakes.add(WEBHOOK_SECRETS, problem);
    }
    let base_url = source.text(BASE_URL).unwrap_or(DEFAULT_BASE_URL).to_owned();
    let stripe = Stripe { secret_key: secret_key.into(), webhook_secrets, base_url };
    if let Err(problem) = StripeGateway::builder("sk_good").base_url(&stripe.base_url).build() {
        source.mistakes.add(BASE_URL, details(&problem));
    }
    Some(Arc::new(stripe))
}

fn webhook_secrets(source: &mut Source) -> Vec<SecretString> {
    let expected = "signing secrets, each of which begins with whsec_, separated by commas";
    source.parse(WEBHOOK_SECRETS, Vec::new(), expected, |text| {
        let secrets: Vec<&str> = text.split(',').map(str::trim).collect();
        let is_secret = |secret: &&str| {
            secret.strip_prefix("whsec_").is_some_and(|rest| !rest.is_empty()) && is_plain(secret)
        };
        let are_secrets = secrets.iter().all(is_secret);
        are_secrets.then(|| secrets.into_iter().map(|secret| secret.to_owned().into()).collect())
    })
}

impl fmt::Display for Stripe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stripe at {}", self.base_url)
    }
}

impl fmt::Debug for Stripe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Provider for Stripe {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Stripe
    }

    fn open(&self, surroundings: &Surroundings<'_>) -> Result<OpenProvider, BoxError> {
        let mut builder = StripeGateway::builder(self.secret_key.expose_secret())
            .base_url(&self.base_url)
            .clock(surroundings.clock.clone());
        if let Some(url) = surroundings.return_url {
            builder = builder.return_url(url);
        }
        let gateway = Arc::new(builder.build()?);
        let secrets: Vec<&str> = self.webhook_secrets.iter().map(SecretString::expose_secret).collect();
        let mut reader: Option<Arc<dyn NoticeReader>> = None;
        if !secrets.is_empty() {
            reader = Some(Arc::new(StripeWebhooks::new(surroundings.id.clone(), secrets)?));
        }
        Ok(OpenProvider { books: gateway.clone(), gateway, reader, dispute_right: None })
    }
}

/// The stand-in of Stripe.
#[derive(Debug)]
struct StripeStandIn(FakeStripe);

/// Starts the stand-in.
pub(super) async fn stand_in(clock: Arc<dyn Clock>) -> std::io::Result<Arc<dyn StandIn>> {
    Ok(Arc::new(StripeStandIn(FakeStripe::start(clock).await?)))
}

impl StandIn for StripeStandIn {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Stripe
    }

    fn settings(&self, _folder: &Path) -> std::io::Result<Vec<(&'static str, String)>> {
        Ok(vec![
            (SECRET_KEY, FakeStripe::SECRET_KEY.to_owned()),
            (WEBHOOK_SECRETS, STAND_IN_SECRET.to_owned()),
            (BASE_URL, self.0.url().to_owned()),
        ])
    }

    fn provider(&self) -> Arc<dyn Provider> {
        Arc::new(Stripe {
            secret_key: FakeStripe::SECRET_KEY.to_owned().into(),
            webhook_secrets: vec![STAND_IN_SECRET.to_owned().into()],
            base_url: self.0.url().to_owned(),
        })
    }

    fn complete(&self, payment_id: PaymentId, approve: bool) -> bool {
        self.0.complete(&payment_id.to_string(), approve)
    }

    fn letters(&self, known: usize) -> std::io::Result<Vec<Letter>> {
        let events = self.0.webhooks_after(known, &[STAND_IN_SECRET]);
        let letter = |event: fake::SignedEvent| Letter {
            headers: vec![("stripe-signature".to_owned(), event.signature)],
            body: event.body,
        };
        Ok(events.into_iter().map(letter).collect())
    }

    fn accounts(&self) -> Vec<Account> {
        let account = |account: fake::Account| {
            let currency = Currency::from_code(&account.currency.to_uppercase()).ok()?;
            let money = |units| Money::from_minor(minor(units, currency), currency);
            Some(Account {
                reference: account.intent,
                payment_id: account.payment_id.and_then(|id| id.parse().ok()),
                authorised: money(account.authorised),
                open: money(account.capturable),
                captured: money(account.captured),
                refunded: money(account.refunded),
            })
        };
        self.0.accounts().into_iter().filter_map(account).collect()
    }

    fn wire(&self) -> &Wire {
        self.0.wire()
    }
}

/// Stripe's units as the currency's own. They differ where Stripe has other decimals than ISO 4217.
fn minor(units: i64, currency: Currency) -> i64 {
    match currency.code() {
        "ISK" | "UGX" => units / 100,
        "MGA" => units.saturating_mul(100),
        _ => units,
    }
}
