use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use order_core::error::Invalid;
use order_core::time::{Clock, SystemClock};
use secrecy::{ExposeSecret as _, SecretString};

use super::link::Link;
use super::request::Pages;
use super::{PayPalGateway, SERVICE};
use crate::provider::{Endpoint, Transport};

/// Builds a [`PayPalGateway`]. `Debug` does not show the credentials.
#[derive(Clone)]
pub struct PayPalBuilder {
    client_id: String,
    client_secret: SecretString,
    endpoint: Endpoint,
    pages: Pages,
    clock: Arc<dyn Clock>,
}

impl PayPalBuilder {
    pub(super) fn new(client_id: String, client_secret: String) -> Self {
        Self {
            client_id,
            client_secret: SecretString::from(client_secret),
            endpoint: Endpoint::new("https://api-m.paypal.com"),
            pages: Pages::default(),
            clock: Arc::new(SystemClock),
        }
    }

    /// Where PayPal is: its sandbox (`https://api-m.sandbox.paypal.com`), a stand-in for tests, or a proxy. By default
    /// `https://api-m.paypal.com`.
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

    /// How long one call may take. By default 30 seconds. Some instructions take several calls, and an operation is claimed for 60
    /// seconds; after that somebody else may ask about it, which does no harm.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.endpoint.timeout = timeout;
        self
    }

    /// Where PayPal sends the customer back to after they have agreed.
    #[must_use]
    pub fn return_url(mut self, url: impl Into<String>) -> Self {
        self.pages.approved = Some(url.into());
        self
    }

    /// Where PayPal sends the customer back to when they do not agree.
    #[must_use]
    pub fn cancel_url(mut self, url: impl Into<String>) -> Self {
        self.pages.cancelled = Some(url.into());
        self
    }

    /// The clock that tells how old an operation or a token is. It should be the engine's. By default the operating system's.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The gateway.
    ///
    /// # Errors
    /// [`Invalid`] when a credential is empty or the base URL is not https (plain http is taken for the same machine only).
    pub fn build(self) -> Result<PayPalGateway, Invalid> {
        let is_plain = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic());
        // A colon ends the name in what is sent.
        if !is_plain(&self.client_id) || self.client_id.contains(':') {
            return Err(Invalid::field("/client_id", "invalid_key", "must be an application's client id"));
        }
        if !is_plain(self.client_secret.expose_secret()) {
            return Err(Invalid::field("/client_secret", "invalid_key", "must be an application's secret"));
        }
        let transport = Transport::new(SERVICE, self.endpoint)?;
        let link = Link::new(transport, self.client_id, self.client_secret, Arc::clone(&self.clock));
        Ok(PayPalGateway::new(link, self.pages, self.clock))
    }
}

impl fmt::Debug for PayPalBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PayPalBuilder")
            .field("endpoint", &self.endpoint)
            .field("pages", &self.pages)
            .finish_non_exhaustive()
    }
}
