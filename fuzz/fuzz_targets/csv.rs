//! A file of contacts.
//!
//! Holds: any bytes are opened or refused with a sentence; every row is good or has a line and a reason; lines grow and
//! lie inside of the file; an address comes in once.

#![no_main]

use campaign::audience::import::fuzzing::{Read, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Read { rows, text_bytes } = match read(data) {
        Ok(read) => read,
        Err(reason) => {
            assert!(!reason.is_empty());
            return;
        }
    };
    let lines = text_bytes + 1;
    assert!(rows.len() <= lines && text_bytes <= data.len() * 3 + 3);
    let mut last = 0;
    let mut seen = std::collections::HashSet::new();
    for row in rows {
        match row {
            Ok(address) => assert!(seen.insert(address.to_lowercase()), "{address} comes twice"),
            Err((line, reason)) => {
                assert!(line >= last && line as usize <= lines && !reason.is_empty(), "line {line} of {lines}");
                last = line;
            }
        }
    }
});
