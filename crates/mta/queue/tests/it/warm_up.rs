//! Sources that warm up: the volume of a day is never exceeded, the rest leaves at once from the others, days are judged
//! by what the provider answered, and counts survive a crash.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use expect_test::expect;
use jiff::civil::Date;
use journal::events::Cursor;
use model::event::{Event, EventKind};
use model::handoff::{Admitted, FromDelivery};
use model::id::RecipientId;
use model::name::Name;
use model::time::Timestamp;
use proptest::prelude::*;
use queue::config::Config;
use queue::core::{Input, Out, QueueCore};
use queue::view::{LimiterKind, State};
use queue::warmup::config::{ReadyPlan, WarmUp};
use queue::warmup::ledger::{Complaint, Plans, Reader};
use queue::warmup::plan::Plan;
use queue::warmup::track::{Tally, Track};
use queue::warmup::view::{TrackState, TrackView, WarmUpView};
use queue::warmup::{Action, Order};

use super::bed::{self, START};
use super::bench::Bench;
use super::world::{Dice, Manners, World};

const SOURCES: &str = "
[[sources]]
name = 'cold'
ehlo_name = 'cold.test'
address = '192.0.2.7'
[[sources]]
name = 'warm'
ehlo_name = 'warm.test'
";

fn config(plan: &str) -> String {
    format!("{SOURCES}[[warm_ups]]\nsource = 'cold'\n{plan}")
}

/// The plan of the tests that look at days: five a day, then ten, then twenty, each within a minute.
const SMALL: &str = "steps = [5, 10, 20]\nspread = '1m'\n";

fn view(core: &QueueCore, now: Timestamp) -> WarmUpView {
    core.warm_ups(now).remove(0)
}

fn track(bench: &Bench) -> TrackView {
    view(&bench.core, bench.now).tracks.remove(0)
}

fn order(bench: &mut Bench, action: Action, day: Option<u32>) -> Result<(), String> {
    let mut out = Out::default();
    let order = Order { action, day, provider: None };
    let done = bench.core.order_warm_up(bench.now, &Name::from("cold"), &order, "Ada", &mut out);
    bench.take(out);
    done.map_err(|error| error.to_string())
}

/// Deliveries by source since the bench was asked last.
fn delivered(bench: &mut Bench) -> String {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for event in std::mem::take(&mut bench.events) {
        if event.kind == EventKind::Delivered {
            *counts.entry(event.source.unwrap().to_string()).or_default() += 1;
        }
    }
    counts.into_iter().map(|(source, count)| format!("{source} {count}")).collect::<Vec<_>>().join(", ")
}

/// A mail a second for so long, everything answered at once.
fn serve(bench: &mut Bench, seconds: u64) {
    for _ in 0..seconds {
        bench.admit(bed::bulk(), &["d.example"]);
        for _ in 0..3 {
            bench.ready_all(10);
            bench.finish_and_go_on(bed::delivered);
        }
        assert!(bench.core.is_empty(), "nobody waits while the warm source has room");
        bench.pass(1);
    }
}

fn next_day(bench: &mut Bench) {
    let next = view(&bench.core, bench.now).tracks[0].next_at;
    bench.now = next;
    bench.feed(Vec::new());
}

#[test]
fn the_volume_of_the_day_leaves_from_the_cold_source_and_the_rest_at_once_from_the_warm_one() {
    let mut bench = Bench::new(&config(SMALL));
    serve(&mut bench, 120);
    assert_eq!(delivered(&mut bench), "cold 5, warm 115");
    assert_eq!((track(&bench).day, track(&bench).left, track(&bench).next_volume), (1, 0, Some(10)));
    next_day(&mut bench);
    let told = bench.last(EventKind::Control).control.clone().unwrap();
    assert_eq!((&*told.name, &*told.action), ("cold/*", "advance"));
    expect!["day 1 (2026-09-21): 5 of 5 accepted, all within limits; day 2 follows with 10"]
        .assert_eq(&told.value.unwrap());
    serve(&mut bench, 120);
    assert_eq!(delivered(&mut bench), "cold 10, warm 110");
    next_day(&mut bench);
    serve(&mut bench, 120);
    assert_eq!(delivered(&mut bench), "cold 20, warm 100");
    next_day(&mut bench);
    assert!(view(&bench.core, bench.now).finished, "behind the last day nothing is held back");
    bench.events.clear();
    serve(&mut bench, 100);
    assert_eq!(delivered(&mut bench), "cold 50, warm 50");
}

