//! Identities: 64-bit numbers that sort by birth and read as thirteen letters.
//!
//! Layout of a generated id, high to low: 42 bits milliseconds since 2020-01-01T00:00:00Z (until 2159), 10 bits node,
//! 12 bits sequence. The text form is Crockford base32 in lower case, thirteen characters, which sorts like the number.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::time::Timestamp;

const EPOCH_MS: i64 = 1_577_836_800_000;
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const TEXT_LEN: usize = 13;

/// A text that is not an id: wrong length, a foreign letter, or beyond 64 bits.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id (thirteen letters and digits): {0:?}")]
pub struct IdError(String);

fn write_id(id: u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut text = [0_u8; TEXT_LEN];
    for (place, letter) in text.iter_mut().rev().enumerate() {
        *letter = ALPHABET[(id >> (5 * place)) as usize & 31];
    }
    f.write_str(std::str::from_utf8(&text).expect("invariant: the alphabet is ASCII"))
}

fn read_id(text: &str) -> Result<u64, IdError> {
    let refuse = || IdError(text.chars().take(40).collect());
    if text.len() != TEXT_LEN {
        return Err(refuse());
    }
    let mut id: u64 = 0;
    for letter in text.bytes() {
        let digit = ALPHABET.iter().position(|&known| known == letter.to_ascii_lowercase()).ok_or_else(refuse)?;
        id = id.checked_mul(32).ok_or_else(refuse)? | digit as u64;
    }
    Ok(id)
}

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, minicbor::Encode, minicbor::Decode,
        )]
        #[cbor(transparent)]
        pub struct $name(#[n(0)] pub u64);

        text_schema!($name, "An id: thirteen letters and digits", "0cq2v7m9hk3xa");

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_id(self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                read_id(text).map($name)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                std::borrow::Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

id_type!(
    /// One accepted content with its envelope. A campaign variant is one message with many recipients.
    MessageId
);
id_type!(
    /// One recipient of one message: the unit that is scheduled, attempted and finished.
    RecipientId
);
id_type!(
    /// A campaign.
    CampaignId
);
id_type!(
    /// A contact; stays when the address changes.
    ContactId
);
id_type!(
    /// A list of contacts.
    ListId
);
id_type!(
    /// One import of contacts from a file.
    ImportId
);
id_type!(
    /// A person or a program that may log in.
    AccountId
);
id_type!(
    /// One connection of delivery, alive in one process.
    SessionId
);

/// Identity of an event that stays the same when the event is told again after a crash.
///
/// `root` is the recipient for everything that happens to one mail, otherwise a generated number; `leaf` tells the
/// events of one root apart: kind × 65,536 + ordinal (attempt, or count). Text form: root, a dot, leaf in decimal.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, minicbor::Encode, minicbor::Decode)]
pub struct EventId {
    /// The recipient's number, or a generated one.
    #[n(0)]
    pub root: u64,
    /// Kind × 65,536 + ordinal.
    #[n(1)]
    pub leaf: u32,
}

text_schema!(EventId, "An event: recipient or origin, a dot, a number", "0cq2v7m9hk3xa.196609");

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_id(self.root, f)?;
        write!(f, ".{}", self.leaf)
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventId({self})")
    }
}

impl FromStr for EventId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let refuse = || IdError(text.chars().take(40).collect());
        let (root, leaf) = text.split_once('.').ok_or_else(refuse)?;
        Ok(EventId { root: read_id(root)?, leaf: leaf.parse().map_err(|_| refuse())? })
    }
}

impl Serialize for EventId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EventId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Hands out ids that grow, even when the clock stands still or steps back.
#[derive(Debug)]
pub struct IdGenerator {
    node: u64,
    last: u64,
}

impl IdGenerator {
    /// Highest node number: ten bits.
    pub const NODE_MAX: u16 = 1023;

    /// A generator for one node (0 to 1023; higher bits are dropped).
    pub fn new(node: u16) -> Self {
        IdGenerator { node: u64::from(node & Self::NODE_MAX), last: 0 }
    }

