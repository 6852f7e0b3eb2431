//! Searches and bulk orders, step by step: who is found, what an order does at once and after a crash, what it tells.

use model::category::Category;
use model::event::EventKind;
use model::handoff::{Admitted, FromDelivery};
use model::id::{CampaignId, RecipientId};
use model::name::Name;
use model::submission::Routing;
use queue::bulk::{BulkDone, BulkError, BulkOrder, Search, SearchResult, Sort, Work};
use queue::core::{Answered, Durable, Input, Memory, Out, Settled};
use queue::select::Filter;

use super::bed::{self, at};
use super::bench::Bench;

const POOLS: &str = r#"
    sources = [{ name = "a", ehlo_name = "a.example" }, { name = "b", ehlo_name = "b.example" }]
    pools = [
        { name = "default", members = [{ source = "a" }] },
        { name = "other", members = [{ source = "b" }] },
    ]
"#;

fn filter(text: &str) -> Filter {
    text.parse().unwrap()
}

fn order(action: Work, terms: &str) -> BulkOrder {
    BulkOrder { reason: "a test".to_owned(), ..BulkOrder::new(action, filter(terms)) }
}

/// Steps until the answer is there, and a little longer.
fn answer(bench: &mut Bench, mut begin: impl FnMut(&mut Bench, &mut Out)) -> Answered {
    let mut out = Out::default();
    begin(bench, &mut out);
    bench.take(out);
    (0..50).for_each(|_| bench.pass(0));
    let mut answers = std::mem::take(&mut bench.answers);
    assert_eq!(answers.len(), 1, "each question has one answer");
    answers.remove(0).found
}

fn bulk(bench: &mut Bench, order: &BulkOrder) -> Result<(BulkDone, Durable), BulkError> {
    let found = answer(bench, |bench, out| bench.core.bulk(bench.now, 7, order.clone(), "Ada", out));
    match found {
        Answered::Done(done, durable) => Ok((done, durable)),
        Answered::Refused(error) => Err(error),
        Answered::Found(_) => panic!("an order is not a search"),
    }
}

fn affected(bench: &mut Bench, order: &BulkOrder) -> u64 {
    bulk(bench, order).unwrap().0.affected
}

fn search(bench: &mut Bench, terms: &str, limit: usize, after: Option<&str>, sort: Sort) -> SearchResult {
    let after = after.map(|after| after.parse().unwrap());
    let wanted = Search { filter: filter(terms), sort, after, limit };
    match answer(bench, |bench, out| bench.core.search(bench.now, 9, wanted.clone(), out)) {
        Answered::Found(found) => found,
        other => panic!("{other:?}"),
    }
}

fn count(bench: &Bench, kind: EventKind) -> usize {
    bench.events.iter().filter(|event| event.kind == kind).count()
}

fn tenant(name: &str) -> Routing {
    Routing { tenant: Name::from(name), ..bed::bulk() }
}

/// The queue of after a crash: what it remembered, and what the spool brings back.
fn started_again(before: Bench, config: &str, spool: &[Admitted]) -> Bench {
    let memory = serde_json::to_string(&before.core.memory(before.now)).unwrap();
    let memory: Memory = serde_json::from_str(&memory).unwrap();
    let mut bench = Bench { now: before.now, maker: before.maker, ..Bench::new(config) };
    let mut out = Out::default();
    bench.core.restore(bench.now, memory, &mut out);
    bench.feed(spool.iter().cloned().map(bed::admit).collect());
    (0..20).for_each(|_| bench.pass(0));
    bench
}

