//! Logging in at a server (RFC 4954): PLAIN (RFC 4616), or LOGIN where nothing better is offered.
//!
//! What is said is given with a form for people that keeps the secret.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::client::error::ErrorKind;
use crate::reply::WireReply;

/// A user with a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The user.
    pub user: String,
    /// The password.
    pub password: String,
    /// Say it without TLS to hosts beyond this machine, too.
    pub in_clear: bool,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

/// A line for the server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// As it is sent, without its line end.
    pub line: String,
    /// As people may see it.
    pub shown: String,
}

/// The dialogue of one log-in.
#[derive(Debug)]
pub(crate) struct Dialogue<'a> {
    login: &'a Login,
    plain: bool,
    said: usize,
}

impl<'a> Dialogue<'a> {
    /// By the first mechanism that both sides know.
    pub fn new(login: &'a Login, offered: &[String]) -> Result<Self, ErrorKind> {
        let has = |mechanism: &str| offered.iter().any(|offer| offer == mechanism);
        match (has("PLAIN"), has("LOGIN")) {
            (false, false) => Err(ErrorKind::NotOffered("AUTH PLAIN or LOGIN")),
            (plain, _) => Ok(Dialogue { login, plain, said: 0 }),
        }
    }

    /// What to say after this reply (none before the first line); `None` when logged in.
    pub fn next(&mut self, reply: Option<&WireReply>) -> Result<Option<Step>, ErrorKind> {
        match reply {
            Some(reply) if (200..300).contains(&reply.code) => return Ok(None),
            Some(reply) if reply.code != 334 => return Err(ErrorKind::Refused(reply.to_reply())),
            _ => {}
        }
        let step = |line: String, shown: &str| Ok(Some(Step { line, shown: shown.to_owned() }));
        self.said += 1;
        let Login { user, password, .. } = self.login;
        match (self.plain, self.said) {
            (true, 1) => {
                let secret = STANDARD.encode(format!("\0{user}\0{password}"));
                step(format!("AUTH PLAIN {secret}"), "AUTH PLAIN [hidden]")
            }
            (false, 1) => step("AUTH LOGIN".to_owned(), "AUTH LOGIN"),
            (false, 2) => step(STANDARD.encode(user), "[hidden]"),
            (false, 3) => step(STANDARD.encode(password), "[hidden]"),
            _ => Err(ErrorKind::Protocol("AUTH asks for more than there is")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines that are said to these replies, and how it ends.
    fn play(offered: &[&str], replies: &[(u16, &str)]) -> (Vec<String>, Result<(), String>) {
        let login = Login { user: "joe".to_owned(), password: "se cret".to_owned(), in_clear: false };
        let offered: Vec<String> = offered.iter().map(|&offer| offer.to_owned()).collect();
        let mut dialogue = match Dialogue::new(&login, &offered) {
            Ok(dialogue) => dialogue,
            Err(error) => return (Vec::new(), Err(error.to_string())),
        };
        let mut replies = replies.iter().map(|&(code, text)| WireReply { code, text: text.to_owned() });
        let (mut said, mut reply) = (Vec::new(), None);
        loop {
            match dialogue.next(reply.as_ref()) {
                Ok(Some(step)) => {
                    assert!(!step.shown.contains(&STANDARD.encode("se cret")), "{step:?}");
                    said.push(step.line);
                    reply = Some(replies.next().expect("a reply"));
                }
                Ok(None) => return (said, Ok(())),
                Err(error) => return (said, Err(error.to_string())),
            }
        }
    }

    #[test]
    fn mechanisms() {
        let plain = "AUTH PLAIN AGpvZQBzZSBjcmV0";
        let check = |offered: &[&str], replies: &[(u16, &str)], said: &[&str], end: Result<(), &str>| {
            let expected = (said.iter().map(|&line| line.to_owned()).collect(), end.map_err(str::to_owned));
            assert_eq!(play(offered, replies), expected, "{offered:?} {replies:?}");
        };
        check(&["LOGIN", "PLAIN"], &[(235, "ok")], &[plain], Ok(()));
        let login = ["AUTH LOGIN", "am9l", "c2UgY3JldA=="];
        check(&["LOGIN"], &[(334, "VXNlcm5hbWU6"), (334, "UGFzc3dvcmQ6"), (235, "ok")], &login, Ok(()));
        check(&["PLAIN"], &[(535, "5.7.8 no")], &[plain], Err("refused: 535 5.7.8 no"));
        check(&["PLAIN"], &[(334, "")], &[plain], Err("not an SMTP reply: AUTH asks for more than there is"));
        check(
            &["LOGIN"],
            &[(334, ""), (334, ""), (334, "")],
            &login,
            Err("not an SMTP reply: AUTH asks for more than there is"),
        );
        check(&["CRAM-MD5"], &[], &[], Err("AUTH PLAIN or LOGIN is not offered by the server"));
    }

    #[test]
    fn the_password_is_not_printed() {
        let login = Login { user: "joe".to_owned(), password: "secret".to_owned(), in_clear: false };
        assert_eq!(format!("{login:?}"), "Login { user: \"joe\", .. }");
    }
}
