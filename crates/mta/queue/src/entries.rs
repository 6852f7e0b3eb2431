//! The recipients in memory: one small record each, in chunks, joined into lists by their own links.
//!
//! A record is in exactly one *place* list (the wheel, a backlog, a ready queue, a session, a domain that waits for its
//! route) or in none (held): that a recipient is in exactly one place is how the memory is laid out, not a rule to keep.
//! Two more chains join the recipients of a message and of a domain. Everything is found by number, in constant time;
//! nothing here knows what the places mean. 80 bytes a recipient, and 8 for its contact where it has one; the address
//! stays on disk.

use model::category::Category;
use model::handoff::RowRef;
use model::id::{ContactId, RecipientId};
use model::time::Timestamp;

use crate::moment::Moment;
use crate::replies::{Replies, Wording};

/// No record.
pub(crate) const NONE: u32 = u32::MAX;

/// Records in one chunk: memory grows by this many, and is never moved.
const CHUNK: usize = 4_096;

/// Where a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Place {
    /// Not in use.
    Vacant,
    /// Between two places, inside one step.
    Nowhere,
    /// In the due-time wheel; `holder` is the slot.
    Wheel,
    /// Due, and its domain waits for a route.
    Route,
    /// Due, not bound to a source yet; `holder` is the line.
    Backlog,
    /// Held by a person; in no list.
    Held,
    /// Bound to a path; `holder` is the path.
    Ready,
    /// Given to a session; `holder` is the session.
    InFlight,
}

/// What set the time of the next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum DueBy {
    /// The submitter, or nobody: no attempt was made.
    Submission,
    /// The retry schedule of the provider or the stream.
    Schedule,
    /// What the reply asks for.
    Reply,
    /// The reply asks for more than the schedule's longest wait, which is kept to.
    Longest,
    /// The reply greylists and does not say for how long.
    Greylisting,
    /// It was set before a restart: the spool has kept the time alone.
    Restart,
    /// A person: to be tried now.
    Person,
    /// A sending window that was closed.
    Window,
}

/// The chains a record can be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chain {
    Place,
    Message,
    Domain,
}

#[derive(Clone, Copy, Debug)]
struct Links {
    prev: u32,
    next: u32,
}

const UNLINKED: Links = Links { prev: NONE, next: NONE };

/// One recipient.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub id: RecipientId,
    due: Moment,
    deadline: Moment,
    row: u16,
    row_segment: u32,
    row_offset: u32,
    pub message: u32,
    pub domain: u32,
    /// Slot, line, path or session, according to `place`.
    pub holder: u32,
    links: [Links; 3],
    /// Attempts made.
    pub attempts: u16,
    /// The reply that set `due`, where one did.
    pub wording: Wording,
    pub place: Place,
    pub due_by: DueBy,
    /// Held by itself (its message or domain may be held as well).
    pub held: bool,
    /// Given up by itself (its message or domain may be given up as well).
    pub cancelled: bool,
    /// The pool and the class that an order gave it; [`NO_POOL`] and [`NO_CLASS`] where its message's hold.
    pool: u16,
    class: u8,
    /// What the last reply was called, by its place in [`Category::ALL`]; beyond it for none.
    category: u8,
    /// Which of the configured retry schedules set `due`, counted from 1; 0 for that of the provider or the stream.
    pub retry: u16,
}

const NO_POOL: u16 = u16::MAX;
const NO_CLASS: u8 = u8::MAX;
const NO_CATEGORY: u8 = u8::MAX;

impl Entry {
    pub fn new(id: RecipientId, row: RowRef, message: u32, domain: u32) -> Self {
        Entry {
            id,
            due: Moment::default(),
            deadline: Moment::default(),
            row: row.row,
            row_segment: row.segment,
            row_offset: row.offset,
            message,
            domain,
            holder: NONE,
            links: [UNLINKED; 3],
            attempts: 0,
            wording: Replies::NONE,
            place: Place::Nowhere,
            due_by: DueBy::Submission,
            held: false,
            cancelled: false,
            pool: NO_POOL,
            class: NO_CLASS,
            category: NO_CATEGORY,
            retry: 0,
        }
    }

    /// The pool that an order gave it.
    pub fn pool(&self) -> Option<u16> {
        (self.pool != NO_POOL).then_some(self.pool)
    }

    /// Not while it is in a place: what is bound to a path stays there.
    pub fn set_pool(&mut self, pool: Option<u16>) {
        self.pool = pool.unwrap_or(NO_POOL);
    }

