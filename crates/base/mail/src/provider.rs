//! Whose mail exchanger is this host: MX suffix → provider, from `data/mx.toml`.
//!
//! The longest suffix wins; a suffix fits on label borders only (`xgmx.net` is not GMX). Names only: limits per provider
//! stand in `data/providers.toml` and belong to the queue. No DNS here.

use std::collections::HashMap;

use model::name::Name;
use serde::Deserialize;

const BUILTIN: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../data/mx.toml"));

/// The table, ready for look-ups; made once at start.
#[derive(Debug)]
pub struct Providers {
    entries: Vec<Provider>,
    by_suffix: HashMap<String, usize>,
}

/// A group of mail exchangers under one roof.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// Its short name, the same in every file and dashboard.
    pub name: Name,
    /// Its name for people.
    pub label: String,
    /// What the host does with the mail.
    pub kind: Kind,
    /// Suffixes of its MX hosts, without a dot in front.
    pub suffix: Vec<String>,
    /// Where its postmasters can be found.
    #[serde(default)]
    pub site: Option<String>,
    /// Where this is known from: `public`, `operator` or `known`.
    pub seen: String,
}

model::names! {
    /// What a host does with the mail it takes.
    Kind {
        /// Keeps mailboxes.
        Mailbox "mailbox",
        /// Filters for mailboxes that are elsewhere.
        Gateway "gateway",
        /// Keeps mailboxes as part of web hosting.
        Hosting "hosting",
    }
}

/// A table that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProvidersError {
    /// Not TOML, or a field too many.
    #[error("MX table: {0}")]
    Syntax(#[from] toml::de::Error),
    /// A suffix that is empty, has a dot at an end, is not in lower case or stands twice.
    #[error("MX table: suffix {suffix:?} of {provider}")]
    Suffix {
        /// The suffix.
        suffix: String,
        /// Its provider.
        provider: Name,
    },
}

impl Providers {
    /// The table that comes with the program.
    ///
    /// # Panics
    /// Never: a test reads the same file.
    pub fn builtin() -> Self {
        Self::parse(BUILTIN).unwrap_or_else(|error| panic!("invariant: the built-in table is tested: {error}"))
    }

    /// Reads a table in the form of `data/mx.toml`.
    ///
    /// # Errors
    /// [`ProvidersError`] names the entry; the operator mends the file.
    pub fn parse(text: &str) -> Result<Self, ProvidersError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct File {
            provider: Vec<Provider>,
        }
        let entries = toml::from_str::<File>(text)?.provider;
        let mut by_suffix = HashMap::new();
        for (place, provider) in entries.iter().enumerate() {
            for suffix in &provider.suffix {
                let well_formed = suffix.contains('.') && !suffix.starts_with('.') && !suffix.ends_with('.');
                let lower = !suffix.contains(|c: char| c.is_ascii_uppercase() || c.is_whitespace());
                if !well_formed || !lower || by_suffix.insert(suffix.clone(), place).is_some() {
                    return Err(ProvidersError::Suffix { suffix: suffix.clone(), provider: provider.name.clone() });
                }
            }
        }
        Ok(Providers { entries, by_suffix })
    }

    /// The provider of an MX host; case and a final dot do not matter.
    pub fn of_host(&self, host: &str) -> Option<&Provider> {
        let host = host.trim().trim_end_matches('.').to_ascii_lowercase();
        let mut rest = host.as_str();
        loop {
            if let Some(&place) = self.by_suffix.get(rest) {
                return Some(&self.entries[place]);
            }
            rest = rest.split_once('.')?.1;
        }
    }

    /// The name of the group a host belongs to: its provider, or its registrable domain, or the host itself.
    pub fn name_of_host(&self, host: &str) -> Name {
        if let Some(provider) = self.of_host(host) {
            return provider.name.clone();
        }
        let host = host.trim().trim_end_matches('.').to_ascii_lowercase();
        psl::domain_str(&host).map_or_else(|| Name::from(host.as_str()), Name::from)
    }

    /// All providers in the order of the file.
    pub fn entries(&self) -> &[Provider] {
        &self.entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(host: &str, expected: Option<(&str, Kind)>) {
        let providers = Providers::builtin();
        let found = providers.of_host(host);
        assert_eq!(found.map(|provider| (provider.name.as_str(), provider.kind)), expected, "{host}");
    }

    #[test]
    fn longest_suffix_on_label_borders() {
        check("gmail-smtp-in.l.google.com", Some(("gmail", Kind::Mailbox)));
        check("ASPMX.L.GOOGLE.COM.", Some(("gmail", Kind::Mailbox)));
        check("outlook-com.olc.protection.outlook.com", Some(("outlook", Kind::Mailbox)));
        check("contoso-fr.mail.protection.outlook.com", Some(("microsoft365", Kind::Mailbox)));
        check("contoso-fr.a-v1.mx.microsoft", Some(("microsoft365", Kind::Mailbox)));
        check("mta5.am0.yahoodns.net", Some(("yahoo", Kind::Mailbox)));
        check("mx01.mail.icloud.com", Some(("icloud", Kind::Mailbox)));
        check("smtp-in.orange.fr", Some(("orange", Kind::Mailbox)));
        check("mx1.free.fr", Some(("free", Kind::Mailbox)));
        check("smtp-in.sfr.fr", Some(("sfr", Kind::Mailbox)));
        check("smtpz4.laposte.net", Some(("laposte", Kind::Mailbox)));
        check("mx00.gmx.net", Some(("gmx", Kind::Mailbox)));
        check("eu-smtp-inbound-1.mimecast.com", Some(("mimecast", Kind::Gateway)));
        check("mx1.ovh.net", Some(("ovh", Kind::Hosting)));
        check("mx.xgmx.net", None);
        check("gmx.net.example.org", None);
        check("", None);
        assert_eq!(Providers::builtin().name_of_host("mx.sub.example.co.uk."), "example.co.uk");
    }

    #[test]
    fn wrong_tables_are_refused() {
        let table = |suffix: &str| {
            format!("[[provider]]\nname='a'\nlabel='A'\nkind='mailbox'\nseen='known'\nsuffix=[{suffix}]")
        };
        assert!(Providers::parse(&table("'a.b'")).is_ok());
        for wrong in ["'.a.b'", "'a'", "'A.b'", "'a.b', 'a.b'"] {
            assert!(matches!(Providers::parse(&table(wrong)), Err(ProvidersError::Suffix { .. })), "{wrong}");
        }
    }
}
