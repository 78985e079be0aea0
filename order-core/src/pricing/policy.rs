#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use std::fmt;

use super::{Basket, BasketLine, Reason};
use crate::error::Error;
use crate::id::{LineId, SellerId};
use crate::money::{BasisPoints, Money};

/// What a discount is taken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DiscountScope {
    /// One line.
    Line(LineId),
    /// All lines, in proportion to what each still costs.
    Order,
}

/// How much a discount takes off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DiscountValue {
    /// An amount.
    Amount(Money),
    /// A share of what the goods in its scope cost after the discounts before it.
    Percent(BasisPoints),
}

/// Something to be taken off. More than the goods in its scope still cost is never taken.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Discount {
    /// Why, as it stands in the quote.
    pub reason: Reason,
    /// What it is taken off.
    pub scope: DiscountScope,
    /// How much.
    pub value: DiscountValue,
}

impl Discount {
    /// A discount.
    pub const fn new(reason: Reason, scope: DiscountScope, value: DiscountValue) -> Self {
        Self { reason, scope, value }
    }
}

/// What shipping costs, in whole or for the goods of one seller.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShippingCharge {
    /// Why, as it stands in the quote.
    pub reason: Reason,
    /// How much. Not below zero.
    pub amount: Money,
    /// Whose goods it is for; `None` for all.
    pub seller: Option<SellerId>,
}

impl ShippingCharge {
    /// A charge.
    pub const fn new(reason: Reason, amount: Money, seller: Option<SellerId>) -> Self {
        Self { reason, amount, seller }
    }
}

/// How a line is taxed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LineTax {
    /// The rate.
    pub rate: BasisPoints,
    /// Whether the prices contain the tax.
    pub included: bool,
    /// Whether the line's part of the shipping is taxed like the line.
    pub taxes_shipping: bool,
    /// Why, as it stands in the quote.
    pub reason: Reason,
}

impl LineTax {
    /// A tax on the goods of a line.
    pub const fn new(rate: BasisPoints, included: bool, taxes_shipping: bool, reason: Reason) -> Self {
        Self { rate, included, taxes_shipping, reason }
    }
}

/// Decides what is taken off. Coupons are its business: it MUST refuse those it does not know.
pub trait DiscountPolicy: fmt::Debug + Send + Sync {
    /// The discounts of a basket, in the order in which they are taken off.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the pointer `/coupons/0` when a coupon can't be used.
    fn discounts(&self, basket: &Basket<'_>) -> Result<Vec<Discount>, Error>;
}

/// Decides what shipping costs.
pub trait ShippingPolicy: fmt::Debug + Send + Sync {
    /// The charges for a basket whose goods cost `goods` after all discounts.
    ///
    /// # Errors
    /// When the goods can't be sent there.
    fn shipping(&self, basket: &Basket<'_>, goods: Money) -> Result<Vec<ShippingCharge>, Error>;
}

/// Decides how a line is taxed.
pub trait TaxPolicy: fmt::Debug + Send + Sync {
    /// The tax on a line, or `None` when there is none.
    ///
    /// # Errors
    /// When it can't be told, e.g. without an address.
    fn tax(&self, basket: &Basket<'_>, line: &BasketLine) -> Result<Option<LineTax>, Error>;
}
