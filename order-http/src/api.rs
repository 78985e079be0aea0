use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use order_core::id::ProviderId;
use order_core::money::Currency;
use order_core::{Engine, Invalid};

use crate::auth::Authenticator;
use crate::{call, openapi, problem};

/// An engine with everything that its HTTP interface needs. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Api {
    parts: Arc<Parts>,
}

#[derive(Debug)]
struct Parts {
    engine: Engine,
    authenticators: Vec<Box<dyn Authenticator>>,
    prefix: String,
    body_limit: usize,
    idempotency_wait: Duration,
    default_provider: Option<ProviderId>,
    currency: Currency,
}

/// Builds an [`Api`].
#[derive(Debug)]
pub struct ApiBuilder {
    parts: Parts,
}

impl Api {
    /// The largest body that is accepted, in bytes, unless something else is said: an order of the most lines, with room.
    pub const DEFAULT_BODY_LIMIT: usize = 256 * 1024;
    /// How long a request waits for another one with the same idempotency key, unless something else is said.
    pub const DEFAULT_IDEMPOTENCY_WAIT: Duration = Duration::from_secs(10);
    /// Where the routes are, unless something else is said.
    pub const DEFAULT_PREFIX: &str = "/api/v1";

    /// Begins the interface of an engine.
    pub fn builder(engine: Engine) -> ApiBuilder {
        ApiBuilder {
            parts: Parts {
                engine,
                authenticators: Vec::new(),
                prefix: Self::DEFAULT_PREFIX.to_owned(),
                body_limit: Self::DEFAULT_BODY_LIMIT,
                idempotency_wait: Self::DEFAULT_IDEMPOTENCY_WAIT,
                default_provider: None,
                currency: Currency::EUR,
            },
        }
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.parts.engine
    }

    /// Where the routes are: `/api/v1`, or nothing.
    pub fn prefix(&self) -> &str {
        &self.parts.prefix
    }

    pub(crate) fn authenticators(&self) -> impl Iterator<Item = &dyn Authenticator> {
        self.parts.authenticators.iter().map(|authenticator| &**authenticator)
    }

    pub(crate) fn idempotency_wait(&self) -> Duration {
        self.parts.idempotency_wait
    }

    pub(crate) fn default_provider(&self) -> Option<&ProviderId> {
        self.parts.default_provider.as_ref()
    }

    pub(crate) fn currency(&self) -> Currency {
        self.parts.currency
    }

    pub(crate) fn new_request_id(&self) -> String {
        let engine = self.engine();
        engine.ids().next(engine.clock().now()).to_string()
    }
}

impl ApiBuilder {
    /// Adds somebody who knows callers. The first one that knows, or refuses, decides.
    #[must_use]
    pub fn auth(mut self, authenticator: impl Authenticator + 'static) -> Self {
        self.parts.authenticators.push(Box::new(authenticator));
        self
    }

    /// Where the routes are below the host's own path. `""` puts them at its root.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.parts.prefix = prefix.into();
        self
    }

    /// The largest body that is accepted, in bytes.
    #[must_use]
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.parts.body_limit = bytes;
        self
    }

    /// How long a request waits for another one with the same idempotency key, before it is told to come back.
    #[must_use]
    pub fn idempotency_wait(mut self, wait: Duration) -> Self {
        self.parts.idempotency_wait = wait;
        self
    }

    /// The payment provider of requests that name none. Without it they are refused, unless the money is taken outside.
    #[must_use]
    pub fn default_provider(mut self, provider: ProviderId) -> Self {
        self.parts.default_provider = Some(provider);
        self
    }

    /// The currency of the totals of an empty cart, which has no other. By default the euro.
    #[must_use]
    pub fn currency(mut self, currency: Currency) -> Self {
        self.parts.currency = currency;
        self
    }

    /// The interface.
    ///
    /// # Errors
    /// When the prefix is neither empty nor a path such as `/api/v1`, or no body would be accepted.
    pub fn build(self) -> Result<Api, Invalid> {
        let mut invalid = Invalid::default();
        let prefix = &self.parts.prefix;
        let is_path = prefix.split('/').skip(1).all(|segment| {
            !segment.is_empty()
                && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte))
        });
        if !(prefix.is_empty() || prefix.starts_with('/') && is_path) {
            invalid.push("/prefix", "malformed", "must be empty or a path such as /api/v1");
        }
        if self.parts.body_limit == 0 {
            invalid.push("/body_limit", "out_of_range", "must be at least 1 byte");
        }
        invalid.into_result()?;
        Ok(Api { parts: Arc::new(self.parts) })
    }
}

/// The routes of an engine, for a host to nest below its own path, with its own middleware around them.
///
/// Below the [prefix](ApiBuilder::prefix) every answer is ours, also to what is not found; outside of it there are only `/health`
/// and `/ready`, and a host that merges the routes with its own keeps its own fallback.
pub fn router<S: Clone + Send + Sync + 'static>(api: Api) -> Router<S> {
    let layers = |router: Router<Api>| {
        router
            .layer(DefaultBodyLimit::max(api.parts.body_limit))
            .layer(from_fn_with_state(api.clone(), call::trace))
    };
    let (resources, operations) = openapi::routes(&api);
    let resources = layers(resources.fallback(problem::not_found));
    let operations = layers(operations);
    let router = if api.prefix().is_empty() {
        resources.merge(operations)
    } else {
        Router::new().nest(api.prefix(), resources).merge(operations)
    };
    router.with_state(api)
}
