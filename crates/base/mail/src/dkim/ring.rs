//! Which keys sign which mail: the keys by domain, and the policy that chooses among them.
//!
//! A mail is signed by the keys of the domain it is to be signed for, which is that of its author unless somebody says
//! otherwise (aligned, so DMARC counts it), then by those of its source's domain and of the platform, which count for
//! the reputation of whoever sends. Keys may change while mail is signed.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use model::dns::{Answer, Answers, Question};
use model::name::Name;
use model::time::Timestamp;

use super::{BodyHash, DkimKey, Form, SignError, Signer, sign_with};
use crate::auth::{DkimResult, Letter, dkim};

/// Most domains with keys.
pub const RING_DOMAINS_MAX: usize = 100_000;

/// The keys of one domain.
type Keys = Arc<[DkimKey]>;

/// The keys that sign messages, by the domain in `d=`. Clones share them.
#[derive(Clone, Default)]
pub struct Keyring(Arc<RwLock<Inner>>);

#[derive(Default)]
struct Inner {
    keys: HashMap<String, Keys>,
    policy: Arc<Policy>,
    version: u64,
}

/// How mail is signed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// What signatures cover.
    pub form: Form,
    /// Who signs beside the author's domain.
    pub platform: Option<Platform>,
    /// Streams whose mail waits rather than to leave without an aligned signature.
    pub required: Vec<Name>,
    /// Sign also what carries a good signature by one of our keys for the same domain.
    pub sign_again: bool,
}

/// The identity of whoever runs the suite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform {
    /// Its domain.
    pub domain: String,
    /// Name the tenant in `i=`: `tenant@domain`.
    pub names_tenant: bool,
}

/// A message that is about to leave.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// Header and body, with CRLF line ends.
    pub message: &'a [u8],
    /// The domain of its author (From).
    pub author: Option<&'a str>,
    /// The domain it is to be signed for, in place of the author's; empty: not at all.
    pub wanted: Option<&'a str>,
    /// The domain of its source.
    pub source: Option<&'a str>,
    /// Only these selectors of the source's domain; all of them when empty.
    pub source_selectors: &'a [Name],
    /// Whose mail it is.
    pub tenant: &'a str,
    /// Kind of traffic.
    pub stream: &'a str,
    /// It came as it is, so it may carry signatures already.
    pub foreign: bool,
}

/// Why a message has no signature that it should have.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsigned {
    /// The stream wants one, and there is no key. Mended by a key; the mail waits.
    #[error("mail of the stream {stream} leaves signed only, and there is no key for {domain}")]
    NoKey {
        /// Its stream.
        stream: String,
        /// The domain without a key.
        domain: String,
    },
    /// Message or key are at fault.
    #[error(transparent)]
    Sign(#[from] SignError),
}

impl Keyring {
    /// No keys at all: messages leave without signatures.
    pub fn new() -> Self {
        Keyring::default()
    }

    /// Puts these keys, by their domains, in the place of all others.
    pub fn replace(&self, keys: Vec<DkimKey>) {
        let mut sorted: HashMap<String, Vec<DkimKey>> = HashMap::new();
        for key in keys {
            sorted.entry(key.domain().to_ascii_lowercase()).or_default().push(key);
        }
        let mut inner = self.0.write().unwrap_or_else(PoisonError::into_inner);
        inner.keys = sorted.into_iter().take(RING_DOMAINS_MAX).map(|(domain, keys)| (domain, keys.into())).collect();
        inner.version += 1;
    }

    /// Changes how mail is signed.
    pub fn set_policy(&self, policy: Policy) {
        let mut inner = self.0.write().unwrap_or_else(PoisonError::into_inner);
        inner.policy = Arc::new(policy);
        inner.version += 1;
    }

    /// Grows with every change: a signature made under another version is made again.
    pub fn version(&self) -> u64 {
        self.0.read().unwrap_or_else(PoisonError::into_inner).version
    }

