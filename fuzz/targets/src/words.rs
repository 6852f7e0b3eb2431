//! What persons type about the queue: filters, windows, paths, places in lists; replies and the keys of requests.
//!
//! Holds: what is read is written so that it is read as the same; a window opens when it says; a key stays a key.

use std::time::Duration;

use intake::injection::keys::read_key;
use model::time::Timestamp;
use queue::bulk::Place;
use queue::control::PathName;
use queue::providers::lint::read_reply;
use queue::select::Filter;
use queue::windows::Window;
use smtp::client::Capabilities;

use crate::bytes::text;

/// Checks one input.
pub(crate) fn run(data: &[u8]) {
    let text = text(data);
    if let Ok(filter) = text.parse::<Filter>() {
        let json = serde_json::to_string(&filter).expect("a filter has a JSON form");
        let again: Filter = serde_json::from_str(&json).expect("what was written is read");
        assert_eq!(again, filter, "{json}");
        let now = Timestamp::from_unix_s(1_790_000_000);
        let fixed = filter.clone().fixed(now);
        assert!(fixed.older.is_none() && (fixed.before.is_some() || filter.older.is_none()));
        if filter.validate().is_ok() {
            let written = format!("{filter:#}");
            if !filter.is_empty() {
                assert_eq!(written.parse::<Filter>().as_ref(), Ok(&filter), "{text:?} is shown as {written:?}");
            }
        }
    }
    if let Ok(path) = text.parse::<PathName>() {
        assert_eq!(path.to_string().parse(), Ok(path));
    }
    if let Ok(place) = text.parse::<Place>() {
        assert_eq!(place.to_string().parse(), Ok(place));
    }
    if let Ok(window) = text.parse::<Window>() {
        opens_as_it_says(&window);
    }
    if let Some(reply) = read_reply(&text) {
        assert!((200..600).contains(&reply.code));
    }
    if let Ok(key) = read_key(&text) {
        assert!((1..=255).contains(&key.len()) && key.bytes().all(|byte| matches!(byte, b' '..=b'~')));
        assert_eq!(read_key(&format!("\"{key}\"")), Ok(key));
    }
    extensions(&text);
}

/// What a server offers is found again when the offer is written down.
fn extensions(text: &str) {
    let found = Capabilities::parse(text);
    let digest = found.digest();
    assert!(digest.len() <= 300 && found.auth.len() <= 16, "{digest:?}");
    let again = Capabilities::parse(&format!("mx\n{}", digest.replace(' ', "\n")));
    let switches = |found: &Capabilities| {
        [found.pipelining, found.size, found.eight_bit_mime, found.smtputf8, found.chunking, found.dsn, found.starttls]
    };
    assert_eq!(switches(&again), switches(&found), "{digest:?}");
    assert_eq!(again.size_bytes_max, found.size_bytes_max);
}

fn opens_as_it_says(window: &Window) {
    // Days on which clocks are set, the turn of a year, a leap day.
    for at in ["2026-03-29T00:59:59Z", "2026-10-25T00:30:00Z", "2027-12-31T23:59:59Z", "2028-02-29T12:00:00Z"] {
        let at: Timestamp = at.parse().expect("a time");
        let Some(opens) = window.opens(at) else { continue };
        assert!(opens >= at && opens <= at.plus(Duration::from_secs(12 * 86_400)), "{opens} after {at}");
        assert_eq!(window.opens(opens), Some(opens), "it is open when it opens");
    }
}
