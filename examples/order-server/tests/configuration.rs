//! The configuration: every mistake at once, production's refusals, and secrets that are never shown.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::HashMap;
use std::ffi::OsString;
use std::io::Write as _;

use order_server::config::{DEVELOPMENT_SECRET, DEVELOPMENT_SERVICE_KEY};
use order_server::{Config, Mistakes, Mode};
use secrecy::ExposeSecret as _;

fn read(settings: &[(&str, &str)]) -> Result<Config, Mistakes> {
    let settings: HashMap<&str, &str> = settings.iter().copied().collect();
    Config::read(None, &|name| settings.get(name).map(OsString::from))
}

fn wrong(settings: &[(&str, &str)]) -> Vec<String> {
    read(settings).map(drop).unwrap_err().settings().map(str::to_owned).collect()
}

#[test]
fn nothing_has_to_be_said_in_development() {
    let config = read(&[]).unwrap();
    assert_eq!(config.mode, Mode::Development);
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.prefix, "/api/v1");
    assert_eq!(config.database.to_string(), "sqlite:data/orders.db");
    let guard = order_core::service::Reconciliation::GUARD;
    assert_eq!(i64::from(config.reconciliation_guard_seconds), guard.num_seconds());
    assert_eq!(config.simulated_books.unwrap().to_str(), Some("data/simulated-provider.db"));
}

/// Every setting with something that is wrong.
const WRONG: &[(&str, &str)] = &[
    ("ORDER_ENV", "staging"),
    ("HOST", "localhost:80"),
    ("PORT", "65536"),
    ("PORT", "http"),
    ("API_PREFIX", "api"),
    ("API_PREFIX", "/api/"),
    ("API_PREFIX", "/api//v1"),
    ("API_PREFIX", "/{id}"),
    ("DATABASE_URL", "mysql://user:password@db/orders"),
    ("DATABASE_URL", "postgres:orders"),
    ("DATABASE_URL", "postgres://user:password@db:port/orders"),
    ("DATABASE_URL", "memory:orders"),
    ("DATABASE_URL", "sqlite:"),
    ("DATABASE_URL", "sqlite::memory:"),
    ("DATABASE_URL", "orders.db"),
    ("SQLITE_SYNCHRONOUS", "off"),
    ("DATABASE_URL", "mongodb://"),
    ("MONGODB_URI", "postgres://db/orders"),
    ("MONGODB_DB", "a.b"),
    ("MONGODB_READ_SECONDARIES", "sometimes"),
    ("MIGRATE", "false"),
    ("MIGRATE", "never"),
    ("DATABASE_TIMEOUT_SECONDS", "0"),
    ("DATABASE_READERS", "0"),
    ("DATABASE_WRITERS", "65"),
    ("DATABASE_SCHEMA", "Orders"),
    ("DATABASE_SCHEMA", "pg_orders"),
    ("DATABASE_PREPARES", "no"),
    ("DATABASE_REPLICA_URL", "replica:5432"),
    ("SERVICE_KEYS", "warehouse"),
    ("SERVICE_KEYS", "=key"),
    ("SERVICE_KEYS", "warehouse="),
    ("CURRENCY", "EURO"),
    ("TAX_BASIS_POINTS", "19.5"),
    ("TAX_BASIS_POINTS", "10001"),
    ("SHIPPING_FEE", "4.999"),
    ("SHIPPING_FEE", "-1.00"),
    ("FREE_SHIPPING_FROM", "fifty"),
    ("COUPONS", "SPRING"),
    ("COUPONS", "SPRING=0%"),
    ("COUPONS", "SPRING=101%"),
    ("COUPONS", "SPRING=-1.00"),
    ("HOLD_MINUTES", "0"),
    ("DEMO_STOCK", "-1"),
    ("STRIPE_SECRET_KEY", "pk_live_1"),
    ("STRIPE_SECRET_KEY", "sk_live_1 2"),
    ("STRIPE_WEBHOOK_SECRETS", "2"),
    ("STRIPE_BASE_URL", "stripe"),
    ("PAYPAL_CLIENT_SECRET", "two words"),
    ("PAYPAL_WEBHOOK_IDS", "WH 1"),
    ("PAYPAL_WEBHOOK_ROOT", "root.der"),
    ("PAYPAL_BASE_URL", "paypal"),
    ("SQUARE_LOCATION_ID", "the shop"),
    ("SQUARE_WEBHOOK_KEYS", ","),
    ("SQUARE_WEBHOOK_URL", "square"),
    ("SQUARE_BASE_URL", "square"),
    ("PAYMENT_PROVIDER", "stripe"),
    ("PAYMENT_PROVIDER", "adyen"),
    ("PAYMENT_RETURN_URL", "shop.example/paid"),
    ("PAYMENT_RETURN_URL", "https://shop.example/paid now"),
    ("FAKE_PROVIDERS", "stripe,adyen"),
    ("FAKE_PROVIDERS", ","),
    ("ALLOW_SIMULATED_PAYMENTS", "yes"),
    ("SIMULATED_SLOW_MILLISECONDS", "60001"),
    ("PASS_SECONDS", "0"),
    ("RECONCILIATION_GUARD_SECONDS", "86401"),
    ("REQUEST_TIMEOUT_SECONDS", "0"),
    ("SHUTDOWN_SECONDS", "301"),
    ("CORS_ORIGINS", "*"),
    ("CORS_ORIGINS", "https://shop.example/path"),
    ("LOG_FORMAT", "xml"),
    ("RUST_LOG", "order_server=loud"),
];

