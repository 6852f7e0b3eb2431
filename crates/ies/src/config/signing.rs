//! How mail is signed, and how DKIM keys are replaced: the `[signing]` table.

use mail::dkim::{Form, OVERSIGNED, Platform, Policy, SIGNED};
use model::config::{Fault, Faults};
use model::name::Name;
use model::units::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// DKIM signatures and the life of their keys. Keys are made by `ies dkim`, or named under `dkim`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Signing {
    /// Header fields that are signed when a mail has them.
    pub signed_headers: Vec<String>,
    /// Header fields that are signed once more than a mail has them, so that nobody can add one without breaking the
    /// signature. `From` always is.
    pub oversigned_headers: Vec<String>,
    /// Write the time of the signature (`t=`).
    pub timestamp: bool,
    /// How long a signature holds (`x=`); for ever when absent. Mail that is queued or forwarded for longer fails.
    pub expires_after: Option<Span>,
    /// A domain that signs all mail beside the author's: that of whoever runs the suite, so that one enrolment in a
    /// feedback loop covers everybody.
    pub platform_domain: Option<String>,
    /// Name the tenant in the platform's signature (`i=tenant@platform_domain`).
    pub platform_names_tenant: bool,
    /// Streams whose mail never leaves without a signature for its author's domain: where there is no key it is deferred
    /// until there is one, or until it expires.
    pub required_streams: Vec<Name>,
    /// Sign also mail that came with a good signature by one of our keys for its author's domain.
    pub sign_again: bool,
    /// How often the DNS is asked for a key that waits to be published.
    pub check_every: Span,
    /// So long must the DNS carry a new key before it signs: resolvers may remember that there was none.
    pub settle: Span,
    /// So long after it was replaced must the record of a key stay, for mail on its way; then the key is erased.
    pub retire_after: Span,
}

impl Default for Signing {
    fn default() -> Self {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Signing {
            signed_headers: names(&SIGNED),
            oversigned_headers: names(&OVERSIGNED),
            timestamp: true,
            expires_after: None,
            platform_domain: None,
            platform_names_tenant: false,
            required_streams: Vec::new(),
            sign_again: false,
            check_every: Span::s(60),
            settle: Span::s(600),
            retire_after: Span::s(7 * 86_400),
        }
    }
}

impl Signing {
    /// For whoever signs. What is not valid has no effect.
    pub fn policy(&self) -> Policy {
        let form = Form::new(&self.signed_headers, &self.oversigned_headers).unwrap_or_default();
        let platform = |domain: &String| Platform { domain: domain.clone(), names_tenant: self.platform_names_tenant };
        Policy {
            form: form.with_timestamp(self.timestamp).with_end(self.expires_after.map(|span| span.0)),
            platform: self.platform_domain.as_ref().map(platform),
            required: self.required_streams.clone(),
            sign_again: self.sign_again,
        }
    }

    /// For whoever keeps the keys.
    pub fn rules(&self) -> delivery::keystore::Rules {
        let (check_every, settle, retire_after) = (self.check_every.0, self.settle.0, self.retire_after.0);
        delivery::keystore::Rules { check_every, settle, retire_after }
    }

    pub(super) fn validate(&self, streams: &[Name]) -> Result<(), Faults> {
        let mut faults = Faults::default();
        for (key, names) in [("signed_headers", &self.signed_headers), ("oversigned_headers", &self.oversigned_headers)]
        {
            if let Err(error) = Form::new(names, &[]) {
                faults.add(Fault::new(key, error.to_string()).example("[\"From\", \"Subject\"]"));
            }
        }
        if let Some(domain) = &self.platform_domain
            && mail::address::Address::parse(&format!("a@{domain}")).is_err()
        {
            faults.add(Fault::new("platform_domain", "must be a domain").example("\"esp.example.com\""));
        }
        for (place, stream) in self.required_streams.iter().enumerate() {
            faults.unless(streams.contains(stream), || {
                Fault::new(format!("required_streams[{place}]"), "must be one of queue.streams")
            });
        }
        if let Some(after) = self.expires_after {
            faults.at_least("expires_after", after, Span::s(3_600));
        }
        faults.at_least("check_every", self.check_every, Span::s(5));
        faults.at_least("retire_after", self.retire_after, Span::s(86_400));
        faults.result()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid_and_mistakes_name_their_key() {
        let streams = [Name::from("bulk")];
        assert_eq!(Signing::default().validate(&streams), Ok(()));
        assert_eq!(Signing::default().policy().form, Form::default());
        let check = |text: &str, expected: &str| {
            let signing: Signing = toml::from_str(text).unwrap();
            let faults = signing.validate(&streams).unwrap_err().to_string();
            assert!(faults.starts_with(expected), "{faults}");
        };
        check("signed_headers = ['a b']", "signed_headers \"a b\" is no name of a header");
        check("oversigned_headers = ['Received']", "oversigned_headers Received must not be signed");
        check("platform_domain = 'esp'", "platform_domain must be a domain");
        check("required_streams = ['bulk', 'x']", "required_streams[1] must be one of queue.streams");
        check("retire_after = '1h'", "retire_after must");
        check("expires_after = '1m'", "expires_after must");
    }
}
