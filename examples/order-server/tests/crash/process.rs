//! The server as a process of its own, that can be killed.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use order_server::Config;

/// A running server. It dies with the test.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    base: String,
    settings: Vec<(&'static str, OsString)>,
}

impl Process {
    /// Starts it on a free port, with its orders in a database and the provider's books in a folder.
    pub(crate) fn start(database: &str, folder: &Path) -> Self {
        Self::start_with(database, folder, Vec::new())
    }

    /// The same, with more settings.
    pub(crate) fn start_with(database: &str, folder: &Path, more: Vec<(&'static str, OsString)>) -> Self {
        let mut settings: Vec<(&'static str, OsString)> = vec![
            ("ORDER_ENV", "development".into()),
            ("PORT", "0".into()),
            ("DATABASE_URL", database.into()),
            ("DATABASE_TIMEOUT_SECONDS", "1".into()),
            ("JWT_SECRET", "the secret of the crash test, which nobody else uses".into()),
            ("DEMO_STOCK", super::load::STOCK.to_string().into()),
            ("SIMULATED_BOOKS", folder.join("simulated-provider.db").into()),
            ("SIMULATED_SLOW_MILLISECONDS", "300".into()),
            ("PASS_SECONDS", "1".into()),
            ("RUST_LOG", std::env::var_os("RUST_LOG").unwrap_or_else(|| "off".into())),
        ];
        settings.extend(more);
        let mut child = Command::new(env!("CARGO_BIN_EXE_order-server"))
            .envs(settings.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output is piped")).lines();
        let base = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("order-server: listening on ").map(str::to_owned))
            .expect("the server says where it listens");
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, base, settings }
    }

    pub(crate) fn base(&self) -> String {
        self.base.clone()
    }

    pub(crate) fn config(&self) -> Config {
        let find = |name: &str| {
            self.settings.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone())
        };
        Config::read(None, &find).expect("the settings are good")
    }

    /// Whether it is still the one that was started.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("it is our child").is_none()
    }

    /// Kills it: SIGKILL, no time for anything.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("the server was still running: it must not have died by itself");
        let status = self.child.wait().expect("the server is gone");
        assert!(status.code().is_none(), "the server ended by itself: {status}");
    }

    /// Asks it to end: SIGTERM.
    pub(crate) fn terminate(&mut self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill runs").success());
        let status = self.child.wait().expect("the server is gone");
        assert!(status.success(), "the server did not end well: {status}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
