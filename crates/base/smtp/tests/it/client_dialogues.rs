//! Each file of `testdata/client` is a dialogue with the client's state machines.
//!
//! `S: …` a line of the server; `! tls …` the policy; `! send from=… to=…,… [eight-bit] [smtputf8] [reset]
//! [lmtp] [chunking] [ahead=N]` a
//! transaction; `! close` the server closes. `C: …` what the client sends, `= …` what it does or finds: these are
//! compared, and rewritten with UPDATE_EXPECT=1.

use std::fmt::Write;

use model::reply::Phase;
use model::route::TlsPolicy;
use model::submission::DsnOptions;
use smtp::client::{
    Capabilities, ClientError, ErrorKind, Exchange, Manner, Next, Opening, OpeningStep, OutboundRecipient,
    OutboundTransaction, Sent,
};
use smtp::reply::{ReplyReader, WireReply};

use crate::kit::{files, unescape};

/// The server's lines and the directives, as they come; what the client does is written between them.
struct Play<'a> {
    lines: std::iter::Peekable<std::str::Lines<'a>>,
    replies: ReplyReader,
    out: String,
}

impl<'a> Play<'a> {
    fn next_line(&mut self) -> Option<&'a str> {
        loop {
            let line = self.lines.next()?;
            if line.starts_with("C:") || line.starts_with("= ") {
                continue;
            }
            self.out.push_str(line);
            self.out.push('\n');
            if !(line.is_empty() || line.starts_with('#')) {
                return Some(line);
            }
        }
    }

    /// The next reply of the server; `None` when it closes.
    fn reply(&mut self) -> Option<WireReply> {
        loop {
            match self.replies.next(|_| ()) {
                Ok(Some(reply)) => return Some(reply),
                Ok(None) => {}
                Err(fault) => panic!("{fault}"),
            }
            match self.next_line() {
                None | Some("! close") => return None,
                Some(line) => {
                    let line = line.strip_prefix("S: ").unwrap_or_else(|| panic!("a reply is due before {line:?}"));
                    self.replies.input().extend(unescape(line));
                    self.replies.input().extend_from_slice(b"\r\n");
                }
            }
        }
    }

    fn say(&mut self, commands: &[u8]) {
        for line in std::str::from_utf8(commands).unwrap().split_terminator("\r\n") {
            let _ = writeln!(self.out, "C: {line}");
        }
    }

    fn open(&mut self, tls: TlsPolicy, lmtp: bool) -> Option<Capabilities> {
        let mut opening = Opening::new("client.test", tls).over_lmtp(lmtp);
        loop {
            let Some(reply) = self.reply() else {
                let _ = writeln!(self.out, "= closed in {:?}", opening.phase());
                return None;
            };
            let mut step = opening.reply(&reply);
            if matches!(step, OpeningStep::StartTls) {
                self.out.push_str("= handshake\n");
                step = opening.tls_started();
            }
            match step {
                OpeningStep::Send(line) => self.say(line.as_bytes()),
                OpeningStep::Done => {
                    let capabilities = opening.into_capabilities();
                    let _ = writeln!(self.out, "= {capabilities:?}");
                    return Some(capabilities);
                }
                OpeningStep::Fail(error) => {
                    let _ = writeln!(self.out, "= failed in {:?}: {error}", error.phase);
                    return None;
                }
                OpeningStep::StartTls => unreachable!(),
            }
        }
    }

    fn send(&mut self, capabilities: &Capabilities, directive: &str) {
        let word = |key: &str| directive.split(' ').find_map(|word| word.strip_prefix(key));
        let has = |flag: &str| directive.split(' ').any(|word| word == flag);
        let dsn = DsnOptions {
            failure: true,
            original_recipient: Some("rfc822;o+o@x.test".to_owned()),
            ..Default::default()
        };
        let recipients: Vec<_> = word("to=")
            .unwrap()
            .split(',')
            .map(|address| OutboundRecipient { address, dsn: has("dsn").then_some(&dsn) })
            .collect();
        let transaction = OutboundTransaction {
            sender: word("from=").unwrap(),
            eight_bit: has("eight-bit"),
            smtputf8: has("smtputf8"),
            ret: has("dsn").then_some(model::submission::Ret::Headers),
            envid: has("dsn").then_some("id=1"),
            recipients: &recipients,
            data: &[b"Subject: test\r\n", b"\r\n.hello\r\n"],
        };
        let ahead = word("ahead=").map_or(0, |count| count.parse().unwrap());
        let manner = Manner { lmtp: has("lmtp"), chunking: has("chunking"), reset: has("reset"), ahead };
        let mut exchange = Exchange::new(&transaction, capabilities, manner);
        loop {
            let mut commands = Vec::new();
            let next = exchange.next(&mut commands);
            self.say(&commands);
            let phase = match next {
                Next::Finished => break,
                Next::Reply(phase) => phase,
                Next::Chunk => {
                    self.out.push_str("= chunk\n");
                    continue;
                }
                Next::Message => {
                    self.out.push_str("= message\n");
                    Phase::Dot
                }
                Next::EmptyMessage => {
                    self.out.push_str("= empty message\n");
                    Phase::Dot
                }
            };
            match self.reply() {
                Some(reply) => exchange.reply(reply.to_reply()),
                None => {
                    let dot_sent = phase == Phase::Dot;
                    exchange.fail(ClientError { phase, dot_sent, kind: ErrorKind::Closed });
                }
            }
        }
        let _ = writeln!(self.out, "= needs reset: {}, reusable: {}", exchange.needs_reset(), exchange.is_reusable());
        self.tell(&exchange.finish(), &recipients);
    }

    /// What became of a transaction.
    fn tell(&mut self, sent: &Sent, recipients: &[OutboundRecipient<'_>]) {
        if sent.chunking_refused {
            self.out.push_str("= chunking refused\n");
        }
        for (fate, recipient) in sent.fates.iter().zip(recipients) {
            let _ = match fate {
                None => writeln!(self.out, "= {}: undecided", recipient.address),
                Some(fate) => {
                    let delivered = fate.phase == Phase::Dot && fate.reply.is_positive();
                    let verb = if delivered { "delivered" } else { "not delivered" };
                    writeln!(self.out, "= {}: {verb}, {:?}: {}", recipient.address, fate.phase, fate.reply)
                }
            };
        }
        if let Some(error) = &sent.trouble {
            let _ = writeln!(self.out, "= {error} in {:?}, dot sent: {}", error.phase, error.dot_sent);
        }
    }
}

fn play(text: &str) -> String {
    let mut play = Play { lines: text.lines().peekable(), replies: ReplyReader::default(), out: String::new() };
    let mut first = play.next_line();
    let lmtp = first == Some("! lmtp");
    if lmtp {
        first = play.next_line();
    }
    let tls = match first {
        Some("! tls opportunistic") => TlsPolicy::Opportunistic,
        Some("! tls required") => TlsPolicy::Required,
        Some("! tls none") => TlsPolicy::None,
        other => panic!("the TLS policy comes first, not {other:?}"),
    };
    if let Some(capabilities) = play.open(tls, lmtp) {
        while let Some(line) = play.next_line() {
            play.send(&capabilities, line.strip_prefix("! send ").unwrap_or_else(|| panic!("unexpected {line:?}")));
        }
    }
    play.out
}

#[test]
fn files_are_played() {
    for (path, text) in files("client") {
        expect_test::expect_file![path].assert_eq(&play(&text));
    }
}
