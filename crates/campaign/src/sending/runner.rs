//! Takes campaigns in state sending to their end, in the background.
//!
//! [`Runner::activate`] has no input and may be called at any time: it looks at the database, starts the feeds that
//! should run and do not, and tells the queue what this process has not told it yet (hold, release, cancel, finish). So a
//! start after a crash and the press of a button are the same code: [`Runner::settle`]. It tells what stands in the
//! database when its turn comes, one after the other, so the last thing that the queue hears is what a person last did.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use db::{DbError, Value as Param, params};
use model::id::{CampaignId, MessageId};
use model::submission::Refusal;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use super::feed::{FeedError, Feeder};
use super::ports::{Injector, QueueControl};
use super::types::CampaignState;
use crate::Error;
use crate::audience::suppression::named;
use crate::base::{Base, numbered};

/// Feeds at work at the same time; further ones wait.
pub const FEEDS_AT_ONCE: usize = 4;

/// How often the runner looks at the database when nobody calls it.
pub const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// Keys in one `IN (…)`.
const KEYS_MAX: usize = 500;

/// Runs feeds.
pub(crate) struct Runner {
    base: Arc<Base>,
    feeder: Feeder,
    injector: Arc<dyn Injector>,
    control: Arc<dyn QueueControl>,
    wake: Notify,
    places: Semaphore,
    feeds: Mutex<HashMap<CampaignId, Feed>>,
    /// What this process told the queue last, and the queue has taken.
    told: Mutex<HashMap<CampaignId, CampaignState>>,
    /// Held while the queue is told.
    telling: tokio::sync::Mutex<()>,
}

/// A feed at work.
#[derive(Clone, Default)]
struct Feed {
    stop: CancellationToken,
    ended: CancellationToken,
}

impl Runner {
    pub(crate) fn new(base: Arc<Base>, injector: Arc<dyn Injector>, control: Arc<dyn QueueControl>) -> Arc<Self> {
        Arc::new(Runner {
            feeder: Feeder { base: base.clone(), injector: injector.clone() },
            base,
            injector,
            control,
            wake: Notify::new(),
            places: Semaphore::new(FEEDS_AT_ONCE),
            feeds: Mutex::default(),
            told: Mutex::default(),
            telling: tokio::sync::Mutex::default(),
        })
    }

