mod properties;

use uuid::Uuid;

use super::*;
use crate::error::Error;
use crate::id::{CouponCode, LineId, ProductId, SellerId};
use crate::money::{BasisPoints, Currency, Money, Rounding};

fn line(number: u128, seller: &str, minor: i64, quantity: u32, currency: Currency) -> BasketLine {
    BasketLine::new(
        LineId::from_uuid(Uuid::from_u128(number)),
        ProductId::new(format!("P{number}")).unwrap(),
        SellerId::new(seller).unwrap(),
        Money::from_minor(minor, currency),
        quantity,
    )
}

fn eur(minor: i64) -> Money {
    Money::from_minor(minor, Currency::EUR)
}

fn coupon(code: &str) -> CouponCode {
    CouponCode::new(code).unwrap()
}

fn problems(result: Result<Quote, Error>) -> Vec<(String, &'static str)> {
    match result {
        Err(Error::Invalid(invalid)) => {
            invalid.errors().iter().map(|error| (error.pointer.clone(), error.code)).collect()
        }
        other => panic!("not a refusal of the request: {other:?}"),
    }
}

/// A policy that answers what it is told to, as a host's would.
#[derive(Debug, Clone, Default)]
struct Fixed {
    discounts: Vec<Discount>,
    charges: Vec<ShippingCharge>,
    taxes: Vec<Option<LineTax>>,
}

impl DiscountPolicy for Fixed {
    fn discounts(&self, _: &Basket<'_>) -> Result<Vec<Discount>, Error> {
        Ok(self.discounts.clone())
    }
}

impl ShippingPolicy for Fixed {
    fn shipping(&self, _: &Basket<'_>, _: Money) -> Result<Vec<ShippingCharge>, Error> {
        Ok(self.charges.clone())
    }
}

impl TaxPolicy for Fixed {
    fn tax(&self, basket: &Basket<'_>, line: &BasketLine) -> Result<Option<LineTax>, Error> {
        let index = basket.lines.iter().position(|other| other.line_id == line.line_id).unwrap();
        Ok(self.taxes.get(index).cloned().flatten())
    }
}

fn pricing_by(fixed: &Fixed) -> Pricing {
    Pricing::default().with_discount(fixed.clone()).with_shipping(fixed.clone()).with_tax(fixed.clone())
}

#[test]
fn the_default_is_the_plain_sum() {
    let lines = [line(1, "a", 250, 3, Currency::EUR), line(2, "b", 100, 1, Currency::EUR)];
    let quote = Pricing::default().quote(&Basket::new(Currency::EUR, &lines)).unwrap();
    assert_eq!(quote.totals, Totals::of_goods(eur(850)));
    assert!(quote.lines.iter().all(|line| line.adjustments.is_empty()));
    let json = serde_json::to_string(&quote).unwrap();
    assert_eq!(serde_json::from_str::<Quote>(&json).unwrap(), quote);
}

#[test]
fn every_line_that_breaks_a_limit_is_named() {
    let limit = 10_i64.pow(MAX_PRICE_DIGITS);
    let lines = [
        line(1, "a", 0, 1, Currency::EUR),
        line(2, "a", -5, 1, Currency::EUR),
        line(3, "a", limit - 1, MAX_QUANTITY, Currency::EUR),
        line(4, "a", limit, u32::MAX, Currency::EUR),
        line(5, "a", 100, 0, Currency::EUR),
        line(6, "a", 100, 1, Currency::JPY),
    ];
    let found = problems(Pricing::default().quote(&Basket::new(Currency::EUR, &lines)));
    assert_eq!(
        found,
        [
            ("/items/0/unit_price".to_owned(), "out_of_range"),
            ("/items/1/unit_price".to_owned(), "out_of_range"),
            ("/items/3/unit_price".to_owned(), "out_of_range"),
            ("/items/3/quantity".to_owned(), "out_of_range"),
            ("/items/4/quantity".to_owned(), "out_of_range"),
            ("/items/5/unit_price".to_owned(), "currency_mismatch"),
        ]
    );
    let found = problems(Pricing::default().quote(&Basket::new(Currency::EUR, &[])));
    assert_eq!(found, [("/items".to_owned(), "required")]);
    let many: Vec<_> = (0..=100).map(|number| line(number, "a", 1, 1, Currency::EUR)).collect();
    let found = problems(Pricing::default().quote(&Basket::new(Currency::EUR, &many)));
    assert_eq!(found, [("/items".to_owned(), "too_many")]);
}

