//! Named limits that several paths, streams, tenants or jobs share: `[[queue.groups]]`.
//!
//! A group says whom it is for (patterns; what is left out fits everything), how the budget is cut (`per`), and how much
//! there is. Without `per` all that fits shares one budget; with `per = ["tenant", "provider"]` every tenant has one of its
//! own at every provider. All groups that fit hold together, beside the limits of the path, so the tightest wins.
//! Form and matching only; the counting is `core::gates`'.

use model::config::{Fault, Faults};
use model::name::Name;
use model::units::{ByteRate, Rate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most groups: each is looked at once for each path and job.
pub const GROUPS_MAX: usize = 500;

/// A limit that everything it fits shares.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Group {
    /// Its name, as explanations show it.
    pub name: Name,
    /// Sources it is for; `*` stands for any text. All when empty; so for the other lists.
    pub sources: Vec<String>,
    /// Providers it is for.
    pub providers: Vec<String>,
    /// Sites (sets of MX hosts) it is for.
    pub sites: Vec<String>,
    /// Recipient domains it is for.
    pub domains: Vec<String>,
    /// Streams it is for.
    pub streams: Vec<String>,
    /// Tenants it is for.
    pub tenants: Vec<String>,
    /// Jobs it is for.
    pub jobs: Vec<String>,
    /// What has a budget of its own: any of `source`, `provider`, `site`, `domain`, `stream`, `tenant`, `job`. One budget
    /// for all when empty.
    pub per: Vec<Dimension>,
    /// Connections at a time. For a group of streams, tenants, jobs or domains: connections on which their mail is.
    pub connections: Option<u32>,
    /// New connections; only for groups of sources, providers and sites.
    pub connection_rate: Option<Rate>,
    /// Messages, each recipient counted.
    pub rate: Option<Rate>,
    /// Bytes of messages as they are stored.
    pub byte_rate: Option<ByteRate>,
}

model::names! {
    /// Something that a limit can be cut by.
    #[derive(JsonSchema)]
    Dimension {
        /// The own address.
        Source "source",
        /// The provider.
        Provider "provider",
        /// The set of MX hosts.
        Site "site",
        /// The recipient domain.
        Domain "domain",
        /// The kind of traffic.
        Stream "stream",
        /// The tenant.
        Tenant "tenant",
        /// The unit of work.
        Job "job",
    }
}

impl Dimension {
    /// True for what differs from one recipient of a path to the next.
    pub const fn is_of_message(self) -> bool {
        matches!(self, Dimension::Domain | Dimension::Stream | Dimension::Tenant | Dimension::Job)
    }
}

/// What is known of a recipient on its way, by dimension; for a path alone the last four are absent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts<'a> {
    /// In the order of [`Dimension::ALL`].
    pub values: [Option<&'a Name>; 7],
}

impl<'a> Facts<'a> {
    /// The value of one dimension.
    pub fn get(&self, dimension: Dimension) -> Option<&'a Name> {
        self.values[dimension as usize]
    }
}

impl Group {
    fn patterns(&self, dimension: Dimension) -> &[String] {
        match dimension {
            Dimension::Source => &self.sources,
            Dimension::Provider => &self.providers,
            Dimension::Site => &self.sites,
            Dimension::Domain => &self.domains,
            Dimension::Stream => &self.streams,
            Dimension::Tenant => &self.tenants,
            Dimension::Job => &self.jobs,
        }
    }

    /// True when it asks about the dimension.
    pub fn looks_at(&self, dimension: Dimension) -> bool {
        !self.patterns(dimension).is_empty() || self.per.contains(&dimension)
    }

    /// True when it asks about mail, not only about paths.
    pub fn is_of_message(&self) -> bool {
        Dimension::ALL.iter().copied().any(|dimension| dimension.is_of_message() && self.looks_at(dimension))
    }

    /// True when it may limit mail to this domain and leave other mail of the same job alone.
    pub fn may_single_out(&self, domain: &Name) -> bool {
        let patterns = self.patterns(Dimension::Domain);
        self.looks_at(Dimension::Domain) && (patterns.is_empty() || patterns.iter().any(|p| fits(p, domain)))
    }