#[test]
fn the_volume_is_spread_over_the_hours() {
    let mut bench = Bench::new(&config("steps = [1200]\nhours = '12:00-20:00 UTC'\n"));
    // 14:13 to 15:13: an eighth of what is left of the hours, more or less.
    for _ in 0..120 {
        bench.admit(bed::bulk(), &["d.example"; 20]);
        for _ in 0..4 {
            bench.ready_all(10);
            bench.finish_and_go_on(bed::delivered);
        }
        bench.pass(30);
    }
    let today = track(&bench).today.delivered;
    assert!((195..=220).contains(&today), "{today} in the first hour of less than six");
    bench.now = "2026-09-21T20:00:00Z".parse().unwrap();
    // What is in flight when the hours are over is finished.
    bench.finish(bed::delivered);
    let before = track(&bench).today.delivered;
    bench.admit(bed::bulk(), &["d.example"; 20]);
    bench.ready_all(10);
    bench.finish_and_go_on(bed::delivered);
    assert_eq!(track(&bench).today.delivered, before, "the hours are over");
}

#[test]
fn a_small_volume_is_used_up_within_the_day() {
    let mut bench = Bench::new(&config("steps = [20]\n"));
    bench.now = "2026-09-22T00:00:00Z".parse().unwrap();
    for _ in 0..24 * 60 - 1 {
        bench.admit(bed::bulk(), &["d.example"]);
        bench.ready_all(10);
        bench.finish_and_go_on(bed::delivered);
        bench.pass(60);
    }
    let today = track(&bench).today.delivered;
    assert!((19..=20).contains(&today), "{today} of 20, of which one leaves in 72 minutes");
}

#[test]
fn a_plan_of_a_later_start_sends_nothing_before_it() {
    let mut bench = Bench::new(&config(&format!("{SMALL}start = '2026-09-22'\n")));
    serve(&mut bench, 70);
    assert_eq!(delivered(&mut bench), "warm 70");
    bench.now = "2026-09-22T00:00:00Z".parse().unwrap();
    serve(&mut bench, 70);
    assert_eq!(delivered(&mut bench), "cold 5, warm 65");
}

#[test]
fn the_rest_waits_where_the_plan_says_so_and_explain_says_why() {
    let mut bench = Bench::new(&config("steps = [2, 4]\nspread = '1m'\noverflow = 'wait'\nstreams = ['bulk']\n"));
    let ids = bench.admit(bed::bulk(), &["d.example"; 4]);
    for _ in 0..70 {
        bench.ready_all(10);
        bench.finish_and_go_on(bed::delivered);
        bench.pass(1);
    }
    assert_eq!(delivered(&mut bench), "cold 2");
    expect!["Scheduled, WarmUp: cold is warming up, and the volume of the day for other providers is used up. [warm-up day 1: 2 of 2, tomorrow 4 when the day goes well, from 2026-09-22T00:00:00.000000Z (UTC)] by queue.warm_ups[0], in 35130 s"]
        .assert_eq(&bench.explain(ids[3]));
    // Mail of other streams may not use it, and leaves from the others.
    let fast = model::submission::Routing { stream: Name::from("transactional"), ..Default::default() };
    bench.admit(fast, &["d.example"]);
    bench.ready_all(10);
    bench.finish_and_go_on(bed::delivered);
    assert_eq!(delivered(&mut bench), "warm 1");
    next_day(&mut bench);
    for _ in 0..70 {
        bench.ready_all(10);
        bench.finish_and_go_on(bed::delivered);
        bench.pass(1);
    }
    assert_eq!(delivered(&mut bench), "cold 2");
    assert!(bench.core.is_empty());
}

