//! The dialogue with hosts of odd habits, over connections inside the process: what is said together, what is learned,
//! what is recorded, and what becomes of a message whose reply never came.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use delivery::{Config, Dial, Dialer, DialogueRule, LostAfterDot};
use model::handoff::{FromDelivery, Outcome, SessionTrouble, ToDelivery};
use model::name::Name;
use model::submission::{Content, Envelope, ReturnPath, Routing};
use smtp::{BoxFuture, Wire};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream};

use crate::kit::{SESSION, Setup, Stage, raw, show};

/// A host and its habits.
#[derive(Clone, Default)]
struct Host {
    offers: Vec<&'static str>,
    /// Hangs up behind so many messages on one connection.
    messages_max: Option<usize>,
    /// Hangs up in place of the reply to the message with this number over all connections.
    mute_from: Option<usize>,
    /// Answers BDAT with 500.
    no_bdat: bool,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    connections: usize,
    messages: Vec<String>,
}

impl Host {
    fn offering(offers: &[&'static str]) -> Self {
        Host { offers: offers.to_vec(), ..Host::default() }
    }

    fn messages(&self) -> Vec<String> {
        self.seen.lock().unwrap().messages.clone()
    }

    async fn serve(self, stream: DuplexStream) -> io::Result<()> {
        let mut stream = BufReader::new(stream);
        stream.write_all(b"220 odd.test ESMTP Habits 1.0\r\n").await?;
        let (mut taken, mut line) = (0, String::new());
        loop {
            line.clear();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let verb = line.trim_end().split([' ', ':']).next().unwrap_or_default().to_owned();
            match verb.as_str() {
                "EHLO" => {
                    let mut reply = "250-odd.test\r\n".to_owned();
                    self.offers.iter().for_each(|offer| reply.push_str(&format!("250-{offer}\r\n")));
                    reply.push_str("250 HELP\r\n");
                    stream.write_all(reply.as_bytes()).await?;
                    continue;
                }
                "DATA" => stream.write_all(b"354 go on\r\n").await?,
                "BDAT" if self.no_bdat => {
                    stream.write_all(b"500 5.5.2 what?\r\n").await?;
                    continue;
                }
                "BDAT" => {}
                _ => {
                    stream.write_all(b"250 2.0.0 fine\r\n").await?;
                    continue;
                }
            }
            let message = match line.strip_prefix("BDAT ") {
                Some(rest) => {
                    let size = rest.split(' ').next().unwrap().parse().unwrap();
                    let mut bytes = vec![0; size];
                    stream.read_exact(&mut bytes).await?;
                    String::from_utf8_lossy(&bytes).into_owned()
                }
                None => read_data(&mut stream).await?,
            };
            taken += 1;
            let number = {
                let mut seen = self.seen.lock().unwrap();
                seen.messages.push(message);
                seen.messages.len()
            };
            if self.mute_from.is_some_and(|from| number >= from) {
                return Ok(());
            }
            stream.write_all(b"250 2.0.0 taken\r\n").await?;
            if self.messages_max == Some(taken) {
                return Ok(());
            }
        }
    }
}

async fn read_data(stream: &mut BufReader<DuplexStream>) -> io::Result<String> {
    let (mut message, mut line) = (String::new(), Vec::new());
    loop {
        line.clear();
        if stream.read_until(b'\n', &mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line == b".\r\n" {
            return Ok(message);
        }
        message.push_str(&String::from_utf8_lossy(line.strip_prefix(b".").unwrap_or(&line)));
    }
}

impl Dialer for Host {
    fn dial(&self, _: Dial) -> BoxFuture<'_, io::Result<(Wire, SocketAddr)>> {
        let (ours, theirs) = tokio::io::duplex(64 << 10);
        self.seen.lock().unwrap().connections += 1;
        tokio::spawn(self.clone().serve(theirs));
        Box::pin(std::future::ready(Ok((Wire::new(ours), "127.0.0.1:4000".parse().unwrap()))))
    }

    fn probe(&self, _: IpAddr) -> io::Result<()> {
        Ok(())
    }
}

fn setup(host: &Host, config: Config) -> Setup {
    let config = Config { transcript_sample: 1, ..config };
    Setup { config, dialer: Arc::new(host.clone()), recipients_per_transaction: 1, ..Setup::default() }
}

async fn deliver(host: &Host, config: Config, to: &[&str]) -> (Vec<Outcome>, Option<SessionTrouble>) {
    let mut stage = Stage::new(setup(host, config)).await;
    let tickets = stage.admit(raw("one"), to).await;
    stage.deliver(tickets).await
}

fn transcript(outcome: &Outcome) -> &str {
    outcome.attempt.transcript.as_deref().unwrap()
}

const TWO: [&str; 2] = ["a@x.test", "b@x.test"];

#[tokio::test]
async fn a_message_by_bdat_takes_one_round_trip() {
    let host = Host::offering(&["PIPELINING", "CHUNKING"]);
    let (outcomes, _) = deliver(&host, Config::default(), &TWO).await;
    assert_eq!(show(&outcomes)[1], "b@x.test: delivered recipient - Dot 250 2.0.0 taken");
    let expected = "C: MAIL FROM:<sender@out.test>\nC: RCPT TO:<b@x.test>\nC: BDAT 39 LAST\nC: [39 bytes of message]\n\
                    S: 250 2.0.0 fine\nS: 250 2.0.0 fine\nS: 250 2.0.0 taken\n";
    assert!(transcript(&outcomes[1]).ends_with(expected), "{}", transcript(&outcomes[1]));
    assert_eq!(host.messages()[0], "From: a@out.test\r\nSubject: one\r\n\r\none\r\n");
    let wire = outcomes[1].attempt.wire.as_ref().unwrap();
    assert!(wire.chunked && wire.data_ms.is_none() && wire.dot_ms.is_some(), "{wire:?}");
}

#[tokio::test]
async fn the_next_message_begins_with_the_final_dot_where_that_is_wanted() {
    let host = Host::offering(&["PIPELINING"]);
    let rule = DialogueRule { provider: Some(Name::from("x")), pipeline_ahead: Some(true), ..DialogueRule::default() };
    let config = Config { dialogue: vec![rule], ..Config::default() };
    let (outcomes, trouble) = deliver(&host, config, &["a@x.test", "b@x.test", "c@x.test"]).await;
    assert!(trouble.is_none());
    assert_eq!(show(&outcomes)[2], "c@x.test: delivered recipient - Dot 250 2.0.0 taken");
    assert_eq!((outcomes.len(), host.messages().len()), (3, 3));
    let expected = "C: [39 bytes of message]\nC: .\nC: MAIL FROM:<sender@out.test>\nC: RCPT TO:<b@x.test>\nC: DATA\n\
                    S: 250 2.0.0 taken\n";
    assert!(transcript(&outcomes[0]).ends_with(expected), "{}", transcript(&outcomes[0]));
    assert_eq!(host.seen.lock().unwrap().connections, 1);
}

#[tokio::test]
async fn a_host_that_offers_what_it_does_not_know_is_sent_data_from_then_on() {
    let host = Host { no_bdat: true, ..Host::offering(&["PIPELINING", "CHUNKING"]) };
    let mut stage = Stage::new(setup(&host, Config::default())).await;
    let tickets = stage.admit(raw("one"), &["a@x.test"]).await;
    let (outcomes, trouble) = stage.deliver(tickets.clone()).await;
    assert!(outcomes.is_empty(), "nobody was attempted: {:?}", show(&outcomes));
    let trouble = trouble.unwrap().attempt.error.unwrap();
    assert_eq!(trouble, "the host offers CHUNKING and refuses BDAT: sent by DATA from now on");
    let (outcomes, trouble) = stage.deliver(tickets).await;
    assert!(trouble.is_none());
    assert_eq!(show(&outcomes), ["a@x.test: delivered recipient - Dot 250 2.0.0 taken"]);
    assert!(transcript(&outcomes[0]).contains("C: DATA\n"));
}

#[tokio::test]
async fn a_host_that_hangs_up_after_some_messages_costs_no_attempt_and_teaches() {
    for offers in [&["PIPELINING", "CHUNKING"][..], &["PIPELINING"], &[]] {
        let host = Host { messages_max: Some(2), ..Host::offering(offers) };
        let mut stage = Stage::new(setup(&host, Config::default())).await;
        let tickets = stage.admit(raw("one"), &["a@x.test", "b@x.test", "c@x.test"]).await;
        stage.open().await;
        stage.ready().await;
        stage.give(tickets).await;
        let (mut done, mut limit) = (Vec::new(), None);
        loop {
            match stage.next().await {
                FromDelivery::Done(outcome) => done.push(*outcome),
                FromDelivery::HostLimit { session, messages } => limit = Some((session, messages)),
                FromDelivery::Closed { trouble, .. } => {
                    assert!(trouble.is_none(), "{offers:?} {trouble:?}");
                    break;
                }
                _ => {}
            }
        }
        assert_eq!(done.len(), 2, "{offers:?}: the third was not attempted");
        assert_eq!(limit, Some((SESSION, 2)), "{offers:?}");
        assert_eq!(host.messages().len(), 2);
    }
}

#[tokio::test]
async fn a_connection_in_numbers() {
    let host = Host::offering(&["PIPELINING", "SIZE 1000", "8BITMIME"]);
    let (outcomes, _) = deliver(&host, Config::default(), &TWO).await;
    let [first, second] = [0, 1].map(|place| outcomes[place].attempt.wire.clone().unwrap());
    assert_eq!(first.banner.as_deref(), Some("odd.test ESMTP Habits 1.0"));
    assert_eq!(first.extensions.as_deref(), Some("PIPELINING SIZE=1000 8BITMIME"));
    assert_eq!(first.session, second.session);
    assert_eq!(first.session.as_deref(), Some(SESSION.to_string().as_str()));
    assert_eq!([first.message_number, second.message_number], [Some(1), Some(2)]);
    assert!(first.greeting_ms.is_some() && first.ehlo_ms.is_some() && first.dns_ms.is_some(), "{first:?}");
    assert!(second.greeting_ms.is_none() && second.ehlo_ms.is_none() && second.dns_ms.is_none(), "{second:?}");
    for wire in [&first, &second] {
        assert!(wire.mail_ms.is_some() && wire.rcpt_ms.is_some() && wire.data_ms.is_some() && wire.dot_ms.is_some());
        // MAIL with SIZE, RCPT, DATA, the message, the dot.
        assert_eq!(wire.sent_bytes, Some(37 + 20 + 6 + 39 + 3), "{wire:?}");
        assert!(!wire.lost_after_dot && !wire.chunked && !wire.converted);
    }
}

/// How a message that is lost after the dot ends up, attempt by attempt.
async fn lost(offers: &[&'static str], config: Config) -> Vec<(String, Option<u32>)> {
    let host = Host { mute_from: Some(1), ..Host::offering(offers) };
    let mut stage = Stage::new(setup(&host, config)).await;
    let tickets = stage.admit(raw("one"), &["a@x.test"]).await;
    let mut found = Vec::new();
    for _ in 0..3 {
        let (outcomes, trouble) = stage.deliver(tickets.clone()).await;
        let wire = outcomes[0].attempt.wire.as_ref().unwrap();
        assert!(wire.lost_after_dot && trouble.is_some());
        found.push((show(&outcomes)[0].clone(), outcomes[0].verdict.wait_s));
    }
    found
}

#[tokio::test]
async fn a_message_that_is_lost_after_the_dot_is_sent_again_a_few_times() {
    let config = || Config { lost_after_dot_retries: 2, ..Config::default() };
    let why =
        |end: &str| format!("message sent, no reply to it: connection closed by the server without a reply; {end}");
    let deferred = "a@x.test: deferred connection bad-connection Dot";
    for offers in [&["PIPELINING"][..], &["PIPELINING", "CHUNKING"], &[]] {
        let found = lost(offers, config()).await;
        let expected = [
            (format!("{deferred} {}", why("it may have arrived, sent again 1 of 2 times")), Some(600)),
            (format!("{deferred} {}", why("it may have arrived, sent again 2 of 2 times")), Some(1_800)),
            (format!("a@x.test: bounced connection bad-connection Dot {}", why("lost 3 times, not sent again")), None),
        ];
        assert_eq!(found, expected, "{offers:?}");
    }
    let rule = |policy, stream: Option<&str>| DialogueRule {
        lost_after_dot: Some(policy),
        stream: stream.map(Name::from),
        ..DialogueRule::default()
    };
    let dialogue = vec![rule(LostAfterDot::AssumeDelivered, None), rule(LostAfterDot::Retry, Some("other"))];
    let found = lost(&["PIPELINING"], Config { dialogue, ..config() }).await;
    assert_eq!(found[2].0, format!("a@x.test: delivered recipient - Dot {}", why("taken for delivered")));
}

fn eight_bit(extra: &str) -> Content {
    let head = "From: a@out.test\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n";
    Content::Raw(format!("{extra}{head}Content-Transfer-Encoding: 8bit\r\n\r\nh\u{e9}\r\n").into_bytes())
}

#[tokio::test]
async fn eight_bit_parts_are_encoded_for_hosts_that_do_not_take_them() {
    let signed = "DKIM-Signature: v=1; d=else.test; s=a; b=x\r\n";
    let never = DialogueRule { convert_8bit: Some(delivery::Convert8bit::Never), ..DialogueRule::default() };
    for (offers, extra, rule, converted) in [
        (&["PIPELINING"][..], "", None, true),
        (&["PIPELINING", "8BITMIME"], "", None, false),
        (&["PIPELINING"], signed, None, false),
        (&["PIPELINING"], "", Some(never), false),
    ] {
        let host = Host::offering(offers);
        let config = Config { dialogue: rule.into_iter().collect(), ..Config::default() };
        let mut stage = Stage::new(setup(&host, config)).await;
        let tickets = stage.admit(eight_bit(extra), &["a@x.test"]).await;
        let (outcomes, _) = stage.deliver(tickets).await;
        let message = host.messages().remove(0);
        assert_eq!(message.contains("quoted-printable\r\n\r\nh=C3=A9\r\n"), converted, "{message}");
        assert_eq!(message.is_ascii(), converted, "{message}");
        assert_eq!(outcomes[0].attempt.wire.as_ref().unwrap().converted, converted);
    }
}

#[tokio::test]
async fn domains_in_letters_are_said_in_a_labels_where_smtputf8_is_missing() {
    for (offers, expected) in [
        (&["PIPELINING"][..], "C: RCPT TO:<a@xn--bcher-kva.test>\n"),
        (&["PIPELINING", "SMTPUTF8"], "C: RCPT TO:<a@b\u{fc}cher.test>\n"),
    ] {
        let host = Host::offering(offers);
        let mut stage = Stage::new(setup(&host, Config::default())).await;
        let sender = ReturnPath::Fixed("s@b\u{fc}cher.test".to_owned());
        let envelope = Envelope { sender, ..Envelope::default() };
        let to = ["a@b\u{fc}cher.test", "\u{e9}@x.test"];
        let tickets = stage.admit_with(raw("one"), envelope, Routing::default(), &to).await;
        let (outcomes, _) = stage.deliver(tickets).await;
        let found = transcript(&outcomes[0]);
        assert!(found.contains(expected), "{found}");
        let second = &show(&outcomes)[1];
        assert_eq!(second.contains("5.6.7: the address needs SMTPUTF8"), offers.len() == 1, "{second}");
    }
}

#[tokio::test]
async fn a_session_waits_for_more_work_on_its_warm_connection() {
    let host = Host::offering(&["PIPELINING", "CHUNKING"]);
    let mut stage = Stage::new(setup(&host, Config::default())).await;
    stage.open().await;
    stage.ready().await;
    for round in 0..3 {
        let tickets = stage.admit(raw("one"), &["a@x.test"]).await;
        stage.give(tickets).await;
        loop {
            match stage.next().await {
                FromDelivery::Done(outcome) => {
                    let wire = outcome.attempt.wire.unwrap();
                    assert_eq!(wire.message_number, Some(round + 1));
                    break;
                }
                FromDelivery::Ready { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }
    stage.say(ToDelivery::Close { session: SESSION }).await;
    assert!(stage.until_closed().await.1.is_none());
    assert_eq!(host.seen.lock().unwrap().connections, 1);
}
