//! Two runs with one seed are alike: the same steps at the same times get the same answers.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use lab::Scenario;
use lab::behaviour::{Behaviour, Decision};
use model::time::Timestamp;

/// Every provider's answers to a sender who writes to many people, a little too fast.
fn run(scenario: &Scenario) -> Vec<(String, Decision)> {
    let source = IpAddr::V4(Ipv4Addr::new(127, 0, 20, 1));
    let mut answers = Vec::new();
    for profile in &scenario.providers {
        let mut provider = Behaviour::new(scenario, profile, str::to_owned);
        let domain = &profile.domains[0].name;
        let mut now = Timestamp::from_unix_s(1_790_000_000);
        answers.push((profile.name.clone(), provider.connect(now, source)));
        for n in 0..400 {
            now = now.plus(Duration::from_millis(37));
            let recipient = format!("someone{n}@{domain}");
            let rcpt = provider.rcpt(now, source, &recipient);
            if rcpt.why.is_none() {
                answers.push((profile.name.clone(), provider.message(source, &recipient)));
            }
            answers.push((profile.name.clone(), rcpt));
        }
        provider.disconnect(source);
    }
    answers
}

#[test]
fn the_same_seed_gives_the_same_answers() {
    let scenario = Scenario::parse(lab::scenario::DEMO).unwrap();
    let other = Scenario { seed: scenario.seed + 1, ..scenario.clone() };
    let first = run(&scenario);
    assert_eq!(first, run(&scenario));
    assert_ne!(first, run(&other));
}

#[test]
fn every_provider_takes_most_and_refuses_some() {
    let scenario = Scenario::parse(lab::scenario::DEMO).unwrap();
    let answers = run(&scenario);
    for profile in &scenario.providers {
        let of_provider = || answers.iter().filter(|(name, _)| *name == profile.name).map(|(_, decision)| decision.why);
        let refused = of_provider().filter(Option::is_some).count();
        assert!(refused > 0, "{} refuses something", profile.name);
        assert!(of_provider().any(|why| why.is_none()), "{} takes something", profile.name);
    }
}
