//! The suite on the simulated payment provider, whatever it does with messages.
#![cfg(feature = "conformance")]
#![expect(clippy::unwrap_used, reason = "a harness of tests")]

use std::sync::Arc;

use order_core::conformance::{BooksHarness, GatewayHarness};
use order_core::gateway::{PaymentGateway, ProviderBooks};
use order_core::id::ProviderId;
use order_core::memory::SimulatedGateway;
use order_core::payment::ProviderToken;

struct Simulated(&'static str);

#[async_trait::async_trait]
impl GatewayHarness for Simulated {
    type Guard = ();

    async fn gateway(&self) -> (Arc<dyn PaymentGateway>, ()) {
        (Arc::new(SimulatedGateway::default()), ())
    }

    fn provider(&self) -> ProviderId {
        ProviderId::new("simulated").unwrap()
    }

    fn approved(&self) -> ProviderToken {
        ProviderToken::new(self.0).unwrap()
    }

    fn declined(&self) -> ProviderToken {
        ProviderToken::new("sim_decline").unwrap()
    }
}

#[async_trait::async_trait]
impl BooksHarness for Simulated {
    async fn gateway_and_books(&self) -> (Arc<dyn PaymentGateway>, Arc<dyn ProviderBooks>, ()) {
        let provider = Arc::new(SimulatedGateway::default());
        (provider.clone(), provider, ())
    }
}

mod books {
    order_core::books_conformance!(super::Simulated("sim_approve"));
}

mod books_behind_a_bad_line {
    order_core::books_conformance!(super::Simulated("sim_timeout_after"));
}

mod approves {
    order_core::gateway_conformance!(super::Simulated("sim_approve"));
}

mod loses_calls {
    order_core::gateway_conformance!(super::Simulated("sim_timeout_before"));
}

mod loses_answers {
    order_core::gateway_conformance!(super::Simulated("sim_timeout_after"));
}

mod is_slow {
    order_core::gateway_conformance!(super::Simulated("sim_slow"));
}
