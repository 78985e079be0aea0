use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};

use super::{Currency, Money, MoneyError};

/// How a computed amount becomes a whole number of minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "a host matches on it when it shows its own policy")]
pub enum Rounding {
    /// To the nearest, a half to the even neighbour: no drift over many amounts.
    #[default]
    HalfEven,
    /// To the nearest, a half away from zero: what many tax offices ask for.
    HalfUp,
    /// Towards zero: in the payer's favour.
    Down,
}

impl Rounding {
    /// Rounds an exact value to the decimals of a currency.
    ///
    /// # Errors
    /// [`MoneyError::OutOfRange`] when the result does not fit.
    pub fn round(self, value: Decimal, currency: Currency) -> Result<Money, MoneyError> {
        let strategy = match self {
            Self::HalfEven => RoundingStrategy::MidpointNearestEven,
            Self::HalfUp => RoundingStrategy::MidpointAwayFromZero,
            Self::Down => RoundingStrategy::ToZero,
        };
        Money::new(value.round_dp_with_strategy(currency.decimals(), strategy), currency)
    }
}

/// A rate in hundredths of a percent: 1 900 is 19 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BasisPoints(u32);

impl BasisPoints {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The whole: 100 %.
    pub const WHOLE: Self = Self(10_000);

    /// A rate of that many hundredths of a percent.
    pub const fn new(basis_points: u32) -> Self {
        Self(basis_points)
    }

    /// The number of basis points.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The rate as a factor: 1 900 is 0.19.
    pub fn factor(self) -> Decimal {
        Decimal::new(i64::from(self.0), 4)
    }

    /// This share of an amount.
    ///
    /// # Errors
    /// [`MoneyError::OutOfRange`] when the result does not fit.
    pub fn of(self, amount: Money, rounding: Rounding) -> Result<Money, MoneyError> {
        let exact = amount.amount().checked_mul(self.factor()).ok_or(MoneyError::OutOfRange)?;
        rounding.round(exact, amount.currency())
    }
}
