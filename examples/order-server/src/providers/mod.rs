//! Who takes the money: the payment providers that the settings name. Each kind is one file here and one line of [`ProviderKind`].
//!
//! A provider is what the settings say of it ([`Provider`]), and becomes a gateway when the server starts. In development the
//! server can also start a [stand-in](stand_in) of each, which is used like the real one, by the same adapter.

pub mod courier;
mod paypal;
mod square;
pub mod stand_in;
mod stripe;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use order_core::error::{BoxError, Invalid};
use order_core::gateway::{GatewayError, NoticeReader, PaymentGateway, ProviderBooks};
use order_core::id::ProviderId;
use order_core::time::Clock;

use crate::config::Mode;
use crate::source::{Source, choice};

/// The name of the simulated provider in requests.
pub const SIMULATED: &str = "simulated";

/// The kinds of payment providers there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the binary handles every one")]
pub enum ProviderKind {
    /// PayPal.
    PayPal,
    /// Square.
    Square,
    /// Stripe.
    Stripe,
}

impl ProviderKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Stripe, Self::PayPal, Self::Square];

    /// Its name in requests and in the paths of webhooks.
    pub fn name(self) -> &'static str {
        match self {
            Self::PayPal => "paypal",
            Self::Square => "square",
            Self::Stripe => "stripe",
        }
    }

    /// Tokens of its test mode, which its stand-in takes too, and what becomes of a payment with each.
    pub fn test_tokens(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::PayPal => &paypal::TEST_TOKENS,
            Self::Square => &square::TEST_TOKENS,
            Self::Stripe => &stripe::TEST_TOKENS,
        }
    }

    /// The setting that makes it be used.
    fn key(self) -> &'static str {
        match self {
            Self::PayPal => paypal::CLIENT_ID,
            Self::Square => square::ACCESS_TOKEN,
            Self::Stripe => stripe::SECRET_KEY,
        }
    }

    fn read(self, source: &mut Source, rules: Rules) -> Option<Arc<dyn Provider>> {
        match self {
            Self::PayPal => paypal::read(source, rules),
            Self::Square => square::read(source, rules),
            Self::Stripe => stripe::read(source, rules),
        }
    }
}

/// A payment provider, as the settings describe it. `Display` says where it is, and `Debug` no more than that: never a secret.
pub trait Provider: fmt::Debug + fmt::Display + Send + Sync {
    /// Which kind it is.
    fn kind(&self) -> ProviderKind;

    /// Makes what the engine needs of it.
    ///
    /// # Errors
    /// Why that can't be done.
    fn open(&self, surroundings: &Surroundings<'_>) -> Result<OpenProvider, BoxError>;
}

/// What a provider is told of the server.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "the server writes it as a literal")]
pub struct Surroundings<'a> {
    /// The name it has in the engine.
    pub id: &'a ProviderId,
    /// The page that customers are sent back to.
    pub return_url: Option<&'a str>,
    /// The engine's clock.
    pub clock: &'a Arc<dyn Clock>,
}

/// A provider that can be used.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "every provider makes one")]
pub struct OpenProvider {
    /// By which money is moved.
    pub gateway: Arc<dyn PaymentGateway>,
    /// By which its books are read.
    pub books: Arc<dyn ProviderBooks>,
    /// By which its webhooks are checked and read, when their secret is known.
    pub reader: Option<Arc<dyn NoticeReader>>,
    /// By which it is asked whether its disputes may be read, when that is a right of its own.
    pub dispute_right: Option<Arc<dyn DisputeRight>>,
}

/// The right to read a provider's disputes, where it is granted by itself.
#[async_trait]
pub trait DisputeRight: fmt::Debug + Send + Sync {
    /// Whether it was granted.
    ///
    /// # Errors
    /// [`GatewayError`] when the provider does not answer.
    async fn is_granted(&self) -> Result<bool, GatewayError>;
}

/// That right, of each provider that has it.
pub type DisputeRights = Vec<(ProviderId, Arc<dyn DisputeRight>)>;

/// How strict the settings of a provider have to be.
#[derive(Debug, Clone, Copy)]
struct Rules {
    mode: Mode,
    /// Whether money that does not move may be taken for money.
    allows_tests: bool,
}

impl Rules {
    /// Whether only what is real will do.
    fn wants_real(self) -> bool {
        self.mode == Mode::Production && !self.allows_tests
    }
}

