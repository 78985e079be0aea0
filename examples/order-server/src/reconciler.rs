//! Sets the books of payment providers beside ours, again and again: what needs no person is repaired, the rest is logged.

use std::time::Duration;

use order_core::id::ProviderId;
use order_core::order::Actor;
use order_core::service::{ReconcileBooks, ReconciliationPage, Request};
use order_core::{Engine, Result, time};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::problem::causes;
use crate::providers::DisputeRights;

/// How far it looks back: longer than a provider goes on sending a webhook.
const WINDOW: time::Duration = time::Duration::days(4);
/// How many payments a page has at most.
const LIMIT: u32 = 100;

/// Reconciles with every provider whose books can be read, until it is told to stop: between two pages.
pub(crate) async fn run(
    engine: Engine,
    rights: DisputeRights,
    pause: Duration,
    mut stopping: watch::Receiver<bool>,
) {
    let mut ticks = interval(pause);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            _ = ticks.tick() => {}
        }
        warn_of_missing(&rights).await;
        for provider in engine.reconciliation().providers() {
            if let Err(error) = reconcile(&engine, &provider, &stopping).await {
                let error = causes(&error);
                tracing::error!(%provider, error, "a reconciliation failed; it is tried again");
            }
        }
    }
}

/// Says whose disputes are not recorded because they may not be read: their books would not tell. Gives them.
async fn warn_of_missing(rights: &DisputeRights) -> Vec<&ProviderId> {
    let mut missing = Vec::new();
    for (provider, right) in rights {
        match right.is_granted().await {
            Ok(true) => {}
            Ok(false) => {
                tracing::warn!(%provider, "disputes are not recorded: the right to read them was not granted");
                missing.push(provider);
            }
            Err(error) => {
                let error = causes(&error);
                tracing::warn!(%provider, error, "whether disputes may be read could not be asked");
            }
        }
    }
    missing
}

/// Reads the window page by page.
async fn reconcile(engine: &Engine, provider: &ProviderId, stopping: &watch::Receiver<bool>) -> Result<()> {
    let request = Request::by(Actor::Service("reconciler".to_owned()));
    let to = engine.clock().now();
    let mut books =
        ReconcileBooks { provider: provider.clone(), from: to - WINDOW, to, cursor: None, limit: LIMIT };
    while !*stopping.borrow() {
        let page = engine.reconciliation().repair(&books, &request).await?;
        log(provider, &page);
        match page.next {
            Some(next) => books.cursor = Some(next),
            None => break,
        }
    }
    Ok(())
}

fn log(provider: &ProviderId, page: &ReconciliationPage) {
    for repaired in &page.repaired {
        tracing::info!(%provider, ?repaired, "a difference to the provider's books was repaired");
    }
    for difference in &page.differences {
        tracing::warn!(%provider, ?difference, "a difference to the provider's books is for the staff");
    }
    for failed in &page.failed {
        tracing::warn!(%provider, ?failed, "a payment could not be compared with the provider's books");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use order_adapters::paypal::PayPalGateway;
    use order_adapters::square::SquareGateway;
    use order_core::address::Address;
    use order_core::gateway::Product;
    use order_core::id::{CustomerId, LocationId, ProductId, SellerId};
    use order_core::memory::{MemoryCatalogue, MemoryStore, SimulatedGateway};
    use order_core::money::{Currency, Money};
    use order_core::order::Tender;
    use order_core::service::{OrderItem, PlaceOrder};
    use order_core::time::ManualClock;
    use order_fake_providers::paypal::FakePayPal;
    use order_fake_providers::square::FakeSquare;

    use super::*;

    fn address() -> Address {
        serde_json::from_str(r#"{"line1":"1 Quay","city":"Cork","postal_code":"T12","country":"IE"}"#)
            .unwrap()
    }

    #[tokio::test]
    async fn what_was_given_back_by_hand_is_taken_in_unless_it_is_to_stop() {
        let clock = Arc::new(ManualClock::default());
        let (provider, simulated) =
            (ProviderId::new("simulated").unwrap(), Arc::new(SimulatedGateway::default()));
        let (tea, price) = (ProductId::new("tea").unwrap(), Money::from_minor(1_230, Currency::EUR));
        let product = Product::new(tea.clone(), "Tea", SellerId::new("north").unwrap(), price);
        let engine = Engine::builder(Arc::new(MemoryStore::default()))
            .catalogue(Arc::new(MemoryCatalogue::from_iter([product])))
            .payment_gateway(provider.clone(), simulated.clone())
            .provider_books(provider.clone(), simulated.clone())
            .clock(clock.clone())
            .build()
            .unwrap();
        let shop = Request::by(Actor::Service("shop".to_owned()));
        engine.inventory().set(tea.clone(), LocationId::new("main").unwrap(), 1, None, &shop).await.unwrap();
        let items = vec![OrderItem { product_id: tea, quantity: 1, price: None }];
        let order = PlaceOrder {
            items: Some(items),
            ..PlaceOrder::from_cart(address(), Tender::card(provider.clone(), None))
        };
        let ann = Request::by(Actor::Customer(CustomerId::new("ann").unwrap()));
        let order = engine.orders().place(order, &ann).await.unwrap().value;
        simulated.refund_by_hand(order.payments[0].id, Money::from_minor(230, Currency::EUR)).unwrap();
        clock.advance(time::Duration::hours(1));

        let refunded = async || {
            let found = engine.store().find_order(order.id).await.unwrap().unwrap();
            found.refunded().unwrap().minor()
        };
        let (signal, stopping) = watch::channel(true);
        reconcile(&engine, &provider, &stopping).await.unwrap();
        assert_eq!(refunded().await, 0);
        signal.send_replace(false);
        reconcile(&engine, &provider, &stopping).await.unwrap();
        assert_eq!(refunded().await, 230);
    }

    #[tokio::test]
    async fn whose_disputes_may_not_be_read_is_said() {
        let clock = Arc::new(ManualClock::default());
        let paypal = FakePayPal::start(clock.clone()).await.unwrap();
        let square = FakeSquare::start(clock.clone()).await.unwrap();
        let one = PayPalGateway::builder(FakePayPal::CLIENT_ID, FakePayPal::CLIENT_SECRET)
            .base_url(paypal.url())
            .clock(clock)
            .build()
            .unwrap();
        let other = SquareGateway::builder(FakeSquare::ACCESS_TOKEN, FakeSquare::LOCATION_ID)
            .base_url(square.url())
            .build()
            .unwrap();
        let rights: DisputeRights = vec![
            (ProviderId::new("paypal").unwrap(), Arc::new(one)),
            (ProviderId::new("square").unwrap(), Arc::new(other)),
        ];
        assert!(warn_of_missing(&rights).await.is_empty());
        square.forbid_disputes();
        assert_eq!(warn_of_missing(&rights).await, [&rights[1].0]);
        paypal.forbid_disputes();
        assert_eq!(warn_of_missing(&rights).await, [&rights[0].0, &rights[1].0]);
    }
}
