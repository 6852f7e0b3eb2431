//! A segment file of any bytes, as spool and as event log.
//!
//! The first byte chooses whether a good header is put in front. Holds: it opens, or says what else it is; opening it again
//! finds the same; what is in it can be read to its end; memory is bounded.

use crate::bytes::choice;
use crate::{log, reopen};

/// Checks one input.
pub(crate) fn run(data: &[u8]) {
    let (options, rest) = choice(data);
    for kind in [b"spool\0\0\0", b"events\0\0"] {
        let mut file = if options & 1 == 0 { log::header(kind) } else { Vec::new() };
        file.extend_from_slice(rest);
        reopen::check(kind, &file);
    }
}
