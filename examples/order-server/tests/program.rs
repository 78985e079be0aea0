//! The program: what it prints, how it ends.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use order_server::providers::ProviderKind;
use order_server::setting::SETTINGS;
use serde_json::{Value, json};

fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_order-server"));
    for setting in SETTINGS {
        command.env_remove(setting.name);
        if let Some(alias) = setting.alias {
            command.env_remove(alias);
        }
    }
    command.current_dir(folder).env_remove("CONFIG_FILE").env("PORT", "0").stdin(Stdio::null());
    command
}

/// A program that is killed when the test ends, however it ends.
struct Running {
    child: Child,
    /// Reads the log as it comes: a program whose log nobody reads stands still when the pipe is full.
    log: Option<std::thread::JoinHandle<String>>,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
    base: String,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let log = std::thread::spawn(move || {
            let mut log = String::new();
            stderr.read_to_string(&mut log).unwrap();
            log
        });
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let base = first.strip_prefix("order-server: listening on ").unwrap().to_owned();
        Self { child, log: Some(log), lines, base }
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    /// Waits for its end: its exit code, and its log.
    fn end(mut self) -> (Option<i32>, String) {
        let code = self.child.wait().unwrap().code();
        (code, self.log.take().unwrap().join().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text(output: &Output) -> (String, String) {
    (String::from_utf8(output.stdout.clone()).unwrap(), String::from_utf8(output.stderr.clone()).unwrap())
}

#[test]
fn every_mistake_is_listed_and_the_code_is_two() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(folder.path());
    command.env("ORDER_ENV", "production").env("JWT_SECRET", "hunter2-hunter2").env("PORT", "no");
    let output = command.env("DATABASE_URL", "mysql://root:hunter3@db").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let (out, err) = text(&output);
    for expected in ["JWT_SECRET", "PORT", "DATABASE_URL", "ALLOW_SIMULATED_PAYMENTS", "4 mistake(s)"] {
        assert!(err.contains(expected), "{expected}: {err}");
    }
    assert!(!err.contains("hunter") && out.is_empty(), "{out}{err}");
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        0,
        "nothing is made before everything is good"
    );
}

#[test]
fn check_only_checks_and_help_names_every_setting() {
    let folder = tempfile::tempdir().unwrap();
    let output = command(folder.path()).arg("--check").output().unwrap();
    assert_eq!(text(&output).0, "order-server: the configuration is good\n");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    std::fs::write(folder.path().join("bad.toml"), "colour = 1").unwrap();
    let bad = command(folder.path()).args(["--config", "bad.toml", "--check"]).output().unwrap();
    assert_eq!((bad.status.code(), text(&bad).1.contains("colour")), (Some(2), true));
    assert_eq!(command(folder.path()).arg("--chekc").output().unwrap().status.code(), Some(2));
    let (help, _) = text(&command(folder.path()).arg("--help").output().unwrap());
    assert!(SETTINGS.iter().all(|setting| help.contains(setting.name)), "{help}");
}

#[tokio::test]
async fn it_starts_in_a_second_and_its_curl_lines_are_good() {
    let folder = tempfile::tempdir().unwrap();
    let begun = Instant::now();
    let mut running = Running::start(&mut command(folder.path()));
    let ready = reqwest::get(format!("{}/ready", running.base)).await.unwrap();
    assert!(ready.status().is_success());
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(folder.path().join("data/orders.db").exists());
    let guide: Vec<String> = running
        .lines
        .by_ref()
        .map_while(Result::ok)
        .take_while(|line| !line.contains("/inventory/"))
        .collect();
    let token = |name: &str| {
        let line = guide.iter().find_map(|line| line.strip_prefix(&format!("{name}='"))).unwrap();
        line.trim_end_matches('\'').to_owned()
    };
    let client = reqwest::Client::new();
    for (role, path) in [("CUSTOMER", "cart"), ("ADMIN", "orders"), ("SELLER", "orders")] {
        let request = client.get(format!("{}/api/v1/{path}", running.base)).bearer_auth(token(role));
        assert_eq!(request.send().await.unwrap().status(), 200, "{role}");
    }
    assert_eq!(guide.iter().filter(|line| line.starts_with("curl ")).count(), 5);
}

#[tokio::test]
async fn it_prints_a_payment_by_each_stand_in() {
    let folder = tempfile::tempdir().unwrap();
    let kinds = ProviderKind::ALL.map(ProviderKind::name);
    let mut command = command(folder.path());
    command.env("FAKE_PROVIDERS", kinds.join(",")).env("DATABASE_URL", "memory:");
    let mut running = Running::start(&mut command);
    let guide: Vec<String> = running
        .lines
        .by_ref()
        .map_while(Result::ok)
        .take_while(|line| !line.starts_with("A customer "))
        .collect();
    let token = guide.iter().find_map(|line| line.strip_prefix("CUSTOMER='")).unwrap().trim_end_matches('\'');
    let client = reqwest::Client::new();
    for kind in ProviderKind::ALL {
        let name = kind.name();
        let heading = guide.iter().position(|line| line.contains(&format!("a stand-in of {name} "))).unwrap();
        let lines = guide[heading + 1..].iter().take_while(|line| line.contains("/orders"));
        let mut outcomes = Vec::new();
        for line in lines {
            let (_, rest) = line.split_once("-d '").unwrap();
            let (body, rest) = rest.split_once("' ").unwrap();
            let url = rest.split_whitespace().next().unwrap();
            let request = client.post(url).bearer_auth(token).header("content-type", "application/json");
            let answer: Value = request.body(body.to_owned()).send().await.unwrap().json().await.unwrap();
            assert_eq!(answer["payment"]["provider"], name, "{answer}");
            outcomes.push(answer["payment_status"].as_str().unwrap().to_owned());
        }
        assert!(outcomes.iter().any(|outcome| outcome == "paid"), "{name}: {outcomes:?}");
        assert!(outcomes.iter().any(|outcome| outcome == "failed"), "{name}: {outcomes:?}");
    }
}

#[test]
fn production_prints_no_token() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(folder.path());
    command.env("ORDER_ENV", "production").env("JWT_SECRET", "a secret of more than thirty-two bytes");
    let mut running = Running::start(command.env("ALLOW_SIMULATED_PAYMENTS", "true"));
    running.signal("-TERM");
    let rest: Vec<_> = running.lines.by_ref().map_while(Result::ok).collect();
    assert_eq!(rest, [""; 0]);
    assert_eq!(running.end().0, Some(0));
}