/// Everything that was said about payments.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Payments {
    /// The providers that are elsewhere.
    pub providers: Vec<Arc<dyn Provider>>,
    /// The providers whose stand-ins run inside the server.
    pub stand_ins: Vec<ProviderKind>,
    /// Whether there is the simulated provider, too.
    pub is_simulated: bool,
    /// The provider of a request that names none.
    pub default: String,
    /// The page that customers are sent back to; in development the server has one of its own.
    pub return_url: Option<String>,
}

/// Reads which providers there are, and everything that was said about any.
pub(crate) fn read(source: &mut Source, mode: Mode) -> Payments {
    let allows_tests = source.flag("ALLOW_SIMULATED_PAYMENTS", false);
    let rules = Rules { mode, allows_tests };
    let providers = ProviderKind::ALL.into_iter().filter_map(|kind| kind.read(source, rules)).collect();
    let is_real = ProviderKind::ALL.into_iter().any(|kind| source.text(kind.key()).is_some());
    if mode == Mode::Production && !allows_tests && !is_real {
        let keys = ProviderKind::ALL.map(ProviderKind::key).join(" or ");
        let problem = format!(
            "must be true in production when there is no payment provider ({keys}): simulated payments move no money"
        );
        source.mistakes.add("ALLOW_SIMULATED_PAYMENTS", problem);
    }
    let stand_ins = stand_ins(source, mode);
    let is_simulated = mode == Mode::Development || allows_tests;
    let return_url =
        source.parse("PAYMENT_RETURN_URL", None, "an address like https://shop.example/paid", |text| {
            is_page(text).then(|| Some(text.to_owned()))
        });
    let known: Vec<&str> = ProviderKind::ALL
        .into_iter()
        .filter(|kind| stand_ins.contains(kind) || source.text(kind.key()).is_some())
        .map(ProviderKind::name)
        .collect();
    let known: Vec<&str> = is_simulated.then_some(SIMULATED).into_iter().chain(known).collect();
    let first = known.first().copied().unwrap_or(SIMULATED).to_owned();
    let expected = format!("one of those that are set up: {}", known.join(", "));
    let default = source
        .parse("PAYMENT_PROVIDER", first, &expected, |text| known.contains(&text).then(|| text.to_owned()));
    Payments { providers, stand_ins, is_simulated, default, return_url }
}

fn stand_ins(source: &mut Source, mode: Mode) -> Vec<ProviderKind> {
    let names = ProviderKind::ALL.map(ProviderKind::name).join(",");
    let expected = format!("some of {names}, separated by commas");
    let kinds: Vec<ProviderKind> = source.parse("FAKE_PROVIDERS", Vec::new(), &expected, |text| {
        let kind_of = |name: &str| choice(name.trim(), ProviderKind::ALL.map(|kind| (kind.name(), kind)));
        text.split(',').map(kind_of).collect()
    });
    if mode == Mode::Production && source.text("FAKE_PROVIDERS").is_some() {
        source.mistakes.add("FAKE_PROVIDERS", "is for development only: a stand-in moves no money");
    }
    for kind in &kinds {
        if source.text(kind.key()).is_some() {
            let problem = format!("{} is either a stand-in or what {} is for", kind.name(), kind.key());
            source.mistakes.add("FAKE_PROVIDERS", problem);
        }
    }
    let is_first = |place: usize, kind: &ProviderKind| !kinds.iter().take(place).any(|other| other == kind);
    kinds.iter().enumerate().filter(|(place, kind)| is_first(*place, kind)).map(|(_, kind)| *kind).collect()
}

/// Whether a text is the address of a page.
fn is_page(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let is_address = rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'));
    is_address && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether a text can be sent as it is: letters, digits and signs, no space.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// What is wrong, without the names that it has in code.
fn details(invalid: &Invalid) -> String {
    invalid.errors().iter().map(|error| error.detail.as_str()).collect::<Vec<_>>().join("; ")
}

/// Settings that say nothing without another one are mistakes: whoever gave them expects something.
fn needs(source: &mut Source, key: &'static str, others: &[&'static str]) {
    for other in others {
        if source.text(other).is_some() {
            source.mistakes.add(*other, format!("says nothing without {key}"));
        }
    }
}