#[test]
fn standby_members_and_fallback_pools_take_the_rest() {
    let pools = "[[pools]]\nname = 'default'\nmembers = [{ source = 'cold' }]\nfallback = 'rest'\n[[pools]]\nname = 'rest'\nmembers = [{ source = 'warm' }]\n";
    let mut bench = Bench::new(&format!("{}{pools}", config(SMALL)));
    serve(&mut bench, 120);
    assert_eq!(delivered(&mut bench), "cold 5, warm 115");
}

#[test]
fn a_day_that_goes_too_badly_is_broken_off() {
    let mut bench = Bench::new(&config("steps = [100, 200]\nspread = '1m'\n"));
    order(&mut bench, Action::SetDay, Some(2)).unwrap();
    for second in 0..200 {
        bench.admit(bed::bulk(), &["d.example"]);
        bench.ready_all(10);
        bench.finish_and_go_on(if second % 4 == 0 { bed::bounced } else { bed::delivered });
        bench.pass(1);
    }
    let found = track(&bench);
    assert_eq!((found.state.as_str(), found.today.attempts() < 40), ("stopped", true), "{found:?}");
    let told = bench.last(EventKind::Throttled).control.clone().unwrap();
    assert_eq!((&*told.target, &*told.action), ("warm-up", "stop"));
    assert!(told.value.unwrap().contains("attempts were refused"));
    next_day(&mut bench);
    let told = bench.last(EventKind::Control).control.clone().unwrap();
    assert_eq!((&*told.action, track(&bench).day), ("step-back", 1));
    assert!(told.value.unwrap().contains("550 5.1.1 no such user"), "the evidence is told");
}

#[test]
fn complaints_of_the_log_are_counted() {
    let mut bench = Bench::new(&config(SMALL));
    serve(&mut bench, 70);
    let events = std::mem::take(&mut bench.events);
    let parsed = bed::config(&config(SMALL));
    let mut reader = Reader::new(Plans::new(&parsed, &bed::providers()), &parsed.sources, Default::default());
    reader.take(&events, Cursor { segment: 1, offset: 1 });
    let of_cold =
        events.iter().find(|event| event.source.as_deref() == Some("cold") && event.kind == EventKind::Delivered);
    // One names a recipient; one nothing but our address and the address of the reader; one is of another source.
    let of = |event: &Event| Event {
        at: bench.now,
        ..Event::of_recipient(EventKind::Complaint, event.recipient.unwrap(), 1, bench.now)
    };
    let by_recipient = of(of_cold.unwrap());
    let mut by_address =
        Event { recipient: None, address: Some("somebody@known.example".to_owned()), ..by_recipient.clone() };
    by_address.report =
        Some(model::event::RemoteReport { source_address: Some("192.0.2.7".to_owned()), ..Default::default() });
    let of_warm =
        events.iter().find(|event| event.source.as_deref() == Some("warm") && event.kind == EventKind::Delivered);
    let found = reader.take(&[by_recipient, by_address, of(of_warm.unwrap())], Cursor { segment: 1, offset: 2 });
    assert_eq!(found.len(), 2);
    for complaint in found {
        let Complaint { source, provider, .. } = &complaint;
        assert_eq!((&**source, &**provider), ("cold", "*"));
        bench.feed(vec![Input::Complaint(Box::new(complaint))]);
    }
    assert_eq!(track(&bench).today.complaints, 2);
    assert_eq!(reader.ledger().days[0].tally, track(&bench).today, "both count alike");
}

