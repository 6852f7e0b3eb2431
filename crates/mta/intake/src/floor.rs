//! Floors: new mail is refused while there is too little room for what was taken already.
//!
//! The one place that measures disk, inodes, memory and the queue, and says whether mail is taken. What is low stays low
//! until there is somewhat more than the floor again, so that mail is not let in and out at every wave. Pure but for the
//! [`Meter`]; asked at most once a second. Must not: refuse for good (a floor always means "later"), or lose mail.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use model::submission::Refusal;
use model::time::Timestamp;
use model::units::Size;

use crate::config::{Config, Floors};

mod meter;

pub use self::meter::{Meter, Reading, Share, SystemMeter};

/// The meter is asked at most this often.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// Most changes that wait to be told; the oldest is left out.
const CHANGES_MAX: usize = 64;

model::names! {
    /// What there is too little of, or too much.
    FloorKind {
        /// Bytes on the spool's disk.
        Disk "disk",
        /// Inodes of the spool's file system.
        Inodes "inodes",
        /// Memory of the machine, of the control group, or of the program.
        Memory "memory",
        /// Recipients in the spool.
        Queue "queue",
    }
}

/// Mail is refused for the time being.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pressure {
    /// Why.
    pub kind: FloorKind,
    /// In words for whoever submits; no numbers, they may be strangers.
    pub reason: &'static str,
    /// In words with numbers, for whoever runs the program.
    pub detail: String,
    /// After how long it is worth trying again.
    pub retry_after: Duration,
}

/// A floor was reached, or left again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which.
    pub kind: FloorKind,
    /// Mail is refused from now on; false: it is taken again, as far as this floor goes.
    pub refuses: bool,
    /// What was measured, in words.
    pub detail: String,
    /// When it was noticed.
    pub at: Timestamp,
}

/// The floors and where they stand.
pub(crate) struct Floor {
    floors: Floors,
    free_disk_min: Size,
    meter: Arc<dyn Meter>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    asked: Option<Timestamp>,
    low: Vec<Pressure>,
    changes: VecDeque<Change>,
}

impl fmt::Debug for Floor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Floor").field("state", &self.state).finish_non_exhaustive()
    }
}

impl Floor {
    pub(crate) fn new(meter: Arc<dyn Meter>, config: &Config) -> Self {
        Floor { floors: config.floors.clone(), free_disk_min: config.free_disk_min, meter, state: Mutex::default() }
    }

    /// The same with another meter.
    pub(crate) fn measured_by(self, meter: Arc<dyn Meter>) -> Self {
        Floor { meter, ..self }
    }

    /// Whether there is room for new mail.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`] while a floor is reached.
    pub(crate) fn check(&self, now: Timestamp) -> Result<(), Refusal> {
        match self.look(now, |low| low.first().map(|pressure| pressure.reason)) {
            Some(reason) => Err(Refusal::Unavailable { reason: reason.to_owned() }),
            None => Ok(()),
        }
    }

    /// Every floor that is reached.
    pub(crate) fn pressures(&self, now: Timestamp) -> Vec<Pressure> {
        self.look(now, <[Pressure]>::to_vec)
    }

    /// What has changed since the last call.
    pub(crate) fn changes(&self, now: Timestamp) -> Vec<Change> {
        self.look(now, |_| ());
        self.state.lock().unwrap_or_else(PoisonError::into_inner).changes.drain(..).collect()
    }

    fn look<T>(&self, now: Timestamp, then: impl FnOnce(&[Pressure]) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = state.asked.is_some_and(|asked| asked <= now && now.since(asked) < ASK_EVERY);
        if !fresh {
            state.asked = Some(now);
            self.measure(&mut state, now);
        }
        then(&state.low)
    }

