//! Where to connect: the addresses of a site's hosts in the order in which they are tried, addresses that must not be
//! connected to, and hosts whose TLS is broken.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use dns::{DnsFailure, Resolver};
use lru::LruCache;
use mail::bounce::Failure;
use model::name::Name;
use model::route::{MxHost, Site};
use model::time::Timestamp;

/// A place to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub host: Name,
    pub address: IpAddr,
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

    /// Why nothing is delivered to this address, if so.
    fn refusal(&self, host: &str, address: IpAddr) -> Option<NoRoute> {
        let address = address.to_canonical();
        if !is_nobodys(address) && self.is_own(address) {
            let reason = format!("5.4.6: {host} ({address}) is this host: the mail would loop");
            return Some(NoRoute::forbidden(Failure::Loop, reason));
        }
        if is_nobodys(address) || (!self.allow_private && is_private(address)) {
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

/// The addresses of a site, best preference first and at most `max`. Hosts of equal preference come in an order that
/// depends on `seed` (RFC 5321 5.1: spread the load). With `bind` only addresses of its family count. Where one of the
/// hosts is this one, it and all that are not better are left out (RFC 5321 5.1).
pub(crate) async fn candidates(
    resolver: &Resolver,
    gate: &Gate,
    site: &Site,
    bind: Option<IpAddr>,
    seed: u64,
    max: usize,
) -> Result<Vec<Candidate>, NoRoute> {
    let mut found: Vec<Candidate> = Vec::new();
    let mut reason = NoRoute::for_now(Failure::NoRoute, "the site has no hosts".to_owned());
    let mut preference = (0, 0);
    for host in in_order(&site.hosts, seed) {
        if found.len() >= max {
            break;
        }
        if host.preference != preference.0 {
            preference = (host.preference, found.len());
        }
        let refused = match addresses(resolver, &host.name).await {
            Ok(addresses) => add(host, &addresses, bind, gate, &mut found),
            Err(DnsFailure::Nothing(name)) => Some(NoRoute::for_now(Failure::NoRoute, format!("{name}: no address"))),
            Err(error @ DnsFailure::Temporary { .. }) => {
                Some(NoRoute::for_now(Failure::DnsTemporary, error.to_string()))
            }
        };
        let Some(refused) = refused else { continue };
        let is_loop = refused.failure == Failure::Loop;
        // What may be better later is told before what will not.
        if reason.failure != Failure::DnsTemporary {
            reason = refused;
        }
        if is_loop {
            found.truncate(preference.1);
            break;
        }
    }
    found.truncate(max);
    if found.is_empty() { Err(reason) } else { Ok(found) }
}

/// Adds the addresses of a host that can be connected to; when it is none, why. A loop is always told.
fn add(
    host: &MxHost,
    addresses: &[IpAddr],
    bind: Option<IpAddr>,
    gate: &Gate,
    found: &mut Vec<Candidate>,
) -> Option<NoRoute> {
    let reason = format!("{}: no address that the source can reach", host.name);
    let mut refused = NoRoute::for_now(Failure::NoRoute, reason);
    let before = found.len();
    for &address in addresses.iter().filter(|address| bind.is_none_or(|own| own.is_ipv4() == address.is_ipv4())) {
        match gate.refusal(&host.name, address) {
            Some(refusal) if refusal.failure == Failure::Loop => return Some(refusal),
            Some(refusal) => refused = refusal,
            None if found.iter().any(|known| known.address == address) => {}
            None => found.push(Candidate { host: host.name.clone(), address }),
        }
    }
    (found.len() == before).then_some(refused)
}

/// A host may be an address itself: mail to `user@[192.0.2.1]`.
async fn addresses(resolver: &Resolver, host: &str) -> Result<Vec<IpAddr>, DnsFailure> {
    match host.trim_start_matches('[').trim_end_matches(']').parse() {
        Ok(address) => Ok(vec![address]),
        Err(_) => resolver.addresses(host).await,
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

/// Spreads numbers evenly (splitmix64).
pub(crate) fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Hosts whose TLS handshake failed not long ago.
#[derive(Debug)]
pub(crate) struct BrokenTls {
    until: Mutex<LruCache<Name, Timestamp>>,
    memory: Duration,
}

impl BrokenTls {
    /// At most so many hosts are remembered.
    const HOSTS_MAX: NonZeroUsize = NonZeroUsize::new(10_000).expect("not zero");

    pub fn new(memory: Duration) -> Self {
        BrokenTls { until: Mutex::new(LruCache::new(Self::HOSTS_MAX)), memory }
    }

    pub fn note(&self, host: &Name, now: Timestamp) {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.put(host.clone(), now.plus(self.memory));
    }

    pub fn is_broken(&self, host: &Name, now: Timestamp) -> bool {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.get(host).is_some_and(|until| now < *until)
    }
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
        let found = candidates(&resolver, &gate, &site(hosts), bind, 1, 3).await;
        let found = found.map(|found| found.iter().map(|c| format!("{} {}", c.host, c.address)).collect::<Vec<_>>());
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
        let refused =
            |gate: &Gate, address: &str| gate.refusal("mx", address.parse().unwrap()).map(|refusal| refusal.failure);
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

    #[test]
    fn broken_tls_is_forgotten() {
        let broken = BrokenTls::new(Duration::from_secs(10));
        let (host, now) = (Name::from("mx"), Timestamp::from_unix_s(1_000));
        broken.note(&host, now);
        assert!(broken.is_broken(&host, now.plus(Duration::from_secs(9))));
        assert!(!broken.is_broken(&host, now.plus(Duration::from_secs(10))));
        assert!(!broken.is_broken(&Name::from("other"), now));
    }
}