#[test]
fn recipients_are_found_by_every_term() {
    let mut bench = Bench::new(POOLS);
    let first = bench.admit(bed::campaign(1), &["x.example", "y.example"]);
    bench.now = at(3_600);
    bench.admit(Routing { job: Name::from("spring"), ..tenant("shop") }, &["x.example"; 3]);
    let other = Routing { pool: Some(Name::from("other")), stream: Name::from("transactional"), ..tenant("bank") };
    bench.admit(other, &["z.example"]);
    bench.ready_all(1);
    let mut check = |terms: &str, expected: u64| {
        assert_eq!(search(&mut bench, terms, 10, None, Sort::Due).total, expected, "{terms}");
    };
    check("", 6);
    check("domain:x.example", 4);
    check("domain:nowhere.example", 0);
    check("tenant:shop", 3);
    check("tenant:shop domain:y.example", 0);
    check("stream:transactional", 1);
    check("job:spring", 3);
    check(&format!("campaign:{}", CampaignId(1)), 2);
    check(&format!("recipient:{},{}", first[0], first[1]), 2);
    check(&format!("recipient:{} domain:y.example", first[0]), 0);
    check("pool:other", 1);
    check("source:b", 1);
    check("source:a", 5);
    check("site:mx.x.example", 4);
    check("provider:x.example domain:x.example", 4);
    check("older:30m", 2);
    check("before:2030-01-01T00:00:00Z", 6);
    check("state:in-flight", 3);
    check("state:ready", 3);
    check("attempts:1", 0);
    check("category:greylisted", 0);
    bench.finish(bed::deferred);
    let found = search(&mut bench, &format!("category:{} attempts:1", Category::QuotaIssues), 10, None, Sort::Due);
    assert_eq!((found.total, found.items[0].category), (3, Some(Category::QuotaIssues)));
    let states: Vec<String> =
        found.groups.states.iter().map(|group| format!("{} {}", group.name, group.recipients)).collect();
    assert_eq!(states, ["waiting 3"]);
}

#[test]
fn pages_follow_each_other() {
    let mut bench = Bench::new("");
    bench.resolve = false;
    for hour in [5, 3, 9, 1, 7] {
        bench.admit(Routing { not_before: Some(at(hour * 3_600)), ..bed::bulk() }, &["a.example"; 3]);
        bench.pass(1);
    }
    let mut seen: Vec<RecipientId> = Vec::new();
    let mut dues = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = search(&mut bench, "domain:a.example", 4, after.as_deref(), Sort::Due);
        assert_eq!(page.total, 15);
        seen.extend(page.items.iter().map(|item| item.recipient));
        dues.extend(page.items.iter().map(|item| item.due));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert!(dues.is_sorted());
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 15, "each once");
    let oldest = search(&mut bench, "", 1, None, Sort::Age);
    assert_eq!(oldest.items[0].due, at(5 * 3_600));
}

#[test]
fn a_dry_run_only_counts() {
    let mut bench = Bench::new("");
    bench.admit(tenant("shop"), &["a.example", "a.example", "b.example"]);
    let told = bench.events.len();
    let (done, durable) = bulk(&mut bench, &BulkOrder { dry_run: true, ..order(Work::Cancel, "tenant:shop") }).unwrap();
    assert_eq!((done.affected, done.order, durable, done.examples.len()), (3, None, Durable::Nothing, 3));
    let domains: Vec<(&str, u64)> =
        done.groups.domains.iter().map(|group| (group.name.as_str(), group.recipients)).collect();
    assert_eq!(domains, [("a.example", 2), ("b.example", 1)]);
    assert_eq!((bench.core.len(), bench.events.len()), (3, told), "nothing was done, nothing told");
}

#[test]
fn an_order_is_refused_with_what_to_write_instead() {
    let mut bench = Bench::new(POOLS);
    let mut check = |order: BulkOrder, expected: &str| {
        assert_eq!(bulk(&mut bench, &order).unwrap_err().to_string(), expected);
    };
    let everything = "no term is given, which would concern the whole queue: say so explicitly (`everything`)";
    check(order(Work::Cancel, ""), everything);
    check(
        order(Work::Hold, "source:a state:ready"),
        "hold stays in force, and source, state may be another in a second: use what the mail is (tenant, campaign, domain …); a source is suspended as such",
    );
    check(order(Work::Reroute, "tenant:a"), "reroute needs either a pool or a source");
    let to = |pool: &str| BulkOrder { pool: Some(Name::from(pool)), ..order(Work::Reroute, "tenant:a") };
    check(to("nowhere"), "there is no pool \"nowhere\"");
    let from = BulkOrder { source: Some(Name::from("other")), ..order(Work::Reroute, "tenant:a") };
    check(from, "there is no source \"other\"");
    check(order(Work::Prioritise, "tenant:a"), "prioritise needs a priority from 0 to 100");
    check(order(Work::Release, "tenant:a"), "there is no hold \"tenant:a\"");
    check(BulkOrder { hold: Some(3), ..order(Work::Release, "") }, "there is no hold \"3\"");
    let long = BulkOrder { reason: "x".repeat(1_001), ..order(Work::Hold, "tenant:a") };
    check(long, "the reason is longer than 1000 bytes");
}

