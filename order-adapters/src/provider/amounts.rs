use order_core::money::{Currency, Money};

/// How one provider writes amounts: as a whole number of units of 10⁻ᵉ of a currency, where e is not always ISO 4217's.
///
/// What can't be written so is refused, never rounded.
#[derive(Debug)]
pub(crate) struct AmountRules {
    /// Currencies whose exponent is not two: the code, the provider's exponent, and what a number must be a multiple of.
    pub(crate) exceptions: &'static [(&'static str, u32, i64)],
}

/// An amount that a provider can't be told exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotExpressible {
    /// The provider does not take the currency, or its number of decimals isn't known.
    Currency,
    /// The provider's unit is larger than the amount's last digit.
    Precision,
    /// The number is too large.
    Range,
}

impl AmountRules {
    /// An amount in the provider's units.
    pub(crate) fn units(&self, money: Money) -> Result<i64, NotExpressible> {
        let (exponent, multiple) = self.rule(money.currency())?;
        let decimals = money.currency().decimals();
        let units = if exponent >= decimals {
            let factor = power(exponent.abs_diff(decimals))?;
            money.minor().checked_mul(factor).ok_or(NotExpressible::Range)?
        } else {
            divided(money.minor(), power(exponent.abs_diff(decimals))?)?
        };
        divided(units, multiple)?;
        Ok(units)
    }

    /// An amount that the provider has told.
    pub(crate) fn money(&self, units: i64, currency: Currency) -> Result<Money, NotExpressible> {
        let (exponent, _) = self.rule(currency)?;
        let decimals = currency.decimals();
        let factor = power(exponent.abs_diff(decimals))?;
        let minor = if exponent >= decimals {
            divided(units, factor)?
        } else {
            units.checked_mul(factor).ok_or(NotExpressible::Range)?
        };
        Ok(Money::from_minor(minor, currency))
    }

    fn rule(&self, currency: Currency) -> Result<(u32, i64), NotExpressible> {
        let exception = self.exceptions.iter().find(|(code, ..)| *code == currency.code());
        match (exception, currency.decimals()) {
            (Some((_, exponent, multiple)), _) => Ok((*exponent, *multiple)),
            (None, 2) => Ok((2, 1)),
            // A currency with an unusual number of decimals that the provider's documents don't name: better refused than
            // charged a hundredfold.
            (None, _) => Err(NotExpressible::Currency),
        }
    }
}

fn power(exponent: u32) -> Result<i64, NotExpressible> {
    10_i64.checked_pow(exponent).ok_or(NotExpressible::Range)
}

/// The quotient, when there is no remainder.
fn divided(number: i64, divisor: i64) -> Result<i64, NotExpressible> {
    match (number.checked_div(divisor), number.checked_rem(divisor)) {
        (Some(quotient), Some(0)) => Ok(quotient),
        (Some(_), Some(_)) => Err(NotExpressible::Precision),
        (_, None) | (None, _) => Err(NotExpressible::Range),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RULES: AmountRules =
        AmountRules { exceptions: &[("JPY", 0, 1), ("ISK", 2, 100), ("KWD", 3, 10), ("MGA", 0, 1)] };

    fn money(minor: i64, code: &str) -> Money {
        Money::from_minor(minor, Currency::from_code(code).unwrap())
    }

    #[test]
    fn exceptions_are_obeyed_and_nothing_is_rounded() {
        for (amount, expected) in [
            (money(1_999, "EUR"), Ok(1_999)),
            (money(1_999, "JPY"), Ok(1_999)),
            (money(5, "ISK"), Ok(500)),
            (money(5_120, "KWD"), Ok(5_120)),
            (money(5_124, "KWD"), Err(NotExpressible::Precision)),
            (money(1_200, "MGA"), Ok(12)),
            (money(1_250, "MGA"), Err(NotExpressible::Precision)),
            (money(1, "TND"), Err(NotExpressible::Currency)),
            (money(1, "CLF"), Err(NotExpressible::Currency)),
            (money(i64::MAX, "ISK"), Err(NotExpressible::Range)),
        ] {
            assert_eq!(RULES.units(amount), expected, "{amount}");
        }
        assert_eq!(RULES.money(505, Currency::from_code("ISK").unwrap()), Err(NotExpressible::Precision));
    }

    proptest! {
        #[test]
        fn what_is_told_is_what_was_meant(
            minor in any::<i64>(),
            code in prop::sample::select(vec!["EUR", "JPY", "ISK", "KWD", "MGA", "TND"]),
        ) {
            let amount = money(minor, code);
            if let Ok(units) = RULES.units(amount) {
                prop_assert_eq!(RULES.money(units, amount.currency()), Ok(amount));
            }
        }
    }
}
