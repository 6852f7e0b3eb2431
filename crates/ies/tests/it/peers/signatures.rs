//! Signatures seen by others: dkimpy and OpenDKIM verify ours with RSA, with Ed25519 and with both; dkimpy and authheaders
//! verify our ARC seal on a letter that is sent on. What dkimpy has signed and sealed, we find good on its way in.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use mail::dkim::{DkimKey, KeyKind};
use serde_json::{Value, json};
use suite::client::Client;

use super::kit::{python, until};
use crate::world::{Program, Receiver, Talk, program};

/// Verifies the mail on standard input with the keys in the file of the arguments (a line each: name, record): every
/// DKIM signature by dkimpy; with `arc` the chain by dkimpy and by authheaders.
const VERIFY: &str = "
import sys, dkim
records = dict(line.rstrip('\\n').split(' ', 1) for line in open(sys.argv[2]))
message = sys.stdin.buffer.read()
def dns(name, timeout=5):
    name = name.decode() if isinstance(name, bytes) else name
    return records.get(name.rstrip('.'), '').encode()
if sys.argv[1] == 'arc':
    import authheaders
    cv, sets, reason = dkim.arc_verify(message, dnsfunc=dns)
    other = authheaders.check_arc(message, dnsfunc=dns)
    print(cv.decode(), len(sets), other.result)
else:
    count = message.lower().count(b'dkim-signature:')
    verifier = dkim.DKIM(message)
    print(count, *[verifier.verify(idx=idx, dnsfunc=dns) for idx in range(count)])
";

/// Signs the letter on standard input with the key in a file; with `seal` also as a host that has passed it on.
const SIGN: &str = "
import sys, dkim
selector, key, seal = sys.argv[1].encode(), open(sys.argv[2], 'rb').read(), sys.argv[3] == 'seal'
letter = sys.stdin.buffer.read()
signature = dkim.sign(letter, selector, b'partner.example', key, canonicalize=(b'relaxed', b'relaxed'))
letter = signature + letter
if seal:
    letter = b'Authentication-Results: list.partner.example; dkim=pass header.d=partner.example\\r\\n' + letter
    lines = dkim.arc_sign(letter, selector, b'partner.example', key, b'list.partner.example')
    letter = b''.join(lines) + letter
sys.stdout.buffer.write(letter)
";

