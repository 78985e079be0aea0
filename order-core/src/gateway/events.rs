use std::fmt;

use async_trait::async_trait;

use crate::gateway::GatewayError;
use crate::inventory::StockRecord;
use crate::order::EventRecord;

/// Hears what happened: a broker, a mailer, another part of the host.
///
/// It gets every event of an order and every record of a stock level's journal at least once, those of one order or level in their
/// order. `(order_id, sequence)` names an event and `(key, sequence)` a record, so that a receiver can tell a repetition. Whoever has
/// no use for one kind takes it over and does nothing.
#[async_trait]
pub trait EventPublisher: fmt::Debug + Send + Sync {
    /// Takes an event of an order over. When it returns `Ok` the event is never offered again.
    ///
    /// # Errors
    /// [`GatewayError`]: the event, and the later ones of the same order, are offered again later.
    async fn publish(&self, event: &EventRecord) -> Result<(), GatewayError>;

    /// Takes a record of a stock level's journal over: what the staff did, or that the stock is low, out, back or replenished. When it
    /// returns `Ok` the record is never offered again.
    ///
    /// # Errors
    /// [`GatewayError`]: the record, and the later ones of the same level, are offered again later.
    async fn publish_stock(&self, record: &StockRecord) -> Result<(), GatewayError>;
}
