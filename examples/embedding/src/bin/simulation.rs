//! A test of a host's own, in which nothing happens by chance: the program decides what time it is, which ids are given out
//! and what the provider does. An answer is lost; the background pass finds out what became of the money. A customer never
//! comes back from their bank; the hold runs out. Every run prints the same.
#![expect(clippy::print_stdout, reason = "a program that shows something")]

use std::sync::Arc;

use embedding::{Outcome, by_customer, catalogue, order_of, receive_stock};
use order_core::Engine;
use order_core::id::{ProductId, ProviderId, SeededIds};
use order_core::memory::{MemoryStore, SimulatedGateway};
use order_core::order::Actor;
use order_core::time::{Duration, ManualClock};

#[tokio::main]
async fn main() -> Outcome {
    let clock = Arc::new(ManualClock::default());
    let engine = Engine::builder(Arc::new(MemoryStore::default()))
        .catalogue(Arc::new(catalogue()?))
        .payment_gateway(ProviderId::new("simulated")?, Arc::new(SimulatedGateway::default()))
        .clock(clock.clone())
        .ids(Arc::new(SeededIds::new(42)))
        .build()?;
    receive_stock(&engine, 10).await?;

    let mut placed = Vec::new();
    for (customer, token) in [("alice", "sim_timeout_after"), ("bob", "sim_action")] {
        let request = by_customer(customer)?;
        let order = engine.orders().place(order_of("TEA", 2, "simulated", token)?, &request).await?.value;
        println!("{customer}: {} {}", order.number, order.status);
        placed.push((customer, order.id));
    }
    for wait in [Duration::seconds(15), Duration::minutes(30)] {
        clock.advance(wait);
        engine.passes().advance(100).await?;
        println!("after {} more seconds:", wait.num_seconds());
        for (customer, id) in &placed {
            let order = engine.orders().get(*id, &Actor::Engine).await?;
            println!("{customer}: {} {}", order.number, order.status);
        }
    }
    for level in engine.inventory().levels(&[ProductId::new("TEA")?]).await? {
        println!("tea: {} available, {} reserved, {} sold", level.available(), level.reserved, level.sold);
    }
    Ok(())
}
