//! Clients that mean harm or are broken, on real sockets: what they send is refused or does nothing, and they cost little.

use std::process::Stdio;
use std::time::Duration;

use smtp::server::{Limits, Policy, ServerConfig};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::kit::{Running, Script, start};

struct Talk(BufReader<TcpStream>);

impl Talk {
    async fn open(running: &Running) -> Talk {
        let mut talk = Talk(BufReader::new(TcpStream::connect(running.address).await.unwrap()));
        assert!(talk.hear().await.starts_with("220"));
        talk
    }

    /// The next reply, its last line; empty at the end of the connection.
    async fn hear(&mut self) -> String {
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).await.unwrap_or(0) == 0 {
                return String::new();
            }
            if line.as_bytes().get(3) != Some(&b'-') {
                return line.trim_end().to_owned();
            }
        }
    }

    async fn say(&mut self, line: &str) -> String {
        self.send(format!("{line}\r\n").as_bytes()).await;
        self.hear().await
    }

    /// The server may have closed already.
    async fn send(&mut self, bytes: &[u8]) {
        let _ = self.0.get_mut().write_all(bytes).await;
    }

    /// Up to the reply to DATA.
    async fn begin(&mut self) {
        for (line, code) in
            [("EHLO c", "250"), ("MAIL FROM:<a@c.test>", "250"), ("RCPT TO:<b@mx.test>", "250"), ("DATA", "354")]
        {
            let reply = self.say(line).await;
            assert!(reply.starts_with(code), "{line}: {reply}");
        }
    }

    /// Everything that is still to be heard.
    async fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        let _ = self.0.read_to_end(&mut rest).await;
        String::from_utf8_lossy(&rest).into_owned()
    }
}

/// Ends that some host somewhere takes for the end of a message, and that are none.
const FALSE_ENDS: &[&str] = &[
    "\n.\n",
    "\n.\r\n",
    "\r\n.\n",
    "\r.\r",
    "\r.\r\n",
    "\r\n.\r",
    "\r.\n",
    "\n.\r",
    "\n\n.\r\n",
    "\r\r\n.\r\r\n",
    "\r\n.\r\r\n",
    "\r\r\n.\r\n",
    "\r\n\0.\r\n",
    "\r\n.\0\r\n",
    "\r\n.\r\0\n",
    "\r\0\n.\r\n",
    "\n.\n\r\n",
    "\r\n\r.\r\n",
];

/// Ends that are none and are no fault either: letters of the message.
const LETTERS: &[&str] = &[
    "\r\n..\r\n",
    "\r\n. \r\n",
    "\r\n.\t\r\n",
    "\r\n.\x0b\r\n",
    "\r\n.\x0c\r\n",
    "\u{85}.\u{85}",
    "\u{2028}.\u{2028}",
];

#[tokio::test]
async fn one_message_never_becomes_two() {
    const SECOND: &str =
        "MAIL FROM:<evil@c.test>\r\nRCPT TO:<victim@mx.test>\r\nDATA\r\nSubject: two\r\n\r\ntwo\r\n.\r\n";
    let attacks = FALSE_ENDS.iter().map(|end| (*end, false)).chain(LETTERS.iter().map(|end| (*end, true)));
    for (end, harmless) in attacks {
        for piece in [usize::MAX, 1] {
            let script = Script::default();
            let running = start(&script, ServerConfig::new("mx.test"), None).await;
            let mut talk = Talk::open(&running).await;
            talk.begin().await;
            let message = format!("Subject: one\r\n\r\none{end}{SECOND}");
            for bytes in message.as_bytes().chunks(piece.min(message.len())) {
                talk.send(bytes).await;
            }
            let reply = talk.hear().await;
            assert_eq!(reply.starts_with("250"), harmless, "{end:?} in pieces of {piece}: {reply}");
            let next = talk.say("QUIT").await;
            let goes_on = harmless || reply.contains("NUL");
            assert_eq!(
                next.starts_with("221"),
                goes_on,
                "{end:?}: nothing more is read behind an odd line end: {next}"
            );
            let received = script.received.lock().unwrap();
            assert!(received.iter().all(|mail| mail.mail.sender == "a@c.test"), "{end:?} was split");
            assert_eq!(received.len(), usize::from(harmless), "{end:?} in pieces of {piece}");
        }
    }
}

