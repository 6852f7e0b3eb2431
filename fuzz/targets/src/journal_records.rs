//! Records with good checksums and any content, as spool and as event log.
//!
//! Beyond `journal_file`, whose input seldom passes a checksum, this reaches the decoding of every record. Holds the same.

use crate::{log, reopen};

/// Checks one input.
pub(crate) fn run(data: &[u8]) {
    let records = log::records(data);
    for kind in [b"spool\0\0\0", b"events\0\0"] {
        reopen::check(kind, &log::segment(kind, &records));
    }
}
