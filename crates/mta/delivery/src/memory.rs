//! What delivery remembers of hosts: addresses that did not answer, hosts whose TLS is broken, connections there are.
//!
//! Everything is bounded and shared by all sessions. Forgetting is always safe: what was forgotten is learned again.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lru::LruCache;
use model::name::Name;
use model::time::Timestamp;
use serde::{Deserialize, Serialize};

/// At most so many addresses and hosts are remembered of each kind.
const HOSTS_MAX: NonZeroUsize = NonZeroUsize::new(10_000).expect("not zero");

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Addresses that could not be connected to. They are tried last, for a time that doubles with each failure.
#[derive(Debug)]
pub(crate) struct DeadHosts {
    hosts: Mutex<LruCache<SocketAddr, Dead>>,
    first: Duration,
    longest: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Dead {
    until: Timestamp,
    failures: u32,
}

impl DeadHosts {
    /// A first failure is remembered for `first`, later ones for up to `longest`.
    pub fn new(first: Duration, longest: Duration) -> Self {
        DeadHosts { hosts: Mutex::new(LruCache::new(HOSTS_MAX)), first, longest }
    }

    /// It could not be connected to. While it counts as dead, further failures of attempts that had begun before say
    /// nothing new.
    pub fn failed(&self, address: SocketAddr, now: Timestamp) {
        let mut hosts = lock(&self.hosts);
        let known = hosts.get(&address).copied();
        if known.is_some_and(|dead| now < dead.until) {
            return;
        }
        let failures = known.map_or(0, |dead| dead.failures).saturating_add(1);
        let length = self.first.saturating_mul(1 << (failures - 1).min(16)).min(self.longest);
        hosts.put(address, Dead { until: now.plus(length), failures });
    }

    /// It has answered.
    pub fn answered(&self, address: SocketAddr) {
        lock(&self.hosts).pop(&address);
    }

    /// Whether it is to be tried last.
    pub fn is_dead(&self, address: SocketAddr, now: Timestamp) -> bool {
        lock(&self.hosts).peek(&address).is_some_and(|dead| now < dead.until)
    }
}

/// How far a host is trusted with TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TlsTrouble {
    /// Its certificate cannot even be read: encrypted without a proof who it is.
    OddCertificate,
    /// The handshake fails: mail goes in the clear where nothing demands TLS.
    Broken,
}

/// Hosts whose TLS failed not long ago; kept in a file, so that a restart does not try them all again.
#[derive(Debug)]
pub(crate) struct BrokenTls {
    hosts: Mutex<LruCache<Name, Entry>>,
    memory: Duration,
    file: Option<PathBuf>,
}

/// One entry of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    trouble: TlsTrouble,
    until: Timestamp,
}

/// A host whose TLS is in trouble, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BrokenHost {
    /// The host.
    pub host: Name,
    /// What is wrong.
    pub trouble: TlsTrouble,
    /// When it is tried again.
    pub until: Timestamp,
}

/// Name of the file in delivery's directory.
pub(crate) const BROKEN_TLS_FILE: &str = "broken-tls.json";

impl BrokenTls {
    /// What the file knows; a file that cannot be read is told of and begun anew.
    pub fn open(memory: Duration, file: Option<PathBuf>) -> Self {
        let mut hosts = LruCache::new(HOSTS_MAX);
        if let Some(path) = &file {
            match std::fs::read(path) {
                Ok(bytes) => match serde_json::from_slice::<BTreeMap<Name, Entry>>(&bytes) {
                    Ok(known) => known.into_iter().take(HOSTS_MAX.get()).for_each(|(host, entry)| {
                        hosts.put(host, entry);
                    }),
                    Err(error) => tracing::warn!(path = %path.display(), %error, "hosts with broken TLS are forgotten"),
                },
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => tracing::warn!(path = %path.display(), %error, "hosts with broken TLS are forgotten"),
            }
        }
        BrokenTls { hosts: Mutex::new(hosts), memory, file }
    }

    /// TLS failed. Blocks for a small file when this is news.
    pub fn note(&self, host: &Name, trouble: TlsTrouble, now: Timestamp) {
        let mut hosts = lock(&self.hosts);
        hosts.put(host.clone(), Entry { trouble, until: now.plus(self.memory) });
        self.save(&hosts, now);
    }

    /// What is known of a host.
    pub fn trouble(&self, host: &Name, now: Timestamp) -> Option<TlsTrouble> {
        lock(&self.hosts).get(host).filter(|entry| now < entry.until).map(|entry| entry.trouble)
    }

    /// TLS is tried with it again.
    pub fn forget(&self, host: &Name, now: Timestamp) -> bool {
        let mut hosts = lock(&self.hosts);
        let known = hosts.pop(host).is_some();
        if known {
            self.save(&hosts, now);
        }
        known
    }

    fn save(&self, hosts: &LruCache<Name, Entry>, now: Timestamp) {
        let Some(path) = &self.file else { return };
        let current: BTreeMap<&Name, &Entry> = hosts.iter().filter(|(_, entry)| now < entry.until).collect();
        let saved = serde_json::to_vec(&current)
            .map_err(std::io::Error::other)
            .and_then(|bytes| journal::file::replace(path, &bytes, 0o600));
        if let Err(error) = saved {
            tracing::warn!(path = %path.display(), %error, "hosts with broken TLS are kept in memory only");
        }
    }
}

