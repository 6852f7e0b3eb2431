//! Numbers that are the same on every machine and in every version: FNV-1a over bytes, and the mixer of SplitMix64.
//!
//! Ids of events, columns of the event store, names of sites and the jitter of retries are made of them: what they give
//! must never change. Neither withstands somebody who chooses what goes in: not for keys, tokens, or tables that
//! strangers fill.
//! Source: draft-eastlake-fnv; Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators" (2014).

/// Where [`fnv1a`] begins.
pub const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

/// What the state of SplitMix64 grows by before each [`mix`].
pub const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// FNV-1a of these bytes, 64 bits. Weak in its upper bits.
pub fn fnv1a(bytes: impl IntoIterator<Item = u8>) -> u64 {
    fnv1a_from(FNV_OFFSET, bytes)
}

/// FNV-1a that begins elsewhere: with [`FNV_OFFSET`] changed by a seed, or where an earlier one ended.
pub fn fnv1a_from(start: u64, bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes.into_iter().fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Spreads the bits of a number: the finaliser of SplitMix64. 0 stays 0.
pub const fn mix(number: u64) -> u64 {
    let z = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fnv_is_that_of_its_authors() {
        for (text, expected) in
            [("", 0xcbf2_9ce4_8422_2325), ("a", 0xaf63_dc4c_8601_ec8c), ("foobar", 0x8594_4171_f739_67e8)]
        {
            assert_eq!(fnv1a(text.bytes()), expected, "{text}");
        }
        assert_eq!(fnv1a_from(fnv1a("foo".bytes()), "bar".bytes()), fnv1a("foobar".bytes()));
    }

    #[test]
    fn splitmix_is_that_of_its_authors() {
        let stream = |seed: u64, count: u64| -> Vec<u64> {
            (1..=count).map(|n| mix(seed.wrapping_add(GAMMA.wrapping_mul(n)))).collect()
        };
        assert_eq!(stream(0, 3), [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f]);
        assert_eq!(stream(1_234_567, 2), [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
        assert_eq!(mix(0), 0);
    }
}
