use std::rc::Rc;

use super::{Shared, customer_id, idempotency_key, may_repeat, product, provider_id};
use crate::address::Address;
use crate::cart::CartOwner;
use crate::error::{Error, Result};
use crate::fulfilment::ShippedItem;
use crate::id::{CustomerId, OrderId};
use crate::order::{Actor, Order, Tender};
use crate::payment::{CaptureMode, PaymentMethod, ProviderToken};
use crate::service::{AddItem, CancelOrder, OrderItem, PlaceOrder, RefundTarget, Request, ShipOrder};

/// One customer after the other, until every checkout was made.
pub(super) async fn shop(world: Rc<Shared>) {
    while let Some(left) = world.left.get().checked_sub(1) {
        world.left.set(left);
        if let Err(error) = visit(&world, u64::from(left)).await {
            let is_answer = matches!(
                error,
                Error::OutOfStock(_)
                    | Error::Conflict { .. }
                    | Error::IllegalTransition { .. }
                    | Error::Contended
            );
            if !is_answer && !may_repeat(&error) {
                world.find(format!("a visit ended with {error:?}"));
            }
        }
    }
    world.open.set(world.open.get().saturating_sub(1));
}

/// One visit: fill a cart, order, and see what becomes of it.
async fn visit(world: &Shared, number: u64) -> Result<()> {
    let customer =
        customer_id(if world.chance.happens(300) { world.chance.below(4) } else { 1_000 + number })?;
    let command = command(world, &customer).await?;
    let key = idempotency_key(number)?;
    let request = Request::by(Actor::Customer(customer.clone())).idempotent(key, format!("{number}"));
    let Some(order) = place(world, &command, &request).await? else { return Ok(()) };
    world.accepted.borrow_mut().push((request, command, order.clone()));
    for _ in 0..world.chance.below(4) {
        if world.chance.happens(400) {
            world.wait(45).await;
        }
        follow_up(world, order.id, &customer).await?;
    }
    Ok(())
}

async fn command(world: &Shared, customer: &CustomerId) -> Result<PlaceOrder> {
    let chance = &world.chance;
    let mut items = Vec::new();
    for _ in 0..=chance.below(3) {
        let quantity = u32::try_from(1 + chance.below(3)).unwrap_or(1);
        items.push(OrderItem { product_id: product(chance.below(8))?, quantity, price: None });
    }
    let from_cart = chance.happens(400);
    if from_cart {
        for item in &items {
            let add =
                AddItem { product_id: item.product_id.clone(), quantity: item.quantity, seller_id: None };
            let owner = CartOwner::Customer(customer.clone());
            world.engine.carts().add_item(&owner, add, None).await?;
        }
    }
    Ok(PlaceOrder {
        items: (!from_cart).then_some(items),
        shipping_address: address(),
        tender: tender(world)?,
        expected_total: None,
        coupons: Vec::new(),
        notes: None,
    })
}

fn tender(world: &Shared) -> Result<Tender> {
    let token = match world.chance.below(22) {
        0..3 => "sim_decline",
        3..5 => "sim_action",
        5..7 => "sim_approval",
        7 => "sim_timeout_before",
        8 => "sim_timeout_after",
        9 => "sim_slow",
        10 => "sim_refund_decline",
        _ => "sim_approve",
    };
    let method = if world.chance.happens(80) { PaymentMethod::Cod } else { PaymentMethod::Card };
    Ok(Tender {
        method,
        provider: provider_id()?,
        token: Some(ProviderToken::new(token)?),
        capture: if world.chance.happens(150) { CaptureMode::Manual } else { CaptureMode::Automatic },
        amount: None,
    })
}