#[test]
fn the_largest_basket_fits() {
    let price = 10_i64.pow(MAX_PRICE_DIGITS) - 1;
    let lines: Vec<_> =
        (0..100).map(|number| line(number, "a", price, MAX_QUANTITY, Currency::JPY)).collect();
    let pricing = Pricing::default().with_tax(FlatTax::on_top(BasisPoints::WHOLE));
    let quote = pricing.quote(&Basket::new(Currency::JPY, &lines)).unwrap();
    assert_eq!(quote.totals.tax.minor(), price * i64::from(MAX_QUANTITY) * 100);
}

#[test]
fn an_overflow_names_its_line() {
    let lines = [line(1, "a", 100, 1, Currency::EUR), line(2, "a", 100, 2, Currency::EUR)];
    let fixed = Fixed {
        charges: vec![ShippingCharge::new(
            Reason::new("far"),
            eur(i64::MAX),
            Some(SellerId::new("a").unwrap()),
        )],
        ..Fixed::default()
    };
    let found = problems(pricing_by(&fixed).quote(&Basket::new(Currency::EUR, &lines[1..])));
    assert_eq!(found, [("/items/0/quantity".to_owned(), "out_of_range")]);
}

#[test]
fn unknown_and_repeated_coupons_are_refused() {
    let lines = [line(1, "a", 1000, 1, Currency::EUR)];
    let basket = Basket::new(Currency::EUR, &lines);
    let given = [coupon("NONE"), coupon("TEN"), coupon("TEN"), coupon("YEN")];
    let coupons = Coupons::new()
        .percent(coupon("TEN"), BasisPoints::new(1_000))
        .amount(coupon("YEN"), Money::from_minor(5, Currency::JPY));
    let found = problems(Pricing::default().with_discount(coupons).quote(&basket.with_coupons(&given)));
    assert_eq!(
        found,
        [
            ("/coupons/0".to_owned(), "unknown_coupon"),
            ("/coupons/2".to_owned(), "duplicate"),
            ("/coupons/3".to_owned(), "currency_mismatch"),
        ]
    );
    let found = problems(Pricing::default().quote(&basket.with_coupons(&given[1..2])));
    assert_eq!(found, [("/coupons/0".to_owned(), "unknown_coupon")]);
    let many: Vec<_> = (0..=MAX_COUPONS).map(|number| coupon(&number.to_string())).collect();
    let found = problems(Pricing::default().quote(&basket.with_coupons(&many)));
    assert_eq!(found, [("/coupons".to_owned(), "too_many")]);
}

#[test]
fn a_discount_ends_at_nothing() {
    let lines = [line(1, "a", 1000, 1, Currency::EUR), line(2, "a", 1, 3, Currency::EUR)];
    let coupons =
        Coupons::new().percent(coupon("HALF"), BasisPoints::new(5_000)).amount(coupon("BIG"), eur(1_000_000));
    let pricing = Pricing::default()
        .with_discount(coupons)
        .with_shipping(FlatShipping::new(eur(500)).free_from(eur(1)))
        .with_tax(FlatTax::on_top(BasisPoints::new(1_900)));
    let given = [coupon("HALF"), coupon("BIG")];
    let quote = pricing.quote(&Basket::new(Currency::EUR, &lines).with_coupons(&given)).unwrap();
    assert_eq!(quote.totals.discount, quote.totals.subtotal);
    assert_eq!(quote.totals.shipping, eur(500), "free goods reach no threshold");
    assert_eq!(quote.totals.total, eur(595));
    assert!(quote.is_consistent());
}

