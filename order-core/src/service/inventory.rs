use crate::error::{Error, Invalid, Result, Shortage};
use crate::id::{CustomerId, ProductId, ReservationId, WriteSetId};
use crate::inventory::{
    Demand, HOLD_LIFETIME, Reservation, ReservationMove, ReservationStatus, StockChange, StockLevel, allocate,
};
use crate::service::change::{Key, only_staff, try_again};
use crate::service::engine::{MAX_TRIES, Parts};
use crate::service::{Done, Request};
use crate::store::{IdempotencyPut, Refusal, ReservationPut, WriteSet};
use crate::time::{Duration, Timestamp};

/// Stock that another service wants to be held.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "callers write it as a literal")]
pub struct ReserveStock {
    /// Whom it is for.
    pub customer_id: Option<CustomerId>,
    /// What is wanted: all of it, or nothing.
    pub items: Vec<Demand>,
    /// For how long; 30 minutes when it is not said.
    pub lifetime: Option<Duration>,
}

impl ReserveStock {
    /// The longest hold.
    pub const MAX_LIFETIME: Duration = Duration::days(7);
}

/// Stock and reservations. For the staff and for services.
#[derive(Debug, Clone, Copy)]
pub struct Inventory<'a> {
    pub(crate) parts: &'a Parts,
}

impl Inventory<'_> {
    /// The levels of products at every location.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn levels(&self, products: &[ProductId]) -> Result<Vec<StockLevel>> {
        Ok(self.parts.store.stock_levels(products).await?)
    }

    /// Which of these could not be had now. Nothing is held.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub async fn check(&self, demand: &[Demand]) -> Result<Vec<Shortage>> {
        check_demand(demand)?;
        let products: Vec<ProductId> = demand.iter().map(|line| line.product_id.clone()).collect();
        let levels = self.parts.store.stock_levels(&products).await?;
        Ok(allocate(demand, &levels).err().unwrap_or_default())
    }

    /// Holds stock for another service: all of it, or nothing.
    ///
    /// # Errors
    /// [`Error::OutOfStock`], [`Error::Invalid`].
    pub async fn reserve(&self, command: ReserveStock, request: &Request) -> Result<Done<Reservation>> {
        only_staff(&request.actor)?;
        check_demand(&command.items)?;
        let lifetime = command.lifetime.unwrap_or(HOLD_LIFETIME);
        if lifetime <= Duration::zero() || lifetime > ReserveStock::MAX_LIFETIME {
            return Err(
                Invalid::field("/lifetime_seconds", "out_of_range", "must be 1 second to 7 days").into()
            );
        }
        let parts = self.parts;
        for _ in 0..MAX_TRIES {
            let mut record = match parts.key(request, uuid::Uuid::nil()).await? {
                Key::Used(record) => return self.as_made(record.reservation_id()).await.map(Done::before),
                Key::Fresh(record) => record,
            };
            let now = parts.now();
            let lines = parts.allocate(&command.items).await?;
            let id = ReservationId::new(&*parts.ids, now);
            let mut reservation = Reservation::new(id, lines, now + lifetime, now);
            reservation.customer_id.clone_from(&command.customer_id);
            let mut set = stock_set(&reservation, StockChange::reserve, parts, now);
            set.reservations.push(ReservationPut { is_new: true, reservation: reservation.clone() });
            if let Some(record) = &mut record {
                record.subject = id.uuid();
                record.answered_version = Some(1);
            }
            set.idempotency = record.map(|record| IdempotencyPut { is_new: true, record });
            match parts.commit(&set).await? {
                Ok(()) => return Ok(Done::now(reservation)),
                Err(refusal) => try_again(&refusal)?,
            }
        }
        Err(Error::Contended)
    }

    /// A reservation.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn reservation(&self, id: ReservationId) -> Result<Reservation> {
        self.parts.store.find_reservation(id).await?.ok_or(Error::NotFound { what: "reservation" })
    }

    /// Sells what a reservation holds. Doing it again changes nothing.
    ///
    /// # Errors
    /// A conflict when it has ended otherwise, or belongs to an order.
    pub async fn confirm(&self, id: ReservationId, request: &Request) -> Result<Reservation> {
        self.end(id, ReservationMove::Confirm, request).await
    }

    /// Lets go what a reservation holds. Doing it again changes nothing.
    ///
    /// # Errors
    /// A conflict when it has ended otherwise, or belongs to an order.
    pub async fn release(&self, id: ReservationId, request: &Request) -> Result<Reservation> {
        self.end(id, ReservationMove::Release, request).await
    }

    async fn end(&self, id: ReservationId, by: ReservationMove, request: &Request) -> Result<Reservation> {
        only_staff(&request.actor)?;
        let reservation = self.reservation(id).await?;
        if reservation.order_id.is_some() {
            return Err(Error::conflict("order_reservation", "the reservation belongs to an order"));
        }
        let now = self.parts.now();
        let is_over = reservation.status == ReservationStatus::Active && reservation.expires_at <= now;
        let by = if is_over { ReservationMove::Expire } else { by };
        let ended = self.parts.end_reservation(&reservation, by).await?;
        let wanted = match by {
            ReservationMove::Confirm => ReservationStatus::Confirmed,
            ReservationMove::Release => ReservationStatus::Cancelled,
            ReservationMove::Expire => ReservationStatus::Active,
        };
        if ended.status != wanted {
            let message = format!("the reservation is {}", ended.status);
            return Err(Error::conflict("reservation_ended", message));
        }
        Ok(ended)
    }

    /// A reservation as it was made: what a repeated request is answered with.
    async fn as_made(&self, id: ReservationId) -> Result<Reservation> {
        let mut reservation = self.reservation(id).await?;
        reservation.status = ReservationStatus::Active;
        reservation.updated_at = reservation.created_at;
        Ok(reservation)
    }
}

