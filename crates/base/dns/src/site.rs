//! Roll-up: domains that are served by the same MX hosts share one site.

use model::hash::{FNV_OFFSET, fnv1a_from};
use model::name::Name;
use model::route::MxHost;

/// The name of a set of MX hosts: the first host by preference and name, and how many others there are, with a
/// fingerprint of the whole set so that different sets never share a name.
///
/// Equal sets (whatever the order in the answer) give equal names. Preferences count: a set with other preferences is
/// walked differently and so is another site.
pub fn site_name(hosts: &[MxHost]) -> Name {
    let mut sorted: Vec<&MxHost> = hosts.iter().collect();
    sorted.sort_by(|a, b| a.preference.cmp(&b.preference).then_with(|| a.name.cmp(&b.name)));
    sorted.dedup();
    match sorted.as_slice() {
        [] => Name::from("(none)"),
        [only] => only.name.clone(),
        [first, others @ ..] => {
            Name::from(format!("{}+{}~{:06x}", first.name, others.len(), fingerprint(&sorted) & 0xff_ffff))
        }
    }
}

/// Over names and the order of their preferences; stable over restarts and machines.
fn fingerprint(hosts: &[&MxHost]) -> u64 {
    let mut hash = FNV_OFFSET;
    let mut rank = 0_u8;
    for (idx, host) in hosts.iter().enumerate() {
        if idx > 0 && hosts[idx - 1].preference != host.preference {
            rank = rank.saturating_add(1);
        }
        hash = fnv1a_from(hash, host.name.bytes().chain([0, rank]));
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(list: &[(u16, &str)]) -> Vec<MxHost> {
        list.iter().map(|&(preference, name)| MxHost { name: Name::from(name), preference }).collect()
    }

    #[test]
    fn equal_sets_share_a_name() {
        let gmail = hosts(&[(5, "gmail-smtp-in.l.google.com"), (10, "alt1.gmail-smtp-in.l.google.com")]);
        let reversed: Vec<MxHost> = gmail.iter().rev().cloned().collect();
        assert_eq!(site_name(&gmail), site_name(&reversed));
        assert!(site_name(&gmail).starts_with("gmail-smtp-in.l.google.com+1~"));
        assert_eq!(site_name(&hosts(&[(10, "mx.example.org")])), "mx.example.org");
    }

    #[test]
    fn different_sets_do_not() {
        let one = site_name(&hosts(&[(5, "a.example"), (10, "b.example")]));
        assert_ne!(one, site_name(&hosts(&[(5, "a.example"), (10, "c.example")])));
        assert_ne!(one, site_name(&hosts(&[(5, "a.example"), (5, "b.example")])), "other order of walking");
        assert_eq!(one, site_name(&hosts(&[(1, "a.example"), (2, "b.example")])), "same order of walking");
    }
}
