//! The TXT record of a key: as a line of a zone file, and whether what the DNS has is this key.

use super::{DkimKey, KeyError};
use crate::auth::tag;

/// Longest string of a TXT record (RFC 1035 3.3); a record may have several, which are joined.
pub const STRING_MAX: usize = 255;

/// The line of a zone file: `name. IN TXT "…" "…"`, cut into strings of at most [`STRING_MAX`] bytes.
///
/// # Errors
/// [`KeyError::Machine`] when the library cannot write the public key.
pub fn zone_line(key: &DkimKey) -> Result<String, KeyError> {
    let text = key.record_text()?;
    let strings = text.as_bytes().chunks(STRING_MAX).map(|chunk| format!("\"{}\"", String::from_utf8_lossy(chunk)));
    Ok(format!("{}. IN TXT {}", key.record_name(), strings.collect::<Vec<_>>().join(" ")))
}

/// Whether one of these TXT records, each with its strings joined, carries the very key that `ours` is the record of, and
/// lets it sign mail.
///
/// # Errors
/// What stands there instead, in words for people.
pub fn publishes(ours: &str, texts: &[String]) -> Result<(), String> {
    let key_of = |text: &str| tag(text, "p").map(|p| p.split_ascii_whitespace().collect::<String>());
    let (ours, kind) = (key_of(ours), tag(ours, "k").unwrap_or("rsa").to_owned());
    let keys: Vec<&String> = texts.iter().filter(|text| tag(text, "p").is_some()).collect();
    let [text] = keys.as_slice() else {
        let count = keys.len();
        return Err(if count == 0 { "there is no key".to_owned() } else { format!("there are {count} keys") });
    };
    let lists = |value: &str, wanted: &str| value.split(':').any(|item| item.trim().eq_ignore_ascii_case(wanted));
    if tag(text, "v").is_some_and(|version| version != "DKIM1") {
        return Err("its version is not DKIM1".to_owned());
    }
    if !tag(text, "k").unwrap_or("rsa").eq_ignore_ascii_case(&kind) {
        return Err(format!("its kind is not k={kind}"));
    }
    if tag(text, "s").is_some_and(|uses| !lists(uses, "*") && !lists(uses, "email")) {
        return Err("it is not for mail (s=)".to_owned());
    }
    if tag(text, "h").is_some_and(|hashes| !lists(hashes, "sha256")) {
        return Err("it does not allow sha256 (h=)".to_owned());
    }
    match key_of(text) {
        Some(found) if found.is_empty() => Err("it is revoked (p= is empty)".to_owned()),
        found if found == ours => Ok(()),
        _ => Err("it is another key (p=)".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dkim::KeyKind;

    #[test]
    fn a_record_is_cut_into_strings() {
        let key = DkimKey::generate(KeyKind::Rsa, "example.org", "s1").unwrap();
        let line = zone_line(&key).unwrap();
        assert!(line.starts_with("s1._domainkey.example.org. IN TXT \"v=DKIM1; k=rsa; p="), "{line}");
        let strings: Vec<&str> = line.split('"').skip(1).step_by(2).collect();
        assert!(strings.len() == 2 && strings.iter().all(|string| string.len() <= STRING_MAX), "{line}");
        assert_eq!(strings.concat(), key.record_text().unwrap());
    }

    #[test]
    fn what_stands_in_the_dns_is_judged() {
        for kind in [KeyKind::Rsa, KeyKind::Ed25519] {
            let key = DkimKey::generate(kind, "example.org", "s1").unwrap();
            let other = DkimKey::generate(kind, "example.org", "s1").unwrap().record_text().unwrap();
            let ours = key.record_text().unwrap();
            let public = ours.rsplit("p=").next().unwrap();
            let name = tag(&ours, "k").unwrap();
            let check = |texts: &[&str], expected: Result<(), &str>| {
                let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
                assert_eq!(publishes(&ours, &texts), expected.map_err(str::to_owned), "{texts:?}");
            };
            check(&[&ours], Ok(()));
            check(&["v=spf1 -all", &ours], Ok(()));
            let (head, tail) = public.split_at(20);
            check(&[&format!("k={name};s=email:x; h=sha1:sha256; p={head} {tail} ;")], Ok(()));
            check(&[], Err("there is no key"));
            check(&["v=spf1 -all"], Err("there is no key"));
            check(&[&ours, &other], Err("there are 2 keys"));
            check(&[&other], Err("it is another key (p=)"));
            check(&[&format!("v=DKIM1; k={name}; p=")], Err("it is revoked (p= is empty)"));
            check(&[&format!("v=DKIM2; k={name}; p={public}")], Err("its version is not DKIM1"));
            check(&[&format!("k=other; p={public}")], Err(&format!("its kind is not k={name}")));
            check(&[&format!("k={name}; s=tls; p={public}")], Err("it is not for mail (s=)"));
            check(&[&format!("k={name}; h=sha1; p={public}")], Err("it does not allow sha256 (h=)"));
        }
    }
}
