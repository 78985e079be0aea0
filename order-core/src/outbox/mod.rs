//! The outbox: events of orders, and records of stock levels' journals, from their commit until somebody has heard of them.
//!
//! Each is written in the commit that it explains, so none is lost and none tells of something that did not happen. [`relay`] hands
//! them to an [`EventPublisher`]: at least once, and those of one order or one level one after the other. While the first one is not
//! taken the later ones of the same order or level wait; the others go on.

use std::future::Future;

use crate::error::StoreError;
use crate::gateway::{EventPublisher, GatewayError};
use crate::service::PassReport;
use crate::store::{OutboxMessage, Store};
use crate::time::{Clock, Duration};

/// Of how many orders a relay marks the events as delivered together. If it dies before, so many hear of theirs again.
const TOGETHER: usize = 16;

/// How long a relay may take for what it has claimed.
pub const LEASE: Duration = Duration::seconds(60);

/// How long an event waits after so many failed deliveries: 5 seconds, doubling, at most an hour.
pub fn wait_after(attempts: u32) -> Duration {
    Duration::seconds(5_i64 << attempts.min(10)).min(Duration::hours(1))
}

/// Hands the undelivered events of at most `limit` orders, and the undelivered records of at most `limit` stock levels, to a publisher.
///
/// # Errors
/// [`StoreError`]: what was claimed is offered again when the claim has run out.
pub async fn relay(
    store: &dyn Store,
    publisher: &dyn EventPublisher,
    clock: &dyn Clock,
    limit: u32,
) -> Result<PassReport, StoreError> {
    let mut report = PassReport::default();
    let now = clock.now();
    let messages = store.claim_outbox(now, now + LEASE, limit).await?;
    let mut delivered = Vec::with_capacity(TOGETHER);
    for of_one_order in messages.chunk_by(|left, right| left.record.order_id == right.record.order_id) {
        let handed = hand_over(of_one_order, |event| publisher.publish(event), &mut report).await;
        delivered.extend(handed.last.map(|event| (event.order_id, event.sequence)));
        if delivered.len() >= TOGETHER || handed.refused.is_some() {
            store.delivered(&std::mem::take(&mut delivered)).await?;
        }
        if let Some((event, wait)) = handed.refused {
            store.undelivered(event.order_id, event.sequence, clock.now() + wait).await?;
        }
    }
    if !delivered.is_empty() {
        store.delivered(&delivered).await?;
    }
    let now = clock.now();
    let messages = store.claim_stock_outbox(now, now + LEASE, limit).await?;
    for of_one_level in messages.chunk_by(|left, right| left.record.key() == right.record.key()) {
        let handed = hand_over(of_one_level, |record| publisher.publish_stock(record), &mut report).await;
        if let Some(record) = handed.last {
            store.delivered_stock(record.key(), record.sequence).await?;
        }
        if let Some((record, wait)) = handed.refused {
            store.undelivered_stock(record.key(), record.sequence, clock.now() + wait).await?;
        }
    }
    Ok(report)
}

/// How far the messages of one order or level have come.
struct Handed<'a, R> {
    /// The last one that was taken over.
    last: Option<&'a R>,
    /// The one that was not, and how long it waits.
    refused: Option<(&'a R, Duration)>,
}

/// Hands messages over, one after the other, up to the first that is not taken.
async fn hand_over<'a, R, F>(
    messages: &'a [OutboxMessage<R>],
    publish: impl Fn(&'a R) -> F,
    report: &mut PassReport,
) -> Handed<'a, R>
where
    F: Future<Output = Result<(), GatewayError>>,
{
    let mut last = None;
    for message in messages {
        let result = publish(&message.record).await;
        report.note(&result);
        if result.is_err() {
            return Handed { last, refused: Some((&message.record, wait_after(message.attempts))) };
        }
        last = Some(&message.record);
    }
    Handed { last, refused: None }
}
