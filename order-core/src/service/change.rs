use crate::checkout::{Drive, next_step};
use crate::error::{Error, Result};
use crate::id::OrderId;
use crate::order::{Actor, Context, Draft, LatePayment, Order, OrderPolicy};
use crate::service::engine::{MAX_TRIES, Parts};
use crate::service::{Done, Idempotency, Request};
use crate::store::{Aggregate, IdempotencyPut, IdempotencyRecord, Refusal, UniqueKey, WriteSet};
use crate::time::Timestamp;

/// What became of an idempotency key that is about to be used.
pub(crate) enum Key {
    /// It is new, or there is none.
    Fresh(Option<IdempotencyRecord>),
    /// It was used for this very request before.
    Used(IdempotencyRecord),
}

impl Parts {
    /// Changes an order: load, decide, commit, again while somebody else was faster; then drives what the change has begun.
    pub(crate) async fn change<F>(&self, id: OrderId, request: &Request, decide: F) -> Result<Done<Order>>
    where
        F: Fn(&mut Draft, &Context<'_>) -> Result<()> + Send + Sync,
    {
        let record = match self.key(request, id.uuid()).await? {
            Key::Used(record) => return Box::pin(self.replay(record, request)).await,
            Key::Fresh(record) => record,
        };
        for _ in 0..MAX_TRIES {
            let order = self.load(id, &request.actor).await?;
            check_version("order", request.if_version, order.version)?;
            let context = self.context(request);
            let mut draft = Draft::change(order.clone(), &context);
            decide(&mut draft, &context)?;
            if draft.is_empty() {
                return Ok(Done::now(order));
            }
            self.ask_hooks(Some(&order), &draft, &request.actor).await?;
            let mut drive = Drive::default();
            drive.claim(draft.events());
            let (mut set, order) = draft.into_write_set();
            let mut open = record.clone();
            set.idempotency = begin_answer(&mut open, &order, context.now, &drive);
            match self.commit(&set).await? {
                Ok(()) => {
                    return Box::pin(self.drive(order, drive, open, context.correlation.as_deref()))
                        .await
                        .map(Done::now);
                }
                Err(Refusal::IdempotencyKey) => return Box::pin(self.replay_refused(request)).await,
                Err(refusal) => try_again(&refusal)?,
            }
        }
        Err(Error::Contended)
    }

    /// Looks up a request's idempotency key.
    pub(crate) async fn key(&self, request: &Request, subject: uuid::Uuid) -> Result<Key> {
        let Some(idempotency) = &request.idempotency else { return Ok(Key::Fresh(None)) };
        let scope = request.scope();
        if let Some(record) = self.store.find_idempotency(&scope, &idempotency.key).await? {
            if record.fingerprint != idempotency.fingerprint {
                return Err(Error::IdempotencyKeyReused);
            }
            return Ok(Key::Used(record));
        }
        Ok(Key::Fresh(self.unused_key(request, subject)))
    }

    /// The record of a request's idempotency key, for a commit to write: it is refused if there is one already.
    pub(crate) fn unused_key(&self, request: &Request, subject: uuid::Uuid) -> Option<IdempotencyRecord> {
        let Idempotency { key, fingerprint } = request.idempotency.clone()?;
        Some(IdempotencyRecord::new(request.scope(), key, fingerprint, subject, self.now()))
    }

    /// Answers a request whose key was taken while it was being decided.
    pub(crate) async fn replay_refused(&self, request: &Request) -> Result<Done<Order>> {
        match self.key(request, uuid::Uuid::nil()).await? {
            Key::Used(record) => Box::pin(self.replay(record, request)).await,
            Key::Fresh(_) => Err(Error::Contended),
        }
    }

    /// Answers a request that was made before: with the order as it was then. When its maker has not come to the end, and nobody
    /// is at it, this caller brings it there.
    pub(crate) async fn replay(&self, record: IdempotencyRecord, request: &Request) -> Result<Done<Order>> {
        let id = OrderId::from_uuid(record.subject);
        if let Some(version) = record.answered_version {
            return self.order_at(id, version).await.map(Done::before);
        }
        let order = self.store.find_order(id).await?.ok_or(Error::NotFound { what: "order" })?;
        if order.is_in_flight(self.now()) {
            return Err(Error::InFlight);
        }
        let correlation = request.correlation.as_deref();
        Box::pin(self.drive(order, Drive::default(), Some(record), correlation)).await.map(Done::before)
    }

    /// An order as it was at a version.
    pub(crate) async fn order_at(&self, id: OrderId, version: u64) -> Result<Order> {
        let history = self.store.history(id).await?;
        Order::fold(history.iter().take_while(|record| record.sequence <= version))
    }

    /// An order that an actor may see.
    pub(crate) async fn load(&self, id: OrderId, actor: &Actor) -> Result<Order> {
        let order = self.store.find_order(id).await?;
        order.filter(|order| may_see(actor, order)).ok_or(Error::NotFound { what: "order" })
    }

    /// The policy to decide by when stock turned out to be gone: late money goes back.
    pub(crate) fn policy_without_stock(&self) -> OrderPolicy {
        OrderPolicy { late_payment: LatePayment::Refund, ..self.policy.clone() }
    }
}

/// Adds the answer of a request to the write-set that brings its order to rest.
pub(crate) fn begin_answer(
    open: &mut Option<IdempotencyRecord>,
    order: &Order,
    now: Timestamp,
    drive: &Drive,
) -> Option<IdempotencyPut> {
    let mut record = open.clone()?;
    if next_step(order, now, drive).is_none() && !order.is_in_flight(now) {
        record.answered_version = Some(order.version);
        *open = None;
    }
    Some(IdempotencyPut { is_new: true, record })
}

/// Whether an actor may know of an order. To everybody else it does not exist.
pub(crate) fn may_see(actor: &Actor, order: &Order) -> bool {
    match actor {
        Actor::Customer(id) => order.customer_id == *id,
        Actor::Seller(id) => order.seller(id).is_some(),
        Actor::Staff(_) | Actor::Service(_) | Actor::Engine => true,
    }
}

/// Refuses whoever is not of the staff or a service.
pub(crate) fn only_staff(actor: &Actor) -> Result<()> {
    match actor {
        Actor::Staff(_) | Actor::Service(_) | Actor::Engine => Ok(()),
        Actor::Customer(_) | Actor::Seller(_) => Err(Error::Forbidden { what: "this is for the staff" }),
    }
}

/// Refuses a version that is not the one the caller saw.
pub(crate) fn check_version(what: &'static str, expected: Option<u64>, actual: u64) -> Result<()> {
    match expected {
        Some(expected) if expected != actual => Err(Error::Stale { what, expected, actual }),
        Some(_) | None => Ok(()),
    }
}

/// Whether a refused write-set is worth a new decision: somebody else was faster.
pub(crate) fn try_again(refusal: &Refusal) -> Result<()> {
    match refusal {
        Refusal::Version { aggregate: Aggregate::Cart | Aggregate::Order | Aggregate::Event, .. }
        | Refusal::Taken(UniqueKey::OrderNumber | UniqueKey::OrderCart | UniqueKey::CartOwner)
        | Refusal::ReservationEnded(_)
        | Refusal::IdempotencyKey
        | Refusal::Stock(_) => Ok(()),
        Refusal::Refundable => {
            Err(Error::conflict("nothing_to_refund", "more than what was taken would go back"))
        }
    }
}

/// Adds the answer to a write-set whose request was begun by an earlier one.
pub(crate) fn finish_answer(set: &mut WriteSet, open: &IdempotencyRecord, version: u64) {
    let mut record = open.clone();
    record.answered_version = Some(version);
    set.idempotency = Some(IdempotencyPut { is_new: false, record });
}
