//! The client: any bytes of a server, in any pieces.
//!
//! Holds: the cut into reads does not change the replies; a reply that is written again is read the same; a transaction
//! ends, gives every recipient a fate or tells why not, and sends nothing but commands; the transcript is bounded.

use crate::bytes::{choice, cuts};
use model::reply::Reply;
use model::route::TlsPolicy;
use model::submission::{DsnOptions, Ret};
use smtp::client::{
    Capabilities, ClientError, ErrorKind, Exchange, Manner, Next, Opening, OpeningStep, OutboundRecipient, OutboundTransaction,
    Transcript,
};
use smtp::reply::{ReplyReader, WireReply};

/// Checks one input.
pub(crate) fn run(data: &[u8]) {
    let (options, stream) = choice(data);
    let (replies, fault) = read(&[stream]);
    assert_eq!(read(&cuts(stream, 9)), (replies.clone(), fault));
    assert_eq!(read(&cuts(stream, 1)), (replies.clone(), fault));
    for reply in &replies {
        assert!((200..600).contains(&reply.code) && !reply.text.chars().any(|c| c.is_control() && c != '\n'));
        let said = reply.to_reply();
        let mut bytes = Vec::new();
        smtp::reply::write(&said, &mut bytes);
        let (again, _) = read(&[&bytes]);
        assert_eq!(again.len(), 1);
        // Blanks at the start of a line do not survive, and mean nothing.
        let trimmed = |reply: &Reply| reply.text.split('\n').map(|line| line.trim().to_owned()).collect::<Vec<_>>();
        let again = again[0].to_reply();
        assert_eq!((again.code, again.enhanced, trimmed(&again)), (said.code, said.enhanced, trimmed(&said)));
    }
    let mut replies = replies.into_iter();
    if let Some(capabilities) = open(options, &mut replies) {
        transact(options, &capabilities, &mut replies);
    }
}

fn read(pieces: &[&[u8]]) -> (Vec<WireReply>, Option<&'static str>) {
    let mut reader = ReplyReader::default();
    let mut found = Vec::new();
    let mut transcript = Transcript::new(400);
    let largest = pieces.iter().map(|piece| piece.len()).max().unwrap_or(0);
    for piece in pieces {
        reader.input().extend_from_slice(piece);
        loop {
            match reader.next(|line| transcript.server(line)) {
                Ok(Some(reply)) => found.push(reply),
                Ok(None) => break,
                Err(fault) => return (found, Some(fault.0)),
            }
        }
        assert!(transcript.to_string().len() <= 220);
        // What was read is not kept.
        assert!(reader.input().len() <= smtp::reply::LINE_BYTES_MAX + largest);
    }
    (found, None)
}

fn open(options: u8, replies: &mut impl Iterator<Item = WireReply>) -> Option<Capabilities> {
    let tls = [TlsPolicy::None, TlsPolicy::Opportunistic, TlsPolicy::Required][usize::from(options) % 3];
    let mut opening = Opening::new("client.test", tls);
    let mut encrypted = false;
    for _ in 0..20 {
        let mut step = opening.reply(&replies.next()?);
        if matches!(step, OpeningStep::StartTls) {
            assert!(tls != TlsPolicy::None && !encrypted);
            encrypted = true;
            step = opening.tls_started();
        }
        match step {
            OpeningStep::Send(line) => assert!(!line.contains(['\r', '\n']) && line.len() < 40),
            OpeningStep::Done => {
                assert!(encrypted || tls != TlsPolicy::Required, "in the clear against the policy");
                return Some(opening.into_capabilities());
            }
            OpeningStep::Fail(_) => return None,
            OpeningStep::StartTls => panic!("TLS in TLS"),
        }
    }
    panic!("the opening does not end");
}

/// SMTP or LMTP, in one or in many pieces.
fn manner(options: u8) -> Manner {
    Manner { lmtp: options & 8 != 0, chunking: options & 4 != 0, reset: options & 64 != 0, ahead: 0 }
}

fn transact(options: u8, capabilities: &Capabilities, replies: &mut impl Iterator<Item = WireReply>) {
    let dsn =
        DsnOptions { success: true, original_recipient: Some("rfc822;ö+=@x".to_owned()), ..DsnOptions::default() };
    let recipients = [
        OutboundRecipient { address: "a@x.test", dsn: None },
        OutboundRecipient { address: "b@x.test", dsn: Some(&dsn) },
        OutboundRecipient { address: "c@x.test", dsn: None },
    ];
    let transaction = OutboundTransaction {
        sender: "s@y.test",
        eight_bit: options & 16 != 0,
        smtputf8: options & 32 != 0,
        ret: Some(Ret::Headers),
        envid: Some("a b+=é"),
        recipients: &recipients[..1 + usize::from(options) % recipients.len()],
        data: &[b"Subject: x\r\n\r\n", b".\r\n"],
    };
    let mut exchange = Exchange::new(&transaction, capabilities, manner(options));
    let mut dots = 0;
    for _ in 0..20 {
        let mut commands = Vec::new();
        let next = exchange.next(&mut commands);
        for line in commands.split_inclusive(|&byte| byte == b'\n') {
            let line = line.strip_suffix(b"\r\n").expect("a command ends in CRLF");
            assert!(line.iter().all(|byte| matches!(byte, b' '..=b'~')), "{line:?}");
        }
        let phase = match next {
            Next::Finished => break,
            Next::Reply(phase) => phase,
            Next::Message | Next::EmptyMessage => {
                dots += 1;
                model::reply::Phase::Dot
            }
            // It went out with the commands, and must not go out again.
            Next::Chunk => {
                dots += 1;
                continue;
            }
        };
        match replies.next() {
            Some(reply) => exchange.reply(reply.to_reply()),
            None if options & 128 != 0 => exchange.closing_reply(phase, Reply::new(421, "4.3.2 bye")),
            None => exchange.fail(ClientError { phase, dot_sent: false, kind: ErrorKind::Closed }),
        }
    }
    assert_eq!(exchange.next(&mut Vec::new()), Next::Finished, "the transaction does not end");
    assert!(dots <= 1, "the message is sent twice");
    let reusable = exchange.is_reusable();
    let sent = exchange.finish();
    assert_eq!(sent.fates.len(), transaction.recipients.len());
    let undecided = sent.fates.iter().any(Option::is_none);
    assert!(!undecided || sent.trouble.is_some() || sent.chunking_refused, "a recipient without fate");
    assert!(!reusable || !undecided || transaction.smtputf8, "a broken connection is used again");
}
