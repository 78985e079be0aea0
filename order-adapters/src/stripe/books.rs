use async_trait::async_trait;
use order_core::error::BoxError;
use order_core::gateway::{BooksPage, BooksWindow, GatewayError, PaymentRef, ProviderBooks};
use order_core::payment::PaymentReport;

use super::StripeGateway;
use super::account::Account;
use super::object::{Charge, Dispute, Intent, Page, Refund};
use super::request;

/// Stripe has told an amount that it could not have been told itself.
#[derive(Debug, thiserror::Error)]
#[error("an amount of {0} can't be read")]
struct Unreadable(String);

impl StripeGateway {
    /// Everything that Stripe has of an intent.
    async fn account(&self, intent: Intent) -> Result<Account, GatewayError> {
        let id = &intent.id;
        let charge = match &intent.latest_charge {
            Some(charge) => Some(self.get::<Charge>(&request::read_charge(charge)).await?),
            None => None,
        };
        let refunds = if intent.amount_received > 0 {
            self.all::<Refund>(|after| request::list_refunds(id, after), |_| true).await?
        } else {
            Vec::new()
        };
        let disputes = if charge.as_ref().is_some_and(|charge| charge.disputed) {
            self.all::<Dispute>(|after| request::list_disputes(id, after), |_| true).await?
        } else {
            Vec::new()
        };
        Ok(Account { intent, charge, refunds, disputes })
    }

    async fn report_of(&self, intent: Intent) -> Result<PaymentReport, GatewayError> {
        let id = intent.id.clone();
        self.account(intent).await?.report().ok_or_else(|| {
            let source = Some(BoxError::from(Unreadable(id)));
            GatewayError::Unknown { service: self.service(), source }
        })
    }
}

#[async_trait]
impl ProviderBooks for StripeGateway {
    async fn report(&self, payment: &PaymentRef) -> Result<Option<PaymentReport>, GatewayError> {
        let intent = match (&payment.reference, payment.first_key) {
            (Some(reference), _) => self.find(reference.as_str()).await?,
            (None, Some(key)) => self.find_intent(key).await?,
            (None, None) => None,
        };
        match intent {
            Some(intent) => self.report_of(intent).await.map(Some),
            None => Ok(None),
        }
    }

    async fn list(&self, window: &BooksWindow, cursor: Option<&str>) -> Result<BooksPage, GatewayError> {
        let page: Page<Intent> = self.get(&request::list_window(window, cursor)).await?;
        let next = page.data.last().map(|last| last.id.clone()).filter(|_| page.has_more);
        let mut reports = Vec::with_capacity(page.data.len());
        for intent in page.data {
            reports.push(self.report_of(intent).await?);
        }
        Ok(BooksPage { reports, next })
    }
}
