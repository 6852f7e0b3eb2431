//! The language: against the `liquid` crate where both agree, against written expectations where they do not.

mod oracle;
mod ours;
mod robust;

use serde_json::json;

use super::*;

/// The variables of most tests.
fn vars() -> serde_json::Value {
    json!({
        "name": "Zoë", "void": "", "yes": true, "no": false, "n": 7, "f": 2.5, "spaced": "  a b  ",
        "html": "<b>Tom & \"Jerry\"</b>", "text": "one two three four", "lines": "a\nb\r\nc",
        "list": ["b", "a", "c", "a"], "numbers": [3, 1, 2], "none": [],
        "products": [
            {"title": "Shoes", "price": 10, "tags": ["new", "red"]},
            {"title": "Hat", "price": 25, "tags": []},
            {"title": "Belt", "price": 5, "tags": ["old"]}
        ],
        "contact": {"first_name": "Ann", "city": "Lyon", "size": 42, "born": "1990-05-17", "tags": ["x", "y"]},
        "when": "2026-09-21T14:13:20.120003Z"
    })
}

fn value(json: serde_json::Value) -> model::value::Value {
    serde_json::from_value(json).unwrap()
}

/// What a template prints, or the message and place of its error.
fn print_as(template: &str, escape: Escape) -> String {
    let vars = value(vars());
    match Template::parse(template, escape) {
        Ok(template) => {
            let mut out = String::new();
            let now = model::time::Timestamp::from_unix_s(1_790_000_000);
            match template.render_at(&vars, Some(now), &mut out, Limits::default()) {
                Ok(_) => out,
                Err(error) => format!("ERROR {error}"),
            }
        }
        Err(error) => format!("ERROR {error}"),
    }
}

fn print(template: &str) -> String {
    print_as(template, Escape::Text)
}

#[track_caller]
fn check(template: &str, expected: &str) {
    assert_eq!(print(template), expected, "{template}");
}
