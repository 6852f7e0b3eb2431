//! Each file of `testdata/server` is a dialogue with the server's state machine.
//!
//! `C: …` a line of the client with CRLF behind it; `C> …` the same, but sent together with what follows; `C+ …` bytes
//! without CRLF. `! …` settings and the handler's answers. `S: …` what the server says, `? …` what it asks the handler,
//! `=…` what it does: these are compared, and rewritten with UPDATE_EXPECT=1.

use std::fmt::Write;
use std::sync::Arc;

use smtp::server::{Action, Answer, Extensions, Peer, Policy, Question, Session};
use smtp::tls::TlsInfo;

use crate::kit::{Script, answer, escape, files, unescape};

pub struct Run {
    session: Session,
    script: Script,
    pub log: String,
    pub ended: bool,
}

impl Run {
    pub fn new(policy: Policy, script: Script) -> Self {
        let address = "127.0.0.1:1".parse().unwrap();
        let peer = Peer { address, local: address, proxy: None };
        let session = Session::new(Arc::new(policy), peer, None);
        Run { session, script, log: String::new(), ended: false }
    }

    pub fn feed(&mut self, bytes: &[u8]) {
        if !self.ended {
            self.session.input().extend_from_slice(bytes);
            self.go_on();
        }
    }

    pub fn go_on(&mut self) {
        while !self.ended {
            match self.session.proceed() {
                Action::Read => return self.flush(),
                Action::Close => {
                    self.flush();
                    self.log.push_str(if self.session.is_abrupt() { "= close abruptly\n" } else { "= close\n" });
                    self.ended = true;
                }
                Action::StartTls => {
                    self.flush();
                    self.log.push_str("= starttls\n");
                    self.session.tls_started(TlsInfo { version: "TLSv1.3", cipher: "TEST".to_owned() }, None);
                }
                Action::Ask(_, question) => {
                    let (line, name) = describe(&question);
                    let auth = match &question {
                        Question::Auth(credentials) if credentials.password == "secret" => {
                            Some(Ok(credentials.user.as_str().into()))
                        }
                        Question::Auth(_) => Some(Err(self.script.denied())),
                        _ => None,
                    };
                    self.flush();
                    self.log.push_str(&line);
                    match auth {
                        Some(auth) => self.session.answer_auth(auth),
                        None => self.session.answer(self.script.take(name)),
                    }
                }
            }
        }
    }

    fn flush(&mut self) {
        let output = std::mem::take(self.session.output());
        for line in output.split_inclusive(|&byte| byte == b'\n') {
            let line = line.strip_suffix(b"\r\n").expect("every line of the server ends in CRLF");
            let _ = writeln!(self.log, "S: {}", escape(line));
        }
    }
}

fn describe(question: &Question<'_>) -> (String, &'static str) {
    let (text, name) = match question {
        Question::Hello(hello) => (format!("hello {} extended={}", hello.name, hello.extended), "hello"),
        Question::StartTls => ("starttls".to_owned(), "starttls"),
        Question::Auth(credentials) => (format!("auth {} {}", credentials.user, credentials.password), "auth"),
        Question::Mail(mail) => (format!("mail {mail:?}"), "mail"),
        Question::Rcpt(_, recipient) => (format!("rcpt {recipient:?}"), "rcpt"),
        Question::Data => ("data".to_owned(), "data"),
        Question::Message(message) => {
            let to: Vec<_> = message.recipients.iter().map(|recipient| recipient.address.as_str()).collect();
            let data = escape(&message.data);
            (format!("message from <{}> to {}: {data:.200}", message.mail.sender, to.join(", ")), "message")
        }
    };
    (format!("? {text}\n"), name)
}

fn set(policy: &mut Policy, script: &Script, setting: &str) {
    let (key, value) = setting.split_once(' ').unwrap_or((setting, ""));
    let limits = &mut policy.limits;
    let number = || value.parse::<u64>().unwrap();
    match key {
        "auth" => policy.extensions.auth = true,
        "auth-in-clear" => policy.auth_in_clear = true,
        "no-extensions" => {
            policy.extensions = Extensions {
                pipelining: false,
                size: false,
                eight_bit_mime: false,
                smtputf8: false,
                chunking: false,
                dsn: false,
                enhanced_status_codes: false,
                starttls: false,
                auth: false,
            };
        }
        "command-bytes-max" => limits.command_bytes_max = number() as usize,
        "message-bytes-max" => limits.message_bytes_max = number(),
        "recipients-max" => limits.recipients_max = number() as usize,
        "errors-max" => limits.errors_max = number() as u32,
        "idle-commands-max" => limits.idle_commands_max = number() as u32,
        "messages-max" => limits.messages_max = number() as u32,
        "answer" => {
            let (question, text) = value.split_once(' ').unwrap();
            script.push(question, if text == "accept" { Answer::Accept } else { answer(text) });
        }
        other => panic!("unknown setting {other:?}"),
    }
}

fn play(text: &str) -> String {
    let mut policy = Policy::new("mx.test");
    let script = Script::default();
    let mut run: Option<Run> = None;
    let mut out = String::new();
    let mut together = Vec::new();
    for line in text.lines() {
        let (mark, rest) = line.split_at_checked(2).unwrap_or((line, ""));
        let rest = rest.strip_prefix(' ').unwrap_or(rest);
        match mark {
            "" | "# " => {}
            "! " => {
                assert!(run.is_none() || rest.starts_with("answer "), "settings stand before the first line");
                set(&mut policy, &script, rest);
            }
            "S:" | "? " | "= " => continue,
            "C:" | "C>" | "C+" => {
                together.extend(unescape(rest));
                together.extend_from_slice(if mark == "C+" { b"" } else { b"\r\n" });
                let run = run.get_or_insert_with(|| Run::new(policy.clone(), script.clone()));
                run.go_on();
                out.push_str(&std::mem::take(&mut run.log));
            }
            other => panic!("unknown mark {other:?}"),
        }
        out.push_str(line.trim_end());
        out.push('\n');
        if let (Some(run), "C:" | "C+") = (&mut run, mark) {
            run.feed(&std::mem::take(&mut together));
            out.push_str(&std::mem::take(&mut run.log));
        }
    }
    out
}

#[test]
fn files_are_played() {
    for (path, text) in files("server") {
        expect_test::expect_file![path].assert_eq(&play(&text));
    }
}
