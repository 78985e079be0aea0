use std::collections::VecDeque;
use std::sync::Arc;

use order_core::StoreError;
use order_core::store::CommitOutcome;
use tokio::sync::{Mutex, mpsc, oneshot};

use super::settle::Settling;
use super::touched::Touched;
use super::{Form, Link, Rows, unavailable};

/// The most write-sets in one transaction. More would not make a flush cheaper, only the wait for it longer.
const MAX_BATCH: usize = 128;

/// How many write-sets may wait before their callers do.
const QUEUE: usize = 2_048;

/// The workers that write.
///
/// Each has a link of its own. It takes what waits and applies it in one transaction, while the other one's flush is under way: a lone write-set waits for nobody, and many at once share a flush. Write-sets that touch the same rows are applied one
/// after the other; stock is different, its changes are summed.
#[derive(Debug)]
pub(crate) struct Writer<F: Form> {
    queue: mpsc::Sender<Job<F>>,
}

impl<F: Form> Clone for Writer<F> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone() }
    }
}

/// A write-set and whoever waits for its outcome.
#[derive(Debug)]
pub(super) struct Job<F: Form> {
    pub(super) rows: Rows<F>,
    pub(super) reply: oneshot::Sender<Result<CommitOutcome, StoreError>>,
}

type Jobs<F> = Arc<Mutex<mpsc::Receiver<Job<F>>>>;

impl<F: Form> Writer<F> {
    /// Starts a worker for each link. They end with the last handle.
    pub(crate) fn start<L: Link<Form = F>>(links: impl IntoIterator<Item = L>) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let jobs = Arc::new(Mutex::new(jobs));
        for link in links {
            tokio::spawn(work(link, Arc::clone(&jobs)));
        }
        Self { queue }
    }

    /// Commits a write-set.
    pub(crate) async fn commit(&self, rows: Rows<F>) -> Result<CommitOutcome, StoreError> {
        let (reply, answer) = oneshot::channel();
        let sent = self.queue.send(Job { rows, reply }).await;
        sent.map_err(|_| unavailable("reach the writer", "the store is closed"))?;
        // A worker that is gone may have been in the middle of it.
        answer.await.unwrap_or(Ok(CommitOutcome::Unknown))
    }
}

async fn work<L: Link>(mut link: L, jobs: Jobs<L::Form>) {
    let mut held = VecDeque::new();
    let mut is_wary = false;
    loop {
        let batch = gather(&jobs, &mut held).await;
        if batch.is_empty() {
            break;
        }
        is_wary = Settling::new(&mut link, batch, is_wary).run().await;
    }
    link.close().await;
}

/// Waits for a write-set, and takes with it what waits and touches nothing of it. The others are held back for the next time.
async fn gather<F: Form>(jobs: &Jobs<F>, held: &mut VecDeque<Job<F>>) -> Vec<Job<F>> {
    let mut batch = Vec::new();
    let mut touched = Touched::default();
    for _ in 0..held.len() {
        let Some(job) = held.pop_front() else { break };
        join(job, &mut batch, held, &mut touched);
    }
    // While others wait here for their first one, there is nothing to take.
    let mut jobs = if batch.is_empty() {
        jobs.lock().await
    } else {
        let Ok(jobs) = jobs.try_lock() else { return batch };
        jobs
    };
    if batch.is_empty() {
        let Some(job) = jobs.recv().await else { return batch };
        join(job, &mut batch, held, &mut touched);
    }
    while batch.len() < MAX_BATCH && held.len() < MAX_BATCH {
        let Ok(job) = jobs.try_recv() else { break };
        join(job, &mut batch, held, &mut touched);
    }
    batch
}

fn join<F: Form>(job: Job<F>, batch: &mut Vec<Job<F>>, held: &mut VecDeque<Job<F>>, touched: &mut Touched) {
    if batch.len() < MAX_BATCH && touched.add(&job.rows) {
        batch.push(job);
    } else {
        held.push_back(job);
    }
}
