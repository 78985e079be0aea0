//! The published suites of `order-core` on a stand-in.

use std::marker::PhantomData;
use std::sync::Arc;

use order_core::conformance::{BooksHarness, GatewayHarness};
use order_core::gateway::{PaymentGateway, ProviderBooks};
use order_core::id::ProviderId;
use order_core::payment::ProviderToken;
use order_core::time::SystemClock;
use order_fake_providers::wire::WireFault;

use super::{Provider, provider, token};

/// A stand-in for each case; and how every `n`-th request to it goes wrong.
pub(crate) struct Fresh<P> {
    fault: Option<(u32, WireFault)>,
    provider: PhantomData<fn() -> P>,
}

/// One on which nothing goes wrong.
pub(crate) fn plain<P: Provider>() -> Fresh<P> {
    Fresh { fault: None, provider: PhantomData }
}

/// One to which every fifth request comes twice.
pub(crate) fn every_fifth_doubled<P: Provider>() -> Fresh<P> {
    Fresh { fault: Some((5, WireFault::Repeat)), provider: PhantomData }
}

impl<P: Provider> Fresh<P> {
    async fn open(&self) -> (Arc<P::Gateway>, P) {
        let stand_in = P::start(Arc::new(SystemClock)).await.unwrap();
        if let Some((every, fault)) = self.fault {
            let mut count = 0;
            stand_in.wire().set_rule(move |_| {
                count += 1;
                (count % every == 0).then_some(fault)
            });
        }
        (Arc::new(P::build(stand_in.builder(Arc::new(SystemClock)))), stand_in)
    }
}

#[async_trait::async_trait]
impl<P: Provider> GatewayHarness for Fresh<P> {
    type Guard = P;

    async fn gateway(&self) -> (Arc<dyn PaymentGateway>, P) {
        let (gateway, stand_in) = self.open().await;
        (gateway, stand_in)
    }

    fn provider(&self) -> ProviderId {
        provider::<P>()
    }

    fn approved(&self) -> ProviderToken {
        token(P::APPROVED)
    }

    fn declined(&self) -> ProviderToken {
        token(P::DECLINED)
    }
}

#[async_trait::async_trait]
impl<P: Provider> BooksHarness for Fresh<P> {
    async fn gateway_and_books(&self) -> (Arc<dyn PaymentGateway>, Arc<dyn ProviderBooks>, P) {
        let (gateway, stand_in) = self.open().await;
        (gateway.clone(), gateway, stand_in)
    }
}