    /// The class that an order gave it.
    pub fn class(&self) -> Option<u8> {
        (self.class != NO_CLASS).then_some(self.class)
    }

    /// Not while it is in a place: its seat there goes by it.
    pub fn set_class(&mut self, class: Option<u8>) {
        debug_assert!(class.is_none() || self.place == Place::Nowhere, "a seat stays the same while it is taken");
        self.class = class.unwrap_or(NO_CLASS);
    }

    /// What the last reply was called.
    pub fn category(&self) -> Option<Category> {
        Category::ALL.get(usize::from(self.category)).copied()
    }

    pub fn set_category(&mut self, category: Option<Category>) {
        let place = category.and_then(|category| Category::ALL.iter().position(|other| *other == category));
        self.category = place.and_then(|place| u8::try_from(place).ok()).unwrap_or(NO_CATEGORY);
    }

    /// Where its row lies in the spool.
    pub fn row(&self) -> RowRef {
        RowRef { segment: self.row_segment, offset: self.row_offset, row: self.row }
    }

    /// When the attempt was or is due.
    pub fn due(&self) -> Timestamp {
        self.due.timestamp()
    }

    pub fn set_due(&mut self, due: Timestamp) {
        self.due = Moment::new(due);
    }

    /// When it is given up.
    pub fn deadline(&self) -> Timestamp {
        self.deadline.timestamp()
    }

    pub fn set_deadline(&mut self, deadline: Timestamp) {
        self.deadline = Moment::new(deadline);
    }

    /// When it wants to be looked at: it is due then, or given up.
    pub fn wakes_at(&self) -> Timestamp {
        self.due().min(self.deadline())
    }
}

/// Ends and length of a list of records.
#[derive(Clone, Copy, Debug)]
pub(crate) struct List {
    head: u32,
    tail: u32,
    len: u32,
}

impl Default for List {
    fn default() -> Self {
        List { head: NONE, tail: NONE, len: 0 }
    }
}

impl List {
    pub fn len(&self) -> u32 {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn head(&self) -> Option<u32> {
        (self.head != NONE).then_some(self.head)
    }
}

/// All records.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    chunks: Vec<Chunk>,
    free: Vec<u32>,
    len: usize,
}

#[derive(Debug, Default)]
struct Chunk {
    entries: Vec<Entry>,
    /// The contacts behind them, once one of them has one; ids are never 0.
    contacts: Vec<u64>,
}

impl Entries {
    /// How many are in use.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Behind the last number ever given since the queue was empty.
    pub fn end(&self) -> u32 {
        self.chunks.last().map_or(0, |last| ((self.chunks.len() - 1) * CHUNK + last.entries.len()) as u32)
    }

    /// Takes a record in and gives its number.
    pub fn insert(&mut self, entry: Entry) -> u32 {
        self.len += 1;
        if let Some(idx) = self.free.pop() {
            *self.get_mut(idx) = entry;
            self.set_contact(idx, None);
            return idx;
        }
        if self.chunks.last().is_none_or(|chunk| chunk.entries.len() == CHUNK) {
            self.chunks.push(Chunk { entries: Vec::with_capacity(CHUNK), contacts: Vec::new() });
        }
        let chunk_idx = self.chunks.len() - 1;
        let chunk = &mut self.chunks[chunk_idx].entries;
        chunk.push(entry);
        u32::try_from(chunk_idx * CHUNK + chunk.len() - 1).expect("invariant: recipients_max is below 2^31")
    }

    /// Frees a record that is in no list any more.
    pub fn remove(&mut self, idx: u32) {
        let entry = self.get_mut(idx);
        debug_assert_eq!(entry.place, Place::Nowhere, "a record is taken out of its place before it is freed");
        entry.place = Place::Vacant;
        self.free.push(idx);
        self.len -= 1;
        if self.len == 0 {
            // A quiet queue gives its memory back.
            self.chunks.clear();
            self.free = Vec::new();
        }
    }

    pub fn get(&self, idx: u32) -> &Entry {
        &self.chunks[idx as usize / CHUNK].entries[idx as usize % CHUNK]
    }

    pub fn get_mut(&mut self, idx: u32) -> &mut Entry {
        &mut self.chunks[idx as usize / CHUNK].entries[idx as usize % CHUNK]
    }

