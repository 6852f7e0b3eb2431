//! Tests of the simulation: many seeds, one seed, and whether it would notice anything.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use simulation::world::{self, Outcome, Sabotage};
use tokio::runtime::Runtime;

/// After so many failures no further seed is tried.
const FAILURES_MAX: usize = 5;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

fn run(seed: u64) -> Outcome {
    world::run(seed, None, runtime)
}

/// The number in an environment variable.
fn number(name: &str) -> Option<u64> {
    std::env::vars().find(|(key, _)| key == name)?.1.parse().ok()
}

#[test]
fn one_seed() {
    let outcome = run(number("SEED").unwrap_or(1));
    println!("{}\n{:?}", outcome.report, outcome.counts);
    assert!(outcome.faults.is_empty(), "{}", outcome.report);
}

#[test]
fn a_seed_repeats_itself() {
    for seed in 0..8 {
        let (first, second) = (run(seed).history, run(seed).history);
        let difference = first.iter().zip(&second).find(|(one, other)| one != other);
        assert_eq!(difference, None, "seed {seed}");
        assert_eq!(first.len(), second.len(), "seed {seed}");
    }
}

/// `SEEDS` of them from `FROM` on, on all cores.
#[test]
fn many_seeds() {
    let from = number("FROM").unwrap_or(0);
    let end = from + number("SEEDS").unwrap_or(1_000);
    let next = AtomicU64::new(from);
    let failures = Mutex::new(Vec::new());
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end || failures.lock().unwrap().len() >= FAILURES_MAX {
                        return;
                    }
                    let outcome = run(seed);
                    if !outcome.faults.is_empty() {
                        failures.lock().unwrap().push((seed, outcome.report));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    let seeds: Vec<u64> = failures.iter().map(|(seed, _)| *seed).collect();
    let reports: Vec<String> = failures.into_iter().map(|(_, report)| report).collect();
    assert!(seeds.is_empty(), "seeds {seeds:?} of {from}..{end}\n{}", reports.join("\n"));
}

/// Whether one of these seeds notices a mistake made on purpose.
fn is_noticed(sabotage: Sabotage, seeds: std::ops::Range<u64>) {
    let noticed = seeds.clone().find(|seed| !world::run(*seed, Some(sabotage), runtime).faults.is_empty());
    println!("{sabotage:?}: seed {noticed:?}");
    if let Some(seed) = noticed {
        let outcome = world::run(seed, Some(sabotage), runtime);
        println!("{}", outcome.faults[0]);
        assert!(run(seed).faults.is_empty(), "seed {seed} fails without it, too");
    }
    assert!(noticed.is_some(), "{sabotage:?} is noticed by none of {seeds:?}");
}

#[test]
fn an_unsynced_spool_is_noticed() {
    is_noticed(Sabotage::SpoolUnsynced, 0..40);
}

#[test]
fn acks_before_their_events_are_on_disk_are_noticed() {
    is_noticed(Sabotage::EventsUnsynced, 0..40);
}

#[test]
fn forgotten_orders_are_noticed() {
    is_noticed(Sabotage::OrdersForgotten, 0..120);
}

#[test]
fn limits_that_are_not_kept_are_noticed() {
    is_noticed(Sabotage::NoLimits, 0..40);
}

#[test]
fn lost_recipients_are_noticed() {
    is_noticed(Sabotage::DeferredLost, 0..40);
}
