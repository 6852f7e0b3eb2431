//! Idempotency keys (draft-ietf-httpapi-idempotency-key-header): what was handed in under a key is handed in once.
//!
//! A key is written down, with the id of its message, before anything of the request is committed; the spool's
//! checkpoint of that message then tells what was. So a request that is repeated after a crash goes on where it was, and
//! one that was answered is answered again.
//!
//! Kept: a digest of the key and of who used it, a fingerprint of the body, the message. Not kept: the key, the body, the
//! answer, which is made of the repeated body.   Limits: [`super::Config`].

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use journal::events::AppendError;
use journal::records::{RecordLog, RecordLogOptions};
use journal::{OpenError, Options};
use model::id::MessageId;
use model::submission::Refusal;
use model::time::{Clock, Timestamp};
use sha2::{Digest as _, Sha256};

use super::Config;

/// Longest key, in bytes.
pub const KEY_LEN_MAX: usize = 255;

/// Size of a segment file of the log.
const SEGMENT_BYTES: u64 = 4 << 20;

/// Room on disk for each key, with what is told of its request later.
const BYTES_EACH: u64 = 256;

/// A key as it is kept.
pub(crate) type KeyHash = [u8; 16];

/// Why a request under a key is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyTrouble {
    /// 400: it cannot be a key.
    #[error("an idempotency key has 1 to 255 printable ASCII letters")]
    Malformed,
    /// 409: the request with this key is being worked on.
    #[error("the request with this idempotency key is being worked on")]
    InProgress,
    /// 422: the key stands for another request.
    #[error("this idempotency key was used for another request")]
    OtherBody,
    /// 503: it cannot be written down.
    #[error("{0}")]
    Unavailable(String),
}

/// What is known of a request under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) message: MessageId,
    /// Ids that were taken for recipients, behind that of the message.
    pub(crate) ids: u32,
    /// Everything was committed.
    pub(crate) is_done: bool,
    /// Fingerprint of the whole body, of one that came in lines.
    pub(crate) whole: u64,
}

/// Keys and the requests they stand for.
pub(crate) struct Keys {
    log: RecordLog,
    table: Mutex<Table>,
    keep: Duration,
    keys_max: usize,
}

#[derive(Default)]
struct Table {
    entries: HashMap<KeyHash, Entry>,
    /// Oldest first.
    order: VecDeque<(i64, KeyHash)>,
    busy: HashSet<KeyHash>,
    /// How far requests in lines came that are not done: lines, and the fingerprint up to there.
    progress: HashMap<KeyHash, (u64, u64)>,
    /// Some were forgotten before their time; said once.
    has_forgotten: bool,
}

#[derive(Clone, Copy)]
struct Entry {
    print: u64,
    whole: u64,
    message: u64,
    ids: u32,
    is_done: bool,
    at: i64,
}

/// A key that is being worked on; free again when this is dropped.
pub(crate) struct Busy {
    keys: Arc<Keys>,
    pub(crate) key: KeyHash,
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.keys.table().busy.remove(&self.key);
    }
}

/// Reads the value of the header: a string in quotation marks (RFC 8941), or the bare key, as most clients send it.
///
/// # Errors
/// [`KeyTrouble::Malformed`].
pub fn read_key(header: &str) -> Result<&str, KeyTrouble> {
    let text = header.trim();
    let key = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let plain = key.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\');
    if key.is_empty() || key.len() > KEY_LEN_MAX || !plain { Err(KeyTrouble::Malformed) } else { Ok(key) }
}

/// Keys of different callers and ways in are different keys.
pub(crate) fn hash_of(way: &str, caller: &str, key: &str) -> KeyHash {
    let mut digest = Sha256::new();
    for part in [way, caller, key] {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part.as_bytes());
    }
    let digest = digest.finalize();
    *digest.first_chunk().expect("invariant: SHA-256 has 32 bytes")
}

impl Keys {
    /// Opens the keys in `dir`. Blocks.
    pub(crate) fn open(dir: &Path, config: &Config, clock: Arc<dyn Clock>) -> Result<Keys, OpenError> {
        let keys_max = config.keys_max as usize;
        let mut table = Table::default();
        let log = Options { segment_bytes: SEGMENT_BYTES, clock: clock.clone(), ..Options::default() };
        let bytes_max = (SEGMENT_BYTES * 4).max(BYTES_EACH * u64::from(config.keys_max));
        let options = RecordLogOptions { log, keep: config.key_keep.0, bytes_max };
        let log = RecordLog::open(dir, options, &mut |record| table.read(record, keys_max))?;
        Ok(Keys { log, table: Mutex::new(table), keep: config.key_keep.0, keys_max })
    }