#[test]
fn several_holds_each_have_to_be_released() {
    let mut bench = Bench::new("");
    let ids = bench.admit(tenant("shop"), &["a.example"]);
    let first = bulk(&mut bench, &order(Work::Hold, "tenant:shop")).unwrap().0.order.unwrap();
    let second = bulk(&mut bench, &order(Work::Hold, "domain:a.example tenant:shop")).unwrap().0.order.unwrap();
    let explained = bench.core.explain(bench.now, ids[0]).unwrap();
    let holds: Vec<String> = explained
        .limiter
        .iter()
        .chain(&explained.also)
        .map(|limiter| format!("{} by {}", limiter.value.as_deref().unwrap_or("-"), limiter.set_by))
        .collect();
    assert_eq!(holds.len(), 2, "{holds:?}");
    assert!(holds[0].starts_with("tenant:shop by Ada, order 1 of ") && holds[0].ends_with(": a test"), "{holds:?}");
    // What comes in later is held as well; so is everything after a restart.
    let message = bench.maker.message(bench.now, tenant("shop"));
    let late = bench.maker.admitted(bench.now, &message, &["a.example", "b.example"]);
    let mut bench = started_again(bench, "", &[late]);
    assert_eq!(bench.core.len(), 2);
    assert_eq!(search(&mut bench, "state:held", 10, None, Sort::Due).total, 2);
    assert_eq!(affected(&mut bench, &BulkOrder { hold: Some(first), ..order(Work::Release, "") }), 2);
    assert_eq!(search(&mut bench, "state:held", 10, None, Sort::Due).total, 1, "the other hold is there");
    assert_eq!(bench.core.bulk_orders().iter().map(|view| view.order).collect::<Vec<_>>(), [second]);
    assert_eq!(affected(&mut bench, &order(Work::Release, "tenant:shop domain:a.example")), 1);
    assert_eq!(search(&mut bench, "state:held", 10, None, Sort::Due).total, 0);
    assert!(bench.core.bulk_orders().is_empty());
}

#[test]
fn held_mail_does_not_expire_and_says_who_holds_it() {
    let mut bench = Bench::new("");
    bench.admit(tenant("shop"), &["a.example"]);
    affected(&mut bench, &order(Work::Hold, "tenant:shop"));
    bench.pass(30 * 86_400);
    assert_eq!(bench.core.len(), 1);
    affected(&mut bench, &order(Work::Release, "tenant:shop"));
    assert_eq!((bench.core.len(), count(&bench, EventKind::Expired)), (0, 1), "its time is over");
}

