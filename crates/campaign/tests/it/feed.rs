//! The feed: each recipient exactly once, whatever falls; pause, resume, cancel; refusals.

use campaign::Error;
use campaign::sending::CampaignState;
use model::id::{CampaignId, MessageId};
use model::submission::{Content, Refusal};
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

use crate::world::{Fall, Life, World, people};

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
    let world = World::new();
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
    campaign.id
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
    world.engine.state().refusals = vec![Refusal::Invalid { reason: "no such pool".into() }];
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
    assert_eq!(state.told, [("cancel", campaign.id)]);
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
