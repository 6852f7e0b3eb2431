//! Events about what strangers do: refused submissions, inbound mail that leads to nothing. Limited in rate, written
//! aside of the dialogue.
//!
//! What is left out, by the limit or by a full disk, is counted, and the next event tells how many there were.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use journal::events::EventLog;
use model::event::{ControlChange, Event, EventKind};
use model::name::Name;
use model::reply::Reply;
use model::submission::{Origin, Protocol};
use model::time::Timestamp;
use model::units::Rate;
use tokio::sync::mpsc;

use crate::submit::Intake;

/// Events waiting to be written; more are left out.
const WAITING_MAX: usize = 1_000;
/// Most events of one append.
const BATCH_MAX: usize = 100;

/// A submission that was refused.
pub(crate) struct Refused<'a> {
    pub(crate) peer: IpAddr,
    pub(crate) user: Option<&'a Name>,
    pub(crate) sender: &'a str,
    pub(crate) recipient: Option<&'a str>,
    pub(crate) reply: &'a Reply,
    pub(crate) size_bytes: Option<u64>,
}

pub(crate) struct Recorder {
    intake: Intake,
    limit: Mutex<Limit>,
    left_out: AtomicU64,
    queue: mpsc::Sender<Event>,
}

impl Recorder {
    /// A recorder, and what [`write`] reads from.
    pub(crate) fn new(intake: Intake, rate: Rate) -> (Arc<Self>, mpsc::Receiver<Event>) {
        let (queue, waiting) = mpsc::channel(WAITING_MAX);
        let limit = Mutex::new(Limit::new(rate));
        (Arc::new(Recorder { intake, limit, left_out: AtomicU64::new(0), queue }), waiting)
    }

    /// Notes that a submission was refused.
    pub(crate) fn refused(&self, refused: &Refused<'_>) {
        let now = self.intake.now();
        if !self.allows(now) {
            return;
        }
        let left_out = self.left_out.swap(0, Ordering::Relaxed);
        let mut note = refused.reply.to_string();
        if left_out > 0 {
            note.push_str(&format!(" ({left_out} more events like this were left out before)"));
        }
        let event = Event {
            address: refused.recipient.map(str::to_owned),
            sender: Some(refused.sender.to_owned()),
            origin: Some(Origin {
                protocol: Protocol::Smtp,
                peer: Some(refused.peer.to_canonical()),
                user: refused.user.cloned(),
            }),
            size_bytes: refused.size_bytes,
            note: Some(note),
            ..Event::of_engine(EventKind::Rejected, self.intake.next_number(), now)
        };
        if self.queue.try_send(event).is_err() {
            self.left_out.fetch_add(left_out + 1, Ordering::Relaxed);
        }
    }

    /// Tells that floors were reached or left: what was left out is counted too.
    pub(crate) fn floors_changed(&self) {
        for change in self.intake.floor_changes() {
            let action = if change.refuses { "refuse" } else { "accept" };
            let control = ControlChange {
                target: "intake".to_owned(),
                name: change.kind.to_string(),
                action: action.to_owned(),
                value: Some(change.detail),
                by: "floor".to_owned(),
                ..ControlChange::default()
            };
            let number = self.intake.next_number();
            let event = Event { control: Some(control), ..Event::of_engine(EventKind::Control, number, change.at) };
            if self.queue.try_send(event).is_err() {
                self.left_out.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Whether one more event about a stranger may be written now; counts it when not.
    pub(crate) fn allows(&self, now: Timestamp) -> bool {
        let allowed = self.limit.lock().unwrap_or_else(PoisonError::into_inner).take(now);
        if !allowed {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
        allowed
    }
}

/// Writes what waits until the recorder is gone.
pub(crate) async fn write(events: EventLog, mut waiting: mpsc::Receiver<Event>) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while waiting.recv_many(&mut batch, BATCH_MAX).await > 0 {
        let count = batch.len();
        if let Err(error) = events.append(std::mem::take(&mut batch)).await {
            tracing::warn!(%error, count, "events about refused submissions are lost");
        }
    }
}

/// Generic cell rate algorithm: so many at once, then evenly.
#[derive(Debug)]
pub(crate) struct Limit {
    rate: Rate,
    /// When the bucket would be full again.
    full_at_us: i64,
}

impl Limit {
    pub(crate) fn new(rate: Rate) -> Self {
        Limit { rate, full_at_us: i64::MIN }
    }

    pub(crate) fn take(&mut self, now: Timestamp) -> bool {
        let spacing = (self.rate.period.as_micros() / u128::from(self.rate.count.max(1))).clamp(1, 1 << 50) as i64;
        let burst = i64::try_from(self.rate.burst.max(1)).unwrap_or(i64::MAX);
        // A clock that was set back must not block for longer than a full burst takes.
        let ahead = self.full_at_us.saturating_sub(now.0).clamp(0, spacing.saturating_mul(burst));
        let allowed = ahead <= spacing.saturating_mul(burst - 1);
        self.full_at_us = now.0.saturating_add(ahead).saturating_add(if allowed { spacing } else { 0 });
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_burst_then_evenly() {
        let rate = Rate { count: 10, period: Duration::from_secs(1), burst: 3 };
        let mut limit = Limit::new(rate);
        let start = Timestamp::from_unix_s(1_790_000_000);
        let mut taken = |after_ms: u64| limit.take(start.plus(Duration::from_millis(after_ms)));
        let found: Vec<bool> = [0, 0, 0, 0, 50, 100, 100, 200, 5_000, 5_000, 5_000, 5_000].map(&mut taken).to_vec();
        let expected = [true, true, true, false, false, true, false, true, true, true, true, false];
        assert_eq!(found, expected);
        assert!(!taken(0), "set back");
        assert!(taken(101));
    }
}
