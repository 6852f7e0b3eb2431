//! SPF (RFC 7208): may this address send for this domain, which mechanism says so, and how many look-ups that took.
//!
//! Records are read by mail-auth; they are evaluated here, because the verdict must name the mechanism and the number
//! of look-ups, and because the DNS comes in as values. More lenient than RFC 7208 in two places, as most receivers are:
//! look-ups that find nothing are counted and told, but end nothing (4.6.4 says SHOULD), and `exists` takes IPv6
//! addresses too (5.7). Known gap: the macro `%{t}` in explanations is the time of the machine; it decides nothing.

use std::net::IpAddr;

use mail_auth::common::parse::TxtRecordParser;
use mail_auth::spf::{Macro, Mechanism, Qualifier, Spf, Variables};
use model::dns::{Answer, Answers, Question};
use model::name::Name;
use serde::Serialize;

use super::Peer;

/// Most terms of one check that cause a look-up (RFC 7208 4.6.4).
pub const LOOKUPS_MAX: u8 = 10;

/// Look-ups of one check that may find nothing before strict receivers take it for an error (RFC 7208 4.6.4).
pub const VOIDS_MAX: u8 = 2;

/// Most hosts of one MX answer and most names of one address that are looked at (RFC 7208 4.6.4).
const NAMES_MAX: usize = 10;

/// The results of RFC 7208 2.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SpfResult {
    /// The domain publishes no policy.
    None,
    /// It says nothing about this address.
    Neutral,
    /// The address may send.
    Pass,
    /// It may not.
    Fail,
    /// It probably may not.
    SoftFail,
    /// The DNS could not be asked now.
    TempError,
    /// The policy cannot be understood.
    PermError,
}

/// What SPF says, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SpfVerdict {
    /// The result.
    pub result: SpfResult,
    /// The domain whose policy was asked for.
    pub domain: String,
    /// The term that decided, as published, with those that included it: `include:_spf.example.org > ip4:192.0.2.0/24`.
    pub mechanism: Option<String>,
    /// Terms that caused a look-up; more than [`LOOKUPS_MAX`] are an error.
    pub lookups: u8,
    /// Look-ups that found nothing; more than [`VOIDS_MAX`] are an error for strict receivers.
    pub voids: u8,
    /// What the domain says to those who fail.
    pub explanation: Option<String>,
    /// What is wrong, for an error.
    pub problem: Option<String>,
}

/// Checks the return path, or the name in `EHLO` where the return path is empty (RFC 7208 2.3, 2.4).
///
/// # Errors
/// The question that has to be asked first.
pub fn spf(peer: &Peer<'_>, answers: &Answers) -> Result<SpfVerdict, Question> {
    let (local, domain) = match peer.mail_from.rsplit_once('@') {
        Some((local, domain)) if !local.is_empty() => (local, domain),
        Some((_, domain)) => ("postmaster", domain),
        None => ("postmaster", peer.helo),
    };
    let mut check = Check {
        answers,
        address: peer.address.to_canonical(),
        helo: peer.helo,
        sender: format!("{local}@{domain}"),
        lookups: 0,
        voids: 0,
    };
    let mut verdict = SpfVerdict {
        result: SpfResult::None,
        domain: domain.to_ascii_lowercase(),
        mechanism: None,
        lookups: 0,
        voids: 0,
        explanation: None,
        problem: None,
    };
    match check.host(domain) {
        Ok(None) => {}
        Ok(Some(found)) => {
            verdict.explanation = check.explanation(&found)?;
            verdict.result = found.result;
            verdict.mechanism = found.term;
        }
        Err(Stop::Ask(question)) => return Err(question),
        Err(Stop::Error(result, problem)) => {
            verdict.result = result;
            verdict.problem = Some(problem);
        }
    }
    (verdict.lookups, verdict.voids) = (check.lookups, check.voids);
    Ok(verdict)
}

/// Why a check ends before a term has decided.
enum Stop {
    Ask(Question),
    Error(SpfResult, String),
}

impl From<Question> for Stop {
    fn from(question: Question) -> Self {
        Stop::Ask(question)
    }
}

