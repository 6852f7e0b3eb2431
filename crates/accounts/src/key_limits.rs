//! What a key may do beyond its scopes: how much mail, and in whose name.
//!
//! The lists are checked by whoever takes the mail; what has been sent is counted in [`crate::quota`]. Must not: know
//! what a message looks like.
//! Limits: [`NAMES_MAX`] names in a list.

use model::name::Name;
use model::units::Rate;
use serde::{Deserialize, Serialize};

use crate::accounts::AccountError;

/// Most names in one list of a key.
pub const NAMES_MAX: usize = 100;

/// What a key may send. Everything that is left out is not limited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KeyLimits {
    /// Recipients in a time, such as `"10000/h"`; with `",max_burst=500"` no more than so many at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "10000/h")]
    pub rate: Option<Rate>,
    /// Recipients on one day, from midnight to midnight in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_day: Option<u64>,
    /// The tenants it may send for. Where none is named, the first of them is meant.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tenants: Vec<Name>,
    /// The streams it may use. Where none is named, the first of them is meant.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub streams: Vec<Name>,
    /// The pools it may name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pools: Vec<Name>,
    /// The domains it may write from: in From, the return path and as signing domain. `.example.com` means all below
    /// it, `example.com` only itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub from_domains: Vec<Name>,
}

impl KeyLimits {
    /// True when nothing is limited.
    pub fn is_none(&self) -> bool {
        *self == KeyLimits::default()
    }

    /// Whether it may write from this domain (lower case, A-labels).
    pub fn may_write_from(&self, domain: &str) -> bool {
        let fits = |allowed: &Name| match allowed.strip_prefix('.') {
            Some(_) => domain.len() > allowed.len() && domain.ends_with(allowed.as_str()),
            None => domain == allowed.as_str(),
        };
        self.from_domains.is_empty() || self.from_domains.iter().any(fits)
    }

    /// Checks what an administrator gave, and brings domains to lower case.
    pub(crate) fn checked(mut self) -> Result<Self, AccountError> {
        if self.per_day == Some(0) {
            return Err(AccountError::invalid(
                "limits.per_day",
                "per_day must be at least 1; without it nothing is limited",
            ));
        }
        for domain in &mut self.from_domains {
            *domain = Name::from(domain.trim().to_lowercase());
        }
        let lists = [
            ("limits.tenants", &self.tenants),
            ("limits.streams", &self.streams),
            ("limits.pools", &self.pools),
            ("limits.from_domains", &self.from_domains),
        ];
        for (field, names) in lists {
            if names.len() > NAMES_MAX {
                return Err(AccountError::invalid(field, format!("at most {NAMES_MAX} names")));
            }
            let is_name =
                |name: &Name| (1..=Name::LEN_MAX).contains(&name.len()) && !name.chars().any(char::is_control);
            if let Some(wrong) = names.iter().find(|name| !is_name(name)) {
                return Err(AccountError::invalid(field, format!("{:?} is no name", &**wrong)));
            }
        }
        let is_domain = |domain: &Name| domain.is_ascii() && domain.contains('.') && !domain.contains(['@', ' ']);
        match self.from_domains.iter().find(|domain| !is_domain(domain)) {
            Some(wrong) => {
                let message =
                    format!("{:?} is no domain; write \"example.com\", or \".example.com\" for all below it", &**wrong);
                Err(AccountError::invalid("limits.from_domains", message))
            }
            None => Ok(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(domains: &[&str]) -> KeyLimits {
        KeyLimits { from_domains: domains.iter().map(|name| Name::from(*name)).collect(), ..KeyLimits::default() }
    }

    #[test]
    fn domains_are_meant_as_they_are_written() {
        let check = |allowed: &[&str], domain: &str, expected: bool| {
            assert_eq!(limits(allowed).may_write_from(domain), expected, "{allowed:?} {domain}");
        };
        check(&[], "anything.example", true);
        check(&["example.com"], "example.com", true);
        check(&["example.com"], "shop.example.com", false);
        check(&["example.com"], "notexample.com", false);
        check(&[".example.com"], "shop.example.com", true);
        check(&[".example.com"], "example.com", false);
        check(&[".example.com"], ".example.com", false);
        check(&[".example.com", "example.com"], "example.com", true);
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        let check = |limits: KeyLimits, expected: &str| {
            let error = limits.checked().unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(KeyLimits { per_day: Some(0), ..KeyLimits::default() }, "at least 1");
        check(KeyLimits { streams: vec![Name::from("")], ..KeyLimits::default() }, "\"\" is no name");
        check(KeyLimits { pools: vec![Name::from("a"); NAMES_MAX + 1], ..KeyLimits::default() }, "at most 100");
        check(limits(&["@example.com"]), "is no domain");
        check(limits(&["com"]), "is no domain");
        assert_eq!(limits(&[" Example.COM "]).checked().unwrap(), limits(&["example.com"]));
    }
}
