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

mod waits_for_the_caller {

    /// The customer agrees at once; the caller has to go on.
    #[derive(Debug, Default)]
    struct Agreeing(order_core::memory::SimulatedGateway);

    #[async_trait::async_trait]
    impl super::PaymentGateway for Agreeing {
        async fn execute(
            &self,
            instruction: &order_core::gateway::Instruction,
        ) -> Result<order_core::payment::Answer, order_core::gateway::GatewayError> {
            use order_core::payment::Answer;
            let said = self.0.execute(instruction).await?;
            if matches!(said, Answer::ActionRequired { .. }) {
                self.0.complete(instruction.payment_id, true);
                return Ok(Answer::Unknown);
            }
            Ok(said)
        }

        async fn ask(
            &self,
            instruction: &order_core::gateway::Instruction,
        ) -> Result<order_core::payment::Answer, order_core::gateway::GatewayError> {
            self.0.ask(instruction).await
        }
    }

    struct Approval;

    #[async_trait::async_trait]
    impl super::GatewayHarness for Approval {
        type Guard = ();

        async fn gateway(&self) -> (super::Arc<dyn super::PaymentGateway>, ()) {
            (super::Arc::new(Agreeing::default()), ())
        }

        fn provider(&self) -> super::ProviderId {
            super::Simulated("").provider()
        }

        fn approved(&self) -> super::ProviderToken {
            super::ProviderToken::new("sim_approval").unwrap()
        }

        fn declined(&self) -> super::ProviderToken {
            super::Simulated("").declined()
        }
    }

    order_core::gateway_conformance!(Approval);
}

mod is_slow {
    order_core::gateway_conformance!(super::Simulated("sim_slow"));
}
