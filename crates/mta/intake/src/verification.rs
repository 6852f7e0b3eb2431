//! Who stands behind a mail that comes back, or that is passed on under a seal: SPF, DKIM, DMARC and ARC, asked of the DNS
//! in bounded time.
//!
//! Strangers choose which names are asked for, so everything has a bound: [`CHECKS_MAX`] mails are checked at the same
//! time, each for `inbound.verify_timeout` at most, waiting included; what is not known by then is `temperror`.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use dns::Resolver;
use mail::auth::{Checked, Letter, Peer, without_results};
use mail::dkim::{DkimKey, KeyKind, Keyring, Sealing, seal};
use model::event::Authentication;
use model::reply::Reply;
use model::time::Timestamp;
use smtp::envelope::Mail;
use smtp::server::Context;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use crate::belief::Operators;
use crate::config::{Config, DnsTrouble};

/// Mails that are checked at the same time; more wait.
pub(crate) const CHECKS_MAX: usize = 64;

/// Checks mails, and says so in their headers.
pub(crate) struct Verifier {
    /// Of mail that comes back. None: nothing is checked.
    resolver: Option<Resolver>,
    /// Of mail that is passed on.
    relay_resolver: Option<Resolver>,
    timeout: Duration,
    on_trouble: DnsTrouble,
    /// Our name in Authentication-Results.
    authserv_id: String,
    keys: Keyring,
    /// Whose key seals what is sent on.
    seal_domain: String,
    pub(crate) operators: Operators,
    places: Arc<Semaphore>,
}

/// What was found.
#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    /// By all checks.
    Checked(Arc<Checked>),
    /// Not in time.
    Unknown,
    /// Nothing was checked: it is switched off, or the mail has no header.
    Unchecked,
}

impl Verdict {
    /// What was found, where something was.
    pub(crate) fn checked(&self) -> Option<&Checked> {
        match self {
            Verdict::Checked(checked) => Some(checked),
            Verdict::Unknown | Verdict::Unchecked => None,
        }
    }

    /// What the event remembers, before anybody is believed.
    pub(crate) fn to_event(&self) -> Option<Authentication> {
        match self {
            Verdict::Checked(checked) => Some(checked.to_event()),
            Verdict::Unknown => {
                let unknown = || Some("temperror".to_owned());
                Some(Authentication { spf: unknown(), dkim: unknown(), dmarc: unknown(), ..Authentication::default() })
            }
            Verdict::Unchecked => None,
        }
    }
}

impl Verifier {
    pub(crate) fn new(config: &Config, resolver: Option<Resolver>, keys: Keyring) -> Self {
        let inbound = &config.inbound;
        Verifier {
            relay_resolver: resolver.clone(),
            resolver: resolver.filter(|_| inbound.verify),
            timeout: inbound.verify_timeout.0,
            on_trouble: inbound.on_dns_trouble,
            authserv_id: config.host_name.clone(),
            keys,
            seal_domain: inbound.seal_domain.clone().unwrap_or_else(|| config.host_name.clone()),
            operators: Operators::new(&inbound.feedback_operators),
            places: Arc::new(Semaphore::new(CHECKS_MAX)),
        }
    }

    /// Checks a mail, and gives it back.
    ///
    /// # Errors
    /// 451, where the DNS did not answer and the configuration wants such mail to come again.
    pub(crate) async fn check(
        &self,
        raw: Vec<u8>,
        context: &Context,
        mail: &Mail,
        at: Timestamp,
    ) -> Result<(Vec<u8>, Verdict), Reply> {
        match self.resolver.clone() {
            Some(resolver) => self.check_with(resolver, raw, context, mail, at).await,
            None => Ok((raw, Verdict::Unchecked)),
        }
    }

    /// Checks a mail that is to be passed on under a seal, and gives it back. Without a key for the seal it is not looked
    /// at.
    ///
    /// # Errors
    /// As [`Verifier::check`].
    pub(crate) async fn check_relayed(
        &self,
        raw: Vec<u8>,
        context: &Context,
        mail: &Mail,
        at: Timestamp,
    ) -> Result<(Vec<u8>, Verdict), Reply> {
        match self.relay_resolver.clone().filter(|_| self.seal_key().is_some()) {
            Some(resolver) => self.check_with(resolver, raw, context, mail, at).await,
            None => Ok((raw, Verdict::Unchecked)),
        }
    }

