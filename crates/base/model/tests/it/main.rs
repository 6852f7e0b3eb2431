//! Golden forms of the event: one JSON file and one binary file (as hex) for each version ever written.
//!
//! A file of an older version is never changed: the program must go on reading it.

mod examples;
mod reference;

use std::net::Ipv4Addr;

use expect_test::expect_file;
use model::category::{Category, Scope};
use model::event::{Attempt, Event, EventKind, RemoteReport, Touch};
use model::id::{CampaignId, ContactId, MessageId, RecipientId};
use model::name::Name;
use model::reply::{Phase, Reply};
use model::submission::{Origin, Protocol};
use model::time::Timestamp;
use proptest::prelude::*;

fn deferred() -> Event {
    let at: Timestamp = "2026-09-21T14:13:20.120003Z".parse().unwrap();
    Event {
        message: Some(MessageId(0x1234_5678_9abc)),
        address: Some("zoé@example.org".to_owned()),
        sender: Some("b.token@bounce.example.com".to_owned()),
        tenant: Some(Name::from("default")),
        stream: Some(Name::from("bulk")),
        campaign: Some(CampaignId(77)),
        contact: Some(ContactId(4_711)),
        provider: Some(Name::from("orange")),
        source: Some(Name::from("ip-3")),
        size_bytes: Some(10_240),
        attempt: Some(Attempt {
            number: 2,
            site: Some(Name::from("smtp-in.orange.fr")),
            mx_host: Some(Name::from("smtp-in.orange.fr")),
            mx_address: Some("127.0.10.6".to_owned()),
            phase: Some(Phase::Greeting),
            reply: Some(Reply::new(421, "4.3.2 OFR004_104 Too many connections")),
            category: Some(Category::RateLimited),
            scope: Some(Scope::Connection),
            next_attempt: Some(Timestamp(at.0 + 60_000_000)),
            queued_ms: Some(61_250),
            transcript: Some("S: 421 4.3.2 OFR004_104 Too many connections\n".to_owned()),
            ..Attempt::default()
        }),
        ..Event::of_recipient(EventKind::Deferred, RecipientId(0x1234_5678_9abd), 2, at)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.chunks(32).map(|line| line.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + "\n").collect()
}

#[test]
fn version_1_in_both_forms() {
    let event = deferred();
    let json = serde_json::to_string_pretty(&event).unwrap() + "\n";
    expect_file!["../../testdata/event_v1.json"].assert_eq(&json);
    expect_file!["../../testdata/event_v1.hex"].assert_eq(&hex(&event.to_binary()));
    assert_eq!(serde_json::from_str::<Event>(&json).unwrap(), event);
    assert_eq!(Event::from_binary(&event.to_binary()).unwrap(), event);
}

#[test]
fn the_binary_form_is_compact() {
    let mut plain = deferred();
    plain.attempt.as_mut().unwrap().transcript = None;
    assert!(plain.to_binary().len() < 320, "{} bytes", plain.to_binary().len());
}

#[test]
fn every_part_is_read_back() {
    let at = Timestamp(1);
    let event = Event {
        origin: Some(Origin {
            protocol: Protocol::Smtp,
            peer: Some(Ipv4Addr::LOCALHOST.into()),
            user: Some(Name::from("shop")),
        }),
        report: Some(RemoteReport { what: "abuse".to_owned(), suppress: true, ..RemoteReport::default() }),
        touch: Some(Touch { link: Some(3), url: Some("https://example.org/".to_owned()), ..Touch::default() }),
        ..Event::of_engine(EventKind::Complaint, 9, at)
    };
    assert_eq!(Event::from_binary(&event.to_binary()).unwrap(), event);
    assert_eq!(serde_json::from_str::<Event>(&serde_json::to_string(&event).unwrap()).unwrap(), event);
}

#[test]
fn unknown_keys_of_a_newer_version_are_skipped() {
    let mut bytes = deferred().to_binary();
    let (map_header, key_250_with_text) = (bytes[0], [0x18, 0xfa, 0x64, b'n', b'e', b'w', b's']);
    assert_eq!(map_header >> 5, 5, "a map");
    let end_of_indefinite = if map_header == 0xbf { bytes.pop() } else { None };
    bytes[0] = if map_header == 0xbf { 0xbf } else { map_header + 1 };
    bytes.extend(key_250_with_text);
    bytes.extend(end_of_indefinite);
    assert_eq!(Event::from_binary(&bytes).unwrap(), deferred());
}

proptest! {
    #[test]
    fn rubbish_is_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Event::from_binary(&bytes);
    }
}
