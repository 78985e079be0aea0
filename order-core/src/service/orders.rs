use std::sync::Arc;

use crate::error::{Error, Invalid, Result};
use crate::fulfilment::Tracking;
use crate::id::{OrderId, OrderNumber, SellerId};
use crate::order::{self, Actor, EventRecord, Order, Units};
use crate::service::change::{may_see, only_staff};
use crate::service::engine::Parts;
use crate::service::{Done, PlaceOrder, Request};
use crate::store::{OrderFilter, Page, PageRequest};
use crate::text::check_lines;
use crate::time::Timestamp;

/// A cancellation that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_structs, reason = "callers write it as a literal")]
pub struct CancelOrder {
    /// Why, in words.
    pub reason: Option<String>,
    /// Which units; without any, the whole order.
    pub items: Vec<Units>,
}

impl CancelOrder {
    /// The longest reason, in bytes.
    pub const MAX_REASON: usize = 500;
}

/// A parcel that leaves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_structs, reason = "callers write it as a literal")]
pub struct ShipOrder {
    /// Whose; without one, every seller sends one.
    pub seller_id: Option<SellerId>,
    /// What is in it; without any, all that is left.
    pub items: Vec<Units>,
    /// How it can be followed.
    pub tracking: Tracking,
}

/// Orders. Whoever may not see an order is told that there is none.
#[derive(Debug, Clone, Copy)]
pub struct Orders<'a> {
    pub(crate) parts: &'a Parts,
}

impl Orders<'_> {
    /// Places an order from the customer's cart, or from a list of items; holds its stock, and takes its money.
    ///
    /// The order is given back as it was when its first payment came to rest: paid, declined, waiting for the customer, or unknown.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::OutOfStock`], [`Error::TotalChanged`] and conflicts: nothing was placed, held or taken.
    /// [`Error::Forbidden`] for anybody but an active customer.
    pub async fn place(&self, command: PlaceOrder, request: &Request) -> Result<Done<Order>> {
        Box::pin(self.parts.place(command, request)).await
    }

    /// An order.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn get(&self, id: OrderId, actor: &Actor) -> Result<Order> {
        self.parts.load(id, actor).await
    }

    /// An order, by its number.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn get_by_number(&self, number: &OrderNumber, actor: &Actor) -> Result<Order> {
        let order = self.parts.store.find_order_by_number(number).await?;
        order.filter(|order| may_see(actor, order)).ok_or(Error::NotFound { what: "order" })
    }

    /// A page of orders: for a customer their own, for a seller those with something of theirs, for the staff all.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when a customer or seller asks for somebody else's.
    pub async fn list(
        &self,
        filter: &OrderFilter,
        page: PageRequest,
        actor: &Actor,
    ) -> Result<Page<Arc<Order>>> {
        let mut filter = filter.clone();
        match actor {
            Actor::Customer(id) => {
                if filter.customer_id.replace(id.clone()).is_some_and(|other| other != *id) {
                    return Err(Error::Forbidden { what: "these are somebody else's orders" });
                }
            }
            Actor::Seller(id) => {
                if filter.seller_id.replace(id.clone()).is_some_and(|other| other != *id) {
                    return Err(Error::Forbidden { what: "these are somebody else's orders" });
                }
            }
            Actor::Staff(_) | Actor::Service(_) | Actor::Engine => {}
        }
        Ok(self.parts.store.list_orders(&filter, page).await?)
    }

    /// Everything that happened to an order.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn history(&self, id: OrderId, actor: &Actor) -> Result<Vec<EventRecord>> {
        self.parts.load(id, actor).await?;
        Ok(self.parts.store.history(id).await?)
    }

    /// An order as it was at a time.
    ///
    /// # Errors
    /// [`Error::NotFound`], also when it was not placed yet.
    pub async fn as_of(&self, id: OrderId, at: Timestamp, actor: &Actor) -> Result<Order> {
        let history = self.history(id, actor).await?;
        if history.first().is_none_or(|first| first.at > at) {
            return Err(Error::NotFound { what: "order at that time" });
        }
        Order::fold(history.iter().take_while(|record| record.at <= at))
    }

    /// Cancels an order, or some units of it.
    ///
    /// # Errors
    /// As [`order::cancel`]; [`Error::Forbidden`] for a seller.
    pub async fn cancel(&self, id: OrderId, command: CancelOrder, request: &Request) -> Result<Done<Order>> {
        if matches!(request.actor, Actor::Seller(_)) {
            return Err(Error::Forbidden { what: "an order is cancelled by its customer or the staff" });
        }
        check_reason(command.reason.as_deref())?;
        let policy = &self.parts.policy;
        let decide = |draft: &mut order::Draft, context: &order::Context<'_>| {
            order::cancel(draft, command.reason.clone(), &command.items, policy, context)
        };
        self.parts.change(id, request, decide).await
    }

    /// A seller takes its part up; without a seller, all do.
    ///
    /// # Errors
    /// As [`order::process`]; [`Error::Forbidden`] for a customer, and for a seller who names another one.
    pub async fn process(
        &self,
        id: OrderId,
        seller: Option<SellerId>,
        notes: Option<String>,
        request: &Request,
    ) -> Result<Done<Order>> {
        let seller = own_part(seller, &request.actor)?;
        check_reason(notes.as_deref())?;
        let policy = &self.parts.policy;
        let decide = |draft: &mut order::Draft, context: &order::Context<'_>| {
            order::process(draft, seller.as_ref(), notes.as_deref(), policy, context)
        };
        self.parts.change(id, request, decide).await
    }

    /// A parcel leaves.
    ///
    /// # Errors
    /// As [`order::ship`]; [`Error::Forbidden`] as for [`process`](Self::process).
    pub async fn ship(&self, id: OrderId, command: ShipOrder, request: &Request) -> Result<Done<Order>> {
        let seller = own_part(command.seller_id, &request.actor)?;
        let policy = &self.parts.policy;
        let decide = |draft: &mut order::Draft, context: &order::Context<'_>| {
            order::ship(draft, seller.as_ref(), &command.items, &command.tracking, policy, context)
        };
        self.parts.change(id, request, decide).await
    }

    /// A seller's part has arrived; without a seller, all have.
    ///
    /// # Errors
    /// As [`order::deliver`]; [`Error::Forbidden`] as for [`process`](Self::process).
    pub async fn deliver(
        &self,
        id: OrderId,
        seller: Option<SellerId>,
        request: &Request,
    ) -> Result<Done<Order>> {
        let seller = own_part(seller, &request.actor)?;
        let policy = &self.parts.policy;
        let decide = |draft: &mut order::Draft, context: &order::Context<'_>| {
            order::deliver(draft, seller.as_ref(), policy, context)
        };
        self.parts.change(id, request, decide).await
    }
}

/// The part of an order that an actor may move: a seller its own, the staff any.
fn own_part(seller: Option<SellerId>, actor: &Actor) -> Result<Option<SellerId>> {
    let Actor::Seller(own) = actor else {
        only_staff(actor)?;
        return Ok(seller);
    };
    match seller {
        Some(other) if other != *own => Err(Error::Forbidden { what: "this is another seller's part" }),
        Some(_) | None => Ok(Some(own.clone())),
    }
}

pub(crate) fn check_reason(reason: Option<&str>) -> Result<()> {
    let mut invalid = Invalid::default();
    check_lines(&mut invalid, "/reason", reason.unwrap_or_default(), CancelOrder::MAX_REASON);
    Ok(invalid.into_result()?)
}