fn permanent(problem: impl Into<String>) -> Stop {
    Stop::Error(SpfResult::PermError, problem.into())
}

/// A policy that has decided.
struct Found {
    result: SpfResult,
    /// None: no term matched.
    term: Option<String>,
    /// Whose policy it was, after redirects.
    domain: String,
    /// Where the explanation stands.
    exp: Option<Macro>,
}

struct Check<'a> {
    answers: &'a Answers,
    address: IpAddr,
    helo: &'a str,
    sender: String,
    lookups: u8,
    voids: u8,
}

impl Check<'_> {
    /// `check_host()` of RFC 7208 4: what the policy of this domain says; None when it has none.
    fn host(&mut self, domain: &str) -> Result<Option<Found>, Stop> {
        let Some(text) = self.policy(domain)? else { return Ok(None) };
        let policy = Spf::parse(text.as_bytes())
            .map_err(|_| permanent(format!("the policy of {domain} cannot be read: {text}")))?;
        let mut terms = text.split_ascii_whitespace().skip(1).filter(|term| !is_modifier(term));
        for directive in &policy.directives {
            let term = terms.next().unwrap_or_default();
            if let Some(inner) = self.matches(domain, &directive.mechanism)? {
                let term = if inner.is_empty() { term.to_owned() } else { format!("{term} > {inner}") };
                let result = result_of(&directive.qualifier);
                return Ok(Some(Found { result, term: Some(term), domain: domain.to_owned(), exp: policy.exp }));
            }
        }
        let Some(redirect) = &policy.redirect else {
            let (result, domain) = (SpfResult::Neutral, domain.to_owned());
            return Ok(Some(Found { result, term: None, domain, exp: None }));
        };
        self.count_lookup()?;
        let target = self.expand(redirect, domain)?;
        let found = self.host(&target)?;
        let mut found = found.ok_or_else(|| permanent(format!("redirect={target}: it has no policy")))?;
        found.term = found.term.map(|term| format!("redirect={target} > {term}"));
        Ok(Some(found))
    }

    /// The one record that is a policy (RFC 7208 4.5).
    fn policy(&self, domain: &str) -> Result<Option<String>, Stop> {
        if !can_be_asked(domain) {
            return Ok(None);
        }
        let texts = match self.answers.to(Question::Txt(Question::name(domain)))? {
            Answer::Texts(texts) => texts,
            Answer::Failed(reason) => return Err(Stop::Error(SpfResult::TempError, format!("{domain}: {reason}"))),
            _ => return Ok(None),
        };
        let is_policy = |text: &&String| {
            let (version, rest) = text.split_at_checked(6).unwrap_or((text, " "));
            version.eq_ignore_ascii_case("v=spf1") && rest.bytes().next().is_none_or(|byte| byte == b' ')
        };
        let mut policies = texts.iter().filter(is_policy);
        match (policies.next(), policies.next()) {
            (_, Some(_)) => Err(permanent(format!("{domain} has more than one policy"))),
            (found, None) => Ok(found.cloned()),
        }
    }

    /// Whether a mechanism matches; the text says which term of an included policy did.
    fn matches(&mut self, domain: &str, mechanism: &Mechanism) -> Result<Option<String>, Stop> {
        let plain = |matches: bool| Ok(matches.then(String::new));
        match mechanism {
            Mechanism::All => plain(true),
            Mechanism::Ip4 { addr, mask } => plain(Mask { four: *mask, six: 0 }.fits((*addr).into(), self.address)),
            Mechanism::Ip6 { addr, mask } => plain(Mask { four: 0, six: *mask }.fits((*addr).into(), self.address)),
            Mechanism::A { macro_string, ip4_mask, ip6_mask } => {
                let host = self.target(macro_string, domain)?;
                plain(self.host_has(&host, Mask { four: *ip4_mask, six: *ip6_mask }, true)?)
            }
            Mechanism::Mx { macro_string, ip4_mask, ip6_mask } => {
                let target = self.target(macro_string, domain)?;
                plain(self.mail_host_has(&target, Mask { four: *ip4_mask, six: *ip6_mask })?)
            }
            Mechanism::Include { macro_string } => {
                let target = self.target(macro_string, domain)?;
                let found = self.host(&target)?;
                let found = found.ok_or_else(|| permanent(format!("include:{target}: it has no policy")))?;
                Ok((found.result == SpfResult::Pass).then(|| found.term.unwrap_or_default()))
            }
            Mechanism::Ptr { macro_string } => {
                let target = self.target(macro_string, domain)?;
                let names = self.validated_names()?;
                plain(names.iter().any(|name| is_within(name, &target)))
            }
            Mechanism::Exists { macro_string } => {
                let host = self.target(macro_string, domain)?;
                let name = Question::name(&host);
                let has_some = !self.addresses(Question::A(name.clone()), true)?.is_empty();
                plain(has_some || !self.addresses(Question::Aaaa(name), false)?.is_empty())
            }
        }
    }

    /// The name that a mechanism with a look-up speaks of.
    fn target(&mut self, target: &Macro, domain: &str) -> Result<String, Stop> {
        self.count_lookup()?;
        self.expand(target, domain)
    }

    fn count_lookup(&mut self) -> Result<(), Stop> {
        if self.lookups == LOOKUPS_MAX {
            return Err(permanent(format!("more than {LOOKUPS_MAX} look-ups")));
        }
        self.lookups += 1;
        Ok(())
    }

    fn host_has(&mut self, host: &str, mask: Mask, counts: bool) -> Result<bool, Stop> {
        let from = self.address;
        let addresses = self.addresses(Question::addresses(host, from), counts)?;
        Ok(addresses.iter().any(|address| mask.fits(*address, from)))
    }

    fn mail_host_has(&mut self, domain: &str, mask: Mask) -> Result<bool, Stop> {
        let hosts = match self.answers.to(Question::Mx(Question::name(domain)))? {
            Answer::Names(hosts) => hosts,
            Answer::Failed(reason) => return Err(Stop::Error(SpfResult::TempError, format!("{domain}: {reason}"))),
            _ => {
                self.voids += 1;
                return Ok(false);
            }
        };
        for (place, host) in hosts.iter().enumerate() {
            if place == NAMES_MAX {
                return Err(permanent(format!("{domain} has more than {NAMES_MAX} mail hosts")));
            }
            if self.host_has(host, mask, false)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// `counts`: whether to find nothing is one of the [`VOIDS_MAX`].
    fn addresses(&mut self, question: Question, counts: bool) -> Result<&[IpAddr], Stop> {
        let (Question::A(host) | Question::Aaaa(host)) = &question else { return Ok(&[]) };
        if !can_be_asked(host) {
            return Ok(&[]);
        }
        let host = host.clone();
        match self.answers.to(question)? {
            Answer::Addresses(addresses) if !addresses.is_empty() => return Ok(addresses),
            Answer::Failed(reason) => return Err(Stop::Error(SpfResult::TempError, format!("{host}: {reason}"))),
            _ => self.voids += u8::from(counts),
        }
        Ok(&[])
    }

    /// The names of the address that lead back to it (RFC 7208 5.5). Errors of the DNS are no names.
    fn validated_names(&mut self) -> Result<Vec<Name>, Stop> {
        let names = match self.answers.to(Question::Ptr(self.address))? {
            Answer::Names(names) => names,
            _ => return Ok(Vec::new()),
        };
        let mut validated = Vec::new();
        for name in names.iter().take(NAMES_MAX) {
            let found = self.answers.to(Question::addresses(name, self.address))?;
            if matches!(found, Answer::Addresses(addresses) if addresses.contains(&self.address)) {
                validated.push(name.clone());
            }
        }
        Ok(validated)
    }

    /// Expands a domain with macros (RFC 7208 7). `%{p}` is a look-up of its own.
    fn expand(&mut self, text: &Macro, domain: &str) -> Result<String, Stop> {
        let validated = if text.needs_ptr() {
            let names = self.validated_names()?;
            let best = [
                names.iter().find(|name| name.eq_ignore_ascii_case(domain)),
                names.iter().find(|name| is_within(name, domain)),
                names.first(),
            ];
            best.into_iter().flatten().next().map_or("unknown".to_owned(), |name| name.to_string())
        } else {
            String::new()
        };
        Ok(self.expand_with(text, domain, &validated, true))
    }

    fn expand_with(&self, text: &Macro, domain: &str, validated: &str, is_name: bool) -> String {
        let mut values = Variables::new();
        values.set_ip(&self.address);
        values.set_sender(self.sender.as_bytes());
        values.set_domain(domain.as_bytes());
        values.set_helo_domain(self.helo.as_bytes());
        values.set_host_domain(b"unknown".as_slice());
        values.set_validated_domain(validated.as_bytes());
        let mut expanded = text.eval(&values, domain, is_name).into_owned();
        if is_name {
            expanded.truncate(expanded.trim_end_matches('.').len());
            // RFC 7208 7.3: labels are taken away from the left until the name fits.
            while expanded.len() > DOMAIN_MAX {
                let Some((_, rest)) = expanded.split_once('.') else { break };
                expanded = rest.to_owned();
            }
        }
        expanded
    }

    /// RFC 7208 6.2: what goes wrong here is as if there were no explanation.
    fn explanation(&mut self, found: &Found) -> Result<Option<String>, Question> {
        let (SpfResult::Fail, Some(exp)) = (found.result, &found.exp) else { return Ok(None) };
        let name = match self.expand(exp, &found.domain) {
            Ok(name) => name,
            Err(Stop::Ask(question)) => return Err(question),
            Err(Stop::Error(..)) => return Ok(None),
        };
        let Answer::Texts(texts) = self.answers.to(Question::Txt(Question::name(&name)))? else { return Ok(None) };
        let [text] = texts.as_slice() else { return Ok(None) };
        let Ok(text) = Macro::parse(text.as_bytes()) else { return Ok(None) };
        Ok(Some(self.expand_with(&text, &found.domain, "unknown", false)))
    }
}

/// Longest name in the DNS (RFC 1035 2.3.4), without the final dot.
const DOMAIN_MAX: usize = 253;

/// Names with empty or long labels, or of one label, are never asked for (RFC 7208 4.3).
fn can_be_asked(domain: &str) -> bool {
    let labels_fit = |name: &str| name.split('.').all(|label| (1..=63).contains(&label.len()));
    let name = domain.trim_end_matches('.');
    name.len() <= DOMAIN_MAX && name.contains('.') && labels_fit(name)
}

/// `name=value`, and no mechanism (RFC 7208 4.6.1).
fn is_modifier(term: &str) -> bool {
    let name = term.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    term.as_bytes().get(name.count()) == Some(&b'=')
}

fn is_within(name: &str, domain: &str) -> bool {
    let (name, domain) = (name.to_ascii_lowercase(), domain.to_ascii_lowercase());
    name == domain || name.strip_suffix(&domain).is_some_and(|rest| rest.ends_with('.'))
}

fn result_of(qualifier: &Qualifier) -> SpfResult {
    match qualifier {
        Qualifier::Pass => SpfResult::Pass,
        Qualifier::Fail => SpfResult::Fail,
        Qualifier::SoftFail => SpfResult::SoftFail,
        Qualifier::Neutral => SpfResult::Neutral,
    }
}

/// The bits of an address that count, for each family.
#[derive(Clone, Copy)]
struct Mask {
    four: u32,
    six: u128,
}

impl Mask {
    fn fits(self, network: IpAddr, address: IpAddr) -> bool {
        match (network, address) {
            // `::ffff:192.0.2.1` in a policy is meant for that IPv4 address.
            (IpAddr::V6(network), IpAddr::V4(address)) => {
                (network.to_bits() ^ address.to_ipv6_mapped().to_bits()) & self.six == 0 && self.six != 0
            }
            (IpAddr::V4(network), IpAddr::V4(address)) => (network.to_bits() ^ address.to_bits()) & self.four == 0,
            (IpAddr::V6(network), IpAddr::V6(address)) => (network.to_bits() ^ address.to_bits()) & self.six == 0,
            _ => false,
        }
    }
}
