//! The whole message is out, and what we wait for, or have still to write, is something else: nobody may be taken for
//! not attempted, and a reply that can be read counts.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use delivery::{Config, Dial, Dialer, DialogueRule};
use model::units::Span;
use smtp::{BoxFuture, Wire};
use tokio::io::{
    AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, DuplexStream, ReadBuf,
};

use crate::kit::{Setup, Stage, raw, show};

/// A host that says what its script says to commands with these beginnings, and falls silent or hangs up at `mute`
/// and `close`. What is not in the script is taken.
#[derive(Clone, Copy)]
struct Host {
    offers: &'static str,
    script: &'static [(&'static str, &'static str)],
    /// Nothing can be written behind the first final dot.
    breaks_behind_dot: bool,
}

impl Host {
    async fn serve(self, stream: DuplexStream) -> io::Result<()> {
        let mut stream = BufReader::new(stream);
        stream.write_all(b"220 mx.test ESMTP\r\n").await?;
        let (mut line, mut anybody) = (String::new(), false);
        loop {
            line.clear();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            if let Some(size) = line.strip_prefix("BDAT ") {
                let mut message = vec![0; size.split(' ').next().unwrap().parse().unwrap()];
                stream.read_exact(&mut message).await?;
            }
            let usual = match line.trim_end() {
                line if line.starts_with("EHLO") => format!("250-mx.test\r\n250-{}\r\n250 HELP", self.offers),
                line if line.starts_with("BDAT") && !anybody => "503 5.5.1 for whom?".to_owned(),
                "DATA" => "354 go on".to_owned(),
                _ => "250 fine".to_owned(),
            };
            let scripted = self.script.iter().find(|(command, _)| line.starts_with(command));
            match scripted.map_or(usual.as_str(), |(_, reply)| *reply) {
                "close" => return Ok(()),
                "mute" => return stream.read_to_end(&mut Vec::new()).await.map(drop),
                reply => {
                    anybody |= line.starts_with("RCPT") && reply.starts_with('2');
                    stream.write_all(format!("{reply}\r\n").as_bytes()).await?;
                }
            }
            if line == "DATA\r\n" {
                while line != ".\r\n" {
                    line.clear();
                    if stream.read_line(&mut line).await? == 0 {
                        return Ok(());
                    }
                }
                match self.script.iter().find(|(command, _)| *command == ".") {
                    Some((_, "close")) => return Ok(()),
                    reply => {
                        let reply = reply.map_or("250 taken", |(_, reply)| *reply);
                        stream.write_all(format!("{reply}\r\n").as_bytes()).await?;
                    }
                }
            }
        }
    }
}

impl Dialer for Host {
    fn dial(&self, dial: Dial) -> BoxFuture<'_, io::Result<(Wire, SocketAddr)>> {
        let (stream, theirs) = tokio::io::duplex(64 << 10);
        tokio::spawn(self.serve(theirs));
        let line = Line { stream, breaks: self.breaks_behind_dot, broken: false };
        Box::pin(std::future::ready(Ok((Wire::new(line), dial.to))))
    }

    fn probe(&self, _: IpAddr) -> io::Result<()> {
        Ok(())
    }
}

struct Line {
    stream: DuplexStream,
    breaks: bool,
    broken: bool,
}

impl AsyncRead for Line {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.broken {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        // The dot is a piece of its own, so that this is the end of the message.
        self.broken = self.breaks && bytes.ends_with(b".\r\n") && bytes.len() <= 5;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A mail to each of two, one after the other: what is told of them, and whether the session was in trouble.
async fn check(host: Host, expected: &[&str], trouble: bool) {
    let rule = DialogueRule { pipeline_ahead: Some(true), ..DialogueRule::default() };
    let dot_timeout = Span(Duration::from_millis(300));
    let config = Config { dot_timeout, dialogue: vec![rule], ..Config::default() };
    let setup = Setup { config, dialer: Arc::new(host), recipients_per_transaction: 1, ..Setup::default() };
    let mut stage = Stage::new(setup).await;
    let tickets = stage.admit(raw("one"), &["a@x.test", "b@x.test"]).await;
    let (outcomes, ended) = stage.deliver(tickets).await;
    let found = show(&outcomes);
    assert_eq!(found.len(), expected.len(), "{:?}: {found:?}", host.script);
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{:?}: {found} is not {expected}", host.script);
    }
    assert_eq!(ended.is_some(), trouble, "{:?}: {ended:?}", host.script);
}

#[tokio::test]
async fn behind_a_reset_that_is_not_answered() {
    const REFUSED: (&str, &str) = ("RCPT TO:<a@", "550 5.1.1 nobody");
    let a = "a@x.test: bounced recipient bad-mailbox suppress RcptTo 550 5.1.1 nobody";
    let lost = "b@x.test: deferred connection bad-connection Dot message sent, no reply to it: ";
    let timed_out = &format!("{lost}timed out");
    let refused = &format!("{lost}refused: 500 what?");
    let cases: [(&'static [_], &[&str], bool); 6] = [
        (&[REFUSED], &[a, "b@x.test: delivered recipient - Dot 250 fine"], false),
        // All replies are kept until the message is dealt with, which takes too long.
        (&[REFUSED, ("RSET", "mute")], &[a, timed_out], true),
        (&[REFUSED, ("RCPT TO:<b@", "mute")], &[a, timed_out], true),
        (&[REFUSED, ("RSET", "500 what?")], &[a, refused], true),
        // Nobody was named.
        (&[REFUSED, ("RSET", "421 4.3.2 not now")], &[a], true),
        (&[REFUSED, ("RSET", "close")], &[a], false),
    ];
    for (script, expected, trouble) in cases {
        let host = Host { offers: "PIPELINING\r\n250-CHUNKING", script, breaks_behind_dot: false };
        check(host, expected, trouble).await;
    }
}

#[tokio::test]
async fn with_the_next_letter_behind_it_that_cannot_be_written() {
    let lost = "a@x.test: deferred connection bad-connection Dot message sent, no reply to it: ";
    let cases: [(&'static [_], &str); 3] = [
        (&[], "a@x.test: delivered recipient - Dot 250 taken"),
        (&[(".", "450 4.2.0 later")], "a@x.test: deferred connection greylisted Dot 450 4.2.0 later"),
        (&[(".", "close")], lost),
    ];
    for (script, expected) in cases {
        let host = Host { offers: "PIPELINING", script, breaks_behind_dot: true };
        check(host, &[expected], true).await;
    }
}
