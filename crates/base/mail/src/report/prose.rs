//! Bounces in prose: what Postfix, Exim, Sendmail, qmail, Exchange and their like write for people to read.
//!
//! A mail is taken for one by its sender, its subject or its `X-Failed-Recipients`. In front of the quoted original each
//! recipient's address opens a passage whose words are the reason; a transcript of the dialogue is searched where the
//! passage says nothing.

use model::reply::{EnhancedStatus, Reply};

use super::fields::{self, Fields};
use super::limits::RECIPIENTS_MAX;
use super::reader::Pieces;
use super::rfc3464::{self, PerRecipient};
use super::{Action, DeliveryReport, Original, quoted};
use crate::bounce::Dictionary;

/// Senders of bounces: local parts and display names, in lower case.
const DAEMONS: [&str; 10] = [
    "mailer-daemon",
    "mailerdaemon",
    "postmaster",
    "post_master",
    "mail delivery s",
    "mail.delivery.system",
    "system administrator",
    "mdaemon",
    "mail-daemon",
    "microsoftexchange",
];

/// Subjects of bounces, in lower case.
const SUBJECTS: [&str; 27] = [
    "undeliver",
    "non remis",
    "failure notice",
    "delivery fail",
    "delivery status notification",
    "delivery notification",
    "delivery has failed",
    "delivery failure",
    "failed delivery",
    "returned mail",
    "mail delivery",
    "mail system error",
    "message delivery has failed",
    "message delivery failure",
    "permanent delivery failure",
    "could not send message",
    "unzustellbar",
    "delivery report",
    "there was an error sending",
    "warning: message",
    "warning: could not send",
    "mail failure",
    "nondeliverable",
    "rejected mail",
    "loop alert",
    "échec de la remise",
    "message non distribu",
];

/// Words that open the body of a bounce whose subject and sender tell nothing, in lower case.
const WORDING: [&str; 12] = [
    "attempting to deliver a message",
    "requested action not taken",
    "could not be delivered",
    "wasn't able to deliver",
    "unable to deliver",
    "unable to be delivered",
    "did not reach the following recipient",
    "delivery to the following",
    "delivery failed",
    "error delivering your mail",
    "had permanent fatal errors",
    "n'a pas pu être remis",
];

/// Words of a warning: not given up yet.
const DELAYS: [&str; 9] = [
    "has not yet been delivered",
    "has been delayed",
    "is delayed",
    "warning message only",
    "will be retried",
    "delay reason",
    "delivery attempts will continue",
    "temporary failure report",
    "message still undelivered",
];

/// A report in prose, when the mail looks like one and names a recipient or a reason.
pub(super) fn read(pieces: &Pieces, dictionary: &Dictionary) -> Option<DeliveryReport> {
    let text = pieces.texts.join("\n");
    let (head, below) = quoted::cut(&text);
    if !is_bounce(&pieces.headers, &head) {
        return None;
    }
    let quoted = pieces.quoted.first().filter(|fields| !fields.is_empty()).unwrap_or(&below);
    let delayed = is_delay(&pieces.headers, &head);
    let mut recipients = embedded_status(&text);
    let spare = match recipients.is_empty() {
        true => Vec::new(),
        false => spare_replies(pieces, &recipients),
    };
    if recipients.is_empty() {
        recipients = passages(&pieces.headers, &head, quoted);
    }
    if recipients.is_empty() {
        return None;
    }
    for recipient in &mut recipients {
        recipient.action = recipient.action.or(Some(if delayed { Action::Delayed } else { Action::Failed }));
    }
    recipients.truncate(RECIPIENTS_MAX);
    let spare = spare.into_iter().chain(std::iter::repeat(None));
    Some(DeliveryReport {
        structured: false,
        reporting_mta: None,
        envelope_id: None,
        recipients: recipients
            .into_iter()
            .zip(spare)
            .map(|(one, spare)| one.conclude(spare.as_deref(), dictionary))
            .collect(),
        original: Original::from_headers(quoted, &pieces.headers),
    })
}

