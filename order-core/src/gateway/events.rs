use std::fmt;

use async_trait::async_trait;

use crate::gateway::GatewayError;
use crate::order::EventRecord;

/// Hears what happened: a broker, a mailer, another part of the host.
///
/// It gets every event at least once, and the events of one order in their order. `(order_id, sequence)` names an event, so
/// that a receiver can tell a repetition.
#[async_trait]
pub trait EventPublisher: fmt::Debug + Send + Sync {
    /// Takes one event over. When it returns `Ok` the event is never offered again.
    ///
    /// # Errors
    /// [`GatewayError`]: the event, and the later ones of the same order, are offered again later.
    async fn publish(&self, event: &EventRecord) -> Result<(), GatewayError>;
}
