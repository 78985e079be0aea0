use proptest::prelude::*;

use super::*;

fn currencies() -> impl Strategy<Value = Currency> {
    prop::sample::select(vec![Currency::EUR, Currency::JPY, Currency::KWD])
}

fn roundings() -> impl Strategy<Value = (Rounding, RoundingScope)> {
    (
        prop::sample::select(vec![Rounding::HalfEven, Rounding::HalfUp, Rounding::Down]),
        prop::sample::select(vec![RoundingScope::Unit, RoundingScope::Line, RoundingScope::Order]),
    )
}

prop_compose! {
    fn baskets()(currency in currencies())(
        currency in Just(currency),
        lines in prop::collection::vec(
            (0_usize..3, prop_oneof![1_i64..500, 1_i64..10_000_000_000], prop_oneof![1_u32..10, 1_u32..=MAX_QUANTITY]),
            1..12,
        ),
    ) -> (Currency, Vec<BasketLine>) {
        let lines = (0_u128..).zip(lines).map(|(number, (seller, minor, quantity))| {
            line(number, ["a", "b", "c"][seller], minor, quantity, currency)
        });
        (currency, lines.collect())
    }
}

/// Whether it is for one line (or seller), which, and how much.
type Chosen = (bool, usize, i64);

fn fixed_for(
    currency: Currency,
    lines: &[BasketLine],
    discounts: Vec<(Chosen, bool)>,
    charges: Vec<Chosen>,
    taxes: Vec<Option<(u32, bool, bool)>>,
) -> Fixed {
    let discounts = discounts.into_iter().map(|((one, which, amount), percent)| {
        let scope =
            if one { DiscountScope::Line(lines[which % lines.len()].line_id) } else { DiscountScope::Order };
        let value = if percent {
            DiscountValue::Percent(BasisPoints::new(u32::try_from(amount % 12_000).unwrap()))
        } else {
            DiscountValue::Amount(Money::from_minor(amount, currency))
        };
        Discount::new(Reason::new("discount"), scope, value)
    });
    let charges = charges.into_iter().map(|(one, which, amount)| {
        let seller = one.then(|| lines[which % lines.len()].seller_id.clone());
        ShippingCharge::new(Reason::new("shipping"), Money::from_minor(amount, currency), seller)
    });
    let taxes = taxes.into_iter().map(|tax| {
        tax.map(|(rate, included, shipping)| {
            LineTax::new(BasisPoints::new(rate), included, shipping, Reason::new("tax"))
        })
    });
    Fixed { discounts: discounts.collect(), charges: charges.collect(), taxes: taxes.collect() }
}

fn chosen() -> impl Strategy<Value = Chosen> {
    (any::<bool>(), 0_usize..12, prop_oneof![0_i64..1_000, 0_i64..1_000_000_000_000])
}

proptest! {
    #[test]
    fn the_parts_always_add_up(
        (currency, lines) in baskets(),
        discounts in prop::collection::vec((chosen(), any::<bool>()), 0..4),
        charges in prop::collection::vec(chosen(), 0..4),
        taxes in prop::collection::vec(prop::option::of((0_u32..30_000, any::<bool>(), any::<bool>())), 12),
        (rounding, scope) in roundings(),
    ) {
        let fixed = fixed_for(currency, &lines, discounts, charges.clone(), taxes);
        let pricing = pricing_by(&fixed).with_rounding(rounding, scope);
        let quote = pricing.quote(&Basket::new(currency, &lines)).unwrap();

        let sum_of = |part: fn(&Totals) -> Money| {
            quote.lines.iter().map(|line| i128::from(part(&line.totals).minor())).sum::<i128>()
        };
        let parts: [fn(&Totals) -> Money; 6] = [
            |totals| totals.subtotal, |totals| totals.discount, |totals| totals.tax,
            |totals| totals.shipping, |totals| totals.total, |totals| totals.included_tax,
        ];
        for part in parts {
            prop_assert_eq!(sum_of(part), i128::from(part(&quote.totals).minor()));
        }
        for (line, basket_line) in quote.lines.iter().zip(&lines) {
            let totals = line.totals;
            prop_assert_eq!(line.line_id, basket_line.line_id);
            prop_assert_eq!(totals.subtotal.minor(), basket_line.unit_price.minor() * i64::from(basket_line.quantity));
            let by_kind = |kind| line.adjustments.iter()
                .filter(|adjustment| adjustment.kind == kind)
                .map(|adjustment| adjustment.amount.minor())
                .sum::<i64>();
            prop_assert_eq!(totals.discount.minor(), by_kind(AdjustmentKind::Discount));
            prop_assert_eq!(totals.tax.minor(), by_kind(AdjustmentKind::Tax));
            prop_assert_eq!(totals.shipping.minor(), by_kind(AdjustmentKind::Shipping));
            prop_assert_eq!(totals.included_tax.minor(), by_kind(AdjustmentKind::IncludedTax));
            prop_assert!(line.adjustments.iter().all(|adjustment| adjustment.amount.is_positive()));
            prop_assert!(totals.discount.minor() <= totals.subtotal.minor());
            prop_assert!(totals.included_tax.minor() <= totals.total.minor());
            prop_assert_eq!(
                totals.total.minor(),
                totals.subtotal.minor() - totals.discount.minor() + totals.shipping.minor() + totals.tax.minor()
            );
        }
        let charged: i64 = charges.iter().map(|(_, _, amount)| amount).sum();
        prop_assert_eq!(quote.totals.shipping.minor(), charged);
        prop_assert!(quote.is_consistent());
        prop_assert_eq!(&pricing.quote(&Basket::new(currency, &lines)).unwrap(), &quote);
    }

    #[test]
    fn parts_of_a_line_end_at_the_line(
        (currency, lines) in baskets(),
        percent in 0_u32..=10_000,
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 1..6),
    ) {
        let code = coupon("ANY");
        let pricing = Pricing::default()
            .with_discount(Coupons::new().percent(code.clone(), BasisPoints::new(percent)))
            .with_shipping(FlatShipping::new(Money::from_minor(777, currency)))
            .with_tax(FlatTax::on_top(BasisPoints::new(1_900)));
        let quote = pricing.quote(&Basket::new(currency, &lines).with_coupons(&[code])).unwrap();
        for (line, basket_line) in quote.lines.iter().zip(&lines) {
            let units = basket_line.quantity;
            let mut cuts: Vec<u32> =
                cuts.iter().map(|cut| u32::try_from(cut.index(units as usize + 1)).unwrap()).collect();
            cuts.extend([0, units]);
            cuts.sort_unstable();
            let mut sum = Totals::zero(currency);
            for pair in cuts.windows(2) {
                let part = line.totals.share_of_units(units, pair[0], pair[1] - pair[0]).unwrap();
                prop_assert!(part.is_consistent() && !part.total.is_negative());
                prop_assert!(part.discount.minor() <= part.subtotal.minor());
                sum = sum.plus(&part).unwrap();
            }
            prop_assert_eq!(sum, line.totals);
            prop_assert_eq!(line.totals.minus(&sum).unwrap(), Totals::zero(currency));
        }
    }
}
