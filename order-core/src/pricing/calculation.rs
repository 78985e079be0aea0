#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::policy::{
    Discount, DiscountPolicy, DiscountScope, DiscountValue, LineTax, ShippingCharge, ShippingPolicy,
    TaxPolicy,
};
use super::rules::{NoDiscount, NoShipping, NoTax};
use super::share::{contained, percentage};
use super::{AdjustmentKind, Basket, Quote, QuotedLine, Reason};
use crate::error::{Error, Invalid};
use crate::money::{Money, MoneyError, Rounding};

/// What a tax is rounded on. Offices differ; whatever is chosen, the parts add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "a host matches on it when it shows its own policy")]
pub enum RoundingScope {
    /// On one unit, then multiplied by the quantity.
    Unit,
    /// On each line.
    #[default]
    Line,
    /// Once per rate, on everything taxed at it; the lines share the result by largest remainder.
    Order,
}

/// The rules by which a basket is priced. Each is a strategy a host can replace; the default is the plain sum.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Pricing {
    /// What is taken off.
    pub discount: Arc<dyn DiscountPolicy>,
    /// What shipping costs.
    pub shipping: Arc<dyn ShippingPolicy>,
    /// How lines are taxed.
    pub tax: Arc<dyn TaxPolicy>,
    /// How a computed amount becomes whole minor units.
    pub rounding: Rounding,
    /// What taxes are rounded on.
    pub rounding_scope: RoundingScope,
}

impl Default for Pricing {
    fn default() -> Self {
        Self {
            discount: Arc::new(NoDiscount),
            shipping: Arc::new(NoShipping),
            tax: Arc::new(NoTax),
            rounding: Rounding::default(),
            rounding_scope: RoundingScope::default(),
        }
    }
}

impl Pricing {
    /// With other discounts.
    #[must_use]
    pub fn with_discount(self, policy: impl DiscountPolicy + 'static) -> Self {
        Self { discount: Arc::new(policy), ..self }
    }

    /// With other shipping.
    #[must_use]
    pub fn with_shipping(self, policy: impl ShippingPolicy + 'static) -> Self {
        Self { shipping: Arc::new(policy), ..self }
    }

    /// With other taxes.
    #[must_use]
    pub fn with_tax(self, policy: impl TaxPolicy + 'static) -> Self {
        Self { tax: Arc::new(policy), ..self }
    }

    /// With another rounding.
    #[must_use]
    pub fn with_rounding(self, rounding: Rounding, scope: RoundingScope) -> Self {
        Self { rounding, rounding_scope: scope, ..self }
    }

    /// Prices a basket: goods, then discounts, then shipping, then tax.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the basket breaks a limit, a coupon can't be used or an amount leaves its range on a line;
    /// what the policies answer; [`Error::Internal`] when a policy answers an amount below zero, or a line or seller that
    /// the basket has not.
    pub fn quote(&self, basket: &Basket<'_>) -> Result<Quote, Error> {
        basket.check()?;
        let mut calculation = Calculation::of_goods(*basket, self.rounding)?;
        for discount in self.discount.discounts(basket)? {
            calculation.discount(&discount)?;
        }
        let goods = calculation.goods()?;
        for charge in self.shipping.shipping(basket, goods)? {
            calculation.ship(&charge)?;
        }
        calculation.tax(&*self.tax, self.rounding_scope)?;
        Ok(Quote::of_lines(basket.currency, calculation.lines)?)
    }
}

/// A tax with the amount it is on.
type Taxed = (LineTax, Money);

/// A quote in the making. `lines` are those of the basket, in its order.
struct Calculation<'a> {
    basket: Basket<'a>,
    lines: Vec<QuotedLine>,
    rounding: Rounding,
}

