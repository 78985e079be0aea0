use std::sync::Arc;

use order_core::StoreError;
use order_core::store::{CommitOutcome, Refusal};
use sqlx::pool::PoolConnection;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Sqlite, SqlitePool};
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard, mpsc, oneshot};

use super::checkpoint::Checkpoints;
use super::guards::{Guards, Verdict};
use super::statement::{Row, Statement, Tally};
use super::values::{failed, is_busy, is_constraint};

/// The most jobs in one transaction. More would not make a flush cheaper, only the wait for it longer.
const MAX_BATCH: usize = 128;

/// How many jobs may wait before their callers do.
const QUEUE: usize = 1_024;

/// The one writer.
///
/// A caller who finds the writing connection idle uses it there and then: what it writes is one statement, which is a transaction
/// of its own. Who finds it busy, or whose statement does not go through, hands a job to a task. The task takes what waits and
/// does all of it by one statement; if that is refused, one after the other inside one transaction, so that a refused job harms nobody.
/// It answers after the one flush. A caller that is dropped leaves
/// no half-done transaction behind.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    seat: Arc<Seat>,
    queue: mpsc::Sender<Job>,
}

/// The writing connection, for one at a time.
///
/// A pool asks each connection that comes back whether it is well, and the next user would wait for the answer; so the pool, which
/// opens it, only gets back what is in doubt.
#[derive(Debug)]
struct Seat {
    pool: SqlitePool,
    /// A store in memory has no log.
    checkpoints: Option<Checkpoints>,
    kept: Mutex<Option<PoolConnection<Sqlite>>>,
}

/// The writing connection while nobody writes.
pub(super) type Idle<'a> = MappedMutexGuard<'a, PoolConnection<Sqlite>>;

impl Seat {
    /// Notes that so many jobs were committed.
    fn committed(&self, jobs: usize) {
        if let Some(checkpoints) = &self.checkpoints {
            checkpoints.committed(jobs);
        }
    }
}

#[derive(Debug)]
struct Job {
    statement: Statement,
    guards: Option<Guards>,
    reply: oneshot::Sender<Result<Done, Failure>>,
}

/// What became of a job whose transaction was committed.
#[derive(Debug)]
enum Done {
    Whole(Tally),
    /// It was applied before.
    Repeated,
    Refused(Refusal),
}

#[derive(Debug)]
enum Failure {
    /// Nothing was written.
    Sure(StoreError),
    /// It isn't known whether something was written.
    Unknown(Arc<sqlx::Error>),
}

