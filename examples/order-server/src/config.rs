//! The configuration: read once, checked whole, and never printed where it is secret.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use order_core::id::CouponCode;
use order_core::money::{BasisPoints, Currency, Money};
use order_core::pricing::{Coupons, FlatShipping, FlatTax, Pricing};
use secrecy::{ExposeSecret as _, SecretString};

use crate::database::{self, Database};
use crate::providers::{self, Payments};
use crate::source::{Mistakes, Source, choice};

/// The secret that tokens are signed with in development. Production refuses it.
pub const DEVELOPMENT_SECRET: &str = "development-secret-that-everybody-knows";
/// The service key of development. Production refuses it.
pub const DEVELOPMENT_SERVICE_KEY: &str = "development-service-key-everybody-knows";

/// The shortest secret of production, in bytes: as long as the digest it is used with.
const MIN_SECRET: usize = 32;

/// What the server is run for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third")]
pub enum Mode {
    /// On a developer's machine: with known secrets, and tokens that are printed.
    Development,
    /// For customers.
    Production,
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the binary handles every one")]
pub enum LogFormat {
    /// For a reader.
    Text,
    /// For a machine: one JSON object a line.
    Json,
}

/// A service that may call, and its key. A service may have several, so that they can be rotated.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ServiceKey {
    /// The service's name.
    pub name: String,
    /// Its key.
    pub key: SecretString,
}

/// Everything the server is told.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// What it is run for.
    pub mode: Mode,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where the interface begins.
    pub prefix: String,
    /// Where orders are kept.
    pub database: Arc<dyn Database>,
    /// Who takes the money.
    pub payments: Payments,
    /// The file with the books of the simulated provider. Servers on one database share it.
    pub simulated_books: Option<PathBuf>,
    /// The key of tokens.
    pub jwt_secret: SecretString,
    /// The issuer a token must name.
    pub jwt_issuer: Option<String>,
    /// The audience a token must name.
    pub jwt_audience: Option<String>,
    /// The services that may call.
    pub service_keys: Vec<ServiceKey>,
    /// The currency of the demo catalogue.
    pub currency: Currency,
    /// The rules for discounts, shipping and tax.
    pub pricing: Pricing,
    /// How long stock is held for an order that is not paid.
    pub hold_minutes: u32,
    /// Units of each demo product that are received at the first start.
    pub demo_stock: u32,
    /// How long the token `sim_slow` takes.
    pub slow: Duration,
    /// The pause between two background passes.
    pub pass_pause: Duration,
    /// How young a payment is left alone by reconciliations.
    pub reconciliation_guard_seconds: u32,
    /// How long a request may take.
    pub request_timeout: Duration,
    /// How long requests may go on when the server is told to stop.
    pub shutdown: Duration,
    /// Origins whose pages may call the interface.
    pub cors_origins: Vec<String>,
    /// How the log is written.
    pub log_format: LogFormat,
    /// What is logged.
    pub log_filter: String,
}

impl Config {
    /// Reads the file, if there is one, and the environment.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub fn read(
        file: Option<&Path>,
        environment: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Self, Mistakes> {
        let mut source = Source::read(file, environment);
        let mode =
            source.parse("ORDER_ENV", Mode::Development, "development or production", |text| match text {
                "development" => Some(Mode::Development),
                "production" => Some(Mode::Production),
                _ => None,
            });
        let currency = source.parse("CURRENCY", Currency::EUR, "a currency code of ISO 4217", |text| {
            Currency::from_code(text).ok()
        });
        let database = database::read(&mut source, mode);
        let config = Self {
            mode,
            listen: listen(&mut source),
            prefix: prefix(&mut source),
            simulated_books: database::books(&source, &*database),
            database,
            jwt_secret: jwt_secret(&mut source, mode),
            jwt_issuer: source.text("JWT_ISSUER").map(str::to_owned),
            jwt_audience: source.text("JWT_AUDIENCE").map(str::to_owned),
            service_keys: service_keys(&mut source, mode),
            currency,
            pricing: pricing(&mut source, currency),
            hold_minutes: source.number("HOLD_MINUTES", 30, 1..=10_080),
            demo_stock: source.number("DEMO_STOCK", 1_000, 0..=1_000_000),
            slow: millis(source.number("SIMULATED_SLOW_MILLISECONDS", 2_000, 0..=60_000)),
            pass_pause: seconds(source.number("PASS_SECONDS", 5, 1..=3_600)),
            reconciliation_guard_seconds: source.number("RECONCILIATION_GUARD_SECONDS", 300, 0..=86_400),
            request_timeout: seconds(source.number("REQUEST_TIMEOUT_SECONDS", 30, 1..=600)),
            shutdown: seconds(source.number("SHUTDOWN_SECONDS", 10, 0..=300)),
            cors_origins: cors_origins(&mut source),
            log_format: source.parse("LOG_FORMAT", LogFormat::Text, "text or json", |text| {
                choice(text, [("text", LogFormat::Text), ("json", LogFormat::Json)])
            }),
            log_filter: source.parse(
                "RUST_LOG",
                "info".to_owned(),
                "a filter like info,order_server=debug",
                |text| tracing_subscriber::EnvFilter::try_new(text).ok().map(|_| text.to_owned()),
            ),
            payments: providers::read(&mut source, mode),
        };
        if source.mistakes.is_empty() { Ok(config) } else { Err(source.mistakes) }
    }

