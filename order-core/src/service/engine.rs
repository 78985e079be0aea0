use std::collections::HashMap;
use std::sync::Arc;

use crate::error::{Error, Invalid, Result};
use crate::gateway::{
    Catalogue, Customers, Hook, NoticeReader, PaymentGateway, Product, ProviderBooks, Step, VouchedCustomers,
};
use crate::id::{IdSource, LocationId, ProductId, ProviderId, SystemIds};
use crate::order::{Actor, Context, Draft, NumberStrategy, Order, OrderPolicy, RandomNumbers};
use crate::pricing::Pricing;
use crate::service::known_carts::KnownCarts;
use crate::service::known_stock::KnownStock;
use crate::service::reconciliation::Seen;
use crate::service::setbacks::Setbacks;
use crate::service::{Carts, Inventory, Orders, Passes, Payments, Reconciliation, Request, Webhooks};
use crate::store::{CommitOutcome, Refusal, Store, WriteSet};
use crate::time::{Clock, Duration, SystemClock, Timestamp};

/// How often a commit whose outcome is unknown is sent again, and a decision that lost a race is made anew. Two callers that take
/// turns settle in two; more than this many in a row means that something is wrong.
pub(crate) const MAX_TRIES: u32 = 24;

/// The order engine. See the [module](crate::service).
#[derive(Debug, Clone)]
pub struct Engine {
    pub(crate) parts: Arc<Parts>,
}

#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) catalogue: Arc<dyn Catalogue>,
    pub(crate) customers: Arc<dyn Customers>,
    pub(crate) gateways: HashMap<ProviderId, Arc<dyn PaymentGateway>>,
    pub(crate) books: HashMap<ProviderId, Arc<dyn ProviderBooks>>,
    pub(crate) readers: HashMap<ProviderId, Arc<dyn NoticeReader>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) pricing: Pricing,
    pub(crate) policy: OrderPolicy,
    pub(crate) numbers: Arc<dyn NumberStrategy>,
    pub(crate) hooks: Vec<Arc<dyn Hook>>,
    pub(crate) location: LocationId,
    pub(crate) guard: Duration,
    pub(crate) setbacks: Setbacks,
    pub(crate) seen: Seen,
    pub(crate) known_carts: KnownCarts,
    pub(crate) known_stock: KnownStock,
}

impl Engine {
    /// Begins an engine on a store.
    pub fn builder(store: Arc<dyn Store>) -> EngineBuilder {
        EngineBuilder {
            store,
            catalogue: None,
            customers: Arc::new(VouchedCustomers),
            gateways: HashMap::new(),
            books: HashMap::new(),
            readers: HashMap::new(),
            clock: Arc::new(SystemClock),
            ids: Arc::new(SystemIds),
            pricing: Pricing::default(),
            policy: OrderPolicy::default(),
            numbers: Arc::new(RandomNumbers),
            hooks: Vec::new(),
            location: None,
            guard: Reconciliation::GUARD,
        }
    }

    /// Carts.
    pub fn carts(&self) -> Carts<'_> {
        Carts { parts: &self.parts }
    }

    /// Orders.
    pub fn orders(&self) -> Orders<'_> {
        Orders { parts: &self.parts }
    }

    /// Payments.
    pub fn payments(&self) -> Payments<'_> {
        Payments { parts: &self.parts }
    }

    /// What payment providers tell of their own accord.
    pub fn webhooks(&self) -> Webhooks<'_> {
        Webhooks { parts: &self.parts }
    }

    /// Stock and reservations.
    pub fn inventory(&self) -> Inventory<'_> {
        Inventory { parts: &self.parts }
    }

    /// Providers' books beside ours.
    pub fn reconciliation(&self) -> Reconciliation<'_> {
        Reconciliation { parts: &self.parts }
    }

    /// What a host runs in the background.
    pub fn passes(&self) -> Passes<'_> {
        Passes { parts: &self.parts }
    }

    /// The store it works on.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.parts.store
    }

    /// Its clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.parts.clock
    }

    /// Where its ids come from.
    pub fn ids(&self) -> &Arc<dyn IdSource> {
        &self.parts.ids
    }
}

/// Builds an [`Engine`].
#[derive(Debug)]
pub struct EngineBuilder {
    store: Arc<dyn Store>,
    catalogue: Option<Arc<dyn Catalogue>>,
    customers: Arc<dyn Customers>,
    gateways: HashMap<ProviderId, Arc<dyn PaymentGateway>>,
    books: HashMap<ProviderId, Arc<dyn ProviderBooks>>,
    readers: HashMap<ProviderId, Arc<dyn NoticeReader>>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    pricing: Pricing,
    policy: OrderPolicy,
    numbers: Arc<dyn NumberStrategy>,
    hooks: Vec<Arc<dyn Hook>>,
    location: Option<LocationId>,
    guard: Duration,
}

impl EngineBuilder {
    /// Where products come from. The one thing an engine cannot do without.
    #[must_use]
    pub fn catalogue(mut self, catalogue: Arc<dyn Catalogue>) -> Self {
        self.catalogue = Some(catalogue);
        self
    }

    /// Who may order. By default everybody the host lets in ([`VouchedCustomers`]).
    #[must_use]
    pub fn customers(mut self, customers: Arc<dyn Customers>) -> Self {
        self.customers = customers;
        self
    }

    /// Adds a payment provider under its name.
    #[must_use]
    pub fn payment_gateway(mut self, provider: ProviderId, gateway: Arc<dyn PaymentGateway>) -> Self {
        self.gateways.insert(provider, gateway);
        self
    }