/// For each recipient of a structured report, the reason that the text part gives where the report itself has none.
pub(super) fn spare_replies(pieces: &Pieces, recipients: &[PerRecipient]) -> Vec<Option<String>> {
    let text = pieces.texts.join("\n");
    let (head, _) = quoted::cut(&text);
    let report =
        head.iter().position(|line| line.starts_with("Reporting-MTA:") || line.starts_with("Final-Recipient:"));
    let head = &head[..report.unwrap_or(head.len())];
    let alone = recipients.len() == 1;
    let reason = |recipient: &PerRecipient| {
        let address = recipient.recipient.as_deref().unwrap_or("");
        let place = head.iter().position(|line| !address.is_empty() && line.contains(address));
        let passage = place.map(|place| passage_at(head, place, address, alone)).filter(|passage| tells(passage));
        passage.or_else(|| transcript(head, address)).or_else(|| head_transcript(head))
    };
    let wanting = |recipient: &PerRecipient| recipient.diagnostic.as_deref().is_none_or(|text| !tells(text));
    recipients.iter().map(|recipient| if wanting(recipient) { reason(recipient) } else { None }).collect()
}

/// Reads a reply out of running text: from the first `550 …` on, else the whole text with code 0.
///
/// Codes repeated in front of further lines of the same reply are taken out.
pub(super) fn reply_in(text: &str) -> Reply {
    let words: Vec<&str> = text.split_whitespace().collect();
    let Some((start, (code, behind))) =
        words.iter().enumerate().find_map(|(n, word)| code_word(word).map(|found| (n, found)))
    else {
        return Reply::new(0, &words.join(" "));
    };
    let further = words[start + 1..].iter().filter_map(|word| match word.split_once('-') {
        Some((first, status)) if first == code && status.parse::<EnhancedStatus>().is_ok() => None,
        Some((first, rest)) if first == code => Some(rest),
        _ => Some(*word),
    });
    let rest: Vec<&str> = std::iter::once(behind).chain(further).filter(|word| !word.is_empty()).collect();
    Reply::new(code.parse().unwrap_or(0), rest.join(" ").trim_start_matches([':', ' ']))
}

/// A word that is a reply code: `550`, `550-5.1.1`, `550:`, `[550`, `:550`. Gives the code and what hangs behind it.
fn code_word(word: &str) -> Option<(&str, &str)> {
    let word = word.trim_start_matches(['[', '(', ':', '"', '\'']);
    let bytes = word.as_bytes();
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let fits = digits == 3 && matches!(bytes[0], b'4' | b'5') && bytes[1] <= b'7';
    let behind = word.get(3..)?;
    match behind.as_bytes().first() {
        None => fits.then_some((word, "")),
        Some(b'-') => fits.then(|| (&word[..3], &behind[1..])),
        Some(b':' | b',') => (fits && behind.len() == 1).then(|| (&word[..3], "")),
        _ => None,
    }
}

fn is_bounce(headers: &Fields, head: &[&str]) -> bool {
    let lower = |name: &str| headers.get(name).unwrap_or("").to_lowercase();
    let (from, subject) = (lower("From"), lower("Subject"));
    let daemon = DAEMONS.iter().any(|known| from.contains(known));
    let told = SUBJECTS.iter().any(|known| subject.contains(known));
    if headers.get("X-Failed-Recipients").is_some() || (daemon && told) {
        return true;
    }
    let body = head.iter().take(60).map(|line| line.to_lowercase()).collect::<Vec<_>>().join(" ");
    let worded = WORDING.iter().any(|known| body.contains(known));
    (daemon || told) && (worded || transcript(head, "").is_some() || daemon) || (worded && is_null_path(headers))
}

fn is_null_path(headers: &Fields) -> bool {
    headers.all("Return-Path").any(|path| path == "<>") || headers.get("Auto-Submitted").is_some()
}

