//! Dashboards over a set of events whose numbers are known.

use model::category::Category;
use model::event::{Event, EventKind};
use model::id::RecipientId;
use monitor::dashboards::{Change, Counts, TopReply};

use crate::support::{Suite, at, attempt, refused};

const GMAIL: (u16, &str) = (421, "4.7.28 Our system has detected an unusual rate of mail from 192.0.2.7");
const YAHOO: (u16, &str) = (421, "4.7.0 [TSS04] Messages from 192.0.2.7 temporarily deferred");

fn story() -> Vec<Event> {
    let mut events = Vec::new();
    // The hour before: gmail takes everything.
    events.extend((0..200).map(|n| attempt(EventKind::Delivered, 1_000 + n, 90, "gmail")));
    events.extend((0..5).map(|n| refused(EventKind::Deferred, 1_300 + n, 90, "gmail", Category::RateLimited, GMAIL)));
    // The last hour: gmail slows down and refuses, yahoo blocks.
    events.extend((0..100).map(|n| attempt(EventKind::Delivered, 2_000 + n, 10, "gmail")));
    events.extend((0..60).map(|n| refused(EventKind::Deferred, 2_200 + n, 5, "gmail", Category::RateLimited, GMAIL)));
    events.extend(
        (0..40).map(|n| refused(EventKind::Bounced, 2_300 + n, 5, "gmail", Category::SpamRelated, (550, "5.7.1 spam"))),
    );
    events.extend((0..50).map(|n| refused(EventKind::Deferred, 2_400 + n, 2, "yahoo", Category::Reputation, YAHOO)));
    let mut touch = |kind, count| {
        events.extend((0..count).map(|n| {
            let mut event = Event::of_recipient(kind, RecipientId(2_000 + n), 0, at(1));
            event.provider = Some("gmail".into());
            event
        }));
    };
    touch(EventKind::Opened, 30);
    touch(EventKind::Clicked, 10);
    touch(EventKind::Complaint, 2);
    events
}

#[tokio::test]
async fn now_tells_the_last_hour_and_the_one_before() {
    let dir = tempfile::tempdir().unwrap();
    let suite = Suite::open(dir.path());
    suite.tell(story()).await;
    let now = suite.monitor.now(60).await.unwrap();

    let expected = Counts {
        attempts: 250,
        delivered: 100,
        deferred: 110,
        bounced: 40,
        blocked: 90,
        complaints: 2,
        opens: 30,
        clicks: 10,
        bytes: 1_000_000,
        ..Counts::default()
    };
    assert_eq!(now.totals, expected);
    assert_eq!(
        now.previous,
        Counts { attempts: 205, delivered: 200, deferred: 5, bytes: 2_000_000, ..Counts::default() }
    );
    assert_eq!((now.rates.deferred.now.hits, now.rates.deferred.now.n), (110, 250));
    assert_eq!((now.rates.deferred.change, now.rates.delivered.change), (Change::Up, Change::Down));
    assert_eq!((now.rates.complaints.now.hits, now.rates.complaints.now.n), (2, 100));
    assert_eq!(now.rates.complaints.change, Change::Unclear);

    let rows: Vec<(&str, u64, u64, u64)> = now
        .by_provider
        .iter()
        .map(|row| (row.provider.as_deref().unwrap(), row.counts.attempts, row.counts.blocked, row.previous.attempts))
        .collect();
    assert_eq!(rows, [("gmail", 200, 40, 205), ("yahoo", 50, 50, 0)]);
    assert_eq!(now.delay.n, 100);
    let p50 = now.delay.p50_s.unwrap();
    assert!((8.7..11.3).contains(&p50), "{p50}");

    assert_eq!(now.series.len(), 60);
    assert_eq!(now.series.iter().map(|point| point.delivered).sum::<u64>(), 100);
    let busy: Vec<u64> =
        now.series.iter().map(|point| point.deferred + point.bounced).filter(|failed| *failed > 0).collect();
    assert_eq!(busy, [100, 50]);
    assert!(now.series.is_sorted_by_key(|point| point.minute));
}

