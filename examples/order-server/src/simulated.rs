//! The simulated payment provider of the server. It stands for another company: its books are in a file of its own, and outlive
//! a server that is killed, so that recovery can ask it what became of the money.
//!
//! What it does is [`SimulatedGateway`]'s. The file is a journal of what it was told; the books are what comes of it when it is
//! told the same again. Servers that share an order database share the file, too: each takes in what the others have written
//! down before it adds anything, so that all of them are one provider.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use order_core::gateway::{
    BooksPage, BooksWindow, GatewayError, Instruction, PaymentGateway, PaymentRef, ProviderBooks,
};
use order_core::id::{PaymentId, ProviderReference};
use order_core::memory::{SimulatedAccount, SimulatedGateway};
use order_core::money::Money;
use order_core::payment::{Answer, PaymentReport};
use serde::{Deserialize, Serialize};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Row as _};
use tokio::sync::Mutex;

const SERVICE: &str = "simulated payments";
/// The token whose calls take their time.
const SLOW: &str = "sim_slow";
/// How often an undecided call is asked about: more often than the gateway stays undecided.
const QUESTIONS: u32 = 5;

/// The simulated provider, with books that last.
#[derive(Debug, Clone)]
pub struct SimulatedProvider {
    desk: Arc<Desk>,
    slow: Duration,
}

#[derive(Debug)]
struct Desk {
    gateway: SimulatedGateway,
    /// Where everything is written down before it is done; nowhere, when nothing has to last.
    journal: Mutex<Option<Journal>>,
}

#[derive(Debug)]
struct Journal {
    connection: SqliteConnection,
    /// The last entry that was taken in.
    last: i64,
}

/// What the provider was told.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "told", rename_all = "snake_case")]
enum Told {
    Execute { instruction: Box<Instruction> },
    Ask { instruction: Box<Instruction> },
    Complete { payment_id: PaymentId, approve: bool },
    RefundByHand { payment_id: PaymentId, amount: Money },
}

/// What the provider says.
enum Said {
    Answer(Result<Answer, GatewayError>),
    Completed(bool),
    Refunded(Option<ProviderReference>),
}

impl SimulatedProvider {
    /// Opens its books in a file, which is made if there is none; or keeps them in memory.
    ///
    /// # Errors
    /// When the file can't be opened or read.
    pub async fn open(path: Option<&Path>, slow: Duration) -> Result<Self, sqlx::Error> {
        let gateway = SimulatedGateway::default();
        let mut journal = None;
        if let Some(path) = path {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder).map_err(sqlx::Error::Io)?;
            }
            let connection = SqliteConnectOptions::new()
                .filename(path)
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Normal)
                .connect()
                .await?;
            journal = Some(Journal::open(connection, &gateway).await?);
        }
        Ok(Self { desk: Arc::new(Desk { gateway, journal: Mutex::new(journal) }), slow })
    }

    /// Its books: one account for each charge or authorisation that succeeded.
    pub fn books(&self) -> Vec<SimulatedAccount> {
        self.desk.gateway.books()
    }

    /// The customer does what was asked of them, or refuses to. Tells whether anything was asked of them.
    ///
    /// # Errors
    /// When it can't be written down: nothing was done.
    pub async fn complete(&self, payment_id: PaymentId, approve: bool) -> Result<bool, GatewayError> {
        match self.tell(Told::Complete { payment_id, approve }).await? {
            Said::Completed(completed) => Ok(completed),
            Said::Answer(_) | Said::Refunded(_) => Ok(false),
        }
    }

    /// Somebody gives money back in the provider's dashboard. Gives what the refund is called, if there is so much to give back.
    ///
    /// # Errors
    /// When it can't be written down: nothing was done.
    pub async fn refund_by_hand(
        &self,
        payment_id: PaymentId,
        amount: Money,
    ) -> Result<Option<ProviderReference>, GatewayError> {
        match self.tell(Told::RefundByHand { payment_id, amount }).await? {
            Said::Refunded(refund) => Ok(refund),
            Said::Answer(_) | Said::Completed(_) => Ok(None),
        }
    }

    /// Writes down what it is told, and does it: both, or neither, also when the caller goes away meanwhile.
    async fn tell(&self, told: Told) -> Result<Said, GatewayError> {
        let desk = Arc::clone(&self.desk);
        let done = tokio::spawn(async move {
            let mut journal = desk.journal.lock().await;
            if let Some(journal) = journal.as_mut() {
                journal.keep_up(&desk.gateway, &told).await.map_err(not_sent)?;
            }
            Ok(told.to(&desk.gateway).await)
        });
        done.await.unwrap_or_else(|_| Err(GatewayError::unknown(SERVICE)))
    }

    /// Takes in what other servers have written down since.
    async fn catch_up(&self) -> Result<(), GatewayError> {
        let mut journal = self.desk.journal.lock().await;
        match journal.as_mut() {
            Some(journal) => journal.catch_up(&self.desk.gateway).await.map_err(not_sent),
            None => Ok(()),
        }
    }

    async fn answer(&self, told: Told) -> Result<Answer, GatewayError> {
        match self.tell(told).await? {
            Said::Answer(answer) => answer,
            Said::Completed(_) | Said::Refunded(_) => Err(GatewayError::unknown(SERVICE)),
        }
    }
}