#[tokio::test]
async fn a_request_that_is_under_way_is_answered_before_the_end() {
    for signal in ["-TERM", "-INT"] {
        let folder = tempfile::tempdir().unwrap();
        let mut command = command(folder.path());
        command.env("SIMULATED_SLOW_MILLISECONDS", "1500").env("LOG_FORMAT", "json");
        let running = Running::start(&mut command);
        let registered = json!({ "email": "ann@example.org", "password": "correct horse" });
        let client = reqwest::Client::new();
        let user =
            client.post(format!("{}/auth/register", running.base)).json(&registered).send().await.unwrap();
        let user: Value = user.json().await.unwrap();
        let order = json!({
            "items": [{ "product_id": "MUG-BLUE", "quantity": 1 }],
            "shipping_address": { "line1": "1 Main St", "city": "Cork", "postal_code": "T12", "country": "IE" },
            "payment": { "method": "card", "token": "sim_slow" },
        });
        let request = client.post(format!("{}/api/v1/orders", running.base)).json(&order);
        let request = request.bearer_auth(user["token"].as_str().unwrap()).header("X-Request-Id", "slow-one");
        let answer = tokio::spawn(request.send());
        // The order is in the list as soon as it is placed; its payment is under way then.
        let list = || {
            client.get(format!("{}/api/v1/orders", running.base)).bearer_auth(user["token"].as_str().unwrap())
        };
        loop {
            let orders: Value = list().send().await.unwrap().json().await.unwrap();
            if !orders["items"].as_array().unwrap().is_empty() {
                break;
            }
        }
        running.signal(signal);
        let answer = answer.await.unwrap().unwrap();
        assert_eq!(answer.status(), 201, "{signal}");
        assert_eq!(answer.json::<Value>().await.unwrap()["status"], "paid");
        let (code, log) = running.end();
        assert_eq!(code, Some(0), "{log}");
        let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(lines.iter().any(|line| line["fields"]["request_id"] == "slow-one"), "{log}");
        assert!(!log.contains("correct horse"));
    }
}
