use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use crate::simulation::Chance;
use crate::time::{Clock as _, Duration, ManualClock, Timestamp};

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// Runs tasks on one thread, in an order that only the seed decides. Time passes only when every task waits for it.
pub struct Executor {
    clock: Arc<ManualClock>,
    chance: Arc<Chance>,
    pauses: Pauses,
    tasks: Vec<(u64, Task)>,
    sleeping: Vec<(Timestamp, u64, Task)>,
    spawned: Rc<RefCell<Vec<Task>>>,
    next: u64,
    trace: u64,
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor")
            .field("tasks", &self.tasks.len())
            .field("trace", &self.trace)
            .finish_non_exhaustive()
    }
}

/// Where tasks pause: so that another one may go on, or until a time.
#[derive(Debug, Clone, Default)]
pub struct Pauses {
    until: Arc<Mutex<Option<Timestamp>>>,
}

impl Pauses {
    /// Lets the others go on.
    pub async fn step(&self) {
        Pause { until: None, pauses: self, paused: false }.await;
    }

    /// Waits until a time.
    pub async fn until(&self, at: Timestamp) {
        Pause { until: Some(at), pauses: self, paused: false }.await;
    }

    fn take(&self) -> Option<Timestamp> {
        self.until.lock().ok().and_then(|mut until| until.take())
    }
}

struct Pause<'a> {
    until: Option<Timestamp>,
    pauses: &'a Pauses,
    paused: bool,
}

impl Future for Pause<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.paused {
            return Poll::Ready(());
        }
        self.paused = true;
        if let Ok(mut until) = self.pauses.until.lock() {
            *until = self.until;
        }
        Poll::Pending
    }
}

impl Executor {
    /// An executor without tasks.
    pub fn new(clock: Arc<ManualClock>, chance: Arc<Chance>, pauses: Pauses) -> Self {
        let (tasks, sleeping, spawned) = (Vec::new(), Vec::new(), Rc::default());
        Self { clock, chance, pauses, tasks, sleeping, spawned, next: 0, trace: 0 }
    }

    /// Adds a task.
    pub fn spawn(&mut self, task: impl Future<Output = ()> + 'static) {
        self.spawned.borrow_mut().push(Box::pin(task));
    }

    /// A digest of everything that was done: which task went on, and when.
    pub fn trace(&self) -> u64 {
        self.trace
    }

    /// Runs until `done`, or until no task is left.
    pub fn run_until(&mut self, done: impl Fn() -> bool) {
        loop {
            self.take_spawned();
            if done() || !self.wake() {
                return;
            }
            self.poll_one();
        }
    }

    fn take_spawned(&mut self) {
        for task in self.spawned.borrow_mut().drain(..) {
            self.tasks.push((self.next, task));
            self.next = self.next.wrapping_add(1);
        }
    }

    /// Wakes who has slept long enough; when all sleep, time passes until the first one wakes. `false` when nobody is left.
    fn wake(&mut self) -> bool {
        if self.tasks.is_empty() {
            let Some(first) = self.sleeping.iter().map(|(at, ..)| *at).min() else { return false };
            self.clock.advance_to(first);
        } else if self.chance.happens(20) {
            let millis = i64::try_from(self.chance.below(2_000)).unwrap_or(0);
            self.clock.advance(Duration::milliseconds(millis));
        } else {
            return true;
        }
        let now = self.clock.now();
        let mut index = 0;
        while let Some((at, ..)) = self.sleeping.get(index) {
            if *at <= now {
                let (_, id, task) = self.sleeping.swap_remove(index);
                self.tasks.push((id, task));
            } else {
                index = index.saturating_add(1);
            }
        }
        true
    }

    fn poll_one(&mut self) {
        if self.tasks.is_empty() {
            return;
        }
        let (id, mut task) = self.tasks.swap_remove(self.chance.index(self.tasks.len()));
        let now = u64::try_from(self.clock.now().timestamp_millis()).unwrap_or(0);
        self.trace = (self.trace.rotate_left(7) ^ id).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ now;
        if task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            match self.pauses.take() {
                Some(at) => self.sleeping.push((at, id, task)),
                None => self.tasks.push((id, task)),
            }
        }
    }
}