fn is_delay(headers: &Fields, head: &[&str]) -> bool {
    let subject = headers.get("Subject").unwrap_or("").to_lowercase();
    let body = head.iter().map(|line| line.to_lowercase()).collect::<Vec<_>>().join(" ");
    subject.contains("(delay") || subject.starts_with("warning:") || DELAYS.iter().any(|known| body.contains(known))
}

/// The fields of a delivery report written into the text by programs that know no MIME.
fn embedded_status(text: &str) -> Vec<PerRecipient> {
    let starts = |line: &str| line.trim_start().to_ascii_lowercase().starts_with("final-recipient:");
    if text.lines().take(super::limits::LINES_MAX).any(starts) { rfc3464::read(text).1 } else { Vec::new() }
}

/// One entry for each address that opens a passage; else one for the first address that may be a recipient.
fn passages(headers: &Fields, head: &[&str], quoted: &Fields) -> Vec<PerRecipient> {
    let mut openings: Vec<(usize, &str)> = Vec::new();
    for (place, line) in head.iter().enumerate() {
        if let Some(address) = opening_address(line)
            && !openings.iter().any(|(_, known)| *known == address)
        {
            openings.push((place, address));
        }
    }
    let alone = openings.len() == 1;
    if !openings.is_empty() {
        return openings
            .into_iter()
            .map(|(place, address)| entry(address, reason(head, place, address, alone)))
            .collect();
    }
    let from = ["From", "To", "Reply-To"].into_iter();
    let own: Vec<&str> = from.flat_map(|name| fields::addresses(headers.get(name).unwrap_or(""))).collect();
    let failed = headers.get("X-Failed-Recipients").into_iter().flat_map(fields::addresses);
    let inline = head.iter().filter(|line| !is_about_contact(line)).flat_map(|line| fields::addresses(line));
    let to = quoted.get("To").into_iter().flat_map(fields::addresses);
    let address = failed.chain(inline.filter(|address| !own.contains(address))).chain(to).next();
    let said =
        transcript(head, address.unwrap_or("")).or_else(|| head_transcript(head)).unwrap_or_else(|| head.join(" "));
    if address.is_none() && !tells(&said) {
        return Vec::new();
    }
    vec![PerRecipient { recipient: address.map(str::to_owned), ..entry("", said) }]
}

fn entry(address: &str, reason: String) -> PerRecipient {
    PerRecipient {
        recipient: Some(address.to_owned()),
        original_recipient: None,
        action: None,
        status: None,
        diagnostic: Some(reason),
        remote_mta: None,
    }
}

fn reason(head: &[&str], place: usize, address: &str, alone: bool) -> String {
    let passage = passage_at(head, place, address, alone);
    if tells(&passage) && (!passage.contains("(reason:") || passage.contains("Remote host said")) {
        return passage;
    }
    let said = transcript(head, address).or_else(|| head_transcript(head));
    said.or_else(|| Some(passage).filter(|passage| tells(passage))).unwrap_or_else(|| lines_above(head, place))
}

/// The passage that an address opens: the rest of its line and the lines below, until the next address.
///
/// Behind a reply code it ends with the paragraph. An address that stands `alone` has all that follows.
fn passage_at(head: &[&str], place: usize, address: &str, alone: bool) -> String {
    let first = head[place].find(address).map_or("", |at| &head[place][at + address.len()..]);
    let first = first.trim_start_matches(['>', ':', '"', ' ', ')', ',']);
    // Sendmail and its like put the code in front: `554 <user@example.org>... Host unknown`.
    let code = head[place].split_whitespace().next().filter(|word| code_word(word).is_some());
    let mut words: Vec<&str> = code.into_iter().chain([first]).filter(|word| !word.is_empty()).collect();
    let mut coded = code.is_some();
    for line in head[place + 1..].iter().take(60) {
        let line = line.trim();
        let ends = (line.is_empty() && coded) || (line.starts_with("-----") && !alone);
        if ends || opening_address(line).is_some_and(|next| next != address) {
            break;
        }
        coded = coded || line.split_whitespace().any(|word| code_word(word).is_some());
        if line.chars().any(char::is_alphanumeric) {
            words.push(line);
        }
    }
    words.join(" ")
}

