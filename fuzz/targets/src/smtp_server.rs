//! The server's state machine: any bytes of a client, in any pieces.
//!
//! Holds: the cut into reads changes neither what is asked nor what is said; every line that is said is a reply; a message
//! that is handed over has whole lines and respects the limits; no more is kept than a line and one read.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::bytes::{assert_mail_lines, choice, cuts};
use smtp::server::{Action, Answer, Denied, Peer, Policy, Question, Session};
use smtp::tls::TlsInfo;

/// Checks one input.
pub(crate) fn run(data: &[u8]) {
    let (options, stream) = choice(data);
    let policy = Arc::new(policy(options));
    let whole = log(&policy, &[stream]);
    // What a client sends behind STARTTLS in the same read is dropped on purpose (RFC 3207 6).
    if !policy.extensions.starttls {
        assert_eq!(log(&policy, &cuts(stream, 12)), whole);
        assert_eq!(log(&policy, &cuts(stream, 1)), whole);
    } else {
        log(&policy, &cuts(stream, 12));
    }
}

fn policy(options: u8) -> Policy {
    let mut policy = Policy::new("mx.test");
    policy.extensions.starttls = options & 1 != 0;
    policy.extensions.auth = options & 2 != 0;
    policy.auth_in_clear = options & 4 != 0;
    policy.extensions.chunking = options & 8 == 0;
    policy.extensions.enhanced_status_codes = options & 16 == 0;
    policy.limits.command_bytes_max = if options & 32 == 0 { 512 } else { 60 };
    policy.limits.message_bytes_max = if options & 64 == 0 { 2_000 } else { 60 };
    policy.limits.data_line_bytes_max = 100;
    policy.limits.recipients_max = 3;
    policy.limits.errors_max = 6;
    policy.limits.idle_commands_max = 30;
    policy.limits.messages_max = u32::from(options & 128 != 0);
    policy
}

fn log(policy: &Arc<Policy>, pieces: &[&[u8]]) -> String {
    let address = "127.0.0.1:25".parse().expect("an address");
    let mut session = Session::new(policy.clone(), Peer { address, local: address, proxy: None }, None);
    let mut log = String::new();
    go_on(&mut session, policy, &mut log);
    for piece in pieces {
        if log.ends_with("= close\n") {
            break;
        }
        session.input().extend_from_slice(piece);
        go_on(&mut session, policy, &mut log);
        let kept = session.input().len();
        let most = policy.limits.command_bytes_max + piece.len();
        assert!(log.ends_with("= close\n") || kept <= most, "{kept} bytes are kept");
    }
    log
}

/// Works through the input, until more is needed or the connection is to be closed.
fn go_on(session: &mut Session, policy: &Policy, log: &mut String) {
    loop {
        let answer = match session.proceed() {
            Action::Read => return flush(session, log),
            Action::Close => {
                flush(session, log);
                return log.push_str("= close\n");
            }
            Action::StartTls => {
                flush(session, log);
                session.tls_started(TlsInfo { version: "TLSv1.3", cipher: "TEST".to_owned() }, None);
                continue;
            }
            Action::Ask(context, question) => {
                assert!(context.messages <= 1 || policy.limits.messages_max == 0);
                let said = note(&question, policy);
                let answer = answer(&question);
                flush(session, log);
                log.push_str(&said);
                answer
            }
        };
        match answer {
            Ok(answer) => session.answer(answer),
            Err(user) => session.answer_auth(user),
        }
    }
}

type Answered = Result<Answer, Result<model::name::Name, Denied>>;

fn answer(question: &Question<'_>) -> Answered {
    Ok(match question {
        Question::Auth(credentials) if credentials.password == "secret" => return Err(Ok("user".into())),
        Question::Auth(_) => return Err(Err(Denied::Wrong)),
        Question::Mail(mail) if mail.sender.starts_with("no") => Answer::reply(550, "5.7.1 not you\nnor yours"),
        Question::Rcpt(_, recipient) if recipient.address.starts_with("no") => Answer::reply(550, "5.1.1 nobody"),
        Question::Rcpt(_, recipient) if recipient.address.starts_with("go") => Answer::reply(421, "4.7.0 enough"),
        Question::Message(message) if message.data.starts_with(b"later") => Answer::reply(451, "4.3.0 later"),
        _ => Answer::Accept,
    })
}

fn note(question: &Question<'_>, policy: &Policy) -> String {
    if let Question::Message(message) = question {
        assert!((1..=policy.limits.recipients_max).contains(&message.recipients.len()));
        assert!(message.data.len() as u64 <= policy.limits.message_bytes_max + 2);
        assert!(message.data.is_empty() || message.data.ends_with(b"\r\n"));
        assert_mail_lines(&message.data, policy.limits.data_line_bytes_max);
    }
    format!("? {question:?}\n")
}

fn flush(session: &mut Session, log: &mut String) {
    let output = std::mem::take(session.output());
    for line in output.split_inclusive(|&byte| byte == b'\n') {
        let line = line.strip_suffix(b"\r\n").expect("a reply ends in CRLF");
        assert!(line.len() >= 4 && line[..3].iter().all(u8::is_ascii_digit) && matches!(line[3], b' ' | b'-'));
        assert!(!line.iter().any(u8::is_ascii_control), "{line:?}");
        let _ = writeln!(log, "S: {}", String::from_utf8_lossy(line));
    }
}
