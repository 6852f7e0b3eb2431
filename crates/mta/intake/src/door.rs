//! What holds at one listener: who is a user there, what he may name, and how his mail is treated when it names nothing.
//!
//! Made of the configuration once. Pure, but for the counters of the rates.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use mail::address::Address;
use model::name::Name;
use model::reply::Reply;
use model::submission::{Labels, Routing};
use model::time::Timestamp;
use smtp::server::{ClientCertificate, Context};

use crate::Grants;
use crate::config::{Auth, Config, Defaults, Header, Listener, TlsUse, User, fingerprint};
use crate::hints::Hints;
use crate::network::Network;
use crate::rates::Rates;
use crate::relay::{Client, Rules};

/// The policy of one listener.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) rules: Rules,
    pub(crate) honoured: Vec<Header>,
    /// Mail that is passed on gets an ARC set.
    pub(crate) seals: bool,
    tls_required: bool,
    auth_required: bool,
    /// Empty: everyone who is known.
    admitted: HashSet<Name>,
    proxies: Vec<Network>,
    people: Arc<People>,
    defaults: Defaults,
    rates: Rates,
}

/// The users of whom the configuration says something.
#[derive(Debug, Default)]
pub(crate) struct People {
    by_name: HashMap<Name, User>,
    by_fingerprint: HashMap<String, Name>,
    /// In lower case, with `*.` or `*` as configured.
    by_certificate_name: HashMap<String, Name>,
}

impl People {
    /// From a valid configuration.
    pub(crate) fn new(users: &[User]) -> Arc<Self> {
        let mut people = People::default();
        for user in users {
            let prints = user.certificates.iter().filter_map(|text| fingerprint(text));
            people.by_fingerprint.extend(prints.map(|print| (print, user.name.clone())));
            let names = user.certificate_names.iter().map(|name| name.to_ascii_lowercase());
            people.by_certificate_name.extend(names.map(|name| (name, user.name.clone())));
            people.by_name.insert(user.name.clone(), user.clone());
        }
        Arc::new(people)
    }

    /// Whether clients are worth asking for a certificate.
    pub(crate) fn have_certificates(&self) -> bool {
        !self.by_fingerprint.is_empty()
    }

    /// Whose certificate this is: by its fingerprint, else by a name for which an authority vouches; the longest wins.
    fn of_certificate(&self, shown: &ClientCertificate) -> Option<&Name> {
        let wild = |name: &String| self.by_certificate_name.get(&format!("*.{}", name.split_once('.')?.1));
        let by_name = || shown.names.iter().find_map(|name| self.by_certificate_name.get(name));
        let by_wild = || shown.names.iter().find_map(wild);
        let any = || if shown.vouched { self.by_certificate_name.get("*") } else { None };
        self.by_fingerprint.get(&shown.fingerprint).or_else(by_name).or_else(by_wild).or_else(any)
    }
}

impl Door {
    /// The policy of this listener of a valid configuration.
    pub(crate) fn new(config: &Config, listener: &Listener, people: Arc<People>) -> Self {
        let per_address = listener.message_rate_per_address.or(config.message_rate_per_address);
        let per_user = listener.message_rate_per_user.or(config.message_rate_per_user);
        Door {
            rules: Rules::new(config, listener),
            honoured: listener.headers.as_ref().unwrap_or(&config.headers).clone(),
            seals: listener.seal_relayed.unwrap_or(config.seal_relayed),
            tls_required: listener.tls == TlsUse::Required,
            auth_required: listener.auth == Auth::Required,
            admitted: listener.users.iter().cloned().collect(),
            proxies: listener.proxy_from.clone(),
            people,
            defaults: listener.defaults.clone(),
            rates: Rates::new(per_address, per_user),
        }
    }

    /// Whether a proxy at this address is believed.
    pub(crate) fn believes(&self, proxy: IpAddr) -> bool {
        self.proxies.iter().any(|network| network.contains(proxy))
    }

    /// Whether a user may submit here.
    pub(crate) fn admits(&self, user: &Name) -> bool {
        self.admitted.is_empty() || self.admitted.contains(user)
    }

    /// As whom a client is known: by password, else by certificate.
    pub(crate) fn user<'a>(&'a self, context: &'a Context) -> Option<&'a Name> {
        let by_certificate = || self.people.of_certificate(context.certificate.as_deref()?);
        let known = context.user.as_ref().or_else(by_certificate);
        known.filter(|user| self.admits(user))
    }