impl Writer {
    /// Starts the writer on a pool of one connection, which it keeps. It ends with its last handle.
    pub(super) fn start(pool: SqlitePool, checkpoints: Option<Checkpoints>) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let seat = Arc::new(Seat { pool, checkpoints, kept: Mutex::new(None) });
        tokio::spawn(work(Arc::clone(&seat), jobs));
        Self { seat, queue }
    }

    /// The writing connection, if nobody uses it: its pages are in memory, and it is one thread less to wake.
    pub(super) fn idle(&self) -> Option<Idle<'_>> {
        MutexGuard::try_map(self.seat.kept.try_lock().ok()?, Option::as_mut).ok()
    }

    /// The writing connection, as soon as nobody uses it.
    pub(super) async fn connection(&self) -> Result<Idle<'_>, sqlx::Error> {
        let mut kept = self.seat.kept.lock().await;
        if kept.is_none() {
            *kept = Some(self.seat.pool.acquire().await?);
        }
        MutexGuard::try_map(kept, Option::as_mut).map_err(|_| sqlx::Error::PoolClosed)
    }

    /// Commits the rows of a write-set. The guards are asked for when one of them refuses it.
    pub(super) async fn commit(
        &self,
        rows: Vec<Row>,
        guards: impl FnOnce() -> Guards,
    ) -> Result<CommitOutcome, StoreError> {
        let statement = Statement::apply(rows);
        if let Some(alone) = self.alone(&statement).await {
            return alone.map(|_| CommitOutcome::Applied);
        }
        match self.run(statement, Some(guards())).await? {
            Ok(Done::Whole(_) | Done::Repeated) => Ok(CommitOutcome::Applied),
            Ok(Done::Refused(refusal)) => Ok(CommitOutcome::Refused(refusal)),
            Err(Failure::Sure(error)) => Err(error),
            Err(Failure::Unknown(_)) => Ok(CommitOutcome::Unknown),
        }
    }

    /// Runs a statement that nothing refuses, and that may be run again when its outcome is not known.
    pub(super) async fn execute(&self, statement: Statement) -> Result<Tally, StoreError> {
        if let Some(alone) = self.alone(&statement).await {
            return alone;
        }
        match self.run(statement, None).await? {
            Ok(Done::Whole(tally)) => Ok(tally),
            Ok(Done::Repeated | Done::Refused(_)) => Ok(Tally::default()),
            Err(Failure::Sure(error)) => Err(error),
            Err(Failure::Unknown(source)) => {
                Err(StoreError::Unavailable { context: "commit", source: Box::new(source) })
            }
        }
    }

    /// Runs a lone statement on the idle connection. `None` when the connection isn't idle, and when it failed:
    /// then the task tries it again, and tells why. A set that was applied after all is found to be by its id.
    async fn alone(&self, statement: &Statement) -> Option<Result<Tally, StoreError>> {
        let mut kept = self.seat.kept.try_lock().ok()?;
        match statement.run(kept.as_mut()?).await {
            Ok(tally) => {
                self.seat.committed(1);
                Some(Ok(tally))
            }
            // It has waited long enough.
            Err(error) if is_busy(&error) => Some(Err(failed("write", error))),
            Err(error) => {
                if let Some(mut broken) = kept.take_if(|_| error.as_database_error().is_none()) {
                    broken.close_on_drop();
                }
                None
            }
        }
    }

    async fn run(
        &self,
        statement: Statement,
        guards: Option<Guards>,
    ) -> Result<Result<Done, Failure>, StoreError> {
        let is_commit = guards.is_some();
        let (reply, answer) = oneshot::channel();
        let sent = self.queue.send(Job { statement, guards, reply }).await;
        sent.map_err(|_| closed("reach the writer"))?;
        match answer.await {
            Ok(answer) => Ok(answer),
            Err(_) if is_commit => Ok(Err(Failure::Unknown(Arc::new(sqlx::Error::WorkerCrashed)))),
            Err(_) => Err(closed("hear of the writer")),
        }
    }
}

fn closed(context: &'static str) -> StoreError {
    StoreError::Unavailable { context, source: "the store is closed".into() }
}

async fn work(seat: Arc<Seat>, mut jobs: mpsc::Receiver<Job>) {
    // When the last batch was refused, so may the next one be.
    let mut is_wary = false;
    while let Some(first) = jobs.recv().await {
        let mut batch = vec![first];
        let answers = match in_one(&seat, &mut batch, &mut jobs, is_wary).await {
            Some(answers) => Ok(answers),
            None => transact(&seat, &mut batch, Some(&mut jobs)).await,
        };
        is_wary = answers.as_ref().is_ok_and(|answers| !answers.iter().all(is_whole));
        match answers {
            Ok(answers) => reply(batch, answers),
            Err(error) if batch.len() == 1 => reply(batch, vec![Err(Failure::Sure(error))]),
            // One of them broke the transaction: each gets its own, and its own error.
            Err(_) => {
                for job in batch {
                    let mut alone = vec![job];
                    let answers = transact(&seat, &mut alone, None).await;
                    reply(alone, answers.unwrap_or_else(|error| vec![Err(Failure::Sure(error))]));
                }
            }
        }
    }
    drop(seat.kept.lock().await.take());
    seat.pool.close().await;
}

type Answers = Vec<Result<Done, Failure>>;

fn reply(batch: Vec<Job>, answers: Answers) {
    for (job, answer) in batch.into_iter().zip(answers) {
        // A caller that has gone needs no answer.
        let _ = job.reply.send(answer);
    }
}

fn is_whole(answer: &Result<Done, Failure>) -> bool {
    matches!(answer, Ok(Done::Whole(_)))
}

