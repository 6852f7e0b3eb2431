//! A piece of the DNS held in memory: read from JSON or from a zone file, asked like the real thing.
//!
//! JSON form: `{"example.org": {"MX": ["10 mx.example.org"], "TXT": ["v=spf1 -all"]}, "broken.example": "SERVFAIL"}`.
//! A name without records of the asked type but with others is NODATA; an unknown name is NXDOMAIN, unless it lies above
//! a known one (an empty non-terminal). `*.example.org` matches any name below that has no records of its own.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hickory_proto::rr::{Name, RData, Record, RecordType};
use hickory_proto::serialize::txt::Parser;
use serde::Deserialize;

/// Time to live of records that name none, in seconds.
const TTL_S: u32 = 300;

/// Most records in one zone: fixtures and the lab need some thousands.
const RECORDS_MAX: usize = 1_000_000;

/// Names with their records. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Zone {
    names: Arc<HashMap<String, Node>>,
    /// Every question is answered with SERVFAIL; clones share it.
    failing: Arc<AtomicBool>,
}

#[derive(Clone, Debug, Default)]
struct Node {
    records: Vec<Record>,
    /// Questions about this name are answered with SERVFAIL.
    broken: bool,
}

/// What a zone answers to one question.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ZoneAnswer {
    /// The records asked for, behind the CNAMEs that led to them.
    Records(Vec<Record>),
    /// The name is there, records of this type are not.
    NoData,
    /// There is no record at the name itself, but at names below it (RFC 8020).
    EmptyNonTerminal,
    /// There is no such name.
    NoName,
    /// The server could not tell.
    Failure,
}

/// A zone that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ZoneError {
    /// Not JSON of the expected form.
    #[error("the zone is not JSON of the form {{\"name\": {{\"TYPE\": [\"value\"]}}}}: {0}")]
    Json(String),
    /// A name, type or value that the DNS does not know.
    #[error("{name}: {kind} {value:?} is not a DNS record: {reason}")]
    Record {
        /// The owner name.
        name: String,
        /// The record type as given.
        kind: String,
        /// The value as given.
        value: String,
        /// What the parser said.
        reason: String,
    },
    /// Not a zone file (RFC 1035 5.1).
    #[error("not a zone file: {0}")]
    File(String),
    /// More records than are allowed.
    #[error("more than {RECORDS_MAX} records")]
    TooLarge,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum JsonNode {
    Broken(Broken),
    Records(BTreeMap<String, Vec<String>>),
}

#[derive(Deserialize)]
enum Broken {
    #[serde(rename = "SERVFAIL")]
    ServFail,
}

