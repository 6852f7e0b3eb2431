//! The ARC chain of a message that others passed on: is it whole, and what did the last one say (RFC 8617 5.2).

use mail_auth::Error;
use mail_auth::arc::{ChainValidation, Seal, Signature};
use mail_auth::common::headers::Header;
use mail_auth::dkim::Canonicalization;
use model::dns::{Answers, Question};
use model::time::Timestamp;
use serde::Serialize;

use super::letter::{Flaw, Letter, in_time, key};
use super::tags;

/// Longest chain (RFC 8617 4.2.1).
pub const INSTANCES_MAX: usize = 50;

/// The results of RFC 8617 4.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ArcResult {
    /// Nobody has sealed it.
    None,
    /// Every seal is good, and the message is as the last one saw it.
    Pass,
    /// The chain is broken, for ever.
    Fail,
    /// A key could not be fetched now.
    TempError,
}

/// One who passed the message on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ArcInstance {
    /// Its place in the chain, from 1.
    pub instance: u32,
    /// Who sealed (`d=`), and with which key (`s=`).
    pub domain: String,
    /// See `domain`.
    pub selector: String,
    /// What it said of those before it (`cv=`).
    pub chain: &'static str,
    /// What it saw, as it wrote it (ARC-Authentication-Results).
    pub results: String,
}

/// The chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ArcVerdict {
    /// The result.
    pub result: ArcResult,
    /// Those who passed it on, the first first.
    pub instances: Vec<ArcInstance>,
    /// Why it did not pass.
    pub reason: Option<String>,
}

/// Verifies the chain.
///
/// # Errors
/// The question that has to be asked first.
pub fn arc(letter: &Letter<'_>, now: Timestamp, answers: &Answers) -> Result<ArcVerdict, Question> {
    let parsed = &letter.parsed;
    let unreadable = parsed.errors.iter().find(|header| matches!(header.header, Error::Arc(_)));
    if parsed.as_headers.is_empty() && parsed.ams_headers.is_empty() && unreadable.is_none() {
        return Ok(ArcVerdict { result: ArcResult::None, instances: Vec::new(), reason: None });
    }
    let checked = match unreadable {
        Some(header) => Err(Flaw::Fail(header.header.to_string())),
        None => verify(letter, now, answers),
    };
    let (result, reason) = match checked {
        Ok(()) => (ArcResult::Pass, None),
        Err(Flaw::Ask(question)) => return Err(question),
        Err(Flaw::Fail(reason) | Flaw::Permanent(reason)) => (ArcResult::Fail, Some(reason)),
        Err(Flaw::Temporary(reason)) => (ArcResult::TempError, Some(reason)),
    };
    Ok(ArcVerdict { result, instances: instances(letter), reason })
}

fn instances(letter: &Letter<'_>) -> Vec<ArcInstance> {
    let parsed = &letter.parsed;
    let both = parsed.as_headers.iter().zip(&parsed.aar_headers).take(INSTANCES_MAX);
    let instance = |(seal, results): (&Header<'_, Seal>, &Header<'_, mail_auth::arc::Results>)| ArcInstance {
        instance: seal.header.i,
        domain: seal.header.d.clone(),
        selector: seal.header.s.clone(),
        chain: match seal.header.cv {
            ChainValidation::None => "none",
            ChainValidation::Fail => "fail",
            ChainValidation::Pass => "pass",
        },
        results: String::from_utf8_lossy(results.value).split_whitespace().collect::<Vec<_>>().join(" "),
    };
    both.map(instance).collect()
}

fn verify(letter: &Letter<'_>, now: Timestamp, answers: &Answers) -> Result<(), Flaw> {
    let parsed = &letter.parsed;
    let (seals, signatures) = (&parsed.as_headers, &parsed.ams_headers);
    let length = seals.len();
    if length > INSTANCES_MAX {
        return Err(Flaw::Fail(format!("more than {INSTANCES_MAX} instances")));
    }
    if signatures.len() != length || parsed.aar_headers.len() != length {
        return Err(Flaw::Fail("an instance lacks one of its three headers".to_owned()));
    }
    for (place, ((seal, signature), results)) in (1u32..).zip(seals.iter().zip(signatures).zip(&parsed.aar_headers)) {
        let in_place = [seal.header.i, signature.header.i, results.header.i].iter().all(|found| *found == place);
        if !in_place {
            return Err(Flaw::Fail(format!("instance {place} is missing or out of its place")));
        }
        let expected = if place == 1 { ChainValidation::None } else { ChainValidation::Pass };
        if seal.header.cv != expected {
            return Err(Flaw::Fail(format!("instance {place} found a broken chain (cv=)")));
        }
    }
    let Some(last) = signatures.last() else { return Err(Flaw::Fail("there is no signature".to_owned())) };
    verify_signature(letter, last, now, answers)?;
    (0..length).rev().try_for_each(|place| verify_seal(letter, place, answers))
}

/// The signature of the last one covers the message (RFC 8617 4.1.2); those before it may have been broken since.
fn verify_signature(
    letter: &Letter<'_>,
    header: &Header<'_, Signature>,
    now: Timestamp,
    answers: &Answers,
) -> Result<(), Flaw> {
    let signature = &header.header;
    in_time(signature.t, signature.x, now)?;
    let key = key(&signature.s, &signature.d, answers)?;
    if !letter.body_matches(signature.cb, signature.a, signature.l, &signature.bh) {
        return Err(Flaw::Fail("the body is not the one that was signed".to_owned()));
    }
    let unsigned = tags::without_signature(header.value);
    let mut signed = letter.parsed.signed_headers(&signature.h, header.name, &unsigned);
    let good = key.key.p.verify(&mut signed, &signature.b, signature.ch, signature.a);
    good.map_err(|_| Flaw::Fail(format!("the signature of instance {} is not good", signature.i)))
}

/// A seal covers the headers of all instances up to its own, the oldest first (RFC 8617 5.1.1).
fn verify_seal(letter: &Letter<'_>, place: usize, answers: &Answers) -> Result<(), Flaw> {
    let parsed = &letter.parsed;
    let seal = &parsed.as_headers[place];
    let key = key(&seal.header.s, &seal.header.d, answers)?;
    let unsigned = tags::without_signature(seal.value);
    let sets = parsed.aar_headers.iter().zip(&parsed.ams_headers).zip(&parsed.as_headers).take(place + 1).enumerate();
    let mut sealed = sets.flat_map(|(at, ((results, signature), other))| {
        let own = if at == place { unsigned.as_slice() } else { other.value };
        [(results.name, results.value), (signature.name, signature.value), (other.name, own)]
    });
    let good = key.key.p.verify(&mut sealed, &seal.header.b, Canonicalization::Relaxed, seal.header.a);
    good.map_err(|_| Flaw::Fail(format!("the seal of instance {} is not good", seal.header.i)))
}
