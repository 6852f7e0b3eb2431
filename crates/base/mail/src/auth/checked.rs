//! All checks of one mail together, as the header that tells of them (RFC 8601) and as what an event remembers.

use model::dns::{Answers, Question};
use model::event::Authentication;
use model::time::Timestamp;

use crate::dkim::canonical;

use super::{
    ArcResult, ArcVerdict, DkimResult, DkimVerdict, DmarcResult, DmarcVerdict, Letter, Peer, SpfResult, SpfVerdict,
    arc, dkim, dmarc, spf,
};

/// Signatures named in the header; further ones are left out.
pub const RESULTS_MAX: usize = 8;
/// Longest text of a stranger's that is repeated, in bytes.
const TEXT_MAX: usize = 255;
/// Domains of good signatures that an event remembers.
const DOMAINS_MAX: usize = 4;

/// What was found out about who sent a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Of the return path, or of the name in `EHLO` for an empty one.
    pub spf: SpfVerdict,
    /// Each signature.
    pub dkim: Vec<DkimVerdict>,
    /// Of the domain in From.
    pub dmarc: DmarcVerdict,
    /// Those who passed it on.
    pub arc: ArcVerdict,
    /// The return path, as the header tells it; empty for `<>`.
    mail_from: String,
    helo: String,
    author: Option<String>,
}

impl Checked {
    /// Makes all checks.
    ///
    /// # Errors
    /// The question that has to be asked first.
    pub fn of(letter: &Letter<'_>, peer: &Peer<'_>, now: Timestamp, answers: &Answers) -> Result<Checked, Question> {
        let spf = spf(peer, answers)?;
        let dkim = dkim(letter, now, answers)?;
        let dmarc = dmarc(letter, &spf, &dkim, answers)?;
        let arc = arc(letter, now, answers)?;
        let authors = &letter.parsed.from;
        let author = authors.first().filter(|_| authors.len() == 1).cloned();
        let (mail_from, helo) = (peer.mail_from.to_owned(), peer.helo.to_owned());
        Ok(Checked { spf, dkim, dmarc, arc, mail_from, helo, author })
    }

    /// The DNS did not say what decides, so that another attempt may find something else.
    pub fn is_temporary(&self) -> bool {
        self.dmarc.result == DmarcResult::TempError
            || (self.dmarc.result != DmarcResult::Pass
                && (self.spf.result == SpfResult::TempError
                    || self.dkim.iter().any(|verdict| verdict.result == DkimResult::TempError)))
    }

    /// DMARC passed.
    pub fn is_aligned(&self) -> bool {
        self.dmarc.result == DmarcResult::Pass
    }

    /// The domain, when a signature of it or of one below it is good, or SPF passed for it: nobody else can say so.
    ///
    /// A signature over only a part of the body (`l=`) says nothing of the rest, where a report stands.
    pub fn speaks_for(&self, domain: &str) -> bool {
        let signed =
            self.dkim.iter().filter(|verdict| verdict.result == DkimResult::Pass && verdict.signed_length.is_none());
        let spf = (self.spf.result == SpfResult::Pass).then_some(&self.spf.domain);
        signed.map(|verdict| &verdict.domain).chain(spf).any(|found| is_within(found, domain))
    }

    /// The domain in From; empty when there is none, or several.
    pub fn author_domain(&self) -> &str {
        &self.dmarc.domain
    }

    /// The address in From, when it is the only one.
    pub fn author(&self) -> Option<&str> {
        self.author.as_deref()
    }

    /// What an event remembers; nobody is believed yet.
    pub fn to_event(&self) -> Authentication {
        let passed = self.dkim.iter().filter(|verdict| verdict.result == DkimResult::Pass);
        let mut dkim_domains: Vec<String> = passed.map(|verdict| cut(&verdict.domain)).collect();
        dkim_domains.sort();
        dkim_domains.dedup();
        dkim_domains.truncate(DOMAINS_MAX);
        let text = |text: &str| Some(cut(text)).filter(|text| !text.is_empty());
        Authentication {
            authentic: false,
            by: None,
            spf: text(spf_word(self.spf.result)),
            spf_domain: text(&self.spf.domain),
            dkim: text(best(&self.dkim)),
            dkim_domains,
            dmarc: text(dmarc_word(self.dmarc.result)),
            from_domain: text(&self.dmarc.domain),
            arc: (self.arc.result != ArcResult::None).then(|| arc_word(self.arc.result).to_owned()),
        }
    }

