//! Where to connect: the addresses of a site's hosts in the order in which they are tried, and addresses that must not
//! be connected to.
//!
//! Order: preference (RFC 5321 5.1), hosts of equal preference shuffled by a seed, the families of their addresses in
//! turns (RFC 8305 4), what is known to be dead or unfit last.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;

use dns::{DnsFailure, Resolver};
use futures::future::join_all;
use mail::bounce::Failure;
use model::hash;
use model::name::Name;
use model::route::{MxHost, Site, Source};
use model::smarthost::Route;

/// Hosts whose addresses are looked up at a time.
const LOOKUPS_MAX: usize = 4;

/// A place to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub host: Name,
    pub end: End,
    /// Lower ones come first; the next one only when none of these can be reached.
    pub preference: u16,
}

/// The end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Over a network.
    Tcp(SocketAddr),
    /// A socket of this machine.
    Unix(PathBuf),
}

impl End {
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            End::Tcp(address) => Some(*address),
            End::Unix(_) => None,
        }
    }
}

/// For whom candidates are looked for.
#[derive(Clone, Copy)]
pub(crate) struct Query<'a> {
    pub site: &'a Site,
    pub source: &'a Source,
    /// The port of mail hosts.
    pub port: u16,
    /// Of a host with both families, IPv6 comes first.
    pub ipv6_first: bool,
    /// Spreads the load.
    pub seed: u64,
    /// Most candidates.
    pub max: usize,
}

/// No address to connect to: what it means, and in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NoRoute {
    pub failure: Failure,
    /// Whatever the dictionary says: it is not tried again.
    pub permanent: bool,
    pub reason: String,
}

impl NoRoute {
    fn for_now(failure: Failure, reason: String) -> Self {
        NoRoute { failure, permanent: false, reason }
    }

    fn forbidden(failure: Failure, reason: String) -> Self {
        NoRoute { failure, permanent: true, reason }
    }
}

/// Which addresses must not be connected to: a domain's MX is the word of a stranger.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    allow_private: bool,
    port: u16,
    /// Listeners of this program.
    own: Vec<SocketAddr>,
}

impl Gate {
    pub fn new(allow_private: bool, port: u16, own: Vec<SocketAddr>) -> Self {
        Gate { allow_private, port, own }
    }

    /// Whether an address may be connected to for another purpose than delivery.
    pub fn allows(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        !is_nobodys(address) && (self.allow_private || !is_private(address))
    }

    /// Why nothing is delivered to this address, if so.
    fn refusal(&self, host: &str, address: IpAddr, by_name: bool) -> Option<NoRoute> {
        let address = address.to_canonical();
        if !is_nobodys(address) && self.is_own(address) {
            let reason = format!("5.4.6: {host} ({address}) is this host: the mail would loop");
            return Some(NoRoute::forbidden(Failure::Loop, reason));
        }
        if is_nobodys(address) || (!self.allow_private && !by_name && is_private(address)) {
            let reason = format!("5.4.6: the MX points to a private address: {host} ({address})");
            return Some(NoRoute::forbidden(Failure::NoRoute, reason));
        }
        None
    }

    fn is_own(&self, address: IpAddr) -> bool {
        self.own.iter().any(|listener| {
            let everywhere = listener.ip().is_unspecified();
            listener.port() == self.port && (listener.ip() == address || (everywhere && is_of_this_machine(address)))
        })
    }
}

/// Only an address of this machine can be bound.
fn is_of_this_machine(address: IpAddr) -> bool {
    address.is_loopback() || UdpSocket::bind((address, 0)).is_ok()
}

/// No single host has such an address.
fn is_nobodys(address: IpAddr) -> bool {
    address.is_unspecified() || address.is_multicast() || address == Ipv4Addr::BROADCAST
}

/// Addresses that mean something else on each network: this machine, private networks (RFC 1918, 4193), the link
/// (RFC 3927, 4291), the carrier's network (RFC 6598), "this network" (RFC 1122).
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            let carrier = first == 100 && (64..128).contains(&second);
            v4.is_loopback() || v4.is_private() || v4.is_link_local() || carrier || first == 0
        }
        IpAddr::V6(v6) => {
            // An IPv4 address inside: deprecated compatible form, NAT64 (RFC 6052).
            let inside = match v6.segments() {
                [0, 0, 0, 0, 0, 0, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
                    Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
                }
                _ => None,
            };
            let site_local = v6.segments()[0] & 0xffc0 == 0xfec0;
            v6.is_loopback()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
                || site_local
                || inside.is_some_and(|v4| is_private(IpAddr::V4(v4)))
        }
    }
}