    /// Adds a provider's books under its name, so that what happens there without us is seen.
    #[must_use]
    pub fn provider_books(mut self, provider: ProviderId, books: Arc<dyn ProviderBooks>) -> Self {
        self.books.insert(provider, books);
        self
    }

    /// Adds who reads a provider's webhooks, under its name, so that [`webhooks`](Engine::webhooks) take them in. The provider's
    /// [gateway](Self::payment_gateway) or its [books](Self::provider_books) must be there too, as somebody has to be asked what is
    /// true.
    #[must_use]
    pub fn notice_reader(mut self, provider: ProviderId, reader: Arc<dyn NoticeReader>) -> Self {
        self.readers.insert(provider, reader);
        self
    }

    /// The clock. By default the operating system's.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Where ids come from. By default [`SystemIds`].
    #[must_use]
    pub fn ids(mut self, ids: Arc<dyn IdSource>) -> Self {
        self.ids = ids;
        self
    }

    /// The rules for discounts, shipping and tax. By default there are none.
    #[must_use]
    pub fn pricing(mut self, pricing: Pricing) -> Self {
        self.pricing = pricing;
        self
    }

    /// The host's policy about orders.
    #[must_use]
    pub fn order_policy(mut self, policy: OrderPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// How orders are numbered. By default [`RandomNumbers`].
    #[must_use]
    pub fn numbers(mut self, numbers: Arc<dyn NumberStrategy>) -> Self {
        self.numbers = numbers;
        self
    }

    /// Adds a hook. Hooks are asked in the order in which they were added.
    #[must_use]
    pub fn hook(mut self, hook: Arc<dyn Hook>) -> Self {
        self.hooks.push(hook);
        self
    }

    /// Where stock is looked for first. By default at `main`. Other locations are used when it is short.
    #[must_use]
    pub fn location(mut self, location: LocationId) -> Self {
        self.location = Some(location);
        self
    }

    /// How young a payment is left alone by reconciliations. By default [`Reconciliation::GUARD`]. With less they tell of checkouts that
    /// are still under way; what they repair is right all the same.
    #[must_use]
    pub fn reconciliation_guard(mut self, guard: Duration) -> Self {
        self.guard = guard;
        self
    }

    /// The engine.
    ///
    /// # Errors
    /// [`Invalid`], naming what is missing or wrong.
    pub fn build(self) -> Result<Engine, Invalid> {
        let missing = || Invalid::field("/catalogue", "required", "an engine needs a catalogue");
        let main =
            || LocationId::new("main").map_err(|_| Invalid::field("/location", "required", "is required"));
        let is_known = |id: &&ProviderId| self.gateways.contains_key(*id) || self.books.contains_key(*id);
        if let Some(provider) = self.readers.keys().find(|id| !is_known(id)) {
            let problem = format!("webhooks of {provider} are read, but it has neither a gateway nor books");
            return Err(Invalid::field("/notice_reader", "required", problem));
        }
        if self.guard < Duration::zero() {
            return Err(Invalid::field("/reconciliation_guard", "out_of_range", "must not be negative"));
        }
        let parts = Parts {
            store: self.store,
            catalogue: self.catalogue.ok_or_else(missing)?,
            customers: self.customers,
            gateways: self.gateways,
            books: self.books,
            readers: self.readers,
            clock: self.clock,
            ids: self.ids,
            pricing: self.pricing,
            policy: self.policy,
            numbers: self.numbers,
            hooks: self.hooks,
            location: self.location.map_or_else(main, Ok)?,
            guard: self.guard,
            setbacks: Setbacks::default(),
            seen: Seen::default(),
            known_carts: KnownCarts::default(),
            known_stock: KnownStock::default(),
        };
        Ok(Engine { parts: Arc::new(parts) })
    }
}

impl Parts {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The context of a decision that somebody asked for.
    pub(crate) fn context(&self, request: &Request) -> Context<'_> {
        let key = request.idempotency.as_ref().map(|idempotency| idempotency.key.to_string());
        let correlation = request.correlation.clone().or(key);
        Context::new(self.now(), &*self.ids, request.actor.clone(), correlation)
    }

    /// The context of a decision that follows from facts.
    pub(crate) fn own_context(&self, correlation: Option<&str>) -> Context<'_> {
        Context::new(self.now(), &*self.ids, Actor::Engine, correlation.map(str::to_owned))
    }

    /// Commits a write-set, and sends it again while its outcome is unknown.
    pub(crate) async fn commit(&self, set: &WriteSet) -> Result<Result<(), Refusal>> {
        let mut is_in_doubt = false;
        for _ in 0..MAX_TRIES {
            match self.store.commit(set).await {
                Ok(CommitOutcome::Applied) => {
                    self.known_stock.change(&set.stock);
                    return Ok(Ok(()));
                }
                Ok(CommitOutcome::Refused(refusal)) => return Ok(Err(refusal)),
                Ok(CommitOutcome::Unknown) => is_in_doubt = true,
                // This try has written nothing; an earlier one may have.
                Err(_) if is_in_doubt => break,
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::OutcomeUnknown)
    }

    /// Asks every hook about a step.
    pub(crate) async fn ask_hooks(&self, before: Option<&Order>, draft: &Draft, actor: &Actor) -> Result<()> {
        for hook in &self.hooks {
            let step = Step::new(actor, before, draft.order(), draft.events());
            if let Err(veto) = hook.before(step).await? {
                return Err(Error::Vetoed { hook: hook.name(), reason: veto.reason });
            }
        }
        Ok(())
    }

    /// The products with these ids, by id.
    pub(crate) async fn products(&self, ids: &[ProductId]) -> Result<HashMap<ProductId, Product>> {
        let products = self.catalogue.products(ids).await?;
        Ok(products.into_iter().map(|product| (product.id.clone(), product)).collect())
    }
}
