//! What a step writes, and how it is spoilt.

use std::sync::Arc;

use super::program::{Change, Flaw, Staff, Step};
use super::world::{PRODUCTS, SELLERS, World, level_of, pick};
use crate::cart::{Cart, CartStatus};
use crate::conformance::sample::{Sampler, customer_cart, guest_cart, shelf};
use crate::fulfilment::Tracking;
use crate::id::{CartId, OrderId};
use crate::inventory::{Reservation, ReservationMove, ReservationStatus, StockChange, StockEvent, StockKey};
use crate::money::{Currency, Money};
use crate::order::{Context, Draft, Order, Units, answer, cancel, deliver, expire, process, refund, ship};
use crate::payment::{Answer, Decline, OperationStatus};
use crate::store::{IdempotencyPut, ReservationPut, Unchanged, WriteSet};
use crate::time::Duration;

impl World {
    /// The write-set of a step; `None` when there is nothing to do it to, or the trade does not allow it.
    pub(super) fn build(&self, step: &Step) -> Option<WriteSet> {
        let samples = &self.samples;
        match step {
            Step::Receive { product, units, if_on_hand } => {
                let mut set = samples.set();
                let change = StockChange::adjust(i64::from(*units));
                let change = match if_on_hand {
                    Some(expected) => change.if_on_hand(i64::from(*expected)),
                    None => change,
                };
                set.change_stock(shelf(PRODUCTS[usize::from(*product)]), change);
                Some(set)
            }
            Step::Staff { product, elsewhere, what } => {
                let mut set = samples.set();
                write(samples, &mut set, &level_of(*product, *elsewhere), *what);
                Some(set)
            }
            Step::Fill { owner, product, anew } => Some(self.fill(*owner, *product, *anew)),
            Step::Close { cart } => {
                let mut cart = pick(&self.carts, *cart)?.clone();
                let expected = cart.version;
                cart.mark_ordered(OrderId::new(&samples.ids, samples.now()), samples.now()).ok()?;
                Some(samples.put_cart(expected, &cart))
            }
            Step::Remove { cart } => {
                let cart = pick(&self.carts, *cart)?;
                let mut set = samples.set();
                set.removed_carts.push((cart.id, cart.version));
                Some(set)
            }
            Step::Replace { cart } => {
                let cart = pick(&self.carts, *cart)?;
                let mut set = samples.put_cart(0, &samples.cart(cart.owner.clone()));
                set.removed_carts.push((cart.id, cart.version));
                Some(set)
            }
            Step::Place { customer, lines, cart, key } => {
                let cart = cart.and_then(|cart| pick(&self.carts, cart));
                Some(self.with_key(self.place(*customer, lines, cart.map(|cart| cart.id)), *key))
            }
            Step::Change { order, age, what, key } => {
                let versions = pick(&self.orders, *order)?;
                Some(self.with_key(self.change(pick(versions, *age)?, *what)?, *key))
            }
            Step::Two { orders, what } => self.change_two(*orders, *what),
            Step::Reserve { product, quantity, minutes } => {
                Some(self.reserve(*product, u32::from(*quantity), i64::from(*minutes)))
            }
            Step::End { reservation, how } => self.end(*reservation, *how),
            Step::Note { key, is_new, answer } => {
                let mut set = self.with_key(samples.set(), Some(*key));
                let put = set.idempotency.as_mut()?;
                put.is_new = *is_new;
                put.record.answered_version = answer.map(u64::from);
                Some(set)
            }
            Step::Repeat { .. }
            | Step::Wait { .. }
            | Step::Claim { .. }
            | Step::Deliver { .. }
            | Step::Fail { .. }
            | Step::ClaimStock { .. }
            | Step::DeliverStock { .. }
            | Step::FailStock { .. }
            | Step::Journal { .. }
            | Step::Forget { .. }
            | Step::List(_)
            | Step::Inbox(_) => None,
        }
    }

    fn fill(&self, owner: u8, product: u8, anew: bool) -> WriteSet {
        let owner =
            if owner < 2 { customer_cart(&format!("c-{owner}")) } else { guest_cart(&format!("c-{owner}")) };
        let open = |cart: &&Cart| cart.owner == owner && cart.status == CartStatus::Open;
        let Some(mut cart) = self.carts.iter().rfind(open).filter(|_| !anew).cloned() else {
            return self.samples.put_cart(0, &self.samples.cart(owner));
        };
        let expected = cart.version;
        self.samples.fill(&mut cart, PRODUCTS[usize::from(product)], 1);
        self.samples.put_cart(expected, &cart)
    }

