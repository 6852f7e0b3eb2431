//! Mail addresses: read, checked, brought to one form.
//!
//! Accepted is what can be mailed on the open internet: `local@domain` with a dot-atom or quoted local part (RFC 5321
//! 4.1.2, RFC 6531 for other scripts) and a domain of at least two labels. Refused on purpose, although RFC 5322 knows
//! them: comments, address literals, single-label domains, white space around the at-sign, groups, display names.
//!
//! The form of an [`Address`] is what goes into RCPT TO: local part as given, domain as lower-case A-labels
//! (UTS 46, non-transitional).   Limits: [`LOCAL_MAX`], [`DOMAIN_MAX`], [`ADDRESS_MAX`].
//! This module knows syntax; `lists` knows role names, disposable domains and likely typing errors.

mod lists;

pub use lists::{AddressLists, Remarks};

use std::fmt;

/// Longest local part in bytes (RFC 5321 4.5.3.1.1).
pub const LOCAL_MAX: usize = 64;

/// Longest domain in A-label form in bytes.
pub const DOMAIN_MAX: usize = 253;

/// Longest address in bytes: a path of 256 (RFC 5321 4.5.3.1.3) without its angle brackets.
pub const ADDRESS_MAX: usize = 254;

/// A valid address in its one form.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    text: String,
    at: usize,
}

/// Why a text is not an address that can be mailed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum AddressError {
    /// Nothing there.
    #[error("the address is empty")]
    Empty,
    /// No at-sign.
    #[error("the address has no @")]
    NoAt,
    /// Nothing before the at-sign.
    #[error("there is nothing before the @")]
    NoLocal,
    /// Nothing behind the at-sign.
    #[error("there is nothing behind the @")]
    NoDomain,
    /// More than [`LOCAL_MAX`] bytes before the at-sign.
    #[error("the part before the @ is longer than 64 bytes")]
    LocalTooLong,
    /// More than [`DOMAIN_MAX`] bytes or a label of more than 63 behind the at-sign.
    #[error("the domain is too long")]
    DomainTooLong,
    /// More than [`ADDRESS_MAX`] bytes in all.
    #[error("the address is longer than 254 bytes")]
    TooLong,
    /// A character that must not stand before the at-sign.
    #[error("the part before the @ has a character that is not allowed there")]
    LocalCharacter,
    /// A dot at an end of the local part, or two in a row.
    #[error("the part before the @ has a dot at its end or two in a row")]
    LocalDots,
    /// A quoted local part that is not closed or has a forbidden character.
    #[error("the quotation marks before the @ are not right")]
    LocalQuotes,
    /// An empty label in the domain.
    #[error("the domain has a dot at its end or two in a row")]
    DomainDots,
    /// A character or form that no domain has.
    #[error("the domain has a character that is not allowed there")]
    DomainCharacter,
    /// Only one label: not reachable on the open internet.
    #[error("the domain has no dot")]
    SingleLabel,
    /// `user@[192.0.2.1]`.
    #[error("an IP address in place of a domain is not accepted")]
    Literal,
    /// The last label is a number.
    #[error("the domain ends in a number")]
    NumericTld,
    /// White space, control characters, angle brackets, several addresses, a comment.
    #[error("this is more than an address, or has spaces in it")]
    Surplus,
}

impl AddressError {
    /// Its name in JSON and error files.
    pub fn code(self) -> &'static str {
        match self {
            AddressError::Empty => "empty",
            AddressError::NoAt => "no-at",
            AddressError::NoLocal => "no-local-part",
            AddressError::NoDomain => "no-domain",
            AddressError::LocalTooLong => "local-part-too-long",
            AddressError::DomainTooLong => "domain-too-long",
            AddressError::TooLong => "too-long",
            AddressError::LocalCharacter => "local-part-character",
            AddressError::LocalDots => "local-part-dots",
            AddressError::LocalQuotes => "local-part-quotes",
            AddressError::DomainDots => "domain-dots",
            AddressError::DomainCharacter => "domain-character",
            AddressError::SingleLabel => "single-label-domain",
            AddressError::Literal => "address-literal",
            AddressError::NumericTld => "numeric-tld",
            AddressError::Surplus => "surplus",
        }
    }
}

impl Address {
    /// Reads an address; white space at both ends is passed over.
    ///
    /// # Errors
    /// [`AddressError`] says what to mend; the text is never changed silently beyond the domain's case and form.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        let at = find_at(text)?;
        let (local, domain) = (&text[..at], &text[at + 1..]);
        check_local(local)?;
        let domain = normal_domain(domain)?;
        if local.len() + 1 + domain.len() > ADDRESS_MAX {
            return Err(AddressError::TooLong);
        }
        Ok(Address { text: format!("{local}@{domain}"), at })
    }

    /// The address as it goes into RCPT TO.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The part before the at-sign, as given.
    pub fn local(&self) -> &str {
        &self.text[..self.at]
    }

    /// The domain: lower case, A-labels.
    pub fn domain(&self) -> &str {
        &self.text[self.at + 1..]
    }

    /// The domain for people: U-labels where there are any.
    pub fn unicode_domain(&self) -> String {
        idna::domain_to_unicode(self.domain()).0
    }

    /// True when the local part has other than ASCII characters, so that delivery needs SMTPUTF8 (RFC 6531).
    pub fn needs_smtputf8(&self) -> bool {
        !self.local().is_ascii()
    }

    /// True when every host on the internet can take it as it is: ASCII, no quotes, no characters that old software
    /// stumbles over.
    pub fn is_interoperable(&self) -> bool {
        self.local().bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&byte))
            && !self.local().contains(['!', '%', '`', '|'])
    }

    /// The key under which two spellings of one mailbox meet: everything in lower case.
    ///
    /// Local parts are case-sensitive by the standard and by nobody in practice.
    pub fn key(&self) -> String {
        self.text.to_lowercase()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::str::FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        Address::parse(text)
    }
}