#[test]
fn shipping_is_free_from_the_discounted_goods_on() {
    let pricing = Pricing::default()
        .with_discount(Coupons::new().amount(coupon("ONE"), eur(1)))
        .with_shipping(FlatShipping::new(eur(500)).free_from(eur(1000)));
    let lines = [line(1, "a", 1000, 1, Currency::EUR)];
    let basket = Basket::new(Currency::EUR, &lines);
    assert!(pricing.quote(&basket).unwrap().totals.shipping.is_zero());
    assert_eq!(pricing.quote(&basket.with_coupons(&[coupon("ONE")])).unwrap().totals.shipping, eur(500));
}

#[test]
fn a_seller_s_shipping_stays_with_the_seller() {
    let lines = [line(1, "a", 100, 1, Currency::EUR), line(2, "b", 100, 1, Currency::EUR)];
    let charge = |seller: &str, amount| {
        let seller = Some(SellerId::new(seller).unwrap());
        Fixed {
            charges: vec![ShippingCharge::new(Reason::new("parcel"), amount, seller)],
            ..Fixed::default()
        }
    };
    let basket = Basket::new(Currency::EUR, &lines);
    let quote = pricing_by(&charge("b", eur(30))).quote(&basket).unwrap();
    assert_eq!(quote.lines[0].totals.shipping, eur(0));
    assert_eq!(quote.lines[1].totals.shipping, eur(30));
    assert!(matches!(pricing_by(&charge("c", eur(30))).quote(&basket), Err(Error::Internal(_))));
    assert!(matches!(pricing_by(&charge("a", eur(-1))).quote(&basket), Err(Error::Internal(_))));
    let yen = Money::from_minor(0, Currency::JPY);
    assert!(matches!(pricing_by(&charge("a", yen)).quote(&basket), Err(Error::Money(_))));
}

#[test]
fn a_line_s_discount_stays_on_the_line() {
    let lines = [line(1, "a", 100, 1, Currency::EUR), line(2, "b", 100, 1, Currency::EUR)];
    let off = |number, value| Fixed {
        discounts: vec![Discount::new(
            Reason::new("sale"),
            DiscountScope::Line(LineId::from_uuid(Uuid::from_u128(number))),
            value,
        )],
        ..Fixed::default()
    };
    let basket = Basket::new(Currency::EUR, &lines);
    let quote = pricing_by(&off(2, DiscountValue::Amount(eur(500)))).quote(&basket).unwrap();
    assert_eq!(quote.lines[0].totals.total, eur(100));
    assert_eq!(quote.line(lines[1].line_id).unwrap().totals.total, eur(0));
    let none = pricing_by(&off(3, DiscountValue::Amount(eur(5)))).quote(&basket);
    assert!(matches!(none, Err(Error::Internal(_))));
    let raise = pricing_by(&off(1, DiscountValue::Amount(eur(-5)))).quote(&basket);
    assert!(matches!(raise, Err(Error::Internal(_))));
}

#[test]
fn two_lines_with_one_id_are_a_defect() {
    let lines = [
        line(1, "a", 100, 1, Currency::EUR),
        line(2, "a", 100, 1, Currency::EUR),
        line(1, "b", 1, 1, Currency::EUR),
    ];
    assert!(matches!(Pricing::default().quote(&Basket::new(Currency::EUR, &lines)), Err(Error::Internal(_))));
}

#[test]
fn the_scope_of_rounding_is_the_host_s() {
    // Three lines of 3 × 0.33 at 10 %: 0.033 per unit, 0.099 per line, 0.297 on the order.
    let lines = [1, 2, 3].map(|number| line(number, "a", 33, 3, Currency::EUR));
    let tax = |scope| {
        let pricing = Pricing::default()
            .with_tax(FlatTax::on_top(BasisPoints::new(1_000)))
            .with_rounding(Rounding::HalfUp, scope);
        let quote = pricing.quote(&Basket::new(Currency::EUR, &lines)).unwrap();
        assert!(quote.is_consistent());
        quote.totals.tax.minor()
    };
    assert_eq!(tax(RoundingScope::Unit), 27);
    assert_eq!(tax(RoundingScope::Line), 30);
    assert_eq!(tax(RoundingScope::Order), 30);
    let cheap = [1, 2, 3].map(|number| line(number, "a", 4, 1, Currency::EUR));
    let pricing = Pricing::default().with_tax(FlatTax::on_top(BasisPoints::new(1_000)));
    let basket = Basket::new(Currency::EUR, &cheap);
    assert_eq!(pricing.quote(&basket).unwrap().totals.tax, eur(0));
    let pricing = pricing.with_rounding(Rounding::HalfEven, RoundingScope::Order);
    let quote = pricing.quote(&basket).unwrap();
    assert_eq!(quote.totals.tax, eur(1), "0.012 is a cent, carried by the first line");
    assert_eq!(quote.lines[0].totals.tax, eur(1));
}

