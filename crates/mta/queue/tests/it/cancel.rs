//! Cancellations over crashes: what a person gave up is not mailed, whatever the spool brings back; what was received
//! later is.

use model::event::EventKind;
use model::handoff::{Admitted, FromDelivery};
use model::id::CampaignId;
use model::name::Name;
use model::submission::Routing;
use queue::control::{Action, Target};
use queue::core::{Input, Memory, Out, STEP_MAX};
use queue::handle::Show;

use super::bed::{self, at};
use super::bench::Bench;

/// A queue of its own with what `memory` remembers; its ids go on behind those of `before`.
fn started_again(before: Bench, memory: &Memory) -> Bench {
    let memory = serde_json::from_str(&serde_json::to_string(memory).unwrap()).unwrap();
    let mut bench = Bench { now: before.now, maker: before.maker, ..Bench::new("") };
    let mut out = Out::default();
    bench.core.restore(bench.now, memory, &mut out);
    assert!(out.events.is_empty());
    bench
}

fn admitted(bench: &mut Bench, routing: Routing, domain: &str, count: usize) -> Admitted {
    let message = bench.maker.message(bench.now, routing);
    bench.maker.admitted(bench.now, &message, &vec![domain; count])
}

/// Feeds the queue until it has nothing to do at this moment.
fn settle(bench: &mut Bench) {
    for _ in 0..20 {
        bench.pass(0);
    }
}

fn ends(bench: &Bench) -> usize {
    bench.events.iter().filter(|event| event.kind == EventKind::Suppressed).count()
}

#[test]
fn a_cancelled_campaign_is_not_mailed_after_a_crash() {
    let mut bench = Bench::new("");
    let batches: Vec<Admitted> = (0..5).map(|_| admitted(&mut bench, bed::campaign(1), "a.example", 3_000)).collect();
    let others = admitted(&mut bench, bed::campaign(2), "a.example", 10);
    bench.feed(batches.iter().chain([&others]).cloned().map(bed::admit).collect());
    assert_eq!(bench.order(Target::Campaign(CampaignId(1)), Action::Cancel), Ok(15_000));
    let memory = bench.core.memory(bench.now);
    // Those whom the sweep reaches, and those whom their route sends on their way.
    assert!(ends(&bench) <= 2 * STEP_MAX, "not all of them end in one step");

    // The crash: no end is on disk, hours go by, the spool brings everybody back; one batch was on its way to the queue.
    bench.now = at(3_600 * 5);
    let mut bench = started_again(bench, &memory);
    bench.feed(batches.into_iter().chain([others]).map(bed::admit).collect());
    settle(&mut bench);
    bench.ready_all(1_000);
    assert_eq!(ends(&bench), 15_000);
    let given = bench.given.iter().filter(|(_, ticket)| ticket.message.routing.campaign != Some(CampaignId(2))).count();
    assert_eq!((given, bench.given.len(), bench.core.len()), (0, 10, 10));
    assert_eq!(bench.last(EventKind::Suppressed).note.as_deref(), Some("Cancelled by Ada."));
}

/// Mail of one message before an order and at two times after it; how many of the three end as cancelled, in the life of
/// the order and in the one after it.
fn check(target: impl Fn(&Admitted) -> Target, expected: [bool; 3]) {
    for crash in [false, true] {
        let mut bench = Bench::new("");
        bench.resolve = false;
        let message = bench.maker.message(bench.now, bed::campaign(1));
        let before = bench.maker.admitted(bench.now, &message, &["a.example"]);
        // On disk, and on its way to the queue while the order is given.
        let under_way = bench.maker.admitted(bench.now, &message, &["a.example"]);
        bench.now = at(1);
        bench.feed(vec![bed::admit(before.clone())]);
        let target = target(&before);
        assert_eq!(bench.order(target.clone(), Action::Cancel), Ok(1));
        let seen = ends(&bench);
        if crash {
            let memory = bench.core.memory(bench.now);
            bench = started_again(bench, &memory);
            bench.resolve = false;
            bench.feed(vec![bed::admit(before)]);
        }
        let ended = |bench: &Bench| ends(bench) == if crash { 1 } else { seen };
        assert!(ended(&bench) && seen == 1, "{target:?}, crash: {crash}");
        let mut cancelled = Vec::new();
        for (now, late) in [(at(2), Some(under_way)), (at(2), None), (at(400), None)] {
            bench.now = now;
            let late = late.unwrap_or_else(|| bench.maker.admitted(now, &message, &["a.example"]));
            let known = ends(&bench);
            bench.feed(vec![bed::admit(late)]);
            cancelled.push(ends(&bench) > known);
        }
        assert_eq!(cancelled, expected, "{target:?}, crash: {crash}");
    }
}

