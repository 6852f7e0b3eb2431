//! Sources that cannot send are passed over, and who sends in their place.

use std::time::Duration;

use expect_test::expect;
use model::event::EventKind;
use model::handoff::FromDelivery;
use model::name::Name;
use queue::control::{Action, Target};
use queue::core::Input;
use queue::directory::Directory;

use super::bed;
use super::bench::Bench;

const CONFIG: &str = "
[[sources]]
name = 'a'
ehlo_name = 'a.test'
[[sources]]
name = 'b'
ehlo_name = 'b.test'
[[sources]]
name = 'spare'
ehlo_name = 'spare.test'
[[sources]]
name = 'other'
ehlo_name = 'other.test'
[[pools]]
name = 'default'
members = [{ source = 'a' }, { source = 'b' }, { source = 'spare', standby = true }]
fallback = 'others'
[[pools]]
name = 'others'
members = [{ source = 'other' }]
";

/// Until a source that is down is looked at again.
const CHECK_IN: Duration = Duration::from_secs(15);

fn health(bench: &mut Bench, source: &str, down: Option<&str>) {
    let said = FromDelivery::Source {
        source: Name::from(source),
        down: down.map(str::to_owned),
        check_in: down.map(|_| CHECK_IN),
    };
    bench.feed(vec![Input::Delivery(said)]);
}

/// To which sources four new mails are bound now.
fn sources(bench: &mut Bench, domain: &str) -> String {
    bench.open.clear();
    bench.admit(bed::bulk(), &[domain; 4]);
    let mut open: Vec<&str> = bench.open.iter().map(|(_, path)| path.split(" → ").next().unwrap()).collect();
    open.sort_unstable();
    open.dedup();
    open.join(" ")
}

#[test]
fn others_send_in_the_place_of_a_source_that_cannot() {
    let mut bench = Bench::new(CONFIG);
    let gone = Some("192.0.2.1 is not an address of this machine");
    assert_eq!(sources(&mut bench, "one.test"), "a b");
    health(&mut bench, "a", gone);
    assert_eq!(sources(&mut bench, "two.test"), "b");
    health(&mut bench, "a", gone);
    health(&mut bench, "b", gone);
    assert_eq!(sources(&mut bench, "three.test"), "spare");
    bench.order(Target::Source(Name::from("spare")), Action::Suspend).unwrap();
    assert_eq!(sources(&mut bench, "four.test"), "other", "a member that is suspended may not send, either");
    health(&mut bench, "other", gone);
    assert_eq!(sources(&mut bench, "five.test"), "", "it waits");
    health(&mut bench, "b", None);
    bench.pass(1);
    assert_eq!(sources(&mut bench, "six.test"), "b");

    let told: Vec<String> = bench
        .events
        .iter()
        .filter(|event| matches!(event.kind, EventKind::Throttled | EventKind::Restored))
        .map(|event| {
            let change = event.control.as_ref().unwrap();
            format!("{} {} {} by {}", change.action, change.target, change.name, change.by)
        })
        .collect();
    let expected = ["suspend source a", "suspend source b", "suspend source other", "resume source b"];
    assert_eq!(told, expected.map(|line| format!("{line} by source health")));
    let view = Directory::new(bed::config(CONFIG), bed::providers()).sources(&bench.core.doing(bench.now));
    let down: Vec<&str> =
        view.iter().filter(|source| source.down.is_some()).map(|source| source.name.as_str()).collect();
    assert_eq!(down, ["a", "other"]);
    let next = view[0].down.as_ref().unwrap().next_check;
    assert_eq!(
        next,
        Some(bench.now.plus(CHECK_IN - Duration::from_secs(1))),
        "told anew with each check: {:?}",
        view[0].down
    );
}

#[test]
fn mail_that_no_source_can_send_waits_and_says_why() {
    let mut bench = Bench::new("");
    health(&mut bench, "default", Some("proxy 192.0.2.9:1080: connection refused"));
    let id = bench.admit(bed::bulk(), &["one.test"])[0];
    assert!(bench.open.is_empty());
    let limiter = bench.core.explain(bench.now, id).unwrap().limiter.unwrap();
    expect![[r#"Suspended: Nothing is sent there now: the source is suspended. by source health: proxy 192.0.2.9:1080: connection refused"#]]
        .assert_eq(&format!("{:?}: {} by {}", limiter.kind, limiter.text, limiter.set_by));
    health(&mut bench, "default", None);
    assert_eq!(bench.open.len(), 1, "it leaves as soon as it can");
}

#[test]
fn sources_that_are_not_configured_change_nothing() {
    let mut bench = Bench::new("");
    let events = bench.events.len();
    health(&mut bench, "nobody", Some("x"));
    health(&mut bench, "default", None);
    assert_eq!(bench.events.len(), events);
}