    /// The keys of a domain, or of the nearest domain above it that has some (relaxed alignment, RFC 9989 4.4.1).
    pub fn of(&self, domain: &str) -> Option<Arc<[DkimKey]>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).of(domain)
    }

    /// The headers to put in front of a message; empty when nobody signs it.
    ///
    /// # Errors
    /// [`Unsigned::NoKey`]: the mail waits for a key. [`Unsigned::Sign`]: see [`SignError`].
    pub fn sign(&self, plan: &Plan<'_>, at: Timestamp, bodies: &mut BodyHash) -> Result<Vec<u8>, Unsigned> {
        if plan.wanted.is_some_and(str::is_empty) {
            return Ok(Vec::new());
        }
        let (aligned, beside, policy) = self.chosen(plan);
        let aligned = aligned.as_deref().unwrap_or_default();
        if aligned.is_empty() && policy.required.iter().any(|stream| stream == plan.stream) {
            let domain = plan.wanted.or(plan.author).unwrap_or("the domain of its author").to_owned();
            return Err(Unsigned::NoKey { stream: plan.stream.to_owned(), domain });
        }
        let signed_before = plan.foreign && !policy.sign_again && carries(plan.message, aligned, at);
        // Without `i=`: a record with `t=s` forbids one below its domain.
        let by_aligned = aligned.iter().filter(|_| !signed_before).map(|key| Signer { key, identity: None });
        let mut signers: Vec<Signer<'_>> = by_aligned.collect();
        let tenant = policy.platform.as_ref().filter(|platform| platform.names_tenant);
        let tenant = tenant.map(|platform| format!("{}@{}", plan.tenant, platform.domain));
        let is_of_source = |key: &DkimKey| {
            let selectors = plan.source_selectors;
            selectors.is_empty()
                || plan.source.is_none_or(|source| !source.eq_ignore_ascii_case(key.domain()))
                || selectors.iter().any(|selector| selector.eq_ignore_ascii_case(key.selector()))
        };
        let is_other =
            |key: &&DkimKey| is_of_source(key) && !aligned.iter().any(|known| known.domain() == key.domain());
        for key in beside.iter().flat_map(|keys| keys.iter()).filter(is_other) {
            let identity = tenant.as_deref().filter(|tenant| tenant.ends_with(&format!("@{}", key.domain())));
            signers.push(Signer { key, identity });
        }
        Ok(sign_with(plan.message, &signers, &policy.form, at, bodies)?)
    }

    /// The aligned keys, those of source and platform, and the policy, all of one moment.
    fn chosen(&self, plan: &Plan<'_>) -> (Option<Keys>, Vec<Keys>, Arc<Policy>) {
        let inner = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let aligned = plan.wanted.or(plan.author).and_then(|domain| inner.of(domain));
        let platform = inner.policy.platform.as_ref().map(|platform| platform.domain.as_str());
        let mut beside: Vec<Keys> = Vec::new();
        for domain in [plan.source, platform].into_iter().flatten() {
            let known = |keys: &Keys| beside.iter().any(|other| Arc::ptr_eq(other, keys));
            if let Some(keys) = inner.keys.get(&domain.to_ascii_lowercase()).filter(|keys| !known(keys)) {
                beside.push(Arc::clone(keys));
            }
        }
        (aligned, beside, Arc::clone(&inner.policy))
    }
}

impl Inner {
    fn of(&self, domain: &str) -> Option<Keys> {
        if self.keys.is_empty() {
            return None;
        }
        let domain = domain.to_ascii_lowercase();
        let mut rest = domain.as_str();
        loop {
            if let Some(keys) = self.keys.get(rest) {
                return Some(Arc::clone(keys));
            }
            rest = rest.split_once('.')?.1;
        }
    }
}

