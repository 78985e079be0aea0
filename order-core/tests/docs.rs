//! What the documents say is what the code says: tables and diagrams, the README's program, the tests that are named.
//! `UPDATE_DOCS=1` writes the tables anew.
#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by it")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use order_core::cart::CART_TABLE;
use order_core::fulfilment::FULFILMENT_TABLE;
use order_core::inbox::INBOX_TABLE;
use order_core::inventory::RESERVATION_TABLE;
use order_core::machine::{Names, Table};
use order_core::order::ORDER_TABLE;
use order_core::payment::OPERATION_TABLE;

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn drawn<S: Names, E: Names>(table: &Table<S, E>) -> (&'static str, String) {
    let text = format!("\n```mermaid\n{}```\n\n{}\n", table.mermaid(), table.markdown());
    (table.name(), text)
}

/// The text between `<!-- table: name -->` and the next `<!-- end -->`, as a range of the document.
fn block(document: &str, name: &str) -> std::ops::Range<usize> {
    let mark = format!("<!-- table: {name} -->\n");
    let start = document.find(&mark).unwrap_or_else(|| panic!("no {mark}")) + mark.len();
    let length = document.get(start..).and_then(|rest| rest.find("<!-- end -->")).expect("an end");
    start..start + length
}

#[test]
fn the_tables_in_the_documents_are_the_codes() {
    let tables = [
        drawn(&CART_TABLE),
        drawn(&ORDER_TABLE),
        drawn(&OPERATION_TABLE),
        drawn(&RESERVATION_TABLE),
        drawn(&FULFILMENT_TABLE),
        drawn(&INBOX_TABLE),
    ];
    let name = "ARCHITECTURE.md";
    let mut document = read(name);
    let mut differing = Vec::new();
    for (table, text) in tables {
        let range = block(&document, table);
        if document.get(range.clone()) != Some(text.as_str()) {
            differing.push(table);
            document.replace_range(range, &text);
        }
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(path(name), document).unwrap();
    } else {
        let again = "UPDATE_DOCS=1 cargo test -p order-core --test docs";
        assert!(differing.is_empty(), "{name}: {differing:?} differ from the code; write them anew: {again}");
    }
}

fn is_unambiguous<S: Names, E: Names>(table: &Table<S, E>) {
    for from in S::ALL {
        for event in E::ALL {
            let ends = table.moves(*from).filter(|edge| edge.event == *event).count();
            assert!(ends <= 1, "{}: {} × {}", table.name(), from.name(), event.name());
            assert_eq!(table.next(*from, *event).is_some(), ends == 1);
        }
        let mut reached = vec![table.initial()];
        for _ in S::ALL {
            let next: Vec<S> =
                reached.iter().flat_map(|state| table.moves(*state)).map(|edge| edge.to).collect();
            reached.extend(next.into_iter().filter(|state| !reached.contains(state)).collect::<Vec<_>>());
            reached.dedup();
        }
        assert!(reached.contains(from), "{}: {} is not reached", table.name(), from.name());
    }
}

#[test]
fn every_table_is_unambiguous_and_whole() {
    is_unambiguous(&CART_TABLE);
    is_unambiguous(&ORDER_TABLE);
    is_unambiguous(&OPERATION_TABLE);
    is_unambiguous(&RESERVATION_TABLE);
    is_unambiguous(&INBOX_TABLE);
    is_unambiguous(&FULFILMENT_TABLE);
}

/// The program in the README is compiled and run as `examples/embedding/src/bin/checkout.rs`.
#[test]
fn the_readmes_program_is_the_one_that_runs() {
    let readme = read("README.md");
    let (_, rest) = readme.split_once("```rust\n").expect("a program");
    let (shown, _) = rest.split_once("```\n").expect("its end");
    let source = read("examples/embedding/src/bin/checkout.rs");
    let (_, program) = source.split_once("\n\n").expect("an empty line behind the attributes");
    assert_eq!(shown, program, "README.md shows another program than the one that runs");
}

/// Every `file::test` in back quotes, with the file it should be in.
fn named_tests(document: &str) -> Vec<(String, String)> {
    document
        .split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|quoted| quoted.split_once(".rs::"))
        .map(|(file, test)| (format!("{file}.rs"), test.to_owned()))
        .collect()
}

#[test]
fn every_test_that_is_named_exists() {
    let mut missing = Vec::new();
    let mut count = 0;
    for document in ["README.md", "ARCHITECTURE.md", "DESIGN.md", "order-core/tests/README.md"] {
        for (file, test) in named_tests(&read(document)) {
            count += 1;
            let source = fs::read_to_string(path(&file)).unwrap_or_default();
            if !source.contains(&format!("fn {test}(")) {
                missing.push(format!("{document}: {file}::{test}"));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(count > 100, "only {count} tests are named: are they still written as `file.rs::test`?");
}

/// The numbers in a cell: `1`, `12, 14`, `82–85`.
fn numbers(cell: &str) -> Vec<u32> {
    let mut found = Vec::new();
    for part in cell.split(',').map(str::trim) {
        let (first, last) = part.split_once('–').unwrap_or((part, part));
        if let (Ok(first), Ok(last)) = (first.parse(), last.parse()) {
            found.extend::<std::ops::RangeInclusive<u32>>(first..=last);
        }
    }
    found
}

#[test]
fn every_reported_failure_is_answered_or_said_to_be_open() {
    let document = read("order-core/tests/README.md");
    let mut seen: BTreeMap<u32, usize> = BTreeMap::new();
    for cell in document.lines().filter_map(|line| line.strip_prefix("| ")?.split('|').next()) {
        for number in numbers(cell) {
            *seen.entry(number).or_default() += 1;
        }
    }
    let expected: BTreeSet<u32> = (1..=128).collect();
    assert_eq!(seen.keys().copied().collect::<BTreeSet<_>>(), expected);
    let twice: Vec<_> = seen.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
}
