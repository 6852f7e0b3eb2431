//! Mending the end of the active segment after a commit that failed.
//!
//! A group that was refused must not be read after a crash, and the acknowledged ones before it must still be there. So
//! before anything else is written behind them:
//!
//! | what failed | what is in doubt | what is done |
//! |---|---|---|
//! | a write, for want of room | the group may be there in part, or whole | its header is overwritten with zeros and synced |
//! | a write, otherwise; fdatasync | the same, and every byte that the system had not written yet (it may have dropped them and call its pages clean) | the same; then what this committer has acknowledged in the segment is read again from the medium, past the page cache, and checked frame by frame |
//!
//! A group is erased whole by its header: a reader finds none, and what lies behind is overwritten by the next groups or
//! cut off as a torn tail. When erasing fails in its turn (no room for a page of a sparse file, a device that is gone),
//! the log takes nothing and tries again each time somebody asks, and every second. A crash meanwhile may find the refused
//! group: whoever was refused was told that this is not known.
//!
//! When an acknowledged byte cannot be found any more, the log stops for good: opening it again reports and quarantines
//! the damage, which going on would bury. Must not: answer appends.

use std::io::{self, IoSlice};

use super::committer::Committer;
use super::group::{GROUP_HEADER, align};
use super::segment::{is_no_space, write_all};
use super::walk::{Step, Walker};
use super::{Failure, Steward};

/// What is in doubt at the end of the active segment.
#[derive(Debug)]
pub(crate) enum Wound {
    /// A group that was refused for want of room lies there in part.
    Remains,
    /// Nobody knows what is on the medium.
    Doubt(String),
}

impl Wound {
    /// What appends are told while it is there.
    pub(super) fn failure(&self) -> Failure {
        match self {
            Wound::Remains => Failure::NoSpace,
            Wound::Doubt(reason) => Failure::Suspended(reason.clone()),
        }
    }
}

impl<S: Steward> Committer<S> {
    /// A group was written in part.
    pub(super) fn cut_short(&mut self, error: &io::Error) -> Failure {
        if !is_no_space(error) {
            return self.wounded("write", error);
        }
        self.shared.note_full(true);
        self.wound.get_or_insert(Wound::Remains).failure()
    }

    /// What is on the medium is not known any more.
    pub(super) fn wounded(&mut self, what: &str, error: &io::Error) -> Failure {
        let failure = self.shared.suspend(what, error);
        self.wound = Some(Wound::Doubt(format!("{what}: {error}")));
        failure
    }

    /// Makes the end of the active segment what it was after the last acknowledged group.
    ///
    /// # Errors
    /// What appends are told: it could not be mended now, or never.
    pub(super) fn mend(&mut self) -> Result<(), Failure> {
        let Some(wound) = &self.wound else { return Ok(()) };
        if let Some(reason) = self.shared.failed.get() {
            return Err(Failure::Failed(reason.clone()));
        }
        let in_doubt = matches!(wound, Wound::Doubt(_));
        match self.erase() {
            // As before: only room is wanting, and nothing but the refused group is in doubt.
            Err(error) if !in_doubt && is_no_space(&error) => return Err(Failure::NoSpace),
            Err(error) => return Err(self.wounded("mend the log", &error)),
            Ok(()) => {}
        }
        if in_doubt {
            match self.verify() {
                Err(error) => return Err(self.wounded("read what was acknowledged", &error)),
                Ok(Some(offset)) => {
                    let lost = io::Error::other(format!("segment {} at {offset}", self.active.number));
                    return Err(self.shared.fail("acknowledged records are not on the disk any more", &lost));
                }
                Ok(None) => self.shared.resume(self.active.position - self.active.begun_at),
            }
        }
        self.wound = None;
        Ok(())
    }

    /// Overwrites the header of the group that was refused.
    fn erase(&self) -> io::Result<()> {
        let (disk, active) = (&self.shared.options.disk, &self.active);
        let zeros = [0; GROUP_HEADER];
        let room = usize::try_from(active.capacity.saturating_sub(active.position)).unwrap_or(usize::MAX);
        let zeros = &zeros[..room.min(GROUP_HEADER)];
        if !zeros.is_empty() {
            write_all(&**disk, &active.file, &mut [IoSlice::new(zeros)], active.position)?;
        }
        disk.sync(&active.file)
    }

    /// Reads again what this committer has acknowledged in the active segment; where it is damaged, if it is.
    fn verify(&self) -> io::Result<Option<u32>> {
        let active = &self.active;
        self.shared.options.disk.forget_cached(&active.file)?;
        let mut walker = Walker::new(active.file.clone(), active.number, active.salt, active.begun_at, active.position);
        loop {
            match walker.next()? {
                Step::Frame(_) => {}
                Step::Damage { offset, .. } => return Ok(Some(offset)),
                Step::End => {
                    let end = align(walker.position());
                    return Ok((end < active.position).then_some(end as u32));
                }
            }
        }
    }
}
