//! DKIM signing (RFC 6376, RFC 8463): relaxed/relaxed, RSA-2048 and Ed25519, any number of keys per message.
//!
//! The message is canonicalised once for all keys; the keys are parsed once, when they are loaded. Canonical forms are
//! made here rather than by a library because the time of the signature must come in as a value, because several keys
//! share one body hash, and because of a fault of the library at hand (whitespace-only lines at the end of a body).
//! The arithmetic is aws-lc's. Verification is not done here.
//!
//! Signed are all occurrences of the headers in [`SIGNED`] that the message has; `From` and `Subject` are signed once
//! more than they occur, so that nobody can add another one without breaking the signature.
//!
//! Input must have CRLF line ends. Output is the header to put in front of the message, CRLF at its end.
//! Limits: [`INSTANCES_MAX`] occurrences of one header.   Known gaps: no `l=`, `x=`, `z=` and no ARC sealing, on purpose.

mod canonical;
mod key;

pub use key::{DkimKey, KeyError, KeyKind};

use aws_lc_rs::digest::{Context, Digest, SHA256};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::time::Timestamp;

/// Headers that are signed when present, in the order of `h=`.
pub const SIGNED: [&str; 18] = [
    "From",
    "Reply-To",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "List-Id",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "Feedback-ID",
    "CFBL-Address",
    "CFBL-Feedback-ID",
];

/// Headers that are signed once more than they occur.
pub const OVERSIGNED: [&str; 2] = ["From", "Subject"];

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

/// Signs a message with each of the keys and returns the header lines to put in front of it.
///
/// `at` becomes `t=`, in whole seconds. No keys: nothing to put in front.
///
/// # Errors
/// [`SignError::NoFrom`]: the message must not be sent as it is. [`SignError::Key`]: the key has to be replaced.
pub fn sign(raw: &[u8], keys: &[DkimKey], at: Timestamp) -> Result<Vec<u8>, SignError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let (headers, body) = canonical::split(raw);
    let chosen = choose(&headers)?;
    let mut names = Vec::with_capacity(256);
    let mut signed = Vec::with_capacity(2_048);
    for (name, header) in chosen {
        if !names.is_empty() {
            names.push(b':');
        }
        names.extend_from_slice(name.to_ascii_lowercase().as_bytes());
        if let Some(header) = header {
            canonical::relax_header(header, &mut signed);
        }
    }
    let body_hash = STANDARD.encode(canonical::relaxed_body_hash(body).as_ref());
    let mut out = Vec::with_capacity(700 * keys.len());
    for key in keys {
        let header = unsigned_header(key, &names, &body_hash, at);
        let value = key
            .sign(&digest(&signed, &header))
            .ok_or_else(|| SignError::Key { selector: key.selector().to_owned(), domain: key.domain().to_owned() })?;
        out.extend_from_slice(&header);
        fold_base64(&STANDARD.encode(value), &mut out);
        out.extend_from_slice(b"\r\n");
    }
    Ok(out)
}

type Chosen<'a> = Vec<(&'static str, Option<&'a [u8]>)>;

/// The headers to sign, lowest occurrence first as RFC 6376 5.4.2 wants it, and the empty ones of over-signing.
fn choose<'a>(headers: &[canonical::Field<'a>]) -> Result<Chosen<'a>, SignError> {
    let mut chosen: Chosen<'a> = Vec::with_capacity(24);
    for name in SIGNED {
        let found = headers.iter().rev().filter(|field| field.name.eq_ignore_ascii_case(name.as_bytes()));
        let before = chosen.len();
        chosen.extend(found.take(INSTANCES_MAX).map(|field| (name, Some(field.whole))));
        if name == "From" && chosen.len() == before {
            return Err(SignError::NoFrom);
        }
        if OVERSIGNED.contains(&name) {
            chosen.push((name, None));
        }
    }
    Ok(chosen)
}

/// The DKIM-Signature header up to and with `b=`.
fn unsigned_header(key: &DkimKey, names: &[u8], body_hash: &str, at: Timestamp) -> Vec<u8> {
    let mut header = format!(
        "DKIM-Signature: v=1; a={}; c=relaxed/relaxed; d={};\r\n\ts={}; t={};\r\n\th=",
        key.kind().algorithm(),
        key.domain(),
        key.selector(),
        at.as_unix_s().max(0),
    )
    .into_bytes();
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
    header
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
