//! DKIM keys by domain.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use mail::dkim::DkimKey;

/// The keys that sign messages, by the domain in `d=`. Clones share the same keys, which may change while delivery runs.
#[derive(Clone, Default)]
pub struct DkimKeys(Arc<RwLock<HashMap<String, Arc<[DkimKey]>>>>);

impl DkimKeys {
    /// No keys at all: messages leave without signatures.
    pub fn new() -> Self {
        DkimKeys::default()
    }

    /// Sets the keys of a domain; an empty list removes it.
    pub fn set(&self, domain: &str, keys: Vec<DkimKey>) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let domain = domain.to_ascii_lowercase();
        if keys.is_empty() {
            all.remove(&domain);
        } else {
            all.insert(domain, keys.into());
        }
    }

    /// The keys of a domain, or of the nearest domain above it that has some (relaxed alignment, RFC 7489 3.1.1).
    pub fn of(&self, domain: &str) -> Option<Arc<[DkimKey]>> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if all.is_empty() {
            return None;
        }
        let domain = domain.to_ascii_lowercase();
        let mut rest = domain.as_str();
        loop {
            if let Some(keys) = all.get(rest) {
                return Some(Arc::clone(keys));
            }
            rest = rest.split_once('.')?.1;
        }
    }
}

impl fmt::Debug for DkimKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_set().entries(all.keys()).finish()
    }
}