impl Parts {
    /// Ends a reservation that belongs to no order; gives it back as it is then, however it ended.
    pub(crate) async fn end_reservation(
        &self,
        reservation: &Reservation,
        by: ReservationMove,
    ) -> Result<Reservation> {
        let now = self.now();
        let Some(ended) = reservation.ended(by, now) else { return Ok(reservation.clone()) };
        let change = match by {
            ReservationMove::Confirm => StockChange::confirm,
            ReservationMove::Expire | ReservationMove::Release => StockChange::release,
        };
        let mut set = stock_set(reservation, change, self, now);
        set.reservations.push(ReservationPut { is_new: false, reservation: ended.clone() });
        match self.commit(&set).await? {
            Ok(()) => Ok(ended),
            Err(Refusal::ReservationEnded(_)) => {
                let found = self.store.find_reservation(reservation.id).await?;
                found.ok_or(Error::NotFound { what: "reservation" })
            }
            Err(_) => Err(Error::Internal("a reservation's units are not held")),
        }
    }
}

fn stock_set(
    reservation: &Reservation,
    change: fn(u32) -> StockChange,
    parts: &Parts,
    now: Timestamp,
) -> WriteSet {
    let mut set = WriteSet::new(WriteSetId::new(&*parts.ids, now), now);
    for line in &reservation.lines {
        set.change_stock(line.key.clone(), change(line.quantity));
    }
    set
}

fn check_demand(demand: &[Demand]) -> Result<()> {
    let mut invalid = Invalid::default();
    if demand.is_empty() || demand.len() > Reservation::MAX_LINES {
        invalid.push("/items", "out_of_range", format!("must hold 1 to {} items", Reservation::MAX_LINES));
    }
    for (index, _) in demand.iter().enumerate().filter(|(_, line)| line.quantity == 0) {
        invalid.push(format!("/items/{index}/quantity"), "out_of_range", "must be at least 1");
    }
    Ok(invalid.into_result()?)
}
