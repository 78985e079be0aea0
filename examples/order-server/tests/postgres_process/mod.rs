//! A PostgreSQL server of a test's own, which it may kill.
#![expect(dead_code, reason = "every test uses its part of it")]

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sqlx::{Connection as _, PgConnection};
use tempfile::TempDir;

/// How long a server may take to start, recovery included, or to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where its programs are.
fn programs() -> PathBuf {
    let Some(folder) = std::env::var_os("POSTGRES_BIN") else {
        unreachable!(
            "POSTGRES_BIN is not set; install the server with: services=$(scripts/test-services) && export $services"
        )
    };
    folder.into()
}

/// The account that runs it. It does not run as root, who hands it to the account of the system's package.
fn account() -> Option<(u32, u32)> {
    let id = |what: &str, of: &[&str]| -> Option<u32> {
        let output = Command::new("id").arg(what).args(of).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().parse().ok()
    };
    (id("-u", &[]) == Some(0)).then(|| {
        let of =
            |what| id(what, &["postgres"]).expect("the package postgresql has made the account postgres");
        (of("-u"), of("-g"))
    })
}

/// A server: its data, its port, and its process while it runs.
pub(crate) struct Postgres {
    folder: TempDir,
    port: u16,
    child: Option<Child>,
    options: Vec<String>,
}

impl Postgres {
    /// Makes one, with more lines for its `postgresql.conf`, and starts it.
    pub(crate) async fn start(more: &[&str]) -> Self {
        let mut postgres = Self::made(more);
        let mut initdb = postgres.command("initdb");
        initdb.args([
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-instructions",
        ]);
        let output = initdb.arg("--pgdata").arg(postgres.data()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        postgres.run().await;
        postgres
    }

    /// Makes one that follows another one, and starts it.
    pub(crate) async fn replica_of(primary: &Self) -> Self {
        let mut replica = Self::made(&[]);
        let mut copy = replica.command("pg_basebackup");
        copy.arg("--dbname").arg(primary.url()).args([
            "--write-recovery-conf",
            "--checkpoint=fast",
            "--pgdata",
        ]);
        let output = copy.arg(replica.data()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        replica.run().await;
        replica
    }

    /// Runs a shell script in its folder, as its account.
    pub(crate) fn script(&self, script: &str) {
        let output = self.command("/bin/sh").args(["-c", script]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// One without data.
    fn made(more: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("postgres-").tempdir().unwrap();
        if let Some((user, group)) = account() {
            std::os::unix::fs::chown(folder.path(), Some(user), Some(group)).unwrap();
        }
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let options = more.iter().map(|option| format!("-c{option}")).collect();
        Self { folder, port, child: None, options }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(programs().join(program));
        if let Some((user, group)) = account() {
            command.uid(user).gid(group);
        }
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    /// Starts it, and waits until it answers.
    pub(crate) async fn run(&mut self) {
        let log =
            std::fs::File::options().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data()).args([
            "-p",
            &self.port.to_string(),
            "-clisten_addresses=127.0.0.1",
        ]);
        command.args(["-cunix_socket_directories=", "-cmax_connections=100"]).args(&self.options);
        let child = command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        self.child = Some(child);
        let begun = Instant::now();
        while PgConnection::connect(&self.url()).await.is_err() {
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            let log = || std::fs::read_to_string(self.folder.path().join("log")).unwrap();
            assert!(ended.is_none() && begun.elapsed() < PATIENCE, "PostgreSQL does not start: {}", log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The postmaster and everybody it has started.
    fn processes(&self) -> Vec<u32> {
        let Some(postmaster) = self.child.as_ref().map(Child::id) else { return Vec::new() };
        let is_child = |process: &u32| {
            let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
            status
                .lines()
                .any(|line| line.strip_prefix("PPid:").map(str::trim) == Some(&postmaster.to_string()))
        };
        let all = std::fs::read_dir("/proc").unwrap();
        let all = all.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
        std::iter::once(postmaster).chain(all.filter(is_child)).collect()
    }

    fn signal(&self, signal: &str) -> Vec<u32> {
        let processes = self.processes();
        // Those that are gone by now need no signal.
        let ids = processes.iter().map(u32::to_string);
        Command::new("kill").arg(signal).args(ids).stderr(Stdio::null()).status().unwrap();
        processes
    }

    /// Kills all of it: SIGKILL, no time for anything.
    pub(crate) fn kill(&mut self) {
        let processes = self.signal("-KILL");
        let Some(mut postmaster) = self.child.take() else { return };
        postmaster.wait().unwrap();
        let begun = Instant::now();
        while processes.iter().any(|process| Path::new(&format!("/proc/{process}")).exists()) {
            assert!(begun.elapsed() < PATIENCE, "some of {processes:?} do not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Stops all of it where it is, as a machine does that hangs.
    pub(crate) fn freeze(&self) {
        self.signal("-STOP");
        // The postmaster may have begun another one meanwhile; now it begins no more.
        self.signal("-STOP");
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) {
        self.signal("-CONT");
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.kill();
        }
    }
}
