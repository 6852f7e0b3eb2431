//! The corpora of all targets and mutations of them, replayed; and whether the replay would notice anything.
//!
//! `MUTATIONS=n` and `SECONDS=n` (for each target) try more, `SEED=n` others, `TARGET=name` one alone.

use std::path::PathBuf;
use std::time::Duration;

use targets::replay::{Effort, replay};
use targets::{TARGETS, Target};

fn corpora() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../corpus"))
}

/// The text of an environment variable.
fn asked(name: &str) -> Option<String> {
    std::env::vars().find(|(key, _)| key == name).map(|(_, value)| value)
}

fn number(name: &str) -> Option<u64> {
    asked(name)?.parse().ok()
}

fn effort(target: &Target) -> Effort {
    let mutations = number("MUTATIONS").unwrap_or(if target.is_slow { 1_000 } else { 4_000 });
    let seconds = number("SECONDS").unwrap_or(4);
    Effort { mutations: mutations as usize, time_max: Duration::from_secs(seconds), seed: number("SEED").unwrap_or(1) }
}

fn check(part: usize, of: usize) {
    let mut failures = Vec::new();
    let wanted = asked("TARGET");
    let mine = TARGETS.iter().skip(part).step_by(of);
    for target in mine.filter(|target| wanted.as_deref().is_none_or(|name| name == target.name)) {
        match replay(target, &corpora(), effort(target)) {
            Ok(tried) => {
                println!("{:16} {tried:?}", target.name);
                assert!(tried.files + tried.seeds > 0, "{} has neither corpus nor seeds", target.name);
            }
            Err(broken) => {
                let escaped = broken.input.escape_ascii();
                let shown: String = escaped.to_string().chars().take(4_000).collect();
                failures.push(format!("{}: {}\n    b\"{shown}\"", target.name, broken.what));
            }
        }
    }
    assert!(failures.is_empty(), "{} targets\n{}", failures.len(), failures.join("\n"));
}

// Four tests, so that they run beside each other.
#[test]
fn promises_hold_on_the_first_quarter() {
    check(0, 4);
}

#[test]
fn promises_hold_on_the_second_quarter() {
    check(1, 4);
}

#[test]
fn promises_hold_on_the_third_quarter() {
    check(2, 4);
}

#[test]
fn promises_hold_on_the_last_quarter() {
    check(3, 4);
}

/// A parser with a mistake that only a mutation of what is there reaches.
#[test]
fn a_careless_parser_is_noticed() {
    let careless = Target {
        name: "units",
        run: |data| assert!(!(data.contains(&b's') && data.ends_with(b"=")), "caught"),
        bytes_max: 100,
        is_slow: false,
    };
    let effort = Effort { mutations: 4_000, time_max: Duration::from_secs(20), seed: 1 };
    let broken = replay(&careless, &corpora(), effort).expect_err("it is careless");
    assert!(broken.what.contains("caught") && broken.what.contains("mutation"), "{}", broken.what);
    // The same seed finds the same.
    assert_eq!(replay(&careless, &corpora(), effort).expect_err("it is careless").input, broken.input);
}

#[test]
fn every_corpus_belongs_to_a_target() {
    for entry in std::fs::read_dir(corpora()).into_iter().flatten().flatten() {
        let name = entry.file_name().into_string().expect("a name");
        let known = targets::target(&name).is_some() || ["csv", "search", "config"].contains(&&*name);
        assert!(known, "no target reads corpus/{name}");
    }
}
