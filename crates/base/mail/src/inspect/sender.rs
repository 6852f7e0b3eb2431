//! `inspect spf`, `dkim`, `arc`, `dmarc`: may this host and these signatures speak for this domain.
//!
//! Each returns what it has to ask of the DNS first; whoever has answers calls again (see [`model::dns`]).

use std::borrow::Cow;

use model::dns::{Answers, Question};
use model::time::Timestamp;
use serde_json::{Value, json};

use super::{InspectError, mail};
use crate::auth::{self, DkimResult, DkimVerdict, Letter, Peer};

/// The policy of the return path's domain about this peer; beside it what that of its `EHLO` name says.
///
/// # Errors
/// The question that has to be asked first.
pub fn spf(peer: &Peer<'_>, answers: &Answers) -> Result<Value, Question> {
    let mut answer = json!(auth::spf(peer, answers)?);
    if !peer.mail_from.is_empty() && !peer.helo.is_empty() {
        answer["helo"] = json!(auth::spf(&Peer { mail_from: "", ..peer.clone() }, answers)?);
    }
    Ok(answer)
}

/// A mail as it is signed: a file that was kept with the line ends of this system gets those of SMTP.
///
/// # Errors
/// [`InspectError`] for what is no mail.
pub fn signed_mail(input: &[u8]) -> Result<Cow<'_, [u8]>, InspectError> {
    let input = mail(input)?;
    if input.windows(2).any(|pair| pair == b"\r\n") {
        return Ok(Cow::Borrowed(input));
    }
    let lines = input.split_inclusive(|byte| *byte == b'\n');
    let whole = lines.flat_map(|line| match line.strip_suffix(b"\n") {
        Some(line) => [line, b"\r\n"],
        None => [line, b""],
    });
    Ok(Cow::Owned(whole.collect::<Vec<_>>().concat()))
}

/// Every signature with its verdict, and whether its domain is aligned with the author's as DMARC wants it.
///
/// # Errors
/// The question that has to be asked first.
pub fn dkim(letter: &Letter<'_>, now: Timestamp, answers: &Answers) -> Result<Value, Question> {
    let verdicts = auth::dkim(letter, now, answers)?;
    let mut signatures = Vec::new();
    for verdict in &verdicts {
        let mut fields = json!(verdict);
        fields["aligned"] = json!(auth::is_aligned(letter, &verdict.domain, answers)?);
        signatures.push(fields);
    }
    Ok(json!({ "result": overall(&verdicts), "signatures": signatures }))
}

fn overall(verdicts: &[DkimVerdict]) -> &'static str {
    let any = |result: DkimResult| verdicts.iter().any(|verdict| verdict.result == result);
    if verdicts.is_empty() {
        "none"
    } else if any(DkimResult::Pass) {
        "pass"
    } else if any(DkimResult::TempError) {
        "temperror"
    } else if any(DkimResult::Fail) {
        "fail"
    } else {
        "permerror"
    }
}

/// The chain of those who passed it on.
///
/// # Errors
/// The question that has to be asked first.
pub fn arc(letter: &Letter<'_>, now: Timestamp, answers: &Answers) -> Result<Value, Question> {
    auth::arc(letter, now, answers).map(|verdict| json!(verdict))
}

/// The verdict of DMARC with those it rests on.
///
/// # Errors
/// The question that has to be asked first.
pub fn dmarc(letter: &Letter<'_>, peer: &Peer<'_>, now: Timestamp, answers: &Answers) -> Result<Value, Question> {
    let spf = auth::spf(peer, answers)?;
    let dkim = auth::dkim(letter, now, answers)?;
    let mut answer = json!(auth::dmarc(letter, &spf, &dkim, answers)?);
    (answer["spf"], answer["dkim"]) = (json!(spf), json!(dkim));
    Ok(answer)
}
