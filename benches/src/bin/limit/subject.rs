use std::sync::Arc;

use order_adapters::sqlite::Synchronous;
use order_benches::baseline::{mongodb, postgres};
use order_benches::figures::Figures;
use order_benches::measure::{Crowd, Done, some_of};
use order_benches::stores::{Opened, Place};
use order_benches::{Outcome, Shop};
use order_core::id::CustomerId;

use crate::options::Options;

/// How many products a shop has.
const PRODUCTS: usize = 300;

/// The units of each product: nothing is ever sold out.
const UNITS: u32 = 100_000_000;

/// What is measured in turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    /// One tiny insert per commit.
    Tick,
    /// Each caller commits its order by one call of one function.
    OneTrip,
    /// One statement for all orders that wait.
    Group,
    /// The same, of one product.
    GroupHot,
    /// Our store.
    Store,
    /// The same, of one product.
    StoreHot,
    /// The whole flow, each commit one call.
    FlowByHand,
    /// The whole flow in our store.
    StoreFlow,
}

impl Subject {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tick => "tick",
            Self::OneTrip => "one-trip",
            Self::Group => "group",
            Self::GroupHot => "group-hot",
            Self::FlowByHand => "by-hand",
            Self::Store | Self::StoreFlow => "order-core",
            Self::StoreHot => "order-core-hot",
        }
    }

    fn is_hot(self) -> bool {
        matches!(self, Self::GroupHot | Self::StoreHot)
    }
}

/// What takes turns, with its tables.
#[derive(Debug)]
pub(crate) struct Subjects {
    place: Place,
    opened: Opened,
    shop: Arc<Shop>,
}

impl Subjects {
    pub(crate) async fn open(options: &Options) -> Outcome<Self> {
        let opened = Opened::open(&options.store, Synchronous::Full).await?;
        let shop = Arc::new(Shop::open(Arc::clone(&opened.store), PRODUCTS, UNITS).await?);
        Ok(Self { place: options.store.clone(), opened, shop })
    }

    /// Measures one of them, and tells what is wrong afterwards. A baseline has fresh tables each time, the store keeps its own.
    pub(crate) async fn measure(
        &self,
        subject: Subject,
        options: &Options,
    ) -> Outcome<(Figures, Vec<String>)> {
        self.place.settle().await?;
        match subject {
            Subject::Store | Subject::StoreHot | Subject::StoreFlow => self.store(subject, options).await,
            Subject::Tick | Subject::OneTrip | Subject::Group | Subject::GroupHot | Subject::FlowByHand => {
                let baseline = Baseline::open(&self.place).await?;
                let measured = measure_baseline(&baseline, subject, options).await;
                baseline.remove().await?;
                measured
            }
        }
    }

    async fn store(&self, subject: Subject, options: &Options) -> Outcome<(Figures, Vec<String>)> {
        let before = self.shop.taken(PRODUCTS).await?;
        let (shop, lines) = (Arc::clone(&self.shop), options.lines);
        let crowd = Crowd { clients: options.clients, seconds: Some(options.seconds) };
        let measured = crowd
            .run(move |client, drawn| {
                let shop = Arc::clone(&shop);
                async move {
                    let products = some_of(PRODUCTS, if subject.is_hot() { 0 } else { drawn }, lines);
                    let customer = CustomerId::new(format!("customer-{client}"))?;
                    if subject == Subject::StoreFlow {
                        shop.buy(&customer, &products, false).await?;
                    } else {
                        shop.place(&customer, &products).await?;
                    }
                    Ok(Done::Ordered)
                }
            })
            .await;
        let taken = self.shop.taken(PRODUCTS).await? - before;
        let ordered = i64::try_from(measured.orders)? * i64::try_from(lines)?;
        let mut findings = Vec::new();
        if taken != ordered {
            findings.push(format!("{ordered} units were ordered, {taken} left the shelves"));
        }
        findings.extend(measured.error.clone());
        Ok((Figures::of(&measured), findings))
    }

    pub(crate) async fn remove(self) -> Outcome {
        self.opened.remove().await
    }
}

/// A database's baselines. Clones are the same.
#[derive(Debug, Clone)]
enum Baseline {
    Postgres(postgres::Baseline),
    Mongo(mongodb::Baseline),
}

impl Baseline {
    async fn open(place: &Place) -> Outcome<Self> {
        match place {
            Place::Postgres(url) => Ok(Self::Postgres(postgres::Baseline::open(url, PRODUCTS, UNITS).await?)),
            Place::Mongo(url) => Ok(Self::Mongo(mongodb::Baseline::open(url, PRODUCTS, UNITS).await?)),
            Place::Memory | Place::Sqlite(_) => Err("there is no baseline".into()),
        }
    }

    async fn write(&self, subject: Subject, client: usize, products: &[usize]) -> Outcome {
        match (self, subject) {
            (Self::Postgres(baseline), Subject::Tick) => baseline.tick(client).await,
            (Self::Postgres(baseline), Subject::OneTrip) => baseline.place(client, products).await,
            (Self::Postgres(baseline), Subject::FlowByHand) => baseline.buy(client, products).await,
            (Self::Postgres(baseline), _) => baseline.place_in_group(client, products).await,
            (Self::Mongo(baseline), Subject::Tick) => baseline.tick(client).await,
            (Self::Mongo(baseline), _) => baseline.place_in_group(client, products).await,
        }
    }

    async fn adds_up(&self, subject: Subject, orders: u64, lines: usize) -> Outcome<bool> {
        match self {
            Self::Postgres(baseline) if subject == Subject::FlowByHand => {
                baseline.is_paid_up(orders, lines).await
            }
            Self::Postgres(baseline) => baseline.adds_up(orders, lines).await,
            Self::Mongo(baseline) => {
                let stocked = i64::try_from(PRODUCTS)? * i64::from(UNITS);
                baseline.adds_up(orders, lines, stocked).await
            }
        }
    }

    async fn remove(self) -> Outcome {
        match self {
            Self::Postgres(baseline) => baseline.remove().await,
            Self::Mongo(baseline) => baseline.remove().await,
        }
    }
}

async fn measure_baseline(
    baseline: &Baseline,
    subject: Subject,
    options: &Options,
) -> Outcome<(Figures, Vec<String>)> {
    let lines = options.lines;
    let crowd = Crowd { clients: options.clients, seconds: Some(options.seconds) };
    let writer = baseline.clone();
    let measured = crowd
        .run(move |client, drawn| {
            let writer = writer.clone();
            async move {
                let products = some_of(PRODUCTS, if subject.is_hot() { 0 } else { drawn }, lines);
                writer.write(subject, client, &products).await?;
                Ok(Done::Ordered)
            }
        })
        .await;
    let mut findings = Vec::new();
    if subject != Subject::Tick && !baseline.adds_up(subject, measured.orders, lines).await? {
        findings.push("what was written does not add up".to_owned());
    }
    findings.extend(measured.error.clone());
    Ok((Figures::of(&measured), findings))
}
