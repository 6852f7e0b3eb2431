//! Dashboards over a set of events whose numbers are known.

use model::category::Category;
use model::event::{ControlChange, Event, EventKind};
use model::id::{CampaignId, RecipientId};
use model::time::Timestamp;
use monitor::EventsRequest;
use monitor::dashboards::{About, BLOCKED_QUERY, Change, Counts, TopReply, Trouble};

use crate::support::{Suite, at, attempt, refused};

const GMAIL: (u16, &str) = (421, "4.7.28 Our system has detected an unusual rate of mail from 192.0.2.7");
const YAHOO: (u16, &str) = (421, "4.7.0 [TSS04] Messages from 192.0.2.7 temporarily deferred");

const SEC: std::time::Duration = std::time::Duration::from_secs(1);

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

    // From the first attempt on, ten minutes ago, in steps of ten seconds.
    assert_eq!((now.step_seconds, now.series[0].at, now.series.len()), (10, at(10).minus(SEC * 20), 63));
    assert_eq!(now.series.iter().map(|point| point.delivered).sum::<u64>(), 100);
    let busy: Vec<u64> =
        now.series.iter().map(|point| point.deferred + point.bounced).filter(|failed| *failed > 0).collect();
    assert_eq!(busy, [100, 50]);
    assert!(now.series.is_sorted_by_key(|point| point.at));
}

#[tokio::test]
async fn a_course_is_as_fine_as_it_is_short() {
    let dir = tempfile::tempdir().unwrap();
    let suite = Suite::open(dir.path());
    let check = async |minutes: u32, step_seconds: u32, first: Timestamp, delivered: u64| {
        let now = suite.monitor.now(minutes).await.unwrap();
        let sums = (now.series.iter().map(|point| point.delivered).sum(), now.totals.delivered);
        assert_eq!(
            (now.step_seconds, now.series[0].at, sums),
            (step_seconds, first, (delivered, now.totals.delivered))
        );
        assert!(now.series.len() <= 181, "{minutes}: {}", now.series.len());
        let step = std::time::Duration::from_secs(u64::from(step_seconds));
        assert!(now.series.windows(2).all(|pair| pair[1].at == pair[0].at.plus(step)));
        let n: u64 = now.series.iter().map(|point| point.delay.n).sum();
        assert_eq!(n, delivered, "the delays are of the same events");
    };
    let minute = |ago: i64| at(ago).minus(SEC * 20);
    // Nothing yet: the whole period, in minutes.
    check(60, 60, minute(59), 0).await;
    let tell = async |ago: i64, first: u64| {
        suite.tell((first..first + 5).map(|n| attempt(EventKind::Delivered, n, ago, "gmail")).collect()).await;
    };
    tell(3, 0).await;
    check(15, 5, minute(3), 5).await;
    check(1_440, 5, minute(3), 5).await;
    tell(12, 100).await;
    check(60, 10, minute(12), 10).await;
    tell(45, 200).await;
    check(60, 30, minute(45), 15).await;
    tell(100, 300).await;
    check(60, 30, minute(45), 15).await;
    check(360, 60, minute(100), 20).await;
    // In files and in memory alike.
    suite.monitor.flush().await.unwrap();
    check(60, 30, minute(45), 15).await;
    tell(600, 400).await;
    check(1_440, 300, at(600).minus(SEC * 200), 25).await;
    let gmail = suite.monitor.provider("gmail", 24).await.unwrap();
    assert_eq!((gmail.step_seconds, gmail.series.len()), (300, 121));
}

