#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use std::fmt;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use serde::ser::SerializeStruct as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::{Currency, UnknownCurrency};

/// An exact amount of one currency. See the [module](crate::money).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    minor: i64,
    currency: Currency,
}

/// Why an amount is not money, or an operation on it has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MoneyError {
    /// Two amounts of different currencies met.
    #[error("{left} and {right} cannot be combined")]
    CurrencyMismatch {
        /// The currency on the left.
        left: Currency,
        /// The currency on the right.
        right: Currency,
    },
    /// The amount has more decimals than its currency.
    #[error("{currency} has {decimals} decimals, the amount has more")]
    TooManyDecimals {
        /// The currency.
        currency: Currency,
        /// How many decimals it has.
        decimals: u32,
    },
    /// The amount or the result is larger than any store keeps (about 9.2 × 10¹⁸ minor units).
    #[error("the amount is out of range")]
    OutOfRange,
    /// The text is not a decimal number.
    #[error("not a decimal number")]
    NotANumber,
    /// An amount was to be split by no weights, or by weights that are all zero.
    #[error("an amount cannot be split by no weight")]
    NothingToSplitBy,
    /// The code is not a currency.
    #[error(transparent)]
    UnknownCurrency(#[from] UnknownCurrency),
}

impl Money {
    /// An amount in major units: `12.3` EUR.
    ///
    /// # Errors
    /// [`MoneyError::TooManyDecimals`] when the currency has fewer (trailing zeros count for nothing),
    /// [`MoneyError::OutOfRange`] when it does not fit.
    pub fn new(amount: Decimal, currency: Currency) -> Result<Self, MoneyError> {
        let decimals = currency.decimals();
        if amount.scale() == decimals {
            let minor = i64::try_from(amount.mantissa()).map_err(|_| MoneyError::OutOfRange)?;
            return Ok(Self { minor, currency });
        }
        let mut scaled = amount.normalize();
        if scaled.scale() > decimals {
            return Err(MoneyError::TooManyDecimals { currency, decimals });
        }
        scaled.rescale(decimals);
        if scaled.scale() != decimals {
            return Err(MoneyError::OutOfRange);
        }
        let minor = i64::try_from(scaled.mantissa()).map_err(|_| MoneyError::OutOfRange)?;
        Ok(Self { minor, currency })
    }

    /// An amount in minor units: `1230` EUR is 12.30 EUR.
    pub const fn from_minor(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Reads a decimal text, e.g. `12.30`.
    ///
    /// # Errors
    /// [`MoneyError::NotANumber`], and those of [`Money::new`].
    pub fn parse(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let amount = Decimal::from_str_exact(text).map_err(|_| MoneyError::NotANumber)?;
        Self::new(amount, currency)
    }

    /// Nothing of a currency.
    pub const fn zero(currency: Currency) -> Self {
        Self { minor: 0, currency }
    }

    /// The amount in major units, with the currency's own number of decimals.
    pub fn amount(self) -> Decimal {
        Decimal::new(self.minor, self.currency.decimals())
    }

    /// The amount in minor units.
    pub const fn minor(self) -> i64 {
        self.minor
    }

    /// The currency.
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// Whether it is nothing.
    pub const fn is_zero(self) -> bool {
        self.minor == 0
    }

    /// Whether it is more than nothing.
    pub const fn is_positive(self) -> bool {
        self.minor > 0
    }

    /// Whether it is less than nothing.
    pub const fn is_negative(self) -> bool {
        self.minor < 0
    }

    /// The sum.
    ///
    /// # Errors
    /// [`MoneyError::CurrencyMismatch`], [`MoneyError::OutOfRange`].
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        self.minor.checked_add(other.minor).map(|minor| Self { minor, ..self }).ok_or(MoneyError::OutOfRange)
    }

    /// The difference.
    ///
    /// # Errors
    /// [`MoneyError::CurrencyMismatch`], [`MoneyError::OutOfRange`].
    pub fn minus(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        self.minor.checked_sub(other.minor).map(|minor| Self { minor, ..self }).ok_or(MoneyError::OutOfRange)
    }

    /// This amount `times` over.
    ///
    /// # Errors
    /// [`MoneyError::OutOfRange`].
    pub fn times(self, times: u32) -> Result<Self, MoneyError> {
        self.minor
            .checked_mul(i64::from(times))
            .map(|minor| Self { minor, ..self })
            .ok_or(MoneyError::OutOfRange)
    }

