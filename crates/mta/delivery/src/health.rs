//! Which sources can send. A source whose address is not on this machine, or whose proxies are all dead, is taken out
//! and put back by itself: it is checked at the start, now and then, and at once when a connection fails for its sake.
//!
//! Says to the queue what changes, and when it looks again; the queue takes other members of its pools instead. Mail is
//! never lost over it: it waits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use model::handoff::FromDelivery;
use model::name::Name;
use model::route::Source;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::egress::Egress;

/// A source that is down is checked this much more often than one that works.
const DOWN_FACTOR: u32 = 4;

/// The health of all sources.
pub(crate) struct Health {
    egress: Egress,
    sources: Vec<Arc<Source>>,
    down: Mutex<HashMap<Name, String>>,
    /// When those that are down are looked at again.
    next_round: Mutex<Option<Instant>>,
    to_queue: mpsc::Sender<FromDelivery>,
    /// Held over noting and telling.
    telling: tokio::sync::Mutex<()>,
    /// How long one check of a proxy may take.
    limit: Duration,
}

impl Health {
    pub fn new(egress: Egress, sources: Vec<Source>, to_queue: mpsc::Sender<FromDelivery>, limit: Duration) -> Self {
        let sources = sources.into_iter().map(Arc::new).collect();
        let telling = tokio::sync::Mutex::default();
        Health { egress, sources, down: Mutex::default(), next_round: Mutex::default(), to_queue, telling, limit }
    }

    /// A connection could not be made, and it seems to be the source's fault: looks at once.
    pub async fn failed(&self, source: &Name) {
        if let Some(known) = self.sources.iter().find(|known| known.name == *source) {
            let found = self.egress.check(known, self.limit).await;
            self.tell(source, found.err()).await;
        }
    }

    /// Checks all sources, those that are down more often, until the end.
    pub async fn watch(&self, interval: Duration, ends: CancellationToken) {
        let interval = interval.max(Duration::from_secs(1));
        for round in 0_u32.. {
            let next_round = Instant::now() + interval / DOWN_FACTOR;
            *self.next_round.lock().unwrap_or_else(PoisonError::into_inner) = Some(next_round);
            let everybody = round.is_multiple_of(DOWN_FACTOR);
            for source in &self.sources {
                if everybody || self.is_down(&source.name) {
                    let found = self.egress.check(source, self.limit).await;
                    self.tell(&source.name, found.err()).await;
                }
            }
            tokio::select! {
                () = ends.cancelled() => return,
                () = tokio::time::sleep_until(next_round) => {}
            }
        }
    }

    fn is_down(&self, source: &Name) -> bool {
        self.down.lock().unwrap_or_else(PoisonError::into_inner).contains_key(source)
    }

    async fn tell(&self, source: &Name, reason: Option<String>) {
        // The queue hears it in the order in which it was noted here: what is said last is what stands here.
        let _turn = self.telling.lock().await;
        let changed = {
            let mut down = self.down.lock().unwrap_or_else(PoisonError::into_inner);
            let before = match &reason {
                Some(reason) => down.insert(source.clone(), reason.clone()),
                None => down.remove(source),
            };
            before.is_some() != reason.is_some()
        };
        match &reason {
            _ if !changed => {}
            Some(reason) => tracing::warn!(%source, reason, "the source cannot send and is taken out of its pools"),
            None => tracing::info!(%source, "the source can send again"),
        }
        if !changed && reason.is_none() {
            return;
        }
        let next_round = *self.next_round.lock().unwrap_or_else(PoisonError::into_inner);
        let check_in = next_round.filter(|_| reason.is_some()).map(|at| at.saturating_duration_since(Instant::now()));
        let said = FromDelivery::Source { source: source.clone(), down: reason, check_in };
        // When the queue is gone, there are no pools to take it out of.
        let _ = self.to_queue.send(said).await;
    }
}
