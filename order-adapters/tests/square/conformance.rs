//! The published suite for gateways.

use std::sync::Arc;

use order_adapters::square::SquareGateway;
use order_core::conformance::GatewayHarness;
use order_core::gateway::PaymentGateway;
use order_core::id::ProviderId;
use order_core::payment::ProviderToken;
use order_core::time::SystemClock;
use order_fake_providers::square::FakeSquare;
use order_fake_providers::wire::WireFault;

use crate::desk::{APPROVED, DECLINED, provider, token};

/// A stand-in; and how every `n`-th request to it goes wrong.
struct Square(Option<(u32, WireFault)>);

#[async_trait::async_trait]
impl GatewayHarness for Square {
    type Guard = FakeSquare;

    async fn gateway(&self) -> (Arc<dyn PaymentGateway>, FakeSquare) {
        let square = FakeSquare::start(Arc::new(SystemClock)).await.unwrap();
        if let Some((every, fault)) = self.0 {
            let mut count = 0;
            square.wire().set_rule(move |_| {
                count += 1;
                (count % every == 0).then_some(fault)
            });
        }
        let gateway = SquareGateway::builder(FakeSquare::ACCESS_TOKEN, FakeSquare::LOCATION_ID)
            .base_url(square.url())
            .build()
            .unwrap();
        (Arc::new(gateway), square)
    }

    fn provider(&self) -> ProviderId {
        provider()
    }

    fn approved(&self) -> ProviderToken {
        token(APPROVED)
    }

    fn declined(&self) -> ProviderToken {
        token(DECLINED)
    }
}

mod plain {
    order_core::gateway_conformance!(super::Square(None));
}

mod every_fifth_request_is_doubled {
    order_core::gateway_conformance!(super::Square(Some((5, super::WireFault::Repeat))));
}
