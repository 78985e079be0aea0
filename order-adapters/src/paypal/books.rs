use async_trait::async_trait;
use order_core::gateway::{BooksPage, BooksWindow, GatewayError, PaymentRef, ProviderBooks};
use order_core::money::{Currency, Money};
use order_core::payment::{Answer, PaymentReport, RefundStatus, Release, ReportedRefund};
use order_core::time::Timestamp;

use super::dispute::Disputes;
use super::object::{Order, Refund, Transaction};
use super::{PayPalGateway, reading, request, search};

/// What PayPal has in an order, disputes aside; `None` when its amounts can't be read.
pub(super) fn report(order: &Order, currency: Currency, now: Timestamp) -> Option<PaymentReport> {
    let mut report = PaymentReport::new(currency);
    report.reference = reading::reference(&order.id);
    let custom_id = order.unit().and_then(|unit| unit.custom_id.as_deref());
    report.payment_id = custom_id.and_then(request::ours).map(|(_, payment, _)| payment);
    let is_charge = order.intent.as_deref() != Some("AUTHORIZE");
    let taken = order.captures().iter().filter(|capture| capture.is_taken());
    let taken: Option<Vec<Money>> =
        taken.map(|capture| capture.amount.as_ref().and_then(reading::money)).collect();
    report.captured = sum(taken?, currency)?;
    report.authorised = report.captured;
    if let Some(authorization) = order.authorizations().last() {
        let amount = authorization.amount.as_ref().and_then(reading::money)?;
        let status = authorization.status.as_str();
        if matches!(status, "CREATED" | "CAPTURED" | "PARTIALLY_CAPTURED" | "VOIDED") {
            report.authorised = amount;
        }
        let end = authorization.expiration_time.as_deref().and_then(search::time);
        let ended = if status == "VOIDED" {
            authorization.update_time.as_deref().and_then(search::time)
        } else {
            Some(now)
        };
        let has_expired = end.zip(ended).is_some_and(|(end, ended)| end <= ended);
        let has_rest = report.captured.minor() < amount.minor();
        report.released = match status {
            "CREATED" | "PARTIALLY_CAPTURED" | "VOIDED" if has_expired && has_rest => Some(Release::Expired),
            "VOIDED" => Some(Release::Voided),
            "CAPTURED" if has_rest => Some(Release::Voided),
            _ => None,
        };
    }
    report.refunds = refunds(order)?;
    if !report.authorised.is_positive() {
        report.first = first(order, is_charge);
    }
    Some(report)
}

/// What has become of an order by which no money moved.
fn first(order: &Order, is_charge: bool) -> Option<Answer> {
    let known = reading::money_of(order, is_charge);
    match known.or_else(|| reading::closed(order).map(Answer::Declined)) {
        Some(answer @ Answer::Declined(_)) => Some(answer),
        Some(_) => None,
        None => match order.status.as_str() {
            "APPROVED" => Some(Answer::Approved),
            "PAYER_ACTION_REQUIRED" => Some(reading::action(order)).filter(|said| *said != Answer::Unknown),
            "VOIDED" => Some(reading::refused("voided", "the order was given up")),
            _ => None,
        },
    }
}

/// The refunds of an order. The parts of one operation of ours are one.
fn refunds(order: &Order) -> Option<Vec<ReportedRefund>> {
    let mut refunds: Vec<ReportedRefund> = Vec::new();
    for refund in order.refunds() {
        let next = reported(refund)?;
        let same = refunds
            .iter_mut()
            .find(|known| known.operation_id.is_some() && known.operation_id == next.operation_id);
        match same {
            Some(known) => {
                known.amount = known.amount.plus(next.amount).ok()?;
                known.status = if known.status == RefundStatus::Failed || next.status == RefundStatus::Failed
                {
                    RefundStatus::Failed
                } else {
                    known.status.min(next.status)
                };
            }
            None => refunds.push(next),
        }
    }
    refunds.sort_by(|a, b| a.reference.cmp(&b.reference));
    Some(refunds)
}

fn reported(refund: &Refund) -> Option<ReportedRefund> {
    let operation = refund.custom_id.as_deref().and_then(request::ours);
    Some(ReportedRefund {
        reference: reading::reference(&refund.id)?,
        operation_id: operation.map(|(_, _, operation)| operation),
        amount: refund.amount.as_ref().and_then(reading::money)?,
        status: match refund.status.as_str() {
            "COMPLETED" => RefundStatus::Succeeded,
            _ if refund.has_failed() => RefundStatus::Failed,
            // `PENDING`, and whatever PayPal may think of.
            _ => RefundStatus::Pending,
        },
    })
}

/// Of one currency: that of the first, where there is one, as what is of another one than ours is told as it is.
fn sum(amounts: Vec<Money>, currency: Currency) -> Option<Money> {
    let currency = amounts.first().map_or(currency, |first| first.currency());
    Money::sum(currency, amounts).ok()
}