    fn measure(&self, state: &mut State, now: Timestamp) {
        let reading = self.meter.read();
        let was_low = |kind: FloorKind| state.low.iter().any(|pressure| pressure.kind == kind);
        let found: Vec<(FloorKind, Option<String>)> =
            FloorKind::ALL.iter().map(|&kind| (kind, self.judge(kind, &reading, was_low(kind)))).collect();
        let mut low = Vec::new();
        for (kind, detail) in found {
            let before = was_low(kind);
            if before != detail.is_some() {
                let told = detail.clone().unwrap_or_else(|| "there is room again".to_owned());
                tracing::warn!(floor = %kind, refuses = !before, detail = told, "room for new mail");
                if state.changes.len() >= CHANGES_MAX {
                    state.changes.pop_front();
                }
                state.changes.push_back(Change { kind, refuses: !before, detail: told, at: now });
            }
            low.extend(detail.map(|detail| Pressure::new(kind, detail)));
        }
        state.low = low;
    }

    /// What is wrong, in words with numbers.
    fn judge(&self, kind: FloorKind, reading: &Reading, was_low: bool) -> Option<String> {
        let floors = &self.floors;
        match kind {
            FloorKind::Disk => {
                let found = self.least(reading.disk?, self.free_disk_min.0, floors.free_disk_percent_min, was_low)?;
                Some(format!("{} free on the spool's disk, {} wanted", Size(found.0), Size(found.1)))
            }
            FloorKind::Inodes => {
                let (min, percent) = (floors.free_inodes_min, floors.free_inodes_percent_min);
                let (free, wanted) = self.least(reading.inodes?, min, percent, was_low)?;
                Some(format!("{free} inodes free on the spool's file system, {wanted} wanted"))
            }
            FloorKind::Memory => {
                let (min, percent) = (floors.free_memory_min.0, floors.free_memory_percent_min);
                let short = reading.memory.and_then(|share| self.least(share, min, percent, was_low));
                let short =
                    short.map(|(free, wanted)| format!("{} of memory left, {} wanted", Size(free), Size(wanted)));
                let most = self.most(reading.resident_bytes, floors.memory_max.0, was_low);
                let own = most.map(|(used, most)| format!("{} of memory used, {} allowed", Size(used), Size(most)));
                short.or(own)
            }
            FloorKind::Queue => {
                let (queued, most) = self.most(reading.queued_recipients, floors.queued_recipients_max, was_low)?;
                Some(format!("{queued} recipients queued, {most} allowed"))
            }
        }
    }

    /// What is free and what was wanted, when that is more.
    fn least(&self, share: Share, min: u64, percent_min: u8, was_low: bool) -> Option<(u64, u64)> {
        let floor = min.max(part(share.total, percent_min));
        let wanted = if was_low { floor.saturating_add(part(floor, self.floors.resume_percent)) } else { floor };
        // What is larger than the whole can never be reached again.
        let wanted = wanted.min(share.total.max(floor));
        (share.free < wanted).then_some((share.free, wanted))
    }

    /// What there is and what is allowed, when that is less; 0 allows everything.
    fn most(&self, found: u64, max: u64, was_low: bool) -> Option<(u64, u64)> {
        let allowed = if was_low { max - part(max, self.floors.resume_percent) } else { max };
        (max > 0 && found > allowed).then_some((found, allowed))
    }
}

fn part(whole: u64, percent: u8) -> u64 {
    u64::try_from(u128::from(whole) * u128::from(percent) / 100).unwrap_or(u64::MAX)
}