/// The places of a site, best preference first and at most `max`. Where one of the hosts is this one, it and all that
/// are not better are left out (RFC 5321 5.1). A source with addresses of one family reaches only hosts of that family.
///
/// # Errors
/// There is none, and why: what may be better later is told before what will not.
pub(crate) async fn candidates(resolver: &Resolver, gate: &Gate, query: Query<'_>) -> Result<Vec<Candidate>, NoRoute> {
    let hosts = match &query.site.smarthost {
        Some(route) => of_route(route, query.seed),
        None => in_order(&query.site.hosts, query.seed)
            .into_iter()
            .map(|host| Wanted {
                host: host.name.clone(),
                port: query.port,
                preference: host.preference,
                by_name: false,
            })
            .collect(),
    };
    let mut found: Vec<Candidate> = Vec::new();
    let mut reason = NoRoute::for_now(Failure::NoRoute, "the site has no hosts".to_owned());
    let mut preference = (0, 0);
    for some in hosts.chunks(LOOKUPS_MAX) {
        if found.len() >= query.max {
            break;
        }
        let answers = join_all(some.iter().map(|wanted| ends(resolver, wanted))).await;
        for (wanted, answer) in some.iter().zip(answers) {
            if wanted.preference != preference.0 {
                preference = (wanted.preference, found.len());
            }
            let Some(refused) = answer.and_then(|ends| add(wanted, ends, query, gate, &mut found)).err() else {
                continue;
            };
            if refused.failure == Failure::Loop {
                found.truncate(preference.1.min(query.max));
                return if found.is_empty() { Err(refused) } else { Ok(found) };
            }
            if reason.failure != Failure::DnsTemporary {
                reason = refused;
            }
        }
    }
    found.truncate(query.max);
    if found.is_empty() { Err(reason) } else { Ok(found) }
}

/// A host that is wanted.
struct Wanted {
    host: Name,
    port: u16,
    preference: u16,
    /// The operator has named it: also where it is not on a public network, and without its MX.
    by_name: bool,
}

/// The hosts of a route of the operator: by priority, equal ones by weight.
fn of_route(route: &Route, seed: u64) -> Vec<Wanted> {
    let mut hosts: Vec<(u16, f64, Wanted)> = Vec::new();
    for (place, host) in route.hosts.iter().enumerate().filter(|(_, host)| host.weight > 0) {
        // Sorted by -ln(u)/weight, the first is each one with the probability of its weight.
        let number = mix(seed ^ ((place as u64) << 32)) >> 11;
        let share = (number as f64 + 1.0) / (1_u64 << 53) as f64;
        let (name, port) = (Name::from(host.host.as_str()), host.port_for(route.protocol));
        let wanted = Wanted { host: name, port, preference: host.priority, by_name: true };
        hosts.push((host.priority, -share.ln() / f64::from(host.weight), wanted));
    }
    hosts.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    hosts.into_iter().map(|(_, _, wanted)| wanted).collect()
}

/// Adds the places of a host that can be connected to; when it is none, why. A loop is always told.
fn add(
    wanted: &Wanted,
    ends: Vec<End>,
    query: Query<'_>,
    gate: &Gate,
    found: &mut Vec<Candidate>,
) -> Result<(), NoRoute> {
    let reason = format!("{}: no address that the source can reach", wanted.host);
    let mut refused = NoRoute::for_now(Failure::NoRoute, reason);
    let before = found.len();
    for end in in_turns(ends, query.ipv6_first) {
        let candidate = Candidate { host: wanted.host.clone(), end, preference: wanted.preference };
        if let Some(to) = candidate.end.tcp() {
            if query.source.egress.is_empty() && query.source.address_for(to.ip()).is_err() {
                continue;
            }
            match gate.refusal(&wanted.host, to.ip(), wanted.by_name) {
                Some(refusal) if refusal.failure == Failure::Loop => return Err(refusal),
                Some(refusal) => {
                    refused = refusal;
                    continue;
                }
                None => {}
            }
        }
        if !found.iter().any(|known| known.end == candidate.end) {
            found.push(candidate);
        }
    }
    // A host whose addresses are all those of another one is reached by those.
    if found.len() == before && !found.iter().any(|known| known.preference == wanted.preference) {
        return Err(refused);
    }
    Ok(())
}

/// One family after the other, the preferred one first (RFC 8305 4).
fn in_turns(ends: Vec<End>, ipv6_first: bool) -> Vec<End> {
    let (six, four): (Vec<End>, Vec<End>) =
        ends.into_iter().partition(|end| end.tcp().is_some_and(|address| address.is_ipv6()));
    let (mut first, mut second) =
        if ipv6_first { (six.into_iter(), four.into_iter()) } else { (four.into_iter(), six.into_iter()) };
    let mut turns = Vec::new();
    loop {
        let before = turns.len();
        turns.extend(first.next());
        turns.extend(second.next());
        if turns.len() == before {
            return turns;
        }
    }
}

