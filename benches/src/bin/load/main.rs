//! Loads a store or a server with customers, says how many orders a second that made, and checks that nothing is wrong after.
//!
//! `cargo run --release -p order-benches --bin load -- --help` lists the options.

mod connection;
mod options;
mod report;
mod server;
mod target;

use std::io::Write as _;
use std::process::ExitCode;

use options::Options;
use order_benches::Outcome;
use report::Report;
use target::Target;

/// The bundled server's: what is measured in this process runs as it does there.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => return say(options::HELP, ExitCode::SUCCESS),
        Err(problem) => {
            complain(&format!("load: {problem}; --help lists the options"));
            return ExitCode::from(2);
        }
    };
    match run(options).await {
        Ok((report, findings)) if findings.is_empty() => say(&report, ExitCode::SUCCESS),
        Ok((report, findings)) => {
            for finding in &findings {
                complain(&format!("load: {finding}"));
            }
            say(&report, ExitCode::FAILURE)
        }
        Err(error) => {
            complain(&format!("load: {error}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Outcome<(String, Vec<String>)> {
    let (target, opened) = Target::open(&options).await?;
    let measured = target.run(&options).await;
    let findings = target.check(&options, &measured).await?;
    let report = Report::new(&options, target.name(), &measured, findings.len());
    if let Some(opened) = opened {
        opened.remove().await?;
    }
    Ok((serde_json::to_string(&report)?, findings))
}

fn say(text: &str, code: ExitCode) -> ExitCode {
    if writeln!(std::io::stdout(), "{}", text.trim_end()).is_ok() { code } else { ExitCode::FAILURE }
}

fn complain(text: &str) {
    // Nobody is left to be told when this fails.
    let _ = writeln!(std::io::stderr(), "{text}");
}
