//! Limits of every reach, rules about replies and the controller, in the queue as a whole.

use std::collections::BTreeMap;

use model::category::{Category, Disposition, Scope};
use model::event::EventKind;
use model::handoff::{FromDelivery, Verdict};
use model::name::Name;
use model::reply::Reply;
use model::submission::Routing;
use queue::core::{Input, QueueCore};
use queue::providers::Providers;

use super::bed::{self, START};
use super::bench::Bench;

fn of_tenant(tenant: &str) -> Routing {
    Routing { tenant: Name::from(tenant), job: Name::from(tenant), ..bed::bulk() }
}

/// How many were given, by the site of the session.
fn given_by_site(bench: &Bench) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for (session, _) in &bench.given {
        let site = bench.paths[session].split(" → ").nth(1).unwrap().to_owned();
        *counts.entry(site).or_default() += 1;
    }
    counts
}

#[test]
fn a_tenant_at_its_limit_keeps_nobody_else() {
    let group = "[[groups]]\nname = 'small'\ntenants = ['acme']\nrate = '1/min,max_burst=1'\n";
    let mut bench = Bench::new(&format!("limits.ready_max = 40\n{group}[adaptive]\nenabled = false"));
    let mine = bench.admit(of_tenant("acme"), &["a.example"; 100]);
    bench.admit(of_tenant("other"), &["a.example"; 60]);
    for _ in 0..10 {
        bench.ready_all(20);
        bench.finish_and_go_on(bed::delivered);
    }
    let ended = |bench: &Bench, tenant: &str| {
        let of_tenant = |event: &&model::event::Event| {
            event.kind == EventKind::Delivered && event.tenant.as_deref() == Some(tenant)
        };
        bench.events.iter().filter(of_tenant).count()
    };
    assert_eq!((ended(&bench, "acme"), ended(&bench, "other")), (1, 60));
    let waits = bench.explain(mine[1]);
    assert!(waits.contains("SharedRate") && waits.contains("queue.groups[0].rate (small)"), "{waits}");
    for minute in 2..5 {
        bench.pass(60);
        bench.ready_all(20);
        bench.finish_and_go_on(bed::delivered);
        assert_eq!(ended(&bench, "acme"), minute, "one a minute");
    }
}

/// One job to two domains of one site, of which one has a limit of its own: only its mail waits.
#[test]
fn a_domain_at_its_limit_keeps_no_other_mail_of_the_job() {
    let limits = [
        "[[overrides]]\ndomain = 'slow.example'\nrate = '1/min,max_burst=1'\n",
        "[[groups]]\nname = 'slow'\ndomains = ['slow.*']\nrate = '1/min,max_burst=1'\n",
    ];
    for limit in limits {
        let mut bench = Bench::new(&format!("limits.ready_max = 40\n{limit}[adaptive]\nenabled = false"));
        bench.resolve = false;
        let domains: Vec<&str> = (0..120).map(|nth| if nth < 60 { "slow.example" } else { "fast.example" }).collect();
        let ids = bench.admit(bed::campaign(1), &domains);
        for domain in ["slow.example", "fast.example"] {
            bench.feed(vec![bed::site(&Name::from(domain), "mx.host.example")]);
        }
        for _ in 0..10 {
            bench.ready_all(20);
            bench.finish_and_go_on(bed::delivered);
        }
        let ended = |bench: &Bench, range: std::ops::Range<usize>| {
            let of = |event: &&model::event::Event| {
                event.kind == EventKind::Delivered && event.recipient.is_some_and(|id| ids[range.clone()].contains(&id))
            };
            bench.events.iter().filter(of).count()
        };
        assert_eq!((ended(&bench, 0..60), ended(&bench, 60..120)), (1, 60), "{limit}");
        let waits = bench.explain(ids[30]);
        assert!(waits.contains("SharedRate"), "{waits}");
        bench.pass(60);
        bench.ready_all(20);
        bench.finish_and_go_on(bed::delivered);
        assert_eq!(ended(&bench, 0..60), 2, "one a minute: {limit}");
    }
}

#[test]
fn paths_take_turns_at_a_shared_rate() {
    let mut bench = Bench::new("[[groups]]\nname = 'all'\nrate = '6/min,max_burst=1'\n[adaptive]\nenabled = false");
    bench.admit(bed::bulk(), &["a.example"; 50]);
    bench.admit(bed::bulk(), &["b.example"; 50]);
    bench.admit(bed::bulk(), &["c.example"; 50]);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..30 {
        bench.pass(10);
        bench.ready_all(20);
        for (site, count) in given_by_site(&bench) {
            *counts.entry(site).or_default() += count;
        }
        bench.finish_and_go_on(bed::delivered);
    }
    let sum: usize = counts.values().sum();
    assert!((28..=31).contains(&sum), "six a minute for five minutes: {counts:?}");
    assert!(counts.len() == 3 && counts.values().all(|count| (8..=12).contains(count)), "in turns: {counts:?}");
}