/// The lines above an address that has nothing behind it: some programs give the reason first.
fn lines_above(head: &[&str], place: usize) -> String {
    let above: Vec<&str> =
        head[..place].iter().rev().map(|line| line.trim()).filter(|line| !line.is_empty()).take(4).collect();
    above.into_iter().rev().collect::<Vec<_>>().join(" ")
}

/// The server's words in a transcript (`<<< 550 …`), those about this address first.
fn transcript(head: &[&str], address: &str) -> Option<String> {
    let said: Vec<(usize, &str)> = head
        .iter()
        .enumerate()
        .filter_map(|(place, line)| {
            line.trim_start().trim_start_matches("> ").strip_prefix("<<<").map(|said| (place, said.trim()))
        })
        .filter(|(_, said)| code_word(said.split_whitespace().next().unwrap_or("")).is_some())
        .collect();
    let about = |(place, said): &&(usize, &str)| {
        !address.is_empty() && (said.contains(address) || head[place.saturating_sub(1)].contains(address))
    };
    let start = said.iter().find(about).or(said.first())?.0;
    let reply: Vec<&str> =
        said.iter().filter(|(place, _)| *place >= start && *place < start + 8).map(|(_, said)| *said).collect();
    let code = reply.first()?.get(..3)?;
    Some(reply.iter().take_while(|said| said.starts_with(code)).copied().collect::<Vec<_>>().join(" "))
}

/// The first line of the text that begins with a reply code.
fn head_transcript(head: &[&str]) -> Option<String> {
    let starts = |line: &&&str| code_word(line.split_whitespace().next().unwrap_or("")).is_some();
    head.iter().find(starts).map(|line| line.trim().to_owned())
}

/// Whether a passage says more than that something failed.
fn tells(passage: &str) -> bool {
    let mut words = passage.split_whitespace().filter(|word| word.chars().any(char::is_alphabetic));
    words.nth(1).is_some() || passage.split_whitespace().any(|word| code_word(word).is_some())
}

/// The address with which a line begins, behind bullets, quotes and a label such as `Recipient:`.
fn opening_address(line: &str) -> Option<&str> {
    let line = line.trim_start_matches(['>', '*', '-', ' ', '\t']);
    let line = line.strip_prefix("Recipient:").unwrap_or(line).trim_start();
    let line = match line.split_once(" <") {
        Some((code, rest)) if code.len() == 3 && code_word(code).is_some() && rest.contains("...") => rest,
        _ => line,
    };
    let line = line.trim_start_matches(['<', '"', '\'', '(']);
    let end =
        line.find(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | ',' | ';' | ')')).unwrap_or(line.len());
    let word = line[..end].trim_end_matches([':', '.', '\'']);
    (fields::is_address(word) && !is_about_contact(line)).then_some(word)
}

/// Lines that name somebody to write to rather than somebody who could not be written to.
fn is_about_contact(line: &str) -> bool {
    let lower = line.to_lowercase();
    ["contact", "mailto:", "please send", "for help", "from:", "reply-to", "sender:", "questions", "as from"]
        .iter()
        .any(|w| lower.contains(w))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(reply_in(text).to_string(), expected, "{text}");
    }

    #[test]
    fn replies_in_running_text() {
        check("host mx [192.0.2.1]: 550 5.1.1 no such user", "550 5.1.1 no such user");
        check("550-5.7.26 one 550-5.7.26 two 550 5.7.26 three", "550 5.7.26 one two 550 5.7.26 three");
        check("550: 5.1.1 <a@b.c>... User Unknown", "550 5.1.1 <a@b.c>... User Unknown");
        check("[550 5.1.1 User unknown]", "550 5.1.1 User unknown]");
        check("no code at 192.0.2.450", "0 no code at 192.0.2.450");
        check("", "0");
    }
}
