//! The reference of events tells the truth: every event of a whole demo, as it lies in the event log, has the fields
//! that `docs/generated/events.md` promises for its kind, and no others.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use journal::events::{Cursor, EventLog, EventLogOptions};
use serde_json::Value;

/// What the page says of one kind.
struct Documented {
    always: BTreeSet<String>,
    /// With those that are there sometimes.
    fields: BTreeSet<String>,
}

/// Checks every event in this log; the kinds that were seen.
pub async fn check(log: &Path) -> BTreeSet<String> {
    let documented = documented();
    let log = EventLog::open(log, EventLogOptions::default()).unwrap();
    let (mut reader, mut seen) = (log.reader(Cursor::default()), BTreeSet::new());
    while let Some(batch) = reader.poll_batch(1_000).unwrap() {
        for event in batch.events {
            let json = serde_json::to_value(&event).unwrap();
            let kind = json["kind"].as_str().unwrap();
            let promised = &documented[kind];
            let fields: BTreeSet<String> = json.as_object().unwrap().keys().cloned().collect();
            let (missing, surplus): (Vec<_>, Vec<_>) =
                (promised.always.difference(&fields).collect(), fields.difference(&promised.fields).collect());
            assert!(missing.is_empty() && surplus.is_empty(), "missing {missing:?}, surplus {surplus:?}: {json:#}");
            seen.insert(kind.to_owned());
        }
    }
    log.close().await;
    seen
}

/// By kind, from the section "One example of each kind".
fn documented() -> BTreeMap<String, Documented> {
    let page = std::fs::read_to_string(crate::project_file("docs/generated/events.md")).unwrap();
    let sections = page.split("\n### `").skip(1).map(|section| {
        let (kind, rest) = section.split_once('`').unwrap();
        let json = rest.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let example: Value = serde_json::from_str(json).unwrap();
        let line = rest.lines().find_map(|line| line.strip_prefix("Always: ")).unwrap();
        let always = line.trim_end_matches('.').split(", ").map(|field| field.trim_matches('`').to_owned()).collect();
        let fields = example.as_object().unwrap().keys().cloned().collect();
        (kind.to_owned(), Documented { always, fields })
    });
    sections.collect()
}
