//! Replies that were recorded elsewhere, one line each, for the replay of rules.
//!
//! Knows its form by itself, line by line: own events (JSON lines), KumoMTA's log (JSON lines), PowerMTA's accounting file
//! (CSV behind its header line: d, b, t and tq records), Postfix's log, and plain lines: `[TIME] [PROVIDER] [PHASE] 421 4.7.0
//! text`, the phase as events name it (`greeting`, `mail-from`, `dot` …).
//! A line that is none of these is counted, never an error; a record that is no reply (a reception, a report) is passed
//! over. Reads only; what rules make of it is `replay`'s.

use std::collections::HashMap;

use model::name::Name;
use model::reply::{Phase, Reply};
use model::time::Timestamp;
use serde_json::Value;

use super::Providers;
use super::lint::read_reply;

/// Longest line that is looked at, in bytes; a longer one counts as unread.
pub const LINE_BYTES_MAX: usize = 64 << 10;

/// One answered attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// When; plain lines may go without.
    pub at: Option<Timestamp>,
    /// The provider, as the record says or its host tells; empty when nothing does.
    pub provider: Name,
    /// The source (virtual MTA); empty when nothing tells it.
    pub source: Name,
    /// The site or host.
    pub site: Name,
    /// Whose mail it was.
    pub tenant: Name,
    /// Its campaign or job.
    pub campaign: Name,
    /// Where in the dialogue.
    pub phase: Option<Phase>,
    /// What was answered.
    pub reply: Reply,
}

/// What a line is.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// An answered attempt.
    Reply(Box<Recorded>),
    /// A record without a reply, a header, an empty line.
    Other,
    /// Nothing known.
    Unread,
}

/// Reads lines one after the other.
#[derive(Debug)]
pub struct Reader<'a> {
    providers: &'a Providers,
    /// Times without a year are of the last twelve months before this one.
    now: Timestamp,
    /// Columns of the accounting file, once its header was met.
    columns: Option<HashMap<String, usize>>,
}

impl<'a> Reader<'a> {
    /// A reader that knows hosts by these rules.
    pub fn new(providers: &'a Providers, now: Timestamp) -> Self {
        Reader { providers, now, columns: None }
    }

