//! Slows guessing: after some failures for one account or from one address, nobody gets in for a while.

use std::collections::HashMap;
use std::time::Duration;

use model::time::Timestamp;

/// Failures in one window before the door stays shut.
pub const FAILURES_MAX: u32 = 10;

/// How long failures count, from the first of them.
pub const GUARD_WINDOW: Duration = Duration::from_secs(15 * 60);

/// Keys remembered at once; when more are tried, the oldest windows are forgotten first.
const KEYS_MAX: usize = 10_000;

/// Counts failures by key (address of the account, address of the client).
#[derive(Debug, Default)]
pub(crate) struct Guard {
    failures: HashMap<String, Failures>,
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    since: Timestamp,
    count: u32,
}

impl Guard {
    /// When the door opens again for this key; `None` when it is open.
    pub(crate) fn shut_until(&self, key: &str, now: Timestamp) -> Option<Timestamp> {
        let failures = self.failures.get(key)?;
        let until = failures.since.plus(GUARD_WINDOW);
        (failures.count >= FAILURES_MAX && now < until).then_some(until)
    }

    pub(crate) fn failed(&mut self, key: &str, now: Timestamp) {
        if self.failures.len() >= KEYS_MAX && !self.failures.contains_key(key) {
            self.forget_old(now);
        }
        let entry = self.failures.entry(key.to_owned()).or_insert(Failures { since: now, count: 0 });
        if now.since(entry.since) >= GUARD_WINDOW {
            *entry = Failures { since: now, count: 0 };
        }
        entry.count += 1;
    }

    pub(crate) fn succeeded(&mut self, key: &str) {
        self.failures.remove(key);
    }

    fn forget_old(&mut self, now: Timestamp) {
        self.failures.retain(|_, failures| now.since(failures.since) < GUARD_WINDOW);
        if self.failures.len() >= KEYS_MAX {
            let oldest = self.failures.iter().min_by_key(|(_, failures)| failures.since).map(|(key, _)| key.clone());
            oldest.map(|key| self.failures.remove(&key));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shuts_after_ten_and_opens_again() {
        let mut guard = Guard::default();
        let start = Timestamp::from_unix_s(1_790_000_000);
        for _ in 0..FAILURES_MAX {
            assert_eq!(guard.shut_until("a", start), None);
            guard.failed("a", start);
        }
        let until = start.plus(GUARD_WINDOW);
        assert_eq!(guard.shut_until("a", start), Some(until));
        assert_eq!(guard.shut_until("b", start), None);
        assert_eq!(guard.shut_until("a", until), None);
        guard.failed("a", until);
        assert_eq!(guard.shut_until("a", until), None, "a new window");
        guard.succeeded("a");
        assert!(guard.failures.is_empty());
    }

    #[test]
    fn memory_is_bounded() {
        let mut guard = Guard::default();
        for idx in 0..KEYS_MAX + 50 {
            guard.failed(&format!("key-{idx}"), Timestamp(idx as i64));
        }
        assert!(guard.failures.len() <= KEYS_MAX);
    }
}
