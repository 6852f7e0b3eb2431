//! MTA-STS (RFC 8461): what domains want of the TLS of their hosts, found, kept and applied.
//!
//! A session serves many domains, so the policy is applied at each mail: [`Sts::judge`] says whether this connection
//! may carry mail for this domain. Policies are kept in memory and in one file; a policy that is in force stays so when
//! the DNS or its host fails (RFC 8461 5.1), which is what makes it worth anything against somebody in the middle.
//!
//! Policy hosts belong to strangers and may take their time: they are asked in tasks of their own, and no connection waits
//! for one longer than [`WAIT_MAX`].
//!
//! Limits: [`POLICIES_MAX`] policies, [`ABSENT_MAX`] domains known to have none, [`FETCHES_MAX`] fetches at a time,
//! [`BUSY_MAX`] look-ups.

mod fetch;
mod policy;

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dns::{DnsFailure, Resolver};
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use lru::LruCache;
use model::name::Name;
use model::route::TlsFailure;
use model::time::{Clock, Timestamp};
use serde::{Deserialize, Serialize};
use smtp::tls::Secured;
use smtp::trust::TlsFault;
use tokio::sync::Semaphore;

pub(crate) use fetch::Fetcher;
pub use policy::{Mode, Policy, record_id};

/// Most policies kept.
const POLICIES_MAX: NonZeroUsize = NonZeroUsize::new(50_000).expect("not zero");

/// Most domains remembered as having no policy.
const ABSENT_MAX: NonZeroUsize = NonZeroUsize::new(200_000).expect("not zero");

/// Most policies fetched at a time.
const FETCHES_MAX: usize = 256;

/// Most domains about which somebody is being asked.
const BUSY_MAX: usize = 10_000;

/// How long the DNS is not asked again about a domain (RFC 8461 3.3: fetch at most once in five minutes).
const RECHECK: Duration = Duration::from_secs(300);

/// The same of a policy that cannot be fetched: it doubles with each failure up to this.
const RECHECK_MAX: Duration = Duration::from_secs(4 * 3_600);

/// Mail that is about to be sent waits so long for what is not known yet; the connection is open meanwhile.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// A fetch that does not get its turn in so long has failed.
const TURN_MAX: Duration = Duration::from_secs(20);

/// That a domain has no policy counts for so long while it is asked again.
const ABSENT_KEPT: Duration = Duration::from_secs(86_400);

/// Policies are fetched anew when they are this old, long before they expire (RFC 8461 10.2).
const REFRESH: Duration = Duration::from_secs(86_400);

/// Name of the file in delivery's directory.
const FILE: &str = "mta-sts.json";

/// A policy that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    id: String,
    policy: Policy,
    fetched_at: Timestamp,
    #[serde(skip)]
    checked_at: Timestamp,
}

/// A domain without a policy, as far as is known.
#[derive(Clone, Copy, Debug)]
struct Absent {
    checked_at: Timestamp,
    /// It is not asked about again before.
    until: Timestamp,
    /// How often in a row its policy could not be fetched.
    failures: u32,
}

/// What is known without asking anybody.
enum Known {
    /// What holds, and nobody is to be asked.
    Fresh(Option<Policy>),
    /// What holds while somebody is asked.
    Stale(Option<Policy>),
    Nothing,
}

/// Somebody is being asked; all who want to know wait for the same answer.
type Finding = Shared<BoxFuture<'static, Option<Policy>>>;

impl Kept {
    fn is_valid(&self, now: Timestamp) -> bool {
        now < self.fetched_at.plus(self.policy.max_age().0)
    }
}

