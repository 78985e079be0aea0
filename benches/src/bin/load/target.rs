use std::sync::Arc;

use order_benches::measure::{Crowd, Done, Measured, some_of};
use order_benches::stores::Opened;
use order_benches::{Outcome, Shop};
use order_core::Error;
use order_core::id::CustomerId;

use crate::options::{Options, Place, Scenario};
use crate::server::Server;

/// What is loaded. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    InProcess { name: &'static str, shop: Arc<Shop>, products: usize },
    Server(Arc<Server>),
}

impl Target {
    /// Opens it, with what has to be removed in the end.
    pub(crate) async fn open(options: &Options) -> Outcome<(Self, Option<Opened>)> {
        let place = match &options.place {
            Place::Server(url) => {
                return Ok((Self::Server(Arc::new(Server::open(url, options).await?)), None));
            }
            Place::Store(place) => place,
        };
        let opened = Opened::open(place, options.synchronous).await?;
        let shop = Shop::open(Arc::clone(&opened.store), options.products, options.stock).await?;
        let target = Self::InProcess { name: place.name(), shop: Arc::new(shop), products: options.products };
        Ok((target, Some(opened)))
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::InProcess { name, .. } => name,
            Self::Server(_) => "http",
        }
    }

    /// Lets the customers in.
    pub(crate) async fn run(&self, options: &Options) -> Measured {
        let is_sale = options.scenario == Scenario::HotSku;
        let crowd = Crowd { clients: options.clients, seconds: (!is_sale).then_some(options.seconds) };
        let (target, scenario, lines) = (self.clone(), options.scenario, options.lines);
        crowd
            .run(move |client, drawn| {
                let target = target.clone();
                async move { target.order(scenario, client, drawn, lines).await }
            })
            .await
    }

    /// How many products there are.
    fn products(&self) -> usize {
        match self {
            Self::InProcess { products, .. } => *products,
            Self::Server(server) => server.products(),
        }
    }

    /// Does it once.
    async fn order(&self, scenario: Scenario, client: usize, drawn: usize, lines: usize) -> Outcome<Done> {
        let is_hot = matches!(scenario, Scenario::Hot | Scenario::HotSku);
        let mut products = some_of(self.products(), if is_hot { 0 } else { drawn }, lines);
        if scenario == Scenario::Opposite && client % 2 == 1 {
            products.reverse();
        }
        let shop = match self {
            Self::InProcess { shop, .. } => shop,
            Self::Server(server) => return server.order(scenario, client, &products).await,
        };
        let customer = CustomerId::new(format!("customer-{client}"))?;
        let ordered = match scenario {
            Scenario::Flow => shop.buy(&customer, &products, false).await,
            Scenario::FlowAtOnce => shop.buy(&customer, &products, true).await,
            Scenario::Place | Scenario::Spread | Scenario::Hot | Scenario::HotSku | Scenario::Opposite => {
                shop.place(&customer, &products).await
            }
            Scenario::Get | Scenario::List => return Err("only a server is asked".into()),
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
            Self::InProcess { shop, products, .. } => (shop.audit().await?, shop.taken(*products).await?),
            Self::Server(server) => server.check(options).await?,
        };
        let ordered = i64::try_from(measured.orders)?.saturating_mul(i64::try_from(options.lines)?);
        if options.scenario.only_reads() {
            return Ok(findings);
        }
        if ordered > taken || (measured.errors == 0 && ordered != taken) {
            findings.push(format!("{ordered} units were ordered, {taken} left the shelves"));
        }
        if options.scenario == Scenario::HotSku && taken != i64::from(options.stock) {
            findings.push(format!("{taken} of {} units were sold", options.stock));
        }
        Ok(findings)
    }
}