    /// Takes a key for work. `print` tells bodies apart. What is known of its request, if it came before.
    pub(crate) fn take(self: &Arc<Self>, key: KeyHash, print: u64) -> Result<(Busy, Option<Known>), KeyTrouble> {
        let mut table = self.table();
        let known = match table.entries.get(&key) {
            Some(entry) if entry.print != print => return Err(KeyTrouble::OtherBody),
            Some(entry) => Some(Known {
                message: MessageId(entry.message),
                ids: entry.ids,
                is_done: entry.is_done,
                whole: entry.whole,
            }),
            None => None,
        };
        if !table.busy.insert(key) {
            return Err(KeyTrouble::InProgress);
        }
        Ok((Busy { keys: self.clone(), key }, known))
    }

    /// Writes down which message a key stands for; when it resolves, that is on disk. Gives the messages of requests
    /// that were never finished and whose keys had to make room: nobody comes back for them.
    pub(crate) async fn begin(
        &self,
        busy: &Busy,
        print: u64,
        message: MessageId,
        ids: u32,
        now: Timestamp,
    ) -> Result<Vec<MessageId>, KeyTrouble> {
        let entry = Entry { print, whole: 0, message: message.0, ids, is_done: false, at: now.0 };
        self.append(&begin_record(&busy.key, &entry)).await?;
        Ok(self.table().insert(busy.key, entry, self.keys_max))
    }

    /// Notes that the lines up to `lines` were committed, and the fingerprint of all bytes up to there.
    pub(crate) async fn note_progress(&self, busy: &Busy, lines: u64, print: u64) {
        if self.append(&progress_record(&busy.key, lines, print)).await.is_ok() {
            self.table().progress.insert(busy.key, (lines, print));
        }
    }

    /// How far a request in lines is known to have come: lines, and their fingerprint.
    pub(crate) fn progress(&self, busy: &Busy) -> Option<(u64, u64)> {
        self.table().progress.get(&busy.key).copied()
    }

    /// Notes that everything was committed, and gives the key free: from now on it is answered without looking at
    /// checkpoints, so that these may be forgotten.
    pub(crate) fn mark_done(&self, busy: Busy, whole: u64) -> KeyHash {
        let key = busy.key;
        self.table().finish(key, whole);
        drop(busy);
        key
    }

    /// Writes that down; true when it is on disk.
    pub(crate) async fn write_done(&self, key: KeyHash, whole: u64) -> bool {
        self.append(&done_record(&key, whole)).await.is_ok()
    }

    /// Requests that were begun and not finished, with their keys.
    pub(crate) fn unfinished(&self) -> Vec<(KeyHash, MessageId)> {
        let table = self.table();
        let open = table.entries.iter().filter(|(_, entry)| !entry.is_done);
        open.map(|(key, entry)| (*key, MessageId(entry.message))).collect()
    }

    /// Forgets keys whose time is over; those of requests that were never finished.
    pub(crate) fn expire(&self, now: Timestamp) -> Vec<MessageId> {
        let mut table = self.table();
        let mut left = Vec::new();
        while let Some(&(at, key)) = table.order.front() {
            if now.since(Timestamp(at)) <= self.keep || table.busy.contains(&key) {
                break;
            }
            table.order.pop_front();
            left.extend(table.remove(at, key).filter(|entry| !entry.is_done).map(|entry| MessageId(entry.message)));
        }
        left
    }

    /// The highest id that was taken for a request.
    pub(crate) fn newest_id(&self) -> u64 {
        self.table().entries.values().map(|entry| entry.message + u64::from(entry.ids)).max().unwrap_or(0)
    }

    pub(crate) async fn close(&self) {
        self.log.close().await;
    }

