use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use order_adapters::mongodb::driver::bson::{Document, doc};
use order_adapters::mongodb::driver::error::{Error, ErrorKind, WriteFailure};
use order_adapters::mongodb::driver::options::{
    ClientOptions, ConnectionString, HostInfo, IndexOptions, ReadConcern, WriteConcern,
};
use order_adapters::mongodb::driver::{Client, Collection, IndexModel};
use order_adapters::mongodb::{MongoBuilder, MongoStore, OpenError};
use order_core::error::BoxError;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::timeout;

use super::{Common, Database, Opened};
use crate::source::Source;
use crate::users::{Account, By, User, UserRepository};

const ADDRESS: &str =
    "must be an address like mongodb://user:password@host-a,host-b/database?replicaSet=name";
/// The database, when nobody names one: the adapter's.
const DATABASE: &str = "order_engine";
const DUPLICATE_KEY: i32 = 11_000;
/// How long making collections and indexes may take: much longer than any request waits.
const MIGRATION: Duration = Duration::from_mins(1);

/// What was said about MongoDB.
#[derive(Debug)]
pub(super) struct Options {
    common: Common,
    database: Option<String>,
    reads_secondaries: bool,
}

impl Options {
    pub(super) fn read(source: &mut Source, common: &Common) -> Self {
        let database = source.parse("MONGODB_DB", None, "up to 63 letters, digits, _ and -", |text| {
            let fits = text.len() <= 63
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
            fits.then(|| Some(text.to_owned()))
        });
        let reads_secondaries = source.flag("MONGODB_READ_SECONDARIES", false);
        Self { common: common.clone(), database, reads_secondaries }
    }

    pub(super) fn at(self, url: &str) -> Result<Arc<dyn Database>, &'static str> {
        let Ok(address) = ConnectionString::parse(url) else { return Err(ADDRESS) };
        let hosts = match &address.host_info {
            HostInfo::HostIdentifiers(hosts) => {
                hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
            }
            HostInfo::DnsRecord(name) => name.clone(),
            _ => return Err(ADDRESS),
        };
        let name = self.database.clone().or(address.default_database).unwrap_or_else(|| DATABASE.to_owned());
        Ok(Arc::new(Mongo { url: url.to_owned().into(), hosts, name, options: self }))
    }
}

/// A database of a replica set, with the users in a collection of it.
struct Mongo {
    url: SecretString,
    hosts: String,
    name: String,
    options: Options,
}

impl fmt::Debug for Mongo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Mongo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mongodb://{}/{}", self.hosts, self.name)
    }
}

impl Mongo {
    fn store(&self) -> MongoBuilder {
        let Options { common, reads_secondaries, .. } = &self.options;
        let builder = MongoStore::builder(self.url.expose_secret()).database(&self.name);
        let builder = builder.patience(common.patience).migrations(false);
        let builder = match common.writers {
            Some(writers) => builder.writers(writers),
            None => builder,
        };
        if *reads_secondaries { builder.read_from_secondaries() } else { builder }
    }

    async fn users(&self) -> Result<Users, Error> {
        let patience = self.options.common.patience;
        let mut options = ClientOptions::parse(self.url.expose_secret()).await?;
        options.app_name.get_or_insert_with(|| "order-server".to_owned());
        options.server_selection_timeout = Some(patience);
        options.read_concern = Some(ReadConcern::majority());
        options.write_concern = Some(WriteConcern::majority());
        let users = Client::with_options(options)?.database(&self.name).collection("users");
        Ok(Users { users, patience })
    }
}

/// Names the command that helps, where one does.
fn advised(error: OpenError) -> BoxError {
    if matches!(error, OpenError::Older { .. }) {
        return format!("{error}; order-server migrate does it").into();
    }
    error.into()
}

#[async_trait]
impl Database for Mongo {
    async fn migrate(&self) -> Result<(), BoxError> {
        self.store().patience(MIGRATION).migrate().await?;
        self.users().await?.prepare().await
    }

    async fn open(&self) -> Result<Opened, BoxError> {
        if self.options.common.migrates {
            self.migrate().await?;
        }
        let store = self.store().open().await.map_err(advised)?;
        let users = self.users().await?;
        Ok(Opened { store: Arc::new(store), users: Arc::new(users) })
    }
}

#[derive(Debug)]
struct Users {
    users: Collection<Document>,
    patience: Duration,
}

impl Users {
    async fn prepare(&self) -> Result<(), BoxError> {
        let unique = IndexOptions::builder().unique(true).build();
        let by_email = IndexModel::builder().keys(doc! { "email": 1 }).options(unique).build();
        timeout(MIGRATION, async { self.users.create_index(by_email).await }).await??;
        Ok(())
    }
}

#[async_trait]
impl UserRepository for Users {
    async fn insert(&self, Account { user, password_hash }: &Account) -> Result<bool, BoxError> {
        let document = doc! {
            "_id": &user.id, "email": &user.email, "name": &user.name, "password_hash": password_hash,
        };
        match timeout(self.patience, async { self.users.insert_one(document).await }).await? {
            Ok(_) => Ok(true),
            Err(error) if is_taken(&error) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn find(&self, by: By<'_>) -> Result<Option<Account>, BoxError> {
        let filter = match by {
            By::Email(email) => doc! { "email": email },
            By::Id(id) => doc! { "_id": id },
        };
        let found = timeout(self.patience, async { self.users.find_one(filter).await }).await??;
        let read = |found: Document| -> Result<Account, BoxError> {
            let text = |key: &str| found.get_str(key).map(str::to_owned);
            let user = User { id: text("_id")?, email: text("email")?, name: text("name").ok() };
            Ok(Account { user, password_hash: text("password_hash")? })
        };
        found.map(read).transpose()
    }
}

fn is_taken(error: &Error) -> bool {
    let ErrorKind::Write(WriteFailure::WriteError(refused)) = &*error.kind else { return false };
    refused.code == DUPLICATE_KEY
}
