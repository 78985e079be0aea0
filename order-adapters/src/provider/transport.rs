use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use order_core::error::{BoxError, Invalid};
use order_core::gateway::GatewayError;
use secrecy::{ExposeSecret as _, SecretString};

use super::{Call, Method, Reply, Verdict};

/// The longest answer that is read: a page of a hundred objects has less than a tenth of it.
const MAX_BODY_BYTES: usize = 8 * 1024 * 1024;

/// The longest that we wait because a provider asks us to. The engine asks again by itself.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Where a provider is, and how long it may take.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    /// Scheme, host and port, perhaps a path; without a slash at its end.
    pub(crate) base_url: String,
    /// How long a connection may take to be made.
    pub(crate) connect_timeout: Duration,
    /// How long a call may take in all.
    pub(crate) timeout: Duration,
}

impl Endpoint {
    /// A provider at an address, with the usual patience: 5 seconds for a connection and 30 for a call, half of what an operation
    /// is claimed for.
    pub(crate) fn new(base_url: &str) -> Self {
        Self {
            base_url: base_url.trim_end_matches('/').to_owned(),
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(30),
        }
    }

    /// Plain HTTP is for a stand-in on the same machine: whatever else is called has to be called by TLS.
    fn check(&self) -> Result<(), Invalid> {
        let url = reqwest::Url::parse(&self.base_url)
            .map_err(|_| Invalid::field("/base_url", "invalid_url", "must be a URL"))?;
        let is_local = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
            return Err(Invalid::field("/base_url", "invalid_url", "must hold no credentials and no query"));
        }
        if url.scheme() == "https" || (url.scheme() == "http" && is_local) {
            return Ok(());
        }
        Err(Invalid::field("/base_url", "not_encrypted", "must be https, or http on the same machine"))
    }
}

/// As whom a call is made.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Credentials<'a> {
    /// As whoever has this token.
    Bearer(&'a SecretString),
    /// As somebody with a password.
    #[cfg(feature = "paypal")]
    Basic(&'a str, &'a SecretString),
    /// As nobody: what is asked for is public.
    #[cfg(feature = "paypal")]
    Nobody,
}

/// Sends calls to one provider. It repeats nothing, and follows no redirection.
pub(crate) struct Transport {
    service: &'static str,
    endpoint: Endpoint,
    client: reqwest::Client,
    closed_until: Mutex<Option<Instant>>,
}

impl Transport {
    /// A transport to a provider.
    ///
    /// # Errors
    /// [`Invalid`] when the address is none, or is not encrypted.
    pub(crate) fn new(service: &'static str, endpoint: Endpoint) -> Result<Self, Invalid> {
        endpoint.check()?;
        let client = reqwest::Client::builder()
            .connect_timeout(endpoint.connect_timeout)
            .timeout(endpoint.timeout)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .http1_only()
            .user_agent(concat!("order-adapters/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|_| Invalid::field("", "no_tls", "no TLS configuration can be made on this machine"))?;
        Ok(Self { service, endpoint, client, closed_until: Mutex::new(None) })
    }

    /// The service's name, for errors.
    pub(crate) fn service(&self) -> &'static str {
        self.service
    }

    /// Makes a call, with a bearer token.
    ///
    /// # Errors
    /// [`GatewayError::NotSent`] when it surely did not arrive; [`GatewayError::Unknown`] otherwise.
    #[cfg(any(feature = "square", feature = "stripe"))]
    pub(crate) async fn send(&self, call: &Call, bearer: &SecretString) -> Result<Reply, GatewayError> {
        self.send_as(call, Credentials::Bearer(bearer)).await
    }

    /// Makes a call with any credentials, or none.
    ///
    /// # Errors
    /// [`GatewayError::NotSent`] when it surely did not arrive; [`GatewayError::Unknown`] otherwise.
    pub(crate) async fn send_as(
        &self,
        call: &Call,
        credentials: Credentials<'_>,
    ) -> Result<Reply, GatewayError> {
        self.wait_over()?;
        let url = format!("{}{}", self.endpoint.base_url, call.target);
        let mut request = match call.method {
            Method::Get => self.client.get(url),
            Method::Post => self.client.post(url),
            #[cfg(feature = "paypal")]
            Method::Patch => self.client.patch(url),
            #[cfg(feature = "square")]
            Method::Put => self.client.put(url),
        };
        request = match credentials {
            Credentials::Bearer(token) => request.bearer_auth(token.expose_secret()),
            #[cfg(feature = "paypal")]
            Credentials::Basic(user, password) => request.basic_auth(user, Some(password.expose_secret())),
            #[cfg(feature = "paypal")]
            Credentials::Nobody => request,
        };
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        if let Some((content_type, body)) = &call.body {
            request = request.header("content-type", *content_type).body(body.clone());
        }
        let response = request.send().await.map_err(|error| self.failed(error))?;
        let reply = self.read(response).await?;
        if reply.verdict() == Verdict::Limited || reply.status == 503 {
            self.close(reply.retry_after());
        }
        Ok(reply)
    }

    async fn read(&self, mut response: reqwest::Response) -> Result<Reply, GatewayError> {
        let status = response.status().as_u16();
        let headers = response
            .headers()
            .iter()
            .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
            .collect();
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.lost(error))? {
            if body.len().saturating_add(chunk.len()) > MAX_BODY_BYTES {
                return Err(self.unknown(TooLong.into()));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Reply { status, headers, body: Bytes::from(body) })
    }

    /// Whether a request that failed may have arrived. Only a connection that was never made (no address, refused, no TLS) tells
    /// that it has not; a request that can't be built is one too.
    fn failed(&self, error: reqwest::Error) -> GatewayError {
        if error.is_connect() || error.is_builder() {
            let source = Some(BoxError::from(error.without_url()));
            return GatewayError::NotSent { service: self.service, source };
        }
        self.lost(error)
    }

    fn lost(&self, error: reqwest::Error) -> GatewayError {
        self.unknown(error.without_url().into())
    }

    fn unknown(&self, source: BoxError) -> GatewayError {
        GatewayError::Unknown { service: self.service, source: Some(source) }
    }

    /// A provider that has asked us to wait is not called meanwhile.
    fn wait_over(&self) -> Result<(), GatewayError> {
        let mut closed_until = self.closed_until.lock().unwrap_or_else(PoisonError::into_inner);
        if closed_until.is_some_and(|until| until > Instant::now()) {
            let source = Some(BoxError::from(AskedToWait));
            return Err(GatewayError::NotSent { service: self.service, source });
        }
        *closed_until = None;
        Ok(())
    }

    fn close(&self, pause: Option<Duration>) {
        let Some(pause) = pause else { return };
        let until = Instant::now().checked_add(pause.min(LONGEST_PAUSE));
        *self.closed_until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("service", &self.service)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the answer is longer than {MAX_BODY_BYTES} bytes")]
struct TooLong;

#[derive(Debug, thiserror::Error)]
#[error("the provider has asked us to wait")]
struct AskedToWait;