#[test]
fn orders_of_persons() {
    let mut bench = Bench::new(&config(SMALL));
    serve(&mut bench, 70);
    order(&mut bench, Action::Pause, None).unwrap();
    next_day(&mut bench);
    assert_eq!((track(&bench).day, view(&bench.core, bench.now).paused_by), (1, Some(Name::from("Ada"))));
    order(&mut bench, Action::Resume, None).unwrap();
    order(&mut bench, Action::SetDay, Some(3)).unwrap();
    assert_eq!((track(&bench).day, track(&bench).volume), (3, 20));
    let wrong = order(&mut bench, Action::SetDay, Some(4)).unwrap_err();
    assert_eq!(wrong, "`set-day` needs a day from 1 to 3, the last one of the plan");
    order(&mut bench, Action::Finish, None).unwrap();
    bench.events.clear();
    serve(&mut bench, 100);
    assert_eq!(delivered(&mut bench), "cold 50, warm 50");
    let mut out = Out::default();
    let order = Order { action: Action::Pause, day: None, provider: None };
    let error = bench.core.order_warm_up(bench.now, &Name::from("warm"), &order, "Ada", &mut out).unwrap_err();
    assert_eq!(error.to_string(), "the source \"warm\" has no warm-up plan; write one under [[queue.warm_ups]]");
}

/// What comes of a day with these counts (accepted, deferred, refused, complaints), from day 2 of `[100, 1000, 2000]`.
#[test]
fn verdicts() {
    let plan = |text: &str| Plan::new(&toml::from_str::<WarmUp>(text).unwrap(), 0);
    let check = |counts: (u64, u64, u64, u64), paused: bool, expected: &str| {
        let plan = plan("source = 'cold'\nsteps = [100, 1000, 2000]");
        let (delivered, deferred, refused, complaints) = counts;
        let tally = Tally { delivered, deferred, refused, complaints, reply: None };
        let mut memory = Track::new(0, &plan, Name::from("gmail"), 2).memory;
        memory.date = Some(plan.date(START));
        let mut track = Track::remembered(0, &plan, memory, tally);
        let past = track.roll(&plan, paused, START.plus(Duration::from_secs(86_400)));
        let found = past.map_or("nothing".to_owned(), |past| format!("{}: {}", past.verdict, past.reason));
        assert_eq!(format!("{} {found}", track.memory.day), expected);
    };
    check((1000, 0, 0, 0), false, "3 advance: 1000 of 1000 accepted, all within limits");
    check((500, 0, 0, 0), false, "3 advance: 500 of 1000 accepted, all within limits");
    check((499, 0, 0, 0), false, "2 too-little: 499 of 1000 accepted: less than 50 %");
    check((1000, 0, 0, 0), true, "2 paused: paused by a person");
    check((0, 0, 0, 0), false, "2 nothing");
    let refused = "attempts were refused";
    check((960, 0, 40, 0), false, &format!("2 repeat: 40 of 1000 {refused} (4.0 %, the limit is 3 %)"));
    check((900, 0, 100, 0), false, &format!("1 step-back: 100 of 1000 {refused} (10.0 %, the limit is 3 %)"));
    check((970, 0, 30, 0), false, "3 advance: 970 of 1000 accepted, all within limits");
    check((880, 120, 0, 0), false, "2 repeat: 120 of 1000 attempts were deferred (12.0 %, the limit is 10 %)");
    check((1000, 0, 0, 2), false, "3 advance: 1000 of 1000 accepted, all within limits");
    let complaints = "1 step-back: 3 of 1000 accepted mails led to complaints (0.3 %, the limit is 0.1 %)";
    check((1000, 0, 0, 3), false, complaints);
    check((0, 0, 0, 5), false, "1 step-back: 5 of 0 accepted mails led to complaints (100.0 %, the limit is 0.1 %)");
}

#[test]
fn a_plan_begins_anew_after_a_month_without_mail() {
    let mut bench = Bench::new(&config(SMALL));
    serve(&mut bench, 70);
    next_day(&mut bench);
    assert_eq!(track(&bench).day, 2);
    for _ in 0..29 {
        next_day(&mut bench);
    }
    assert_eq!(track(&bench).day, 2);
    next_day(&mut bench);
    assert_eq!(track(&bench).day, 1);
    assert_eq!(bench.last(EventKind::Control).control.as_ref().unwrap().action, "restart");
}

#[test]
fn ready_made_plans_are_whole() {
    for &plan in ReadyPlan::ALL {
        for provider in ["gmail", "yahoo", "aol", "microsoft", "*"] {
            let volumes = plan.volumes(provider);
            assert!(volumes.days().is_sorted() && volumes.of(1).unwrap() > 0, "{plan} {provider}");
        }
    }
    assert_eq!(ReadyPlan::ThirtyDays.volumes("*").last_day(), 31);
    assert_eq!(ReadyPlan::FortyFiveDays.volumes("*").last_day(), 46);
}

