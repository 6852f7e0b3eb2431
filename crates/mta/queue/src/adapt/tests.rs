//! What lowers, how it rises, and a provider with a hidden limit on a virtual clock: near it, calm, back when it is gone.

use super::*;
use model::category::Disposition;
use proptest::prelude::*;

const START: Timestamp = Timestamp::from_unix_s(1_790_000_000);

fn at(seconds: u64) -> Timestamp {
    START.plus(Duration::from_secs(seconds))
}

fn present() -> Present {
    Present { rate_per_s: 40.0, delivered_per_s: 0.0, connections: 8, rate_max_per_s: Some(100.0), connections_max: 10 }
}

#[test]
fn only_replies_about_us_and_our_rate_count() {
    let check = |scope, category, expected| {
        let category = Some(category);
        let verdict = Verdict { disposition: Disposition::Deferred, scope, category, suppress: false, wait_s: None };
        assert_eq!(asks_to_slow_down(&verdict), expected, "{scope} {category:?}");
    };
    check(Scope::Source, Category::RateLimited, true);
    check(Scope::Connection, Category::RateLimited, true);
    check(Scope::Source, Category::Reputation, true);
    check(Scope::Source, Category::Greylisted, false);
    check(Scope::Recipient, Category::Greylisted, false);
    check(Scope::Recipient, Category::RateLimited, false);
    check(Scope::Source, Category::SpamRelated, false);
    check(Scope::Source, Category::BadConfiguration, false);
}

#[test]
fn down_at_once_and_up_step_by_step() {
    let (config, mut learned) = (Adaptive::default(), Learned::default());
    assert_eq!(learned.slow_down(&config, at(0), present(), None), Some(Change::Lowered));
    assert_eq!(learned.words(), "20/s", "half of what was really sent, not of what was allowed");
    assert_eq!(learned.slow_down(&config, at(5), present(), None), None, "answers mail sent before");
    assert_eq!(learned.slow_down(&config, at(30), present(), None), Some(Change::Lowered));
    assert_eq!(learned.words(), "600/min");
    assert_eq!(learned.succeeded(&config, at(40), present()), None);
    let mut rates = Vec::new();
    for minute in 2..6 {
        learned.succeeded(&config, at(minute * 61), present());
        rates.push(learned.rate_per_s.unwrap());
    }
    assert_eq!(rates[0], 12.5);
    assert!(rates.is_sorted() && rates[3] <= 20.0 * PLATEAU + 1e-9, "not beyond what was refused: {rates:?}");
}

#[test]
fn what_gets_through_says_how_far_down() {
    let (config, mut learned) = (Adaptive::default(), Learned::default());
    let present = Present { delivered_per_s: 36.0, ..present() };
    learned.slow_down(&config, at(0), present, None);
    assert!((learned.rate_per_s.unwrap() - 30.6).abs() < 0.01, "{learned:?}");
}

#[test]
fn refused_connections_lower_the_connections() {
    let (config, mut learned) = (Adaptive::default(), Learned::default());
    learned.fewer_connections(&config, at(0), present(), None);
    assert_eq!((learned.connections, learned.rate_per_s), (Some(4), None));
    assert_eq!(learned.passed(&config, at(10), present()), None);
    let ups: Vec<u32> = (0..20)
        .filter_map(|step| {
            learned.passed(&config, at(3_600 + step * 60), present());
            learned.connections
        })
        .collect();
    assert_eq!(ups, [5, 6, 7, 8], "back by itself, not at once");
    assert!(learned.is_idle());
}

/// A provider that takes so many a second and refuses the rest, a second at a time.
struct Sim {
    learned: Learned,
    config: Adaptive,
    /// What is left of the last second's rate.
    carry: f64,
    /// Given and delivered in the last seconds.
    given: Vec<f64>,
    delivered: Vec<f64>,
    second: u64,
    demand: f64,
}

impl Sim {
    fn new(demand: f64) -> Self {
        let (learned, config) = (Learned::default(), Adaptive::default());
        Sim { learned, config, carry: 0.0, given: Vec::new(), delivered: Vec::new(), second: 0, demand }
    }

    fn lately(seconds: &[f64]) -> f64 {
        let last = &seconds[seconds.len().saturating_sub(30)..];
        last.iter().sum::<f64>() / last.len().max(1) as f64
    }

