//! When somebody is tried again, and when mail may leave: retry schedules, sending windows, shares.

use model::category::Category;
use model::event::EventKind;
use model::name::Name;
use model::submission::Routing;
use queue::view::LimiterKind;

use super::bed::{self, at};
use super::bench::Bench;

/// START is a Monday, 14:13:20 UTC.
const AFTERNOON: u64 = 14 * 3_600 + 13 * 60 + 20;

fn tenant(name: &str) -> Routing {
    Routing { tenant: Name::from(name), ..bed::bulk() }
}

#[test]
fn the_retry_schedule_goes_by_provider_stream_and_failure() {
    const CONFIG: &str = r#"
        [[retries]]
        after = "10m,20m"
        jitter = 0
        [[retries]]
        provider = "slow.example"
        after = "2h"
        jitter = 0
        [[retries]]
        category = ["quota-issues"]
        stream = "transactional"
        first = "7m"
        longest = "14m"
        jitter = 0
    "#;
    let check = |domain: &str, stream: &str, expected_min: [u64; 3], set_by: &str, value: &str| {
        let mut bench = Bench::new(CONFIG);
        let ids = bench.admit(Routing { stream: Name::from(stream), ..Routing::default() }, &[domain]);
        for minutes in expected_min {
            bench.ready_all(10);
            bench.finish_and_go_on(bed::deferred);
            let explained = bench.core.explain(bench.now, ids[0]).unwrap();
            let limiter = explained.limiter.unwrap();
            assert_eq!((limiter.set_by.as_str(), limiter.value.as_deref()), (set_by, Some(value)), "{domain} {stream}");
            let wait = explained.next_at.unwrap().since(bench.now).as_secs();
            assert_eq!(wait, minutes * 60, "{domain} {stream}");
            assert_eq!(explained.recipient.category, Some(Category::QuotaIssues));
            bench.pass(wait + 1);
        }
    };
    check("a.example", "bulk", [10, 20, 20], "queue.retries[0]", "10m, 20m");
    check("slow.example", "bulk", [120, 120, 120], "queue.retries[1]", "2h");
    check("slow.example", "transactional", [7, 14, 14], "queue.retries[2]", "7m doubling to 14m");
}

#[test]
fn mail_waits_for_its_window() {
    const CONFIG: &str = r#"
        [[windows]]
        stream = "bulk"
        open = ["Mon-Fri 16:00-18:00 UTC"]
        [[windows]]
        tenant = "shop"
        open = ["17:00-24:00 UTC"]
    "#;
    let mut bench = Bench::new(CONFIG);
    let of_stream = bench.admit(tenant("bank"), &["a.example"])[0];
    let of_both = bench.admit(tenant("shop"), &["a.example"])[0];
    let free = bench.admit(Routing { stream: Name::from("transactional"), ..tenant("bank") }, &["b.example"])[0];
    let limiter = |bench: &Bench, id| bench.core.explain(bench.now, id).unwrap().limiter.unwrap();
    let found = limiter(&bench, of_both);
    assert_eq!((found.kind, found.set_by.as_str()), (LimiterKind::Window, "queue.windows[0], queue.windows[1]"));
    assert_eq!(found.value.as_deref(), Some("Mon-Fri 16:00-18:00 UTC and 17:00-24:00 UTC"));
    let opens = |hour: u64| at(hour * 3_600 - AFTERNOON);
    assert_eq!((limiter(&bench, of_stream).until, found.until), (Some(opens(16)), Some(opens(17))));
    assert_ne!(limiter(&bench, free).kind, LimiterKind::Window);
    bench.now = opens(16);
    bench.pass(1);
    bench.ready_all(10);
    let given: Vec<_> = bench.given.iter().map(|(_, ticket)| ticket.recipient).collect();
    assert_eq!(given, [free, of_stream]);
    // A failure late in the window: the next attempt is in the next one.
    bench.now = opens(18).minus(std::time::Duration::from_secs(60));
    bench.finish_and_go_on(bed::deferred);
    bench.now = opens(18);
    bench.pass(20 * 60);
    assert_eq!(limiter(&bench, of_stream).until, Some(opens(24 + 16)), "tomorrow");
}

#[test]
fn windows_that_never_meet_end_with_the_mail() {
    const CONFIG: &str = r#"
        windows = [{ tenant = "shop", open = ["Mon 08:00-09:00 UTC"] }, { stream = "bulk", open = ["Tue 08:00-09:00 UTC"] }]
    "#;
    let mut bench = Bench::new(CONFIG);
    bench.admit(tenant("shop"), &["a.example"]);
    bench.pass(5 * 86_400);
    assert_eq!(bench.last(EventKind::Expired).attempt.as_ref().unwrap().number, 0);
    assert!(bench.core.is_empty());
}

#[test]
fn a_tenant_with_many_jobs_has_no_more_turns() {
    let config = "overrides = [{ connections = 1, messages_per_connection = 1000 }]\nlimits = { ready_max = 20 }\n\
                  shares = [{ tenant = 'big', weight = 3 }]";
    let mut bench = Bench::new(config);
    for job in 0..10 {
        let routing = Routing { job: Name::from(format!("job-{job}")), ..tenant("many") };
        bench.admit(routing, &["a.example"; 40]);
    }
    bench.admit(tenant("one"), &["a.example"; 400]);
    bench.admit(tenant("big"), &["a.example"; 400]);
    bench.ready_all(10);
    let session = bench.given[0].0;
    let mut counts = std::collections::BTreeMap::new();
    // What was bound to the path before the others came leaves first.
    for _ in 0..3 {
        bench.finish(bed::delivered);
        bench.ready(session, 10);
    }
    for _ in 0..25 {
        for (_, ticket) in &bench.given {
            *counts.entry(ticket.message.routing.tenant.to_string()).or_insert(0) += 1;
        }
        bench.finish(bed::delivered);
        bench.ready(session, 10);
    }
    let of_one = |name: &str| f64::from(counts[name]) / f64::from(counts["one"]);
    // Ten jobs would have ten times as much as one, were turns given to jobs; some of them stood on the path before.
    assert!(of_one("many") < 1.7 && (2.2..=3.8).contains(&of_one("big")), "{counts:?}");
}

#[test]
fn transactional_mail_overtakes_and_bulk_does_not_starve() {
    let config = "overrides = [{ connections = 1, messages_per_connection = 1000 }]\nlimits = { ready_max = 20 }";
    let mut bench = Bench::new(config);
    bench.admit(bed::bulk(), &["a.example"; 100]);
    bench.admit(Routing { stream: Name::from("transactional"), ..Routing::default() }, &["a.example"; 400]);
    bench.ready_all(10);
    let session = bench.given[0].0;
    let mut bulk = 0;
    for _ in 0..20 {
        bulk += bench.given.iter().filter(|(_, ticket)| &*ticket.message.routing.stream == "bulk").count();
        bench.finish(bed::delivered);
        bench.ready(session, 10);
    }
    // One of twenty, and what was bound to the path before the others came.
    assert!((8..=35).contains(&bulk), "{bulk} of 200");
}
