use std::time::Duration;

use order_adapters::sqlite::Synchronous;
use serde::{Serialize, Serializer};

use crate::measure::Measured;
use crate::options::{Options, Place};

/// The line that is printed.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    engine: &'static str,
    scenario: &'static str,
    store: String,
    synchronous: Option<&'static str>,
    clients: usize,
    lines: usize,
    seconds: Thousandths,
    ops: usize,
    ops_per_s: Thousandths,
    p50_ms: Thousandths,
    p95_ms: Thousandths,
    p99_ms: Thousandths,
    errors: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    out_of_stock: u64,
    /// How much was wrong afterwards.
    findings: usize,
}

impl Report {
    pub(crate) fn new(options: &Options, store: &str, measured: &Measured, findings: usize) -> Self {
        let micros = &measured.micros;
        Self {
            engine: "order-core",
            scenario: options.scenario.name(),
            store: store.to_owned(),
            synchronous: match (&options.place, options.synchronous) {
                (Place::Sqlite(_), Synchronous::Full) => Some("full"),
                (Place::Sqlite(_), Synchronous::Normal) => Some("normal"),
                (Place::Memory | Place::Server(_), _) => None,
            },
            clients: options.clients,
            lines: options.lines,
            seconds: Thousandths::of(measured.elapsed),
            ops: micros.len(),
            ops_per_s: rate(micros.len(), measured.elapsed),
            p50_ms: Thousandths(percentile(micros, 50)),
            p95_ms: Thousandths(percentile(micros, 95)),
            p99_ms: Thousandths(percentile(micros, 99)),
            errors: measured.errors,
            error: measured.error.clone(),
            out_of_stock: measured.out_of_stock,
            findings,
        }
    }
}

/// A number with three decimals: microseconds as milliseconds, milliseconds as seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Thousandths(u64);

impl Thousandths {
    fn of(duration: Duration) -> Self {
        Self(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
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

/// How many a second.
fn rate(ops: usize, elapsed: Duration) -> Thousandths {
    let thousandths = u128::try_from(ops).unwrap_or(0) * 1_000_000_000 / elapsed.as_micros().max(1);
    Thousandths(u64::try_from(thousandths).unwrap_or(u64::MAX))
}

/// The value that so many of a hundred don't exceed.
fn percentile(sorted: &[u64], percent: usize) -> u64 {
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
    fn rates_and_times_have_three_decimals() {
        assert_eq!(rate(3, Duration::from_secs(2)), Thousandths(1_500));
        assert_eq!(serde_json::to_string(&Thousandths(12_034)).unwrap(), "12.034");
    }
}
