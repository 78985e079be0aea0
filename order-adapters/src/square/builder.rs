use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use order_core::error::Invalid;
use order_core::time::{Clock, SystemClock};
use secrecy::{ExposeSecret as _, SecretString};

use super::gateway::Settings;
use super::request::API_VERSION;
use super::{SERVICE, SquareGateway};
use crate::provider::{Endpoint, Transport};

/// Builds a [`SquareGateway`]. `Debug` does not show the access token.
#[derive(Clone)]
pub struct SquareBuilder {
    access_token: SecretString,
    location_id: String,
    endpoint: Endpoint,
    api_version: String,
    clock: Arc<dyn Clock>,
}

impl SquareBuilder {
    pub(super) fn new(access_token: String, location_id: String) -> Self {
        Self {
            access_token: SecretString::from(access_token),
            location_id,
            endpoint: Endpoint::new("https://connect.squareup.com"),
            api_version: API_VERSION.to_owned(),
            clock: Arc::new(SystemClock),
        }
    }

    /// Where Square is: a stand-in for tests, `https://connect.squareupsandbox.com`, or a proxy. By default
    /// `https://connect.squareup.com`.
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

    /// How long one call may take. By default 30 seconds. Some instructions take several calls, and an operation is claimed for
    /// 60 seconds; after that somebody else may ask about it, which does no harm.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.endpoint.timeout = timeout;
        self
    }

    /// The version of the API that is asked for, a day: `2026-09-16`, unless said otherwise. Without one Square would take the one
    /// that its dashboard names, which somebody may change.
    #[must_use]
    pub fn api_version(mut self, version: impl Into<String>) -> Self {
        self.api_version = version.into();
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
    /// [`Invalid`] when the access token or the location's id is empty, the version is no day, or the base URL is not https (plain
    /// http is taken for the same machine only).
    pub fn build(self) -> Result<SquareGateway, Invalid> {
        let is_word = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic());
        if !is_word(self.access_token.expose_secret()) {
            return Err(Invalid::field(
                "/access_token",
                "invalid_token",
                "must be an access token of Square",
            ));
        }
        if !is_word(&self.location_id) {
            return Err(Invalid::field("/location_id", "invalid_location", "must be the id of a location"));
        }
        if self.api_version.parse::<chrono::NaiveDate>().is_err() {
            return Err(Invalid::field(
                "/api_version",
                "invalid_version",
                "must be a day, such as 2026-09-16",
            ));
        }
        let transport = Transport::new(SERVICE, self.endpoint)?;
        let Self { access_token, location_id, api_version, clock, .. } = self;
        Ok(SquareGateway::new(transport, Settings { access_token, location_id, api_version, clock }))
    }
}

impl fmt::Debug for SquareBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SquareBuilder")
            .field("endpoint", &self.endpoint)
            .field("location_id", &self.location_id)
            .field("api_version", &self.api_version)
            .finish_non_exhaustive()
    }
}
