use std::sync::Mutex;

use async_trait::async_trait;

use super::lock;
use crate::gateway::{EventPublisher, GatewayError};
use crate::order::EventRecord;

/// A receiver of events that keeps them, and fails when it is told to.
#[derive(Debug, Default)]
pub struct RecordingPublisher {
    heard: Mutex<Heard>,
}

#[derive(Debug, Default)]
struct Heard {
    events: Vec<EventRecord>,
    failing: u32,
}

impl RecordingPublisher {
    /// Refuses the next `times` events.
    pub fn fail_next(&self, times: u32) {
        lock(&self.heard).failing = times;
    }

    /// Everything it took over, in the order in which it did.
    pub fn events(&self) -> Vec<EventRecord> {
        lock(&self.heard).events.clone()
    }
}

#[async_trait]
impl EventPublisher for RecordingPublisher {
    async fn publish(&self, event: &EventRecord) -> Result<(), GatewayError> {
        let mut heard = lock(&self.heard);
        if let Some(left) = heard.failing.checked_sub(1) {
            heard.failing = left;
            return Err(GatewayError::not_sent("recording publisher"));
        }
        heard.events.push(event.clone());
        Ok(())
    }
}
