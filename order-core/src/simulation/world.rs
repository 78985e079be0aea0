use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;

use crate::conformance::invariants::{self, Evidence};
use crate::error::{Error, Result, Retry};
use crate::gateway::Product;
use crate::id::{CustomerId, IdempotencyKey, LocationId, ProductId, ProviderId, SeededIds, SellerId};
use crate::inventory::StockKey;
use crate::memory::{MemoryCatalogue, MemoryStore, RecordingPublisher, SimulatedDelivery, SimulatedGateway};
use crate::money::{BasisPoints, Currency, Money};
use crate::order::{Actor, Order};
use crate::pricing::{FlatShipping, FlatTax, Pricing};
use crate::service::{Engine, Request};
use crate::simulation::{Chance, Executor, FaultyGateway, FaultyStore, Pauses};
use crate::store::Store;
use crate::time::{Clock as _, Duration, ManualClock};

mod customer;
mod letters;
mod provider;

/// How large a world is.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "callers write it as a literal")]
pub struct Settings {
    /// The number everything follows from.
    pub seed: u64,
    /// How many checkouts are made.
    pub checkouts: u32,
    /// How many of them at once.
    pub at_once: u32,
}

/// What a world came to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The number everything followed from.
    pub seed: u64,
    /// How many checkouts were made.
    pub checkouts: u32,
    /// How many of them became orders.
    pub orders: u32,
    /// How many webhooks were acknowledged, repetitions included.
    pub webhooks: u32,
    /// How often a process died.
    pub crashes: u32,
    /// A digest of everything that was done. The same seed gives the same.
    pub trace: u64,
    /// What does not hold. Nothing must be here.
    pub findings: Vec<String>,
}

const PROCESSES: usize = 3;
const PRODUCTS: u64 = 8;

/// What all tasks of a world share.
pub(super) struct Shared {
    pub(super) engine: Engine,
    pub(super) store: Arc<FaultyStore>,
    pub(super) gateway: Arc<FaultyGateway>,
    pub(super) provider: Arc<SimulatedGateway>,
    pub(super) publisher: RecordingPublisher,
    pub(super) clock: Arc<ManualClock>,
    pub(super) chance: Arc<Chance>,
    pub(super) pauses: Pauses,
    pub(super) epochs: [Cell<u32>; PROCESSES],
    pub(super) crashes: Cell<u32>,
    pub(super) webhooks: Cell<u32>,
    /// Webhooks that are on their way.
    pub(super) letters: RefCell<Vec<SimulatedDelivery>>,
    pub(super) open: Cell<u32>,
    pub(super) left: Cell<u32>,
    pub(super) accepted: RefCell<Vec<(Request, crate::service::PlaceOrder, Order)>>,
    pub(super) findings: RefCell<Vec<String>>,
}

impl Shared {
    /// Runs a future in one of the processes. `None` when the process dies before it is ready.
    pub(super) async fn in_process<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let epoch = self.epochs.get(self.chance.index(PROCESSES))?;
        let begun = epoch.get();
        let mut work = Box::pin(work);
        std::future::poll_fn(|context| {
            if epoch.get() != begun {
                return std::task::Poll::Ready(None);
            }
            work.as_mut().poll(context).map(Some)
        })
        .await
    }

    pub(super) fn minutes(&self, most: u64) -> Duration {
        Duration::seconds(i64::try_from(self.chance.below(most.saturating_mul(60))).unwrap_or(0))
    }

    pub(super) async fn wait(&self, most_minutes: u64) {
        let at = self.clock.now() + self.minutes(most_minutes);
        self.pauses.until(at).await;
    }

    fn find(&self, finding: String) {
        self.findings.borrow_mut().push(finding);
    }
}

/// Runs a world to its end, and audits it.
///
/// # Errors
/// When the world can't be built, or be read at its end.
pub fn run(settings: Settings) -> Result<Report> {
    run_on(settings, Arc::new(MemoryStore::default()))
}

