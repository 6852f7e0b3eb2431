//! Single behaviours, step by step: what is explained, who goes first, what persons and rules do.

use expect_test::{Expect, expect};
use model::category::{Category, Disposition, Scope};
use model::event::EventKind;
use model::handoff::FromDelivery;
use model::id::{CampaignId, RecipientId};
use model::name::Name;
use model::reply::Reply;
use model::submission::Routing;
use queue::control::{Action, Target};
use queue::core::{Input, NoRoute, Out, Settled};
use queue::handle::Show;
use queue::view::{LimiterKind, State};

use super::bed::{self, at};
use super::bench::Bench;

fn check(bench: &Bench, recipient: RecipientId, expected: Expect) {
    expected.assert_eq(&bench.explain(recipient));
}

#[test]
fn a_mail_goes_out() {
    let mut bench = Bench::new("");
    let ids = bench.admit(bed::campaign(7), &["a.example"]);
    check(&bench, ids[0], expect!["Ready, Connecting: A connection is being made. [1 connection] by network, in ? s"]);
    bench.ready_all(10);
    assert_eq!(bench.given[0].1.attempt, 1);
    check(&bench, ids[0], expect!["InFlight, nothing, in ? s"]);
    bench.now = at(3);
    bench.finish(bed::delivered);
    assert_eq!(bench.kinds(), ["received", "delivered"]);
    let event = bench.last(EventKind::Delivered);
    let attempt = event.attempt.as_ref().unwrap();
    assert_eq!((attempt.number, attempt.queued_ms, attempt.category), (1, Some(3_000), None));
    assert_eq!(event.campaign, Some(CampaignId(7)));
    assert_eq!(event.sender.as_deref(), Some("news@example.com"));
    assert_eq!((event.source.as_deref(), event.provider.as_deref()), (Some("default"), Some("a.example")));
    assert!(event.address.is_some() && bench.events[0].address.as_deref() == Some("r0@a.example"));
    assert!(matches!(bench.settled[..], [Settled::Done { recipient, .. }] if recipient == ids[0]));
    let progress = bench.core.progress(CampaignId(7));
    assert_eq!((progress.delivered, progress.scheduled, progress.in_flight), (1, 0, 0));
    assert!(bench.core.is_empty());
}

#[test]
fn mail_for_later_ages_from_then_on() {
    let mut bench = Bench::new("");
    let four_days = 4 * 86_400;
    let routing = Routing { not_before: Some(at(6 * 86_400)), ..bed::bulk() };
    let ids = bench.admit(routing, &["a.example"]);
    bench.now = at(6 * 86_400 - 1);
    bench.pass(0);
    assert_eq!(bench.kinds(), ["received"], "older than the stream's age limit, and not begun");
    bench.now = at(6 * 86_400);
    bench.ready_all(10);
    bench.finish_and_go_on(bed::deferred);
    let expires_at = bench.core.explain(bench.now, ids[0]).unwrap().recipient.expires_at;
    assert_eq!(expires_at, at(6 * 86_400 + four_days));
}

#[test]
fn a_cancelled_campaign_is_held_no_more() {
    let mut bench = Bench::new("");
    bench.admit(bed::campaign(7), &["a.example"]);
    let campaign = Target::Campaign(CampaignId(7));
    bench.order(campaign.clone(), Action::Hold).unwrap();
    bench.order(campaign, Action::Cancel).unwrap();
    bench.pass(0);
    assert_eq!(bench.kinds().last().copied(), Some("suppressed"));
    assert!(bench.core.memory(bench.now).controls.is_empty());
}

