//! Remembers which rule a reply led to, so that the thousandth "user unknown" of a provider costs a hash.
//!
//! Two replies count as the same when they differ only in what no rule looks at: mail addresses, IP addresses and long
//! identifiers (queue ids, hashes). Codes such as `OFR004_104` or `S3150` are short and stay.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use lru::LruCache;
use model::name::Name;
use model::reply::EnhancedStatus;

use super::MEMO_MAX;

/// Words at least this long that mix letters and digits are identifiers.
const IDENTIFIER_MIN: usize = 14;

/// What is asked: everything that decides which rule fits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Question {
    code: u16,
    status: Option<EnhancedStatus>,
    provider: Option<Box<str>>,
    text: Box<str>,
}

impl Question {
    pub(super) fn new(code: u16, status: Option<EnhancedStatus>, provider: Option<&str>, text: &str) -> Self {
        Question { code, status, provider: provider.map(Box::from), text: kind_of(text).into() }
    }
}

/// Index of the rule, and the blocklist named.
type Answer = (usize, Option<Name>);

/// Answers given before.
#[derive(Debug)]
pub(super) struct Memo(Mutex<LruCache<Question, Answer>>);

impl Default for Memo {
    fn default() -> Self {
        Memo(Mutex::new(LruCache::new(NonZeroUsize::new(MEMO_MAX).expect("invariant: not zero"))))
    }
}

impl Memo {
    /// The answer given before, or the one that `find` gives now. The lock is not held while finding.
    pub(super) fn answer(&self, question: Question, find: impl FnOnce() -> Answer) -> Answer {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().get(&question) {
            return known.clone();
        }
        let answer = find();
        lock().put(question, answer.clone());
        answer
    }
}

/// The text with its passing parts replaced.
fn kind_of(text: &str) -> String {
    let mut kind = String::with_capacity(text.len());
    for word in text.split(' ') {
        if !kind.is_empty() {
            kind.push(' ');
        }
        kind.push_str(if is_passing(word) { "*" } else { word });
    }
    kind
}

fn is_passing(word: &str) -> bool {
    let inner = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    if word.contains('@') && !word.contains("://") {
        // Some write `<a@example.org>...` or `a@example.org:`; words glued to an address keep it as it is.
        return inner.bytes().filter(|&byte| byte == b'@').count() == 1;
    }
    let identifier = inner.len() >= IDENTIFIER_MIN
        && inner.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
        && inner.bytes().filter(u8::is_ascii_digit).count() >= 6;
    identifier || inner.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passing_parts_do_not_count() {
        let same = |a: &str, b: &str| assert_eq!(kind_of(a), kind_of(b));
        same("<ada@example.org>: User unknown", "<bob@example.net>: User unknown");
        same("Messages from 192.0.2.25 deferred", "Messages from 2001:db8::1 deferred");
        same(
            "gone 98e67ed59e1d1-2c819db36a9si6099002a91.116 - gsmtp",
            "gone d9443c01a7336-1f9eb3b6e81si99625855ad.239 - gsmtp",
        );
        assert_ne!(kind_of("too many OFR004_104"), kind_of("too many OFR005_505"));
        assert_ne!(kind_of("list (S3150)"), kind_of("list (S3140)"));
    }

    #[test]
    fn answers_are_remembered_and_forgotten() {
        let memo = Memo::default();
        let ask = |n: usize, answer: usize| {
            memo.answer(Question::new(550, None, None, &format!("text {n}")), || (answer, None)).0
        };
        assert_eq!((ask(1, 7), ask(1, 8)), (7, 7));
        for n in 0..MEMO_MAX {
            ask(n + 2, 0);
        }
        assert_eq!(ask(1, 9), 9);
    }
}
