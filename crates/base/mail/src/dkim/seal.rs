//! ARC sets (RFC 8617 5.1): what we saw of a mail that we pass on, signed and sealed.
//!
//! The time comes in as a value and the canonical forms are ours, as for DKIM. Keys are RSA keys: verifiers of ARC that
//! know Ed25519 are few.

use model::time::Timestamp;

use super::canonical::{self, Field};
use super::{BodyHash, DkimKey, Form, KeyKind, SignError, cover, digest, failed, finish, fold_base64};
use crate::auth::{ArcResult, ArcVerdict, INSTANCES_MAX, tag};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Why a mail gets no set of ours.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Somebody before us found the chain broken already (RFC 8617 5.1.2), or it has [`INSTANCES_MAX`] sets.
    #[error("its chain is at its end")]
    Ended,
    /// Whether the chain is whole could not be found out.
    #[error("its chain could not be verified now")]
    Unknown,
    /// Not an RSA key.
    #[error("ARC wants an RSA key")]
    Kind,
    /// As for a signature.
    #[error(transparent)]
    Sign(#[from] SignError),
}

/// What a set says.
#[derive(Clone, Copy, Debug)]
pub struct Sealing<'a> {
    /// The key, with `d=` and `s=`.
    pub key: &'a DkimKey,
    /// What was found, as in Authentication-Results: `mx.example.org; spf=pass …` (RFC 8601).
    pub results: &'a str,
    /// What became of the chain so far.
    pub chain: &'a ArcVerdict,
    /// When.
    pub at: Timestamp,
}

/// The three headers of a new set, to be put in front of the message that must then not be changed any more.
///
/// A chain that is broken is sealed as such, over our own set alone.
///
/// # Errors
/// [`SealError`]: the message is passed on without a set.
pub fn seal(raw: &[u8], sealing: &Sealing<'_>) -> Result<Vec<u8>, SealError> {
    let Sealing { key, results, chain, at } = *sealing;
    if key.kind() != KeyKind::Rsa {
        return Err(SealError::Kind);
    }
    let (headers, body) = canonical::split(raw);
    let sets = Sets::of(&headers);
    let (instance, validation) = next(chain, &sets)?;
    let seconds = at.as_unix_s().max(0);
    let (domain, selector) = (key.domain(), key.selector());

    let said = format!("ARC-Authentication-Results: i={instance}; {results}\r\n").into_bytes();
    let mut signature = Vec::with_capacity(900);
    let form = Form::default();
    let covered =
        form.headers.iter().map(|covered| (covered.name.as_str(), covered.once_more && covered.name == "from"));
    let (names, signed) = cover(&headers, covered.chain([("dkim-signature", false)]))?;
    let tags = format!(
        "ARC-Message-Signature: i={instance}; a=rsa-sha256; c=relaxed/relaxed;\r\n\td={domain}; s={selector}; t={seconds};"
    );
    finish(tags, &names, &BodyHash::default().of(body), &signed, key, &mut signature)?;

    let mut sealed = Vec::with_capacity(4_096);
    if validation == "pass" {
        sets.whole(instance - 1).ok_or(SealError::Ended)?.iter().for_each(|h| canonical::relax_header(h, &mut sealed));
    }
    canonical::relax_header(&said, &mut sealed);
    canonical::relax_header(&signature, &mut sealed);
    let mut out = format!(
        "ARC-Seal: i={instance}; a=rsa-sha256; t={seconds}; cv={validation};\r\n\td={domain}; s={selector};\r\n\tb="
    )
    .into_bytes();
    let value = key.sign(&digest(&sealed, &out)).ok_or_else(|| failed(key))?;
    fold_base64(&STANDARD.encode(value), &mut out);
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(&signature);
    out.extend_from_slice(&said);
    Ok(out)
}

/// The number of the next set, and what it says of those before it (`cv=`).
fn next(chain: &ArcVerdict, sets: &Sets<'_>) -> Result<(u32, &'static str), SealError> {
    let validation = match chain.result {
        ArcResult::None => "none",
        ArcResult::Pass => "pass",
        ArcResult::Fail => "fail",
        ArcResult::TempError => return Err(SealError::Unknown),
    };
    let last = sets.0.iter().map(|(instance, _)| *instance).max().unwrap_or(0);
    if sets.says_broken() || last as usize >= INSTANCES_MAX {
        return Err(SealError::Ended);
    }
    Ok((last + 1, validation))
}

/// The headers of a set, in the order in which a seal covers them (RFC 8617 5.1.1).
const SET: [&[u8]; 3] = [b"ARC-Authentication-Results", b"ARC-Message-Signature", b"ARC-Seal"];

/// The ARC headers of a message with their instances.
struct Sets<'a>(Vec<(u32, &'a Field<'a>)>);

impl<'a> Sets<'a> {
    fn of(headers: &'a [Field<'a>]) -> Self {
        let is_of_arc = |field: &&Field<'_>| SET.iter().any(|name| field.name.eq_ignore_ascii_case(name));
        let instance = |field: &'a Field<'a>| {
            let value = String::from_utf8_lossy(field.whole.get(field.name.len()..)?).into_owned();
            let value = value.trim_start().strip_prefix(':')?;
            Some((tag(value, "i")?.parse().ok()?, field))
        };
        Sets(headers.iter().filter(is_of_arc).filter_map(instance).collect())
    }

    /// Whether somebody before us sealed the chain as broken, however damaged it is since.
    fn says_broken(&self) -> bool {
        let seals = self.0.iter().filter(|(_, field)| field.name.eq_ignore_ascii_case(SET[2]));
        seals.into_iter().any(|(_, field)| {
            let value = String::from_utf8_lossy(field.whole.get(field.name.len()..).unwrap_or_default()).into_owned();
            let value = value.trim_start().strip_prefix(':').unwrap_or_default();
            tag(value, "cv").is_some_and(|cv| cv.eq_ignore_ascii_case("fail"))
        })
    }

    /// The headers of all sets up to this one, in the order in which a seal covers them (RFC 8617 5.1.1).
    fn whole(&self, last: u32) -> Option<Vec<&'a [u8]>> {
        let one = |instance: u32, name: &[u8]| {
            let mut found =
                self.0.iter().filter(|(of, field)| *of == instance && field.name.eq_ignore_ascii_case(name));
            found.next().map(|(_, field)| field.whole)
        };
        let all = (1..=last).flat_map(|instance| SET.map(|name| (instance, name)));
        all.map(|(instance, name)| one(instance, name)).collect()
    }
}
