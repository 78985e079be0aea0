//! A worker's way to the database: one transaction for many write-sets.
//!
//! A transaction is committed in two steps: on the primary first, and then it waits for a majority. The first step ends the turn of
//! whoever writes, so that another worker, if there is one, writes while this one waits; nobody is answered before the second. The next one
//! stands on what is not held by a majority yet, and is held by one only after it: the log of a replica set has one order.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use ::mongodb::bson::{Bson, DateTime, Document, doc};
use ::mongodb::error::{Error, ErrorKind, UNKNOWN_TRANSACTION_COMMIT_RESULT};
use ::mongodb::options::{ReadConcern, SelectionCriteria, TransactionOptions, WriteConcern};
use ::mongodb::{ClientSession, Database};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::levels::Crossings;
use super::look::look;
use super::records::Journal;
use super::statements::{Counts, Statement, apply};
use super::values::{Documents, Rows, of_code, trouble};
use crate::group_commit::{self, Failed, Picture, Sums, Trouble};

/// How long to wait before a commit whose outcome is not known is sent again.
const COMMIT_AGAIN: Duration = Duration::from_millis(50);

/// How long to wait for the end of a session on the server.
const KILL_PATIENCE: Duration = Duration::from_secs(1);

/// What every write waits for: a majority that has it in its journal.
pub(super) fn durable(patience: Duration) -> WriteConcern {
    let mut concern = WriteConcern::majority();
    concern.journal = Some(true);
    concern.w_timeout = Some(patience);
    concern
}

/// Whose turn it is to write. Two transactions of one process at once would only meet each other at the stock.
pub(super) type Turn = Arc<Mutex<()>>;

/// A worker's session. It is thrown away when it is in doubt; connections are the driver's business.
#[derive(Debug)]
pub(super) struct Link {
    database: Database,
    session: Option<ClientSession>,
    turn: Turn,
    /// Whether all stock levels fitted the last time. If not, the next ones may not either.
    levels_fit: bool,
    /// What the first step of a commit waits for.
    on_primary: WriteConcern,
    /// How long anything may take.
    patience: Duration,
}

impl group_commit::Link for Link {
    type Form = Documents;

    async fn apply(&mut self, sets: &[&Rows], sums: &Sums<'_>) -> Result<(), Failed> {
        let deadline = self.deadline();
        let turn = Arc::clone(&self.turn);
        let turn = within(deadline, async { Ok(turn.lock().await) }).await?;
        let is_plain = self.levels_fit && !Journal::is_told(sets, sums);
        let crossings = if is_plain { Crossings::Refused } else { Crossings::Found };
        let mut written = self.write(sets, sums, crossings, deadline).await;
        if is_plain && !self.levels_fit {
            // One that crosses something may have been what did not fit.
            written = self.write(sets, sums, Crossings::Found, deadline).await;
        }
        drop(turn);
        self.settle(written?, deadline).await
    }

    async fn look(&mut self, sets: &[&Rows]) -> Result<Picture, Failed> {
        let deadline = self.deadline();
        let mut session = self.begin(deadline).await?;
        let seen = within(deadline, look(&self.database, &mut session, sets)).await;
        let (seen, session) = self.end(session, seen, deadline).await?;
        self.settle(session, deadline).await?;
        Ok(seen)
    }

    async fn close(self) {}
}

impl Link {
    pub(super) fn new(database: Database, turn: Turn, on_primary: WriteConcern, patience: Duration) -> Self {
        Self { database, session: None, turn, levels_fit: true, on_primary, patience }
    }

    /// Writes and commits on the primary, and notes whether all stock levels fitted.
    async fn write(
        &mut self,
        sets: &[&Rows],
        sums: &Sums<'_>,
        crossings: Crossings,
        deadline: Instant,
    ) -> Result<ClientSession, Failed> {
        // Only how long ids are kept beyond what they must be hangs on this; the server's own clock will judge it.
        let statements = apply(sets, sums, crossings, DateTime::now());
        let mut session = self.begin(deadline).await?;
        self.levels_fit = true;
        let (database, levels_fit) = (&self.database, &mut self.levels_fit);
        let writing = async {
            let journal = Journal::begin(database, &mut session, sets, sums).await?;
            let crossings = write(database, &mut session, &statements, levels_fit).await?;
            let records = journal.finish(database, &mut session, sets, sums, crossings).await?;
            write(database, &mut session, &records, levels_fit).await.map(drop)
        };
        let written = within(deadline, writing).await;
        let ((), session) = self.end(session, written, deadline).await?;
        Ok(session)
    }

    /// Waits until a majority holds what the primary has committed.
    async fn settle(&mut self, mut session: ClientSession, deadline: Instant) -> Result<(), Failed> {
        // A commit that is sent again asks for a majority. Whatever its answer is: the primary had it.
        if let Err(failure) = commit(&mut session, deadline).await {
            self.kill(&session).await;
            let (Failed::Unsent(error) | Failed::Sent(_, error)) = failure;
            return Err(Failed::Sent(Trouble::Lost, error));
        }
        self.session = Some(session);
        Ok(())
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.patience
    }

