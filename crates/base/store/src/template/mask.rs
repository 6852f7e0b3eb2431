//! Masks what changes from reply to reply, so that replies of the same wording become one template.
//!
//! Word by word: addresses, URLs, IP addresses, numbered hosts, ids and numbers become `{address}`, `{url}`, `{ip}`,
//! `{host}`, `{id}` and `{n}`. Names of rules (`[TSS04]`, `OFR004_104`, `S3140`), enhanced codes and blocklists
//! (`zen.spamhaus.org`) stay: they are what a template is recognised by. Linear in the length of the text.
//! Known gap: names of people and domains without digits are not masked.

/// Longest reply looked at, in bytes; templates are no longer than a few masks more.
pub(crate) const MASKED_MAX: usize = 512;

/// Number of digits from which a word with separators is taken for an id.
const ID_DIGITS: usize = 6;

/// The text with everything masked that changes from reply to reply; white space becomes single spaces.
pub(crate) fn mask(text: &str) -> String {
    let mut masked = String::with_capacity(text.len().min(MASKED_MAX) + 16);
    for word in cut(text, MASKED_MAX).split_whitespace() {
        if !masked.is_empty() {
            masked.push(' ');
        }
        mask_word(word, &mut masked);
    }
    masked
}

/// The text without what lies behind `max` bytes, cut between characters.
pub(crate) fn cut(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

fn mask_word(word: &str, out: &mut String) {
    let core = word.trim_matches(|c: char| "()[]{}<>\"'`,;:!?.".contains(c));
    if core.is_empty() {
        out.push_str(word);
        return;
    }
    let start = core.as_ptr() as usize - word.as_ptr() as usize;
    out.push_str(&word[..start]);
    mask_core(core, out);
    out.push_str(&word[start + core.len()..]);
}

fn mask_core(core: &str, out: &mut String) {
    if let Some(name) = whole_mask(core) {
        out.push_str(name);
        return;
    }
    // `key=value`, `text:value`, `a/b`, `mailbox[1.2.3.4]`: the parts are words of their own.
    match core.find(|c: char| "=:/,;[](){}<>|".contains(c)) {
        Some(at) => {
            let behind = at + core[at..].chars().next().map_or(1, char::len_utf8);
            mask_plain(&core[..at], out);
            out.push_str(&core[at..behind]);
            if behind < core.len() {
                mask_tail(&core[behind..], out);
            }
        }
        None => mask_plain(core, out),
    }
}

/// What follows a separator; a loop, not a recursion, because hostile replies are long chains of separators.
fn mask_tail(mut rest: &str, out: &mut String) {
    loop {
        if let Some(name) = whole_mask(rest) {
            out.push_str(name);
            return;
        }
        let Some(at) = rest.find(|c: char| "=:/,;[](){}<>|".contains(c)) else {
            mask_plain(rest, out);
            return;
        };
        mask_plain(&rest[..at], out);
        let behind = at + 1;
        out.push_str(&rest[at..behind]);
        rest = &rest[behind..];
    }
}

/// Masks that need the whole word, separators included.
fn whole_mask(word: &str) -> Option<&'static str> {
    if word.contains("://") || word.starts_with("www.") {
        return Some("{url}");
    }
    let bare = word.trim_matches(|c: char| "[]()<>".contains(c));
    if bare.parse::<std::net::IpAddr>().is_ok() {
        return Some("{ip}");
    }
    let (local, domain) = bare.rsplit_once('@')?;
    let clean = |part: &str| !part.is_empty() && !part.contains(|c: char| "=<>[]()\"".contains(c));
    (clean(domain) && !local.is_empty()).then_some("{address}")
}

fn mask_plain(word: &str, out: &mut String) {
    out.push_str(plain_mask(word).unwrap_or(word));
}

