//! What runs in the background: each pass is one task that works at a steady pace, logs what failed, and goes on.

use std::time::Duration;

use async_trait::async_trait;
use order_core::gateway::{EventPublisher, GatewayError};
use order_core::inventory::StockRecord;
use order_core::order::EventRecord;
use order_core::service::{PassReport, Setback};
use order_core::{Engine, Result};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::problem::causes;
use crate::providers::DisputeRights;
use crate::reconciler;

/// How much one round of a pass does at most: a bounded piece of work between two looks at whether to stop.
const LIMIT: u32 = 200;
/// How many pauses housekeeping waits: nothing depends on it.
const HOUSEKEEPING: u32 = 12;
/// How many pauses there are between two reconciliations with the providers' books: an hour of the default ones.
const RECONCILIATION: u32 = 720;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    Advance,
    Attend,
    ExpireReservations,
    CleanCarts,
    Forget,
    Relay,
}

impl Pass {
    const ALL: [Self; 6] =
        [Self::Advance, Self::Attend, Self::ExpireReservations, Self::CleanCarts, Self::Forget, Self::Relay];

    fn name(self) -> &'static str {
        match self {
            Self::Advance => "advance",
            Self::Attend => "attend",
            Self::ExpireReservations => "expire_reservations",
            Self::CleanCarts => "clean_carts",
            Self::Forget => "forget",
            Self::Relay => "relay",
        }
    }

    fn pause(self, pause: Duration) -> Duration {
        match self {
            Self::Advance | Self::Attend | Self::ExpireReservations | Self::Relay => pause,
            Self::CleanCarts | Self::Forget => pause.saturating_mul(HOUSEKEEPING),
        }
    }

    /// Does one round. Tells how much there was to do.
    async fn round(self, engine: &Engine) -> Result<u64> {
        let passes = engine.passes();
        let report = match self {
            Self::Advance => passes.advance(LIMIT).await?,
            Self::Attend => passes.attend(LIMIT).await?,
            Self::ExpireReservations => passes.expire_reservations(LIMIT).await?,
            Self::CleanCarts => passes.clean_carts(LIMIT).await?,
            Self::Relay => passes.relay(&LogPublisher, LIMIT).await?,
            Self::Forget => return passes.forget(LIMIT).await,
        };
        self.log(engine, report);
        // Of what was found, others may have done the most.
        Ok(if report.done > 0 { report.found.into() } else { 0 })
    }

    fn log(self, engine: &Engine, report: PassReport) {
        let PassReport { found, done, failed, .. } = report;
        if failed > 0 {
            tracing::warn!(pass = self.name(), found, done, failed, "a pass could not do everything");
            for Setback { id, failures, again_at, reason, .. } in engine.passes().setbacks() {
                tracing::warn!(%id, failures, %again_at, reason, "could not be done, and is left alone");
            }
        } else if found > 0 {
            tracing::debug!(pass = self.name(), found, done, "a pass");
        }
    }
}

/// The tasks of all passes.
#[derive(Debug)]
pub struct Background {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Background {
    /// Starts them.
    pub fn start(engine: &Engine, rights: DisputeRights, pause: Duration) -> Self {
        let (stop, stopping) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for pass in Pass::ALL {
            tasks.spawn(run(pass, engine.clone(), pause, stopping.clone()));
        }
        let pause = pause.saturating_mul(RECONCILIATION);
        tasks.spawn(reconciler::run(engine.clone(), rights, pause, stopping));
        Self { stop, tasks }
    }

    /// Lets each finish the round it is in, and stops it.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

async fn run(pass: Pass, engine: Engine, pause: Duration, mut stopping: watch::Receiver<bool>) {
    let mut ticks = interval(pass.pause(pause));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            _ = ticks.tick() => {}
        }
        // As long as there is more than one round can do, the next one follows at once.
        while !*stopping.borrow() {
            match pass.round(&engine).await {
                Ok(found) if found >= u64::from(LIMIT) => {}
                Ok(_) => break,
                Err(error) => {
                    let error = causes(&error);
                    tracing::error!(pass = pass.name(), error, "a pass failed; it is tried again");
                    break;
                }
            }
        }
    }
}

/// Writes every event to the log.
#[derive(Debug)]
struct LogPublisher;

#[async_trait]
impl EventPublisher for LogPublisher {
    async fn publish(&self, event: &EventRecord) -> Result<(), GatewayError> {
        tracing::info!(
            target: "order_events",
            order_id = %event.order_id,
            sequence = event.sequence,
            event = event.event.name(),
            at = %event.at,
            correlation = event.correlation.as_deref(),
        );
        Ok(())
    }

    async fn publish_stock(&self, record: &StockRecord) -> Result<(), GatewayError> {
        let key = record.key();
        tracing::info!(
            target: "order_events",
            sku = %key.product_id,
            location = %key.location,
            sequence = record.sequence,
            event = record.event.name(),
            available = record.after.available(),
            at = %record.at,
            correlation = record.correlation.as_deref(),
        );
        Ok(())
    }
}
