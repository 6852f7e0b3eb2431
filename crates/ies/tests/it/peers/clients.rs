//! Postfix and Exim hand mail to us as their smarthost: submission with TLS and a password, relay by network. `openssl
//! s_client` and swaks look at the listeners; from an address that may not relay, nothing is relayed.

use std::collections::HashSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

use accounts::{NewApiKey, Scope};

use super::kit::{HOST, Stage, free_port};
use crate::world::{Setup, World, output, program};

/// So many mails are handed in by each way.
const MAILS: usize = 40;

/// A suite with all kinds of listeners: `relay` knows 127.0.0.1 alone, the others nobody without a password.
struct House {
    world: World,
    relay: u16,
    submission: u16,
    implicit: u16,
    secret: String,
}

impl House {
    /// With the certificates of this stage.
    async fn open(stage: &Stage) -> House {
        let (relay, submission, implicit) = (free_port(), free_port(), free_port());
        let config = format!(
            "[intake]\nhost_name = \"{HOST}\"\n[intake.tls]\ncertificate = \"{}\"\nkey = \"{}\"\n[[intake.listeners]]\n\
             listen = \"0.0.0.0:{relay}\"\nrelay_networks = [\"127.0.0.1/32\"]\n[[intake.listeners]]\nlisten = \
             \"127.0.0.1:{submission}\"\ntls = \"required\"\nauth = \"required\"\nrelay_networks = []\n\
             [[intake.listeners]]\nlisten = \"127.0.0.1:{implicit}\"\ntls = \"implicit\"\nrelay_networks = []\n",
            stage.path("cert.pem").display(),
            stage.path("key.pem").display(),
        );
        let world = World::with(Setup { config: &config, ..Setup::default() }).await;
        let new = NewApiKey { name: "shop".to_owned(), scopes: vec![Scope::Inject], ..NewApiKey::default() };
        let (_, secret) = world.suite.accounts().create_api_key(new, "test").await.unwrap();
        let secret = secret.reveal().to_owned();
        House { world, relay, submission, implicit, secret }
    }

    /// Waits for so many mails; how many of them came, by recipient.
    async fn received(&mut self, count: usize) -> HashSet<String> {
        let mut found = HashSet::new();
        for _ in 0..count {
            let mail = self.world.receiver.mails.recv().await.unwrap();
            for recipient in mail.recipients {
                assert!(found.insert(recipient.address.clone()), "{} got two", recipient.address);
            }
        }
        found
    }
}

