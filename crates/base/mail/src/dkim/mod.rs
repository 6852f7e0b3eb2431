//! DKIM signing (RFC 6376, RFC 8463) and ARC sealing (RFC 8617): relaxed/relaxed, RSA-2048 and Ed25519, any number of
//! signatures per message.
//!
//! The message is canonicalised once for all keys; a body that is the same as the one before it is not hashed again
//! ([`BodyHash`]); the keys are parsed once, when they are loaded. Canonical forms are made here rather than by a library
//! because the time of the signature must come in as a value, because several keys share one body hash, and because of a
//! fault of the library at hand (whitespace-only lines at the end of a body). The arithmetic is aws-lc's. Verification
//! is done in [`crate::auth`].
//!
//! Which headers are signed, and which of them once more than they occur, so that nobody can add another one without
//! breaking the signature, is the [`Form`]. Which keys sign which mail is the [`Keyring`].
//!
//! Input must have CRLF line ends. Output is the header to put in front of the message, CRLF at its end.
//! Limits: [`INSTANCES_MAX`] occurrences of one header, [`NAMES_MAX`] names.   Known gaps: no `l=` and `z=`, on purpose.

pub(crate) mod canonical;
mod form;
mod key;
mod record;
mod ring;
mod seal;

pub use form::{Form, FormError, NAMES_MAX, OVERSIGNED, SIGNED};
pub use key::{DkimKey, KeyError, KeyKind};
pub use record::{STRING_MAX, publishes, zone_line};
pub use ring::{Keyring, Plan, Platform, Policy, RING_DOMAINS_MAX, Unsigned};
pub use seal::{SealError, Sealing, seal};

use aws_lc_rs::digest::{Context, Digest, SHA256};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::time::Timestamp;

/// More occurrences of one header than this are not signed; a proper message has one.
pub const INSTANCES_MAX: usize = 8;

/// Why a message could not be signed. The message itself is at fault, or the key.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// RFC 6376 5.4: `From` must be signed.
    #[error("the message has no From header")]
    NoFrom,
    /// The arithmetic failed; the key is unusable.
    #[error("signing with the key {selector} of {domain} failed")]
    Key {
        /// Selector of the key.
        selector: String,
        /// Its domain.
        domain: String,
    },
}

/// One signature to be made.
#[derive(Clone, Debug)]
pub struct Signer<'a> {
    /// The key, with `d=` and `s=`.
    pub key: &'a DkimKey,
    /// On whose behalf (`i=`, RFC 6376 3.5): `[local]@domain` with the key's domain or one below it. What is not so is
    /// left out.
    pub identity: Option<&'a str>,
}

/// The hash of the body that was signed last, with that body: recipients of one message often get the same.
///
/// Comparing is a hundredth of the work of hashing, and ends at the first difference.
#[derive(Clone, Debug, Default)]
pub struct BodyHash {
    body: Vec<u8>,
    hash: Option<String>,
}

impl BodyHash {
    /// Larger bodies are not kept, in bytes.
    pub const KEPT_MAX: usize = 1 << 20;

    fn of(&mut self, body: &[u8]) -> String {
        if let Some(hash) = self.hash.as_ref().filter(|_| self.body == body) {
            return hash.clone();
        }
        let hash = STANDARD.encode(canonical::relaxed_body_hash(body).as_ref());
        self.hash = (body.len() <= Self::KEPT_MAX).then(|| {
            self.body.clear();
            self.body.extend_from_slice(body);
            hash.clone()
        });
        hash
    }
}

/// Signs a message with each of the keys in the usual [`Form`]; see [`sign_with`].
///
/// # Errors
/// As [`sign_with`].
pub fn sign(raw: &[u8], keys: &[DkimKey], at: Timestamp) -> Result<Vec<u8>, SignError> {
    let signers: Vec<Signer<'_>> = keys.iter().map(|key| Signer { key, identity: None }).collect();
    sign_with(raw, &signers, &Form::default(), at, &mut BodyHash::default())
}

