//! The server: everything joined, listening, and stopped again in an orderly way.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::from_fn_with_state;
use axum::serve::ListenerExt as _;
use order_core::error::BoxError;
use order_core::id::{InvalidId, LocationId, ProviderId};
use order_core::order::OrderPolicy;
use order_core::service::EngineBuilder;
use order_core::time::{Clock, Duration, SystemClock};
use order_core::{Engine, Invalid};
use order_http::{Api, JwtAuthenticator, ServiceKeys};
use secrecy::ExposeSecret as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tower_http::cors::CorsLayer;

use crate::access;
use crate::accounts;
use crate::catalogue::DemoCatalogue;
use crate::completion::Desk;
use crate::config::{Config, Mode};
use crate::database::Opened;
use crate::passes::Background;
use crate::providers::courier::Courier;
use crate::providers::stand_in::{self, StandIn};
use crate::providers::{DisputeRights, Provider, SIMULATED, Surroundings};
use crate::simulated::SimulatedProvider;
use crate::token::Signer;
use crate::users::Users;

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A folder or a socket.
    #[error("{what}")]
    System {
        /// What was tried.
        what: String,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// The database can't be opened, or can't be migrated.
    #[error("{database}")]
    Database {
        /// Which.
        database: String,
        /// Why not.
        #[source]
        source: BoxError,
    },
    /// The books of the simulated provider can't be opened.
    #[error("the books of the simulated payment provider can't be opened")]
    Provider(#[source] sqlx::Error),
    /// The parts don't fit together.
    #[error("the parts do not fit together")]
    Parts(#[source] BoxError),
    /// The demo stock can't be received.
    #[error("the demo stock can't be received")]
    Stock(#[source] order_core::Error),
}

impl From<Invalid> for StartError {
    fn from(invalid: Invalid) -> Self {
        Self::Parts(invalid.into())
    }
}

impl From<InvalidId> for StartError {
    fn from(invalid: InvalidId) -> Self {
        Self::Parts(invalid.into())
    }
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    engine: Engine,
    provider: Option<SimulatedProvider>,
    stand_ins: Vec<Arc<dyn StandIn>>,
    courier: Courier,
    background: Background,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<std::io::Result<()>>,
    patience: std::time::Duration,
}

impl Server {
    /// Opens what is stored, listens, and starts the background passes.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(config: &Config) -> Result<Self, StartError> {
        let listener = TcpListener::bind(config.listen).await.map_err(cannot_listen(config))?;
        let address = listener.local_addr().map_err(cannot_listen(config))?;
        let Opened { store, users } = config.database.open().await.map_err(failed(config))?;
        tracing::info!(database = %config.database, "opened");
        let users = Arc::new(Users::new(users));
        let catalogue = DemoCatalogue::new(config.currency)?;
        let location = LocationId::new("main")?;
        let mut policy = OrderPolicy::default();
        policy.hold = Duration::minutes(config.hold_minutes.into());
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let builder = Engine::builder(store)
            .catalogue(Arc::new(catalogue.port()))
            .customers(users.clone())
            .clock(clock.clone())
            .pricing(config.pricing.clone())
            .order_policy(policy)
            .location(location.clone())
            .reconciliation_guard(Duration::seconds(config.reconciliation_guard_seconds.into()));
        let stand_ins = start_stand_ins(config, &clock).await?;
        let (builder, rights) = with_providers(builder, config, &stand_ins, address, &clock)?;
        let provider = simulated(config).await?;
        let builder = match &provider {
            Some(provider) => {
                let (id, provider) = (ProviderId::new(SIMULATED)?, Arc::new(provider.clone()));
                builder.payment_gateway(id.clone(), provider.clone()).provider_books(id, provider)
            }
            None => builder,
        };
        let engine = builder.build()?;
        let stock = catalogue.receive_stock(&engine, &location, config.demo_stock).await;
        stock.map_err(StartError::Stock)?;

        let own = Router::new()
            .merge(catalogue.routes(engine.clone()))
            .merge(accounts::routes(users, Signer::new(config), engine.clone()))
            .merge(Desk::new(engine.clone(), provider.clone(), &stand_ins).routes(config.mode));
        let app = app(config, &engine, own)?;
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(
            axum::serve(listener.tap_io(send_at_once), app)
                .with_graceful_shutdown(async {
                    let _ = stopped.await;
                })
                .into_future(),
        );
        let background = Background::start(&engine, rights, config.pass_pause);
        let courier = Courier::start(&stand_ins, &format!("{}{}", base(address), config.prefix));
        let patience = config.shutdown;
        Ok(Self { address, engine, provider, stand_ins, courier, background, stop, serving, patience })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Its simulated payment provider, if it has one.
    pub fn provider(&self) -> Option<&SimulatedProvider> {
        self.provider.as_ref()
    }

    /// The stand-ins of payment providers that run inside of it.
    pub fn stand_ins(&self) -> &[Arc<dyn StandIn>] {
        &self.stand_ins
    }

    /// Stops it: accepts nothing more, lets requests finish for as long as it is patient, then the passes.
    pub async fn stop(self) {
        self.courier.stop().await;
        let _ = self.stop.send(());
        let mut serving = self.serving;
        if tokio::time::timeout(self.patience, &mut serving).await.is_err() {
            tracing::warn!("some requests did not end in time, and are cut off");
            serving.abort();
        }
        self.background.stop().await;
        tracing::info!("stopped");
    }
}

/// Makes or updates everything in the database, and nothing else.
///
/// # Errors
/// [`StartError::Database`].
pub async fn migrate(config: &Config) -> Result<(), StartError> {
    config.database.migrate().await.map_err(failed(config))
}

fn failed(config: &Config) -> impl FnOnce(BoxError) -> StartError {
    let database = config.database.to_string();
    |source| StartError::Database { database, source }
}

fn cannot_listen(config: &Config) -> impl FnOnce(std::io::Error) -> StartError {
    let what = format!("can't listen on {}", config.listen);
    |source| StartError::System { what, source }
}

/// The last packet of a long answer would otherwise wait until the one before it is acknowledged, which a client may put off for 40 ms.
fn send_at_once(stream: &mut TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection was gone before it was served");
    }
}

/// The address of a server for its own machine.
fn base(mut address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    format!("http://{address}")
}

async fn start_stand_ins(
    config: &Config,
    clock: &Arc<dyn Clock>,
) -> Result<Vec<Arc<dyn StandIn>>, StartError> {
    let mut started = Vec::new();
    for kind in &config.payments.stand_ins {
        let failed = |source| StartError::System {
            what: format!("the stand-in of {} can't be started", kind.name()),
            source,
        };
        started.push(stand_in::start(*kind, clock.clone()).await.map_err(failed)?);
    }
    Ok(started)
}

/// Adds every provider that was set up, and those whose stand-ins run here. Gives the rights that some of them must have granted.
fn with_providers(
    mut builder: EngineBuilder,
    config: &Config,
    stand_ins: &[Arc<dyn StandIn>],
    address: SocketAddr,
    clock: &Arc<dyn Clock>,
) -> Result<(EngineBuilder, DisputeRights), StartError> {
    let mut rights = DisputeRights::new();
    let own_page = match config.mode {
        Mode::Development => Some(format!("{}/simulated/back", base(address))),
        Mode::Production => None,
    };
    let return_url = config.payments.return_url.as_deref().or(own_page.as_deref());
    let at_home: Vec<Arc<dyn Provider>> = stand_ins.iter().map(|stand_in| stand_in.provider()).collect();
    for provider in config.payments.providers.iter().chain(&at_home) {
        let id = ProviderId::new(provider.kind().name())?;
        let opened =
            provider.open(&Surroundings { id: &id, return_url, clock }).map_err(StartError::Parts)?;
        tracing::info!(%provider, has_webhooks = opened.reader.is_some(), "payments");
        builder =
            builder.payment_gateway(id.clone(), opened.gateway).provider_books(id.clone(), opened.books);
        if let Some(reader) = opened.reader {
            builder = builder.notice_reader(id.clone(), reader);
        }
        rights.extend(opened.dispute_right.map(|right| (id, right)));
    }
    Ok((builder, rights))
}

/// The simulated provider, if it may be used.
async fn simulated(config: &Config) -> Result<Option<SimulatedProvider>, StartError> {
    if !config.payments.is_simulated {
        return Ok(None);
    }
    let books = config.simulated_books.as_deref();
    let provider = SimulatedProvider::open(books, config.slow).await.map_err(StartError::Provider)?;
    Ok(Some(provider))
}

/// The interface and the server's own routes, with everything that is done about every request.
fn app(config: &Config, engine: &Engine, own: Router) -> Result<Router, StartError> {
    let app = order_http::router(api(config, engine.clone())?).merge(own.clone());
    // The server's own routes are below the prefix as well: a client has one base address for everything.
    let app = if config.prefix == "/" { app } else { app.nest(&config.prefix, own) };
    let app = match cors(config) {
        Some(cors) => app.layer(cors),
        None => app,
    };
    Ok(app
        .fallback(order_http::not_found)
        .layer(from_fn_with_state((engine.clone(), config.request_timeout), access::log)))
}

/// Lets the pages of the configured origins call, if there are any.
fn cors(config: &Config) -> Option<CorsLayer> {
    let origins: Vec<_> =
        config.cors_origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect();
    let headers = ["authorization", "content-type", "idempotency-key", "if-match", "x-request-id"];
    let shown = ["etag", "idempotent-replayed", "x-request-id", "retry-after"];
    let cors = CorsLayer::new()
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers(headers.map(HeaderName::from_static))
        .expose_headers(shown.map(HeaderName::from_static));
    (!origins.is_empty()).then(|| cors.allow_origin(origins))
}

fn api(config: &Config, engine: Engine) -> Result<Api, StartError> {
    let mut jwt = JwtAuthenticator::hs256(config.jwt_secret.expose_secret())?;
    if let Some(issuer) = &config.jwt_issuer {
        jwt = jwt.issuer(issuer);
    }
    if let Some(audience) = &config.jwt_audience {
        jwt = jwt.audience(audience);
    }
    let mut keys = ServiceKeys::new();
    for service in &config.service_keys {
        keys = keys.with_digest(&service.name, &ServiceKeys::digest(service.key.expose_secret()))?;
    }
    let api = Api::builder(engine)
        .auth(jwt)
        .auth(keys)
        .prefix(&config.prefix)
        .default_provider(ProviderId::new(&config.payments.default)?)
        .currency(config.currency);
    Ok(api.build()?)
}
