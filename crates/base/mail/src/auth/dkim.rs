//! DKIM signatures of a message, each with its own verdict (RFC 6376, RFC 8463, RFC 8301).

use mail_auth::Error;
use mail_auth::common::crypto::Algorithm;
use mail_auth::common::headers::Header;
use mail_auth::dkim::Signature;
use model::dns::{Answers, Question};
use model::time::Timestamp;
use serde::Serialize;

use super::letter::{Flaw, Letter, in_time, key};
use super::tags;

/// Signatures looked at; a proper message has one or two.
pub const SIGNATURES_MAX: usize = 16;

/// Keys of fewer bits are not believed (RFC 8301 3.2).
const RSA_BITS_MIN: usize = 1024;

/// The results of RFC 8601 2.7.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DkimResult {
    /// The signature is good.
    Pass,
    /// It is not.
    Fail,
    /// It can never be verified.
    PermError,
    /// The key could not be fetched now.
    TempError,
}

/// One signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DkimVerdict {
    /// The result.
    pub result: DkimResult,
    /// Who signed (`d=`), and with which key (`s=`).
    pub domain: String,
    /// See `domain`.
    pub selector: String,
    /// `rsa-sha256` or `ed25519-sha256`; `rsa-sha1` never passes.
    pub algorithm: &'static str,
    /// Size of the public key, where one was found.
    pub key_bits: Option<usize>,
    /// The key says that its owner is only trying (`t=y`).
    pub testing: bool,
    /// Bytes of the body that are signed, where not all of it (`l=`): anything may follow them.
    pub signed_length: Option<u64>,
    /// The signed headers, in order.
    pub headers: Vec<String>,
    /// Why it did not pass.
    pub reason: Option<String>,
}

/// Verifies each signature. None: the message has none.
///
/// # Errors
/// The question that has to be asked first.
pub fn dkim(letter: &Letter<'_>, now: Timestamp, answers: &Answers) -> Result<Vec<DkimVerdict>, Question> {
    let headers = letter.parsed.dkim_headers.iter();
    let mut verdicts = Vec::new();
    for header in headers.take(SIGNATURES_MAX) {
        verdicts.push(verdict(letter, header, now, answers)?);
    }
    let unreadable = letter.parsed.errors.iter().filter(|header| matches!(header.header, Error::Dkim(_)));
    verdicts.extend(unreadable.take(SIGNATURES_MAX).map(|header| unreadable_verdict(header)));
    Ok(verdicts)
}

fn verdict(
    letter: &Letter<'_>,
    header: &Header<'_, Signature>,
    now: Timestamp,
    answers: &Answers,
) -> Result<DkimVerdict, Question> {
    let signature = &header.header;
    let mut verdict = DkimVerdict {
        result: DkimResult::Pass,
        domain: signature.d.clone(),
        selector: signature.s.clone(),
        algorithm: algorithm_name(signature.a),
        key_bits: None,
        testing: false,
        signed_length: (signature.l > 0).then_some(signature.l),
        headers: signature.h.clone(),
        reason: None,
    };
    let (result, reason) = match verify(letter, header, now, answers, &mut verdict) {
        Ok(()) => return Ok(verdict),
        Err(Flaw::Ask(question)) => return Err(question),
        Err(Flaw::Fail(reason)) => (DkimResult::Fail, reason),
        Err(Flaw::Permanent(reason)) => (DkimResult::PermError, reason),
        Err(Flaw::Temporary(reason)) => (DkimResult::TempError, reason),
    };
    (verdict.result, verdict.reason) = (result, Some(reason));
    Ok(verdict)
}

fn verify(
    letter: &Letter<'_>,
    header: &Header<'_, Signature>,
    now: Timestamp,
    answers: &Answers,
    verdict: &mut DkimVerdict,
) -> Result<(), Flaw> {
    let signature = &header.header;
    let fail = |reason: &str| Err(Flaw::Fail(reason.to_owned()));
    if signature.a == Algorithm::RsaSha1 {
        return Err(Flaw::Permanent("SHA-1 is not believed (RFC 8301)".to_owned()));
    }
    if !signature.h.iter().any(|name| name.eq_ignore_ascii_case("From")) {
        return Err(Flaw::Permanent("From is not signed (RFC 6376 5.4)".to_owned()));
    }
    in_time(signature.t, signature.x, now)?;
    let key = key(&signature.s, &signature.d, answers)?;
    (verdict.key_bits, verdict.testing) = (Some(key.bits()), key.is_test());
    if signature.a == Algorithm::RsaSha256 && key.bits() < RSA_BITS_MIN {
        return Err(Flaw::Permanent(format!("a key of {} bits is not believed (RFC 8301)", key.bits())));
    }
    if !speaks_for(&signature.i, &signature.d, key.is_strict()) {
        return fail("i= is not within d=");
    }
    if !letter.body_matches(signature.cb, signature.a, signature.l, &signature.bh) {
        return fail("the body is not the one that was signed");
    }
    let unsigned = tags::without_signature(header.value);
    let mut signed = letter.parsed.signed_headers(&signature.h, header.name, &unsigned);
    let good = key.key.p.verify(&mut signed, &signature.b, signature.ch, signature.a);
    good.map_err(|_| Flaw::Fail("the signed headers were changed, or the key is another".to_owned()))
}

/// RFC 6376 3.5: `i=` is `d=` or below it; with the flag `s` of the key it is `d=` itself.
fn speaks_for(identity: &str, domain: &str, is_strict: bool) -> bool {
    let Some((_, of)) = identity.rsplit_once('@') else { return identity.is_empty() };
    let (of, domain) = (of.to_ascii_lowercase(), domain.to_ascii_lowercase());
    of == domain || !is_strict && of.strip_suffix(&domain).is_some_and(|rest| rest.ends_with('.'))
}

fn algorithm_name(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::RsaSha1 => "rsa-sha1",
        Algorithm::RsaSha256 => "rsa-sha256",
        Algorithm::Ed25519Sha256 => "ed25519-sha256",
    }
}

/// A header that is no signature, as far as it says whose it would be.
fn unreadable_verdict(header: &Header<'_, Error>) -> DkimVerdict {
    let text = String::from_utf8_lossy(header.value);
    let part = |name: &str| tags::tag(&text, name).unwrap_or_default().to_owned();
    DkimVerdict {
        result: DkimResult::PermError,
        domain: part("d"),
        selector: part("s"),
        algorithm: "unknown",
        key_bits: None,
        testing: false,
        signed_length: None,
        headers: Vec::new(),
        reason: Some(header.header.to_string()),
    }
}
