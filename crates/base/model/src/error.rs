//! Errors in words. An error's own text never repeats that of its cause, so whoever logs or stores one takes them all.

use std::error::Error;
use std::fmt::Write as _;

/// Most causes taken: a chain that leads back to itself ends too.
const CAUSES_MAX: usize = 16;

/// An error with all its causes in one line: `the database failed: the disk is full`.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    for cause in causes.take(CAUSES_MAX) {
        write!(text, ": {cause}").expect("invariant: writing to a String does not fail");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Link {
        text: &'static str,
        source: Option<Box<Link>>,
    }

    fn link(text: &'static str, source: Option<Link>) -> Link {
        Link { text, source: source.map(Box::new) }
    }

    /// Its own cause.
    #[derive(Debug)]
    struct Ring;

    impl std::fmt::Display for Ring {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("ring")
        }
    }

    impl Error for Ring {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&Ring)
        }
    }

    #[test]
    fn every_cause_is_told_once() {
        let disk = || link("the disk is full", None);
        assert_eq!(chain(&disk()), "the disk is full");
        let open = link("no store", Some(link("no file", Some(disk()))));
        assert_eq!(chain(&open), "no store: no file: the disk is full");
        assert_eq!(chain(&Ring).matches("ring").count(), 1 + CAUSES_MAX);
    }
}
