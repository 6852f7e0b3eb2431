//! How far each feed has come. Bounded: beyond the limit the feed that has not moved for longest is forgotten.

use std::collections::{BTreeMap, HashMap};

use model::submission::Checkpoint;

/// Most feeds that are remembered. A feed is forgotten when it is finished (`Spool::forget`), so this is reached only
/// when nobody does that; 24 bytes each in every new segment.
pub(crate) const CHECKPOINTS_MAX: usize = 100_000;

#[derive(Debug, Default)]
pub(crate) struct Checkpoints {
    by_feed: HashMap<u64, Entry>,
    by_age: BTreeMap<u64, u64>,
    clock: u64,
}

#[derive(Debug)]
struct Entry {
    position: u64,
    moved: u64,
}

impl Checkpoints {
    pub(crate) fn get(&self, feed: u64) -> Option<u64> {
        self.by_feed.get(&feed).map(|entry| entry.position)
    }

    /// Sets a checkpoint to what was committed last, whether it grows or not.
    pub(crate) fn set(&mut self, checkpoint: Checkpoint) {
        self.clock += 1;
        let entry = Entry { position: checkpoint.position, moved: self.clock };
        if let Some(before) = self.by_feed.insert(checkpoint.feed, entry) {
            self.by_age.remove(&before.moved);
        }
        self.by_age.insert(self.clock, checkpoint.feed);
        while self.by_feed.len() > CHECKPOINTS_MAX {
            let Some((_, feed)) = self.by_age.pop_first() else { break };
            self.by_feed.remove(&feed);
            tracing::warn!(feed, "too many unfinished feeds: forgetting the checkpoint of the oldest");
        }
    }

    pub(crate) fn forget(&mut self, feed: u64) {
        if let Some(entry) = self.by_feed.remove(&feed) {
            self.by_age.remove(&entry.moved);
        }
    }

    /// All of them, least recently moved first.
    pub(crate) fn all(&self) -> impl Iterator<Item = Checkpoint> + '_ {
        self.by_age.values().map(|&feed| Checkpoint { feed, position: self.get(feed).unwrap_or_default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_feed_that_moved_least_recently_is_forgotten_first() {
        let mut checkpoints = Checkpoints::default();
        for feed in 0..CHECKPOINTS_MAX as u64 {
            checkpoints.set(Checkpoint { feed, position: 1 });
        }
        checkpoints.set(Checkpoint { feed: 0, position: 2 });
        checkpoints.set(Checkpoint { feed: u64::MAX, position: 3 });
        assert_eq!(checkpoints.get(0), Some(2));
        assert_eq!(checkpoints.get(1), None);
        assert_eq!(checkpoints.get(u64::MAX), Some(3));
        assert_eq!(checkpoints.all().count(), CHECKPOINTS_MAX);
        checkpoints.forget(0);
        assert_eq!((checkpoints.get(0), checkpoints.all().count()), (None, CHECKPOINTS_MAX - 1));
    }
}
