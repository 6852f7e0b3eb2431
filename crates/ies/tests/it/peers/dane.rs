//! DANE (RFC 7672) seen by two: our delivery and Postfix's `posttls-finger`, by a real name server with a signed zone, a
//! resolver that validates, and a TLS listener of ours. Both come to the same result for every kind of record.

use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use super::kit::{Stage, free_port, until};
use crate::world::{Program, Talk, count, events_of, letter, output};

/// What the two say of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Result {
    /// TLS, and a record fits.
    Verified,
    /// TLS; nobody vouches for the host.
    Encrypted,
    /// Nothing may be sent there.
    Refused,
}

const EXPECTED: [(&str, Result); 9] = [
    ("ee.example.org", Result::Verified),
    ("ta.example.org", Result::Verified),
    // Vouched for by the authority, but for other names.
    ("other.example.org", Result::Refused),
    ("bad.example.org", Result::Refused),
    // None of the records can be used (RFC 7672 2.2): TLS is demanded, and nothing of the certificate.
    ("unusable.example.org", Result::Encrypted),
    ("two.example.org", Result::Verified),
    ("none.example.org", Result::Encrypted),
    // Not signed: as if there were none.
    ("ee.plain.example", Result::Encrypted),
    ("ee.bogus.example", Result::Refused),
];

/// In the words of posttls-finger: whether a record fits. It connects whatever it finds, and says of a host without usable
/// records, too, that nobody vouches for its name.
fn fits(said: &str) -> bool {
    assert!(said.contains("TLS connection established") || said.contains("address lookup failed"), "{said}");
    said.contains("Verified TLS connection established")
}

/// As our events tell: the listener refuses every recipient, so that who has connected gets a bounce.
fn of_event(event: &Value) -> Result {
    let attempt = &event["attempt"];
    match attempt["reply"]["code"] == 550 {
        true if attempt["tls_use"]["policy"] == "dane" && attempt["tls_use"]["verified"] == true => Result::Verified,
        true if attempt["tls_use"].is_object() => Result::Encrypted,
        true => panic!("in the clear: {event:#}"),
        false => Result::Refused,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_come_to_the_same_result() {
    let Some(stage) = Stage::new("/usr/sbin/nsd") else { return };
    if ["/usr/sbin/unbound", "/usr/bin/ldns-signzone", "/usr/sbin/posttls-finger"]
        .iter()
        .any(|name| Stage::new(name).is_none())
    {
        return;
    }
    stage.certificates();
    let (mail_port, nsd_port) = (free_port(), free_port());
    let [high, low] = nsd_port.to_be_bytes();
    let resolver = IpAddr::from([127, high, low, 53]);
    stage.write("etc/resolv.conf", &format!("nameserver {resolver}\noptions trust-ad\n"));
    stage.write("dns.sh", include_str!("dns.sh"));
    std::fs::set_permissions(stage.path("."), PermissionsExt::from_mode(0o1777)).unwrap();
    let dns_port = stage.port;
    let chain = ["cert.pem", "authority.pem"].map(|name| std::fs::read_to_string(stage.path(name)).unwrap()).concat();
    stage.write("chain.pem", &chain);
    let arguments = [resolver.to_string(), nsd_port.to_string(), dns_port.to_string(), mail_port.to_string()];
    let command = [&["sh".to_owned(), "dns.sh".to_owned()], &arguments[..]].concat();
    let dns = stage.start(&command.iter().map(String::as_str).collect::<Vec<_>>()).await;

    let host = tempfile::tempdir().unwrap();
    let listener = format!(
        "[http]\nlisten = \"127.0.0.1:0\"\n[[intake.listeners]]\nlisten = \"127.0.0.1:{mail_port}\"\nrelay_networks = []\n\
         [intake.tls]\ncertificate = \"{}\"\nkey = \"{}\"\n",
        dns.path("chain.pem").display(),
        dns.path("key.pem").display()
    );
    std::fs::write(host.path().join("ies.toml"), listener).unwrap();
    let host_program = Program::serve(&host.path().join("ies.toml")).await;
    std::fs::write(dns.path("go"), "").unwrap();
    let config = format!(
        "[http]\nlisten = \"127.0.0.1:0\"\n[[intake.listeners]]\nlisten = \"127.0.0.1:0\"\n[delivery]\nport = {mail_port}\n\
         allow_private_routes = true\nmta_sts = \"off\"\n[dns]\nservers = [\"127.0.0.1:{dns_port}\"]\n",
    );
    let ours = by_us(&format!("{config}dnssec = \"trust-ad\"\n"), &EXPECTED).await;
    let fingers = until(async || std::fs::read_to_string(dns.path("fingers")).ok()).await;
    assert_eq!(ours, EXPECTED, "as we see it; posttls-finger says:\n{fingers}");
    let theirs = fingers.split("== ").filter_map(|part| part.split_once('\n'));
    let theirs: Vec<(&str, bool)> = theirs.map(|(domain, said)| (domain, fits(said))).collect();
    let expected = EXPECTED.map(|(domain, result)| (domain, result == Result::Verified));
    assert_eq!(theirs, expected, "as posttls-finger sees it:\n{fingers}");
    // Without the root's key nobody can tell that a zone is not signed.
    let signed: Vec<_> = EXPECTED.into_iter().filter(|(domain, _)| !domain.ends_with("plain.example")).collect();
    let anchors = dns.path("anchors");
    let validating = format!("{config}dnssec = \"validate\"\ntrust_anchor = \"{}\"\n", anchors.display());
    assert_eq!(by_us(&validating, &signed).await, signed, "when we validate by ourselves");
    host_program.stop().await;
}

/// What becomes of a mail to each of these domains.
async fn by_us(config: &str, domains: &[(&'static str, Result)]) -> Vec<(&'static str, Result)> {
    let dir = tempfile::tempdir().unwrap();
    let config_file = dir.path().join("ies.toml");
    std::fs::write(&config_file, config).unwrap();
    let program = Program::serve(&config_file).await;
    let mut talk = Talk::open(program.smtp()).await;
    for (domain, _) in domains {
        assert!(talk.send(&format!("a@{domain}"), &letter("hi")).await.starts_with("250"));
    }
    let mut found = Vec::new();
    for (domain, _) in domains {
        let done = |events: &[Value]| count(events, &["bounced", "deferred"]) > 0;
        let events = events_of(&program.client, &format!("a@{domain}"), done).await;
        found.push((*domain, of_event(events.last().unwrap())));
    }
    let mut command = crate::ies();
    command.args(["tls", "ee.example.org", "-c"]).arg(&config_file);
    let (success, said) = output(command).await;
    assert!(success && said.contains("3 1 1"), "{said}");
    program.stop().await;
    found
}
