use std::str::FromStr;

use order_benches::stores::Place;

use crate::subject::Subject;

/// What `--help` says.
pub(crate) const HELP: &str = "\
Usage: limit --store URL [options]

Lets a store and its database's baselines, which write the same orders by hand, take turns. Prints one line of JSON for each
measurement and what it is compared with: `ratio` is how many times the `baseline` of the same round it reached. It ends with 1
when what was written does not add up.

  --store postgres://… a database; every subject has a schema of its own in it, which is removed
          mongodb://…  a replica set; every subject has a database of its own in it, which is removed
  --work place         orders for different products, paid on delivery (the default), beside
                         tick        one tiny insert per commit: what commits cost
                         one-trip    each caller commits an order by one call of one function (PostgreSQL)
                         group       one statement for all orders that wait, two workers
                                     (MongoDB: one transaction, one worker)
         hot           orders for one product beside orders for any product, by the store and by `group`
         flow          a new cart, its lines one after the other, one order, paid by card (PostgreSQL), beside
                         by-hand     the same, each commit one call; its customers know the carts they wrote
  --clients N          customers at once (64; hot: 128; flow: 8)
  --lines N            lines in an order (3; hot: 1)
  --rounds N           how often they take turns (3)
  --seconds N          how long each time, after one second of warming up (3)
";

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    Place,
    Hot,
    Flow,
}

impl Work {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Place => "place",
            Self::Hot => "hot",
            Self::Flow => "flow",
        }
    }

    /// Who takes turns. MongoDB has no way to commit such an order in one round trip.
    pub(crate) fn subjects(self, store: &Place) -> &'static [Subject] {
        match self {
            Self::Place if matches!(store, Place::Mongo(_)) => {
                &[Subject::Tick, Subject::Group, Subject::Store]
            }
            Self::Place => &[Subject::Tick, Subject::Group, Subject::Store, Subject::OneTrip],
            Self::Hot => &[Subject::Group, Subject::Store, Subject::StoreHot, Subject::GroupHot],
            Self::Flow => &[Subject::FlowByHand, Subject::StoreFlow],
        }
    }

    /// What a subject is compared with.
    pub(crate) fn baselines(self, subject: Subject) -> &'static [Subject] {
        match (self, subject) {
            (Self::Place, Subject::Store) => &[Subject::Tick, Subject::OneTrip, Subject::Group],
            (Self::Hot, Subject::StoreHot) => &[Subject::Store, Subject::GroupHot],
            (Self::Hot, Subject::GroupHot) => &[Subject::Group],
            (Self::Flow, Subject::StoreFlow) => &[Subject::FlowByHand],
            (Self::Place | Self::Hot | Self::Flow, _) => &[],
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) store: Place,
    pub(crate) work: Work,
    pub(crate) clients: usize,
    pub(crate) lines: usize,
    pub(crate) rounds: usize,
    pub(crate) seconds: u64,
}

impl Options {
    /// Reads the command line; `None` when it asks for help.
    pub(crate) fn read(mut arguments: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let (mut given, mut store, mut work) = (Vec::new(), None, Work::Place);
        while let Some(name) = arguments.next() {
            if matches!(name.as_str(), "-h" | "--help") {
                return Ok(None);
            }
            let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
            match (name.as_str(), value.as_str()) {
                ("--store", _) => store = Some(value.parse::<Place>()?),
                ("--work", "place") => work = Work::Place,
                ("--work", "hot") => work = Work::Hot,
                ("--work", "flow") => work = Work::Flow,
                ("--work", _) => return Err(format!("there is no work {value}")),
                _ => given.push((name, value)),
            }
        }
        let store = store.ok_or("--store is missing")?;
        if !matches!(store, Place::Postgres(_) | Place::Mongo(_)) {
            return Err("there are baselines for postgres:// and mongodb:// only".to_owned());
        }
        if work == Work::Flow && !matches!(store, Place::Postgres(_)) {
            return Err("the flow has a baseline for postgres:// only".to_owned());
        }
        let (clients, lines) = match work {
            Work::Place => (64, 3),
            Work::Hot => (128, 1),
            Work::Flow => (8, 3),
        };
        let mut options = Self { store, work, clients, lines, rounds: 3, seconds: 3 };
        for (name, value) in given {
            match name.as_str() {
                "--clients" => options.clients = number(&name, &value)?,
                "--lines" => options.lines = number(&name, &value)?,
                "--rounds" => options.rounds = number(&name, &value)?,
                "--seconds" => options.seconds = number(&name, &value)?,
                _ => return Err(format!("there is no option {name}")),
            }
        }
        Ok(Some(options))
    }
}

/// A number that is not nothing.
fn number<N: FromStr + Default + PartialEq>(name: &str, value: &str) -> Result<N, String> {
    let number = value.parse::<N>().ok().filter(|number| *number != N::default());
    number.ok_or_else(|| format!("{name} must be a whole number above 0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Option<Options>, String> {
        Options::read(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn a_hot_product_has_defaults_of_its_own_wherever_it_is_named() {
        let options = read("--lines 2 --store postgres://here/x --work hot").unwrap().unwrap();
        assert_eq!((options.clients, options.lines, options.rounds), (128, 2, 3));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "",
            "--store memory:",
            "--store mongodb://x --work flow",
            "--store postgres://x --work y",
            "--store postgres://x --rounds 0",
        ] {
            assert!(read(line).is_err(), "{line}");
        }
    }
}
