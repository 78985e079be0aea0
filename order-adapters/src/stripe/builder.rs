use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use order_core::error::Invalid;
use order_core::time::{Clock, SystemClock};
use secrecy::{ExposeSecret as _, SecretString};

use super::{SERVICE, StripeGateway};
use crate::provider::{Endpoint, Transport};

/// Builds a [`StripeGateway`]. `Debug` does not show the secret key.
#[derive(Clone)]
pub struct StripeBuilder {
    secret_key: SecretString,
    endpoint: Endpoint,
    return_url: Option<String>,
    clock: Arc<dyn Clock>,
}

impl StripeBuilder {
    pub(super) fn new(secret_key: String) -> Self {
        Self {
            secret_key: SecretString::from(secret_key),
            endpoint: Endpoint::new("https://api.stripe.com"),
            return_url: None,
            clock: Arc::new(SystemClock),
        }
    }

    /// Where Stripe is: a stand-in for tests, or a proxy. By default `https://api.stripe.com`.
    #[must_use]
    pub fn base_url(mut self, url: &str) -> Self {
        self.endpoint = Endpoint { base_url: url.trim_end_matches('/').to_owned(), ..self.endpoint };
        self
    }

    /// How long a connection may take to be made. By default 5 seconds.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.endpoint.connect_timeout = timeout;
        self
    }

    /// How long one call may take. By default 30 seconds. Some instructions take three calls, and an operation is claimed for
    /// 60 seconds; after that somebody else may ask about it, which does no harm.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.endpoint.timeout = timeout;
        self
    }

    /// Where Stripe sends the customer back to, after their bank has asked them. Without it such a payment goes on in Stripe's
    /// form, with the client secret.
    #[must_use]
    pub fn return_url(mut self, url: impl Into<String>) -> Self {
        self.return_url = Some(url.into());
        self
    }

    /// The clock that tells how old an operation is. It should be the engine's. By default the operating system's.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The gateway.
    ///
    /// # Errors
    /// [`Invalid`] when the secret key is empty or the base URL is not https (plain http is taken for the same machine only).
    pub fn build(self) -> Result<StripeGateway, Invalid> {
        let key = self.secret_key.expose_secret();
        if key.is_empty() || key.chars().any(|c| !c.is_ascii_graphic()) {
            return Err(Invalid::field("/secret_key", "invalid_key", "must be a secret key of Stripe"));
        }
        let transport = Transport::new(SERVICE, self.endpoint)?;
        Ok(StripeGateway::new(transport, self.secret_key, self.return_url, self.clock))
    }
}

impl fmt::Debug for StripeBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StripeBuilder")
            .field("endpoint", &self.endpoint)
            .field("return_url", &self.return_url)
            .finish_non_exhaustive()
    }
}
