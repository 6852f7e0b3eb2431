//! A disk that remembers what was not synced, and tears it when the machine loses power.
//!
//! Bytes go to real files at once, as into a page cache: readers see them. Until a sync of the file returns, each write
//! is remembered with what lay in its place. [`SimDisk::tear`] puts the files into one of the states that a loss of power
//! could have left: of every write that was not synced, independently of the others (so in any order), all of it, none
//! of it, a part from the front, some of its sectors, or sectors of garbage or zeros. What was synced stays.
//!
//! Power fails at the n-th operation ([`SimDisk::fail_at`]) or at a moment ([`SimDisk::cut_power`]). From then on every
//! operation fails and changes nothing. Must not: know what the bytes mean. Known gap: names of files (rename, remove)
//! are durable at once, since the logs sync the directory before they go on.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, IoSlice};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use journal::Disk;
use tokio::sync::Notify;

use crate::dice::Dice;

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;
/// No space left on device.
const ENOSPC: i32 = 28;

/// A disk; clones are the same.
#[derive(Clone)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
    power_lost: Arc<Notify>,
}

struct State {
    dice: Dice,
    operations: u64,
    fail_at: Option<u64>,
    off: bool,
    full: bool,
    /// Syncs return at once and sync nothing: a mistake to be found.
    lies: bool,
    /// By inode: what was written since the last sync, in order.
    unsynced: BTreeMap<u64, Vec<Write>>,
}

struct Write {
    file: File,
    offset: u64,
    before: Vec<u8>,
    after: Vec<u8>,
}

impl SimDisk {
    /// An empty disk whose accidents come from these dice.
    pub fn new(dice: Dice) -> Self {
        let state = State {
            dice,
            operations: 0,
            fail_at: None,
            off: false,
            full: false,
            lies: false,
            unsynced: BTreeMap::new(),
        };
        SimDisk { state: Arc::new(Mutex::new(state)), power_lost: Arc::new(Notify::new()) }
    }

    /// Power on, after [`SimDisk::tear`]; it fails at the n-th operation from now.
    pub fn power_on(&self, fail_at: Option<u64>) {
        let mut state = self.state();
        (state.operations, state.fail_at, state.off, state.full) = (0, fail_at, false, false);
    }

    /// The power fails now.
    pub fn cut_power(&self) {
        self.state().off = true;
        self.power_lost.notify_one();
    }

    /// Waits for the power to fail.
    pub async fn power_lost(&self) {
        while !self.state().off {
            self.power_lost.notified().await;
        }
    }

    /// Whether the power has failed.
    pub fn is_off(&self) -> bool {
        self.state().off
    }

    /// Whether there is room for more.
    pub fn set_full(&self, full: bool) {
        self.state().full = full;
    }

    /// Makes syncs lie: for the proof that the simulation would see it.
    pub fn set_lying(&self) {
        self.state().lies = true;
    }

    /// How many operations there were since the power came on.
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// How long the disk lets the next piece of work wait: mostly not long.
    pub fn pause(&self) -> Duration {
        let dice = &mut self.state().dice;
        match dice.below(100) {
            0..50 => Duration::ZERO,
            50..98 => dice.millis(1, 12),
            _ => dice.millis(50, 900),
        }
    }

