//! Recipients by id: a hash table with a cheap hash, since ids are made by us and are well spread.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use model::id::RecipientId;

/// Number of the record by recipient.
pub(crate) type Ids = HashMap<RecipientId, u32, BuildHasherDefault<IdHasher>>;

/// One multiplication (the constant of SplitMix64), high bits folded down.
#[derive(Debug, Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        let mixed = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 32);
    }
}
