//! Every call of every use case goes wrong in every way, one at a time; and each time everything must come right.
//!
//! A story is told: a customer puts into the cart, orders, pays, cancels, is given money back.
//! The story is told once for every call that leaves the engine (to the store, to the provider, to whoever hears the events), for every
//! [`Fault`], and for two kinds of callers: those who repeat a request that failed, with the same key, and those who give up.
//! Then the faults are over: what is late arrives, the passes run, time goes on. At the end the [invariants] must hold, and
//! whoever had an answer gets the same one again. Whoever repeated their requests must find their story at the end it has
//! without faults.
//!
//! [invariants]: crate::conformance::invariants

mod provider;
mod requests;
mod scenario;
mod stage;
mod webhooks;

use super::StoreHarness;
use super::faults::{Fault, FaultPlan};
use provider::Simulated;
use scenario::{STORIES, Step, Story};
use stage::{Caller, Ending, Stage};

pub use provider::{ProviderHarness, StandIn};
pub use webhooks::run_webhooks;

/// Makes one call after the other go wrong, on stores of a harness, and gives back in how many ways it was done.
///
/// `one_in` takes only every so-manieth way, for stores that are slow to make; 1 takes every one.
pub async fn run<H: StoreHarness>(harness: &H, one_in: usize) -> usize {
    run_with(harness, &Simulated, one_in).await
}

/// As [`run`], with another provider than the simulated one: its adapter, and its stand-in.
pub async fn run_with<H: StoreHarness>(harness: &H, provider: &dyn ProviderHarness, one_in: usize) -> usize {
    let world = World { store: harness, provider };
    let mut tally = Tally { one_in, ..Tally::default() };
    for story in STORIES.iter().filter(|story| can_tell(story, provider)) {
        let (expected, calls) = plain(&world, story).await;
        for call in 1..=calls {
            for fault in Fault::ALL {
                tally.both_callers(&world, story, &expected, &[(call, fault)]).await;
            }
        }
    }
    tally.points()
}

/// Makes two calls go wrong, the second at most [`FURTHER`] calls behind the first. There are about a million ways: take some.
pub async fn run_pairs<H: StoreHarness>(harness: &H, one_in: usize) -> usize {
    let world = World { store: harness, provider: &Simulated };
    let mut tally = Tally { one_in, ..Tally::default() };
    for story in STORIES {
        let (expected, calls) = plain(&world, story).await;
        for first in 1..=calls {
            for second in first + 1..=first + FURTHER {
                for fault in Fault::ALL {
                    for other in Fault::ALL {
                        let faults = [(first, fault), (second, other)];
                        tally.both_callers(&world, story, &expected, &faults).await;
                    }
                }
            }
        }
    }
    tally.points()
}

/// How many calls a second fault is behind the first at most.
pub const FURTHER: u64 = 25;

/// Where stories are told.
struct World<'a, H> {
    store: &'a H,
    provider: &'a dyn ProviderHarness,
}

/// Whether a provider has what a story needs of it.
fn can_tell(story: &Story, provider: &dyn ProviderHarness) -> bool {
    let captures = story.steps.iter().filter(|step| matches!(step, Step::Capture(_))).count();
    let has_tokens = story.steps.iter().filter_map(Step::token).all(|token| provider.token(token).is_some());
    has_tokens && (captures < 2 || provider.captures_in_parts())
}

/// A story without faults: how it ends, and how many calls it makes.
async fn plain<H: StoreHarness>(world: &World<'_, H>, story: &Story) -> (Ending, u64) {
    let (ending, calls) = tell(world, story, FaultPlan::none(), Caller::Repeats).await;
    let ending = ending.unwrap_or_else(|findings| panic!("{}, without faults: {findings:#?}", story.name));
    assert_eq!(ending.status, story.end, "{}, without faults", story.name);
    (ending, calls)
}

#[derive(Default)]
struct Tally {
    one_in: usize,
    turn: usize,
    points: usize,
    problems: Vec<String>,
}

impl Tally {
    async fn both_callers<H: StoreHarness>(
        &mut self,
        world: &World<'_, H>,
        story: &Story,
        expected: &Ending,
        faults: &[(u64, Fault)],
    ) {
        for caller in [Caller::Repeats, Caller::GivesUp] {
            self.turn += 1;
            if !self.turn.is_multiple_of(self.one_in) {
                continue;
            }
            self.points += 1;
            let found = tell(world, story, FaultPlan::new(faults), caller).await.0;
            let problem = match found {
                Err(findings) => format!("{findings:?}"),
                Ok(ending)
                    if ending == *expected
                        || caller == Caller::GivesUp
                        || story.ends.allow(ending.status, faults) =>
                {
                    continue;
                }
                Ok(ending) => format!("ends with {ending:?} and not with {expected:?}"),
            };
            self.problems.push(format!("{}, {faults:?}, the caller {caller:?}: {problem}", story.name));
        }
    }

    fn points(self) -> usize {
        let Self { points, problems, .. } = self;
        assert!(problems.is_empty(), "{} of {points} points: {problems:#?}", problems.len());
        points
    }
}

/// Tells one story, and how it ended: or what does not hold at the end. With it comes how many calls the story made.
async fn tell<H: StoreHarness>(
    world: &World<'_, H>,
    told: &Story,
    plan: std::sync::Arc<FaultPlan>,
    caller: Caller,
) -> (Result<Ending, Vec<String>>, u64) {
    let (store, guard) = world.store.fresh().await;
    let mut scene = Stage::new(store, plan, world.provider).await;
    scene.play(told, caller).await;
    let calls = scene.calls();
    scene.recover().await;
    let ending = scene.ending().await;
    drop(guard);
    (ending, calls)
}