fn plain_mask(word: &str) -> Option<&'static str> {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    if digits == 0 {
        return None;
    }
    if word.parse::<std::net::IpAddr>().is_ok() {
        return Some("{ip}");
    }
    if word.contains('@') {
        return Some("{address}");
    }
    if is_enhanced(word) {
        return None;
    }
    if word.bytes().all(|b| b.is_ascii_digit() || b".,-+%".contains(&b)) {
        return Some("{n}");
    }
    if is_host(word) {
        return Some("{host}");
    }
    is_id(word, digits).then_some("{id}")
}

/// Like `5.7.1`: class 2, 4 or 5 and two short numbers.
fn is_enhanced(word: &str) -> bool {
    let mut parts = word.split('.');
    let short = |part: Option<&str>| {
        part.is_some_and(|part| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit()))
    };
    matches!(parts.next(), Some("2" | "4" | "5"))
        && short(parts.next())
        && short(parts.next())
        && parts.next().is_none()
}

/// Like `mx3.example.net`: labels with dots, the last one letters only.
fn is_host(word: &str) -> bool {
    let Some((labels, top)) = word.rsplit_once('.') else { return false };
    top.len() >= 2
        && top.bytes().all(|b| b.is_ascii_alphabetic())
        && labels.split('.').all(|label| {
            !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        })
}

fn is_id(word: &str, digits: usize) -> bool {
    let length = word.len();
    let letters = word.bytes().filter(u8::is_ascii_alphabetic).count();
    let changes = word
        .as_bytes()
        .windows(2)
        .filter(|pair| pair[0].is_ascii_alphanumeric() && pair[1].is_ascii_alphanumeric())
        .filter(|pair| pair[0].is_ascii_digit() != pair[1].is_ascii_digit())
        .count();
    let hexadecimal = length >= 8 && letters > 0 && word.bytes().all(|b| b.is_ascii_hexdigit());
    let separated = digits >= ID_DIGITS && word.contains(['-', '.', '_', '+', '$', '#']) && length >= 12;
    hexadecimal || separated || (changes >= 3 && length >= 8) || (length >= 20 && digits >= 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(mask(text), expected);
    }

    #[test]
    fn what_changes_is_masked() {
        check("<zoe@example.fr>: user unknown", "<{address}>: user unknown");
        check(
            "Client host [192.0.2.7] blocked using zen.spamhaus.org",
            "Client host [{ip}] blocked using zen.spamhaus.org",
        );
        check("see https://postmaster.example/err?x=1 for help", "see {url} for help");
        check("OK  1790000000 a640c23a62f3a-ab1-20020a170902f68fsi1234567.12 - gsmtp", "OK {n} {id} - gsmtp");
        check("queued as 4Xk2Jd3Qz1z9rQ", "queued as {id}");
        check("Ok: queued as 8F3A1C0B2D", "Ok: queued as {id}");
        check("mailbox full (2048 KB of 2048 KB)", "mailbox full ({n} KB of {n} KB)");
        check("IP=198.51.100.4 - A problem occurred.", "IP={ip} - A problem occurred.");
        check("try again in 300s, host mx12.example.net[2001:db8::25]", "try again in 300s, host {host}[{ip}]");
    }

    #[test]
    fn what_names_a_rule_stays() {
        for kept in [
            "[TSS04] Messages temporarily deferred due to unexpected volume",
            "Too many connections, slow down. OFR004_104",
            "part of their network is on our block list (S3140).",
            "[IPTS05] rule",
            "RL000010",
            "5.7.1 blocked",
            "VS98-IP0 deferred",
            "policy LPN007_405",
        ] {
            check(kept, kept);
        }
    }

    #[test]
    fn long_and_odd_texts_are_taken() {
        assert!(mask(&"é".repeat(4_000)).len() <= MASKED_MAX);
        mask(&"=".repeat(4_000));
        mask(&"a=1".repeat(4_000));
        check("", "");
        check(" \r\n\t ", "");
        check("... () <>", "... () <>");
    }

    proptest::proptest! {
        #[test]
        fn masking_never_fails_and_stays_small(text: String) {
            let masked = mask(&text);
            proptest::prop_assert!(masked.len() <= MASKED_MAX * 6);
        }
    }
}