    async fn append(&self, record: &[u8]) -> Result<(), KeyTrouble> {
        self.log.append([record]).await.map_err(|error| match error {
            AppendError::NoSpace => KeyTrouble::Unavailable("Insufficient system storage, try again later".to_owned()),
            other => KeyTrouble::Unavailable(other.to_string()),
        })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<KeyTrouble> for Refusal {
    fn from(trouble: KeyTrouble) -> Self {
        match trouble {
            KeyTrouble::Unavailable(reason) => Refusal::Unavailable { reason },
            other => Refusal::Invalid { reason: other.to_string() },
        }
    }
}

impl Table {
    /// Gives the messages of unfinished requests whose keys had to make room. Keys that are worked with stay.
    fn insert(&mut self, key: KeyHash, entry: Entry, keys_max: usize) -> Vec<MessageId> {
        self.entries.insert(key, entry);
        self.order.push_back((entry.at, key));
        let mut left = Vec::new();
        for _ in 0..self.order.len() {
            if self.entries.len() <= keys_max {
                break;
            }
            let Some((at, oldest)) = self.order.pop_front() else { break };
            if self.busy.contains(&oldest) {
                self.order.push_back((at, oldest));
                continue;
            }
            if let Some(removed) = self.remove(at, oldest) {
                left.extend((!removed.is_done).then_some(MessageId(removed.message)));
                if !std::mem::replace(&mut self.has_forgotten, true) {
                    tracing::warn!(keys_max, "idempotency keys are forgotten before their time: there are too many");
                }
            }
        }
        left
    }

    /// A key that was begun anew since has its own place in the order.
    fn remove(&mut self, at: i64, key: KeyHash) -> Option<Entry> {
        self.entries.get(&key).filter(|entry| entry.at == at)?;
        self.progress.remove(&key);
        self.entries.remove(&key)
    }

    fn finish(&mut self, key: KeyHash, whole: u64) {
        self.progress.remove(&key);
        if let Some(entry) = self.entries.get_mut(&key) {
            (entry.is_done, entry.whole) = (true, whole);
        }
    }

    /// Reads a record; what is not understood is passed over.
    fn read(&mut self, record: &[u8], keys_max: usize) {
        let Some((&tag, rest)) = record.split_first() else { return };
        let Some((key, rest)) = rest.split_first_chunk::<16>() else { return };
        let number = |at: usize| rest.get(at..at + 8)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
        match (tag, number(0), number(8)) {
            (BEGIN, Some(print), Some(message)) => {
                let (Some(at), Some(ids)) = (number(16), number(24)) else { return };
                let ids = u32::try_from(ids).unwrap_or(u32::MAX);
                let entry = Entry { print, whole: 0, message, ids, is_done: false, at: at as i64 };
                // Whatever has no key any more is let go when the suite has started.
                self.insert(*key, entry, keys_max);
            }
            (DONE, Some(whole), _) => self.finish(*key, whole),
            (PROGRESS, Some(lines), Some(print)) => {
                self.progress.insert(*key, (lines, print));
            }
            _ => {}
        }
    }
}

const BEGIN: u8 = 1;
const DONE: u8 = 2;
const PROGRESS: u8 = 3;

fn record(tag: u8, key: &KeyHash, numbers: &[u64]) -> Vec<u8> {
    let mut record = Vec::with_capacity(17 + numbers.len() * 8);
    record.push(tag);
    record.extend_from_slice(key);
    numbers.iter().for_each(|number| record.extend_from_slice(&number.to_le_bytes()));
    record
}

fn begin_record(key: &KeyHash, entry: &Entry) -> Vec<u8> {
    record(BEGIN, key, &[entry.print, entry.message, entry.at as u64, u64::from(entry.ids)])
}

fn done_record(key: &KeyHash, whole: u64) -> Vec<u8> {
    record(DONE, key, &[whole])
}

fn progress_record(key: &KeyHash, lines: u64, print: u64) -> Vec<u8> {
    record(PROGRESS, key, &[lines, print])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(message: u64) -> Entry {
        Entry { print: 0, whole: 0, message, ids: 0, is_done: false, at: message as i64 }
    }

    #[test]
    fn keys_make_room_and_unfinished_requests_are_named() {
        let mut table = Table::default();
        let key = |number: u64| *u128::from(number).to_le_bytes().first_chunk().unwrap();
        for number in 1..=3 {
            assert_eq!(table.insert(key(number), entry(number), 3), []);
        }
        // The oldest is worked with, the next was finished, the third was broken off.
        table.busy.insert(key(1));
        table.finish(key(2), 0);
        assert_eq!(table.insert(key(4), entry(4), 3), []);
        assert!(table.entries.contains_key(&key(1)) && !table.entries.contains_key(&key(2)));
        assert_eq!(table.insert(key(5), entry(5), 3), [MessageId(3)]);
        assert_eq!(table.entries.len(), 3);
        table.busy.extend([key(4), key(5)]);
        assert_eq!(table.insert(key(6), entry(6), 3), [MessageId(6)], "all others are worked with");
        table.busy.clear();
        assert_eq!(table.insert(key(7), entry(7), 1).len(), 3);
        assert_eq!(table.entries.len(), 1);
    }
}
