//! Every kind of limiter, made by the queue itself: what explains a wait is there, with its value and who set it.

use model::handoff::{FromDelivery, Verdict};
use model::id::RecipientId;
use model::name::Name;
use model::reply::Reply;
use model::submission::Routing;
use queue::control::{Action, Target};
use queue::core::Input;
use queue::view::{Limiter, LimiterKind};

use super::bed::{self, at};
use super::bench::Bench;

/// A queue in which the recipient waits for this.
fn made(kind: LimiterKind) -> (Bench, RecipientId) {
    // No arm for all others: a new kind has to be made here.
    match kind {
        LimiterKind::NotBefore => later(Routing { not_before: Some(at(60)), ..bed::bulk() }, ""),
        LimiterKind::Window => later(bed::bulk(), "windows = [{ stream = 'bulk', open = ['03:00-04:00 UTC'] }]"),
        LimiterKind::RetrySchedule => after(bed::deferred),
        LimiterKind::ReplyWait => after(come_back),
        LimiterKind::Hold => {
            let (mut bench, recipient) = later(bed::bulk(), "");
            bench.order(Target::Recipient(recipient), Action::Hold).unwrap();
            bench.pass(1);
            (bench, recipient)
        }
        LimiterKind::Route => {
            let mut bench = Bench::new("");
            bench.resolve = false;
            let recipient = bench.admit(bed::bulk(), &["a.example"])[0];
            (bench, recipient)
        }
        LimiterKind::Suspended => {
            let (mut bench, _) = later(bed::bulk(), "");
            bench.order(Target::Source(Name::from("default")), Action::Suspend).unwrap();
            let recipient = bench.admit(bed::bulk(), &["a.example"])[0];
            (bench, recipient)
        }
        LimiterKind::Unreachable => unreachable(),
        LimiterKind::PathRate => last_of(3, "overrides = [{ provider = 'a.example', rate = '2/min,max_burst=1' }]"),
        LimiterKind::ProviderRate => {
            last_of(3, "overrides = [{ provider = 'a.example', provider_rate = '2/min,max_burst=1' }]")
        }
        LimiterKind::SharedRate => last_of(3, "groups = [{ name = 'small', rate = '2/min,max_burst=1' }]"),
        LimiterKind::PathConnections => last_of(30, "overrides = [{ connections = 1 }]"),
        LimiterKind::ProviderConnections => two_sites("overrides = [{ connections = 5, provider_connections = 1 }]"),
        LimiterKind::SharedConnections => two_sites("groups = [{ name = 'small', connections = 1 }]"),
        LimiterKind::TotalConnections => two_sites("limits = { connections_max = 1 }"),
        LimiterKind::ConnectionRate => {
            let config = "overrides = [{ provider = 'a.example', connection_rate = '1/h', connections = 5 }]";
            let mut bench = Bench::new(config);
            let ids = bench.admit(bed::bulk(), &["a.example"; 2]);
            let session = bench.open[0].0;
            bench.ready(session, 1);
            bench.finish(bed::delivered);
            bench.feed(vec![Input::Delivery(FromDelivery::Closed { session, trouble: None })]);
            (bench, ids[1])
        }
        LimiterKind::LearnedRate => {
            let mut bench = Bench::new("");
            bench.admit(bed::bulk(), &["a.example"; 30]);
            bench.ready_all(10);
            bench.pass(5);
            bench.finish_and_go_on(bed::slow_down);
            let ids = bench.admit(bed::bulk(), &["a.example"; 40]);
            bench.ready_all(40);
            (bench, ids[39])
        }
        LimiterKind::WarmUp => {
            let plan = "warm_ups = [{ source = 'default', steps = [1, 2], spread = '1m' }]";
            last_of(3, plan)
        }
        LimiterKind::Connecting => later(bed::bulk(), ""),
        LimiterKind::Turn => {
            let mut bench = Bench::new("overrides = [{ connections = 2 }]");
            let ids = bench.admit(bed::bulk(), &["a.example"; 10]);
            bench.ready(bench.open[0].0, 1);
            (bench, ids[9])
        }
    }
}

