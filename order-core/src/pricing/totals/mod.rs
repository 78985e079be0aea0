#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

mod form;

use super::share::share_of_units;
use crate::money::{Currency, Money, MoneyError};

/// What a line, a seller's part or a whole order costs, by component.
///
/// `total = subtotal − discount + shipping + tax`. Where prices contain their tax, `tax` is nothing and `included_tax` says
/// how much of the total is tax; it is information and adds nothing.
///
/// Written with serde, the currency stands once and what is nothing is left out, as an order keeps many of them:
/// `{"currency": "EUR", "subtotal": "20.00", "shipping": "4.90", "total": "24.90"}`. The form of before, in which each component is
/// a [`Money`] of its own, is still read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the components are the law of the module; stores write them as a literal"
)]
pub struct Totals {
    /// Unit prices times quantities.
    pub subtotal: Money,
    /// What is taken off. Never more than the subtotal.
    pub discount: Money,
    /// Tax on top of the prices.
    pub tax: Money,
    /// What shipping costs.
    pub shipping: Money,
    /// What is to be paid.
    pub total: Money,
    /// The tax contained in the prices, when they contain it.
    pub included_tax: Money,
}

impl Totals {
    /// Nothing of a currency.
    pub const fn zero(currency: Currency) -> Self {
        let zero = Money::zero(currency);
        Self { subtotal: zero, discount: zero, tax: zero, shipping: zero, total: zero, included_tax: zero }
    }

    /// Goods at their price, with nothing added and nothing taken off.
    pub const fn of_goods(subtotal: Money) -> Self {
        Self { subtotal, total: subtotal, ..Self::zero(subtotal.currency()) }
    }

    /// The sum, component by component.
    ///
    /// # Errors
    /// [`MoneyError::CurrencyMismatch`], [`MoneyError::OutOfRange`].
    pub fn plus(&self, other: &Self) -> Result<Self, MoneyError> {
        self.combine(other, Money::plus)
    }

    /// The difference, component by component: what is left after a part went away.
    ///
    /// # Errors
    /// [`MoneyError::CurrencyMismatch`], [`MoneyError::OutOfRange`].
    pub fn minus(&self, other: &Self) -> Result<Self, MoneyError> {
        self.combine(other, Money::minus)
    }

    /// The part that belongs to the units `from .. from + count` of a line with `units` units. Every component is the
    /// [share](share_of_units) of its own, so that parts taken one after the other add up to the whole, and no part's
    /// total is below zero.
    ///
    /// # Errors
    /// Those of [`share_of_units`].
    pub fn share_of_units(&self, units: u32, from: u32, count: u32) -> Result<Self, MoneyError> {
        let share = |amount| share_of_units(amount, units, from, count);
        let mut part = Self {
            subtotal: share(self.subtotal)?,
            discount: share(self.discount)?,
            tax: share(self.tax)?,
            shipping: share(self.shipping)?,
            total: self.total,
            included_tax: share(self.included_tax)?,
        };
        part.total = part.computed_total()?;
        Ok(part)
    }

    /// Whether the total is what the components say, all in one currency.
    pub fn is_consistent(&self) -> bool {
        self.included_tax.currency() == self.total.currency() && self.computed_total() == Ok(self.total)
    }

    /// The total that the components add up to.
    pub(super) fn computed_total(&self) -> Result<Money, MoneyError> {
        self.subtotal.minus(self.discount)?.plus(self.shipping)?.plus(self.tax)
    }

    fn combine(
        &self,
        other: &Self,
        operation: fn(Money, Money) -> Result<Money, MoneyError>,
    ) -> Result<Self, MoneyError> {
        Ok(Self {
            subtotal: operation(self.subtotal, other.subtotal)?,
            discount: operation(self.discount, other.discount)?,
            tax: operation(self.tax, other.tax)?,
            shipping: operation(self.shipping, other.shipping)?,
            total: operation(self.total, other.total)?,
            included_tax: operation(self.included_tax, other.included_tax)?,
        })
    }
}
