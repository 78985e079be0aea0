//! Random programs of commits and reads give the same answers on a store as on the store in memory.
//!
//! A program is made of what an engine does — orders that are placed and driven on, carts, reservations, keys, an outbox that is
//! emptied — and of what goes wrong: stale versions, taken numbers, write-sets that come twice. Both stores must answer every
//! step with the same outcome, and every read with the same rows. A program that tells them apart is made as short as possible
//! before it is shown.

mod build;
mod inbox;
mod picture;
mod program;
mod world;

use proptest::prelude::Strategy;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use self::program::Turn;
use self::world::World;
use super::StoreHarness;

/// How many programs are run where nobody says otherwise.
pub const PROGRAMS: u32 = 120;

/// How often a program is shortened at most.
const MAX_SHORTER: u32 = 400;

/// Runs random programs on a store and on the store in memory, and panics where they differ. The same seed gives the same
/// programs.
pub async fn programs_agree<H: StoreHarness>(harness: &H, seed: u64, programs: u32) {
    if let Some(difference) = first_difference(harness, seed, programs).await {
        panic!("{difference}");
    }
}

/// Runs random programs on a store and on the store in memory, and tells the first difference, with a short program that shows
/// it.
pub async fn first_difference<H: StoreHarness>(harness: &H, seed: u64, programs: u32) -> Option<String> {
    for number in 0..programs {
        let mut bytes = [0_u8; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        bytes[8..12].copy_from_slice(&number.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let mut runner = TestRunner::new_with_rng(Config::default(), rng);
        let mut tree = program::turns().new_tree(&mut runner).unwrap();
        if let Err(difference) = run(harness, &tree.current()).await {
            let (turns, difference) = shortest(harness, &mut tree, difference).await;
            return Some(format!("seed {seed}, program {number}: {difference}, after {turns:#?}"));
        }
    }
    None
}

async fn shortest<H: StoreHarness>(
    harness: &H,
    tree: &mut impl ValueTree<Value = Vec<Turn>>,
    difference: String,
) -> (Vec<Turn>, String) {
    let mut found = (tree.current(), difference);
    if !tree.simplify() {
        return found;
    }
    for _ in 0..MAX_SHORTER {
        let goes_on = match run(harness, &tree.current()).await {
            Err(difference) => {
                found = (tree.current(), difference);
                tree.simplify()
            }
            Ok(()) => tree.complicate(),
        };
        if !goes_on {
            break;
        }
    }
    found
}

/// Runs one program, and tells the first difference.
async fn run<H: StoreHarness>(harness: &H, turns: &[Turn]) -> Result<(), String> {
    let (store, guard) = harness.fresh().await;
    let mut world = World::new(store);
    for (index, turn) in turns.iter().enumerate() {
        world.play(turn).await.map_err(|difference| format!("turn {index}: {difference}"))?;
        if index % 8 == 7 {
            world.compare().await.map_err(|difference| format!("after turn {index}: {difference}"))?;
        }
    }
    world.compare().await.map_err(|difference| format!("at the end: {difference}"))?;
    drop(guard);
    Ok(())
}

/// Makes one test that runs [`programs_agree`] on a [`StoreHarness`].
#[macro_export]
macro_rules! store_differential {
    ($harness:expr) => {
        #[::tokio::test(flavor = "multi_thread")]
        async fn programs_agree_with_memory() {
            let programs = $crate::conformance::differential::PROGRAMS;
            $crate::conformance::differential::programs_agree(&$harness, 1, programs).await;
        }
    };
}