    /// Works until `shutdown`; then waits for the feeds to come to the end of their batch.
    pub(crate) async fn run(self: &Arc<Self>, shutdown: &CancellationToken) {
        loop {
            if let Err(error) = self.activate().await {
                tracing::warn!(error = error.chain(), "campaigns under way cannot be read; trying again");
            }
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = self.wake.notified() => {}
                () = tokio::time::sleep(LOOK_AGAIN) => {}
            }
        }
        let feeds: Vec<CampaignId> = self.feeds().keys().copied().collect();
        for id in feeds {
            self.stop(id).await;
        }
    }

    /// Looks at the database soon.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Starts what should run, tells the queue what it may have missed.
    ///
    /// Of the cancelled campaigns those of which the queue was not told, or some are still in it (a crash behind the
    /// order may have taken it back).
    pub(crate) async fn activate(self: &Arc<Self>) -> Result<(), DbError> {
        let sql = "SELECT id, state, fed_at IS NOT NULL AS fed FROM campaign
                   WHERE state IN ('sending', 'paused') OR (state = 'cancelled' AND (fed_at IS NULL OR 0 < (
                       SELECT COALESCE(SUM(handed_over - delivered - bounced - expired - suppressed), 0)
                       FROM tally_provider WHERE tally_provider.campaign = campaign.id)))";
        let mut under_way = HashMap::new();
        for row in self.base.db.query(sql, params![]).await? {
            let id: CampaignId = row.get("id")?;
            let state = named(&row, "state", CampaignState::from_name)?;
            if state == CampaignState::Sending && !row.get::<bool>("fed")? {
                self.start(id);
            }
            under_way.insert(id, state);
        }
        self.told().retain(|id, _| under_way.contains_key(id));
        for (id, state) in under_way {
            if self.told().get(&id) == Some(&state) {
                continue;
            }
            if let Err(error) = self.settle(id).await {
                tracing::warn!(campaign = %id, %error, "trying again");
            }
        }
        self.forget_fed().await
    }

    /// Lets the engine forget how far campaigns have come whose row says that they were fed: their feed never goes on, so
    /// nobody asks any more. What a crash left is found by the next call.
    async fn forget_fed(&self) -> Result<(), DbError> {
        for feeds in self.injector.feeds().chunks(KEYS_MAX) {
            let ids: Vec<Param> = feeds.iter().map(|feed| Param::from(CampaignId(*feed))).collect();
            let list = numbered(1, ids.len());
            let sql = format!("SELECT id FROM campaign WHERE fed_at IS NOT NULL AND id IN ({list})");
            for row in self.base.db.query(&sql, ids).await? {
                let id: CampaignId = row.get("id")?;
                if let Err(error) = self.injector.forget(id.0).await {
                    tracing::warn!(campaign = %id, %error, "the position of a feed is kept for now");
                }
            }
        }
        Ok(())
    }

    /// Stops the feed of a campaign and waits until its last batch is handed over or given up.
    pub(crate) async fn stop(&self, id: CampaignId) {
        let feed = self.feeds().get(&id).cloned();
        if let Some(feed) = feed {
            feed.stop.cancel();
            feed.ended.cancelled().await;
        }
    }

    /// Stops the feed where it must not go on, and tells the queue what the database says of this campaign now. Until the
    /// queue has taken it, nothing counts as told.
    pub(crate) async fn settle(&self, id: CampaignId) -> Result<(), Error> {
        let _turn = self.telling.lock().await;
        self.told().remove(&id);
        let sql = "SELECT state, fed_at IS NOT NULL AS fed, message FROM campaign WHERE id = $1";
        let Some(row) = self.base.db.query_optional(sql, params![id]).await? else { return Ok(()) };
        let state = named(&row, "state", CampaignState::from_name)?;
        let message: Option<MessageId> = row.get("message")?;
        if state != CampaignState::Sending {
            self.stop(id).await;
        }
        match state {
            CampaignState::Paused => self.control.hold(id).await.map_err(untold)?,
            CampaignState::Sending => {
                // The spool may have missed the end of the feed.
                if let Some(message) = message.filter(|_| row.get("fed").unwrap_or(false)) {
                    self.injector.finish(message).await.map_err(untold)?;
                }
                self.control.release(id).await.map_err(untold)?;
            }
            CampaignState::Cancelled => self.tell_cancelled(id, message).await?,
            CampaignState::Draft | CampaignState::Sent => {}
        }
        self.told().insert(id, state);
        Ok(())
    }

    /// The feed of a cancelled campaign has stopped: the spool need not wait for more, the queue drops what it has.
    async fn tell_cancelled(&self, id: CampaignId, message: Option<MessageId>) -> Result<(), Error> {
        if let Some(message) = message.or_else(|| self.injector.feed_message(id.0)) {
            self.injector.finish(message).await.map_err(untold)?;
        }
        self.control.cancel(id).await.map_err(untold)?;
        let sql = "UPDATE campaign SET fed_at = $2 WHERE id = $1 AND state = 'cancelled' AND fed_at IS NULL";
        self.base.db.execute(sql, params![id, self.base.now()]).await?;
        Ok(())
    }

    /// Starts the feed of a campaign unless it runs.
    fn start(self: &Arc<Self>, id: CampaignId) {
        let feed = Feed::default();
        match self.feeds().entry(id) {
            Entry::Occupied(_) => return,
            Entry::Vacant(free) => free.insert(feed.clone()),
        };
        let runner = self.clone();
        tokio::spawn(async move {
            // Also when the feed panics: nobody must wait for it in vain.
            let _ended = Ended { runner: &runner, id, feed: &feed };
            let place = tokio::select! {
                () = feed.stop.cancelled() => return,
                place = runner.places.acquire() => place,
            };
            let result = runner.feeder.feed(id, &feed.stop).await;
            drop(place);
            runner.note_end(id, result).await;
        });
    }

    async fn note_end(&self, id: CampaignId, result: Result<(), FeedError>) {
        match result {
            Ok(()) | Err(FeedError::Stopped) => {}
            Err(FeedError::Refused(reason)) => {
                tracing::error!(campaign = %id, reason, "a campaign is paused: the engine refuses it");
                let sql = "UPDATE campaign SET state = 'paused', trouble = $2 WHERE id = $1 AND state = 'sending'";
                if let Err(error) = self.base.db.execute(sql, params![id, reason]).await {
                    tracing::error!(campaign = %id, error = error.chain(), "the pause could not be noted");
                }
            }
            Err(FeedError::Unavailable(reason)) => tracing::warn!(campaign = %id, reason, "a feed will be tried again"),
            Err(FeedError::Db(error)) => {
                tracing::warn!(campaign = %id, error = error.chain(), "a feed will be tried again");
            }
        }
    }

    fn told(&self) -> MutexGuard<'_, HashMap<CampaignId, CampaignState>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn feeds(&self) -> MutexGuard<'_, HashMap<CampaignId, Feed>> {
        self.feeds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn untold(refusal: Refusal) -> Error {
    Error::Unavailable { reason: format!("the queue could not be told: {refusal}") }
}

struct Ended<'a> {
    runner: &'a Runner,
    id: CampaignId,
    feed: &'a Feed,
}

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.runner.feeds().remove(&self.id);
        self.feed.ended.cancel();
    }
}
