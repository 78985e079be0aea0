//! A whole checkout on the memory store: a catalogue, a provider, stock, a cart, an order that is paid.
#![expect(clippy::print_stdout, reason = "a program that shows something")]

use std::sync::Arc;

use embedding::{Outcome, address};
use order_core::Engine;
use order_core::cart::CartOwner;
use order_core::gateway::Product;
use order_core::id::{CustomerId, LocationId, ProductId, ProviderId, SellerId};
use order_core::memory::{MemoryCatalogue, MemoryStore, SimulatedGateway};
use order_core::money::{Currency, Money};
use order_core::order::{Actor, Tender};
use order_core::service::{AddItem, PlaceOrder, Request};

#[tokio::main]
async fn main() -> Outcome {
    let (tea, simulated) = (ProductId::new("TEA")?, ProviderId::new("simulated")?);
    let price = Money::parse("12.30", Currency::EUR)?;
    let product = Product::new(tea.clone(), "Green tea", SellerId::new("north")?, price);
    let engine = Engine::builder(Arc::new(MemoryStore::default()))
        .catalogue(Arc::new(MemoryCatalogue::from_iter([product])))
        .payment_gateway(simulated.clone(), Arc::new(SimulatedGateway::default()))
        .build()?;
    let shop = Request::by(Actor::Service("shop".to_owned()));
    engine.inventory().set(tea.clone(), LocationId::new("main")?, 10, None, &shop).await?;

    let alice = CustomerId::new("alice")?;
    let owner = CartOwner::Customer(alice.clone());
    engine.carts().add_item(&owner, AddItem { product_id: tea, quantity: 2, seller_id: None }, None).await?;

    let order = PlaceOrder::from_cart(address(), Tender::card(simulated, None));
    let order = engine.orders().place(order, &Request::by(Actor::Customer(alice))).await?.value;
    println!("{} {}", order.status, order.totals.total);
    Ok(())
}