/// Whether an order begins with a transaction: it is listed where it begins, and nowhere else.
fn begins_with(order: &Order, transaction: &Transaction) -> bool {
    let first = match order.authorizations().first() {
        Some(authorization) => Some(&authorization.id),
        None => order.captures().first().map(|capture| &capture.id),
    };
    first == Some(&transaction.id)
}

/// The captures of an order that a customer may dispute.
fn disputable(order: &Order) -> Vec<&str> {
    let captures = order.captures().iter().filter(|capture| capture.may_be_disputed());
    captures.map(|capture| capture.id.as_str()).collect()
}

impl PayPalGateway {
    /// What there is to say of an entry of the transaction search, if it is where a payment begins.
    async fn entry(
        &self,
        transaction: &Transaction,
        disputes: &mut Disputes<'_>,
    ) -> Result<Option<PaymentReport>, GatewayError> {
        if !search::is_payment(transaction) && !search::is_authorization(transaction) {
            return Ok(None);
        }
        let amount = transaction.amount.as_ref().and_then(reading::money);
        // Money that leaves the account is no payment to us; of a currency that nobody can pay us in there is nothing to say.
        let Some(amount) = amount.filter(|amount| amount.is_positive()) else { return Ok(None) };
        if let Some(order) = search::order_of(&self.link, transaction).await? {
            if !begins_with(&order, transaction) {
                return Ok(None);
            }
            let report = report(&order, amount.currency(), self.clock.now());
            let mut report = report.ok_or_else(|| self.unreadable())?;
            report.disputes = disputes.of(&disputable(&order)).await?;
            return Ok(Some(report));
        }
        let is_taken = transaction.status.as_deref() == Some("S");
        if !is_taken || !search::is_payment(transaction) {
            return Ok(None);
        }
        // It was taken otherwise than by an order: an invoice, a button, a subscription.
        let mut report = PaymentReport::new(amount.currency());
        report.reference = reading::reference(&transaction.id);
        (report.authorised, report.captured) = (amount, amount);
        report.disputes = disputes.of(&[&transaction.id]).await?;
        Ok(Some(report))
    }

    pub(super) fn unreadable(&self) -> GatewayError {
        GatewayError::unknown(self.link.service())
    }
}

/// Where a page begins: a time, and the number of the page from there.
struct Cursor {
    since: Timestamp,
    page: u32,
}

impl Cursor {
    fn parse(text: &str) -> Option<Self> {
        let (since, page) = text.split_once('.')?;
        Some(Self { since: Timestamp::from_timestamp(since.parse().ok()?, 0)?, page: page.parse().ok()? })
    }

    fn text(&self) -> String {
        format!("{}.{}", self.since.timestamp(), self.page)
    }
}

#[async_trait]
impl ProviderBooks for PayPalGateway {
    async fn report(&self, payment: &PaymentRef) -> Result<Option<PaymentReport>, GatewayError> {
        let now = self.clock.now();
        let order = match (&payment.reference, payment.first_key) {
            (Some(reference), _) => self.link.order(reference.as_str()).await?,
            (None, Some(first)) => {
                let custom_id = format!("{}.{}.{first}", payment.order_id, payment.payment_id);
                search::find(&self.link, &custom_id, payment.created_at, now).await?
            }
            (None, None) => None,
        };
        let Some(order) = order else { return Ok(None) };
        let mut report = report(&order, payment.currency, now).ok_or_else(|| self.unreadable())?;
        report.disputes = self.disputes_of(&disputable(&order)).await?;
        Ok(Some(report))
    }

    async fn list(&self, window: &BooksWindow, cursor: Option<&str>) -> Result<BooksPage, GatewayError> {
        let start = match cursor {
            None => Some(Cursor { since: window.since, page: 1 }),
            Some(text) => Cursor::parse(text),
        };
        let Some(Cursor { since, page }) = start else {
            let problem = "the cursor is none of ours".to_owned();
            return Err(GatewayError::Misused { service: self.link.service(), problem });
        };
        let until = window.until.min(since + search::LONGEST);
        if until <= since {
            return Ok(BooksPage::default());
        }
        let page_size = window.limit.clamp(1, search::MAX_PAGE_SIZE);
        let (mut found, has_more) = search::page(&self.link, (since, until), page, page_size).await?;
        found.sort_by_cached_key(|transaction| (search::made_at(transaction), transaction.id.clone()));
        // PayPal may list one transaction twice, once for the balance and once without.
        found.dedup_by(|a, b| a.id == b.id);
        let (mut reports, mut disputes) = (Vec::new(), Disputes::since(self, since));
        for transaction in &found {
            // The end that PayPal is told is in the search; ours is not.
            if search::made_at(transaction).is_none_or(|at| at < until) {
                reports.extend(self.entry(transaction, &mut disputes).await?);
            }
        }
        let next = match (has_more, until < window.until) {
            (true, _) => Some(Cursor { since, page: page.saturating_add(1) }),
            (false, true) => Some(Cursor { since: until, page: 1 }),
            (false, false) => None,
        };
        Ok(BooksPage { reports, next: next.map(|next| next.text()) })
    }
}
