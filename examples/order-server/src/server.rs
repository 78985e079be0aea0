//! The server: everything joined, listening, and stopped again in an orderly way.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::from_fn_with_state;
use order_adapters::sqlite::{OpenError, SqliteStore, Synchronous};
use order_core::error::BoxError;
use order_core::id::{InvalidId, LocationId, ProviderId};
use order_core::memory::MemoryStore;
use order_core::order::OrderPolicy;
use order_core::store::Store;
use order_core::{Engine, Invalid};
use order_http::{Api, JwtAuthenticator, ServiceKeys};
use secrecy::ExposeSecret as _;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tower_http::cors::CorsLayer;

use crate::access;
use crate::accounts;
use crate::catalogue::DemoCatalogue;
use crate::completion;
use crate::config::{Config, Database};
use crate::passes::Background;
use crate::simulated::SimulatedProvider;
use crate::token::Signer;
use crate::users::{UserError, Users};

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
    /// The orders can't be opened.
    #[error("the orders can't be opened")]
    Store(#[from] OpenError),
    /// The users can't be opened.
    #[error("the users can't be opened")]
    Users(#[from] UserError),
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
    provider: SimulatedProvider,
    background: Background,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<std::io::Result<()>>,
    patience: Duration,
}

impl Server {
    /// Opens what is stored, listens, and starts the background passes.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(config: &Config) -> Result<Self, StartError> {
        let store = open_store(config).await?;
        let users_file = config.database.sibling("users.db");
        let users = Arc::new(Users::open(users_file.as_deref()).await?);
        let books = config.database.sibling("simulated-provider.db");
        let provider =
            SimulatedProvider::open(books.as_deref(), config.slow).await.map_err(StartError::Provider)?;
        let catalogue = DemoCatalogue::new(config.currency)?;
        let (simulated, location) = (ProviderId::new("simulated")?, LocationId::new("main")?);
        let mut policy = OrderPolicy::default();
        policy.hold = order_core::time::Duration::minutes(config.hold_minutes.into());
        let engine = Engine::builder(store)
            .catalogue(Arc::new(catalogue.port()))
            .customers(users.clone())
            .payment_gateway(simulated.clone(), Arc::new(provider.clone()))
            .pricing(config.pricing.clone())
            .order_policy(policy)
            .location(location.clone())
            .build()?;
        let stock = catalogue.receive_stock(&engine, &location, config.demo_stock).await;
        stock.map_err(StartError::Stock)?;

        let own = Router::new()
            .merge(catalogue.routes(engine.clone()))
            .merge(accounts::routes(users, Signer::new(config), engine.clone()))
            .merge(completion::routes(provider.clone(), engine.clone()));
        let app = order_http::router(api(config, engine.clone(), simulated)?).merge(own.clone());
        // The server's own routes are below the prefix as well: a client has one base address for everything.
        let app = if config.prefix == "/" { app } else { app.nest(&config.prefix, own) };
        let app = match cors(config) {
            Some(cors) => app.layer(cors),
            None => app,
        };
        let app = app.fallback(order_http::not_found).layer(from_fn_with_state(engine.clone(), access::log));
        let cannot_listen =
            |source| StartError::System { what: format!("can't listen on {}", config.listen), source };
        let listener = TcpListener::bind(config.listen).await.map_err(cannot_listen)?;
        let address = listener.local_addr().map_err(cannot_listen)?;
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(
            axum::serve(listener, app)
                .with_graceful_shutdown(async {
                    let _ = stopped.await;
                })
                .into_future(),
        );
        let background = Background::start(&engine, config.pass_pause);
        Ok(Self { address, engine, provider, background, stop, serving, patience: config.shutdown })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Its payment provider.
    pub fn provider(&self) -> &SimulatedProvider {
        &self.provider
    }

    /// Stops it: accepts nothing more, lets requests finish for as long as it is patient, then the passes.
    pub async fn stop(self) {
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

async fn open_store(config: &Config) -> Result<Arc<dyn Store>, StartError> {
    let Database::Sqlite(path) = &config.database else { return Ok(Arc::new(MemoryStore::default())) };
    if let Some(folder) = path.parent().filter(|folder| *folder != Path::new("")) {
        let failed = |source| StartError::System {
            what: format!("can't make the folder {}", folder.display()),
            source,
        };
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let synchronous = if config.is_synchronous_full { Synchronous::Full } else { Synchronous::Normal };
    Ok(Arc::new(SqliteStore::builder().path(path).synchronous(synchronous).open().await?))
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

fn api(config: &Config, engine: Engine, provider: ProviderId) -> Result<Api, StartError> {
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
        .default_provider(provider)
        .currency(config.currency);
    Ok(api.build()?)
}
