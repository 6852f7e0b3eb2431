//! Slows guessing: after some failures for one account from one address, or from one address at all, nobody gets in
//! from there for a while.
//!
//! An attempt counts when it begins and is taken back when it was none, so attempts that run side by side are not more
//! than those that follow each other. Nothing is counted for an account alone: whoever knows the name of an account
//! could shut its owner out from elsewhere. Guesses at one account from very many addresses are slowed by the price of
//! a hash and by [`crate::HASHES_AT_ONCE`].

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use model::time::Timestamp;

use crate::secret::fingerprint;

/// Failures for one account from one address in one window, before the door stays shut to them.
pub const FAILURES_MAX: u32 = 10;

/// Failures from one address in one window, whatever the accounts, before the door stays shut to it. Higher: many
/// people may share an address.
pub const CLIENT_FAILURES_MAX: u32 = 100;

/// How long failures count, from the first of them.
pub const GUARD_WINDOW: Duration = Duration::from_secs(15 * 60);

/// Keys remembered at once in each of the two tables; when more are tried, the oldest windows are forgotten first.
const KEYS_MAX: usize = 10_000;

/// Bits of an IPv6 address that count: whoever has one address mostly has all of its /64.
const IPV6_PREFIX: u32 = 64;

/// Who tries to get in where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Attempt {
    /// Fingerprint of the account's address, so that a key is small whatever was given.
    account: [u8; 8],
    /// The network it comes from; `None` for someone who is inside already (a change of password).
    client: Option<IpAddr>,
}

impl Attempt {
    /// `email` in its canonical form.
    pub(crate) fn new(email: &str, client: Option<IpAddr>) -> Self {
        let mut account = [0; 8];
        account.copy_from_slice(&fingerprint(email)[..8]);
        Attempt { account, client: client.map(network) }
    }
}

fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> IPV6_PREFIX << IPV6_PREFIX)),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Counts failures by account and client, and by client.
#[derive(Debug)]
pub(crate) struct Guard {
    attempts: Table<Attempt>,
    clients: Table<IpAddr>,
}

impl Default for Guard {
    fn default() -> Self {
        Guard { attempts: Table::new(FAILURES_MAX), clients: Table::new(CLIENT_FAILURES_MAX) }
    }
}

impl Guard {
    /// Counts an attempt as failed until it is known better.
    ///
    /// # Errors
    /// When the door opens again: nothing is counted then.
    pub(crate) fn begin(&mut self, attempt: &Attempt, now: Timestamp) -> Result<(), Timestamp> {
        let shut = self.attempts.shut_until(attempt, now);
        let shut = shut.max(attempt.client.and_then(|client| self.clients.shut_until(&client, now)));
        if let Some(until) = shut {
            return Err(until);
        }
        self.attempts.count(attempt, now);
        if let Some(client) = &attempt.client {
            self.clients.count(client, now);
        }
        Ok(())
    }

    /// It was the right password: what this client got wrong with this account before is forgiven, other accounts not.
    pub(crate) fn succeeded(&mut self, attempt: &Attempt) {
        self.attempts.failures.remove(attempt);
        if let Some(client) = &attempt.client {
            self.clients.take_back(client);
        }
    }

    /// The password was never looked at: nothing has been learned from the attempt.
    pub(crate) fn take_back(&mut self, attempt: &Attempt) {
        self.attempts.take_back(attempt);
        if let Some(client) = &attempt.client {
            self.clients.take_back(client);
        }
    }
}

#[derive(Debug)]
struct Table<K> {
    failures: HashMap<K, Failures>,
    max: u32,
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    since: Timestamp,
    count: u32,
}

impl<K: Clone + Eq + Hash> Table<K> {
    fn new(max: u32) -> Self {
        Table { failures: HashMap::new(), max }
    }

    /// When the door opens again for this key; `None` when it is open.
    fn shut_until(&self, key: &K, now: Timestamp) -> Option<Timestamp> {
        let failures = self.failures.get(key)?;
        let until = failures.since.plus(GUARD_WINDOW);
        (failures.count >= self.max && now < until).then_some(until)
    }

    fn count(&mut self, key: &K, now: Timestamp) {
        if self.failures.len() >= KEYS_MAX && !self.failures.contains_key(key) {
            self.forget_old(now);
        }
        let entry = self.failures.entry(key.clone()).or_insert(Failures { since: now, count: 0 });
        if now.since(entry.since) >= GUARD_WINDOW {
            *entry = Failures { since: now, count: 0 };
        }
        entry.count += 1;
    }

    fn take_back(&mut self, key: &K) {
        let Some(failures) = self.failures.get_mut(key) else { return };
        failures.count = failures.count.saturating_sub(1);
        if failures.count == 0 {
            self.failures.remove(key);
        }
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

    const START: Timestamp = Timestamp::from_unix_s(1_790_000_000);

    fn attempt(email: &str, client: &str) -> Attempt {
        Attempt::new(email, Some(client.parse().unwrap()))
    }

    #[test]
    fn shuts_for_an_account_and_an_address_and_opens_again() {
        let mut guard = Guard::default();
        let stranger = attempt("anna@example.org", "192.0.2.66");
        for _ in 0..FAILURES_MAX {
            guard.begin(&stranger, START).unwrap();
        }
        let until = START.plus(GUARD_WINDOW);
        assert_eq!(guard.begin(&stranger, START), Err(until));
        guard.begin(&attempt("anna@example.org", "192.0.2.1"), START).expect("Anna herself, from elsewhere");
        guard.begin(&attempt("bob@example.org", "192.0.2.66"), START).expect("someone behind the same address");
        guard.begin(&stranger, until).expect("a new window");
        guard.succeeded(&stranger);
        assert!(!guard.attempts.failures.contains_key(&stranger));
    }

    #[test]
    fn an_address_that_tries_one_account_after_another_is_shut_out() {
        let mut guard = Guard::default();
        for idx in 0..CLIENT_FAILURES_MAX {
            let attempt = attempt(&format!("user-{idx}@example.org"), &format!("2001:db8::{idx:x}"));
            guard.begin(&attempt, START).unwrap();
        }
        // An account of one's own does not wash the address clean; neither does another address of the network.
        assert!(guard.begin(&attempt("own@example.org", "2001:db8::ffff"), START).is_err());
        guard.begin(&attempt("own@example.org", "2001:db8:0:1::1"), START).unwrap();
        guard.begin(&Attempt::new("own@example.org", None), START).expect("who is inside comes from no address");
    }

    #[test]
    fn what_was_no_guess_does_not_count() {
        let mut guard = Guard::default();
        let (one, own) = (attempt("anna@example.org", "192.0.2.1"), attempt("own@example.org", "192.0.2.1"));
        for _ in 0..FAILURES_MAX * 2 {
            guard.begin(&one, START).unwrap();
            guard.take_back(&one);
        }
        for _ in 1..CLIENT_FAILURES_MAX {
            guard.begin(&own, START).unwrap();
            guard.succeeded(&own);
        }
        assert!(guard.attempts.failures.is_empty() && guard.clients.failures.is_empty());
    }

    #[test]
    fn memory_is_bounded() {
        let mut guard = Guard::default();
        for idx in 0..KEYS_MAX as u32 + 50 {
            let client = IpAddr::V4((0x0a00_0000 + idx).into());
            guard.begin(&Attempt::new(&format!("key-{idx}"), Some(client)), Timestamp(i64::from(idx))).unwrap();
        }
        assert_eq!((guard.attempts.failures.len(), guard.clients.failures.len()), (KEYS_MAX, KEYS_MAX));
    }
}