impl<'a> Calculation<'a> {
    fn of_goods(basket: Basket<'a>, rounding: Rounding) -> Result<Self, Error> {
        /// Room for a discount, shipping and a tax on each line.
        const USUAL_ADJUSTMENTS: usize = 3;
        let mut lines = Vec::with_capacity(basket.lines.len());
        for (index, line) in basket.lines.iter().enumerate() {
            let subtotal = line.unit_price.times(line.quantity).map_err(|_| overflow(index))?;
            lines.push(QuotedLine::new(line.line_id, subtotal, USUAL_ADJUSTMENTS));
        }
        let mut ids: Vec<_> = basket.lines.iter().map(|line| line.line_id).collect();
        ids.sort_unstable();
        if ids.windows(2).any(|pair| pair.first() == pair.last()) {
            return Err(Error::Internal("two lines of a basket have the same id"));
        }
        Ok(Self { basket, lines, rounding })
    }

    fn goods(&self) -> Result<Money, MoneyError> {
        self.lines.iter().try_fold(Money::zero(self.basket.currency), |sum, line| sum.plus(line.goods()?))
    }

    fn discount(&mut self, discount: &Discount) -> Result<(), Error> {
        let limit = match discount.scope {
            DiscountScope::Order => self.goods()?,
            DiscountScope::Line(line_id) => self
                .lines
                .iter()
                .find(|line| line.line_id == line_id)
                .ok_or(Error::Internal("a discount is for a line that the basket has not"))?
                .goods()?,
        };
        let wanted = match discount.value {
            DiscountValue::Amount(amount) => amount,
            DiscountValue::Percent(rate) => percentage(limit, rate, 1, self.rounding)?,
        };
        if wanted.is_negative() {
            return Err(Error::Internal("a discount is below zero"));
        }
        let amount = wanted.min(limit)?;
        match discount.scope {
            DiscountScope::Order => self.spread(AdjustmentKind::Discount, amount, &discount.reason, |_| true),
            DiscountScope::Line(line_id) => {
                for line in self.lines.iter_mut().filter(|line| line.line_id == line_id) {
                    line.adjust(AdjustmentKind::Discount, amount, &discount.reason)?;
                }
                Ok(())
            }
        }
    }

    fn ship(&mut self, charge: &ShippingCharge) -> Result<(), Error> {
        if charge.amount.is_negative() {
            return Err(Error::Internal("a shipping charge is below zero"));
        }
        let basket = self.basket;
        let concerned = |index: usize| {
            let seller = basket.lines.get(index).map(|line| &line.seller_id);
            charge.seller.is_none() || charge.seller.as_ref() == seller
        };
        if !(0..basket.lines.len()).any(concerned) {
            return Err(Error::Internal("a shipping charge is for a seller that the basket has not"));
        }
        self.spread(AdjustmentKind::Shipping, charge.amount, &charge.reason, concerned)
    }

    /// Gives each concerned line its part of an amount, in proportion to what its goods cost: after the discounts, or,
    /// when they are free, before.
    fn spread(
        &mut self,
        kind: AdjustmentKind,
        amount: Money,
        reason: &Reason,
        concerned: impl Fn(usize) -> bool,
    ) -> Result<(), Error> {
        // Also says so when the amount is of another currency.
        if amount.compare(Money::zero(self.basket.currency))?.is_eq() {
            return Ok(());
        }
        let weights_by = |weight: fn(&QuotedLine) -> Result<Money, MoneyError>| {
            let lines = self.lines.iter().enumerate();
            let weight_of = |(index, line)| {
                if concerned(index) { weight(line).map(weight_of_amount) } else { Ok(0) }
            };
            lines.map(weight_of).collect::<Result<Vec<u64>, MoneyError>>()
        };
        let mut weights = weights_by(QuotedLine::goods)?;
        if weights.iter().all(|&weight| weight == 0) {
            weights = weights_by(|line| Ok(line.totals.subtotal))?;
        }
        for (index, (line, part)) in self.lines.iter_mut().zip(amount.allocate(&weights)?).enumerate() {
            line.adjust(kind, part, reason).map_err(|_| overflow(index))?;
        }
        Ok(())
    }

