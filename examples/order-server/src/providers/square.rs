//! Square, and its stand-in.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use order_adapters::square::{SquareGateway, SquareWebhooks};
use order_core::error::BoxError;
use order_core::gateway::{GatewayError, NoticeReader};
use order_core::id::PaymentId;
use order_core::money::{Currency, Money};
use order_core::time::Clock;
use order_fake_providers::square::{self as fake, FakeSquare};
use order_fake_providers::wire::Wire;
use secrecy::{ExposeSecret as _, SecretString};

use super::stand_in::{Account, Letter, StandIn};
use super::{
    DisputeRight, OpenProvider, Provider, ProviderKind, Rules, Surroundings, details, is_page, is_plain,
    needs,
};
use crate::source::Source;

pub(super) const ACCESS_TOKEN: &str = "SQUARE_ACCESS_TOKEN";
const LOCATION_ID: &str = "SQUARE_LOCATION_ID";
const WEBHOOK_KEYS: &str = "SQUARE_WEBHOOK_KEYS";
const WEBHOOK_URL: &str = "SQUARE_WEBHOOK_URL";
const BASE_URL: &str = "SQUARE_BASE_URL";

/// Where Square is.
const DEFAULT_BASE_URL: &str = "https://connect.squareup.com";
/// A part of the address of its sandbox.
const SANDBOX: &str = "squareupsandbox.com";
/// What a stand-in signs its webhooks with. It is on this machine, and in development only.
const STAND_IN_KEY: &str = "a-key-of-a-stand-in-that-everybody-knows";
/// What a stand-in is told that its webhooks go to, wherever they are brought: it is a part of what is signed.
const STAND_IN_URL: &str = "https://shop.example/webhooks/square";

pub(super) const TEST_TOKENS: [(&str, &str); 2] =
    [("cnon:card-nonce-ok", "approved"), ("cnon:card-nonce-declined", "declined")];

/// A location of a seller at Square.
struct Square {
    access_token: SecretString,
    location_id: String,
    webhook_keys: Vec<SecretString>,
    webhook_url: String,
    base_url: String,
}

/// Reads what was said about Square.
pub(super) fn read(source: &mut Source, rules: Rules) -> Option<Arc<dyn Provider>> {
    if source.text(ACCESS_TOKEN).is_none() {
        needs(source, ACCESS_TOKEN, &[LOCATION_ID, WEBHOOK_KEYS, WEBHOOK_URL, BASE_URL]);
        return None;
    }
    let plain = |text: &str| is_plain(text).then(|| text.to_owned());
    let access_token = source.parse(ACCESS_TOKEN, String::new(), "an access token", plain);
    if source.text(LOCATION_ID).is_none() {
        source.mistakes.add(LOCATION_ID, format!("must be given beside {ACCESS_TOKEN}"));
    }
    let location_id = source.parse(LOCATION_ID, String::new(), "the id of a location", plain);
    let expected = "signature keys, separated by commas";
    let webhook_keys: Vec<SecretString> = source.parse(WEBHOOK_KEYS, Vec::new(), expected, |text| {
        let keys: Vec<&str> = text.split(',').map(str::trim).collect();
        let are_keys = keys.iter().all(|key| !key.is_empty());
        are_keys.then(|| keys.into_iter().map(|key| key.to_owned().into()).collect())
    });
    if rules.wants_real() && source.text(WEBHOOK_KEYS).is_none() {
        let problem = "must be given in production: without it nobody hears of what happens at Square";
        source.mistakes.add(WEBHOOK_KEYS, problem);
    }
    let expected = "the notification URL of the subscription, to the letter";
    let page = |text: &str| is_page(text).then(|| text.to_owned());
    let webhook_url = source.parse(WEBHOOK_URL, String::new(), expected, page);
    match (source.text(WEBHOOK_KEYS).is_some(), source.text(WEBHOOK_URL).is_some()) {
        (true, false) => {
            let problem = format!("must be given beside {WEBHOOK_KEYS}: it is a part of what is signed");
            source.mistakes.add(WEBHOOK_URL, problem);
        }
        (false, true) => source.mistakes.add(WEBHOOK_URL, format!("says nothing without {WEBHOOK_KEYS}")),
        (true, true) | (false, false) => {}
    }
    let base_url = source.text(BASE_URL).unwrap_or(DEFAULT_BASE_URL).to_owned();
    if let Err(problem) = SquareGateway::builder("token", "location").base_url(&base_url).build() {
        source.mistakes.add(BASE_URL, details(&problem));
    }
    if rules.wants_real() && base_url.contains(SANDBOX) {
        let problem = "must not be the sandbox in production, unless ALLOW_SIMULATED_PAYMENTS is true";
        source.mistakes.add(BASE_URL, problem);
    }
    let access_token = access_token.into();
    Some(Arc::new(Square { access_token, location_id, webhook_keys, webhook_url, base_url }))
}

