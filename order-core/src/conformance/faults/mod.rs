//! Planned faults: the n-th call that leaves the engine goes wrong in a certain way.
//!
//! A [`FaultPlan`] counts every call that passes a [`FaultStore`], a [`FaultGateway`], [`FaultBooks`] or a [`FaultPublisher`] that share it, and
//! makes some of them go wrong. So a test can take every call of a use case in turn, and every way in which it can fail.

mod gateway;
mod store;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use gateway::{FaultBooks, FaultGateway, FaultPublisher};
pub use store::FaultStore;

/// How a call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// It fails before anything has happened, and says so.
    FailBefore,
    /// Its message is lost: nothing has happened, and nobody knows.
    LoseCall,
    /// Its answer is lost: it has happened, and nobody knows.
    LoseAnswer,
    /// It is carried out twice.
    Repeat,
    /// It is carried out only when somebody asks for what is [late](FaultGateway::deliver_late); the caller learns nothing.
    Late,
    /// The process dies before it.
    CrashBefore,
    /// The process dies after it.
    CrashAfter,
}

impl Fault {
    /// Every way.
    pub const ALL: [Self; 7] = [
        Self::FailBefore,
        Self::LoseCall,
        Self::LoseAnswer,
        Self::Repeat,
        Self::Late,
        Self::CrashBefore,
        Self::CrashAfter,
    ];
}

/// Which call goes wrong, and how. A process that died makes no calls until it is [revived](Self::revive).
#[derive(Debug, Default)]
pub struct FaultPlan {
    plan: Mutex<Plan>,
}

#[derive(Debug, Default)]
struct Plan {
    calls: u64,
    faults: Vec<(u64, Fault)>,
    fired: usize,
    is_dead: bool,
}

/// What a call meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "whoever lets calls meet a plan must handle each")]
pub enum Meeting {
    /// Nothing: it goes as usual.
    Nothing,
    /// It goes wrong.
    Fault(Fault),
    /// The process is dead: the call is not made.
    Death,
}

impl FaultPlan {
    /// The calls with these numbers, counted from 1, go wrong.
    pub fn new(faults: &[(u64, Fault)]) -> Arc<Self> {
        let plan = Plan { faults: faults.to_vec(), ..Plan::default() };
        Arc::new(Self { plan: Mutex::new(plan) })
    }

    /// No call goes wrong.
    pub fn none() -> Arc<Self> {
        Arc::default()
    }

    /// How many calls were made so far.
    pub fn calls(&self) -> u64 {
        self.plan().calls
    }

    /// How many calls have gone wrong.
    pub fn fired(&self) -> usize {
        self.plan().fired
    }

    /// Whether the process is dead.
    pub fn is_dead(&self) -> bool {
        self.plan().is_dead
    }

    /// Starts the process again.
    pub fn revive(&self) {
        self.plan().is_dead = false;
    }

    /// Nothing goes wrong from now on.
    pub fn disarm(&self) {
        self.plan().faults.clear();
    }

    /// The process dies now.
    pub fn die(&self) {
        self.plan().is_dead = true;
    }

    /// Counts a call, and tells what it meets. For a stand-in whose calls go wrong elsewhere than at a port, e.g. on the wire.
    pub fn meet(&self) -> Meeting {
        let mut plan = self.plan();
        if plan.is_dead {
            return Meeting::Death;
        }
        plan.calls = plan.calls.saturating_add(1);
        let call = plan.calls;
        let Some((_, fault)) = plan.faults.iter().find(|(planned, _)| *planned == call).copied() else {
            return Meeting::Nothing;
        };
        plan.fired = plan.fired.saturating_add(1);
        plan.is_dead = fault == Fault::CrashBefore;
        Meeting::Fault(fault)
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::sample::{Sampler, shelf};
    use crate::gateway::{Instruction, PaymentGateway as _};
    use crate::memory::{MemoryStore, SimulatedGateway};
    use crate::store::{Commit as _, CommitOutcome, OutboxRepository as _, StockRepository as _};

    /// What the caller is told, how often it happened, and whether the process lives.
    type Told = (&'static str, i64, bool);

    const EXPECTED: [(Fault, Told); 7] = [
        (Fault::FailBefore, ("error", 0, true)),
        (Fault::LoseCall, ("unknown", 0, true)),
        (Fault::LoseAnswer, ("unknown", 1, true)),
        (Fault::Repeat, ("done", 1, true)),
        (Fault::Late, ("unknown", 0, true)),
        (Fault::CrashBefore, ("error", 0, false)),
        (Fault::CrashAfter, ("error", 1, false)),
    ];

    #[tokio::test]
    async fn a_commit_goes_wrong_as_it_is_planned() {
        for (fault, (told, happened, lives)) in EXPECTED {
            let samples = Sampler::new(1);
            let plan = FaultPlan::new(&[(2, fault)]);
            let inner: Arc<MemoryStore> = Arc::default();
            let store = FaultStore::new(inner.clone(), Arc::clone(&plan));
            assert_eq!(store.outbox_len().await.unwrap(), 0);
            let set = samples.receive(&[("tea", 1)]);
            let said = match store.commit(&set).await {
                Ok(CommitOutcome::Applied) => "done",
                Ok(CommitOutcome::Refused(_)) => "refused",
                Ok(CommitOutcome::Unknown) => "unknown",
                Err(_) => "error",
            };
            let units = || async {
                let levels = inner.stock_levels(&[shelf("tea").product_id]).await.unwrap();
                levels.first().map_or(0, |level| level.on_hand)
            };
            assert_eq!((said, units().await, !plan.is_dead()), (told, happened, lives), "{fault:?}");
            assert_eq!(store.outbox_len().await.is_ok(), lives, "{fault:?}");
            plan.revive();
            assert_eq!(store.deliver_late().await.unwrap(), usize::from(fault == Fault::Late));
            assert_eq!(store.commit(&set).await.unwrap(), CommitOutcome::Applied);
            assert_eq!((units().await, plan.fired()), (1, 1), "{fault:?}");
        }
    }

    #[tokio::test]
    async fn a_payment_goes_wrong_as_it_is_planned() {
        for (fault, (told, happened, lives)) in EXPECTED {
            let samples = Sampler::new(1);
            let (_, order) = samples.order("c-1", "tea");
            let payment = &order.payments[0];
            let instruction = Instruction::new(&order, payment, &payment.operations[0]);
            let plan = FaultPlan::new(&[(1, fault)]);
            let provider: Arc<SimulatedGateway> = Arc::default();
            let gateway = FaultGateway::new(provider.clone(), Arc::clone(&plan));
            let said = match gateway.execute(&instruction).await {
                Ok(_) => "done",
                Err(crate::gateway::GatewayError::NotSent { .. }) => "error",
                Err(_) if !lives => "error",
                Err(_) => "unknown",
            };
            let money = || i64::try_from(provider.books().len()).unwrap();
            assert_eq!((said, money(), !plan.is_dead()), (told, happened, lives), "{fault:?}");
            assert_eq!(gateway.ask(&instruction).await.is_ok(), lives, "{fault:?}");
            plan.revive();
            assert_eq!(gateway.deliver_late().await, usize::from(fault == Fault::Late));
            assert!(gateway.execute(&instruction).await.is_ok());
            assert_eq!(money(), 1, "{fault:?}");
        }
    }
}
