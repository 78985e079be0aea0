//! What is PayPal's own of an adapter and its stand-in.

use std::sync::Arc;

use order_adapters::paypal::{PayPalBuilder, PayPalGateway, PayPalWebhooks};
use order_core::gateway::NoticeReader;
use order_core::id::{OperationId, OrderId, PaymentId, ProviderId};
use order_core::memory::SimulatedAccount;
use order_core::money::{Currency, Money};
use order_core::time::Clock;
use order_fake_providers::paypal::{Account, FakePayPal};

use crate::provider::{self, Letter, Provider};
pub(crate) use crate::provider::{euros, reference, word};

pub(crate) const APPROVED: &str = "vault_visa";
pub(crate) const DECLINED: &str = "vault_declined";
pub(crate) const ASKED: &str = "vault_asks";

pub(crate) type Desk = provider::desk::Desk<FakePayPal>;

pub(crate) fn provider() -> ProviderId {
    provider::provider::<FakePayPal>()
}

impl Provider for FakePayPal {
    type Gateway = PayPalGateway;
    type Builder = PayPalBuilder;

    const NAME: &'static str = "paypal";
    const APPROVED: &'static str = APPROVED;
    const DECLINED: &'static str = DECLINED;
    const CAPTURES_IN_PARTS: bool = true;

    provider::as_it_is_called!();

    fn builder(&self, clock: Arc<dyn Clock>) -> PayPalBuilder {
        PayPalGateway::builder(Self::CLIENT_ID, Self::CLIENT_SECRET).base_url(self.url()).clock(clock)
    }

    fn method(simulated: &str) -> Option<&'static str> {
        Some(match simulated {
            "sim_approve" => APPROVED,
            "sim_decline" => DECLINED,
            // A payer's consent never moves money by itself: what the simulated provider calls an approval.
            "sim_action" | "sim_approval" => ASKED,
            _ => return None,
        })
    }

    fn begin_story(&self) {
        self.reset();
        // As late as PayPal says that it may be.
        self.delay_search(std::time::Duration::from_hours(3));
    }

    fn settle_refund(&self, refund: &str, succeed: bool) -> bool {
        self.settle(refund, succeed)
    }

    fn letters(&self, known: usize) -> Vec<Letter> {
        let notices = self.webhooks_after(known, Self::WEBHOOK_ID).unwrap().into_iter();
        notices.map(|notice| Letter { headers: notice.headers, body: notice.body }).collect()
    }

    fn reader(&self) -> Arc<dyn NoticeReader> {
        let reader = PayPalWebhooks::new(provider(), [Self::WEBHOOK_ID]).unwrap();
        let root = self.authority().unwrap().root();
        Arc::new(reader.certificate_hosts(["127.0.0.1"]).certificate_roots(&[root]).unwrap())
    }
}

/// EUR and JPY have the decimals of ISO 4217 at PayPal too.
fn account(account: &Account) -> SimulatedAccount {
    let mut ids = account.custom_id.as_ref().unwrap().split('.');
    let mut id = || ids.next().unwrap().parse::<OperationId>().unwrap().uuid();
    let (order, payment, operation) = (id(), id(), id());
    let currency = Currency::from_code(&account.currency).unwrap();
    let money = |units| Money::from_minor(units, currency);
    let mut books = SimulatedAccount::new(
        OperationId::from_uuid(operation),
        PaymentId::from_uuid(payment),
        OrderId::from_uuid(order),
        money(account.authorised),
    );
    books.captured = money(account.captured);
    books.refunded = money(account.refunded);
    books
}
