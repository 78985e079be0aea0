use std::str::FromStr;

use order_adapters::sqlite::Synchronous;
use order_benches::stores;

/// What `--help` says.
pub(crate) const HELP: &str = "\
Usage: load [options]

Loads a store in this process, or a server over HTTP, and prints one line of JSON. It ends with 1 when something is wrong
afterwards: stock that does not add up, a total that is not the sum of its parts, a payment the provider does not know.

  --scenario flow      a new cart, its lines, one order, paid by card (the default)
             flow-at-once
                       the same, its lines put into the cart by one call
             place     only the order, paid on delivery
             spread    the same with one line, of any product
             hot       the same with one line, always of one product
             hot-sku   orders for one product until it is sold out, paid on delivery
             opposite  orders for four of twelve products, every second one in the opposite order, paid on delivery
             get       one of the customer's orders by its id (only of a server)
             list      the customer's latest twenty orders (only of a server)
  --store memory:      the store in memory (the default)
          sqlite:PATH  a file that does not exist yet
          postgres://… a database; the run makes a schema of its own in it, and removes it
          mongodb://…  a replica set; the run makes a database of its own in it, and removes it
  --synchronous full   SQLite answers when the disk has it (the default)
                normal SQLite answers when the operating system has it
  --url URL            loads a server instead, e.g. http://127.0.0.1:8080
  --prefix PATH        where its interface begins (/api/v1)
  --token-secret TEXT  the secret its tokens are signed with
  --clients N          customers at once (8; hot-sku: 64; spread, hot, opposite: 128; get, list: 32)
  --seconds N          how long, after one second of warming up (5)
  --lines N            lines in an order (3; spread, hot, hot-sku: 1; opposite: 4)
  --products N         products in the shop (300; hot, hot-sku: 1; opposite: 12; a server has its own)
  --stock N            units of each product (1000000; hot-sku: 10000)
";

/// What is done again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scenario {
    Flow,
    FlowAtOnce,
    Place,
    Spread,
    Hot,
    HotSku,
    Opposite,
    Get,
    List,
}

impl Scenario {
    const ALL: [Self; 9] = [
        Self::Flow,
        Self::FlowAtOnce,
        Self::Place,
        Self::Spread,
        Self::Hot,
        Self::HotSku,
        Self::Opposite,
        Self::Get,
        Self::List,
    ];

    /// Whether orders are paid by card.
    pub(crate) fn is_paid(self) -> bool {
        matches!(self, Self::Flow | Self::FlowAtOnce)
    }

    /// Whether nothing is ordered.
    pub(crate) fn only_reads(self) -> bool {
        matches!(self, Self::Get | Self::List)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Flow => "flow",
            Self::FlowAtOnce => "flow-at-once",
            Self::Place => "place",
            Self::Spread => "spread",
            Self::Hot => "hot",
            Self::HotSku => "hot-sku",
            Self::Opposite => "opposite",
            Self::Get => "get",
            Self::List => "list",
        }
    }

    /// Clients, lines and products.
    fn defaults(self) -> (usize, usize, usize) {
        match self {
            Self::Flow | Self::FlowAtOnce | Self::Place => (8, 3, 300),
            Self::Spread => (128, 1, 300),
            Self::Hot => (128, 1, 1),
            Self::HotSku => (64, 1, 1),
            Self::Opposite => (128, 4, 12),
            Self::Get | Self::List => (32, 3, 300),
        }
    }
}

/// What is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Store(stores::Place),
    Server(String),
}

#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) scenario: Scenario,
    pub(crate) place: Place,
    pub(crate) synchronous: Synchronous,
    pub(crate) prefix: String,
    pub(crate) token_secret: String,
    pub(crate) clients: usize,
    pub(crate) seconds: u64,
    pub(crate) lines: usize,
    pub(crate) products: usize,
    pub(crate) stock: u32,
}

impl Options {
    /// Reads the command line; `None` when it asks for help.
    pub(crate) fn read(mut arguments: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let (mut given, mut scenario) = (Vec::new(), Scenario::Flow);
        while let Some(name) = arguments.next() {
            if matches!(name.as_str(), "-h" | "--help") {
                return Ok(None);
            }
            let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
            if name == "--scenario" {
                let named = Scenario::ALL.into_iter().find(|scenario| scenario.name() == value);
                scenario = named.ok_or_else(|| format!("there is no scenario {value}"))?;
            } else {
                given.push((name, value));
            }
        }
        let mut options = Self::of(scenario);
        for (name, value) in given {
            options.set(&name, value)?;
        }
        if options.scenario.only_reads() && !matches!(options.place, Place::Server(_)) {
            return Err(format!("{} is measured with --url", options.scenario.name()));
        }
        if options.lines > options.products {
            return Err("an order has more lines than there are products".to_owned());
        }
        Ok(Some(options))
    }

    fn of(scenario: Scenario) -> Self {
        let (clients, lines, products) = scenario.defaults();
        Self {
            scenario,
            place: Place::Store(stores::Place::Memory),
            synchronous: Synchronous::Full,
            prefix: "/api/v1".to_owned(),
            token_secret: String::new(),
            clients,
            seconds: 5,
            lines,
            products,
            stock: if scenario == Scenario::HotSku { 10_000 } else { 1_000_000 },
        }
    }

    fn set(&mut self, name: &str, value: String) -> Result<(), String> {
        match name {
            "--store" => self.place = Place::Store(value.parse()?),
            "--synchronous" => {
                self.synchronous = match value.as_str() {
                    "full" => Synchronous::Full,
                    "normal" => Synchronous::Normal,
                    _ => return Err(format!("{value} is neither full nor normal")),
                }
            }
            "--url" => self.place = Place::Server(value),
            "--prefix" => self.prefix = value,
            "--token-secret" => self.token_secret = value,
            "--clients" => self.clients = number(name, &value)?,
            "--seconds" => self.seconds = number(name, &value)?,
            "--lines" => self.lines = number(name, &value)?,
            "--products" => self.products = number(name, &value)?,
            "--stock" => self.stock = number(name, &value)?,
            _ => return Err(format!("there is no option {name}")),
        }
        Ok(())
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
        let options = read("--clients 16 --scenario hot-sku").unwrap().unwrap();
        assert_eq!((options.clients, options.lines, options.stock), (16, 1, 10_000));
        let options = read("--store sqlite:a.db --synchronous normal").unwrap().unwrap();
        let file = stores::Place::Sqlite("a.db".to_owned());
        assert_eq!((options.place, options.clients), (Place::Store(file), 8));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "--clients 0",
            "--clients",
            "--store postgres:",
            "--scenario hot --products 1 --lines 2",
            "--scenario get",
            "--scenario x",
            "--lines 4 --products 3",
            "--x y",
        ] {
            assert!(read(line).is_err(), "{line}");
        }
        assert!(read("--help").unwrap().is_none());
    }
}
