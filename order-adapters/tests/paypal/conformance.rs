//! The published suites for gateways and for providers' books.

use std::sync::Arc;

use order_adapters::paypal::PayPalGateway;
use order_core::conformance::{BooksHarness, GatewayHarness};
use order_core::gateway::{PaymentGateway, ProviderBooks};
use order_core::id::ProviderId;
use order_core::payment::ProviderToken;
use order_core::time::SystemClock;
use order_fake_providers::paypal::FakePayPal;
use order_fake_providers::wire::WireFault;

use crate::desk::{APPROVED, DECLINED, builder, provider, token};

/// A stand-in; and how every `n`-th request to it goes wrong.
struct PayPal(Option<(u32, WireFault)>);

impl PayPal {
    async fn start(&self) -> (Arc<PayPalGateway>, FakePayPal) {
        let paypal = FakePayPal::start(Arc::new(SystemClock)).await.unwrap();
        if let Some((every, fault)) = self.0 {
            let mut count = 0;
            paypal.wire().set_rule(move |_| {
                count += 1;
                (count % every == 0).then_some(fault)
            });
        }
        (Arc::new(builder(&paypal).build().unwrap()), paypal)
    }
}

#[async_trait::async_trait]
impl GatewayHarness for PayPal {
    type Guard = FakePayPal;

    async fn gateway(&self) -> (Arc<dyn PaymentGateway>, FakePayPal) {
        let (gateway, paypal) = self.start().await;
        (gateway, paypal)
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

#[async_trait::async_trait]
impl BooksHarness for PayPal {
    async fn gateway_and_books(&self) -> (Arc<dyn PaymentGateway>, Arc<dyn ProviderBooks>, FakePayPal) {
        let (gateway, paypal) = self.start().await;
        (gateway.clone(), gateway, paypal)
    }
}

mod plain {
    order_core::gateway_conformance!(super::PayPal(None));
}

mod every_fifth_request_is_doubled {
    order_core::gateway_conformance!(super::PayPal(Some((5, super::WireFault::Repeat))));
}

mod books {
    order_core::books_conformance!(super::PayPal(None));
}