#[test]
fn connections_are_shared_and_handed_on() {
    let mut bench = Bench::new("[[groups]]\nname = 'all'\nconnections = 1");
    bench.admit(bed::bulk(), &["a.example"]);
    bench.admit(bed::bulk(), &["b.example"]);
    assert_eq!(bench.open.len(), 1, "{:?}", bench.open);
    bench.ready_all(5);
    bench.finish_and_go_on(bed::delivered);
    let closed = std::mem::take(&mut bench.closed);
    assert_eq!(closed.len(), 1, "what has nothing to do gives its connection up");
    bench.feed(vec![Input::Delivery(FromDelivery::Closed { session: closed[0], trouble: None })]);
    assert_eq!(bench.open.len(), 1, "the other one has its turn");
    bench.ready_all(5);
    assert_eq!(bench.given.len(), 1);
}

#[test]
fn bytes_are_counted() {
    let group = "[[groups]]\nname = 'bytes'\nper = ['source']\nbyte_rate = '1000/min,max_burst=1000'\n";
    let mut bench = Bench::new(&format!("{group}[adaptive]\nenabled = false"));
    let ids = bench.admit(bed::bulk(), &["a.example"; 5]);
    bench.ready_all(5);
    assert_eq!(bench.given.len(), 1, "a message has 1,000 bytes");
    assert!(bench.explain(ids[1]).contains("[1000/min]"), "{}", bench.explain(ids[1]));
    bench.finish_and_go_on(bed::delivered);
    bench.pass(1);
    assert_eq!(bench.given.len(), 1, "something is left, so the next one goes, whatever its size");
    bench.finish_and_go_on(bed::delivered);
    bench.pass(50);
    assert_eq!(bench.given.len(), 0, "what it took too much is waited for");
    bench.pass(10);
    assert_eq!(bench.given.len(), 1);
}

#[test]
fn mail_of_a_group_is_on_so_many_connections() {
    let mut bench = Bench::new("[[groups]]\nname = 'one'\nper = ['tenant']\nconnections = 1\n");
    bench.admit(of_tenant("acme"), &["a.example", "b.example"]);
    bench.admit(of_tenant("other"), &["b.example"]);
    bench.ready_all(5);
    let tenants: Vec<String> = bench.given.iter().map(|(_, t)| t.message.routing.tenant.to_string()).collect();
    assert_eq!(tenants, ["acme", "other"], "the second of acme waits, the other tenant does not");
    bench.finish_and_go_on(bed::delivered);
    bench.ready_all(5);
    assert_eq!(bench.given.len(), 1, "free again");
}

fn with_rule(config: &str, rule: &str) -> Bench {
    let text =
        format!("[[rule]]\nname = 'r'\nmatch = 'slow down'\nduration = '1h'\nsample = ['421 slow down']\n{rule}");
    let mut bench = Bench::new("");
    let config = bed::config(&format!("{config}[adaptive]\nenabled = false"));
    bench.core = QueueCore::new(config, Providers::parse(&text, "r.toml").unwrap(), START);
    bench
}

fn slow() -> (Verdict, Option<Reply>) {
    bed::slow_down()
}

#[test]
fn a_campaign_stops_at_a_provider_and_the_rest_goes_on() {
    let mut bench = with_rule("", "actions = ['suspend']\nscope = 'campaign'");
    bench.admit(bed::campaign(9), &["a.example"]);
    bench.ready_all(5);
    bench.finish_and_go_on(slow);
    let control = bench.last(EventKind::Throttled).control.clone().unwrap();
    assert_eq!((&*control.target, &*control.action), ("campaign", "suspend"));
    let stopped = bench.admit(bed::campaign(9), &["a.example"]);
    bench.admit(bed::campaign(8), &["a.example"]);
    bench.ready_all(5);
    assert_eq!(bench.given.len(), 1, "only the other campaign");
    assert!(bench.explain(stopped[0]).contains("rule r"), "{}", bench.explain(stopped[0]));
    let active = bench.core.shaping(bench.now).active;
    assert_eq!((active.len(), &*active[0].target, &*active[0].rule), (1, "campaign", "r"));
    // What a rule did outlives a restart.
    let memory = serde_json::to_string(&bench.core.memory(bench.now)).unwrap();
    let mut next = with_rule("", "actions = ['suspend']\nscope = 'campaign'");
    next.core.restore(next.now, serde_json::from_str(&memory).unwrap(), &mut Default::default());
    assert_eq!(next.core.shaping(next.now).active, active);
    bench.finish(bed::delivered);
    bench.pass(3_601);
    bench.ready_all(5);
    assert!(!bench.given.is_empty() || !bench.open.is_empty(), "an hour later it goes on");
    assert_eq!(bench.last(EventKind::Restored).control.as_ref().unwrap().target, "campaign");
}

#[test]
fn a_rule_gives_recipients_up() {
    let mut bench = with_rule("", "actions = ['bounce']");
    bench.admit(bed::bulk(), &["a.example"]);
    bench.ready_all(5);
    bench.finish(slow);
    assert_eq!(bench.kinds().last(), Some(&"bounced"));
    assert!(bench.core.is_empty());
}

