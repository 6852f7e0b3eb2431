//! Liquid: any template, over values of every kind, under small limits.
//!
//! Holds: it ends within its limits and says which one it reached; a place that is told lies in the text; no value leaves the
//! place where it stands (HTML, header, URL), unless the author asked for it; rendering twice gives the same.

use std::sync::LazyLock;

use crate::bytes::text;
use mail::merge::{Escape, Limits, Template, UNDEFINED_MAX};
use model::time::Timestamp;
use model::value::Value;

const LIMITS: Limits = Limits { steps: 20_000, bytes: 40_000, loop_rounds: 500 };

static VALUES: LazyLock<Value> = LazyLock::new(|| {
    // Long enough for the sort that notices an order that is none.
    let mixed: Vec<String> = (0..60_i64)
        .map(|nth| match nth * 7 % 10 {
            0 => format!("{}", 9_007_199_254_740_992_i64 + nth % 3),
            1 => "9007199254740992.0".to_owned(),
            2 => format!("\"{}\"", nth % 7),
            3 => "null".to_owned(),
            4 => "true".to_owned(),
            5 => format!("{{\"n\": {}, \"title\": \"t{}\"}}", nth % 5, nth % 4),
            6 => "[1, \"a\"]".to_owned(),
            7 => format!("-{nth}.5"),
            8 => "1e300".to_owned(),
            _ => format!("{nth}"),
        })
        .collect();
    let json = r#"{"name": "Zoë", "void": "", "yes": true, "no": false, "n": 7, "f": 2.5, "big": 9223372036854775807,
        "small": -9223372036854775808, "html": "<b>\"Tom\" & 'Jerry'\r\nBcc: x</b>", "text": "one two  three\n\u0001é",
        "list": ["b", "a", "c", "a"], "none": [], "when": "2026-09-21T14:13:20.120003Z", "mixed": MIXED,
        "products": [{"title": "Shoes", "price": 10, "tags": ["new", "<x>"]}, {"title": "Hat", "tags": []}],
        "contact": {"first_name": "Ann", "size": 42, "born": "1990-05-17", "a.b": "<"}}"#;
    serde_json::from_str(&json.replace("MIXED", &format!("[{}]", mixed.join(",")))).expect("values")
});

/// Checks one input.
pub(crate) fn run(data: &[u8]) {
    let text = text(data);
    for escape in [Escape::Html, Escape::Text, Escape::Url, Escape::Header] {
        let template = match Template::parse(&text, escape) {
            Ok(template) => template,
            Err(error) => {
                assert!(error.line >= 1 && error.line as usize <= text.matches('\n').count() + 1, "{error}");
                assert!(error.column >= 1 && !error.message.is_empty(), "{error}");
                return;
            }
        };
        let render = || {
            let mut out = String::new();
            let now = Some(Timestamp::from_unix_s(1_790_000_000));
            let done = template.render_at(&*VALUES, now, &mut out, LIMITS);
            (done, out)
        };
        let (done, out) = render();
        // The last value may be escaped before it is counted; nothing becomes more than six times as long.
        assert!(out.len() <= LIMITS.bytes * 7, "{} bytes", out.len());
        match &done {
            Ok(report) => assert!(report.undefined.len() <= UNDEFINED_MAX),
            Err(error) => assert!(["steps", "bytes", "loop rounds"].contains(&error.what), "{error}"),
        }
        assert_eq!(render(), (done, out.clone()));
        stays_in_place(escape, &text, &out);
    }
}

/// What the author did not write, no value may bring.
fn stays_in_place(escape: Escape, text: &str, out: &str) {
    let asked = ["raw", "newline_to_br", "escape"].iter().any(|filter| text.contains(filter));
    match escape {
        Escape::Html if !asked => {
            for letter in ['<', '>', '"'] {
                assert!(text.contains(letter) || !out.contains(letter), "{letter:?} in {out:?}");
            }
        }
        Escape::Header if !text.chars().any(|c| c.is_ascii_control()) => {
            assert!(!out.chars().any(|c| c.is_ascii_control()), "{out:?}");
        }
        Escape::Url => {
            for letter in [' ', '<', '\r', '\n', '\u{1}', 'é', 'ë'] {
                assert!(text.contains(letter) || !out.contains(letter), "{letter:?} in {out:?}");
            }
        }
        _ => {}
    }
}
