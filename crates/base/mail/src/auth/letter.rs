//! A message in the form in which signatures are verified, and one signature against the key in the DNS.

use mail_auth::AuthenticatedMessage;
use mail_auth::common::crypto::{Algorithm, HashAlgorithm};
use mail_auth::common::parse::TxtRecordParser;
use mail_auth::common::verify::DomainKey;
use mail_auth::dkim::Canonicalization;
use model::dns::{Answer, Answers, Question};
use model::time::Timestamp;

use super::tags;

/// A message read once for all checks. Lines must end with CRLF, as in SMTP.
pub struct Letter<'a> {
    pub(super) parsed: AuthenticatedMessage<'a>,
}

impl<'a> Letter<'a> {
    /// Reads headers and hashes the body in every way that its signatures ask for; None without a header field.
    pub fn parse(raw: &'a [u8]) -> Option<Letter<'a>> {
        // Lenient: a signature with `l=` is judged, and told to be one.
        AuthenticatedMessage::parse_with_opts(raw, None, false).map(|parsed| Letter { parsed })
    }

    /// The domains of the authors in `From`, in A-labels and lower case.
    pub(super) fn author_domains(&self) -> Vec<String> {
        let domains = self.parsed.from.iter().filter_map(|address| address.rsplit_once('@'));
        let mut domains: Vec<String> = domains
            .map(|(_, domain)| idna::domain_to_ascii(domain).unwrap_or_else(|_| domain.to_ascii_lowercase()))
            .collect();
        domains.sort();
        domains.dedup();
        domains
    }

    /// Whether the body is the one that was signed.
    pub(super) fn body_matches(&self, form: Canonicalization, algorithm: Algorithm, length: u64, hash: &[u8]) -> bool {
        let wanted = HashAlgorithm::from(algorithm);
        let mut hashes = self.parsed.body_hashes.iter();
        hashes.any(|(with, by, of, found)| *with == form && *by == wanted && *of == length && found.as_slice() == hash)
    }
}

/// Why a signature is not good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// The signature is wrong, or not for this message.
    Fail(String),
    /// Signature or key can never be used.
    Permanent(String),
    /// The key could not be fetched now.
    Temporary(String),
    /// The key was not asked for yet.
    Ask(Question),
}

impl From<Question> for Flaw {
    fn from(question: Question) -> Self {
        Flaw::Ask(question)
    }
}

/// The key of a signature, with the record it stands in.
pub(super) struct Key {
    pub key: DomainKey,
    pub record: String,
}

impl Key {
    /// Whether the owner is only trying (`t=y`, RFC 6376 3.6.1).
    pub fn is_test(&self) -> bool {
        tags::tag(&self.record, "t").is_some_and(|flags| tags::lists(flags, "y"))
    }

    /// Whether `i=` must be the very domain of `d=` (`t=s`).
    pub fn is_strict(&self) -> bool {
        tags::tag(&self.record, "t").is_some_and(|flags| tags::lists(flags, "s"))
    }

    /// Bits of the public key.
    pub fn bits(&self) -> usize {
        // mail-auth knows the size of RSA keys only; the other kind has one size.
        Some(self.key.p.public_key_bits()).filter(|bits| *bits != usize::MAX).unwrap_or(256)
    }
}

/// Fetches the key of a selector (RFC 6376 3.6.2). The first record that is a key counts.
pub(super) fn key(selector: &str, domain: &str, answers: &Answers) -> Result<Key, Flaw> {
    if !is_domain(domain) || !is_domain(selector) {
        return Err(Flaw::Permanent(format!("{domain:?} (d=) or {selector:?} (s=) is no name")));
    }
    let name = format!("{selector}._domainkey.{domain}");
    let texts = match answers.to(Question::Txt(Question::name(&name)))? {
        Answer::Texts(texts) => texts,
        Answer::Failed(reason) => return Err(Flaw::Temporary(format!("{name}: {reason}"))),
        _ => return Err(Flaw::Permanent(format!("{name}: there is no key"))),
    };
    let mut problem = "there is no key".to_owned();
    for record in texts {
        if tags::tag(record, "s").is_some_and(|uses| !tags::lists(uses, "*") && !tags::lists(uses, "email")) {
            problem = "the key is not for mail (s=)".to_owned();
            continue;
        }
        match DomainKey::parse(record.as_bytes()) {
            Ok(key) => return Ok(Key { key, record: record.clone() }),
            Err(error) => problem = error.to_string(),
        }
    }
    Err(Flaw::Permanent(format!("{name}: {problem}")))
}

/// Letters of any script, digits, hyphens and underscores between dots: what else could be taken for another domain by
/// whoever reads the verdict.
fn is_domain(name: &str) -> bool {
    let label = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'));
    name.split('.').all(label)
}

/// Checks the time of a signature (`t=`, `x=`).
pub(super) fn in_time(signed: u64, expires: u64, now: Timestamp) -> Result<(), Flaw> {
    let now = u64::try_from(now.as_unix_s()).unwrap_or(0);
    if expires != 0 && (expires <= signed || expires <= now) {
        return Err(Flaw::Fail("the signature has expired".to_owned()));
    }
    Ok(())
}