    /// Continues behind an id that was found on disk, so that no id is given twice after the clock stepped back.
    pub fn resume_after(&mut self, id: u64) {
        self.last = self.last.max(id);
    }

    /// The next number. Beyond 4,096 in a millisecond it borrows from the following ones.
    pub fn next(&mut self, now: Timestamp) -> u64 {
        self.next_range(now, 1)
    }

    /// The first of `count` numbers in a row, none of them given before or again.
    pub fn next_range(&mut self, now: Timestamp, count: u64) -> u64 {
        let millis = u64::try_from(now.as_unix_ms() - EPOCH_MS).unwrap_or(0);
        let fresh = (millis << 22) | (self.node << 12);
        let first = if fresh > self.last { fresh } else { self.after_last() };
        let mut id = first;
        for _ in 1..count {
            self.last = id;
            id = self.after_last();
        }
        // A range must be numbers in a row: start it on a fresh millisecond when the sequence would wrap inside.
        if id - first != count - 1 {
            return self.range_of_whole_milliseconds(first, count);
        }
        self.last = id;
        first
    }

    fn after_last(&self) -> u64 {
        let next = self.last + 1;
        if (next >> 12) & 1023 == self.node { next } else { (((self.last >> 22) + 1) << 22) | (self.node << 12) }
    }

    fn range_of_whole_milliseconds(&mut self, first: u64, count: u64) -> u64 {
        debug_assert!(count <= RANGE_MAX, "callers split larger ranges");
        let start = (((first >> 22) + 1) << 22) | (self.node << 12);
        self.last = start + count - 1;
        start
    }
}

/// When a generated id was made, to the millisecond; ids made in a burst may lie a little ahead of the clock.
///
/// Numbers that were not generated give a time near 2020.
pub const fn born_at(id: u64) -> Timestamp {
    Timestamp(((id >> 22) as i64 + EPOCH_MS) * 1_000)
}

/// Most ids that one [`IdGenerator::next_range`] gives: the sequence of one millisecond.
pub const RANGE_MAX: u64 = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_id_tells_when_it_was_made() {
        let now = Timestamp::from_unix_s(1_790_000_000);
        assert_eq!(born_at(IdGenerator::new(9).next(now)), now);
    }

    #[test]
    fn text_form_is_thirteen_letters_and_sorts_like_the_number() {
        assert_eq!(MessageId(0).to_string(), "0000000000000");
        assert_eq!(MessageId(u64::MAX).to_string(), "fzzzzzzzzzzzz");
        assert!("zzzzzzzzzzzzz".parse::<MessageId>().is_err(), "beyond 64 bits");
        assert!("short".parse::<MessageId>().is_err());
        assert!(MessageId(77).to_string() < MessageId(1 << 40).to_string());
    }

    proptest! {
        #[test]
        fn text_form_is_read_back(id: u64, leaf: u32) {
            prop_assert_eq!(MessageId(id).to_string().parse(), Ok(MessageId(id)));
            let event = EventId { root: id, leaf };
            prop_assert_eq!(event.to_string().parse(), Ok(event));
        }

        #[test]
        fn ids_grow_whatever_the_clock_does(
            steps in prop::collection::vec((-5_000_i64..5_000, 1_u64..=RANGE_MAX), 1..60),
            node in 0_u16..1024,
        ) {
            let mut generator = IdGenerator::new(node);
            let mut now = Timestamp::from_unix_s(1_790_000_000);
            let mut last = 0;
            for (step_ms, count) in steps {
                now = Timestamp(now.0 + step_ms * 1_000);
                let first = generator.next_range(now, count);
                prop_assert!(first > last);
                prop_assert_eq!((first >> 12) & 1023, u64::from(node));
                last = first + count - 1;
                prop_assert_eq!((last >> 12) & 1023, u64::from(node));
            }
        }
    }
}
