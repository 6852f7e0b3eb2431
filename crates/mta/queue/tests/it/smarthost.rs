//! Routes of the operator, and hosts that hang up after some messages.

use model::category::{Category, Disposition, Scope};
use model::event::{Attempt, EventKind};
use model::handoff::{FromDelivery, SessionTrouble};
use model::name::Name;
use model::reply::{Phase, Reply};
use model::submission::Routing;
use queue::core::Input;

use super::bed::{self, at};
use super::bench::Bench;

const ROUTES: &str = r#"
[[pools]]
name = "default"
members = [{ source = "default" }]
[[pools]]
name = "special"
members = [{ source = "default" }]

[[routes]]
name = "gmail-relay"
providers = ["mx.by-provider.test"]
streams = ["bulk"]
hosts = [{ host = "relay-1.test" }]

[[routes]]
name = "inside"
domains = ["corp.test", "*.corp.test"]
protocol = "lmtp"
hosts = [{ host = "unix:/run/lmtp" }, { host = "off.test", weight = 0 }]

[[routes]]
name = "shop"
tenants = ["shop"]
hosts = [{ host = "relay-2.test", port = 2525, priority = 20 }]

[[routes]]
name = "special"
pools = ["special"]
hosts = [{ host = "relay-3.test" }]
"#;

fn check(routing: Routing, domain: &str, expected: &str) {
    let mut bench = Bench::new(ROUTES);
    bench.admit(routing.clone(), &[domain]);
    let opened: Vec<&str> = bench.open.iter().map(|(_, path)| path.as_str()).collect();
    assert_eq!(opened, [format!("default → {expected}")], "{routing:?} {domain}");
}

#[test]
fn the_first_route_that_fits_has_the_mail() {
    let routing = |tenant: &str, pool: Option<&str>| Routing {
        tenant: Name::from(tenant),
        pool: pool.map(Name::from),
        ..bed::bulk()
    };
    check(bed::bulk(), "elsewhere.test", "mx.elsewhere.test");
    check(bed::bulk(), "corp.test", "route:inside");
    check(bed::bulk(), "a.corp.test", "route:inside");
    check(bed::bulk(), "notcorp.test", "mx.notcorp.test");
    check(routing("shop", None), "elsewhere.test", "route:shop");
    check(routing("shop", Some("special")), "corp.test", "route:inside");
    check(routing("other", Some("special")), "elsewhere.test", "route:special");
    // The registrable domain of the hosts is the provider when no rule knows them.
    let by_provider = ROUTES.replace("mx.by-provider.test", "by-provider.test");
    let mut bench = Bench::new(&by_provider);
    bench.admit(bed::bulk(), &["by-provider.test"]);
    assert_eq!(bench.open[0].1, "default → route:gmail-relay");
    let mut bench = Bench::new(&by_provider);
    let news = Routing { stream: Name::from("transactional"), ..Routing::default() };
    bench.admit(news, &["by-provider.test"]);
    assert_eq!(bench.open[0].1, "default → mx.by-provider.test");
}

#[test]
fn a_route_asks_no_dns_and_its_mail_is_finished_like_all_other() {
    // No route before it asks for a provider of this stream.
    let news = || Routing { stream: Name::from("transactional"), ..Routing::default() };
    let mut bench = Bench::new(ROUTES);
    bench.resolve = false;
    bench.admit(news(), &["corp.test", "a.corp.test"]);
    bench.ready_all(10);
    assert_eq!(bench.given.len(), 2);
    bench.now = at(3);
    bench.finish(bed::delivered);
    let event = bench.last(EventKind::Delivered);
    assert_eq!(event.provider.as_deref(), Some("route:inside"));
    // Idle for long: path, line and site are forgotten, and made again when there is mail.
    bench.pass(8 * 86_400);
    bench.pass(3_600);
    bench.admit(news(), &["corp.test"]);
    assert_eq!(bench.open.last().unwrap().1, "default → route:inside");
}

#[test]
fn a_host_that_hangs_up_twice_after_as_many_messages_has_a_limit() {
    let mut bench = Bench::new("");
    bench.admit(bed::bulk(), &["a.example"; 3]);
    let session = bench.open[0].0;
    bench.ready(session, 1);
    let say = |bench: &mut Bench, messages| {
        bench.feed(vec![Input::Delivery(FromDelivery::HostLimit { session, messages })]);
        bench.kinds().iter().filter(|kind| **kind == "throttled").count()
    };
    assert_eq!(say(&mut bench, 20), 0, "once may be chance");
    assert_eq!(say(&mut bench, 7), 0);
    assert_eq!(say(&mut bench, 0), 0, "nothing was taken at all");
    assert_eq!(say(&mut bench, 7), 1);
    assert_eq!(say(&mut bench, 7), 1, "told once");
    let change = bench.last(EventKind::Throttled).control.clone().unwrap();
    assert_eq!(change.value.as_deref(), Some("7 messages per connection"));
}

#[test]
fn a_connection_that_has_carried_enough_slows_nobody() {
    let mut bench = Bench::new("");
    bench.admit(bed::bulk(), &["a.example"; 40]);
    let session = bench.open[0].0;
    bench.ready(session, 20);
    bench.finish(bed::delivered);
    let verdict = bed::verdict(Disposition::Deferred, Scope::Connection, Some(Category::RateLimited));
    let reply = Some(Reply::new(421, "too many messages in this connection"));
    let attempt = Attempt { phase: Some(Phase::MailFrom), reply, ..Attempt::default() };
    let trouble = Some(Box::new(SessionTrouble { verdict, attempt }));
    bench.feed(vec![Input::Delivery(FromDelivery::Closed { session, trouble })]);
    assert_eq!(bench.kinds().last(), Some(&"connection-failed"), "it is told");
    assert!(!bench.kinds().contains(&"throttled"), "{:?}", bench.kinds());
    assert!(bench.open.len() > 1, "and the rest goes over another connection");
}