    /// The value of Authentication-Results (RFC 8601), folded, without the name of the header and the last line end.
    pub fn to_results(&self, authserv_id: &str) -> String {
        let mut out = value(authserv_id);
        let from = if self.mail_from.is_empty() { "smtp.helo" } else { "smtp.mailfrom" };
        let of = if self.mail_from.is_empty() { &self.helo } else { &self.mail_from };
        out.push_str(&format!(";\r\n\tspf={} {from}={}", spf_word(self.spf.result), value(of)));
        for verdict in self.dkim.iter().take(RESULTS_MAX) {
            let (domain, selector) = (value(&verdict.domain), value(&verdict.selector));
            let word = dkim_word(verdict.result);
            out.push_str(&format!(
                ";\r\n\tdkim={word} header.d={domain} header.s={selector} header.a={}",
                verdict.algorithm
            ));
        }
        if self.dkim.is_empty() {
            out.push_str(";\r\n\tdkim=none");
        }
        let policy = self.dmarc.policy.map(|policy| format!(" (p={policy})")).unwrap_or_default();
        out.push_str(&format!(";\r\n\tdmarc={}{policy}", dmarc_word(self.dmarc.result)));
        if !self.dmarc.domain.is_empty() {
            out.push_str(&format!(" header.from={}", value(&self.dmarc.domain)));
        }
        if self.arc.result != ArcResult::None {
            out.push_str(&format!(";\r\n\tarc={}", arc_word(self.arc.result)));
        }
        out
    }
}

/// Whether the value of a header Authentication-Results claims to be of this host (RFC 8601 5): such a one that came in
/// is a forgery or of another turn of a loop, and is taken out.
pub fn is_ours(header_value: &[u8], authserv_id: &str) -> bool {
    let text = String::from_utf8_lossy(header_value);
    let mut depth = 0_u32;
    let (mut quoted, mut escaped) = (false, false);
    let mut id = String::new();
    for c in text.chars() {
        match c {
            _ if escaped => {
                escaped = false;
                if depth == 0 {
                    id.push(c);
                }
            }
            '\\' => escaped = true,
            '"' if depth == 0 => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted && depth > 0 => depth -= 1,
            _ if depth > 0 => {}
            ';' if !quoted => break,
            c if c.is_whitespace() && !quoted => {
                if !id.is_empty() {
                    break;
                }
            }
            c => id.push(c),
        }
        if id.len() > TEXT_MAX {
            break;
        }
    }
    id.trim_end_matches('.').eq_ignore_ascii_case(authserv_id)
}

/// The mail without the headers Authentication-Results that claim to be of this host; see [`is_ours`].
pub fn without_results(raw: Vec<u8>, authserv_id: &str) -> Vec<u8> {
    let forged = |field: &canonical::Field<'_>| {
        let value = field.whole.get(field.name.len()..).unwrap_or_default();
        let value = value.iter().position(|&byte| byte == b':').map_or(&[][..], |colon| &value[colon + 1..]);
        field.name.eq_ignore_ascii_case(b"Authentication-Results") && is_ours(value, authserv_id)
    };
    let (headers, _) = canonical::split(&raw);
    let forged = headers.iter().filter(|field| forged(field));
    let places: Vec<(usize, usize)> = forged.map(|field| (field.at, field.whole.len())).collect();
    let mut raw = raw;
    for (at, len) in places.into_iter().rev() {
        raw.drain(at..at + len);
    }
    raw
}

fn is_within(name: &str, domain: &str) -> bool {
    let (name, domain) = (name.to_ascii_lowercase(), domain.to_ascii_lowercase());
    name == domain || name.strip_suffix(&domain).is_some_and(|rest| rest.ends_with('.'))
}

/// A word of RFC 8601 2.2 (`pvalue`): as it is, or in quotation marks; no control characters, so nothing can end the line.
fn value(text: &str) -> String {
    let text = cut(text);
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '@' | '+' | '=' | '/');
    if !text.is_empty() && text.chars().all(plain) {
        return text;
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        // The header stays in seven bits, whatever a stranger calls himself.
        quoted.push(if c.is_ascii() { c } else { '?' });
    }
    quoted.push('"');
    quoted
}

fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(TEXT_MAX)].chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn best(verdicts: &[DkimVerdict]) -> &'static str {
    let order = [DkimResult::Pass, DkimResult::TempError, DkimResult::Fail, DkimResult::PermError];
    let found = order.into_iter().find(|result| verdicts.iter().any(|verdict| verdict.result == *result));
    found.map_or("none", dkim_word)
}

fn spf_word(result: SpfResult) -> &'static str {
    match result {
        SpfResult::None => "none",
        SpfResult::Neutral => "neutral",
        SpfResult::Pass => "pass",
        SpfResult::Fail => "fail",
        SpfResult::SoftFail => "softfail",
        SpfResult::TempError => "temperror",
        SpfResult::PermError => "permerror",
    }
}