/// The hosts of a file of [`BrokenTls`] that are in force.
///
/// # Errors
/// The file is there and cannot be read.
pub fn broken_hosts(state_dir: &std::path::Path, now: Timestamp) -> std::io::Result<Vec<BrokenHost>> {
    let bytes = match std::fs::read(state_dir.join(BROKEN_TLS_FILE)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read?,
    };
    let known: BTreeMap<Name, Entry> = serde_json::from_slice(&bytes).map_err(std::io::Error::other)?;
    let current = known.into_iter().filter(|(_, entry)| now < entry.until);
    Ok(current.map(|(host, entry)| BrokenHost { host, trouble: entry.trouble, until: entry.until }).collect())
}

/// Connections by the address they go to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places(Arc<Mutex<HashMap<SocketAddr, Count>>>);

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    opening: u32,
    open: u32,
}

/// A connection's place at an address; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Places,
    address: SocketAddr,
    open: bool,
}

impl Places {
    /// A place for a connection that is being made: at most `all_max` at a time to this address, of which at most
    /// `opening_max` are not made yet.
    pub fn take(&self, address: SocketAddr, opening_max: u32, all_max: Option<u32>) -> Option<Place> {
        let mut counts = lock(&self.0);
        let count = counts.entry(address).or_default();
        if count.opening >= opening_max || all_max.is_some_and(|max| count.opening + count.open >= max) {
            return None;
        }
        count.opening += 1;
        Some(Place { places: self.clone(), address, open: false })
    }
}

impl Place {
    /// The connection is made.
    pub fn opened(&mut self) {
        if !std::mem::replace(&mut self.open, true) {
            let mut counts = lock(&self.places.0);
            let count = counts.entry(self.address).or_default();
            (count.opening, count.open) = (count.opening.saturating_sub(1), count.open + 1);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = lock(&self.places.0);
        let Some(count) = counts.get_mut(&self.address) else { return };
        let part = if self.open { &mut count.open } else { &mut count.opening };
        *part = part.saturating_sub(1);
        if (count.opening, count.open) == (0, 0) {
            counts.remove(&self.address);
        }
    }
}

/// Hosts that do not fulfil the policy of some domain of a site: its other hosts are tried before.
#[derive(Debug)]
pub(crate) struct Unfit(Mutex<LruCache<(Name, Name), Timestamp>>);

impl Unfit {
    pub fn new() -> Self {
        Unfit(Mutex::new(LruCache::new(HOSTS_MAX)))
    }

    pub fn note(&self, site: &Name, host: &Name, until: Timestamp) {
        lock(&self.0).put((site.clone(), host.clone()), until);
    }

    pub fn is_unfit(&self, site: &Name, host: &Name, now: Timestamp) -> bool {
        let hosts = lock(&self.0);
        !hosts.is_empty() && hosts.peek(&(site.clone(), host.clone())).is_some_and(|until| now < *until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_s(1_000_000);

    fn at(s: u64) -> Timestamp {
        NOW.plus(Duration::from_secs(s))
    }

    #[test]
    fn dead_hosts_are_avoided_for_longer_each_time() {
        let dead = DeadHosts::new(Duration::from_secs(10), Duration::from_secs(35));
        let host: SocketAddr = "192.0.2.1:25".parse().unwrap();
        let mut began = 0;
        for length in [10, 20, 35, 35] {
            assert!(!dead.is_dead(host, at(began)), "{length}");
            dead.failed(host, at(began));
            dead.failed(host, at(began + 1));
            assert!(dead.is_dead(host, at(began + length - 1)), "{length}");
            began += length;
        }
        dead.answered(host);
        dead.failed(host, at(began));
        assert!(!dead.is_dead(host, at(began + 10)), "an answer begins anew");
        assert!(!dead.is_dead("192.0.2.1:26".parse().unwrap(), at(began)));
    }

    #[test]
    fn broken_tls_is_known_after_a_restart_and_then_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(BROKEN_TLS_FILE);
        let open = || BrokenTls::open(Duration::from_secs(10), Some(file.clone()));
        let (mx, odd) = (Name::from("mx"), Name::from("odd"));
        let broken = open();
        broken.note(&mx, TlsTrouble::Broken, NOW);
        broken.note(&odd, TlsTrouble::OddCertificate, at(5));
        drop(broken);
        let broken = open();
        let found = |at| (broken.trouble(&mx, at), broken.trouble(&odd, at));
        assert_eq!(found(at(9)), (Some(TlsTrouble::Broken), Some(TlsTrouble::OddCertificate)));
        assert_eq!(found(at(10)), (None, Some(TlsTrouble::OddCertificate)));
        assert_eq!(broken_hosts(dir.path(), at(9)).unwrap().len(), 2);
        assert!(broken.forget(&odd, at(6)) && !broken.forget(&odd, at(6)));
        assert_eq!(broken_hosts(dir.path(), at(6)).unwrap()[0].host, "mx");
        std::fs::write(&file, b"{\"mx\": 1}").unwrap();
        assert_eq!(open().trouble(&mx, at(1)), None, "a damaged file is begun anew");
    }

    #[test]
    fn places_are_counted_and_given_back() {
        let places = Places::default();
        let host: SocketAddr = "192.0.2.1:25".parse().unwrap();
        let mut first = places.take(host, 1, Some(2)).unwrap();
        assert!(places.take(host, 1, Some(2)).is_none(), "one is being made");
        first.opened();
        first.opened();
        let second = places.take(host, 1, Some(2)).unwrap();
        assert!(places.take(host, 5, Some(2)).is_none(), "two in all");
        assert!(places.take(host, 5, None).is_some());
        drop((first, second));
        assert!(lock(&places.0).is_empty());
    }
}
