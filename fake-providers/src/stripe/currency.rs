use super::problem::Problem;

/// Currencies without decimals (docs.stripe.com/currencies).
const WHOLE: [&str; 15] =
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"];
/// Currencies without decimals that are sent with two.
const WHOLE_BY_HUNDRED: [&str; 2] = ["isk", "ugx"];
/// Currencies with three decimals, the last of which is 0.
const THREE: [&str; 5] = ["bhd", "jod", "kwd", "omr", "tnd"];
/// Some with two decimals: enough for tests.
const TWO: [&str; 16] = [
    "aud", "brl", "cad", "chf", "czk", "dkk", "eur", "gbp", "huf", "inr", "nok", "nzd", "pln", "sek", "twd",
    "usd",
];

/// The largest amount: eight digits.
const MOST: i64 = 99_999_999;

/// Refuses what Stripe refuses about an amount to be paid.
pub(super) fn check(amount: i64, currency: &str) -> Result<(), Problem> {
    let multiple = match currency {
        _ if WHOLE.contains(&currency) || TWO.contains(&currency) => 1,
        _ if WHOLE_BY_HUNDRED.contains(&currency) => 100,
        _ if THREE.contains(&currency) => 10,
        _ => {
            let message = format!("Invalid currency: {currency}.");
            return Err(Problem::invalid("", message).param("currency"));
        }
    };
    let least = if WHOLE.contains(&currency) || THREE.contains(&currency) { 1 } else { 50 };
    if amount > MOST {
        return Err(
            Problem::invalid("amount_too_large", "Amount must be no more than 99999999").param("amount")
        );
    }
    if amount < least {
        return Err(
            Problem::invalid("amount_too_small", format!("Amount must be at least {least}")).param("amount")
        );
    }
    if amount.checked_rem(multiple) != Some(0) {
        let message = format!("Amounts in {currency} must be a multiple of {multiple}");
        return Err(Problem::invalid("parameter_invalid_integer", message).param("amount"));
    }
    Ok(())
}
