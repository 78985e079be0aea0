use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use crate::gateway::{
    BooksPage, BooksWindow, GatewayError, Instruction, PaymentGateway, PaymentRef, ProviderBooks,
};
use crate::memory::SimulatedGateway;
use crate::payment::{Answer, PaymentReport};
use crate::simulation::{Chance, Pauses};
use crate::time::{Clock as _, Duration, ManualClock, Timestamp};

/// A provider behind a bad network: instructions are lost, doubled, or arrive hours later; answers are lost.
#[derive(Debug)]
pub struct FaultyGateway {
    provider: Arc<SimulatedGateway>,
    clock: Arc<ManualClock>,
    chance: Arc<Chance>,
    pauses: Pauses,
    is_calm: AtomicBool,
    late: Mutex<Vec<(Timestamp, Instruction)>>,
}

impl FaultyGateway {
    /// The latest that an instruction arrives: beyond every lease and hold, within the time in which what never arrived is watched.
    pub const LATEST: Duration = Duration::hours(60);

    /// A provider behind a bad network.
    pub fn new(
        provider: Arc<SimulatedGateway>,
        clock: Arc<ManualClock>,
        chance: Arc<Chance>,
        pauses: Pauses,
    ) -> Self {
        Self { provider, clock, chance, pauses, is_calm: AtomicBool::new(false), late: Mutex::default() }
    }

    /// Stops the faults. What is late still arrives.
    pub fn calm(&self) {
        self.is_calm.store(true, Ordering::SeqCst);
    }

    /// Delivers what is late and due. Returns how many instructions are still on their way.
    pub async fn deliver_late(&self) -> usize {
        let now = self.clock.now();
        let (due, left): (Vec<_>, Vec<_>) = match self.late.lock() {
            Ok(mut late) => {
                let (due, left) = late.drain(..).partition(|(at, _)| *at <= now);
                late.clone_from(&left);
                (due, left)
            }
            Err(_) => return 0,
        };
        for (_, instruction) in &due {
            let _ = self.provider.execute(instruction).await;
        }
        left.len()
    }

    fn has_fault(&self, in_thousand: u64) -> bool {
        !self.is_calm.load(Ordering::SeqCst) && self.chance.happens(in_thousand)
    }
}

#[async_trait]
impl PaymentGateway for FaultyGateway {
    async fn execute(&self, instruction: &Instruction) -> Result<Answer, GatewayError> {
        self.pauses.step().await;
        if self.has_fault(15) {
            return Err(GatewayError::not_sent("simulated"));
        }
        if self.has_fault(20) {
            return Err(GatewayError::unknown("simulated"));
        }
        if self.has_fault(50) {
            let seconds = self.chance.below(u64::try_from(Self::LATEST.num_seconds()).unwrap_or(1));
            let at = self.clock.now() + Duration::seconds(i64::try_from(seconds).unwrap_or(0));
            if let Ok(mut late) = self.late.lock() {
                late.push((at, instruction.clone()));
            }
            return Err(GatewayError::unknown("simulated"));
        }
        let answer = self.provider.execute(instruction).await;
        if self.has_fault(20) {
            let _ = self.provider.execute(instruction).await;
        }
        if self.has_fault(100) {
            let seconds = i64::try_from(self.chance.below(300)).unwrap_or(0);
            self.pauses.until(self.clock.now() + Duration::seconds(seconds)).await;
        }
        self.pauses.step().await;
        if self.has_fault(30) {
            return Err(GatewayError::unknown("simulated"));
        }
        answer
    }

    async fn ask(&self, instruction: &Instruction) -> Result<Answer, GatewayError> {
        self.pauses.step().await;
        if self.has_fault(50) {
            return Err(GatewayError::unknown("simulated"));
        }
        self.provider.ask(instruction).await
    }
}

/// The books of the provider behind the same network: what is read may be old when it arrives.
#[async_trait]
impl ProviderBooks for FaultyGateway {
    async fn report(&self, payment: &PaymentRef) -> Result<Option<PaymentReport>, GatewayError> {
        self.pauses.step().await;
        if self.has_fault(50) {
            return Err(GatewayError::unknown("simulated"));
        }
        let report = self.provider.report(payment).await;
        if self.has_fault(200) {
            let seconds = i64::try_from(self.chance.below(900)).unwrap_or(0);
            self.pauses.until(self.clock.now() + Duration::seconds(seconds)).await;
        }
        self.pauses.step().await;
        report
    }

    async fn list(&self, window: &BooksWindow, cursor: Option<&str>) -> Result<BooksPage, GatewayError> {
        self.pauses.step().await;
        self.provider.list(window, cursor).await
    }
}
