//! The life of keys: made, found in the DNS, replaced, retired; files that are damaged or changed by others.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use dns::{Resolver, Zone};
use journal::events::{EventLog, EventLogOptions};
use mail::dkim::Keyring;
use model::time::ManualClock;

use super::*;

const NOW: Timestamp = Timestamp::from_unix_s(1_790_000_000);
const BOTH: [KeyKind; 2] = [KeyKind::Rsa, KeyKind::Ed25519];

fn later(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

/// Selector and state of each key.
fn states(store: &KeyStore) -> String {
    let keys = store.list().unwrap();
    let one = |key: &KeyInfo| format!("{} {}", key.selector, key.state.as_str());
    keys.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn refused<T: std::fmt::Debug>(result: Result<T, StoreError>) -> String {
    match result {
        Err(StoreError::Refused(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_key_lives_from_pending_to_retired() {
    let dir = tempfile::tempdir().unwrap();
    let store = KeyStore::open(&dir.path().join("keys")).unwrap();
    let rules = Rules::default();
    store.make("Example.org.", &[KeyKind::Ed25519], None, "olga", NOW).unwrap();
    assert_eq!(states(&store), "ies20260921e pending");
    // Seen, lost again, seen for long enough.
    store.note_dns("example.org", "ies20260921e", None, later(10)).unwrap();
    store.note_dns("example.org", "ies20260921e", Some("there is no record"), later(20)).unwrap();
    assert!(!store.advance(&rules, later(700)).unwrap());
    store.note_dns("example.org", "ies20260921e", None, later(700)).unwrap();
    assert!(!store.advance(&rules, later(1_299)).unwrap());
    assert!(store.signing_keys().unwrap().is_empty());
    assert!(store.advance(&rules, later(1_300)).unwrap());
    assert_eq!(states(&store), "ies20260921e active");
    assert_eq!(store.signing_keys().unwrap().len(), 1);

    store.rotate("example.org", "olga", later(2_000)).unwrap();
    assert_eq!(states(&store), "ies20260921e active, ies20260921e2 pending");
    assert!(refused(store.rotate("example.org", "olga", later(2_001))).contains("ies20260921e2 waits for the DNS"));
    store.note_dns("example.org", "ies20260921e2", None, later(2_000)).unwrap();
    assert!(store.advance(&rules, later(2_600)).unwrap());
    assert_eq!(states(&store), "ies20260921e retiring, ies20260921e2 active");
    assert_eq!(store.signing_keys().unwrap()[0].selector(), "ies20260921e2");
    assert!(!store.advance(&rules, later(2_599 + 7 * 86_400)).unwrap());
    assert!(store.advance(&rules, later(2_600 + 7 * 86_400)).unwrap());
    assert_eq!(states(&store), "ies20260921e retired, ies20260921e2 active");
    let retired = &store.list().unwrap()[0];
    assert_eq!((retired.record.as_deref(), retired.retires_at), (None, None));
    let text = fs::read_to_string(&store.path).unwrap();
    assert_eq!(text.matches("PRIVATE KEY").count(), 2, "the first is erased: {text}");

    // Every change once, with its author.
    let told: Vec<String> = store
        .untold()
        .unwrap()
        .iter()
        .map(|event| {
            let control = event.control.clone().unwrap();
            format!("{} {} {}", control.name.split('.').next().unwrap(), control.action, control.by)
        })
        .collect();
    let expected = [
        "ies20260921e pending olga",
        "ies20260921e active rotation",
        "ies20260921e retiring rotation",
        "ies20260921e retired rotation",
        "ies20260921e2 pending olga",
        "ies20260921e2 active rotation",
    ];
    assert_eq!(told, expected);
    let events = store.untold().unwrap();
    assert_eq!(events, store.untold().unwrap(), "the same ids");
    store.note_told(&events).unwrap();
    assert!(store.untold().unwrap().is_empty());
    // A year later it is forgotten, and its name stays unused until then.
    assert!(refused(store.make("example.org", &BOTH[1..], Some("ies20260921e"), "olga", later(0))).contains("rotate"));
    store.advance(&rules, later(400 * 86_400)).unwrap();
    assert_eq!(states(&store), "ies20260921e2 active");
}

#[test]
fn orders_that_make_no_sense_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = KeyStore::open(dir.path()).unwrap();
    store.make("example.org", &BOTH, None, "olga", NOW).unwrap();
    let check = |reason: String, expected: &str| assert!(reason.contains(expected), "{reason}");
    check(refused(store.make("example.org", &BOTH, None, "olga", NOW)), "rotate it, or remove it first");
    check(refused(store.make("other.test", &BOTH, Some("s"), "olga", NOW)), "choose one algorithm");
    check(refused(store.rotate("example.org", "olga", NOW)), "no active key");
    check(refused(store.activate("example.org", "s9", "olga", &Rules::default(), NOW)), "no key s9");
    assert!(matches!(store.make("exa mple", &BOTH, None, "olga", NOW), Err(StoreError::Key(KeyError::Name(_)))));
    assert!(matches!(store.import("example.org", "s", "nonsense", "olga", NOW), Err(StoreError::Key(_))));
    assert_eq!(states(&store), "ies20260921e pending, ies20260921r pending");
    let pem = DkimKey::generate(KeyKind::Ed25519, "example.org", "s1").unwrap().to_pem().unwrap();
    store.import("example.org", "S1", &pem, "olga", NOW).unwrap();
    check(refused(store.import("example.org", "s1", &pem, "olga", NOW)), "choose another selector");
    store.activate("example.org", "s1", "olga", &Rules::default(), NOW).unwrap();
    check(refused(store.activate("example.org", "s1", "olga", &Rules::default(), NOW)), "only a pending key");
    check(refused(store.remove("example.org", "s1", false, "olga", NOW)), "force its removal");
    store.remove("example.org", "s1", true, "olga", NOW).unwrap();
    check(refused(store.remove("example.org", "s1", true, "olga", NOW)), "no key s1");
    assert!(store.signing_keys().unwrap().is_empty());
}

#[test]
fn the_file_is_ours_alone_and_a_damaged_one_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let store = KeyStore::open(&dir.path().join("keys")).unwrap();
    let made = store.make("example.org", &BOTH, None, "olga", NOW).unwrap();
    assert!(!format!("{made:?}").contains("PRIVATE") && !serde_json::to_string(&made).unwrap().contains("PRIVATE"));
    assert!(
        made[0].zone_line.as_deref().unwrap().starts_with("ies20260921r._domainkey.example.org. IN TXT \"v=DKIM1;")
    );
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&store.path), mode(store.path.parent().unwrap())), (0o600, 0o700));
    // A crash while it was written: the old file counts.
    fs::write(store.path.with_file_name("dkim.json.new"), "{\"keys\": [").unwrap();
    assert_eq!(store.list().unwrap().len(), 2);
    let text = fs::read_to_string(&store.path).unwrap();
    for damaged in ["", "{", &text[..text.len() / 2], &text.replace("\"pending\"", "\"-----BEGIN SECRET\"")] {
        fs::write(&store.path, damaged).unwrap();
        let error = store.make("other.test", &BOTH, None, "olga", NOW).unwrap_err().to_string();
        assert!(error.contains("cannot be understood: line") && !error.contains("SECRET"), "{error}");
        assert_eq!(fs::read_to_string(&store.path).unwrap(), damaged);
    }
}

#[test]
fn two_writers_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let store = KeyStore::open(dir.path()).unwrap();
            scope.spawn(move || {
                for number in 0..5 {
                    store.make(&format!("d{writer}-{number}.test"), &[KeyKind::Ed25519], None, "t", NOW).unwrap();
                }
            });
        }
    });
    assert_eq!(KeyStore::open(dir.path()).unwrap().list().unwrap().len(), 20);
}

