//! Figures as they are printed: whole thousandths, computed without floating point.

use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::measure::Measured;

/// A number with three decimals: microseconds as milliseconds, milliseconds as seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Thousandths(u64);

impl Thousandths {
    /// A time in seconds.
    pub fn seconds(duration: Duration) -> Self {
        Self(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }

    /// A time in milliseconds.
    pub fn millis(micros: u64) -> Self {
        Self(micros)
    }

    /// How many a second.
    pub fn rate(count: usize, elapsed: Duration) -> Self {
        let thousandths = u128::try_from(count).unwrap_or(0) * 1_000_000_000 / elapsed.as_micros().max(1);
        Self(u64::try_from(thousandths).unwrap_or(u64::MAX))
    }

    /// How many times `other`; nothing when that is nothing.
    pub fn over(self, other: Self) -> Option<Self> {
        let thousandths = (u128::from(self.0) * 1_000).checked_div(u128::from(other.0))?;
        u64::try_from(thousandths).ok().map(Self)
    }
}

impl Serialize for Thousandths {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = format!("{}.{:03}", self.0 / 1_000, self.0 % 1_000);
        serde_json::from_str::<serde_json::Number>(&text)
            .map_err(serde::ser::Error::custom)?
            .serialize(serializer)
    }
}

/// What is printed of every measurement.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    seconds: Thousandths,
    ops: usize,
    /// How many a second.
    pub ops_per_s: Thousandths,
    /// The median.
    pub p50_ms: Thousandths,
    p95_ms: Thousandths,
    p99_ms: Thousandths,
    errors: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    out_of_stock: u64,
}

impl Figures {
    /// The figures of what was measured.
    pub fn of(measured: &Measured) -> Self {
        let micros = &measured.micros;
        Self {
            seconds: Thousandths::seconds(measured.elapsed),
            ops: micros.len(),
            ops_per_s: Thousandths::rate(micros.len(), measured.elapsed),
            p50_ms: Thousandths::millis(percentile(micros, 50)),
            p95_ms: Thousandths::millis(percentile(micros, 95)),
            p99_ms: Thousandths::millis(percentile(micros, 99)),
            errors: measured.errors,
            error: measured.error.clone(),
            out_of_stock: measured.out_of_stock,
        }
    }
}

/// The value that so many of a hundred don't exceed.
pub fn percentile(sorted: &[u64], percent: usize) -> u64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let sorted: Vec<u64> = (1..=200).collect();
        assert_eq!([50, 95, 99, 100].map(|percent| percentile(&sorted, percent)), [100, 190, 198, 200]);
        assert_eq!([percentile(&[7], 1), percentile(&[7], 99), percentile(&[], 50)], [7, 7, 0]);
    }

    #[test]
    fn rates_ratios_and_times_have_three_decimals() {
        let rate = Thousandths::rate(3, Duration::from_secs(2));
        assert_eq!(rate, Thousandths(1_500));
        assert_eq!(rate.over(Thousandths(4_500)), Some(Thousandths(333)));
        assert_eq!(rate.over(Thousandths(0)), None);
        assert_eq!(serde_json::to_string(&Thousandths(12_034)).unwrap(), "12.034");
    }
}
