//! Events, and the values that travel with a recipient: binary form and JSON.
//!
//! Holds: any bytes are read or refused; what was read is written and read as the same, in both forms; one form becomes the
//! other without loss.

use model::event::Event;
use model::value::Value;

/// Checks one input.
pub(crate) fn run(data: &[u8]) {
    if let Ok(event) = Event::from_binary(data) {
        check(&event);
    }
    if let Ok(event) = serde_json::from_slice::<Event>(data) {
        check(&event);
        let json = serde_json::to_string(&event).expect("an event has a JSON form");
        let again: Event = serde_json::from_str(&json).expect("what was written is read");
        assert_eq!(again, event, "{json}");
    }
    if let Ok(value) = serde_json::from_slice::<Value>(data) {
        let json = serde_json::to_string(&value).expect("a value has a JSON form");
        // Not compared: serde_json reads the last digit of a long number as it likes (its feature `float_roundtrip`).
        serde_json::from_str::<Value>(&json).expect("what was written is read");
        let bytes = minicbor::to_vec(&value).expect("memory suffices");
        assert_eq!(minicbor::decode::<Value>(&bytes).expect("what was written is read"), value);
    }
}

fn check(event: &Event) {
    let bytes = event.to_binary();
    let again = Event::from_binary(&bytes).expect("what was written is read");
    assert_eq!(&again, event);
    assert_eq!(again.to_binary(), bytes);
    // The binary form carries numbers that JSON has no words for (years beyond 2261, a status 9.1.1): nobody writes them,
    // and in JSON they are refused rather than misread.
    let json = serde_json::to_string(event).expect("an event has a JSON form");
    if let Ok(from_json) = serde_json::from_str::<Event>(&json) {
        assert_eq!((from_json.id, &from_json.address), (event.id, &event.address));
    }
}