    /// The values that its budget is cut by, when it is for these facts; `None` when it is not.
    pub fn key(&self, facts: &Facts<'_>) -> Option<Vec<Name>> {
        let fits = |dimension: Dimension| {
            let patterns = self.patterns(dimension);
            patterns.is_empty() || facts.get(dimension).is_some_and(|value| patterns.iter().any(|p| fits(p, value)))
        };
        if !Dimension::ALL.iter().copied().all(fits) {
            return None;
        }
        Some(self.per.iter().map(|&dimension| facts.get(dimension).cloned().unwrap_or_default()).collect())
    }

    /// Checks what the form alone cannot.
    pub(crate) fn check(&self, key: &str, faults: &mut Faults) {
        let at = |field: &str| format!("{key}.{field}");
        faults.unless(!self.name.is_empty(), || Fault::new(at("name"), "must not be empty").example("\"tenant-rate\""));
        let limited = self.connections.is_some()
            || self.connection_rate.is_some()
            || self.rate.is_some()
            || self.byte_rate.is_some();
        faults.unless(limited, || {
            Fault::new(key.to_owned(), "must limit something: connections, connection_rate, rate or byte_rate")
        });
        faults.unless(self.connections != Some(0), || {
            Fault::new(at("connections"), "must be at least 1 (suspend the route or hold the mail to send nothing)")
        });
        faults.unless(self.connection_rate.is_none() || !self.is_of_message(), || {
            let rule = "is only for groups of sources, providers and sites: a connection carries mail of many";
            Fault::new(at("connection_rate"), rule)
        });
        let mut per = self.per.clone();
        per.sort_unstable_by_key(|dimension| *dimension as usize);
        per.dedup();
        faults.unless(per.len() == self.per.len(), || Fault::new(at("per"), "must not name anything twice"));
    }
}

/// True when a value fits a pattern in which `*` stands for any text. Letters of any case fit.
pub fn fits(pattern: &str, value: &str) -> bool {
    let (pattern, value) = (pattern.to_ascii_lowercase(), value.to_ascii_lowercase());
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = value.strip_prefix(first) else { return false };
    let Some(mut part) = parts.next() else { return rest.is_empty() };
    for next in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
        part = next;
    }
    rest.len() >= part.len() && rest.ends_with(part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn patterns() {
        let check = |pattern, value, expected| assert_eq!(fits(pattern, value), expected, "{pattern} {value}");
        check("ip-1", "ip-1", true);
        check("ip-1", "ip-10", false);
        check("ip-*", "ip-10", true);
        check("*", "", true);
        check("*.example", "mx.Example", true);
        check("a*b*c", "a-b-b-c", true);
        check("a*b*c", "a-c", false);
        check("ab*ba", "aba", false);
        check("", "x", false);
    }

    #[test]
    fn the_budget_is_cut_by_what_per_names() {
        let group: Group = toml::from_str("name='x'\nproviders=['g*']\nper=['tenant','provider']\nrate='1/s'").unwrap();
        let (gmail, orange, acme) = (Name::from("gmail"), Name::from("orange"), Name::from("acme"));
        let facts = |provider| Facts { values: [None, Some(provider), None, None, None, Some(&acme), None] };
        assert_eq!(group.key(&facts(&gmail)), Some(vec![acme.clone(), gmail.clone()]));
        assert_eq!(group.key(&facts(&orange)), None);
        assert!(group.is_of_message() && group.looks_at(Dimension::Provider) && !group.looks_at(Dimension::Source));
    }

    proptest! {
        #[test]
        fn a_text_fits_itself_and_any_of_its_cuts(text in "[a-z.-]{0,12}", at in 0_usize..12) {
            let at = at.min(text.len());
            prop_assert!(fits(&text, &text));
            prop_assert!(fits("*", &text));
            let cut = format!("{}*{}", &text[..at], &text[at..]);
            prop_assert!(fits(&cut, &text));
        }
    }
}
