use crate::address::Address;
use crate::error::{Error, Invalid, Result};
use crate::fulfilment::SellerGroup;
use crate::id::{
    CartId, CouponCode, CustomerId, LineId, OrderId, OrderNumber, ProductId, ReservationId, SellerId,
};
use crate::inventory::ReservationLine;
use crate::money::Money;
use crate::order::{
    Contact, Context, Draft, Hold, Order, OrderEvent, OrderLine, OrderMove, OrderPolicy, OrderStatus,
    OrderTimestamps, Tender, settle,
};
use crate::pricing::{Quote, Totals};
use crate::text::{check_line, check_lines, is_line, refuse_control};

/// A line that is to be ordered, with what the catalogue says of its product.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the service writes it as a literal")]
pub struct NewLine {
    /// Its id.
    pub id: LineId,
    /// The product.
    pub product_id: ProductId,
    /// Who sells it.
    pub seller_id: SellerId,
    /// Its name now.
    pub name: String,
    /// Its picture now.
    pub image: Option<String>,
    /// Its price now.
    pub unit_price: Money,
    /// How many units.
    pub quantity: u32,
}

/// Everything an order is made of, verified and priced.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "the service writes it as a literal")]
pub struct NewOrder {
    /// Its number.
    pub number: OrderNumber,
    /// Whose it is.
    pub customer_id: CustomerId,
    /// How to reach them.
    pub contact: Contact,
    /// The cart it is made from.
    pub cart_id: Option<CartId>,
    /// What is ordered.
    pub lines: Vec<NewLine>,
    /// What it costs.
    pub quote: Quote,
    /// Where its units are taken from.
    pub held: Vec<ReservationLine>,
    /// Where it goes.
    pub shipping_address: Address,
    /// How it is paid.
    pub tender: Tender,
    /// The coupons that were used.
    pub coupons: Vec<CouponCode>,
    /// The customer's wishes.
    pub notes: Option<String>,
}

impl NewOrder {
    /// The longest note, in bytes.
    pub const MAX_NOTES: usize = 2_000;

    /// Decides that the order is placed: stock is held for it, and its payment is begun. What costs nothing is paid at once;
    /// what is paid on delivery is confirmed at once.
    ///
    /// # Errors
    /// [`Error::Invalid`], or [`Error::Money`] when an amount leaves its bounds.
    pub fn place(self, policy: &OrderPolicy, context: &Context<'_>) -> Result<Draft> {
        self.check()?;
        let tender = self.tender.clone();
        let order = self.into_order(policy, context)?;
        let owed = order.totals.total;
        let mut draft = Draft::place(order, context)?;
        if owed.is_positive() {
            tender.begin(&mut draft, owed, context)?;
            if tender.method.is_offline() {
                draft.record(OrderEvent::Moved { by: OrderMove::Confirm, reason: None }, context)?;
            }
        }
        settle(&mut draft, policy, context)?;
        Ok(draft)
    }

    fn check(&self) -> Result<()> {
        let mut invalid = Invalid::default();
        if self.lines.is_empty() {
            invalid.push("/items", "required", "must hold at least one item");
        }
        if self.lines.len() > Order::MAX_LINES {
            invalid.push("/items", "too_many", format!("must hold at most {} items", Order::MAX_LINES));
        }
        if let Err(address) = self.shipping_address.check() {
            invalid.nest("/shipping_address", address);
        }
        if let Some(notes) = &self.notes {
            check_lines(&mut invalid, "/notes", notes, Self::MAX_NOTES);
        }
        for (pointer, text) in
            [("/contact/name", &self.contact.name), ("/contact/email", &self.contact.email)]
        {
            check_line(&mut invalid, pointer, text.as_deref().unwrap_or_default(), Contact::MAX_BYTES);
        }
        for (index, line) in self.lines.iter().enumerate() {
            let image = line.image.as_deref().unwrap_or_default();
            for (field, text) in [("name", line.name.as_str()), ("image", image)] {
                if !is_line(text) {
                    refuse_control(&mut invalid, &format!("/items/{index}/{field}"));
                }
            }
        }
        invalid.into_result()?;
        let is_held = |line: &NewLine| {
            let held = self.held.iter().filter(|held| held.line_id == Some(line.id));
            held.map(|held| u64::from(held.quantity)).sum::<u64>() == u64::from(line.quantity)
        };
        if self.lines.iter().all(is_held) {
            Ok(())
        } else {
            Err(Error::Internal("the units to be held are not those of the lines"))
        }
    }

    fn into_order(self, policy: &OrderPolicy, context: &Context<'_>) -> Result<Order> {
        let now = context.now;
        let currency = self.quote.currency;
        let nothing = Money::zero(currency);
        let mut lines = Vec::with_capacity(self.lines.len());
        let mut sellers: Vec<SellerGroup> = Vec::new();
        for (line, quoted) in self.lines.into_iter().zip(self.quote.lines) {
            if line.id != quoted.line_id {
                return Err(Error::Internal("the quote is not of these lines"));
            }
            match sellers.iter_mut().find(|group| group.seller_id == line.seller_id) {
                Some(group) => group.totals = group.totals.plus(&quoted.totals)?,
                None => sellers.push(SellerGroup::new(line.seller_id.clone(), quoted.totals, now)),
            }
            lines.push(OrderLine {
                id: line.id,
                product_id: line.product_id,
                seller_id: line.seller_id,
                name: line.name,
                image: line.image,
                unit_price: line.unit_price,
                quantity: line.quantity,
                cancelled: 0,
                cancelled_amount: nothing,
                shipped: 0,
                totals: quoted.totals,
                adjustments: quoted.adjustments,
            });
        }
        let id = OrderId::new(context.ids, now);
        let reservation_id = ReservationId::new(context.ids, now);
        Ok(Order {
            id,
            number: self.number,
            customer_id: self.customer_id,
            contact: (self.contact != Contact::default()).then_some(self.contact),
            cart_id: self.cart_id,
            currency,
            status: OrderStatus::Pending,
            version: 1,
            lines,
            totals: self.quote.totals,
            shipping_address: self.shipping_address,
            sellers,
            payments: Vec::new(),
            findings: Vec::new(),
            hold: Some(Hold::new(reservation_id, self.held, now + policy.hold)),
            cancellation: None,
            granted: nothing,
            coupons: self.coupons,
            timestamps: OrderTimestamps { placed: Some(now), ..OrderTimestamps::default() },
            cancel_reason: None,
            notes: self.notes,
            created_at: now,
            updated_at: now,
        })
    }
}

/// Whether the parts of an order's totals add up, over its lines and over its sellers.
///
/// # Errors
/// [`Error::Money`] when an amount leaves its bounds.
pub fn totals_add_up(order: &Order) -> Result<bool> {
    let nothing = Totals::zero(order.currency);
    let lines = order.lines.iter().try_fold(nothing, |sum, line| sum.plus(&line.totals))?;
    let sellers = order.sellers.iter().try_fold(nothing, |sum, group| sum.plus(&group.totals))?;
    Ok(lines == order.totals && sellers == order.totals && order.totals.is_consistent())
}