    /// The contact behind a recipient.
    pub fn contact(&self, idx: u32) -> Option<ContactId> {
        let contacts = &self.chunks[idx as usize / CHUNK].contacts;
        contacts.get(idx as usize % CHUNK).filter(|&&contact| contact != 0).map(|&contact| ContactId(contact))
    }

    pub fn set_contact(&mut self, idx: u32, contact: Option<ContactId>) {
        let contacts = &mut self.chunks[idx as usize / CHUNK].contacts;
        if contact.is_some() && contacts.is_empty() {
            *contacts = vec![0; CHUNK];
        }
        if let Some(place) = contacts.get_mut(idx as usize % CHUNK) {
            *place = contact.map_or(0, |contact| contact.0);
        }
    }

    /// The record behind this one in a chain.
    pub fn next(&self, chain: Chain, idx: u32) -> Option<u32> {
        let next = self.get(idx).links[chain as usize].next;
        (next != NONE).then_some(next)
    }

    pub fn push_back(&mut self, chain: Chain, list: &mut List, idx: u32) {
        let tail = list.tail;
        self.get_mut(idx).links[chain as usize] = Links { prev: tail, next: NONE };
        match tail {
            NONE => list.head = idx,
            tail => self.get_mut(tail).links[chain as usize].next = idx,
        }
        list.tail = idx;
        list.len += 1;
    }

    pub fn push_front(&mut self, chain: Chain, list: &mut List, idx: u32) {
        let head = list.head;
        self.get_mut(idx).links[chain as usize] = Links { prev: NONE, next: head };
        match head {
            NONE => list.tail = idx,
            head => self.get_mut(head).links[chain as usize].prev = idx,
        }
        list.head = idx;
        list.len += 1;
    }

    pub fn unlink(&mut self, chain: Chain, list: &mut List, idx: u32) {
        let Links { prev, next } = std::mem::replace(&mut self.get_mut(idx).links[chain as usize], UNLINKED);
        match prev {
            NONE => list.head = next,
            prev => self.get_mut(prev).links[chain as usize].next = next,
        }
        match next {
            NONE => list.tail = prev,
            next => self.get_mut(next).links[chain as usize].prev = prev,
        }
        list.len -= 1;
    }

    pub fn pop_front(&mut self, chain: Chain, list: &mut List) -> Option<u32> {
        let idx = list.head()?;
        self.unlink(chain, list, idx);
        Some(idx)
    }

    /// Every record in use with its number; for tests and checks.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Entry)> {
        let numbered = self.chunks.iter().flat_map(|chunk| &chunk.entries).enumerate();
        numbered.map(|(idx, entry)| (idx as u32, entry)).filter(|(_, entry)| entry.place != Place::Vacant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: u64) -> Entry {
        Entry::new(RecipientId(id), RowRef::default(), 0, 0)
    }

    #[test]
    fn a_record_is_small() {
        assert!(size_of::<Entry>() <= 80, "{} bytes", size_of::<Entry>());
    }

    #[test]
    fn lists_keep_their_order() {
        let (mut entries, mut list) = (Entries::default(), List::default());
        let idx: Vec<u32> = (0..5).map(|id| entries.insert(entry(id))).collect();
        idx[1..].iter().for_each(|&idx| entries.push_back(Chain::Place, &mut list, idx));
        entries.push_front(Chain::Place, &mut list, idx[0]);
        entries.unlink(Chain::Place, &mut list, idx[2]);
        entries.unlink(Chain::Place, &mut list, idx[4]);
        let mut order = Vec::new();
        while let Some(idx) = entries.pop_front(Chain::Place, &mut list) {
            order.push(entries.get(idx).id.0);
        }
        assert_eq!(order, [0, 1, 3]);
        assert!(list.is_empty());
    }

    #[test]
    fn numbers_are_used_again() {
        let mut entries = Entries::default();
        let (first, second) = (entries.insert(entry(1)), entries.insert(entry(2)));
        entries.set_contact(first, Some(ContactId(8)));
        entries.set_contact(second, Some(ContactId(9)));
        entries.remove(first);
        assert_eq!(entries.insert(entry(3)), first);
        assert_eq!((entries.contact(first), entries.contact(second)), (None, Some(ContactId(9))));
        assert_eq!(entries.iter().map(|(_, entry)| entry.id.0).collect::<Vec<_>>(), [3, 2]);
        assert_eq!(entries.get(second).id.0, 2);
    }
}
