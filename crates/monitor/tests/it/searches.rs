//! Searches, queries and histories through the handle.

use model::category::Category;
use model::event::{Event, EventKind};
use model::id::{MessageId, RecipientId};
use monitor::hints::Configured;
use monitor::history::RecipientState;
use monitor::{Dimension, EventsRequest, Field, Measure, MonitorError, Query};

use crate::support::{Suite, at, attempt, refused};

fn story() -> Vec<Event> {
    let mut events: Vec<Event> = (0..30).map(|n| attempt(EventKind::Delivered, n, 30, "gmail")).collect();
    let busy = (451, "4.7.1 Greylisted, try again");
    let mut received = Event::of_recipient(EventKind::Received, RecipientId(77), 0, at(60));
    received.message = Some(MessageId(9_000));
    received.address = Some("Zoe@Example.FR".into());
    events.push(received);
    events.push(refused(EventKind::Deferred, 77, 50, "orange", Category::Greylisted, busy));
    let mut delivered = attempt(EventKind::Delivered, 77, 40, "orange");
    delivered.address = Some("zoe@example.fr".into());
    events.push(delivered);
    let mut opened = Event::of_recipient(EventKind::Opened, RecipientId(77), 0, at(20));
    opened.message = Some(MessageId(9_000));
    events.push(opened);
    events
}

fn request(q: &str) -> EventsRequest {
    EventsRequest { q: q.to_owned(), ..EventsRequest::default() }
}

