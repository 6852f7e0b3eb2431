//! What delivery remembers of hosts: addresses that did not answer, hosts whose TLS is broken, hosts that do not fulfil
//! a policy.
//!
//! Everything is bounded and shared by all sessions. Forgetting is always safe: what was forgotten is learned again.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
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

/// A handshake that failed is no more than that: it takes two, so far apart, for a host whose TLS is broken. Whoever can
/// break a connection would have to stay.
const FAILS_AGAIN_AFTER: Duration = Duration::from_secs(300);

/// A failed handshake is forgotten after so long without another one.
const FAILURE_KEPT: Duration = Duration::from_secs(86_400);

/// Hosts whose TLS failed not long ago; kept in a file, so that a restart does not try them all again.
#[derive(Debug)]
pub(crate) struct BrokenTls {
    hosts: Mutex<LruCache<Name, Entry>>,
    memory: Duration,
    file: Option<PathBuf>,
    /// There is something that the file does not have.
    dirty: AtomicBool,
}

/// One entry of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    trouble: TlsTrouble,
    /// It is not tried again before.
    until: Timestamp,
    /// The first failed handshake, and the last one.
    #[serde(default)]
    first_failed: Timestamp,
    #[serde(default)]
    last_failed: Timestamp,
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
        BrokenTls { hosts: Mutex::new(hosts), memory, file, dirty: AtomicBool::new(false) }
    }

    /// A handshake failed. Says whether it is worth going without: at once when the host said itself that it cannot
    /// (`told`), and where it is silent when that is not the first time.
    pub fn failed(&self, host: &Name, told: bool, now: Timestamp) -> bool {
        let mut hosts = lock(&self.hosts);
        let known = hosts.get(host).filter(|entry| now < entry.last_failed.plus(FAILURE_KEPT)).copied();
        let entry = Entry { trouble: TlsTrouble::Broken, until: now, first_failed: now, last_failed: now };
        let entry = known.map_or(entry, |known| Entry { last_failed: now, ..known });
        hosts.put(host.clone(), entry);
        self.dirty.store(true, Ordering::Relaxed);
        told || entry.fails_again()
    }

    /// With this trouble it went. Remembered: what keeps mail encrypted at once, what does not when it fails again and
    /// again.
    pub fn note(&self, host: &Name, trouble: TlsTrouble, now: Timestamp) {
        let mut hosts = lock(&self.hosts);
        let plain = Entry { trouble, until: now, first_failed: now, last_failed: now };
        let entry = hosts.get(host).copied().unwrap_or(plain);
        if trouble == TlsTrouble::OddCertificate || entry.fails_again() {
            hosts.put(host.clone(), Entry { trouble, until: now.plus(self.memory), ..entry });
            self.dirty.store(true, Ordering::Relaxed);
        }
    }

    /// What is known of a host.
    pub fn trouble(&self, host: &Name, now: Timestamp) -> Option<TlsTrouble> {
        lock(&self.hosts).get(host).filter(|entry| now < entry.until).map(|entry| entry.trouble)
    }

    /// TLS is tried with it again, as if it had never failed.
    pub fn forget(&self, host: &Name) -> bool {
        let mut hosts = lock(&self.hosts);
        let known = !hosts.is_empty() && hosts.pop(host).is_some();
        self.dirty.fetch_or(known, Ordering::Relaxed);
        known
    }

    /// Writes what has changed to the file. Blocks.
    pub fn save(&self, now: Timestamp) {
        let Some(path) = self.file.as_ref().filter(|_| self.dirty.swap(false, Ordering::Relaxed)) else { return };
        let is_kept = |entry: &Entry| now < entry.until || now < entry.last_failed.plus(FAILURE_KEPT);
        let current: BTreeMap<Name, Entry> = {
            let hosts = lock(&self.hosts);
            hosts.iter().filter(|(_, entry)| is_kept(entry)).map(|(host, entry)| (host.clone(), *entry)).collect()
        };
        let saved = serde_json::to_vec(&current)
            .map_err(std::io::Error::other)
            .and_then(|bytes| journal::file::replace(path, &bytes, 0o600));
        if let Err(error) = saved {
            self.dirty.store(true, Ordering::Relaxed);
            tracing::warn!(path = %path.display(), %error, "hosts with broken TLS are kept in memory only");
        }
    }
}

impl Entry {
    fn fails_again(&self) -> bool {
        self.first_failed.plus(FAILS_AGAIN_AFTER) <= self.last_failed
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
    fn a_host_is_broken_when_its_tls_fails_again_later() {
        let broken = BrokenTls::open(Duration::from_secs(3_600), None);
        let host = Name::from("mx");
        let step = |second: u64, told: bool, without: bool, known: bool| {
            assert_eq!(broken.failed(&host, told, at(second)), without, "{second}");
            if without {
                broken.note(&host, TlsTrouble::Broken, at(second));
            }
            assert_eq!(broken.trouble(&host, at(second + 1)).is_some(), known, "{second}");
        };
        step(0, false, false, false);
        step(1, false, false, false);
        // What the host says itself is believed once, and not remembered.
        step(2, true, true, false);
        step(299, false, false, false);
        step(300, false, true, true);
        assert_eq!(broken.trouble(&host, at(3_900)), None, "it is tried once in an hour");
        step(3_900, false, true, true);
        step(3_900 + 86_400, false, false, false);
        step(3_900 + 86_700, true, true, true);
        assert!(broken.forget(&host));
        step(200_000, false, false, false);
    }

    #[test]
    fn broken_tls_is_known_after_a_restart_and_then_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(BROKEN_TLS_FILE);
        let open = || BrokenTls::open(Duration::from_secs(10), Some(file.clone()));
        let (mx, odd) = (Name::from("mx"), Name::from("odd"));
        let broken = open();
        broken.save(NOW);
        assert!(!file.exists(), "nothing to write");
        broken.failed(&mx, true, NOW);
        broken.failed(&mx, true, at(300));
        broken.note(&mx, TlsTrouble::Broken, at(300));
        broken.note(&odd, TlsTrouble::OddCertificate, at(305));
        broken.save(at(305));
        drop(broken);
        let broken = open();
        let found = |at| (broken.trouble(&mx, at), broken.trouble(&odd, at));
        assert_eq!(found(at(309)), (Some(TlsTrouble::Broken), Some(TlsTrouble::OddCertificate)));
        assert_eq!(found(at(310)), (None, Some(TlsTrouble::OddCertificate)));
        assert!(broken.failed(&mx, false, at(311)), "that it failed before is known, too");
        assert_eq!(broken_hosts(dir.path(), at(309)).unwrap().len(), 2);
        assert!(broken.forget(&odd) && !broken.forget(&odd));
        broken.note(&mx, TlsTrouble::Broken, at(311));
        broken.save(at(311));
        assert_eq!(broken_hosts(dir.path(), at(312)).unwrap()[0].host, "mx");
        std::fs::write(&file, b"{\"mx\": 1}").unwrap();
        assert_eq!(open().trouble(&mx, at(301)), None, "a damaged file is begun anew");
    }
}
