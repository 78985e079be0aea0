//! An adapter and its stand-in, and instructions for it.

use std::sync::Arc;

use order_core::conformance::sample::Sampler;
use order_core::gateway::{Instruction, PaymentGateway as _, PaymentRef, ProviderBooks as _};
use order_core::id::{IdSource as _, OperationId};
use order_core::money::Money;
use order_core::order::{NewOrder, Tender};
use order_core::payment::{Answer, CaptureMode, OperationKind, PaymentMethod, PaymentReport};
use order_core::time::{Clock as _, ManualClock};

use super::{Provider, euros, provider, reference, token};

/// A provider, and a gateway to it, on one clock.
pub(crate) struct Desk<P: Provider> {
    pub(crate) stand_in: P,
    pub(crate) gateway: P::Gateway,
    pub(crate) clock: Arc<ManualClock>,
    samples: Sampler,
}

impl<P: Provider> Desk<P> {
    pub(crate) async fn open() -> Self {
        Self::open_with(|builder| builder).await
    }

    pub(crate) async fn open_with(set: impl FnOnce(P::Builder) -> P::Builder) -> Self {
        let clock: Arc<ManualClock> = Arc::default();
        let stand_in = P::start(clock.clone()).await.unwrap();
        let gateway = P::build(set(stand_in.builder(clock.clone())));
        Self { stand_in, gateway, clock, samples: Sampler::new(7) }
    }

    /// The instruction that begins a payment, with a key of this moment.
    pub(crate) fn first(&self, kind: OperationKind, method: Option<&str>, amount: Money) -> Instruction {
        let capture =
            if kind == OperationKind::Authorise { CaptureMode::Manual } else { CaptureMode::Automatic };
        let tender = Tender {
            method: PaymentMethod::Card,
            provider: provider::<P>(),
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

    /// A charge or an authorisation of 10 EUR, and what was said of it.
    pub(crate) async fn begun(&self, kind: OperationKind, method: &str) -> (Instruction, Answer) {
        let first = self.first(kind, Some(method), euros(1_000));
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

    /// How the provider may find a payment: without what was said of it, by its first key.
    pub(crate) fn asked(&self, first: &Instruction, said: Option<&Answer>) -> PaymentRef {
        let wire = serde_json::json!({
            "payment_id": first.payment_id,
            "order_id": first.order_id,
            "first_key": first.first_key,
            "reference": said.and_then(reference),
            "currency": first.amount.currency(),
            "created_at": self.clock.now(),
        });
        serde_json::from_value(wire).unwrap()
    }

    /// What the provider's books say of a payment.
    pub(crate) async fn report(&self, first: &Instruction, said: Option<&Answer>) -> PaymentReport {
        self.gateway.report(&self.asked(first, said)).await.unwrap().unwrap()
    }

    /// The paths of all requests so far, tokens aside.
    pub(crate) fn sent(&self) -> Vec<String> {
        let exchanges = self.stand_in.wire().exchanges();
        let paths = exchanges.into_iter().map(|exchange| exchange.request.path);
        paths.filter(|path| !path.contains("oauth2")).collect()
    }

    /// Captured and refunded, over all accounts.
    pub(crate) fn taken(&self) -> (i64, i64) {
        self.stand_in.taken()
    }
}