#[async_trait]
impl PaymentGateway for SimulatedProvider {
    async fn execute(&self, instruction: &Instruction) -> Result<Answer, GatewayError> {
        let answer = self.answer(Told::Execute { instruction: Box::new(instruction.clone()) }).await?;
        if !is_slow(instruction) || answer != Answer::Unknown {
            return Ok(answer);
        }
        tokio::time::sleep(self.slow).await;
        self.ask(instruction).await
    }

    async fn ask(&self, instruction: &Instruction) -> Result<Answer, GatewayError> {
        let mut answer = Answer::Unknown;
        for _ in 0..QUESTIONS {
            answer = self.answer(Told::Ask { instruction: Box::new(instruction.clone()) }).await?;
            if answer != Answer::Unknown {
                break;
            }
        }
        Ok(answer)
    }
}

/// The books are those of the file: what other servers of this provider were told is in them.
#[async_trait]
impl ProviderBooks for SimulatedProvider {
    async fn report(&self, payment: &PaymentRef) -> Result<Option<PaymentReport>, GatewayError> {
        self.catch_up().await?;
        self.desk.gateway.report(payment).await
    }

    async fn list(&self, window: &BooksWindow, cursor: Option<&str>) -> Result<BooksPage, GatewayError> {
        self.catch_up().await?;
        self.desk.gateway.list(window, cursor).await
    }
}

fn is_slow(instruction: &Instruction) -> bool {
    instruction.token.as_ref().is_some_and(|token| token.reveal() == SLOW)
}

impl Told {
    /// Whether it may change anything: questions do only while a slow call is undecided.
    fn matters(&self) -> bool {
        match self {
            Self::Execute { .. } | Self::Complete { .. } | Self::RefundByHand { .. } => true,
            Self::Ask { instruction } => is_slow(instruction),
        }
    }

    async fn to(&self, gateway: &SimulatedGateway) -> Said {
        match self {
            Self::Execute { instruction } => Said::Answer(gateway.execute(instruction).await),
            Self::Ask { instruction } => Said::Answer(gateway.ask(instruction).await),
            Self::Complete { payment_id, approve } => {
                Said::Completed(gateway.complete(*payment_id, *approve))
            }
            Self::RefundByHand { payment_id, amount } => {
                Said::Refunded(gateway.refund_by_hand(*payment_id, *amount))
            }
        }
    }
}

fn not_sent(error: sqlx::Error) -> GatewayError {
    GatewayError::NotSent { service: SERVICE, source: Some(error.into()) }
}

impl Journal {
    /// Tells the gateway everything that was written down.
    async fn open(mut connection: SqliteConnection, gateway: &SimulatedGateway) -> Result<Self, sqlx::Error> {
        let schema = "CREATE TABLE IF NOT EXISTS journal (id INTEGER PRIMARY KEY, told TEXT NOT NULL) STRICT";
        sqlx::query(schema).execute(&mut connection).await?;
        let mut journal = Self { connection, last: 0 };
        journal.catch_up(gateway).await?;
        Ok(journal)
    }

    /// Takes in what other servers have written down since.
    async fn catch_up(&mut self, gateway: &SimulatedGateway) -> Result<(), sqlx::Error> {
        read_on(&mut self.connection, &mut self.last, gateway).await
    }

    /// Takes in what other servers have written down since, and writes down what is told now, if it matters. Nobody else can
    /// write in between.
    async fn keep_up(&mut self, gateway: &SimulatedGateway, told: &Told) -> Result<(), sqlx::Error> {
        if !told.matters() {
            return self.catch_up(gateway).await;
        }
        let text = serde_json::to_string(told).map_err(|error| sqlx::Error::Encode(error.into()))?;
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await?;
        read_on(&mut transaction, &mut self.last, gateway).await?;
        let insert = sqlx::query("INSERT INTO journal (told) VALUES (?)").bind(text);
        let id = insert.execute(&mut *transaction).await?.last_insert_rowid();
        transaction.commit().await?;
        self.last = id;
        Ok(())
    }
}

/// Tells the gateway what was written down behind `last`.
async fn read_on(
    connection: &mut SqliteConnection,
    last: &mut i64,
    gateway: &SimulatedGateway,
) -> Result<(), sqlx::Error> {
    const PAGE: i64 = 1_000;
    loop {
        let page = sqlx::query("SELECT id, told FROM journal WHERE id > ? ORDER BY id LIMIT ?")
            .bind(*last)
            .bind(PAGE);
        let rows = page.fetch_all(&mut *connection).await?;
        if rows.is_empty() {
            return Ok(());
        }
        for row in &rows {
            let text: String = row.try_get("told")?;
            let told: Told =
                serde_json::from_str(&text).map_err(|error| sqlx::Error::Decode(error.into()))?;
            let _ = told.to(gateway).await;
            *last = row.try_get("id")?;
        }
    }
}
