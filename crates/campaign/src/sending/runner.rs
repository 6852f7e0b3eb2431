//! Takes campaigns in state sending to their end, in the background.
//!
//! [`Runner::activate`] has no input and may be called at any time: it looks at the database, starts the feeds that
//! should run and do not, and repeats to the queue what it may have missed (hold, cancel, finish) once in the life of the
//! process. So a start after a crash and the press of a button are the same code.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use db::{DbError, params};
use model::id::{CampaignId, MessageId};
use model::submission::Refusal;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use super::feed::{FeedError, Feeder};
use super::ports::{Injector, QueueControl};
use super::types::CampaignState;
use crate::Error;
use crate::audience::suppression::named;
use crate::base::Base;

/// Feeds at work at the same time; further ones wait.
pub const FEEDS_AT_ONCE: usize = 4;

/// How often the runner looks at the database when nobody calls it.
pub const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// Runs feeds.
pub(crate) struct Runner {
    base: Arc<Base>,
    feeder: Feeder,
    injector: Arc<dyn Injector>,
    control: Arc<dyn QueueControl>,
    wake: Notify,
    places: Semaphore,
    feeds: Mutex<HashMap<CampaignId, Feed>>,
    /// What this process has told the queue.
    told: Mutex<HashSet<(CampaignId, CampaignState)>>,
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
    pub(crate) async fn activate(self: &Arc<Self>) -> Result<(), DbError> {
        let sql = "SELECT id, state, fed_at IS NOT NULL AS fed, message FROM campaign
                   WHERE state IN ('sending', 'paused') OR (state = 'cancelled' AND fed_at IS NULL)";
        for row in self.base.db.query(sql, params![]).await? {
            let id: CampaignId = row.get("id")?;
            let state = named(&row, "state", CampaignState::from_name)?;
            let fed: bool = row.get("fed")?;
            if state == CampaignState::Sending && !fed {
                self.start(id);
            }
            self.tell_once(id, state, fed, row.get("message")?).await;
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

    /// Tells the queue that a campaign goes on, is held or is cancelled.
    pub(crate) async fn tell(&self, id: CampaignId, state: CampaignState) -> Result<(), Error> {
        match state {
            CampaignState::Paused => self.control.hold(id).await.map_err(untold)?,
            CampaignState::Sending => self.control.release(id).await.map_err(untold)?,
            CampaignState::Cancelled => self.tell_cancelled(id).await?,
            CampaignState::Draft | CampaignState::Sent => {}
        }
        self.told().insert((id, state));
        Ok(())
    }

    /// The feed of a cancelled campaign has stopped: the spool need not wait for more, the queue drops what it has.
    async fn tell_cancelled(&self, id: CampaignId) -> Result<(), Error> {
        let row = self.base.db.query_one("SELECT message FROM campaign WHERE id = $1", params![id]).await?;
        let message: Option<MessageId> = row.get("message")?;
        if let Some(message) = message.or_else(|| self.injector.feed_message(id.0)) {
            self.injector.finish(message).await.map_err(untold)?;
        }
        self.control.cancel(id).await.map_err(untold)?;
        let sql = "UPDATE campaign SET fed_at = $2 WHERE id = $1 AND state = 'cancelled' AND fed_at IS NULL";
        self.base.db.execute(sql, params![id, self.base.now()]).await?;
        Ok(())
    }

    async fn tell_once(&self, id: CampaignId, state: CampaignState, fed: bool, message: Option<MessageId>) {
        if !self.told().insert((id, state)) {
            return;
        }
        let told = match (state, message) {
            // Whatever was held is released by the person who resumes; here only the spool may have missed the end.
            (CampaignState::Sending, Some(message)) if fed => {
                self.injector.finish(message).await.map_err(|refusal| refusal.to_string())
            }
            (CampaignState::Sending, _) => Ok(()),
            _ => self.tell(id, state).await.map_err(|error| error.to_string()),
        };
        if let Err(reason) = told {
            tracing::warn!(campaign = %id, reason, "trying again");
            self.told().remove(&(id, state));
        }
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

    fn told(&self) -> MutexGuard<'_, HashSet<(CampaignId, CampaignState)>> {
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
