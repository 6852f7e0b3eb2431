//! The form of an entry in `data/replies.toml`, checked while it is read.

use model::category::{Category, Family, Scope};
use model::reply::EnhancedStatus;
use model::units::Span;
use serde::Deserialize;

use super::Failure;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    /// Rules, in order.
    pub(super) reply: Vec<RawRule>,
    /// Names of blocklists and what gives them away in a text; first match wins.
    #[serde(default)]
    pub(super) blocklist: Vec<RawBlocklist>,
}

/// A blocklist's name and its marks.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBlocklist {
    /// Name as shown to people.
    pub(super) name: String,
    /// Regular expression on the text, case does not matter.
    pub(super) pattern: String,
}

/// An entry as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRule {
    pub(super) id: String,
    #[serde(default)]
    pub(super) provider: Vec<String>,
    #[serde(default)]
    pub(super) strict: bool,
    #[serde(default)]
    pub(super) weak: bool,
    #[serde(default)]
    pub(super) pattern: Option<String>,
    #[serde(default)]
    pub(super) phrase: Vec<String>,
    #[serde(default)]
    pub(super) code: Vec<String>,
    #[serde(default)]
    pub(super) enhanced: Vec<String>,
    #[serde(default)]
    pub(super) failure: Option<Failure>,
    pub(super) category: Category,
    pub(super) scope: Scope,
    #[serde(default)]
    pub(super) hard: bool,
    #[serde(default)]
    pub(super) suppress: bool,
    #[serde(default)]
    pub(super) wait: Option<Span>,
    #[serde(default)]
    pub(super) blocklist: Option<String>,
    pub(super) en: String,
    pub(super) fr: String,
    #[serde(default)]
    pub(super) cure_en: String,
    #[serde(default)]
    pub(super) cure_fr: String,
    pub(super) source: String,
    #[serde(default)]
    pub(super) sample: Vec<String>,
}

/// A number constraint: exactly this, or a class of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CodePattern {
    digits: [Option<u8>; 3],
}

impl CodePattern {
    /// `550`, `55x`, `5xx`, `xxx`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 3] = text.as_bytes().try_into().ok()?;
        let mut digits = [None; 3];
        for (digit, byte) in digits.iter_mut().zip(bytes) {
            *digit = match byte {
                b'x' => None,
                b'0'..=b'9' => Some(byte - b'0'),
                _ => return None,
            };
        }
        Some(CodePattern { digits })
    }

    /// Whether a reply code fits; 0 (no code) fits `xxx` and `000`.
    pub(super) fn fits(self, code: u16) -> bool {
        let places = [code / 100, code / 10 % 10, code % 10];
        self.digits.iter().zip(places).all(|(digit, place)| digit.is_none_or(|digit| u16::from(digit) == place))
    }
}

/// An enhanced code constraint: `5.7.1`, `x.7.1`, `4.7.650-659`, `x.4.*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EnhancedPattern {
    class: Option<u8>,
    subject: u16,
    detail: (u16, u16),
}

impl EnhancedPattern {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let (class, subject, detail) = (parts.next()?, parts.next()?, parts.next()?);
        let class = match class {
            "x" => None,
            "4" => Some(4),
            "5" => Some(5),
            _ => return None,
        };
        let detail = match (detail, detail.split_once('-')) {
            ("*", _) => (0, u16::MAX),
            (_, Some((from, to))) => (from.parse().ok()?, to.parse().ok()?),
            (exact, None) => (exact.parse().ok()?, exact.parse().ok()?),
        };
        let pattern = EnhancedPattern { class, subject: subject.parse().ok()?, detail };
        (parts.next().is_none() && detail.0 <= detail.1).then_some(pattern)
    }

    pub(super) fn fits(self, status: EnhancedStatus) -> bool {
        self.class.is_none_or(|class| class == status.class)
            && self.subject == status.subject
            && (self.detail.0..=self.detail.1).contains(&status.detail)
    }
}

impl RawRule {
    /// The one regular expression of this rule: its pattern, or its phrases as alternatives.
    ///
    /// White space in phrases stands for any white space.
    pub(super) fn expression(&self) -> Result<Option<String>, String> {
        match (&self.pattern, self.phrase.as_slice()) {
            (Some(_), [_, ..]) => Err("has both a pattern and phrases".to_owned()),
            (Some(pattern), []) => Ok(Some(pattern.clone())),
            (None, []) => Ok(None),
            (None, phrases) => {
                let escaped: Vec<String> =
                    phrases.iter().map(|phrase| regex::escape(phrase).replace(' ', r"\s+")).collect();
                Ok(Some(escaped.join("|")))
            }
        }
    }

    /// What a rule must obey whatever it says.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.suppress && !self.hard {
            return Err("suppresses without being hard".to_owned());
        }
        if self.suppress && (self.blocklist.is_some() || self.category.family() != Family::Recipient) {
            return Err("suppresses although it does not speak of the recipient's address".to_owned());
        }
        if self.suppress && self.scope != Scope::Recipient {
            return Err("suppresses with another scope than the recipient".to_owned());
        }
        if self.hard && self.code.iter().any(|code| code.starts_with('4')) {
            return Err("calls a temporary reply hard".to_owned());
        }
        if self.pattern.is_none()
            && self.phrase.is_empty()
            && self.code.is_empty()
            && self.enhanced.is_empty()
            && self.failure.is_none()
        {
            return Err("matches everything".to_owned());
        }
        if self.strict && self.provider.is_empty() {
            return Err("is strict about no provider".to_owned());
        }
        if self.en.is_empty() || self.fr.is_empty() || self.source.is_empty() {
            return Err("lacks its explanation or its source".to_owned());
        }
        Ok(())
    }
}