/// Hands mails in, each to another recipient, on four connections.
async fn inject(port: u16, count: usize, to: &str) {
    let mut command = Command::new("/usr/sbin/smtp-source");
    command.args(["-d", "-N", "-s", "4", "-m", &count.to_string(), "-l", "3000", "-f", "a@example.com", "-t", to]);
    command.arg(format!("127.0.0.1:{port}"));
    let (success, said) = output(command).await;
    assert!(success, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn postfix_hands_in_with_tls_and_password() {
    let Some(stage) = Stage::new("/usr/sbin/postfix") else { return };
    stage.certificates();
    let mut house = House::open(&stage).await;
    let client = format!(
        "{}\nvirtual_mailbox_domains =\nrelayhost = [{HOST}]:{}\nsmtp_host_lookup = native\nsmtp_tls_security_level = verify\n\
         smtp_tls_CAfile = @DIR@/authority.pem\nsmtp_tls_loglevel = 1\nsmtp_sasl_auth_enable = yes\n\
         smtp_sasl_security_options = noanonymous\nsmtp_sasl_password_maps = inline:{{ {{[{HOST}]:{} = shop:{}}} }}\n\
         smtpd_recipient_restrictions = permit_mynetworks, reject\nsmtp_fallback_relay =\n",
        include_str!("postfix-main.cf"),
        house.submission,
        house.submission,
        house.secret
    );
    stage.write("conf/main.cf", &client);
    stage.write("conf/master.cf", include_str!("postfix-master.cf"));
    let start = "mkdir -p queue data && chown postfix data && exec postfix -c $PWD/conf start";
    let postfix = stage.start(&["sh", "-c", start]).await;
    inject(postfix.port, MAILS, "p@example.org").await;
    assert_eq!(house.received(MAILS).await.len(), MAILS);
    let log = postfix.logged("status=sent (250 2.0.0", MAILS).await;
    assert!(
        log.contains(&format!("Verified TLS connection established to {HOST}[127.0.0.1]:{}", house.submission)),
        "{log}"
    );
    assert!(!log.contains("status=deferred") && !log.contains("warning: SASL"), "{log}");
    looked_at(&house, &postfix.path("authority.pem")).await;
    house.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exim_hands_in_by_password_and_by_network() {
    let Some(stage) = Stage::new("/usr/sbin/exim4") else { return };
    stage.certificates();
    let mut house = House::open(&stage).await;
    let text = include_str!("exim-client.conf").replace("@SECRET@", &house.secret);
    let text = text.replace("@SUBMISSION_PORT@", &house.submission.to_string());
    stage.write("exim.conf", &text.replace("@RELAY_PORT@", &house.relay.to_string()));
    let start = "mkdir -p spool && chown Debian-exim . spool && exec exim4 -C $PWD/exim.conf -bdf -q1m";
    let exim = stage.start(&["sh", "-c", start]).await;
    inject(exim.port, MAILS, "e@example.org").await;
    inject(exim.port, MAILS, "e@xn--mller-kva.example").await;
    assert_eq!(house.received(2 * MAILS).await.len(), 2 * MAILS);
    let log = exim.logged(" Completed", 2 * MAILS).await;
    let lines = |words: &[&str]| log.lines().filter(|line| words.iter().all(|word| line.contains(word))).count();
    assert_eq!(lines(&["=> ", "T=submission", "CV=yes", "A=plain"]), MAILS, "{log}");
    assert_eq!(lines(&["=> ", "T=relay"]), MAILS, "{log}");
    assert_eq!(lines(&["=> ", " K "]), 2 * MAILS, "by BDAT: {log}");
    assert_eq!(lines(&[" == "]) + lines(&[" ** "]), 0, "{log}");
    house.world.end().await;
}

/// What `openssl s_client` and swaks say of the listeners.
async fn looked_at(house: &House, authority: &std::path::Path) {
    for (port, start, version) in [
        (house.relay, Some("smtp"), "-tls1_2"),
        (house.submission, Some("smtp"), "-tls1_3"),
        (house.implicit, None, "-tls1_3"),
    ] {
        let mut command = Command::new("openssl");
        command.args(["s_client", "-quiet", "-crlf", "-verify_return_error", "-verify_hostname", HOST, version]);
        command.arg("-CAfile").arg(authority).args(["-connect", &format!("127.0.0.1:{port}"), "-servername", HOST]);
        command.args(start.iter().flat_map(|protocol| ["-starttls", protocol]));
        let said = tokio::task::spawn_blocking(move || {
            let mut child =
                command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            child.stdin.as_mut().unwrap().write_all(b"EHLO client.example.com\nQUIT\n").unwrap();
            let output = child.wait_with_output().unwrap();
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
        });
        let said = said.await.unwrap();
        assert!(said.contains("250") && said.contains("AUTH PLAIN LOGIN") && said.contains("221 "), "{port}: {said}");
        assert!(!said.contains("verify error") && !said.contains("STARTTLS"), "{port}: {said}");
    }
    let Some(swaks) = program(&["/usr/bin/swaks"]) else { return };
    let login = ["--auth", "PLAIN", "--auth-user", "shop", "--auth-password", &house.secret];
    let relayed = "250 2.0.0 Queued";
    let refused = "550 5.7.1";
    let all: [(u16, &str, &str, &[&str], &str); 8] = [
        (house.relay, "127.0.0.1", "a@example.org", &["--pipeline"], relayed),
        (house.relay, "127.0.0.9", "a@example.org", &["--pipeline"], refused),
        (house.relay, "127.0.0.9", "a@example.org", &["--tls"], refused),
        (house.relay, "127.0.0.9", "@mx.example.org:a@example.org", &[], refused),
        (house.relay, "127.0.0.9", "a%example.org@mx.example.org", &[], refused),
        (house.relay, "127.0.0.9", "\"a@example.org\"@mx.example.org", &[], refused),
        (house.submission, "127.0.0.1", "a@example.org", &["--tls"], "530 5.7.0"),
        (house.implicit, "127.0.0.1", "a@example.org", &["--tlsc", "--pipeline"], refused),
    ];
    let submitted = [(house.submission, "--tls"), (house.implicit, "--tlsc")];
    let logins: Vec<(u16, Vec<&str>)> =
        submitted.iter().map(|(port, how)| (*port, [&[*how, "--pipeline"], &login[..]].concat())).collect();
    let logins = logins.iter().map(|(port, more)| (*port, "127.0.0.1", "a@example.org", more.as_slice(), relayed));
    for (port, from, to, more, expected) in all.into_iter().chain(logins) {
        let mut command = Command::new(&swaks);
        command.args(["--server", "127.0.0.1", "--port", &port.to_string(), "--local-interface", from]);
        command.args(["--from", "a@example.com", "--to", to]).args(more);
        let (_, said) = output(command).await;
        assert!(said.contains(expected), "{port} {from} {to} {more:?}: {said}");
        assert_eq!(said.contains(relayed), expected == relayed, "{port} {from} {to} {more:?}: {said}");
    }
}
