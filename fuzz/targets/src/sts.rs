//! MTA-STS: the TXT record and the policy file of a stranger (RFC 8461).
//!
//! The first line is the record, the rest the policy. Holds: an id is what the standard allows; a policy names bounded
//! hosts, is kept for a year at most, is stored and read as the same, and never matches a host beyond its own labels.

use delivery::{StsMode, StsPolicy};

use crate::bytes::text;

/// Checks one input.
pub(crate) fn run(data: &[u8]) {
    let input = text(data);
    let (record, policy) = input.split_once('\n').unwrap_or((&input, &input));
    let records: Vec<String> = record.split('|').map(str::to_owned).collect();
    if let Some(id) = delivery::fuzzing::sts_record_id(&records) {
        assert!((1..=32).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        let doubled: Vec<String> = [records.clone(), records].concat();
        assert_eq!(delivery::fuzzing::sts_record_id(&doubled), None, "two records are none");
    }
    let Ok(found) = StsPolicy::parse(policy) else { return };
    assert!(found.max_age_s <= 31_557_600 && found.mx.len() <= 500);
    assert!(!found.mx.is_empty() || found.mode == StsMode::None);
    let stored = serde_json::to_string(&found).expect("a policy has a JSON form");
    assert_eq!(serde_json::from_str::<StsPolicy>(&stored).ok().as_ref(), Some(&found));
    for pattern in &found.mx {
        let (below, deeper) = match pattern.strip_prefix("*.") {
            Some(above) => (format!("a.{above}"), format!("a.b.{above}")),
            None => (pattern.clone(), format!("a.{pattern}")),
        };
        let alone = StsPolicy { mx: vec![pattern.clone()], ..found.clone() };
        assert!(found.names(&below) || below.ends_with('.'), "{pattern:?} names {below:?}");
        assert!(!alone.names(&deeper), "{pattern:?} does not name {deeper:?}");
        assert!(!alone.names("mx.elsewhere.invalid") || pattern.ends_with("invalid"));
    }
}
