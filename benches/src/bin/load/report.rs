use order_adapters::sqlite::Synchronous;
use order_benches::figures::Figures;
use order_benches::measure::Measured;
use order_benches::stores;
use serde::Serialize;

use crate::options::{Options, Place};

/// The line that is printed.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    engine: &'static str,
    scenario: &'static str,
    store: &'static str,
    synchronous: Option<&'static str>,
    clients: usize,
    lines: usize,
    #[serde(flatten)]
    figures: Figures,
    /// How much was wrong afterwards.
    findings: usize,
}

impl Report {
    pub(crate) fn new(options: &Options, store: &'static str, measured: &Measured, findings: usize) -> Self {
        Self {
            engine: "order-core",
            scenario: options.scenario.name(),
            store,
            synchronous: match (&options.place, options.synchronous) {
                (Place::Store(stores::Place::Sqlite(_)), Synchronous::Full) => Some("full"),
                (Place::Store(stores::Place::Sqlite(_)), Synchronous::Normal) => Some("normal"),
                (Place::Store(_) | Place::Server(_), _) => None,
            },
            clients: options.clients,
            lines: options.lines,
            figures: Figures::of(measured),
            findings,
        }
    }
}
