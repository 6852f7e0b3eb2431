//! Values that many have in common: each is kept once, by number, as long as somebody has it.

use std::hash::{BuildHasher as _, Hash, RandomState};

use hashbrown::HashTable;

use crate::slab::Slab;

/// See the module.
#[derive(Debug)]
pub(crate) struct Interned<T> {
    kept: Slab<Kept<T>>,
    numbers: HashTable<u32>,
    hasher: RandomState,
}

#[derive(Debug)]
struct Kept<T> {
    value: T,
    users: u32,
}

impl<T> Default for Interned<T> {
    fn default() -> Self {
        Interned { kept: Slab::default(), numbers: HashTable::new(), hasher: RandomState::new() }
    }
}

impl<T: Eq + Hash> Interned<T> {
    /// The number of a value for one more who has it.
    pub fn take(&mut self, value: T) -> u32 {
        let Interned { kept, numbers, hasher } = self;
        if let Some(&number) = numbers.find(hasher.hash_one(&value), |&number| kept[number].value == value) {
            kept[number].users += 1;
            return number;
        }
        let number = kept.insert(Kept { value, users: 1 });
        let hash = |number: &u32| hasher.hash_one(&kept[*number].value);
        numbers.insert_unique(hash(&number), number, hash);
        number
    }

    /// One less has it.
    pub fn release(&mut self, number: u32) {
        let Interned { kept, numbers, hasher } = self;
        kept[number].users -= 1;
        if kept[number].users > 0 {
            return;
        }
        if let Ok(found) = numbers.find_entry(hasher.hash_one(&kept[number].value), |&other| other == number) {
            found.remove();
        }
        kept.remove(number);
        if numbers.is_empty() {
            // A quiet queue gives its memory back.
            (*kept, *numbers) = (Slab::default(), HashTable::new());
        }
    }

    /// How many different values there are; for checks.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// How many have one of them; for checks.
    pub fn users(&self) -> u64 {
        self.kept.iter().map(|(_, kept)| u64::from(kept.users)).sum()
    }
}

impl<T> std::ops::Index<u32> for Interned<T> {
    type Output = T;

    fn index(&self, number: u32) -> &T {
        &self.kept[number].value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_kept_once_and_as_long_as_somebody_has_it() {
        let mut names: Interned<String> = Interned::default();
        let take = |names: &mut Interned<String>, text: &str| names.take(text.to_owned());
        let (first, second, third) = (take(&mut names, "a"), take(&mut names, "b"), take(&mut names, "a"));
        assert_eq!((first, names.len(), names.users()), (third, 2, 3));
        names.release(first);
        assert_eq!((&*names[third], &*names[second], names.len()), ("a", "b", 2));
        names.release(third);
        assert_eq!((names.len(), take(&mut names, "b")), (1, second));
        names.release(second);
        names.release(second);
        assert_eq!((names.len(), names.users()), (0, 0));
    }
}
