//! The mail that a report speaks of, as far as the report quotes it, and the marks by which it can be attributed.

use super::fields::{self, Fields};

/// Headers of the quoted mail that carry the marks, and all others in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Original {
    /// Message-ID without its angle brackets.
    pub message_id: Option<String>,
    /// The From header as quoted.
    pub from: Option<String>,
    /// The To header as quoted; often redacted.
    pub to: Option<String>,
    /// The Subject as quoted.
    pub subject: Option<String>,
    /// Return path of the mail, from its header or from the report's fields.
    pub return_path: Option<String>,
    /// The address to which the report itself came: with a return path of our own it names the recipient.
    pub reported_to: Option<String>,
    /// Subject of the report itself; that of an unsubscribe mail carries our token.
    pub report_subject: Option<String>,
    /// All quoted headers in order, bounded in number and size.
    pub headers: Vec<(String, String)>,
}

/// A variable envelope return path: the address of the report tells whom it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verp {
    /// The local part as it stands, where a token of ours may be.
    pub local: String,
    /// Its domain.
    pub domain: String,
    /// The recipient's address when it is written out (`prefix-user=example.org@bounces.example.com`).
    pub recipient: Option<String>,
}

impl Original {
    /// From the text of a quoted header block.
    pub(super) fn from_headers(quoted: &Fields, outer: &Fields) -> Self {
        let value = |name: &str| quoted.get(name).map(str::to_owned);
        let address =
            |fields: &Fields, name: &str| fields.get(name).and_then(|v| fields::addresses(v).next().map(str::to_owned));
        Original {
            message_id: quoted.get("Message-ID").and_then(message_id),
            from: value("From"),
            to: value("To"),
            subject: value("Subject"),
            return_path: address(quoted, "Return-Path"),
            reported_to: ["Delivered-To", "X-Original-To", "Envelope-To", "To"]
                .iter()
                .find_map(|name| address(outer, name)),
            report_subject: outer.get("Subject").map(str::to_owned),
            headers: quoted.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        }
    }

    /// The first value of a quoted header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The return path by which the report came, taken apart; none when it has no sign of being variable.
    pub fn verp(&self) -> Option<Verp> {
        self.reported_to.iter().chain(&self.return_path).find_map(|address| read_verp(address))
    }

    /// Every place where a token of our own may stand, best first: the address that was written to, the quoted
    /// return path, Message-ID, List-Unsubscribe, Feedback-ID and X- headers (dms.md 4c).
    pub fn token_places(&self) -> impl Iterator<Item = &str> {
        let headers =
            ["List-Unsubscribe", "Feedback-ID", "CFBL-Feedback-ID"].into_iter().filter_map(|name| self.header(name));
        let own =
            self.headers.iter().filter(|(name, _)| name.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("x-")));
        let texts = [&self.reported_to, &self.return_path, &self.message_id, &self.report_subject];
        texts.into_iter().flatten().map(String::as_str).chain(headers).chain(own.map(|(_, value)| value.as_str()))
    }
}

/// The inside of the first angle brackets, or the value itself.
fn message_id(value: &str) -> Option<String> {
    let inner = value.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or(value, |(inner, _)| inner);
    let inner = inner.trim();
    (!inner.is_empty()).then(|| inner.to_owned())
}

/// `b+token@domain`, `b-token@domain`, `b.token@domain` with a long token, or an encoded recipient.
fn read_verp(address: &str) -> Option<Verp> {
    let (local, domain) = address.rsplit_once('@')?;
    let recipient = written_out(local);
    let has_token = local
        .split(['+', '-', '.'])
        .any(|part| part.len() >= 13 && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
    (recipient.is_some() || has_token).then(|| Verp {
        local: local.to_owned(),
        domain: domain.to_ascii_lowercase(),
        recipient,
    })
}

/// `prefix-user=example.org` or `prefix+user=example.org` → `user@example.org`.
fn written_out(local: &str) -> Option<String> {
    let (before, host) = local.rsplit_once('=')?;
    let host = host.split(['+']).next().unwrap_or(host);
    let start = before.find('+').or_else(|| before.find("--").map(|at| at + 1)).or_else(|| before.find('-'));
    let user = start.map_or(before, |at| &before[at + 1..]);
    let fits = host.contains('.') && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'));
    (fits && !user.is_empty()).then(|| format!("{user}@{host}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(address: &str, expected: Option<Option<&str>>) {
        let found = read_verp(address).map(|verp| verp.recipient);
        assert_eq!(found, expected.map(|r| r.map(str::to_owned)), "{address}");
    }

    #[test]
    fn places_of_tokens_are_found_whatever_stands_beside_them() {
        // Quoted headers are a stranger's: a name need not be ASCII (crash of the fuzz target `report`).
        let quoted = Fields::read("\u{2019}Date: 1\né: 2\nX-Job: 3\nx-: 4\nMessage-ID: <5@x>\nFeedback-ID: 6");
        let original = Original::from_headers(&quoted, &Fields::read("To: b.7@x.test"));
        assert_eq!(original.token_places().collect::<Vec<_>>(), ["b.7@x.test", "5@x", "6", "3", "4"]);
    }

    #[test]
    fn variable_return_paths() {
        check("bounces+ada=example.org@lists.example.com", Some(Some("ada@example.org")));
        check("news-ada=example.org@lists.example.com", Some(Some("ada@example.org")));
        check("b.0cq2v7m9hk3xa.x@b.example.com", Some(None));
        check("postmaster@example.com", None);
        check("a=b@example.com", None);
        check("=@", None);
    }
}
