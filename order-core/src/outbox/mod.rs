//! The outbox: events from their commit until somebody has heard of them.
//!
//! Every event is written in the commit that it explains, so none is lost and none tells of something that did not happen.
//! [`relay`] hands them to an [`EventPublisher`]: at least once, and the events of one order one after the other. While the first
//! one is not taken the later ones of the same order wait; other orders go on.

use crate::error::StoreError;
use crate::gateway::EventPublisher;
use crate::service::PassReport;
use crate::store::{OutboxMessage, Store};
use crate::time::{Clock, Duration};

/// How long a relay may take for what it has claimed.
pub const LEASE: Duration = Duration::seconds(60);

/// How long an event waits after so many failed deliveries: 5 seconds, doubling, at most an hour.
pub fn wait_after(attempts: u32) -> Duration {
    Duration::seconds(5_i64 << attempts.min(10)).min(Duration::hours(1))
}

/// Hands the undelivered events of at most `orders` orders to a publisher.
///
/// # Errors
/// [`StoreError`]: what was claimed is offered again when the claim has run out.
pub async fn relay(
    store: &dyn Store,
    publisher: &dyn EventPublisher,
    clock: &dyn Clock,
    orders: u32,
) -> Result<PassReport, StoreError> {
    let now = clock.now();
    let messages = store.claim_outbox(now, now + LEASE, orders).await?;
    let mut report = PassReport::default();
    for of_one_order in messages.chunk_by(|left, right| left.record.order_id == right.record.order_id) {
        deliver(of_one_order, store, publisher, clock, &mut report).await?;
    }
    Ok(report)
}

async fn deliver(
    messages: &[OutboxMessage],
    store: &dyn Store,
    publisher: &dyn EventPublisher,
    clock: &dyn Clock,
    report: &mut PassReport,
) -> Result<(), StoreError> {
    let mut last = None;
    let mut refused = None;
    for message in messages {
        let result = publisher.publish(&message.record).await;
        report.note(&result);
        if result.is_err() {
            refused = Some(message);
            break;
        }
        last = Some(&message.record);
    }
    if let Some(record) = last {
        store.delivered(record.order_id, record.sequence).await?;
    }
    if let Some(message) = refused {
        let again = clock.now() + wait_after(message.attempts);
        store.undelivered(message.record.order_id, message.record.sequence, again).await?;
    }
    Ok(())
}
