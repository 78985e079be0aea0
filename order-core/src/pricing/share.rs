#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use crate::money::{BasisPoints, Money, MoneyError, Rounding};

/// The part of a line's amount that belongs to its units `from .. from + count`.
///
/// A line of `units` units was sold with one amount of discount, tax or shipping that need not divide by the units. This
/// is the *cumulative* share: what the first `from + count` units carry less what the first `from` units carry, each a
/// whole number of minor units. Whoever takes units away bit by bit, each time with `from` = units taken before, ends at
/// exactly `total`, in whatever steps.
///
/// ```
/// use order_core::money::{Currency, Money};
/// use order_core::pricing::share_of_units;
///
/// let discount = Money::from_minor(100, Currency::EUR);
/// let shares = [share_of_units(discount, 3, 0, 1)?, share_of_units(discount, 3, 1, 2)?];
/// assert_eq!(shares.map(Money::minor), [33, 67]);
/// # Ok::<(), order_core::money::MoneyError>(())
/// ```
///
/// # Errors
/// [`MoneyError::NothingToSplitBy`] when the line has no units, [`MoneyError::OutOfRange`] when the units asked for are
/// not all in it.
pub fn share_of_units(total: Money, units: u32, from: u32, count: u32) -> Result<Money, MoneyError> {
    if units == 0 {
        return Err(MoneyError::NothingToSplitBy);
    }
    let to = from.checked_add(count).filter(|&to| to <= units).ok_or(MoneyError::OutOfRange)?;
    carried(total, units, to)?.minus(carried(total, units, from)?)
}

/// What the first `first` of `units` units carry.
fn carried(total: Money, units: u32, first: u32) -> Result<Money, MoneyError> {
    let minor = i128::from(total.minor())
        .checked_mul(i128::from(first))
        .and_then(|product| product.checked_div(i128::from(units)))
        .and_then(|minor| i64::try_from(minor).ok())
        .ok_or(MoneyError::OutOfRange)?;
    Ok(Money::from_minor(minor, total.currency()))
}

/// `rate` of one of `parts` equal parts of an amount, rounded once.
pub(super) fn percentage(
    amount: Money,
    rate: BasisPoints,
    parts: u32,
    rounding: Rounding,
) -> Result<Money, MoneyError> {
    fraction(amount, rate.get().into(), BasisPoints::WHOLE.get().into(), parts, rounding)
}

/// The tax at `rate` that is contained in one of `parts` equal parts of an amount, rounded once.
pub(super) fn contained(
    amount: Money,
    rate: BasisPoints,
    parts: u32,
    rounding: Rounding,
) -> Result<Money, MoneyError> {
    let rate = u128::from(rate.get());
    let whole = rate.checked_add(BasisPoints::WHOLE.get().into()).ok_or(MoneyError::OutOfRange)?;
    fraction(amount, rate, whole, parts, rounding)
}

/// `numerator / denominator` of one of `parts` equal parts of an amount that is not below zero, rounded once.
///
/// Whole numbers give the same answer as decimals, in a tenth of the time.
fn fraction(
    amount: Money,
    numerator: u128,
    denominator: u128,
    parts: u32,
    rounding: Rounding,
) -> Result<Money, MoneyError> {
    let denominator = denominator.checked_mul(parts.into()).ok_or(MoneyError::OutOfRange)?;
    let minor = u128::try_from(amount.minor()).map_err(|_| MoneyError::OutOfRange)?;
    let product = minor.checked_mul(numerator).ok_or(MoneyError::OutOfRange)?;
    let quotient = product.checked_div(denominator).ok_or(MoneyError::NothingToSplitBy)?;
    let twice = product
        .checked_rem(denominator)
        .and_then(|remainder| remainder.checked_mul(2))
        .ok_or(MoneyError::OutOfRange)?;
    let up = match rounding {
        Rounding::HalfEven if twice == denominator => quotient & 1 == 1,
        Rounding::HalfEven | Rounding::HalfUp => twice >= denominator,
        Rounding::Down => false,
    };
    let rounded = quotient.checked_add(u128::from(up)).and_then(|minor| i64::try_from(minor).ok());
    Ok(Money::from_minor(rounded.ok_or(MoneyError::OutOfRange)?, amount.currency()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::money::Currency;

    #[test]
    fn units_outside_the_line_have_no_share() {
        let total = Money::from_minor(100, Currency::EUR);
        assert_eq!(share_of_units(total, 0, 0, 0), Err(MoneyError::NothingToSplitBy));
        assert_eq!(share_of_units(total, 3, 2, 2), Err(MoneyError::OutOfRange));
        assert_eq!(share_of_units(total, u32::MAX, u32::MAX, 1), Err(MoneyError::OutOfRange));
        assert_eq!(share_of_units(total, 3, 3, 0), Ok(Money::zero(Currency::EUR)));
    }

    #[test]
    fn the_tax_in_a_price_is_the_one_the_tax_office_knows() {
        let price = Money::from_minor(11_900, Currency::EUR);
        assert_eq!(contained(price, BasisPoints::new(1_900), 1, Rounding::HalfEven).unwrap().minor(), 1_900);
        let price = Money::from_minor(1_000, Currency::EUR);
        assert_eq!(contained(price, BasisPoints::new(700), 1, Rounding::HalfUp).unwrap().minor(), 65);
    }

    #[test]
    fn halves_go_where_the_policy_says() {
        let half_of = |minor, rounding| {
            percentage(Money::from_minor(minor, Currency::JPY), BasisPoints::new(5_000), 1, rounding)
                .unwrap()
                .minor()
        };
        assert_eq!([1, 3, 5].map(|minor| half_of(minor, Rounding::HalfEven)), [0, 2, 2]);
        assert_eq!([1, 3, 5].map(|minor| half_of(minor, Rounding::HalfUp)), [1, 2, 3]);
        assert_eq!([1, 3, 5].map(|minor| half_of(minor, Rounding::Down)), [0, 1, 2]);
    }

    proptest! {
        #[test]
        fn any_sequence_of_partial_takes_adds_up(
            minor in any::<i64>(),
            steps in prop::collection::vec(0_u32..50, 1..20),
        ) {
            let units: u32 = steps.iter().sum();
            prop_assume!(units > 0);
            let total = Money::from_minor(minor, Currency::JPY);
            let mut from = 0;
            let mut taken = Money::zero(Currency::JPY);
            for count in steps {
                let share = share_of_units(total, units, from, count).unwrap();
                let exact = i128::from(minor) * i128::from(count);
                let off = (i128::from(share.minor()) * i128::from(units) - exact).abs();
                prop_assert!(off < i128::from(units), "no share is a whole minor unit off");
                prop_assert!(i128::from(share.minor()) * i128::from(minor) >= 0, "no share turns the sign");
                taken = taken.plus(share).unwrap();
                from += count;
            }
            prop_assert_eq!(taken, total);
        }

        #[test]
        fn whole_numbers_round_as_decimals_do(
            minor in 0_i64..1_000_000_000_000_000,
            rate in 0_u32..200_000,
            rounding in prop::sample::select(vec![Rounding::HalfEven, Rounding::HalfUp, Rounding::Down]),
            currency in prop::sample::select(vec![Currency::EUR, Currency::JPY, Currency::KWD]),
        ) {
            let (amount, rate) = (Money::from_minor(minor, currency), BasisPoints::new(rate));
            prop_assert_eq!(percentage(amount, rate, 1, rounding), rate.of(amount, rounding));
        }
    }
}
