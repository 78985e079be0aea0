use crate::address::Address;
use crate::cart::{Cart, CartOwner};
use crate::checkout::Drive;
use crate::error::{Error, Invalid, PriceChange, Result};
use crate::gateway::Customer;
use crate::id::{CouponCode, CustomerId, LineId, OrderId, ProductId};
use crate::inventory::{Demand, ReservationLine, StockKey, allocate};
use crate::money::Money;
use crate::order::{Actor, Contact, Context, Draft, NewLine, NewOrder, Order, Tender};
use crate::pricing::{Basket, BasketLine, Quote};
use crate::service::carts::sold;
use crate::service::change::{Key, begin_answer, try_again};
use crate::service::engine::{MAX_TRIES, Parts};
use crate::service::{Done, Request};
use crate::store::{CartPut, IdempotencyRecord, Refusal};

/// An order to be placed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "callers write it as a literal")]
pub struct PlaceOrder {
    /// What is ordered; without it, what is in the customer's cart.
    pub items: Option<Vec<OrderItem>>,
    /// Where it goes.
    pub shipping_address: Address,
    /// How it is paid.
    pub tender: Tender,
    /// The total the customer agreed to. When it is another one now, nothing is ordered and they are told both.
    pub expected_total: Option<Money>,
    /// The coupons to use.
    pub coupons: Vec<CouponCode>,
    /// The customer's wishes.
    pub notes: Option<String>,
}

impl PlaceOrder {
    /// What is in the customer's cart, without coupons and without a total to agree on.
    pub fn from_cart(shipping_address: Address, tender: Tender) -> Self {
        Self { items: None, shipping_address, tender, expected_total: None, coupons: Vec::new(), notes: None }
    }
}

/// One product of an order that is not made from a cart.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "callers write it as a literal")]
pub struct OrderItem {
    /// The product.
    pub product_id: ProductId,
    /// How many units.
    pub quantity: u32,
    /// The price the customer saw.
    pub price: Option<Money>,
}

/// What is to be ordered, before the catalogue was asked.
struct Wish {
    line_id: LineId,
    product_id: ProductId,
    quantity: u32,
    price_seen: Option<Money>,
}

/// An order that was placed, and whose payment is still to be driven.
struct Placed {
    order: Order,
    drive: Drive,
    /// The request's key, if the order's first commit has not answered it.
    open: Option<IdempotencyRecord>,
    correlation: Option<String>,
}

impl Parts {
    /// Places an order: one commit holds the stock, writes the order and its payment, closes the cart and notes the idempotency
    /// key. Only then is the provider called.
    ///
    /// A key that was used before refuses that commit, and most keys were not. So it is looked up only when the order can't be placed.
    pub(crate) async fn place(&self, command: PlaceOrder, request: &Request) -> Result<Done<Order>> {
        let Actor::Customer(customer_id) = &request.actor else {
            return Err(Error::Forbidden { what: "an order is placed by a customer" });
        };
        match self.place_new(&command, customer_id, request).await {
            Ok(Placed { order, drive, open, correlation }) => {
                Box::pin(self.drive(order, drive, open, correlation.as_deref())).await.map(Done::now)
            }
            // Who can't tell what was written can't tell what was written before.
            Err(error @ (Error::Store(_) | Error::OutcomeUnknown)) => Err(error),
            Err(error) => match self.key(request, uuid::Uuid::nil()).await? {
                Key::Used(record) => Box::pin(self.replay(record, request)).await,
                Key::Fresh(_) => Err(error),
            },
        }
    }