#[test]
fn every_setting_can_be_wrong() {
    for case in WRONG {
        assert_eq!(wrong(&[*case]), [case.0], "{case:?}");
    }
    // And all of them at once: each is listed, none hides another.
    let is_read = |name: &str| !matches!(name, "ORDER_ENV" | "MONGODB_URI");
    let all: Vec<_> = WRONG.iter().filter(|(name, _)| is_read(name)).copied().collect();
    let names: std::collections::BTreeSet<_> = all.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(wrong(&all).into_iter().collect::<std::collections::BTreeSet<_>>(), names);
}

#[test]
fn a_postgres_address_is_shown_without_its_password() {
    let url = "postgresql://shop:hunter2@db.example:6432/orders?sslmode=require";
    let settings = [("DATABASE_URL", url), ("DATABASE_REPLICA_URL", url), ("DATABASE_SCHEMA", "tea")];
    let config = read(&settings).unwrap();
    assert_eq!(config.database.to_string(), "postgres://shop@db.example:6432/orders, schema tea");
    assert!(!format!("{config:?} {config:#?}").contains("hunter2"));
    assert_eq!(config.simulated_books.unwrap().to_str(), Some("data/simulated-provider.db"));
    assert!(read(&[("DATABASE_URL", url), ("MIGRATE", "false")]).is_ok());
    // A replica that nobody would read from is a mistake.
    assert_eq!(wrong(&[("DATABASE_REPLICA_URL", url)]), ["DATABASE_REPLICA_URL"]);
}

#[test]
fn a_mongodb_address_is_shown_without_its_password() {
    let url = "mongodb://shop:hunter2@a.example:27017,b.example/orders?replicaSet=rs";
    let config = read(&[("DATABASE_URL", url)]).unwrap();
    assert_eq!(config.database.to_string(), "mongodb://a.example:27017,b.example:27017/orders");
    assert!(!format!("{config:?}").contains("hunter2"));
    let config = read(&[("MONGODB_URI", "mongodb+srv://db.example"), ("MONGODB_DB", "tea")]).unwrap();
    assert_eq!(config.database.to_string(), "mongodb://db.example/tea");
    // Where both are given, as the test services do, DATABASE_URL decides.
    let config = read(&[("DATABASE_URL", "sqlite:a/b.db"), ("MONGODB_URI", url)]).unwrap();
    assert_eq!(config.database.to_string(), "sqlite:a/b.db");
}