#[test]
fn a_deferred_mail_waits_for_its_schedule_and_expires() {
    let mut bench = Bench::new("");
    let ids = bench.admit(bed::bulk(), &["a.example"]);
    bench.ready_all(10);
    bench.finish_and_go_on(bed::deferred);
    check(
        &bench,
        ids[0],
        expect![
            "Scheduled, RetrySchedule: 1 attempt failed; the next attempt is due. [15m doubling to 4h] by stream bulk, in 973 s"
        ],
    );
    assert!(matches!(bench.settled[..], [Settled::Deferred { attempts: 1, .. }]));
    let next = bench.last(EventKind::Deferred).attempt.as_ref().unwrap().next_attempt.unwrap();
    assert!(next >= at(900) && next <= at(991), "{next}");
    let mut attempts = 1;
    while !bench.core.is_empty() {
        bench.pass(20);
        bench.ready_all(10);
        attempts += bench.given.len();
        bench.finish_and_go_on(bed::deferred);
        assert!(bench.now < at(5 * 86_400), "stuck: {}", bench.explain(ids[0]));
    }
    let event = bench.last(EventKind::Expired);
    assert_eq!(usize::from(event.attempt.as_ref().unwrap().number), attempts);
    assert!(bench.now <= at(4 * 86_400), "ended when no further attempt fitted, not later");
    assert!(event.attempt.as_ref().unwrap().reply.is_some(), "says what the last attempt was answered");
}

#[test]
fn transactional_mail_overtakes_a_campaign() {
    let config = "overrides = [{ connections = 1 }]\nlimits = { ready_max = 20 }";
    let mut bench = Bench::new(config);
    bench.admit(bed::campaign(1), &["a.example"; 200]);
    bench.admit(bed::campaign(2), &["a.example"; 200]);
    let urgent = bench.admit(Default::default(), &["a.example"]);
    bench.ready_all(10);
    let first = &bench.given[0].1;
    assert_eq!(first.recipient, urgent[0], "though hundreds came before it");
    let session = bench.given[0].0;
    for _ in 0..8 {
        bench.finish(bed::delivered);
        bench.ready(session, 10);
    }
    let first = bench.given.iter().filter(|(_, ticket)| ticket.message.routing.campaign == Some(CampaignId(1))).count();
    assert_eq!((first, bench.given.len()), (5, 10), "two campaigns take turns");
}

#[test]
fn the_rate_of_a_path_is_the_limiter() {
    let mut bench = Bench::new("overrides = [{ provider = 'a.example', rate = '2/min,max_burst=1' }]");
    let ids = bench.admit(bed::bulk(), &["a.example"; 3]);
    bench.ready_all(10);
    assert_eq!(bench.given.len(), 1);
    check(
        &bench,
        ids[1],
        expect![
            "Ready, PathRate: Messages from default to mx.a.example are limited. [2/min,max_burst=1] by queue.overrides[0].rate, in 30 s"
        ],
    );
    bench.pass(29);
    assert_eq!(bench.given.len(), 1);
    bench.pass(1);
    assert_eq!(bench.given.len(), 1, "the session is still busy");
    let session = bench.given[0].0;
    bench.finish(bed::delivered);
    bench.ready(session, 10);
    assert_eq!(bench.given.len(), 1);
}

#[test]
fn a_provider_limit_is_shared_among_its_sites() {
    let mut bench = Bench::new("overrides = [{ provider_connections = 1, connections = 1 }]");
    bench.resolve = false;
    let ids = bench.admit(bed::bulk(), &["one.example", "two.example"]);
    for (domain, host) in [("one.example", "one.big.test"), ("two.example", "two.big.test")] {
        bench.feed(vec![bed::site(&Name::from(domain), host)]);
    }
    assert_eq!(bench.open.len(), 1);
    check(
        &bench,
        ids[1],
        expect![
            "Ready, ProviderConnections: All connections that default may have with big.test are in use. [1 connection] by queue.overrides[0].provider_connections, in ? s"
        ],
    );
    bench.ready_all(10);
    let session = bench.given[0].0;
    bench.finish(bed::delivered);
    bench.ready(session, 10);
    assert_eq!(bench.closed, [session], "idle, while another site waits");
    bench.feed(vec![Input::Delivery(FromDelivery::Closed { session, trouble: None })]);
    assert_eq!(bench.open.len(), 1, "the other site has its turn");
}