    /// The amount with its sign turned.
    ///
    /// # Errors
    /// [`MoneyError::OutOfRange`].
    pub fn negated(self) -> Result<Self, MoneyError> {
        self.minor.checked_neg().map(|minor| Self { minor, ..self }).ok_or(MoneyError::OutOfRange)
    }

    /// The sum of many amounts; nothing of `currency` when there are none.
    ///
    /// # Errors
    /// [`MoneyError::CurrencyMismatch`], [`MoneyError::OutOfRange`].
    pub fn sum(currency: Currency, amounts: impl IntoIterator<Item = Self>) -> Result<Self, MoneyError> {
        amounts.into_iter().try_fold(Self::zero(currency), Self::plus)
    }

    /// Which of two amounts is larger.
    ///
    /// # Errors
    /// [`MoneyError::CurrencyMismatch`].
    pub fn compare(self, other: Self) -> Result<std::cmp::Ordering, MoneyError> {
        self.same_currency(other)?;
        Ok(self.minor.cmp(&other.minor))
    }

    /// The smaller of two amounts.
    ///
    /// # Errors
    /// [`MoneyError::CurrencyMismatch`].
    pub fn min(self, other: Self) -> Result<Self, MoneyError> {
        Ok(if self.compare(other)?.is_le() { self } else { other })
    }

    /// Splits the amount in proportion to `weights` so that the parts add up to it exactly: each part gets the whole
    /// minor units of its share, and what is left goes one by one to the largest remainders, earlier parts first.
    ///
    /// # Errors
    /// [`MoneyError::NothingToSplitBy`] when no weight is above zero.
    pub fn allocate(self, weights: &[u64]) -> Result<Vec<Self>, MoneyError> {
        let total: i128 = weights.iter().map(|&weight| i128::from(weight)).sum();
        if total == 0 {
            return Err(MoneyError::NothingToSplitBy);
        }
        let amount = i128::from(self.minor);
        let mut parts = Vec::with_capacity(weights.len());
        let mut remainders = Vec::with_capacity(weights.len());
        let mut left = amount;
        for (index, &weight) in weights.iter().enumerate() {
            let product = amount.checked_mul(i128::from(weight)).ok_or(MoneyError::OutOfRange)?;
            let part = product.checked_div(total).ok_or(MoneyError::OutOfRange)?;
            let remainder = product.checked_rem(total).ok_or(MoneyError::OutOfRange)?;
            left = left.checked_sub(part).ok_or(MoneyError::OutOfRange)?;
            remainders.push((remainder.unsigned_abs(), index));
            parts.push(part);
        }
        remainders.sort_by(|(left, first), (right, second)| right.cmp(left).then(first.cmp(second)));
        let unit = left.signum();
        for &(_, index) in remainders.iter().take(left.unsigned_abs().to_usize().unwrap_or(usize::MAX)) {
            if let Some(part) = parts.get_mut(index) {
                *part = part.checked_add(unit).ok_or(MoneyError::OutOfRange)?;
            }
        }
        parts
            .into_iter()
            .map(|part| {
                i64::try_from(part).map(|minor| Self { minor, ..self }).map_err(|_| MoneyError::OutOfRange)
            })
            .collect()
    }

    fn same_currency(self, other: Self) -> Result<(), MoneyError> {
        if self.currency == other.currency {
            Ok(())
        } else {
            Err(MoneyError::CurrencyMismatch { left: self.currency, right: other.currency })
        }
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount(), self.currency)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    #[serde(with = "rust_decimal::serde::str")]
    amount: Decimal,
    currency: Currency,
}

/// The longest amount: all digits of an `i64`, a sign, a point, and a zero before it for each decimal that there can be.
const LONGEST: usize = 32;

impl Money {
    /// The amount as its decimal is written, from its digits: a page of orders tells of hundreds.
    fn written(self, buffer: &mut [u8; LONGEST]) -> &str {
        let decimals = self.currency.decimals();
        let mut rest = self.minor.unsigned_abs();
        let mut length = 0;
        let mut places = buffer.iter_mut().rev();
        let mut put = |byte| {
            if let Some(place) = places.next() {
                *place = byte;
                length = usize::saturating_add(length, 1);
            }
        };
        for place in 0.. {
            if place > decimals && rest == 0 {
                break;
            }
            if place == decimals && place > 0 {
                put(b'.');
            }
            put(b'0'.saturating_add(u8::try_from(rest % 10).unwrap_or_default()));
            rest /= 10;
        }
        if self.minor < 0 {
            put(b'-');
        }
        let (_, text) = buffer.split_at(LONGEST.saturating_sub(length));
        str::from_utf8(text).unwrap_or_default()
    }
}