impl Pressure {
    fn new(kind: FloorKind, detail: String) -> Self {
        let (reason, retry_after_s) = match kind {
            FloorKind::Disk | FloorKind::Inodes => ("Insufficient system storage, try again later", 60),
            FloorKind::Memory => ("Insufficient memory, try again later", 10),
            FloorKind::Queue => ("Too much mail is queued, try again later", 60),
        };
        Pressure { kind, reason, detail, retry_after: Duration::from_secs(retry_after_s) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    struct Fake(Mutex<Reading>);

    impl Meter for Fake {
        fn read(&self) -> Reading {
            *self.0.lock().unwrap()
        }
    }

    const PLENTY: Reading = Reading {
        disk: Some(Share { free: 50_000, total: 100_000 }),
        inodes: Some(Share { free: 500, total: 1_000 }),
        memory: Some(Share { free: 5_000, total: 10_000 }),
        resident_bytes: 10,
        queued_recipients: 10,
    };

    /// Readings one second after the other, and which floors are reached then.
    fn check(steps: &[(Reading, &str)]) -> Vec<String> {
        let floors = Floors {
            free_disk_percent_min: 10,
            free_inodes_min: 100,
            free_inodes_percent_min: 0,
            free_memory_min: Size(1_000),
            free_memory_percent_min: 20,
            memory_max: Size(1_000),
            queued_recipients_max: 100,
            resume_percent: 10,
        };
        let config = Config { floors, free_disk_min: Size(1_000), ..Config::default() };
        let fake = Arc::new(Fake(Mutex::new(PLENTY)));
        let floor = Floor::new(fake.clone(), &config);
        let mut now = Timestamp::from_unix_s(1_790_000_000);
        for (step, (reading, expected)) in steps.iter().enumerate() {
            *fake.0.lock().unwrap() = *reading;
            now = now.plus(ASK_EVERY);
            let found: Vec<String> = floor.pressures(now).iter().map(|pressure| pressure.kind.to_string()).collect();
            assert_eq!(found.join(" "), *expected, "step {step}");
            assert_eq!(floor.check(now).is_err(), !expected.is_empty(), "step {step}");
        }
        let told = floor.changes(now);
        told.into_iter().map(|change| format!("{} {}", change.kind, change.refuses)).collect()
    }

    fn disk(free: u64) -> Reading {
        Reading { disk: Some(Share { free, total: 100_000 }), ..PLENTY }
    }

    #[test]
    fn the_stricter_floor_holds_until_there_is_more() {
        let told = check(&[
            (disk(10_000), ""),
            (disk(9_999), "disk"),
            (disk(10_500), "disk"),
            (disk(10_999), "disk"),
            (disk(11_000), ""),
            (disk(10_000), ""),
            (disk(9_000), "disk"),
        ]);
        assert_eq!(told, ["disk true", "disk false", "disk true"]);
    }

    #[test]
    fn every_kind_is_measured() {
        let memory = |free| Reading { memory: Some(Share { free, total: 10_000 }), ..PLENTY };
        let own = |resident_bytes| Reading { resident_bytes, ..PLENTY };
        let queued = |queued_recipients| Reading { queued_recipients, ..PLENTY };
        let inodes = |free| Reading { inodes: Some(Share { free, total: 1_000 }), ..PLENTY };
        check(&[
            (memory(1_999), "memory"),
            (memory(2_199), "memory"),
            (memory(2_200), ""),
            (own(1_000), ""),
            (own(1_001), "memory"),
            (own(901), "memory"),
            (own(900), ""),
            (queued(101), "queue"),
            (queued(91), "queue"),
            (queued(90), ""),
            (inodes(99), "inodes"),
            (inodes(110), ""),
            (Reading { disk: disk(1).disk, ..inodes(1) }, "disk inodes"),
            (PLENTY, ""),
        ]);
    }

    #[test]
    fn what_cannot_be_measured_is_no_reason_to_refuse() {
        check(&[(Reading { disk: None, inodes: None, memory: None, ..PLENTY }, "")]);
    }

    #[test]
    fn a_floor_near_the_whole_can_be_left() {
        let small = |free| Reading { inodes: Some(Share { free, total: 105 }), ..PLENTY };
        check(&[(small(99), "inodes"), (small(104), "inodes"), (small(105), "")]);
    }

    #[test]
    fn the_meter_is_not_asked_at_every_mail() {
        let fake = Arc::new(Fake(Mutex::new(PLENTY)));
        let floors = Floors { free_inodes_min: 0, free_memory_min: Size(0), ..Floors::default() };
        let config = Config { floors, free_disk_min: Size(60_000), ..Config::default() };
        let floor = Floor::new(fake.clone(), &config);
        let now = Timestamp::from_unix_s(1_790_000_000);
        assert!(floor.check(now).is_err());
        *fake.0.lock().unwrap() = disk(100_000);
        assert!(floor.check(now.plus(Duration::from_millis(999))).is_err());
        assert!(floor.check(now.plus(ASK_EVERY)).is_ok());
        *fake.0.lock().unwrap() = disk(1);
        assert!(floor.check(now).is_err(), "a clock that was set back does not freeze it");
    }
}
