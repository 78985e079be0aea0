use std::sync::Mutex;

use async_trait::async_trait;

use super::lock;
use crate::gateway::{EventPublisher, GatewayError};
use crate::inventory::StockRecord;
use crate::order::EventRecord;

/// A receiver of events that keeps them, and fails when it is told to.
#[derive(Debug, Default)]
pub struct RecordingPublisher {
    heard: Mutex<Heard>,
}

#[derive(Debug, Default)]
struct Heard {
    events: Vec<EventRecord>,
    records: Vec<StockRecord>,
    failing: u32,
}

impl Heard {
    fn hear(&mut self) -> Result<&mut Self, GatewayError> {
        if let Some(left) = self.failing.checked_sub(1) {
            self.failing = left;
            return Err(GatewayError::not_sent("recording publisher"));
        }
        Ok(self)
    }
}

impl RecordingPublisher {
    /// Refuses the next `times` events or records.
    pub fn fail_next(&self, times: u32) {
        lock(&self.heard).failing = times;
    }

    /// Every event of an order that it took over, in the order in which it did.
    pub fn events(&self) -> Vec<EventRecord> {
        lock(&self.heard).events.clone()
    }

    /// Every record of a stock level that it took over, in the order in which it did.
    pub fn stock_records(&self) -> Vec<StockRecord> {
        lock(&self.heard).records.clone()
    }
}

#[async_trait]
impl EventPublisher for RecordingPublisher {
    async fn publish(&self, event: &EventRecord) -> Result<(), GatewayError> {
        lock(&self.heard).hear()?.events.push(event.clone());
        Ok(())
    }

    async fn publish_stock(&self, record: &StockRecord) -> Result<(), GatewayError> {
        lock(&self.heard).hear()?.records.push(record.clone());
        Ok(())
    }
}