/// Runs a world on a store of its own.
///
/// # Errors
/// As [`run`].
pub fn run_on(settings: Settings, store: Arc<dyn Store>) -> Result<Report> {
    let shared = Rc::new(build(settings, store)?);
    let mut executor = Executor::new(shared.clock.clone(), shared.chance.clone(), shared.pauses.clone());
    let stocked = Rc::new(RefCell::new(BTreeMap::new()));
    let (world, shelves) = (shared.clone(), stocked.clone());
    executor.spawn(async move {
        let put = stock(&world).await;
        shelves.replace(put);
    });
    executor.run_until(|| false);

    for _ in 0..settings.at_once {
        executor.spawn(customer::shop(shared.clone()));
    }
    for _ in 0..PROCESSES {
        executor.spawn(sweep(shared.clone()));
    }
    for _ in 0..2 {
        executor.spawn(provider::act(shared.clone()));
    }
    for _ in 0..letters::COURIERS {
        executor.spawn(letters::carry(shared.clone()));
    }
    executor.spawn(crash(shared.clone()));
    executor.spawn(post(shared.clone()));
    executor.run_until(|| false);

    shared.store.calm();
    shared.gateway.calm();
    let (world, stocked) = (shared.clone(), stocked.take());
    let ended = Rc::new(Cell::new(false));
    let end = ended.clone();
    executor.spawn(async move {
        if let Err(error) = finish(&world, &stocked).await {
            world.find(format!("the world could not be read at its end: {error}"));
        }
        end.set(true);
    });
    executor.run_until(|| ended.get());
    Ok(Report {
        seed: settings.seed,
        checkouts: settings.checkouts,
        orders: u32::try_from(shared.accepted.borrow().len()).unwrap_or(u32::MAX),
        webhooks: shared.webhooks.get(),
        crashes: shared.crashes.get(),
        trace: executor.trace(),
        findings: shared.findings.take(),
    })
}

fn build(settings: Settings, store: Arc<dyn Store>) -> Result<Shared> {
    let clock = Arc::new(ManualClock::default());
    let chance = Arc::new(Chance::new(settings.seed));
    let pauses = Pauses::default();
    let provider = Arc::new(SimulatedGateway::with_webhooks(letters::webhooks()?));
    let gateway =
        Arc::new(FaultyGateway::new(provider.clone(), clock.clone(), chance.clone(), pauses.clone()));
    let store = Arc::new(FaultyStore::new(store, chance.clone(), pauses.clone()));
    let catalogue = MemoryCatalogue::default();
    for number in 0..PRODUCTS {
        let id = product(number)?;
        let seller =
            SellerId::new(format!("seller-{}", number % 3)).map_err(|_| Error::Internal("a seller"))?;
        let price = Money::from_minor(i64::try_from(number * 377 + 199).unwrap_or(199), Currency::EUR);
        catalogue.insert(Product::new(id, format!("Product {number}"), seller, price));
    }
    let provider_id = provider_id()?;
    let engine = Engine::builder(store.clone())
        .catalogue(Arc::new(catalogue))
        .payment_gateway(provider_id.clone(), gateway.clone())
        .provider_books(provider_id.clone(), gateway.clone())
        .notice_reader(provider_id, Arc::new(letters::webhooks()?))
        .clock(clock.clone())
        .ids(Arc::new(SeededIds::new(settings.seed)))
        .pricing(
            Pricing::default()
                .with_shipping(FlatShipping::new(Money::from_minor(499, Currency::EUR)))
                .with_tax(FlatTax::on_top(BasisPoints::new(1_900))),
        )
        .build()?;
    Ok(Shared {
        engine,
        store,
        gateway,
        provider,
        publisher: RecordingPublisher::default(),
        clock,
        chance,
        pauses,
        epochs: Default::default(),
        crashes: Cell::new(0),
        webhooks: Cell::new(0),
        letters: RefCell::default(),
        open: Cell::new(settings.at_once),
        left: Cell::new(settings.checkouts),
        accepted: RefCell::default(),
        findings: RefCell::default(),
    })
}

pub(super) fn product(number: u64) -> Result<ProductId> {
    ProductId::new(format!("product-{number}")).map_err(|_| Error::Internal("a product"))
}

/// Puts goods on the shelves: of some products plenty, of others too few, at one location or two.
async fn stock(world: &Shared) -> BTreeMap<StockKey, i64> {
    let mut stocked = BTreeMap::new();
    let staff = Request::by(Actor::Service("stock".to_owned()));
    for number in 0..PRODUCTS {
        for place in ["main", "outpost"].iter().take(if number % 4 == 0 { 2 } else { 1 }) {
            let (Ok(id), Ok(location)) = (product(number), LocationId::new(place)) else { return stocked };
            let units = if number % 2 == 0 { world.left.get() * 3 } else { world.left.get() / 6 + 1 };
            while world
                .engine
                .inventory()
                .set(id.clone(), location.clone(), units, None, &staff)
                .await
                .is_err()
            {}
            stocked.insert(StockKey::new(id, location), i64::from(units));
        }
    }
    stocked
}