#[tokio::test]
async fn top_replies_know_when_they_began() {
    let dir = tempfile::tempdir().unwrap();
    let suite = Suite::open(dir.path());
    suite.tell(story()).await;
    let replies = suite.monitor.now(60).await.unwrap().top_replies;
    let short = |reply: &TopReply| {
        let provider = reply.provider.as_ref().unwrap().to_string();
        (reply.template.clone(), provider, reply.count, reply.count_before, reply.is_new)
    };
    let found: Vec<_> = replies.iter().map(short).collect();
    let gmail = "421 4.7.28 Our system has detected an unusual rate of mail from {ip}";
    let yahoo = "421 4.7.0 [TSS04] Messages from {ip} temporarily deferred";
    let expected = [
        (gmail.to_owned(), "gmail".to_owned(), 60, 5, false),
        (yahoo.to_owned(), "yahoo".to_owned(), 50, 0, true),
        ("550 5.7.1 spam".to_owned(), "gmail".to_owned(), 40, 0, true),
    ];
    assert_eq!(found, expected);
    assert_eq!((replies[0].first_seen, replies[0].last_seen), (Some(at(90)), Some(at(5))));
    assert_eq!(replies[1].category, Some(Category::Reputation));
    assert!(replies[0].sample.contains("192.0.2.7"));
}

#[tokio::test]
async fn provider_tells_sources_hours_and_categories() {
    let dir = tempfile::tempdir().unwrap();
    let suite = Suite::open(dir.path());
    suite.tell(story()).await;
    let gmail = suite.monitor.provider("gmail", 1).await.unwrap();
    assert_eq!((gmail.totals.attempts, gmail.previous.attempts), (200, 205));
    let sources: Vec<(&str, u64)> = gmail
        .by_source
        .iter()
        .filter_map(|row| row.source.as_deref().map(|source| (source, row.counts.attempts)))
        .collect();
    assert_eq!(sources, [("ip-1", 100), ("ip-2", 100)]);
    let categories: Vec<_> =
        gmail.by_category.iter().map(|row| (row.category, row.family, row.deferred, row.bounced)).collect();
    let expected = [
        (Some(Category::RateLimited), Category::RateLimited.family(), 60, 0),
        (Some(Category::SpamRelated), Category::SpamRelated.family(), 0, 40),
    ];
    assert_eq!(categories, expected);
    assert_eq!(gmail.top_replies.len(), 2);
    assert_eq!(gmail.matrix.iter().map(|cell| cell.attempts).sum::<u64>(), 200);
    assert!(gmail.matrix.iter().all(|cell| cell.delivered.n == cell.attempts));

    let day = suite.monitor.provider("gmail", 24).await.unwrap();
    assert_eq!((day.step_minutes, day.series.len(), day.totals.attempts), (10, 144, 405));
    let unknown = suite.monitor.provider("nobody", 24).await.unwrap();
    assert_eq!(unknown.totals, Counts::default());
    assert_eq!(unknown.series.len(), 144);
}

#[tokio::test]
async fn the_summary_names_the_trouble_of_each_provider() {
    let dir = tempfile::tempdir().unwrap();
    let suite = Suite::open(dir.path());
    suite.tell(story()).await;
    let summary = suite.monitor.providers_summary(24).await.unwrap();
    let rows: Vec<(&str, u64, &str)> = summary
        .providers
        .iter()
        .map(|row| {
            let reply = row.top_reply.as_ref().map_or("", |reply| reply.template.as_str());
            (row.provider.as_deref().unwrap(), row.counts.attempts, &reply[..10])
        })
        .collect();
    assert_eq!(rows, [("gmail", 405, "421 4.7.28"), ("yahoo", 50, "421 4.7.0 ")]);
}

#[tokio::test]
async fn the_present_is_counted_second_by_second() {
    let dir = tempfile::tempdir().unwrap();
    let suite = Suite::open(dir.path());
    suite.clock.set(at(0).plus(std::time::Duration::from_secs(1)));
    suite.tell((0..7).map(|n| attempt(EventKind::Delivered, n, 0, "gmail")).collect()).await;
    let tick = suite.monitor.live();
    assert_eq!((tick.second.delivered, tick.minute.attempts, tick.providers[0].second.delivered), (7, 7, 7));
}
