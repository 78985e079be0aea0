//! An adapter and its stand-in.

use std::sync::Arc;

use order_adapters::paypal::{PayPalBuilder, PayPalGateway};
use order_core::conformance::sample::Sampler;
use order_core::gateway::{GatewayError, Instruction, PaymentGateway as _};
use order_core::id::{IdSource as _, OperationId, ProviderId, ProviderReference};
use order_core::money::{Currency, Money};
use order_core::order::{NewOrder, Tender};
use order_core::payment::{Answer, CaptureMode, OperationKind, PaymentMethod, ProviderToken};
use order_core::time::{Clock, ManualClock};
use order_fake_providers::paypal::{Account, FakePayPal};

pub(crate) const APPROVED: &str = "vault_visa";
pub(crate) const DECLINED: &str = "vault_declined";
pub(crate) const ASKED: &str = "vault_asks";

pub(crate) fn provider() -> ProviderId {
    ProviderId::new("paypal").unwrap()
}

pub(crate) fn token(text: &str) -> ProviderToken {
    ProviderToken::new(text).unwrap()
}

/// A gateway to a stand-in.
pub(crate) fn builder(paypal: &FakePayPal) -> PayPalBuilder {
    PayPalGateway::builder(FakePayPal::CLIENT_ID, FakePayPal::CLIENT_SECRET).base_url(paypal.url())
}

/// A PayPal, and a gateway to it, on one clock.
pub(crate) struct Desk {
    pub(crate) paypal: FakePayPal,
    pub(crate) gateway: PayPalGateway,
    pub(crate) clock: Arc<ManualClock>,
    samples: Sampler,
}

impl Desk {
    pub(crate) async fn open() -> Self {
        Self::open_with(|builder| builder).await
    }

    pub(crate) async fn open_with(set: impl FnOnce(PayPalBuilder) -> PayPalBuilder) -> Self {
        let clock: Arc<ManualClock> = Arc::default();
        let paypal = FakePayPal::start(clock.clone()).await.unwrap();
        let gateway = set(builder(&paypal).clock(clock.clone())).build().unwrap();
        Self { paypal, gateway, clock, samples: Sampler::new(7) }
    }

    /// The instruction that begins a payment, with a key of this moment.
    pub(crate) fn first(&self, kind: OperationKind, vault: Option<&str>, amount: Money) -> Instruction {
        let capture =
            if kind == OperationKind::Authorise { CaptureMode::Manual } else { CaptureMode::Automatic };
        let tender = Tender {
            method: PaymentMethod::Card,
            provider: provider(),
            token: vault.map(token),
            capture,
            amount: None,
        };
        let line = self.samples.line_of("north", "tea", amount, 1);
        let (_, order) = self.samples.place(NewOrder { tender, ..self.samples.new_order("c-1", vec![line]) });
        let payment = &order.payments[0];
        let key = self.key();
        let mut instruction = Instruction::new(&order, payment, &payment.operations[0]);
        (instruction.key, instruction.first_key) = (key, key);
        instruction
    }

    /// A charge of 10 EUR.
    pub(crate) fn charge(&self, vault: &str) -> Instruction {
        self.first(OperationKind::Charge, Some(vault), euros(1_000))
    }

    /// An authorisation of 10 EUR, and what was said of it.
    pub(crate) async fn held(&self) -> (Instruction, Answer) {
        let first = self.first(OperationKind::Authorise, Some(APPROVED), euros(1_000));
        let said = self.gateway.execute(&first).await.unwrap();
        (first, said)
    }

    /// A later instruction of the same payment.
    pub(crate) fn then(
        &self,
        first: &Instruction,
        said: &Answer,
        kind: OperationKind,
        minor: i64,
    ) -> Instruction {
        let amount = Money::from_minor(minor, first.amount.currency());
        let mut instruction = first.clone();
        (instruction.key, instruction.kind, instruction.amount) = (self.key(), kind, amount);
        instruction.reference = reference(said);
        instruction
    }

    fn key(&self) -> OperationId {
        OperationId::from_uuid(self.samples.ids.next(self.clock.now()))
    }

    /// Captured and refunded, over all accounts.
    pub(crate) fn taken(&self) -> (i64, i64) {
        let accounts = self.paypal.accounts();
        let sum = |part: fn(&Account) -> i64| accounts.iter().map(part).sum();
        (sum(|account| account.captured), sum(|account| account.refunded))
    }

    /// The paths of all requests so far, tokens aside.
    pub(crate) fn sent(&self) -> Vec<String> {
        let exchanges = self.paypal.wire().exchanges();
        let paths = exchanges.into_iter().map(|exchange| exchange.request.path);
        paths.filter(|path| !path.contains("oauth2")).collect()
    }
}

pub(crate) fn euros(minor: i64) -> Money {
    Money::from_minor(minor, Currency::EUR)
}

pub(crate) fn reference(said: &Answer) -> Option<ProviderReference> {
    match said {
        Answer::Succeeded { reference, .. } | Answer::ActionRequired { reference, .. } => reference.clone(),
        Answer::Declined(_) | Answer::Unknown | Answer::Approved | Answer::Absent | _ => None,
    }
}

/// An answer, or an error, in a word.
pub(crate) fn word(said: &Result<Answer, GatewayError>) -> &str {
    match said {
        Ok(Answer::Declined(decline)) => &decline.code,
        Ok(Answer::Succeeded { .. }) => "succeeded",
        Ok(Answer::ActionRequired { .. }) => "action",
        Ok(Answer::Unknown) => "unknown",
        Ok(Answer::Approved) => "approved",
        Ok(Answer::Absent) => "absent",
        Ok(_) => "something new",
        Err(GatewayError::NotSent { .. }) => "not sent",
        Err(GatewayError::Unknown { .. }) => "lost",
        Err(GatewayError::Misused { .. }) => "misused",
        Err(_) => "another error",
    }
}
