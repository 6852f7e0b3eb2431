//! Watches over the keys while the suite runs: asks the DNS for those that wait, moves each on whose time has come, tells
//! every change, and gives the keys that sign to the ring. Changes of the file by others are found within seconds.

use std::sync::Arc;
use std::time::Duration;

use dns::{DnsFailure, Resolver};
use futures::StreamExt as _;
use journal::events::EventLog;
use mail::dkim::{DkimKey, Keyring, publishes};
use model::time::{Clock, Timestamp};
use tokio_util::sync::CancellationToken;

use super::{KeyInfo, KeyState, KeyStore, StoreError};

/// How often the file is looked at for changes by others.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Keys that the DNS is asked for in one round, those that were asked for longest ago first; the others have their turn in
/// the next.
const ASKED_MAX: usize = 500;
/// Keys that the DNS is asked for at the same time.
const ASKED_AT_ONCE: usize = 16;
/// The records of keys that sign are looked at this far apart.
const ACTIVE_EVERY: Duration = Duration::from_secs(3_600);

/// When keys move on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How often the DNS is asked for a key that waits.
    pub check_every: Duration,
    /// So long must the DNS carry a key before it signs: others may remember that there was none.
    pub settle: Duration,
    /// So long does a replaced key's record have to stay: mail that it signed may be on its way.
    pub retire_after: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        Rules {
            check_every: Duration::from_secs(60),
            settle: Duration::from_secs(600),
            retire_after: Duration::from_secs(7 * 86_400),
        }
    }
}

/// What the keeper works with.
pub struct Keeper {
    /// The file.
    pub store: KeyStore,
    /// Keys of the configuration: they sign where the file has no active key of their kind and domain.
    pub configured: Vec<DkimKey>,
    /// Who signs with them.
    pub ring: Keyring,
    /// Who is asked whether keys are published.
    pub resolver: Resolver,
    /// Where changes are told.
    pub events: EventLog,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// When keys move on.
    pub rules: Rules,
}

impl Keeper {
    /// Gives the ring the keys that sign now. Blocks.
    ///
    /// # Errors
    /// [`StoreError`]: the ring is as it was.
    pub fn load(&self) -> Result<(), StoreError> {
        let mut keys = self.store.signing_keys()?;
        let others: Vec<DkimKey> = self
            .configured
            .iter()
            .filter(|own| !keys.iter().any(|key| key.domain() == own.domain() && key.kind() == own.kind()))
            .cloned()
            .collect();
        keys.extend(others);
        self.ring.replace(keys);
        Ok(())
    }

    /// Works until `shutdown`. What fails is logged and tried again; keys that sign go on signing.
    pub async fn run(self: Arc<Self>, shutdown: CancellationToken) {
        let keeper = self;
        let mut seen = None;
        let mut asked_at = Timestamp::default();
        loop {
            let now = keeper.clock.now();
            let changed_at = keeper.store.changed_at();
            let is_turn = asked_at.plus(keeper.rules.check_every) <= now;
            if is_turn || changed_at != seen {
                if let Err(error) = keeper.round(now).await {
                    tracing::error!(%error, "DKIM keys");
                }
                asked_at = now;
                seen = keeper.store.changed_at();
            }
            if shutdown.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_none() {
                return;
            }
        }
    }

    /// One round: the DNS, the states, the ring, the events.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn round(self: &Arc<Self>, now: Timestamp) -> Result<(), StoreError> {
        let store = self.store.clone();
        let keys = aside(move || store.list()).await?;
        self.ask(self.due(keys, now), now).await?;
        let keeper = Arc::clone(self);
        let untold = aside(move || {
            keeper.store.advance(&keeper.rules, now)?;
            keeper.load()?;
            keeper.store.untold()
        });
        let untold = untold.await?;
        if untold.is_empty() {
            return Ok(());
        }
        if let Err(error) = self.events.append(untold.clone()).await {
            tracing::error!(%error, "changes of DKIM keys cannot be told yet");
            return Ok(());
        }
        let store = self.store.clone();
        aside(move || store.note_told(&untold)).await
    }

    /// The keys whose turn it is. Answered or not, a key that was asked for goes to the end: nobody's missing records keep
    /// the others from being seen.
    fn due(&self, keys: Vec<KeyInfo>, now: Timestamp) -> Vec<KeyInfo> {
        let mut turns: Vec<(Option<Timestamp>, KeyInfo)> =
            keys.into_iter().map(|key| (self.store.asked_at(&key), key)).collect();
        turns.retain(|(asked_at, key)| is_asked(key.state, *asked_at, self.rules.check_every, now));
        turns.sort_by_key(|(asked_at, _)| *asked_at);
        turns.truncate(ASKED_MAX);
        turns.into_iter().map(|(_, key)| key).collect()
    }

    /// Asks the DNS, and writes what is new all at once; that a key is still as it was is not worth a write.
    async fn ask(&self, keys: Vec<KeyInfo>, now: Timestamp) -> Result<(), StoreError> {
        let asked = futures::stream::iter(keys).map(|key| {
            let resolver = self.resolver.clone();
            async move {
                let found = published(&key, &resolver).await;
                (key, found)
            }
        });
        let asked: Vec<(KeyInfo, Option<Option<String>>)> = asked.buffer_unordered(ASKED_AT_ONCE).collect().await;
        let mut answered = Vec::new();
        let mut news = Vec::new();
        for (key, found) in asked {
            self.store.note_asked(&key.record_name, false, now);
            let Some(problem) = found else { continue };
            answered.push(key.record_name.clone());
            if problem == key.problem && key.checked_at.is_some() {
                continue;
            }
            if let Some(problem) = problem.as_ref().filter(|_| key.state == KeyState::Active) {
                tracing::warn!(name = key.record_name, problem, "a DKIM key that signs is not published");
            }
            news.push((key, problem));
        }
        let store = self.store.clone();
        aside(move || {
            if !news.is_empty() {
                store.note_all(&news, now)?;
            }
            // What could not be written is news the next time, too.
            answered.iter().for_each(|name| store.note_asked(name, true, now));
            Ok(())
        })
        .await
    }
}

/// What the DNS has in the place of a key: `Some(None)` is the key itself; None when it did not answer.
pub async fn published(key: &KeyInfo, resolver: &Resolver) -> Option<Option<String>> {
    let record = key.record.as_deref()?;
    match resolver.txt(&key.record_name).await {
        Ok(texts) => Some(publishes(record, &texts).err()),
        Err(DnsFailure::Nothing(_)) => Some(Some("there is no record".to_owned())),
        Err(DnsFailure::Temporary { .. }) => None,
    }
}

fn is_asked(state: KeyState, asked_at: Option<Timestamp>, check_every: Duration, now: Timestamp) -> bool {
    let after = |every: Duration| asked_at.is_none_or(|at| at.plus(every) <= now);
    match state {
        KeyState::Pending => after(check_every.min(ACTIVE_EVERY)),
        KeyState::Active => after(ACTIVE_EVERY),
        KeyState::Retiring | KeyState::Retired => false,
    }
}

/// Beside the threads that serve everybody.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(_) => Err(StoreError::Refused("the program ends, or made a mistake with the keys".to_owned())),
    }
}
