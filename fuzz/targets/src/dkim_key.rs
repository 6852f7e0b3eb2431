//! Keys and their records: a private key in PEM, and the TXT records in which a key is looked for.
//!
//! Behind the first NUL stand TXT records, one a line. Holds: a key that is read is written and read as the same, and its
//! record has its strings; only a record that carries this very key counts as published.

use mail::dkim::{DkimKey, KeyKind, publishes, zone_line};

use crate::bytes::text;

static OURS: std::sync::LazyLock<DkimKey> = std::sync::LazyLock::new(|| {
    DkimKey::from_pem(crate::seeds::DKIM_PEM, "example.org", "s1").expect("a key that was made before")
});

/// Checks one input.
pub(crate) fn run(data: &[u8]) {
    let text = text(data);
    let (pem, records) = text.split_once('\0').unwrap_or((&text, &text));
    if let Ok(key) = DkimKey::from_pem(pem, "example.org", "s1") {
        let written = key.to_pem().expect("a key can be written");
        let again = DkimKey::from_pem(&written, "example.org", "s1").expect("what was written is read");
        assert_eq!(again.record_text().ok(), key.record_text().ok());
        let line = zone_line(&key).expect("a key has a record");
        assert!(line.split('"').skip(1).step_by(2).all(|string| string.len() <= 255), "{line}");
    }
    // A name of any kind is refused or becomes a name.
    if let Ok(key) = DkimKey::from_pem(crate::seeds::DKIM_PEM, records, pem) {
        assert!(key.record_name().bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)));
    }
    let ours = OURS.record_text().expect("a key has a record");
    let public = ours.rsplit("p=").next().unwrap_or_default();
    let records: Vec<String> = records.lines().map(str::to_owned).collect();
    if publishes(&ours, &records).is_ok() {
        let bare = |text: &String| text.split_ascii_whitespace().collect::<String>();
        assert!(records.iter().any(|record| bare(record).contains(public)), "{records:?}");
        assert_eq!(OURS.kind(), KeyKind::Ed25519);
    }
}
