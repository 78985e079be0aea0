//! What happens at the provider without the engine, and how the engine comes to know.

use std::rc::Rc;

use super::Shared;
use crate::error::Result;
use crate::memory::SimulatedAccount;
use crate::money::Money;
use crate::payment::{DisputeStatus, RefundStatus};

/// Merchants, customers and banks act at the provider as long as customers shop. The engine hears of it by webhooks, and somebody looks
/// at some of it by hand.
pub(super) async fn act(world: Rc<Shared>) {
    while world.open.get() > 0 {
        world.wait(6).await;
        let books = world.provider.books();
        let Some(account) = books.get(world.chance.index(books.len().max(1))) else { continue };
        if world.chance.happens(600) {
            something(&world, account);
        }
        if world.chance.happens(700) {
            continue;
        }
        world.wait(10).await;
        // What fails here is read at the end.
        let _ = world.in_process(world.engine.payments().observe(account.payment_id)).await;
    }
}

fn something(world: &Shared, account: &SimulatedAccount) {
    let (provider, chance, id) = (&world.provider, &world.chance, account.payment_id);
    let part = |most: Money| {
        let most = u64::try_from(most.minor()).unwrap_or(0);
        let minor = if chance.happens(300) { most } else { chance.below(most.max(1)) };
        Money::from_minor(i64::try_from(minor).unwrap_or(0), account.captured.currency())
    };
    let left = account.captured.minus(account.refunded).unwrap_or(account.captured);
    match chance.below(8) {
        0 => drop(provider.refund_by_hand(id, part(left))),
        1 => drop(provider.capture_by_hand(id, part(account.authorised))),
        2 => drop(provider.void_by_hand(id)),
        3 => drop(provider.expire_authorisation(id)),
        // A refund by hand that fails leaves a refunded order with its money: that is for a person, not for an audit.
        4 | 5 => {
            let mut own = account.refunds.iter().filter(|refund| refund.operation_id.is_some());
            if let Some(refund) = own.find(|refund| refund.status == RefundStatus::Succeeded) {
                provider.fail_refund(id, &refund.reference);
            }
        }
        6 => drop(provider.open_dispute(id, part(left))),
        _ => decide(world, account),
    }
}

fn decide(world: &Shared, account: &SimulatedAccount) {
    for dispute in account.disputes.iter().filter(|dispute| dispute.status == DisputeStatus::Open) {
        world.provider.close_dispute(account.payment_id, &dispute.reference, world.chance.happens(500));
    }
}

/// Every dispute is decided, and all books are read.
pub(super) async fn read_all(world: &Shared) -> Result<()> {
    for account in world.provider.books() {
        decide(world, &account);
        world.engine.payments().observe(account.payment_id).await?;
    }
    Ok(())
}
