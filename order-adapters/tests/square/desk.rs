//! An adapter and its stand-in.

use std::sync::Arc;

use order_adapters::square::SquareGateway;
use order_core::conformance::sample::Sampler;
use order_core::gateway::Instruction;
use order_core::id::{IdSource as _, OperationId, ProviderId, ProviderReference};
use order_core::money::{Currency, Money};
use order_core::order::{NewOrder, Tender};
use order_core::payment::{Answer, CaptureMode, OperationKind, PaymentMethod, ProviderToken};
use order_core::time::{Clock, ManualClock};
use order_fake_providers::square::FakeSquare;

pub(crate) const APPROVED: &str = "cnon:card-nonce-ok";
pub(crate) const DECLINED: &str = "cnon:card-nonce-declined";

pub(crate) fn provider() -> ProviderId {
    ProviderId::new("square").unwrap()
}

pub(crate) fn token(text: &str) -> ProviderToken {
    ProviderToken::new(text).unwrap()
}

/// A Square, and a gateway to it, on one clock.
pub(crate) struct Desk {
    pub(crate) square: FakeSquare,
    pub(crate) gateway: SquareGateway,
    pub(crate) clock: Arc<ManualClock>,
    samples: Sampler,
}

impl Desk {
    pub(crate) async fn open() -> Self {
        Self::open_with(|builder| builder).await
    }

    pub(crate) async fn open_with(
        set: impl FnOnce(order_adapters::square::SquareBuilder) -> order_adapters::square::SquareBuilder,
    ) -> Self {
        let clock: Arc<ManualClock> = Arc::default();
        let square = FakeSquare::start(clock.clone()).await.unwrap();
        let builder = SquareGateway::builder(FakeSquare::ACCESS_TOKEN, FakeSquare::LOCATION_ID)
            .base_url(square.url())
            .clock(clock.clone());
        let gateway = set(builder).build().unwrap();
        Self { square, gateway, clock, samples: Sampler::new(7) }
    }

    /// The instruction that begins a payment, with a key of this moment.
    pub(crate) fn first(&self, kind: OperationKind, method: Option<&str>, amount: Money) -> Instruction {
        let capture =
            if kind == OperationKind::Authorise { CaptureMode::Manual } else { CaptureMode::Automatic };
        let tender = Tender {
            method: PaymentMethod::Card,
            provider: provider(),
            token: method.map(token),
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
    pub(crate) fn charge(&self, method: &str) -> Instruction {
        self.first(OperationKind::Charge, Some(method), euros(1_000))
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
        let accounts = self.square.accounts();
        let sum = |part: fn(&order_fake_providers::square::Account) -> i64| accounts.iter().map(part).sum();
        (sum(|account| account.captured), sum(|account| account.refunded))
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
pub(crate) fn word(said: &Result<Answer, order_core::gateway::GatewayError>) -> &str {
    use order_core::gateway::GatewayError;
    match said {
        Ok(Answer::Declined(decline)) => &decline.code,
        Ok(Answer::Succeeded { .. } | Answer::FinalCapture { .. }) => "succeeded",
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