#[test]
fn a_rule_suspends_and_its_end_restores() {
    let mut bench = Bench::new("");
    bench.resolve = false;
    let orange = |bench: &mut Bench| bench.feed(vec![bed::site(&Name::from("orange.fr"), "smtp-in.orange.fr")]);
    bench.admit(bed::bulk(), &["orange.fr"; 6]);
    orange(&mut bench);
    bench.ready_all(3);
    fn refused() -> (model::handoff::Verdict, Option<Reply>) {
        let verdict = bed::verdict(Disposition::Deferred, Scope::Message, Some(Category::PolicyRelated));
        (verdict, Some(Reply::new(421, "4.7.1 Service refuse. Veuillez essayer plus tard. OFR004_105")))
    }
    let later = bench.admit(bed::bulk(), &["orange.fr"; 1])[0];
    bench.finish_and_go_on(refused);
    let change = bench.last(EventKind::Throttled).control.clone().unwrap();
    assert_eq!((&*change.target, &*change.name, &*change.action), ("path", "default/smtp-in.orange.fr", "suspend"));
    assert!(change.by.starts_with("rule orange-refused (providers.toml line "), "{}", change.by);
    assert_eq!(change.until, Some(at(3_600)));
    assert_eq!(change.reply.unwrap().code, 421);
    let limiter = bench.core.explain(bench.now, later).unwrap().limiter.unwrap();
    assert_eq!((limiter.kind, limiter.until), (LimiterKind::Suspended, Some(at(3_600))));
    bench.given.clear();
    for session in std::mem::take(&mut bench.closed) {
        bench.feed(vec![Input::Delivery(FromDelivery::Closed { session, trouble: None })]);
    }
    bench.pass(3_599);
    assert!(bench.given.is_empty() && bench.open.is_empty());
    bench.pass(1);
    orange(&mut bench);
    assert_eq!(bench.last(EventKind::Restored).control.as_ref().unwrap().action, "restore");
    assert!(!bench.open.is_empty(), "sends again");
}

#[test]
fn the_controller_slows_down_and_recovers() {
    let mut bench = Bench::new("");
    bench.admit(bed::bulk(), &["a.example"; 40]);
    bench.ready_all(40);
    let session = bench.given[0].0;
    bench.finish(bed::slow_down);
    let lowered = bench.last(EventKind::Throttled).control.clone().unwrap();
    assert_eq!(lowered.by, "adaptive controller");
    assert_eq!(bench.kinds().iter().filter(|kind| **kind == "throttled").count(), 1, "one answer to one burst");
    let path = &bench.core.snapshot(bench.now, Show::default()).paths[0];
    let throttle = path.throttle.as_ref().unwrap();
    assert_eq!((&*throttle.by, throttle.stopped), ("adaptive controller", false));
    assert!(path.limits.rate_now.unwrap().count < 100, "{:?}", path.limits);
    bench.given.clear();
    bench.ready(session, 100);
    bench.pass(3_600);
    assert!(bench.kinds().iter().all(|kind| *kind != "restored"), "not to full at once");
    (0..10).for_each(|_| bench.pass(60));
    assert_eq!(bench.last(EventKind::Restored).control.as_ref().unwrap().by, "adaptive controller");
}

#[test]
fn a_greylisted_recipient_slows_nobody() {
    let mut bench = Bench::new("");
    bench.admit(bed::bulk(), &["a.example"; 5]);
    bench.ready_all(40);
    fn greylisted() -> (model::handoff::Verdict, Option<Reply>) {
        let mut verdict = bed::verdict(Disposition::Deferred, Scope::Recipient, Some(Category::Greylisted));
        verdict.wait_s = Some(120);
        (verdict, Some(Reply::new(450, "4.2.0 greylisted")))
    }
    bench.finish(greylisted);
    assert_eq!(bench.kinds().iter().filter(|kind| **kind == "throttled").count(), 0);
    let next = bench.last(EventKind::Deferred).attempt.as_ref().unwrap().next_attempt.unwrap();
    assert!(next >= at(120) && next <= at(133), "as asked, not by the schedule: {next}");
}

