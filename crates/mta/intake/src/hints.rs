//! What a message says about its own treatment, in header fields that never leave the house.
//!
//! Pure. Reads the fields that are honoured; what they may say, and to whom, is decided by the [`crate::door`]. A field
//! whose value cannot be used refuses the message: mail that was to wait, or to leave from one address, must not go
//! another way because of a slip.

use mail::mime;
use model::name::Name;
use model::submission::{Labels, Metadata};
use model::time::Timestamp;

use crate::config::Header;
use crate::moment;
use crate::validate::check_name;

/// In front of all fields of our own; those that are not known go too.
const OWN_PREFIX: &[u8] = b"x-ies-";

/// Longest envelope id, in bytes (RFC 3461 4.4).
const ENVID_MAX: usize = 100;

/// What the fields say; of a field that may be there once the first counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hints {
    pub(crate) pool: Option<Name>,
    pub(crate) job: Option<Name>,
    pub(crate) stream: Option<Name>,
    pub(crate) tenant: Option<Name>,
    pub(crate) envid: Option<String>,
    pub(crate) not_before: Option<Timestamp>,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) tags: Vec<Name>,
    pub(crate) metadata: Metadata,
}

/// A field whose value cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub(crate) struct HintFault {
    field: Header,
    reason: String,
}

/// The field of this name (bytes in front of the colon); `Err` for a private one that nobody knows.
fn known(name: &[u8]) -> Option<Result<Header, ()>> {
    let is = |header: &&Header| name.eq_ignore_ascii_case(header.as_str().as_bytes());
    match Header::ALL.iter().find(is) {
        Some(header) => Some(Ok(*header)),
        None => name.get(..OWN_PREFIX.len()).filter(|front| front.eq_ignore_ascii_case(OWN_PREFIX)).map(|_| Err(())),
    }
}

/// Whether a field of this name never leaves the house.
pub(crate) fn is_private(name: &[u8]) -> bool {
    known(name).is_some()
}

impl Hints {
    /// Takes a field that is private; false for any other. Only the `honoured` ones have an effect.
    pub(crate) fn take(&mut self, name: &[u8], value: &[u8], honoured: &[Header]) -> Result<bool, HintFault> {
        let Some(found) = known(name) else { return Ok(false) };
        if let Ok(field) = found
            && honoured.contains(&field)
        {
            let text = mime::unfold(value);
            if !text.is_empty() {
                self.read(field, &text).map_err(|reason| HintFault { field, reason })?;
            }
        }
        Ok(true)
    }

    fn read(&mut self, field: Header, text: &str) -> Result<(), String> {
        match field {
            Header::VirtualMta | Header::Pool => name(&mut self.pool, text),
            Header::Job => name(&mut self.job, text),
            Header::Stream => name(&mut self.stream, text),
            Header::Tenant => name(&mut self.tenant, text),
            Header::Envid => {
                if text.len() > ENVID_MAX || text.chars().any(char::is_control) {
                    return Err(format!("at most {ENVID_MAX} printable bytes"));
                }
                self.envid.get_or_insert_with(|| text.to_owned());
                Ok(())
            }
            Header::Schedule => {
                let wrong =
                    "neither a moment such as 2026-12-24T08:00:00+01:00 nor a window of two with \" - \" between";
                let (begin, end) = moment::window(text).ok_or(wrong)?;
                self.not_before.get_or_insert(begin);
                self.expires = self.expires.or(end);
                Ok(())
            }
            Header::NotBefore => at(&mut self.not_before, text),
            Header::Expires => at(&mut self.expires, text),
            Header::Tag => {
                self.tags.extend(text.split(',').map(str::trim).filter(|tag| !tag.is_empty()).map(Name::from));
                Labels::check_tags(&self.tags)
            }
            Header::Metadata => {
                let (name, value) = text.split_once('=').ok_or("name=text is expected")?;
                self.metadata.entry(name.trim().to_owned()).or_insert_with(|| value.trim().to_owned());
                Labels::check_metadata(&self.metadata)
            }
        }
    }
}

fn name(place: &mut Option<Name>, text: &str) -> Result<(), String> {
    let found = Name::from(text);
    check_name(&found).map_err(str::to_owned)?;
    place.get_or_insert(found);
    Ok(())
}

