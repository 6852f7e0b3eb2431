//! Whole runs from a seed: a few hundred worlds with some hundred to some thousand recipients each.

use std::time::Duration;

use model::event::EventKind;
use model::name::Name;

use super::bed::{self, START};
use super::world::{Dice, Manners, World};

const CONFIG: &str = r#"
    sources = [{ name = "a", ehlo_name = "a.example" }, { name = "b", ehlo_name = "b.example" }]
    pools = [{ name = "default", members = [{ source = "a", weight = 4 }, { source = "b" }] }]
    overrides = [{ connections = 6, provider_connections = 9, rate = "40/s", messages_per_connection = 30 }]
    limits = { connections_max = 30, ready_max = 100, connection_share = "10s", route_max_age = "10m" }
    default_stream = "bulk"

    [[streams]]
    name = "transactional"
    priority = 80
    max_age = "1h"
    retry = { first = "1m", longest = "10m" }

    [[streams]]
    name = "bulk"
    priority = 20
    max_age = "6h"
    retry = { first = "2m", longest = "30m" }
"#;

fn manners(dice: &mut Dice) -> Manners {
    let down_from = dice.below(7_200);
    let down_for = if dice.chance(30) { dice.below(7_200) } else { 0 };
    Manners {
        latency_ms: 5 + dice.below(400),
        connections: 1 + dice.below(10) as usize,
        per_s: 1 + dice.below(60),
        greylists: dice.chance(20),
        bad_percent: dice.below(8),
        loses_percent: dice.below(3),
        down_s: (down_from, down_from + down_for),
    }
}

fn run(seed: u64, recipients: u64) -> World {
    let mut dice = Dice::new(seed);
    let providers = 1 + dice.below(6);
    let manners = (0..providers).map(|_| manners(&mut dice)).collect();
    let mut world = World::new(seed, bed::config(CONFIG), manners);
    let mut left = recipients;
    while left > 0 {
        let count = (1 + dice.below(300)).min(left);
        left -= count;
        let mut routing = bed::campaign(1 + dice.below(3));
        if dice.chance(10) {
            routing.stream = Name::from("transactional");
        }
        let after = dice.below(600_000);
        world.admit(after, routing, count as usize);
    }
    world.run(START.plus(Duration::from_secs(7 * 3_600)), 50 + recipients / 20);
    world
}

fn run_and_name_the_seed(seed: u64, recipients: u64) -> World {
    match std::panic::catch_unwind(|| run(seed, recipients)) {
        Ok(world) => world,
        Err(panic) => {
            eprintln!("seed {seed} with {recipients} recipients");
            std::panic::resume_unwind(panic)
        }
    }
}

#[test]
fn many_small_worlds() {
    let mut kinds = std::collections::BTreeSet::new();
    for seed in 0..300 {
        let world = run_and_name_the_seed(seed, 800);
        assert_eq!(world.finals.len(), 800, "seed {seed}");
        kinds.extend(world.counts.keys().copied());
    }
    for kind in [
        EventKind::Received,
        EventKind::Delivered,
        EventKind::Deferred,
        EventKind::Bounced,
        EventKind::Expired,
        EventKind::Throttled,
        EventKind::Restored,
        EventKind::Control,
        EventKind::ConnectionFailed,
    ] {
        assert!(kinds.contains(&kind), "no world knew {kind:?}");
    }
}

#[test]
fn some_larger_worlds() {
    for seed in 1_000..1_012 {
        let world = run_and_name_the_seed(seed, 4_000);
        let delivered = world.counts.get(&EventKind::Delivered).copied().unwrap_or(0);
        assert!(delivered > 1_000, "seed {seed}: only {delivered} of 4,000 delivered, {:?}", world.counts);
    }
}

#[test]
fn a_seed_repeats_itself() {
    let counts = |seed| run(seed, 500).counts;
    assert_eq!(counts(77), counts(77));
}
