//! Recipients by id: a hash table of record numbers alone. The ids stand in the records, so a recipient costs 5 bytes
//! here (and the room that a table keeps free) rather than 17.
//!
//! A record is taken out before it is freed: the table asks the records for their ids whenever it grows.

use hashbrown::HashTable;
use model::id::RecipientId;

use crate::entries::Entries;

/// Number of the record by recipient.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    table: HashTable<u32>,
}

/// One multiplication (the constant of SplitMix64), high bits folded down: ids are made by us and are well spread.
pub(crate) fn hash(id: u64) -> u64 {
    let mixed = id.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ (mixed >> 32)
}

impl Ids {
    pub fn get(&self, entries: &Entries, recipient: RecipientId) -> Option<u32> {
        self.table.find(hash(recipient.0), |&idx| entries.get(idx).id == recipient).copied()
    }

    /// Notes the number of a record that is in use and not here yet.
    pub fn insert(&mut self, entries: &Entries, idx: u32) {
        let id = |idx: &u32| hash(entries.get(*idx).id.0);
        self.table.insert_unique(id(&idx), idx, id);
    }

    pub fn remove(&mut self, entries: &Entries, recipient: RecipientId) {
        if let Ok(found) = self.table.find_entry(hash(recipient.0), |&idx| entries.get(idx).id == recipient) {
            found.remove();
        }
        if self.table.is_empty() {
            // A quiet queue gives its memory back.
            self.table = HashTable::new();
        }
    }

    pub fn len(&self) -> usize {
        self.table.len()
    }
}

#[cfg(test)]
mod tests {
    use model::handoff::RowRef;

    use super::*;
    use crate::entries::Entry;

    #[test]
    fn everybody_is_found_and_nobody_else() {
        let (mut entries, mut ids) = (Entries::default(), Ids::default());
        let id = |number: u64| RecipientId((number << 22) | (number % 7));
        for number in 0..10_000 {
            let idx = entries.insert(Entry::new(id(number), RowRef::default(), 0, 0));
            ids.insert(&entries, idx);
        }
        (0..10_000).step_by(2).for_each(|number| ids.remove(&entries, id(number)));
        let found = |number| ids.get(&entries, id(number)).map(|idx| entries.get(idx).id);
        assert!((0..10_000).all(|number| found(number) == (number % 2 == 1).then_some(id(number))));
        assert_eq!((ids.len(), found(10_001)), (5_000, None));
    }
}
