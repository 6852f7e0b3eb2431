//! ARC sets of ours under the eyes of two verifiers: our own, and dkimpy where it is installed.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use mail::auth::{ArcResult, ArcVerdict, Letter, arc};
use mail::dkim::{DkimKey, KeyKind, SealError, Sealing, seal, sign};
use model::dns::{Answer, Answers, Question};
use model::time::Timestamp;

const AT: Timestamp = Timestamp::from_unix_s(1_790_000_000);
const MAIL: &str = "From: Ada <ada@example.org>\r\nTo: bob@example.net\r\nSubject: a  letter\r\n\r\nHello \r\n\r\n";

fn key(domain: &str) -> DkimKey {
    DkimKey::generate(KeyKind::Rsa, domain, "arc1").unwrap()
}

/// The chain as we verify it, with the keys in place of the DNS.
fn verdict(raw: &[u8], keys: &[&DkimKey]) -> ArcVerdict {
    let letter = Letter::parse(raw).unwrap();
    let mut answers = Answers::default();
    loop {
        match arc(&letter, AT, &answers) {
            Ok(verdict) => return verdict,
            Err(question) => {
                let key = keys.iter().find(|key| question == Question::Txt(Question::name(&key.record_name())));
                let answer = key.map_or(Answer::Nothing, |key| Answer::Texts(vec![key.record_text().unwrap()]));
                answers.insert(question, answer);
            }
        }
    }
}

/// The mail with one more set.
fn sealed(raw: &[u8], key: &DkimKey, keys: &[&DkimKey]) -> Vec<u8> {
    let results = format!("mx.{};\r\n\tspf=pass smtp.mailfrom=a@example.org;\r\n\tdkim=none", key.domain());
    let chain = verdict(raw, keys);
    let set = seal(raw, &Sealing { key, results: &results, chain: &chain, at: AT }).unwrap();
    [set, raw.to_vec()].concat()
}

#[test]
fn a_chain_of_three_passes_and_what_is_changed_breaks_it() {
    let keys = ["one.test", "two.test", "three.test"].map(key);
    let all: Vec<&DkimKey> = keys.iter().collect();
    let mut raw = [sign(MAIL.as_bytes(), &[key("example.org")], AT).unwrap(), MAIL.as_bytes().to_vec()].concat();
    for (place, key) in keys.iter().enumerate() {
        raw = sealed(&raw, key, &all);
        let found = verdict(&raw, &all);
        assert_eq!((found.result, found.instances.len()), (ArcResult::Pass, place + 1), "{found:?}");
        assert_eq!(by_dkimpy(&raw, &all).as_deref().unwrap_or("pass"), "pass");
    }
    let text = String::from_utf8(raw).unwrap();
    let check = |from: &str, to: &str, expected: ArcResult| {
        assert!(text.contains(from), "{from}");
        let changed = text.replacen(from, to, 1);
        assert_eq!(verdict(changed.as_bytes(), &all).result, expected, "{from} -> {to}");
    };
    check("Hello", "Hullo", ArcResult::Fail);
    check("From: Ada", "From: Eve <eve@x.test>\r\nFrom: Ada", ArcResult::Fail);
    check("mx.one.test;", "mx.zero.test;", ArcResult::Fail);
    check("i=2; mx.two.test", "i=3; mx.two.test", ArcResult::Fail);
    check("cv=none", "cv=pass", ArcResult::Fail);
    check("Subject: a  letter", "Subject: a letter", ArcResult::Pass);
}

#[test]
fn a_broken_chain_is_sealed_as_broken_once() {
    let keys = ["one.test", "two.test"].map(key);
    let all: Vec<&DkimKey> = keys.iter().collect();
    let raw = String::from_utf8(sealed(MAIL.as_bytes(), &keys[0], &all)).unwrap().replace("Hello", "Hullo");
    assert_eq!(verdict(raw.as_bytes(), &all).result, ArcResult::Fail);
    let raw = sealed(raw.as_bytes(), &keys[1], &all);
    assert!(String::from_utf8_lossy(&raw).contains("ARC-Seal: i=2; a=rsa-sha256; t=1790000000; cv=fail;"));
    let chain = verdict(&raw, &all);
    assert_eq!(chain.result, ArcResult::Fail);
    let again = seal(&raw, &Sealing { key: &keys[0], results: "x", chain: &chain, at: AT });
    assert_eq!(again, Err(SealError::Ended));
}

#[test]
fn what_cannot_be_sealed_is_passed_on_without() {
    let none = verdict(MAIL.as_bytes(), &[]);
    let check = |raw: &str, key: &DkimKey, result: ArcResult, expected: SealError| {
        let chain = ArcVerdict { result, ..none.clone() };
        assert_eq!(seal(raw.as_bytes(), &Sealing { key, results: "x", chain: &chain, at: AT }), Err(expected));
    };
    let ed = DkimKey::generate(KeyKind::Ed25519, "one.test", "s").unwrap();
    check(MAIL, &ed, ArcResult::None, SealError::Kind);
    check(MAIL, &key("one.test"), ArcResult::TempError, SealError::Unknown);
    // A chain that is said to be whole, and has a hole.
    check(&format!("ARC-Seal: i=7; cv=none\r\n{MAIL}"), &key("one.test"), ArcResult::Pass, SealError::Ended);
    check(&format!("ARC-Seal: i=50; cv=none\r\n{MAIL}"), &key("one.test"), ArcResult::Fail, SealError::Ended);
}

/// What dkimpy says of the chain; none where it is not installed.
fn by_dkimpy(raw: &[u8], keys: &[&DkimKey]) -> Option<String> {
    const VERIFY: &str = "
import sys, dkim
records = dict(zip(sys.argv[1::2], sys.argv[2::2]))
def dns(name, timeout=5):
    name = name.decode() if isinstance(name, bytes) else name
    return records[name.rstrip('.')].encode()
print(dkim.ARC(sys.stdin.buffer.read()).verify(dnsfunc=dns)[0].decode())
";
    let tools = std::env::var_os("IES_TEST_TOOLS").map(PathBuf::from);
    let tools =
        tools.unwrap_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../target/test-tools")));
    let python = tools.join("python/bin/python");
    if !python.exists() {
        eprintln!("{} is not there: ARC is verified by our own verifier only", python.display());
        return None;
    }
    let records = keys.iter().flat_map(|key| [key.record_name(), key.record_text().unwrap()]);
    let mut command = Command::new(python);
    command.args(["-c", VERIFY]).args(records).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(raw).unwrap();
    Some(String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap().trim().to_owned())
}