#[tokio::test]
async fn the_search_box_finds_and_pages() {
    let dir = tempfile::tempdir().unwrap();
    let suite = Suite::open(dir.path());
    suite.tell(story()).await;
    let check = async |q: &str, expected: usize| {
        let page = suite.monitor.events(EventsRequest { limit: Some(200), ..request(q) }).await.unwrap();
        assert_eq!(page.items.len(), expected, "{q}");
        assert!(page.items.is_sorted_by(|a, b| a.at >= b.at));
        assert!(page.items.iter().all(|event| event.attempt.as_ref().is_none_or(|a| a.transcript.is_none())));
    };
    check("", 34).await;
    check("provider:gmail", 30).await;
    check("provider:gmail OR kind:opened", 31).await;
    check("greylisted", 1).await;
    check(r#"provider:orange kind:deferred "try again" 4.7.1"#, 1).await;
    check("address:ZOE@example.fr", 2).await;
    check("-provider:*", 1).await;
    check("kind:deferred queued>5s", 1).await;
    check("kind:deferred queued>15s", 0).await;
    let page = suite.monitor.events(EventsRequest { limit: Some(20), ..request("provider:gmail") }).await.unwrap();
    assert_eq!(page.items.len(), 20);
    let rest = EventsRequest { limit: Some(20), after: page.next, ..request("provider:gmail") };
    let page = suite.monitor.events(rest).await.unwrap();
    assert_eq!((page.items.len(), page.next), (10, None));
}

#[tokio::test]
async fn a_wrong_search_names_the_character() {
    let dir = tempfile::tempdir().unwrap();
    let suite = Suite::open(dir.path());
    let Err(MonitorError::Search(error)) = suite.monitor.events(request("kind:defered")).await else { panic!() };
    assert_eq!((error.position, error.suggestion.as_deref()), (5, Some("deferred")));
    assert_eq!(error.to_string(), "kind is never \"defered\"; did you mean deferred? (character 6)");
    let wrong = EventsRequest { after: Some("x".into()), ..request("") };
    assert!(matches!(suite.monitor.events(wrong).await, Err(MonitorError::Query(_))));
}

#[tokio::test]
async fn hints_name_values_that_nobody_knows() {
    let dir = tempfile::tempdir().unwrap();
    let suite = Suite::open(dir.path());
    let configured = Configured { providers: vec!["yahoo".into()], sources: vec!["ip-9".into()] };
    let check = async |q: &str, expected: &[&str]| {
        let hints = suite.monitor.hints(q, &configured).await;
        let short: Vec<String> =
            hints.iter().map(|hint| format!("{}+{} {}", hint.position, hint.length, hint.message)).collect();
        assert_eq!(short, expected, "{q}");
    };
    check("source:ip-1", &["7+4 no source is called ip-1; did you mean ip-9?"]).await;
    suite.tell(story()).await;
    check("provider:gmail provider:yahoo source:ip-1 source:ip-9", &[]).await;
    check("provider:gmial", &["9+5 no provider is called gmial; did you mean gmail?"]).await;
    check(
        "-provider:gmial OR provider:oragne,gmail",
        &[
            "10+5 no provider is called gmial; did you mean gmail?",
            "28+6 no provider is called oragne; did you mean orange?",
        ],
    )
    .await;
    check("provider:nobody", &["9+6 no provider is called nobody; there are gmail, orange, yahoo"]).await;
    check("provider:gm* gmial stream:x \"provider:gmial\"", &[]).await;
    check("provider:gmial (", &[]).await;
    // What lies in files is known as well as what is in memory.
    suite.monitor.flush().await.unwrap();
    check("provider:gmail", &[]).await;
}

#[tokio::test]
async fn what_was_read_is_counted_in_memory_too() {
    let dir = tempfile::tempdir().unwrap();
    let suite = Suite::open(dir.path());
    suite.tell(story()).await;
    let page = suite.monitor.events(request("provider:gmail")).await.unwrap();
    assert_eq!((page.cost.rows_scanned, page.cost.segments), (34, 0));
}

#[tokio::test]
async fn histories_tell_state_and_dialogue() {
    let dir = tempfile::tempdir().unwrap();
    let suite = Suite::open(dir.path());
    suite.tell(story()).await;
    let history = suite.monitor.recipient(RecipientId(77)).await.unwrap().unwrap();
    let kinds: Vec<EventKind> = history.events.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::Received, EventKind::Deferred, EventKind::Delivered, EventKind::Opened]);
    assert_eq!((history.summary.state, history.summary.opens), (RecipientState::Delivered, 1));
    assert_eq!(history.summary.received_at, Some(at(60)));
    assert_eq!(history.summary.finished_at, Some(at(40)));
    let transcript = history.events[1].attempt.as_ref().unwrap().transcript.as_ref().unwrap();
    assert!(transcript.contains("S: 451 4.7.1 Greylisted"));
    assert!(suite.monitor.recipient(RecipientId(1_234)).await.unwrap().is_none());

    let message = suite.monitor.message(MessageId(9_000)).await.unwrap().unwrap();
    assert_eq!((message.recipients.len(), message.events.len(), message.truncated), (31, 34, false));
    let states: Vec<_> = message.states.iter().map(|count| (count.state, count.count)).collect();
    assert_eq!(states, [(RecipientState::Delivered, 31)]);
    assert!(suite.monitor.message(MessageId(1)).await.unwrap().is_none());

    let mails = suite.monitor.recipients_of_address("zoe@example.fr").await.unwrap();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].recipient, RecipientId(77));
}

#[tokio::test]
async fn the_typed_query_goes_through() {
    let dir = tempfile::tempdir().unwrap();
    let suite = Suite::open(dir.path());
    suite.tell(story()).await;
    let json = r#"{"from":"2026-09-21T00:00:00Z","to":"2026-09-22T00:00:00Z","measures":[{"measure":"count"},
        {"measure":"rate","numerator":{"op":"eq","field":"kind","value":"delivered"}}],
        "dimensions":[{"by":"field","field":"provider"}],"filter":{"op":"exists","field":"provider"}}"#;
    let query: Query = serde_json::from_str(json).unwrap();
    assert_eq!(query.measures[0], Measure::Count);
    assert_eq!(query.dimensions[0], Dimension::Field { field: Field::Provider });
    let answer = suite.monitor.query(query).await.unwrap();
    let rows = serde_json::to_value(&answer.rows).unwrap();
    assert_eq!((&rows[0][0], &rows[0][1], &rows[1][1]), (&"gmail".into(), &30.into(), &3.into()));
    assert_eq!((&rows[1][2]["hits"], &rows[1][2]["n"]), (&1.into(), &3.into()));
}