#[test]
fn mistakes_are_named() {
    let check = |plan: &str, expected: &str| {
        let parsed: Config = toml::from_str(&config(plan)).unwrap();
        let found = parsed.validate().err().map(|faults| faults.to_string()).unwrap_or_default();
        assert_eq!(found, expected, "{plan}");
    };
    check("plan = '30-days'", "");
    check("first = 50\ngrowth = 1.5\nceiling = 100000", "");
    check("plan = '30-days'\nproviders = [{ provider = 'gmail', steps = [1, 2] }]", "");
    let one = "warm_ups[0].plan is missing: give one, or `steps`, or `first`, `growth` and `ceiling`; for example plan = \"30-days\"";
    check("", one);
    let alone = "warm_ups[0].plan stands alone: give a ready-made plan, or `steps`, or `first`, `growth` and `ceiling`; for example plan = \"30-days\"";
    check("plan = '30-days'\nsteps = [1]", alone);
    check("steps = [1, 0]", "warm_ups[0].steps[1] must be between 1 and 1000000000");
    check("first = 5\ngrowth = 0.9\nceiling = 9", "warm_ups[0].growth must be between 1.01 and 10; for example 1.5");
    check("first = 5\ngrowth = 2.0\nceiling = 4", "warm_ups[0].ceiling must not be below warm_ups[0].first");
    check(
        "first = 1\ngrowth = 1.01\nceiling = 1000000",
        "warm_ups[0].growth must be larger: the ceiling is not reached within 365 days",
    );
    check(
        "steps = [1]\nhours = '22:00-06:00 UTC'",
        "warm_ups[0].hours must end on the day on which they begin; for example \"08:00-20:00 Europe/Paris\"",
    );
    check("steps = [1]\nspread = '1s'", "warm_ups[0].spread must be between 1m and 1d; for example \"4h\"");
    check("steps = [1]\ntraffic_percent = 101", "warm_ups[0].traffic_percent must be between 0 and 100");
    check(
        "steps = [1]\nrefusals_percent = 0",
        "warm_ups[0].refusals_percent must be above 0 and at most 100 (100 looks away)",
    );
    check(
        "steps = [1]\nstreams = ['bulky']",
        "warm_ups[0].streams[0] must be one of the streams: \"transactional\", \"bulk\"",
    );
    check("steps = [1]\n[[warm_ups]]\nsource = 'cold'\nsteps = [1]", "warm_ups[1].source must not be there twice");
    check(
        "steps = [1]\n[[warm_ups]]\nsource = 'hot'\nsteps = [1]",
        "warm_ups[1].source must be one of the sources: \"cold\", \"warm\"",
    );
    check(
        "steps = [1]\nstreams = ['bulk']\n[[pools]]\nname = 'default'\nmembers = [{ source = 'cold' }]",
        "warm_ups[0].streams must have \"transactional\" as well: no other source of its pool \"default\" may send that stream",
    );
}

#[derive(Clone, Debug)]
enum Step {
    Admit { count: usize, gmail: bool },
    Pass(u64),
    Work { kind: u8 },
    Lose,
    Order { action: u8, day: u32 },
    Crash { written: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (1_usize..12, any::<bool>()).prop_map(|(count, gmail)| Step::Admit { count, gmail }),
        4 => prop_oneof![1_u64..30, 1_u64..3_000, 1_u64..90_000].prop_map(Step::Pass),
        10 => (0_u8..10).prop_map(|kind| Step::Work { kind }),
        1 => Just(Step::Lose),
        1 => (0_u8..4, 1_u32..4).prop_map(|(action, day)| Step::Order { action, day }),
        2 => (0_usize..20).prop_map(|written| Step::Crash { written }),
    ];
    prop::collection::vec(step, 1..80)
}

