//! Which sources can send. A source whose address is not on this machine, or whose proxies are all dead, is taken out
//! and put back by itself: it is checked at the start, now and then, and at once when a connection fails for its sake.
//!
//! Says what changes to the queue, which takes other members of its pools instead. Mail is never lost over it: it waits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use model::handoff::FromDelivery;
use model::name::Name;
use model::route::Source;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::egress::Egress;

/// A source that is down is checked this much more often than one that works.
const DOWN_FACTOR: u32 = 4;

/// The health of all sources.
pub(crate) struct Health {
    egress: Egress,
    sources: Vec<Arc<Source>>,
    down: Mutex<HashMap<Name, String>>,
    to_queue: mpsc::Sender<FromDelivery>,
    /// How long one check of a proxy may take.
    limit: Duration,
}

impl Health {
    pub fn new(egress: Egress, sources: Vec<Source>, to_queue: mpsc::Sender<FromDelivery>, limit: Duration) -> Self {
        let sources = sources.into_iter().map(Arc::new).collect();
        Health { egress, sources, down: Mutex::new(HashMap::new()), to_queue, limit }
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
            let everybody = round.is_multiple_of(DOWN_FACTOR);
            for source in &self.sources {
                if everybody || self.is_down(&source.name) {
                    let found = self.egress.check(source, self.limit).await;
                    self.tell(&source.name, found.err()).await;
                }
            }
            tokio::select! {
                () = ends.cancelled() => return,
                () = tokio::time::sleep(interval / DOWN_FACTOR) => {}
            }
        }
    }

    fn is_down(&self, source: &Name) -> bool {
        self.down.lock().unwrap_or_else(PoisonError::into_inner).contains_key(source)
    }

    async fn tell(&self, source: &Name, reason: Option<String>) {
        let changed = {
            let mut down = self.down.lock().unwrap_or_else(PoisonError::into_inner);
            let before = match &reason {
                Some(reason) => down.insert(source.clone(), reason.clone()),
                None => down.remove(source),
            };
            before.is_some() != reason.is_some()
        };
        if !changed {
            return;
        }
        match &reason {
            Some(reason) => tracing::warn!(%source, reason, "the source cannot send and is taken out of its pools"),
            None => tracing::info!(%source, "the source can send again"),
        }
        let said = FromDelivery::Source { source: source.clone(), down: reason };
        // When the queue is gone, there are no pools to take it out of.
        let _ = self.to_queue.send(said).await;
    }
}