    /// Places an order as if its key was never used.
    async fn place_new(
        &self,
        command: &PlaceOrder,
        customer_id: &CustomerId,
        request: &Request,
    ) -> Result<Placed> {
        self.check_tender(&command.tender)?;
        let customer = self.active_customer(customer_id).await?;
        let owner = CartOwner::Customer(customer_id.clone());
        let mut cart = match command.items {
            None => Some(self.known_cart(&owner).await?),
            Some(_) => None,
        };
        let mut is_short = false;
        for _ in 0..MAX_TRIES {
            let context = self.context(request);
            let ordered = cart.as_ref().map(|known| &known.cart);
            let contact = customer.contact.clone();
            let decided = self.decide(command, customer_id, contact, ordered, is_short, &context).await;
            let draft = match (decided, &cart) {
                (Ok(draft), _) => draft,
                (Err(error), Some(known)) => {
                    cart = Some(self.look_again(known, error).await?);
                    continue;
                }
                (Err(error), None) => return Err(error),
            };
            let mut drive = Drive::default();
            drive.claim(draft.events());
            let (mut set, order) = draft.into_write_set();
            let mut open = self.unused_key(request, order.id.uuid());
            set.idempotency = begin_answer(&mut open, &order, context.now, &drive);
            if let Some(known) = &cart {
                set.carts.push(close(&known.cart, order.id, &context)?);
            }
            match self.commit(&set).await? {
                Ok(()) => {
                    if let (Some(known), Some(put)) = (&cart, set.carts.pop()) {
                        self.cart_written(known, put.cart);
                    }
                    return Ok(Placed { order, drive, open, correlation: context.correlation });
                }
                Err(Refusal::IdempotencyKey) => return Err(Error::Contended),
                Err(Refusal::Stock(_)) => is_short = true,
                Err(refusal) => try_again(&refusal)?,
            }
            if let Some(known) = &cart {
                cart = Some(self.read_again(known).await?);
            }
        }
        Err(Error::Contended)
    }

    /// Decides what order is to be placed, at the catalogue's prices, and asks the hooks about it.
    async fn decide(
        &self,
        command: &PlaceOrder,
        customer_id: &CustomerId,
        contact: Contact,
        cart: Option<&Cart>,
        is_short: bool,
        context: &Context<'_>,
    ) -> Result<Draft> {
        if cart.is_some_and(|cart| cart.lines_at(context.now).is_empty()) {
            return Err(Error::conflict("cart_empty", "the cart is empty"));
        }
        let (lines, quote) = self.price(&wishes(command, cart, context)?, command).await?;
        let new = NewOrder {
            number: self
                .numbers
                .next(&*self.ids, context.now)
                .map_err(|_| Error::Internal("no order number"))?,
            customer_id: customer_id.clone(),
            contact,
            cart_id: cart.map(|cart| cart.id),
            held: if is_short { self.find_stock(&lines).await? } else { self.first_choice(&lines) },
            lines,
            quote,
            shipping_address: command.shipping_address.clone(),
            tender: command.tender.clone(),
            coupons: command.coupons.clone(),
            notes: command.notes.clone(),
        };
        let draft = new.place(&self.policy, context)?;
        self.ask_hooks(None, &draft, &context.actor).await?;
        Ok(draft)
    }

    pub(crate) fn check_tender(&self, tender: &Tender) -> Result<()> {
        if tender.method.is_offline() || self.gateways.contains_key(&tender.provider) {
            return Ok(());
        }
        Err(Invalid::field("/payment/provider", "unknown_provider", "is not a payment provider of this shop")
            .into())
    }

    async fn active_customer(&self, id: &CustomerId) -> Result<Customer> {
        match self.customers.customer(id).await? {
            Some(customer) if customer.is_active => Ok(customer),
            Some(_) => Err(Error::Forbidden { what: "the customer is not active" }),
            None => Err(Error::Forbidden { what: "the customer is not known" }),
        }
    }

    /// Asks the catalogue, in one call, and prices the lines. The prices the customer saw must be the present ones, unless they
    /// agreed to the total.
    async fn price(&self, wishes: &[Wish], command: &PlaceOrder) -> Result<(Vec<NewLine>, Quote)> {
        let ids: Vec<ProductId> = wishes.iter().map(|wish| wish.product_id.clone()).collect();
        let products = self.products(&ids).await?;
        let mut lines = Vec::with_capacity(wishes.len());
        let mut changes = Vec::new();
        for (index, wish) in wishes.iter().enumerate() {
            let product = sold(products.get(&wish.product_id), &format!("/items/{index}/product_id"))?;
            if let Some(seen) = wish.price_seen.filter(|seen| *seen != product.price) {
                changes.push(PriceChange::new(product.id.clone(), seen, product.price));
            }
            lines.push(NewLine {
                id: wish.line_id,
                product_id: product.id.clone(),
                seller_id: product.seller_id.clone(),
                name: product.name.clone(),
                image: product.image.clone(),
                unit_price: product.price,
                quantity: wish.quantity,
            });
        }
        let quote = self.quote(&lines, command)?;
        let actual = quote.totals.total;
        match command.expected_total {
            Some(expected) if expected != actual => Err(Error::TotalChanged { expected, actual, changes }),
            None if !changes.is_empty() => {
                let seen = changes.iter().try_fold(actual, |total, change| {
                    let units = lines.iter().filter(|line| line.product_id == change.product_id);
                    let units = units.fold(0_u32, |sum, line| sum.saturating_add(line.quantity));
                    total.plus(change.old.times(units)?)?.minus(change.new.times(units)?)
                });
                Err(Error::TotalChanged { expected: seen.unwrap_or(actual), actual, changes })
            }
            Some(_) | None => Ok((lines, quote)),
        }
    }