/// Signs a message with each of the signers and returns the header lines to put in front of it.
///
/// `at` becomes `t=`, in whole seconds. No signers: nothing to put in front.
///
/// # Errors
/// [`SignError::NoFrom`]: the message must not be sent as it is. [`SignError::Key`]: the key has to be replaced.
pub fn sign_with(
    raw: &[u8],
    signers: &[Signer<'_>],
    form: &Form,
    at: Timestamp,
    bodies: &mut BodyHash,
) -> Result<Vec<u8>, SignError> {
    if signers.is_empty() {
        return Ok(Vec::new());
    }
    let (headers, body) = canonical::split(raw);
    let covered = form.headers.iter().map(|covered| (covered.name.as_str(), covered.once_more));
    let (names, signed) = cover(&headers, covered)?;
    let body_hash = bodies.of(body);
    let mut out = Vec::with_capacity(900 * signers.len());
    for signer in signers {
        let key = signer.key;
        let mut tags = format!(
            "DKIM-Signature: v=1; a={}; c=relaxed/relaxed; d={};\r\n\ts={};",
            key.kind().algorithm(),
            key.domain(),
            key.selector()
        );
        let identity = signer.identity.filter(|identity| may_speak_for(identity, key.domain()));
        if let Some(identity) = identity {
            tags.push_str(&format!(" i={identity};"));
        }
        let seconds = at.as_unix_s().max(0);
        if form.timestamp {
            tags.push_str(&format!(" t={seconds};"));
        }
        if let Some(after) = form.expires_after {
            tags.push_str(&format!(" x={};", seconds.saturating_add_unsigned(after.as_secs().max(1))));
        }
        finish(tags, &names, &body_hash, &signed, key, &mut out)?;
    }
    Ok(out)
}

/// `[local]@domain` in printable ASCII that needs no quoting, with this domain or one below it.
fn may_speak_for(identity: &str, domain: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'@' | b'+');
    let Some((_, of)) = identity.rsplit_once('@') else { return false };
    let below = of.len() > domain.len() && of.ends_with(domain) && of[..of.len() - domain.len()].ends_with('.');
    identity.len() <= 254 && identity.bytes().all(plain) && (of == domain || below)
}

/// Adds `h=`, `bh=` and `b=` to the beginning of a header and the whole to `out`.
fn finish(
    tags: String,
    names: &[u8],
    body_hash: &str,
    signed: &[u8],
    key: &DkimKey,
    out: &mut Vec<u8>,
) -> Result<(), SignError> {
    let mut header = tags.into_bytes();
    header.extend_from_slice(b"\r\n\th=");
    let mut column = 3;
    for name in names.split_inclusive(|&byte| byte == b':') {
        if column + name.len() > 76 {
            header.extend_from_slice(b"\r\n\t ");
            column = 2;
        }
        header.extend_from_slice(name);
        column += name.len();
    }
    header.extend_from_slice(format!(";\r\n\tbh={body_hash};\r\n\tb=").as_bytes());
    let value = key.sign(&digest(signed, &header)).ok_or_else(|| failed(key))?;
    out.extend_from_slice(&header);
    fold_base64(&STANDARD.encode(value), out);
    out.extend_from_slice(b"\r\n");
    Ok(())
}

fn failed(key: &DkimKey) -> SignError {
    SignError::Key { selector: key.selector().to_owned(), domain: key.domain().to_owned() }
}

/// The names of `h=`, and the canonical headers in their order: lowest occurrence first as RFC 6376 5.4.2 wants it. A
/// name that stands once more than the header occurs has no text.
fn cover<'n>(
    headers: &[canonical::Field<'_>],
    covered: impl Iterator<Item = (&'n str, bool)>,
) -> Result<(Vec<u8>, Vec<u8>), SignError> {
    let (mut names, mut signed) = (Vec::with_capacity(320), Vec::with_capacity(2_048));
    for (name, once_more) in covered {
        let found = headers.iter().rev().filter(|field| field.name.eq_ignore_ascii_case(name.as_bytes()));
        let mut count = 0;
        for field in found.take(INSTANCES_MAX) {
            canonical::relax_header(field.whole, &mut signed);
            count += 1;
        }
        if count == 0 && name == "from" {
            return Err(SignError::NoFrom);
        }
        for _ in 0..count + usize::from(once_more) {
            if !names.is_empty() {
                names.push(b':');
            }
            names.extend_from_slice(name.as_bytes());
        }
    }
    Ok((names, signed))
}

/// RFC 6376 3.7: the canonical headers, then the signature header itself with an empty `b=` and no CRLF at its end.
fn digest(signed: &[u8], header: &[u8]) -> Digest {
    let mut own = Vec::with_capacity(header.len());
    canonical::relax_header(header, &mut own);
    let mut context = Context::new(&SHA256);
    context.update(signed);
    context.update(own.strip_suffix(b"\r\n").unwrap_or(&own));
    context.finish()
}

fn fold_base64(text: &str, out: &mut Vec<u8>) {
    for (place, chunk) in text.as_bytes().chunks(72).enumerate() {
        if place > 0 {
            out.extend_from_slice(b"\r\n\t ");
        }
        out.extend_from_slice(chunk);
    }
}