#[test]
fn a_site_that_cannot_be_reached_defers_its_mail_and_rests() {
    let mut bench = Bench::new("");
    let ids = bench.admit(bed::bulk(), &["a.example"; 2]);
    for seconds in [0, 1, 2] {
        bench.pass(seconds);
        let (session, _) = bench.open.remove(0);
        bench.fail(session);
    }
    assert_eq!(bench.kinds().iter().filter(|kind| **kind == "connection-failed").count(), 3);
    assert_eq!(bench.kinds().iter().filter(|kind| **kind == "deferred").count(), 2);
    check(
        &bench,
        ids[0],
        expect![
            "Scheduled, RetrySchedule: 1 attempt failed; the next attempt is due. [15m doubling to 4h] by stream bulk, in 973 s"
        ],
    );
    let late = bench.admit(bed::bulk(), &["a.example"])[0];
    check(
        &bench,
        late,
        expect![
            "Scheduled, Unreachable: Nothing is sent there now: resting: the site cannot be reached (timed out). by connection failures, in 60 s"
        ],
    );
    bench.pass(60);
    assert_eq!(bench.open.len(), 1, "one connection is tried after the rest");
    bench.ready_all(5);
    assert_eq!(bench.given[0].1.recipient, late);
}

#[test]
fn domains_without_a_route_bounce_or_wait() {
    let mut bench = Bench::new("");
    bench.resolve = false;
    bench.admit(bed::bulk(), &["null.example", "none.example", "later.example"]);
    let no_route = |bench: &mut Bench, domain: &str, failure| {
        bench.feed(vec![bed::no_route(&Name::from(domain), failure)]);
    };
    no_route(&mut bench, "null.example", NoRoute::NullMx);
    let event = bench.last(EventKind::Bounced).attempt.clone().unwrap();
    assert_eq!((event.category, event.suppress), (Some(Category::BadDomain), true));
    no_route(&mut bench, "none.example", NoRoute::NoDomain);
    assert!(!bench.last(EventKind::Bounced).attempt.as_ref().unwrap().suppress);
    no_route(&mut bench, "later.example", NoRoute::Temporary("servers are silent".to_owned()));
    let event = bench.last(EventKind::Deferred).attempt.clone().unwrap();
    assert_eq!((event.error.as_deref(), event.number), (Some("servers are silent"), 1));
    assert_eq!(bench.core.len(), 1);
}

#[test]
fn an_unknown_pool_delays_and_does_not_guess() {
    let mut bench = Bench::new("");
    let routing = model::submission::Routing { pool: Some(Name::from("gone")), ..bed::bulk() };
    bench.admit(routing, &["a.example"]);
    let attempt = bench.last(EventKind::Deferred).attempt.clone().unwrap();
    assert_eq!(attempt.error.as_deref(), Some("there is no pool \"gone\" in the configuration"));
}

