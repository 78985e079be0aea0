//! A rule of the host's own: nobody orders more than three mugs. It is asked before an order is placed, sees the order as it
//! would be, and vetoes. When it can't tell it fails, and the step is not taken either.
#![expect(clippy::print_stdout, reason = "a program that shows something")]

use std::sync::Arc;

use async_trait::async_trait;
use embedding::{Outcome, by_customer, catalogue, order_of, receive_stock};
use order_core::gateway::{GatewayError, Hook, Step, Veto};
use order_core::id::ProviderId;
use order_core::memory::{MemoryStore, SimulatedGateway};
use order_core::order::OrderEvent;
use order_core::{Engine, Error};

#[derive(Debug)]
struct ThreeMugsEach;

#[async_trait]
impl Hook for ThreeMugsEach {
    fn name(&self) -> &'static str {
        "three mugs each"
    }

    async fn before(&self, step: Step<'_>) -> Result<Result<(), Veto>, GatewayError> {
        let is_placement = step.events.iter().any(|event| matches!(event, OrderEvent::Placed { .. }));
        let mugs: u32 = step
            .after
            .lines
            .iter()
            .filter(|line| line.product_id.as_str() == "MUG")
            .fold(0, |sum, line| sum.saturating_add(line.quantity));
        Ok(if is_placement && mugs > 3 { Err(Veto::new("only three mugs for each order")) } else { Ok(()) })
    }
}

#[tokio::main]
async fn main() -> Outcome {
    let engine = Engine::builder(Arc::new(MemoryStore::default()))
        .catalogue(Arc::new(catalogue()?))
        .payment_gateway(ProviderId::new("simulated")?, Arc::new(SimulatedGateway::default()))
        .hook(Arc::new(ThreeMugsEach))
        .build()?;
    receive_stock(&engine, 10).await?;
    let alice = by_customer("alice")?;
    for mugs in [3, 4] {
        match engine.orders().place(order_of("MUG", mugs, "simulated", "sim_approve")?, &alice).await {
            Ok(done) => println!("{mugs} mugs: {}", done.value.status),
            Err(Error::Vetoed { hook, reason }) => println!("{mugs} mugs: refused by \"{hook}\": {reason}"),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
