//! Where to connect: the addresses of a site's hosts in the order in which they are tried, and hosts whose TLS is broken.

use std::net::IpAddr;
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
    pub reason: String,
}

/// The addresses of a site, best preference first and at most `max`. Hosts of equal preference come in an order that
/// depends on `seed` (RFC 5321 5.1: spread the load). With `bind` only addresses of its family count.
pub(crate) async fn candidates(
    resolver: &Resolver,
    site: &Site,
    bind: Option<IpAddr>,
    seed: u64,
    max: usize,
) -> Result<Vec<Candidate>, NoRoute> {
    let mut found: Vec<Candidate> = Vec::new();
    let mut reason = NoRoute { failure: Failure::NoRoute, reason: "the site has no hosts".to_owned() };
    for host in in_order(&site.hosts, seed) {
        if found.len() >= max {
            break;
        }
        match addresses(resolver, &host.name).await {
            Ok(addresses) => {
                let fitting =
                    addresses.into_iter().filter(|address| bind.is_none_or(|own| own.is_ipv4() == address.is_ipv4()));
                let before = found.len();
                for address in fitting {
                    let candidate = Candidate { host: host.name.clone(), address };
                    if !found.iter().any(|known| known.address == address) {
                        found.push(candidate);
                    }
                }
                if found.len() == before && reason.failure != Failure::DnsTemporary {
                    reason.reason = format!("{}: no address that the source can reach", host.name);
                }
            }
            Err(DnsFailure::Nothing(name)) if reason.failure != Failure::DnsTemporary => {
                reason.reason = format!("{name}: no address");
            }
            Err(DnsFailure::Nothing(_)) => {}
            Err(error @ DnsFailure::Temporary { .. }) => {
                reason = NoRoute { failure: Failure::DnsTemporary, reason: error.to_string() };
            }
        }
    }
    found.truncate(max);
    if found.is_empty() { Err(reason) } else { Ok(found) }
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
        Site { name: Name::from("site"), provider: Name::from("provider"), hosts: hosts.collect() }
    }

    async fn check(zone: &str, hosts: &[(&str, u16)], bind: Option<&str>, expected: Result<&[&str], &str>) {
        let resolver = Resolver::zone(dns::Zone::parse(zone).unwrap());
        let bind = bind.map(|address| address.parse().unwrap());
        let found = candidates(&resolver, &site(hosts), bind, 1, 3).await;
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
