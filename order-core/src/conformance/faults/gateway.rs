use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::{Fault, FaultPlan, Meeting};
use crate::gateway::{
    BooksPage, BooksWindow, EventPublisher, GatewayError, Instruction, PaymentGateway, PaymentRef,
    ProviderBooks,
};
use crate::inventory::StockRecord;
use crate::order::EventRecord;
use crate::payment::{Answer, PaymentReport};

const SERVICE: &str = "a planned fault";

/// A payment gateway one call of which goes wrong.
#[derive(Debug)]
pub struct FaultGateway {
    inner: Arc<dyn PaymentGateway>,
    plan: Arc<FaultPlan>,
    late: Mutex<Vec<Instruction>>,
}

impl FaultGateway {
    /// A gateway behind a plan.
    pub fn new(inner: Arc<dyn PaymentGateway>, plan: Arc<FaultPlan>) -> Self {
        Self { inner, plan, late: Mutex::default() }
    }

    /// Carries out what is late. Returns how much that was.
    pub async fn deliver_late(&self) -> usize {
        let late = std::mem::take(&mut *self.late.lock().unwrap_or_else(PoisonError::into_inner));
        for instruction in &late {
            let _ = self.inner.execute(instruction).await;
        }
        late.len()
    }
}

#[async_trait]
impl PaymentGateway for FaultGateway {
    async fn execute(&self, instruction: &Instruction) -> Result<Answer, GatewayError> {
        match self.plan.meet() {
            Meeting::Nothing => self.inner.execute(instruction).await,
            Meeting::Death | Meeting::Fault(Fault::FailBefore) => Err(GatewayError::not_sent(SERVICE)),
            Meeting::Fault(Fault::LoseCall | Fault::CrashBefore) => Err(GatewayError::unknown(SERVICE)),
            Meeting::Fault(Fault::LoseAnswer) => {
                let _ = self.inner.execute(instruction).await;
                Err(GatewayError::unknown(SERVICE))
            }
            Meeting::Fault(Fault::Repeat) => {
                let _ = self.inner.execute(instruction).await;
                self.inner.execute(instruction).await
            }
            Meeting::Fault(Fault::Late) => {
                self.late.lock().unwrap_or_else(PoisonError::into_inner).push(instruction.clone());
                Err(GatewayError::unknown(SERVICE))
            }
            Meeting::Fault(Fault::CrashAfter) => {
                let _ = self.inner.execute(instruction).await;
                self.plan.die();
                Err(GatewayError::unknown(SERVICE))
            }
        }
    }

    async fn ask(&self, instruction: &Instruction) -> Result<Answer, GatewayError> {
        match self.plan.meet() {
            Meeting::Nothing => self.inner.ask(instruction).await,
            Meeting::Death | Meeting::Fault(Fault::FailBefore) => Err(GatewayError::not_sent(SERVICE)),
            Meeting::Fault(Fault::LoseCall | Fault::Late | Fault::CrashBefore) => {
                Err(GatewayError::unknown(SERVICE))
            }
            Meeting::Fault(Fault::Repeat) => {
                let _ = self.inner.ask(instruction).await;
                self.inner.ask(instruction).await
            }
            Meeting::Fault(fault @ (Fault::LoseAnswer | Fault::CrashAfter)) => {
                let _ = self.inner.ask(instruction).await;
                if fault == Fault::CrashAfter {
                    self.plan.die();
                }
                Err(GatewayError::unknown(SERVICE))
            }
        }
    }
}

/// A provider's books one reading of which goes wrong. What is read late is not read.
#[derive(Debug)]
pub struct FaultBooks {
    inner: Arc<dyn ProviderBooks>,
    plan: Arc<FaultPlan>,
}

impl FaultBooks {
    /// Books behind a plan.
    pub fn new(inner: Arc<dyn ProviderBooks>, plan: Arc<FaultPlan>) -> Self {
        Self { inner, plan }
    }

    async fn pass<T, F>(&self, read: impl Fn() -> F + Send + Sync) -> Result<T, GatewayError>
    where
        F: Future<Output = Result<T, GatewayError>> + Send,
    {
        match self.plan.meet() {
            Meeting::Nothing => read().await,
            Meeting::Death | Meeting::Fault(Fault::FailBefore) => Err(GatewayError::not_sent(SERVICE)),
            Meeting::Fault(Fault::LoseCall | Fault::Late | Fault::CrashBefore) => {
                Err(GatewayError::unknown(SERVICE))
            }
            Meeting::Fault(Fault::Repeat) => {
                read().await?;
                read().await
            }
            Meeting::Fault(fault @ (Fault::LoseAnswer | Fault::CrashAfter)) => {
                read().await?;
                if fault == Fault::CrashAfter {
                    self.plan.die();
                }
                Err(GatewayError::unknown(SERVICE))
            }
        }
    }
}

#[async_trait]
impl ProviderBooks for FaultBooks {
    async fn report(&self, payment: &PaymentRef) -> Result<Option<PaymentReport>, GatewayError> {
        self.pass(|| self.inner.report(payment)).await
    }

    async fn list(&self, window: &BooksWindow, cursor: Option<&str>) -> Result<BooksPage, GatewayError> {
        self.pass(|| self.inner.list(window, cursor)).await
    }
}

/// A publisher one call of which goes wrong.
#[derive(Debug)]
pub struct FaultPublisher {
    inner: Arc<dyn EventPublisher>,
    plan: Arc<FaultPlan>,
}

impl FaultPublisher {
    /// A publisher behind a plan.
    pub fn new(inner: Arc<dyn EventPublisher>, plan: Arc<FaultPlan>) -> Self {
        Self { inner, plan }
    }
}

impl FaultPublisher {
    async fn pass<F>(&self, publish: impl Fn() -> F + Send + Sync) -> Result<(), GatewayError>
    where
        F: Future<Output = Result<(), GatewayError>> + Send,
    {
        match self.plan.meet() {
            Meeting::Nothing => publish().await,
            Meeting::Death | Meeting::Fault(Fault::FailBefore) => Err(GatewayError::not_sent(SERVICE)),
            // A broker that takes an event over late has not taken it over.
            Meeting::Fault(Fault::LoseCall | Fault::Late | Fault::CrashBefore) => {
                Err(GatewayError::unknown(SERVICE))
            }
            Meeting::Fault(Fault::Repeat) => {
                publish().await?;
                publish().await
            }
            Meeting::Fault(fault @ (Fault::LoseAnswer | Fault::CrashAfter)) => {
                publish().await?;
                if fault == Fault::CrashAfter {
                    self.plan.die();
                }
                Err(GatewayError::unknown(SERVICE))
            }
        }
    }
}

#[async_trait]
impl EventPublisher for FaultPublisher {
    async fn publish(&self, event: &EventRecord) -> Result<(), GatewayError> {
        self.pass(|| self.inner.publish(event)).await
    }

    async fn publish_stock(&self, record: &StockRecord) -> Result<(), GatewayError> {
        self.pass(|| self.inner.publish_stock(record)).await
    }
}