/// Finds, keeps and applies policies.
pub(crate) struct Sts {
    resolver: Resolver,
    fetcher: Fetcher,
    clock: Arc<dyn Clock>,
    /// Whether policies that want to be enforced are.
    enforce: bool,
    file: Option<PathBuf>,
    kept: Mutex<LruCache<Name, Kept>>,
    absent: Mutex<LruCache<Name, Absent>>,
    /// One look-up for a domain at a time.
    busy: Mutex<HashMap<Name, Finding>>,
    fetches: Semaphore,
    wait_max: Duration,
    /// There are policies that the file does not have.
    dirty: AtomicBool,
}

/// What a connection may do for a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ruling {
    /// Send. The policy, where there is one that is fulfilled.
    Fine(Option<Mode>),
    /// Send; the policy is in testing mode and not fulfilled.
    Noted(TlsFault),
    /// Do not send.
    Refused(TlsFault),
    /// Not now: nothing is known yet, and whoever is asked takes his time.
    Unknown,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sts {
    /// With the policies of the file in `dir`; a file that cannot be read is told of and begun anew.
    pub fn open(
        resolver: Resolver,
        fetcher: Fetcher,
        clock: Arc<dyn Clock>,
        enforce: bool,
        dir: Option<PathBuf>,
    ) -> Self {
        let file = dir.map(|dir| dir.join(FILE));
        let mut kept = LruCache::new(POLICIES_MAX);
        match file.as_ref().map(std::fs::read) {
            Some(Ok(bytes)) => match serde_json::from_slice::<BTreeMap<Name, Kept>>(&bytes) {
                Ok(known) => known.into_iter().take(POLICIES_MAX.get()).for_each(|(domain, policy)| {
                    kept.put(domain, policy);
                }),
                Err(error) => tracing::warn!(%error, "the kept MTA-STS policies cannot be read and are forgotten"),
            },
            Some(Err(error)) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!(%error, "the kept MTA-STS policies cannot be read and are forgotten");
            }
            _ => {}
        }
        Sts {
            resolver,
            fetcher,
            clock,
            enforce,
            file,
            kept: Mutex::new(kept),
            absent: Mutex::new(LruCache::new(ABSENT_MAX)),
            busy: Mutex::default(),
            fetches: Semaphore::new(FETCHES_MAX),
            wait_max: WAIT_MAX,
            dirty: AtomicBool::new(false),
        }
    }

    /// Whether mail for `domain` may go over a connection to `host` that is secured like this. Answers within
    /// [`WAIT_MAX`], whatever the domain's hosts do.
    pub async fn judge(self: &Arc<Self>, domain: &Name, host: &str, secured: Option<&Secured>) -> Ruling {
        let policy = match self.policy(domain).await {
            Some(Some(policy)) => policy,
            Some(None) => return Ruling::Fine(None),
            None => return Ruling::Unknown,
        };
        let fault = match fulfils(&policy, host, secured) {
            Ok(()) => return Ruling::Fine(Some(policy.mode)),
            Err(fault) => fault,
        };
        match policy.mode {
            Mode::None => Ruling::Fine(None),
            Mode::Enforce if self.enforce => Ruling::Refused(fault),
            Mode::Enforce | Mode::Testing => Ruling::Noted(fault),
        }
    }

    /// The policy in force for a domain; the outer `None` when that is not known yet. What was known holds while it is
    /// asked for anew.
    pub async fn policy(self: &Arc<Self>, domain: &Name) -> Option<Option<Policy>> {
        match self.known(domain) {
            Known::Fresh(policy) => Some(policy),
            Known::Stale(policy) => {
                self.finding(domain);
                Some(policy)
            }
            Known::Nothing => tokio::time::timeout(self.wait_max, self.finding(domain)?).await.ok(),
        }
    }

    /// Asks about a domain in a task of its own, unless somebody does already; none when too many are asked.
    fn finding(self: &Arc<Self>, domain: &Name) -> Option<Finding> {
        let mut busy = lock(&self.busy);
        if let Some(finding) = busy.get(domain) {
            return Some(finding.clone());
        }
        if busy.len() >= BUSY_MAX {
            return None;
        }
        let turn = Turn { sts: Arc::clone(self), domain: domain.clone() };
        let task = tokio::spawn(async move { turn.sts.find(&turn.domain).await });
        let finding = async move { task.await.ok().flatten() }.boxed().shared();
        busy.insert(domain.clone(), finding.clone());
        Some(finding)
    }

    fn known(&self, domain: &Name) -> Known {
        let now = self.clock.now();
        if let Some(kept) = lock(&self.kept).get(domain)
            && kept.is_valid(now)
        {
            let policy = Some(kept.policy.clone());
            return if now < kept.checked_at.plus(RECHECK) { Known::Fresh(policy) } else { Known::Stale(policy) };
        }
        match lock(&self.absent).get(domain) {
            Some(absent) if now < absent.until => Known::Fresh(None),
            Some(absent) if now < absent.checked_at.plus(ABSENT_KEPT) => Known::Stale(None),
            _ => Known::Nothing,
        }
    }

    async fn find(&self, domain: &Name) -> Option<Policy> {
        let now = self.clock.now();
        let before = lock(&self.kept).get(domain).filter(|kept| kept.is_valid(now)).cloned();
        let id = match self.resolver.txt(&format!("_mta-sts.{domain}")).await {
            Ok(texts) => record_id(&texts),
            Err(DnsFailure::Nothing(_)) => None,
            Err(error @ DnsFailure::Temporary { .. }) => {
                tracing::debug!(%domain, %error, "no answer about MTA-STS");
                None
            }
        };
        // A policy that is in force does not end because somebody has taken the record away.
        let Some(id) = id else { return self.settle(domain, before, 0, now) };
        if let Some(kept) = before.clone()
            && kept.id == id
            && now < kept.fetched_at.plus(REFRESH)
        {
            return self.settle(domain, Some(kept), 0, now);
        }
        match self.fetch(domain).await {
            Ok(policy) => {
                let kept = Kept { id, policy, fetched_at: now, checked_at: now };
                self.dirty.store(true, Ordering::Relaxed);
                self.settle(domain, Some(kept), 0, now)
            }
            Err(fault) => {
                tracing::info!(%domain, failure = %fault.failure, reason = %fault, "MTA-STS policy");
                let failures = lock(&self.absent).peek(domain).map_or(0, |absent| absent.failures);
                self.settle(domain, before, failures.saturating_add(1), now)
            }
        }
    }

    async fn fetch(&self, domain: &Name) -> Result<Policy, TlsFault> {
        match tokio::time::timeout(TURN_MAX, self.fetches.acquire()).await {
            Ok(_permit) => self.fetcher.fetch(domain).await,
            Err(_) => {
                let text = "too many policies are being fetched".to_owned();
                Err(TlsFault { failure: TlsFailure::StsPolicyFetchError, text })
            }
        }
    }

    fn settle(&self, domain: &Name, kept: Option<Kept>, failures: u32, now: Timestamp) -> Option<Policy> {
        match kept {
            Some(kept) => {
                let policy = kept.policy.clone();
                lock(&self.kept).put(domain.clone(), Kept { checked_at: now, ..kept });
                Some(policy)
            }
            None => {
                let pause = RECHECK.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(RECHECK_MAX);
                let absent = Absent { checked_at: now, until: now.plus(pause), failures };
                lock(&self.absent).put(domain.clone(), absent);
                None
            }
        }
    }

    /// Writes what has changed to the file. Blocks.
    pub fn save(&self) {
        let Some(path) = &self.file else { return };
        if !self.dirty.swap(false, Ordering::Relaxed) {
            return;
        }
        let now = self.clock.now();
        let bytes = {
            let kept = lock(&self.kept);
            let valid: BTreeMap<&Name, &Kept> = kept.iter().filter(|(_, kept)| kept.is_valid(now)).collect();
            serde_json::to_vec(&valid)
        };
        let saved = bytes.map_err(std::io::Error::other).and_then(|bytes| journal::file::replace(path, &bytes, 0o600));
        if let Err(error) = saved {
            tracing::warn!(path = %path.display(), %error, "MTA-STS policies are kept in memory only");
        }
    }
}

