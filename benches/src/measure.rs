//! Customers who come again and again, and what they have seen.

use std::future::Future;
use std::time::{Duration, Instant};

use crate::Outcome;

/// How long it runs before anything counts: statements are compiled, pages are in memory, connections are open.
const WARM_UP: Duration = Duration::from_secs(1);

/// So many errors of one customer are enough: a server that is gone stays gone.
const MAX_ERRORS: u64 = 100;

/// What became of what a customer did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// It was done.
    Ordered,
    /// There was not enough of a product left.
    OutOfStock,
}

/// How many customers come, and until when.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "the programs write it as a literal")]
pub struct Crowd {
    /// How many at once.
    pub clients: usize,
    /// For how long, after a second of warming up; `None`: each of them until the shop is sold out.
    pub seconds: Option<u64>,
}

/// What all customers together have seen.
#[derive(Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "plain figures")]
pub struct Measured {
    /// How long each order took that counts, in microseconds, in ascending order.
    pub micros: Vec<u64>,
    /// All orders, with those of warming up.
    pub orders: u64,
    /// How often a customer was told that there is not enough.
    pub out_of_stock: u64,
    /// How often something went wrong.
    pub errors: u64,
    /// The first thing that went wrong.
    pub error: Option<String>,
    /// From the first order that counts to the end of the last one.
    pub elapsed: Duration,
}

/// When what is done begins to count, and when nothing more is begun.
#[derive(Debug, Clone, Copy)]
struct Plan {
    counts_from: Instant,
    end: Option<Instant>,
}

impl Crowd {
    /// Lets the customers in, and waits until the last one has gone. Each does `work` again and again; it is told who it is, and
    /// a number drawn for this time.
    pub async fn run<F, W>(self, work: F) -> Measured
    where
        F: Fn(usize, usize) -> W + Clone + Send + 'static,
        W: Future<Output = Outcome<Done>> + Send + 'static,
    {
        let begin = Instant::now();
        let plan = match self.seconds {
            None => Plan { counts_from: begin, end: None },
            Some(seconds) => Plan {
                counts_from: begin + WARM_UP,
                end: Some(begin + WARM_UP + Duration::from_secs(seconds)),
            },
        };
        let customers: Vec<_> =
            (0..self.clients).map(|client| tokio::spawn(customer(work.clone(), client, plan))).collect();
        let mut all = Measured::default();
        for customer in customers {
            match customer.await {
                Ok(one) => all.add(one),
                Err(error) => all.fail(&error.to_string()),
            }
        }
        all.elapsed = plan.counts_from.elapsed();
        all.micros.sort_unstable();
        all
    }
}

async fn customer<F, W>(work: F, client: usize, plan: Plan) -> Measured
where
    F: Fn(usize, usize) -> W,
    W: Future<Output = Outcome<Done>>,
{
    let mut measured = Measured::default();
    let mut chance = Chance::new(client);
    loop {
        let begin = Instant::now();
        if plan.end.is_some_and(|end| begin >= end) {
            return measured;
        }
        match work(client, chance.draw()).await {
            Ok(Done::Ordered) => {
                measured.orders += 1;
                if begin >= plan.counts_from {
                    measured.micros.push(u64::try_from(begin.elapsed().as_micros()).unwrap_or(u64::MAX));
                }
            }
            Ok(Done::OutOfStock) => {
                measured.out_of_stock += 1;
                if plan.end.is_none() {
                    return measured;
                }
            }
            Err(error) => {
                measured.fail(&error.to_string());
                if measured.errors >= MAX_ERRORS {
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

    fn draw(&mut self) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0)
    }
}

/// Different products that stand beside each other, from the drawn one on.
pub fn some_of(products: usize, drawn: usize, lines: usize) -> Vec<usize> {
    (0..lines).map(|line| drawn.wrapping_add(line) % products.max(1)).collect()
}