    fn end(&self, reservation: u8, how: u8) -> Option<WriteSet> {
        let samples = &self.samples;
        let reservation = pick(&self.reservations, reservation)?;
        let by =
            [ReservationMove::Confirm, ReservationMove::Expire, ReservationMove::Release][usize::from(how)];
        // An ended reservation is ended again: the store has to refuse it.
        let active = Reservation { status: ReservationStatus::Active, ..reservation.clone() };
        let mut set = samples.put_reservation(false, &active.ended(by, samples.now())?);
        for line in &reservation.lines {
            let units = line.quantity;
            let change = if how == 0 { StockChange::confirm(units) } else { StockChange::release(units) };
            set.change_stock(line.key.clone(), change);
        }
        Some(set)
    }

    fn with_key(&self, mut set: WriteSet, key: Option<u8>) -> WriteSet {
        if let Some(key) = key {
            let record = self.samples.record("scope", &format!("key-{key}"));
            set.idempotency = Some(IdempotencyPut { is_new: true, record });
        }
        set
    }

    fn place(&self, customer: u8, lines: &[(u8, u8)], cart: Option<CartId>) -> WriteSet {
        let samples = &self.samples;
        let lines = lines
            .iter()
            .map(|(product, quantity)| {
                let price = Money::from_minor(1_000 + i64::from(*product), Currency::EUR);
                let seller = SELLERS[usize::from(*product) % 3];
                samples.line_of(seller, PRODUCTS[usize::from(*product)], price, u32::from(*quantity))
            })
            .collect();
        let mut new = samples.new_order(&format!("c-{customer}"), lines);
        new.cart_id = cart;
        samples.place(new).0
    }

    fn change(&self, order: &Order, what: Change) -> Option<WriteSet> {
        let context = self.samples.context();
        let mut draft = Draft::change(order.clone(), &context);
        decide(&mut draft, what, &self.samples, &context)?;
        (!draft.is_empty()).then(|| draft.into_write_set().0)
    }

    fn reserve(&self, product: u8, quantity: u32, minutes: i64) -> WriteSet {
        let product = PRODUCTS[usize::from(product)];
        let expires_at = self.samples.now() + Duration::minutes(minutes);
        let reservation = self.samples.reservation(product, quantity, expires_at);
        let mut set = self.samples.put_reservation(true, &reservation);
        set.change_stock(shelf(product), StockChange::reserve(quantity));
        set
    }

    /// Two orders are changed by one write-set.
    fn change_two(&self, orders: (u8, u8), what: Change) -> Option<WriteSet> {
        let (first, second) = (pick(&self.orders, orders.0)?.last()?, pick(&self.orders, orders.1)?.last()?);
        let mut set = self.change(first, what)?;
        let other = self.change(second, what).filter(|_| first.id != second.id)?;
        set.orders.extend(other.orders);
        set.events.extend(other.events);
        set.reservations.extend(other.reservations);
        other.stock.into_iter().for_each(|(key, change)| set.change_stock(key, change));
        Some(set)
    }

    pub(super) fn spoil(&self, set: &mut WriteSet, flaw: Flaw) {
        let newest = |number: u8| pick(&self.orders, number).and_then(|versions| versions.last());
        match flaw {
            Flaw::None => {}
            Flaw::Version(by) => {
                set.orders.iter_mut().take(1).for_each(|put| put.expected = off(put.expected, by));
                set.carts.iter_mut().take(1).for_each(|put| put.expected = off(put.expected, by));
                set.removed_carts.iter_mut().for_each(|(_, version)| *version = off(*version, by));
            }
            Flaw::IsNew => {
                set.reservations.iter_mut().for_each(|put: &mut ReservationPut| put.is_new = !put.is_new);
            }
            Flaw::Number(number) => {
                if let (Some(put), Some(other)) = (set.orders.first_mut(), newest(number)) {
                    Arc::make_mut(&mut put.order).number = other.number.clone();
                }
            }
            Flaw::Cart(number) => {
                if let Some(put) = set.orders.first_mut().filter(|put| put.expected == 0) {
                    Arc::make_mut(&mut put.order).cart_id = newest(number).and_then(|other| other.cart_id);
                }
            }
            Flaw::Owner(number) => {
                if let (Some(put), Some(other)) = (set.carts.first_mut(), pick(&self.carts, number)) {
                    put.cart.owner = other.owner.clone();
                }
            }
            Flaw::Sequence => {
                set.events.iter_mut().take(1).for_each(|event| event.sequence = event.sequence.max(2) - 1);
            }
            Flaw::Refund => {
                for put in &mut set.orders {
                    for payment in &mut Arc::make_mut(&mut put.order).payments {
                        payment.refunded =
                            Money::from_minor(payment.captured.minor() + 1, payment.captured.currency());
                    }
                }
            }
            Flaw::Short(product) => {
                let key = shelf(PRODUCTS[usize::from(product)]);
                set.change_stock(key, StockChange::reserve(1_000));
            }
            Flaw::ReadCart(number, by) => set.unchanged.extend(
                pick(&self.carts, number).map(|cart| Unchanged::Cart(cart.id, off(cart.version, by))),
            ),
            Flaw::ReadOrder(number, by) => {
                set.unchanged
                    .extend(newest(number).map(|order| Unchanged::Order(order.id, off(order.version, by))));
            }
            Flaw::Key(key) => {
                let record = self.samples.record("scope", &format!("key-{key}"));
                set.idempotency = Some(IdempotencyPut { is_new: key % 2 == 0, record });
            }
        }
    }
}