/// The key of a name: lower case, no final dot.
pub(crate) fn key_of(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

impl Zone {
    /// Reads the JSON form, or a zone file when the text does not start with a brace.
    ///
    /// # Errors
    /// [`ZoneError`] names the first record that cannot be read.
    pub fn parse(text: &str) -> Result<Zone, ZoneError> {
        if text.trim_start().starts_with('{') { Zone::from_json(text) } else { Zone::from_file(text) }
    }

    fn from_json(text: &str) -> Result<Zone, ZoneError> {
        let nodes: BTreeMap<String, JsonNode> =
            serde_json::from_str(text).map_err(|error| ZoneError::Json(error.to_string()))?;
        let mut builder = ZoneBuilder::default();
        for (name, node) in nodes {
            match node {
                JsonNode::Broken(Broken::ServFail) => builder.broken(&name),
                JsonNode::Records(types) => {
                    for (kind, values) in types {
                        for value in values {
                            builder.add(&name, &kind, &value)?;
                        }
                    }
                }
            }
        }
        Ok(builder.build())
    }

    fn from_file(text: &str) -> Result<Zone, ZoneError> {
        let (_, sets) =
            Parser::new(text, None, Some(Name::root())).parse().map_err(|error| ZoneError::File(error.to_string()))?;
        let mut builder = ZoneBuilder::default();
        for record in sets.values().flat_map(|set| set.records_without_rrsigs()) {
            builder.push(&record.name.to_ascii(), record.clone())?;
        }
        Ok(builder.build())
    }

    /// An outage begins or ends: while it lasts this zone and its clones cannot tell anything. For tests and simulations.
    pub fn set_failing(&self, failing: bool) {
        self.failing.store(failing, Ordering::Relaxed);
    }

    /// Answers one question, following CNAMEs inside the zone.
    pub(crate) fn ask(&self, name: &str, kind: RecordType) -> ZoneAnswer {
        const CNAMES_MAX: usize = 8;
        if self.failing.load(Ordering::Relaxed) {
            return ZoneAnswer::Failure;
        }
        let mut found = Vec::new();
        let mut key = key_of(name);
        for _ in 0..CNAMES_MAX {
            let Some(node) = self.node(&key) else {
                return if found.is_empty() { self.absent(&key) } else { ZoneAnswer::Records(found) };
            };
            if node.broken {
                return ZoneAnswer::Failure;
            }
            let owner = Name::from_ascii(format!("{key}.")).unwrap_or_default();
            let matching = |wanted: RecordType| {
                node.records.iter().filter(move |record| record.record_type() == wanted).cloned().map(|mut record| {
                    record.name = owner.clone();
                    record
                })
            };
            let direct: Vec<Record> = matching(kind).collect();
            if !direct.is_empty() {
                found.extend(direct);
                return ZoneAnswer::Records(found);
            }
            let Some(alias) = matching(RecordType::CNAME).next() else {
                return if found.is_empty() { ZoneAnswer::NoData } else { ZoneAnswer::Records(found) };
            };
            let RData::CNAME(target) = &alias.data else { return ZoneAnswer::NoData };
            key = key_of(&target.0.to_ascii());
            found.push(alias);
        }
        ZoneAnswer::Failure
    }

    fn node(&self, key: &str) -> Option<&Node> {
        if let Some(node) = self.names.get(key) {
            return Some(node);
        }
        let mut parent = key;
        while let Some((_, above)) = parent.split_once('.') {
            if let Some(node) = self.names.get(&format!("*.{above}")) {
                return Some(node);
            }
            parent = above;
        }
        None
    }

    fn absent(&self, key: &str) -> ZoneAnswer {
        let below = format!(".{key}");
        let is_above = self.names.keys().any(|known| known.ends_with(&below));
        if is_above { ZoneAnswer::EmptyNonTerminal } else { ZoneAnswer::NoName }
    }
}

/// Makes a [`Zone`] record by record.
#[derive(Debug, Default)]
pub struct ZoneBuilder {
    names: HashMap<String, Node>,
    count: usize,
}

impl ZoneBuilder {
    /// Adds one record; `value` as in a zone file, final dots may be left out.
    ///
    /// # Errors
    /// [`ZoneError::Record`] when name, type or value cannot be read, [`ZoneError::TooLarge`] beyond the limit.
    pub fn add(&mut self, name: &str, kind: &str, value: &str) -> Result<&mut Self, ZoneError> {
        let refuse = |reason: String| ZoneError::Record {
            name: name.to_owned(),
            kind: kind.to_owned(),
            value: value.to_owned(),
            reason,
        };
        let record_type: RecordType = kind.to_ascii_uppercase().parse().map_err(|error| refuse(format!("{error}")))?;
        let owner = Name::from_ascii(format!("{}.", key_of(name))).map_err(|error| refuse(error.to_string()))?;
        let data = read_value(record_type, value).map_err(refuse)?;
        self.push(name, Record::from_rdata(owner, TTL_S, data))?;
        Ok(self)
    }

    /// Adds the addresses of a host.
    ///
    /// # Errors
    /// As [`ZoneBuilder::add`].
    pub fn host(&mut self, name: &str, addresses: &[IpAddr]) -> Result<&mut Self, ZoneError> {
        for address in addresses {
            self.add(name, if address.is_ipv4() { "A" } else { "AAAA" }, &address.to_string())?;
        }
        Ok(self)
    }

    /// Lets every question about this name fail (SERVFAIL).
    pub fn broken(&mut self, name: &str) {
        self.names.entry(key_of(name)).or_default().broken = true;
    }

    /// The finished zone.
    pub fn build(self) -> Zone {
        Zone { names: Arc::new(self.names), failing: Arc::default() }
    }

    fn push(&mut self, name: &str, record: Record) -> Result<(), ZoneError> {
        self.count += 1;
        if self.count > RECORDS_MAX {
            return Err(ZoneError::TooLarge);
        }
        self.names.entry(key_of(name)).or_default().records.push(record);
        Ok(())
    }
}

/// Reads a value in zone-file form. TXT is taken as one text, cut into strings of 255 bytes (RFC 1035 3.3).
fn read_value(kind: RecordType, value: &str) -> Result<RData, String> {
    use hickory_proto::rr::rdata::TXT;
    let absolute = |text: &str| if text.ends_with('.') { text.to_owned() } else { format!("{text}.") };
    match kind {
        RecordType::TXT => {
            let strings = value.as_bytes().chunks(255).collect::<Vec<_>>();
            Ok(RData::TXT(TXT::from_bytes(strings)))
        }
        RecordType::MX | RecordType::CNAME | RecordType::PTR | RecordType::NS => {
            RData::try_from_str(kind, &absolute(value)).map_err(|error| error.to_string())
        }
        _ => RData::try_from_str(kind, value).map_err(|error| error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone() -> Zone {
        Zone::parse(
            r#"{
                "Example.org": {"MX": ["10 mx.example.org", "5 mx2.example.org."], "TXT": ["v=spf1 -all"]},
                "mx.example.org": {"A": ["192.0.2.1"], "AAAA": ["2001:db8::1"]},
                "alias.example.org": {"CNAME": ["mx.example.org"]},
                "loop.example.org": {"CNAME": ["loop.example.org"]},
                "*.wild.example.org": {"A": ["192.0.2.9"]},
                "broken.example.org": "SERVFAIL"
            }"#,
        )
        .unwrap()
    }

    fn check(name: &str, kind: RecordType, expected: &str) {
        let found = match zone().ask(name, kind) {
            ZoneAnswer::Records(records) => {
                records.iter().map(|record| record.data.to_string()).collect::<Vec<_>>().join(" | ")
            }
            other => format!("{other:?}"),
        };
        assert_eq!(found, expected, "{name} {kind}");
    }

    #[test]
    fn answers_like_the_dns() {
        check("example.ORG.", RecordType::MX, "10 mx.example.org. | 5 mx2.example.org.");
        check("example.org", RecordType::A, "NoData");
        check("org", RecordType::A, "EmptyNonTerminal");
        check("nothing.example.org", RecordType::A, "NoName");
        check("alias.example.org", RecordType::A, "mx.example.org. | 192.0.2.1");
        check("loop.example.org", RecordType::A, "Failure");
        check("a.b.wild.example.org", RecordType::A, "192.0.2.9");
        check("broken.example.org", RecordType::MX, "Failure");
    }

    #[test]
    fn reads_zone_files() {
        let zone =
            Zone::parse("$TTL 60\nexample.net. IN MX 10 mx.example.net.\nmx.example.net. IN A 192.0.2.3\n").unwrap();
        assert!(matches!(zone.ask("example.net", RecordType::MX), ZoneAnswer::Records(records) if records.len() == 1));
    }

    #[test]
    fn names_what_is_wrong() {
        let check = |text: &str, expected: &str| {
            let error = Zone::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check("{]", "not JSON");
        check(r#"{"a.example": {"A": ["not an address"]}}"#, "a.example: A \"not an address\"");
        check(r#"{"a.example": {"NONSENSE": ["1"]}}"#, "NONSENSE");
    }
}
