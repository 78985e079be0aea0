use std::time::{Duration, Instant};

use crate::options::{Options, Scenario};
use crate::target::{Done, Target};

/// How long it runs before anything counts: statements are compiled, pages are in memory, connections are open.
const WARM_UP: Duration = Duration::from_secs(1);

/// What all clients together have seen.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    /// How long each order took that counts, in microseconds, in ascending order.
    pub(crate) micros: Vec<u64>,
    /// All orders, with those of warming up.
    pub(crate) orders: u64,
    pub(crate) out_of_stock: u64,
    pub(crate) errors: u64,
    /// The first thing that went wrong.
    pub(crate) error: Option<String>,
    /// From the first order that counts to the end of the last one.
    pub(crate) elapsed: Duration,
}

/// When what is done begins to count, and when nothing more is begun. A sale ends when it is sold out.
#[derive(Debug, Clone, Copy)]
struct Plan {
    counts_from: Instant,
    end: Option<Instant>,
}

/// Lets the customers in, and waits until the last one has gone.
pub(crate) async fn run(target: &Target, options: &Options) -> Measured {
    let begin = Instant::now();
    let plan = match options.scenario {
        Scenario::HotSku => Plan { counts_from: begin, end: None },
        Scenario::Flow | Scenario::Place => Plan {
            counts_from: begin + WARM_UP,
            end: Some(begin + WARM_UP + Duration::from_secs(options.seconds)),
        },
    };
    let clients: Vec<_> = (0..options.clients)
        .map(|number| {
            let (target, options) = (target.clone(), options.clone());
            tokio::spawn(async move { customer(target, options, number, plan).await })
        })
        .collect();
    let mut all = Measured::default();
    for client in clients {
        match client.await {
            Ok(one) => all.add(one),
            Err(error) => all.fail(&error.to_string()),
        }
    }
    all.elapsed = plan.counts_from.elapsed();
    all.micros.sort_unstable();
    all
}

async fn customer(target: Target, options: Options, number: usize, plan: Plan) -> Measured {
    let mut measured = Measured::default();
    let mut chance = Chance::new(number);
    loop {
        let begin = Instant::now();
        if plan.end.is_some_and(|end| begin >= end) {
            return measured;
        }
        let products = match options.scenario {
            Scenario::HotSku => vec![0],
            Scenario::Flow | Scenario::Place => chance.some_of(target.products(), options.lines),
        };
        match target.order(options.scenario, number, &products).await {
            Ok(Done::Ordered) => {
                measured.orders += 1;
                if begin >= plan.counts_from {
                    measured.micros.push(u64::try_from(begin.elapsed().as_micros()).unwrap_or(u64::MAX));
                }
            }
            Ok(Done::OutOfStock) => {
                measured.out_of_stock += 1;
                if options.scenario == Scenario::HotSku {
                    return measured;
                }
            }
            Err(error) => {
                measured.fail(&error.to_string());
                // A server that is gone stays gone.
                if measured.errors >= 100 {
                    return measured;
                }
            }
        }
    }
}

impl Measured {
    fn add(&mut self, other: Self) {
        self.micros.extend(other.micros);
        self.orders += other.orders;
        self.out_of_stock += other.out_of_stock;
        self.errors += other.errors;
        self.error = self.error.take().or(other.error);
    }

    fn fail(&mut self, error: &str) {
        self.errors += 1;
        self.error.get_or_insert_with(|| error.to_owned());
    }
}

/// Numbers that are spread evenly, the same in every run.
#[derive(Debug)]
struct Chance(u64);

impl Chance {
    fn new(client: usize) -> Self {
        Self(u64::try_from(client).unwrap_or(0).wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    /// Different products, from anywhere.
    fn some_of(&mut self, products: usize, lines: usize) -> Vec<usize> {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let first = usize::try_from(self.0 >> 33).unwrap_or(0);
        (0..lines).map(|line| first.wrapping_add(line) % products.max(1)).collect()
    }
}
