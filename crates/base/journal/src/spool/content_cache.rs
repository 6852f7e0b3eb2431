//! Contents read lately, bounded by bytes.

use std::sync::Arc;

use lru::LruCache;
use model::id::MessageId;
use model::submission::Content;

pub(crate) struct ContentCache {
    contents: LruCache<MessageId, Arc<Content>>,
    bytes: usize,
    bytes_max: usize,
}

impl ContentCache {
    pub(crate) fn new(bytes_max: usize) -> Self {
        ContentCache { contents: LruCache::unbounded(), bytes: 0, bytes_max }
    }

    pub(crate) fn get(&mut self, message: MessageId) -> Option<Arc<Content>> {
        self.contents.get(&message).cloned()
    }

    /// Keeps a content, and drops those that were not used for longest. One that is larger than everything is not kept.
    pub(crate) fn put(&mut self, message: MessageId, content: Arc<Content>) {
        if content.len() > self.bytes_max {
            return;
        }
        self.bytes += content.len();
        if let Some(before) = self.contents.put(message, content) {
            self.bytes -= before.len();
        }
        while self.bytes > self.bytes_max {
            let Some((_, dropped)) = self.contents.pop_lru() else { break };
            self.bytes -= dropped.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_goes_first() {
        let mut cache = ContentCache::new(10);
        let content = |len| Arc::new(Content::Raw(vec![0; len]));
        cache.put(MessageId(1), content(4));
        cache.put(MessageId(2), content(4));
        cache.put(MessageId(2), content(5));
        assert!(cache.get(MessageId(1)).is_some());
        cache.put(MessageId(3), content(6));
        assert!(cache.get(MessageId(2)).is_none());
        assert!(cache.get(MessageId(1)).is_some());
        cache.put(MessageId(4), content(11));
        assert!(cache.get(MessageId(4)).is_none() && cache.get(MessageId(3)).is_some());
        assert_eq!(cache.bytes, 10);
    }
}