fn dkim_word(result: DkimResult) -> &'static str {
    match result {
        DkimResult::Pass => "pass",
        DkimResult::Fail => "fail",
        DkimResult::PermError => "permerror",
        DkimResult::TempError => "temperror",
    }
}

fn dmarc_word(result: DmarcResult) -> &'static str {
    match result {
        DmarcResult::None => "none",
        DmarcResult::Pass => "pass",
        DmarcResult::Fail => "fail",
        DmarcResult::TempError => "temperror",
        DmarcResult::PermError => "permerror",
    }
}

fn arc_word(result: ArcResult) -> &'static str {
    match result {
        ArcResult::None => "none",
        ArcResult::Pass => "pass",
        ArcResult::Fail => "fail",
        ArcResult::TempError => "temperror",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use model::dns::Answer;

    const NOW: Timestamp = Timestamp::from_unix_s(1_790_000_000);

    fn checked(raw: &str, mail_from: &str, answer: impl Fn(&Question) -> Answer) -> Checked {
        let letter = Letter::parse(raw.as_bytes()).unwrap();
        let peer = Peer { address: "192.0.2.1".parse().unwrap(), helo: "mx.example.org", mail_from };
        let mut answers = Answers::default();
        loop {
            match Checked::of(&letter, &peer, NOW, &answers) {
                Ok(checked) => return checked,
                Err(question) => {
                    let answer = answer(&question);
                    answers.insert(question, answer);
                }
            }
        }
    }

    fn zone(question: &Question) -> Answer {
        match question {
            Question::Txt(name) if name.as_str() == "example.org" => {
                Answer::Texts(vec!["v=spf1 ip4:192.0.2.1 -all".into()])
            }
            Question::Txt(name) if name.as_str() == "_dmarc.example.org" => {
                Answer::Texts(vec!["v=DMARC1; p=reject".into()])
            }
            _ => Answer::Nothing,
        }
    }

    #[test]
    fn the_header_of_a_mail_that_passes() {
        let found = checked("From: a@example.org\r\n\r\nx\r\n", "a@example.org", zone);
        expect!["mx.test;\r\n\tspf=pass smtp.mailfrom=a@example.org;\r\n\tdkim=none;\r\n\tdmarc=pass (p=reject) header.from=example.org"]
            .assert_eq(&found.to_results("mx.test"));
        assert!(found.is_aligned() && found.speaks_for("example.org") && found.speaks_for("org"));
        assert!(!found.speaks_for("ample.org") && !found.speaks_for("www.example.org") && !found.is_temporary());
        let event = found.to_event();
        assert_eq!(
            (event.spf.as_deref(), event.dmarc.as_deref(), event.dkim.as_deref()),
            (Some("pass"), Some("pass"), Some("none"))
        );
        assert!(!event.authentic);
    }

    #[test]
    fn strangers_write_no_lines_of_their_own() {
        let raw = "DKIM-Signature: v=1; d=a\"b; s=x; h=from\r\nFrom: a@b.test, c@d.test\r\n\r\n";
        let found = checked(raw, "\"x\r\nX-Evil: 1\"@example.org", |_| Answer::Failed("away".to_owned()));
        let header = found.to_results("mx.test");
        assert!(header.split("\r\n").skip(1).all(|line| line.starts_with('\t')), "{header}");
        assert!(!header.replace("\r\n\t", "").contains(['\r', '\n']), "{header}");
        assert!(found.is_temporary());
    }

    #[test]
    fn forged_results_are_taken_out() {
        let check = |raw: &str, expected: &str| {
            let found = without_results(raw.as_bytes().to_vec(), "mx.test");
            assert_eq!(String::from_utf8(found).unwrap(), expected);
        };
        let other =
            "Authentication-Results: mx.other; spf=pass\r\nFrom: a\r\n\r\nAuthentication-Results: mx.test; x\r\n";
        check(other, other);
        let forged = "authentication-results : mx.test;\r\n\tspf=pass\r\nA: b\r\nAuthentication-Results: \"mx.test\"; x\r\n\r\nx";
        check(forged, "A: b\r\n\r\nx");
        check("", "");
    }

    #[test]
    fn our_own_name_is_known_in_every_form() {
        let check =
            |value: &str, expected: bool| assert_eq!(is_ours(value.as_bytes(), "mx.test"), expected, "{value:?}");
        for ours in [
            " mx.test; spf=pass",
            "mx.test",
            " MX.Test 1; none",
            "\r\n\t(a;b) mx.test (c); x",
            " \"mx.test\"; x",
            "mx.test.;",
        ] {
            check(ours, true);
        }
        for other in
            ["amx.test; x", "mx.test.example; x", "", "(mx.test) other; x", "\"mx.test other\"; x", "a; mx.test"]
        {
            check(other, false);
        }
    }
}
