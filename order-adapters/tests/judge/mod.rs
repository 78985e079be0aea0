//! Requests and replies, judged by a provider's own OpenAPI files.
//!
//! The files are not part of this repository: `PAYMENT_SPECS` names the folder that has them. Without it, nothing is checked, and the
//! test says so.

use std::io::Write as _;
use std::process::{Command, Stdio};

use order_fake_providers::wire::Exchange;
use serde_json::{Value, json};

/// A request as the judge reads it. `unsaid` is the content type of a request that has no body.
fn request(provider: &str, unsaid: &str, exchange: &Exchange) -> Value {
    let request = &exchange.request;
    json!({
        "provider": provider, "method": request.method, "path": request.path,
        "content_type": request.header("content-type").unwrap_or(unsaid), "body": request.body,
    })
}

fn reply(provider: &str, exchange: &Exchange) -> Option<Value> {
    let (request, reply) = (&exchange.request, exchange.reply.as_ref()?);
    Some(json!({
        "provider": provider, "method": request.method, "path": request.path, "status": reply.status, "reply": reply.body,
    }))
}

fn jsonl(lines: &[Value]) -> String {
    let mut lines: Vec<String> = lines.iter().map(Value::to_string).collect();
    lines.push(String::new());
    lines.join("\n")
}

/// What the judge says of each line.
fn judged(folder: &str, lines: &[Value]) -> Vec<String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/check-specs");
    let mut judge = Command::new("python3")
        .args([script, folder])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    judge.stdin.take().unwrap().write_all(jsonl(lines).as_bytes()).unwrap();
    let output = judge.wait_with_output().unwrap();
    assert_ne!(output.status.code(), Some(2), "nothing was judged; see above");
    let answers = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<String> =
        answers.split("\nBAD").flat_map(|part| part.split("\nOK")).map(str::to_owned).collect();
    assert_eq!(answers.len(), lines.len(), "{answers:#?}");
    answers
}

/// Has every request and every reply judged; and mistakes that are planted, which must be noticed.
pub(crate) fn judge(provider: &str, unsaid: &str, exchanges: &[Exchange], planted: &[Value]) {
    let Ok(folder) = std::env::var("PAYMENT_SPECS") else {
        println!("NOT CHECKED: PAYMENT_SPECS does not name a folder with the providers' OpenAPI files");
        return;
    };
    let mut lines: Vec<Value> =
        exchanges.iter().map(|exchange| request(provider, unsaid, exchange)).collect();
    lines.extend(exchanges.iter().filter_map(|exchange| reply(provider, exchange)));
    let name = format!("{provider}-exchanges.jsonl");
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&file, jsonl(&lines)).unwrap();
    let is_bad = |answer: &String| answer.contains("- ");
    let bad: Vec<String> = judged(&folder, &lines).into_iter().filter(is_bad).collect();
    assert!(bad.is_empty(), "{bad:#?}");
    let found = judged(&folder, planted);
    assert!(found.iter().all(is_bad), "a planted mistake was not noticed: {found:#?}");
    println!("{} requests and replies are as {provider}'s files say; {}", lines.len(), file.display());
}