    fn quote(&self, lines: &[NewLine], command: &PlaceOrder) -> Result<Quote> {
        let Some(first) = lines.first() else {
            return Err(Invalid::field("/items", "required", "must hold at least one item").into());
        };
        let basket: Vec<BasketLine> = lines
            .iter()
            .map(|line| {
                let (product, seller) = (line.product_id.clone(), line.seller_id.clone());
                BasketLine::new(line.id, product, seller, line.unit_price, line.quantity)
            })
            .collect();
        let basket = Basket::new(first.unit_price.currency(), &basket)
            .with_address(&command.shipping_address)
            .with_coupons(&command.coupons);
        self.pricing.quote(&basket)
    }

    /// All from the first location: no read is needed to try.
    fn first_choice(&self, lines: &[NewLine]) -> Vec<ReservationLine> {
        lines
            .iter()
            .map(|line| {
                let key = StockKey::new(line.product_id.clone(), self.location.clone());
                ReservationLine::new(Some(line.id), key, line.quantity)
            })
            .collect()
    }

    /// Looks for the units at every location, after holds whose time is over have been taken away.
    async fn find_stock(&self, lines: &[NewLine]) -> Result<Vec<ReservationLine>> {
        let demand: Vec<Demand> = lines
            .iter()
            .map(|line| Demand::new(Some(line.id), line.product_id.clone(), line.quantity))
            .collect();
        self.allocate(&demand).await
    }

    /// Decides from which locations a demand is met. Holds whose time is over never stand in the way.
    pub(crate) async fn allocate(&self, demand: &[Demand]) -> Result<Vec<ReservationLine>> {
        let mut products: Vec<ProductId> = demand.iter().map(|line| line.product_id.clone()).collect();
        products.sort();
        products.dedup();
        loop {
            let levels = self.store.stock_levels(&products).await?;
            match allocate(demand, &levels) {
                Ok(lines) => return Ok(lines),
                Err(shortages) => {
                    if self.sweep(&products).await? == 0 {
                        return Err(Error::OutOfStock(shortages));
                    }
                }
            }
        }
    }
}

fn wishes(command: &PlaceOrder, cart: Option<&Cart>, context: &Context<'_>) -> Result<Vec<Wish>> {
    let mut wishes = Vec::new();
    if let Some(cart) = cart {
        wishes.extend(cart.lines.iter().map(|line| Wish {
            line_id: line.id,
            product_id: line.product_id.clone(),
            quantity: line.quantity,
            price_seen: Some(line.unit_price),
        }));
    }
    for item in command.items.iter().flatten() {
        wishes.push(Wish {
            line_id: LineId::new(context.ids, context.now),
            product_id: item.product_id.clone(),
            quantity: item.quantity,
            price_seen: item.price,
        });
    }
    if wishes.len() > Order::MAX_LINES {
        let detail = format!("must hold at most {} items", Order::MAX_LINES);
        return Err(Invalid::field("/items", "too_many", detail).into());
    }
    Ok(wishes)
}

fn close(cart: &Cart, order_id: OrderId, context: &Context<'_>) -> Result<CartPut> {
    let (expected, mut cart) = (cart.version, cart.clone());
    cart.mark_ordered(order_id, context.now)?;
    Ok(CartPut { expected, cart })
}
