use std::sync::Arc;

use order_core::gateway::GatewayError;
use order_core::time::Clock;
use secrecy::SecretString;
use serde::de::DeserializeOwned;

use super::object::Order;
use super::request;
use super::token::Tokens;
use crate::provider::{Call, Credentials, Reply, Transport, Verdict};

/// A transport with a token.
#[derive(Debug)]
pub(super) struct Link {
    transport: Transport,
    tokens: Tokens,
}

impl Link {
    pub(super) fn new(
        transport: Transport,
        client_id: String,
        client_secret: SecretString,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { transport, tokens: Tokens::new(client_id, client_secret, clock) }
    }

    pub(super) fn service(&self) -> &'static str {
        self.transport.service()
    }

    /// Makes a call. When PayPal does not take the token any more, nothing was done: the call is made once more, with another one.
    pub(super) async fn send(&self, call: &Call) -> Result<Reply, GatewayError> {
        let token = self.tokens.get(&self.transport, None).await?;
        let reply = self.transport.send_as(call, Credentials::Bearer(&token.secret)).await?;
        if reply.status != 401 {
            return Ok(reply);
        }
        let token = self.tokens.get(&self.transport, Some(&token)).await?;
        self.transport.send_as(call, Credentials::Bearer(&token.secret)).await
    }

    /// Reads something; `None` when PayPal has no such thing.
    pub(super) async fn get<T: DeserializeOwned>(&self, call: &Call) -> Result<Option<T>, GatewayError> {
        let reply = self.send(call).await?;
        match reply.verdict() {
            Verdict::Done => reply.json(self.service()).map(Some),
            Verdict::Refused if reply.status == 404 => Ok(None),
            Verdict::Refused
            | Verdict::Busy
            | Verdict::Limited
            | Verdict::Unauthorised
            | Verdict::Unknown => Err(reply.failure(self.service())),
        }
    }

    /// Reads an order.
    pub(super) async fn order(&self, id: &str) -> Result<Option<Order>, GatewayError> {
        self.get(&request::read_order(id)).await
    }
}
