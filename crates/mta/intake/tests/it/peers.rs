//! Real clients: swaks, Python's smtplib, and a Postfix that relays everything to us.
//!
//! A peer that is not installed is named and left out (`make test` installs them where it may).

use std::path::{Path, PathBuf};

use intake::Config;
use intake::config::{Auth, Listener, TlsUse, User};
use tokio::process::Command;

use crate::kit::*;
use crate::listeners::{fingerprint, identity, listener, names};

fn program(path: &str) -> Option<&str> {
    if Path::new(path).exists() {
        return Some(path);
    }
    println!("left out: {path} is not installed");
    None
}

async fn output(mut command: Command) -> (bool, String) {
    let output = command.output().await.unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

fn strict(listeners: Vec<Listener>) -> Config {
    Config { listeners, ..strangers() }
}

#[tokio::test]
async fn swaks() {
    let Some(swaks) = program("/usr/bin/swaks") else { return };
    let listeners = vec![
        Listener { tls: TlsUse::Required, auth: Auth::Required, ..listener() },
        Listener { tls: TlsUse::Implicit, ..listener() },
        Listener { proxy_from: vec!["127.0.0.1".parse().unwrap()], ..listener() },
    ];
    let mut house = House::open(strict(listeners)).await;
    let login = ["--auth-user", "anna", "--auth-password", "secret", "--auth"];
    let proxy = "--proxy-version 1 --proxy-family TCP4 --proxy-source 203.0.113.7 --proxy-source-port 4000 --proxy-dest \
                 127.0.0.1 --proxy-dest-port 25";
    let proxy_2 = "--proxy-version 2 --proxy-family AF_INET --proxy-protocol STREAM --proxy-command PROXY --proxy-source \
                   203.0.113.7 --proxy-source-port 4000 --proxy-dest 127.0.0.1 --proxy-dest-port 25";
    for (listener, more, auth, expected) in [
        (0, "--tls", "LOGIN", "250 2.0.0 Queued"),
        (0, "--tls", "PLAIN", "250 2.0.0 Queued"),
        (0, "--tls", "", "530 5.7.0 Authentication required"),
        (0, "", "", "530 5.7.0 Must issue a STARTTLS command first"),
        (1, "--tlsc", "PLAIN", "250 2.0.0 Queued"),
        (1, "--tlsc", "", "550 5.7.1 Relaying denied"),
        (2, &format!("--tls {proxy}"), "PLAIN", "250 2.0.0 Queued"),
        (2, proxy, "", "550 5.7.1 Relaying denied"),
        (2, &format!("--tls {proxy_2}"), "PLAIN", "250 2.0.0 Queued"),
    ] {
        let mut command = Command::new(swaks);
        command.args([
            "--server",
            &house.addresses[listener].to_string(),
            "--from",
            "a@example.org",
            "--to",
            "u@example.com",
        ]);
        command.args(more.split_whitespace());
        if !auth.is_empty() {
            command.args(login).arg(auth);
        }
        let (success, said) = output(command).await;
        assert!(said.contains(expected), "{listener} {more} {auth}: {said}");
        assert_eq!(success, expected.starts_with("250"), "{said}");
        if success {
            let (admitted, raw) = house.taken().await;
            let peer = admitted.message.origin.peer.unwrap().to_string();
            assert_eq!(peer, if more.contains("--proxy") { "203.0.113.7" } else { "127.0.0.1" });
            assert!(raw.starts_with("Received: from ") && raw.contains(&format!("[{peer}]")), "{raw}");
        }
    }
    house.nothing_taken();
}

/// Arguments: port, certificate to trust. Prints what the server says to a few things.
const SMTPLIB: &str = "
import smtplib, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
context.check_hostname = False
with smtplib.SMTP('127.0.0.1', int(sys.argv[1]), local_hostname='client.example.com') as server:
    server.starttls(context=context)
    server.ehlo()
    for extension in ['size', 'pipelining', '8bitmime', 'smtputf8', 'dsn', 'chunking', 'enhancedstatuscodes', 'auth']:
        assert server.has_extn(extension), extension
    server.login('anna', 'secret')
    text = 'From: a@example.org\\r\\nSubject: Grüße\\r\\n\\r\\n.leading dot\\r\\n..\\r\\n'.encode()
    refused = server.sendmail('a@example.org', ['u@example.com', 'nobody@bounce.example.org'], text,
                              mail_options=['BODY=8BITMIME', 'SMTPUTF8', 'RET=HDRS', 'ENVID=QQ314159'],
                              rcpt_options=['NOTIFY=SUCCESS,FAILURE', 'ORCPT=rfc822;u@example.com'])
    assert list(refused) == ['nobody@bounce.example.org'], refused
    # The same in chunks (RFC 3030), which smtplib does not know by itself.
    server.putcmd('MAIL', 'FROM:<a@example.org>'); print(server.getreply())
    server.putcmd('RCPT', 'TO:<u@example.com>'); print(server.getreply())
    server.sock.sendall(b'BDAT %d\\r\\n' % 20 + b'Subject: chunks\\r\\n\\r\\n.')
    print(server.getreply())
    server.sock.sendall(b'BDAT 6 LAST\\r\\n' + b'\\r\\nend\\n'[:6]); print(server.getreply())
";

#[tokio::test]
async fn smtplib() {
    let Some(python) = program("/usr/bin/python3") else { return };
    let mut house = House::open(strict(vec![listener()])).await;
    let certificate = house.dir.path().join("tls").join(smtp::tls::CERTIFICATE_FILE);
    let mut command = Command::new(python);
    command.args(["-X", "utf8", "-c", SMTPLIB, &house.address.port().to_string()]).arg(certificate);
    let (success, said) = output(command).await;
    assert!(success, "{said}");
    let admitted = house.admitted.try_recv().unwrap();
    let envelope = &admitted.message.envelope;
    assert!(envelope.smtputf8 && envelope.eight_bit && envelope.envid.as_deref() == Some("QQ314159"), "{envelope:?}");
    let content = house.spool.read_content(admitted.message.id).unwrap();
    let model::submission::Content::Raw(raw) = &*content else { panic!("raw") };
    let raw = String::from_utf8(raw.clone()).unwrap();
    assert!(raw.ends_with("Subject: Grüße\r\n\r\n.leading dot\r\n..\r\n"), "{raw}");
    let codes: Vec<&str> = said.lines().filter_map(|line| line.get(1..4)).collect();
    assert_eq!(codes, ["250", "250", "250", "554"], "a chunk with a bare LF is refused: {said}");
    house.nothing_taken();
}

/// A Postfix of its own with a queue of its own; stopped when dropped.
struct Postfix(PathBuf);

impl Postfix {
    const SERVICES: &[&str] = &[
        "pickup unix n - n 1 1 pickup",
        "cleanup unix n - n - 0 cleanup",
        "qmgr unix n - n 1 1 qmgr",
        "tlsmgr unix - - n 1000? 1 tlsmgr",
        "rewrite unix - - n - - trivial-rewrite",
        "bounce unix - - n - 0 bounce",
        "defer unix - - n - 0 bounce",
        "trace unix - - n - 0 bounce",
        "verify unix - - n - 1 verify",
        "smtp unix - - n - - smtp",
        "error unix - - n - - error",
        "retry unix - - n - - error",
        "showq unix n - n - - showq",
        "scache unix - - n - 1 scache",
        "postlog unix-dgram n - n - 1 postlogd",
    ];

    /// Hands everything to this port, over TLS, with this certificate.
    async fn start(dir: &Path, port: u16, shown: &smtp::tls::ClientIdentity) -> Option<Postfix> {
        use std::os::unix::fs::PermissionsExt;
        if !rustix::process::geteuid().is_root() {
            println!("left out: Postfix is started by root only");
            return None;
        }
        let open = std::fs::Permissions::from_mode(0o755);
        for name in ["", "etc", "queue", "data"] {
            std::fs::create_dir_all(dir.join(name)).unwrap();
            std::fs::set_permissions(dir.join(name), open.clone()).unwrap();
        }
        let owner = std::process::Command::new("chown").arg("postfix").arg(dir.join("data")).status();
        assert!(owner.unwrap().success());
        let at = dir.display();
        let text = format!(
            "compatibility_level = 3.6\nqueue_directory = {at}/queue\ndata_directory = {at}/data\nmaillog_file = \
             {at}/mail.log\nmaillog_file_prefixes = {at}\nmyhostname = relay.example.net\nmydestination =\nalias_maps \
             =\ninet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nrelayhost = [127.0.0.1]:{port}\n\
             smtp_dns_support_level = disabled\nsmtp_tls_security_level = encrypt\nsmtp_tls_cert_file = {}\n\
             smtp_tls_key_file = {}\nqueue_run_delay = 1\nin_flow_delay = 0\nsmtp_destination_concurrency_limit = 4\n",
            shown.certificate.display(),
            shown.key.display(),
        );
        std::fs::write(dir.join("etc/main.cf"), text).unwrap();
        std::fs::write(dir.join("etc/master.cf"), Self::SERVICES.join("\n") + "\n").unwrap();
        let postfix = Postfix(dir.to_owned());
        let (started, said) = output(postfix.command("postfix", &["start"])).await;
        assert!(started, "{said}{}", postfix.log());
        Some(postfix)
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(format!("/usr/sbin/{program}"));
        command.args([if program == "sendmail" { "-C" } else { "-c" }]).arg(self.0.join("etc")).args(arguments);
        command
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.0.join("mail.log")).unwrap_or_default()
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        let _ = std::process::Command::new("/usr/sbin/postfix").arg("-c").arg(self.0.join("etc")).arg("stop").output();
    }
}