#[test]
fn a_cancelled_selection_is_not_mailed_after_a_crash() {
    for action in [Work::Cancel, Work::Expire] {
        let mut bench = Bench::new("");
        bench.resolve = false;
        let admitted = |bench: &mut Bench, name: &str, domain: &str| {
            let message = bench.maker.message(bench.now, tenant(name));
            bench.maker.admitted(bench.now, &message, &vec![domain; 3_000])
        };
        let batches = [
            admitted(&mut bench, "shop", "a.example"),
            admitted(&mut bench, "shop", "a.example"),
            admitted(&mut bench, "shop", "b.example"),
            admitted(&mut bench, "bank", "a.example"),
        ];
        bench.feed(batches.iter().cloned().map(bed::admit).collect());
        let (done, durable) = bulk(&mut bench, &order(action, "tenant:shop domain:a.example")).unwrap();
        assert_eq!((done.affected, durable), (6_000, Durable::Memory));
        let kind = if action == Work::Cancel { EventKind::Suppressed } else { EventKind::Expired };
        assert_eq!((bench.core.len(), count(&bench, kind)), (6_000, 6_000));
        let note = bench.last(kind).note.as_deref();
        assert_eq!(
            note,
            Some(if action == Work::Cancel { "Cancelled by Ada: a test" } else { "Expired by Ada: a test" })
        );
        assert!(bench.settled.iter().all(|settled| matches!(settled, Settled::Done { quiet: true, .. })));

        // The crash: no end is on disk. Who was accepted later is not concerned.
        bench.now = at(3_600);
        let late = admitted(&mut bench, "shop", "a.example");
        let mut bench = started_again(bench, "", &[&batches[..], &[late]].concat());
        bench.pass(1);
        assert_eq!((bench.core.len(), count(&bench, kind)), (9_000, 6_000));

        // Forgotten once everything is on disk and nobody is left; not before.
        for _ in 0..12 {
            bench.pass(60);
        }
        assert_eq!(bench.core.bulk_orders().len(), 1, "nothing was said to be on disk");
        bench.core.settled(bench.now);
        for _ in 0..3 {
            bench.pass(60);
        }
        assert!(bench.core.bulk_orders().is_empty());
    }
}

#[test]
fn passing_terms_end_who_is_there_and_not_in_flight() {
    let mut bench = Bench::new("");
    bench.admit(bed::bulk(), &["a.example"; 4]);
    bench.ready_all(1);
    let (done, durable) = bulk(&mut bench, &order(Work::Cancel, "source:default")).unwrap();
    assert_eq!((done.affected, done.in_flight, durable), (3, 1, Durable::Events));
    assert_eq!((bench.core.len(), count(&bench, EventKind::Suppressed)), (1, 3));
    bench.finish(bed::delivered);
    assert_eq!(count(&bench, EventKind::Delivered), 1);
    assert!(bench.core.bulk_orders().is_empty());
}

#[test]
fn who_is_in_flight_is_cancelled_when_it_comes_back() {
    let mut bench = Bench::new("");
    bench.admit(tenant("shop"), &["a.example"; 2]);
    bench.ready_all(10);
    let (done, _) = bulk(&mut bench, &order(Work::Cancel, "tenant:shop")).unwrap();
    assert_eq!((done.affected, done.in_flight, bench.core.len()), (2, 2, 2));
    let (session, ticket) = bench.given.remove(0);
    let outcome = bed::outcome(bench.now, session, ticket.recipient, bed::deferred());
    bench.feed(vec![Input::Delivery(FromDelivery::Done(Box::new(outcome)))]);
    bench.finish(bed::delivered);
    assert_eq!((count(&bench, EventKind::Suppressed), count(&bench, EventKind::Delivered)), (1, 1));
    assert!(bench.core.is_empty());
}

#[test]
fn requeued_mail_is_tried_at_once() {
    let mut bench = Bench::new("");
    bench.admit(bed::bulk(), &["a.example"; 2]);
    bench.ready_all(10);
    bench.finish_and_go_on(bed::deferred);
    bench.settled.clear();
    assert_eq!(affected(&mut bench, &order(Work::Requeue, "domain:a.example state:waiting")), 2);
    let now = bench.now;
    assert!(
        bench
            .settled
            .iter()
            .all(|settled| matches!(settled, Settled::Deferred { due, attempts: 1, .. } if *due == now))
    );
    assert_eq!((bench.settled.len(), bench.given.len()), (2, 2));
    assert_eq!(bench.given[0].1.attempt, 2);
}