#[test]
fn what_a_cancellation_covers() {
    let campaign = |_: &Admitted| Target::Campaign(CampaignId(1));
    // What was on its way, what came a second later, what came minutes later.
    check(campaign, [true, true, false]);
    check(|admitted| Target::Message(admitted.message.id), [true, true, false]);
    check(|_| Target::Job(Name::from("job-1")), [true, false, false]);
    check(|_| Target::Domain(Name::from("a.example")), [true, false, false]);
    check(|admitted| Target::Recipient(admitted.recipients[0].id), [false, false, false]);
}

#[test]
fn two_cancellations_cover_what_either_does() {
    let mut bench = Bench::new("");
    bench.resolve = false;
    let message = bench.maker.message(bench.now, bed::campaign(1));
    let first = bench.maker.admitted(bench.now, &message, &["a.example"]);
    bench.feed(vec![bed::admit(first)]);
    for target in [Target::Campaign(CampaignId(1)), Target::Job(Name::from("job-1"))] {
        bench.order(target, Action::Cancel).unwrap();
    }
    bench.now = at(200);
    bench.order(Target::Job(Name::from("job-1")), Action::Cancel).unwrap();
    let late = bench.maker.admitted(at(100), &message, &["a.example"]);
    bench.feed(vec![bed::admit(late)]);
    assert!(bench.core.is_empty());
}

#[test]
fn a_cancellation_is_forgotten_when_it_is_old_and_carried_out_on_disk() {
    let mut bench = Bench::new("");
    bench.admit(bed::campaign(1), &["a.example"; 20]);
    bench.ready_all(4);
    bench.order(Target::Campaign(CampaignId(1)), Action::Cancel).unwrap();
    bench.order(Target::Domain(Name::from("b.example")), Action::Cancel).unwrap();
    let remembered = |bench: &Bench| bench.core.memory(bench.now).cancels.len();
    let pass_and_settle = |bench: &mut Bench| {
        for _ in 0..10 {
            bench.pass(60);
            bench.core.settled(bench.now);
        }
        remembered(bench)
    };
    assert_eq!(remembered(&bench), 2);
    for _ in 0..10 {
        bench.pass(60);
    }
    assert_eq!(remembered(&bench), 2, "nobody has said that the ends are on disk");
    assert_eq!(pass_and_settle(&mut bench), 1, "four are in flight");
    bench.finish(bed::deferred);
    assert!(bench.core.is_empty());
    assert_eq!(pass_and_settle(&mut bench), 0);
    bench.admit(bed::campaign(1), &["a.example"]);
    assert_eq!(bench.core.len(), 1);
}

#[test]
fn cancellations_are_limited() {
    let mut bench = Bench::new("");
    let cancel = |bench: &mut Bench, number: usize| {
        bench.order(Target::Domain(Name::from(format!("d{number}.example"))), Action::Cancel)
    };
    for number in 0..queue::core::CANCELS_MAX {
        cancel(&mut bench, number).unwrap();
    }
    let error = cancel(&mut bench, usize::MAX).unwrap_err();
    assert!(error.to_string().contains("10000 cancellations"), "{error}");
    assert_eq!(cancel(&mut bench, 7), Ok(0), "one that is known may be repeated");
}

#[test]
fn an_order_about_somebody_who_has_left_does_not_swallow_the_next() {
    let mut bench = Bench::new("");
    let one = bench.admit(bed::bulk(), &["b.example"])[0];
    bench.ready_all(1);
    for _ in 0..6 {
        bench.admit(bed::campaign(1), &["a.example"; 3_000]);
    }
    bench.admit(bed::bulk(), &["c.example"; 3]);
    // Each order moves a portion of the first one's recipients; the others wait in line.
    bench.order(Target::Campaign(CampaignId(1)), Action::Hold).unwrap();
    bench.order(Target::Recipient(one), Action::Hold).unwrap();
    bench.order(Target::Domain(Name::from("c.example")), Action::Hold).unwrap();
    let (session, _) = bench.given.remove(0);
    let outcome = bed::outcome(bench.now, session, one, bed::delivered());
    bench.feed(vec![Input::Delivery(FromDelivery::Done(Box::new(outcome)))]);
    settle(&mut bench);
    assert_eq!(bench.core.snapshot(bench.now, Show::default()).totals.held, 18_003);
}