    fn tax(&mut self, policy: &dyn TaxPolicy, scope: RoundingScope) -> Result<(), Error> {
        let mut taxed: Vec<Option<Taxed>> = Vec::with_capacity(self.lines.len());
        for (index, (basket_line, line)) in self.basket.lines.iter().zip(&self.lines).enumerate() {
            taxed.push(match policy.tax(&self.basket, basket_line)? {
                Some(tax) => {
                    let goods = line.goods()?;
                    let amount = if tax.taxes_shipping {
                        goods.plus(line.totals.shipping).map_err(|_| overflow(index))?
                    } else {
                        goods
                    };
                    Some((tax, amount))
                }
                None => None,
            });
        }
        match scope {
            RoundingScope::Unit => self.tax_lines(&taxed, true),
            RoundingScope::Line => self.tax_lines(&taxed, false),
            RoundingScope::Order => self.tax_order(taxed),
        }
    }

    fn tax_lines(&mut self, taxed: &[Option<Taxed>], by_unit: bool) -> Result<(), Error> {
        let quantities = self.basket.lines.iter().map(|line| line.quantity);
        for (index, ((line, taxed), quantity)) in self.lines.iter_mut().zip(taxed).zip(quantities).enumerate()
        {
            let Some((tax, amount)) = taxed else { continue };
            let units = if by_unit { quantity } else { 1 };
            let part = unit_tax(tax, *amount, units, self.rounding)
                .and_then(|unit| unit.times(units))
                .and_then(|part| if tax.included { part.min(*amount) } else { Ok(part) })
                .map_err(|_| overflow(index))?;
            line.adjust(kind_of(tax), part, &tax.reason).map_err(|_| overflow(index))?;
        }
        Ok(())
    }

    fn tax_order(&mut self, mut taxed: Vec<Option<Taxed>>) -> Result<(), Error> {
        let mut weights = Vec::with_capacity(taxed.len());
        while let Some(group) = taxed.iter().flatten().map(|(tax, _)| tax.clone()).next() {
            let mut base = Money::zero(self.basket.currency);
            weights.clear();
            for (index, entry) in taxed.iter_mut().enumerate() {
                let amount = entry
                    .take_if(|(tax, _)| *tax == group)
                    .map_or(Money::zero(self.basket.currency), |(_, amount)| amount);
                base = base.plus(amount).map_err(|_| overflow(index))?;
                weights.push(weight_of_amount(amount));
            }
            if base.is_zero() {
                continue;
            }
            let tax = unit_tax(&group, base, 1, self.rounding)?;
            for (index, (line, part)) in self.lines.iter_mut().zip(tax.allocate(&weights)?).enumerate() {
                line.adjust(kind_of(&group), part, &group.reason).map_err(|_| overflow(index))?;
            }
        }
        Ok(())
    }
}

/// The tax on one of `units` equal parts of an amount, rounded once.
fn unit_tax(tax: &LineTax, amount: Money, units: u32, rounding: Rounding) -> Result<Money, MoneyError> {
    let share = if tax.included { contained } else { percentage };
    share(amount, tax.rate, units, rounding)
}

const fn kind_of(tax: &LineTax) -> AdjustmentKind {
    if tax.included { AdjustmentKind::IncludedTax } else { AdjustmentKind::Tax }
}

/// An amount as a weight. What is below zero weighs nothing; the calculation has no such amount.
fn weight_of_amount(amount: Money) -> u64 {
    u64::try_from(amount.minor()).unwrap_or(0)
}

/// The line on which an amount left its range.
fn overflow(index: usize) -> Error {
    let pointer = format!("/items/{index}/quantity");
    Error::Invalid(Invalid::field(pointer, "out_of_range", "makes an amount that is out of range"))
}
