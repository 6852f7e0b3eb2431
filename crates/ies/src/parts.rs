//! The running parts of a suite and the order in which they stop.
//!
//! A part belongs to a stage. Stopping a stage tells its parts to end and waits for all of them, so that whoever feeds
//! stops before whoever is fed. A part that ends before it is told to is broken; it is remembered by name.

use std::collections::HashMap;
use std::future::Future;

use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

/// Stages of stopping, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// HTTP and SMTP: nothing new comes in.
    Doors,
    /// Nothing is handed over any more.
    Campaigns,
    /// Queue and delivery: sessions end, outcomes are written.
    Engine,
    /// Follows the event log to its end.
    Monitor,
}

impl Stage {
    const ALL: [Stage; 4] = [Stage::Doors, Stage::Campaigns, Stage::Engine, Stage::Monitor];
}

struct Part {
    stage: Stage,
    name: &'static str,
}

/// Every task of a suite.
#[derive(Default)]
pub(crate) struct Running {
    tasks: JoinSet<()>,
    parts: HashMap<Id, Part>,
    stops: [CancellationToken; Stage::ALL.len()],
    broken: Vec<String>,
}

impl Running {
    /// Starts a part; it ends when the token it is given is cancelled.
    pub fn start<F>(&mut self, stage: Stage, name: &'static str, part: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let task = self.tasks.spawn(part(self.stopping(stage)));
        self.parts.insert(task.id(), Part { stage, name });
    }

    /// Cancelled when the stage is told to stop.
    pub fn stopping(&self, stage: Stage) -> CancellationToken {
        self.stops[stage as usize].clone()
    }

    /// Waits until a part ends: its name, and what it died of. `None` when all have ended.
    pub async fn ended(&mut self) -> Option<String> {
        let ended = self.tasks.join_next_with_id().await?;
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, ())| *id);
        let part = self.parts.remove(&id)?;
        let died = ended.err().map(|error| format!("{}: {error}", part.name));
        if died.is_some() || !self.stopping(part.stage).is_cancelled() {
            self.broken.push(died.clone().unwrap_or_else(|| part.name.to_owned()));
        }
        Some(died.unwrap_or_else(|| part.name.to_owned()))
    }

    /// Stops stage after stage, each when all parts of the one before have ended: the parts that had ended by
    /// themselves or panicked.
    pub async fn stop(mut self) -> Vec<String> {
        for stage in Stage::ALL {
            self.stopping(stage).cancel();
            while self.parts.values().any(|part| part.stage == stage) {
                self.ended().await;
            }
        }
        self.broken
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::Mutex;

    use super::*;

    #[tokio::test]
    async fn stages_end_in_order_and_a_broken_part_shifts_none() {
        let (mut running, order) = (Running::default(), Arc::new(Mutex::new(Vec::new())));
        for (stage, name) in [(Stage::Monitor, "monitor"), (Stage::Doors, "http"), (Stage::Engine, "queue")] {
            let order = order.clone();
            running.start(stage, name, |stop| async move {
                stop.cancelled().await;
                order.lock().unwrap().push(name);
            });
        }
        running.start(Stage::Doors, "smtp", |_| async { panic!("a part that dies") });
        running.start(Stage::Campaigns, "campaigns", |_| async {});
        let first = [running.ended().await.unwrap(), running.ended().await.unwrap()].join(" ");
        assert!(first.contains("smtp: ") && first.contains("campaigns"), "{first}");

        let broken = running.stop().await;
        assert_eq!(*order.lock().unwrap(), ["http", "queue", "monitor"]);
        assert_eq!(broken.len(), 2, "{broken:?}");
    }
}
