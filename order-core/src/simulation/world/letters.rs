//! What the provider tells of its own accord, and what becomes of it on its way: webhooks are lost, doubled, late and in no order.

use std::cell::Cell;
use std::rc::Rc;

use super::{Shared, provider_id};
use crate::error::{Error, Result};
use crate::inbox::InboxStatus;
use crate::memory::{SimulatedDelivery, SimulatedWebhooks};
use crate::store::InboxRepository as _;
use crate::time::Clock as _;

/// How many couriers are under way at once.
pub(super) const COURIERS: usize = 3;
/// How many of a thousand webhooks are never brought: nearly half of them, so that a world does not get much longer by them, and
/// much is left to the passes.
const LOST: u64 = 450;
/// How many are brought twice.
const DOUBLED: u64 = 100;

/// How the provider signs.
pub(super) fn webhooks() -> Result<SimulatedWebhooks> {
    Ok(SimulatedWebhooks::new(provider_id()?, ["secret"])?)
}

/// Collects what the provider has to tell.
fn collect(world: &Shared) {
    for letter in world.provider.take_webhooks(world.clock.now()) {
        let chance = world.chance.below(1_000);
        if chance >= LOST {
            world.letters.borrow_mut().push(letter.clone());
        }
        if chance >= 1_000 - DOUBLED {
            world.letters.borrow_mut().push(letter);
        }
    }
}

/// One courier: brings one letter after the other, whichever it gets hold of, as long as customers shop.
pub(super) async fn carry(world: Rc<Shared>) {
    while world.open.get() > 0 {
        world.wait(2).await;
        collect(&world);
        let letter = {
            let mut letters = world.letters.borrow_mut();
            let place = world.chance.index(letters.len());
            (place < letters.len()).then(|| letters.swap_remove(place))
        };
        let Some(letter) = letter else { continue };
        if !bring(&world, &letter).await {
            world.letters.borrow_mut().push(letter);
        }
    }
}

/// Brings a webhook, signed anew, to one of the processes. Tells whether it was acknowledged: otherwise it is brought again.
async fn bring(world: &Shared, letter: &SimulatedDelivery) -> bool {
    let now = world.clock.now();
    let is_kept = Cell::new(false);
    let work = async {
        let (provider, signed) = (provider_id()?, webhooks()?.sign(letter.body.clone(), now));
        let webhooks = world.engine.webhooks();
        let receipt = webhooks.receive(&provider, &signed.arriving(now)).await?;
        is_kept.set(true);
        // Some leave it to the pass; and what fails here is the pass's as well.
        if world.chance.happens(700) {
            let _ = webhooks.attend(&receipt).await;
        }
        Ok::<(), Error>(())
    };
    if let Some(Err(Error::Rejected(rejected))) = world.in_process(work).await {
        world.find(format!("a webhook is refused: {rejected}"));
    }
    if is_kept.get() {
        world.webhooks.set(world.webhooks.get().saturating_add(1));
    }
    is_kept.get()
}

/// The faults have stopped: what is still on its way comes, and everything is attended to.
pub(super) async fn bring_all(world: &Shared) -> Result<()> {
    collect(world);
    for letter in world.letters.take() {
        if !bring(world, &letter).await {
            world.find("a webhook is not acknowledged, and nothing is wrong".to_owned());
        }
    }
    while world.engine.passes().attend(100).await?.found > 0 {}
    Ok(())
}

/// Every webhook that was acknowledged was attended to.
pub(super) async fn check(world: &Shared) -> Result<()> {
    for status in [InboxStatus::Received, InboxStatus::Parked] {
        let open = world.store.list_inbox(Some(status), None, 10).await?;
        for entry in open.items {
            world.find(format!("nobody has attended to a webhook: {entry:?}"));
        }
    }
    Ok(())
}
