//! The bundled server, as a program. See `--help`.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use order_server::config::LogFormat;
use order_server::problem::causes;
use order_server::setting::Help;
use order_server::{Config, Mode, Server, development, server};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// An order is hundreds of small texts and lists. The system's allocator took a third of the time of a page of them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The exit code of a configuration with mistakes.
const MISTAKEN: u8 = 2;

#[derive(Debug, Default)]
struct Arguments {
    file: Option<PathBuf>,
    only_check: bool,
    wants_help: bool,
    only_migrate: bool,
}

fn main() -> ExitCode {
    let arguments = match arguments(std::env::args_os().skip(1)) {
        Ok(arguments) => arguments,
        Err(problem) => {
            say_error(&format!("order-server: {problem}; see --help"));
            return ExitCode::from(MISTAKEN);
        }
    };
    if arguments.wants_help {
        say(&Help.to_string());
        return ExitCode::SUCCESS;
    }
    let file = arguments
        .file
        .or_else(|| std::env::var_os("CONFIG_FILE").filter(|file| !file.is_empty()).map(PathBuf::from));
    let config = match Config::read(file.as_deref(), &|name| std::env::var_os(name)) {
        Ok(config) => config,
        Err(mistakes) => {
            say_error(&format!("order-server: {mistakes}"));
            return ExitCode::from(MISTAKEN);
        }
    };
    if arguments.only_check {
        say("order-server: the configuration is good\n");
        return ExitCode::SUCCESS;
    }
    log(&config);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            say_error(&format!("order-server: no runtime: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let done = if arguments.only_migrate {
        runtime.block_on(migrate(&config))
    } else {
        runtime.block_on(run(&config))
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say_error(&format!("order-server: {}", causes(&*error)));
            ExitCode::FAILURE
        }
    }
}

fn arguments(given: impl Iterator<Item = OsString>) -> Result<Arguments, String> {
    let mut arguments = Arguments::default();
    let mut given = given;
    while let Some(argument) = given.next() {
        match argument.to_str() {
            Some("--help" | "-h") => arguments.wants_help = true,
            Some("migrate") => arguments.only_migrate = true,
            Some("--check") => arguments.only_check = true,
            Some("--config") => {
                let file = given.next().ok_or("--config needs the name of a file")?;
                arguments.file = Some(PathBuf::from(file));
            }
            Some(other) => match other.strip_prefix("--config=") {
                Some(file) => arguments.file = Some(PathBuf::from(file)),
                None => return Err(format!("{other} is not an option")),
            },
            None => return Err("an option is not UTF-8".to_owned()),
        }
    }
    Ok(arguments)
}

async fn migrate(config: &Config) -> Result<(), Box<dyn std::error::Error>> {
    server::migrate(config).await?;
    say(&format!("order-server: {} is up to date\n", config.database));
    Ok(())
}

async fn run(config: &Config) -> Result<(), Box<dyn std::error::Error>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let server = Server::start(config).await?;
    let base = format!("http://{}", server.address());
    say(&format!("order-server: listening on {base}\n"));
    match config.mode {
        Mode::Development => {
            say(&development::guide(config, &base, server.stand_ins(), server.engine().clock().now())?);
        }
        Mode::Production => {}
    }
    tokio::select! {
        _ = terminate.recv() => tracing::info!("told to terminate"),
        _ = interrupt.recv() => tracing::info!("interrupted"),
    }
    server.stop().await;
    Ok(())
}

fn log(config: &Config) {
    // The log is on the standard error: the standard output is for what a person or a script reads.
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(&config.log_filter))
        .with_writer(std::io::stderr)
        .with_ansi(false);
    match config.log_format {
        LogFormat::Text => subscriber.init(),
        LogFormat::Json => subscriber.json().init(),
    }
}

/// Writes to the standard output. Nobody may be reading it; that is no reason to stop.
fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn say_error(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
