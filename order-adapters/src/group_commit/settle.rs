//! Brings write-sets to their outcomes.

use std::error::Error;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use order_core::StoreError;
use order_core::error::BoxError;
use order_core::store::CommitOutcome;
use tokio::sync::oneshot;

use super::sums::{add, admit};
use super::{Failed, Form, Link, Rows, Sums, Trouble, internal, unavailable};

/// How often a write-set that no guard refuses is tried when the database does. Each time somebody else must have been faster.
const MAX_UNEXPLAINED: u32 = 20;

/// How often deadlocks, write conflicts and the like are tried again: for some seconds.
const MAX_AGAIN: u32 = 60;

/// How often a lost connection is replaced before the outcome is left unknown. A write-set is applied once, so that it may be
/// sent again.
const MAX_LOST: u32 = 1;

/// A write-set and whoever waits for its outcome.
#[derive(Debug)]
pub(super) struct Job<F: Form> {
    pub(super) rows: Rows<F>,
    pub(super) reply: oneshot::Sender<Result<CommitOutcome, StoreError>>,
}

/// Write-sets on their way to their outcomes.
///
/// They are applied in one transaction, all or none. When it is refused, a look at the database tells which guard refuses which
/// of them; those are answered and leave. Of the others, as many are applied together as fit the stock levels together; and one
/// by one, if something else is wrong with one of them. So a refused one costs its neighbours a little time and nothing else.
#[derive(Debug)]
pub(super) struct Settling<'l, L: Link> {
    link: &'l mut L,
    waiting: Vec<Waiting<L>>,
    looks_first: bool,
    one_by_one: bool,
    has_refused: bool,
    unexplained: u32,
    again: u32,
    lost: u32,
}

#[derive(Debug)]
struct Waiting<L: Link> {
    job: Job<L::Form>,
    /// Whether it was sent over a connection that was lost.
    is_in_doubt: bool,
}

impl<'l, L: Link> Settling<'l, L> {
    /// Begins. When the last ones were refused, so may these be: a look is cheaper than a try.
    pub(super) fn new(link: &'l mut L, jobs: Vec<Job<L::Form>>, is_wary: bool) -> Self {
        let looks_first = is_wary || jobs.iter().any(|job| !job.rows.is_refundable);
        Self {
            link,
            waiting: jobs.into_iter().map(|job| Waiting { job, is_in_doubt: false }).collect(),
            looks_first,
            one_by_one: false,
            has_refused: false,
            unexplained: 0,
            again: 0,
            lost: 0,
        }
    }

    /// Answers them all. Returns whether some were refused.
    pub(super) async fn run(mut self) -> bool {
        while !self.waiting.is_empty() {
            let together = if self.looks_first {
                let Some(together) = self.look().await else { continue };
                together
            } else if self.one_by_one {
                1
            } else {
                self.waiting.len()
            };
            if together > 0 {
                self.apply(together).await;
            }
        }
        self.has_refused
    }

    /// Answers those that are refused, or were applied before, and puts those first that may be applied together. Returns how
    /// many they are; `None` when it could not look.
    async fn look(&mut self) -> Option<usize> {
        let sets: Vec<&Rows<L::Form>> = self.waiting.iter().map(|waiting| &waiting.job.rows).collect();
        let picture = match self.link.look(&sets).await {
            Ok(picture) => picture,
            Err(failure) => {
                self.fail(self.waiting.len(), failure, false).await;
                return None;
            }
        };
        let mut together = Vec::new();
        let mut later = Vec::new();
        let mut left = Vec::new();
        for waiting in std::mem::take(&mut self.waiting) {
            if picture.is_applied(&waiting.job.rows) {
                answer(waiting, Ok(CommitOutcome::Applied));
            } else if let Some(refusal) = picture.refusal(&waiting.job.rows) {
                self.has_refused = true;
                answer(waiting, Ok(CommitOutcome::Refused(refusal)));
            } else {
                left.push(waiting);
            }
        }
        let mut sums = Sums::new();
        let admitted: Vec<bool> = left
            .iter()
            .map(|waiting| admit(&mut sums, &waiting.job.rows, |key| picture.level(key)))
            .collect();
        for (waiting, is_admitted) in left.into_iter().zip(admitted) {
            if is_admitted && (together.is_empty() || !self.one_by_one) {
                together.push(waiting);
            } else {
                later.push(waiting);
            }
        }
        let count = together.len();
        together.append(&mut later);
        self.waiting = together;
        Some(count)
    }