#[tokio::test]
async fn a_postfix_that_relays_to_us_with_its_certificate() {
    use tokio::io::AsyncWriteExt;
    if program("/usr/sbin/postfix").is_none() || program("/usr/bin/openssl").is_none() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("relay")).unwrap();
    let shown = identity(dir.path(), "relay");
    let user = User {
        name: "relay".into(),
        certificates: vec![fingerprint(&shown.certificate).unwrap()],
        tenants: names(&["acme"]),
        ..User::default()
    };
    let listeners = vec![Listener { tls: TlsUse::Required, auth: Auth::Required, ..listener() }];
    let mut house = House::open(Config { users: vec![user], ..strict(listeners) }).await;
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let Some(postfix) = Postfix::start(&dir.path().join("postfix"), house.address.port(), &shown).await else { return };
    const MAILS: usize = 20;
    for n in 0..MAILS {
        let to = [format!("u{n}@example.com"), format!("v{n}@example.com")];
        let arguments = ["-f", "a@example.net", "-i", &to[0], &to[1]];
        let mut child = postfix.command("sendmail", &arguments).stdin(std::process::Stdio::piped()).spawn().unwrap();
        let message = format!("From: a@example.net\nSubject: {n}\n\n.a dot\n{}\n", "line\n".repeat(2_000));
        child.stdin.take().unwrap().write_all(message.as_bytes()).await.unwrap();
        assert!(child.wait().await.unwrap().success(), "{}", postfix.log());
    }
    let mut recipients = 0;
    while recipients < 2 * MAILS {
        let taken = tokio::time::timeout(std::time::Duration::from_secs(60), house.admitted.recv()).await;
        let admitted = taken.unwrap_or_else(|_| panic!("{}", postfix.log())).unwrap();
        recipients += admitted.recipients.len();
        assert_eq!(admitted.message.origin.user.as_deref(), Some("relay"));
        assert_eq!(&*admitted.message.routing.tenant, "acme");
        let content = house.spool.read_content(admitted.message.id).unwrap();
        let model::submission::Content::Raw(raw) = &*content else { panic!("raw") };
        assert!(raw.windows(14).any(|part| part == b"\r\n\r\n.a dot\r\nli"), "dots are as they were");
    }
    assert_eq!(recipients, 2 * MAILS, "each once");
    drop(postfix);
    house.nothing_taken();
}
