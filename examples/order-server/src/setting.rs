//! The settings there are, as data: `--help`, the configuration file and the environment all read this table.

use std::fmt;

/// One setting. In the environment it has its name; in the configuration file its name in lower case.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// Another name it goes by, in other deployments of such services.
    pub alias: Option<&'static str>,
    /// What holds when it is not given, for a reader.
    pub default: &'static str,
    /// What it is for.
    pub purpose: &'static str,
}

const fn setting(name: &'static str, default: &'static str, purpose: &'static str) -> Setting {
    Setting { name, alias: None, default, purpose }
}

/// Every setting.
pub const SETTINGS: &[Setting] = &[
    Setting {
        alias: Some("APP_ENV"),
        ..setting("ORDER_ENV", "development", "development or production; production accepts no demo secrets")
    },
    setting("HOST", "127.0.0.1", "the address to listen on"),
    setting("PORT", "8080", "the port to listen on; 0 takes a free one"),
    setting("API_PREFIX", "/api/v1", "where the interface begins"),
    setting(
        "DATABASE_URL",
        "sqlite:data/orders.db",
        "sqlite:<path>, postgres://user:password@host:5432/database, mongodb://host-a,host-b/database?replicaSet=name \
         or memory: (nothing outlives the process)",
    ),
    setting("MONGODB_URI", "none", "the database, when DATABASE_URL does not name one"),
    setting("MONGODB_DB", "that of the address, or order_engine", "MongoDB: the name of the database"),
    setting(
        "MONGODB_READ_SECONDARIES",
        "false",
        "MongoDB: true reads lists of orders from secondaries, which may be behind",
    ),
    setting("MIGRATE", "true", "false: the schema must be up to date already (order-server migrate)"),
    setting(
        "DATABASE_TIMEOUT_SECONDS",
        "5",
        "how long the database may take before it counts as lost: 1 to 60; not for SQLite",
    ),
    setting("DATABASE_READERS", "8", "PostgreSQL: connections that read: 1 to 1000"),
    setting(
        "DATABASE_WRITERS",
        "the store's own",
        "how many groups of commits are written at once: 1 to 64; more are rarely faster",
    ),
    setting("DATABASE_REPLICA_URL", "none", "PostgreSQL: a replica for lists of orders, which may be behind"),
    setting(
        "DATABASE_SCHEMA",
        "order_engine",
        "PostgreSQL: the schema of the orders; the users' is <schema>_server",
    ),
    setting(
        "DATABASE_PREPARES",
        "true",
        "PostgreSQL: false behind a pooler that does not know of prepared statements",
    ),
    setting(
        "SQLITE_SYNCHRONOUS",
        "full",
        "full: an answer survives a power cut; normal: a crash of the server only",
    ),
    Setting {
        alias: Some("SECRET_KEY"),
        ..setting(
            "JWT_SECRET",
            "a development secret",
            "the HS256 key of tokens; in production at least 32 bytes",
        )
    },
    setting("JWT_ISSUER", "not checked", "the issuer a token must name"),
    setting("JWT_AUDIENCE", "not checked", "the audience a token must name"),
    setting("SERVICE_KEYS", "development=…", "keys of services: name=key,name=key"),
    setting("CURRENCY", "EUR", "the currency of the demo catalogue and of every fee"),
    setting("TAX_BASIS_POINTS", "0", "tax on top of the prices: 1900 is 19 %"),
    setting("SHIPPING_FEE", "0", "a flat fee for each order, e.g. 4.90"),
    setting("FREE_SHIPPING_FROM", "never", "goods for at least this much are shipped for nothing"),
    setting("COUPONS", "none", "CODE=10% or CODE=5.00, separated by commas"),
    setting("HOLD_MINUTES", "30", "how long stock is held for an order that is not paid: 1 to 10080"),
    setting("DEMO_STOCK", "1000", "units of each demo product that are received at the first start"),
    setting(
        "STRIPE_SECRET_KEY",
        "none",
        "Stripe: the account's secret or restricted key; payments go through Stripe when it is given",
    ),
    setting(
        "STRIPE_WEBHOOK_SECRETS",
        "none",
        "Stripe: the signing secrets of the webhook endpoint, separated by commas: several while one replaces another",
    ),
    setting(
        "STRIPE_BASE_URL",
        "https://api.stripe.com",
        "Stripe: where it is; http is for this machine only",
    ),
    setting(
        "PAYPAL_CLIENT_ID",
        "none",
        "PayPal: the client id of the application; payments go through PayPal when it is given",
    ),
    setting("PAYPAL_CLIENT_SECRET", "none", "PayPal: the application's secret"),
    setting(
        "PAYPAL_WEBHOOK_IDS",
        "none",
        "PayPal: the ids of its webhooks here, separated by commas: several while one replaces another",
    ),
    setting(
        "PAYPAL_WEBHOOK_ROOT",
        "the public ones",
        "PayPal, in development: a file with the root certificate (DER) of a stand-in that signs webhooks",
    ),
    setting(
        "PAYPAL_BASE_URL",
        "https://api-m.paypal.com",
        "PayPal: where it is; http is for this machine only",
    ),
    setting(
        "SQUARE_ACCESS_TOKEN",
        "none",
        "Square: the seller's access token; payments go through Square when it is given",
    ),
    setting("SQUARE_LOCATION_ID", "none", "Square: the location that takes the payments"),
    setting(
        "SQUARE_WEBHOOK_KEYS",
        "none",
        "Square: the signature keys of the webhook subscription, separated by commas",
    ),
    setting(
        "SQUARE_WEBHOOK_URL",
        "none",
        "Square: the notification URL of the subscription, to the letter: it is a part of what is signed",
    ),
    setting(
        "SQUARE_BASE_URL",
        "https://connect.squareup.com",
        "Square: where it is; http is for this machine only",
    ),
    setting(
        "PAYMENT_PROVIDER",
        "simulated, or the first that is set up",
        "the payment provider of a request that names none: stripe, paypal, square or simulated",
    ),
    setting(
        "PAYMENT_RETURN_URL",
        "a page of the server in development, else none",
        "the page that a provider sends customers back to, after they have paid there",
    ),
    setting(
        "FAKE_PROVIDERS",
        "none",
        "development: stand-ins that are run inside the server: some of stripe,paypal,square; they forget everything with it",
    ),
    setting(
        "ALLOW_SIMULATED_PAYMENTS",
        "false",
        "true: production may run without a real payment provider, and with test keys",
    ),
    setting(
        "SIMULATED_BOOKS",
        "simulated-provider.db next to the SQLite file, or in data/",
        "the file with the simulated provider's books; servers on one database must share it",
    ),
    setting("SIMULATED_SLOW_MILLISECONDS", "2000", "how long the token sim_slow takes: 0 to 60000"),
    setting("PASS_SECONDS", "5", "the pause between two background passes: 1 to 3600"),
    setting(
        "RECONCILIATION_GUARD_SECONDS",
        "300",
        "how young a payment is left alone when a provider's books are compared with ours: 0 to 86400",
    ),
    setting(
        "REQUEST_TIMEOUT_SECONDS",
        "30",
        "how long a request may take before it is answered with 503: 1 to 600",
    ),
    setting(
        "SHUTDOWN_SECONDS",
        "10",
        "how long requests may go on when the server is told to stop: 0 to 300",
    ),
    setting("CORS_ORIGINS", "none", "origins whose pages may call the interface, separated by commas"),
    setting("LOG_FORMAT", "text", "text or json"),
    setting("RUST_LOG", "info", "what is logged, e.g. info,order_server=debug"),
];

/// The text of `--help`.
#[derive(Debug, Clone, Copy)]
pub struct Help;

impl fmt::Display for Help {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "The order engine over HTTP, on SQLite, PostgreSQL or MongoDB, with a demo catalogue. It takes\n\
             payments through Stripe, PayPal and Square, through stand-ins of them, and simulated ones.\n\n\
             Usage: order-server [migrate] [--config FILE] [--check]\n\n\
             \x20 migrate        makes or updates what the database needs, and ends\n\
             \x20 --config FILE  read settings from a TOML file (or CONFIG_FILE); the environment wins over it\n\
             \x20 --check        say whether the settings are good, and end\n\
             \x20 --help         this text\n\n\
             Settings, as environment variables; in the file their names are in lower case:\n\n",
        )?;
        for setting in SETTINGS {
            writeln!(f, "  {:<28} {}", setting.name, setting.purpose)?;
            let alias = setting.alias.map(|alias| format!("; also {alias}")).unwrap_or_default();
            writeln!(f, "  {:<28}   default: {}{alias}", "", setting.default)?;
        }
        Ok(())
    }
}
