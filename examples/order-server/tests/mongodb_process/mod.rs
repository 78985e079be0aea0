//! A replica set of a test's own, whose members it may kill.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use order_adapters::mongodb::driver::bson::{Document, doc};
use order_adapters::mongodb::driver::{Client, error::Error};
use tempfile::TempDir;

/// How long an election and a restart may take.
const PATIENCE: Duration = Duration::from_secs(60);

fn program() -> PathBuf {
    let Some(program) = std::env::var_os("MONGOD") else {
        unreachable!(
            "MONGOD is not set; install the server with: services=$(scripts/test-services) && export $services"
        )
    };
    program.into()
}

/// Three members, with their data.
pub(crate) struct ReplicaSet {
    folder: TempDir,
    members: Vec<Member>,
}

struct Member {
    port: u16,
    child: Option<Child>,
}

impl Member {
    /// Asks this member, whoever is the primary.
    async fn ask(&self, command: Document) -> Result<Document, Error> {
        let address =
            format!("mongodb://127.0.0.1:{}/?directConnection=true&serverSelectionTimeoutMS=1000", self.port);
        let client = Client::with_uri_str(address).await?;
        let answer = client.database("admin").run_command(command).await;
        client.shutdown().immediate(true).await;
        answer
    }

    async fn is(&self, role: &str) -> bool {
        let hello = self.ask(doc! { "hello": 1 }).await;
        hello.is_ok_and(|hello| hello.get_bool(role).unwrap_or(false))
    }
}

impl ReplicaSet {
    /// Makes one, and starts it.
    pub(crate) async fn start() -> Self {
        let folder =
            tempfile::Builder::new().prefix("mongodb-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        // All at once, so that they differ.
        let listeners: Vec<_> = (0..3).map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let ports = listeners.iter().map(|listener| listener.local_addr().unwrap().port());
        let members = ports.map(|port| Member { port, child: None }).collect();
        drop(listeners);
        let mut set = Self { folder, members };
        for member in 0..3 {
            set.run(member);
        }
        let hosts = set.members.iter().enumerate().map(|(id, member)| {
            doc! { "_id": i32::try_from(id).unwrap(), "host": format!("127.0.0.1:{}", member.port) }
        });
        let settings = doc! { "electionTimeoutMillis": 2_000, "heartbeatIntervalMillis": 500 };
        let members = hosts.collect::<Vec<_>>();
        let initiate =
            doc! { "replSetInitiate": { "_id": "crash", "members": members, "settings": settings } };
        let begun = Instant::now();
        while let Err(error) = set.members[0].ask(initiate.clone()).await {
            assert!(begun.elapsed() < PATIENCE, "the replica set can't be made: {error}");
        }
        set.wait_until_whole().await;
        set
    }

    pub(crate) fn url(&self) -> String {
        let hosts: Vec<String> =
            self.members.iter().map(|member| format!("127.0.0.1:{}", member.port)).collect();
        format!("mongodb://{}/crash?replicaSet=crash", hosts.join(","))
    }

    /// Starts a member.
    pub(crate) fn run(&mut self, member: usize) {
        let (home, port) = (self.folder.path().join(member.to_string()), self.members[member].port);
        std::fs::create_dir_all(home.join("data")).unwrap();
        let mut command = Command::new(program());
        command.arg("--dbpath").arg(home.join("data")).arg("--logpath").arg(home.join("log"));
        command.args([
            "--port",
            &port.to_string(),
            "--bind_ip",
            "127.0.0.1",
            "--replSet",
            "crash",
            "--nounixsocket",
        ]);
        command.args(["--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "256", "--logappend"]);
        command.args(["--setParameter", "diagnosticDataCollectionEnabled=false"]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        self.members[member].child = Some(child);
    }

    /// Kills the primary: SIGKILL. Returns which member it was.
    pub(crate) async fn kill_primary(&mut self) -> usize {
        for member in 0..3 {
            if self.members[member].is("isWritablePrimary").await {
                let mut child = self.members[member].child.take().unwrap();
                child.kill().unwrap();
                child.wait().unwrap();
                return member;
            }
        }
        unreachable!("there is no primary")
    }

    /// Waits until every member is there: one primary, two secondaries.
    pub(crate) async fn wait_until_whole(&self) {
        let begun = Instant::now();
        loop {
            let (mut primaries, mut secondaries) = (0, 0);
            for member in &self.members {
                primaries += usize::from(member.is("isWritablePrimary").await);
                secondaries += usize::from(member.is("secondary").await);
            }
            if (primaries, secondaries) == (1, 2) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{primaries} primaries, {secondaries} secondaries");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for ReplicaSet {
    fn drop(&mut self) {
        for child in self.members.iter_mut().filter_map(|member| member.child.as_mut()) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
