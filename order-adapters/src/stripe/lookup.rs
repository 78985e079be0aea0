//! Finding what Stripe has: single objects, and whole lists.

use order_core::gateway::GatewayError;
use order_core::id::OperationId;
use order_core::time::Duration;
use serde::de::DeserializeOwned;

use super::StripeGateway;
use super::object::{Failure, Intent, Listed, Page, Refund};
use super::request;
use crate::provider::{Call, Verdict, made_at};

/// How far Stripe's clock and ours may be apart when a list is asked for by time.
const CLOCKS_APART: Duration = Duration::hours(1);

/// How many pages of a list are read: ten thousand objects. A busier shop's question stays unknown.
const MAX_PAGES: u32 = 100;

impl StripeGateway {
    /// Looks through the intents that were made since an operation began. Of several, the one that was confirmed counts.
    pub(super) async fn find_intent(&self, key: OperationId) -> Result<Option<Intent>, GatewayError> {
        let since = made_at(key).unwrap_or_default() - CLOCKS_APART;
        let key = key.to_string();
        let is_ours = |intent: &Intent| intent.metadata.get(request::OPERATION).is_some_and(|id| *id == key);
        let intents = self.all(|after| request::list_intents(since, after), is_ours).await?;
        let confirmed = intents.iter().rposition(|intent| intent.status != "requires_confirmation");
        Ok(intents.into_iter().nth(confirmed.unwrap_or(0)))
    }

    pub(super) async fn find_refund(
        &self,
        key: OperationId,
        intent: &str,
    ) -> Result<Option<Refund>, GatewayError> {
        let key = key.to_string();
        let is_ours = |refund: &Refund| {
            let metadata = refund.metadata.as_ref();
            metadata.and_then(|data| data.get(request::OPERATION)).is_some_and(|id| *id == key)
        };
        let refunds = self.all(|after| request::list_refunds(intent, after), is_ours).await?;
        Ok(refunds.into_iter().next())
    }

    /// Everything in a list that is wanted.
    pub(super) async fn all<T: DeserializeOwned + Listed>(
        &self,
        call: impl Fn(Option<&str>) -> Call,
        is_wanted: impl Fn(&T) -> bool,
    ) -> Result<Vec<T>, GatewayError> {
        let mut found = Vec::new();
        let mut after: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let page: Page<T> = self.get(&call(after.as_deref())).await?;
            after = page.data.last().map(|last| last.id().to_owned());
            found.extend(page.data.into_iter().filter(&is_wanted));
            if !page.has_more || after.is_none() {
                return Ok(found);
            }
        }
        Err(GatewayError::unknown(self.service()))
    }

    pub(super) async fn read(&self, id: &str) -> Result<Intent, GatewayError> {
        self.get(&request::read_intent(id)).await
    }

    pub(super) async fn read_refund(&self, id: &str) -> Result<Refund, GatewayError> {
        self.get(&request::read_refund(id)).await
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, call: &Call) -> Result<T, GatewayError> {
        let reply = self.send(call).await?;
        match reply.verdict() {
            Verdict::Done => reply.json(self.service()),
            Verdict::Refused
            | Verdict::Busy
            | Verdict::Limited
            | Verdict::Unauthorised
            | Verdict::Unknown => Err(reply.failure(self.service())),
        }
    }

    /// The intent with this id, if there is one.
    pub(super) async fn find(&self, id: &str) -> Result<Option<Intent>, GatewayError> {
        let reply = self.send(&request::read_intent(id)).await?;
        if reply.verdict() == Verdict::Refused {
            let problem = reply.json::<Failure>(self.service())?.error;
            let is_missing = problem.code.as_deref() == Some("resource_missing");
            return if is_missing { Ok(None) } else { Err(reply.failure(self.service())) };
        }
        if reply.verdict() == Verdict::Done {
            return reply.json(self.service()).map(Some);
        }
        Err(reply.failure(self.service()))
    }
}