#[test]
fn production_accepts_nothing_that_everybody_knows() {
    let long = "0123456789abcdef0123456789abcdef";
    let good = [
        ("ORDER_ENV", "production"),
        ("JWT_SECRET", long),
        ("SERVICE_KEYS", "warehouse=fedcba9876543210fedcba9876543210"),
        ("ALLOW_SIMULATED_PAYMENTS", "true"),
    ];
    assert_eq!(read(&good).unwrap().mode, Mode::Production);
    assert_eq!(wrong(&[("APP_ENV", "production")]), ["JWT_SECRET", "ALLOW_SIMULATED_PAYMENTS"]);
    let development_key = format!("warehouse={DEVELOPMENT_SERVICE_KEY}");
    for (name, value) in [
        ("JWT_SECRET", ""),
        ("JWT_SECRET", DEVELOPMENT_SECRET),
        ("JWT_SECRET", long.get(1..).unwrap()),
        ("SERVICE_KEYS", "warehouse=short"),
        ("SERVICE_KEYS", &development_key),
        ("DATABASE_URL", "memory:"),
        ("ALLOW_SIMULATED_PAYMENTS", "false"),
    ] {
        let settings: Vec<_> =
            good.into_iter().filter(|(known, _)| *known != name).chain([(name, value)]).collect();
        assert_eq!(wrong(&settings), [name], "{value}");
    }
    let without_keys = read(&[good[0], good[1], good[3]]).unwrap();
    assert!(without_keys.service_keys.is_empty(), "production has no service key of its own");
}

/// A provider's settings, beside a good key of it.
const STRIPE: (&str, &str) = ("STRIPE_SECRET_KEY", "sk_live_1");

fn paypal_in_production() -> Vec<(&'static str, &'static str)> {
    vec![("PAYPAL_CLIENT_ID", "client"), ("PAYPAL_CLIENT_SECRET", "secret"), ("PAYPAL_WEBHOOK_IDS", "WH-1")]
}

#[test]
fn what_is_said_of_a_provider_is_checked() {
    for case in [
        ("STRIPE_WEBHOOK_SECRETS", "whsec_1,"),
        ("STRIPE_WEBHOOK_SECRETS", "whsec_1,2"),
        ("STRIPE_WEBHOOK_SECRETS", "whsec_"),
        ("STRIPE_BASE_URL", "http://stripe.example"),
        ("STRIPE_BASE_URL", "https://user:password@stripe.example"),
        ("STRIPE_BASE_URL", "stripe"),
        ("FAKE_PROVIDERS", "stripe"),
    ] {
        assert_eq!(wrong(&[STRIPE, case]), [case.0], "{case:?}");
    }
    for lonely in [("STRIPE_WEBHOOK_SECRETS", "whsec_1"), ("STRIPE_BASE_URL", "https://stripe.example")] {
        assert_eq!(wrong(&[lonely]), [lonely.0], "it says nothing without a key");
    }
    let paypal = [("PAYPAL_CLIENT_ID", "client"), ("PAYPAL_CLIENT_SECRET", "secret")];
    let square = [("SQUARE_ACCESS_TOKEN", "token"), ("SQUARE_LOCATION_ID", "location")];
    let url = ("SQUARE_WEBHOOK_URL", "https://shop.example/webhooks/square");
    let keys = ("SQUARE_WEBHOOK_KEYS", "one,two");
    for (settings, expected) in [
        (vec![paypal[0]], vec!["PAYPAL_CLIENT_SECRET"]),
        (vec![("PAYPAL_CLIENT_ID", "a:b"), paypal[1]], vec!["PAYPAL_CLIENT_ID"]),
        ([&paypal[..], &[("PAYPAL_WEBHOOK_IDS", "WH-1,")]].concat(), vec!["PAYPAL_WEBHOOK_IDS"]),
        ([&paypal[..], &[("PAYPAL_BASE_URL", "http://paypal.example")]].concat(), vec!["PAYPAL_BASE_URL"]),
        (vec![square[0]], vec!["SQUARE_LOCATION_ID"]),
        ([&square[..], &[keys]].concat(), vec!["SQUARE_WEBHOOK_URL"]),
        ([&square[..], &[url]].concat(), vec!["SQUARE_WEBHOOK_URL"]),
        ([&square[..], &[("SQUARE_BASE_URL", "http://square.example")]].concat(), vec!["SQUARE_BASE_URL"]),
    ] {
        assert_eq!(wrong(&settings), expected, "{settings:?}");
    }
    let all = [&paypal[..], &square[..], &[keys, url, ("PAYPAL_WEBHOOK_IDS", "WH-1, WH-2")]].concat();
    let places: Vec<String> =
        read(&all).unwrap().payments.providers.iter().map(ToString::to_string).collect();
    assert_eq!(places, ["paypal at https://api-m.paypal.com", "square at https://connect.squareup.com"]);
    let more = [("STRIPE_WEBHOOK_SECRETS", "whsec_new, whsec_old"), ("PAYMENT_PROVIDER", "stripe")];
    let payments = read(&[STRIPE, more[0], more[1]]).unwrap().payments;
    let places: Vec<String> = payments.providers.iter().map(ToString::to_string).collect();
    assert_eq!(places, ["stripe at https://api.stripe.com"]);
    assert_eq!((payments.default.as_str(), payments.is_simulated), ("stripe", true));
    let at_home =
        read(&[("FAKE_PROVIDERS", "stripe, stripe"), ("PAYMENT_PROVIDER", "stripe")]).unwrap().payments;
    assert_eq!((at_home.stand_ins.len(), at_home.providers.len()), (1, 0));
    assert_eq!(read(&[STRIPE]).unwrap().payments.default, "simulated");
}

