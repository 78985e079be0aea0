//! Sets what a store reaches beside what its database can do: both in turn, on the same server, in the same minute.
//!
//! `cargo run --release -p order-benches --bin limit -- --help` lists the options.

mod options;
mod subject;

use std::io::Write as _;
use std::process::ExitCode;

use options::Options;
use order_benches::Outcome;
use order_benches::figures::{Figures, Thousandths};
use serde::Serialize;
use subject::{Subject, Subjects};

/// The bundled server's: what is measured in this process runs as it does there.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            return if say(options::HELP) { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
        Err(problem) => {
            complain(&format!("limit: {problem}; --help lists the options"));
            return ExitCode::from(2);
        }
    };
    match run(&options).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            complain(&format!("limit: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// The line that is printed of one measurement.
#[derive(Debug, Serialize)]
struct Line<'a> {
    store: &'static str,
    work: &'static str,
    subject: &'static str,
    clients: usize,
    lines: usize,
    round: usize,
    #[serde(flatten)]
    figures: &'a Figures,
    /// What it is compared with; nothing where it is a baseline itself.
    baseline: Option<&'static str>,
    /// How many times the baseline of the same round it is.
    ratio: Option<Thousandths>,
    findings: usize,
}

/// Measures everything in turn. Returns whether what was written adds up.
async fn run(options: &Options) -> Outcome<bool> {
    let subjects = Subjects::open(options).await?;
    let mut is_right = true;
    for round in 1..=options.rounds {
        let mut measured = Vec::new();
        for subject in options.work.subjects(&options.store) {
            let (figures, findings) = subjects.measure(*subject, options).await?;
            for finding in &findings {
                complain(&format!("limit: {}: {finding}", subject.name()));
            }
            is_right &= findings.is_empty();
            measured.push((*subject, figures, findings.len()));
        }
        for (subject, figures, findings) in &measured {
            let baselines = options.work.baselines(*subject);
            let found = measured.iter().filter(|(other, ..)| baselines.contains(other));
            let mut compared: Vec<(Option<Subject>, Option<Thousandths>)> = found
                .map(|(other, theirs, _)| (Some(*other), figures.ops_per_s.over(theirs.ops_per_s)))
                .collect();
            if compared.is_empty() {
                compared.push((None, None));
            }
            for (baseline, ratio) in compared {
                let line = Line {
                    store: options.store.name(),
                    work: options.work.name(),
                    subject: subject.name(),
                    clients: options.clients,
                    lines: options.lines,
                    round,
                    figures,
                    baseline: baseline.map(Subject::name),
                    ratio,
                    findings: *findings,
                };
                say(&serde_json::to_string(&line)?);
            }
        }
    }
    subjects.remove().await?;
    Ok(is_right)
}

fn say(text: &str) -> bool {
    writeln!(std::io::stdout(), "{}", text.trim_end()).is_ok()
}

fn complain(text: &str) {
    // Nobody is left to be told when this fails.
    let _ = writeln!(std::io::stderr(), "{text}");
}
