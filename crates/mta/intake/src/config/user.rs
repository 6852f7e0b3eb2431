//! What single users may do: how they are known by certificate, and which names they may give.

use std::collections::HashSet;

use model::config::{Fault, Faults};
use model::name::Name;
use model::units::Rate;

use super::{Defaults, check_domain};

/// What holds for one user: of SMTP AUTH the name of the API key, else a name for the holder of a certificate.
///
/// A user who is not listed may give every name.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct User {
    /// The name.
    pub name: Name,
    /// SHA-256 fingerprints of certificates, in hexadecimal digits (colons may stand between them): who shows one of
    /// them, and has its key, is this user without a password.
    pub certificates: Vec<String>,
    /// DNS names in certificates (subjectAltName) for which an authority in the listener's `client_authorities` vouches:
    /// who shows one is this user. `*.example.com` stands for all names one label longer, `*` for every certificate of
    /// these authorities.
    pub certificate_names: Vec<String>,
    /// The tenants whose mail this user may submit; without any, all. The first is whose mail it is when the mail names
    /// none and no default is set.
    pub tenants: Vec<Name>,
    /// The streams that his mail may name; the same holds.
    pub streams: Vec<Name>,
    /// The pools and sources that his mail may name; without any, all.
    pub pools: Vec<Name>,
    /// The domains of which senders (MAIL FROM and From) may be: `example.com` only itself, `.example.com` all below it;
    /// without any, all.
    pub sender_domains: Vec<String>,
    /// For mail that names no other; before those of the listener.
    pub defaults: Defaults,
    /// Messages of this user, in place of `message_rate_per_user`.
    pub message_rate: Option<Rate>,
}

impl User {
    pub(super) fn validate(&self) -> Result<(), Faults> {
        let mut faults = Faults::default();
        faults.unless(!self.name.is_empty(), || Fault::new("name", "must not be empty").example("\"shop\""));
        for (place, text) in self.certificates.iter().enumerate() {
            faults.unless(fingerprint(text).is_some(), || {
                let rule = "must be a SHA-256 fingerprint: 64 hexadecimal digits";
                Fault::new(format!("certificates[{place}]"), rule)
            });
        }
        for (place, name) in self.certificate_names.iter().enumerate() {
            let bare = name.strip_prefix("*.").unwrap_or(name);
            if bare != "*" {
                let key = format!("certificate_names[{place}]");
                check_domain(&mut faults, &key, bare, "\"app.example.com\"");
            }
        }
        for (place, domain) in self.sender_domains.iter().enumerate() {
            let bare = domain.strip_prefix('.').unwrap_or(domain);
            check_domain(&mut faults, &format!("sender_domains[{place}]"), bare, "\"example.com\"");
        }
        let may = [
            ("tenant", &self.defaults.tenant, &self.tenants),
            ("stream", &self.defaults.stream, &self.streams),
            ("pool", &self.defaults.pool, &self.pools),
        ];
        for (key, default, among) in may {
            let fits = default.as_ref().is_none_or(|name| among.is_empty() || among.contains(name));
            faults
                .unless(fits, || Fault::new(format!("defaults.{key}"), "must be among those that this user may name"));
        }
        faults.result()
    }
}

/// 64 hexadecimal digits in lower case; `None` for anything else.
pub(crate) fn fingerprint(text: &str) -> Option<String> {
    let digits: String =
        text.chars().filter(|&letter| letter != ':').map(|letter| letter.to_ascii_lowercase()).collect();
    let fits = digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    fits.then_some(digits)
}

/// Checks the list as a whole.
pub(super) fn validate_all(users: &[User]) -> Result<(), Faults> {
    let mut faults = Faults::default();
    let (mut names, mut certificates) = (HashSet::new(), HashSet::new());
    for (place, user) in users.iter().enumerate() {
        faults.inside(&format!("users[{place}]"), user.validate());
        faults
            .unless(names.insert(&user.name), || Fault::new(format!("users[{place}].name"), "must not be there twice"));
        let shown = user.certificates.iter().filter_map(|text| fingerprint(text));
        let shown = shown.chain(user.certificate_names.iter().map(|name| name.to_ascii_lowercase()));
        for certificate in shown {
            faults.unless(certificates.insert(certificate), || {
                Fault::new(format!("users[{place}]"), "must not have a certificate of another user")
            });
        }
    }
    faults.result()
}