/// Runs a script with a mail on its standard input.
async fn script(python: &Path, text: &'static str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut command = Command::new(python);
    command.args(["-c", text]).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
    let input = input.to_vec();
    let run = move || {
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(&input).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        output.stdout
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

/// A suite that signs for three domains and reads mail for `bounce.example.com`.
struct House {
    dir: tempfile::TempDir,
    receiver: Receiver,
    program: Program,
    partner: DkimKey,
}

impl House {
    async fn open() -> House {
        let dir = tempfile::tempdir().unwrap();
        let receiver = Receiver::start(true).await;
        let data = dir.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let mut config = crate::world::config_text(dir.path(), receiver.port, "");
        let (mut lines, mut zone) = (String::new(), json!({}));
        let mut publish = |key: &DkimKey| {
            lines += &format!("{} {}\n", key.record_name(), key.record_text().unwrap());
            zone[key.record_name()] = json!({ "TXT": [key.record_text().unwrap()] });
        };
        let ours = [
            ("rsa.example.com", "r1", KeyKind::Rsa),
            ("ed.example.com", "e1", KeyKind::Ed25519),
            ("both.example.com", "r2", KeyKind::Rsa),
            ("both.example.com", "e2", KeyKind::Ed25519),
            ("bounce.example.com", "seal", KeyKind::Rsa),
        ];
        for (domain, selector, kind) in ours {
            let key = DkimKey::generate(kind, domain, selector).unwrap();
            std::fs::write(data.join(format!("{selector}.pem")), key.to_pem().unwrap()).unwrap();
            config +=
                &format!("[[dkim]]\ndomain = \"{domain}\"\nselector = \"{selector}\"\nkey_file = \"{selector}.pem\"\n");
            publish(&key);
        }
        let partner = DkimKey::generate(KeyKind::Rsa, "partner.example", "p1").unwrap();
        std::fs::write(dir.path().join("partner.pem"), partner.to_pem().unwrap()).unwrap();
        publish(&partner);
        zone["partner.example"] = json!({ "TXT": ["v=spf1 -all"] });
        zone["_dmarc.partner.example"] = json!({ "TXT": ["v=DMARC1; p=reject"] });
        // No name server is asked for what these do not publish.
        for parent in ["*.example.com", "*.partner.example", "*.example"] {
            zone[parent] = json!({ "TXT": ["nothing"] });
        }
        zone["example.org"] = json!({ "MX": ["10 mx.example.org"] });
        zone["mx.example.org"] = json!({ "A": ["127.0.0.1"] });
        std::fs::write(dir.path().join("zone.json"), zone.to_string()).unwrap();
        std::fs::write(dir.path().join("keys"), lines).unwrap();
        config += "[intake.inbound]\nbounce_domains = [\"bounce.example.com\"]\nforward_to = \"office@example.org\"\n\
                   seal_domain = \"bounce.example.com\"\n";
        std::fs::write(dir.path().join("ies.toml"), config).unwrap();
        let program = Program::serve(&dir.path().join("ies.toml")).await;
        House { dir, receiver, program, partner }
    }

    fn keys(&self) -> String {
        self.dir.path().join("keys").display().to_string()
    }

    /// A mail from this domain as it arrives.
    async fn mail_of(&mut self, talk: &mut Talk, domain: &str) -> Vec<u8> {
        for line in [format!("MAIL FROM:<shop@{domain}>"), "RCPT TO:<zoe@example.org>".to_owned(), "DATA".to_owned()] {
            let reply = talk.say(&line).await;
            assert!(reply.starts_with('2') || reply.starts_with('3'), "{reply}");
        }
        let text = format!(
            "From: \"Shop, the\" <shop@{domain}>\r\nTo: zoe@example.org\r\nSubject: =?utf-8?q?=C3=89t=C3=A9?=\r\n\tfolded\r\n\
             Date: Mon, 23 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@{domain}>\r\n\r\nHello  \r\n..dot\t \r\n\r\n\r\n.\r\n"
        );
        assert!(talk.bytes(text.as_bytes()).await.starts_with("250"));
        self.receiver.mails.recv().await.unwrap().data
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn others_find_our_signatures_good() {
    let Some(python) = python() else { return };
    let mut house = House::open().await;
    let mut talk = Talk::open(house.program.smtp()).await;
    for (domain, expected, algorithms) in [
        ("rsa.example.com", "1 True", &["rsa-sha256"][..]),
        ("ed.example.com", "1 True", &["ed25519-sha256"]),
        ("both.example.com", "2 True True", &["rsa-sha256", "ed25519-sha256"]),
    ] {
        let mail = house.mail_of(&mut talk, domain).await;
        let said = script(&python, VERIFY, &["dkim", &house.keys()], &mail).await;
        assert_eq!(String::from_utf8(said).unwrap().trim(), expected, "{}", String::from_utf8_lossy(&mail));
        opendkim(&house, &mail, algorithms).await;
    }
    sealed(&mut house, &mut talk, &python).await;
    house.program.stop().await;
}

/// The result of OpenDKIM for each signature.
async fn opendkim(house: &House, mail: &[u8], algorithms: &[&str]) {
    let Some(program) = program(&["/usr/sbin/opendkim"]) else { return };
    let (file, config) = (house.dir.path().join("mail.eml"), house.dir.path().join("opendkim.conf"));
    std::fs::write(&file, mail).unwrap();
    std::fs::write(&config, format!("Mode v\nSyslog no\nTestPublicKeys {}\n", house.keys())).unwrap();
    let mut command = Command::new(program);
    command.arg("-vvv").arg("-x").arg(config).arg("-t").arg(file);
    let (_, said) = crate::world::output(command).await;
    for algorithm in algorithms {
        let fits = |line: &str| line.contains("dkim=pass") && line.contains(&format!("header.a={algorithm}"));
        assert!(said.lines().any(fits), "{algorithm}: {said}");
    }
    assert!(!said.contains("dkim=fail"), "{said}");
}

/// Letters of a partner who signs with dkimpy: verified on their way in, sealed on their way out.
async fn sealed(house: &mut House, talk: &mut Talk, python: &Path) {
    let selector = house.partner.record_name();
    let selector = selector.split('.').next().unwrap();
    let key = house.dir.path().join("partner.pem").display().to_string();
    for (n, seal, sets) in [(1, "sign", 1), (2, "seal", 2), (3, "forged", 1)] {
        let letter = format!(
            "From: Ann <ann@partner.example>\r\nTo: postmaster@bounce.example.com\r\nSubject: letter {n}\r\nDate: Mon, 23 \
             Nov 2026 10:00:00 +0000\r\nMessage-ID: <{n}@partner.example>\r\n\r\nWho are you?\r\n"
        );
        let mut signed = script(python, SIGN, &[selector, &key, seal], letter.as_bytes()).await;
        if seal == "forged" {
            signed.extend_from_slice(b"Send money.\r\n");
        }
        signed.extend_from_slice(b".\r\n");
        for line in ["MAIL FROM:<ann@partner.example>", "RCPT TO:<postmaster@bounce.example.com>", "DATA"] {
            let reply = talk.say(line).await;
            assert!(reply.starts_with('2') || reply.starts_with('3'), "{reply}");
        }
        assert!(talk.bytes(&signed).await.starts_with("250"));
        let expected = if seal == "forged" { "fail" } else { "pass" };
        let found = authentication(&house.program.client, n).await;
        assert_eq!((&found["dkim"], &found["dmarc"]), (&expected.into(), &expected.into()), "{found:#}");
        let mail = house.receiver.mails.recv().await.unwrap().data;
        let said = script(python, VERIFY, &["arc", &house.keys()], &mail).await;
        let said = String::from_utf8(said).unwrap();
        assert_eq!(said.trim(), format!("pass {sets} pass"), "{}", String::from_utf8_lossy(&mail));
        assert!(String::from_utf8_lossy(&mail).contains(&format!("dkim={expected}")), "its result is passed on");
    }
}

/// What we found out about the sender of a letter.
async fn authentication(client: &Client, n: usize) -> Value {
    until(async || {
        let found: Value = client.get("/api/v1/events?q=kind%3Ainbound&limit=50").await.unwrap();
        let events = found["items"].as_array().unwrap().clone();
        let about = format!("letter {n}");
        let event =
            events.into_iter().find(|event| event["note"].as_str().is_some_and(|note| note.contains(&about)))?;
        Some(event["authentication"].clone())
    })
    .await
}