#[test]
fn production_takes_real_money_or_says_that_it_does_not() {
    let good = [
        ("ORDER_ENV", "production"),
        ("JWT_SECRET", "0123456789abcdef0123456789abcdef"),
        STRIPE,
        ("STRIPE_WEBHOOK_SECRETS", "whsec_1"),
    ];
    let payments = read(&good).unwrap().payments;
    assert_eq!((payments.default.as_str(), payments.is_simulated), ("stripe", false));
    let with = |name: &str, value: &'static str| -> Vec<(&str, &str)> {
        good.into_iter()
            .map(|(known, old)| if known == name { (known, value) } else { (known, old) })
            .collect()
    };
    for (name, value) in [
        ("STRIPE_SECRET_KEY", "sk_test_1"),
        ("STRIPE_SECRET_KEY", "rk_test_1"),
        ("STRIPE_SECRET_KEY", "whatever"),
        ("STRIPE_WEBHOOK_SECRETS", ""),
    ] {
        assert_eq!(wrong(&with(name, value)), [name], "{value}");
    }
    for (sandbox, more) in [
        (
            "PAYPAL_BASE_URL",
            vec![paypal_in_production(), vec![("PAYPAL_BASE_URL", "https://api-m.sandbox.paypal.com")]],
        ),
        ("PAYPAL_WEBHOOK_ROOT", vec![paypal_in_production(), vec![("PAYPAL_WEBHOOK_ROOT", "root.der")]]),
    ] {
        assert_eq!(wrong(&[good.to_vec(), more.concat()].concat()), [sandbox]);
    }
    let more = |setting| good.into_iter().chain([setting]).collect::<Vec<_>>();
    assert_eq!(wrong(&more(("FAKE_PROVIDERS", "stripe"))), ["FAKE_PROVIDERS", "FAKE_PROVIDERS"]);
    assert_eq!(wrong(&more(("PAYMENT_PROVIDER", "simulated"))), ["PAYMENT_PROVIDER"]);
    let tests = [with("STRIPE_SECRET_KEY", "sk_test_1"), vec![("ALLOW_SIMULATED_PAYMENTS", "true")]].concat();
    let payments = read(&tests).unwrap().payments;
    assert_eq!((payments.default.as_str(), payments.is_simulated), ("simulated", true));
}

#[test]
fn a_file_is_read_and_the_environment_wins() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(
        file,
        "port = 9000\nhost = \"0.0.0.0\"\nservice_keys = [\"a=1\", \"b=2\"]\napp_env = \"development\""
    )
    .unwrap();
    let environment = |name: &str| (name == "PORT").then(|| OsString::from("9001"));
    let config = Config::read(Some(file.path()), &environment).unwrap();
    assert_eq!(config.listen.to_string(), "0.0.0.0:9001");
    let keys: Vec<_> = config.service_keys.iter().map(|service| service.name.as_str()).collect();
    assert_eq!(keys, ["a", "b"]);
}