#[test]
fn each_rate_of_an_order_is_rounded_by_itself() {
    let lines = [1, 2, 3].map(|number| line(number, "a", 5, 1, Currency::EUR));
    let rate =
        |rate| Some(LineTax::new(BasisPoints::new(rate), false, false, Reason::new(format!("rate {rate}"))));
    let fixed = Fixed { taxes: vec![rate(1_000), rate(10_000), rate(1_000)], ..Fixed::default() };
    let pricing = pricing_by(&fixed).with_rounding(Rounding::HalfEven, RoundingScope::Order);
    let quote = pricing.quote(&Basket::new(Currency::EUR, &lines)).unwrap();
    assert_eq!(quote.lines.iter().map(|line| line.totals.tax.minor()).collect::<Vec<_>>(), [1, 5, 0]);
    assert_eq!(quote.lines[1].adjustments[0].reason.as_str(), "rate 10000");
}

#[test]
fn a_price_never_contains_more_tax_than_it_is() {
    let lines = [line(1, "a", 1, 3, Currency::EUR)];
    let pricing = Pricing::default()
        .with_discount(Coupons::new().amount(coupon("ONE"), eur(1)))
        .with_tax(FlatTax::included(BasisPoints::new(30_000)))
        .with_rounding(Rounding::HalfUp, RoundingScope::Unit);
    let quote = pricing.quote(&Basket::new(Currency::EUR, &lines).with_coupons(&[coupon("ONE")])).unwrap();
    assert_eq!((quote.totals.total, quote.totals.included_tax), (eur(2), eur(2)));
}

#[test]
fn included_tax_adds_nothing() {
    let lines = [line(1, "a", 11_900, 1, Currency::EUR)];
    let pricing = Pricing::default()
        .with_shipping(FlatShipping::new(eur(1_190)))
        .with_tax(FlatTax::included(BasisPoints::new(1_900)));
    let quote = pricing.quote(&Basket::new(Currency::EUR, &lines)).unwrap();
    assert_eq!(quote.totals.total, eur(13_090));
    assert_eq!((quote.totals.tax, quote.totals.included_tax), (eur(0), eur(2_090)));
    let pricing = pricing.with_tax(FlatTax::included(BasisPoints::new(1_900)).without_shipping());
    let quote = pricing.quote(&Basket::new(Currency::EUR, &lines)).unwrap();
    assert_eq!(quote.totals.included_tax, eur(1_900));
}

#[test]
fn a_tampered_quote_is_seen() {
    let lines = [line(1, "a", 1_000, 1, Currency::EUR)];
    let pricing = Pricing::default().with_tax(FlatTax::on_top(BasisPoints::new(1_900)));
    let quote = pricing.quote(&Basket::new(Currency::EUR, &lines)).unwrap();
    let mut moved = quote.clone();
    moved.lines[0].totals.tax = eur(189);
    assert!(!moved.is_consistent());
    let mut silent = quote.clone();
    silent.lines[0].adjustments.clear();
    assert!(!silent.is_consistent());
    let mut total = quote;
    total.totals.total = eur(1);
    assert!(!total.is_consistent());
}

#[test]
fn reasons_are_bounded() {
    assert_eq!(Reason::new("é".repeat(300)).as_str().len(), Reason::MAX_BYTES);
    assert_eq!(Reason::new("a\nb").as_str(), "a b");
}
