//! The reference of events, `docs/generated/events.md`, is what the types say; `make reference` writes it anew.
//!
//! Meanings come from the comments at the types, presence of fields and the JSON from [`examples`]. That real events
//! keep to it is checked where there are real events: at the end of the demo (`ies`, `tests/it/events.rs`).

use std::fmt::Write as _;

use expect_test::expect_file;
use model::category::{Category, Scope};
use model::dialogue::{TlsUse, Wire};
use model::event::{Attempt, Authentication, ControlChange, EVENT_VERSION, Event, EventKind, RemoteReport, Touch};
use model::reply::{Phase, Reply};
use model::submission::{Origin, Protocol};
use schemars::{JsonSchema, schema_for};
use serde_json::Value;
use utoipa::PartialSchema;

use crate::examples::{Example, example};

const HEAD: &str = "\
# Events

Everything that happens to a mail, a contact or the engine is one event: a JSON object. Generated from the types; `make reference` writes it anew.

**Where they are.** `GET /api/v1/events?q=…` searches them, newest first, without `attempt.transcript`. `GET /api/v1/recipients/{id}`, `GET /api/v1/messages/{id}` and
`ies trace` tell the history of one mail with its dialogues. `POST /api/v1/query` counts them. See [HTTP API](../guide/http-api.md#asking).

**Rules for whoever reads them**

- `v` is the version of this form, now VERSION. Fields and kinds are added, never renamed or used for something else: skip what you do not know.
- A field that says nothing is left out: it is neither `null` nor empty. `suppress` is left out when it is false.
- An event may be told more than once, always with the same `id`: keep the ids you have seen, or make your update one that can be repeated.
- Each accepted recipient has one `received` and, in the end, exactly one of `delivered`, `bounced`, `expired`, `suppressed`; before it any number of `deferred`. `remote-bounce`,
  `complaint`, `opened`, `clicked`, `unsubscribed` may follow days later, also without a `delivered` that was seen.
- Attempts of one recipient are told in their order. For everything else go by `at`.
- Times are RFC 3339 in UTC with microseconds. Fields that end in `_ms` are milliseconds, in `_bytes` bytes. Ids are thirteen letters and digits and sort by birth.
";

#[test]
fn reference_of_the_events() {
    let mut page = HEAD.replace("VERSION", &EVENT_VERSION.to_string());
    kinds(&mut page);
    fields::<Event>(&mut page, "Fields of an event", true);
    fields::<Attempt>(&mut page, "Fields of `attempt`", false);
    fields::<TlsUse>(&mut page, "Fields of `attempt.tls_use`", false);
    fields::<Wire>(&mut page, "Fields of `attempt.wire`", false);
    fields::<Reply>(&mut page, "Fields of `attempt.reply`, `report.reply`, `control.reply`", false);
    fields::<RemoteReport>(&mut page, "Fields of `report`", false);
    fields::<Authentication>(&mut page, "Fields of `authentication`", false);
    fields::<Touch>(&mut page, "Fields of `touch`", false);
    fields::<ControlChange>(&mut page, "Fields of `control`", false);
    fields::<Origin>(&mut page, "Fields of `origin`", false);
    names::<Category>(&mut page, "Values of `category`");
    names::<Scope>(&mut page, "Values of `scope`");
    names::<Phase>(&mut page, "Values of `phase`");
    names::<Protocol>(&mut page, "Values of `origin.protocol`");
    page.push_str("\n## One example of each kind\n");
    for &kind in EventKind::ALL {
        let Example { event, optional } = example(kind);
        assert_eq!((event.kind, event.v), (kind, EVENT_VERSION));
        let json = serde_json::to_value(&event).unwrap();
        let always = json.as_object().unwrap().keys().filter(|key| !optional.contains(&key.as_str()));
        let quoted = |keys: Vec<&str>| keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
        writeln!(page, "\n### `{}`\n\nAlways: {}.", kind.as_str(), quoted(always.map(String::as_str).collect()))
            .unwrap();
        if !optional.is_empty() {
            writeln!(page, "Where it is known: {}.", quoted(optional.to_vec())).unwrap();
        }
        writeln!(page, "\n```json\n{}\n```", serde_json::to_string_pretty(&event).unwrap()).unwrap();
    }
    expect_file!["../../../../../docs/generated/events.md"].assert_eq(&page);
}

fn kinds(page: &mut String) {
    page.push_str("\n## Kinds\n\n| kind | about | meaning |\n|---|---|---|\n");
    for (kind, (name, meaning)) in EventKind::ALL.iter().zip(meanings::<EventKind>()) {
        assert_eq!(kind.as_str(), name);
        let about = match (example(*kind).event.recipient, kind.disposition()) {
            (Some(_), Some(disposition)) if disposition.is_final() => "recipient, final",
            (Some(_), _) => "recipient",
            (None, _) => "engine",
        };
        writeln!(page, "| [`{name}`](#{name}) | {about} | {meaning} |").unwrap();
    }
}

/// A table of the fields of one struct; `in_kinds` says which kinds have them.
fn fields<T: PartialSchema>(page: &mut String, title: &str, in_kinds: bool) {
    let schema = serde_json::to_value(T::schema()).unwrap();
    writeln!(page, "\n## {title}\n").unwrap();
    let head = if in_kinds {
        "| field | type | in | meaning |\n|---|---|---|---|"
    } else {
        "| field | type | meaning |\n|---|---|---|"
    };
    writeln!(page, "{head}").unwrap();
    for (field, property) in schema["properties"].as_object().unwrap() {
        let meaning = meaning_of(property);
        let kind = type_of(field, property);
        let place = if in_kinds { format!(" {} |", kinds_with(field)) } else { String::new() };
        writeln!(page, "| `{field}` | {kind} |{place} {meaning} |").unwrap();
    }
}

fn meaning_of(property: &Value) -> String {
    let of_choice = || property["oneOf"].as_array()?.iter().find_map(|choice| choice["description"].as_str());
    let text = property["description"].as_str().or_else(of_choice).expect("every field is documented");
    assert!(!text.contains("[`"), "a link to code means nothing to an operator: {text}");
    text.replace('\n', " ")
}

/// The JSON type in words, with its unit.
fn type_of(field: &str, property: &Value) -> String {
    let reference = |value: &Value| Some(value["$ref"].as_str()?.rsplit('/').next()?.to_owned());
    let of_choice = || property["oneOf"].as_array()?.iter().find_map(reference);
    let plain = |value: &Value| match &value["type"] {
        Value::Array(types) => {
            types.iter().find_map(|one| one.as_str().filter(|one| *one != "null")).map(str::to_owned)
        }
        one => one.as_str().map(str::to_owned),
    };
    let name = reference(property).or_else(of_choice).or_else(|| plain(property)).expect("every field has a type");
    let unit = match field.rsplit('_').next() {
        Some("ms") => ", milliseconds",
        Some("bytes") => ", bytes",
        _ => "",
    };
    let words = match name.as_str() {
        "Timestamp" => "time".to_owned(),
        "Name" | "EnhancedStatus" => "string".to_owned(),
        "EventId" | "MessageId" | "RecipientId" | "CampaignId" | "ContactId" | "ListId" => "id".to_owned(),
        "EventKind" => "[kind](#kinds)".to_owned(),
        "Category" | "Scope" | "Phase" => {
            let name = name.to_lowercase();
            format!("[{name}](#values-of-{name})")
        }
        "Protocol" => "[protocol](#values-of-originprotocol)".to_owned(),
        "Attempt" => "[object](#fields-of-attempt)".to_owned(),
        "RemoteReport" => "[object](#fields-of-report)".to_owned(),
        "TlsUse" => "[object](#fields-of-attempttls_use)".to_owned(),
        "Wire" => "[object](#fields-of-attemptwire)".to_owned(),
        "Authentication" => "[object](#fields-of-authentication)".to_owned(),
        "Touch" => "[object](#fields-of-touch)".to_owned(),
        "ControlChange" => "[object](#fields-of-control)".to_owned(),
        "Origin" => "[object](#fields-of-origin)".to_owned(),
        "Reply" => "[object](#fields-of-attemptreply-reportreply-controlreply)".to_owned(),
        plain if plain.starts_with(char::is_lowercase) => plain.to_owned(),
        unknown => panic!("say in words what {unknown} is"),
    };
    format!("{words}{unit}")
}

/// The kinds whose example has this field.
fn kinds_with(field: &str) -> String {
    let has = |kind: &&EventKind| serde_json::to_value(example(**kind).event).unwrap().get(field).is_some();
    let with: Vec<&EventKind> = EventKind::ALL.iter().filter(has).collect();
    assert!(!with.is_empty(), "no example shows {field}");
    if with.len() == EventKind::ALL.len() {
        return "every event".to_owned();
    }
    with.iter().map(|kind| format!("`{}`", kind.as_str())).collect::<Vec<_>>().join(", ")
}

/// A table of the values that a field may have.
fn names<T: JsonSchema>(page: &mut String, title: &str) {
    writeln!(page, "\n## {title}\n\n| value | meaning |\n|---|---|").unwrap();
    for (name, meaning) in meanings::<T>() {
        assert!(!meaning.contains("[`"), "a link to code means nothing to an operator: {meaning}");
        writeln!(page, "| `{name}` | {meaning} |").unwrap();
    }
}

/// Name and comment of each variant.
fn meanings<T: JsonSchema>() -> Vec<(String, String)> {
    let schema = schema_for!(T);
    let variants = schema.get("oneOf").and_then(Value::as_array).expect("every variant is documented").iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().replace('\n', " ");
    variants.map(|variant| (text(&variant["const"]), text(&variant["description"]))).collect()
}
