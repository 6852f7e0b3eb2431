//! The stored form of a mail.
//!
//! Holds: any bytes are read or refused; what was read is written and read as the same; it compiles or says why not, and
//! what compiles has one slot for each value.

use mail::program::Source;

/// Checks one input.
pub(crate) fn run(data: &[u8]) {
    let Ok(source) = Source::from_bytes(data) else { return };
    let bytes = source.to_bytes();
    let again = Source::from_bytes(&bytes).expect("what was written is read");
    assert_eq!(again, source);
    assert_eq!(again.to_bytes(), bytes);
    if let Ok(program) = source.compile() {
        let mut frozen = source.clone();
        let again = frozen.freeze().expect("what compiles can be frozen");
        assert_eq!(again.slots(), program.slots());
        assert!(source.slots.is_empty() || program.slots() == source.slots);
    }
}
