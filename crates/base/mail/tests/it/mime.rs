//! The tree of parts against the corpus made for this project, and against anything at all.

use mail::mime;
use serde_json::Value;

fn folder() -> String {
    format!("{}/../../../fixtures/mime", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn leaves_of_the_corpus() {
    let expected: Value =
        serde_json::from_slice(&std::fs::read(format!("{}/own/expected.json", folder())).unwrap()).unwrap();
    let mut differing = Vec::new();
    for case in expected["cases"].as_array().unwrap() {
        let name = case["file"].as_str().unwrap();
        let raw = std::fs::read(format!("{}/own/{name}", folder())).unwrap();
        let found: Vec<String> =
            mail::inspect::mime(&raw).unwrap()["leaves"].as_array().unwrap().iter().map(line).collect();
        let wanted: Vec<String> = case["leaves"].as_array().unwrap().iter().map(line_of_corpus).collect();
        let fits = found.len() == wanted.len()
            && found.iter().zip(&wanted).all(|(found, wanted)| found.starts_with(wanted.as_str()));
        if !fits {
            differing.push(format!("{name}: {found:#?} instead of {wanted:#?}"));
        }
        let tree = mime::parse(&raw);
        for (leaf, wanted) in tree.leaves().iter().zip(case["leaves"].as_array().unwrap()) {
            if let Some(text) = wanted["text"].as_str() {
                assert_eq!(leaf.text().replace("\r\n", "\n"), text, "{name}");
            }
            if let Some(filename) = wanted["filename"].as_str() {
                assert_eq!(leaf.filename.as_deref(), Some(filename), "{name}");
            }
        }
        if let Some(subject) = case["subject"].as_str() {
            assert_eq!(mime::fields(&raw).get("Subject").unwrap().decoded(), subject, "{name}");
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

fn line(leaf: &Value) -> String {
    let text = |key: &str| leaf[key].as_str().unwrap_or_default().to_owned();
    format!("{} {} {} {}", text("content_type"), leaf["size"], text("sha256"), text("charset"))
}

fn line_of_corpus(leaf: &Value) -> String {
    let text = |key: &str| leaf[key].as_str().unwrap_or_default().to_owned();
    format!("{} {} {} {}", text("type"), leaf["size"], text("sha256"), text("charset"))
}

#[test]
fn foreign_mails_have_leaves() {
    for group in ["rfc", "malformed", "thirdparty"] {
        for entry in std::fs::read_dir(format!("{}/mail-parser/{group}", folder())).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "eml") {
                let raw = std::fs::read(&path).unwrap();
                assert!(!mime::parse(&raw).leaves().is_empty(), "{}", path.display());
            }
        }
    }
}

mod anything {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn is_read(pieces in prop::collection::vec(prop_oneof![
            Just("--a\r\n"), Just("--a--\r\n"), Just("--b\r\n"), Just("\r\n"), Just("\n"), Just("text"),
            Just("Content-Type: multipart/mixed; boundary=a\r\n"), Just("Content-Type: multipart/digest; boundary=b\r\n"),
            Just("Content-Type: message/rfc822\r\n"), Just("Content-Type: multipart/x; boundary=\r\n"), Just("=?utf-8?Q?=C3"),
            Just("Content-Transfer-Encoding: base64\r\n"), Just("Content-Transfer-Encoding: quoted-printable\r\n"), Just("=\r\n"),
        ], 0..60)) {
            let raw = pieces.concat();
            let tree = mime::parse(raw.as_bytes());
            prop_assert!(tree.leaves().len() <= mime::PARTS_MAX);
            mime::check(raw.as_bytes());
        }

        #[test]
        fn bytes_are_read(raw in prop::collection::vec(any::<u8>(), 0..3000)) {
            mime::parse(&raw).leaves().iter().for_each(|leaf| drop(leaf.text()));
            mime::check(&raw);
        }
    }
}
