//! What is Stripe's own of an adapter and its stand-in.

use std::sync::Arc;

use order_adapters::stripe::{StripeBuilder, StripeGateway, StripeWebhooks};
use order_core::gateway::NoticeReader;
use order_core::id::{OperationId, OrderId, PaymentId, ProviderId};
use order_core::memory::SimulatedAccount;
use order_core::money::{Currency, Money};
use order_core::time::Clock;
use order_fake_providers::stripe::{Account, FakeStripe};

use crate::provider::{self, Letter, Provider};
pub(crate) use crate::provider::{euros, reference, word};

pub(crate) const APPROVED: &str = "pm_card_visa";
pub(crate) const DECLINED: &str = "pm_card_chargeDeclinedInsufficientFunds";
pub(crate) const ASKED: &str = "pm_card_authenticationRequired";

/// What its webhooks are signed with.
const SECRET: &str = "whsec_of_the_desk";

pub(crate) type Desk = provider::desk::Desk<FakeStripe>;

pub(crate) fn provider() -> ProviderId {
    provider::provider::<FakeStripe>()
}

impl Provider for FakeStripe {
    type Gateway = StripeGateway;
    type Builder = StripeBuilder;

    const NAME: &'static str = "stripe";
    const APPROVED: &'static str = APPROVED;
    const DECLINED: &'static str = DECLINED;
    const CAPTURES_IN_PARTS: bool = false;

    provider::as_it_is_called!();

    fn builder(&self, clock: Arc<dyn Clock>) -> StripeBuilder {
        StripeGateway::builder(Self::SECRET_KEY).base_url(self.url()).clock(clock)
    }

    fn method(simulated: &str) -> Option<&'static str> {
        Some(match simulated {
            "sim_approve" => APPROVED,
            "sim_decline" => DECLINED,
            "sim_action" => ASKED,
            _ => return None,
        })
    }

    fn begin_story(&self) {
        self.reset();
    }

    fn settle_refund(&self, refund: &str, succeed: bool) -> bool {
        self.settle_refund(refund, succeed)
    }

    fn letters(&self, known: usize) -> Vec<Letter> {
        let events = self.webhooks_after(known, &[SECRET]).into_iter();
        let header = |signature| vec![("stripe-signature".to_owned(), signature)];
        events.map(|event| Letter { headers: header(event.signature), body: event.body }).collect()
    }

    fn reader(&self) -> Arc<dyn NoticeReader> {
        Arc::new(StripeWebhooks::new(provider(), [SECRET]).unwrap())
    }
}

/// EUR, JPY and KWD have the decimals of ISO 4217 at Stripe too.
fn account(account: &Account) -> SimulatedAccount {
    let id = |text: &Option<String>| text.as_ref().unwrap().parse::<OperationId>().unwrap().uuid();
    let currency = Currency::from_code(&account.currency.to_uppercase()).unwrap();
    let money = |units| Money::from_minor(units, currency);
    let mut books = SimulatedAccount::new(
        OperationId::from_uuid(id(&account.operation_id)),
        PaymentId::from_uuid(id(&account.payment_id)),
        OrderId::from_uuid(id(&account.order_id)),
        money(account.authorised),
    );
    books.captured = money(account.captured);
    books.refunded = money(account.refunded);
    books
}
