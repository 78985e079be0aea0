//! The connections that the SQL stores read on.
//!
//! A pool asks each connection that comes back whether it is well: one more message for each read, and a task that waits for its answer.
//! So a connection that did what it was asked goes straight to the next reader. The pool, which opens the connections and knows
//! how long one may live, gets it back after a [while](WHILE), and at once when it is in doubt.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::{Database, Pool};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// How long a connection stays away from its pool.
const WHILE: Duration = Duration::from_secs(1);

/// Connections for readers: as many as the pool may open. Clones share them.
pub(crate) struct Readers<DB: Database>(Arc<Shared<DB>>);

struct Shared<DB: Database> {
    pool: Pool<DB>,
    /// One for each connection. Whoever has one finds a connection here, or has the pool look for one or open one.
    seats: Arc<Semaphore>,
    free: Mutex<Vec<Taken<DB>>>,
}

/// A connection that was taken from the pool.
struct Taken<DB: Database> {
    connection: PoolConnection<DB>,
    since: Instant,
}

impl<DB: Database> Taken<DB> {
    fn is_due(&self) -> bool {
        self.since.elapsed() >= WHILE
    }
}

/// A connection while somebody reads. Unless it is [kept](Self::keep), it is in doubt, and the pool's again.
pub(crate) struct Reader<DB: Database> {
    taken: Taken<DB>,
    readers: Readers<DB>,
    _seat: OwnedSemaphorePermit,
}

impl<DB: Database> Readers<DB> {
    pub(crate) fn new(pool: Pool<DB>) -> Self {
        let seats = usize::try_from(pool.options().get_max_connections()).unwrap_or(Semaphore::MAX_PERMITS);
        let seats = Arc::new(Semaphore::new(seats));
        Self(Arc::new(Shared { pool, seats, free: Mutex::default() }))
    }

    /// A connection, as soon as one is free.
    ///
    /// # Errors
    /// When none is in the pool's time, when there can't be one, and when they were closed.
    pub(crate) async fn acquire(&self) -> Result<Reader<DB>, sqlx::Error> {
        let Shared { pool, seats, .. } = &*self.0;
        let seat = timeout(pool.options().get_acquire_timeout(), Arc::clone(seats).acquire_owned());
        let seat = seat.await.map_err(|_| sqlx::Error::PoolTimedOut)?.map_err(|_| sqlx::Error::PoolClosed)?;
        let taken = match self.take() {
            Some(taken) => taken,
            None => Taken { connection: pool.acquire().await?, since: Instant::now() },
        };
        Ok(Reader { taken, readers: self.clone(), _seat: seat })
    }

    /// The one that was used last. Those that have been away from the pool for a while go back.
    fn take(&self) -> Option<Taken<DB>> {
        let mut free = self.0.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.retain(|taken| !taken.is_due());
        free.pop()
    }

    fn put(&self, taken: Taken<DB>) {
        let mut free = self.0.free.lock().unwrap_or_else(PoisonError::into_inner);
        if !taken.is_due() && !self.0.seats.is_closed() {
            free.push(taken);
        }
    }

    /// Closes them all, and waits for those who read.
    pub(crate) async fn close(&self) {
        self.0.seats.close();
        self.0.free.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.0.pool.close().await;
    }
}

impl<DB: Database> Clone for Readers<DB> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<DB: Database> fmt::Debug for Readers<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Readers").field(&self.0.pool).finish()
    }
}

impl<DB: Database> Drop for Shared<DB> {
    /// What goes back to a pool needs a runtime, which may have ended: connections that nobody will read on are dropped as they are.
    fn drop(&mut self) {
        let free = self.free.get_mut().unwrap_or_else(PoisonError::into_inner);
        free.drain(..).for_each(|taken| drop(taken.connection.leak()));
    }
}

impl<DB: Database> Reader<DB> {
    pub(crate) fn connection(&mut self) -> &mut DB::Connection {
        &mut self.taken.connection
    }

    /// Leaves the connection to the next reader: everything it was asked for was read to its end.
    pub(crate) fn keep(self) {
        let Self { taken, readers, _seat } = self;
        readers.put(taken);
    }
}
