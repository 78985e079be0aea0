//! Runs every program, and compares what it prints.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::Command;

fn run(program: &str) -> String {
    let output = Command::new(program).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} failed: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn checkout_pays_an_order() {
    assert_eq!(run(env!("CARGO_BIN_EXE_checkout")), "paid 24.60 EUR\n");
}

#[test]
fn a_checkout_takes_twenty_lines() {
    let source = include_str!("../src/bin/checkout.rs");
    let (_, body) = source.split_once("async fn main() -> Outcome {\n").unwrap();
    let lines = body.lines().filter(|line| !line.trim().is_empty() && *line != "}").count();
    assert!(lines <= 20, "{lines} lines");
}

#[test]
fn a_gateway_of_the_hosts_own_takes_a_voucher_once() {
    assert_eq!(run(env!("CARGO_BIN_EXE_custom_gateway")), "alice: paid\nbob: pending\n");
}

#[test]
fn a_store_decorator_sees_every_commit() {
    assert_eq!(
        run(env!("CARGO_BIN_EXE_custom_store")),
        "the order is paid\n4 commits: 4 applied, 0 refused, 0 unknown\n"
    );
}

#[test]
fn a_hook_vetoes_the_fourth_mug() {
    assert_eq!(
        run(env!("CARGO_BIN_EXE_hooks")),
        "3 mugs: paid\n4 mugs: refused by \"three mugs each\": only three mugs for each order\n"
    );
}

#[test]
fn the_interface_is_nested_in_a_host() {
    let printed = run(env!("CARGO_BIN_EXE_nested_router"));
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines.len(), 4, "{printed}");
    assert_eq!(lines[0], "GET /: 200 the host's own page");
    assert!(lines[1].starts_with("GET /shop/v1/orders: 401 "), "{printed}");
    assert!(lines[2].starts_with("GET /shop/v1/orders: 200 {\"items\":[],"), "{printed}");
    assert!(lines[3].starts_with("GET /shop/health: 200 "), "{printed}");
}

#[test]
fn a_simulation_repeats_itself() {
    let first = run(env!("CARGO_BIN_EXE_simulation"));
    assert_eq!(first, run(env!("CARGO_BIN_EXE_simulation")));
    let statuses: Vec<&str> = first.lines().filter_map(|line| line.split(' ').next_back()).collect();
    let expected =
        ["pending", "pending", "seconds:", "paid", "pending", "seconds:", "paid", "cancelled", "sold"];
    assert_eq!(statuses, expected, "{first}");
    assert!(first.ends_with("tea: 8 available, 0 reserved, 2 sold\n"), "{first}");
}
