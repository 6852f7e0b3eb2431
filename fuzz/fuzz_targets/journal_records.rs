//! Records with good checksums and any content, as spool and as event log.
//!
//! Beyond `journal_file`, whose input seldom passes a checksum, this reaches the decoding of every record. Holds the same.

#![no_main]

use ies_fuzz::{log, reopen};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let records = log::records(data);
    for kind in [b"spool\0\0\0", b"events\0\0"] {
        reopen::check(kind, &log::segment(kind, &records));
    }
});