#[test]
fn hold_release_and_cancel() {
    let mut bench = Bench::new("");
    let ids = bench.admit(bed::campaign(1), &["a.example"; 5]);
    assert_eq!(bench.order(Target::Campaign(CampaignId(1)), Action::Hold), Ok(5));
    check(&bench, ids[0], expect!["Scheduled, Hold: Its campaign is held until a person releases it. by Ada, in ? s"]);
    let late = bench.admit(bed::campaign(1), &["a.example"]);
    assert_eq!(bench.core.snapshot(bench.now, Show::default()).totals.held, 6);
    bench.ready_all(10);
    assert!(bench.given.is_empty());
    assert!(bench.core.progress(CampaignId(1)).held);
    // Held mail does not expire; it does when it is released too late.
    bench.pass(5 * 86_400);
    assert_eq!(bench.core.len(), 6);
    assert_eq!(bench.order(Target::Recipient(late[0]), Action::Cancel), Ok(1));
    let event = bench.last(EventKind::Suppressed);
    assert_eq!(event.note.as_deref(), Some("Cancelled by Ada."));
    assert_eq!(bench.order(Target::Campaign(CampaignId(1)), Action::Release), Ok(5));
    bench.pass(0);
    assert_eq!(bench.kinds().iter().filter(|kind| **kind == "expired").count(), 5);
    assert!(bench.core.is_empty());
    assert_eq!(bench.order(Target::Source(Name::from("default")), Action::Hold).unwrap_err().to_string(), {
        "a source cannot be told to hold: mail is held, released or cancelled, routes are suspended or resumed"
    });
    assert!(bench.order(Target::Site(Name::from("nowhere")), Action::Suspend).is_err());
}

#[test]
fn cancelling_a_campaign_takes_what_is_in_flight_and_what_comes_late() {
    let mut bench = Bench::new("");
    bench.admit(bed::campaign(1), &["a.example"; 30]);
    bench.ready_all(4);
    assert_eq!(bench.given.len(), 4);
    assert_eq!(bench.order(Target::Campaign(CampaignId(1)), Action::Cancel), Ok(30));
    assert_eq!(bench.core.len(), 4);
    let (session, ticket) = bench.given.remove(0);
    let outcome = bed::outcome(bench.now, session, ticket.recipient, bed::delivered());
    bench.feed(vec![Input::Delivery(FromDelivery::Done(Box::new(outcome)))]);
    bench.finish(bed::deferred);
    assert!(bench.core.is_empty(), "no further attempts");
    bench.admit(bed::campaign(1), &["a.example"]);
    assert!(bench.core.is_empty());
    let progress = bench.core.progress(CampaignId(1));
    assert_eq!((progress.delivered, progress.deferred, progress.suppressed), (1, 3, 30));
}

#[test]
fn a_suspended_source_leaves_its_work_to_the_others() {
    let config = r#"
        sources = [{ name = "a", ehlo_name = "a.example" }, { name = "b", ehlo_name = "b.example" }]
    "#;
    let mut bench = Bench::new(config);
    bench.admit(bed::bulk(), &["a.example"; 20]);
    let paths = bench.core.snapshot(bench.now, Show::default()).paths;
    assert_eq!(paths.iter().map(|path| path.ready).collect::<Vec<_>>(), [10, 10]);
    assert_eq!(bench.order(Target::Source(Name::from("a")), Action::Suspend), Ok(10));
    let paths = bench.core.snapshot(bench.now, Show::default()).paths;
    assert_eq!(paths.iter().map(|path| (&*path.source, path.ready)).collect::<Vec<_>>(), [("b", 20), ("a", 0)]);
    let suspended = paths[1].throttle.clone().unwrap();
    assert_eq!((&*suspended.reason, &*suspended.by, suspended.stopped), ("the source is suspended", "Ada", true));
    bench.order(Target::Source(Name::from("b")), Action::Suspend).unwrap();
    let one = bench.core.find(&Target::Domain(Name::from("a.example")), 1).items.remove(0);
    assert_eq!(one.state, State::Scheduled);
    check(
        &bench,
        one.recipient,
        expect!["Scheduled, Suspended: Nothing is sent there now: the source is suspended. by Ada, in ? s"],
    );
    bench.order(Target::Source(Name::from("a")), Action::Resume).unwrap();
    let paths = bench.core.snapshot(bench.now, Show::default()).paths;
    assert_eq!(paths.iter().map(|path| (&*path.source, path.ready)).collect::<Vec<_>>(), [("a", 20), ("b", 0)]);
}