#[tokio::test]
async fn the_same_in_chunks_is_refused() {
    for end in FALSE_ENDS {
        let script = Script::default();
        let running = start(&script, ServerConfig::new("mx.test"), None).await;
        let mut talk = Talk::open(&running).await;
        for line in ["EHLO c", "MAIL FROM:<a@c.test>", "RCPT TO:<b@mx.test>"] {
            assert!(talk.say(line).await.starts_with("250"));
        }
        let message = format!("Subject: one\r\n\r\none{end}two\r\n");
        talk.send(format!("BDAT {} LAST\r\n{message}", message.len()).as_bytes()).await;
        let reply = talk.hear().await;
        // With a dot on a line of its own and nothing else odd it is a message like any other: chunks have no end mark.
        assert!(reply.starts_with("554 5.6"), "{end:?}: {reply}");
        assert!(script.received.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn chunks_of_wrong_sizes() {
    /// What is said behind RCPT, the replies by their codes, and how many messages were taken.
    async fn check(said: &str, close: bool, expected: &[&str], taken: usize) {
        let script = Script::default();
        let limits = Limits { message_bytes_max: 100, ..Limits::default() };
        let policy = Policy { limits, ..Policy::new("mx.test") };
        let running = start(&script, ServerConfig { policy, ..ServerConfig::new("mx.test") }, None).await;
        let mut talk = Talk::open(&running).await;
        for line in ["EHLO c", "MAIL FROM:<a@c.test>", "RCPT TO:<b@mx.test>"] {
            assert!(talk.say(line).await.starts_with("250"));
        }
        talk.send(said.as_bytes()).await;
        if close {
            talk.0.get_mut().shutdown().await.unwrap();
        } else {
            talk.send(b"QUIT\r\n").await;
        }
        let rest = talk.rest().await;
        let codes: Vec<&str> = rest.lines().map(|line| &line[..3]).collect();
        assert_eq!(codes, expected, "{said:?}: {rest}");
        assert_eq!(script.received.lock().unwrap().len(), taken, "{said:?}");
    }
    let header = "Subject: x\r\n\r\n";
    check(&format!("BDAT 14 LAST\r\n{header}"), false, &["250", "221"], 1).await;
    check("BDAT 0 LAST\r\n", false, &["250", "221"], 1).await;
    check(&format!("BDAT 14\r\n{header}BDAT 0 LAST\r\n"), false, &["250", "250", "221"], 1).await;
    // Too small: what is left over is no command.
    check(&format!("BDAT 14 LAST\r\n{header}left over\r\n"), false, &["250", "500", "221"], 1).await;
    // Too large: it swallows what follows, and nothing is taken when the client goes away.
    check(&format!("BDAT 90 LAST\r\n{header}"), true, &[], 0).await;
    check(&format!("BDAT 14\r\n{header}"), true, &["250"], 0).await;
    // Larger than a message may be: read to its end, refused, and the next command is found.
    check(&format!("BDAT 101 LAST\r\n{}", "x".repeat(101)), false, &["552", "221"], 0).await;
    check(
        &format!("BDAT 60\r\n{0}BDAT 60 LAST\r\n{0}", format!("{}\r\n", "x".repeat(58))),
        false,
        &["250", "552", "221"],
        0,
    )
    .await;
    for size in ["-1", "1e3", "0x10", "99999999999999999999", "", "14 FIRST", "14 LAST NOW", " 14"] {
        check(&format!("BDAT {size}\r\n{header}"), false, &["501"], 0).await;
    }
    check(&format!("BDAT 14\r\n{header}DATA\r\n"), false, &["250", "503", "221"], 0).await;
    check(&format!("BDAT 14\r\n{header}RCPT TO:<c@mx.test>\r\n"), false, &["250", "503", "221"], 0).await;
    check(&format!("BDAT 14\r\n{header}RSET\r\nBDAT 14 LAST\r\n{header}"), false, &["250", "250", "503", "221"], 0)
        .await;
}

#[tokio::test]
async fn commands_in_front_of_tls_are_not_run_behind_it() {
    let dir = tempfile::tempdir().unwrap();
    let tls = smtp::tls::server_self_signed(dir.path(), &["mx.test".to_owned()]).unwrap();
    let script = Script::default();
    let running = start(&script, ServerConfig::new("mx.test"), Some(tls)).await;
    let mut talk = Talk::open(&running).await;
    talk.say("EHLO c").await;
    talk.send(b"STARTTLS\r\nMAIL FROM:<evil@c.test>\r\nRCPT TO:<victim@mx.test>\r\nDATA\r\n").await;
    assert!(talk.hear().await.starts_with("220"));
    let connector = tokio_rustls::TlsConnector::from(smtp::tls::client_opportunistic());
    let name = "mx.test".to_owned().try_into().unwrap();
    let stream = connector.connect(name, talk.0.into_inner()).await.unwrap();
    let mut stream = BufReader::new(stream);
    // The first thing behind the handshake is the answer to this, and EHLO is forgotten.
    stream.get_mut().write_all(b"RCPT TO:<victim@mx.test>\r\nMAIL FROM:<a@c.test>\r\nQUIT\r\n").await.unwrap();
    let mut said = String::new();
    while stream.read_line(&mut said).await.unwrap_or(0) > 0 {}
    let codes: Vec<&str> = said.lines().map(|line| &line[..3]).collect();
    assert_eq!(codes, ["503", "503", "221"], "{said}");
    assert!(script.received.lock().unwrap().is_empty());
}

#[tokio::test]
async fn giant_lines_take_no_room() {
    let script = Script::default();
    let limits = Limits { message_bytes_max: 100_000, ..Limits::default() };
    let policy = Policy { limits, ..Policy::new("mx.test") };
    let running = start(&script, ServerConfig { policy, ..ServerConfig::new("mx.test") }, None).await;
    let mut talk = Talk::open(&running).await;
    let megabyte = vec![b'x'; 1 << 20];
    let before = resident_kb();
    for _ in 0..64 {
        talk.send(&megabyte).await;
    }
    assert_eq!(talk.say("").await, "500 5.5.2 Line too long");
    talk.begin().await;
    for _ in 0..64 {
        talk.send(&megabyte).await;
    }
    assert!(talk.say("\r\n.").await.starts_with("552 5.3.4"));
    let grown = resident_kb().saturating_sub(before);
    assert!(grown < 16 << 10, "{grown} kB for lines of 64 MB");
    talk.begin().await;
    assert!(talk.say("Subject: fine\r\n\r\n.").await.starts_with("250"));
    assert_eq!(script.received.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn binary_and_control_bytes_are_no_commands() {
    let running = start(&Script::default(), ServerConfig::new("mx.test"), None).await;
    for (bytes, expected) in [
        (&b"EHLO c\0.test\r\n"[..], "500 5.5.2"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\r\n", "500 5.5.2"),
        (b"MAIL FROM:<a\x7f@c.test>\r\n", "500 5.5.2"),
        (b"\xff\xfe\r\n", "500 5.5.2"),
        (b"GET / HTTP/1.1\r\n", "500 5.5.1"),
        (b"EHLO c\rMAIL\r\n", "500 5.5.2 Bare CR"),
        (b"EHLO c\nMAIL FROM:<a@c.test>\r\n", "500 5.5.2 Bare LF"),
    ] {
        let mut talk = Talk::open(&running).await;
        talk.send(bytes).await;
        let reply = talk.hear().await;
        assert!(reply.starts_with(expected), "{bytes:?}: {reply}");
    }
}

#[tokio::test]
async fn who_guesses_addresses_is_sent_away() {
    let refusals: Vec<(&str, &str)> = vec![("rcpt", "550 5.1.1 No such mailbox here"); 6];
    let limits = Limits { refused_recipients_max: 3, ..Limits::default() };
    let policy = Policy { limits, ..Policy::new("mx.test") };
    let running = start(&Script::new(&refusals), ServerConfig { policy, ..ServerConfig::new("mx.test") }, None).await;
    let mut talk = Talk::open(&running).await;
    talk.say("EHLO c").await;
    talk.say("MAIL FROM:<a@c.test>").await;
    for _ in 0..3 {
        assert!(talk.say("RCPT TO:<guess@mx.test>").await.starts_with("550"));
    }
    assert_eq!(talk.rest().await, "421 4.7.0 Too many errors, closing\r\n");
}

#[tokio::test]
async fn half_closed_clients_are_answered() {
    let script = Script::default();
    let running = start(&script, ServerConfig::new("mx.test"), None).await;
    let mut talk = Talk::open(&running).await;
    talk.send(b"EHLO c\r\nMAIL FROM:<a@c.test>\r\nRCPT TO:<b@mx.test>\r\nDATA\r\nSubject: x\r\n\r\nx\r\n.\r\n").await;
    talk.0.get_mut().shutdown().await.unwrap();
    let said = talk.rest().await;
    assert!(said.ends_with("250 2.0.0 OK\r\n"), "{said}");
    assert_eq!(script.received.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn who_vanishes_in_a_message_leaves_nothing_and_gives_his_place_back() {
    let script = Script::default();
    let config = ServerConfig { connections_max: 1, ..ServerConfig::new("mx.test") };
    let running = start(&script, config, None).await;
    for part in ["Subject: cut\r\n", "Subject: cut\r\n\r\nx\r\n.", "Subject: cut\r\n\r\nx\r\n.\r"] {
        let mut talk = loop {
            let mut talk = Talk(BufReader::new(TcpStream::connect(running.address).await.unwrap()));
            if talk.hear().await.starts_with("220") {
                break talk;
            }
            tokio::task::yield_now().await;
        };
        talk.begin().await;
        talk.send(part.as_bytes()).await;
        // A reset, not a polite end.
        talk.0.get_ref().set_zero_linger().unwrap();
    }
    running.shutdown.cancel();
    running.task.await.unwrap();
    assert!(script.received.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_message_that_drips_is_given_up() {
    let script = Script::default();
    let config = ServerConfig { transaction_time_max: Duration::from_millis(100), ..ServerConfig::new("mx.test") };
    let running = start(&script, config, None).await;
    let mut talk = Talk::open(&running).await;
    talk.begin().await;
    // Never silent for long, never done.
    let (read, mut write) = talk.0.into_inner().into_split();
    let dripping = tokio::spawn(async move { while write.write_all(b"x").await.is_ok() {} });
    let mut said = String::new();
    BufReader::new(read).read_line(&mut said).await.unwrap();
    assert_eq!(said, "421 4.4.2 The message takes too long, closing\r\n");
    dripping.abort();
    assert!(script.received.lock().unwrap().is_empty());
}

#[tokio::test]
async fn one_byte_at_a_time_is_a_dialogue_like_any_other() {
    let script = Script::default();
    let running = start(&script, ServerConfig::new("mx.test"), None).await;
    let mut talk = Talk::open(&running).await;
    let all = "EHLO c\r\nMAIL FROM:<a@c.test>\r\nRCPT TO:<b@mx.test>\r\nDATA\r\nSubject: x\r\n\r\n..x\r\n.\r\nQUIT\r\n";
    for byte in all.as_bytes() {
        talk.send(&[*byte]).await;
    }
    assert!(talk.rest().await.ends_with("250 2.0.0 OK\r\n221 2.0.0 Bye\r\n"));
    assert_eq!(script.received.lock().unwrap()[0].data, b"Subject: x\r\n\r\n.x\r\n");
}

/// Memory of this process, in kB.
fn resident_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap()
}

const IDLE_CLIENTS: usize = 10_000;

/// Not a test of its own: the clients of the next one, in a process of their own, for the sake of its open files.
#[test]
fn hold_idle_connections() {
    use std::io::{BufRead, BufReader, Read};
    let Some(address) = std::env::var_os("IES_TEST_HOLD") else { return };
    let address: std::net::SocketAddr = address.to_str().unwrap().parse().unwrap();
    let mut held = Vec::new();
    for _ in 0..IDLE_CLIENTS {
        let stream = std::net::TcpStream::connect(address).unwrap();
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line).unwrap();
        assert!(line.starts_with("220"), "{line}");
        held.push(stream);
    }
    println!("\nall connected");
    let _ = std::io::stdin().read(&mut [0]);
}

#[tokio::test]
async fn ten_thousand_idle_connections_cost_little() {
    let open_files = std::fs::read_to_string("/proc/self/limits").unwrap();
    let most = open_files.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    let most: usize = most.split_whitespace().next().unwrap().parse().unwrap_or(usize::MAX);
    if most < IDLE_CLIENTS + 200 {
        eprintln!("left out: {most} open files are allowed, {IDLE_CLIENTS} clients need some more");
        return;
    }
    let config = ServerConfig {
        connections_max: IDLE_CLIENTS + 10,
        connections_per_address_max: IDLE_CLIENTS + 10,
        ..ServerConfig::new("mx.test")
    };
    let running = start(&Script::default(), config, None).await;
    let before = resident_kb();
    let mut clients = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "hostile::hold_idle_connections", "--nocapture"])
        .env("IES_TEST_HOLD", running.address.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut said = BufReader::new(clients.stdout.take().unwrap()).lines();
    while said.next_line().await.unwrap().expect("all connect") != "all connected" {}
    let each = (resident_kb() - before) as f64 / IDLE_CLIENTS as f64;
    println!("{each:.2} kB for an idle connection");
    assert!(each < 8.0, "{each} kB for an idle connection");
    // And one more is served as ever.
    let mut talk = Talk::open(&running).await;
    talk.begin().await;
    assert!(talk.say("Subject: x\r\n\r\nx\r\n.").await.starts_with("250"));
    drop(clients.stdin.take());
    clients.wait().await.unwrap();
}