    async fn check_with(
        &self,
        resolver: Resolver,
        raw: Vec<u8>,
        context: &Context,
        mail: &Mail,
        at: Timestamp,
    ) -> Result<(Vec<u8>, Verdict), Reply> {
        let visitor = Visitor {
            address: context.peer.address.ip().to_canonical(),
            helo: context.hello.as_ref().map(|hello| hello.name.clone()).unwrap_or_default(),
            mail_from: mail.sender.clone(),
        };
        let Ok(place) = tokio::time::timeout(self.timeout, self.places.clone().acquire_owned()).await else {
            return self.settled(raw, Verdict::Unknown);
        };
        let (timeout, runtime) = (self.timeout, Handle::current());
        // Hashing megabytes is no work for the threads that serve everybody, and a letter borrows its bytes.
        let checking = tokio::task::spawn_blocking(move || {
            let _place = place;
            let verdict = match Letter::parse(&raw) {
                None => Verdict::Unchecked,
                Some(letter) => {
                    let settled = resolver.settle(|answers| Checked::of(&letter, &visitor.peer(), at, answers));
                    let settled = runtime.block_on(async { tokio::time::timeout(timeout, settled).await });
                    settled.map_or(Verdict::Unknown, |checked| Verdict::Checked(Arc::new(checked)))
                }
            };
            (raw, verdict)
        });
        match checking.await {
            Ok((raw, verdict)) => self.settled(raw, verdict),
            Err(_) => Err(Reply::new(451, "4.3.0 The mail could not be checked, try again later")),
        }
    }

    fn settled(&self, raw: Vec<u8>, verdict: Verdict) -> Result<(Vec<u8>, Verdict), Reply> {
        let is_temporary = match &verdict {
            Verdict::Checked(checked) => checked.is_temporary(),
            Verdict::Unknown => true,
            Verdict::Unchecked => false,
        };
        if is_temporary && self.on_trouble == DnsTrouble::Defer {
            return Err(Reply::new(451, "4.4.3 The DNS did not say who sends this, try again later"));
        }
        Ok((raw, verdict))
    }

    /// A letter as it may be kept or sent on: whoever wrote our name into Authentication-Results was not us.
    pub(crate) fn cleaned(&self, raw: Vec<u8>) -> Vec<u8> {
        without_results(raw, &self.authserv_id)
    }

    /// The header that says what we found; empty where nothing was checked.
    pub(crate) fn results(&self, verdict: &Verdict) -> Vec<u8> {
        let Some(checked) = verdict.checked() else { return Vec::new() };
        format!("Authentication-Results: {}\r\n", checked.to_results(&self.authserv_id)).into_bytes()
    }

    /// The letter with an ARC set of ours in front, where there is a key for it; it must not be changed any more.
    pub(crate) fn sealed(&self, raw: Vec<u8>, verdict: &Verdict, at: Timestamp) -> Vec<u8> {
        let (Some(checked), Some(key)) = (verdict.checked(), self.seal_key()) else { return raw };
        let results = checked.to_results(&self.authserv_id);
        match seal(&raw, &Sealing { key: &key, results: &results, chain: &checked.arc, at }) {
            Ok(set) => [set, raw].concat(),
            Err(error) => {
                tracing::debug!(%error, "a letter is sent on without an ARC set");
                raw
            }
        }
    }

    /// As [`Verifier::sealed`] for mail that is passed on, beside the threads that serve everybody. `user` has proved who he
    /// is to us, which the set says without his name.
    ///
    /// # Errors
    /// 451, where the program is about to end.
    pub(crate) async fn sealed_relay(
        &self,
        raw: Vec<u8>,
        verdict: &Verdict,
        user: bool,
        at: Timestamp,
    ) -> Result<Vec<u8>, Reply> {
        let (Some(checked), Some(key)) = (verdict.checked(), self.seal_key()) else { return Ok(raw) };
        let mut results = checked.to_results(&self.authserv_id);
        if user {
            results.push_str(";\r\n\tauth=pass");
        }
        let chain = checked.arc.clone();
        let sealing = tokio::task::spawn_blocking(move || {
            match seal(&raw, &Sealing { key: &key, results: &results, chain: &chain, at }) {
                Ok(set) => [set, raw].concat(),
                Err(error) => {
                    tracing::debug!(%error, "a mail is passed on without an ARC set");
                    raw
                }
            }
        });
        sealing.await.map_err(|_| Reply::new(451, "4.3.0 The mail could not be sealed, try again later"))
    }

    fn seal_key(&self) -> Option<DkimKey> {
        self.keys.of(&self.seal_domain)?.iter().find(|key| key.kind() == KeyKind::Rsa).cloned()
    }
}

/// A client, owned.
struct Visitor {
    address: IpAddr,
    helo: String,
    mail_from: String,
}

impl Visitor {
    fn peer(&self) -> Peer<'_> {
        Peer { address: self.address, helo: &self.helo, mail_from: &self.mail_from }
    }
}