    /// One second under this limit; what was delivered in it.
    fn second(&mut self, limit: f64, dice: &mut impl FnMut() -> f64) {
        let now = at(self.second);
        let allowed = self.learned.rate().map_or(f64::INFINITY, |rate| per_s(rate) + self.carry);
        let given = allowed.min(self.demand * (0.9 + 0.2 * dice())).floor();
        self.carry = (allowed - given).clamp(0.0, 1.0);
        let room = (limit * (0.97 + 0.06 * dice())).max(0.0);
        let delivered = given.min(room.floor() + f64::from(u8::from(dice() < room.fract())));
        self.given.push(given);
        self.delivered.push(delivered);
        let present = Present {
            rate_per_s: Self::lately(&self.given),
            delivered_per_s: Self::lately(&self.delivered),
            connections: 5,
            rate_max_per_s: None,
            connections_max: 10,
        };
        // What is within a tenth beyond is let through by the windows of real providers.
        if given > delivered * 1.02 + 1.0 {
            self.learned.slow_down(&self.config, now, present, None);
        } else if delivered > 0.0 {
            self.learned.succeeded(&self.config, now, present);
        }
        self.learned.passed(&self.config, now, present);
        self.second += 1;
    }

    fn mean(&self, last: usize) -> f64 {
        let tail = &self.delivered[self.delivered.len() - last..];
        tail.iter().sum::<f64>() / last as f64
    }
}

fn dice(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[test]
fn comes_near_a_hidden_limit_and_stays_calm() {
    for seed in 1..=40 {
        let mut dice = dice(seed);
        let limit = 4.0 + 96.0 * dice();
        let mut sim = Sim::new(limit * (1.5 + 8.0 * dice()));
        (0..3_600).for_each(|_| sim.second(limit, &mut dice));
        let mut low = f64::INFINITY;
        for _ in 0..24 {
            (0..300).for_each(|_| sim.second(limit, &mut dice));
            low = low.min(sim.mean(300));
            assert!(sim.learned.rate_per_s.is_some_and(|rate| rate < limit * 1.3), "seed {seed}: {:?}", sim.learned);
        }
        let mean = sim.mean(7_200);
        assert!(mean >= limit * 0.8, "seed {seed}: {mean} of {limit}");
        assert!(low >= limit * 0.65, "seed {seed}: once down to {low} of {limit}");
    }
}

#[test]
fn comes_back_step_by_step_when_the_limit_is_gone() {
    for seed in 1..=20 {
        let mut dice = dice(seed);
        let mut sim = Sim::new(200.0);
        (0..3_600).for_each(|_| sim.second(10.0, &mut dice));
        let mut before = sim.learned.rate_per_s.unwrap();
        let mut minutes = 0;
        while let Some(rate) = sim.learned.rate_per_s {
            assert!(rate <= before * 1.26, "seed {seed}: from {before} to {rate} at once");
            before = rate;
            (0..30).for_each(|_| sim.second(1e9, &mut dice));
            minutes += 1;
            assert!(minutes < 2 * 150, "seed {seed}: still at {rate}");
        }
        assert!(before >= 100.0, "seed {seed}: from {before} to no limit");
    }
}

proptest! {
    #[test]
    fn stays_between_the_floor_and_the_configuration(
        steps in prop::collection::vec((0_u8..3, 0_u64..500, 0.0_f64..1_000.0, 0.0_f64..100.0), 1..100),
    ) {
        let (config, mut learned, mut now_s) = (Adaptive::default(), Learned::default(), 0);
        for (what, pass_s, rate_per_s, delivered_per_s) in steps {
            now_s += pass_s;
            let now = Present { rate_per_s, delivered_per_s, ..present() };
            let before = learned.clone();
            match what {
                0 => drop(learned.slow_down(&config, at(now_s), now, None)),
                1 => drop(learned.fewer_connections(&config, at(now_s), now, None)),
                _ => drop(learned.succeeded(&config, at(now_s), now)),
            }
            learned.passed(&config, at(now_s), now);
            prop_assert!(learned.rate_per_s.is_none_or(|rate| (1.0 / 60.0..100.0).contains(&rate)));
            prop_assert!(learned.connections.is_none_or(|connections| (1..10).contains(&connections)));
            if let (Some(before), Some(after)) = (before.rate_per_s, learned.rate_per_s) {
                prop_assert!(after <= before * 1.25 * 1.25 + 1e-9, "{before} to {after}");
            }
        }
        let mut minutes = 0;
        while !learned.is_idle() {
            minutes += 1;
            learned.passed(&config, at(now_s + minutes * 60), present());
            prop_assert!(minutes < 60 + 60, "as configured again some time after the memory is over");
        }
    }
}
