//! The feed: each recipient exactly once, whatever falls; pause, resume, cancel; refusals.

use std::sync::Arc;
use std::time::Duration;

use campaign::Error;
use campaign::report::SkipReport;
use campaign::sending::CampaignState;
use model::event::{Event, EventKind};
use model::id::{CampaignId, MessageId};
use model::submission::{Content, Refusal};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::world::{Fall, Life, START, World, people};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Runs the background work until this campaign has a state that is not in motion, or the engine dies.
async fn run_until_fed_or_dead(world: &World, life: &Life, id: CampaignId) -> bool {
    let shutdown = CancellationToken::new();
    let fed = async {
        loop {
            let row = life.db.query_one("SELECT fed_at FROM campaign WHERE id = $1", db::params![id]).await.unwrap();
            if row.get::<Option<i64>>("fed_at").unwrap().is_some() {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = life.campaigns.run(shutdown.clone()) => unreachable!("nobody shuts it down"),
        () = world.engine.died.notified() => false,
        () = fed => true,
    }
}

/// One fall in the life of a campaign of eight recipients in batches of three, then a start without falls.
fn check(falls: &[Fall]) {
    check_with(falls, None);
}

/// The same with an engine that takes at most so many at once.
fn check_with(falls: &[Fall], rows_max: Option<usize>) {
    let world = World::new();
    world.engine.state().rows_max = rows_max;
    let id = runtime().block_on(async {
        let life = world.start().await;
        let list = life.list_of("Everyone", &people(8)).await;
        let campaign = life.draft(list).await;
        life.campaigns.sending.send(campaign.id).await.unwrap();
        life.events.close().await;
        campaign.id
    });
    let mut falls = falls.iter();
    loop {
        // A crash: the runtime goes with all its tasks, nothing is told to end.
        world.engine.state().fall = falls.next().copied();
        let done = runtime().block_on(async {
            let life = world.start().await;
            let done = run_until_fed_or_dead(&world, &life, id).await;
            life.events.clone().close().await;
            done
        });
        if done {
            break;
        }
    }
    let state = world.engine.state();
    let addresses: Vec<&str> = state.recipients.iter().map(|(.., recipient)| recipient.address.as_str()).collect();
    let expected: Vec<String> = (0..8).map(|n| format!("a{n}@example.org")).collect();
    assert_eq!(addresses, expected, "each once, in order");
    assert_eq!(state.messages.len(), 1, "one message");
    assert!(state.finished.contains(&state.messages[0].0), "the message is finished");
    assert_eq!(state.checkpoints[&id.0], 8);
}

#[test]
fn without_a_fall() {
    check(&[]);
}

#[test]
fn every_single_fall() {
    for number in 0..3 {
        check(&[Fall::BeforeSubmit(number)]);
        check(&[Fall::AfterSubmit(number)]);
    }
    check(&[Fall::BeforeFinish]);
    check(&[Fall::AfterFinish]);
}

#[test]
fn every_single_fall_while_batches_are_too_large() {
    check_with(&[], Some(1));
    // The content alone, then 1 + 2, 1 + 2, 2.
    for number in 0..6 {
        check_with(&[Fall::BeforeSubmit(number)], Some(2));
        check_with(&[Fall::AfterSubmit(number)], Some(2));
    }
}

#[test]
fn fall_after_fall() {
    // The engine counts submissions over all lives.
    check(&[Fall::AfterSubmit(0), Fall::BeforeSubmit(1), Fall::AfterSubmit(2), Fall::AfterSubmit(3)]);
    check(&[Fall::BeforeSubmit(0), Fall::AfterSubmit(1), Fall::AfterSubmit(2), Fall::BeforeFinish, Fall::AfterFinish]);
}

/// Sends a campaign of `count` and runs it to the end of its feed.
async fn fed(world: &World, life: &Life, count: usize) -> CampaignId {
    let list = life.list_of("Everyone", &people(count)).await;
    let campaign = life.draft(list).await;
    life.campaigns.sending.send(campaign.id).await.unwrap();
    assert!(run_until_fed_or_dead(world, life, campaign.id).await);
    world.engine.state().told.clear();
    campaign.id
}

/// One look at the database, as after a start.
async fn look_once(life: &Life) {
    let shutdown = CancellationToken::new();
    shutdown.cancel();
    life.campaigns.run(shutdown).await;
}

#[tokio::test]
async fn values_travel_in_the_order_of_the_slots() {
    let world = World::new();
    let life = world.start().await;
    fed(&world, &life, 2).await;
    let state = world.engine.state();
    let Content::Merge(bytes) = &state.messages[0].1 else { panic!("a merge program") };
    let program = mail::program::Source::from_bytes(bytes).unwrap().compile().unwrap();
    let place = program.slots().iter().position(|slot| slot == "first_name").unwrap();
    let names: Vec<_> = state.recipients.iter().map(|(.., recipient)| recipient.values[place].as_text()).collect();
    assert_eq!(names, [Some("Name0"), Some("Name1")]);
}

#[tokio::test]
async fn no_room_is_waited_for() {
    let world = World::new();
    let refusal = || Refusal::Unavailable { reason: "the spool is full".into() };
    world.engine.state().refusals = vec![refusal(), refusal(), refusal()];
    let life = world.start().await;
    fed(&world, &life, 4).await;
    assert_eq!(world.engine.state().recipients.len(), 4);
}

#[tokio::test]
async fn a_lost_message_gets_its_content_again() {
    let world = World::new();
    let life = world.start().await;
    world.engine.state().fall = Some(Fall::AfterSubmit(0));
    let list = life.list_of("Everyone", &people(5)).await;
    let campaign = life.draft(list).await;
    life.campaigns.sending.send(campaign.id).await.unwrap();
    assert!(!run_until_fed_or_dead(&world, &life, campaign.id).await);
    life.events.close().await;
    // The spool is wiped, but its checkpoint is known.
    world.engine.state().fall = None;
    world.engine.state().messages.clear();
    let life = world.start().await;
    life.db.execute("UPDATE campaign SET message = 77", db::params![]).await.unwrap();
    assert!(run_until_fed_or_dead(&world, &life, campaign.id).await);
    let state = world.engine.state();
    assert_eq!((state.recipients.len(), state.messages.len()), (5, 1));
}

#[tokio::test]
async fn a_refusal_for_good_pauses_and_says_why() {
    let world = World::new();
    // With recipients, then the content alone.
    world.engine.state().refusals = vec![Refusal::Invalid { reason: "no such pool".into() }; 2];
    let life = world.start().await;
    let list = life.list_of("Everyone", &people(4)).await;
    let campaign = life.draft(list).await;
    life.campaigns.sending.send(campaign.id).await.unwrap();
    let shutdown = CancellationToken::new();
    let paused = async {
        loop {
            let now = life.campaigns.sending.campaign(campaign.id).await.unwrap();
            if now.state == CampaignState::Paused {
                return now;
            }
            tokio::task::yield_now().await;
        }
    };
    let paused = tokio::select! {
        () = life.campaigns.run(shutdown) => unreachable!("nobody shuts it down"),
        paused = paused => paused,
    };
    assert_eq!(paused.trouble.as_deref(), Some("no such pool"));
    let resumed = life.campaigns.sending.resume(campaign.id).await.unwrap();
    assert_eq!((resumed.state, resumed.trouble), (CampaignState::Sending, None));
    assert!(run_until_fed_or_dead(&world, &life, campaign.id).await);
    assert_eq!(world.engine.state().recipients.len(), 4);
}

#[tokio::test]
async fn the_queue_is_told_of_pause_resume_and_cancel() {
    let world = World::new();
    let life = world.start().await;
    let id = fed(&world, &life, 4).await;
    let sending = &life.campaigns.sending;
    assert_eq!(sending.pause(id).await.unwrap().state, CampaignState::Paused);
    assert_eq!(sending.resume(id).await.unwrap().state, CampaignState::Sending);
    let cancelled = sending.cancel(id).await.unwrap();
    assert_eq!(cancelled.state, CampaignState::Cancelled);
    assert!(cancelled.finished_at.is_some());
    assert_eq!(world.engine.state().told, [("hold", id), ("release", id), ("cancel", id)]);
    assert!(matches!(sending.resume(id).await, Err(Error::Conflict { .. })));
    assert!(matches!(sending.send(id).await, Err(Error::Conflict { .. })));
}

#[tokio::test]
async fn a_cancelled_feed_hands_nothing_more_over_and_lets_the_message_go() {
    let world = World::new();
    let life = world.start().await;
    world.engine.state().refusals = vec![Refusal::Unavailable { reason: "busy".into() }; 10_000];
    let list = life.list_of("Everyone", &people(4)).await;
    let campaign = life.draft(list).await;
    life.campaigns.sending.send(campaign.id).await.unwrap();
    let shutdown = CancellationToken::new();
    let cancel = async {
        while world.engine.state().refusals.len() > 9_995 {
            tokio::task::yield_now().await;
        }
        life.campaigns.sending.cancel(campaign.id).await.unwrap()
    };
    tokio::select! {
        () = life.campaigns.run(shutdown) => unreachable!("nobody shuts it down"),
        cancelled = cancel => assert_eq!(cancelled.state, CampaignState::Cancelled),
    }
    let state = world.engine.state();
    assert!(state.recipients.is_empty());
    assert_eq!(state.told.last(), Some(&("cancel", campaign.id)));
}

#[tokio::test]
async fn what_the_queue_missed_is_told_at_the_next_start() {
    let world = World::new();
    let life = world.start().await;
    let id = fed(&world, &life, 4).await;
    // The state was changed, then the process died before it could tell.
    life.db.execute("UPDATE campaign SET state = 'cancelled', fed_at = NULL", db::params![]).await.unwrap();
    life.events.close().await;
    let life = world.start().await;
    assert!(run_until_fed_or_dead(&world, &life, id).await);
    assert_eq!(world.engine.state().told, [("cancel", id)]);
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_nothing_half_done() {
    let world = World::new();
    let life = world.start().await;
    let id = fed(&world, &life, 4).await;
    let gate = Arc::new(Notify::new());
    world.engine.state().gate = Some(gate.clone());
    tokio::select! {
        _ = life.campaigns.sending.cancel(id) => panic!("the queue has not answered"),
        () = world.engine.asked.notified() => {}
    }
    gate.notify_one();
    let told = async {
        while world.engine.state().told.is_empty() {
            world.engine.noted.notified().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), told).await.expect("the order reaches the queue");
    assert_eq!(world.engine.state().told, [("cancel", id)]);
}

#[tokio::test]
async fn what_the_queue_refused_is_told_again() {
    let world = World::new();
    let life = world.start().await;
    let id = fed(&world, &life, 4).await;
    let sending = &life.campaigns.sending;
    sending.pause(id).await.unwrap();
    sending.resume(id).await.unwrap();
    world.engine.state().orders_refused = 1;
    assert!(matches!(sending.pause(id).await, Err(Error::Unavailable { .. })));
    look_once(&life).await;
    assert_eq!(world.engine.state().told, [("hold", id), ("release", id), ("hold", id)]);
    world.engine.state().orders_refused = 1;
    assert!(matches!(sending.cancel(id).await, Err(Error::Unavailable { .. })));
    look_once(&life).await;
    assert_eq!(world.engine.state().told.last(), Some(&("cancel", id)));
}

#[tokio::test]
async fn an_interrupted_resume_goes_on_at_the_next_start() {
    let world = World::new();
    let life = world.start().await;
    let id = fed(&world, &life, 4).await;
    life.campaigns.sending.pause(id).await.unwrap();
    // The state was changed, then the process died before it could tell.
    life.db.execute("UPDATE campaign SET state = 'sending'", db::params![]).await.unwrap();
    life.events.close().await;
    let life = world.start().await;
    look_once(&life).await;
    assert_eq!(world.engine.state().told, [("hold", id), ("release", id)]);
}

#[tokio::test]
async fn a_cancelled_campaign_is_cancelled_again_until_nothing_of_it_is_in_the_queue() {
    let world = World::new();
    let life = world.start().await;
    let id = fed(&world, &life, 3).await;
    let received = world.engine.received(START);
    life.events.append(received.clone()).await.unwrap();
    life.campaigns.reports.catch_up().await.unwrap();
    life.campaigns.sending.cancel(id).await.unwrap();
    // The queue crashed and does not know of it any more.
    life.events.close().await;
    world.engine.state().told.clear();
    let life = world.start().await;
    look_once(&life).await;
    assert_eq!(world.engine.state().told, [("cancel", id)]);
    look_once(&life).await;
    assert_eq!(world.engine.state().told.len(), 1, "once in a life");
    let ends = received.into_iter().map(|event| Event {
        kind: EventKind::Suppressed,
        ..Event { id: Event::of_recipient(EventKind::Suppressed, event.recipient.unwrap(), 0, START).id, ..event }
    });
    life.events.append(ends.collect()).await.unwrap();
    life.events.close().await;
    let life = world.start().await;
    look_once(&life).await;
    assert_eq!(world.engine.state().told.len(), 1, "nothing is left of it");
}

#[tokio::test]
async fn a_refused_row_is_skipped_and_the_report_says_why() {
    let world = World::new();
    world.engine.state().wrong_address = Some("a4@example.org");
    let life = world.start().await;
    let id = fed(&world, &life, 5).await;
    let addresses = || -> Vec<String> {
        world.engine.state().recipients.iter().map(|(.., recipient)| recipient.address.clone()).collect()
    };
    assert_eq!(addresses(), ["a0@example.org", "a1@example.org", "a2@example.org", "a3@example.org"]);
    let report = life.campaigns.reports.report(id).await.unwrap();
    let skip = SkipReport { reason: "not an address".into(), count: 1, sample: "a4@example.org".into() };
    assert_eq!((report.skipped, &report.skips), (1, &vec![skip.clone()]));
    // A start behind the last checkpoint: skipped it is, whatever the engine would say now.
    world.engine.state().wrong_address = None;
    life.db.execute("UPDATE campaign SET fed_at = NULL", db::params![]).await.unwrap();
    life.events.clone().close().await;
    let life = world.start().await;
    assert!(run_until_fed_or_dead(&world, &life, id).await);
    assert_eq!(addresses().len(), 4);
    // Everybody else done, the campaign is.
    let events = world.engine.received(START).into_iter().map(|event| Event {
        id: Event::of_recipient(EventKind::Delivered, event.recipient.unwrap(), 1, START).id,
        kind: EventKind::Delivered,
        ..event
    });
    life.events.append(events.collect()).await.unwrap();
    life.campaigns.reports.catch_up().await.unwrap();
    assert_eq!(life.campaigns.sending.campaign(id).await.unwrap().state, CampaignState::Sent);
    world.rebuild(&life).await;
    let report = life.campaigns.reports.report(id).await.unwrap();
    assert_eq!((report.delivered, report.skipped, report.skips), (4, 1, vec![skip]), "also after a rebuild");
}

/// The first life ends behind `fed_at`; the position of the feed is still on disk.
#[tokio::test]
async fn the_position_of_a_fed_campaign_is_forgotten_and_of_no_other() {
    let world = World::new();
    let life = world.start().await;
    let fed = fed(&world, &life, 4).await;
    // One that goes on, one that was cancelled and one that this database does not know.
    let list = life.list_of("Others", &people(3)).await;
    let (paused, cancelled) = (life.draft(list).await.id, life.draft(list).await.id);
    let unknown = CampaignId(1);
    for (id, state) in [(paused, "paused"), (cancelled, "cancelled")] {
        let sql = "UPDATE campaign SET state = $2 WHERE id = $1";
        life.db.execute(sql, db::params![id, state]).await.unwrap();
    }
    {
        let mut state = world.engine.state();
        assert_eq!(state.checkpoints.get(&fed.0), Some(&4));
        state.checkpoints.extend([paused, cancelled, unknown].map(|id| (id.0, 2)));
    }
    life.events.close().await;
    let life = world.start().await;
    let forgotten = async {
        loop {
            let left = world.engine.state().checkpoints.len();
            if left == 2 {
                return;
            }
            world.engine.noted.notified().await;
        }
    };
    tokio::select! {
        () = life.campaigns.run(CancellationToken::new()) => unreachable!("nobody shuts it down"),
        () = forgotten => {}
    }
    let state = world.engine.state();
    let mut left: Vec<u64> = state.checkpoints.keys().copied().collect();
    left.sort_unstable();
    assert_eq!(left, [unknown.0, paused.0], "those may still be asked for");
    assert_eq!(state.recipients.len(), 4, "nobody is handed over twice");
}

#[tokio::test]
async fn contacts_deleted_since_the_launch_are_skipped() {
    let world = World::new();
    let life = world.start().await;
    let list = life.list_of("Everyone", &people(4)).await;
    let campaign = life.draft(list).await;
    life.campaigns.sending.send(campaign.id).await.unwrap();
    life.db.execute("DELETE FROM contact WHERE address = 'a3@example.org'", db::params![]).await.unwrap();
    assert!(run_until_fed_or_dead(&world, &life, campaign.id).await);
    assert_eq!(world.engine.state().recipients.len(), 3);
    let row = life.db.query_one("SELECT skipped FROM campaign", db::params![]).await.unwrap();
    assert_eq!(row.get::<i64>("skipped").unwrap(), 1);
}

#[tokio::test]
async fn a_test_mail_goes_out_at_once_and_is_not_counted() {
    let world = World::new();
    let life = world.start().await;
    let list = life.list_of("Everyone", &people(2)).await;
    let campaign = life.draft(list).await;
    let request = campaign::sending::TestRequest { addresses: vec!["me@example.org".into(), "nobody".into()] };
    let receipt = life.campaigns.sending.test(campaign.id, &request).await.unwrap();
    assert_eq!((receipt.message, receipt.recipients, receipt.rejected.len()), (MessageId(1_000), 1, 1));
    let state = world.engine.state();
    assert_eq!(state.messages[0].2, None, "belongs to no campaign");
    assert!(state.recipients[0].2.values.contains(&"Name0".into()), "values of the first on the list");
    assert!(state.checkpoints.is_empty());
}

#[tokio::test]
async fn shutdown_ends_the_background_work() {
    let world = World::new();
    let life = world.start().await;
    let shutdown = CancellationToken::new();
    let stop = async {
        tokio::task::yield_now().await;
        shutdown.cancel();
    };
    tokio::join!(life.campaigns.run(shutdown.clone()), stop);
}
