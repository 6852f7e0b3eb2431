//! Zones as the lab, tests and `ies inspect` read them: JSON or a zone file.
//!
//! Holds: a zone is read or refused with a reason; names in it can be asked for, whatever they are.

use dns::Zone;

use crate::bytes::text;

/// Checks one input.
pub(crate) fn run(data: &[u8]) {
    let text = text(data);
    // A zone file may name further files; which of them a person may read is not for a fuzzer to try.
    if text.to_ascii_uppercase().contains("$INCLUDE") {
        return;
    }
    match Zone::parse(&text) {
        Ok(zone) => zone.set_failing(true),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
