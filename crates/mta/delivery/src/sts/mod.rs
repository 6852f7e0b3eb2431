//! MTA-STS (RFC 8461): what domains want of the TLS of their hosts, found, kept and applied.
//!
//! A session serves many domains, so the policy is applied at each mail: [`Sts::judge`] says whether this connection
//! may carry mail for this domain. Policies are kept in memory and in one file; a policy that is in force stays so when
//! the DNS or its host fails (RFC 8461 5.1), which is what makes it worth anything against somebody in the middle.
//!
//! Limits: [`POLICIES_MAX`] policies, [`ABSENT_MAX`] domains known to have none, [`FETCHES_MAX`] fetches at a time.

mod fetch;
mod policy;

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dns::{DnsFailure, Resolver};
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
const FETCHES_MAX: usize = 32;

/// How long the DNS is not asked again about a domain (RFC 8461 3.3: fetch at most once in five minutes).
const RECHECK: Duration = Duration::from_secs(300);

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
    absent: Mutex<LruCache<Name, Timestamp>>,
    /// One look-up for a domain at a time.
    busy: Mutex<HashMap<Name, Arc<tokio::sync::Mutex<()>>>>,
    fetches: Semaphore,
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
            dirty: AtomicBool::new(false),
        }
    }

    /// Whether mail for `domain` may go over a connection to `host` that is secured like this.
    pub async fn judge(&self, domain: &Name, host: &str, secured: Option<&Secured>) -> Ruling {
        let Some(policy) = self.policy(domain).await else { return Ruling::Fine(None) };
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

    /// The policy in force for a domain.
    pub async fn policy(&self, domain: &Name) -> Option<Policy> {
        if let Some(known) = self.known(domain) {
            return known;
        }
        let turn = Arc::clone(lock(&self.busy).entry(domain.clone()).or_default());
        let found = {
            let _turn = turn.lock().await;
            match self.known(domain) {
                Some(known) => known,
                None => self.find(domain).await,
            }
        };
        // Two are the map's and ours: nobody else waits.
        let mut busy = lock(&self.busy);
        if Arc::strong_count(&turn) <= 2 {
            busy.remove(domain);
        }
        found
    }

    /// What is known without asking anybody; the outer `None` when somebody has to be asked.
    fn known(&self, domain: &Name) -> Option<Option<Policy>> {
        let now = self.clock.now();
        if let Some(kept) = lock(&self.kept).get(domain)
            && kept.is_valid(now)
            && now < kept.checked_at.plus(RECHECK)
        {
            return Some(Some(kept.policy.clone()));
        }
        lock(&self.absent).get(domain).is_some_and(|until| now < *until).then_some(None)
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
        let Some(id) = id else { return self.settle(domain, before, now) };
        if let Some(kept) = before.clone()
            && kept.id == id
            && now < kept.fetched_at.plus(REFRESH)
        {
            return self.settle(domain, Some(kept), now);
        }
        let fetched = {
            let _permit = self.fetches.acquire().await;
            self.fetcher.fetch(domain).await
        };
        match fetched {
            Ok(policy) => {
                let kept = Kept { id, policy, fetched_at: now, checked_at: now };
                self.dirty.store(true, Ordering::Relaxed);
                self.settle(domain, Some(kept), now)
            }
            Err(fault) => {
                tracing::info!(%domain, failure = %fault.failure, reason = %fault, "MTA-STS policy");
                self.settle(domain, before, now)
            }
        }
    }

    fn settle(&self, domain: &Name, kept: Option<Kept>, now: Timestamp) -> Option<Policy> {
        match kept {
            Some(kept) => {
                let policy = kept.policy.clone();
                lock(&self.kept).put(domain.clone(), Kept { checked_at: now, ..kept });
                Some(policy)
            }
            None => {
                lock(&self.absent).put(domain.clone(), now.plus(RECHECK));
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
