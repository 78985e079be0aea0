use order_core::money::Money;

use crate::provider::{AmountRules, NotExpressible};

/// The currencies that Square's sellers are paid in (developer.squareup.com/docs/payment-card-support-by-country): those of Australia,
/// Canada, France, Ireland, Spain, Japan, the United Kingdom and the United States. Its API knows the names of many more, in which
/// nobody can be charged.
const TAKEN: [&str; 6] = ["AUD", "CAD", "EUR", "GBP", "JPY", "USD"];

/// How Square writes amounts: in the smallest denomination of the currency, as in ISO 4217.
pub(super) const AMOUNTS: AmountRules = AmountRules { exceptions: &[("JPY", 0, 1)] };

/// An amount in Square's units.
pub(super) fn units(money: Money) -> Result<i64, NotExpressible> {
    if TAKEN.contains(&money.currency().code()) {
        AMOUNTS.units(money)
    } else {
        Err(NotExpressible::Currency)
    }
}

#[cfg(test)]
mod tests {
    use order_core::money::Currency;

    use super::*;

    #[test]
    fn only_what_square_takes_is_sent() {
        for (minor, code, told) in [
            (1_999, "EUR", Ok(1_999)),
            (1_999, "JPY", Ok(1_999)),
            (1_999, "USD", Ok(1_999)),
            (5_120, "KWD", Err(NotExpressible::Currency)),
            (500, "CHF", Err(NotExpressible::Currency)),
            (5, "ISK", Err(NotExpressible::Currency)),
        ] {
            assert_eq!(units(Money::from_minor(minor, Currency::from_code(code).unwrap())), told, "{code}");
        }
    }
}
