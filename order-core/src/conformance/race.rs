//! Waiting for many tasks, whatever runtime they run on.

use std::future::{Future, poll_fn};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};

use super::Spawn;

struct Finish<T> {
    results: Vec<T>,
    running: usize,
    waker: Option<Waker>,
}

/// Counts a task as ended, also when it panics.
struct Runner<T> {
    finish: Arc<Mutex<Finish<T>>>,
    result: Option<T>,
}

impl<T> Runner<T> {
    async fn run(mut self, task: impl Future<Output = T>) {
        self.result = Some(task.await);
    }
}

impl<T> Drop for Runner<T> {
    fn drop(&mut self) {
        let mut finish = self.finish.lock().unwrap_or_else(PoisonError::into_inner);
        finish.results.extend(self.result.take());
        finish.running = finish.running.saturating_sub(1);
        if finish.running == 0
            && let Some(waker) = finish.waker.take()
        {
            waker.wake();
        }
    }
}

/// Runs every task at once, and gives back the results in the order in which they ended.
pub(super) async fn all<T, F>(spawn: Spawn, tasks: impl IntoIterator<Item = F>) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks: Vec<F> = tasks.into_iter().collect();
    let count = tasks.len();
    let finish =
        Arc::new(Mutex::new(Finish { results: Vec::with_capacity(count), running: count, waker: None }));
    for task in tasks {
        let runner = Runner { finish: Arc::clone(&finish), result: None };
        spawn(Box::pin(runner.run(task)));
    }
    let results = poll_fn(|context| {
        let mut finish = finish.lock().unwrap_or_else(PoisonError::into_inner);
        if finish.running == 0 {
            return Poll::Ready(std::mem::take(&mut finish.results));
        }
        finish.waker = Some(context.waker().clone());
        Poll::Pending
    })
    .await;
    assert_eq!(results.len(), count, "a task of the race failed");
    results
}