    /// What the relay rules look at.
    pub(crate) fn client<'a>(&'a self, context: &'a Context) -> Client<'a> {
        let peer = &context.peer;
        // Nothing follows from the address of a proxy that speaks for itself.
        let address = if peer.is_unknown() { None } else { Some(peer.address.ip()) };
        Client { address, user: self.user(context).map(Name::as_str) }
    }

    /// What has to come before MAIL.
    ///
    /// # Errors
    /// 530 (RFC 3207 4, RFC 4954 6).
    pub(crate) fn check_entry(&self, context: &Context) -> Result<(), Reply> {
        if self.tls_required && context.tls.is_none() {
            return Err(Reply::new(530, "5.7.0 Must issue a STARTTLS command first"));
        }
        let is_known = self.user(context).is_some();
        if self.auth_required && !is_known {
            return Err(Reply::new(530, "5.7.0 Authentication required"));
        }
        Ok(())
    }

    /// Counts a message that begins.
    ///
    /// # Errors
    /// 451 when this client or this user has sent too many of late.
    pub(crate) fn count_message(&self, context: &Context, now: Timestamp) -> Result<(), Reply> {
        let user = self.user(context);
        let own_rate = user.and_then(|name| self.people.by_name.get(name)?.message_rate);
        let address = (!context.peer.is_unknown()).then(|| context.peer.address.ip());
        self.rates.count(address, user, own_rate, now).map_err(|whose| {
            Reply::new(451, &format!("4.7.1 Too many messages from this {whose} for now, try again later"))
        })
    }

    /// The domains of which this user's senders may be; `None` for all.
    fn sender_domains<'a>(&'a self, user: Option<&Name>) -> Option<&'a [String]> {
        let user = self.people.by_name.get(user?)?;
        (!user.sender_domains.is_empty()).then_some(user.sender_domains.as_slice())
    }

    /// Whether it matters as whom this user sends.
    pub(crate) fn limits_senders(&self, user: Option<&Name>, grants: &Grants) -> bool {
        self.sender_domains(user).is_some() || !grants.sender_domains.is_empty()
    }

    /// Whether a user may send as these domains (A-labels). `what` names the place.
    ///
    /// # Errors
    /// 550 that names the domain.
    pub(crate) fn check_sender(
        &self,
        user: Option<&Name>,
        grants: &Grants,
        what: &str,
        domains: &[String],
    ) -> Result<(), Reply> {
        let own = self.sender_domains(user);
        let given = (!grants.sender_domains.is_empty()).then_some(grants.sender_domains.as_slice());
        for allowed in [own, given].into_iter().flatten() {
            let own = |domain: &str| allowed.iter().any(|known| is_meant(domain, known));
            if let Some(foreign) = domains.iter().find(|domain| !own(domain)) {
                return Err(Reply::new(550, &format!("5.7.1 You may not send as {foreign:?} ({what})")));
            }
            if domains.is_empty() {
                return Err(Reply::new(550, &format!("5.7.1 You may not send without a sender ({what})")));
            }
        }
        Ok(())
    }

    /// How a message is treated: what it says itself, where it may; else what holds for its user; else for the listener.
    ///
    /// # Errors
    /// 550 that names what its user may not name.
    pub(crate) fn routing(&self, user: Option<&Name>, grants: &Grants, hints: Hints) -> Result<Routing, Reply> {
        let known = user.and_then(|name| self.people.by_name.get(name));
        let defaults = known.map_or_else(|| self.defaults.clone(), |user| user.defaults.or(&self.defaults));
        let none: &[Name] = &[];
        let own = |pick: fn(&User) -> &Vec<Name>| known.map_or(none, |user| pick(user).as_slice());
        let plain = Routing::default();
        let choose = |what: &str, said: Option<Name>, default: Option<Name>, limits: [&[Name]; 2]| {
            let first = || limits.into_iter().flatten().find(|name| fits(name, limits)).cloned();
            let chosen = said.or(default.filter(|name| fits(name, limits))).or_else(first);
            let refuse = |name: &str| Err(Reply::new(550, &format!("5.7.1 You may not name the {what} {name:?}")));
            match &chosen {
                Some(name) if !fits(name, limits) => refuse(name),
                None if limits.iter().any(|among| !among.is_empty()) => refuse(""),
                _ => Ok(chosen),
            }
        };
        let may_name = |what: &str, name: Option<Name>, limits: [&[Name]; 2]| match &name {
            Some(said) if !fits(said, limits) => {
                Err(Reply::new(550, &format!("5.7.1 You may not name the {what} {:?}", &**said)))
            }
            _ => Ok(name),
        };
        let tenants = [own(|user| &user.tenants), &grants.tenants];
        let streams = [own(|user| &user.streams), &grants.streams];
        let pools = [own(|user| &user.pools), &grants.pools];
        Ok(Routing {
            tenant: choose("tenant", hints.tenant, defaults.tenant.or(Some(plain.tenant)), tenants)?
                .unwrap_or_default(),
            stream: choose("stream", hints.stream, defaults.stream.or(Some(plain.stream)), streams)?
                .unwrap_or_default(),
            // Without a name it is the stream's own.
            pool: may_name("pool", hints.pool.or(defaults.pool.filter(|name| fits(name, pools))), pools)?,
            job: hints.job.or(defaults.job).unwrap_or_default(),
            not_before: hints.not_before,
            expires: hints.expires,
            labels: Labels { tags: hints.tags, metadata: hints.metadata, ..Labels::default() },
            ..Routing::default()
        })
    }
}