#[tokio::test]
async fn the_keeper_waits_for_the_dns_tells_and_signs() {
    let dir = tempfile::tempdir().unwrap();
    let store = KeyStore::open(&dir.path().join("keys")).unwrap();
    store.make("example.org", &BOTH, None, "olga", NOW).unwrap();
    let keys = store.list().unwrap();
    let record =
        |key: &KeyInfo| format!("\"{}\": {{\"TXT\": [\"{}\"]}}", key.record_name, key.record.as_ref().unwrap());
    // Only the Ed25519 key is published.
    let zone: Zone = Zone::parse(&format!("{{{}}}", record(&keys[0]))).unwrap();
    let ring = Keyring::new();
    let configured = vec![DkimKey::generate(KeyKind::Ed25519, "example.org", "old").unwrap()];
    let keeper = Arc::new(Keeper {
        store: store.clone(),
        configured,
        ring: ring.clone(),
        resolver: Resolver::zone(zone),
        events: EventLog::open(&dir.path().join("events"), EventLogOptions::default()).unwrap(),
        clock: Arc::new(ManualClock::new(NOW)),
        rules: Rules::default(),
    });
    let signing = || {
        let keys = ring.of("example.org").unwrap();
        keys.iter().map(|key| key.selector().to_owned()).collect::<Vec<_>>()
    };
    keeper.round(NOW).await.unwrap();
    assert_eq!(
        (states(&store).as_str(), signing()),
        ("ies20260921e pending, ies20260921r pending", vec!["old".into()])
    );
    let keys = store.list().unwrap();
    assert_eq!((keys[0].problem.as_deref(), keys[1].problem.as_deref()), (None, Some("there is no record")));
    keeper.round(later(600)).await.unwrap();
    assert_eq!(states(&store), "ies20260921e active, ies20260921r pending");
    assert_eq!(signing(), ["ies20260921e"], "in the place of the configured one of its kind");
    assert!(store.untold().unwrap().is_empty());
    let told = keeper.events.reader(keeper.events.start()).next_batch(10).await.unwrap().events;
    let told: Vec<String> = told.iter().map(|event| event.control.clone().unwrap().action).collect();
    assert_eq!(told, ["pending", "pending", "active"]);
}