#[test]
fn a_path_that_became_slow_leaves_its_work_to_the_others() {
    let config = r#"
        sources = [{ name = "a", ehlo_name = "a.example" }, { name = "b", ehlo_name = "b.example" }]
    "#;
    fn too_much() -> (model::handoff::Verdict, Option<Reply>) {
        let verdict = bed::verdict(Disposition::Deferred, Scope::Message, Some(Category::RateLimited));
        (verdict, Some(Reply::new(421, "4.7.1 Trop de messages. Too many messages. SFR_IN_205")))
    }
    let mut bench = Bench::new(config);
    bench.resolve = false;
    bench.admit(bed::bulk(), &["sfr.fr"; 400]);
    bench.feed(vec![bed::site(&Name::from("sfr.fr"), "smtp-in.sfr.fr")]);
    let ready = |bench: &Bench| {
        let mut paths = bench.core.snapshot(bench.now, Show::default()).paths;
        paths.sort_by(|one, other| one.source.cmp(&other.source));
        paths.iter().map(|path| path.ready).collect::<Vec<_>>()
    };
    assert_eq!(ready(&bench), [200, 200]);
    let of_a = bench.open.iter().find(|(_, path)| path.starts_with('a')).unwrap().0;
    bench.ready(of_a, 2);
    bench.finish(too_much);
    assert_eq!(bench.last(EventKind::Throttled).control.as_ref().unwrap().value.as_deref(), Some("10/min"));
    // Two wait for their next attempt; of a slow path only what it will send soon stays bound.
    assert_eq!(ready(&bench), [16, 382]);
}

#[test]
fn a_lost_session_gives_its_tickets_back_uncounted() {
    let mut bench = Bench::new("");
    let ids = bench.admit(bed::bulk(), &["a.example"; 3]);
    bench.ready_all(10);
    let (session, _) = bench.given[0];
    bench.given.clear();
    bench.feed(vec![Input::Delivery(FromDelivery::Closed { session, trouble: None })]);
    bench.pass(1);
    bench.ready_all(10);
    let again: Vec<RecipientId> = bench.given.iter().map(|(_, ticket)| ticket.recipient).collect();
    assert_eq!(again, ids, "in their old order");
    assert!(bench.given.iter().all(|(_, ticket)| ticket.attempt == 1), "an attempt that was not made is not counted");
}

#[test]
fn tickets_that_end_every_session_do_not_go_round_for_ever() {
    let mut bench = Bench::new("");
    bench.admit(bed::bulk(), &["a.example"; 3]);
    let mut sessions = 0;
    while bench.kinds().iter().all(|kind| *kind != "deferred") {
        bench.ready_all(10);
        let Some((session, _)) = bench.given.drain(..).next() else {
            bench.pass(1);
            continue;
        };
        sessions += 1;
        bench.feed(vec![Input::Delivery(FromDelivery::Closed { session, trouble: None })]);
    }
    assert_eq!(sessions, 3);
    let attempt = bench.last(EventKind::Deferred).attempt.clone().unwrap();
    assert_eq!((attempt.number, attempt.error.as_deref()), (1, Some("the session ended without a word")));
}

#[test]
fn holds_and_learned_limits_outlive_a_restart() {
    let mut bench = Bench::new("");
    bench.admit(bed::bulk(), &["a.example"; 40]);
    bench.ready_all(40);
    bench.finish(bed::slow_down);
    bench.order(Target::Campaign(CampaignId(9)), Action::Hold).unwrap();
    let memory = bench.core.memory(bench.now);
    let text = serde_json::to_string(&memory).unwrap();
    let mut next = Bench::new("");
    let mut out = Out::default();
    next.core.restore(next.now, serde_json::from_str(&text).unwrap(), &mut out);
    next.admit(bed::campaign(9), &["a.example"]);
    next.admit(bed::bulk(), &["a.example"]);
    let snapshot = next.core.snapshot(next.now, Show::default());
    assert_eq!(snapshot.totals.held, 1);
    assert!(snapshot.paths[0].limits.rate_now.unwrap().count < 100);
    assert_eq!(next.core.memory(next.now), memory);
}

