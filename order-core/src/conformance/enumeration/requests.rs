//! What each step of a story asks of the engine.

use super::scenario::Step;
use super::stage::{Answered, MAX_TRIES, Stage};
use crate::conformance::sample::{address, card, customer, customer_cart};
use crate::error::{Error, Result};
use crate::fulfilment::Tracking;
use crate::id::{IdempotencyKey, OrderId, PaymentId, ProductId};
use crate::inventory::Demand;
use crate::order::{Actor, Order, Tender, Units};
use crate::payment::{CaptureMode, PaymentMethod};
use crate::service::{
    AddItem, CancelOrder, Done, OrderItem, PlaceOrder, RefundTarget, Request, ReserveStock, ShipOrder,
};
use crate::time::Duration;

impl Stage<'_> {
    /// Does one step. The same step has the same idempotency key, however often it is done.
    pub(super) async fn step(&mut self, index: usize, step: Step, tries: u32) -> Result<Answered> {
        let request = |actor| {
            let key = IdempotencyKey::new(format!("key-{index}")).unwrap();
            Request::by(actor).idempotent(key, format!("{step:?}"))
        };
        let staff = || request(Actor::Staff(customer("staff")));
        let buyer = || request(Actor::Customer(customer("c-1")));
        let engine = self.engine.clone();
        match step {
            Step::Fill(product, quantity) => {
                // A cart is changed at the version that was seen: who repeats does not put in twice.
                let cart = engine.carts().get(&customer_cart("c-1")).await?;
                if cart.lines.iter().any(|line| line.product_id.as_str() == product) {
                    return Ok(Answered::Nothing);
                }
                let item =
                    AddItem { product_id: ProductId::new(product).unwrap(), quantity, seller_id: None };
                engine.carts().add_item(&customer_cart("c-1"), item, Some(cart.version)).await?;
                Ok(Answered::Nothing)
            }
            Step::Checkout(token) => {
                self.place(None, self.tender(token, CaptureMode::Automatic), &buyer()).await
            }
            Step::OrderLater(token) => {
                self.place(Some(two_items()), self.tender(token, CaptureMode::Manual), &buyer()).await
            }
            Step::OrderCash => {
                let cash = Tender { method: PaymentMethod::Cod, token: None, ..card() };
                self.place(Some(two_items()), cash, &buyer()).await
            }
            Step::Pay(token) => {
                let tender = self.tender(token, CaptureMode::Automatic);
                answer(engine.payments().pay(self.id()?, tender, &buyer()).await)
            }
            Step::Act(approve) => self.act(approve, tries).await,
            Step::Refresh => {
                if let Some(payment) = self.payment().await {
                    engine.payments().refresh(payment).await?;
                }
                Ok(Answered::Nothing)
            }
            Step::Cancel => {
                answer(engine.orders().cancel(self.id()?, CancelOrder::default(), &buyer()).await)
            }
            Step::CancelOne => {
                let order = engine.orders().get(self.id()?, &Actor::Customer(customer("c-1"))).await?;
                let items = vec![Units { line_id: order.lines[0].id, quantity: 1 }];
                answer(engine.orders().cancel(order.id, CancelOrder { reason: None, items }, &buyer()).await)
            }
            Step::Reserve(units) => {
                let items = vec![Demand::new(None, ProductId::new("tea").unwrap(), units)];
                let wish = ReserveStock { customer_id: None, items, lifetime: None };
                let made = engine.inventory().reserve(wish, &staff()).await?.value;
                self.reservation = Some(made.id);
                Ok(Answered::Reservation(made.id))
            }
            Step::Confirm | Step::Release => self.end(step, &staff()).await,
            Step::Wait(minutes) => {
                self.clock.advance(Duration::minutes(minutes));
                Ok(Answered::Nothing)
            }
            Step::Passes => self.passes().await.map(|()| Answered::Nothing),
            Step::Capture(_)
            | Step::Void
            | Step::Record
            | Step::Refund(_)
            | Step::Process
            | Step::Ship
            | Step::Deliver => answer(self.work(step, &request(Actor::Staff(customer("staff")))).await),
        }
    }

    /// The customer does what the provider has asked for. While it has not, they wait.
    async fn act(&self, approve: bool, tries: u32) -> Result<Answered> {
        let payment = self.payment().await;
        if payment.is_some_and(|payment| !self.provider.complete(payment, approve)) && tries < MAX_TRIES {
            return Err(Error::conflict("nothing_to_do", "the provider has not asked for anything"));
        }
        Ok(Answered::Nothing)
    }

    /// What the staff does.
    async fn work(&self, step: Step, request: &Request) -> Result<Done<Order>> {
        let (orders, payments) = (self.engine.orders(), self.engine.payments());
        match step {
            Step::Capture(minor) => {
                payments
                    .capture(self.paid().await?, minor.map(|minor| self.minor(minor)), None, request)
                    .await
            }
            Step::Void => payments.void(self.paid().await?, None, request).await,
            Step::Record => payments.record(self.id()?, None, request).await,
            Step::Refund(minor) => {
                let target = RefundTarget::Order(self.id()?);
                payments.refund(target, minor.map(|minor| self.minor(minor)), None, request).await
            }
            Step::Process => orders.process(self.id()?, None, None, request).await,
            Step::Ship => {
                let all = ShipOrder { seller_id: None, items: Vec::new(), tracking: Tracking::default() };
                orders.ship(self.id()?, all, request).await
            }
            Step::Deliver => orders.deliver(self.id()?, None, request).await,
            Step::Fill(..)
            | Step::Checkout(_)
            | Step::OrderLater(_)
            | Step::OrderCash
            | Step::Pay(_)
            | Step::Act(_)
            | Step::Refresh
            | Step::Cancel
            | Step::CancelOne
            | Step::Reserve(_)
            | Step::Confirm
            | Step::Release
            | Step::Wait(_)
            | Step::Passes => Err(Error::Internal("this is not the staff's work")),
        }
    }

    async fn paid(&self) -> Result<PaymentId> {
        self.payment().await.ok_or(Error::NotFound { what: "payment" })
    }

    async fn place(
        &mut self,
        items: Option<Vec<OrderItem>>,
        tender: Tender,
        request: &Request,
    ) -> Result<Answered> {
        let command = PlaceOrder {
            items,
            shipping_address: address(),
            tender,
            expected_total: None,
            coupons: Vec::new(),
            notes: None,
        };
        let done = self.engine.orders().place(command, request).await?;
        if self.order.is_some_and(|id| id != done.value.id) {
            self.trouble.push("one request placed two orders".to_owned());
        }
        self.order = Some(done.value.id);
        Ok(Answered::Order(Box::new(done.value)))
    }

    async fn end(&self, step: Step, request: &Request) -> Result<Answered> {
        let id = self.reservation.ok_or(Error::NotFound { what: "reservation" })?;
        let inventory = self.engine.inventory();
        let ended = if step == Step::Confirm {
            inventory.confirm(id, request).await?
        } else {
            inventory.release(id, request).await?
        };
        Ok(Answered::Reservation(ended.id))
    }

    fn id(&self) -> Result<OrderId> {
        self.order.ok_or(Error::NotFound { what: "order" })
    }

    /// The order's first payment, as the customer knows it: without a call.
    async fn payment(&self) -> Option<PaymentId> {
        let order = self.inner.find_order(self.order?).await.unwrap()?;
        order.payments.first().map(|payment| payment.id)
    }
}

fn answer(done: Result<Done<Order>>) -> Result<Answered> {
    Ok(Answered::Order(Box::new(done?.value)))
}

fn two_items() -> Vec<OrderItem> {
    let item = |product: &str, quantity| OrderItem {
        product_id: ProductId::new(product).unwrap(),
        quantity,
        price: None,
    };
    vec![item("tea", 1), item("coffee", 2)]
}