    /// Puts the files into a state that the loss of power could have left. Says what became of how many writes.
    pub fn tear(&self) -> String {
        let mut state = self.state();
        let State { unsynced, dice, .. } = &mut *state;
        let (mut writes, mut whole) = (0, 0);
        for writes_of_file in std::mem::take(unsynced).into_values() {
            for write in writes_of_file.iter().rev() {
                // The file may have been shortened meanwhile, which loses nothing that counts.
                write.file.write_all_at(&write.before, write.offset).expect("the simulated disk works");
            }
            // At times nothing of a file arrived, or everything.
            let all = dice.below(8);
            for write in &writes_of_file {
                writes += 1;
                whole += u64::from(write.arrive(all, dice));
            }
        }
        format!("{writes} writes not synced, {whole} of them arrived whole")
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins an operation; true when the power fails in the middle of it.
    fn begin(&self, state: &mut State) -> io::Result<bool> {
        if state.off {
            return Err(io::Error::other("there is no power"));
        }
        state.operations += 1;
        state.off = state.fail_at == Some(state.operations);
        if state.off {
            self.power_lost.notify_one();
        }
        Ok(state.off)
    }
}

fn no_power() -> io::Error {
    io::Error::other("the power has failed")
}

fn no_room() -> io::Error {
    io::Error::from_raw_os_error(ENOSPC)
}

impl Write {
    /// Writes what has reached the medium; true when it was everything.
    fn arrive(&self, all: u64, dice: &mut Dice) -> bool {
        let put = |bytes: &[u8], at: usize| {
            self.file.write_all_at(bytes, self.offset + at as u64).expect("the simulated disk works");
        };
        match (all, dice.below(5)) {
            (0, _) | (2.., 0) => false,
            (1, _) | (2.., 1) => {
                put(&self.after, 0);
                true
            }
            (2.., 2) => {
                let length = dice.below(self.after.len() as u64 + 1) as usize;
                put(&self.after[..length], 0);
                length == self.after.len()
            }
            (2.., kind) => {
                let mut whole = true;
                let mut start = 0;
                while start < self.after.len() {
                    // Sectors are those of the disk, not of the write.
                    let to_edge = SECTOR - (self.offset as usize + start) % SECTOR;
                    let end = (start + to_edge).min(self.after.len());
                    let sector = match (kind, dice.below(4)) {
                        (_, 0 | 1) => self.after[start..end].to_vec(),
                        (3, _) => self.before[start..end].to_vec(),
                        (_, 2) => vec![0; end - start],
                        _ => (start..end).map(|_| dice.roll() as u8).collect(),
                    };
                    whole &= sector == self.after[start..end];
                    put(&sector, start);
                    start = end;
                }
                whole
            }
        }
    }
}

impl Disk for SimDisk {
    fn allocate(&self, file: &File, bytes: u64) -> io::Result<()> {
        let mut state = self.state();
        if self.begin(&mut state)? {
            return Err(no_power());
        }
        if state.full {
            return Err(no_room());
        }
        file.set_len(bytes)
    }

    fn write(&self, file: &File, slices: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        let mut state = self.state();
        let power_fails = self.begin(&mut state)?;
        let mut after: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        let fails = state.full && state.dice.chance(30);
        if fails {
            // A file system that allocates late: some of it may have been written.
            let length = state.dice.below(after.len() as u64) as usize;
            after.truncate(length);
        }
        let mut before = vec![0; after.len()];
        let mut filled = 0;
        while let Ok(read @ 1..) = file.read_at(&mut before[filled..], offset + filled as u64) {
            filled += read;
        }
        file.write_all_at(&after, offset)?;
        let (written, inode) = (after.len(), file.metadata()?.ino());
        let write = Write { file: file.try_clone()?, offset, before, after };
        state.unsynced.entry(inode).or_default().push(write);
        match (power_fails, fails) {
            (true, _) => Err(no_power()),
            (_, true) => Err(no_room()),
            _ => Ok(written),
        }
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        let mut state = self.state();
        if self.begin(&mut state)? {
            return Err(no_power());
        }
        if !state.lies {
            state.unsynced.remove(&file.metadata()?.ino());
        }
        Ok(())
    }

    fn replace(&self, path: &Path, bytes: &[u8], _: u32) -> io::Result<()> {
        let mut state = self.state();
        let power_fails = self.begin(&mut state)?;
        if state.full && state.dice.chance(50) {
            return Err(no_room());
        }
        let draft = path.with_extension("new");
        let length = match power_fails {
            true => state.dice.below(bytes.len() as u64 + 1) as usize,
            false => bytes.len(),
        };
        std::fs::write(&draft, &bytes[..length])?;
        // The bytes are synced before the name passes to them.
        if !power_fails || (length == bytes.len() && state.dice.chance(50)) {
            std::fs::rename(&draft, path)?;
        }
        if power_fails { Err(no_power()) } else { Ok(()) }
    }
}