fn at(place: &mut Option<Timestamp>, text: &str) -> Result<(), String> {
    let found = moment::moment(text).ok_or("not a moment such as 2026-12-24T08:00:00+01:00")?;
    place.get_or_insert(found);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the fields lead to, in words; `honoured` are names.
    fn check(fields: &[(&str, &str)], honoured: &[Header], expected: &str) {
        let mut hints = Hints::default();
        let mut read = || {
            for (name, value) in fields {
                assert!(hints.take(name.as_bytes(), value.as_bytes(), honoured)?, "{name} is private");
            }
            Ok::<(), HintFault>(())
        };
        let found = match read() {
            Err(fault) => fault.to_string(),
            Ok(()) => {
                let name = |key: &str, value: &Option<Name>| value.as_ref().map(|value| format!("{key}={}", &**value));
                let at = |key: &str, value: Option<Timestamp>| value.map(|at| format!("{key}={}", at.to_jiff()));
                let tags: Vec<&str> = hints.tags.iter().map(Name::as_str).collect();
                let parts = [
                    name("pool", &hints.pool),
                    name("job", &hints.job),
                    name("stream", &hints.stream),
                    name("tenant", &hints.tenant),
                    hints.envid.as_ref().map(|envid| format!("envid={envid}")),
                    at("not_before", hints.not_before),
                    at("expires", hints.expires),
                    (!tags.is_empty()).then(|| format!("tags={}", tags.join("+"))),
                    (!hints.metadata.is_empty()).then(|| format!("{:?}", hints.metadata)),
                ];
                parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
            }
        };
        assert_eq!(found, expected, "{fields:?}");
    }

    #[test]
    fn fields_are_read() {
        let all = Header::ALL;
        check(&[("X-Virtual-MTA", " ip-1"), ("x-ies-pool", "pool-b")], all, "pool=ip-1");
        check(&[("X-JOB", "spring 26"), ("X-Envid", "e1"), ("X-Envid", "e2")], all, "job=spring 26 envid=e1");
        check(&[("X-iES-Stream", "\r\n bulk"), ("X-iES-Tenant", "")], all, "stream=bulk");
        check(&[("X-iES-Tag", "a, b,,"), ("X-iES-Tag", "c")], all, "tags=a+b+c");
        check(&[("X-iES-Metadata", "order = 7"), ("X-iES-Metadata", "k=v=w")], all, r#"{"k": "v=w", "order": "7"}"#);
        check(
            &[("X-Schedule", "2026-12-24 08:00 - 2026-12-24 18:00"), ("X-iES-Not-Before", "2027-01-01")],
            all,
            "not_before=2026-12-24T08:00:00Z expires=2026-12-24T18:00:00Z",
        );
        check(&[("X-iES-Expires", "2026-12-24T08:00:00Z")], all, "expires=2026-12-24T08:00:00Z");
        check(&[("X-iES-Colour", "red")], all, "");
    }

    #[test]
    fn what_is_not_honoured_has_no_effect() {
        check(&[("X-Virtual-MTA", "ip-1"), ("X-Job", "j")], &[Header::Job], "job=j");
        check(&[("X-Schedule", "rubbish"), ("X-iES-Metadata", "rubbish")], &[], "");
    }

    #[test]
    fn slips_are_told() {
        let all = Header::ALL;
        let long = "x".repeat(256);
        check(&[("X-Job", &long)], all, "x-job: longer than 255 bytes");
        check(&[("X-Envid", &long)], all, "x-envid: at most 100 printable bytes");
        check(
            &[("X-Schedule", "soon")],
            all,
            "x-schedule: neither a moment such as 2026-12-24T08:00:00+01:00 nor a window of two with \" - \" between",
        );
        check(&[("X-iES-Expires", "soon")], all, "x-ies-expires: not a moment such as 2026-12-24T08:00:00+01:00");
        check(&[("X-iES-Metadata", "colour")], all, "x-ies-metadata: name=text is expected");
        let tags: Vec<String> = (0..17).map(|n| n.to_string()).collect();
        check(&[("X-iES-Tag", &tags.join(","))], all, "x-ies-tag: 17 tags; at most 16");
    }

    #[test]
    fn other_fields_are_left_alone() {
        let mut hints = Hints::default();
        for name in ["Subject", "X-Jobs", "X-Mailer", "X-ie", ""] {
            assert_eq!(hints.take(name.as_bytes(), b"x", Header::ALL), Ok(false), "{name}");
        }
    }
}