/// Keys that nobody publishes do not keep others from being found, and cost no write each time.
#[tokio::test]
async fn many_keys_that_were_never_published_starve_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let store = KeyStore::open(&dir.path().join("keys")).unwrap();
    let unpublished = 700;
    store
        .change(|contents| {
            let key = DkimKey::generate(KeyKind::Ed25519, "a.test", "s")?;
            contents.take(&key, false, "olga", NOW)?;
            for number in 1..unpublished {
                let domain = format!("a{number}.test");
                contents.keys.push(Stored { domain, ..contents.keys[0].clone() });
            }
            Ok(())
        })
        .unwrap();
    let last = store.make("z.test", &[KeyKind::Ed25519], Some("s"), "olga", NOW).unwrap().remove(0);
    let zone = format!("{{\"{}\": {{\"TXT\": [\"{}\"]}}}}", last.record_name, last.record.unwrap());
    let keeper = Arc::new(Keeper {
        store: store.clone(),
        configured: Vec::new(),
        ring: Keyring::new(),
        resolver: Resolver::zone(Zone::parse(&zone).unwrap()),
        events: EventLog::open(&dir.path().join("events"), EventLogOptions::default()).unwrap(),
        clock: Arc::new(ManualClock::new(NOW)),
        rules: Rules::default(),
    });
    let found = || store.list().unwrap().into_iter().find(|key| key.domain == "z.test").unwrap();
    for round in 0..2 {
        keeper.round(later(60 * round)).await.unwrap();
    }
    assert_eq!(found().checked_at, Some(later(60)), "in the second round at the latest");
    keeper.round(later(120)).await.unwrap();
    // All have been asked for, and nothing is new: the file stays as it is.
    let before = fs::read(&store.path).unwrap();
    for round in 3..9 {
        keeper.round(later(60 * round)).await.unwrap();
    }
    assert_eq!(fs::read(&store.path).unwrap(), before);
    assert!(found().checked_at > Some(later(120)), "though it is known when it was asked for");
    keeper.round(later(660)).await.unwrap();
    assert_eq!(found().state, KeyState::Active);
}
