use async_trait::async_trait;
use order_core::gateway::{BooksPage, BooksWindow, GatewayError, PaymentRef, ProviderBooks};
use order_core::payment::PaymentReport;

use super::dispute::Disputes;
use super::object::Payment;
use super::request::Span;
use super::{SquareGateway, reading};

impl SquareGateway {
    /// A payment with its refunds and its disputes. One in a currency that can't be told exactly has no report.
    async fn reported(
        &self,
        payment: &Payment,
        disputes: &mut Disputes<'_>,
    ) -> Result<Option<PaymentReport>, GatewayError> {
        let mut refunds = Vec::new();
        for id in payment.refund_ids.iter().take(PaymentReport::MAX_ENTRIES) {
            refunds.extend(self.read_refund(id).await?);
        }
        let Some(mut report) = reading::report(payment, &refunds) else { return Ok(None) };
        report.disputes = disputes.of(payment).await?;
        Ok(Some(report))
    }
}

/// Square's payments. A refund that Square does not name with its payment is not in a report.
#[async_trait]
impl ProviderBooks for SquareGateway {
    async fn report(&self, payment: &PaymentRef) -> Result<Option<PaymentReport>, GatewayError> {
        let found = match (&payment.reference, payment.first_key) {
            (Some(reference), _) => self.read(reference.as_str()).await?,
            (None, Some(first_key)) => self.find(payment.payment_id, first_key).await?,
            (None, None) => None,
        };
        match found {
            Some(payment) => self.reported(&payment, &mut Disputes::new(self)).await,
            None => Ok(None),
        }
    }

    async fn list(&self, window: &BooksWindow, cursor: Option<&str>) -> Result<BooksPage, GatewayError> {
        let (since, limit) = (window.since, window.limit);
        let page = self.page(Span { since, until: Some(window.until), limit, cursor }).await?;
        let (mut reports, mut disputes) = (Vec::new(), Disputes::new(self));
        // Whether Square includes the end of a span, it does not say.
        let is_in = |payment: &&Payment| payment.created_at.is_none_or(|at| at < window.until);
        for payment in page.payments.iter().filter(is_in) {
            reports.extend(self.reported(payment, &mut disputes).await?);
        }
        Ok(BooksPage { reports, next: page.cursor.filter(|cursor| !cursor.is_empty()) })
    }
}
