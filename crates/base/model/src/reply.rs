//! What a mail server answered: reply code, enhanced status code and text.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An enhanced status code such as `5.7.28` (RFC 3463): class 2, 4 or 5, subject and detail up to 999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, minicbor::Encode, minicbor::Decode)]
pub struct EnhancedStatus {
    /// 2 success, 4 persistent transient failure, 5 permanent failure.
    #[n(0)]
    pub class: u8,
    /// What it is about: 1 address, 2 mailbox, 3 system, 4 network, 5 protocol, 6 content, 7 policy.
    #[n(1)]
    pub subject: u16,
    /// The case in particular.
    #[n(2)]
    pub detail: u16,
}

text_schema!(EnhancedStatus, "An enhanced status code (RFC 3463)", "5.1.1");

impl EnhancedStatus {
    /// From its three numbers.
    pub const fn new(class: u8, subject: u16, detail: u16) -> Self {
        EnhancedStatus { class, subject, detail }
    }
}

impl fmt::Display for EnhancedStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

/// A text that is not an enhanced status code.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an enhanced status code")]
pub struct EnhancedStatusError;

impl FromStr for EnhancedStatus {
    type Err = EnhancedStatusError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut numbers = text.split('.').map(|part| match part.len() {
            1..=3 if part.bytes().all(|b| b.is_ascii_digit()) => part.parse::<u16>().map_err(|_| EnhancedStatusError),
            _ => Err(EnhancedStatusError),
        });
        let mut next = || numbers.next().unwrap_or(Err(EnhancedStatusError));
        let (class, subject, detail) = (next()?, next()?, next()?);
        match (class, numbers.next()) {
            (2 | 4 | 5, None) => Ok(EnhancedStatus { class: class as u8, subject, detail }),
            _ => Err(EnhancedStatusError),
        }
    }
}

impl Serialize for EnhancedStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EnhancedStatus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// One SMTP reply (RFC 5321 4.2). Several lines are joined by line feeds, without the codes in front of each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, minicbor::Encode, minicbor::Decode, utoipa::ToSchema)]
#[cbor(map)]
pub struct Reply {
    /// 200 to 599.
    #[n(0)]
    pub code: u16,
    /// The enhanced status code in front of the text, if there was one.
    #[n(1)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enhanced: Option<EnhancedStatus>,
    /// The text behind the codes; at most 2,048 bytes are kept.
    #[n(2)]
    pub text: String,
}

impl Reply {
    /// Longest text kept of a reply, in bytes.
    pub const TEXT_MAX: usize = 2_048;

    /// A reply from its code and the text behind it; an enhanced code in front of the text is taken off.
    pub fn new(code: u16, text: &str) -> Self {
        let text = text.trim();
        let (first, rest) = text.split_once([' ', '\n']).unwrap_or((text, ""));
        let (enhanced, text) = match first.parse() {
            Ok(enhanced) => (Some(enhanced), rest.trim_start()),
            Err(EnhancedStatusError) => (None, text),
        };
        Reply { code, enhanced, text: text[..text.floor_char_boundary(Self::TEXT_MAX)].to_owned() }
    }

    /// 2xx.
    pub fn is_positive(&self) -> bool {
        (200..300).contains(&self.code)
    }

    /// 5xx: the same will not succeed.
    pub fn is_permanent(&self) -> bool {
        (500..600).contains(&self.code)
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(enhanced) = self.enhanced {
            write!(f, " {enhanced}")?;
        }
        if self.text.is_empty() { Ok(()) } else { write!(f, " {}", self.text.replace('\n', " ")) }
    }
}

/// Where in the dialogue something happened.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    minicbor::Encode,
    minicbor::Decode,
    schemars::JsonSchema,
    utoipa::ToSchema,
)]
#[serde(rename_all = "kebab-case")]
#[cbor(index_only)]
pub enum Phase {
    /// Before any connection: name look-up, no route, a limit, a suppression.
    #[n(0)]
    Route,
    /// TCP connect.
    #[n(1)]
    Connect,
    /// The greeting.
    #[n(2)]
    Greeting,
    /// EHLO or HELO.
    #[n(3)]
    Ehlo,
    /// STARTTLS and the TLS handshake.
    #[n(4)]
    Tls,
    /// AUTH.
    #[n(5)]
    Auth,
    /// MAIL FROM.
    #[n(6)]
    MailFrom,
    /// RCPT TO.
    #[n(7)]
    RcptTo,
    /// DATA or BDAT, before the last byte.
    #[n(8)]
    Data,
    /// After the final dot: the message was sent, its reply decides.
    #[n(9)]
    Dot,
    /// Between transactions.
    #[n(10)]
    Idle,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enhanced_codes_are_taken_off_the_text() {
        let check = |code, text: &str, expected: &str| assert_eq!(Reply::new(code, text).to_string(), expected);
        check(550, "5.1.1 no such user", "550 5.1.1 no such user");
        check(421, "RP-001 too fast", "421 RP-001 too fast");
        check(550, "5.1 odd", "550 5.1 odd");
        check(250, "2.0.0", "250 2.0.0");
        assert_eq!(Reply::new(550, "5.1.1 no such user").enhanced, Some(EnhancedStatus::new(5, 1, 1)));
        assert_eq!(Reply::new(550, "3.1.1 no").enhanced, None);
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let reply = Reply::new(550, &"é".repeat(3_000));
        assert!(reply.text.len() <= Reply::TEXT_MAX && reply.text.chars().all(|c| c == 'é'));
    }
}
