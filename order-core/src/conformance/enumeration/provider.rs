use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::conformance::faults::{FaultGateway, FaultPlan};
use crate::gateway::PaymentGateway;
use crate::id::{PaymentId, ProviderId};
use crate::memory::{SimulatedAccount, SimulatedGateway};
use crate::money::Currency;
use crate::payment::ProviderToken;
use crate::time::ManualClock;

/// A payment provider the stories are told with: an adapter and the stand-in of its provider.
#[async_trait]
pub trait ProviderHarness: Send + Sync {
    /// The provider's name.
    fn provider(&self) -> ProviderId;

    /// The currency of the goods.
    fn currency(&self) -> Currency;

    /// The token that makes the provider do what the [`SimulatedGateway`] does with this one. Stories with a token that it has not
    /// got are not told.
    fn token(&self, simulated: &str) -> Option<ProviderToken>;

    /// Whether one authorisation can be captured in several parts. Where it can't, such stories are not told.
    fn captures_in_parts(&self) -> bool;

    /// A provider whose books are empty. Every call that reaches it must [meet](FaultPlan::meet) the plan.
    async fn open(&self, plan: Arc<FaultPlan>, clock: Arc<ManualClock>) -> Arc<dyn StandIn>;
}

/// What a story needs of a provider's stand-in.
#[async_trait]
pub trait StandIn: fmt::Debug + Send + Sync {
    /// The adapter.
    fn gateway(&self) -> Arc<dyn PaymentGateway>;

    /// The customer does what was asked of them, or refuses to. Tells whether anything was asked of them.
    fn complete(&self, payment_id: PaymentId, approve: bool) -> bool;

    /// What is [late](crate::conformance::faults::Fault::Late) arrives.
    async fn deliver_late(&self);

    /// The provider's books: one account for each charge or authorisation that succeeded.
    fn books(&self) -> Vec<SimulatedAccount>;
}

/// The simulated provider, whose calls go wrong at the port.
#[derive(Debug, Clone, Copy)]
pub(super) struct Simulated;

#[derive(Debug)]
struct Desk {
    provider: Arc<SimulatedGateway>,
    gateway: Arc<FaultGateway>,
}

#[async_trait]
impl ProviderHarness for Simulated {
    fn provider(&self) -> ProviderId {
        ProviderId::new("simulated").unwrap()
    }

    fn currency(&self) -> Currency {
        Currency::EUR
    }

    fn token(&self, simulated: &str) -> Option<ProviderToken> {
        ProviderToken::new(simulated).ok()
    }

    fn captures_in_parts(&self) -> bool {
        true
    }

    async fn open(&self, plan: Arc<FaultPlan>, _clock: Arc<ManualClock>) -> Arc<dyn StandIn> {
        let provider: Arc<SimulatedGateway> = Arc::default();
        let gateway = Arc::new(FaultGateway::new(provider.clone(), plan));
        Arc::new(Desk { provider, gateway })
    }
}

#[async_trait]
impl StandIn for Desk {
    fn gateway(&self) -> Arc<dyn PaymentGateway> {
        self.gateway.clone()
    }

    fn complete(&self, payment_id: PaymentId, approve: bool) -> bool {
        self.provider.complete(payment_id, approve)
    }

    async fn deliver_late(&self) {
        self.gateway.deliver_late().await;
    }

    fn books(&self) -> Vec<SimulatedAccount> {
        self.provider.books()
    }
}