/// Whether a message carries a good signature by one of these keys. Nothing is asked of the DNS: we know their records.
fn carries(message: &[u8], keys: &[DkimKey], at: Timestamp) -> bool {
    const NAME: &[u8] = b"dkim-signature:";
    let header = message.windows(4).position(|bytes| bytes == b"\r\n\r\n").map_or(message, |end| &message[..end + 2]);
    let begins = |line: &[u8]| line.get(..NAME.len()).is_some_and(|name| name.eq_ignore_ascii_case(NAME));
    if keys.is_empty() || !header.split(|&byte| byte == b'\n').any(begins) {
        return false;
    }
    let Some(letter) = Letter::parse(message) else { return false };
    let mut answers = Answers::default();
    loop {
        match dkim(&letter, at, &answers) {
            Ok(verdicts) => return verdicts.iter().any(|verdict| verdict.result == DkimResult::Pass),
            Err(question) => {
                let key = keys.iter().find(|key| question == Question::Txt(Question::name(&key.record_name())));
                let text = key.and_then(|key| key.record_text().ok());
                answers.insert(question, text.map_or(Answer::Nothing, |text| Answer::Texts(vec![text])));
            }
        }
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.0.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_set().entries(inner.keys.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::KeyKind;
    use super::*;

    const AT: Timestamp = Timestamp::from_unix_s(1_790_000_000);
    const MAIL: &[u8] = b"From: a@news.example.org\r\nSubject: x\r\n\r\nHello\r\n";

    fn plan() -> Plan<'static> {
        Plan {
            message: MAIL,
            author: Some("news.example.org"),
            wanted: None,
            source: None,
            source_selectors: &[],
            tenant: "acme",
            stream: "bulk",
            foreign: true,
        }
    }

    fn key(domain: &str) -> DkimKey {
        DkimKey::generate(KeyKind::Ed25519, domain, "s1").unwrap()
    }

    /// `d=` and `i=` of each signature, or why there is none.
    fn signed(ring: &Keyring, plan: &Plan<'_>) -> String {
        let header = match ring.sign(plan, AT, &mut BodyHash::default()) {
            Ok(header) => String::from_utf8(header).unwrap(),
            Err(error) => return error.to_string(),
        };
        let one = |header: &str| {
            let tag = |name| crate::auth::tag(header, name).unwrap_or("-").to_owned();
            format!("{} {}", tag("d"), tag("i"))
        };
        header.split("DKIM-Signature:").skip(1).map(one).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn who_signs() {
        let ring = Keyring::new();
        let keys = ["example.org", "esp.test", "ip.test", "other.test"].map(key).to_vec();
        ring.replace(keys);
        let check = |plan: Plan<'_>, expected: &str| assert_eq!(signed(&ring, &plan), expected, "{plan:?}");
        check(plan(), "example.org -");
        check(Plan { wanted: Some("other.test"), ..plan() }, "other.test -");
        check(Plan { wanted: Some(""), source: Some("ip.test"), ..plan() }, "");
        check(Plan { author: None, ..plan() }, "");
        check(Plan { author: Some("Example.ORG"), source: Some("example.org"), ..plan() }, "example.org -");
        check(Plan { author: Some("x.test"), source: Some("ip.test"), ..plan() }, "ip.test -");
        let platform = Some(Platform { domain: "esp.test".to_owned(), names_tenant: true });
        ring.set_policy(Policy { platform, required: vec![Name::from("transactional")], ..Policy::default() });
        check(plan(), "example.org -, esp.test acme@esp.test");
        let all = "example.org -, ip.test -, esp.test acme@esp.test";
        check(Plan { source: Some("ip.test"), ..plan() }, all);
        let selectors = [Name::from("s2")];
        let other = Plan { source: Some("ip.test"), source_selectors: &selectors, ..plan() };
        check(other, "example.org -, esp.test acme@esp.test");
        // A name that cannot stand in `i=` is left out.
        check(Plan { tenant: "a b; x=1", ..plan() }, "example.org -, esp.test -");
        check(Plan { stream: "transactional", ..plan() }, "example.org -, esp.test acme@esp.test");
        let refused = "mail of the stream transactional leaves signed only, and there is no key for x.test";
        check(Plan { stream: "transactional", author: Some("x.test"), ..plan() }, refused);
        check(Plan { stream: "transactional", author: Some("x.test"), wanted: Some(""), ..plan() }, "");
    }

    #[test]
    fn what_is_signed_well_is_not_signed_again() {
        let ring = Keyring::new();
        ring.replace(vec![key("example.org")]);
        let first = [&ring.sign(&plan(), AT, &mut BodyHash::default()).unwrap(), MAIL].concat();
        let check = |message: &[u8], again: bool| {
            let found = signed(&ring, &Plan { message, ..plan() });
            assert_eq!(!found.is_empty(), again, "{}", String::from_utf8_lossy(message));
        };
        check(&first, false);
        check(&String::from_utf8(first.clone()).unwrap().replace("Hello", "Hullo").into_bytes(), true);
        let by_others = Keyring::new();
        by_others.replace(vec![key("example.org")]);
        check(&[&by_others.sign(&plan(), AT, &mut BodyHash::default()).unwrap(), MAIL].concat(), true);
        ring.set_policy(Policy { sign_again: true, ..Policy::default() });
        check(&first, true);
    }

    #[test]
    fn keys_may_change() {
        let ring = Keyring::new();
        let version = ring.version();
        ring.replace(vec![key("Example.org")]);
        assert!(ring.of("a.b.example.ORG").is_some() && ring.of("org").is_none() && ring.version() > version);
        ring.replace(vec![key("other.test")]);
        assert!(ring.of("example.org").is_none() && ring.of("other.test").is_some());
        ring.replace(Vec::new());
        assert_eq!(format!("{ring:?}"), "{}");
    }
}
