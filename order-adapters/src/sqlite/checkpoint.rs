use std::sync::atomic::{AtomicUsize, Ordering};

use sqlx::SqlitePool;
use tokio::sync::mpsc;

/// After how many commits the log is brought into the file: some two thousand pages, half of what the writer itself lets it have.
const COMMITS: usize = 200;

/// Brings the log into the file while others write, so that whoever writes need not stop for it: the writer does only what is left
/// when the log has its full length, and begins it anew.
#[derive(Debug)]
pub(super) struct Checkpoints {
    due: mpsc::Sender<()>,
    commits: AtomicUsize,
}

impl Checkpoints {
    /// Starts the task, on a pool of one connection. It ends with this.
    pub(super) fn start(pool: SqlitePool) -> Self {
        let (due, mut is_due) = mpsc::channel(1);
        tokio::spawn(async move {
            while is_due.recv().await.is_some() {
                // Whatever it could not do, the writer does.
                let _ = sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").execute(&pool).await;
            }
            pool.close().await;
        });
        Self { due, commits: AtomicUsize::new(0) }
    }

    /// Counts commits.
    pub(super) fn committed(&self, commits: usize) {
        let before = self.commits.fetch_add(commits, Ordering::Relaxed);
        if before / COMMITS < before.wrapping_add(commits) / COMMITS {
            // One that is still to be done will do this, too.
            let _ = self.due.try_send(());
        }
    }
}