fn come_back() -> (Verdict, Option<Reply>) {
    let (verdict, reply) = bed::slow_down();
    (Verdict { wait_s: Some(7_200), ..verdict }, reply)
}

fn later(routing: Routing, config: &str) -> (Bench, RecipientId) {
    let mut bench = Bench::new(config);
    let recipient = bench.admit(routing, &["a.example"])[0];
    (bench, recipient)
}

fn after(result: fn() -> (Verdict, Option<Reply>)) -> (Bench, RecipientId) {
    let (mut bench, recipient) = later(bed::bulk(), "");
    bench.ready_all(10);
    bench.finish(result);
    (bench, recipient)
}

/// The last of so many, of whom some have gone.
fn last_of(count: usize, config: &str) -> (Bench, RecipientId) {
    let mut bench = Bench::new(config);
    let ids = bench.admit(bed::bulk(), &vec!["a.example"; count]);
    bench.ready_all(10);
    (bench, ids[count - 1])
}

/// One at the second site of a provider, while the first one has the only connection.
fn two_sites(config: &str) -> (Bench, RecipientId) {
    let mut bench = Bench::new(config);
    bench.resolve = false;
    let ids = bench.admit(bed::bulk(), &["one.example", "two.example"]);
    for (domain, host) in [("one.example", "one.big.test"), ("two.example", "two.big.test")] {
        bench.feed(vec![bed::site(&Name::from(domain), host)]);
    }
    (bench, ids[1])
}

fn unreachable() -> (Bench, RecipientId) {
    let mut bench = Bench::new("");
    bench.admit(bed::bulk(), &["a.example"; 2]);
    for seconds in [0, 1, 2] {
        bench.pass(seconds);
        let (session, _) = bench.open.remove(0);
        bench.fail(session);
    }
    let late = bench.admit(bed::bulk(), &["a.example"])[0];
    (bench, late)
}

#[test]
fn every_kind_of_limiter_explains_itself() {
    use LimiterKind::{
        Connecting, ConnectionRate, Hold, LearnedRate, NotBefore, PathConnections, PathRate, ProviderConnections,
        ProviderRate, ReplyWait, RetrySchedule, Route, SharedConnections, SharedRate, Suspended, TotalConnections,
        Turn, Unreachable, Window,
    };
    // With or without a value and an end; and who set it.
    let check = |kind: LimiterKind, value: bool, until: bool, set_by: &str| {
        let (bench, recipient) = made(kind);
        let explained = bench.core.explain(bench.now, recipient).unwrap();
        let all: Vec<Limiter> = explained.limiter.into_iter().chain(explained.also).collect();
        let found = all.iter().find(|limiter| limiter.kind == kind);
        let found = found.unwrap_or_else(|| panic!("{kind:?} is not among {all:#?}"));
        assert_eq!((found.value.is_some(), found.until.is_some()), (value, until), "{found:?}");
        assert_eq!(found.set_by, set_by, "{kind:?}");
        assert!(found.text.ends_with('.'), "a sentence: {found:?}");
    };
    check(NotBefore, false, true, "submission");
    check(Window, true, true, "queue.windows[0]");
    check(RetrySchedule, true, true, "stream bulk");
    check(ReplyWait, true, true, "reply to attempt 1");
    check(Hold, false, false, "Ada");
    check(Route, false, false, "DNS");
    check(Suspended, false, false, "Ada");
    check(Unreachable, false, true, "connection failures");
    check(PathRate, true, true, "queue.overrides[0].rate");
    check(ProviderRate, true, true, "queue.overrides[0].provider_rate");
    check(SharedRate, true, true, "queue.groups[0].rate (small)");
    check(PathConnections, true, false, "queue.overrides[0].connections");
    check(ProviderConnections, true, false, "queue.overrides[0].provider_connections");
    check(SharedConnections, true, false, "queue.groups[0].connections (small)");
    check(TotalConnections, true, false, "queue.limits.connections_max");
    check(ConnectionRate, true, true, "queue.overrides[0].connection_rate");
    check(LearnedRate, true, true, "adaptive controller");
    check(Connecting, true, false, "network");
    check(Turn, true, false, "order of priority and turns");
}