const MODEL: &str = "steps = [8, 12, 20]\nspread = '1m'\nproviders = [{ provider = 'gmail', steps = [3, 6, 9] }]\n";

/// The queue, and what the world outside knows of it.
struct Model {
    bench: Bench,
    waiting: BTreeMap<RecipientId, Admitted>,
    /// What is on disk.
    log: Vec<Event>,
    reader: Reader,
    read: usize,
    rest_until: Timestamp,
}

impl Model {
    fn new() -> Self {
        let parsed = bed::config(&config(MODEL));
        let mut bench = Bench::new(&config(MODEL));
        bench.resolve = false;
        let reader = Reader::new(Plans::new(&parsed, &bed::providers()), &parsed.sources, Default::default());
        Model { bench, waiting: BTreeMap::new(), log: Vec::new(), reader, read: 0, rest_until: START }
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Admit { count, gmail } => self.admit(count, gmail),
            Step::Pass(seconds) => self.bench.pass(seconds),
            Step::Work { kind } => self.work(kind),
            Step::Lose => {
                self.rest_until = self.bench.now.plus(Duration::from_secs(7_200));
                let lost: BTreeSet<_> = self.bench.given.drain(..).map(|(session, _)| session).collect();
                for session in lost {
                    self.bench.feed(vec![Input::Delivery(FromDelivery::Closed { session, trouble: None })]);
                }
            }
            Step::Order { action, day } => {
                let action = Action::ALL[usize::from(action) % 3];
                let day = (action == Action::SetDay).then_some(day);
                order(&mut self.bench, action, day).unwrap();
            }
            Step::Crash { written } => self.crash(written),
        }
        self.check();
    }

    fn admit(&mut self, count: usize, gmail: bool) {
        if self.waiting.len() > 60 {
            return;
        }
        let domain = if gmail { "gmail.com" } else { "d.example" };
        let message = self.bench.maker.message(self.bench.now, bed::bulk());
        let admitted = self.bench.maker.admitted(self.bench.now, &message, &vec![domain; count]);
        for recipient in &admitted.recipients {
            let alone = Admitted { recipients: vec![recipient.clone()], ..admitted.clone() };
            self.waiting.insert(recipient.id, alone);
        }
        self.feed_admitted(vec![bed::admit(admitted)]);
    }

    fn feed_admitted(&mut self, mut inputs: Vec<Input>) {
        inputs.push(bed::site(&Name::from("gmail.com"), "gmail-smtp-in.l.google.com"));
        inputs.push(bed::resolved(&Name::from("d.example")));
        self.bench.feed(inputs);
    }

    fn work(&mut self, kind: u8) {
        self.bench.ready_all(3);
        let result = match kind {
            0 => bed::deferred,
            1 => bed::bounced,
            _ => bed::delivered,
        };
        self.bench.finish_and_go_on(result);
        for event in &self.bench.events[self.log.len()..] {
            if event.kind.disposition().is_some_and(model::category::Disposition::is_final) {
                self.waiting.remove(&event.recipient.unwrap());
            }
        }
    }

    /// The program dies. What it told is on disk, the state file has what the follower had read by then; of the events
    /// behind it some are read again.
    fn crash(&mut self, written: usize) {
        self.told();
        let behind = self.log.len().saturating_sub(written).max(self.read);
        self.reader.take(&self.log[self.read..behind], Cursor { segment: 1, offset: behind as u32 });
        self.read = behind;
        let mut memory = self.bench.core.memory(self.bench.now);
        let saved = self.reader.ledger();
        let parsed = bed::config(&config(MODEL));
        self.reader = Reader::new(Plans::new(&parsed, &bed::providers()), &parsed.sources, saved);
        self.reader.take(&self.log[self.read..], Cursor { segment: 1, offset: self.log.len() as u32 });
        self.read = self.log.len();
        memory.warm_ups.ledger = self.reader.ledger();
        self.bench.core = bed::core(&config(MODEL));
        self.bench.open.clear();
        self.bench.given.clear();
        let mut out = Out::default();
        self.bench.core.restore(self.bench.now, memory, &mut out);
        self.bench.take(out);
        let recovered = self.waiting.values().cloned().map(bed::admit).collect();
        self.feed_admitted(recovered);
    }

    fn told(&mut self) {
        let from = self.log.len();
        self.log.extend_from_slice(&self.bench.events[from..]);
    }

    fn check(&mut self) {
        self.told();
        let plan = Plan::new(&toml::from_str(&format!("source = 'cold'\n{MODEL}")).unwrap(), 0);
        for found in view(&self.bench.core, self.bench.now).tracks {
            let of_today = |event: &&Event| {
                let provider = event.provider.as_deref();
                let name = if provider == Some("gmail") { "gmail" } else { "*" };
                let date: Option<Date> = found.date.as_ref().map(|date| date.parse().unwrap());
                event.kind == EventKind::Delivered
                    && event.source.as_deref() == Some("cold")
                    && name == &*found.provider
                    && Some(plan.date(event.at)) == date
            };
            let delivered = self.log.iter().filter(of_today).count() as u64;
            assert_eq!(found.today.delivered, delivered, "what the log tells of {}", found.provider);
            // Orders that lower the day are not made; setting one may leave more out than it has.
            let used = delivered + u64::from(found.in_flight);
            let within = found.state == TrackState::Finished || used <= found.volume.max(self.highest(&found));
            assert!(within, "{used} of {} at {}", found.volume, found.provider);
        }
        for &id in self.waiting.keys() {
            let Some(explained) = self.bench.core.explain(self.bench.now, id) else { continue };
            let kind = explained.limiter.map(|limiter| limiter.kind);
            let stuck = explained.recipient.state == State::Scheduled
                && matches!(kind, Some(LimiterKind::WarmUp | LimiterKind::Turn));
            // After sessions that ended without a word the paths rest, the warm one as well.
            let rests = self.bench.now < self.rest_until;
            assert!(rests || !stuck, "stuck though the warm source has room: {kind:?}");
        }
    }

    /// The largest volume that held today: persons set days.
    fn highest(&self, found: &TrackView) -> u64 {
        let set = self.bench.events.iter().rev().filter_map(|event| event.control.as_ref());
        let set_today = set.filter(|change| change.action == "set-day").count();
        if set_today > 0 { *found.volumes.last().unwrap() } else { 0 }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn no_day_has_more_than_its_volume_and_no_crash_changes_a_count(steps in steps()) {
        let mut model = Model::new();
        for step in steps {
            model.run(step);
        }
    }
}