#[tokio::test]
async fn receptions_alone_make_no_provider() {
    let dir = tempfile::tempdir().unwrap();
    let suite = Suite::open(dir.path());
    let mut events: Vec<Event> =
        (0..20).map(|n| Event::of_recipient(EventKind::Received, RecipientId(n), 0, at(3))).collect();
    events.extend((0..10).map(|n| attempt(EventKind::Delivered, n, 2, "gmail")));
    events.push(Event::of_recipient(EventKind::Suppressed, RecipientId(19), 0, at(2)));
    let names = async || -> Vec<String> {
        let now = suite.monitor.now(60).await.unwrap();
        let summary = suite.monitor.providers_summary(24).await.unwrap();
        assert_eq!(now.by_provider.len(), summary.providers.len());
        now.by_provider.iter().map(|row| row.provider.as_ref().map_or("-".to_owned(), ToString::to_string)).collect()
    };
    suite.tell(events).await;
    assert_eq!(names().await, ["gmail"]);
    assert_eq!(suite.monitor.now(60).await.unwrap().totals.received, 20, "they are counted all the same");
    // A domain that does not exist has no provider, and its failures are shown.
    let mut nowhere = refused(EventKind::Bounced, 40, 1, "", Category::BadDomain, (0, ""));
    nowhere.provider = None;
    suite.tell(vec![nowhere]).await;
    assert_eq!(names().await, ["gmail", "-"]);
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
async fn a_reply_counts_when_it_was_given_and_not_again_when_its_mail_expires() {
    let dir = tempfile::tempdir().unwrap();
    let suite = Suite::open(dir.path());
    // The expiries come first: what a template was called first must not name it.
    suite
        .tell((0..2).map(|n| refused(EventKind::Expired, n, 20, "orange", Category::MessageExpired, FULL)).collect())
        .await;
    suite
        .tell((0..10).map(|n| refused(EventKind::Deferred, n, 9, "orange", Category::QuotaIssues, FULL)).collect())
        .await;
    suite
        .tell((0..2).map(|n| refused(EventKind::Expired, n, 5, "orange", Category::MessageExpired, FULL)).collect())
        .await;
    let now = suite.monitor.now(60).await.unwrap();
    let orange = suite.monitor.provider("orange", 1).await.unwrap();
    for replies in [&now.top_replies, &orange.top_replies] {
        let [full] = &replies[..] else { panic!("{replies:?}") };
        assert_eq!((full.count, full.category), (10, Some(Category::QuotaIssues)));
    }
    let [category] = &orange.by_category[..] else { panic!() };
    assert_eq!((category.category, category.deferred, category.bounced), (Some(Category::QuotaIssues), 10, 0));
}

#[tokio::test]
async fn what_counts_as_blocked_is_what_its_search_finds() {
    let dir = tempfile::tempdir().unwrap();
    let suite = Suite::open(dir.path());
    let kinds = [EventKind::Deferred, EventKind::Bounced, EventKind::Expired, EventKind::RemoteBounce];
    let each = kinds.iter().flat_map(|kind| Category::ALL.iter().map(move |category| (*kind, *category)));
    let events: Vec<Event> =
        each.enumerate().map(|(n, (kind, category))| refused(kind, n as u64, 5, "gmail", category, GMAIL)).collect();
    suite.tell(events).await;
    let totals = suite.monitor.now(60).await.unwrap().totals;
    let request = EventsRequest { q: BLOCKED_QUERY.to_owned(), limit: Some(1_000), ..EventsRequest::default() };
    let found = suite.monitor.events(request).await.unwrap().items;
    assert_eq!((totals.blocked, found.len()), (6, 6));
    let guide = include_str!("../../../../docs/guide/monitoring.md");
    assert!(guide.contains(BLOCKED_QUERY), "the guide gives the search that finds what the tile counts");
    let ui = include_str!("../../../../web/app/util/blocked.ts");
    assert!(ui.contains(&format!("\"{BLOCKED_QUERY}\"")), "so does the UI");
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
    assert_eq!((day.step_seconds, day.series.len(), day.totals.attempts), (60, 91, 405));
    let unknown = suite.monitor.provider("nobody", 24).await.unwrap();
    assert_eq!(unknown.totals, Counts::default());
    assert_eq!((unknown.series.len(), unknown.troubles.len()), (144, 0));
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

const FULL: (u16, &str) = (452, "4.2.2 The email account that you tried to reach is over quota");

fn put_off(number: u64, minutes_ago: i64, provider: &str, category: Category, reply: (u16, &str), next: i64) -> Event {
    let mut event = refused(EventKind::Deferred, number, minutes_ago, provider, category, reply);
    event.attempt.get_or_insert_default().next_attempt = Some(at(-next));
    event
}

/// `provider about deferred/bounced/attempts now|earlier waiting@minutes`.
fn short(trouble: &Trouble) -> String {
    let provider = trouble.provider.as_ref().map_or("-".to_owned(), ToString::to_string);
    let when = if trouble.now { "now" } else { "earlier" };
    let next = trouble.next_attempt.map_or("-".to_owned(), |next| (next.since(at(0)).as_secs() / 60).to_string());
    let (deferred, bounced) = (trouble.deferred, trouble.bounced);
    assert_eq!(deferred.n, bounced.n);
    let waiting = trouble.waiting.expect("the events were asked");
    let about = serde_json::to_value(trouble.about).unwrap();
    let about = about.as_str().unwrap();
    format!("{provider} {about} {}/{}/{} {when} {waiting}@{next}", deferred.hits, bounced.hits, deferred.n)
}

#[tokio::test]
async fn a_full_mailbox_is_no_trouble_with_its_provider() {
    let dir = tempfile::tempdir().unwrap();
    let suite = Suite::open(dir.path());
    suite.tell((0..50).map(|n| attempt(EventKind::Delivered, n, 30, "gmail")).collect()).await;
    suite.tell((100..130).map(|n| put_off(n, 20, "gmail", Category::QuotaIssues, FULL, 40)).collect()).await;
    suite.tell((200..212).map(|n| put_off(n, 20, "gmail", Category::RateLimited, GMAIL, 10)).collect()).await;
    suite.tell((300..302).map(|n| put_off(n, 8, "yahoo", Category::Reputation, YAHOO, -1)).collect()).await;
    suite.tell((302..310).map(|n| put_off(n, 2, "yahoo", Category::Reputation, YAHOO, 25)).collect()).await;
    // The first two were tried again: one was taken, the other waits once more.
    suite.tell(vec![attempt(EventKind::Delivered, 300, 1, "yahoo")]).await;
    let mut again = put_off(301, 1, "yahoo", Category::Reputation, YAHOO, 55);
    again.id = Event::of_recipient(EventKind::Deferred, RecipientId(301), 2, at(1)).id;
    suite.tell(vec![again]).await;

    let now = suite.monitor.now(60).await.unwrap();
    let found: Vec<String> = now.troubles.iter().map(short).collect();
    let expected =
        ["gmail recipients 30/0/92 earlier 30@40", "gmail us 12/0/92 earlier 12@10", "yahoo us 11/0/12 now 9@25"];
    assert_eq!(found, expected);
    let [full, slow, block] = &now.troubles[..] else { panic!() };
    assert_eq!((full.last_seen, slow.last_seen, block.last_seen), (Some(at(20)), Some(at(20)), Some(at(1))));
    assert_eq!(full.categories[0].category, Some(Category::QuotaIssues));
    let reply = slow.reply.as_ref().unwrap();
    assert_eq!((reply.code, reply.category, &reply.template[..10]), (421, Some(Category::RateLimited), "421 4.7.28"));
    assert_eq!((block.about, slow.about), (About::Us, About::Us));

    // Half an hour later nothing of it happens any more, and what waited has been tried.
    suite.clock.set(at(-30));
    let later: Vec<String> = suite.monitor.now(60).await.unwrap().troubles.iter().map(short).collect();
    let expected =
        ["gmail recipients 30/0/42 earlier 30@40", "gmail us 12/0/42 earlier 0@-", "yahoo us 11/0/12 earlier 1@55"];
    assert_eq!(later, expected);
    let gmail = suite.monitor.provider("gmail", 24).await.unwrap();
    assert_eq!(gmail.troubles.iter().map(|trouble| trouble.about).collect::<Vec<_>>(), [About::Recipients, About::Us]);
}

#[tokio::test]
async fn cancelled_mail_waits_no_longer() {
    let dir = tempfile::tempdir().unwrap();
    let suite = Suite::open(dir.path());
    let deferred = |number: u64, ago: i64, campaign: u64| {
        let mut event = put_off(number, ago, "yahoo", Category::Reputation, YAHOO, 25);
        event.campaign = Some(CampaignId(campaign));
        event
    };
    suite.tell((0..10).map(|n| deferred(n, 20, 1)).chain((10..13).map(|n| deferred(n, 20, 2))).collect()).await;
    let waiting = async || suite.monitor.now(60).await.unwrap().troubles[0].waiting;
    assert_eq!(waiting().await, Some(13));
    let cancel = |number: u64, ago: i64, target: &str, name: String| {
        let mut event = Event::of_recipient(EventKind::Control, RecipientId(number), 0, at(ago));
        event.recipient = None;
        let (target, action) = (target.to_owned(), "cancel".to_owned());
        event.control = Some(ControlChange { target, name, action, by: "Ada".to_owned(), ..ControlChange::default() });
        event
    };
    suite.tell(vec![cancel(900, 10, "campaign", CampaignId(1).to_string())]).await;
    assert_eq!(waiting().await, Some(3));
    // What came into the campaign after the order is none of its business.
    suite.tell((20..24).map(|n| deferred(n, 5, 1)).collect()).await;
    assert_eq!(waiting().await, Some(7));
    suite.tell(vec![cancel(901, 4, "domain", "example.fr".to_owned())]).await;
    assert_eq!(waiting().await, Some(0));
}
