use crate::provider::AmountRules;

/// How Stripe writes amounts (docs.stripe.com/currencies): two decimals, but for these.
///
/// ISK and UGX have no decimals, and are nevertheless sent with two; in UGX this goes against Stripe's own list of zero-decimal
/// currencies, in which it stands as well. HUF and TWD have two, like most: only payouts in them are whole. Those with three
/// decimals must end in 0.
pub(super) const AMOUNTS: AmountRules = AmountRules {
    exceptions: &[
        ("BIF", 0, 1),
        ("CLP", 0, 1),
        ("DJF", 0, 1),
        ("GNF", 0, 1),
        ("JPY", 0, 1),
        ("KMF", 0, 1),
        ("KRW", 0, 1),
        ("MGA", 0, 1),
        ("PYG", 0, 1),
        ("RWF", 0, 1),
        ("VND", 0, 1),
        ("VUV", 0, 1),
        ("XAF", 0, 1),
        ("XOF", 0, 1),
        ("XPF", 0, 1),
        ("ISK", 2, 100),
        ("UGX", 2, 100),
        ("BHD", 3, 10),
        ("JOD", 3, 10),
        ("KWD", 3, 10),
        ("OMR", 3, 10),
        ("TND", 3, 10),
    ],
};

#[cfg(test)]
mod tests {
    use order_core::money::{Currency, Money};

    use super::*;
    use crate::provider::NotExpressible;

    #[test]
    fn stripe_s_traps() {
        for (minor, code, units) in [
            (1_999, "USD", Ok(1_999)),
            (1_999, "JPY", Ok(1_999)),
            (5, "UGX", Ok(500)),
            (5, "ISK", Ok(500)),
            (500, "HUF", Ok(500)),
            (550, "TWD", Ok(550)),
            (5_120, "KWD", Ok(5_120)),
            (5_124, "KWD", Err(NotExpressible::Precision)),
            (500, "MGA", Ok(5)),
            (550, "MGA", Err(NotExpressible::Precision)),
            (1, "CLF", Err(NotExpressible::Currency)),
        ] {
            let money = Money::from_minor(minor, Currency::from_code(code).unwrap());
            assert_eq!(AMOUNTS.units(money), units, "{money}");
        }
    }
}
