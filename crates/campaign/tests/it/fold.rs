//! The fold of the event log: the same numbers whatever the batches, told twice, or built again; and what follows.

use campaign::audience::ContactStatus;
use campaign::content::LinePiece;
use campaign::report::{CampaignReport, LinkReport, MomentReport, RecipientFilter, RecipientState, TouchCount};
use campaign::sending::CampaignState;
use db::{PageRequest, params};
use model::category::Category;
use model::event::{Attempt, Event, EventKind, RemoteReport, Touch};
use model::id::CampaignId;
use model::name::Name;
use model::reply::Reply;
use model::time::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::world::{Life, START, World, people, routing};

const PROVIDERS: [&str; 3] = ["gmail", "orange", "yahoo"];

/// Numbers that look random and are always the same (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// Hands a campaign over to the engine in memory.
pub async fn handed_over(world: &World, life: &Life, count: usize) -> CampaignId {
    let list = life.list_of("Everyone", &people(count)).await;
    let campaign = life.draft(list).await;
    life.campaigns.sending.send(campaign.id).await.unwrap();
    let fed = async {
        while world.engine.state().finished.is_empty() {
            world.engine.noted.notified().await;
        }
        // `fed_at` is noted behind it.
        loop {
            let row = life.db.query_one("SELECT fed_at FROM campaign", params![]).await.unwrap();
            if row.get::<Option<i64>>("fed_at").unwrap().is_some() {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = life.campaigns.run(CancellationToken::new()) => unreachable!("nobody shuts it down"),
        () = fed => campaign.id,
    }
}

fn after(seconds: u64) -> Timestamp {
    START.plus(std::time::Duration::from_secs(seconds))
}

fn attempt(received: &Event, kind: EventKind, number: u16, reply: Option<(u16, &str, Category)>) -> Event {
    let recipient = received.recipient.expect("a reception has a recipient");
    let provider = PROVIDERS[recipient.0 as usize % 3];
    Event {
        message: received.message,
        campaign: received.campaign,
        contact: received.contact,
        address: received.address.clone(),
        provider: Some(Name::from(provider)),
        attempt: Some(Attempt {
            number,
            reply: reply.map(|(code, text, _)| Reply::new(code, text)),
            category: reply.map(|(.., category)| category),
            suppress: reply.is_some_and(|(.., category)| category == Category::BadMailbox),
            queued_ms: Some(u64::from(number) * 1_500),
            ..Attempt::default()
        }),
        ..Event::of_recipient(kind, recipient, number, after(u64::from(number) * 90))
    }
}

fn touch(received: &Event, kind: EventKind, ordinal: u16, link: Option<u16>) -> Event {
    let recipient = received.recipient.expect("a reception has a recipient");
    Event {
        campaign: received.campaign,
        contact: received.contact,
        touch: Some(Touch { link, user_agent: Some("Mail/1.0".into()), ..Touch::default() }),
        ..Event::of_recipient(kind, recipient, ordinal, after(600 + u64::from(ordinal)))
    }
}

/// The same by a link checker.
fn automatic(event: Event) -> Event {
    let touch = event.touch.clone().unwrap_or_default();
    Event { touch: Some(Touch { user_agent: Some("Lab-Scanner/1.0".into()), ..touch }), ..event }
}

const DEFER: (u16, &str, Category) = (451, "4.7.1 try later", Category::Greylisted);
const NO_USER: (u16, &str, Category) = (550, "5.1.1 no such user", Category::BadMailbox);
const SPAM: (u16, &str, Category) = (550, "5.7.1 spam", Category::SpamRelated);

/// What happens to each recipient: engine events, then what people do.
fn story(received: &[Event], dice: &mut Dice) -> (Vec<Event>, Vec<Event>) {
    let (mut engine, mut people) = (received.to_vec(), Vec::new());
    for one in received {
        let mut number = 1;
        while dice.roll(4) == 0 {
            engine.push(attempt(one, EventKind::Deferred, number, Some(DEFER)));
            number += 1;
        }
        let (kind, reply) = match dice.roll(10) {
            0 => (EventKind::Bounced, Some(NO_USER)),
            1 => (EventKind::Bounced, Some(SPAM)),
            2 => (EventKind::Expired, None),
            3 => (EventKind::Suppressed, None),
            4 => continue,
            _ => (EventKind::Delivered, None),
        };
        engine.push(attempt(one, kind, number, reply));
        if kind == EventKind::Delivered {
            for ordinal in 0..dice.roll(3) as u16 {
                people.push(touch(one, EventKind::Opened, ordinal, None));
                people.push(touch(one, EventKind::Clicked, ordinal, Some(dice.roll(2) as u16)));
            }
            if dice.roll(5) == 0 {
                people.push(automatic(touch(one, EventKind::Opened, 20, None)));
                people.push(automatic(touch(one, EventKind::Clicked, 20, Some(1))));
            }
            if dice.roll(6) == 0 {
                let report = RemoteReport { what: "abuse".into(), ..RemoteReport::default() };
                people.push(Event {
                    report: Some(report),
                    touch: None,
                    contact: None,
                    ..touch(one, EventKind::Complaint, 0, None)
                });
            }
        }
    }
    (engine, people)
}

async fn report(life: &Life, id: CampaignId) -> CampaignReport {
    life.campaigns.reports.report(id).await.unwrap()
}

/// The sums of the tables are those of a count over the recipients.
async fn sums_agree(life: &Life, id: CampaignId) {
    let report = report(life, id).await;
    let count = async |condition: &str| {
        let sql = format!("SELECT COUNT(*) AS n FROM recipient WHERE campaign = $1 AND {condition}");
        life.db.query_one(&sql, params![id]).await.unwrap().get::<u64>("n").unwrap()
    };
    for (sum, condition) in [
        (report.handed_over, "recipient IS NOT NULL"),
        (report.delivered, "state = 'delivered'"),
        (report.bounced, "state = 'bounced'"),
        (report.expired, "state = 'expired'"),
        (report.suppressed, "state = 'suppressed'"),
        (report.deferred_now, "state = 'deferred'"),
        (report.queued, "state IN ('queued', 'deferred')"),
        (report.complaints, "complained_at IS NOT NULL"),
        (report.opens.unique, "opened_at IS NOT NULL"),
        (report.clicks.unique, "clicked_at IS NOT NULL"),
    ] {
        assert_eq!(sum, count(condition).await, "{condition}");
    }
    let by_provider: u64 = report.by_provider.iter().map(|provider| provider.delivered).sum();
    assert_eq!(by_provider, report.delivered);
    let ends = |delivered: u64, bounced: u64, expired: u64, suppressed: u64| delivered + bounced + expired + suppressed;
    assert_eq!(report.sent, ends(report.delivered, report.bounced, report.expired, report.suppressed) + report.queued);
    for one in &report.by_provider {
        assert_eq!(one.sent, ends(one.delivered, one.bounced, one.expired, one.suppressed) + one.queued, "{one:?}");
    }
    assert_eq!(report.by_provider.iter().map(|one| one.sent).sum::<u64>(), report.sent, "the rows add up");
    let over_time = |count: fn(&MomentReport) -> u64| report.timeline.iter().map(count).sum::<u64>();
    assert_eq!(over_time(|moment| moment.delivered), report.delivered);
    assert_eq!(over_time(|moment| moment.bounced), report.bounced);
    assert_eq!(over_time(|moment| moment.expired), report.expired);
    assert_eq!(over_time(|moment| moment.opens), report.opens.total - report.opens.automatic);
    assert_eq!(over_time(|moment| moment.clicks), report.clicks.total - report.clicks.automatic);
    assert_eq!(over_time(|moment| moment.automatic), report.opens.automatic + report.clicks.automatic);
    let of_links = |count: fn(&LinkReport) -> u64| report.links.iter().map(count).sum::<u64>();
    assert_eq!(of_links(|link| link.clicks), report.clicks.total);
    assert_eq!(of_links(|link| link.automatic), report.clicks.automatic);
}

async fn told(batch: u32, seed: u64) -> CampaignReport {
    let mut world = World::new();
    world.config.fold_batch = batch;
    let life = world.start().await;
    let id = handed_over(&world, &life, 40).await;
    let received = world.engine.received(START);
    let (engine, people) = story(&received, &mut Dice(seed));
    life.events.append(engine.clone()).await.unwrap();
    life.events.append(people).await.unwrap();
    life.campaigns.reports.catch_up().await.unwrap();
    sums_agree(&life, id).await;
    let once = report(&life, id).await;
    // Told again after a crash: engine events have stable ids and count once.
    life.events.append(engine).await.unwrap();
    life.campaigns.reports.catch_up().await.unwrap();
    assert_eq!(report(&life, id).await, once, "told twice");
    // A restart goes on behind the cursor.
    life.events.clone().close().await;
    let life = world.start().await;
    assert_eq!(report(&life, id).await, once, "after a restart");
    let suppressed = life.campaigns.audience.suppression_set().len();
    world.rebuild(&life).await;
    assert_eq!(report(&life, id).await, once, "built again");
    assert_eq!(life.campaigns.audience.suppression_set().len(), suppressed);
    sums_agree(&life, id).await;
    once
}

#[tokio::test]
async fn batches_do_not_matter_and_events_count_once() {
    for seed in [1, 77, 4_242] {
        let whole = told(2_000, seed).await;
        assert!(whole.delivered > 0 && whole.by_provider.len() >= 3, "{whole:?}");
        assert!(whole.clicks.automatic > 0 && whole.expired > 0 && whole.queued > 0, "{whole:?}");
        let pieces = told(3, seed).await;
        // Ids differ from world to world; numbers do not.
        assert_eq!(CampaignReport { campaign: whole.campaign, ..pieces }, whole, "seed {seed}");
    }
}

#[tokio::test]
async fn a_campaign_is_sent_when_everyone_is_done() {
    let world = World::new();
    let life = world.start().await;
    let id = handed_over(&world, &life, 3).await;
    let received = world.engine.received(START);
    let mut events = received.clone();
    events.push(attempt(&received[0], EventKind::Delivered, 1, None));
    events.push(attempt(&received[1], EventKind::Deferred, 1, Some(DEFER)));
    events.push(attempt(&received[2], EventKind::Bounced, 1, Some(NO_USER)));
    life.events.append(events).await.unwrap();
    life.campaigns.reports.catch_up().await.unwrap();
    let campaign = life.campaigns.sending.campaign(id).await.unwrap();
    let counts = campaign.counts.unwrap();
    assert_eq!((campaign.state, counts.queued, counts.deferred_now), (CampaignState::Sending, 1, 1));
    let page = PageRequest::default();
    let deferred = life.campaigns.reports.recipients(id, Some(RecipientFilter::Deferred), &page).await.unwrap();
    assert_eq!(deferred.items[0].last_reply.as_deref(), Some("451 4.7.1 try later"));
    life.events.append(vec![attempt(&received[1], EventKind::Expired, 2, None)]).await.unwrap();
    life.campaigns.reports.catch_up().await.unwrap();
    let campaign = life.campaigns.sending.campaign(id).await.unwrap();
    assert_eq!(campaign.state, CampaignState::Sent);
    assert!(campaign.finished_at.is_some());
    let all = life.campaigns.reports.recipients(id, None, &page).await.unwrap().items;
    let states: Vec<RecipientState> = all.iter().map(|one| one.state).collect();
    assert_eq!(states, [RecipientState::Delivered, RecipientState::Expired, RecipientState::Bounced]);
    assert_eq!(all[1].last_reply.as_deref(), Some("451 4.7.1 try later"), "the last reply stays");
    let report = report(&life, id).await;
    assert_eq!((report.by_category[0].category.as_str(), report.by_category[0].count), ("bad-mailbox", 1));
    for languages in [Some("fr"), None] {
        assert!(life.campaigns.reports.pdf(id, languages).await.unwrap().starts_with(b"%PDF-"));
    }
}

#[tokio::test]
async fn what_programs_do_is_not_counted_as_peoples() {
    let world = World::new();
    let life = world.start().await;
    let id = handed_over(&world, &life, 3).await;
    let received = world.engine.received(START);
    let mut events = received.clone();
    events.extend(received.iter().map(|one| attempt(one, EventKind::Delivered, 1, None)));
    // The first mail is looked through by a link checker, then read; the second is only looked through.
    for one in &received[..2] {
        events.push(automatic(touch(one, EventKind::Opened, 0, None)));
        events.push(automatic(touch(one, EventKind::Clicked, 0, Some(0))));
        events.push(automatic(touch(one, EventKind::Clicked, 1, Some(1))));
    }
    events.push(touch(&received[0], EventKind::Opened, 2, None));
    events.push(touch(&received[0], EventKind::Clicked, 2, Some(1)));
    events.push(touch(&received[0], EventKind::Clicked, 3, Some(1)));
    life.events.append(events).await.unwrap();
    life.campaigns.reports.catch_up().await.unwrap();
    let report = report(&life, id).await;
    assert_eq!(report.opens, TouchCount { total: 3, automatic: 2, unique: 1 });
    assert_eq!(report.clicks, TouchCount { total: 6, automatic: 4, unique: 1 });
    let links: Vec<_> = report.links.iter().map(|link| (link.clicks, link.automatic, link.unique)).collect();
    assert_eq!(links, [(2, 2, 0), (4, 2, 1)]);
    let providers = report.by_provider.iter();
    let of_providers = providers.map(|one| (one.opens, one.opens_automatic, one.clicks, one.clicks_automatic));
    let sum = of_providers.reduce(|a, b| (a.0 + b.0, a.1 + b.1, a.2 + b.2, a.3 + b.3));
    assert_eq!(sum, Some((1, 2, 1, 4)));
    let counts = life.campaigns.sending.campaign(id).await.unwrap().counts.unwrap();
    assert_eq!((counts.opens, counts.clicks), (1, 1));
    for (filter, expected) in
        [(RecipientFilter::Opened, 1), (RecipientFilter::Clicked, 1), (RecipientFilter::Automatic, 2)]
    {
        let page = life.campaigns.reports.recipients(id, Some(filter), &PageRequest::default()).await.unwrap();
        assert_eq!(page.items.len(), expected, "{filter:?}");
        assert!(page.items.iter().all(|one| one.automatic || filter != RecipientFilter::Automatic));
    }
    world.rebuild(&life).await;
    assert_eq!(self::report(&life, id).await, report, "built again");
}

#[tokio::test]
async fn a_short_campaign_is_seen_by_the_second() {
    let world = World::new();
    let life = world.start().await;
    let id = handed_over(&world, &life, 3).await;
    let received = world.engine.received(START);
    let mut events = received.clone();
    let times = [30, 31, 5_000];
    events.extend(
        received
            .iter()
            .zip(times)
            .map(|(one, at)| Event { at: after(at), ..attempt(one, EventKind::Delivered, 1, None) }),
    );
    life.events.append(events).await.unwrap();
    life.campaigns.reports.catch_up().await.unwrap();
    let timeline = report(&life, id).await.timeline;
    let seen: Vec<_> = timeline.iter().map(|moment| (moment.at, moment.span_s, moment.delivered)).collect();
    assert_eq!(seen, [(after(30), 1, 1), (after(31), 1, 1), (after(5_000), 10, 1)]);
}

#[tokio::test]
async fn links_and_subjects_have_readable_names() {
    let world = World::new();
    let life = world.start().await;
    let id = handed_over(&world, &life, 1).await;
    let shown =
        |pieces: &[LinePiece]| pieces.iter().map(|piece| (piece.text.clone(), piece.variable)).collect::<Vec<_>>();
    let links = report(&life, id).await.links;
    assert_eq!(links[1].url, "https://example.com/b?c={{ city }}");
    assert_eq!(shown(&links[1].pieces), [("https://example.com/b?c=".to_owned(), false), ("city".to_owned(), true)]);
    let subject = life.campaigns.sending.campaign(id).await.unwrap().subject_pieces;
    assert_eq!(shown(&subject), [("For ".to_owned(), false), ("First name".to_owned(), true)]);
}

#[tokio::test]
async fn mail_that_came_back_is_told_apart_and_every_sum_has_its_number() {
    let world = World::new();
    let life = world.start().await;
    let id = handed_over(&world, &life, 4).await;
    let received = world.engine.received(START);
    let mut events = received.clone();
    events.push(attempt(&received[0], EventKind::Deferred, 1, Some((451, "4.7.1 try later", Category::Greylisted))));
    events.extend([0, 1].map(|n| attempt(&received[n], EventKind::Delivered, 2, None)));
    events.push(attempt(&received[2], EventKind::Bounced, 1, Some(NO_USER)));
    events.push(Event { attempt: None, ..attempt(&received[3], EventKind::Expired, 1, None) });
    // Told twice; and once of a mail that was refused at once, which says nothing new.
    for n in [1, 1, 2] {
        let what = || "failed".to_owned();
        events.push(Event {
            report: Some(RemoteReport {
                what: what(),
                category: Some(Category::QuotaIssues),
                ..RemoteReport::default()
            }),
            ..Event::of_recipient(EventKind::RemoteBounce, received[n].recipient.unwrap(), 0, after(500))
        });
    }
    life.events.append(events).await.unwrap();
    for _ in 0..2 {
        life.campaigns.reports.catch_up().await.unwrap();
        let report = report(&life, id).await;
        assert_eq!((report.delivered, report.came_back, report.bounced, report.expired), (2, 1, 1, 1));
        let sum = |of: fn(&campaign::report::CategoryReport) -> u64| report.by_category.iter().map(of).sum::<u64>();
        let deferrals: u64 = report.by_provider.iter().map(|row| row.deferrals).sum();
        assert_eq!(sum(|row| row.deferred), deferrals);
        assert_eq!([sum(|row| row.bounced), sum(|row| row.expired), sum(|row| row.came_back)], [1, 1, 1]);
        assert_eq!(report.by_provider.iter().map(|row| row.came_back).sum::<u64>(), 1);
        let page = PageRequest::default();
        let filter = Some(RecipientFilter::CameBack);
        let back = life.campaigns.reports.recipients(id, filter, &page).await.unwrap().items;
        assert_eq!(back.len(), 1);
        assert!(back[0].came_back && back[0].state == RecipientState::Delivered, "{back:?}");
        world.rebuild(&life).await;
    }
}

#[tokio::test]
async fn bounces_complaints_and_reports_suppress() {
    let world = World::new();
    let life = world.start().await;
    handed_over(&world, &life, 4).await;
    let received = world.engine.received(START);
    let mut events = received.clone();
    events.push(attempt(&received[0], EventKind::Bounced, 1, Some(NO_USER)));
    events.push(attempt(&received[1], EventKind::Bounced, 1, Some(SPAM)));
    events.push(attempt(&received[2], EventKind::Delivered, 1, None));
    // A complaint names the recipient only, as a return path does.
    let recipient = received[2].recipient.unwrap();
    events.push(Event {
        report: Some(RemoteReport { what: "abuse".into(), reporter: Some("Yahoo".into()), ..RemoteReport::default() }),
        ..Event::of_recipient(EventKind::Complaint, recipient, 0, after(500))
    });
    // Mail that belongs to no campaign suppresses too.
    events.push(Event {
        address: Some("A3@example.org".into()),
        report: Some(RemoteReport { what: "failed".into(), suppress: true, ..RemoteReport::default() }),
        ..Event::of_engine(EventKind::RemoteBounce, 9, after(500))
    });
    life.events.append(events).await.unwrap();
    life.campaigns.reports.catch_up().await.unwrap();
    let set = life.campaigns.audience.suppression_set();
    let status =
        |n: usize| set.check(&routing("bulk", None), &format!("a{n}@example.org")).map(|reason| reason.as_str());
    assert_eq!([status(0), status(1), status(2), status(3)], [Some("bounce"), None, Some("complaint"), Some("bounce")]);
    assert_eq!(set.check(&routing("transactional", None), "a2@example.org"), None);
    let page = PageRequest::default();
    let rows = life.campaigns.audience.suppressions(Some("a2"), &page).await.unwrap().items;
    assert_eq!((rows[0].note.as_str(), rows[0].stream.as_deref()), ("abuse reported by Yahoo", Some("marketing")));
    let filter = campaign::audience::ContactFilter { list: None, q: Some("a2@".into()) };
    let contact = life.campaigns.audience.contacts(&filter, &page).await.unwrap().items.remove(0);
    assert_eq!(contact.status, ContactStatus::Complained);
    assert_eq!(contact.lists[0].state.as_str(), "unsubscribed");
    // Taken away by a person, an older event does not bring it back.
    world.clock.advance(std::time::Duration::from_secs(3_600));
    life.campaigns.audience.unsuppress("a0@example.org").await.unwrap();
    world.rebuild(&life).await;
    assert!(life.campaigns.audience.suppressions(Some("a0"), &page).await.unwrap().items.is_empty());
    assert_eq!(life.campaigns.audience.suppression_set().check(&routing("bulk", None), "a0@example.org"), None);
}

#[tokio::test]
async fn the_log_waits_for_what_only_it_knows() {
    let mut world = World::new();
    world.events_max = 4 << 20;
    let life = world.start().await;
    let id = handed_over(&world, &life, 1).await;
    let received = world.engine.received(START);
    let address = received[0].address.clone();
    life.events.append(received.clone()).await.unwrap();
    life.events.append(vec![Event { address, ..touch(&received[0], EventKind::Unsubscribed, 0, None) }]).await.unwrap();
    // The database is away, while the log grows beyond what it may be.
    let filler = Event { note: Some("x".repeat(100_000)), ..Event::of_engine(EventKind::Control, 7, START) };
    while life.events.bytes() < 5 << 20 {
        life.events.append(vec![filler.clone()]).await.unwrap();
    }
    assert_eq!(life.events.start().segment, 1, "nothing unread was deleted");
    life.campaigns.reports.catch_up().await.unwrap();
    assert_eq!(life.campaigns.reports.stats().await.unwrap().gaps, 0);
    assert_eq!(life.campaigns.reports.report(id).await.unwrap().unsubscribes, 1);
    let suppressed = life.campaigns.audience.suppressions(None, &PageRequest::default()).await.unwrap();
    assert_eq!(suppressed.items.len(), 1);
    // Read, it may go.
    while life.events.start().segment == 1 && life.events.bytes() < 8 << 20 {
        life.events.append(vec![filler.clone()]).await.unwrap();
    }
    assert!(life.events.start().segment > 1 && life.events.bytes() < 6 << 20, "{}", life.events.bytes());
}
