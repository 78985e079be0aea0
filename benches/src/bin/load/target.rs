use std::path::Path;
use std::sync::Arc;

use order_adapters::sqlite::SqliteStore;
use order_benches::{Outcome, Shop};
use order_core::Error;
use order_core::id::CustomerId;
use order_core::memory::MemoryStore;
use order_core::store::Store;

use crate::measure::Measured;
use crate::options::{Options, Place, Scenario};
use crate::server::Server;

/// What became of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Done {
    Ordered,
    OutOfStock,
}

/// What is loaded. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    InProcess { name: &'static str, shop: Arc<Shop>, products: usize },
    Server(Arc<Server>),
}

impl Target {
    pub(crate) async fn open(options: &Options) -> Outcome<Self> {
        let (name, store): (_, Arc<dyn Store>) = match &options.place {
            Place::Server(url) => return Ok(Self::Server(Arc::new(Server::open(url, options).await?))),
            Place::Memory => ("memory", Arc::new(MemoryStore::default())),
            Place::Sqlite(path) if Path::new(path).exists() => {
                return Err(format!(
                    "{path} exists; what is in it could not be told from what this run does"
                )
                .into());
            }
            Place::Sqlite(path) => {
                let store = SqliteStore::builder().path(path).synchronous(options.synchronous);
                ("sqlite", Arc::new(store.open().await?))
            }
        };
        let products = if options.scenario == Scenario::HotSku { 1 } else { options.products };
        let shop = Arc::new(Shop::open(store, products, options.stock).await?);
        Ok(Self::InProcess { name, shop, products })
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Self::InProcess { name, .. } => name,
            Self::Server(_) => "http",
        }
    }

    /// How many products there are.
    pub(crate) fn products(&self) -> usize {
        match self {
            Self::InProcess { products, .. } => *products,
            Self::Server(server) => server.products(),
        }
    }

    /// Does it once.
    pub(crate) async fn order(&self, scenario: Scenario, client: usize, products: &[usize]) -> Outcome<Done> {
        let shop = match self {
            Self::InProcess { shop, .. } => shop,
            Self::Server(server) => return server.order(scenario, client, products).await,
        };
        let customer = CustomerId::new(format!("customer-{client}"))?;
        let ordered = match scenario {
            Scenario::Flow => shop.buy(&customer, products).await,
            Scenario::Place | Scenario::HotSku => shop.place(&customer, products).await,
        };
        match ordered {
            Ok(()) => Ok(Done::Ordered),
            Err(Error::OutOfStock(_)) => Ok(Done::OutOfStock),
            Err(error) => Err(error.into()),
        }
    }

    /// What is wrong after all that.
    pub(crate) async fn check(&self, options: &Options, measured: &Measured) -> Outcome<Vec<String>> {
        let (mut findings, taken) = match self {
            Self::InProcess { shop, products, .. } => {
                let mut taken = 0;
                for product in 0..*products {
                    taken += shop.taken(product).await?;
                }
                (shop.audit().await?, taken)
            }
            Self::Server(server) => server.check(options).await?,
        };
        let ordered = i64::try_from(measured.orders)?.saturating_mul(i64::try_from(options.lines)?);
        if ordered > taken || (measured.errors == 0 && ordered != taken) {
            findings.push(format!("{ordered} units were ordered, {taken} left the shelves"));
        }
        if options.scenario == Scenario::HotSku && taken != i64::from(options.stock) {
            findings.push(format!("{taken} of {} units were sold", options.stock));
        }
        Ok(findings)
    }
}
