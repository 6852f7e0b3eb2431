//! Paths and parameters of MAIL and RCPT (RFC 5321 4.1.1.2, 4.1.1.3, 4.1.2; RFC 1870, 3461, 6152, 6531).
//!
//! Lenient where mail of today needs it (blanks behind the colon, dots in a row, underscores in domains, long local
//! parts), strict on what separates fields: brackets, quotes, control characters. Addresses are kept as given.

use model::submission::{DsnOptions, Ret};

use crate::envelope::{Mail, Recipient};

/// Longest address, in bytes (RFC 5321 4.5.3.1.3: 254 in a path of 256; ours may be longer in the local part).
pub const ADDRESS_BYTES_MAX: usize = 320;

/// Longest ENVID, in characters (RFC 3461 4.4).
pub const ENVID_MAX: usize = 100;

/// Longest ORCPT, in characters (RFC 3461 4.2).
pub const ORCPT_MAX: usize = 500;

/// Why arguments were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathFault {
    /// No `<address>` where one is expected.
    #[error("an address in angle brackets is expected")]
    NoPath,
    /// What stands in the brackets is not an address.
    #[error("not an address: {0}")]
    Address(&'static str),
    /// A parameter with a value that does not fit it.
    #[error("bad value of {0}")]
    Value(&'static str),
    /// A parameter nobody knows.
    #[error("unknown parameter")]
    Unknown,
    /// A parameter was given twice.
    #[error("parameter given twice")]
    Twice,
}

/// Reads what stands behind `MAIL FROM:`.
///
/// # Errors
/// [`PathFault`]: the client's fault, 501 or 555.
pub fn parse_mail(text: &str) -> Result<Mail, PathFault> {
    let (sender, rest) = parse_path(text)?;
    if !sender.is_empty() {
        check_address(sender)?;
    }
    let mut mail = Mail { sender: sender.to_owned(), ..Mail::default() };
    let mut seen = Vec::new();
    for (key, value) in parameters(rest) {
        let key = key.to_ascii_uppercase();
        match key.as_str() {
            "SIZE" => mail.size = Some(parse_number(value).ok_or(PathFault::Value("SIZE"))?),
            "BODY" => mail.eight_bit = parse_body(value)?,
            "SMTPUTF8" if value.is_empty() => mail.smtputf8 = true,
            "RET" => mail.ret = Some(parse_ret(value)?),
            "ENVID" => mail.envid = Some(decode_xtext(value, ENVID_MAX).ok_or(PathFault::Value("ENVID"))?),
            // RFC 4954 5: who submitted it elsewhere. Nobody trusts it; it is read and dropped.
            "AUTH" => drop(decode_xtext(value, ORCPT_MAX).ok_or(PathFault::Value("AUTH"))?),
            _ => return Err(PathFault::Unknown),
        }
        note_once(&mut seen, key)?;
    }
    Ok(mail)
}

/// Reads what stands behind `RCPT TO:`.
///
/// # Errors
/// [`PathFault`]: the client's fault, 501 or 555.
pub fn parse_rcpt(text: &str) -> Result<Recipient, PathFault> {
    let (address, rest) = parse_path(text)?;
    if !address.eq_ignore_ascii_case("postmaster") {
        check_address(address)?;
    }
    let mut recipient = Recipient { address: address.to_owned(), dsn: None };
    let mut seen = Vec::new();
    for (key, value) in parameters(rest) {
        let key = key.to_ascii_uppercase();
        let dsn = recipient.dsn.get_or_insert_with(DsnOptions::default);
        match key.as_str() {
            "NOTIFY" => parse_notify(value, dsn)?,
            "ORCPT" => dsn.original_recipient = Some(parse_orcpt(value).ok_or(PathFault::Value("ORCPT"))?),
            _ => return Err(PathFault::Unknown),
        }
        note_once(&mut seen, key)?;
    }
    Ok(recipient)
}

fn note_once(seen: &mut Vec<String>, key: String) -> Result<(), PathFault> {
    if seen.contains(&key) {
        return Err(PathFault::Twice);
    }
    seen.push(key);
    Ok(())
}

/// The address between the brackets without its source route, and what follows.
fn parse_path(text: &str) -> Result<(&str, &str), PathFault> {
    let inside = text.trim_start_matches(' ').strip_prefix('<').ok_or(PathFault::NoPath)?;
    let end = closing_bracket(inside).ok_or(PathFault::NoPath)?;
    let (mut path, rest) = (&inside[..end], &inside[end + 1..]);
    if !(rest.is_empty() || rest.starts_with(' ')) {
        return Err(PathFault::NoPath);
    }
    if path.starts_with('@') {
        path = path.split_once(':').ok_or(PathFault::Address("a source route without end"))?.1;
    }
    Ok((path, rest))
}

fn closing_bracket(text: &str) -> Option<usize> {
    let mut quoted = false;
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'>' if !quoted => return Some(at),
            b'<' if !quoted => return None,
            _ => {}
        }
    }
    None
}