/// Whether a name is in every list that is not empty.
fn fits(name: &Name, limits: [&[Name]; 2]) -> bool {
    limits.into_iter().all(|among| among.is_empty() || among.contains(name))
}

/// Whether `known` means this domain: `example.com` only itself, `.example.com` all below it, in any form.
fn is_meant(domain: &str, known: &str) -> bool {
    let (below, bare) = known.strip_prefix('.').map_or((false, known), |bare| (true, bare));
    let known = Address::parse(&format!("a@{bare}"));
    let Ok(known) = known.as_ref().map(Address::domain) else { return false };
    let domain = domain.to_ascii_lowercase();
    match domain.strip_suffix(known) {
        Some("") => !below,
        Some(front) => below && front.len() > 1 && front.ends_with('.'),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people() -> Arc<People> {
        let user = |name: &str, prints: &[&str], names: &[&str]| User {
            name: name.into(),
            certificates: prints.iter().map(|print| (*print).to_owned()).collect(),
            certificate_names: names.iter().map(|name| (*name).to_owned()).collect(),
            ..User::default()
        };
        People::new(&[
            user("print", &[&"AB:".repeat(32)], &[]),
            user("app", &[], &["App.example.com"]),
            user("wild", &[], &["*.example.com"]),
            user("any", &[], &["*"]),
        ])
    }

    #[test]
    fn certificates_belong_to_users() {
        let people = people();
        let check = |fingerprint: &str, vouched: bool, names: &[&str], expected: Option<&str>| {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            let shown = ClientCertificate { fingerprint: fingerprint.to_owned(), names, vouched };
            assert_eq!(people.of_certificate(&shown).map(Name::as_str), expected, "{shown:?}");
        };
        let (known, unknown) = ("ab".repeat(32), "cd".repeat(32));
        check(&known, false, &[], Some("print"));
        check(&known, true, &["app.example.com"], Some("print"));
        check(&unknown, true, &["x.example.net", "app.example.com"], Some("app"));
        check(&unknown, true, &["b.example.com"], Some("wild"));
        check(&unknown, true, &["a.b.example.com"], Some("any"));
        check(&unknown, true, &[], Some("any"));
        check(&unknown, false, &[], None);
    }

    #[test]
    fn domains_and_those_below() {
        for (domain, known, expected) in [
            ("example.org", "example.org", true),
            ("Example.ORG", "example.org", true),
            ("news.example.org", "example.org", false),
            ("news.example.org", ".example.org", true),
            ("a.b.example.org", ".example.org", true),
            ("example.org", ".example.org", false),
            ("xn--bcher-kva.example", "bücher.example", true),
            ("notexample.org", ".example.org", false),
            (".example.org", ".example.org", false),
            ("org", "example.org", false),
            ("", "example.org", false),
        ] {
            assert_eq!(is_meant(domain, known), expected, "{domain} {known}");
        }
    }
}
