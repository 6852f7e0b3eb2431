//! SPF, DKIM, ARC and DMARC against published cases (`fixtures/auth`), with the DNS as values.

use std::collections::HashMap;
use std::net::IpAddr;

use mail::auth::{ArcResult, DkimResult, DkimVerdict, Letter, Peer, SpfResult, SpfVerdict, arc, dkim, dmarc, spf};
use model::dns::{Answer, Answers, Question};
use model::time::Timestamp;
use serde::Deserialize;
use serde_json::Value;

fn fixture(name: &str) -> String {
    let path = format!("{}/../../../fixtures/auth/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

#[derive(Deserialize)]
struct Cases {
    scenarios: Vec<Scenario>,
}

#[derive(Deserialize)]
struct Scenario {
    file: String,
    scenario: String,
    records: Vec<Record>,
    tests: Vec<Case>,
}

#[derive(Deserialize)]
struct Record {
    owner: String,
    r#type: String,
    data: Value,
}

#[derive(Deserialize)]
struct Case {
    ip: IpAddr,
    helo: String,
    mail_from: String,
    expect: String,
    explanation: Option<String>,
    #[serde(default)]
    replaces_or_adds: Vec<Record>,
}

/// The DNS of a scenario.
#[derive(Default)]
struct Dns(HashMap<Question, Answer>);

impl Dns {
    fn add(&mut self, record: &Record) {
        let data: Vec<String> = match &record.data {
            Value::Array(values) => values.iter().map(|value| value.as_str().unwrap().to_owned()).collect(),
            value => vec![value.as_str().unwrap().to_owned()],
        };
        let owner = Question::name(&record.owner);
        let addresses = || Answer::Addresses(data.iter().map(|text| text.parse().unwrap()).collect());
        let (question, answer) = match record.r#type.as_str() {
            "TXT" => (Question::Txt(owner), Answer::Texts(data)),
            "A" => (Question::A(owner), addresses()),
            "AAAA" => (Question::Aaaa(owner), addresses()),
            "PTR" => {
                let names = data.iter().map(|name| Question::name(name)).collect();
                (Question::Ptr(record.owner.parse().unwrap()), Answer::Names(names))
            }
            "MX" => {
                let hosts = (0..data.len()).map(|place| Question::name(&format!("mx{place}.of.{owner}")));
                let hosts: Vec<_> = hosts.collect();
                for (host, address) in hosts.iter().zip(&data) {
                    let address: IpAddr = address.parse().unwrap();
                    self.0.insert(Question::addresses(host, address), Answer::Addresses(vec![address]));
                }
                (Question::Mx(owner), Answer::Names(hosts))
            }
            other => panic!("{other}"),
        };
        self.0.insert(question, answer);
    }

    fn settle<T>(&self, evaluate: impl Fn(&Answers) -> Result<T, Question>) -> T {
        let mut answers = Answers::default();
        loop {
            match evaluate(&answers) {
                Ok(result) => return result,
                Err(question) => {
                    assert!(answers.to(question.clone()).is_err(), "{question:?} is asked again");
                    let answer = self.answer(&question);
                    answers.insert(question, answer);
                }
            }
        }
    }

    fn answer(&self, question: &Question) -> Answer {
        let name = match question {
            Question::Txt(name) | Question::Mx(name) | Question::A(name) | Question::Aaaa(name) => name.as_str(),
            Question::Ptr(_) => "",
        };
        if ["_dns_error.org", "_dns_error.test.org"].iter().any(|broken| name.ends_with(broken)) {
            return Answer::Failed("SERVFAIL".to_owned());
        }
        self.0.get(question).cloned().unwrap_or(Answer::Nothing)
    }
}

/// First the name in EHLO, then the return path, as the cases want it.
fn both(dns: &Dns, case: &Case) -> SpfVerdict {
    let check = |mail_from: &str| {
        let peer = Peer { address: case.ip, helo: &case.helo, mail_from };
        dns.settle(|answers| spf(&peer, answers))
    };
    let helo = check("");
    if helo.result == SpfResult::Fail || case.mail_from.is_empty() { helo } else { check(&case.mail_from) }
}

#[test]
fn spf_as_published() {
    let cases: Cases = serde_json::from_str(&fixture("spf/mail-auth-cases.json")).unwrap();
    let mut files: HashMap<String, Dns> = HashMap::new();
    let (mut tried, mut wrong) = (0, Vec::new());
    for scenario in &cases.scenarios {
        let dns = files.entry(scenario.file.clone()).or_default();
        scenario.records.iter().for_each(|record| dns.add(record));
        for case in &scenario.tests {
            case.replaces_or_adds.iter().for_each(|record| dns.add(record));
            let verdict = both(dns, case);
            let result = serde_json::to_value(verdict.result).unwrap();
            tried += 1;
            let explained = case.explanation.is_none() || case.explanation == verdict.explanation;
            if result != case.expect || !explained {
                let (ip, helo, from) = (case.ip, &case.helo, &case.mail_from);
                wrong.push(format!(
                    "{}: {ip} {helo} {from}: expected {} {:?}, found {verdict:?}",
                    scenario.scenario, case.expect, case.explanation
                ));
            }
        }
    }
    assert_eq!(tried, 163);
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}

/// The mails of mail-auth: TXT records, an empty line, the message; line ends as on disk.
fn with_records(name: &str) -> (Dns, Vec<u8>) {
    let text = fixture(name);
    let (records, message) =
        text.replace("\r\n", "\n").split_once("\n\n").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let mut dns = Dns::default();
    for record in records.lines() {
        let (owner, text) = record.split_once(' ').unwrap();
        dns.0.insert(Question::Txt(Question::name(owner)), Answer::Texts(vec![text.to_owned()]));
    }
    (dns, message.replace('\n', "\r\n").into_bytes())
}

fn verified(dns: &Dns, message: &[u8], now: Timestamp) -> Vec<DkimVerdict> {
    let letter = Letter::parse(message).unwrap();
    dns.settle(|answers| dkim(&letter, now, answers))
}

#[test]
fn dkim_as_published() {
    let expected: Value = serde_json::from_str(&fixture("dkim/dkimpy/expected.json")).unwrap();
    let mut wrong = Vec::new();
    let cases = expected["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 53);
    for case in cases {
        let file = case["file"].as_str().unwrap();
        let path = format!("{}/../../../fixtures/auth/dkim/dkimpy/{file}", env!("CARGO_MANIFEST_DIR"));
        let message = std::fs::read(path).unwrap();
        let mut dns = Dns::default();
        for (owner, text) in case["dns"].as_object().unwrap() {
            let text = text.as_str().unwrap().to_owned();
            dns.0.insert(Question::Txt(Question::name(owner)), Answer::Texts(vec![text]));
        }
        let verdicts = verified(&dns, &message, Timestamp::from_unix_s(1_700_000_000));
        let found = match verdicts.iter().any(|verdict| verdict.result == DkimResult::Pass) {
            true => "pass",
            false if verdicts.is_empty() => "none",
            false => "fail",
        };
        if case["result"] != found {
            wrong.push(format!("{file}: expected {}, found {verdicts:?}", case["result"]));
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn signatures_of_examples_verify_one_by_one() {
    let now = Timestamp::from_unix_s(1_667_843_664);
    for (file, count) in [("dkim/mail-auth/001.txt", 2), ("dkim/mail-auth/002.txt", 1)] {
        let (dns, message) = with_records(file);
        let verdicts = verified(&dns, &message, now);
        assert_eq!(verdicts.iter().filter(|verdict| verdict.result == DkimResult::Pass).count(), count, "{verdicts:?}");
        assert_eq!(verdicts.len(), count);
    }
}

#[test]
fn chains_verify_until_a_byte_changes() {
    let now = Timestamp::from_unix_s(1_667_843_664);
    for (file, instances) in [("arc/mail-auth/001.txt", 1), ("arc/mail-auth/002.txt", 2)] {
        let (dns, message) = with_records(file);
        let check = |message: &[u8], expected: ArcResult| {
            let letter = Letter::parse(message).unwrap();
            let verdict = dns.settle(|answers| arc(&letter, now, answers));
            assert_eq!(
                (verdict.result, verdict.instances.len()),
                (expected, instances),
                "{file}: {:?}",
                verdict.reason
            );
        };
        check(&message, ArcResult::Pass);
        check(&[message.as_slice(), b"more\r\n"].concat(), ArcResult::Fail);
    }
}

/// A domain that passed SPF or DKIM.
enum Passed {
    Spf(&'static str),
    Dkim(&'static str),
    Nothing,
}

impl Passed {
    fn verdicts(&self) -> (SpfVerdict, Vec<DkimVerdict>) {
        let (result, domain) = match self {
            Passed::Spf(domain) => (SpfResult::Pass, *domain),
            _ => (SpfResult::Fail, "elsewhere.example"),
        };
        let domain = domain.to_owned();
        let spf =
            SpfVerdict { result, domain, mechanism: None, lookups: 0, voids: 0, explanation: None, problem: None };
        let (result, domain) = match self {
            Passed::Dkim(domain) => (DkimResult::Pass, *domain),
            _ => (DkimResult::Fail, "elsewhere.example"),
        };
        let signature = DkimVerdict {
            result,
            domain: domain.to_owned(),
            selector: "s".to_owned(),
            algorithm: "rsa-sha256",
            key_bits: None,
            testing: false,
            signed_length: None,
            headers: Vec::new(),
            reason: None,
        };
        (spf, vec![signature])
    }
}

#[test]
fn dmarc_follows_the_tree() {
    let records = |records: &[(&str, &str)]| {
        let mut dns = Dns::default();
        for (owner, text) in records {
            dns.0.insert(Question::Txt(Question::name(owner)), Answer::Texts(vec![(*text).to_owned()]));
        }
        // What is there, for `np`.
        for owner in ["example.com", "news.example.com", "a.b.example.com"] {
            let address = Answer::Addresses(vec![[192, 0, 2, 1].into()]);
            dns.0.insert(Question::A(Question::name(owner)), address);
        }
        dns
    };
    let check = |dns: &[(&str, &str)], from: &str, passed: Passed, expected: &str| {
        let message = format!("From: {from}\r\nSubject: x\r\n\r\nx\r\n");
        let letter = Letter::parse(message.as_bytes()).unwrap();
        let (spf, dkim) = passed.verdicts();
        let verdict = records(dns).settle(|answers| dmarc(&letter, &spf, &dkim, answers));
        let result = serde_json::to_value(verdict.result).unwrap();
        let found = format!(
            "{} {} {}",
            result.as_str().unwrap(),
            verdict.policy.unwrap_or("-"),
            verdict.aligned_by.unwrap_or("-")
        );
        assert_eq!(found, expected, "{from} {dns:?} {:?}", verdict.reason);
    };
    let own = [("_dmarc.example.com", "v=DMARC1; p=reject; sp=quarantine; np=none; rua=mailto:d@example.com")];
    check(&own, "a@example.com", Passed::Dkim("example.com"), "pass reject dkim");
    check(&own, "a@example.com", Passed::Dkim("mail.example.com"), "pass reject dkim");
    check(&own, "a@example.com", Passed::Spf("bounce.example.com"), "pass reject spf");
    check(&own, "a@example.com", Passed::Spf("example.org"), "fail reject -");
    check(&own, "a@example.com", Passed::Nothing, "fail reject -");
    check(&own, "a@news.example.com", Passed::Nothing, "fail quarantine -");
    check(&own, "a@gone.example.com", Passed::Nothing, "fail none -");
    check(&own, "a@news.example.com", Passed::Dkim("other.example.com"), "pass quarantine dkim");
    check(&own, "Zo\u{eb} <a@EXAMPLE.com>", Passed::Dkim("Example.COM"), "pass reject dkim");
    check(&own, "a@example.com, b@example.org", Passed::Dkim("example.com"), "permerror - -");
    check(&own, "nobody", Passed::Nothing, "permerror - -");
    check(&[], "a@example.com", Passed::Dkim("example.com"), "none - -");
    let strict = [("_dmarc.example.com", "v=DMARC1; p=quarantine; adkim=s; aspf=s")];
    check(&strict, "a@example.com", Passed::Dkim("mail.example.com"), "fail quarantine -");
    check(&strict, "a@example.com", Passed::Spf("example.com"), "pass quarantine spf");
    let trying = [("_dmarc.example.com", "v=DMARC1; p=reject; t=y")];
    check(&trying, "a@example.com", Passed::Nothing, "fail quarantine -");
    let suffix = [("_dmarc.com", "v=DMARC1; p=none; psd=y"), ("_dmarc.example.com", "v=DMARC1; p=reject")];
    check(&suffix, "a@b.example.com", Passed::Dkim("c.example.com"), "pass reject dkim");
    check(&suffix, "a@b.other.com", Passed::Dkim("example.com"), "fail none -");
    let apart = [("_dmarc.example.com", "v=DMARC1; p=reject"), ("_dmarc.news.example.com", "v=DMARC1; p=none; psd=n")];
    check(&apart, "a@news.example.com", Passed::Dkim("example.com"), "fail none -");
    let broken = [("_dmarc._dns_error.org", "")];
    check(&broken, "a@x._dns_error.org", Passed::Dkim("x._dns_error.org"), "temperror - -");
}
