use std::sync::Arc;

use order_core::StoreError;
use order_core::store::{CommitOutcome, Refusal};
use sqlx::pool::PoolConnection;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Sqlite, SqlitePool};
use tokio::sync::{mpsc, oneshot};

use super::guards::Guards;
use super::script::{Begin, Ran, Script, Tally};
use super::values::failed;

/// The most scripts in one transaction. More would not make a flush cheaper, only the wait for it longer.
const MAX_BATCH: usize = 128;

/// How many scripts may wait before their callers do.
const QUEUE: usize = 1_024;

/// The one writer.
///
/// A task owns the writing connection. It takes what waits, runs each script in a savepoint of its own inside one transaction,
/// and answers after the one flush: a refused script harms nobody, and a lone one waits for nobody. A caller that is dropped
/// leaves no half-done transaction behind.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    queue: mpsc::Sender<Job>,
}

#[derive(Debug)]
struct Job {
    script: Script,
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
    /// Starts the writer on a pool of one connection, which it keeps, unless the pool is for reading as well. It ends with its
    /// last handle.
    pub(super) fn start(pool: SqlitePool, is_shared: bool) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE);
        tokio::spawn(work(Lent { pool, kept: None, is_shared }, jobs));
        Self { queue }
    }

    /// Commits a write-set's script, whose first statement notes its id.
    pub(super) async fn commit(&self, script: Script, guards: Guards) -> Result<CommitOutcome, StoreError> {
        match self.run(script, Some(guards)).await? {
            Ok(Done::Whole(_) | Done::Repeated) => Ok(CommitOutcome::Applied),
            Ok(Done::Refused(refusal)) => Ok(CommitOutcome::Refused(refusal)),
            Err(Failure::Sure(error)) => Err(error),
            Err(Failure::Unknown(_)) => Ok(CommitOutcome::Unknown),
        }
    }

    /// Runs a script that nothing refuses.
    pub(super) async fn execute(&self, script: Script) -> Result<Tally, StoreError> {
        match self.run(script, None).await? {
            Ok(Done::Whole(tally)) => Ok(tally),
            Ok(Done::Repeated | Done::Refused(_)) => Ok(Tally::default()),
            Err(Failure::Sure(error)) => Err(error),
            Err(Failure::Unknown(source)) => {
                Err(StoreError::Unavailable { context: "commit", source: Box::new(source) })
            }
        }
    }

    async fn run(&self, script: Script, guards: Option<Guards>) -> Result<Result<Done, Failure>, StoreError> {
        let is_commit = guards.is_some();
        let (reply, answer) = oneshot::channel();
        let sent = self.queue.send(Job { script, guards, reply }).await;
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

/// The writing connection. A pool asks each connection that comes back whether it is well, and the next transaction would wait
/// for the answer; so it only gets back what is in doubt, or what readers wait for.
#[derive(Debug)]
struct Lent {
    pool: SqlitePool,
    kept: Option<PoolConnection<Sqlite>>,
    is_shared: bool,
}

impl Lent {
    async fn take(&mut self) -> Result<PoolConnection<Sqlite>, sqlx::Error> {
        match self.kept.take() {
            Some(connection) => Ok(connection),
            None => self.pool.acquire().await,
        }
    }

    fn keep(&mut self, connection: PoolConnection<Sqlite>) {
        self.kept = (!self.is_shared).then_some(connection);
    }
}

async fn work(mut lent: Lent, mut jobs: mpsc::Receiver<Job>) {
    while let Some(first) = jobs.recv().await {
        let mut batch = vec![first];
        match transact(&mut lent, &mut batch, Some(&mut jobs)).await {
            Ok(answers) => reply(batch, answers),
            Err(error) if batch.len() == 1 => reply(batch, vec![Err(Failure::Sure(error))]),
            // One of them broke the transaction: each gets its own, and its own error.
            Err(_) => {
                for job in batch {
                    let mut alone = vec![job];
                    let answers = transact(&mut lent, &mut alone, None).await;
                    reply(alone, answers.unwrap_or_else(|error| vec![Err(Failure::Sure(error))]));
                }
            }
        }
    }
    drop(lent.kept);
    lent.pool.close().await;
}

type Answers = Vec<Result<Done, Failure>>;

fn reply(batch: Vec<Job>, answers: Answers) {
    for (job, answer) in batch.into_iter().zip(answers) {
        // A caller that has gone needs no answer.
        let _ = job.reply.send(answer);
    }
}

/// Runs a batch, and what joins it meanwhile, in one transaction. An error means that nothing was written.
async fn transact(
    lent: &mut Lent,
    batch: &mut Vec<Job>,
    mut joining: Option<&mut mpsc::Receiver<Job>>,
) -> Result<Answers, StoreError> {
    let mut connection = lent.take().await.map_err(|error| failed("reach the writer", error))?;
    let mut answers = Answers::new();
    while let Some(job) = batch.get(answers.len()) {
        let begin = if answers.is_empty() { Begin::Transaction } else { Begin::Savepoint };
        match run_one(job, begin, &mut connection).await {
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
    match sqlx::query("COMMIT").execute(&mut *connection).await {
        Ok(_) => {
            lent.keep(connection);
            Ok(answers)
        }
        Err(error) => {
            roll_back(connection).await;
            let error = Arc::new(error);
            Ok(answers.into_iter().map(|answer| uncommitted(answer, &error)).collect())
        }
    }
}

/// Ends a transaction that went wrong. SQLite may have ended it itself, which is as good; a connection that does not answer
/// is thrown away.
async fn roll_back(mut connection: PoolConnection<Sqlite>) {
    let ended = sqlx::query("ROLLBACK").execute(&mut *connection).await;
    if ended.is_err_and(|error| error.as_database_error().is_none()) {
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

/// Runs one script in a savepoint. An error means that the whole transaction is of no use any more.
async fn run_one(
    job: &Job,
    begin: Begin,
    connection: &mut SqliteConnection,
) -> Result<Result<Done, Failure>, StoreError> {
    let write = |error| failed("write", error);
    let stopped_at = match job.script.run(begin, connection).await.map_err(write)? {
        Ran::Whole(tally) => return Ok(Ok(Done::Whole(tally))),
        Ran::Stopped(index) => index,
    };
    sqlx::query("ROLLBACK TO member").execute(&mut *connection).await.map_err(write)?;
    let Some(guards) = &job.guards else {
        return Ok(Err(unexplained(stopped_at)));
    };
    if stopped_at == 0 {
        return Ok(Ok(Done::Repeated));
    }
    let refusal = guards.refusal(stopped_at, connection).await?;
    Ok(refusal.map(Done::Refused).ok_or_else(|| unexplained(stopped_at)))
}

fn unexplained(statement: usize) -> Failure {
    let source = format!("no guard explains why statement {statement} was refused").into();
    Failure::Sure(StoreError::Internal { context: "write", source })
}