    /// Reads the next line.
    pub fn line(&mut self, line: &str) -> Line {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return Line::Other;
        }
        if line.len() > LINE_BYTES_MAX {
            return Line::Unread;
        }
        if line.starts_with('{') {
            return match serde_json::from_str::<Value>(line) {
                Ok(record) if record["response"].is_object() || record["event_time"].is_string() => self.kumo(&record),
                Ok(record) if record["kind"].is_string() => self.own(&record),
                _ => Line::Unread,
            };
        }
        if line.contains("dsnDiag") && line.contains("type") && line.contains(',') {
            return self.header(line);
        }
        if self.columns.is_some() {
            return self.accounting(line);
        }
        if line.contains("postfix") && line.contains("]: ") {
            return self.postfix(line);
        }
        self.plain(line)
    }

    fn provider_of(&self, host: &str) -> Name {
        self.providers.of_host(host).cloned().unwrap_or_default()
    }

    fn own(&self, record: &Value) -> Line {
        let attempt = &record["attempt"];
        let Some(reply) = attempt["reply"].as_object() else { return Line::Other };
        let text = |value: &Value| Name::from(value.as_str().unwrap_or_default());
        let code = reply.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
        let words = [reply.get("enhanced"), reply.get("text")].into_iter().flatten().filter_map(Value::as_str);
        let Some(reply) = code.and_then(|code| reply_of(code, &words.collect::<Vec<_>>().join(" "))) else {
            return Line::Unread;
        };
        let host = text(&attempt["mx_host"]);
        let provider = text(&record["provider"]);
        Line::Reply(Box::new(Recorded {
            at: record["at"].as_str().and_then(|at| at.parse().ok()),
            provider: if provider.is_empty() { self.provider_of(&host) } else { provider },
            source: text(&record["source"]),
            site: text(&attempt["site"]),
            tenant: text(&record["tenant"]),
            campaign: text(&record["campaign"]),
            phase: serde_json::from_value(attempt["phase"].clone()).ok(),
            reply,
        }))
    }

    fn kumo(&self, record: &Value) -> Line {
        let kind = record["type"].as_str().unwrap_or_default();
        if !matches!(kind, "Delivery" | "TransientFailure" | "Bounce" | "Expiration") {
            return Line::Other;
        }
        let (response, text) = (&record["response"], |value: &Value| Name::from(value.as_str().unwrap_or_default()));
        let enhanced = &response["enhanced_code"];
        let numbers = ["class", "subject", "detail"].map(|part| enhanced[part].as_u64());
        let enhanced = match numbers {
            [Some(class), Some(subject), Some(detail)] => format!("{class}.{subject}.{detail} "),
            _ => String::new(),
        };
        let code = response["code"].as_u64().and_then(|code| u16::try_from(code).ok());
        let words = format!("{enhanced}{}", response["content"].as_str().unwrap_or_default());
        let Some(reply) = code.and_then(|code| reply_of(code, &words)) else { return Line::Other };
        let host = text(&record["peer_address"]["name"]);
        Line::Reply(Box::new(Recorded {
            at: kumo_time(record),
            provider: self.provider_of(&host),
            source: text(&record["egress_source"]),
            site: text(&record["site"]),
            tenant: text(&record["meta"]["tenant"]),
            campaign: text(&record["meta"]["campaign"]),
            phase: response["command"].as_str().map(phase_of_command),
            reply,
        }))
    }

    fn header(&mut self, line: &str) -> Line {
        let Some(fields) = fields(line) else { return Line::Unread };
        self.columns = Some(fields.into_iter().enumerate().map(|(place, name)| (name, place)).collect());
        Line::Other
    }

    fn accounting(&self, line: &str) -> Line {
        let (Some(columns), Some(fields)) = (&self.columns, fields(line)) else { return Line::Unread };
        let field = |name: &str| columns.get(name).and_then(|&place| fields.get(place)).map_or("", String::as_str);
        if !matches!(field("type"), "d" | "b" | "t" | "tq") {
            return if field("type").is_empty() { Line::Unread } else { Line::Other };
        }
        let diag = field("dsnDiag");
        let words = diag.split_once(';').map_or(diag, |(_, words)| words);
        let Some(reply) = read_reply(words.trim()).map(bounded) else { return Line::Other };
        let host = field("dsnMta").split(' ').next().unwrap_or_default();
        Line::Reply(Box::new(Recorded {
            at: accounting_time(field("timeLogged")),
            provider: self.provider_of(host),
            source: Name::from(field("vmta")),
            site: Name::from(host),
            tenant: Name::default(),
            campaign: Name::from(field("jobId")),
            phase: None,
            reply,
        }))
    }

    fn postfix(&self, line: &str) -> Line {
        let Some((_, said)) = line.split_once(" status=") else { return Line::Other };
        let words = ["said: ", "refused to talk to me: "].iter().find_map(|mark| said.split_once(mark));
        let words = match words {
            Some((_, words)) => words,
            // Of a delivery the reply stands in parentheses.
            None => match said.split_once('(') {
                Some((_, words)) => words,
                None => return Line::Other,
            },
        };
        let greeting = said.contains("refused to talk to me");
        let (words, command) = match words.rsplit_once(" (in reply to ") {
            Some((words, command)) => (words, Some(command)),
            None => (words.trim_end_matches(')'), None),
        };
        let Some(reply) = read_reply(words.trim()).map(bounded) else { return Line::Other };
        let relay = line.split_once(" relay=").map_or("", |(_, rest)| rest);
        let host = relay.split(['[', ',']).next().unwrap_or_default();
        Line::Reply(Box::new(Recorded {
            at: syslog_time(line, self.now),
            provider: self.provider_of(host),
            source: Name::default(),
            site: Name::from(host),
            tenant: Name::default(),
            campaign: Name::default(),
            phase: if greeting { Some(Phase::Greeting) } else { command.map(phase_of_command) },
            reply,
        }))
    }

    fn plain(&self, line: &str) -> Line {
        let (mut rest, mut at, mut provider) = (line, None, Name::default());
        let (first, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        if let Ok(time) = first.parse::<Timestamp>() {
            (at, rest) = (Some(time), after.trim_start());
        }
        let (first, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        if !first.starts_with(|c: char| c.is_ascii_digit()) && !after.is_empty() {
            let known = self.providers.knows(first);
            provider = if known { Name::from(first) } else { self.provider_of(first) };
            rest = after.trim_start();
        }
        let (first, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let phase = serde_json::from_value::<Phase>(Value::from(first)).ok();
        if phase.is_some() {
            rest = after.trim_start();
        }
        let Some(reply) = read_reply(rest).map(bounded) else { return Line::Unread };
        let none = Name::default;
        let (source, site, tenant, campaign) = (none(), none(), none(), none());
        Line::Reply(Box::new(Recorded { at, provider, source, site, tenant, campaign, phase, reply }))
    }
}

/// Most bytes of a reply's text that are looked at.
const TEXT_BYTES_MAX: usize = 4_096;

fn bounded(reply: Reply) -> Reply {
    let text = reply.to_string();
    if text.len() <= TEXT_BYTES_MAX {
        return reply;
    }
    let cut = &text[..text.floor_char_boundary(TEXT_BYTES_MAX)];
    read_reply(cut).unwrap_or(reply)
}

fn reply_of(code: u16, words: &str) -> Option<Reply> {
    (200..600).contains(&code).then(|| bounded(Reply::new(code, words)))
}

/// The fields of one line of CSV; quotes as RFC 4180 has them.
fn fields(line: &str) -> Option<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(line.as_bytes());
    let record = reader.records().next()?.ok()?;
    Some(record.iter().map(str::to_owned).collect())
}

fn kumo_time(record: &Value) -> Option<Timestamp> {
    let text = record["event_time"].as_str().and_then(|at| at.parse().ok());
    text.or_else(|| record["timestamp"].as_i64().and_then(of_unix_s))
}

/// Seconds since the Unix epoch, as far as they are a time of this world: a wrong column is none.
fn of_unix_s(seconds: i64) -> Option<Timestamp> {
    (0..=253_402_300_799).contains(&seconds).then(|| Timestamp::from_unix_s(seconds))
}

/// `2026-03-14 08:01:33+0000`, or seconds since the Unix epoch.
fn accounting_time(text: &str) -> Option<Timestamp> {
    if let Ok(seconds) = text.parse::<i64>() {
        return of_unix_s(seconds);
    }
    let (day, time) = text.split_once(' ')?;
    let (clock, zone) = time.split_at_checked(8)?;
    let zone = match zone {
        "" => "Z".to_owned(),
        _ if zone.len() == 5 && zone.is_ascii() => format!("{}:{}", &zone[..3], &zone[3..]),
        other => other.to_owned(),
    };
    format!("{day}T{clock}{zone}").parse().ok()
}

/// RFC 3339, or `May 11 04:02:36` of the last twelve months, taken as UTC.
fn syslog_time(line: &str, now: Timestamp) -> Option<Timestamp> {
    let first = line.split(' ').next()?;
    if let Ok(time) = first.parse::<Timestamp>() {
        return Some(time);
    }
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = line.split_whitespace();
    let name = words.next()?;
    let month = MONTHS.iter().position(|month| *month == name)? + 1;
    let (day, clock) = (words.next()?.parse::<u8>().ok()?, words.next()?);
    let year: i32 = now.to_string().get(..4)?.parse().ok()?;
    let of_year = |year: i32| format!("{year:04}-{month:02}-{day:02}T{clock}Z").parse::<Timestamp>().ok();
    of_year(year).filter(|time| *time <= now.plus(std::time::Duration::from_secs(86_400))).or_else(|| of_year(year - 1))
}

/// The phase that a command is of, as logs write commands.
fn phase_of_command(command: &str) -> Phase {
    let command = command.to_ascii_uppercase();
    let has = |word: &str| command.contains(word);
    if has("MAIL") {
        Phase::MailFrom
    } else if has("RCPT") {
        Phase::RcptTo
    } else if has("EHLO") || has("HELO") || has("LHLO") {
        Phase::Ehlo
    } else if has("STARTTLS") {
        Phase::Tls
    } else if has("AUTH") {
        Phase::Auth
    } else if has("END OF DATA") || command.trim() == "." || !has("DATA") {
        Phase::Dot
    } else {
        Phase::Data
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_s(1_790_000_000);

    fn words(line: &Line) -> String {
        match line {
            Line::Other => "other".to_owned(),
            Line::Unread => "unread".to_owned(),
            Line::Reply(found) => {
                let at = found.at.map_or("-".to_owned(), |at| at.as_unix_s().to_string());
                let phase = serde_json::to_value(found.phase).unwrap();
                let phase = phase.as_str().unwrap_or("-");
                format!("{at} {} {} {} {phase} {}", found.provider, found.source, found.campaign, found.reply)
            }
        }
    }

    fn check(lines: &[&str], expected: &[&str]) {
        let providers = Providers::builtin();
        let mut reader = Reader::new(&providers, NOW);
        let found: Vec<String> = lines.iter().map(|line| words(&reader.line(line))).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn plain_lines() {
        check(
            &[
                "421 4.7.0 later",
                "gmail 550 5.7.1 no",
                "2026-03-14T08:00:00Z mx.free.fr 421 busy",
                "free greeting 421 busy",
                "hello",
                "",
                "# x",
            ],
            &[
                "-    - 421 4.7.0 later",
                "- gmail   - 550 5.7.1 no",
                "1773475200 free   - 421 busy",
                "- free   greeting 421 busy",
                "unread",
                "other",
                "other",
            ],
        );
    }

    #[test]
    fn accounting_files_follow_their_header() {
        check(
            &[
                "rcpt,type,dsnDiag,timeLogged,vmta,dsnMta,jobId",
                r#"a@b.example,t,"smtp;421 4.7.0 [TS01] Messages, ""all"", deferred",2026-03-14 08:05:47+0100,v2,mta5.am0.yahoodns.net (192.0.2.1),j1"#,
                "a@b.example,d,smtp;250 2.0.0 ok,1773475293,v1,mx.example (192.0.2.1),j2",
                "a@b.example,r,,1773475293,v1,,j2",
                "a@b.example,b,smtp;connection refused,1773475293,v1,,j2",
            ],
            &[
                "other",
                "1773471947 yahoo v2 j1 - 421 4.7.0 [TS01] Messages, \"all\", deferred",
                "1773475293  v1 j2 - 250 2.0.0 ok",
                "other",
                "other",
            ],
        );
    }

    #[test]
    fn logs_in_json() {
        check(
            &[
                r#"{"type":"TransientFailure","response":{"code":421,"enhanced_code":{"class":4,"subject":7,"detail":28},"content":"unusual rate","command":"MAIL FROM:<a@b>"},"peer_address":{"name":"gmail-smtp-in.l.google.com","addr":"192.0.2.1"},"timestamp":1773475200,"egress_source":"ip-1","meta":{"campaign":"c","tenant":"t"}}"#,
                r#"{"type":"Reception","response":{"code":250,"content":"OK"},"timestamp":1773475200}"#,
                r#"{"v":1,"at":"2026-03-14T08:00:00Z","kind":"deferred","provider":"orange","source":"ip-1","attempt":{"phase":"mail-from","reply":{"code":421,"enhanced":"4.7.0","text":"Trop"}}}"#,
                r#"{"v":1,"at":"2026-03-14T08:00:00Z","kind":"received"}"#,
                r#"{"something":"else"}"#,
                r#"{"#,
            ],
            &[
                "1773475200 gmail ip-1 c mail-from 421 4.7.28 unusual rate",
                "other",
                "1773475200 orange ip-1  mail-from 421 4.7.0 Trop",
                "other",
                "unread",
                "unread",
            ],
        );
    }

    #[test]
    fn lines_of_postfix() {
        check(
            &[
                "Nov 11 04:02:36 host1 postfix/smtp[26897]: A1: to=<a@free.fr>, relay=mx1.free.fr[192.0.2.1]:25, delay=1, dsn=4.0.0, status=deferred (host mx1.free.fr[192.0.2.1] refused to talk to me: 421 Server busy, too many connections from your IP)",
                "2025-02-27T07:14:47.545612+00:00 h postfix/smtp[1]: A1: to=<a@b>, relay=mx.b[192.0.2.1]:25, status=bounced (host mx.b[192.0.2.1] said: 550 5.1.1 no (such) user (in reply to RCPT TO command))",
                "2025-02-27T07:14:47Z h postfix/smtp[1]: A1: to=<a@b>, relay=mx.b[192.0.2.1]:25, status=sent (250 2.0.0 Ok: queued as 1)",
                "2025-02-27T07:14:47Z h postfix/smtpd[1]: connect from unknown[192.0.2.1]",
            ],
            &[
                "1762833756 free   greeting 421 Server busy, too many connections from your IP",
                "1740640487    rcpt-to 550 5.1.1 no (such) user",
                "1740640487    - 250 2.0.0 Ok: queued as 1",
                "other",
            ],
        );
    }
}
