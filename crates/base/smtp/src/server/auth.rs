//! AUTH PLAIN (RFC 4616) and LOGIN: from the lines of the client to a user name and a password.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::server::fixed::{self, Fixed};

/// What a client presented.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user name, as given.
    pub user: String,
    /// The password.
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// What the next line of the client is.
#[derive(Debug)]
pub(crate) enum Expect {
    Plain,
    LoginUser,
    LoginPassword(String),
}

/// What to do next.
#[derive(Debug)]
pub(crate) enum Step {
    Challenge(Fixed, Expect),
    Complete(Credentials),
    Refuse(Fixed),
}

/// The AUTH command itself.
pub(crate) fn begin(mechanism: &str, initial: Option<&str>) -> Step {
    match (mechanism, initial) {
        ("PLAIN", None) => Step::Challenge(fixed::CHALLENGE, Expect::Plain),
        ("LOGIN", None) => Step::Challenge(fixed::CHALLENGE_USER, Expect::LoginUser),
        ("PLAIN", Some(initial)) => go_on(Expect::Plain, without_equals_sign(initial)),
        ("LOGIN", Some(initial)) => go_on(Expect::LoginUser, without_equals_sign(initial)),
        _ => Step::Refuse(fixed::UNKNOWN_MECHANISM),
    }
}

/// `=` stands for an empty initial response (RFC 4954 4).
fn without_equals_sign(initial: &str) -> &str {
    if initial == "=" { "" } else { initial }
}

/// A line behind a challenge.
pub(crate) fn go_on(expect: Expect, line: &str) -> Step {
    if line == "*" {
        return Step::Refuse(fixed::AUTH_CANCELLED);
    }
    let Some(text) = STANDARD.decode(line).ok().and_then(|bytes| String::from_utf8(bytes).ok()) else {
        return Step::Refuse(fixed::BAD_BASE64);
    };
    match expect {
        Expect::Plain => plain(&text),
        Expect::LoginUser => Step::Challenge(fixed::CHALLENGE_PASSWORD, Expect::LoginPassword(text)),
        Expect::LoginPassword(user) => Step::Complete(Credentials { user, password: text }),
    }
}

/// Acting for somebody else is not supported: the authorization identity is empty or the user's own.
fn plain(text: &str) -> Step {
    let mut parts = text.split('\0');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(as_whom), Some(user), Some(password), None) if as_whom.is_empty() || as_whom == user => {
            Step::Complete(Credentials { user: user.to_owned(), password: password.to_owned() })
        }
        (Some(_), Some(_), Some(_), None) => Step::Refuse(fixed::BAD_CREDENTIALS),
        _ => Step::Refuse(fixed::BAD_BASE64),
    }
}