/// What the staff does, and what it says about it.
fn write(samples: &Sampler, set: &mut WriteSet, key: &StockKey, what: Staff) {
    let (change, event) = match what {
        Staff::Receive(units) => {
            let units = i64::from(units);
            (StockChange::adjust(units), StockEvent::Received { units })
        }
        Staff::Adjust(units) => {
            let units = i64::from(units);
            (StockChange::adjust(units), StockEvent::Adjusted { units })
        }
        Staff::Count { on_hand, seen } => {
            let (on_hand, seen) = (i64::from(on_hand), i64::from(seen));
            let difference = on_hand - seen;
            let change = StockChange::adjust(difference).if_on_hand(seen);
            (change, StockEvent::Counted { on_hand, difference })
        }
        Staff::LowAt(low_at) => {
            let low_at = low_at.map(i64::from);
            (StockChange::low_at(low_at), StockEvent::ThresholdSet { low_at })
        }
        Staff::All(units, low_at) => {
            write(samples, set, key, Staff::Adjust(units));
            return write(samples, set, key, Staff::LowAt(Some(low_at)));
        }
    };
    set.record_stock(key.clone(), change, samples.entry(event));
}

fn off(version: u64, by: i8) -> u64 {
    version.saturating_add_signed(i64::from(by))
}

fn decide(draft: &mut Draft, what: Change, samples: &Sampler, context: &Context<'_>) -> Option<()> {
    let policy = &samples.policy;
    let begun = draft
        .order()
        .payments
        .iter()
        .flat_map(|payment| &payment.operations)
        .find(|operation| matches!(operation.status, OperationStatus::Calling | OperationStatus::Unknown))
        .map(|operation| (operation.id, operation.amount));
    let said = match what {
        Change::Approve => begun.map(|(id, amount)| (id, Answer::Succeeded { amount, reference: None })),
        Change::Decline => begun.map(|(id, _)| (id, Answer::Declined(Decline::new("no", "no")))),
        Change::Lose => begun.map(|(id, _)| (id, Answer::Unknown)),
        Change::Cancel
        | Change::CancelOne
        | Change::Process
        | Change::Ship
        | Change::Deliver
        | Change::Refund(_)
        | Change::Expire => None,
    };
    match what {
        Change::Approve | Change::Decline | Change::Lose => {
            let (id, said) = said?;
            answer(draft, id, said, policy, context)
        }
        Change::Cancel => cancel(draft, Some("changed my mind".into()), &[], policy, context),
        Change::CancelOne => {
            let open = draft.order().lines.iter().find(|line| line.open() > 0)?;
            let units = [Units { line_id: open.id, quantity: 1 }];
            cancel(draft, None, &units, policy, context)
        }
        Change::Process => process(draft, None, Some("begun"), policy, context),
        Change::Ship => ship(draft, None, &[], &Tracking::default(), policy, context),
        Change::Deliver => deliver(draft, None, policy, context),
        Change::Refund(minor) => {
            let amount = Money::from_minor(i64::from(minor), draft.order().currency);
            refund(draft, None, Some(amount), None, policy, context)
        }
        Change::Expire => expire(draft, policy, context),
    }
    .ok()
}