#[test]
fn a_rule_gives_up_or_defers_what_is_due() {
    let mut bench = with_rule("", "actions = ['bounce_queue']");
    bench.admit(bed::bulk(), &["a.example"; 5]);
    bench.ready_all(1);
    bench.finish(slow);
    assert_eq!(bench.kinds().iter().filter(|kind| **kind == "bounced").count(), 4);
    let mut bench = with_rule("", "actions = ['defer_queue']");
    let ids = bench.admit(bed::bulk(), &["a.example"; 5]);
    bench.ready_all(1);
    bench.finish(slow);
    assert!(bench.explain(ids[4]).ends_with("in 3600 s"), "{}", bench.explain(ids[4]));
}

#[test]
fn a_rule_sends_mail_another_way() {
    let sources = "sources = [{name='a', ehlo_name='a'}, {name='b', ehlo_name='b'}]\n\
                   pools = [{name='default', members=[{source='a'}]}, {name='spare', members=[{source='b'}]}]\n";
    let mut bench = with_rule(sources, "actions = [{ reroute = 'spare' }]");
    bench.admit(bed::bulk(), &["a.example"; 5]);
    bench.ready_all(1);
    bench.finish(slow);
    bench.ready_all(10);
    assert_eq!(bench.sources_given(), ["b"; 4]);
    // A source that is disabled sends nothing anywhere.
    let mut bench = with_rule(sources, "actions = ['disable_source']");
    bench.admit(bed::bulk(), &["a.example"]);
    bench.ready_all(1);
    bench.finish(slow);
    let elsewhere = bench.admit(bed::bulk(), &["b.example"]);
    assert!(bench.open.is_empty());
    assert!(bench.explain(elsewhere[0]).contains("rule r"), "{}", bench.explain(elsewhere[0]));
}

#[test]
fn relative_actions_go_on_from_what_holds() {
    let mut bench = with_rule("", "actions = [{ connections_by = -1 }]");
    bench.admit(bed::bulk(), &["a.example"; 50]);
    let mut values = Vec::new();
    for _ in 0..3 {
        bench.ready_all(1);
        bench.given.truncate(1);
        bench.finish_and_go_on(slow);
        values.push(bench.last(EventKind::Throttled).control.clone().unwrap().value.unwrap());
    }
    assert_eq!(values, ["9 connections", "8 connections", "7 connections"]);
}

#[test]
fn shadow_counts_and_tells_and_does_nothing() {
    let mut bench = with_rule("", "actions = ['suspend']\nshadow = true");
    bench.admit(bed::bulk(), &["a.example"; 2]);
    bench.ready_all(1);
    bench.finish_and_go_on(slow);
    let told = bench.last(EventKind::Control).control.clone().unwrap();
    assert_eq!((&*told.action, told.value.as_deref()), ("shadow", Some("would have been: suspend")));
    assert_eq!(bench.given.len(), 1, "sends on");
    let counts = bench.core.rule_counts();
    assert_eq!((counts[0].1.hits, counts[0].1.fired, counts[0].1.would_have_fired), (1, 0, 1));
    // Let it act, then not again: what it did ends.
    let mut out = Default::default();
    assert!(bench.core.set_shadow(bench.now, &Name::from("r"), false, "Ada", &mut out));
    bench.finish_and_go_on(slow);
    assert_eq!(bench.core.shaping(bench.now).active.len(), 1);
    assert!(bench.core.set_shadow(bench.now, &Name::from("r"), true, "Ada", &mut out));
    assert_eq!(bench.core.shaping(bench.now).active.len(), 0);
    assert_eq!(bench.core.memory(bench.now).shadows.get("r"), Some(&true));
    assert!(!bench.core.set_shadow(bench.now, &Name::from("none"), true, "Ada", &mut out));
}

#[test]
fn bulk_that_is_too_much_does_not_slow_transactional_mail() {
    let mut bench = Bench::new("");
    let transactional = || Routing { stream: Name::from("transactional"), ..Routing::default() };
    bench.admit(bed::bulk(), &["a.example"; 60]);
    bench.ready_all(30);
    bench.finish_and_go_on(bed::delivered);
    // The reply comes to transactional mail, while bulk is most of what goes there.
    bench.admit(transactional(), &["a.example"; 3]);
    bench.finish_and_go_on(bed::delivered);
    bench.given.retain(|(_, ticket)| ticket.message.routing.stream == *"transactional");
    assert!(!bench.given.is_empty(), "priority goes first");
    bench.finish(bed::slow_down);
    let learned = bench.core.shaping(bench.now).learned;
    assert_eq!(learned.len(), 1, "{learned:?}");
    assert_eq!(learned[0].stream.as_deref(), Some("bulk"));
}

#[test]
fn greylisting_slows_nobody() {
    let mut bench = Bench::new("");
    bench.admit(bed::bulk(), &["a.example"; 5]);
    bench.ready_all(10);
    bench.finish(|| {
        let verdict = bed::verdict(Disposition::Deferred, Scope::Source, Some(Category::Greylisted));
        (verdict, Some(Reply::new(451, "4.7.1 greylisted")))
    });
    assert!(bench.core.shaping(bench.now).learned.is_empty());
}
