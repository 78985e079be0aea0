//! Ports to the world.
/// placeholder
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct GatewayError;