/// Whole runs with a source that warms up: everybody ends, whatever the providers do.
#[test]
fn worlds_with_a_warming_source() {
    let text = r#"
        sources = [{ name = "a", ehlo_name = "a.example" }, { name = "b", ehlo_name = "b.example" }]
        overrides = [{ connections = 6, provider_connections = 9, rate = "40/s", messages_per_connection = 30 }]
        limits = { connections_max = 30, ready_max = 100 }
        warm_ups = [{ source = "b", steps = [60, 90], spread = "30m" }]
    "#;
    for seed in 0..60 {
        let mut dice = Dice::new(seed);
        let manners = |dice: &mut Dice| Manners {
            latency_ms: 5 + dice.below(400),
            connections: 1 + dice.below(10) as usize,
            per_s: 1 + dice.below(60),
            greylists: dice.chance(20),
            bad_percent: dice.below(8),
            loses_percent: dice.below(3),
            down_s: (0, dice.below(600)),
        };
        let manners = (0..1 + dice.below(3)).map(|_| manners(&mut dice)).collect();
        let mut world = World::new(seed, bed::config(text), manners);
        for _ in 0..8 {
            let after = dice.below(1_200_000);
            world.admit(after, bed::bulk(), 1 + dice.below(80) as usize);
        }
        world.run(START.plus(Duration::from_secs(5 * 86_400)), 50);
        for found in view(&world.core, world.now).tracks {
            assert!(found.today.delivered <= 90, "seed {seed}: {found:?}");
            assert!(found.history.iter().all(|past| past.tally.delivered <= past.volume), "seed {seed}: {found:?}");
        }
    }
}
