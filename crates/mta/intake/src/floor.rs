//! The floor: refuse new mail while the spool's disk still has room for everything else.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use model::submission::Refusal;
use model::time::Timestamp;
use model::units::Size;

/// The disk is asked at most this often.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// Free bytes on a disk, remembered for a moment.
#[derive(Debug)]
pub(crate) struct Floor {
    dir: PathBuf,
    free_min: Size,
    last: Mutex<Option<(Timestamp, u64)>>,
}

impl Floor {
    pub(crate) fn new(dir: PathBuf, free_min: Size) -> Self {
        Floor { dir, free_min, last: Mutex::new(None) }
    }

    /// Whether there is room for new mail.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`] while there is less than the floor.
    pub(crate) fn check(&self, now: Timestamp) -> Result<(), Refusal> {
        let free = self.free_bytes(now);
        if free >= self.free_min.0 {
            return Ok(());
        }
        Err(Refusal::Unavailable { reason: "Insufficient system storage, try again later".to_owned() })
    }

    fn free_bytes(&self, now: Timestamp) -> u64 {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((asked, free)) = *last
            && asked <= now
            && now.since(asked) < ASK_EVERY
        {
            return free;
        }
        // A disk that does not answer is no reason to refuse: the commit will tell.
        let free = rustix::fs::statvfs(&self.dir).map_or(u64::MAX, |stat| stat.f_bavail.saturating_mul(stat.f_frsize));
        let was_low = last.is_some_and(|(_, before)| before < self.free_min.0);
        if (free < self.free_min.0) != was_low {
            tracing::warn!(dir = %self.dir.display(), free, floor = self.free_min.0, low = !was_low, "free disk space");
        }
        *last = Some((now, free));
        free
    }
}
