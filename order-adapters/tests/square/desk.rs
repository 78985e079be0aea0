//! What is Square's own of an adapter and its stand-in.

use std::sync::Arc;

use order_adapters::square::{SquareBuilder, SquareGateway, SquareWebhooks};
use order_core::gateway::NoticeReader;
use order_core::id::ProviderId;
use order_core::memory::SimulatedAccount;
use order_core::money::{Currency, Money};
use order_core::time::Clock;
use order_fake_providers::square::{Account, FakeSquare};

use crate::provider::{self, Letter, Provider};
pub(crate) use crate::provider::{euros, reference, word};

pub(crate) const APPROVED: &str = "cnon:card-nonce-ok";
pub(crate) const DECLINED: &str = "cnon:card-nonce-declined";

/// What its webhooks are signed with, and for which address.
const KEY: &str = "key_of_the_desk";
const URL: &str = "https://shop.example/webhooks/square";

pub(crate) type Desk = provider::desk::Desk<FakeSquare>;

pub(crate) fn provider() -> ProviderId {
    provider::provider::<FakeSquare>()
}

impl Provider for FakeSquare {
    type Gateway = SquareGateway;
    type Builder = SquareBuilder;

    const NAME: &'static str = "square";
    const APPROVED: &'static str = APPROVED;
    const DECLINED: &'static str = DECLINED;
    const CAPTURES_IN_PARTS: bool = false;

    provider::as_it_is_called!();

    fn builder(&self, clock: Arc<dyn Clock>) -> SquareBuilder {
        SquareGateway::builder(Self::ACCESS_TOKEN, Self::LOCATION_ID).base_url(self.url()).clock(clock)
    }

    fn method(simulated: &str) -> Option<&'static str> {
        Some(match simulated {
            "sim_approve" => APPROVED,
            "sim_decline" => DECLINED,
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
        let events = self.webhooks_after(known, KEY, URL).into_iter();
        let header = |signature| vec![("x-square-hmacsha256-signature".to_owned(), signature)];
        events.map(|event| Letter { headers: header(event.signature), body: event.body }).collect()
    }

    fn reader(&self) -> Arc<dyn NoticeReader> {
        Arc::new(SquareWebhooks::new(provider(), URL, [KEY]).unwrap())
    }
}

/// Square's units are those of ISO 4217. What a payment is for is in its names: the key, the reference, and the note.
fn account(account: &Account) -> SimulatedAccount {
    let order_id = account.note.as_ref().unwrap().split(['(', ')']).nth(1).unwrap();
    let currency = Currency::from_code(&account.currency).unwrap();
    let money = |units| Money::from_minor(units, currency);
    let mut books = SimulatedAccount::new(
        account.idempotency_key.parse().unwrap(),
        account.reference_id.as_ref().unwrap().parse().unwrap(),
        order_id.parse().unwrap(),
        money(account.authorised),
    );
    books.captured = money(account.captured);
    books.refunded = money(account.refunded);
    books
}
