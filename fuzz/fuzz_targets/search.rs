//! The language of the search box.
//!
//! Holds: a search is read or refused with a place inside of it; what was read passes the store's own checks and its JSON
//! form is read as the same; a suggestion put in its place removes the error there.

#![no_main]

use libfuzzer_sys::fuzz_target;
use monitor::Filter;
use monitor::search::parse;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let letters = text.chars().count();
    match parse(&text) {
        Ok(filter) => {
            filter.check("search").expect("what was read can be asked");
            let json = serde_json::to_string(&filter).expect("a filter has a JSON form");
            let again: Filter = serde_json::from_str(&json).expect("what was written is read");
            assert_eq!(again, filter, "{json}");
        }
        Err(error) => {
            assert!(error.position <= letters && error.position + error.length <= letters.max(1) + 1, "{error:?}");
            assert!(!error.message.is_empty());
            if let Some(suggestion) = &error.suggestion {
                let before: String = text.chars().take(error.position).collect();
                let behind: String = text.chars().skip(error.position + error.length).collect();
                if let Err(next) = parse(&format!("{before}{suggestion}{behind}")) {
                    assert!(next.suggestion.is_none() || next != error, "{error:?}");
                }
            }
        }
    }
});
