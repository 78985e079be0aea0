use std::collections::VecDeque;
use std::sync::Arc;

use order_core::StoreError;
use order_core::store::CommitOutcome;
use tokio::sync::{Mutex, mpsc, oneshot};

use super::lanes::{Borrowed, Lanes};
use super::settle::Job;
use super::touched::Touched;
use super::{Form, Link, Rows, unavailable};

/// The most write-sets in one transaction. More would not make a flush cheaper, only the wait for it longer.
const MAX_BATCH: usize = 128;

/// When more wait than this, a transaction leaves the others their share: so that the lanes are used evenly.
const SHARED: usize = 32;

/// How many write-sets may wait before their callers do.
const QUEUE: usize = 2_048;

/// What writes.
///
/// There are as many lanes to the database as there may be transactions at once. A write-set that comes when nobody else writes
/// is committed by its caller, in place, unless the last ones were committed together: then the others are about to come back. Otherwise it waits for a worker: that takes all that waits and applies it in one
/// transaction as soon as it has a lane, while another transaction's flush is under way. So a lone write-set waits for nobody, and
/// many at once share a flush. Write-sets that touch the same rows are applied one after the other; stock is different, its
/// changes are summed.
#[derive(Debug)]
pub(crate) struct Writer<L: Link> {
    queue: mpsc::Sender<Job<L::Form>>,
    lanes: Arc<Lanes<L>>,
}

impl<L: Link> Clone for Writer<L> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone(), lanes: Arc::clone(&self.lanes) }
    }
}

type Jobs<F> = Mutex<mpsc::Receiver<Job<F>>>;

impl<L: Link> Writer<L> {
    /// Starts a worker for each link. They end with the last handle.
    pub(crate) fn start(links: impl IntoIterator<Item = L>) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let jobs = Arc::new(Mutex::new(jobs));
        let lanes = Arc::new(Lanes::new(links));
        for _ in 0..lanes.count {
            tokio::spawn(work(Arc::clone(&lanes), Arc::clone(&jobs)));
        }
        Self { queue, lanes }
    }

    /// Commits a write-set.
    pub(crate) async fn commit(&self, rows: Rows<L::Form>) -> Result<CommitOutcome, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job = Job { rows, reply };
        let is_alone = self.queue.capacity() == self.queue.max_capacity();
        if let Some(mut lane) = is_alone.then(|| self.lanes.only_one()).flatten() {
            Box::pin(lane.settle(vec![job])).await;
        } else {
            let sent = self.queue.send(job).await;
            sent.map_err(|_| unavailable("reach the writer", "the store is closed"))?;
        }
        // A worker that is gone may have been in the middle of it.
        answer.await.unwrap_or(Ok(CommitOutcome::Unknown))
    }
}

async fn work<L: Link>(lanes: Arc<Lanes<L>>, jobs: Arc<Jobs<L::Form>>) {
    let mut held = VecDeque::new();
    while let Some((batch, mut lane)) = gather(&lanes, &jobs, &mut held).await {
        lane.settle(batch).await;
    }
    lanes.close().await;
}

/// Waits for a write-set and for a lane, and takes with it what waits then and touches nothing of it. The others are held back for
/// the next time.
async fn gather<'l, L: Link>(
    lanes: &'l Lanes<L>,
    jobs: &Jobs<L::Form>,
    held: &mut VecDeque<Job<L::Form>>,
) -> Option<(Vec<Job<L::Form>>, Borrowed<'l, L>)> {
    let mut batch = Vec::new();
    let mut touched = Touched::default();
    for _ in 0..held.len() {
        let Some(job) = held.pop_front() else { break };
        join(job, &mut batch, held, &mut touched);
    }
    let mut queue = None;
    if batch.is_empty() {
        let mut jobs = jobs.lock().await;
        join(jobs.recv().await?, &mut batch, held, &mut touched);
        queue = Some(jobs);
        // Whoever was woken together with the first one comes along.
        tokio::task::yield_now().await;
    }
    let lane = lanes.borrow().await?;
    // While others wait here for their first one, there is nothing to take.
    let Some(mut queue) = queue.or_else(|| jobs.try_lock().ok()) else { return Some((batch, lane)) };
    let share = batch.len().saturating_add(queue.len()).div_ceil(lanes.count.max(1));
    let most = share.clamp(SHARED, MAX_BATCH);
    while batch.len() < most && held.len() < MAX_BATCH {
        let Ok(job) = queue.try_recv() else { break };
        join(job, &mut batch, held, &mut touched);
    }
    drop(queue);
    Some((batch, lane))
}

fn join<F: Form>(job: Job<F>, batch: &mut Vec<Job<F>>, held: &mut VecDeque<Job<F>>, touched: &mut Touched) {
    if batch.len() < MAX_BATCH && touched.add(&job.rows) {
        batch.push(job);
    } else {
        held.push_back(job);
    }
}