/// Places an order, whatever it takes: a customer whose connection is lost asks again with the same key, sometimes twice at once.
async fn place(world: &Shared, command: &PlaceOrder, request: &Request) -> Result<Option<Order>> {
    for _ in 0..40 {
        let orders = world.engine.orders();
        let answer = if world.chance.happens(50) {
            let twin = async {
                let _ = orders.place(command.clone(), request).await;
            };
            let (answer, ()) = both(world.in_process(orders.place(command.clone(), request)), async {
                let _ = world.in_process(twin).await;
            })
            .await;
            answer
        } else {
            world.in_process(orders.place(command.clone(), request)).await
        };
        match answer {
            Some(Ok(done)) => return Ok(Some(done.value)),
            Some(Err(error)) if !may_repeat(&error) => return Err(error),
            Some(Err(_)) | None => world.wait(2).await,
        }
    }
    Ok(None)
}

/// Runs two futures side by side.
async fn both<A, B>(left: impl Future<Output = A>, right: impl Future<Output = B>) -> (A, B) {
    let (mut left, mut right) = (Box::pin(left), Box::pin(right));
    let (mut first, mut second) = (None, None);
    std::future::poll_fn(|context| {
        use std::task::Poll;
        if first.is_none()
            && let Poll::Ready(value) = left.as_mut().poll(context)
        {
            first = Some(value);
        }
        if second.is_none()
            && let Poll::Ready(value) = right.as_mut().poll(context)
        {
            second = Some(value);
        }
        match (first.take(), second.take()) {
            (Some(a), Some(b)) => Poll::Ready((a, b)),
            (a, b) => {
                (first, second) = (a, b);
                Poll::Pending
            }
        }
    })
    .await
}

/// Something happens to an order. What the order refuses is refused; what a dying process leaves is finished by others.
async fn follow_up(world: &Shared, id: OrderId, customer: &CustomerId) -> Result<()> {
    let engine = &world.engine;
    let order = engine.orders().get(id, &Actor::Engine).await?;
    let (owner, staff) = (Request::by(Actor::Customer(customer.clone())), Request::by(Actor::Engine));
    let units = || {
        let line = order.lines.get(world.chance.index(order.lines.len()));
        line.map(|line| ShippedItem { line_id: line.id, quantity: 1 })
    };
    let payment = order.payments.first().map(|payment| payment.id);
    let work = async {
        match world.chance.below(9) {
            0 => engine.orders().cancel(id, CancelOrder::default(), &owner).await.map(drop),
            1 => {
                let items = units().into_iter().collect();
                engine.orders().cancel(id, CancelOrder { reason: None, items }, &owner).await.map(drop)
            }
            2 => {
                let amount = order.refundable()?;
                let half = amount.allocate(&[1, 1])?.first().copied();
                let half = half.filter(|_| world.chance.happens(500));
                engine.payments().refund(RefundTarget::Order(id), half, None, &staff).await.map(drop)
            }
            3 => engine.payments().pay(id, tender(world)?, &owner).await.map(drop),
            4 => match payment {
                Some(id) => engine.payments().capture(id, None, None, &staff).await.map(drop),
                None => Ok(()),
            },
            5 => engine.orders().process(id, None, None, &staff).await.map(drop),
            6 => engine.orders().ship(id, ShipOrder::default(), &staff).await.map(drop),
            7 => engine.orders().deliver(id, None, &staff).await.map(drop),
            _ => match payment {
                Some(id) => {
                    world.provider.complete(id, world.chance.happens(700));
                    engine.payments().refresh(id).await.map(drop)
                }
                None => Ok(()),
            },
        }
    };
    match world.in_process(work).await {
        Some(Err(error @ (Error::Internal(_) | Error::Money(_)))) => Err(error),
        Some(_) | None => Ok(()),
    }
}

fn address() -> Address {
    Address {
        line1: "1 Main Street".to_owned(),
        line2: None,
        city: "Berlin".to_owned(),
        state: None,
        postal_code: "10115".to_owned(),
        country: "DE".to_owned(),
        contact_name: None,
        contact_phone: None,
    }
}
