//! Reverse proxies in front of the HTTP service: whose word about the client's address is taken.
//!
//! Anybody can write `X-Forwarded-For`. So the header counts only when the connection comes from a network that is
//! listed, and it is read from its end, where the nearest proxy has written: the first address that is not a listed
//! proxy is the client. What stands in front of it the client may have made up. One header is looked at, the one that
//! the proxy is known to write: the other one may come from the client untouched.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, header};
use intake::Network;
use serde::{Deserialize, Serialize};

/// Most hops looked at from the end of the header.
pub const HOPS_MAX: usize = 32;

/// The header in which proxies tell whom they speak for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardedHeader {
    /// `X-Forwarded-For: client, proxy`.
    #[default]
    XForwardedFor,
    /// `Forwarded: for=client, for=proxy` (RFC 7239).
    Forwarded,
}

/// The proxies that are believed.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    trusted: Vec<Network>,
    header: ForwardedHeader,
}

impl Proxies {
    /// Believes what these networks write into this header. Without a network, nobody is believed.
    pub fn new(trusted: Vec<Network>, header: ForwardedHeader) -> Self {
        Proxies { trusted, header }
    }

    /// The address of the client behind a connection from `peer`.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        if !self.trusts(client) {
            return client;
        }
        let (name, read): (HeaderName, fn(&str) -> Option<IpAddr>) = match self.header {
            ForwardedHeader::XForwardedFor => (HeaderName::from_static("x-forwarded-for"), address),
            ForwardedHeader::Forwarded => (header::FORWARDED, forwarded_for),
        };
        let lines: Vec<&str> = headers.get_all(name).iter().map(|line| line.to_str().unwrap_or_default()).collect();
        for hop in lines.iter().rev().flat_map(|line| line.rsplit(',')).take(HOPS_MAX) {
            // A hop that hides itself, or is no address: nothing in front of it can be checked.
            let Some(hop) = read(hop) else { break };
            client = hop;
            if !self.trusts(client) {
                break;
            }
        }
        client
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(address))
    }
}

/// `for=192.0.2.1;proto=https`, `For="[2001:db8::1]:4711"`. No quoted commas: no proxy writes any.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    address(value.trim().trim_matches('"'))
}

/// An address, with or without a port and brackets.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let found = bare.parse().ok().or_else(|| text.parse().ok().map(|socket: SocketAddr| socket.ip()));
    found.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(header: ForwardedHeader, peer: &str, lines: &[(&'static str, &str)], expected: &str) {
        let trusted = ["127.0.0.1", "10.0.0.0/8"].map(|network| network.parse().unwrap());
        let mut headers = HeaderMap::new();
        for (name, line) in lines {
            headers.append(*name, line.parse().unwrap());
        }
        let client = Proxies::new(trusted.to_vec(), header).client(peer.parse().unwrap(), &headers);
        assert_eq!(client.to_string(), expected, "{peer} {lines:?}");
    }

    #[test]
    fn the_last_hop_that_is_no_proxy_is_the_client() {
        let xff = |peer, line, expected| {
            check(ForwardedHeader::XForwardedFor, peer, &[("x-forwarded-for", line)], expected);
        };
        xff("192.0.2.9", "198.51.100.1", "192.0.2.9");
        xff("127.0.0.1", "198.51.100.1", "198.51.100.1");
        xff("::ffff:127.0.0.1", " 198.51.100.1:4711 ", "198.51.100.1");
        xff("127.0.0.1", "203.0.113.66, 198.51.100.1", "198.51.100.1");
        xff("127.0.0.1", "203.0.113.66, 198.51.100.1, 10.1.2.3", "198.51.100.1");
        xff("127.0.0.1", "10.9.9.9, 10.1.2.3", "10.9.9.9");
        xff("127.0.0.1", "[2001:db8::1]:4711", "2001:db8::1");
        xff("127.0.0.1", "203.0.113.66, unknown, 10.1.2.3", "10.1.2.3");
        xff("127.0.0.1", "203.0.113.66, ", "127.0.0.1");
        check(ForwardedHeader::XForwardedFor, "127.0.0.1", &[], "127.0.0.1");
        let two = [("x-forwarded-for", "203.0.113.66"), ("x-forwarded-for", "198.51.100.1")];
        check(ForwardedHeader::XForwardedFor, "127.0.0.1", &two, "198.51.100.1");
        let long = vec!["10.0.0.1"; HOPS_MAX + 1].join(",");
        xff("127.0.0.1", &format!("198.51.100.1,{long}"), "10.0.0.1");
    }

    #[test]
    fn one_header_is_believed_and_the_other_is_not() {
        let both = [("x-forwarded-for", "203.0.113.66"), ("forwarded", "for=198.51.100.1;proto=https")];
        check(ForwardedHeader::Forwarded, "127.0.0.1", &both, "198.51.100.1");
        check(ForwardedHeader::XForwardedFor, "127.0.0.1", &both, "203.0.113.66");
        let forwarded = |line, expected| {
            check(ForwardedHeader::Forwarded, "127.0.0.1", &[("forwarded", line)], expected);
        };
        forwarded("for=203.0.113.66, by=10.0.0.1; For=\"[2001:db8::1]:4711\"", "2001:db8::1");
        forwarded("for=203.0.113.66, for=_hidden", "127.0.0.1");
        // A quote that the client leaves open does not swallow what the proxy adds.
        forwarded("for=\"203.0.113.66, for=198.51.100.1", "198.51.100.1");
    }
}