/// The at-sign that divides: behind the closing quotation mark, or the only one.
fn find_at(text: &str) -> Result<usize, AddressError> {
    if text.starts_with('"') {
        let mut escaped = false;
        for (place, character) in text.char_indices().skip(1) {
            match character {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => {
                    return match text[place + 1..].starts_with('@') {
                        true => Ok(place + 1),
                        false if text[place + 1..].is_empty() => Err(AddressError::NoAt),
                        false => Err(AddressError::LocalQuotes),
                    };
                }
                _ => {}
            }
        }
        return Err(AddressError::LocalQuotes);
    }
    if text.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | ',' | ';' | '(' | ')')) {
        return Err(AddressError::Surplus);
    }
    let at = text.find('@').ok_or(AddressError::NoAt)?;
    if text[at + 1..].contains('@') { Err(AddressError::Surplus) } else { Ok(at) }
}

fn check_local(local: &str) -> Result<(), AddressError> {
    if local.is_empty() {
        return Err(AddressError::NoLocal);
    }
    if local.len() > LOCAL_MAX {
        return Err(AddressError::LocalTooLong);
    }
    if let Some(inner) = local.strip_prefix('"') {
        let inner = inner.strip_suffix('"').ok_or(AddressError::LocalQuotes)?;
        // RFC 5321: printable ASCII and space; RFC 6531 adds everything beyond ASCII that is not a control character.
        let fits = !inner.is_empty() && inner.chars().all(|c| matches!(c, ' '..='~') || is_letter_beyond_ascii(c));
        return if fits { Ok(()) } else { Err(AddressError::LocalQuotes) };
    }
    for character in local.chars() {
        let fits = match character {
            '.' => true,
            c if c.is_ascii() => c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c),
            c => is_letter_beyond_ascii(c),
        };
        if !fits {
            return Err(AddressError::LocalCharacter);
        }
    }
    if local.starts_with('.') || local.ends_with('.') || local.contains("..") {
        return Err(AddressError::LocalDots);
    }
    Ok(())
}

/// Letters and digits of other scripts, and the marks that go with them. Symbols and foreign punctuation are slips of
/// copying rather than names, and invisible characters are worse.
fn is_letter_beyond_ascii(c: char) -> bool {
    let mark = matches!(c,
        '\u{300}'..='\u{36f}'
        | '\u{591}'..='\u{5bd}' | '\u{5bf}' | '\u{5c1}'..='\u{5c2}' | '\u{5c4}'..='\u{5c5}' | '\u{5c7}'
        | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}' | '\u{670}'
        | '\u{93c}' | '\u{94d}' | '\u{9bc}' | '\u{9cd}' | '\u{a3c}' | '\u{a4d}' | '\u{abc}' | '\u{acd}' | '\u{b3c}' | '\u{b4d}'
        | '\u{bcd}' | '\u{c4d}' | '\u{cbc}' | '\u{ccd}' | '\u{d4d}' | '\u{dca}'
        | '\u{e3a}' | '\u{e47}'..='\u{e4e}' | '\u{eba}' | '\u{ec8}'..='\u{ecd}' | '\u{f39}'
        | '\u{1037}' | '\u{1039}'..='\u{103a}' | '\u{17c6}'..='\u{17d3}');
    !c.is_ascii() && (c.is_alphanumeric() || mark || c == '・' || c == '·')
}

/// Lower-case A-labels of a domain that can be reached on the open internet.
/// A domain in A-labels, lower case (RFC 5891); `None` when it is no domain of a mail address.
pub fn ascii_domain(domain: &str) -> Option<String> {
    normal_domain(domain).ok()
}

fn normal_domain(domain: &str) -> Result<String, AddressError> {
    if domain.is_empty() {
        return Err(AddressError::NoDomain);
    }
    if domain.starts_with('[') {
        return Err(AddressError::Literal);
    }
    if domain.len() > 4 * DOMAIN_MAX {
        return Err(AddressError::DomainTooLong);
    }
    if domain.starts_with('.') || domain.ends_with('.') || domain.contains("..") {
        return Err(AddressError::DomainDots);
    }
    let ascii = idna::domain_to_ascii_strict(domain).map_err(|_| refuse_domain(domain))?;
    if ascii.is_empty() {
        return Err(AddressError::DomainCharacter);
    }
    if ascii.len() > DOMAIN_MAX || ascii.split('.').any(|label| label.len() > 63) {
        return Err(AddressError::DomainTooLong);
    }
    if ascii.starts_with('.') || ascii.ends_with('.') || ascii.contains("..") {
        return Err(AddressError::DomainDots);
    }
    let tld = ascii.rsplit_once('.').ok_or(AddressError::SingleLabel)?.1;
    if tld.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(AddressError::NumericTld);
    }
    if !tld.starts_with("xn--") && !tld.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return Err(AddressError::DomainCharacter);
    }
    Ok(ascii)
}

fn refuse_domain(domain: &str) -> AddressError {
    match domain.len() > DOMAIN_MAX || domain.split('.').any(|label| label.is_ascii() && label.len() > 63) {
        true => AddressError::DomainTooLong,
        false => AddressError::DomainCharacter,
    }
}