impl fmt::Display for Square {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "square at {}", self.base_url)
    }
}

impl fmt::Debug for Square {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[async_trait]
impl DisputeRight for SquareGateway {
    async fn is_granted(&self) -> Result<bool, GatewayError> {
        self.may_read_disputes().await
    }
}

impl Provider for Square {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Square
    }

    fn open(&self, surroundings: &Surroundings<'_>) -> Result<OpenProvider, BoxError> {
        let builder = SquareGateway::builder(self.access_token.expose_secret(), &self.location_id);
        let gateway = builder.base_url(&self.base_url).clock(surroundings.clock.clone()).build()?;
        let gateway = Arc::new(gateway);
        let keys: Vec<&str> = self.webhook_keys.iter().map(SecretString::expose_secret).collect();
        let mut reader: Option<Arc<dyn NoticeReader>> = None;
        if !keys.is_empty() {
            reader = Some(Arc::new(SquareWebhooks::new(surroundings.id.clone(), &self.webhook_url, keys)?));
        }
        Ok(OpenProvider { books: gateway.clone(), dispute_right: Some(gateway.clone()), gateway, reader })
    }
}

/// The stand-in of Square.
#[derive(Debug)]
struct SquareStandIn(FakeSquare);

/// Starts the stand-in.
pub(super) async fn stand_in(clock: Arc<dyn Clock>) -> std::io::Result<Arc<dyn StandIn>> {
    Ok(Arc::new(SquareStandIn(FakeSquare::start(clock).await?)))
}

impl StandIn for SquareStandIn {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Square
    }

    fn settings(&self, _folder: &Path) -> std::io::Result<Vec<(&'static str, String)>> {
        Ok(vec![
            (ACCESS_TOKEN, FakeSquare::ACCESS_TOKEN.to_owned()),
            (LOCATION_ID, FakeSquare::LOCATION_ID.to_owned()),
            (WEBHOOK_KEYS, STAND_IN_KEY.to_owned()),
            (WEBHOOK_URL, STAND_IN_URL.to_owned()),
            (BASE_URL, self.0.url().to_owned()),
        ])
    }

    fn provider(&self) -> Arc<dyn Provider> {
        Arc::new(Square {
            access_token: FakeSquare::ACCESS_TOKEN.to_owned().into(),
            location_id: FakeSquare::LOCATION_ID.to_owned(),
            webhook_keys: vec![STAND_IN_KEY.to_owned().into()],
            webhook_url: STAND_IN_URL.to_owned(),
            base_url: self.0.url().to_owned(),
        })
    }

    fn complete(&self, payment_id: PaymentId, approve: bool) -> bool {
        self.0.complete(&payment_id.to_string(), approve)
    }

    fn letters(&self, known: usize) -> std::io::Result<Vec<Letter>> {
        let events = self.0.webhooks_after(known, STAND_IN_KEY, STAND_IN_URL);
        let letter = |event: fake::SignedEvent| Letter {
            headers: vec![("x-square-hmacsha256-signature".to_owned(), event.signature)],
            body: event.body,
        };
        Ok(events.into_iter().map(letter).collect())
    }

    fn accounts(&self) -> Vec<Account> {
        let account = |account: fake::Account| {
            let currency = Currency::from_code(&account.currency).ok()?;
            let money = |units| Money::from_minor(units, currency);
            Some(Account {
                payment_id: account.reference_id.and_then(|id| id.parse().ok()),
                reference: account.payment,
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