/// A look-up that is under way; it is over when this is dropped.
struct Turn {
    sts: Arc<Sts>,
    domain: Name,
}

impl Drop for Turn {
    fn drop(&mut self) {
        lock(&self.sts.busy).remove(&self.domain);
    }
}

/// RFC 8461 4: the host is one of the policy's, and its certificate is good for its name. A fulfilled DANE policy is
/// worth more and counts.
fn fulfils(policy: &Policy, host: &str, secured: Option<&Secured>) -> Result<(), TlsFault> {
    let fault = |failure, text: String| Err(TlsFault { failure, text });
    if policy.mode == Mode::None {
        return Ok(());
    }
    let Some(secured) = secured else {
        let text = format!("MTA-STS: the connection to {host} is not encrypted");
        return fault(TlsFailure::StarttlsNotSupported, text);
    };
    if secured.finding.as_ref().is_some_and(|finding| matches!(finding.dane, Some(Ok(())))) {
        return Ok(());
    }
    if !policy.names(host) {
        return fault(TlsFailure::ValidationFailure, format!("MTA-STS: the policy does not name {host}"));
    }
    match &secured.finding {
        Some(finding) => finding
            .authority
            .clone()
            .map_err(|fault| TlsFault { text: format!("MTA-STS: {host}: {}", fault.text), failure: fault.failure }),
        None => fault(TlsFailure::ValidationFailure, format!("MTA-STS: the certificate of {host} cannot be read")),
    }
}

