//! One command line: which command, with which arguments (RFC 5321 4.1.1).
//!
//! Says nothing about whether it is allowed here and now; that is the session's to know.

use crate::envelope::{Mail, Recipient};
use crate::path::{self, PathFault};
use crate::server::fixed::{self, Fixed};
use crate::server::handler::Hello;

/// Longest name in EHLO, in bytes.
pub(crate) const NAME_BYTES_MAX: usize = 255;

/// A command with its arguments.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Hello(Hello),
    StartTls,
    Auth { mechanism: String, initial: Option<String> },
    Mail(Mail),
    Rcpt(Recipient),
    Data,
    Bdat { size: u64, last: bool },
    Rset,
    Noop,
    Vrfy,
    Help,
    Quit,
}

/// Reads a line without its CRLF.
///
/// # Errors
/// The reply that refuses it.
pub(crate) fn parse(line: &[u8]) -> Result<Command, Fixed> {
    if line.iter().any(u8::is_ascii_control) {
        return Err(fixed::NOT_TEXT);
    }
    let line = std::str::from_utf8(line).map_err(|_| fixed::NOT_TEXT)?.trim_end_matches(' ');
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    let mut name = [0_u8; 8];
    let name = match name.get_mut(..verb.len()) {
        Some(name) => {
            name.copy_from_slice(verb.as_bytes());
            name.make_ascii_uppercase();
            &*name
        }
        None => return Err(fixed::UNKNOWN_COMMAND),
    };
    match name {
        b"EHLO" => hello(rest, true),
        b"HELO" => hello(rest, false),
        b"MAIL" => {
            path::parse_mail(behind(rest, "FROM:")?).map(Command::Mail).map_err(|f| refuse(f, fixed::BAD_SENDER))
        }
        b"RCPT" => {
            path::parse_rcpt(behind(rest, "TO:")?).map(Command::Rcpt).map_err(|f| refuse(f, fixed::BAD_RECIPIENT))
        }
        b"BDAT" => bdat(rest),
        b"AUTH" => auth(rest),
        b"DATA" => without_arguments(rest, Command::Data),
        b"STARTTLS" => without_arguments(rest, Command::StartTls),
        b"RSET" => without_arguments(rest, Command::Rset),
        b"QUIT" => without_arguments(rest, Command::Quit),
        b"NOOP" => Ok(Command::Noop),
        b"HELP" => Ok(Command::Help),
        b"VRFY" if rest.is_empty() => Err(fixed::BAD_ARGUMENTS),
        b"VRFY" => Ok(Command::Vrfy),
        b"EXPN" | b"TURN" | b"ETRN" => Err(fixed::NOT_OFFERED),
        _ => Err(fixed::UNKNOWN_COMMAND),
    }
}

fn refuse(fault: PathFault, address: Fixed) -> Fixed {
    match fault {
        PathFault::NoPath => fixed::NO_PATH,
        PathFault::Address(_) => address,
        PathFault::Value(_) | PathFault::Twice => fixed::BAD_PARAMETER,
        PathFault::Unknown => fixed::UNKNOWN_PARAMETER,
    }
}

fn without_arguments(rest: &str, command: Command) -> Result<Command, Fixed> {
    if rest.is_empty() { Ok(command) } else { Err(fixed::BAD_ARGUMENTS) }
}

fn behind<'a>(rest: &'a str, keyword: &str) -> Result<&'a str, Fixed> {
    match rest.split_at_checked(keyword.len()) {
        Some((found, rest)) if found.eq_ignore_ascii_case(keyword) => Ok(rest),
        _ => Err(fixed::BAD_ARGUMENTS),
    }
}

fn hello(rest: &str, extended: bool) -> Result<Command, Fixed> {
    let name = rest.trim();
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return Err(fixed::NO_NAME);
    }
    Ok(Command::Hello(Hello { name: name.to_owned(), extended }))
}

/// The size decides where the next command begins: what cannot be read exactly ends the connection.
fn bdat(rest: &str) -> Result<Command, Fixed> {
    let (size, last) = match rest.split_once(' ') {
        None => (rest, false),
        Some((size, last)) if last.eq_ignore_ascii_case("LAST") => (size, true),
        Some(_) => return Err(fixed::BAD_CHUNK),
    };
    let digits = (1..=18).contains(&size.len()) && size.bytes().all(|byte| byte.is_ascii_digit());
    match size.parse() {
        Ok(size) if digits => Ok(Command::Bdat { size, last }),
        _ => Err(fixed::BAD_CHUNK),
    }
}

fn auth(rest: &str) -> Result<Command, Fixed> {
    let mut words = rest.split(' ').filter(|word| !word.is_empty());
    let mechanism = words.next().ok_or(fixed::BAD_ARGUMENTS)?.to_ascii_uppercase();
    let initial = words.next().map(str::to_owned);
    if words.next().is_some() { Err(fixed::BAD_ARGUMENTS) } else { Ok(Command::Auth { mechanism, initial }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn commands_are_read_in_any_case() {
        let bdat = |size, last| Ok(Command::Bdat { size, last });
        for (line, expected) in [
            ("data", Ok(Command::Data)),
            ("QUIT  ", Ok(Command::Quit)),
            ("Noop whatever", Ok(Command::Noop)),
            ("RSET now", Err(fixed::BAD_ARGUMENTS)),
            ("BDAT 86 last", bdat(86, true)),
            ("BDAT 0", bdat(0, false)),
            ("BDAT -1", Err(fixed::BAD_CHUNK)),
            ("BDAT 1 FIRST", Err(fixed::BAD_CHUNK)),
            ("BDAT 9999999999999999999", Err(fixed::BAD_CHUNK)),
            ("MAIL <a@b.c>", Err(fixed::BAD_ARGUMENTS)),
            ("MAIL FROM:a@b.c", Err(fixed::NO_PATH)),
            ("RCPT TO:<a@>", Err(fixed::BAD_RECIPIENT)),
            ("EHLO", Err(fixed::NO_NAME)),
            ("VRFY", Err(fixed::BAD_ARGUMENTS)),
            ("", Err(fixed::UNKNOWN_COMMAND)),
            ("GET / HTTP/1.1", Err(fixed::UNKNOWN_COMMAND)),
            ("NOOP \u{0}", Err(fixed::NOT_TEXT)),
        ] {
            assert_eq!(parse(line.as_bytes()), expected, "{line:?}");
        }
        assert_eq!(parse(b"NOOP \xff"), Err(fixed::NOT_TEXT));
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(line in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = parse(&line);
        }
    }
}