/// Checks `local@domain`; letters beyond ASCII are taken for letters.
///
/// # Errors
/// [`PathFault::Address`] with the reason.
pub fn check_address(address: &str) -> Result<(), PathFault> {
    if address.len() > ADDRESS_BYTES_MAX {
        return Err(PathFault::Address("too long"));
    }
    let (local, domain) = address.rsplit_once('@').ok_or(PathFault::Address("no @"))?;
    if !(is_quoted(local) || is_dotted_atoms(local)) {
        return Err(PathFault::Address("local part"));
    }
    if is_domain(domain) || is_literal(domain) { Ok(()) } else { Err(PathFault::Address("domain")) }
}

fn is_dotted_atoms(local: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || !byte.is_ascii() || b"!#$%&'*+-/=?^_`{|}~.".contains(&byte);
    !local.is_empty() && local.bytes().all(fits)
}

fn is_quoted(local: &str) -> bool {
    let Some(inside) = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return false };
    let mut escaped = false;
    for byte in inside.bytes() {
        match byte {
            0..=31 | 127 => return false,
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return false,
            _ => {}
        }
    }
    !escaped
}

fn is_domain(domain: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || !byte.is_ascii() || matches!(byte, b'-' | b'_');
    domain.len() <= 255
        && domain.split('.').all(|label| !label.is_empty() && label.len() <= 240 && label.bytes().all(fits))
}

/// `[192.0.2.1]` or `[IPv6:2001:db8::1]`.
fn is_literal(domain: &str) -> bool {
    let Some(inside) = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) else { return false };
    match inside.get(..5) {
        Some(tag) if tag.eq_ignore_ascii_case("IPv6:") => inside[5..].parse::<std::net::Ipv6Addr>().is_ok(),
        _ => inside.parse::<std::net::Ipv4Addr>().is_ok(),
    }
}

fn parameters(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split(' ').filter(|word| !word.is_empty()).map(|word| word.split_once('=').unwrap_or((word, "")))
}

