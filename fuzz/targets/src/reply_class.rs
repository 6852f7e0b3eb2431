//! What a reply means.
//!
//! Holds: the rule that is named exists; only what is permanent is hard, only what is hard suppresses; waiting times are
//! believable; the memory of earlier answers changes no answer; a reply that was taken is no failure.

use std::sync::LazyLock;

use crate::bytes::{Numbers, text};
use mail::bounce::{Dictionary, WAIT_MAX_S};
use model::reply::Reply;

static DICTIONARY: LazyLock<Dictionary> = LazyLock::new(Dictionary::builtin);
static FRESH: LazyLock<Dictionary> = LazyLock::new(Dictionary::builtin);

/// Checks one input.
pub(crate) fn run(data: &[u8]) {
    let line = text(data);
    let provider = [None, Some("gmail"), Some("outlook"), Some("yahoo"), Some("nobody")][Numbers::of(data).next(5)];
    let class = DICTIONARY.classify_line(&line, provider);
    assert!(DICTIONARY.entry(&class.template).is_some(), "{}", class.template);
    assert!(!class.suppress || class.hard);
    assert!(class.wait_s.is_none_or(|wait| (1..=WAIT_MAX_S).contains(&wait)), "{:?}", class.wait_s);
    assert!(class.wait_s.is_none() || !class.hard);
    assert_eq!(class.family, class.category.family());
    assert_eq!(DICTIONARY.classify_line(&line, provider), class);

    for code in [250, 421, 452, 550, 554] {
        let reply = Reply::new(code, &line);
        assert!(reply.text.len() <= Reply::TEXT_MAX);
        let class = DICTIONARY.classify(&reply, provider);
        assert!(code >= 500 || !(class.hard || class.suppress), "{code} is not for good");
        assert_eq!(DICTIONARY.classify(&reply, provider), class);
        if code == 550 {
            // The other dictionary was asked other questions before.
            assert_eq!(FRESH.classify(&reply, provider), class);
        }
    }
}
