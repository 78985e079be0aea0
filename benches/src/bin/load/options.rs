use std::str::FromStr;

use order_adapters::sqlite::Synchronous;

/// What `--help` says.
pub(crate) const HELP: &str = "\
Usage: load [options]

Loads a store in this process, or a server over HTTP, and prints one line of JSON. It ends with 1 when something is wrong
afterwards: stock that does not add up, a total that is not the sum of its parts, a payment the provider does not know.

  --scenario flow      a new cart, its lines, one order, paid by card (the default)
             place     only the order, paid on delivery
             hot-sku   orders for one product until it is sold out, paid on delivery
  --store memory:      the store in memory (the default)
          sqlite:PATH  a file that does not exist yet
  --synchronous full   SQLite answers when the disk has it (the default)
                normal SQLite answers when the operating system has it
  --url URL            loads a server instead, e.g. http://127.0.0.1:8080
  --prefix PATH        where its interface begins (/api/v1)
  --token-secret TEXT  the secret its tokens are signed with
  --clients N          customers at once (8; hot-sku: 64)
  --seconds N          how long, after one second of warming up (5)
  --lines N            lines in an order (3; hot-sku: 1)
  --products N         products in the shop (300; a server has its own)
  --stock N            units of each product (1000000; hot-sku: 10000)
";

/// What is done again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scenario {
    Flow,
    Place,
    HotSku,
}

impl Scenario {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Flow => "flow",
            Self::Place => "place",
            Self::HotSku => "hot-sku",
        }
    }
}

/// What is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Memory,
    Sqlite(String),
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
                scenario = match value.as_str() {
                    "flow" => Scenario::Flow,
                    "place" => Scenario::Place,
                    "hot-sku" => Scenario::HotSku,
                    _ => return Err(format!("there is no scenario {value}")),
                };
            } else {
                given.push((name, value));
            }
        }
        let mut options = Self::of(scenario);
        for (name, value) in given {
            options.set(&name, value)?;
        }
        if options.lines > options.products {
            return Err("an order has more lines than there are products".to_owned());
        }
        Ok(Some(options))
    }

    fn of(scenario: Scenario) -> Self {
        let is_hot = scenario == Scenario::HotSku;
        Self {
            scenario,
            place: Place::Memory,
            synchronous: Synchronous::Full,
            prefix: "/api/v1".to_owned(),
            token_secret: String::new(),
            clients: if is_hot { 64 } else { 8 },
            seconds: 5,
            lines: if is_hot { 1 } else { 3 },
            products: 300,
            stock: if is_hot { 10_000 } else { 1_000_000 },
        }
    }

    fn set(&mut self, name: &str, value: String) -> Result<(), String> {
        match name {
            "--store" => {
                self.place = match value.split_once(':') {
                    Some(("memory", "")) => Place::Memory,
                    Some(("sqlite", path)) if !path.is_empty() => Place::Sqlite(path.to_owned()),
                    Some(_) | None => return Err(format!("{value} is neither memory: nor sqlite:PATH")),
                }
            }
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
        assert_eq!((options.place, options.clients), (Place::Sqlite("a.db".to_owned()), 8));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "--clients 0",
            "--clients",
            "--store postgres:",
            "--scenario x",
            "--lines 4 --products 3",
            "--x y",
        ] {
            assert!(read(line).is_err(), "{line}");
        }
        assert!(read("--help").unwrap().is_none());
    }
}
