use order_core::money::{Currency, Money};

use crate::provider::{AmountRules, NotExpressible};

/// The currencies that PayPal takes (developer.paypal.com/reference/currency-codes).
const CURRENCIES: [&str; 24] = [
    "AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "ILS", "JPY", "MXN", "MYR",
    "NOK", "NZD", "PHP", "PLN", "SEK", "SGD", "THB", "TWD", "USD",
];

/// Two decimals, but for those that are whole at PayPal. ISO 4217 gives HUF and TWD two.
const AMOUNTS: AmountRules = AmountRules { exceptions: &[("HUF", 0, 1), ("JPY", 0, 1), ("TWD", 0, 1)] };

fn is_whole(currency: Currency) -> bool {
    AMOUNTS.exceptions.iter().any(|(code, ..)| *code == currency.code())
}

/// An amount in PayPal's words: a decimal number.
pub(super) fn value(money: Money) -> Result<String, NotExpressible> {
    if !CURRENCIES.contains(&money.currency().code()) {
        return Err(NotExpressible::Currency);
    }
    let units = AMOUNTS.units(money)?;
    if is_whole(money.currency()) {
        return Ok(units.to_string());
    }
    let sign = if units < 0 { "-" } else { "" };
    let units = units.unsigned_abs();
    Ok(format!("{sign}{}.{:02}", units / 100, units % 100))
}

/// An amount that PayPal has told, unless it is one that PayPal could not have been told. Zeros behind the last decimal are none.
pub(super) fn money(value: &str, currency: &str) -> Option<Money> {
    let currency = Currency::from_code(currency).ok().filter(|known| CURRENCIES.contains(&known.code()))?;
    let decimals = if is_whole(currency) { 0 } else { 2 };
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    let fraction = fraction.trim_end_matches('0');
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_number = !whole.is_empty() && is_digits(whole) && is_digits(fraction);
    if !is_number || fraction.len() > decimals {
        return None;
    }
    let units: i64 = format!("{whole}{fraction:0<decimals$}").parse().ok()?;
    AMOUNTS.money(units, currency).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn amount(minor: i64, code: &str) -> Money {
        Money::from_minor(minor, Currency::from_code(code).unwrap())
    }

    #[test]
    fn paypal_s_traps() {
        for (minor, code, expected) in [
            (1_999, "USD", Ok("19.99")),
            (5, "EUR", Ok("0.05")),
            (100_000, "GBP", Ok("1000.00")),
            (1_999, "JPY", Ok("1999")),
            (50_000, "HUF", Ok("500")),
            (50_050, "HUF", Err(NotExpressible::Precision)),
            (100, "TWD", Ok("1")),
            (150, "TWD", Err(NotExpressible::Precision)),
            (1_000, "KWD", Err(NotExpressible::Currency)),
            (1_000, "ISK", Err(NotExpressible::Currency)),
            (1_000, "INR", Err(NotExpressible::Currency)),
            (1_000, "CLF", Err(NotExpressible::Currency)),
        ] {
            assert_eq!(value(amount(minor, code)).as_deref(), expected.as_ref().copied(), "{minor} {code}");
        }
    }

    #[test]
    fn what_is_no_amount_is_none() {
        for (value, code, expected) in [
            ("19.99", "USD", Some(1_999)),
            ("19.9", "USD", Some(1_990)),
            ("19", "USD", Some(1_900)),
            ("19.990", "USD", Some(1_999)),
            ("0.00", "USD", Some(0)),
            ("19.999", "USD", None),
            ("1999", "JPY", Some(1_999)),
            ("1999.00", "JPY", Some(1_999)),
            ("1999.5", "JPY", None),
            ("500", "HUF", Some(50_000)),
            ("1,000.00", "USD", None),
            ("-5.00", "USD", None),
            (".50", "USD", None),
            ("", "USD", None),
            ("5", "KWD", None),
            ("99999999999999999999", "USD", None),
        ] {
            assert_eq!(money(value, code).map(Money::minor), expected, "{value} {code}");
        }
    }

    proptest! {
        #[test]
        fn what_is_told_is_what_was_meant(
            minor in 0..=i64::MAX,
            code in prop::sample::select(vec!["EUR", "JPY", "HUF", "TWD", "KWD", "USD"]),
        ) {
            let meant = amount(minor, code);
            if let Ok(told) = value(meant) {
                prop_assert!(told.len() <= 32);
                prop_assert_eq!(money(&told, code), Some(meant));
            }
        }
    }
}
