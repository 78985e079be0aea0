//! The network between an adapter and a stand-in: an HTTP server on this machine, on which calls go wrong.
//!
//! A stand-in is a [`Service`]: a function from a request to a reply, with state. The [`Wire`] serves it, records every
//! [`Exchange`], and lets calls meet a [`WireFault`]: planned one by one ([`Wire::fail_next`]), or by a rule
//! ([`Wire::set_rule`]).

mod message;
mod server;

use std::time::Duration;

pub use message::{Exchange, WireReply, WireRequest};
pub use server::Wire;

/// A stand-in, as the wire sees it.
pub trait Service: std::fmt::Debug + Send + Sync + 'static {
    /// Carries out a request.
    fn handle(&self, request: &WireRequest) -> WireReply;

    /// Fails in the middle of a request: with the effect or without it, and with whatever the provider keeps of such a failure.
    fn fail(&self, request: &WireRequest, with_effect: bool) -> WireReply;

    /// Somebody else begins to carry out the same request, and does not come to an end until [`finish`](Self::finish).
    fn begin(&self, request: &WireRequest);

    /// They come to an end, and have done nothing.
    fn finish(&self, request: &WireRequest);

    /// The provider's limiter refuses a request before anybody looks at it.
    fn limit(&self, retry_after: Option<Duration>) -> WireReply;
}

/// How a call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WireFault {
    /// The connection is cut before anything has happened.
    CutBefore,
    /// It has happened, and the connection is cut before the answer.
    CutAfter,
    /// Nothing happens, and nobody answers.
    HangBefore,
    /// It has happened, and nobody answers.
    HangAfter,
    /// It arrives twice; the second answer is given.
    Repeat,
    /// The connection is cut; the request arrives when [`Wire::deliver_late`] is called.
    Late,
    /// 429, perhaps with the time to wait.
    Limited(Option<Duration>),
    /// 500 before anything has happened.
    FailBefore,
    /// It has happened, and the answer is 500.
    FailAfter,
    /// The answer is no JSON, and it has happened.
    Garbage,
    /// The same request is already being carried out, and is not done yet.
    InProgress,
}

/// Deliveries as they arrive: each `copies` times, in an order that a seed tells.
pub(crate) fn shuffled<T: Clone>(once: &[T], seed: u64, copies: usize) -> Vec<T> {
    let mut deliveries: Vec<T> = (0..copies).flat_map(|_| once.to_vec()).collect();
    let mut state = seed;
    for last in (1..deliveries.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let bound = u64::try_from(last).unwrap_or(u64::MAX).saturating_add(1);
        let other = (state >> 33).checked_rem(bound).and_then(|place| usize::try_from(place).ok());
        deliveries.swap(last, other.unwrap_or(last));
    }
    deliveries
}
