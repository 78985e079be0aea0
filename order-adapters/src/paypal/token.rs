use std::fmt;
use std::sync::Arc;

use order_core::error::BoxError;
use order_core::gateway::GatewayError;
use order_core::time::{Clock, Duration, Timestamp};
use secrecy::SecretString;
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::provider::{Call, Credentials, Form, Transport, Verdict};

/// How long before its end a token is replaced. PayPal's live for nine hours.
const EARLY: Duration = Duration::minutes(1);

/// How long a token is used at most, whatever PayPal says: a day.
const LONGEST_SECONDS: i64 = 24 * 3600;

/// Tokens for PayPal's API: one is kept until shortly before its end. Of those who need a new one at the same time, one fetches it
/// and the others wait for it.
pub(super) struct Tokens {
    client_id: String,
    client_secret: SecretString,
    clock: Arc<dyn Clock>,
    kept: Mutex<Option<Token>>,
}

/// A token that PayPal has given.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) secret: SecretString,
    fresh_until: Timestamp,
    /// Which one it is: a token that was refused is replaced once, however many were refused with it.
    number: u64,
}

/// What PayPal answers.
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: i64,
}

impl Tokens {
    pub(super) fn new(client_id: String, client_secret: SecretString, clock: Arc<dyn Clock>) -> Self {
        Self { client_id, client_secret, clock, kept: Mutex::default() }
    }

    /// A token; another one than that which was refused.
    ///
    /// # Errors
    /// [`GatewayError::NotSent`] when none can be had: what it was wanted for is not sent. [`GatewayError::Misused`] when PayPal does
    /// not know the credentials.
    pub(super) async fn get(
        &self,
        transport: &Transport,
        refused: Option<&Token>,
    ) -> Result<Token, GatewayError> {
        let mut kept = self.kept.lock().await;
        let number = kept.as_ref().map_or(0, |token| token.number);
        if let Some(token) = kept.as_ref()
            && self.clock.now() < token.fresh_until
            && refused.is_none_or(|refused| refused.number != number)
        {
            return Ok(token.clone());
        }
        let granted = self.fetch(transport).await?;
        let lifetime = Duration::seconds(granted.expires_in.clamp(0, LONGEST_SECONDS));
        let fresh_until = self.clock.now() + (lifetime - EARLY).max(lifetime / 2);
        let secret = SecretString::from(granted.access_token);
        let token = Token { secret, fresh_until, number: number.wrapping_add(1) };
        *kept = Some(token.clone());
        Ok(token)
    }

    async fn fetch(&self, transport: &Transport) -> Result<Granted, GatewayError> {
        let form = Form::default().field("grant_type", "client_credentials");
        let call = Call::post_form("/v1/oauth2/token", form);
        let credentials = Credentials::Basic(&self.client_id, &self.client_secret);
        let service = transport.service();
        let not_sent =
            |error: GatewayError| GatewayError::NotSent { service, source: Some(BoxError::from(error)) };
        let reply = transport.send_as(&call, credentials).await.map_err(not_sent)?;
        match reply.verdict() {
            Verdict::Done => reply.json(service).map_err(not_sent),
            Verdict::Unauthorised => Err(reply.failure(service)),
            Verdict::Refused | Verdict::Busy | Verdict::Limited | Verdict::Unknown => {
                Err(not_sent(reply.failure(service)))
            }
        }
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}