fn parse_number(text: &str) -> Option<u64> {
    let digits = (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    // RFC 1870 allows 20 digits, more than 64 bits hold: such a size is too large in any case.
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

fn parse_body(value: &str) -> Result<bool, PathFault> {
    match value.to_ascii_uppercase().as_str() {
        "7BIT" => Ok(false),
        "8BITMIME" => Ok(true),
        _ => Err(PathFault::Value("BODY")),
    }
}

fn parse_ret(value: &str) -> Result<Ret, PathFault> {
    match value.to_ascii_uppercase().as_str() {
        "FULL" => Ok(Ret::Full),
        "HDRS" => Ok(Ret::Headers),
        _ => Err(PathFault::Value("RET")),
    }
}

fn parse_notify(value: &str, dsn: &mut DsnOptions) -> Result<(), PathFault> {
    for word in value.split(',') {
        match word.to_ascii_uppercase().as_str() {
            "NEVER" => dsn.never = true,
            "SUCCESS" => dsn.success = true,
            "FAILURE" => dsn.failure = true,
            "DELAY" => dsn.delay = true,
            _ => return Err(PathFault::Value("NOTIFY")),
        }
    }
    if dsn.never && (dsn.success || dsn.failure || dsn.delay) { Err(PathFault::Value("NOTIFY")) } else { Ok(()) }
}

/// `rfc822;user@example.org`, the address in xtext.
fn parse_orcpt(value: &str) -> Option<String> {
    let (kind, address) = value.split_once(';')?;
    let kind_fits = !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    kind_fits.then_some(())?;
    Some(format!("{kind};{}", decode_xtext(address, ORCPT_MAX)?))
}

/// RFC 3461 4: `+` and two upper-case hexadecimal digits stand for a byte. `None` for what is not xtext or not UTF-8.
fn decode_xtext(text: &str, max: usize) -> Option<String> {
    if text.is_empty() || text.len() > max {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'+' {
            bytes.push(byte);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        let digits = std::str::from_utf8(digits).ok().filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = after;
    }
    let text = String::from_utf8(bytes).ok().filter(|text| !text.chars().any(char::is_control))?;
    // Letters beyond ASCII may come as they are, and go on in three signs for each byte: what would then be too long for
    // the next host is refused here, rather than to lose the recipient there.
    let mut written = Vec::with_capacity(text.len());
    push_xtext(&text, &mut written);
    (written.len() <= max).then_some(text)
}

/// Appends text as xtext (RFC 3461 4).
pub fn push_xtext(text: &str, out: &mut Vec<u8>) {
    for byte in text.bytes() {
        match byte {
            b'!'..=b'~' if byte != b'+' && byte != b'=' => out.push(byte),
            _ => out.extend_from_slice(format!("+{byte:02X}").as_bytes()),
        }
    }
}

/// Appends ` NOTIFY=… ORCPT=…` as far as they were given.
pub(crate) fn push_dsn(dsn: &DsnOptions, out: &mut Vec<u8>) {
    let words = [(dsn.never, "NEVER"), (dsn.success, "SUCCESS"), (dsn.failure, "FAILURE"), (dsn.delay, "DELAY")];
    let mut separator: &[u8] = b" NOTIFY=";
    for (_, word) in words.iter().filter(|(given, _)| *given) {
        out.extend_from_slice(separator);
        out.extend_from_slice(word.as_bytes());
        separator = b",";
    }
    if let Some((kind, address)) = dsn.original_recipient.as_deref().and_then(|given| given.split_once(';')) {
        out.extend_from_slice(b" ORCPT=");
        out.extend_from_slice(kind.as_bytes());
        out.push(b';');
        push_xtext(address, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check_rcpt(text: &str, expected: Result<&str, PathFault>) {
        assert_eq!(parse_rcpt(text).as_ref().map(|found| found.address.as_str()).map_err(|e| *e), expected, "{text:?}");
    }

    #[test]
    fn paths() {
        check_rcpt("<user@example.org>", Ok("user@example.org"));
        check_rcpt(" <user@example.org> ", Ok("user@example.org"));
        check_rcpt("<@a.org,@b.org:user@example.org>", Ok("user@example.org"));
        check_rcpt("<\"a > b\"@example.org>", Ok("\"a > b\"@example.org"));
        check_rcpt("<\"a\\\" > b\"@example.org>", Ok("\"a\\\" > b\"@example.org"));
        check_rcpt("<a..b.@docomo.ne.jp>", Ok("a..b.@docomo.ne.jp"));
        check_rcpt("<zoë@bücher.example>", Ok("zoë@bücher.example"));
        check_rcpt("<u@[192.0.2.1]>", Ok("u@[192.0.2.1]"));
        check_rcpt("<u@[IPv6:2001:db8::1]>", Ok("u@[IPv6:2001:db8::1]"));
        check_rcpt("<Postmaster>", Ok("Postmaster"));
        check_rcpt("user@example.org", Err(PathFault::NoPath));
        check_rcpt("<user@example.org", Err(PathFault::NoPath));
        check_rcpt("<user@example.org>x", Err(PathFault::NoPath));
        check_rcpt("<<user@example.org>>", Err(PathFault::NoPath));
        check_rcpt("<>", Err(PathFault::Address("no @")));
        check_rcpt("<user>", Err(PathFault::Address("no @")));
        check_rcpt("<@example.org>", Err(PathFault::Address("a source route without end")));
        check_rcpt("<a b@example.org>", Err(PathFault::Address("local part")));
        check_rcpt("<a@b@example.org>", Err(PathFault::Address("local part")));
        check_rcpt("<u@exa mple.org>", Err(PathFault::Address("domain")));
        check_rcpt("<u@.example.org>", Err(PathFault::Address("domain")));
        check_rcpt("<u@[192.0.2.999]>", Err(PathFault::Address("domain")));
        check_rcpt("<u@example.org> FOO=1", Err(PathFault::Unknown));
        check_rcpt(&format!("<{}@example.org>", "x".repeat(400)), Err(PathFault::Address("too long")));
    }

    #[test]
    fn parameters_of_mail() {
        let text = "<> size=20000 BODY=8bitmime SMTPUTF8 RET=HDRS ENVID=QQ314159+2B+3D AUTH=<>";
        let found = parse_mail(text).unwrap();
        let expected = Mail {
            sender: String::new(),
            size: Some(20_000),
            eight_bit: true,
            smtputf8: true,
            ret: Some(Ret::Headers),
            envid: Some("QQ314159+=".to_owned()),
        };
        assert_eq!(found, expected);
        for (text, expected) in [
            ("<a@b.c> SIZE=", PathFault::Value("SIZE")),
            ("<a@b.c> SIZE=-1", PathFault::Value("SIZE")),
            ("<a@b.c> BODY=BINARYMIME", PathFault::Value("BODY")),
            ("<a@b.c> SMTPUTF8=yes", PathFault::Unknown),
            ("<a@b.c> ENVID=+4", PathFault::Value("ENVID")),
            ("<a@b.c> ENVID=+0D", PathFault::Value("ENVID")),
            ("<a@b.c> SIZE=1 SIZE=2", PathFault::Twice),
            ("<a@b.c> NOTIFY=NEVER", PathFault::Unknown),
        ] {
            assert_eq!(parse_mail(text), Err(expected), "{text:?}");
        }
    }

    #[test]
    fn parameters_of_rcpt() {
        let found = parse_rcpt("<a@b.c> NOTIFY=SUCCESS,delay ORCPT=rfc822;Bob+40example.org").unwrap();
        let dsn = found.dsn.unwrap();
        assert!(dsn.success && dsn.delay && !dsn.failure && !dsn.never);
        assert_eq!(dsn.original_recipient.as_deref(), Some("rfc822;Bob@example.org"));
        assert_eq!(parse_rcpt("<a@b.c> NOTIFY=NEVER,FAILURE"), Err(PathFault::Value("NOTIFY")));
        // What is read must fit when it is written again (the fuzz target `smtp_path`).
        let long = |count: usize| parse_rcpt(&format!("<a@b.c> ORCPT=rfc822;{}", "é".repeat(count)));
        assert!(long(83).is_ok());
        assert_eq!(long(84), Err(PathFault::Value("ORCPT")));
        assert_eq!(parse_rcpt("<a@b.c> ORCPT=Bob"), Err(PathFault::Value("ORCPT")));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,80}") {
            let _ = parse_mail(&text);
            let _ = parse_rcpt(&text);
        }

        #[test]
        fn xtext_is_read_back(text in "[ -~é]{1,20}") {
            let mut bytes = Vec::new();
            push_xtext(&text, &mut bytes);
            prop_assert_eq!(decode_xtext(std::str::from_utf8(&bytes).unwrap(), 100), Some(text));
        }
    }
}
