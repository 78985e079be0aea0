//! Brings the webhooks of stand-ins to the server: what a provider does by itself, when somebody runs it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::stand_in::{Letter, StandIn};

/// How often a stand-in is asked for new webhooks.
const PAUSE: Duration = Duration::from_millis(200);
/// How long one delivery may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a webhook is brought before it is given up. The real ones go on for days.
const TRIES: u32 = 8;

/// The tasks that bring webhooks, one for each stand-in.
#[derive(Debug)]
pub struct Courier {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Courier {
    /// Begins to bring everything that stand-ins send to the interface that is at `api`.
    pub fn start(stand_ins: &[Arc<dyn StandIn>], api: &str) -> Self {
        let (stop, stopping) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for stand_in in stand_ins {
            let address = address(api, &**stand_in);
            tasks.spawn(run(stand_in.clone(), address, stopping.clone()));
        }
        Self { stop, tasks }
    }

    /// Stops them; what was not brought yet stays where it is.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Where a stand-in's webhooks go.
pub fn address(api: &str, stand_in: &dyn StandIn) -> String {
    format!("{}/webhooks/{}", api.trim_end_matches('/'), stand_in.kind().name())
}

/// Brings one webhook. Tells with which status it was answered, if it was.
pub async fn bring(client: &reqwest::Client, address: &str, letter: &Letter) -> Option<u16> {
    let mut request = client.post(address).timeout(PATIENCE).header("content-type", "application/json");
    for (name, value) in &letter.headers {
        request = request.header(name, value);
    }
    let response = request.body(letter.body.clone()).send().await.ok()?;
    Some(response.status().as_u16())
}

async fn run(stand_in: Arc<dyn StandIn>, address: String, mut stopping: watch::Receiver<bool>) {
    let client = reqwest::Client::new();
    let mut ticks = interval(PAUSE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut known, mut tries, mut rest) = (0_usize, 0_u32, 0_u32);
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            _ = ticks.tick() => {}
        }
        if rest > 0 {
            rest = rest.saturating_sub(1);
            continue;
        }
        // They are brought in their order: what could not be brought is tried again first, later and later.
        let letters = stand_in.letters(known).unwrap_or_else(|error| {
            tracing::warn!(%address, %error, "webhooks can't be signed");
            Vec::new()
        });
        for letter in letters {
            let status = bring(&client, &address, &letter).await;
            let is_taken = status.is_some_and(|status| (200..300).contains(&status));
            if !is_taken && tries < TRIES {
                tracing::debug!(%address, status, tries, "a webhook was not taken, and is brought again");
                rest = 1_u32.checked_shl(tries).unwrap_or(u32::MAX);
                tries = tries.saturating_add(1);
                break;
            }
            if !is_taken {
                tracing::warn!(%address, status, "a webhook was not taken, and is given up");
            }
            known = known.saturating_add(1);
            tries = 0;
        }
    }
}