/// One process's background passes, as long as customers shop.
async fn sweep(world: Rc<Shared>) {
    while world.open.get() > 0 {
        world.wait(4).await;
        let passes = world.engine.passes();
        let work = async {
            let _ = passes.advance(20).await;
            let _ = passes.attend(20).await;
            let _ = passes.expire_reservations(20).await;
            if world.chance.happens(100) {
                world.publisher.fail_next(1);
            }
            let _ = passes.relay(&world.publisher, 50).await;
        };
        let _ = world.in_process(work).await;
    }
}

/// Processes die, now and then, with everything they are doing.
async fn crash(world: Rc<Shared>) {
    while world.open.get() > 0 {
        world.wait(3).await;
        if let Some(epoch) = world.epochs.get(world.chance.index(PROCESSES)) {
            epoch.set(epoch.get().wrapping_add(1));
            world.crashes.set(world.crashes.get() + 1);
        }
    }
}

/// The network delivers what is late.
async fn post(world: Rc<Shared>) {
    while world.open.get() > 0 {
        world.wait(30).await;
        world.gateway.deliver_late().await;
    }
}

/// The faults have stopped: what is late arrives, the passes run until nothing is due, and everything is audited.
async fn finish(world: &Shared, stocked: &BTreeMap<StockKey, i64>) -> Result<()> {
    let passes = world.engine.passes();
    let mut calm = 0;
    while calm < 16 {
        world.clock.advance(Duration::hours(6));
        let on_their_way = world.gateway.deliver_late().await;
        if calm % 8 == 0 {
            provider::read_all(world).await?;
        }
        letters::bring_all(world).await?;
        loop {
            let report = passes.advance(100).await?;
            if report.failed > 0 {
                world.find(format!("{} orders could not be advanced", report.failed));
            }
            if report.found < 100 || report.failed > 0 {
                break;
            }
        }
        passes.expire_reservations(1_000).await?;
        // A delivery that was refused waits at most an hour.
        while passes.relay(&world.publisher, 1_000).await?.found > 0 {}
        calm = if on_their_way == 0 { calm + 1 } else { 0 };
    }
    letters::check(world).await?;
    check_accepted(world).await?;
    let (books, events) = (world.provider.books(), world.publisher.events());
    let records = world.publisher.stock_records();
    let evidence = Evidence {
        books: &books,
        stocked,
        sold_elsewhere: &BTreeMap::new(),
        heard: Some(&events),
        heard_stock: Some(&records),
        is_at_rest: true,
        now: world.clock.now(),
    };
    for finding in invariants::check(&*world.store, &evidence).await? {
        world.find(finding);
    }
    Ok(())
}

/// Every order that a customer was told of is there, and the same request is answered the same.
async fn check_accepted(world: &Shared) -> Result<()> {
    let accepted = world.accepted.take();
    let count = accepted.len();
    let mut ids = std::collections::HashSet::new();
    for (request, command, answer) in &accepted {
        let again = world.engine.orders().place(command.clone(), request).await?;
        if !again.replayed || again.value != *answer {
            world.find(format!("{}: a repeated request was answered otherwise", answer.id));
        }
        ids.insert(answer.id);
    }
    if ids.len() != count {
        world.find("one order was the answer to two requests".to_owned());
    }
    *world.accepted.borrow_mut() = accepted;
    Ok(())
}

pub(super) fn provider_id() -> Result<ProviderId> {
    ProviderId::new("simulated").map_err(|_| Error::Internal("a provider"))
}

pub(super) fn idempotency_key(number: u64) -> Result<IdempotencyKey> {
    IdempotencyKey::new(format!("key-{number:016x}")).map_err(|_| Error::Internal("a key"))
}

pub(super) fn customer_id(number: u64) -> Result<CustomerId> {
    CustomerId::new(format!("customer-{number}")).map_err(|_| Error::Internal("a customer"))
}

/// Whether an error says that the same request may be made again.
pub(super) fn may_repeat(error: &Error) -> bool {
    error.retry() == Retry::Later || matches!(error, Error::InFlight)
}