    /// Applies the first ones together.
    async fn apply(&mut self, together: usize) {
        let sets: Vec<&Rows<L::Form>> =
            self.waiting.iter().take(together).map(|waiting| &waiting.job.rows).collect();
        let mut sums = Sums::new();
        for set in &sets {
            add(&mut sums, set);
        }
        match self.link.apply(&sets, &sums).await {
            Ok(()) => {
                for waiting in self.waiting.drain(..together) {
                    answer(waiting, Ok(CommitOutcome::Applied));
                }
                (self.unexplained, self.again) = (0, 0);
                self.looks_first = self.looks_first && !self.one_by_one;
            }
            Err(failure) => self.fail(together, failure, true).await,
        }
    }

    /// Deals with a statement about the first ones that was not carried out.
    async fn fail(&mut self, together: usize, failure: Failed, is_write: bool) {
        let (trouble, error) = match failure {
            Failed::Unsent(error) => return self.give_up("connect", error),
            Failed::Sent(trouble, error) => (trouble, error),
        };
        match trouble {
            Trouble::Guard => {
                let explained = !self.looks_first;
                self.looks_first = true;
                self.unexplained = self.unexplained.saturating_add(u32::from(!explained));
                if self.unexplained > MAX_UNEXPLAINED {
                    self.single_out(together, trouble, error);
                }
            }
            Trouble::Again if self.again < MAX_AGAIN => {
                self.again = self.again.saturating_add(1);
                tokio::time::sleep(pause(self.again)).await;
            }
            Trouble::Again => self.give_up("write", error),
            Trouble::Lost => {
                for waiting in self.waiting.iter_mut().take(together).filter(|_| is_write) {
                    waiting.is_in_doubt = true;
                }
                if self.lost >= MAX_LOST {
                    return self.give_up("write", error);
                }
                self.lost = self.lost.saturating_add(1);
            }
            Trouble::Defect if is_write => self.single_out(together, trouble, error),
            Trouble::Defect => {
                let error: Arc<dyn Error + Send + Sync> = Arc::from(error);
                self.answer_all(|| Err(internal("look", Arc::clone(&error))));
            }
        }
    }

    /// Something is wrong with one of the first ones: a single one is answered, of many each is tried alone.
    fn single_out(&mut self, together: usize, trouble: Trouble, error: BoxError) {
        self.unexplained = 0;
        if together > 1 {
            self.one_by_one = true;
            return;
        }
        if let Some(waiting) = self.waiting.drain(..together.min(self.waiting.len())).next() {
            answer(waiting, Err(trouble.failed("write", error)));
        }
    }

    /// The database can't be reached, or does not let anybody through.
    fn give_up(&mut self, context: &'static str, error: BoxError) {
        let error: Arc<dyn Error + Send + Sync> = Arc::from(error);
        self.answer_all(|| Err(unavailable(context, Arc::clone(&error))));
    }

    /// Gives everybody the same answer; those in doubt are told that.
    fn answer_all(&mut self, outcome: impl Fn() -> Result<CommitOutcome, StoreError>) {
        for waiting in self.waiting.drain(..) {
            let outcome = if waiting.is_in_doubt { Ok(CommitOutcome::Unknown) } else { outcome() };
            answer(waiting, outcome);
        }
    }
}

/// How long to wait before the next try: up to twice as long each time, at most 64 milliseconds; and drawn by lot, so that those
/// who have met do not meet again.
fn pause(tries: u32) -> Duration {
    let most = 1_000_u64 << tries.min(6);
    Duration::from_micros(RandomState::new().hash_one(tries) % most)
}

fn answer<L: Link>(waiting: Waiting<L>, outcome: Result<CommitOutcome, StoreError>) {
    // A caller that has gone needs no answer.
    let _ = waiting.job.reply.send(outcome);
}