/// A reply that asks for `wait_s` as delivery reads it.
fn asks(category: Category, wait_s: Option<u32>, text: &str) -> (model::handoff::Verdict, Option<Reply>) {
    let mut verdict = bed::verdict(Disposition::Deferred, Scope::Recipient, Some(category));
    verdict.wait_s = wait_s;
    (verdict, Some(Reply::new(451, text)))
}

#[test]
fn the_explanation_names_what_set_the_time() {
    type Answer = fn() -> (model::handoff::Verdict, Option<Reply>);
    let cases: [(Answer, Expect); 5] = [
        (
            bed::deferred,
            expect![
                "Scheduled, RetrySchedule: 1 attempt failed; the next attempt is due. [15m doubling to 4h] by stream bulk, in 973 s"
            ],
        ),
        (
            || asks(Category::Greylisted, Some(300), "4.7.1 try again in 300 seconds"),
            expect![
                "Scheduled, ReplyWait: 1 attempt failed; the reply, as the dictionary reads it, asks for this wait. [451 4.7.1 try again in 300 seconds] by reply to attempt 1, in 324 s"
            ],
        ),
        (
            || asks(Category::Greylisted, None, "4.7.1 greylisted"),
            expect![
                "Scheduled, ReplyWait: 1 attempt failed; the reply greylists, which most hosts do for minutes. [451 4.7.1 greylisted] by reply to attempt 1, in 324 s"
            ],
        ),
        (
            || asks(Category::RateLimited, Some(3_600), "4.7.28 unusual rate"),
            expect![
                "Scheduled, ReplyWait: 1 attempt failed; the reply, as the dictionary reads it, asks for this wait. [451 4.7.28 unusual rate] by reply to attempt 1, in 3895 s"
            ],
        ),
        (
            || asks(Category::RateLimited, Some(86_400), "4.7.0 come back tomorrow"),
            expect![
                "Scheduled, ReplyWait: 1 attempt failed; the reply asks for a wait beyond the longest of stream bulk, 4h, which is kept to. [451 4.7.0 come back tomorrow] by reply to attempt 1, in 15580 s"
            ],
        ),
    ];
    for (answer, expected) in cases {
        let mut bench = Bench::new("");
        let ids = bench.admit(bed::bulk(), &["a.example"]);
        bench.ready_all(1);
        bench.finish(answer);
        check(&bench, ids[0], expected);
    }
}

#[test]
fn a_reply_that_asks_for_less_than_the_schedule_is_not_named() {
    let mut bench = Bench::new("");
    let ids = bench.admit(bed::bulk(), &["a.example"]);
    bench.ready_all(1);
    bench.finish_and_go_on(|| asks(Category::RateLimited, Some(60), "4.7.0 wait a minute"));
    check(
        &bench,
        ids[0],
        expect![
            "Scheduled, RetrySchedule: 1 attempt failed; the next attempt is due. [15m doubling to 4h] by stream bulk, in 973 s"
        ],
    );
    bench.pass(1_000);
    bench.ready_all(1);
    bench.finish_and_go_on(|| asks(Category::RateLimited, Some(7_200), "4.7.0 wait two hours"));
    check(
        &bench,
        ids[0],
        expect![
            "Scheduled, ReplyWait: 2 attempts failed; the reply, as the dictionary reads it, asks for this wait. [451 4.7.0 wait two hours] by reply to attempt 2, in 7790 s"
        ],
    );
    bench.pass(8_000);
    bench.ready_all(1);
    bench.finish(bed::deferred);
    check(
        &bench,
        ids[0],
        expect![
            "Scheduled, RetrySchedule: 3 attempts failed; the next attempt is due. [15m doubling to 4h] by stream bulk, in 3618 s"
        ],
    );
}
