//! What the parts of a spool share: the index, the buffers between callers and committer, the caches.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;
use model::handoff::{Admitted, MessageHead};
use model::id::MessageId;
use model::name::Name;
use tokio::sync::{Semaphore, mpsc};

use super::content_cache::ContentCache;
use super::index::Index;
use super::reclaim::Copies;
use super::record::Change;
use crate::events::Cursor;
use crate::log::segments::Segments;

/// Heads of messages to which recipients are being added; others are read from disk when asked for.
const HEADS_KEPT: usize = 1_024;
/// Domain names kept to be shared by recipients; when there are more, the collection begins anew.
const DOMAINS_KEPT: usize = 65_536;

pub(crate) struct Shared {
    pub(crate) segments: Segments,
    pub(crate) unit_bytes_max: u64,
    pub(crate) copies: Copies,
    pub(crate) acks_room: Semaphore,
    index: Mutex<Index>,
    changes: Mutex<Changes>,
    contents: Mutex<ContentCache>,
    heads: Mutex<LruCache<MessageId, Arc<MessageHead>>>,
    domains: Mutex<HashSet<Name>>,
    /// Taken out when the spool is closed, so that the queue sees the end.
    admitted: Mutex<Option<mpsc::Sender<Admitted>>>,
}

/// What is to be written with the next commit.
#[derive(Default)]
pub(crate) struct Changes {
    pub(crate) waiting: Vec<Change>,
    /// Of those, so many at the front found no room before.
    pub(crate) put_back: usize,
    pub(crate) applied: Option<Cursor>,
}

impl Shared {
    pub(crate) fn new(
        segments: Segments,
        index: Index,
        admitted: mpsc::Sender<Admitted>,
        options: &super::SpoolOptions,
    ) -> Self {
        let heads = std::num::NonZeroUsize::new(HEADS_KEPT).expect("invariant: a constant above zero");
        Shared {
            segments,
            unit_bytes_max: options.log.unit_bytes_max(),
            copies: Copies::default(),
            acks_room: Semaphore::new(options.acks_max),
            index: Mutex::new(index),
            changes: Mutex::default(),
            contents: Mutex::new(ContentCache::new(options.content_cache_bytes)),
            heads: Mutex::new(LruCache::new(heads)),
            domains: Mutex::default(),
            admitted: Mutex::new(Some(admitted)),
        }
    }

    pub(crate) fn index(&self) -> MutexGuard<'_, Index> {
        lock(&self.index)
    }

    pub(crate) fn changes(&self) -> MutexGuard<'_, Changes> {
        lock(&self.changes)
    }

    pub(crate) fn contents(&self) -> MutexGuard<'_, ContentCache> {
        lock(&self.contents)
    }

    pub(crate) fn heads(&self) -> MutexGuard<'_, LruCache<MessageId, Arc<MessageHead>>> {
        lock(&self.heads)
    }

    pub(crate) fn admitted(&self) -> Option<mpsc::Sender<Admitted>> {
        lock(&self.admitted).clone()
    }

    pub(crate) fn end_admitted(&self) {
        lock(&self.admitted).take();
    }

    pub(crate) fn domains(&self) -> MutexGuard<'_, HashSet<Name>> {
        lock(&self.domains)
    }
}

/// The domain of an address as a shared name. Addresses come in normalised: the domain in A-label form, lower case.
pub(crate) fn domain_of(known: &mut HashSet<Name>, address: &str) -> Name {
    let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
    if let Some(name) = known.get(domain) {
        return name.clone();
    }
    if known.len() >= DOMAINS_KEPT {
        known.clear();
    }
    let name = Name::from(domain);
    known.insert(name.clone());
    name
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