#[test]
fn rerouted_mail_leaves_from_elsewhere_after_a_restart_as_well() {
    for crash in [false, true] {
        let mut bench = Bench::new(POOLS);
        let message = bench.maker.message(bench.now, tenant("shop"));
        let admitted = bench.maker.admitted(bench.now, &message, &["a.example"; 3]);
        bench.feed(vec![bed::admit(admitted.clone())]);
        assert!(bench.open.iter().all(|(_, path)| path == "a → mx.a.example"));
        let to = BulkOrder { pool: Some(Name::from("other")), ..order(Work::Reroute, "tenant:shop") };
        assert_eq!(affected(&mut bench, &to), 3);
        let mut bench = if crash { started_again(bench, POOLS, &[admitted]) } else { bench };
        bench.ready_all(10);
        assert_eq!(bench.given.len(), 3);
        let paths: Vec<&str> = bench.sources_given();
        assert_eq!(paths, ["b"; 3], "after a crash: {crash}");
        // What comes later goes its own way.
        bench.admit(tenant("shop"), &["late.example"]);
        bench.ready_all(10);
        assert_eq!(bench.sources_given().last(), Some(&"a"));
    }
}

#[test]
fn mail_can_be_sent_from_one_source() {
    let mut bench = Bench::new(POOLS);
    bench.admit(tenant("shop"), &["a.example"]);
    let to = BulkOrder { source: Some(Name::from("b")), ..order(Work::Reroute, "tenant:shop") };
    assert_eq!(affected(&mut bench, &to), 1);
    bench.ready_all(10);
    assert_eq!(bench.sources_given(), ["b"]);
}

#[test]
fn prioritised_mail_overtakes() {
    let mut bench = Bench::new("overrides = [{ connections = 1 }]");
    bench.admit(bed::bulk(), &["a.example"; 5]);
    let late = bench.admit(tenant("shop"), &["a.example"; 2]);
    let first = BulkOrder { priority: Some(80), ..order(Work::Prioritise, "tenant:shop") };
    assert_eq!(affected(&mut bench, &first), 2);
    bench.ready_all(2);
    let given: Vec<RecipientId> = bench.given.iter().map(|(_, ticket)| ticket.recipient).collect();
    assert_eq!(given, late);
}

#[test]
fn an_order_tells_who_what_how_many_and_why() {
    let mut bench = Bench::new("");
    bench.admit(tenant("shop"), &["a.example"; 2]);
    affected(&mut bench, &order(Work::Hold, "tenant:shop"));
    let event = bench.last(EventKind::Control);
    let control = event.control.as_ref().unwrap();
    assert_eq!(
        (control.target.as_str(), control.name.as_str(), control.action.as_str()),
        ("filter", "tenant:shop", "hold")
    );
    assert_eq!((control.value.as_deref(), control.by.as_str()), (Some("2 recipients"), "Ada"));
    assert_eq!(event.note.as_deref(), Some("a test"));
}

#[test]
fn mail_goes_on_between_the_portions_of_a_large_order() {
    let mut bench = Bench::new("");
    let message = bench.maker.message(bench.now, tenant("shop"));
    // Two domains, so that no index makes the walk short.
    let domains: Vec<&str> = (0..70_000).map(|nth| if nth % 2 == 0 { "a.example" } else { "b.example" }).collect();
    let batches: Vec<Admitted> =
        domains.chunks(4_000).map(|domains| bench.maker.admitted(bench.now, &message, domains)).collect();
    bench.unchecked(|bench| bench.feed(batches.into_iter().map(bed::admit).collect()));
    let mut out = Out::default();
    bench.core.bulk(bench.now, 1, order(Work::Cancel, "tenant:shop"), "Ada", &mut out);
    assert!(out.answers.is_empty(), "a portion is not the whole");
    let mut steps = 0;
    while !bench.core.is_empty() {
        let mut out = Out::default();
        bench.core.step(bench.now, [], &mut out);
        assert!(out.settled.len() <= 3 * queue::core::STEP_MAX, "{} at once", out.settled.len());
        assert!(out.wake_at.is_some_and(|at| at <= bench.now) || bench.core.is_empty(), "there is more to do");
        steps += 1;
        assert!(steps < 200);
    }
    assert!(steps > 70_000 / (3 * queue::core::STEP_MAX), "{steps}");
}