/// An amount, its currency left out.
pub(crate) struct Amount(pub(crate) Money);

impl Serialize for Amount {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.written(&mut [0; LONGEST]))
    }
}

impl Serialize for Money {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut money = serializer.serialize_struct("Money", 2)?;
        money.serialize_field("amount", &Amount(*self))?;
        money.serialize_field("currency", &self.currency)?;
        money.end()
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = Wire::deserialize(deserializer)?;
        Self::new(wire.amount, wire.currency).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn decimals_are_the_currency_s() {
        assert_eq!(Money::parse("12.3", Currency::EUR).unwrap().to_string(), "12.30 EUR");
        assert_eq!(Money::parse("12.300", Currency::EUR).unwrap().minor(), 1230);
        assert_eq!(Money::parse("1.234", Currency::KWD).unwrap().minor(), 1234);
        assert_eq!(Money::parse("100", Currency::JPY).unwrap().minor(), 100);
        assert!(matches!(
            Money::parse("0.5", Currency::JPY),
            Err(MoneyError::TooManyDecimals { decimals: 0, .. })
        ));
        assert!(matches!(Money::parse("0.001", Currency::EUR), Err(MoneyError::TooManyDecimals { .. })));
        assert_eq!(Money::parse("1e3", Currency::EUR), Err(MoneyError::NotANumber));
        assert_eq!(Money::parse("99999999999999999999", Currency::EUR), Err(MoneyError::OutOfRange));
    }

    #[test]
    fn the_wire_form_is_a_string_and_a_code() {
        let money = Money::from_minor(1230, Currency::EUR);
        let json = serde_json::to_string(&money).unwrap();
        assert_eq!(json, r#"{"amount":"12.30","currency":"EUR"}"#);
        assert_eq!(serde_json::from_str::<Money>(&json).unwrap(), money);
        assert!(serde_json::from_str::<Money>(r#"{"amount":12.30,"currency":"EUR"}"#).is_err());
        assert!(serde_json::from_str::<Money>(r#"{"amount":"1","currency":"XAU"}"#).is_err());
        assert!(serde_json::from_str::<Money>(r#"{"amount":"1.5","currency":"JPY"}"#).is_err());
    }

    #[test]
    fn currencies_do_not_mix() {
        let euro = Money::from_minor(1, Currency::EUR);
        assert!(matches!(
            euro.plus(Money::from_minor(1, Currency::USD)),
            Err(MoneyError::CurrencyMismatch { .. })
        ));
        assert_eq!(Money::from_minor(i64::MAX, Currency::EUR).plus(euro), Err(MoneyError::OutOfRange));
        assert_eq!(Money::from_minor(i64::MAX, Currency::EUR).times(2), Err(MoneyError::OutOfRange));
    }

    #[test]
    fn the_iso_table_is_whole() {
        assert!(Currency::all().count() > 150);
        for (code, decimals) in
            [("BHD", 3), ("CLF", 4), ("CLP", 0), ("EUR", 2), ("ISK", 0), ("UGX", 0), ("INR", 2)]
        {
            assert_eq!(Currency::from_code(code).unwrap().decimals(), decimals, "{code}");
        }
        assert!(Currency::from_code("eur").is_err());
        assert!(Currency::from_code("XXX").is_err());
    }

    proptest! {
        #[test]
        fn an_amount_is_written_as_its_decimal(minor in prop_oneof![any::<i64>(), -1_000_i64..1_000]) {
            for currency in Currency::all() {
                let money = Money::from_minor(minor, currency);
                let mut buffer = [0; LONGEST];
                prop_assert_eq!(money.written(&mut buffer), money.amount().to_string());
            }
        }
    }

    proptest! {
        #[test]
        fn allocated_parts_add_up(
            minor in any::<i64>(),
            weights in prop::collection::vec(0_u64..1_000_000_000, 1..40),
        ) {
            let money = Money::from_minor(minor, Currency::EUR);
            let total: u64 = weights.iter().sum();
            prop_assume!(total > 0);
            let parts = money.allocate(&weights).unwrap();
            prop_assert_eq!(Money::sum(Currency::EUR, parts.iter().copied()).unwrap(), money);
            for (part, weight) in parts.iter().zip(&weights) {
                let exact = i128::from(minor) * i128::from(*weight);
                let distance = (i128::from(part.minor()) * i128::from(total) - exact).abs();
                prop_assert!(distance < i128::from(total), "no part is a whole unit off its share");
            }
        }
    }
}
