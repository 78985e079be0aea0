use serde_json::{Value, json};

use super::problem::Problem;

/// Currencies without decimals (developer.paypal.com/reference/currency-codes).
const WHOLE: [&str; 3] = ["HUF", "JPY", "TWD"];
/// Currencies with two decimals.
const HUNDREDTHS: [&str; 21] = [
    "AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "ILS", "MXN", "MYR", "NOK", "NZD",
    "PHP", "PLN", "SEK", "SGD", "THB", "USD",
];

/// An amount as PayPal keeps it: in hundredths, or in whole units where there are no decimals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Amount {
    pub(super) currency: String,
    pub(super) units: i64,
}

impl Amount {
    /// Reads what a caller has sent: the field `currency_code` and the field `value`.
    pub(super) fn read(value: &Value, whole_issue: &str) -> Result<Self, Problem> {
        let field = |name: &str| value.get(name).and_then(Value::as_str);
        let (Some(currency), Some(text)) = (field("currency_code"), field("value")) else {
            return Err(Problem::invalid("MISSING_REQUIRED_PARAMETER", "amount"));
        };
        let is_whole = WHOLE.contains(&currency);
        if !is_whole && !HUNDREDTHS.contains(&currency) {
            return Err(Problem::unprocessable("INVALID_CURRENCY_CODE"));
        }
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if text.len() > 32 || text.is_empty() || !is_digits(whole) || !is_digits(fraction) {
            return Err(Problem::invalid("INVALID_PARAMETER_VALUE", "value"));
        }
        if is_whole && !fraction.is_empty() {
            return Err(Problem::unprocessable(whole_issue));
        }
        if fraction.len() > 2 {
            return Err(Problem::unprocessable("DECIMAL_PRECISION"));
        }
        let digits = if is_whole { whole.to_owned() } else { format!("{whole}{fraction:0<2}") };
        let units = digits.parse().map_err(|_| Problem::invalid("INVALID_PARAMETER_VALUE", "value"))?;
        Ok(Self { currency: currency.to_owned(), units })
    }

    pub(super) fn of(units: i64, currency: &str) -> Self {
        Self { currency: currency.to_owned(), units }
    }

    /// As PayPal writes it.
    pub(super) fn json(&self) -> Value {
        json!({ "currency_code": self.currency, "value": self.text() })
    }

    /// The same, going out.
    pub(super) fn negative(&self) -> Value {
        json!({ "currency_code": self.currency, "value": format!("-{}", self.text()) })
    }

    fn text(&self) -> String {
        if WHOLE.contains(&self.currency.as_str()) {
            return self.units.to_string();
        }
        format!("{}.{:02}", self.units / 100, self.units % 100)
    }
}

/// The amount of a purchase unit, whose parts must be its total.
pub(super) fn total(amount: &Value) -> Result<Amount, Problem> {
    let total = Amount::read(amount, "DECIMAL_PRECISION")?;
    if total.units <= 0 {
        return Err(Problem::unprocessable("CANNOT_BE_ZERO_OR_NEGATIVE"));
    }
    let Some(breakdown) = amount.get("breakdown").and_then(Value::as_object) else { return Ok(total) };
    let mut sum = 0_i64;
    for (name, part) in breakdown {
        let part = Amount::read(part, "DECIMAL_PRECISION")?;
        if part.currency != total.currency {
            return Err(Problem::unprocessable("MULTI_CURRENCY_ORDER"));
        }
        let is_less = matches!(name.as_str(), "shipping_discount" | "discount");
        sum = sum.saturating_add(if is_less { part.units.saturating_neg() } else { part.units });
    }
    if sum != total.units {
        return Err(Problem::unprocessable("AMOUNT_MISMATCH"));
    }
    Ok(total)
}