/// The ends of a host. It may be an address itself: mail to `user@[192.0.2.1]`. An MX that names an address or this
/// machine is none (RFC 5321 5.1: a domain name).
async fn ends(resolver: &Resolver, wanted: &Wanted) -> Result<Vec<End>, NoRoute> {
    let host = &*wanted.host;
    if let Some(path) = host.strip_prefix("unix:").filter(|_| wanted.by_name) {
        return Ok(vec![End::Unix(PathBuf::from(path))]);
    }
    let literal = host.starts_with('[') && host.ends_with(']');
    if let Ok(address) = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        if literal || wanted.by_name {
            return Ok(vec![End::Tcp(SocketAddr::new(address, wanted.port))]);
        }
        return Err(NoRoute::forbidden(Failure::NoRoute, format!("5.1.2: the MX is an address, not a name: {host}")));
    }
    if !wanted.by_name && (host == "localhost" || host.ends_with(".localhost")) {
        return Err(NoRoute::forbidden(Failure::NoRoute, format!("5.4.6: the MX is {host}")));
    }
    match resolver.addresses(host).await {
        Ok(addresses) => {
            Ok(addresses.into_iter().map(|address| End::Tcp(SocketAddr::new(address, wanted.port))).collect())
        }
        Err(DnsFailure::Nothing(name)) => Err(NoRoute::for_now(Failure::NoRoute, format!("{name}: no address"))),
        Err(error @ DnsFailure::Temporary { .. }) => Err(NoRoute::for_now(Failure::DnsTemporary, error.to_string())),
    }
}

fn in_order(hosts: &[MxHost], seed: u64) -> Vec<&MxHost> {
    let mut hosts: Vec<(u16, u64, &MxHost)> = hosts
        .iter()
        .enumerate()
        .map(|(place, host)| (host.preference, mix(seed ^ (place as u64) << 32), host))
        .collect();
    hosts.sort_by_key(|(preference, shuffled, _)| (*preference, *shuffled));
    hosts.into_iter().map(|(_, _, host)| host).collect()
}