#[cfg(test)]
mod tests {
    use model::time::ManualClock;
    use smtp::trust::Authorities;

    use super::*;
    use crate::route::Gate;

    /// Its policy host accepts every connection and says nothing.
    #[tokio::test]
    async fn nobody_waits_long_for_a_host_that_hangs() {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = silent.local_addr().unwrap().port();
        let zone = r#"{"_mta-sts.a.test": {"TXT": ["v=STSv1; id=1;"]}, "mta-sts.a.test": {"A": ["127.0.0.1"]}}"#;
        let resolver = Resolver::zone(dns::Zone::parse(zone).unwrap());
        let gate = Gate::new(true, 25, Vec::new());
        let limit = Duration::from_millis(200);
        let fetcher = Fetcher::new(resolver.clone(), gate, &Authorities::web(), port, limit).unwrap();
        let clock = ManualClock::new(Timestamp::from_unix_s(1_790_000_000));
        let sts = Sts::open(resolver, fetcher, Arc::new(clock.clone()), true, None);
        let sts = Arc::new(Sts { wait_max: Duration::from_millis(1), ..sts });
        let (slow, other) = (Name::from("a.test"), Name::from("b.test"));
        assert_eq!(sts.judge(&slow, "mx.test", None).await, Ruling::Unknown, "its mail comes again");
        assert!(lock(&sts.busy).contains_key(&slow));
        assert_eq!(sts.finding(&other).unwrap().await, None);
        assert_eq!(sts.judge(&other, "mx.test", None).await, Ruling::Fine(None), "that of others goes");
        // Each failure is remembered for longer, and what is remembered holds while it is asked anew.
        for pause in [300, 600, 1_200] {
            assert_eq!(sts.finding(&slow).unwrap().await, None);
            assert!(!lock(&sts.busy).contains_key(&slow));
            clock.advance(Duration::from_secs(pause - 1));
            assert!(matches!(sts.known(&slow), Known::Fresh(None)), "{pause}");
            clock.advance(Duration::from_secs(1));
            assert!(matches!(sts.known(&slow), Known::Stale(None)), "{pause}");
            assert_eq!(sts.judge(&slow, "mx.test", None).await, Ruling::Fine(None));
        }
    }
}