/// Runs several jobs, those that wait when the connection is free, by one statement. `None` when there is a single one, or a refusal is
/// at hand, and when it failed: nothing was written then, or it is found to be.
async fn in_one(
    seat: &Seat,
    batch: &mut Vec<Job>,
    joining: &mut mpsc::Receiver<Job>,
    is_wary: bool,
) -> Option<Answers> {
    let mut kept = seat.kept.lock().await;
    while batch.len() < MAX_BATCH
        && let Ok(job) = joining.try_recv()
    {
        batch.push(job);
    }
    if is_wary || batch.len() == 1 {
        return None;
    }
    let all = Statement::together(batch.iter().map(|job| &job.statement))?;
    all.run(kept.as_mut()?).await.ok()?;
    seat.committed(batch.len());
    Some(batch.iter().map(|_| Ok(Done::Whole(Tally::default()))).collect())
}

/// Runs a batch, and what joins it meanwhile, in one transaction. An error means that nothing was written.
async fn transact(
    seat: &Seat,
    batch: &mut Vec<Job>,
    mut joining: Option<&mut mpsc::Receiver<Job>>,
) -> Result<Answers, StoreError> {
    let unreachable = |error| failed("reach the writer", error);
    let mut kept = seat.kept.lock().await;
    let mut connection = match kept.take() {
        Some(connection) => connection,
        None => seat.pool.acquire().await.map_err(unreachable)?,
    };
    if let Err(error) = say("BEGIN IMMEDIATE", &mut connection).await {
        roll_back(connection).await;
        return Err(failed("write", error));
    }
    let mut answers = Answers::new();
    while let Some(job) = batch.get(answers.len()) {
        match run_one(job, &mut connection).await {
            Ok(answer) => answers.push(answer),
            Err(error) => {
                roll_back(connection).await;
                return Err(error);
            }
        }
        if answers.len() == batch.len() && batch.len() < MAX_BATCH {
            batch.extend(joining.as_mut().and_then(|jobs| jobs.try_recv().ok()));
        }
    }
    match say("COMMIT", &mut connection).await {
        Ok(()) => {
            *kept = Some(connection);
            seat.committed(answers.len());
            Ok(answers)
        }
        Err(error) => {
            roll_back(connection).await;
            let error = Arc::new(error);
            Ok(answers.into_iter().map(|answer| uncommitted(answer, &error)).collect())
        }
    }
}

async fn say(sql: &'static str, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::query(sql).execute(connection).await.map(drop)
}

/// Ends a transaction that went wrong. SQLite may have ended it itself, which is as good; a connection that does not answer
/// is thrown away.
async fn roll_back(mut connection: PoolConnection<Sqlite>) {
    if say("ROLLBACK", &mut connection).await.is_err_and(|error| error.as_database_error().is_none()) {
        connection.close_on_drop();
    }
}

/// What an answer is worth when its transaction could not be committed: a refusal may have been about what is lost now.
fn uncommitted(answer: Result<Done, Failure>, error: &Arc<sqlx::Error>) -> Result<Done, Failure> {
    match answer {
        Ok(Done::Whole(_) | Done::Repeated) => Err(Failure::Unknown(Arc::clone(error))),
        Ok(Done::Refused(_)) => Err(Failure::Sure(StoreError::Unavailable {
            context: "commit",
            source: Box::new(Arc::clone(error)),
        })),
        Err(failure) => Err(failure),
    }
}

/// Runs one job, whole or not at all. An error means that the whole transaction is of no use any more.
async fn run_one(job: &Job, connection: &mut SqliteConnection) -> Result<Result<Done, Failure>, StoreError> {
    match job.statement.run(connection).await {
        Ok(tally) => Ok(Ok(Done::Whole(tally))),
        // A statement that is refused leaves nothing.
        Err(error) if is_constraint(&error) => why(job, error, connection).await,
        Err(error) => Err(failed("write", error)),
    }
}

/// Why a job was refused, told before anybody else may write.
async fn why(
    job: &Job,
    error: sqlx::Error,
    connection: &mut SqliteConnection,
) -> Result<Result<Done, Failure>, StoreError> {
    let verdict = match &job.guards {
        Some(guards) => guards.verdict(&error, connection).await?,
        None => Verdict::Unexplained,
    };
    Ok(match verdict {
        Verdict::Repeated => Ok(Done::Repeated),
        Verdict::Refused(refusal) => Ok(Done::Refused(refusal)),
        Verdict::Unexplained => {
            Err(Failure::Sure(StoreError::Internal { context: "write", source: Box::new(error) }))
        }
    })
}