    /// A session in a new transaction. What a collection or a client says about concerns does not count in it, so that it is
    /// all said here.
    async fn begin(&mut self, deadline: Instant) -> Result<ClientSession, Failed> {
        let options = TransactionOptions::builder()
            .read_concern(ReadConcern::snapshot())
            .write_concern(self.on_primary.clone())
            .selection_criteria(SelectionCriteria::ReadPreference(
                ::mongodb::options::ReadPreference::Primary,
            ))
            .max_commit_time(self.patience)
            .build();
        let kept = self.session.take();
        let begun = async {
            let mut session = match kept {
                Some(session) => session,
                None => self.database.client().start_session().await.map_err(unsent)?,
            };
            session.start_transaction().with_options(options).await.map_err(unsent)?;
            Ok(session)
        };
        within(deadline, begun).await
    }

    /// Ends a session on the server. A transaction whose commit has not come through would be in everybody's way for as long as
    /// the server leaves it there, a minute by default; one that is committed is not harmed.
    async fn kill(&self, session: &ClientSession) {
        let kill = self.database.run_command(doc! { "killSessions": [session.id().clone()] });
        // Whoever can't be reached ends it by itself.
        let _ = timeout(KILL_PATIENCE, kill).await;
    }

    /// Commits the transaction on the primary if all went well, and ends it if not.
    async fn end<T>(
        &mut self,
        mut session: ClientSession,
        done: Result<T, Failed>,
        deadline: Instant,
    ) -> Result<(T, ClientSession), Failed> {
        match done {
            Ok(done) => {
                if let Err(failure) = commit(&mut session, deadline).await {
                    self.kill(&session).await;
                    return Err(failure);
                }
                Ok((done, session))
            }
            Err(failure) => {
                // A transaction that can't be ended ends with its session, or by the server's own limit of time.
                if let Ok(Ok(())) = timeout_at(deadline, session.abort_transaction()).await {
                    self.session = Some(session);
                }
                Err(failure)
            }
        }
    }
}

/// What takes too long before the commit was not sent: without its commit a transaction has done nothing.
async fn within<T>(deadline: Instant, doing: impl Future<Output = Result<T, Failed>>) -> Result<T, Failed> {
    timeout_at(deadline, doing).await.unwrap_or_else(|late| Err(Failed::Unsent(late.into())))
}

/// Commits. When the outcome is not known the commit, and nothing else, is sent again: a server commits a transaction once.
async fn commit(session: &mut ClientSession, deadline: Instant) -> Result<(), Failed> {
    loop {
        let committed = timeout_at(deadline, session.commit_transaction()).await;
        let error = match committed {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error,
            Err(late) => return Err(Failed::Sent(Trouble::Lost, late.into())),
        };
        if !error.contains_label(UNKNOWN_TRANSACTION_COMMIT_RESULT) || Instant::now() >= deadline {
            return Err(Failed::Sent(trouble(&error), error.into()));
        }
        sleep(COMMIT_AGAIN).await;
    }
}

/// An error before the commit. The transaction has done nothing, and never will.
pub(super) fn unsent(error: Error) -> Failed {
    let is_unreachable = matches!(&*error.kind, ErrorKind::ServerSelection { .. } | ErrorKind::Shutdown);
    if is_unreachable {
        return Failed::Unsent(error.into());
    }
    Failed::Sent(uncommitted(trouble(&error)), error.into())
}

/// What is lost before the commit may be done again.
fn uncommitted(trouble: Trouble) -> Trouble {
    if trouble == Trouble::Lost { Trouble::Again } else { trouble }
}

/// Carries out commands. Returns how many stock levels have crossed something, and notes when they do not fit.
async fn write(
    database: &Database,
    session: &mut ClientSession,
    statements: &[Statement],
    levels_fit: &mut bool,
) -> Result<i64, Failed> {
    let mut crossings = 0_i64;
    for statement in statements {
        let command = statement.command.clone();
        let reply = database.run_raw_command(command).session(&mut *session).await.map_err(unsent)?;
        let crossed = judge(&reply, statement).inspect_err(|failure| {
            let is_guard = matches!(failure, Failed::Sent(Trouble::Guard, _));
            *levels_fit = *levels_fit && !(is_guard && statement.counts == Counts::Changed);
        })?;
        crossings = crossings.saturating_add(crossed);
    }
    Ok(crossings)
}

/// Whether a command wrote what it had to write. Returns how many documents it found beyond those that it changed, if these count.
fn judge(reply: &Document, statement: &Statement) -> Result<i64, Failed> {
    if let Ok(errors) = reply.get_array("writeErrors") {
        let code = errors.first().and_then(Bson::as_document).and_then(|error| error.get_i32("code").ok());
        let trouble = code.map_or(Trouble::Defect, of_code);
        let error = errors.first().map(ToString::to_string).unwrap_or_default();
        return Err(Failed::Sent(uncommitted(trouble), error.into()));
    }
    let count = |field: &str| match reply.get(field) {
        Some(Bson::Int32(count)) => Ok(i64::from(*count)),
        Some(Bson::Int64(count)) => Ok(*count),
        _ => Err(Failed::Sent(Trouble::Defect, format!("a reply without a count: {reply}").into())),
    };
    let found = count("n")?;
    let written = match statement.counts {
        Counts::Found => found,
        Counts::Changed => count("nModified")?,
    };
    if written == statement.expected {
        Ok(found.saturating_sub(written))
    } else {
        Err(Failed::Sent(Trouble::Guard, "a document is not as it must be".into()))
    }
}
