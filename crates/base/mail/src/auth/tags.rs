//! Tag lists, `a=b; c=d` (RFC 6376 3.2), as far as mail-auth does not show what stands in them.

/// The value of a tag, without white space around it; the first one counts.
pub(crate) fn tag<'a>(list: &'a str, name: &str) -> Option<&'a str> {
    list.split(';')
        .filter_map(|pair| pair.split_once('='))
        .find(|(found, _)| found.trim() == name)
        .map(|(_, value)| value.trim())
}

/// Whether a value that is a list with colons holds this entry.
pub(super) fn lists(value: &str, entry: &str) -> bool {
    value.split(':').any(|found| found.trim().eq_ignore_ascii_case(entry))
}

/// The value of a signature header as it was signed: with an empty `b=` and without its last line end (RFC 6376 3.7).
pub(super) fn without_signature(value: &[u8]) -> Vec<u8> {
    let value = value.strip_suffix(b"\n").unwrap_or(value);
    let value = value.strip_suffix(b"\r").unwrap_or(value);
    let mut unsigned = Vec::with_capacity(value.len());
    for pair in value.split_inclusive(|byte| *byte == b';') {
        match pair.iter().position(|byte| *byte == b'=') {
            Some(equals) if pair[..equals].trim_ascii() == b"b" => {
                unsigned.extend_from_slice(&pair[..=equals]);
                unsigned.extend(pair.last().filter(|byte| **byte == b';'));
            }
            _ => unsigned.extend_from_slice(pair),
        }
    }
    unsigned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_tags() {
        let check = |list: &str, name: &str, expected: Option<&str>| assert_eq!(tag(list, name), expected, "{list}");
        check("v=DKIM1; t=y:s ; p=abc=", "t", Some("y:s"));
        check("v=DKIM1;p=abc=", "p", Some("abc="));
        check("v=DKIM1", "p", None);
        check("t=a; t=b", "t", Some("a"));
        check("", "t", None);
    }

    #[test]
    fn empties_the_signature_and_nothing_else() {
        let check = |value: &str, expected: &str| {
            assert_eq!(String::from_utf8(without_signature(value.as_bytes())).unwrap(), expected);
        };
        check(" v=1; bh=abc; b=xyz\r\n\tmore; d=e\r\n", " v=1; bh=abc; b=; d=e");
        check(" v=1; b =\r\n xyz\r\n", " v=1; b =");
        check(" b=a", " b=");
        check(" bb=a; h=b", " bb=a; h=b");
    }
}
