use std::fmt;

use async_trait::async_trait;

use crate::gateway::GatewayError;
use crate::order::{Actor, Order, OrderEvent};

/// Lets the host have a say: it is asked before every step of an order that somebody asked for, and fails closed.
///
/// A hook is *not* asked about facts — money that moved, a hold whose time was over — because nobody can refuse them.
#[async_trait]
pub trait Hook: fmt::Debug + Send + Sync {
    /// Its name, for the error that the caller sees.
    fn name(&self) -> &'static str;

    /// Whether the step may be taken. It may be asked again about the same step, when the order, or the cart that it is
    /// made of, changed meanwhile.
    ///
    /// # Errors
    /// [`GatewayError`]: the step is not taken.
    async fn before(&self, step: Step<'_>) -> Result<Result<(), Veto>, GatewayError>;
}

/// A step of an order's life that is about to be committed.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Step<'a> {
    /// Who asks for it.
    pub actor: &'a Actor,
    /// The order before; `None` when it is being placed.
    pub before: Option<&'a Order>,
    /// The order after.
    pub after: &'a Order,
    /// What happens.
    pub events: &'a [OrderEvent],
}

impl<'a> Step<'a> {
    /// A step.
    pub fn new(
        actor: &'a Actor,
        before: Option<&'a Order>,
        after: &'a Order,
        events: &'a [OrderEvent],
    ) -> Self {
        Self { actor, before, after, events }
    }
}

/// A host's refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Veto {
    /// Why, for the caller.
    pub reason: String,
}

impl Veto {
    /// A refusal.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}
