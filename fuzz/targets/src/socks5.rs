//! What a SOCKS 5 proxy answers (RFC 1928, RFC 1929).
//!
//! The first byte chooses whether user and password are offered. Holds: no more is read than the standard's answers; what
//! follows them is the host's, untouched; the reason of a refusal is a sentence of ours.

use delivery::fuzzing::socks5;

use crate::bytes::choice;

/// Method, login and reply with a name of 255 bytes.
const ANSWERS_MAX: usize = 2 + 2 + 4 + 1 + 255 + 2;

/// Checks one input.
pub(crate) fn run(data: &[u8]) {
    let (options, answers) = choice(data);
    let user = (options & 1 != 0).then(|| "user".to_owned());
    let (found, read) = socks5(answers, user.clone());
    assert!(read <= ANSWERS_MAX.min(answers.len()));
    match found {
        Ok(bound) => {
            assert_eq!(answers[0], 5, "{answers:?}");
            assert!(bound.is_none_or(|bound| !bound.ip().is_unspecified()));
            // The whole of it, and nothing else, is needed.
            assert_eq!(socks5(&answers[..read], user.clone()), (Ok(bound), read));
            assert!(socks5(&answers[..read - 1], user).0.is_err());
        }
        Err(reason) => assert!(!reason.is_empty() && reason.len() < 200, "{reason:?}"),
    }
}
