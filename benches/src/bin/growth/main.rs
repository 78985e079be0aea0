//! What placing, getting and listing orders costs when there are many: shops of several sizes take turns on the same server.
//!
//! `cargo run --release -p order-benches --bin growth -- --help` lists the options.

mod shops;

use std::io::Write as _;
use std::process::ExitCode;

use order_benches::Outcome;
use order_benches::figures::{Figures, Thousandths};
use serde::Serialize;
use shops::{GrownShop, Work};

const HELP: &str = "\
Usage: growth --store postgres://… [options]

Fills a schema of its own for each size with copies of orders that the engine has placed, then lets them take turns with one
customer at a time. Prints one line of JSON for each measurement; `ratio` is how many times the median of the smallest shop of the same
round it takes.

  --orders N,N   sizes (100000,1000000). A million takes about 10 GB and some minutes
  --rounds N     how often they take turns (3)
  --seconds N    how long each time, after one second of warming up (2)
";

#[tokio::main]
async fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            return if say(HELP) { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
        Err(problem) => {
            complain(&format!("growth: {problem}; --help lists the options"));
            return ExitCode::from(2);
        }
    };
    match run(&options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("growth: {error}"));
            ExitCode::FAILURE
        }
    }
}

#[derive(Debug)]
struct Options {
    url: String,
    sizes: Vec<u64>,
    rounds: u64,
    seconds: u64,
}

impl Options {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut options = Self { url: String::new(), sizes: vec![100_000, 1_000_000], rounds: 3, seconds: 2 };
        while let Some(name) = arguments.next() {
            if matches!(name.as_str(), "-h" | "--help") {
                return Ok(None);
            }
            let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
            let number = |text: &str| {
                let number = text.parse::<u64>().ok().filter(|number| *number > 0);
                number.ok_or_else(|| format!("{name} takes whole numbers above 0"))
            };
            match name.as_str() {
                "--store" => options.url = value,
                "--orders" => options.sizes = value.split(',').map(number).collect::<Result<_, _>>()?,
                "--rounds" => options.rounds = number(&value)?,
                "--seconds" => options.seconds = number(&value)?,
                _ => return Err(format!("there is no option {name}")),
            }
        }
        if !options.url.starts_with("postgres") {
            return Err("--store must be postgres://…".to_owned());
        }
        options.sizes.sort_unstable();
        Ok(Some(options))
    }
}

/// The line that is printed of one measurement.
#[derive(Debug, Serialize)]
struct Line<'a> {
    store: &'static str,
    work: &'static str,
    orders: u64,
    round: u64,
    #[serde(flatten)]
    figures: &'a Figures,
    /// How many times the median of the smallest shop.
    ratio: Option<Thousandths>,
}

async fn run(options: &Options) -> Outcome {
    let mut shops = Vec::new();
    for size in &options.sizes {
        let begin = std::time::Instant::now();
        shops.push(GrownShop::open(&options.url, *size).await?);
        complain(&format!("growth: {size} orders after {} s", begin.elapsed().as_secs()));
    }
    for round in 1..=options.rounds {
        for work in Work::ALL {
            let mut smallest = None;
            for shop in &shops {
                let figures = Figures::of(&shop.measure(work, options.seconds).await?);
                let ratio = smallest.and_then(|smallest| figures.p50_ms.over(smallest));
                smallest = smallest.or(Some(figures.p50_ms));
                let (store, work) = ("postgres", work.name());
                let line = Line { store, work, orders: shop.orders(), round, figures: &figures, ratio };
                say(&serde_json::to_string(&line)?);
            }
        }
    }
    for shop in shops {
        shop.remove().await?;
    }
    Ok(())
}

fn say(text: &str) -> bool {
    writeln!(std::io::stdout(), "{}", text.trim_end()).is_ok()
}

fn complain(text: &str) {
    // Nobody is left to be told when this fails.
    let _ = writeln!(std::io::stderr(), "{text}");
}
