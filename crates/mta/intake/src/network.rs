//! Networks in CIDR notation: `127.0.0.0/8`, `::1`, `10.1.0.0/16`.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A network: an address and how many of its bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// A text that is not a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a network such as \"10.0.0.0/8\" or \"::1\"")]
pub struct NetworkError(String);

impl Network {
    /// Whether an address belongs to it. IPv4 addresses mapped into IPv6 are taken for what they are.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (own, own_len) = bits(self.address);
        let (other, other_len) = bits(address.to_canonical());
        let ignored = own_len - u32::from(self.prefix);
        own_len == other_len && own.checked_shr(ignored).unwrap_or(0) == other.checked_shr(ignored).unwrap_or(0)
    }
}

impl Network {
    /// Whether every address of its family belongs to it.
    pub fn is_everything(&self) -> bool {
        self.prefix == 0
    }
}

/// The bits of an address, and how many they are.
fn bits(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()), 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let refuse = || NetworkError(text.chars().take(60).collect());
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.trim().parse().map_err(|_| refuse())?;
        let len = bits(address).1 as u8;
        let prefix = prefix.map_or(Ok(len), |prefix| prefix.trim().parse().map_err(|_| refuse()))?;
        if prefix <= len { Ok(Network { address, prefix }) } else { Err(refuse()) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if u32::from(self.prefix) == bits(self.address).1 {
            write!(f, "{}", self.address)
        } else {
            write!(f, "{}/{}", self.address, self.prefix)
        }
    }
}

impl Serialize for Network {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl schemars::JsonSchema for Network {
    fn schema_name() -> Cow<'static, str> {
        "Network".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "description": "a network such as \"10.0.0.0/8\" or \"::1\"" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn membership() {
        let check = |network: &str, address: &str, expected: bool| {
            let found = network.parse::<Network>().unwrap().contains(address.parse().unwrap());
            assert_eq!(found, expected, "{address} in {network}");
        };
        check("127.0.0.0/8", "127.1.2.3", true);
        check("127.0.0.0/8", "::ffff:127.0.0.1", true);
        check("127.0.0.0/8", "128.0.0.1", false);
        check("::1", "::1", true);
        check("::1", "::2", false);
        check("::1", "0.0.0.1", false);
        check("10.0.0.0/8", "::a00:1", false);
        check("0.0.0.0/0", "203.0.113.9", true);
        check("0.0.0.0/0", "2001:db8::1", false);
        check("::/0", "2001:db8::1", true);
        check("2001:db8::/32", "2001:db8:ffff::1", true);
        check("192.0.2.7", "192.0.2.7", true);
        check("192.0.2.7", "192.0.2.6", false);
    }

    #[test]
    fn text_form() {
        for (text, expected) in [
            ("127.0.0.0/8", Some("127.0.0.0/8")),
            ("::1/128", Some("::1")),
            ("10.0.0.1", Some("10.0.0.1")),
            ("10.0.0.0/33", None),
            ("10.0.0.0/", None),
            ("10.0.0", None),
            ("localhost", None),
            ("::/129", None),
        ] {
            let found = text.parse::<Network>().ok().map(|network| network.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }
}
