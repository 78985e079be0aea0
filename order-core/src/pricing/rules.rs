#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use std::collections::BTreeMap;

use super::policy::{
    Discount, DiscountPolicy, DiscountScope, DiscountValue, LineTax, ShippingCharge, ShippingPolicy,
    TaxPolicy,
};
use super::{Basket, BasketLine, Reason};
use crate::error::{Error, Invalid};
use crate::id::CouponCode;
use crate::money::{BasisPoints, Money};

/// Takes nothing off and knows no coupon.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::exhaustive_structs, reason = "it has nothing to configure")]
pub struct NoDiscount;

impl DiscountPolicy for NoDiscount {
    fn discounts(&self, basket: &Basket<'_>) -> Result<Vec<Discount>, Error> {
        let mut invalid = Invalid::default();
        for index in 0..basket.coupons.len() {
            invalid.push(format!("/coupons/{index}"), "unknown_coupon", "is not a coupon that can be used");
        }
        invalid.into_result()?;
        Ok(Vec::new())
    }
}

/// Coupons that take a share or an amount off the whole order.
///
/// Codes are compared as they are written. Each counts once; they are taken off in the order the customer gave them.
#[derive(Debug, Clone, Default)]
pub struct Coupons {
    values: BTreeMap<CouponCode, (DiscountValue, Reason)>,
}

impl Coupons {
    /// No coupon yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// With a coupon that takes a share off.
    #[must_use]
    pub fn percent(self, code: CouponCode, rate: BasisPoints) -> Self {
        self.with(code, DiscountValue::Percent(rate))
    }

    /// With a coupon that takes an amount off. Baskets in another currency can't use it.
    #[must_use]
    pub fn amount(self, code: CouponCode, amount: Money) -> Self {
        self.with(code, DiscountValue::Amount(amount))
    }

    fn with(mut self, code: CouponCode, value: DiscountValue) -> Self {
        let reason = Reason::new(format!("coupon {code}"));
        self.values.insert(code, (value, reason));
        self
    }
}

impl DiscountPolicy for Coupons {
    fn discounts(&self, basket: &Basket<'_>) -> Result<Vec<Discount>, Error> {
        let mut discounts = Vec::with_capacity(basket.coupons.len());
        let mut invalid = Invalid::default();
        for (index, code) in basket.coupons.iter().enumerate() {
            let pointer = || format!("/coupons/{index}");
            let Some((value, reason)) = self.values.get(code) else {
                invalid.push(pointer(), "unknown_coupon", "is not a coupon that can be used");
                continue;
            };
            if basket.coupons.iter().take(index).any(|earlier| earlier == code) {
                invalid.push(pointer(), "duplicate", "must not be given twice");
            }
            if let DiscountValue::Amount(amount) = value
                && amount.currency() != basket.currency
            {
                let detail = format!("cannot be used for an order in {}", basket.currency);
                invalid.push(pointer(), "currency_mismatch", detail);
            }
            discounts.push(Discount::new(reason.clone(), DiscountScope::Order, *value));
        }
        invalid.into_result()?;
        Ok(discounts)
    }
}

/// Ships for nothing.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::exhaustive_structs, reason = "it has nothing to configure")]
pub struct NoShipping;

impl ShippingPolicy for NoShipping {
    fn shipping(&self, _: &Basket<'_>, _: Money) -> Result<Vec<ShippingCharge>, Error> {
        Ok(Vec::new())
    }
}

/// One fee for the whole order, waived from an amount of goods on.
#[derive(Debug, Clone)]
pub struct FlatShipping {
    fee: Money,
    free_from: Option<Money>,
    reason: Reason,
}

impl FlatShipping {
    /// A fee for every order.
    pub fn new(fee: Money) -> Self {
        Self { fee, free_from: None, reason: Reason::new("shipping") }
    }

    /// Waived when the goods cost at least that much after all discounts.
    #[must_use]
    pub fn free_from(self, goods: Money) -> Self {
        Self { free_from: Some(goods), ..self }
    }
}

impl ShippingPolicy for FlatShipping {
    fn shipping(&self, _: &Basket<'_>, goods: Money) -> Result<Vec<ShippingCharge>, Error> {
        if let Some(free_from) = self.free_from
            && goods.compare(free_from)?.is_ge()
        {
            return Ok(Vec::new());
        }
        Ok(vec![ShippingCharge::new(self.reason.clone(), self.fee, None)])
    }
}

/// Taxes nothing.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::exhaustive_structs, reason = "it has nothing to configure")]
pub struct NoTax;

impl TaxPolicy for NoTax {
    fn tax(&self, _: &Basket<'_>, _: &BasketLine) -> Result<Option<LineTax>, Error> {
        Ok(None)
    }
}

/// One rate for everything.
#[derive(Debug, Clone)]
pub struct FlatTax {
    tax: LineTax,
}

impl FlatTax {
    /// A rate that is added to the prices, and taxes shipping like the goods.
    pub fn on_top(rate: BasisPoints) -> Self {
        Self::new(rate, false)
    }

    /// A rate that the prices contain, and the shipping fee as well.
    pub fn included(rate: BasisPoints) -> Self {
        Self::new(rate, true)
    }

    /// Leaves shipping untaxed.
    #[must_use]
    pub fn without_shipping(mut self) -> Self {
        self.tax.taxes_shipping = false;
        self
    }

    fn new(rate: BasisPoints, included: bool) -> Self {
        let percent = rate.factor().saturating_mul(rust_decimal::Decimal::ONE_HUNDRED).normalize();
        Self { tax: LineTax::new(rate, included, true, Reason::new(format!("tax {percent} %"))) }
    }
}

impl TaxPolicy for FlatTax {
    fn tax(&self, _: &Basket<'_>, _: &BasketLine) -> Result<Option<LineTax>, Error> {
        Ok(Some(self.tax.clone()))
    }
}
