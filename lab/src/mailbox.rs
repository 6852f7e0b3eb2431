//! What a mailbox is like: decided by the seed and the address, the same at every attempt and in every run.

use model::hash::{FNV_OFFSET, GAMMA, fnv1a_from};

use crate::scenario::Mailboxes;

/// A mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mailbox {
    /// Takes mail.
    Open,
    /// There is none.
    Unknown,
    /// Full, and stays so.
    Full,
    /// Full at the first attempt, with room at a later one.
    FullAtFirst,
    /// Disabled.
    Disabled,
    /// Its provider takes this sender's mail to it for spam.
    Spam,
}

/// A number from 0 to 1 that depends on nothing but the seed, the topic and the text.
pub fn chance(seed: u64, topic: &str, text: &str) -> f64 {
    let lower = text.to_lowercase();
    // No text has the byte 0xff: the two cannot run into each other.
    let bytes = topic.bytes().chain([0xff]).chain(lower.bytes()).chain([0xff]);
    let hash = fnv1a_from(FNV_OFFSET ^ seed.wrapping_mul(GAMMA), bytes);
    // The upper 53 bits after a final mix: FNV alone is weak in its upper bits.
    let mixed = (hash ^ (hash >> 31)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((mixed ^ (mixed >> 29)) >> 11) as f64 / (1_u64 << 53) as f64
}

impl Mailbox {
    /// The mailbox of this address. `postmaster` and `abuse` are there everywhere.
    pub fn of(seed: u64, address: &str, shares: &Mailboxes) -> Mailbox {
        let local = address.split('@').next().unwrap_or_default();
        if ["postmaster", "abuse"].iter().any(|known| local.eq_ignore_ascii_case(known)) {
            return Mailbox::Open;
        }
        let number = chance(seed, "mailbox", address);
        let mut edge = 0.0;
        let mut within = |share: f64| {
            edge += share;
            number < edge
        };
        if within(shares.unknown) {
            Mailbox::Unknown
        } else if within(shares.full / 2.0) {
            Mailbox::Full
        } else if within(shares.full / 2.0) {
            Mailbox::FullAtFirst
        } else if within(shares.disabled) {
            Mailbox::Disabled
        } else if within(shares.spam) {
            Mailbox::Spam
        } else {
            Mailbox::Open
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_kept_and_addresses_stay_what_they_are() {
        let shares = Mailboxes { unknown: 0.1, full: 0.2, disabled: 0.05, spam: 0.0 };
        let all: Vec<Mailbox> = (0..10_000).map(|n| Mailbox::of(7, &format!("a{n}@b.example"), &shares)).collect();
        let count = |wanted: Mailbox| all.iter().filter(|mailbox| **mailbox == wanted).count();
        assert!((850..1_150).contains(&count(Mailbox::Unknown)), "{}", count(Mailbox::Unknown));
        assert!((850..1_150).contains(&count(Mailbox::FullAtFirst)));
        assert!((350..650).contains(&count(Mailbox::Disabled)));
        assert_eq!(Mailbox::of(7, "A5@b.example", &shares), all[5]);
        assert_eq!(Mailbox::of(7, "postmaster@b.example", &Mailboxes { unknown: 1.0, ..shares }), Mailbox::Open);
    }

    #[test]
    fn seeds_make_other_worlds() {
        assert!((0..100).any(|n| {
            let text = n.to_string();
            (chance(1, "t", &text) - chance(2, "t", &text)).abs() > 0.5
        }));
    }
}