/// Spreads numbers evenly: what SplitMix64 gives first for this seed.
pub(crate) fn mix(number: u64) -> u64 {
    hash::mix(number.wrapping_add(hash::GAMMA))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn site(hosts: &[(&str, u16)]) -> Site {
        let hosts = hosts.iter().map(|(name, preference)| MxHost { name: Name::from(*name), preference: *preference });
        Site { name: Name::from("site"), provider: Name::from("provider"), hosts: hosts.collect(), smarthost: None }
    }

    async fn check(zone: &str, hosts: &[(&str, u16)], bind: Option<&str>, expected: Result<&[&str], &str>) {
        let resolver = Resolver::zone(dns::Zone::parse(zone).unwrap());
        let bind = bind.map(|address| address.parse().unwrap());
        let gate = Gate::new(false, 25, vec!["203.0.113.25:25".parse().unwrap()]);
        let (source, site) = (Source::new("s", bind, "s.test"), site(hosts));
        let query = Query { site: &site, source: &source, port: 25, ipv6_first: true, seed: 1, max: 3 };
        let found = candidates(&resolver, &gate, query).await;
        let show = |c: &Candidate| format!("{} {}", c.host, c.end.tcp().unwrap().ip());
        let found = found.map(|found| found.iter().map(show).collect::<Vec<_>>());
        let found = found.map_err(|none| format!("{:?} {}", none.failure, none.reason));
        let expected = expected.map(|list| list.iter().map(|text| (*text).to_owned()).collect()).map_err(str::to_owned);
        assert_eq!(found, expected, "{hosts:?}");
    }

    #[tokio::test]
    async fn preference_family_and_count() {
        let zone = r#"{"a.test": {"A": ["192.0.2.1", "192.0.2.2"], "AAAA": ["2001:db8::1"]}, "b.test": {"A": ["192.0.2.3"]},
                       "c.test": {"A": ["192.0.2.1"]}, "six.test": {"AAAA": ["2001:db8::6"]}}"#;
        let all: &[&str] = &["b.test 192.0.2.3", "a.test 2001:db8::1", "a.test 192.0.2.1"];
        check(zone, &[("a.test", 20), ("b.test", 10)], None, Ok(all)).await;
        let four: &[&str] = &["a.test 192.0.2.1", "a.test 192.0.2.2"];
        check(zone, &[("a.test", 10), ("c.test", 20)], Some("127.0.0.1"), Ok(four)).await;
        let none = "NoRoute six.test: no address that the source can reach";
        check(zone, &[("six.test", 10)], Some("127.0.0.1"), Err(none)).await;
        check(zone, &[("gone.test", 10)], None, Err("NoRoute gone.test: no address")).await;
        check(zone, &[("[192.0.2.9]", 0)], None, Ok(&["[192.0.2.9] 192.0.2.9"])).await;
        check(zone, &[], None, Err("NoRoute the site has no hosts")).await;
        let number = "NoRoute 5.1.2: the MX is an address, not a name: 192.0.2.9";
        check(zone, &[("192.0.2.9", 0)], None, Err(number)).await;
        check(zone, &[("x.localhost", 0)], None, Err("NoRoute 5.4.6: the MX is x.localhost")).await;
        check(zone, &[("localhost", 0), ("b.test", 10)], None, Ok(&["b.test 192.0.2.3"])).await;
    }

    #[tokio::test]
    async fn private_hosts_are_no_route_and_our_own_a_loop() {
        let zone = r#"{"in.test": {"A": ["10.0.0.7", "127.0.0.1"]}, "half.test": {"A": ["192.168.1.1", "192.0.2.1"]},
                       "out.test": {"A": ["192.0.2.2"]}, "us.test": {"A": ["203.0.113.25"]}}"#;
        let private = "NoRoute 5.4.6: the MX points to a private address: in.test (127.0.0.1)";
        check(zone, &[("in.test", 10)], None, Err(private)).await;
        check(zone, &[("in.test", 10), ("half.test", 20)], None, Ok(&["half.test 192.0.2.1"])).await;
        let literal = "NoRoute 5.4.6: the MX points to a private address: [::ffff:127.0.0.1] (127.0.0.1)";
        check(zone, &[("[::ffff:127.0.0.1]", 0)], None, Err(literal)).await;
        let looped = "Loop 5.4.6: us.test (203.0.113.25) is this host: the mail would loop";
        check(zone, &[("us.test", 10), ("out.test", 10), ("half.test", 20)], None, Err(looped)).await;
        check(zone, &[("out.test", 10), ("us.test", 20), ("half.test", 30)], None, Ok(&["out.test 192.0.2.2"])).await;
    }

    #[test]
    fn who_must_not_be_connected_to() {
        let refused = |gate: &Gate, address: &str| {
            gate.refusal("mx", address.parse().unwrap(), false).map(|refusal| refusal.failure)
        };
        let closed = Gate::new(false, 25, vec!["192.0.2.9:25".parse().unwrap(), "192.0.2.8:587".parse().unwrap()]);
        let open = Gate::new(true, 2525, vec!["0.0.0.0:2525".parse().unwrap()]);
        for (address, when_closed, when_open) in [
            ("8.8.8.8", None, None),
            ("2001:4860::1", None, None),
            ("192.0.2.8", None, None),
            ("192.0.2.9", Some(Failure::Loop), None),
            ("::ffff:192.0.2.9", Some(Failure::Loop), None),
            ("127.0.0.5", Some(Failure::NoRoute), Some(Failure::Loop)),
            ("::1", Some(Failure::NoRoute), Some(Failure::Loop)),
            ("10.1.2.3", Some(Failure::NoRoute), None),
            ("172.31.0.1", Some(Failure::NoRoute), None),
            ("172.32.0.1", None, None),
            ("192.168.0.1", Some(Failure::NoRoute), None),
            ("169.254.169.254", Some(Failure::NoRoute), None),
            ("100.64.0.1", Some(Failure::NoRoute), None),
            ("100.128.0.1", None, None),
            ("::ffff:10.0.0.1", Some(Failure::NoRoute), None),
            ("64:ff9b::a00:1", Some(Failure::NoRoute), None),
            ("64:ff9b::808:808", None, None),
            ("fd00::1", Some(Failure::NoRoute), None),
            ("fe80::1", Some(Failure::NoRoute), None),
            ("0.0.0.0", Some(Failure::NoRoute), Some(Failure::NoRoute)),
            ("::", Some(Failure::NoRoute), Some(Failure::NoRoute)),
            ("224.0.0.1", Some(Failure::NoRoute), Some(Failure::NoRoute)),
            ("255.255.255.255", Some(Failure::NoRoute), Some(Failure::NoRoute)),
        ] {
            assert_eq!(refused(&closed, address), when_closed, "{address}");
            assert_eq!(refused(&open, address), when_open, "{address} with private routes");
        }
    }

    #[test]
    fn equal_preferences_share_the_load() {
        let site = site(&[("a", 10), ("b", 10), ("c", 20)]);
        let mut first = HashMap::new();
        for seed in 0..1_000 {
            let order = in_order(&site.hosts, mix(seed));
            assert_eq!(order[2].name, "c");
            *first.entry(order[0].name.clone()).or_insert(0) += 1;
        }
        assert!(first.values().all(|&count| count > 400), "{first:?}");
    }
}