    /// The same, on a free port of this machine: for tests.
    #[must_use]
    pub fn on_free_port(mut self) -> Self {
        self.listen = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        self
    }
}

fn seconds(number: u32) -> Duration {
    Duration::from_secs(number.into())
}

fn millis(number: u32) -> Duration {
    Duration::from_millis(number.into())
}

fn listen(source: &mut Source) -> SocketAddr {
    let host =
        source.parse("HOST", IpAddr::V4(Ipv4Addr::LOCALHOST), "an IP address", |text| text.parse().ok());
    let port = source.parse("PORT", 8_080, "a port from 0 to 65535", |text| text.parse().ok());
    SocketAddr::new(host, port)
}

fn prefix(source: &mut Source) -> String {
    let expected = "a path like /api/v1: it begins with a slash, and does not end with one";
    source.parse("API_PREFIX", "/api/v1".to_owned(), expected, |text| {
        let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-_.".contains(&byte));
        let is_path = text.starts_with('/') && !text.ends_with('/') && !text.contains("//");
        (is_plain && is_path).then(|| text.to_owned())
    })
}

fn jwt_secret(source: &mut Source, mode: Mode) -> SecretString {
    let secret = source.text("JWT_SECRET").unwrap_or(DEVELOPMENT_SECRET).to_owned();
    if mode == Mode::Production {
        let is_given = source.text("JWT_SECRET").is_some();
        let problem = if !is_given {
            Some("must be given in production")
        } else if secret == DEVELOPMENT_SECRET {
            Some("must not be the development secret in production")
        } else if secret.len() < MIN_SECRET {
            Some("must be at least 32 bytes in production")
        } else {
            None
        };
        if let Some(problem) = problem {
            source.mistakes.add("JWT_SECRET", problem);
        }
    }
    secret.into()
}

fn service_keys(source: &mut Source, mode: Mode) -> Vec<ServiceKey> {
    let is_production = mode == Mode::Production;
    let default = match mode {
        Mode::Development => {
            vec![ServiceKey {
                name: "development".to_owned(),
                key: DEVELOPMENT_SERVICE_KEY.to_owned().into(),
            }]
        }
        Mode::Production => Vec::new(),
    };
    let expected = "pairs like warehouse=key,billing=key";
    let keys = source.parse("SERVICE_KEYS", default, expected, |text| {
        let mut keys: Vec<ServiceKey> = Vec::new();
        for pair in text.split(',') {
            let (name, key) = pair.trim().split_once('=')?;
            let is_name = !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
            if !is_name || key.is_empty() {
                return None;
            }
            keys.push(ServiceKey { name: name.to_owned(), key: key.to_owned().into() });
        }
        Some(keys)
    });
    let is_weak = |service: &&ServiceKey| {
        let key = service.key.expose_secret();
        key.len() < MIN_SECRET || key == DEVELOPMENT_SERVICE_KEY
    };
    for service in keys.iter().filter(|_| is_production).filter(is_weak) {
        let problem =
            format!("the key of {} must be at least 32 bytes, and not the development key", service.name);
        source.mistakes.add("SERVICE_KEYS", problem);
    }
    keys
}

fn pricing(source: &mut Source, currency: Currency) -> Pricing {
    let amount = |text: &str| Money::parse(text, currency).ok().filter(|money| !money.is_negative());
    let expected = format!("an amount in {currency}, like {}", Money::from_minor(490, currency).amount());
    let nothing = Money::zero(currency);
    let fee = source.parse("SHIPPING_FEE", nothing, &expected, amount);
    let free_from = source.parse("FREE_SHIPPING_FROM", None, &expected, |text| amount(text).map(Some));
    let tax = source.number("TAX_BASIS_POINTS", 0, 0..=10_000);
    let coupons = source.parse("COUPONS", Coupons::new(), "pairs like SPRING=10%,WELCOME=5.00", |text| {
        text.split(',').try_fold(Coupons::new(), |coupons, pair| {
            let (code, value) = pair.trim().split_once('=')?;
            let code = CouponCode::new(code).ok()?;
            Some(match value.strip_suffix('%') {
                Some(percent) => {
                    let percent: u32 = percent.parse().ok().filter(|percent| (1..=100).contains(percent))?;
                    coupons.percent(code, BasisPoints::new(percent.saturating_mul(100)))
                }
                None => coupons.amount(code, amount(value).filter(|money| money.is_positive())?),
            })
        })
    });
    let mut pricing = Pricing::default().with_discount(coupons);
    if fee.is_positive() {
        let flat = FlatShipping::new(fee);
        pricing = pricing.with_shipping(match free_from {
            Some(goods) => flat.free_from(goods),
            None => flat,
        });
    }
    if tax > 0 {
        pricing = pricing.with_tax(FlatTax::on_top(BasisPoints::new(tax)));
    }
    pricing
}

fn cors_origins(source: &mut Source) -> Vec<String> {
    source.parse(
        "CORS_ORIGINS",
        Vec::new(),
        "origins like https://shop.example, separated by commas",
        |text| {
            let origins: Vec<String> = text.split(',').map(|origin| origin.trim().to_owned()).collect();
            let is_origin = |origin: &String| {
                let rest = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
                rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(['/', '*', ' ']))
            };
            origins.iter().all(is_origin).then_some(origins)
        },
    )
}