#[test]
fn a_file_with_mistakes_is_not_guessed_at() {
    let nobody = |_: &str| None;
    let mistakes = |text: &str| -> Vec<String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let mistakes = Config::read(Some(file.path()), &nobody).map(drop).unwrap_err();
        let name = file.path().display().to_string();
        mistakes.settings().map(|setting| setting.replace(&name, "the file")).collect()
    };
    assert_eq!(mistakes("prot = 1\nport = \"x\"\nhold_minutes = 1.5"), ["hold_minutes", "prot", "PORT"]);
    assert_eq!(mistakes("port = \njwt_secret = \"s3cret\""), ["the file"]);
    assert_eq!(mistakes("jwt_secret = \"a\"\nsecret_key = \"b\""), ["secret_key"]);
    let missing = Config::read(Some("/no/such/file".as_ref()), &nobody).map(drop).unwrap_err();
    assert_eq!(missing.settings().collect::<Vec<_>>(), ["/no/such/file"]);
}

#[test]
fn two_names_of_one_setting_must_agree() {
    assert_eq!(wrong(&[("ORDER_ENV", "development"), ("APP_ENV", "production")]), ["APP_ENV"]);
    assert!(read(&[("ORDER_ENV", "development"), ("APP_ENV", "development")]).is_ok());
}

#[test]
fn secrets_are_never_shown() {
    let secrets = ["tell-nobody-one", "tell-nobody-two"];
    let keys = format!("warehouse={}", secrets[1]);
    let (stripe_key, signing) = (format!("sk_{}", secrets[0]), format!("whsec_{}", secrets[1]));
    let config = read(&[
        ("JWT_SECRET", secrets[0]),
        ("SERVICE_KEYS", &keys),
        ("STRIPE_SECRET_KEY", &stripe_key),
        ("STRIPE_WEBHOOK_SECRETS", &signing),
        ("PAYPAL_CLIENT_ID", "client"),
        ("PAYPAL_CLIENT_SECRET", secrets[0]),
        ("SQUARE_ACCESS_TOKEN", secrets[1]),
        ("SQUARE_LOCATION_ID", "location"),
    ])
    .unwrap();
    assert_eq!(config.jwt_secret.expose_secret(), secrets[0]);
    let shown = format!("{config:?} {config:#?}");
    let wrong_keys = format!("{},=", secrets[1]);
    let url = format!("postgres://user:{}@db:port/orders", secrets[0]);
    let settings = [
        ("ORDER_ENV", "production"),
        ("JWT_SECRET", secrets[0]),
        ("SERVICE_KEYS", &wrong_keys),
        ("DATABASE_URL", &url),
        ("STRIPE_SECRET_KEY", secrets[0]),
        ("STRIPE_WEBHOOK_SECRETS", secrets[1]),
        ("STRIPE_BASE_URL", secrets[1]),
        ("PAYPAL_CLIENT_ID", secrets[0]),
        ("PAYPAL_CLIENT_SECRET", secrets[1]),
        ("PAYPAL_BASE_URL", secrets[1]),
        ("SQUARE_ACCESS_TOKEN", secrets[0]),
        ("SQUARE_WEBHOOK_KEYS", secrets[1]),
        ("FAKE_PROVIDERS", secrets[1]),
        ("PAYMENT_RETURN_URL", secrets[1]),
        ("PAYMENT_PROVIDER", secrets[1]),
    ];
    let mistakes = read(&settings).map(drop).unwrap_err();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    write!(file, "jwt_secret = \"{}\" \"{}\"", secrets[0], secrets[1]).unwrap();
    let unreadable = Config::read(Some(file.path()), &|_| None).map(drop).unwrap_err();
    let shown = format!("{shown} {mistakes} {mistakes:?} {unreadable} {unreadable:?}");
    assert!(secrets.iter().all(|secret| !shown.contains(secret)), "{shown}");
}
