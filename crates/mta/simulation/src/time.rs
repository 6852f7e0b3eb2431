//! Two clocks of one world: the wall clock, which people set forwards and backwards, and the time that passes.
//!
//! The time that passes goes on over all lives of the suite; within a life it is that of the runtime's paused clock.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::time::{Clock, Timestamp};
use tokio::time::Instant;

/// What the wall clock shows when the world begins.
pub const START: Timestamp = Timestamp::from_unix_s(1_790_000_000);

/// Both clocks; clones are the same.
#[derive(Clone, Debug, Default)]
pub struct WorldTime(Arc<Mutex<Hands>>);

#[derive(Debug, Default)]
struct Hands {
    /// Time that had passed when the present life began.
    base: Duration,
    began: Option<Instant>,
    /// How far the wall clock is wrong.
    wrong_us: i64,
}

impl WorldTime {
    /// A life begins, in a runtime of its own.
    pub fn begin_life(&self) {
        self.hands().began = Some(Instant::now());
    }

    /// The life has ended; the next begins so much later.
    pub fn end_life(&self, pause: Duration) {
        let mut hands = self.hands();
        hands.base = hands.passed() + pause;
        hands.began = None;
    }

    /// How much time has passed since the world began.
    pub fn passed(&self) -> Duration {
        self.hands().passed()
    }

    /// How long it is until then, in this life.
    pub fn until(&self, then: Duration) -> Duration {
        then.saturating_sub(self.passed())
    }

    /// Somebody sets the wall clock.
    pub fn jump(&self, seconds: i64) {
        self.hands().wrong_us += seconds * 1_000_000;
    }

    fn hands(&self) -> MutexGuard<'_, Hands> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hands {
    fn passed(&self) -> Duration {
        self.base + self.began.map_or(Duration::ZERO, |began| began.elapsed())
    }
}

impl Clock for WorldTime {
    fn now(&self) -> Timestamp {
        let hands = self.hands();
        Timestamp(START.plus(hands.passed()).0 + hands.wrong_us)
    }
}
